"""The linter of sentences: each fault is caught, what comes near it passes; no sentence of a random chart has one."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from guidelines.book.compiled import Rules
from guidelines.book.load import Book
from guidelines.evaluation import evaluated
from guidelines.evidence import NO_OUTLOOK
from guidelines.findings import Telling
from guidelines.lint import faults, unbound
from guidelines.rules.case import Case
from guidelines.rules.kinds import quantity
from guidelines.wording import TIME
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Evidence, Finding, Sentence
from schemas.clinical.snapshot import Snapshot
from schemas.events import Patient, Quality, Reading, Treatment, identity
from schemas.local_time import clock_and_day
from streams.core.bed import snapshot
from tests.guidelines.histories import CODED, NUMERIC, Oracle, books, facts_as_drawn, histories, real
from tests.guidelines.test_kept import History, instants
from tests.knowledge.charts import HOUR, MINUTE, NOW, TICK, Chart, Row, chart, fact, reading, treatment

# Within two minutes even where `HYPOTHESIS_PROFILE=search` looks further.
some, few = (settings(max_examples=max(settings().max_examples // share, 5)) for share in (2, 20))

LOW, OLD, FAST, CALM = reading("map", 61), reading("map", 78, 5 * MINUTE), reading("hr", 124), reading("hr", 80)
LACTATE, STALE = reading("lactate", 4.4, HOUR), reading("temp", 39.0, 5 * HOUR)
SEEN = chart(LOW, OLD, FAST, LACTATE, STALE)


def of(one: Reading, shown: str, **more: Any) -> Evidence:
    """A reading as evidence."""
    made = Evidence(
        kind="reading", subject=one.concept, label=one.concept, shown=shown, at=one.observed_at, ref=identity(one),
        value=one.value,
    )  # fmt: skip
    return replace(made, **more)


def when(one: Reading, shown: str | None = None) -> Evidence:
    """The time of a reading as evidence."""
    told = clock_and_day(one.observed_at, NOW, ZoneInfo("UTC")) if shown is None else shown
    return of(one, told, label=TIME, value=None)


def score(subject: str, shown: str, value: float, at: datetime = NOW) -> Evidence:
    return Evidence(kind="score", subject=subject, label=subject, shown=shown, at=at, ref=f"{subject} + r", value=value)


def worked_out(*parts: Reading) -> str:
    """The reference of what was worked out from these."""
    return " + ".join(("x", *map(identity, parts)))


def found(template: str, *evidence: Evidence, seen: Snapshot = SEEN) -> list[str]:
    return faults(Sentence(template=template, evidence=evidence), seen)


MAP, WAS, HR, ACID = of(LOW, "61 mmHg"), of(OLD, "78 mmHg"), of(FAST, "124/min"), of(LACTATE, "4.4 mmol/L")
NOTED = Evidence(
    kind="note", subject="perf.cool", label="noted: cool", shown="“cool, since 9”", at=NOW - HOUR, ref="n|1",
    note_start=0, note_end=13,
)  # fmt: skip


# -- numbers


def item(shown: str, value: float | None, **more: Any) -> Evidence:
    return replace(MAP, shown=shown, value=value, **more)


@pytest.mark.parametrize(
    ("template", "evidence", "loose"),
    [
        ("MAP {0}.", (item("61 mmHg", 61.0),), []),
        ("MAP {0} at {1}.", (item("61 mmHg", 61.0), when(LOW)), []),
        ("NEWS2 {0}.", (score("news2", "8", 8.0),), []),
        ("NEWS2 {0}.", (score("news2", "at least 8", 8.0),), []),
        ("MAP 61 mmHg.", (), ["61"]),
        ("MAP {0} for 15 minutes.", (item("61 mmHg", 61.0),), ["15"]),
        ("MAP {0}.", (item("61 mmHg", 78.0),), ["61"]),
        ("MAP {0}.", (item("61 mmHg", 61.5),), []),  # half a unit of its last decimal, and a little more
        ("MAP {0}.", (item("61 mmHg", 61.51),), ["61"]),
        ("MAP {0}.", (item("61 mmHg", None),), ["61"]),
        ("MAP {0}.", (item("61 mmHg", 61.0, ref=""),), ["61"]),
        ("Lactate {0}.", (item("3.4 mmol/L", 3.45, subject="lactate"),), []),
        ("Lactate {0}.", (item("3.4 mmol/L", 3.452, subject="lactate"),), ["3.4"]),
        ("At {0}.", (when(OLD, "14:20"),), ["14", "20"]),
        ("At {0}.", (item("12:00", None),), ["12", "00"]),  # a time that does not say that it is one
        ("At {0}.", (replace(when(LOW), ref=""),), ["12", "00"]),
        ("At {0}.", (replace(when(LOW), at=None),), ["12", "00"]),
        ("At {0}.", (when(LOW, "2 Mar 12:00"),), []),
        ("At {0}.", (when(LOW, "31 Dec 2025 12:00"),), []),
        ("At {0}.", (when(LOW, "02:00 UTC+2"),), []),  # in the night that clocks are put back
        ("At {0}.", (when(LOW, "02:15 UTC-3:30"),), []),
        ("At {0}.", (when(LOW, "3 or 12:00"),), ["3", "12", "00"]),
        ("MAP {1}.", (item("61 mmHg", 61.0),), ["{1}"]),
        ("{0}", (NOTED,), []),
        ("{0}", (replace(NOTED, note_start=None),), ["9"]),
        ("{0}", (replace(NOTED, ref=""),), ["9"]),
        ("{0}", (replace(NOTED, shown="cool, since 9"),), ["9"]),
    ],
)
def test_a_number_that_nothing_bears_is_found(template: str, evidence: tuple[Evidence, ...], loose: list[str]) -> None:
    """A number in the template, one that differs from its evidence, a wrong time, an empty slot: each is found."""
    made = Sentence(template=template, evidence=evidence)
    assert unbound(made) == loose
    assert (faults(made, SEEN)[:1] == [f"not bound: {loose[0]}"]) if loose else True


# -- times


@pytest.mark.parametrize(
    ("template", "evidence", "wrong"),
    [
        ("MAP {0} at {1}.", (MAP, when(LOW)), []),
        ("MAP {0}.", (MAP,), ["no time: 61 mmHg"]),
        ("MAP {0}.", (MAP, when(LOW)), ["no time: 61 mmHg"]),  # its time is in no slot
        ("MAP {0} at {1}.", (MAP, when(LACTATE)), ["no time: 61 mmHg"]),  # the time of another
        ("MAP {0}, heart rate {1} at {2}.", (MAP, HR, when(FAST)), []),  # two of one time
        ("MAP {0}, lactate {1} at {2}.", (MAP, ACID, when(LOW)), ["no time: 4.4 mmol/L"]),
        ("MAP {0} at {1}; lactate {2} at {3}.", (MAP, when(LOW), ACID, when(LACTATE)), []),
        ("MAP {0} at {1}; heart rate {2}.", (MAP, when(LOW), HR), ["no time: 124/min"]),  # it stands in another part
        ("MAP {0} at {1}. Heart rate {2}.", (MAP, when(LOW), HR), ["no time: 124/min"]),
        ("Worse between {0} and {1} (MAP {2} → {3}).", (when(OLD), when(LOW), WAS, MAP), []),
        ("Worse (MAP {0} → {1} between {2} and {3}).", (WAS, MAP, when(OLD), when(LOW)), []),
        ("Low (MAP {0} at {1}; lactate {2} at {3}).", (MAP, when(LOW), ACID, when(LACTATE)), []),
        ("Low (MAP {0} at {1}; heart rate {2}).", (MAP, when(LOW), HR), ["no time: 124/min"]),
        ("Worse since {0} (MAP {1} → {2}).", (when(OLD), WAS, MAP), ["no time: 61 mmHg"]),
        ("Worse until {0} (MAP {1} → {2}).", (when(LOW), WAS, MAP), ["no time: 78 mmHg"]),
        ("NEWS2 {0}.", (score("news2", "8", 8.0),), ["no time: 8"]),
        ("NEWS2 {0} at {1}.", (score("news2", "8", 8.0), when(LOW)), []),
        ("{0} noted.", (NOTED,), ["no time: “cool, since 9”"]),
        ("{0} noted at {1}.", (NOTED, when(LACTATE)), []),
        (
            "Age {0}.",
            (Evidence(kind="patient", subject="age", label="age", shown="62 years", ref="p", value=62.0),),
            [],
        ),
    ],
)
def test_a_number_without_its_time_is_found(template: str, evidence: tuple[Evidence, ...], wrong: list[str]) -> None:
    """Its own, in its own part of the sentence; only what is true of a person has none."""
    assert found(template, *evidence) == wrong


@pytest.mark.parametrize(
    ("zone", "told", "wrong"),
    [
        ("UTC", "12:00", []),
        ("Europe/Berlin", "13:00", []),
        ("Europe/Berlin", "12:00", ["no time: 61 mmHg", "no time here: 12:00"]),  # right in another place
        ("Europe/Berlin", "2 Mar 13:00", ["no time: 61 mmHg", "no time here: 2 Mar 13:00"]),  # today is not said
        ("Pacific/Auckland", "01:00", []),
    ],
)
def test_a_time_of_other_clocks_than_those_of_the_ward_is_found(zone: str, told: str, wrong: list[str]) -> None:
    """In UTC on a ward in Berlin, or with a day that is today's."""
    here = replace(SEEN, zone=ZoneInfo(zone))
    assert found("MAP {0} at {1}.", MAP, when(LOW, told), seen=here) == wrong


