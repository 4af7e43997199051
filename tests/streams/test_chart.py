"""What an event changes in a chart: each verdict on readings, notes and treatments, and what goes when one is full."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from schemas.events import Note, Quality, Reading, Treatment, identity
from streams.core import chart as charts
from streams.core.bed import Chart
from streams.core.chart import (
    NOTE_BYTES_MAX,
    READING_BYTES_MAX,
    ROW_READINGS_MAX,
    ROW_READINGS_THINNED,
    TREATMENT_BYTES_MAX,
    WITHDRAWN_MAX,
    is_known,
    with_note,
    with_readings,
    with_treatment,
)
from streams.core.retention import HISTORY_MAX, NEWEST_KEPT, thinned
from tests.streams.bedside import at, note, reading, treatment

EMPTY = Chart()


def written(*readings: Reading, on: Chart = EMPTY) -> Chart:
    return with_readings(on, readings, at("09:00")).chart


def verdicts(on: Chart, *readings: Reading) -> list[str]:
    return with_readings(on, readings, at("09:00")).counts


FIRST = reading("lactate", 2.0, "08:00", status="final", source="lab")


@pytest.mark.parametrize(
    ("again", "verdict", "values"),
    [
        (FIRST, ["duplicate"], [2.0]),
        (replace(FIRST, value=2.5), ["corrected"], [2.5]),  # the same rank: the later word counts
        (reading("lactate", 2.5, "08:00", status="corrected", source="lab"), ["corrected"], [2.5]),
        (reading("lactate", 2.0, "08:00", status="corrected", source="lab"), ["corrected"], [2.0]),
        (reading("lactate", 2.5, "08:00", status="preliminary", source="lab"), ["duplicate"], [2.0]),
        (reading("lactate", 2.0, "08:00", status="entered-in-error", source="lab"), ["withdrawn"], []),
        (reading("lactate", 2.5, "08:00", status="final", source="device"), [], [2.0, 2.5]),
        (reading("lactate", 2.5, "08:00", status="final", source="lab", method="venous"), [], [2.0, 2.5]),
        (reading("lactate", 2.5, "08:01", status="final", source="lab"), [], [2.0, 2.5]),
        (reading("lactate", 2.5, "07:59", status="final", source="lab"), [], [2.5, 2.0]),
        (reading("lactate", 2.5, "07:00", status="entered-in-error", source="lab"), ["withdrawn"], [2.0]),
    ],
)
def test_a_second_reading_is_new_the_same_a_correction_or_a_withdrawal(
    again: Reading, verdict: list[str], values: list[float]
) -> None:
    """By time, method and source it is the same measurement; its status and what it says decide what becomes of it."""
    chart = written(FIRST)
    assert verdicts(chart, again) == verdict
    assert [r.value for r in written(again, on=chart).readings["lactate"]] == values
    assert is_known(chart, again) is (verdict == ["duplicate"])


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (Quality.OK, Quality.SUSPECT, ["corrected"]),  # a mark is news
        (Quality.SUSPECT, Quality.SUSPECT, ["duplicate"]),
        (Quality.SUSPECT, Quality.OK, ["duplicate"]),  # a copy as it was sent takes no mark away
        (Quality.SUSPECT, Quality.ARTEFACT, ["corrected"]),
    ],
)
def test_a_copy_takes_no_mark_away(before: Quality, after: Quality, verdict: list[str]) -> None:
    """The same value again with a mark is a correction; without one it is a copy of what was marked here."""
    assert verdicts(written(replace(FIRST, quality=before)), replace(FIRST, quality=after)) == verdict


def test_another_code_is_a_correction() -> None:
    """A letter that replaces a letter, at the same moment."""
    chart = written(reading("acvpu", "A", "08:00"))
    assert verdicts(chart, reading("acvpu", "V", "08:00")) == ["corrected"]
    assert verdicts(chart, reading("acvpu", "A", "08:00")) == ["duplicate"]


def test_what_was_withdrawn_does_not_come_back() -> None:
    """A copy of a withdrawn reading is a duplicate, in whatever order the two came; so is a second withdrawal."""
    gone = replace(FIRST, status=reading("lactate", 2, "08:00", status="entered-in-error").status)
    for chart in (written(FIRST, gone), written(gone)):
        assert verdicts(chart, FIRST) == verdicts(chart, gone) == ["duplicate"]
        assert is_known(chart, FIRST)
        assert not chart.readings.get("lactate")


def test_only_so_many_withdrawals_are_remembered() -> None:
    """The newest ones."""
    wrong = [reading("hr", 80, n, status="entered-in-error") for n in range(WITHDRAWN_MAX + 2)]
    chart = written(*wrong)
    assert chart.withdrawn == tuple(map(identity, wrong[2:]))


def test_what_was_written_tells_the_past_from_what_was_added() -> None:
    """News at the end of a row are appended; what changes its past is rewritten, and takes its concept's news along."""
    chart = written(reading("hr", 80, "08:00"), reading("map", 70, "08:00"), reading("rr", 16, "08:00"))
    later, low = reading("hr", 90, "08:10"), reading("map", 60, "08:10")
    made = with_readings(
        chart,
        [later, low, reading("map", 65, "08:05"), reading("rr", 16, "08:00"), reading("acvpu", "A", "08:00"),
         reading("spo2", 90, "08:00", quality="suspect")],
        at("09:00"),
    )  # fmt: skip
    assert made.appended == (later,)
    assert made.rewritten == {"map"}
    assert made.changed == {"hr", "map", "acvpu", "spo2"}
    assert made.counts == ["duplicate"]
    assert made.chart.heard_at == at("09:00")


