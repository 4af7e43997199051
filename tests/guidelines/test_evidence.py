"""What is shown of each thing that a claim rests on, and what is said of what is missing."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from guidelines.evidence import (
    NO_OUTLOOK,
    amount,
    clock,
    evidence,
    evidences,
    in_hours,
    label,
    need,
    needs,
    number,
    unfolded,
)
from guidelines.rules.answers import Computed, Forecasted, Missing, Personal, Source
from guidelines.rules.case import FAR, Case
from guidelines.rules.graph import Graph
from guidelines.scoring import mews, news2, qsofa, sirs
from schemas.clinical.findings import Evidence
from schemas.clinical.forecasts import Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions.text import parse
from schemas.events import Quality, identity
from tests.knowledge.charts import DAY, HOUR, MINUTE, NOW, TICK, Row, chart, fact, reading, row, treatment

GRAPH = Graph({})


def case(snapshot: Snapshot | None = None) -> Case:
    return Case(snapshot or chart(), NO_OUTLOOK, GRAPH)


def shown(source: Source) -> Evidence:
    return evidence(case(), source)


@pytest.mark.parametrize(
    ("subject", "called"),
    [
        ("hr", "heart rate"),  # a short name is said in full
        ("rhythm", "heart rhythm"),  # twelve letters are short
        ("cardiac_index", "CI"),  # thirteen are not
        ("map", "MAP"),
        ("norepinephrine", "norepinephrine"),
        ("saline_0_9", "0.9 % saline"),
        ("balanced_crystalloid", "balanced crystalloid"),  # a class, as words
        ("perf.cool_clammy", "perf.cool clammy"),
    ],
)
def test_a_thing_is_called_as_a_person_calls_it(subject: str, called: str) -> None:
    """The name where it is at most twelve letters long, else the short one; a class by its words."""
    assert label(subject) == called


@pytest.mark.parametrize(
    ("subject", "value", "text"),
    [
        ("map", 61.0, "61 mmHg"),
        ("map", 61.4, "61.4 mmHg"),
        ("map", 64.9, "64.9 mmHg"),
        ("hr", 124.0, "124/min"),  # a rate stands close
        ("lactate", 3.4, "3.4 mmol/L"),
        ("lactate", 3.44, "3.44 mmol/L"),
        ("temp", 38.0, "38.0 °C"),
        ("creatinine", 1.234, "1.234 mg/dL"),
        ("gcs_total", 14.0, "14"),  # points have no unit
        ("ph_art", 7.3, "7.30"),
        ("base_excess", -0.0, "0.0 mmol/L"),  # no minus zero
        ("base_excess", -3.0, "-3.0 mmol/L"),
        ("nothing_known", 0.25, "0.25"),
    ],
)
def test_a_value_is_printed_as_it_is_charted(subject: str, value: float, text: str) -> None:
    """With the decimals and the unit of its concept."""
    assert amount(subject, value) == text


def test_a_number_as_printed() -> None:
    """The decimals asked for, half up, never minus zero."""
    assert (number(7.256, 2), number(-0.0, 1), number(12.0, 0)) == ("7.26", "0.0", "12")
    assert (number(24.5, 0), number(25.5, 0), number(38.05, 1), number(-2.55, 1)) == ("25", "26", "38.1", "-2.5")
    assert (number(24.49, 0), number(38.04, 1), number(-0.4, 0)) == ("24", "38.0", "0")


@pytest.mark.parametrize(
    ("moment", "zone", "told"),
    [
        (NOW + 9 * MINUTE, "UTC", "12:09"),
        (NOW - 12 * HOUR, "UTC", "00:00"),
        (NOW - 12 * HOUR - TICK, "UTC", "1 Mar 23:59"),
        (NOW - 62 * DAY, "UTC", "30 Dec 2025 12:00"),
        (NOW, "Europe/Berlin", "13:00"),
        (NOW - 13 * HOUR, "Europe/Berlin", "00:00"),  # of the same day there
        (NOW - 13 * HOUR, "UTC", "1 Mar 23:00"),
        (NOW, "Asia/Kathmandu", "17:45"),
    ],
)
def test_a_time_is_that_of_the_ward_with_its_day_if_that_is_not_today(moment: datetime, zone: str, told: str) -> None:
    """Hours and minutes as the clocks there show them."""
    assert clock(case(replace(chart(), zone=ZoneInfo(zone))), moment) == told


# -- the number that is shown is the number that scores

SCORED = {"rr": 0, "spo2": 0, "sbp": 0, "hr": 0, "temp": 1}
"""What scores round before they count it, and to how many decimals (reference §1.1)."""
SCORES = (news2, mews, sirs, qsofa)
NORMAL = {"rr": 16.0, "spo2": 97.0, "sbp": 120.0, "hr": 70.0, "temp": 37.0, "gcs_total": 15.0, "wbc": 8.0}


def points_of(concept: str, value: float, *, target: bool = False) -> list[tuple[int | None, ...]]:
    """What each score counts of an adult who is well but for this one value."""
    seen = chart(
        row(**(NORMAL | {concept: value})), row(o2_device="nc", acvpu="A"), setting="ward", spo2_target_88_92=target
    )
    return [tuple(part.points for part in score(seen).parts) for score in SCORES]


def test_24_5_breaths_are_shown_as_25_and_scored_so() -> None:
    """Three points of NEWS2, as of 25; 24.4 are shown as 24 and give two."""
    assert amount("rr", 24.5) == "25/min"
    assert points_of("rr", 24.5) == points_of("rr", 25.0) != points_of("rr", 24.0)
    assert amount("rr", 24.4) == "24/min"
    assert points_of("rr", 24.4) == points_of("rr", 24.0)


@given(
    concept=st.sampled_from(sorted(SCORED)),
    hundredths=st.integers(0, 30_000),
    far=st.sampled_from((0.0, 0.0, 0.001, -0.001, 1e-12)),
    target=st.booleans(),
)
def test_the_number_shown_gives_the_points_of_the_number_held(
    concept: str, hundredths: int, far: float, target: bool
) -> None:
    """Of all that a score rounds, with whichever decimals it came: who scores the card by hand gets the same."""
    value = hundredths / 100 + far
    shown = float(number(value, CONCEPTS[concept].decimals))
    assert CONCEPTS[concept].decimals == SCORED[concept]
    assert amount(concept, value).startswith(number(value, SCORED[concept]))
    assert points_of(concept, value, target=target) == points_of(concept, shown, target=target)


@pytest.mark.parametrize(
    ("concept", "code", "text"),
    [
        ("acvpu", "A", "A (alert)"), ("acvpu", "C", "C (new confusion)"), ("acvpu", "V", "V (voice)"),
        ("acvpu", "P", "P (pain)"), ("acvpu", "U", "U (unresponsive)"), ("o2_device", "nc", "nasal cannula"),
        ("o2_device", "simple", "simple mask"), ("o2_device", "venturi", "Venturi mask"),
        ("o2_device", "nrb", "reservoir mask"), ("o2_device", "hfnc", "high flow"),
        ("o2_device", "niv", "non-invasive ventilation"), ("o2_device", "imv", "ventilator"),
        ("o2_device", "trach", "tracheostomy"), ("o2_device", "air", "air"),
        ("rhythm", "atrial_fibrillation", "atrial fibrillation"),
    ],
)  # fmt: skip
def test_a_code_is_shown_in_words(concept: str, code: str, text: str) -> None:
    """Letters and abbreviations are spelled out; the others read as they are."""
    assert shown(reading(concept, code)).shown == text


def test_a_reading_is_shown_with_its_value_and_time() -> None:
    """What a monitor measured: its kind, name, value and time, and the event it came from."""
    one = reading("map", 61.0, 5 * MINUTE)
    assert shown(one) == Evidence(
        kind="reading", subject="map", label="MAP", shown="61 mmHg", at=NOW - 5 * MINUTE, ref=identity(one), value=61.0
    )
    assert shown(reading("base_excess", 0.0)).shown == "0.0 mmol/L"


def test_a_note_is_quoted() -> None:
    """The words of a note, between quotation marks, with the place where they stand."""
    one = fact("perf.cool_clammy", HOUR, value=2.0)
    assert shown(one) == Evidence(
        kind="note", subject="perf.cool_clammy", label="noted: cool clammy", shown="“said”", at=NOW - HOUR,
        ref=one.note, value=2.0, note_start=0, note_end=4,
    )  # fmt: skip
    long = shown(replace(one, words="x" * 400)).shown
    assert long == f"“{'x' * 198}”"


@pytest.mark.parametrize(
    ("action", "said", "text", "value"),
    [
        ("start", {"rate": 0.25}, "0.25 µg/kg/min", 0.25),
        ("change", {"rate": 0.0}, "0 µg/kg/min", 0.0),
        ("given", {"amount": 4.0, "unit": "mg"}, "4 mg", 4.0),
        ("given", {"amount": 20.0, "unit": "ug"}, "20 µg", 20.0),
        ("start", {"rate": 0.25, "amount": 4.0, "unit": "mg"}, "0.25 µg/kg/min", 0.25),
        ("start", {}, "running", None),
        ("change", {}, "running", None),
        ("ordered", {}, "ordered", None),
        ("given", {}, "given", None),
        ("stop", {}, "stopped", None),
        ("cancelled", {}, "cancelled", None),
    ],
)
def test_a_treatment_is_shown_by_its_rate_its_dose_or_its_state(
    action: str, said: dict[str, object], text: str, value: float | None
) -> None:
    """The rate before the dose, in the unit of each; without a number, what became of it."""
    one = treatment("norepinephrine", action, HOUR, **said)  # type: ignore[arg-type]
    assert shown(one) == Evidence(
        kind="treatment", subject="norepinephrine", label="norepinephrine", shown=text, at=NOW - HOUR,
        ref=identity(one), value=value,
    )  # fmt: skip


def test_a_treatment_of_an_item_that_is_gone_from_the_list_is_still_shown() -> None:
    """An old chart may hold a drug that the list has lost: its number stands there without a unit."""
    one = replace(treatment("norepinephrine", "start", HOUR, rate=0.25), item="gone")
    assert shown(one).shown == "0.25"


@pytest.mark.parametrize(
    ("subject", "value", "missing", "text"),
    [
        ("map", 61.66, (), "61.7 mmHg"),
        ("news2", 7.0, (), "7"),
        ("news2", 7.0, (Missing("temp"),), "at least 7"),
        ("volume", 1500.0, (), "1500"),
    ],
)
def test_a_number_worked_out_is_shown_with_what_it_came_from(
    subject: str, value: float, missing: tuple[Missing, ...], text: str
) -> None:
    """A quantity with its unit, a score bare, and at least so much where a part could not be counted."""
    below = reading("sbp", 90), reading("dbp", 48)
    made = shown(Computed(subject, value, NOW, below, missing))
    assert (made.kind, made.subject, made.label, made.at, made.value) == ("score", subject, label(subject), NOW, value)
    assert made.shown == text
    assert made.ref == " + ".join((subject, *map(identity, below)))


def test_a_reference_is_cut_and_a_forecast_names_its_origin() -> None:
    """A score of many parts keeps 400 letters of them; a forecast says how far it looks and who made it."""
    many = Computed("sofa", 9.0, NOW, tuple(reading("hr", n, n * MINUTE) for n in range(20, 60)))
    assert len(shown(many).ref) == 400
    assert shown(Forecasted("map", 58.0, HOUR, "t" * 500, NOW - MINUTE)) == Evidence(
        kind="forecast",
        subject="map",
        label="expected MAP",
        shown="58 mmHg",
        at=NOW - MINUTE,
        ref="t" * 400,
        value=58.0,
    )


def test_something_of_the_record_is_shown_as_it_says() -> None:
    """An age, an allergy: without a time, cut at 200 letters."""
    made = shown(Personal("age", "age", "7" * 300, 77.0))
    assert made == Evidence(kind="patient", subject="age", label="age", shown="7" * 200, ref="p|age", value=77.0)
    assert made.at is None


def test_evidence_comes_with_what_it_was_worked_out_from_once_each() -> None:
    """A score stands before its parts; what two of them rest on is listed once, in the order given."""
    pulse, low = reading("hr", 120), reading("map", 60)
    inner = Computed("mews", 3.0, NOW, (pulse,))
    outer = Computed("news2", 7.0, NOW, (inner, low))
    assert unfolded([outer, pulse]) == [outer, inner, pulse, low]
    assert [e.subject for e in evidences(case(), [outer, pulse])] == ["news2", "mews", "hr", "map"]


def test_the_same_event_read_twice_is_one_evidence_and_two_places_of_a_note_are_two() -> None:
    """Equal readings are one; of a note each place that says something is shown."""
    twice = [reading("map", 60), reading("map", 60)]
    assert len(evidences(case(), twice)) == 1
    said = fact("perf.mottled")
    places = [said, replace(said, start=20, end=24)]
    assert [e.note_start for e in evidences(case(), places)] == [0, 20]


def test_an_evidence_is_made_once_in_a_judgement() -> None:
    """The same source gives the same object, so that a warning of twenty rules costs one."""
    here, source = case(), reading("map", 60)
    assert evidence(here, source) is evidence(here, source)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "never measured"),
        ([reading("lactate", 1.5, 4 * HOUR + TICK)], "last 07:59, older than 4 h"),
        ([reading("lactate", 2.5, 3 * HOUR)], "last 09:00, older than 2 h"),
        ([reading("hr", 80, HOUR)], "last 11:00, older than 15 min"),
        ([reading("hr", 80, quality=Quality.SUSPECT, reason="lead off")], "suspect at 12:00: lead off"),
        ([reading("hr", 80, quality=Quality.SUSPECT)], "suspect at 12:00: not usable"),
        ([reading("hr", 80, MINUTE), reading("hr", 300, quality=Quality.ARTEFACT)], "artefact at 12:00: not usable"),
    ],
)
def test_a_need_says_why_it_is_one(rows: list[object], why: str) -> None:
    """Never measured, too old (since when, and how long it lasts), or not usable (and why not)."""
    subject = rows[-1].concept if rows else "hr"  # type: ignore[attr-defined]
    said = need(case(chart(rows)), Missing(subject))  # type: ignore[arg-type]
    assert (said.subject, said.label, said.why) == (subject, label(subject), why)


@pytest.mark.parametrize(
    ("subject", "rows", "why"),
    [
        ("gcs_total", row(gcs_e=4, gcs_m=6), "GCS V never measured"),
        ("gcs_total", row(gcs_v=5), "GCS E never measured; GCS M never measured"),
        ("gcs_total", [*row(gcs_e=4, gcs_m=6), reading("gcs_v", 5, 7 * HOUR)], "GCS V last 05:00, older than 6 h"),
        ("gcs_total", [*row(gcs_e=4, gcs_m=6), reading("gcs_v", 5, HOUR)], "its parts were not measured at one time"),
        ("gcs_total", row(gcs_e=4, gcs_v=5, gcs_m=6), "measured in parts only"),
        (
            "gcs_total",
            [*row(gcs_e=4, gcs_m=6), reading("gcs_v", 1, quality=Quality.SUSPECT, reason="intubated")],
            "GCS V suspect at 12:00: intubated",
        ),
        ("map", row(sbp=90), "DBP never measured"),
        ("map", row(dbp=50), "SBP never measured"),
        ("map", [*row(sbp=90), *row(MINUTE, dbp=50)], "its parts were not measured at one time"),
        ("map", row(2 * HOUR, sbp=90, dbp=50), "SBP last 10:00, older than 15 min; DBP last 10:00, older than 15 min"),
        ("gcs_total", [], "never measured"),
        ("map", [], "never measured"),
        ("map", row(2 * HOUR, map=70, sbp=90), "last 10:00, older than 15 min"),  # it was charted itself
        ("sbp", row(map=70), "never measured"),  # a mean has no parts that are known
        ("gcs_v", row(gcs_total=15), "never measured"),
    ],
)
def test_never_measured_is_not_said_of_what_was_measured_in_parts(subject: str, rows: list[Row], why: str) -> None:
    """Of a coma score its eyes, voice and movement, of a mean pressure the two: which of them is not known, and why."""
    assert need(case(chart(rows)), Missing(subject)).why == why


def test_what_was_charted_ahead_says_for_when() -> None:
    """It is not old, and it is not yet."""
    ahead = reading("lactate", 3.4, -10 * MINUTE)
    assert need(case(chart(ahead)), Missing("lactate")).why == "charted ahead, for 12:10"


def test_a_need_says_when_as_the_clocks_of_the_ward_do() -> None:
    """With the day where that is not today's there."""
    old = [reading("lactate", 1.5, 12 * HOUR), reading("hr", 80, quality=Quality.SUSPECT, reason="lead off")]
    here = case(replace(chart(old), zone=ZoneInfo("Pacific/Auckland")))
    assert need(here, Missing("lactate")).why == "last 2 Mar 13:00, older than 4 h"
    assert need(here, Missing("hr")).why == "suspect at 01:00: lead off"