def test_the_time_of_another_day_bears_it() -> None:
    """A lactate of the evening before, and one of today."""
    late = reading("lactate", 4.4, 13 * HOUR)
    seen, value = chart(late, setting="ward"), of(late, "4.4 mmol/L")
    assert found("Lactate was {0} at {1}.", value, when(late, "1 Mar 23:00"), seen=seen) == []
    assert found("Lactate was {0} at {1}.", value, when(late, "23:00"), seen=seen) == [
        "no time: 4.4 mmol/L", "no time here: 23:00",
    ]  # fmt: skip


# -- the present


@pytest.mark.parametrize(
    ("template", "is_wrong"),
    [("Temp {0} at {1}.", True), ("Temp was {0} at {1}.", False), ("Temp (was) {0} at {1}.", True),
     ("It was so: Temp {0} at {1}.", True)],
)  # fmt: skip
def test_a_present_tense_over_a_stale_value_is_found(template: str, is_wrong: bool) -> None:
    """A temperature of five hours ago was so; that something else was does not put it into the past."""
    wrong = ["told as present: temp 39.0 °C"] if is_wrong else []
    assert found(template, of(STALE, "39.0 °C"), when(STALE)) == wrong


@pytest.mark.parametrize(("ago", "is_wrong"), [(15 * MINUTE, False), (15 * MINUTE + TICK, True)])
def test_a_value_is_present_as_long_as_it_is_valid(ago: timedelta, is_wrong: bool) -> None:
    """A heart rate in the ICU for a quarter of an hour, to the microsecond."""
    one = reading("hr", 124, ago)
    wrong = ["told as present: hr 124/min"] if is_wrong else []
    assert found("Heart rate {0} at {1}.", of(one, "124/min"), when(one), seen=chart(one)) == wrong