def test_nothing_new_leaves_the_very_chart() -> None:
    """A duplicate changes nothing, not even when something was last heard."""
    chart = written(FIRST)
    made = with_readings(chart, [FIRST], at("10:00"))
    assert made.chart is chart
    assert (made.changed, made.appended, made.rewritten) == (frozenset(), (), frozenset())
    alone = with_readings(chart, [reading("hr", 80, "08:00", status="entered-in-error")], at("10:00")).chart
    assert alone.heard_at == chart.heard_at
    assert alone.withdrawn


def test_a_long_row_is_thinned_and_its_size_stays_known() -> None:
    """One reading more than a row may hold, and it holds as many as after thinning."""
    rows = [reading("hr", 60 + n % 40, n / 2) for n in range(ROW_READINGS_MAX)]
    full = with_readings(EMPTY, rows, at(160)).chart
    assert len(full.readings["hr"]) == ROW_READINGS_MAX
    over = with_readings(full, [reading("hr", 80, 161)], at(161)).chart
    assert NEWEST_KEPT < len(over.readings["hr"]) <= ROW_READINGS_THINNED
    for chart in (full, over):
        assert chart.reading_bytes == sum(charts._bytes_of(r) for r in chart.readings["hr"])


def test_the_size_of_a_reading_counts_its_texts() -> None:
    """Each letter may need a backslash; other letters as many bytes as JSON writes them in."""
    plain = reading("hr", 80, "08:00")
    assert charts._bytes_of(plain) == charts.READING_BYTES
    assert charts._bytes_of(replace(plain, reason="ab")) == charts.READING_BYTES + 4
    assert charts._bytes_of(replace(plain, reason="ab", method="c")) == charts.READING_BYTES + 6
    assert charts._bytes_of(replace(plain, reason="µ")) == charts.READING_BYTES + 4
    assert charts._bytes_of(replace(plain, original_unit="\n")) == charts.READING_BYTES + 4


def test_a_chart_that_is_too_heavy_is_lightened_at_its_heaviest_row() -> None:
    """A fifth of the budget is free again; light rows stay whole."""
    light = [reading("map", 70, n) for n in range(20)]
    heavy = [reading(c, 80 + n % 9, n, quality="suspect", reason="x" * 180) for c in ("hr", "rr", "spo2")
             for n in range(90)]  # fmt: skip
    chart = with_readings(EMPTY, [*light, *heavy], at(100)).chart
    assert chart.reading_bytes <= READING_BYTES_MAX
    assert len(chart.readings["map"]) == 20
    size = sum(charts._bytes_of(r) for row in chart.readings.values() for r in row)
    assert chart.reading_bytes == size
    assert any(len(chart.readings[c]) < 90 for c in ("hr", "rr", "spo2"))


# -- notes


def noted(chart: Chart, one: Note) -> tuple[Chart, str]:
    return with_note(chart, identity(one), one, ())


def test_the_life_of_a_note() -> None:
    """New, the same again, corrected under its title and time, withdrawn for good."""
    first = note("Mottled.", "08:00", title="Nursing")
    chart, verdict = noted(EMPTY, first)
    assert (verdict, noted(chart, first)) == ("new", (chart, "duplicate"))
    better = note("Not mottled.", "08:00", title="Nursing", status="corrected")
    corrected, verdict = noted(chart, better)
    assert (verdict, [k.note.text for k in corrected.notes]) == ("corrected", ["Not mottled."])
    for other in (note("Warm.", "08:00", title="Doctor", status="corrected"),
                  note("Warm.", "08:01", title="Nursing", status="corrected"),
                  note("Warm.", "08:00", title="Nursing", status="final")):  # fmt: skip
        beside, verdict = noted(chart, other)
        assert (verdict, len(beside.notes)) == ("new", 2)
    gone, verdict = noted(chart, replace(first, status=note("x", 0, status="entered-in-error").status))
    assert (verdict, gone.notes) == ("withdrawn", ())
    assert noted(gone, first) == (gone, "duplicate")
    assert is_known(gone, first)
    assert is_known(chart, first)
    assert not is_known(EMPTY, first)


