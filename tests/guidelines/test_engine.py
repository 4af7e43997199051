"""Three-valued truth: Kleene's laws, freshness, windows, and what would settle an open question."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from guidelines.book.load import load
from guidelines.judgement import judge
from guidelines.rules.truth import truth
from schemas.clinical.findings import Truth
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import AllOf, AnyOf, AtLeastOf, Compare, Condition, NoneOf, Op
from schemas.conditions.text import parse
from schemas.events import Quality
from tests.guidelines.patients import chart, every, measured

BOOK = load()
YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN


def asked(text: str, snapshot: Snapshot) -> Truth:
    return truth(parse(text), snapshot, definitions=BOOK.definitions).truth


def story(text: str, at: str, *rows: Any, **more: Any) -> Truth:
    return asked(text, chart(at, *rows, **more))


# -- Kleene

VITALS = ("map", "hr", "lactate", "rr", "temp")
LEAVES = st.builds(
    Compare, st.sampled_from(VITALS), st.sampled_from([Op.BELOW, Op.AT_LEAST]), st.sampled_from([2.0, 20.0, 37.0, 65.0])
)


def _combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(AllOf, parts),
        st.builds(AnyOf, parts),
        st.builds(NoneOf, parts),
        parts.flatmap(lambda p: st.builds(AtLeastOf, st.integers(1, len(p)), st.just(p))),
    )


CONDITIONS = st.recursive(LEAVES, _combined, max_leaves=8)
ROWS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from([1.0, 19.0, 36.0, 64.0, 65.0, 120.0]) for name in VITALS}
)


def value(condition: Condition, row: dict[str, float]) -> Truth:
    return truth(condition, chart("08:01", {"at": "08:00", **row})).truth


@given(CONDITIONS, CONDITIONS, ROWS)
def test_de_morgan_holds(a: Condition, b: Condition, row: dict[str, float]) -> None:
    """None of two is the same as neither of them, and not all of them the same as one of them failing."""
    assert value(NoneOf((a, b)), row) is value(AllOf((NoneOf((a,)), NoneOf((b,)))), row)
    assert value(NoneOf((AllOf((a, b)),)), row) is value(AnyOf((NoneOf((a,)), NoneOf((b,)))), row)


@given(CONDITIONS, CONDITIONS, CONDITIONS, ROWS)
def test_order_does_not_matter(a: Condition, b: Condition, c: Condition, row: dict[str, float]) -> None:
    """The parts of a combination may stand in any order, and at_least 1 and n are any_of and all_of."""
    for kind in (AllOf, AnyOf, NoneOf):
        assert value(kind((a, b, c)), row) is value(kind((c, a, b)), row)
    assert value(AtLeastOf(1, (a, b, c)), row) is value(AnyOf((a, b, c)), row)
    assert value(AtLeastOf(3, (a, b, c)), row) is value(AllOf((a, b, c)), row)


@given(CONDITIONS, ROWS, st.sampled_from(VITALS))
def test_learning_more_never_takes_an_answer_back(condition: Condition, row: dict[str, float], name: str) -> None:
    """What is YES or NO without a measurement stays so when that measurement comes in."""
    less = value(condition, {k: v for k, v in row.items() if k != name})
    assert less in (UNKNOWN, value(condition, row))


@given(CONDITIONS)
def test_nothing_known_is_nothing_decided(condition: Condition) -> None:
    """Without a single reading every condition is UNKNOWN, and each says what to measure."""
    verdict = truth(condition, chart("08:01"))
    assert verdict.truth is UNKNOWN
    assert verdict.needs


@given(CONDITIONS, ROWS)
def test_an_answer_names_its_evidence_and_a_question_its_needs(condition: Condition, row: dict[str, float]) -> None:
    """YES and NO rest on readings, UNKNOWN on what is missing."""
    verdict = truth(condition, chart("08:01", {"at": "08:00", **row}))
    assert bool(verdict.needs) is (verdict.truth is UNKNOWN)
    assert verdict.evidence or verdict.truth is UNKNOWN


MORE = {
    "map": 58.0,
    "sbp": 80.0,
    "dbp": 47.0,
    "hr": 130.0,
    "rr": 30.0,
    "spo2": 88.0,
    "temp": 39.5,
    "lactate": 5.0,
    "crt": 5.0,
    "creatinine": 2.4,
    "platelets": 80.0,
    "bilirubin": 3.0,
    "wbc": 20.0,
    "gcs_total": 13.0,
    "weight": 80.0,
}


@given(st.sets(st.sampled_from(sorted(MORE))), st.sampled_from(sorted(MORE)), st.booleans())
def test_what_the_whole_book_says_survives_more_knowledge(known: set[str], name: str, infected: bool) -> None:
    """No trigger that fires or is excluded changes its answer because something never measured is measured."""
    notes = [{"at": "07:55", "fact": "infection.level", "words": "septic"}] if infected else []

    def truths(names: set[str]) -> dict[str, Truth]:
        return dict(judge(chart("08:01", {"at": "08:00", **{n: MORE[n] for n in names}}, notes=notes), BOOK).truths)

    before, after = truths(known - {name}), truths(known | {name})
    assert {t: v for t, v in before.items() if v is not UNKNOWN}.items() <= after.items()


@given(st.sets(st.sampled_from(sorted(MORE))))
def test_unknown_never_fires(known: set[str]) -> None:
    """A finding that is no question has a trigger that is TRUE."""
    judgement = judge(chart("08:01", {"at": "08:00", **{n: MORE[n] for n in known}}), BOOK)
    assert all(judgement.truths[f.rule] is YES for f in judgement.findings if not f.rule.endswith(".ask"))
    assert all(
        judgement.truths[f.rule.removesuffix(".ask")] is UNKNOWN for f in judgement.findings if f.rule.endswith(".ask")
    )


# -- freshness, quality


def test_too_old_is_unknown_and_says_so() -> None:
    """A lactate above 2 holds for two hours, not for four."""
    late = chart("10:30", {"at": "08:00", "lactate": 3.0})
    assert asked("lactate above 2", chart("09:59", {"at": "08:00", "lactate": 3.0})) is YES
    assert asked("lactate above 2", late) is UNKNOWN
    assert truth(parse("lactate above 2"), late).needs[0].why == "last 08:00, older than 2 h"


def test_a_suspect_value_is_not_used_and_named() -> None:
    """A damped pressure neither fires nor excludes, and the need says why it is not used."""
    snapshot = replace(chart("08:01"), readings={"map": (measured("map", 50, "08:00", Quality.SUSPECT),)})
    verdict = truth(parse("map below 65"), snapshot)
    assert verdict.truth is UNKNOWN
    assert verdict.needs[0].why == "suspect at 08:00: damped line"


# -- sustained and repeated

LOW = "map below 65 for 10 min"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([60, 60, 60], YES),
        ([64.9, 64.9, 64.9], YES),
        ([65.0, 65.0, 65.0], NO),
        ([60, 66, 60], NO),
        ([70, 60, 60], NO),
        ([60, 60], UNKNOWN),
        ([60], UNKNOWN),
    ],
)
def test_sustained_needs_every_sample_and_enough_of_them(values: list[float], expected: Truth) -> None:
    """Low for ten minutes: each sample of the window, two or more of them, spanning eight minutes."""
    assert story(LOW, "08:00", *every(5, values, "map", "08:00")) is expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("09:00", 62), ("09:03", 61)], YES),
        ([("09:00", 62), ("09:02", 61)], UNKNOWN),
        ([("09:00", 62), ("09:02", 80), ("09:05", 61)], UNKNOWN),
        ([("09:00", 62), ("09:05", 70)], NO),
        ([("08:00", 62), ("09:04", 61)], UNKNOWN),
    ],
)
def test_two_cuff_readings_make_hypotension(rows: list[tuple[str, float]], expected: Truth) -> None:
    """Two low readings at least 3 min apart and none normal between make it; one alone asks to repeat it."""
    chart_rows = [{"at": at, "map": value, "sbp": 120, "method": "nibp"} for at, value in rows]
    assert story("is hypotension", "09:05", *chart_rows) is expected


def test_map_comes_from_systolic_and_diastolic_where_it_is_not_charted() -> None:
    """90/48 is a MAP of 62."""
    verdict = truth(parse("map below 65"), chart("08:01", {"at": "08:00", "sbp": 90, "dbp": 48}))
    assert verdict.truth is YES
    assert verdict.evidence[0].shown == "62 mmHg"


def test_a_fall_below_the_usual_pressure_counts() -> None:
    """A systolic pressure of 105 is low for someone whose usual one is 150, and for nobody else."""
    rows = [{"at": at, "sbp": 105, "map": 80} for at in ("08:00", "08:05")]
    assert story("is hypotension", "08:05", *rows, patient={"usual_sbp_mmhg": 150}) is YES
    assert story("is hypotension", "08:05", *rows) is NO


# -- windows, changes, trends


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max of lactate over 6 h above 4", YES),
        ("min of lactate over 6 h above 2", NO),
        ("mean of lactate over 6 h at_least 3.0", YES),
        ("count of lactate over 6 h equals 3", YES),
        ("count of lactate over 30 min equals 0", UNKNOWN),
        ("lactate falls_by 1 within 6 h", YES),
        ("lactate rises_by 1 within 6 h", NO),
        ("lactate falls_by 50 % within 6 h", YES),
        ("trend of lactate over 6 h below 0", YES),
        ("trend of hr over 6 h above 0", UNKNOWN),
        ("hr rises_by 5 within 1 h", UNKNOWN),
    ],
)
def test_windows_look_back_as_far_as_they_say(text: str, expected: Truth) -> None:
    """Aggregates, changes and trends over lactate 4.2, 3.0, 1.8 at 08:00, 10:00, 12:00, asked at 12:30."""
    rows = every(120, [4.2, 3.0, 1.8], "lactate", "12:00")
    assert story(text, "12:30" if "30 min" not in text else "12:31", *rows) is expected


# -- notes, treatments, the record

NOTED = "noted perf.mottled within 2 h"


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([], UNKNOWN),
        ([("07:30", "perf.mottled", "affirmed")], YES),
        ([("05:30", "perf.mottled", "affirmed")], NO),
        ([("07:30", "perf.mottled", "uncertain")], UNKNOWN),
        ([("07:30", "perf.mottled", "negated")], NO),
        ([("07:00", "perf.mottled", "affirmed"), ("07:30", "perf.mottled", "negated")], NO),
        ([("07:30", "resp.wob", "affirmed")], NO),
    ],
)
def test_a_note_speaks_as_of_its_newest_word(notes: list[tuple[str, str, str]], expected: Truth) -> None:
    """The newest word on a thing counts; a hedge asks; silence means something only where somebody wrote."""
    rows = [{"at": at, "fact": fact, "words": "x", "polarity": polarity} for at, fact, polarity in notes]
    assert story(NOTED, "08:00", notes=rows) is expected


TREATED = [
    {"at": "06:00", "item": "lactated_ringer", "action": "given", "amount": 1000},
    {"at": "07:00", "item": "saline_0_9", "action": "start", "rate": 1000},
    {"at": "07:30", "item": "saline_0_9", "action": "stop"},
    {"at": "06:00", "item": "plasma_lyte", "action": "start", "rate": 100},
    {"at": "03:00", "item": "norepinephrine", "action": "start", "rate": 0.3},
    {"at": "07:50", "item": "meropenem", "action": "ordered"},
    {"at": "07:00", "item": "ceftriaxone", "action": "ordered"},
    {"at": "07:10", "item": "ceftriaxone", "action": "given"},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("total of any crystalloid over 3 h equals 1500 mL", YES),
        ("total of any crystalloid over 1 h equals 500 mL", YES),
        ("total of any crystalloid over 3 h at_least 30 mL/kg", NO),
        ("on norepinephrine", YES),
        ("on any vasopressor", YES),
        ("on saline_0_9", NO),
        ("rate of norepinephrine at_least 0.25 for 4 h", YES),
        ("rate of norepinephrine at_least 0.25 for 6 h", NO),
        ("ned at_least 0.25 for 4 h", YES),
        ("ned at_least 0.25 for 6 h", NO),
        ("given any cephalosporin within 1 h", YES),
        ("given any cephalosporin within 30 min", NO),
        ("ordered any carbapenem within 1 h", YES),
        ("ordered any cephalosporin within 2 h", NO),
    ],
)
def test_treatments_are_summed_and_remembered(text: str, expected: Truth) -> None:
    """Boluses and fast infusions add up, maintenance does not; an order given is no order any more."""
    rows = {"at": "07:00", "weight": 80, "height": 178}
    assert story(text, "08:00", rows, treatments=TREATED) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max of ned over 1 h at_least 0.5", YES),
        ("max of ned over 30 min at_least 0.5", NO),
        ("min of ned over 1 h at_most 0.1", YES),
        ("ned falls_by 0.4 within 1 h", YES),
        ("ned at_most 0.1 for 30 min", YES),
        ("ned at_most 0.2", YES),
        ("mean of ned over 1 h at_least 0.1", UNKNOWN),
        ("trend of ned over 1 h below 0", UNKNOWN),
    ],
)
def test_a_rate_holds_until_the_next(text: str, expected: Truth) -> None:
    """0.5 until half an hour ago, 0.1 since: the rate at the start of a window counts, though nobody wrote it then."""
    rates = [("06:00", "start", 0.5), ("07:30", "change", 0.1)]
    rows = [{"at": at, "item": "norepinephrine", "action": action, "rate": rate} for at, action, rate in rates]
    assert story(text, "08:00", treatments=rows) is expected
    just_then = [*rows, {"at": "08:00", "item": "norepinephrine", "action": "change", "rate": 0.1}]
    assert story(text, "08:00", treatments=just_then) is expected  # at the moment of a change it does not run twice


@pytest.mark.parametrize(
    "text",
    [
        "on norepinephrine",
        "given any cephalosporin within 1 h",
        "ordered gelatin within 1 h",
        "total of any crystalloid over 3 h at_least 30 mL/kg",
        "ned at_least 0.1",
    ],
)
def test_a_silent_feed_is_not_nothing_given(text: str) -> None:
    """Where no treatment was ever reported, nothing is known of treatments."""
    assert story(text, "08:00") is UNKNOWN


def test_fluid_is_dosed_by_adjusted_weight_above_a_bmi_of_30() -> None:
    """2030 mL is 30 mL/kg of the adjusted weight of a woman of 90 kg and 160 cm (67.5 kg), not of the actual one."""
    given_ = [{"at": "07:30", "item": "lactated_ringer", "action": "given", "amount": 2030}]
    text = "total of any crystalloid over 3 h at_least 30 mL/kg"
    heavy = {"at": "07:00", "weight": 90, "height": 160}
    assert story(text, "08:00", heavy, treatments=given_, patient={"sex": "female"}) is YES
    assert story(text, "08:00", {"at": "07:00", "weight": 90, "height": 190}, treatments=given_) is NO
    assert story(text, "08:00", treatments=given_) is UNKNOWN


@pytest.mark.parametrize(
    ("text", "patient", "expected"),
    [
        ("allergic penicillin", {}, UNKNOWN),
        ("allergic penicillin", {"allergies": []}, NO),
        ("allergic penicillin", {"allergies": [{"substance": "amoxicillin", "severity": "rash"}]}, YES),
        ("allergic penicillin with anaphylaxis", {"allergies": [{"substance": "amoxicillin", "severity": "rash"}]}, NO),
        (
            "allergic penicillin with anaphylaxis",
            {"allergies": [{"substance": "penicillin", "severity": "anaphylaxis"}]},
            YES,
        ),
        ("diagnosed heart_failure", {}, UNKNOWN),
        ("diagnosed heart_failure", {"diagnoses": []}, NO),
        ("diagnosed heart_failure", {"diagnoses": ["heart_failure"]}, YES),
        ("age at_least 65", {"age_years": 65}, YES),
        ("age at_least 65", {}, UNKNOWN),
        ("lvef below 40", {"lvef_percent": 25}, YES),
    ],
)
def test_an_absent_list_is_unknown_and_an_empty_one_says_no(
    text: str, patient: dict[str, Any], expected: Truth
) -> None:
    """Allergies, problems and numbers of the record: absent is unknown, an empty list is an answer."""
    assert story(text, "08:00", patient=patient) is expected


# -- kidney, infection, oxygen


@pytest.mark.parametrize(
    ("creatinine", "patient", "stage"),
    [
        ([("-1 16:00", 1.19), ("08:00", 1.49)], {"baseline_creatinine_mg_dl": 1.19}, 1),
        ([("-1 16:00", 1.19), ("08:00", 1.48)], {"baseline_creatinine_mg_dl": 1.19}, 0),
        ([("08:00", 1.9)], {"baseline_creatinine_mg_dl": 0.9}, 2),
        ([("08:00", 1.5)], {"baseline_creatinine_mg_dl": 0.9}, 1),
        ([("-1 08:00", 4.0), ("08:00", 4.2)], {"baseline_creatinine_mg_dl": 3.8}, 0),
        ([("08:00", 2.7)], {"baseline_creatinine_mg_dl": 0.9}, 3),
        ([("-1 20:00", 0.9), ("08:00", 1.2)], {}, 1),
        ([("08:00", 2.2)], {"age_years": 60, "sex": "male", "diagnoses": []}, 2),
    ],
)
def test_kidney_injury_is_staged_by_creatinine(
    creatinine: list[tuple[str, float]], patient: dict[str, Any], stage: int
) -> None:
    """KDIGO stages of the reference's examples; 0.3 means 0.30, and stable kidney disease is no acute injury."""
    rows = [{"at": at, "creatinine": v} for at, v in creatinine]
    assert story(f"aki_stage equals {stage}", "08:30", *rows, patient=patient) is YES


