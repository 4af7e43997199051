"""What is shown of each thing that a claim rests on, and what is said of what is missing."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from guidelines.evidence import NO_OUTLOOK, amount, clock, evidence, evidences, label, need, needs, number, unfolded
from guidelines.rules.answers import Computed, Forecasted, Missing, Personal, Source
from guidelines.rules.case import FAR, Case
from guidelines.rules.graph import Graph
from schemas.clinical.findings import Evidence
from schemas.clinical.forecasts import Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions.text import parse
from schemas.events import Quality, identity
from tests.knowledge.charts import DAY, HOUR, MINUTE, NOW, TICK, chart, fact, reading, treatment

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
        ("map", 61.4, "61 mmHg"),
        ("hr", 124.0, "124/min"),  # a rate stands close
        ("lactate", 3.44, "3.4 mmol/L"),
        ("temp", 38.0, "38.0 °C"),
        ("creatinine", 1.234, "1.23 mg/dL"),
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


def test_a_number_and_a_time_as_printed() -> None:
    """The decimals asked for, never minus zero; hours and minutes."""
    assert (number(7.256, 2), number(-0.0, 1), number(12.0, 0)) == ("7.26", "0.0", "12")
    assert clock(NOW + 9 * MINUTE) == "12:09"


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
        ("map", 61.66, (), "62 mmHg"),
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
