"""Notes in the place of a record: what a rule hears of them, which of two that disagree holds, and what is asked for.

A story is a note, as it is read, beside what lists and feeds say; asked at 09:06.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from guidelines.book.load import load
from guidelines.evidence import NO_OUTLOOK, evidence
from guidelines.examples import moment
from guidelines.judgement import judge
from guidelines.notes.reading import read
from guidelines.rules.case import Case
from guidelines.rules.noted import GIVEN, RUNNING, SHIFT
from guidelines.rules.truth import truth
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Step, StepState, Truth
from schemas.clinical.snapshot import Snapshot
from schemas.codes.drugs import DRUGS, classes
from schemas.conditions.text import parse
from schemas.events import Note
from tests.guidelines.patients import chart

BOOK = load()
LISTED: Mapping[str, Any] = {"diagnoses": [], "allergies": []}
YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN
SECOND = timedelta(seconds=1)
Row = Mapping[str, Any]

SHOCK: Sequence[Row] = (
    {"at": "09:00", "map": 57, "sbp": 79, "dbp": 46, "hr": 119, "rr": 26, "lactate": 3.6, "method": "nibp"},
    {"at": "09:05", "map": 55, "sbp": 77, "dbp": 44, "hr": 122, "method": "nibp"},
)


def seen(*notes: str | tuple[str, str], rows: Sequence[Row] = (), **more: Any) -> Snapshot:
    """What is known at 09:06 with these notes read: each is a text of 08:30, or a text and its time."""
    made = chart("09:06", *rows, **more)
    facts: list[NoteFact] = []
    for one in notes:
        text, at = one if isinstance(one, tuple) else (one, "08:30")
        facts += read(Note(encounter="example", text=text, observed_at=moment(at), available_at=moment(at)))
    return replace(made, facts=tuple(sorted(facts, key=lambda fact: fact.effective_at)))


def asked(condition: str, snapshot: Snapshot) -> Truth:
    return truth(parse(condition), snapshot, definitions=BOOK.definitions).truth


def step_of(snapshot: Snapshot, name: str) -> Step:
    finding = next(f for f in judge(snapshot, BOOK).findings if f.guideline == "SEP")
    return next(step for step in finding.steps if step.id == name)


def asked_for(step: Step) -> dict[str, str]:
    return {need.subject: need.why for reason in step.reasons for need in reason.needs}


# -- what a note says counts


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("diagnosed heart_failure", "PMH: HFrEF, EF 20 %."),
        ("diagnosed heart_failure", "Known CHF, dry weight 70."),
        ("diagnosed dialysis", "ESRD on HD MWF."),
        ("diagnosed copd", "COPD on home oxygen."),
        ("on norepinephrine", "Levo gtt running at 6 mcg."),
        ("on any vasopressor", "Requiring escalating pressors."),
        ("on any vasopressor", "On levo @ 6."),
        ("on vasopressin", "Vaso fixed at 0.04."),
        ("on any insulin", "Insulin gtt running at 4 units/h."),
        ("given any antibacterial within 24 h", "Zosyn given at 0800."),
        ("given blood_culture within 24 h", "BCx sent x2."),
        ("given any crystalloid within 6 h", "1 L LR bolus given."),
        ("total of any crystalloid over 3 h at_least 1500 mL", "Received 2 L NS."),
        ("total of any crystalloid over 3 h at_least 30 mL/kg", "Weight 60 kg. 2 L LR given."),
        ("lvef below 40", "Echo: EF 25 %."),
        ("is pregnant", "24 weeks pregnant."),
        ("allergic penicillin with anaphylaxis", "Throat swelling with penicillin."),
    ],
)
def test_what_only_a_note_says_is_heard(condition: str, text: str) -> None:
    """Neither a list nor a feed was ever sent."""
    assert asked(condition, seen()) is not YES
    assert asked(condition, seen(text)) is YES


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("diagnosed heart_failure", "No history of CHF."),
        ("diagnosed heart_failure", "Mother has CHF."),
        ("on any vasopressor", "No pressors."),
        ("on norepinephrine", "Requiring pressors."),
        ("on dopamine", "On levo @ 6."),
        ("on norepinephrine", "May need levo if MAP falls."),
        ("given any antibacterial within 24 h", "Will start zosyn after cultures."),
        ("given meropenem within 24 h", "Zosyn given at 0800."),
        ("given any blood within 6 h", "FFP given."),
        ("total of any crystalloid over 3 h at_least 500 mL", "1 L LR ordered."),
        ("total of any crystalloid over 3 h at_least 500 mL", "UOP 900 mL over 3 h."),
    ],
)
def test_what_a_note_does_not_say_of_this_patient_now_is_not_heard(condition: str, text: str) -> None:
    """Denied, of somebody else, planned, of another drug."""
    assert asked(condition, seen(text)) is not YES


def test_a_doubt_leaves_a_diagnosis_open_also_against_a_list() -> None:
    """The list does not name it, a note thinks of it: nobody knows."""
    assert asked("diagnosed heart_failure", seen("?CHF.", patient={"diagnoses": []})) is UNKNOWN
    assert asked("diagnosed heart_failure", seen(patient={"diagnoses": []})) is NO


def test_cirrhosis_alone_leaves_open_whether_it_is_decompensated() -> None:
    """Nobody said so, and nobody denied it."""
    assert asked("diagnosed decompensated_cirrhosis", seen("Cirrhosis.", patient={"diagnoses": []})) is UNKNOWN


# -- how long, and what ends it


def test_a_word_on_an_infusion_holds_for_a_shift() -> None:
    """To the end of the twelfth hour, exclusive."""
    said_at = moment("09:06") - SHIFT
    running = "Levo gtt running at 6 mcg."
    facts = read(Note(encounter="example", text=running, observed_at=said_at, available_at=said_at))
    held = [replace(fact, effective_at=said_at + SECOND) for fact in facts]
    assert asked("on norepinephrine", replace(seen(), facts=tuple(held))) is YES
    assert asked("on norepinephrine", replace(seen(), facts=facts)) is not YES


@pytest.mark.parametrize("later", ["Levo weaned off.", "Off all pressors.", "Levophed off."])
def test_a_later_denial_ends_it(later: str) -> None:
    """The newest word counts, whichever of the two it is."""
    notes = (("On levo @ 6.", "07:00"), (later, "08:30"))
    assert asked("on norepinephrine", seen(*notes)) is not YES
    assert asked("on norepinephrine", seen(*reversed([(notes[0][0], "08:30"), (later, "07:00")]))) is YES


@pytest.mark.parametrize(
    ("reported_at", "action", "truth_now"),
    [("07:00", "stop", YES), ("08:30", "stop", NO), ("08:45", "stop", NO), ("08:45", "start", YES)],
)
def test_whichever_of_feed_and_note_speaks_last_is_believed(reported_at: str, action: str, truth_now: Truth) -> None:
    """The note is of 08:30; at the same time the feed is believed."""
    rate = {"rate": 0.1} if action == "start" else {}
    fed = [{"at": reported_at, "item": "norepinephrine", "action": action, **rate}]
    assert asked("on norepinephrine", seen("On levo @ 6.", treatments=fed)) is truth_now


def test_no_rate_is_guessed_of_an_infusion_that_a_note_tells_of() -> None:
    """Six of what, per what? The feed spoke of other things, so that silence would be zero."""
    fed = [{"at": "08:00", "item": "paracetamol", "action": "given"}]
    assert asked("rate of norepinephrine below 0.25", seen(treatments=fed)) is YES
    assert asked("rate of norepinephrine below 0.25", seen("On levo @ 6.", treatments=fed)) is UNKNOWN
    assert asked("ned below 0.25", seen("On levo @ 6.", treatments=fed)) is UNKNOWN


# -- the same fluid is counted once

AMOUNTS = st.sampled_from((250, 500, 1000, 1500, 2000))


@given(st.lists(AMOUNTS, max_size=3), st.lists(st.lists(AMOUNTS, min_size=1, max_size=3), max_size=3))
def test_of_fluid_as_reported_and_as_each_note_has_it_the_most_counts(fed: list[int], notes: list[list[int]]) -> None:
    """They tell of the same bags: never the sum of two of them."""
    given_ = [{"at": "08:00", "item": "saline_0_9", "action": "given", "amount": ml} for ml in fed]
    texts = [" ".join(f"{ml} mL LR bolus given." for ml in amounts) for amounts in notes]
    snapshot = seen(*((text, f"08:{10 + i}") for i, text in enumerate(texts)), treatments=given_)
    most = max([sum(fed), *map(sum, notes)])
    if fed or notes:
        assert asked(f"total of any crystalloid over 3 h at_least {most} mL", snapshot) is YES
        assert asked(f"total of any crystalloid over 3 h above {most} mL", snapshot) is NO


@pytest.mark.parametrize(("at", "counts"), [("06:06", NO), ("06:07", YES), ("09:05", YES)])
def test_a_noted_bolus_leaves_the_window_as_any_other(at: str, counts: Truth) -> None:
    """Three hours after it was given, to the minute."""
    fed = [{"at": "05:00", "item": "paracetamol", "action": "given"}]
    snapshot = seen(("1 L LR bolus given.", at), treatments=fed)
    assert asked("total of any crystalloid over 3 h at_least 1000 mL", snapshot) is counts


# -- where a list and a note disagree


@pytest.mark.parametrize("listed", [[], ["copd"]])
def test_a_diagnosis_that_the_list_lacks_counts_and_is_asked_for(listed: list[str]) -> None:
    """A bolus in a failing heart: small aliquots, as a note says; and somebody has to look."""
    of = {"diagnoses": listed, "allergies": []}
    bolus = step_of(seen("Pneumonia. Known CHF. Lungs clear.", rows=SHOCK, patient=of), "SEP.S4")
    assert bolus.state is StepState.MODIFIED
    assert "unconfirmed" in asked_for(bolus)["diagnoses"]
    assert "CHF" in asked_for(bolus)["diagnoses"]
    assert "08:30" in asked_for(bolus)["diagnoses"]


def test_a_diagnosis_that_a_note_denies_counts_and_is_asked_for() -> None:
    """The list says heart failure, a note says none: small aliquots, and somebody has to look."""
    of = {"diagnoses": ["heart_failure"], "allergies": []}
    bolus = step_of(seen("Pneumonia. No CHF. Lungs clear.", rows=SHOCK, patient=of), "SEP.S4")
    assert bolus.state is StepState.MODIFIED
    assert "CHF" in asked_for(bolus)["problem list"]


def test_an_allergy_that_a_note_denies_holds_and_is_asked_for() -> None:
    """NKDA in triage, anaphylaxis in the list: no penicillin."""
    of = {"diagnoses": [], "allergies": [{"substance": "penicillin", "severity": "anaphylaxis"}]}
    ordered = [{"at": "09:00", "item": "piperacillin_tazobactam", "action": "ordered"}]
    snapshot = seen("Pneumonia. NKDA.", rows=SHOCK, patient=of, treatments=ordered)
    order = next(
        step
        for finding in judge(snapshot, BOOK).findings
        for step in finding.steps
        if step.id.startswith("order:piperacillin")
    )
    assert order.state is StepState.WITHHELD
    assert "NKDA" in asked_for(order)["allergy list"]


@pytest.mark.parametrize(("recorded", "noted", "low"), [(25, 60, YES), (60, 25, YES), (60, 55, NO)])
def test_of_two_ejection_fractions_the_lower_one_holds(recorded: float, noted: int, low: Truth) -> None:
    """The safer of the record and a note; 40 % is not low."""
    snapshot = seen(f"Echo: EF {noted} %.", patient={"lvef_percent": recorded})
    assert asked("is lvef_known_low", snapshot) is low


def test_an_infusion_that_runs_by_the_feed_and_not_by_a_note_runs_and_is_asked_for() -> None:
    """Done by the record; the line quotes the note that says otherwise."""
    fed = [{"at": "07:00", "item": "norepinephrine", "action": "start", "rate": 0.2}]
    pressor = step_of(seen("Pneumonia. Levo weaned off.", rows=SHOCK, treatments=fed, patient=LISTED), "SEP.S5")
    assert pressor.state is StepState.DONE
    assert "“Levo weaned off”" in asked_for(pressor)["norepinephrine"]
    agreeing = step_of(seen("Pneumonia. On levo.", rows=SHOCK, treatments=fed, patient=LISTED), "SEP.S5")
    assert asked_for(agreeing) == {}


# -- a weight, a target


def test_a_noted_weight_doses_the_bolus_where_nobody_weighed() -> None:
    """In the step's own words, marked."""
    assert "(weight not known)" in step_of(seen("Pneumonia. No CHF.", rows=SHOCK, patient=LISTED), "SEP.S4").text
    text = step_of(seen("Pneumonia. No CHF. Weight 70 kg.", rows=SHOCK, patient=LISTED), "SEP.S4").text
    assert "2100 mL (70 kg actual weight as noted, unconfirmed)" in text