def test_a_value_that_a_newer_one_has_replaced_is_found() -> None:
    """MAP 78 of five minutes ago is not the MAP now; as what was before it stands at the tail of an arrow."""
    assert found("MAP {0} at {1}.", WAS, when(OLD)) == ["told as present: map 78 mmHg"]
    assert found("MAP was {0} at {1}.", WAS, when(OLD)) == []
    assert found("MAP {0} → {1} between {2} and {3}.", WAS, MAP, when(OLD), when(LOW)) == []
    assert found("MAP {1} → {0} between {2} and {3}.", WAS, MAP, when(OLD), when(LOW)) == [
        "told as present: map 78 mmHg"
    ]


def test_a_value_that_was_never_charted_or_is_an_artefact_is_found() -> None:
    """Nobody measured it; or nobody believes it."""
    assert found("RR {0} at {1}.", of(reading("rr", 25), "25/min"), when(LOW)) == ["told as present: rr 25/min"]
    doubtful = reading("map", 30, quality=Quality.ARTEFACT)
    seen = chart(OLD, doubtful)
    assert found("MAP {0} at {1}.", of(doubtful, "30 mmHg"), when(doubtful), seen=seen) == [
        "told as present: map 30 mmHg"
    ]
    assert found("MAP {0} at {1}.", WAS, when(OLD), seen=seen) == []


def test_a_mean_that_was_worked_out_is_replaced_by_a_newer_one_and_grows_old_with_its_parts() -> None:
    """Out of SBP and DBP of noon; a mean charted after them is the newer one."""
    parts = [reading("sbp", 83, 5 * MINUTE), reading("dbp", 50, 5 * MINUTE)]
    mean, at = replace(score("map", "61 mmHg", 61.0, parts[0].observed_at), ref=worked_out(*parts)), when(parts[0])
    assert found("MAP {0} at {1}.", mean, at, seen=chart(parts)) == []
    assert found("MAP {0} at {1}.", mean, at, seen=chart(parts, reading("map", 70))) == ["told as present: map 61 mmHg"]
    for ago in (5, 6):  # a mean of its own from the same instant is no newer one
        assert found("MAP {0} at {1}.", mean, at, seen=chart(parts, reading("map", 70, ago * MINUTE))) == []
    later = Chart(parts).seen(NOW + HOUR)
    assert found("MAP {0} at {1}.", mean, at, seen=later) == ["told as present: map 61 mmHg"]
    assert found("MAP was {0} at {1}.", mean, at, seen=later) == []
    assert found("MAP {0} at {1}.", mean, at, seen=chart(parts[:1])) == ["told as present: map 61 mmHg"]


