"""Sentences to the letter: each part of a template, each time, each window, each limit."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from guidelines.book.records import Words
from guidelines.evidence import NO_OUTLOOK
from guidelines.lint import faults
from guidelines.rules.answers import Answer, Computed, Forecasted, Personal, Source
from guidelines.rules.case import Case
from guidelines.rules.graph import Graph
from guidelines.wording import TEMPLATE_CHARS_MAX, has_changed, past, question, warning
from schemas.clinical.findings import Evidence, Finding, Level, Onset, Sentence, Truth
from schemas.clinical.snapshot import Snapshot
from schemas.events import Quality, Reading, identity
from tests.knowledge.charts import HOUR, MINUTE, NOW, TICK, Chart, Row, chart, fact, reading, treatment

GRAPH = Graph({})
WORSE = {"map": -10.0, "hr": 15.0, "lactate": 1.0, "sbp": -15.0}
WORDS = Words("it is so", "it is so", "pressure fell", "pressure is low", ("map", "hr"))
USUAL = Personal("usual_sbp", "usual systolic pressure", "155 mmHg", 155.0)


def said(
    *rows: Row,
    sources: Sequence[Source] | None = None,
    words: Words = WORDS,
    sex: str | None = None,
    zone: str = "UTC",
) -> str:
    """The sentence of a warning about these rows, without its opening; it rests on all of them, or on `sources`."""
    seen = replace(chart(rows, sex=sex), zone=ZoneInfo(zone))
    rests_on = tuple(rows) if sources is None else tuple(sources)
    made = warning(Case(seen, NO_OUTLOOK, GRAPH), words, Answer(Truth.YES, rests_on), "Warning", WORSE)
    assert faults(made, seen) == []
    opening, body = made.text.split(": it is so.")
    assert opening == "Warning"
    return body.strip()


def asked(*names: str, sources: Sequence[Source] = (), seen: Snapshot | None = None) -> str:
    now = seen or chart()
    made = question(Case(now, NO_OUTLOOK, GRAPH), WORDS, Answer(Truth.UNKNOWN, tuple(sources)), names)
    assert faults(made, now) == []
    return made.text


# -- changes


@pytest.mark.parametrize(
    ("ago", "since"),
    [
        (30 * TICK, "11:59"),
        (MINUTE, "11:59"),
        (15 * MINUTE, "11:45"),  # the window holds its start
        (15 * MINUTE + TICK, "11:44"),
        (30 * MINUTE, "11:30"),
        (60 * MINUTE, "11:00"),
    ],
)
def test_a_change_is_told_with_the_times_between_which_it_was(ago: timedelta, since: str) -> None:
    """From the older value to the newer, each as the clock showed it."""
    told = said(reading("map", 80, ago), reading("map", 60))
    assert told == f"The patient's pressure fell between {since} and 12:00 (MAP 80 → 60 mmHg)."


def test_a_change_within_one_minute_has_one_time() -> None:
    """The clock shows the same for both: nothing lies between 11:59 and 11:59."""
    old, new = reading("map", 80, timedelta(seconds=50)), reading("map", 60, timedelta(seconds=10))
    assert said(old, new) == "The patient's pressure fell at 11:59 (MAP 80 → 60 mmHg)."
    pulse = [reading("hr", 90, 10 * MINUTE), reading("hr", 120)]
    assert said(old, new, *pulse) == (
        "The patient's pressure fell between 11:50 and 12:00 (MAP 80 → 60 mmHg at 11:59; heart rate 90 → 120/min)."
    )


@pytest.mark.parametrize(
    ("ago", "since", "old"),
    [(15 * MINUTE, "11:45", 72), (15 * MINUTE + TICK, "11:35", 90), (30 * MINUTE, "11:30", 72),
     (30 * MINUTE + TICK, "11:10", 90)],
)  # fmt: skip
def test_what_lies_further_back_than_the_window_is_no_part_of_its_change(
    ago: timedelta, since: str, old: float
) -> None:
    """The start of a window is in it; a microsecond more, and only the next window shows the fall, from its oldest."""
    further = 25 * MINUTE if ago < 20 * MINUTE else 50 * MINUTE
    told = said(reading("map", 90, further), reading("map", 72, ago), reading("map", 60))
    assert told == f"The patient's pressure fell between {since} and 12:00 (MAP {old} → 60 mmHg)."


def test_what_is_longer_ago_than_an_hour_is_no_change() -> None:
    """A microsecond more, and the value stands alone."""
    told = said(reading("map", 80, HOUR + TICK), reading("map", 60))
    assert told == "The patient's pressure is low (MAP 60 mmHg at 12:00)."


@pytest.mark.parametrize(
    ("concept", "old", "new", "told"),
    [
        ("map", 70, 60, True), ("map", 69, 60, False), ("map", 60, 80, False),
        ("hr", 100, 115, True), ("hr", 100, 114, False), ("hr", 140, 100, False),
        ("map", 79, 69, True), ("map", 80, 70, False),  # it has become normal, or has stayed so
        ("hr", 86, 101, True), ("hr", 80, 100, False), ("hr", 50, 75, False),
    ],
)  # fmt: skip
def test_a_change_is_one_by_the_margin_of_its_quantity(concept: str, old: float, new: float, told: bool) -> None:
    """A pressure that falls by ten, a rate that rises by fifteen; the other way is none, nor one to what is normal."""
    assert ("→" in said(reading(concept, old, 5 * MINUTE), reading(concept, new))) is told


def test_the_shortest_window_that_shows_a_change_is_told() -> None:
    """Slow over half an hour and fast within the last minutes: the fast one is named, from the oldest in its window."""
    rows = [reading("map", 95, 25 * MINUTE), reading("map", 80, 12 * MINUTE), reading("map", 75, 5 * MINUTE)]
    told = "The patient's pressure fell between 11:48 and 12:00 (MAP 80 → 60 mmHg)."
    assert said(*rows, reading("map", 60)) == told


def test_of_two_changes_the_older_beginning_is_told_and_what_did_not_change_stands_behind() -> None:
    """Each with its two values, and its own two times where they are others; then what else the rule rests on."""
    rows = [reading("map", 80, 12 * MINUTE), reading("hr", 90, 14 * MINUTE), reading("map", 60), reading("hr", 120)]
    lactate = reading("lactate", 3.4, 16 * MINUTE)
    assert said(*rows, lactate, sources=[lactate]) == (
        "The patient's pressure fell between 11:46 and 12:00 "
        "(MAP 80 → 60 mmHg between 11:48 and 12:00; heart rate 90 → 120/min; lactate 3.4 mmol/L at 11:44)."
    )


@pytest.mark.parametrize(("before", "now"), [("invasive", "nibp"), ("nibp", "invasive"), (None, "nibp")])
def test_between_an_arterial_line_and_a_cuff_no_change_is_claimed(before: str | None, now: str) -> None:
    """Two methods differ by as much as a patient does: the newest value stands alone."""
    low = reading("map", 60, method=now)
    assert said(reading("map", 80, 5 * MINUTE, method=before), low) == (
        "The patient's pressure is low (MAP 60 mmHg at 12:00)."
    )
    again = reading("map", 71, 10 * MINUTE, method=now)
    told = said(again, reading("map", 80, 5 * MINUTE, method=before), low)
    assert told == "The patient's pressure fell between 11:50 and 12:00 (MAP 71 → 60 mmHg)."


def test_a_mean_that_was_worked_out_is_measured_as_its_parts_were() -> None:
    """A cuff's 100/70 and a mean of its own that it gave later show a change; an arterial mean shows none."""
    cuff = [reading("sbp", 100, 5 * MINUTE, method="nibp"), reading("dbp", 70, 5 * MINUTE, method="nibp")]
    by_cuff, by_line = (reading("map", 60, method=method) for method in ("nibp", "invasive"))
    told = "The patient's pressure fell between 11:55 and 12:00 (MAP 80 → 60 mmHg)."
    assert said(*cuff, by_cuff, sources=[by_cuff]) == told
    assert said(*cuff, by_line, sources=[by_line]) == "The patient's pressure is low (MAP 60 mmHg at 12:00)."
    now = [reading("sbp", 80, method="nibp"), reading("dbp", 50, method="nibp")]
    worked_out = Computed("map", 60.0, NOW, tuple(now))
    assert said(*cuff, *now, sources=[worked_out]) == told.replace(").", ", SBP 100 → 80 mmHg).")


