"""The bed: bounded whatever arrives, and the same after it was saved."""

import zlib
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import replace

from schemas.clinical.facts import NoteFact
from schemas.codes.concepts import CONCEPTS
from schemas.events import Event, Movement, Quality, Reading, Status, Treatment
from schemas.frozen import to_json
from streams.core.bed import Bed, Chart
from streams.core.chart import (
    FACT_BYTES_MAX,
    NOTE_BYTES_MAX,
    ROW_READINGS_MAX,
    with_note,
    with_readings,
    with_treatment,
)
from streams.core.retention import NEWEST_KEPT, thinned
from streams.core.step import step
from streams.stores.codec import Damaged, bed_of, change, whole
from tests.streams.bedside import (
    EIGHT,
    PNEUMONIA,
    SHOCK,
    admitted,
    asleep,
    at,
    mind,
    note,
    play,
    reading,
    treatment,
    vitals,
)

BED_BYTES_MAX = 256 * 1024
"""The budget of the design for the state of one bed."""

GOLDEN_1 = [(Path(__file__).parent / "golden_bed_v1.bin").read_bytes()]
GOLDEN_2 = [(Path(__file__).parent / f"golden_bed_v2.{n}.bin").read_bytes() for n in range(5)]
"""Whole, then two changes."""

MONITOR = ("hr", "rr", "spo2", "sbp", "dbp", "map", "etco2", "cvp", "icp", "temp")


def every_second(concept: str, second: int, value: float, **more: object) -> Reading:
    moment = EIGHT + timedelta(seconds=second)
    about = {"observed_at": moment, "available_at": moment, "source": "monitor", **more}
    return replace(reading(concept, value, 0), **about)


def as_bytes(bed: Bed) -> bytes:
    """The bed as it is written, before it is compressed."""
    return zlib.decompress(whole(bed).partition(b"\n")[2])


def test_a_monitor_at_one_hertz_for_days_fits() -> None:
    """Ten signals at 1 Hz with long remarks, then two days of one every two minutes: within the limit, to the start."""
    chart = Chart()
    second = 0
    for second in [*range(1_200), *range(1_200, 2 * 86_400, 120)]:
        now = EIGHT + timedelta(seconds=second)
        beat = [every_second(c, second, 60 + second % 40, reason="“µ”" * 20, method="invasive") for c in MONITOR]
        chart = with_readings(chart, beat, now).chart
    bed = Bed("e1", chart=chart)
    assert len(as_bytes(bed)) <= BED_BYTES_MAX / 2
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
        chart = with_readings(chart, beat, now).chart
        if second % 300 == 0:
            chart, _ = with_treatment(chart, treatment("norepinephrine", "change", second / 60, route="y" * 200))
            written = note("Septic shock, ℞ " + "µ" * 3000, second / 60, title="z" * 200)
            chart, _ = with_note(chart, f"n|{second}", written, ())
    big = bed._replace(chart=chart)
    assert BED_BYTES_MAX / 3 < len(as_bytes(big)) <= BED_BYTES_MAX
    assert len(whole(big)) < len(as_bytes(big))
    assert bed_of([whole(big)]) == asleep(big)


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


def told(concept: str, minute: float, ref: str, **more: object) -> NoteFact:
    times = {"effective_at": at(minute), "available_at": at(minute)}
    return convert({"concept": concept, "note": ref, "start": 0, "end": 1, "words": "x", **times, **more}, NoteFact)


def noted_for_days(*first: NoteFact) -> Chart:
    """What the first note says, and three days of notes every ten minutes after it."""
    chart, _ = with_note(Chart(), "n|0", note("On admission.", 0), first)
    for minute in range(10, 3 * 1440, 10):
        ref = f"n|{minute}"
        chart, _ = with_note(chart, ref, note("Mottled. " * 20, minute), (told("perf.mottled", minute, ref),))
    return chart


def test_what_is_true_for_the_stay_is_kept_however_much_is_written() -> None:
    """An allergy and a failing heart that only the note of admission tells of; what passes goes."""
    first = ("allergy.anaphylaxis", "dx.heart_failure", "limit.dnr", "perf.cool")
    chart = noted_for_days(*(told(concept, 0, "n|0", detail="penicillin") for concept in first))
    assert [fact.concept for fact in chart.facts[:4]] == [*first[:3], "perf.mottled"]
    assert sum(len(to_json(fact)) for fact in chart.facts) <= FACT_BYTES_MAX
    assert [fact.effective_at for fact in chart.facts] == sorted(fact.effective_at for fact in chart.facts)


