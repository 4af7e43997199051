"""Rules of a unit: a bed is judged by the book of the unit that it is in, from the instant at which it is moved."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from guidelines.book.check import BadBook
from guidelines.book.load import Book, read
from guidelines.book.units import load_units
from schemas.clinical.alerts import AlertEvent, Change
from schemas.events import Event, Movement
from schemas.events.wire import encode
from streams.cohorts.replay import Job, replay
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.step import Output
from streams.stores.codec import bed_of, whole
from tests.streams.bedside import EIGHT, as_bytes, asleep, at, mind, play, vitals

FROM_3 = """guideline = "NEWS2"

[[triggers]]
id = "NEWS2.medium"
title = "NEWS2: urgent"
level = "warning"
when = "all_of(news2 at_least 3; news2 below 7; none_of(is known_ventilated; is in_icu))"
source = ["RCP17"]
lead = "this patient's early warning score calls for an urgent assessment"
question = "the early warning score calls for an urgent assessment"
worse = "condition has worsened"
steady = "vital signs are out of range"
values = ["news2"]
"""  # the base says so from 5 on


def moved(clock: float, unit: str) -> Movement:
    when = at(clock)
    return Movement(encounter="e1", action="transfer", unit=unit, setting="ward", observed_at=when, available_at=when)


def three(clock: float) -> list[Event]:
    """Vital signs that score 3: two for the oxygen, one for the heart rate."""
    return vitals(clock, hr=95, rr=14, spo2=98, bp="124/76", temp=36.8)


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two units that look closer, in the same words."""
    folder = tmp_path_factory.mktemp("overlays")
    for name in ("Ward 7", "Ward 8%2FB"):
        (folder / name).mkdir()
        (folder / name / "news2.toml").write_text(FROM_3)
    return folder


@pytest.fixture(scope="module")
def strict(overlays: Path) -> Mind:
    """The base for everybody, and those two units' own books."""
    books = load_units(overlays)
    return Mind(books.base, mind().forecaster, mind().policy, books.units)


def changes(said: Iterable[Output]) -> list[tuple[Change, float]]:
    """What became of the warnings, and how many minutes after eight."""
    return [(one.change, (one.at - EIGHT) / timedelta(minutes=1)) for one in said if isinstance(one, AlertEvent)]


@pytest.mark.parametrize(("unit", "speaks"), [("Ward 6", False), ("Ward 7", True), ("Ward 8/B", True)])
def test_a_unit_s_own_threshold_is_its_own_alone(strict: Mind, unit: str, speaks: bool) -> None:
    """The same vital signs: a warning in the units whose overlay says so from 3 on, none in another."""
    _, said = play([moved(0, unit), *three(1)], at(2), strict)
    assert changes(said) == ([(Change.RAISED, 1)] if speaks else [])


TOUR = [moved(0, "Ward 6"), *three(1), moved(20, "Ward 7"), *three(40), moved(50, "Ward 6"), *three(51), *three(80)]
"""There and back again."""


def test_a_bed_that_is_moved_is_judged_by_the_other_book_from_that_instant_on(strict: Mind) -> None:
    """The first reading after she comes is warned of, though it is no worse than where she was; going ends it at once.

    The move itself raises nothing. With not one new reading it takes back what only the rules of the unit that is left
    say, and says so.
    """
    bed, said = play(TOUR, at(100), strict)
    assert changes(said) == [(Change.RAISED, 40), (Change.RESOLVED, 50)]
    assert isinstance(said[-1], AlertEvent)
    assert "The patient was moved at 08:50" in said[-1].alert.card.detail
    come, _ = play(TOUR[:11], at(21), strict)
    assert come.awake is not None
    assert come.awake.kept.graph is strict.units["Ward 7"].rules.graph
    there, _ = play(TOUR[:20], at(45), strict)
    assert there.awake is not None
    assert bed.awake is not None
    assert there.awake.kept.graph is strict.units["Ward 7"].rules.graph
    assert bed.awake.kept.graph is strict.book.rules.graph