def test_two_readings_of_one_instant_are_no_change() -> None:
    """Two devices at noon differ; the one that was known last is shown, and a difference to it is none of the time."""
    low = reading("map", 60)
    assert said(reading("map", 80), low) == "The patient's pressure is low (MAP 60 mmHg at 12:00)."
    told = said(reading("map", 85, 5 * MINUTE), reading("map", 80), low)
    assert told == "The patient's pressure fell between 11:55 and 12:00 (MAP 85 → 60 mmHg)."


def test_what_is_too_old_to_be_known_now_has_not_become_worse() -> None:
    """A heart rate counts for a quarter of an hour: what rose before that is no change of now, and was so."""
    rose, since = reading("hr", 90, 40 * MINUTE), reading("hr", 130, 15 * MINUTE)
    assert said(rose, since) == ("The patient's pressure fell between 11:20 and 11:45 (heart rate 90 → 130/min).")
    assert said(rose, replace(since, observed_at=NOW - 15 * MINUTE - TICK)) == (
        "The patient's pressure is low (heart rate was 130/min at 11:44)."
    )


@pytest.mark.parametrize(("new", "claimed"), [(60, True), (61, False), (75, False)])
def test_whether_a_change_would_be_claimed_can_be_asked(new: float, claimed: bool) -> None:
    """What decides how an alert comes back says what the sentence would."""
    rows = (reading("map", 70 if new < 70 else 90, 5 * MINUTE), reading("map", new))
    assert has_changed(Case(chart(rows), NO_OUTLOOK, GRAPH), WORDS, rows, WORSE) is claimed
    assert ("→" in said(*rows)) is claimed


