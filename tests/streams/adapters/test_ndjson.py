"""The reader of wire records, one per line."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.events.wire import encode
from streams.adapters import WrongFormat
from streams.adapters.ndjson import read


def line(encounter: str, clock: str, **more: Any) -> str:
    moment = f"2026-03-01T{clock}:00Z"
    base = {
        "v": 1,
        "kind": "reading",
        "encounter": encounter,
        "observed_at": moment,
        "concept": "map",
        "value": 61,
        "unit": "mm[Hg]",
    }
    return json.dumps(base | more)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Stays come by first line, their events by when they were known; written out and read again, they are the same."""
    late = line("e2", "09:00", available_at="2026-03-01T10:00:00Z")
    file = write(tmp_path / "a.ndjson", line("e1", "08:00"), late, line("e1", "07:00"), line("e2", "09:30"))
    stays = list(read(file))
    assert [(s.encounter, [e.observed_at.hour for e in s.events]) for s in stays] == [("e1", [7, 8]), ("e2", [9, 9])]
    assert [e.available_at.hour for e in stays[1].events] == [9, 10]
    again = write(tmp_path / "b.ndjson", *(encode(e).decode() for s in stays for e in s.events))
    assert list(read(again)) == stays


def test_a_bad_line_never_stops_the_file(tmp_path: Path) -> None:
    """Every fault becomes one refusal with its reason; the good lines around it are read."""
    bad = [
        "{",
        json.dumps({"v": 2, "kind": "reading", "encounter": "e1"}),
        line("e1", "08:00", concept="mojo"),
        line("e1", "08:00", unit="furlong"),
        line("e1", "08:00", observed_at="2026-03-01T08:00:00"),
        line("e1", "08:00", surprise=1),
    ]
    (stay,) = read(write(tmp_path / "a.ndjson", line("e1", "07:00"), *bad, line("e1", "09:00")))
    assert [e.observed_at.hour for e in stay.events] == [7, 9]
    assert sorted(r.fault.value for r in stay.refused) == sorted(
        ["undecodable", "wrong_version", "unknown_concept", "unknown_unit", "naive_time", "unknown_field"]
    )


def test_an_impossible_value_is_kept_and_marked(tmp_path: Path) -> None:
    """A MAP of 500 is shown as an artefact and asked about, never scored."""
    (stay,) = read(write(tmp_path / "a.ndjson", line("e1", "08:00", value=500)))
    assert [(e.quality.value, e.value) for e in stay.events] == [("artefact", 500.0)]  # type: ignore[union-attr]
    assert [r.fault.value for r in stay.refused] == ["impossible_value"]


def test_a_batch_is_shared_out_and_a_tick_says_nothing(tmp_path: Path) -> None:
    """The records of one batch go each to its own stay; a tick belongs to none."""
    batch = {"v": 1, "kind": "batch", "records": [json.loads(line("e1", "08:00")), json.loads(line("e2", "08:00"))]}
    tick = {"v": 1, "kind": "tick", "available_at": "2026-03-01T08:00:00Z"}
    stays = list(read(write(tmp_path / "a.ndjson", json.dumps(tick), json.dumps(batch), line("e1", "09:00"))))
    assert sorted((s.encounter, len(s.events), len(s.refused)) for s in stays) == [("e1", 2, 0), ("e2", 1, 0)]


def test_a_folder_is_all_its_files(tmp_path: Path) -> None:
    """Files of a folder are read in the order of their names, and one stay may span them."""
    write(tmp_path / "b.jsonl", line("e1", "09:00"))
    write(tmp_path / "a.ndjson", line("e2", "08:00"), line("e1", "08:00"))
    assert [(s.encounter, len(s.events)) for s in read(tmp_path)] == [("e2", 1), ("e1", 2)]


def test_another_file_is_named_for_what_it_is(tmp_path: Path) -> None:
    """A file of something else is refused at once, in one sentence that holds none of its values."""
    with pytest.raises(WrongFormat, match=r"expected 'v', 'kind' and 'encounter' .*, found an object with name, hr"):
        read(write(tmp_path / "a.ndjson", '{"name": "Smith", "hr": 80}'))
    with pytest.raises(WrongFormat, match="found a line that is not JSON"):
        read(write(tmp_path / "b.ndjson", "HR|Temp"))
    with pytest.raises(WrongFormat, match="expected a file of wire records"):
        read(tmp_path / "nowhere.ndjson")


def test_a_stay_of_which_all_is_refused_is_still_told(tmp_path: Path) -> None:
    """Lines that are refused are never lost, also when nothing else is known of their encounter, or of anyone."""
    bad = {"v": 1, "kind": "reading", "encounter": "e9", "concept": "gossip", "value": 1.0, "unit": "1"}
    lines = [json.dumps(bad | {"observed_at": "2026-03-01T08:00:00Z"}).encode(), b'{"v": 1, "kind": "reading"}']
    file = tmp_path / "bad.ndjson"
    file.write_bytes(b"\n".join(lines))
    stays = list(read(file))
    assert [(stay.encounter, len(stay.events)) for stay in stays] == [("e9", 0)]
    assert sum(len(stay.refused) for stay in stays) == 2
    file.write_bytes(lines[1])
    assert [(stay.encounter, len(stay.refused)) for stay in read(file)] == [("nobody", 1)]


def test_a_refusal_of_a_shared_line_is_told_once(tmp_path: Path) -> None:
    """A batch of two beds is read for both: what is wrong in it is counted once, with the line where it stands."""
    good, other = json.loads(line("e1", "08:00")), json.loads(line("e2", "08:00"))
    bad, worse = json.loads(line("e2", "08:01", unit="parsec")), json.loads(line("Jane Doe", "08:02"))
    batch = {"v": 1, "kind": "batch", "records": [good, other, bad, worse]}
    stays = list(read(write(tmp_path / "a.ndjson", line("e1", "07:00"), json.dumps(batch))))
    assert [(stay.encounter, [(r.encounter, r.place, r.part) for r in stay.refused]) for stay in stays] == [
        ("e1", [(None, "a.ndjson:2", 3)]),
        ("e2", [("e2", "a.ndjson:2", 2)]),
    ]