@pytest.mark.parametrize("how", [asleep, lambda bed: bed_of([whole(bed)])], ids=["forgotten", "saved and loaded"])
def test_a_move_is_the_same_for_a_bed_that_kept_no_answers(strict: Mind, how: Callable[[Bed], Bed]) -> None:
    """Whether a bed has its answers, or works them out anew after a restart at any event, says the same bytes."""
    kept, said = play(TOUR, at(100), strict)
    bed, anew = Bed("e1"), list[Output]()
    for event in TOUR:
        bed, new = play([event], None, strict, how(bed))
        anew += new
    bed, new = play([], at(100), strict, how(bed))
    assert as_bytes([*anew, *new]) == as_bytes(said)
    assert asleep(bed) == asleep(kept)


def test_units_with_the_same_entries_share_one_book(overlays: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Base and overlay are compiled once per distinct pair: here two books for the base and two units."""
    compiled: list[Book] = []

    def counted(*files: Mapping[str, str]) -> Book:
        compiled.append(read(*files))
        return compiled[-1]

    monkeypatch.setattr("guidelines.book.units.read", counted)
    books = load_units(overlays)
    assert len(compiled) == 2
    assert set(books.units) == {"Ward 7", "Ward 8/B"}
    assert books.units["Ward 7"] is books.units["Ward 8/B"]
    assert books.units["Ward 7"].version != books.base.version


def test_an_overlay_without_entries_is_the_base(tmp_path: Path) -> None:
    """A unit's folder that holds no rule file changes nothing, and costs no book."""
    (tmp_path / "Ward 9").mkdir()
    (tmp_path / "Ward 9" / "README").write_text("nothing yet")
    (tmp_path / ".git").mkdir()
    books = load_units(tmp_path)
    assert list(books.units) == ["Ward 9"]
    assert books.units["Ward 9"] is books.base


BAD: dict[str, tuple[str, bytes, str]] = {
    "not TOML": ("W/a.toml", b"[[triggers", "overlay of unit W: a.toml: not TOML"),
    "not text": ("W/a.toml", b"\xff\xfe", "overlay of unit W: a.toml: expected text in UTF-8"),
    "of no guideline": ("W/a.toml", b'guideline = "ZZZ"', "overlay of unit W: a.toml: expected the id of a guideline"),
    "retires what is not there": (
        "W/a.toml",
        b'guideline = "SEP"\nretire = ["SEP.T99"]',
        "overlay of unit W: a.toml: retire: no entry 'SEP.T99'",
    ),
    "an unreadable condition": (
        "W/a.toml",
        FROM_3.replace("news2 at_least 3", "news2 over 3").encode(),
        "overlay of unit W: news2.toml: triggers.NEWS2.medium.when: Value error, cannot read the condition",
    ),
    "in no unit's folder": ("a.toml", FROM_3.encode(), "a.toml: expected it in a folder named for its unit"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_overlay_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    """The sentence names the unit and the file, and what was expected."""
    place, content, said = BAD[name]
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(content)
    with pytest.raises(BadBook) as refusal:
        load_units(tmp_path)
    assert said in str(refusal.value)


def test_a_folder_of_overlays_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A mistyped setting must not silently mean the base book for every unit."""
    with pytest.raises(BadBook, match="expected a folder with one folder per unit"):
        load_units(tmp_path / "overlais")


def test_a_replay_judges_by_the_books_of_the_units(tmp_path: Path, overlays: Path) -> None:
    """The same stay, with and without the folder of overlays; the manifest names the books."""
    data = tmp_path / "stay.ndjson"
    data.write_bytes(b"\n".join(encode(event) for event in TOUR) + b"\n")
    plain = replay(Job(data, "ndjson"), tmp_path / "plain")
    own = replay(Job(data, "ndjson", overlays=overlays), tmp_path / "own")
    assert plain["counts"].get("alert_raised", 0) == 0
    assert own["counts"]["alert_raised"] == 1
    assert plain["rules"]["units"] == {}
    assert set(own["rules"]["units"]) == {"Ward 7", "Ward 8/B"}
    raised = json.loads((tmp_path / "own" / "alerts.ndjson").read_text().splitlines()[0])
    assert (raised["change"], raised["at"]) == ("raised", at(40).isoformat().replace("+00:00", "Z"))