# -- values


@pytest.mark.parametrize(("sex", "who"), [("female", "Her"), ("male", "His"), (None, "The patient's")])
def test_whose_it_is(sex: str | None, who: str) -> None:
    """By the sex of the record, where it is known."""
    assert said(reading("map", 60), sex=sex) == f"{who} pressure is low (MAP 60 mmHg at 12:00)."


@pytest.mark.parametrize(("ago", "time"), [(0 * MINUTE, "12:00"), (TICK, "11:59"), (15 * MINUTE, "11:45")])
def test_every_value_says_when(ago: timedelta, time: str) -> None:
    """However young it is."""
    assert said(reading("lactate", 3.4, ago)) == f"The patient's pressure is low (lactate 3.4 mmol/L at {time})."


def test_values_of_one_time_stand_together_before_it() -> None:
    """In the order in which the rule rests on them; a part for each time."""
    rows = [reading("map", 61), reading("lactate", 4.4, 5 * MINUTE), reading("hr", 124)]
    told = "(MAP 61 mmHg, heart rate 124/min at 12:00; lactate 4.4 mmol/L at 11:55)"
    assert said(*rows) == f"The patient's pressure is low {told}."


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "between 11:55 and 12:00 (MAP 80 → 60 mmHg; lactate 3.4 mmol/L at 11:00). “cool” noted at 09:00"),
        ("Europe/Berlin",
         "between 12:55 and 13:00 (MAP 80 → 60 mmHg; lactate 3.4 mmol/L at 12:00). “cool” noted at 10:00"),
        ("Asia/Kathmandu",
         "between 17:40 and 17:45 (MAP 80 → 60 mmHg; lactate 3.4 mmol/L at 16:45). “cool” noted at 14:45"),
        ("Pacific/Auckland",
         "between 00:55 and 01:00 (MAP 80 → 60 mmHg; lactate 3.4 mmol/L at 00:00). “cool” noted at 2 Mar 22:00"),
    ],
)  # fmt: skip
def test_all_times_of_a_sentence_are_those_of_the_ward(zone: str, told: str) -> None:
    """By the clocks there, with the day where that is not today's there."""
    word = replace(fact("perf.cool", 3 * HOUR), words="cool")
    rows: list[Row] = [reading("map", 80, 5 * MINUTE), reading("map", 60), reading("lactate", 3.4, HOUR), word]
    assert said(*rows, zone=zone) == f"The patient's pressure fell {told}.".replace("“", "It rests on: “")


