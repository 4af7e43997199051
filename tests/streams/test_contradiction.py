"""Two pressures of one time that contradict each other: both are said, the lower one counts, nothing has changed."""

from collections.abc import Sequence

import pytest

from guidelines import lint
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Finding
from schemas.events import Event, Quality, Reading
from streams.core.bed import Bed, snapshot
from streams.core.view import view
from tests.streams.bedside import admitted, at, mind, note, play, reading

OK, SUSPECT = Quality.OK, Quality.SUSPECT
BEFORE: Sequence[Event] = (
    admitted("06:00"),
    note("Urosepsis, on ceftriaxone.", "06:30"),
    reading("lactate", 3.1, "07:50", source="lab"),
)


def arterial(clock: str, known: str | None = None, **values: float) -> list[Reading]:
    return [reading(c, v, clock, known, method="invasive", source="monitor") for c, v in values.items()]


def cuff(clock: str, known: str | None = None, **values: float) -> list[Reading]:
    return [reading(c, v, clock, known, method="nibp", source="manual") for c, v in values.items()]


def bed_after(*events: Event, until: str = "08:12") -> Bed:
    return play(sorted((*BEFORE, *events), key=lambda event: event.available_at), at(until))[0]


def finding(bed: Bed, guideline: str = "SEP") -> Finding:
    """What is said, after it was read by the lint."""
    found = bed.episodes[guideline].finding
    assert lint.faults(found.sentence, snapshot(bed, found.at)) == []
    return found


def qualities(bed: Bed, concept: str) -> list[tuple[str | None, Quality]]:
    return [(r.method, r.quality) for r in bed.chart.readings[concept]]


LOW = arterial("08:05", map=52)
HIGH = cuff("08:05", map=78)
IN_ANY_ORDER = pytest.mark.parametrize(
    "order",
    [
        [*LOW, *HIGH],
        [*LOW, *cuff("08:05", "08:05:40", map=78)],
        [*arterial("08:05", "08:05:40", map=52), *HIGH],
    ],
    ids=["at once", "the line first", "the cuff first"],
)


@IN_ANY_ORDER
def test_both_values_are_said_with_time_and_source_whichever_came_first(order: Sequence[Event]) -> None:
    """MAP 52 by the line and 78 by cuff at 08:05: the sentence names both, and asks to look at the line."""
    said = finding(bed_after(*arterial("08:00", map=52), *order)).sentence.text
    assert "MAP was 52 mmHg by arterial line and was 78 mmHg by cuff at 08:05: they contradict each other." in said
    assert "Zero the line again, check the cuff, and measure both again." in said


@IN_ANY_ORDER
def test_the_lower_one_counts(order: Sequence[Event]) -> None:
    """Low at 08:00 and at 08:05: the cuff does not hide it."""
    bed = bed_after(*arterial("08:00", map=52), *order)
    assert finding(bed).rule == "SEP.T3"
    assert dict(qualities(bed, "map")) == {"invasive": OK, "nibp": SUSPECT}


def test_a_low_pressure_by_cuff_counts_beside_a_good_one_of_the_line() -> None:
    """A line that shows 82 hides no cuff of 46."""
    bed = bed_after(*cuff("08:05", map=46, sbp=68, dbp=35), *arterial("08:05", map=82, sbp=118, dbp=64))
    said = finding(bed, "LIM").sentence.text
    assert "(MAP 46 mmHg, SBP 68 mmHg at 08:05)" in said
    assert "MAP was 46 mmHg by cuff and was 82 mmHg by arterial line at 08:05" in said


def test_no_change_is_claimed_between_them() -> None:
    """78 by cuff at 08:04 and 52 by the line at 08:05: nothing has fallen."""
    said = finding(bed_after(*arterial("08:00", map=53), *cuff("08:04:30", map=78), *LOW)).sentence.text
    assert "→" not in said
    assert "destabilised" not in said


def test_values_of_two_clock_times_have_their_times() -> None:
    """Half a minute apart, and another minute on the clock."""
    said = finding(bed_after(*arterial("08:00", map=52), *LOW, *cuff("08:04:40", map=78))).sentence.text
    assert "MAP was 78 mmHg by cuff at 08:04 and was 52 mmHg by arterial line at 08:05" in said


def test_a_mean_that_is_worked_out_contradicts_a_charted_one() -> None:
    """The line sends its mean alone, the cuff its two pressures alone: a mean of 79."""
    bed = bed_after(*arterial("08:00", map=52), *LOW, *cuff("08:05", sbp=112, dbp=62))
    said = finding(bed).sentence.text
    assert "MAP was 52 mmHg by arterial line and was 78.7 mmHg by cuff at 08:05" in said
    assert qualities(bed, "sbp") == [("nibp", SUSPECT)]