def test_a_need_keeps_the_reason_that_it_was_given_and_no_more_than_200_letters() -> None:
    """What asked knows better; each subject is asked for once, by its first reason."""
    assert need(case(), Missing("hr", "w" * 300)).why == "w" * 200
    doubted = reading("hr", 80, quality=Quality.SUSPECT, reason="r" * 300)
    assert need(case(chart(doubted)), Missing("hr")).why == f"suspect at 12:00: {'r' * 300}"[:200]
    asked = needs(case(), [Missing("hr", "first"), Missing("map"), Missing("hr", "second")])
    assert [(n.subject, n.why) for n in asked] == [("hr", "first"), ("map", "never measured")]


def test_without_a_forecaster_nothing_is_expected_for_ever() -> None:
    """No fan, no chance, and no moment at which that changes."""
    assert NO_OUTLOOK.fan("map") == Unavailable(reason="no forecaster for map")
    assert NO_OUTLOOK.chance(parse("map below 65"), timedelta(hours=4)) == Unavailable(reason="no forecaster")
    assert NO_OUTLOOK.until == FAR > NOW + 365 * DAY


@pytest.mark.parametrize(
    ("span", "said"),
    [(15 * MINUTE, "15 min"), (HOUR, "1 h"), (75 * MINUTE, "1 h 15 min"), (375 * MINUTE, "6 h 15 min")],
)
def test_how_long_a_value_lasts_is_said_in_hours_and_minutes(span: timedelta, said: str) -> None:
    """Nobody counts to 375 minutes."""
    assert in_hours(span) == said