def test_a_question_and_what_was_are_told_in_the_time_of_the_ward() -> None:
    """As a warning is."""
    pulse = reading("hr", 120)
    seen = replace(chart(pulse), zone=ZoneInfo("Europe/Berlin"))
    assert "Known: heart rate 120/min at 13:00." in asked("lactate", sources=[pulse], seen=seen)
    assert told_past(pulse, zone="Europe/Berlin").startswith("As of 12:00: it was so; it is over.")


def test_what_is_normal_is_no_reason() -> None:
    """Though the rule rests on it: of a pressure, a rate, a level of consciousness."""
    calm = [reading("map", 75), reading("hr", 80), reading("acvpu", "A"), reading("lactate", 2.0)]
    assert said(*calm) == ""
    assert said(*calm, reading("rr", 28)) == "The patient's pressure is low (RR 28/min at 12:00)."


def test_what_counts_by_the_worst_of_a_day_is_told_in_the_past() -> None:
    """A lactate of the night that made the rule true: it was so, whatever was measured since."""
    night, now = reading("lactate", 4.4, 8 * HOUR), reading("lactate", 2.4, 10 * MINUTE)
    was = "The patient's pressure is low (lactate was 4.4 mmol/L at 04:00)."
    assert said(night, now, sources=[night]) == was
    assert said(night, sources=[night]) == was  # nobody measured again: not known now
    assert said(night, now, sources=[night, now]) == "The patient's pressure is low (lactate 2.4 mmol/L at 11:50)."
    calm = reading("lactate", 1.4, 8 * HOUR)
    assert said(calm, now, sources=[calm]) == ""
    both = said(night, now, reading("hr", 120), sources=[night, reading("hr", 120)])
    assert both == "The patient's pressure is low (lactate was 4.4 mmol/L at 04:00; heart rate 120/min at 12:00)."


def test_of_a_score_the_readings_that_it_counts_are_told() -> None:
    """SOFA counts the worst platelets of the day: those, in the past, and not the better ones that came later."""
    worst, later = reading("platelets", 40, 6 * HOUR), reading("platelets", 120, HOUR)
    score = Computed("sofa", 3.0, NOW - 6 * HOUR, (worst,))
    told = said(worst, later, sources=[score])
    assert "Plt was 40 ×10³/µL at 06:00" in told
    assert "120" not in told


def test_what_the_rule_does_not_rest_on_is_no_reason() -> None:
    """An abnormal value of its own words stands there only where it made the rule true, or has changed."""
    low, fast = reading("map", 60), reading("hr", 130)
    assert said(low, fast, sources=[low]) == "The patient's pressure is low (MAP 60 mmHg at 12:00)."