def test_a_measured_weight_holds_against_a_note() -> None:
    """A number in a note never takes the place of a measurement."""
    weighed = {"at": "06:00", "weight": 90}
    text = step_of(seen("Pneumonia. Weight 70 kg.", rows=[weighed, *SHOCK], patient=LISTED), "SEP.S4").text
    assert "2700 mL (90 kg actual weight)" in text


TARGET_VITALS: Row = {
    "at": "09:00", "rr": 16, "spo2": 89, "o2_flow": 2, "sbp": 120, "hr": 80, "temp": 37.0, "acvpu": "A",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "patient", "score"),
    [
        ("Target sats 88-92.", {}, 2),  # on oxygen, and nothing for the saturation
        ("Keep sats > 88.", {}, 5),
        ("COPD.", {}, 5),
        ("Target sats 94-98.", {}, 5),
        ("Target sats 88-92.", {"spo2_target_88_92": False}, 5),
        ("Target sats 94-98.", {"spo2_target_88_92": True}, 2),
    ],
)
def test_a_noted_target_sets_the_scale_where_the_record_is_silent(
    text: str, patient: dict[str, bool], score: int
) -> None:
    """Scale 2 only where somebody set 88–92 %; what the record says holds."""
    snapshot = seen(text, rows=[TARGET_VITALS], patient=patient)
    assert asked(f"news2 equals {score}", snapshot) is YES