def test_even_what_is_true_for_the_stay_has_its_limit() -> None:
    """A thousand allergies leave room for what is noted now."""
    facts = tuple(told("allergy", 0, "n|0", detail=f"drug {number}") for number in range(1000))
    chart, _ = with_note(Chart(), "n|0", note("Allergies.", 0), facts)
    chart, _ = with_note(chart, "n|1", note("Mottled.", 1), (told("perf.mottled", 1, "n|1"),))
    assert chart.facts[-1].concept == "perf.mottled"
    assert sum(len(to_json(fact)) for fact in chart.facts) <= FACT_BYTES_MAX


def test_a_note_is_withdrawn_though_its_text_is_no_longer_kept() -> None:
    """Its facts go as well: they were of another patient."""
    chart = noted_for_days(told("allergy.anaphylaxis", 0, "n|0", detail="penicillin"))
    assert "n|0" not in {kept.ref for kept in chart.notes}
    chart, _ = with_note(chart, "n|0", note("On admission.", 0, status="entered-in-error"), ())
    assert {fact.concept for fact in chart.facts} == {"perf.mottled"}


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


def lived_in() -> list[Bed]:
    """A bed with something in every part of it, at three moments of its life."""
    first, _ = play(SHOCK, at("09:21"))
    first, _ = play([reading("hr", 122, "09:26", "09:22", source="monitor")], bed=first)  # of a clock that is ahead
    marked = reading("k", 6.1, "09:30", source="lab", reason="haemolysed")
    odd = reading("creatinine", 1.2, "09:31", source="lab", original_value=106.1, original_unit="umol/L")
    wrong = reading("lactate", 3.1, "08:30", "09:32", source="lab", status="entered-in-error")
    second, _ = play([marked, odd, wrong], bed=first)
    third, _ = play([note("Lungs clear.", "09:33")], bed=second)
    return [asleep(bed) for bed in (first, second, third)]


def test_a_saved_bed_is_the_same_bed() -> None:
    """Readings, notes, facts, treatments, line, clocks, episodes come back; and saved again, the same bytes."""
    *_, bed = lived_in()
    assert bed.episodes
    assert bed.line.waiting
    assert bed.chart.facts
    assert bed.chart.withdrawn
    assert bed.clocks
    assert bed.model is not None
    assert bed_of([whole(bed)]) == bed
    assert whole(bed_of([whole(bed)])) == whole(bed)


@cache
def watched() -> Bed:
    """A bed on a ward: a row that the next readings thin, an alert that soon ends, a note that can be withdrawn."""
    calm = [reading("hr", 80 + minute % 9, minute) for minute in range(1 - ROW_READINGS_MAX, 0)]
    sick = vitals(0, hr=122, rr=26, spo2=91, bp="88/50", temp=39)
    bed, _ = play([admitted("00:00", "ward"), *calm, *sick, note(PNEUMONIA, 1)], at(2))
    assert len(bed.chart.readings["hr"]) == ROW_READINGS_MAX
    assert set(bed.episodes) == {"SEP", "NEWS2"}
    return bed


def _well(minute: int) -> list[Event]:
    return vitals(minute, hr=80, rr=16, spo2=97, bp="120/70", temp=37)


_ERRORS = st.sampled_from([Status.FINAL] * 3 + [Status.CORRECTED, Status.ENTERED_IN_ERROR])
_later = st.one_of(
    st.builds(
        lambda concept, value, minute, known, status: [reading(concept, value, minute, known, status=status)],
        st.sampled_from(["hr", "map", "temp", "lactate"]),
        st.integers(35, 120),
        st.integers(-40, 40),
        st.integers(3, 60),
        _ERRORS,
    ),
    st.builds(lambda minute: _well(minute), st.integers(3, 60)),
    st.builds(lambda minute: [*_well(minute), *_well(minute + 20), *_well(minute + 40)], st.integers(3, 20)),
    st.builds(
        lambda text, minute, known, status: [note(text, minute, known, status=status)],
        st.sampled_from([PNEUMONIA, "No fever, lungs clear."]),
        st.sampled_from([1, 5, 20]),
        st.integers(20, 60),
        _ERRORS,
    ),
    st.builds(
        lambda action, minute, status: [treatment("norepinephrine", action, minute, rate=0.1, status=status)],
        st.sampled_from(["start", "change", "stop"]),
        st.integers(3, 60),
        _ERRORS,
    ),
    st.builds(
        lambda minute: [Movement(encounter="e1", action="discharge", observed_at=at(minute), available_at=at(minute))],
        st.integers(30, 60),
    ),
)
_stories = st.lists(_later, min_size=1, max_size=8).map(
    lambda parts: sorted((event for part in parts for event in part), key=lambda event: event.available_at)
)