def test_a_mean_by_cuff_is_valid_as_long_as_a_cuff_is() -> None:
    """An hour, whatever another device said beside it that counts for less; by the line a quarter of one."""
    for method, is_wrong in (("nibp", False), ("invasive", True)):
        parts = [reading(name, value, 20 * MINUTE, method=method) for name, value in (("sbp", 83), ("dbp", 50))]
        beside = reading("dbp", 70, 20 * MINUTE)
        mean = replace(score("map", "61 mmHg", 61.0, parts[0].observed_at), ref=worked_out(*parts))
        wrong = ["told as present: map 61 mmHg"] if is_wrong else []
        assert found("MAP {0} at {1}.", mean, when(parts[0]), seen=chart(parts, beside)) == wrong


# -- reasons


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("It is so (heart rate {0} at {1}).", ["normal, given as a reason: hr 80/min"]),
        ("Known: heart rate {0} at {1}.", []),  # what is known is no reason
    ],
)
def test_a_normal_value_as_a_reason_is_found(template: str, wrong: list[str]) -> None:
    """In brackets behind a claim it would be one."""
    assert found(template, of(CALM, "80/min"), when(CALM), seen=chart(CALM)) == wrong


@pytest.mark.parametrize(("concept", "value", "shown", "normal"), [
    ("hr", 100.0, "100/min", True), ("hr", 100.1, "100/min", False), ("hr", 60.0, "60/min", True),
    ("hr", 59.9, "60/min", False), ("crt", 2.0, "2.0 s", True), ("crt", 2.1, "2.1 s", False),
    ("uo_rate_2h", 0.5, "0.50 mL/kg/h", True), ("uo_rate_2h", 0.4, "0.40 mL/kg/h", False),
    ("weight", 80.0, "80.0 kg", False),  # nothing is normal of a weight
])  # fmt: skip
def test_the_edges_of_normal_are_normal(concept: str, value: float, shown: str, normal: bool) -> None:
    """As the list of concepts has them; open to one side where it is."""
    one = reading(concept, value)
    seen = chart(one)
    wrong = [f"normal, given as a reason: {concept} {shown}"] if normal else []
    assert found("It is so ({0} at {1}).", of(one, shown), when(one), seen=seen) == wrong


@pytest.mark.parametrize(("letter", "shown", "normal"), [("A", "A (alert)", True), ("V", "V (voice)", False)])
def test_who_is_awake_is_no_reason(letter: str, shown: str, normal: bool) -> None:
    """Of the letters of consciousness A alone is normal."""
    one = reading("acvpu", letter)
    assert bool(found("It is so ({0} at {1}).", of(one, shown), when(one), seen=chart(one))) is normal


def test_a_normal_value_before_an_arrow_or_beside_what_is_usual_is_no_fault() -> None:
    """It was normal before, that is the news; and 112 mmHg is low where 155 mmHg is usual, of the record's own kind."""
    template = "Worse between {2} and {3} (MAP {0} → {1})."
    assert found(template, WAS, MAP, when(OLD), when(LOW)) == []
    systolic = reading("sbp", 112)
    seen, low = chart(systolic), (of(systolic, "112 mmHg"), when(systolic))
    own = Evidence(kind="patient", subject="usual_sbp", label="usual", shown="155 mmHg", ref="p|usual_sbp", value=155.0)
    assert found("It is so (SBP {0} at {1}).", *low, seen=seen) == ["normal, given as a reason: sbp 112 mmHg"]
    assert found("It is so (SBP {0} at {1}). Usual {2}.", *low, own, seen=seen) == []
    other = replace(own, subject="baseline_creatinine")
    assert found("It is so (SBP {0} at {1}). Usual {2}.", *low, other, seen=seen) != []


def test_a_score_is_a_reason_at_every_number() -> None:
    """What is normal of it, its rule says."""
    assert found("It is so (NEWS2 {0} at {1}).", score("news2", "3", 3.0), when(LOW)) == []


# -- whatever is charted