def test_a_later_target_takes_the_place_of_an_earlier_one() -> None:
    """Back to 94–98 %: the first scale."""
    notes = (("Target sats 88-92.", "07:00"), ("Target sats now 94-98%.", "08:30"))
    assert asked("news2 equals 5", seen(*notes, rows=[TARGET_VITALS])) is YES


# -- how it is told


def test_a_step_that_only_a_note_says_is_done_says_so() -> None:
    """In the words of the note; a dose that was reported needs no mark."""
    told = step_of(seen("Pneumonia. Zosyn given at 0800.", rows=SHOCK, patient=LISTED), "SEP.S3a")
    assert told.state is StepState.DONE
    assert [reason.block for reason in told.reasons if reason.block == "note"] == ["note"]
    assert "unconfirmed" in asked_for(told)["treatments"]
    fed = [{"at": "08:00", "item": "cefepime", "action": "given"}]
    reported = step_of(seen("Pneumonia.", rows=SHOCK, patient=LISTED, treatments=fed), "SEP.S3a")
    assert reported.state is StepState.DONE
    assert asked_for(reported) == {}


def test_whatever_stands_for_a_drug_is_in_the_list_of_drugs() -> None:
    """A name that is in no list would stand for nothing, silently."""
    assert {*RUNNING.values(), *GIVEN.values()} <= {*DRUGS, *classes()}