def test_a_withdrawal_of_a_kept_note_is_news() -> None:
    """That it is there does not make its withdrawal known."""
    first = note("Mottled.", "08:00")
    chart, _ = noted(EMPTY, first)
    assert not is_known(chart, replace(first, status=note("x", 0, status="entered-in-error").status))


def test_notes_stand_by_their_time_and_the_oldest_go() -> None:
    """However they came; as many as the budget holds, and not one less."""
    chart = EMPTY
    for n in reversed(range(200)):
        chart, _ = noted(chart, note("a", n))
    held = NOTE_BYTES_MAX // charts._kept_bytes(chart.notes[-1])
    assert [k.note.observed_at for k in chart.notes] == [at(n) for n in range(200 - held, 200)]
    for n in range(4):
        chart, _ = noted(chart, note("b" * (NOTE_BYTES_MAX // 3 - 400), 300 + n))
    assert [k.note.observed_at for k in chart.notes] == [at(301), at(302), at(303)]


def test_a_note_is_cut_at_half_the_budget_to_the_letter() -> None:
    """As much of its beginning as fits, and not a letter less."""
    long = note("µ" * NOTE_BYTES_MAX, "08:00")
    chart, _ = noted(EMPTY, long)
    text = chart.notes[0].note.text
    assert charts._note_bytes(chart.notes[0].note) <= NOTE_BYTES_MAX // 2
    assert charts._note_bytes(replace(long, text=text + "µ")) > NOTE_BYTES_MAX // 2
    whole = note("x" * 1000, "08:00")
    assert noted(EMPTY, whole)[0].notes[0].note == whole


# -- treatments


def test_the_life_of_a_treatment() -> None:
    """New, the same again, another rate, an older version of it, withdrawn for good."""
    first = treatment("norepinephrine", "start", "08:00", rate=0.1, status="final")
    chart, verdict = with_treatment(EMPTY, first)
    assert (verdict, with_treatment(chart, first)) == ("new", (chart, "duplicate"))
    more = replace(first, rate=0.2)
    assert [t.rate for t in with_treatment(chart, more)[0].treatments] == [0.2]
    assert with_treatment(chart, more)[1] == "corrected"
    assert with_treatment(chart, replace(first, amount=5.0, amount_unit="mg"))[1] == "corrected"
    older = treatment("norepinephrine", "start", "08:00", rate=0.3, status="preliminary")
    assert with_treatment(chart, older) == (chart, "duplicate")
    wrong = treatment("norepinephrine", "start", "08:00", rate=0.1, status="entered-in-error")
    gone, verdict = with_treatment(chart, wrong)
    assert (verdict, gone.treatments) == ("withdrawn", ())
    assert with_treatment(gone, first) == (gone, "duplicate")
    assert is_known(chart, first)
    assert not is_known(chart, more)


def test_treatments_stand_by_their_time() -> None:
    """However they came; of one moment the later word stands behind."""
    chart = EMPTY
    for item, when in (("heparin", 5), ("propofol", 1), ("fentanyl", 5), ("midazolam", 3)):
        chart, _ = with_treatment(chart, treatment(item, "given", when))
    assert [t.item for t in chart.treatments] == ["propofol", "midazolam", "heparin", "fentanyl"]


def test_a_full_list_of_treatments_loses_the_oldest_that_are_not_the_last_word() -> None:
    """No more than must go; an old word that is an item's last stays."""
    chart: Chart = EMPTY
    rows: list[Treatment] = [treatment("norepinephrine", "start", 0, rate=0.1)]
    rows += [treatment("furosemide", "given", 1 + n, amount=1.0, amount_unit="mg") for n in range(200)]
    for one in rows:
        chart, _ = with_treatment(chart, one)
    size = 96 + len("furosemide") + 2
    held = (TREATMENT_BYTES_MAX - 96 - len("norepinephrine") - 2) // size
    assert chart.treatments == (rows[0], *rows[-held:])


# -- thinning


def test_of_a_week_each_stretch_keeps_its_extremes_and_its_newest_mark() -> None:
    """The last eight whole; of older stretches the lowest, the highest and the newest unusable one."""
    hour = timedelta(hours=1)

    def made(ago: timedelta, value: float, quality: str = "ok") -> Reading:
        now: datetime = at("20:00")
        return replace(reading("hr", value, 0, quality=quality), observed_at=now - ago)

    stretch = [made(50 * hour + timedelta(minutes=10 - n), v, q) for n, (v, q) in enumerate(
        [(80, "ok"), (60, "ok"), (70, "suspect"), (75, "suspect"), (120, "ok"), (90, "ok")])]  # fmt: skip
    newest = [made(timedelta(minutes=8 - n), 85) for n in range(NEWEST_KEPT)]
    old = [made(HISTORY_MAX + hour, 40)]
    kept = thinned((*old, *stretch, *newest), at("20:00"), 12)
    assert kept == (stretch[1], stretch[3], stretch[4], *newest)
    whole = (*old, *stretch, *newest)
    assert thinned(whole, at("20:00"), len(whole)) is whole