@pytest.mark.parametrize(("value", "quality"), [(71.9, OK), (72.0, OK), (72.1, SUSPECT)])
def test_twenty_apart_is_no_contradiction(value: float, quality: Quality) -> None:
    """As the reference compares a cuff with a line: more than 20 mmHg."""
    assert qualities(bed_after(*LOW, *cuff("08:05", map=value)), "map")[-1] == ("nibp", quality)


@pytest.mark.parametrize(("clock", "quality"), [("08:05:59", SUSPECT), ("08:06:00", SUSPECT), ("08:06:01", OK)])
def test_a_minute_apart_is_one_time(clock: str, quality: Quality) -> None:
    """What was measured later may have changed."""
    assert qualities(bed_after(*LOW, *cuff(clock, map=78)), "map")[-1] == ("nibp", quality)


def test_a_cuff_that_agrees_with_the_line_beside_it_does_not_contradict_an_older_one() -> None:
    """The line went from 52 to 76 within the minute, and the cuff says 78: the nearest one counts."""
    bed = bed_after(*LOW, *arterial("08:05:40", map=76), *cuff("08:05:40", map=78))
    assert {quality for _, quality in qualities(bed, "map")} == {OK}


def test_two_values_by_one_method_are_no_contradiction() -> None:
    """The line alone, up and down."""
    bed = bed_after(*LOW, *arterial("08:05:30", map=78))
    assert {quality for _, quality in qualities(bed, "map")} == {OK}


def test_what_was_contradicted_counts_again_when_the_other_is_taken_back() -> None:
    """The 52 was entered in error: 78 is the pressure, and it carries the word of its sender alone."""
    wrong = [reading("map", 52, "08:05", "08:07", method="invasive", source="monitor", status="entered-in-error")]
    bed = bed_after(*LOW, *[reading("map", 78, "08:05", method="nibp", reason="left arm")], *wrong)
    assert [(r.value, r.quality, r.reason) for r in bed.chart.readings["map"]] == [(78, OK, "left arm")]


def test_what_was_contradicted_counts_again_when_the_other_is_corrected() -> None:
    """The 52 was an 82."""
    right = [reading("map", 82, "08:05", "08:07", method="invasive", source="monitor", status="corrected")]
    assert {quality for _, quality in qualities(bed_after(*LOW, *HIGH, *right), "map")} == {OK}


def test_a_second_copy_of_what_was_contradicted_changes_nothing() -> None:
    """The cuff is sent again."""
    bed = bed_after(*LOW, *HIGH, *cuff("08:05", "08:09", map=78))
    assert qualities(bed, "map") == [("invasive", OK), ("nibp", SUSPECT)]


def test_a_damped_line_is_marked_as_such_and_contradicts_no_cuff() -> None:
    """The reference takes the cuff there (Q1)."""
    bed = bed_after(*cuff("08:05", sbp=116, dbp=66), *arterial("08:05", sbp=68, map=64, dbp=62))
    assert dict(qualities(bed, "sbp")) == {"nibp": OK, "invasive": SUSPECT}


@IN_ANY_ORDER
def test_the_board_shows_the_one_that_counts(order: Sequence[Event]) -> None:
    """Of two values of one time, in whichever order they came."""
    vital = next(v for v in view(bed_after(*order), mind()).vitals if v.concept == "map")
    assert (vital.shown, vital.quality) == ("52 mmHg", OK)


def test_the_card_of_an_alert_that_is_over_names_the_contradiction_as_well() -> None:
    """Known now: 66 by the line, beside a cuff of 88."""
    later = [*arterial("08:20", map=66), *cuff("08:20", map=88)]
    said = finding(bed_after(*arterial("08:10", map=46), *later, until="08:20:30"), "LIM").sentence.text
    assert "it is no longer seen" in said
    assert "MAP was 66 mmHg by arterial line and was 88 mmHg by cuff at 08:20" in said


def test_a_contradiction_that_goes_on_is_no_news_each_minute() -> None:
    """Line and cuff at every minute for half an hour: said at once, then as often as other words."""
    rounds = [e for m in range(5, 36) for e in (*arterial(f"08:{m:02}", map=52), *cuff(f"08:{m:02}", map=78))]
    told = sorted((*BEFORE, *arterial("08:00", map=52), *rounds), key=lambda event: event.available_at)
    _, said = play(told, at("08:36"))
    assert 2 <= len([o for o in said if isinstance(o, AlertEvent) and o.alert.key == "SEP" and o.at > at("08:05")]) <= 7


def test_other_quantities_have_no_lower_one_that_counts() -> None:
    """Two temperatures of two methods: the one known last."""
    bed = bed_after(reading("temp", 36, "08:05", method="oral"), reading("temp", 60 - 22, "08:05", method="core"))
    assert {quality for _, quality in qualities(bed, "temp")} == {OK}