def test_a_noted_weight_is_a_weight_to_who_asks_for_one() -> None:
    """The bolus needs one: with it in a note nothing is missing."""
    assert "weight" in asked_for(step_of(seen("Pneumonia. No CHF.", rows=SHOCK, patient=LISTED), "SEP.S4"))
    told = step_of(seen("Pneumonia. No CHF. Weight 70 kg.", rows=SHOCK, patient=LISTED), "SEP.S4")
    assert "weight" not in asked_for(told)


def test_what_was_done_is_told_as_it_was_asked_and_not_as_it_would_be_offered_now() -> None:
    """After anaphylaxis the step is "no penicillin"; that a note says one was given does not make that done."""
    of = {"diagnoses": [], "allergies": [{"substance": "penicillin", "severity": "anaphylaxis"}]}
    told = step_of(seen("Pneumonia. Zosyn given at 0800.", rows=SHOCK, patient=of), "SEP.S3a")
    assert told.state is StepState.DONE
    assert told.text == "Give a broad antimicrobial now"
    assert "SEP.B5s" in [reason.block for reason in told.reasons]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Known CHF.", "noted: heart failure"),
        ("Lungs clear.", "noted: no crackles"),
        ("?PNA", "noted: maybe source lung"),
    ],
)
def test_the_words_of_a_note_are_shown_with_what_they_say(text: str, label: str) -> None:
    """A denial among the reasons must not read as the finding."""
    snapshot = seen(text)
    case = Case(snapshot, NO_OUTLOOK, BOOK.rules.graph)
    assert label in [evidence(case, fact).label.replace("crackles bilat", "crackles") for fact in snapshot.facts]


def test_a_limit_that_only_a_note_knows_holds_and_is_asked_for() -> None:
    """Not for intensive care, as a note says: the vasopressor is talked about first, and the record is asked for."""
    told = step_of(seen("Pneumonia. Not for escalation to ICU.", rows=SHOCK, patient=LISTED), "SEP.S5")
    assert told.state is StepState.DISCUSS
    assert "unconfirmed" in asked_for(told)["limits of treatment"]
    recorded = {**LISTED, "limits": ["no_escalation"]}
    assert "limits of treatment" not in asked_for(step_of(seen("Pneumonia.", rows=SHOCK, patient=recorded), "SEP.S5"))


def test_a_note_makes_no_man_pregnant() -> None:
    """Whatever was read in it: of him the guidelines go on speaking."""
    assert asked("is pregnant", seen("24 weeks pregnant.", patient={"sex": "female"})) is YES
    assert asked("is pregnant", seen("24 weeks pregnant.", patient={"sex": "male"})) is NO
