"""What makes an infection, what else explains a shock, of whom nothing is said: short stories (decision 0014).

A story is a chart at 09:06 with notes and treatments before it. What must be said of it is its class; each test is one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidelines.book.load import load
from guidelines.evaluation import evaluated
from guidelines.evidence import NO_OUTLOOK
from guidelines.examples import moment
from guidelines.judgement import judge
from guidelines.rules.case import Case
from schemas.clinical.findings import Finding, Judgement, Level, Onset, StepState, Truth
from schemas.clinical.snapshot import Snapshot
from tests.guidelines.patients import chart

BOOK = load()
Row = Mapping[str, Any]

SHOCK: Sequence[Row] = (
    {"at": "09:00", "map": 57, "sbp": 79, "hr": 119, "rr": 26, "lactate": 3.6, "method": "nibp"},
    {"at": "09:05", "map": 55, "sbp": 77, "hr": 122, "method": "nibp"},
)
CALM: Sequence[Row] = (
    {"at": "09:00", "map": 79, "sbp": 116, "hr": 112, "rr": 24, "temp": 37.1, "wbc": 9, "lactate": 1.2, "crt": 2},
    {"at": "09:05", "map": 80, "sbp": 118, "hr": 110},
)


def note(fact: str, words: str, at: str = "08:30", polarity: str = "affirmed", **more: Any) -> Row:
    return {"at": at, "fact": fact, "words": words, "polarity": polarity, **more}


def gave(item: str, at: str = "07:00", action: str = "given", **more: Any) -> Row:
    return {"at": at, "item": item, "action": action, **more}


def seen(rows: Sequence[Row], story: Sequence[Row], **patient: Any) -> Snapshot:
    notes = [row for row in story if "fact" in row]
    treatments = [row for row in story if "item" in row]
    return chart("09:06", *rows, notes=notes, treatments=treatments, patient={"allergies": [], **patient})


def of_sepsis(judgement: Judgement) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.guideline == "SEP"]


def told(rows: Sequence[Row], story: Sequence[Row], **patient: Any) -> tuple[Judgement, Finding]:
    """What is said, and what SEP says first."""
    judgement = judge(seen(rows, story, **patient), BOOK)
    return judgement, of_sepsis(judgement)[0]


def shown(finding: Finding) -> str:
    return finding.sentence.text


NOBODY_SUSPECTS = {
    "cefazolin at the induction": [gave("cefazolin", amount=2, amount_unit="g")],
    "cefazolin and a routine urine culture": [gave("cefazolin"), gave("source_culture", "06:10")],
    "vancomycin that a note calls prophylaxis": [
        note("abx.prophylaxis", "vancomycin for surgical prophylaxis", detail="vancomycin"),
        gave("vancomycin"),
        gave("blood_culture"),
    ],
    "co-trimoxazole against pneumocystis": [
        note("abx.prophylaxis", "Bactrim ppx", detail="tmp_smx"),
        gave("tmp_smx"),
    ],
    "prophylaxis that names no drug": [note("abx.prophylaxis", "periop abx prophylaxis"), gave("ampicillin_sulbactam")],
    "blood cultures alone": [gave("blood_culture")],
    "a sputum culture alone": [gave("source_culture")],
    "cultures that only a note tells of": [note("culture.sent", "pan cultured")],
    "vancomycin alone": [gave("vancomycin")],
    "antibiotics that only a note tells of": [note("abx.started", "abx hung")],
    "an antimicrobial that is only ordered": [gave("ceftriaxone", action="ordered")],
    "colonised": [note("infection.colonized", "MRSA nares +")],
    "chills": [note("infection.rigors", "shaking chills")],
    "a white count in a note": [note("infection.wbc", "WBC 15.2")],
    "nothing at all": [],
}


@pytest.mark.parametrize("story", NOBODY_SUSPECTS.values(), ids=NOBODY_SUSPECTS)
def test_a_shock_of_which_nobody_suspects_an_infection_is_said_and_not_called_septic(story: list[Row]) -> None:
    """It is critical, asks in words for what is suspected, offers no antimicrobial, and "septic" is not said."""
    judgement, first = told(SHOCK, story)
    assert (first.rule, first.level) == ("SEP.T7", Level.CRITICAL)
    assert judgement.truths["SEP.T3"] is Truth.UNKNOWN
    assert not any("septic" in shown(finding) for finding in of_sepsis(judgement))
    steps = {step.id: step for step in first.steps}
    assert "whether an infection is suspected" in steps["SEP.C1"].text
    assert not {"SEP.S3a", "SEP.S3b", "SEP.S4"} & steps.keys()


@pytest.mark.parametrize("story", NOBODY_SUSPECTS.values(), ids=NOBODY_SUSPECTS)
def test_without_shock_it_is_a_question(story: list[Row]) -> None:
    """Two signs of SIRS and no suspicion: whether an infection is suspected is asked, and nothing is claimed."""
    judgement, first = told(CALM, story)
    assert (first.rule, first.level) == ("SEP.T1.ask", Level.ASK)
    assert "is infection suspected? (write it in a note)" in shown(first)
    assert [finding.rule for finding in of_sepsis(judgement)] == ["SEP.T1.ask"]


def test_who_cultures_for_fever_suspects() -> None:
    """Fever with cultures taken warns that sepsis may be developing; at the bedside of a shock it still is no word."""
    hot = [{**CALM[0], "temp": 38.7}, CALM[1]]
    _, first = told(hot, [gave("blood_culture")])
    assert (first.rule, first.level) == ("SEP.T1", Level.WARNING)
    judgement, first = told([{**SHOCK[0], "temp": 38.7}, SHOCK[1]], [gave("blood_culture")])
    assert first.rule == "SEP.T7"
    assert judgement.truths["SEP.T3"] is Truth.UNKNOWN


TAKEN_BACK = {
    "a urinary infection, excluded": [
        note("infection.source_urine", "UTI", "06:00"),
        note("infection.sepsis", "infectious work-up negative", polarity="negated"),
        gave("ceftriaxone", "06:30"),
        gave("source_culture", "06:20"),
    ],
    "a concern for sepsis, ruled out": [
        note("infection.sepsis", "c/f sepsis", "05:00", "uncertain"),
        note("infection.sepsis", "sepsis ruled out", polarity="negated"),
    ],
    "a pair of culture and drug, stopped": [
        gave("blood_culture", "02:00"),
        gave("meropenem", "02:30"),
        note("infection.sepsis", "infection excluded, meropenem stopped", polarity="negated"),
    ],
    "line infection, then no infection": [
        note("infection.source_line", "line infection", "01:00"),
        note("infection.sepsis", "no infection", "08:59", "negated"),
    ],
    "fever and cultures, then no infection": [
        gave("blood_culture", "04:00"),
        note("infection.sepsis", "drug fever, no infection", polarity="negated"),
    ],
}


@pytest.mark.parametrize("story", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_an_infection_that_was_denied_afterwards_is_none(story: list[Row]) -> None:
    """Calm, nothing is said of sepsis, not even a question; in shock the shock is said, and septic it is not called."""
    calm = judge(seen([{**CALM[0], "temp": 38.9}, CALM[1]], story), BOOK)
    assert of_sepsis(calm) == []
    judgement, first = told(SHOCK, story)
    assert (first.rule, first.level) == ("SEP.T7", Level.CRITICAL)
    assert judgement.truths["SEP.T3"] is Truth.NO
    assert "septic" not in shown(first)


SUSPECTED_AGAIN = {
    "pneumonia after all": [note("infection.source_lung", "now RLL pneumonia", "08:50")],
    "a hedge after the denial": [note("infection.source_abdomen", "?cholangitis", "08:50", "uncertain")],
    "cultured and treated after it": [gave("blood_culture", "08:40"), gave("piperacillin_tazobactam", "08:50")],
    "the culture grows": [note("culture.positive", "GNR in blood cultures", "08:50")],
}


@pytest.mark.parametrize("story", SUSPECTED_AGAIN.values(), ids=SUSPECTED_AGAIN)
def test_what_comes_after_a_denial_counts(story: list[Row]) -> None:
    """The newest word wins in both directions: a suspicion that is newer than "no infection" is one."""
    denial = note("infection.sepsis", "no infection", "08:00", "negated")
    assert told(SHOCK, [denial, *story])[1].rule == "SEP.T3"


OTHER_CAUSES = {
    "variceal bleeding": [note("bleed.gi", "variceal bleed")],
    "haematemesis under ceftriaxone": [note("bleed.hematemesis", "hematemesis x3"), gave("ceftriaxone")],
    "a haematoma after cefazolin": [note("bleed.site", "RP hematoma"), gave("cefazolin")],
    "an infarct with cultures taken": [note("cardiac.stemi", "anterior STEMI"), gave("blood_culture")],
    "a saddle embolus": [note("img.pe", "saddle embolus")],
    "a tension pneumothorax": [note("img.ptx", "tension pneumothorax")],
    "a dissection": [note("vasc.dissection", "type A dissection")],
    "anaphylaxis": [note("shock.anaphylactic", "anaphylaxis to contrast"), gave("vancomycin")],
    "tamponade": [note("shock.obstructive", "pericardial tamponade")],
    "a failing heart, infection excluded": [
        note("cardiac.cardiogenic", "cardiogenic shock"),
        note("infection.sepsis", "no infection", polarity="negated"),
    ],
    "decompensated heart failure": [note("cardiac.adhf", "ADHF")],
    "an embolism that is only asked for": [note("img.pe", "?PE", polarity="uncertain")],
}


@pytest.mark.parametrize("story", OTHER_CAUSES.values(), ids=OTHER_CAUSES)
def test_a_shock_with_another_cause_names_it(story: list[Row]) -> None:
    """Nobody suspects an infection and a note names a cause: critical, with those words, and "septic" is not said."""
    judgement, first = told(SHOCK, story)
    assert (first.rule, first.level) == ("SEP.T8", Level.CRITICAL)
    assert story[0]["words"] in shown(first)
    assert judgement.truths["SEP.T7"] is Truth.YES
    assert not any("septic" in shown(finding) for finding in of_sepsis(judgement))
    assert [f.rule for f in of_sepsis(judgement)] == ["SEP.T8"]


def test_another_cause_without_shock_says_nothing_of_shock() -> None:
    """A bleeding patient whose pressure and lactate are normal is not called shocked."""
    judgement, _ = told(CALM, OTHER_CAUSES["variceal bleeding"])
    assert {judgement.truths[rule] for rule in ("SEP.T6", "SEP.T7", "SEP.T8")} == {Truth.NO}


BOTH: dict[str, tuple[list[Row], list[str]]] = {
    "cholangitis and a bleed": (
        [note("infection.source_abdomen", "cholangitis"), note("bleed.melena", "melena x2")],
        ["cholangitis", "melena x2"],
    ),
    "a catheter infection and an infarct": (
        [note("infection.source_urine", "CAUTI"), note("cardiac.stemi", "inferior STEMI")],
        ["CAUTI", "inferior STEMI"],
    ),
    "pneumonia or embolism, neither sure": (
        [
            note("infection.source_lung", "?PNA", polarity="uncertain"),
            note("img.pe", "r/o PE", polarity="uncertain"),
        ],
        ["?PNA", "r/o PE"],
    ),
    "cultured and treated, and bleeding": (
        [gave("blood_culture"), gave("meropenem"), note("bleed.lower", "BRBPR")],
        ["BRBPR", "blood culture"],
    ),
    "urosepsis, and a heart that fails for two reasons": (
        [
            note("infection.source_urine", "urosepsis"),
            note("cardiac.stemi", "anterior STEMI"),
            note("cardiac.cardiogenic", "cardiogenic shock"),
        ],
        ["urosepsis", "anterior STEMI", "cardiogenic shock"],
    ),
    "a skin infection and anaphylaxis to its drug": (
        [note("infection.source_skin", "cellulitis"), note("shock.anaphylactic", "anaphylactic reaction")],
        ["cellulitis", "anaphylactic reaction"],
    ),
}


@pytest.mark.parametrize(("story", "words"), BOTH.values(), ids=BOTH)
def test_a_shock_with_two_possible_causes_names_both(story: list[Row], words: list[str]) -> None:
    """One critical sentence in the place of "may be going into septic shock": the cause is not settled, both quoted."""
    judgement, first = told(SHOCK, story)
    assert (first.rule, first.level) == ("SEP.T6", Level.CRITICAL)
    assert judgement.truths["SEP.T3"] is Truth.YES
    assert "its cause is not settled" in shown(first)
    assert all(word in shown(first) for word in words)
    assert not any("septic" in shown(finding) for finding in of_sepsis(judgement))
    assert {"SEP.C1", "SEP.S3a", "SEP.S4"} <= {step.id for step in first.steps}


def test_a_cause_that_is_noted_later_sets_no_clock_back() -> None:
    """Septic shock since 08:00, an infarct noted at 09:02: what is due stays due by the first hour of the shock."""
    story = [note("infection.source_lung", "pneumonia", "07:00"), note("cardiac.stemi", "STEMI", "09:02")]
    begun = {"SEP.T3": Onset(at=moment("08:00"), ref="example")}
    first = of_sepsis(judge(seen(SHOCK, story), BOOK, onsets=begun))[0]
    due = {step.id: step.due_at for step in first.steps}
    assert first.rule == "SEP.T6"
    assert (due["SEP.S4"], due["SEP.S3a"]) == (moment("11:00"), moment("09:00"))
    assert due["SEP.C1"] == moment("09:36")


def test_septic_shock_on_a_vasopressor_yields_to_two_causes_as_well() -> None:
    """SEP.T4 holds; with a cardiogenic shock noted beside the pneumonia it is not said either."""
    story = [
        note("infection.source_lung", "pneumonia"),
        note("cardiac.cardiogenic", "cardiogenic shock"),
        gave("lactated_ringer", "06:30", amount=2200),
        gave("norepinephrine", "07:30", "start", rate=0.2),
    ]
    rows = [{"at": "09:00", "map": 68, "sbp": 96, "lactate": 3.1, "weight": 70}]
    judgement, first = told(rows, story)
    assert judgement.truths["SEP.T4"] is Truth.YES
    assert (first.rule, first.level) == ("SEP.T6", Level.CRITICAL)
    assert "“cardiogenic shock”" in shown(first)
    assert "“pneumonia”" in shown(first)


def test_a_weak_heart_before_wet_lungs_is_another_cause_and_a_weak_heart_alone_is_none() -> None:
    """As in V2 and V7: LVEF 20 % with crackles and rising oxygen is named; with clear lungs it is not."""
    oxygen: list[Row] = [{"at": "08:00", "o2_flow": 2}, {"at": "09:00", "o2_flow": 8}]
    infection = note("infection.source_urine", "urosepsis")
    wet = [infection, note("resp.crackles_bilat", "crackles to the apices")]
    clear = [infection, note("resp.crackles_bilat", "lungs clear", polarity="negated")]
    assert told([*SHOCK, *oxygen], wet, lvef_percent=20)[1].rule == "SEP.T6"
    assert told([*SHOCK, *oxygen], wet)[1].rule == "SEP.T3"
    assert told([*SHOCK, *oxygen], clear, lvef_percent=20)[1].rule == "SEP.T3"


STILL_SEPTIC = {
    "pneumonia": [note("infection.source_lung", "pneumonia")],
    "a hedge": [note("infection.sepsis", "concern for sepsis", polarity="uncertain")],
    "cultured and treated": [gave("blood_culture"), gave("cefepime")],
    "pneumonia, bleeding denied": [
        note("infection.source_lung", "pneumonia"),
        note("bleed.gi", "no GI bleed", polarity="negated"),
    ],
    "pneumonia, and cefazolin": [note("infection.source_lung", "pneumonia"), gave("cefazolin")],
    "peritonitis, and prophylaxis of something else": [
        note("infection.source_abdomen", "perforated viscus"),
        note("abx.prophylaxis", "PJP ppx", detail="tmp_smx"),
    ],
    "pneumonia, one source denied": [
        note("infection.source_lung", "pneumonia", "07:00"),
        note("infection.source_urine", "no UTI", polarity="negated"),
    ],
    "pneumonia, an embolism only asked for": [
        note("infection.source_lung", "pneumonia"),
        note("img.pe", "r/o PE", polarity="uncertain"),
    ],
    "pneumonia, a bleed of the day before yesterday": [
        note("infection.source_lung", "pneumonia"),
        note("bleed.gi", "GI bleed", "-1 09:00"),
    ],
    "pneumonia, a bleed that has stopped": [
        note("infection.source_lung", "pneumonia"),
        note("bleed.gi", "GI bleed", "03:00"),
        note("bleed.gi", "no further GI bleeding", "08:00", "negated"),
    ],
}


@pytest.mark.parametrize("story", STILL_SEPTIC.values(), ids=STILL_SEPTIC)
def test_a_suspected_infection_with_no_other_cause_is_septic_shock(story: list[Row]) -> None:
    """What a clinician suspects is not watered down: SEP.T3 speaks as ever."""
    _, first = told(SHOCK, story)
    assert (first.rule, first.level) == ("SEP.T3", Level.CRITICAL)
    assert "may be going into septic shock" in shown(first)


# -- no shock is silent, whatever was written

WORDS = st.sampled_from(
    [
        row
        for table in (NOBODY_SUSPECTS, TAKEN_BACK, SUSPECTED_AGAIN, OTHER_CAUSES, STILL_SEPTIC)
        for row in table.values()
    ]
    + [story for story, _ in BOTH.values()]
)


@given(st.lists(WORDS, max_size=3))
def test_whatever_is_noted_a_shock_is_critical_and_septic_only_where_an_infection_is_suspected(
    stories: list[list[Row]],
) -> None:
    """Any mixture of the stories: the first sentence is critical, and calls septic only what somebody suspects."""
    judgement, first = told(SHOCK, [row for story in stories for row in story])
    assert first.level is Level.CRITICAL
    assert "septic" not in shown(first) or judgement.truths["SEP.T3"] is Truth.YES
    assert [f.rule for f in of_sepsis(judgement)].count(first.rule) == 1


# -- of whom nothing is said

OUTSIDE: dict[str, tuple[list[Row], dict[str, Any]]] = {
    "pregnant, by the record": ([], {"pregnant": True}),
    "pregnant, by a note alone": ([note("ob.pregnant", "32 weeks pregnant", value=32)], {}),
    "seventeen years old": ([], {"age_years": 17.9}),
    "comfort care only, by the record": ([], {"limits": ["dnr", "comfort_care"]}),
    "comfort care only, by a note": ([note("limit.comfort_care", "CMO", "-1 20:00")], {}),
}
INSIDE: dict[str, tuple[list[Row], dict[str, Any]]] = {
    "eighteen years old": ([], {"age_years": 18}),
    "asked whether she is pregnant": ([note("ob.pregnant", "?pregnant", polarity="uncertain")], {}),
    "no longer pregnant": (
        [note("ob.pregnant", "34 weeks", "05:00"), note("ob.pregnant", "delivered", "08:00", "negated")],
        {},
    ),
    "not resuscitated, and no intensive care": ([], {"limits": ["dnr", "no_escalation"]}),
    "comfort care, taken back": (
        [note("limit.comfort_care", "CMO", "05:00"), note("limit.dnr", "full code", "08:00", "negated")],
        {},
    ),
}
SEPTIC = note("infection.source_lung", "pneumonia")


@pytest.mark.parametrize(("story", "who"), OUTSIDE.values(), ids=OUTSIDE)
def test_of_those_outside_nothing_is_said_and_that_is_known(story: list[Row], who: dict[str, Any]) -> None:
    """In septic shock with NEWS2 of 7 no step is shown, no call, no antimicrobial; the evaluation says why."""
    snapshot = seen(SHOCK, [SEPTIC, *story], **who)
    assert [f for f in judge(snapshot, BOOK).findings if f.guideline in ("SEP", "NEWS2")] == []
    case = Case(snapshot, NO_OUTLOOK, BOOK.rules.graph)
    found = {g.guideline.id: evaluated(case, g, {}) for g in BOOK.rules.guidelines}
    assert found["SEP"].is_outside
    assert found["NEWS2"].is_outside
    assert set(found["SEP"].truths.values()) == {Truth.NO}


@pytest.mark.parametrize(("story", "who"), INSIDE.values(), ids=INSIDE)
def test_of_those_inside_it_speaks(story: list[Row], who: dict[str, Any]) -> None:
    """What is only asked, was taken back, or limits no more than escalation silences nothing."""
    snapshot = seen(SHOCK, [SEPTIC, *story], **who)
    assert "SEP.T3" in {finding.rule for finding in judge(snapshot, BOOK).findings}
    case = Case(snapshot, NO_OUTLOOK, BOOK.rules.graph)
    assert not any(evaluated(case, g, {}).is_outside for g in BOOK.rules.guidelines)


@pytest.mark.parametrize(("story", "who"), OUTSIDE.values(), ids=OUTSIDE)
def test_an_order_that_would_harm_is_held_whoever_it_is_for(story: list[Row], who: dict[str, Any]) -> None:
    """Penicillin after anaphylaxis is withheld for those outside as well; nothing else is said of them."""
    order = gave("piperacillin_tazobactam", "09:00", "ordered")
    allergies = [{"substance": "penicillin", "severity": "anaphylaxis"}]
    findings = of_sepsis(judge(seen(SHOCK, [order, *story], allergies=allergies, **who), BOOK))
    assert [finding.rule for finding in findings] == ["SEP.B5"]
    assert [step.state for step in findings[0].steps] == [StepState.WITHHELD]


def test_of_the_two_times_for_an_antimicrobial_one_is_said() -> None:
    """Failing organs and poor perfusion with an infection that is only possible: now, and not within three hours."""
    rows = [*CALM, {"at": "09:00", "platelets": 90, "lactate": 4.2}]
    possible = [note("infection.source_lung", "?PNA", polarity="uncertain")]
    _, poorly = told(rows, possible)
    assert {step.id for step in poorly.steps} & {"SEP.S3a", "SEP.S3b"} == {"SEP.S3a"}
    _, calm = told([*CALM, {"at": "09:00", "platelets": 90}], possible)
    assert {step.id for step in calm.steps} & {"SEP.S3a", "SEP.S3b"} == {"SEP.S3b"}