@settings(max_examples=60)
@given(_stories, st.data())
def test_a_whole_row_and_what_changed_since_are_the_bed(events: list[Event], data: st.DataObject) -> None:
    """Saved whole and then as changes, cut anywhere: with corrections, withdrawals, thinning, ends, the very bed."""
    bed = watched()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), min_size=2, max_size=2)))
    rows, saved = [whole(bed)], bed
    for part in (events[: cuts[0]], events[cuts[0] : cuts[1]], events[cuts[1] :]):
        bed, _ = play(part, bed=bed)
        rows.append(change(saved, bed))
        saved = bed
        assert bed_of(rows) == asleep(bed)
    bed, _ = play([], at(240), bed=bed_of(rows))
    assert bed_of([*rows, change(saved, bed)]) == asleep(bed)
    assert whole(bed_of([*rows, change(saved, bed)])) == whole(bed)


def test_the_stories_of_change_are_rich() -> None:
    """Of the stories above some thin a row, some end an alert, some take a reading away: else they prove little."""
    bed = watched()
    more, _ = play([reading("hr", 81, 3), reading("hr", 82, 4)], at(5), bed=bed)
    assert len(more.chart.readings["hr"]) < ROW_READINGS_MAX
    assert more.chart.readings["hr"][:100] != bed.chart.readings["hr"][:100]
    over, _ = play([*_well(10), *_well(30), *_well(50)], at(51), bed=bed)
    assert "NEWS2" not in over.episodes
    gone, _ = play([reading("temp", 39, 0, 3, status="entered-in-error")], at(4), bed=bed)
    assert gone.chart.readings["temp"] == ()


def test_a_change_is_small() -> None:
    """One more reading of a bed with hundreds, and with alerts that stand, costs a tenth of the bed, and no alert.

    Of the state of the model only what differs is written.
    """
    bed, _ = play([reading("map", 62, 3)], at(3.5), bed=watched())
    later, said = play([reading("map", 62, 4)], at(4.5), bed=bed)
    assert (said, len(later.episodes)) == ([], 2)
    assert bed.model is not None
    assert later.model is not None
    assert later.model != bed.model
    assert len(change(bed, later)) < 1_500 < len(as_bytes(later)) / 10


def test_every_version_can_always_be_read() -> None:
    """The golden files, each written by its version, are read and go on; this version's is written again as it was."""
    bed = bed_of(GOLDEN_1)
    assert bed.episodes["SEP"].state == "raised"
    later, _ = step(bed, [], at("12:00"), mind())
    assert later.line.clock == at("12:00")
    assert bed_of([whole(later)]) == asleep(later)
    assert len(bed_of(GOLDEN_2[:3]).line.waiting) == 1
    bed = bed_of(GOLDEN_2)
    assert sorted(bed.episodes) == ["NEWS2", "SEP"]
    assert bed.model is not None
    assert bed.model != bed_of(GOLDEN_2[:4]).model  # its last row holds what differs of the state
    assert bed.chart.readings["k"][0].reason == "haemolysed or drip-arm sample: repeat (Q8); haemolysed"
    for written in (bed_of(GOLDEN_2[:number]) for number in (1, 2, 3, 4, 5)):
        assert bed_of([whole(written)]) == written
    later, _ = step(bed, [], at("12:00"), mind())
    assert later.line.clock == at("12:00")


@pytest.mark.parametrize("rows", [GOLDEN_1, GOLDEN_2], ids=["version 1", "version 2"])
@given(data=st.data())
def test_a_flipped_bit_is_seen(rows: Sequence[bytes], data: st.DataObject) -> None:
    """Whatever byte of a saved bed is not as it was, in whichever of its rows: it is refused, never half read."""
    number = data.draw(st.integers(0, len(rows) - 1))
    damaged = bytearray(rows[number])
    place = data.draw(st.integers(0, 60) | st.integers(0, len(damaged) - 1))  # headers are short: often there
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Damaged):
        bed_of([*rows[:number], bytes(damaged), *rows[number + 1 :]])


@pytest.mark.parametrize("rows", [[], GOLDEN_2[1:], [b""], [GOLDEN_2[0], b""], [GOLDEN_2[1], GOLDEN_2[0]]])
def test_rows_that_are_no_bed_are_refused(rows: Sequence[bytes]) -> None:
    """No row, a change without its whole row, an empty row, rows in the wrong order: none of it is a bed."""
    with pytest.raises(Damaged):
        bed_of(rows)


def test_every_byte_of_a_header_is_looked_at() -> None:
    """Each byte of the first line, set to some other, is seen: the header is not under the checksum."""
    for rows in (GOLDEN_1, GOLDEN_2):
        for number, row in enumerate(rows):
            for place in range(row.index(b"\n") + 1):
                for value in {*b"0123456789abcdefFX \n\0", row[place] ^ 1, row[place] ^ 128} - {row[place]}:
                    damaged = row[:place] + bytes([value]) + row[place + 1 :]
                    with pytest.raises(Damaged):
                        bed_of([*rows[:number], damaged, *rows[number + 1 :]])


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
