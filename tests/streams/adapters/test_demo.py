"""The sample data that lie in the repository."""

import re
from pathlib import Path

import pytest

from schemas.events import Movement, Note, Reading, Treatment
from streams.adapters import WrongFormat, ndjson
from streams.adapters.demo import DATA, LIVE_FROM, read

SIZE_MAX = 3 * 2**20  # bytes of all sample data


def test_a_dozen_beds_play_from_one_moment() -> None:
    """Two fictional patients and about twelve real stays; each of the real ones has a past, and goes on for a day."""
    stays = list(read())
    assert [s.encounter for s in stays[:2]] == ["vignette-1", "vignette-2"]
    real = stays[2:]
    assert [s.encounter for s in real] == [f"bed-{number}" for number in range(3, 3 + len(real))]
    assert 10 <= len(real) <= 14
    for stay in real:
        times = [event.available_at for event in stay.events]
        assert times == sorted(times)
        assert times[0] < LIVE_FROM
        assert (times[-1] - LIVE_FROM).total_seconds() > 20 * 3600
    assert not any(stay.refused for stay in stays)


def test_every_bed_says_who_and_where() -> None:
    """Each stay is admitted to a bed of its own, with age and sex, and under no id of the source."""
    beds = set()
    for stay in read():
        admission = next(e for e in stay.events if isinstance(e, Movement) and e.action == "admit")
        assert admission.patient is not None
        assert admission.patient.age_years is not None
        assert admission.patient.sex is not None
        assert admission.bed is not None
        assert not re.search(r"\d{4,}", stay.encounter)
        beds.add(admission.bed)
    assert len(beds) == len(list(read()))


def test_the_beds_have_everything_a_warning_may_rest_on() -> None:
    """Among the real stays are notes, vasopressors, fluids, urine, lactates and oxygen devices."""
    events = [event for stay in list(read())[2:] for event in stay.events]
    items = {e.item for e in events if isinstance(e, Treatment)}
    concepts = {e.concept for e in events if isinstance(e, Reading)}
    assert {"norepinephrine", "saline_0_9", "blood_culture"} <= items
    assert {
        "hr",
        "map",
        "spo2",
        "temp",
        "lactate",
        "creatinine",
        "urine",
        "o2_device",
        "gcs_total",
        "weight",
    } <= concepts
    assert any(isinstance(e, Note) and "Crackles" in e.text for e in events)


def test_the_data_are_small_and_carry_their_licence() -> None:
    """All sample data stay below 3 MiB, with the licence's text and the citation beside them."""
    assert sum(p.stat().st_size for p in DATA.rglob("*") if p.suffix in (".parquet", ".ndjson")) < SIZE_MAX
    assert "Open Database License" in (DATA / "LICENSE-ODbL-1.0.md").read_text(encoding="utf-8")
    told = (DATA / "demo" / "README.md").read_text(encoding="utf-8")
    assert "ODbL" in told
    assert "10.13026/C2HM2Q" in told


def test_the_vignettes_are_written_without_a_fault() -> None:
    """Each vignette decodes completely, but for the values of V10 that are impossible on purpose."""
    refused = {s.encounter: {r.fault.value for r in s.refused} for s in ndjson.read(DATA / "vignettes")}
    impossible = {"vignette-10": {"impossible_value"}}
    assert refused == {"vignette-1": set(), "vignette-2": set(), "vignette-7": set()} | impossible


def test_missing_data_are_named(tmp_path: Path) -> None:
    """Without its files the demo says which one it expected."""
    with pytest.raises(WrongFormat, match=r"expected the sample data 'demo/events\.parquet', found no such file"):
        read(tmp_path)