ZONES = st.sampled_from([ZoneInfo(z) for z in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Los_Angeles")])
AGO = st.sampled_from((0, 0, 0, 0.5, 1, 2, 3, 5, 10, 14, 15, 15.5, 20, 29, 30, 45, 60, 61, 70, 120, 240, 720, 1400, -1))
SIGNS = ("map", "map", "sbp", "hr", "lactate", "rr", "spo2", "temp", "crt") * 4
SAID: tuple[NoteFact | Treatment, ...] = (
    fact("infection.level", 90 * MINUTE, "uncertain"), fact("perf.mottled", 50 * MINUTE), fact("bleed.gi", HOUR),
    fact("resp.crackles_bilat", 20 * MINUTE), treatment("norepinephrine", "start", 2 * HOUR, rate=0.1),
    treatment("lactated_ringer", "given", 3 * HOUR, amount=2500.0), treatment("meropenem", "ordered", 20 * MINUTE),
)  # fmt: skip
SEPTIC = fact("infection.level", 30 * MINUTE, detail="definite")
PRESSURES = ("map", "sbp", "dbp")


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """A septic patient mostly, with readings by line and cuff of the last hours, some of one instant, some doubtful."""
    rows: list[Row] = [
        *draw(st.lists(st.sampled_from(SAID), max_size=5, unique_by=id)),
        *[SEPTIC] * draw(st.booleans()),
    ]
    for _ in range(draw(st.integers(3, 24))):
        name, ago = draw(st.sampled_from((*SIGNS, *NUMERIC, *CODED))), draw(AGO) * MINUTE
        method = draw(st.sampled_from((None, "nibp", "nibp", "invasive"))) if name in PRESSURES else None
        quality = draw(st.sampled_from((Quality.OK,) * 6 + (Quality.SUSPECT,)))
        more = draw(st.sampled_from((0.0, 0.0, 0.5, 0.45, 0.04)))
        said: str | float = (
            draw(st.sampled_from(CODED[name])) if name in CODED else draw(st.sampled_from(NUMERIC[name])) + more
        )
        rows.append(reading(name, said, ago, method=method, quality=quality))
        if name == "sbp" and draw(st.booleans()):
            rows.append(reading("dbp", draw(st.sampled_from(NUMERIC["dbp"])), ago, method=method))
    patient = Patient(
        sex=draw(st.sampled_from((None, "male", "female"))),
        usual_sbp_mmhg=draw(st.sampled_from((None, 150.0))),
        allergies=(),
    )
    return Chart(rows, patient, draw(st.sampled_from(("icu", "ward"))))


def without_fault(case: Case, rules: Rules, said: dict[str, Finding]) -> None:
    """All that is told at one instant, of what is and of what was `said` before, passes the linter."""
    onsets = {finding.rule: finding.onset for finding in said.values()}
    for guideline in rules.guidelines:
        speaking, before = evaluated(case, guideline, onsets).speaking, said.get(guideline.guideline.id)
        telling = Telling(case, guideline, onsets, real().worse, before)
        telling.begins(speaking)
        told = [telling.finding(one) for one in speaking]
        if before is not None:
            told.append(telling.past(before, "it cannot be seen now"))
        for finding in told:
            assert faults(finding.sentence, case.snapshot) == [], f"{case.now}: {finding.sentence.text}"
        if speaking:
            said[guideline.guideline.id] = told[0]


@some
@given(charts(), ZONES, st.booleans())
def test_no_sentence_about_a_random_chart_has_a_fault(made: Chart, zone: ZoneInfo, foretold: bool) -> None:
    """Warnings, questions and what was, by the real rules, now and as the hours pass without news."""
    said: dict[str, Finding] = {}
    rules = real().rules
    for later in (0 * MINUTE, 16 * MINUTE, 90 * MINUTE, 7 * HOUR, 30 * HOUR):
        seen = replace(made.seen(NOW + later), zone=zone)
        case = Case(seen, Oracle(int(later / MINUTE), NOW) if foretold else NO_OUTLOOK, rules.graph)
        without_fault(case, rules, said)


@few
@given(st.one_of(st.builds(real), books()), histories(), ZONES)
def test_no_sentence_of_a_random_stay_has_a_fault(book: Book, history: History, zone: ZoneInfo) -> None:
    """Events late, corrected and withdrawn, under the real rules and made-up ones."""
    said: dict[str, Finding] = {}
    with facts_as_drawn():
        for bed, instant in instants(history, book.rules.graph.reads):
            case = Case(snapshot(bed, instant.at, zone), Oracle(3, instant.at), book.rules.graph)
            without_fault(case, book.rules, said)


def test_a_mean_too_old_is_not_known_by_a_younger_systolic() -> None:
    """A MAP of the line counts for a quarter of an hour, though the cuff's systolic of then counts for longer."""
    line, cuff = reading("map", 44, 20 * MINUTE, method="invasive"), reading("sbp", 90, 20 * MINUTE, method="nibp")
    assert quantity(Case(chart(line, cuff), NO_OUTLOOK, real().rules.graph), "map").sources == ()