def test_what_is_usual_of_the_patient_is_shown_and_what_is_held_against_it_is_a_reason() -> None:
    """112 mmHg is normal, but not of somebody who has 155: both are said, and its fall is one."""
    words = Words("it is so", "", "pressure fell", "pressure is low", ("sbp",))
    record = "Patient record: usual systolic pressure 155 mmHg."
    low = reading("sbp", 112)
    assert said(low, words=words) == ""
    assert said(low, sources=[low, USUAL], words=words) == (
        f"The patient's pressure is low (SBP 112 mmHg at 12:00). {record}"
    )
    rows = [reading("sbp", 150, 5 * MINUTE), low]
    assert said(*rows, words=words) == ""
    assert said(*rows, sources=[*rows, USUAL], words=words) == (
        f"The patient's pressure fell between 11:55 and 12:00 (SBP 150 → 112 mmHg). {record}"
    )
    assert has_changed(Case(chart(rows), NO_OUTLOOK, GRAPH), words, [*rows, USUAL], WORSE)
    assert said(sources=[USUAL]) == said(sources=[USUAL, USUAL._replace()]) == record  # said once
    assert said(sources=[Personal("diagnosis ckd", "problem list", "ckd")]) == ""


@pytest.mark.parametrize(
    ("concept", "value", "shown"),
    [
        ("rr", 24.5, "RR 25/min"), ("rr", 24.49, "RR 24/min"), ("hr", 130.5, "heart rate 131/min"),
        ("temp", 38.05, "Temp 38.1 °C"), ("temp", 39.04, "Temp 39.0 °C"), ("map", 62.45, "MAP 62.5 mmHg"),
        ("lactate", 2.245, "lactate 2.25 mmol/L"),
    ],
)  # fmt: skip
def test_a_half_is_shown_as_the_higher_number(concept: str, value: float, shown: str) -> None:
    """As scores count it."""
    assert said(reading(concept, value)) == f"The patient's pressure is low ({shown} at 12:00)."


def test_at_most_five_values_are_shown() -> None:
    """What has changed first, then those on which the rule rests."""
    names = ("temp", "rr", "spo2", "lactate", "k", "bilirubin")
    rows = [reading(n, v) for n, v in zip(names, (39, 30, 90, 3, 5.5, 3), strict=True)]
    first = "Temp 39.0 °C, RR 30/min, SpO₂ 90 %, lactate 3.0 mmol/L"
    assert said(*rows) == f"The patient's pressure is low ({first}, potassium 5.5 mmol/L at 12:00)."
    fell = [reading("map", 80, MINUTE), reading("map", 60)]
    assert said(*rows, *fell) == (
        f"The patient's pressure fell between 11:59 and 12:00 (MAP 80 → 60 mmHg; {first} at 12:00)."
    )


def test_without_a_value_nothing_is_claimed() -> None:
    """Only that it is so."""
    assert said() == ""


def test_a_change_of_what_a_score_counts_is_its_own_only_where_the_rule_speaks_of_the_score() -> None:
    """NEWS2 rose with the heart rate: told where the words speak of NEWS2, a bare value where they do not."""
    rows = [reading("hr", 90, 5 * MINUTE), reading("hr", 131)]
    score = Computed("news2", 3.0, NOW, (rows[1],))
    own = Words("it is so", "", "score rose", "score is high", ("news2",))
    told = said(*rows, words=own, sources=[score])
    assert told == (
        "The patient's score rose between 11:55 and 12:00 (heart rate 90 → 131/min; NEWS2 at least 3 at 12:00)."
    )
    other = Words("it is so", "", "pressure fell", "pressure is low", ("map",))
    told = said(*rows, words=other, sources=[score])
    assert told == "The patient's pressure is low (NEWS2 at least 3, heart rate 131/min at 12:00)."


def test_a_range_that_is_not_known_is_not_shown_but_a_score_is() -> None:
    """Of a worked-out number both ends must agree; of a score the lower one is said as at least."""
    systolic, fast = reading("sbp", 90), reading("rr", 25)
    assert said(systolic, sources=[Computed("pulse_pressure", 40.0, NOW, (systolic,))]) == ""
    assert said(fast, sources=[Computed("news2", 3.0, NOW, ())]) == (
        "The patient's pressure is low (NEWS2 at least 3 at 12:00)."
    )


