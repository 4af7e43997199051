"""The bed: bounded whatever arrives, and the same after it was saved."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codes.concepts import CONCEPTS
from schemas.events import Quality, Reading, Tick, Treatment
from streams.core.bed import (
    BED_BYTES_MAX,
    NEWEST_KEPT,
    NOTE_BYTES_MAX,
    ROW_READINGS_MAX,
    Bed,
    Chart,
    thinned,
    with_note,
    with_readings,
    with_treatment,
)
from streams.core.step import step
from streams.stores.codec import Damaged, from_bytes, to_bytes
from tests.streams.bedside import EIGHT, SHOCK, at, mind, note, play, reading, treatment

GOLDEN = Path(__file__).parent / "golden_bed_v1.bin"
MONITOR = ("hr", "rr", "spo2", "sbp", "dbp", "map", "etco2", "cvp", "icp", "temp")


def every_second(concept: str, second: int, value: float, **more: object) -> Reading:
    moment = EIGHT + timedelta(seconds=second)
    about = {"observed_at": moment, "available_at": moment, "source": "monitor", **more}
    return replace(reading(concept, value, 0), **about)


def test_a_monitor_at_one_hertz_for_days_fits() -> None:
    """Ten signals at 1 Hz with long remarks, then two days of one every two minutes: within the limit, to the start."""
    chart = Chart()
    second = 0
    for second in [*range(1_200), *range(1_200, 2 * 86_400, 120)]:
        now = EIGHT + timedelta(seconds=second)
        beat = [every_second(c, second, 60 + second % 40, reason="“µ”" * 20, method="invasive") for c in MONITOR]
        chart, _, _ = with_readings(chart, beat, now)
    bed = Bed("e1", chart=chart)
    assert len(to_bytes(bed)) <= BED_BYTES_MAX / 2
    assert all(row[-1].observed_at == EIGHT + timedelta(seconds=second) for row in chart.readings.values())
    assert all(len(row) <= ROW_READINGS_MAX for row in chart.readings.values())
    assert min(row[0].observed_at for row in chart.readings.values()) < EIGHT + timedelta(hours=1)


def test_everything_at_its_limit_together_fits() -> None:
    """Readings, notes, treatments, facts and standing alerts, all as much as may be: still within the limit."""
    bed, _ = play(SHOCK, at("09:21"))
    chart = bed.chart
    for second in range(0, 86_400, 60):
        now = EIGHT + timedelta(seconds=second)
        beat = [every_second(c, second, 60 + second % 40, reason="x" * 200) for c in MONITOR]
        chart, _, _ = with_readings(chart, beat, now)
        if second % 300 == 0:
            chart, _ = with_treatment(chart, treatment("norepinephrine", "change", second / 60, route="y" * 200))
            written = note("Septic shock, ℞ " + "µ" * 3000, second / 60, title="z" * 200)
            chart, _ = with_note(chart, f"n|{second}", written, ())
    big = bed._replace(chart=chart)
    assert BED_BYTES_MAX / 3 < len(to_bytes(big)) <= BED_BYTES_MAX
    assert from_bytes(to_bytes(big)) == big


def test_an_infusion_that_runs_is_not_forgotten() -> None:
    """However many treatments follow, the last word on each item stays."""
    chart, _ = with_treatment(Chart(), treatment("norepinephrine", "start", 0, rate=0.1))
    for minute in range(1, 2000):
        chart, _ = with_treatment(chart, treatment("lactated_ringer", "given", minute, amount=10, amount_unit="mL"))
    assert chart.treatments[0].item == "norepinephrine"
    assert len(chart.treatments) < 400


def test_a_note_beyond_the_budget_keeps_its_beginning_and_its_facts() -> None:
    """A note of 100,000 characters is kept in part; the newest notes stay, the oldest text goes."""
    chart, _ = with_note(Chart(), "n|0", note("é" * 100_000, 0), ())
    assert 1_000 < len(chart.notes[0].note.text) < 100_000
    for minute in range(1, 400):
        chart, _ = with_note(chart, f"n|{minute}", note(f"{minute} " + "words " * 40, minute), ())
    assert chart.notes[-1].ref == "n|399"
    assert sum(len(kept.note.text) for kept in chart.notes) < NOTE_BYTES_MAX


_row = st.tuples(st.integers(0, 200_000), st.integers(30, 120), st.booleans())
_rows = st.lists(_row, min_size=1, max_size=200, unique_by=lambda row: row[0])


@settings(max_examples=60)
@given(_rows, st.integers(16, 120))
def test_thinning_keeps_the_worst_and_the_newest(rows: list[tuple[int, int, bool]], keep: int) -> None:
    """Thinned rows are in order, within the limit, hold the extremes of what was usable, and end as they ended."""
    row = tuple(
        every_second("map", second, value, quality=Quality.OK if usable else Quality.ARTEFACT)
        for second, value, usable in sorted(rows)
    )
    now = row[-1].observed_at
    kept = thinned(row, now, keep)
    assert list(kept) == [r for r in row if r in kept]
    assert len(kept) <= keep
    assert kept[-NEWEST_KEPT:] == row[-NEWEST_KEPT:]
    usable = [r.value for r in row if r.quality is Quality.OK and r.value is not None]
    left = [r.value for r in kept if r.quality is Quality.OK and r.value is not None]
    if usable and len(row) > keep >= 64:
        assert (min(left), max(left)) == (min(usable), max(usable))


def test_amounts_are_never_thinned() -> None:
    """A sum over a window would change: of a concept that is summed only the oldest entries go."""
    urine = next(c.id for c in CONCEPTS.values() if c.aggregate == "sum")
    row = tuple(every_second(urine, 3600 * hour, 10 + hour % 7) for hour in range(400))
    assert thinned(row, row[-1].observed_at, 256) == row[-256:]


# --- saved ------------------------------------------------------------------------------------------------------------


def lived_in() -> Bed:
    """A bed with something in every part of it."""
    bed, _ = play(SHOCK, at("09:21"))
    marked = reading("k", 6.1, "09:30", source="lab", reason="haemolysed")
    odd = reading("creatinine", 1.2, "09:31", source="lab", original_value=106.1, original_unit="umol/L")
    bed, _ = play(
        [marked, odd, reading("lactate", 3.1, "08:30", "09:32", source="lab", status="entered-in-error")], bed=bed
    )
    bed, _ = step(bed, note("Lungs clear.", "09:33"), at("09:33"), mind())
    return bed


def test_a_saved_bed_is_the_same_bed() -> None:
    """Readings, notes, facts, treatments, the line, the episodes come back; and saved again, the same bytes."""
    bed = lived_in()
    assert bed.episodes
    assert bed.line.waiting
    assert bed.chart.facts
    assert bed.chart.withdrawn or bed.chart.readings
    assert from_bytes(to_bytes(bed)) == bed
    assert to_bytes(from_bytes(to_bytes(bed))) == to_bytes(bed)


def test_version_1_can_always_be_read() -> None:
    """The golden file, written by the first version, is read, goes on, and is written as it was."""
    saved = GOLDEN.read_bytes()
    bed = from_bytes(saved)
    assert to_bytes(bed) == saved
    assert bed.episodes["SEP"].alert.state == "raised"
    later, _ = step(bed, Tick(available_at=at("12:00")), at("12:00"), mind())
    assert later.line.clock == at("12:00")


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_flipped_bit_is_seen(place: int, flip: int) -> None:
    """Whatever byte of a saved bed is not as it was: it is refused, never half read."""
    saved = bytearray(GOLDEN.read_bytes())
    saved[place % len(saved)] ^= flip
    with pytest.raises(Damaged):
        from_bytes(bytes(saved))


def test_treatments_correct_themselves() -> None:
    """The same start with another rate replaces the first; entered in error removes it, and it does not come back."""
    chart, _ = with_treatment(Chart(), treatment("norepinephrine", "start", 0, rate=0.1))
    chart, verdict = with_treatment(chart, treatment("norepinephrine", "start", 0, rate=0.2))
    assert (verdict, [t.rate for t in chart.treatments]) == ("corrected", [0.2])
    wrong: Treatment = treatment("norepinephrine", "start", 0, rate=0.2, status="entered-in-error")
    chart, verdict = with_treatment(chart, wrong)
    assert (verdict, chart.treatments) == ("withdrawn", ())
    chart, verdict = with_treatment(chart, treatment("norepinephrine", "start", 0, rate=0.2))
    assert (verdict, chart.treatments) == ("duplicate", ())