@pytest.mark.parametrize(("volume", "expected"), [(40.0, NO), (39.0, YES)])
def test_urine_of_two_hours(volume: float, expected: Truth) -> None:
    """0.50 mL/kg/h of an 80 kg patient is enough, 0.49 is not; each entry covers the time since the one before."""
    rows = every(60, [50, volume, volume], "urine", "08:00")
    assert story("is hp_urine", "08:10", {"at": "05:00", "weight": 80}, *rows) is expected
    assert story("is hp_urine", "08:10", {"at": "05:00", "weight": 80}, *rows[1:]) is UNKNOWN


GRADES = ["infection_suspected", "infection_likely", "infection_only_possible"]


@pytest.mark.parametrize(
    ("notes", "treatments", "expected"),
    [
        ([], [], (UNKNOWN, UNKNOWN, UNKNOWN)),
        ([("infection.level", "affirmed")], [], (YES, YES, NO)),
        ([("infection.source_lung", "uncertain")], [], (YES, NO, YES)),
        ([("infection.level", "negated")], [], (NO, NO, NO)),
        ([("infection.rigors", "affirmed")], [], (UNKNOWN, UNKNOWN, UNKNOWN)),
        ([("infection.source_lung", "uncertain")], ["meropenem"], (YES, NO, YES)),
        ([("infection.source_lung", "uncertain")], ["blood_culture", "meropenem"], (YES, YES, NO)),
        ([], ["meropenem"], (UNKNOWN, NO, YES)),
        ([], ["blood_culture"], (UNKNOWN, NO, YES)),
        ([], ["blood_culture", "meropenem"], (YES, NO, YES)),
        ([("infection.source_lung", "uncertain"), ("abx.started", "affirmed")], [], (YES, NO, YES)),
        ([("culture.positive", "affirmed")], [], (YES, YES, NO)),
    ],
)
def test_the_level_of_infection(
    notes: list[tuple[str, str]], treatments: list[str], expected: tuple[Truth, Truth, Truth]
) -> None:
    """Said outright, or hedged with culture and treatment: probable; hedged, or the two alone: possible; one of the two
    alone: possible and not suspected; denied: unlikely."""
    snapshot = chart(
        "08:00",
        notes=[{"at": "07:30", "fact": fact, "words": "x", "polarity": p} for fact, p in notes],
        treatments=[{"at": f"07:{10 + i}", "item": item, "action": "given"} for i, item in enumerate(treatments)],
    )
    assert tuple(asked(f"is {grade}", snapshot) for grade in GRADES) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"o2_flow": 2}, {"o2_flow": 4}], YES),
        ([{"o2_flow": 2}, {"o2_flow": 3}], NO),
        ([{"fio2": 0.3}, {"fio2": 0.4}], YES),
        ([{"o2_device": "nc"}, {"o2_device": "nrb"}], YES),
        ([{"o2_device": "hfnc"}, {"o2_device": "nc"}], NO),
        ([], UNKNOWN),
    ],
)
def test_more_oxygen_within_the_hour(rows: list[dict[str, Any]], expected: Truth) -> None:
    """FiO2 up by 0.10, flow by 2 L/min or a stronger device within an hour."""
    charted = [{"at": at, **row} for at, row in zip(("07:30", "07:50"), rows, strict=False)]
    assert story("is o2_up", "08:00", *charted) is expected


def test_the_age_of_a_setting_does_not_hide_its_rise() -> None:
    """What held an hour ago is compared, however long before it was set; a rise of long ago is no rise now."""
    rows = [{"at": "03:00", "o2_flow": 2}, {"at": "07:50", "o2_flow": 6}]
    assert story("is o2_up", "08:00", *rows) is YES
    assert asked("is o2_up", replace(chart("08:00", *rows), now=chart("08:00").now + timedelta(hours=2))) is NO