def test_a_letter_is_shown_in_words() -> None:
    """A coded quantity by its newest valid code."""
    told = said(reading("acvpu", "V"), reading("o2_device", "nrb"))
    assert told == "The patient's pressure is low (ACVPU V (voice), O₂ device reservoir mask at 12:00)."


# -- notes, treatments, forecasts


def test_notes_and_treatments_are_quoted_four_at_most() -> None:
    """Notes first, a hedge as possible; then treatments, as far as there is room, with their rate or their state."""
    one, two = (replace(fact(f"perf.{w}", HOUR, p), words=w) for w, p in
                (("mottled", "affirmed"), ("clammy", "uncertain")))  # fmt: skip
    three, four, five = (replace(fact(f"resp.{w}", HOUR), words=w) for w in ("gasping", "wheeze", "stridor"))
    drug = treatment("norepinephrine", "start", 2 * HOUR, rate=0.1)
    other = treatment("furosemide", "given", 3 * HOUR)
    both = "It rests on: “mottled” noted at 11:00, “clammy” noted as possible at 11:00"
    all_four = f"{both}, “gasping” noted at 11:00, “wheeze” noted at 11:00."
    running, given = "norepinephrine 0.1 µg/kg/min at 10:00", "furosemide given at 09:00"
    assert said(sources=[one, two, three, four, five, drug]) == all_four
    assert said(sources=[drug, other, one, two, three]) == f"{both}, “gasping” noted at 11:00, {running}."
    assert said(sources=[drug, one]) == f"It rests on: “mottled” noted at 11:00, {running}."
    assert said(sources=[drug, other]) == f"It rests on: {running}, {given}."


def test_the_same_words_are_quoted_once() -> None:
    """In whatever case, and those that stand inside longer ones with those."""
    quoted = {"cool": "cool", "cool_clammy": "Cool and clammy", "clammy": "cool AND clammy"}
    notes = [replace(fact(f"perf.{name}", HOUR), words=words) for name, words in quoted.items()]
    assert said(sources=notes) == "It rests on: “Cool and clammy” noted at 11:00."


def test_a_forecast_is_told_with_its_hours_and_where_it_begins() -> None:
    """Instead of what is now; several one after another."""
    low = Forecasted("map", 58.0, HOUR, "m", NOW)
    fast = Forecasted("hr", 130.0, timedelta(minutes=90), "m", NOW - 5 * MINUTE)
    told = said(reading("map", 70, 5 * MINUTE), reading("map", 75), sources=[low, fast])
    assert told == (
        "Forecast median: MAP 58 mmHg in 1 h, from 12:00 on, now 75 mmHg at 12:00, "
        "heart rate 130/min in 1.5 h, from 11:55 on."
    )


# -- questions


def test_a_question_names_what_to_measure_and_what_to_ask() -> None:
    """Measurements together, what people say each by itself, an infection as a question; four of each at most."""
    assert asked("lactate", "map") == "I cannot tell whether it is so: measure lactate, MAP."
    assert asked("infection") == "I cannot tell whether it is so: is infection suspected? (write it in a note)."
    told = asked("allergies", "lactate", "perf.mottled")
    assert told == "I cannot tell whether it is so: measure lactate; check allergies; check perf.mottled."
    many = asked("map", "hr", "rr", "temp", "spo2", *"abcde")
    measured = "measure MAP, heart rate, RR, Temp; check a; check b; check c; check d."
    assert many == f"I cannot tell whether it is so: {measured}"


def test_a_question_says_what_is_known() -> None:
    """The values that it rests on, normal ones too, each with its time, and the notes."""
    pulse, calm = reading("hr", 120), reading("map", 80, 10 * MINUTE)
    word = replace(fact("perf.mottled", HOUR), words="mottled")
    told = asked("lactate", sources=[pulse, calm, word], seen=chart([pulse, calm, word]))
    assert told == (
        "I cannot tell whether it is so: measure lactate. Known: heart rate 120/min at 12:00; MAP 80 mmHg at 11:50. "
        "It rests on: “mottled” noted at 11:00."
    )


# -- what was


def told_past(*rests_on: Row, later: Sequence[Row] = (), after: timedelta = timedelta(0), zone: str = "UTC") -> str:
    """What is told at NOW, or later, of a warning that was given an hour before NOW and rested on these rows."""
    seen = replace(Chart([*rests_on, *later]).seen(NOW + after), zone=ZoneInfo(zone))
    evidence = tuple(
        Evidence(kind="reading", subject=r.concept, label="", shown="", at=r.observed_at, ref=identity(r))
        for r in rests_on
        if isinstance(r, Reading)
    )
    before = Finding(
        encounter="e1", rule="X", rule_version="1", guideline="X", title="X", level=Level.WARNING, at=NOW - HOUR,
        onset=Onset(at=NOW - HOUR, ref="r"), sentence=Sentence(template="", evidence=evidence), evidence=evidence,
    )  # fmt: skip
    made = past(Case(seen, NO_OUTLOOK, GRAPH), before, "it was so", "it is over")
    assert faults(made, seen) == []
    return made.text


def test_what_was_said_is_told_in_the_past_with_the_newest_that_is_known() -> None:
    """When it was said, and what has become of it; of each quantity its newest value, be it normal."""
    low = reading("map", 60, 65 * MINUTE)
    assert told_past(low, later=[reading("map", 80, 5 * MINUTE)]) == (
        "As of 11:00: it was so; it is over. Known now: MAP 80 mmHg at 11:55."
    )


def test_what_is_no_longer_known_is_told_as_what_was() -> None:
    """Never in the present: the newest value with its time, and its day once that is another."""
    low, fast, acid = reading("map", 60, HOUR), reading("hr", 130, HOUR), reading("lactate", 3.4, 30 * MINUTE)
    assert told_past(low, fast, acid) == (
        "As of 11:00: it was so; it is over. Not known now: MAP was 60 mmHg, heart rate was 130/min at 11:00. "
        "Known now: lactate 3.4 mmol/L at 11:30."
    )
    assert told_past(low, after=13 * HOUR) == (
        "As of 2 Mar 11:00: it was so; it is over. Not known now: MAP was 60 mmHg at 2 Mar 11:00."
    )


def test_what_was_said_without_a_measurement_is_told_without_one() -> None:
    """A note alone: only that it was so. An artefact is no newest value."""
    assert told_past(fact("perf.mottled", HOUR)) == "As of 11:00: it was so; it is over."
    doubtful = reading("map", 20, 5 * MINUTE, quality=Quality.ARTEFACT)
    assert told_past(reading("map", 60, 10 * MINUTE), later=[doubtful]) == (
        "As of 11:00: it was so; it is over. Known now: MAP 60 mmHg at 11:50."
    )


def test_of_what_was_five_values_of_each_kind_are_told() -> None:
    """The first that it rested on."""
    names = ("temp", "rr", "spo2", "hr", "map", "sbp")
    old = told_past(*(reading(n, 50, 2 * HOUR) for n in names))
    assert old.count(" was ") == 6  # five values, and that it was so
    assert told_past(*(reading(n, 50) for n in names)).count("50") == 5


@pytest.mark.parametrize(("room", "fits"), [(0, True), (-1, False)])
def test_a_part_that_does_not_fit_is_left_out_whole(room: int, fits: bool) -> None:
    """A template of its very limit does not fit, one letter less does."""
    head = "Warning: x."
    tail = "The patient's  (MAP {0} at {1})."
    words = Words("x", "", "", "y" * (TEMPLATE_CHARS_MAX - 1 - room - len(head) - len(tail)), ("map",))
    low = reading("map", 60)
    seen = chart(low)
    made = warning(Case(seen, NO_OUTLOOK, GRAPH), words, Answer(Truth.YES, (low,)), "Warning", WORSE)
    assert faults(made, seen) == []
    assert ("MAP" in made.template) is fits
    assert len(made.template) <= TEMPLATE_CHARS_MAX
