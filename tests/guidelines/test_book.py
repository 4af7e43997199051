"""The rule book refuses what does not fit, in a sentence that says what and where."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from annotated_types import MaxLen
from msgspec.structs import replace

from guidelines.book import records
from guidelines.book.check import BadBook
from guidelines.book.load import KNOWLEDGE, book_files, load, read
from guidelines.judgement import judge
from schemas.clinical.findings import Level, StepState
from schemas.frozen import to_json
from tests.guidelines.patients import chart


def files() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in book_files(KNOWLEDGE)}


def changed(old: str, new: str, name: str = "sepsis.toml") -> Callable[[], dict[str, str]]:
    def made() -> dict[str, str]:
        texts = files()
        assert old in texts[name]
        return {**texts, name: texts[name].replace(old, new, 1)}

    return made


FAULTS = [
    ("no review date", changed("reviewed = 2026-11-30\n", ""), "sepsis.toml: reviewed: Field required"),
    ("no source", changed('source = ["SEPSIS3"]\nlead', "source = []\nlead"), "SEP.T2.source: Tuple should have"),
    ("unknown source", changed('source = ["SEPSIS3"]\nlead', 'source = ["X99"]\nlead'), "SEP.T2: unknown source 'X99'"),
    (
        "unknown concept",
        changed("lactate at_least 4; all_of", "lacktate at_least 4; all_of", "definitions.toml"),
        "unknown concept 'lacktate'",
    ),
    ("unknown definition", changed("is sofa_rise", "is sofa_raise"), "SEP.T2: unknown definition 'sofa_raise'"),
    ("unknown step", changed('steps = ["SEP.S4"]', 'steps = ["SEP.S99"]'), "SEP.B1: unknown step 'SEP.S99'"),
    ("unknown trigger", changed('for = ["SEP.T4", ', 'for = ["SEP.T9", '), "SEP.S8: unknown trigger 'SEP.T9'"),
    (
        "unknown trigger whose place is taken",
        changed('instead_of = ["SEP.T7"]', 'instead_of = ["SEP.T9"]'),
        "SEP.T8: unknown trigger 'SEP.T9'",
    ),
    (
        "a quieter trigger in the place of a louder one",
        changed('values = ["news2"]\n', 'values = ["news2"]\ninstead_of = ["SEP.T3"]\n'),
        "SEP.T1: expected a level no lower than that of SEP.T3",
    ),
    ("unknown drug", changed('orders = ["gelatin"]', 'orders = ["jelly"]'), "SEP.B4g: unknown drug or class 'jelly'"),
    ("unknown field", changed("prepare = true\n", "prepared = true\n"), "SEP.S1.prepared: Extra inputs"),
    ("unreadable condition", changed("hb below 7", "hb under 7"), "cannot read the condition at column 4"),
    ("bad duration", changed('within = "60 min"', 'within = "soon"'), "expected a duration such as '60 min'"),
    ("same id twice", changed('id = "SEP.S2"', 'id = "SEP.S1"'), "SEP: SEP.S1 is defined twice"),
    ("a forecast that is loud", changed('level = "watch"', 'level = "critical"'), "SEP.T5: expected level watch"),
    ("a drug on a forecast", changed('for = ["SEP.T4", ', 'for = ["SEP.T5", '), "SEP.S8: expected prepare = true"),
    ("qSOFA as a trigger", changed("mews at_least 5", "qsofa at_least 2"), "SEP.T1: SEP.B12 forbids"),
    ("not TOML", changed("[[triggers]]", "[[triggers"), "sepsis.toml: not TOML"),
    (
        "loud of what is never withheld",
        changed('orders = ["gelatin"]', 'orders = ["gelatin"]\ngiven = "critical"'),
        "SEP.B4g: only an order that is withheld can be given all the same",
    ),
    ("a score has no past", changed("sirs at_least 2", "sirs at_least 2 for 1 h"), "SEP.T1: sirs is a score"),
]


@pytest.mark.parametrize(("made", "words"), [pytest.param(m, w, id=name) for name, m, w in FAULTS])
def test_a_faulty_file_is_refused_in_clear_words(made: Callable[[], dict[str, str]], words: str) -> None:
    """Each fault is refused, and the text names the entry and what was expected or found."""
    with pytest.raises(BadBook) as refusal:
        read(made())
    assert words in str(refusal.value)


def test_a_rule_with_one_worked_example_does_not_load() -> None:
    """A trigger needs two worked examples."""
    texts = files()
    first, *_ = texts["news2.toml"].partition("[[examples]]")
    with pytest.raises(BadBook, match=r"NEWS2\.single: expected 2 worked examples, found 0"):
        read({**texts, "news2.toml": first})


def test_every_block_that_speaks_is_shown_by_an_example() -> None:
    """Each block of steps or orders of the sepsis file is a reason in one of its examples, or has a test of its own."""
    elsewhere = {"SEP.B12", "DRG.BLPEN-SEV", "DRG.BLPEN-ASK", "DRG.CEF-DISS"}
    sepsis = next(g for g in load().guidelines if g.id == "SEP")
    shown = {block for e in sepsis.examples for block in e.reasons.values()} | {"SEP.B3"}
    assert {b.id for b in sepsis.blocks} - elsewhere <= shown


def test_the_version_is_the_content(tmp_path: Path) -> None:
    """The same files give the same version wherever they lie; one changed letter gives another."""
    shutil.copytree(KNOWLEDGE, tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere").version == load().version
    assert read(changed("Measure lactate", "Measure Lactate")()).version != load().version


def test_the_book_says_what_it_reads() -> None:
    """What a bed must keep for the rules: the parts of scores and of derived numbers too, and nothing else."""
    concepts = load().concepts
    assert {"map", "sbp", "dbp", "hr", "platelets", "pao2", "fio2", "urine", "weight", "lactate", "gcs_e"} <= concepts
    assert "icp" not in concepts


# -- what the file says of orders where no sepsis is suspected, and outside its population

BOOK = load()
SHOCKED = [{"at": "07:50", "map": 55, "lactate": 5.0}, {"at": "07:59", "map": 54}]
SEPTIC = [{"at": "07:30", "fact": "infection.level", "words": "septic"}]


@pytest.mark.parametrize(
    ("drug", "severity", "allergen", "block", "state"),
    [
        ("piperacillin_tazobactam", "anaphylaxis", "penicillin", "SEP.B5", StepState.WITHHELD),
        ("ampicillin_sulbactam", "anaphylaxis", "amoxicillin", "SEP.B5", StepState.WITHHELD),
        ("meropenem", "severe_nonIgE", "ceftriaxone", "DRG.BLPEN-SEV", StepState.WITHHELD),
        ("flucloxacillin", "unknown", "penicillin", "DRG.BLPEN-ASK", StepState.NEEDS_CHECK),
    ],
)
def test_an_allergy_speaks_without_sepsis(
    drug: str, severity: str, allergen: str, block: str, state: StepState
) -> None:
    """An order against the allergy list is a warning of its own, naming the entry."""
    patient = {"allergies": [{"substance": allergen, "severity": severity}]}
    judgement = judge(
        chart("08:00", patient=patient, treatments=[{"at": "07:55", "item": drug, "action": "ordered"}]), BOOK
    )
    (finding,) = judgement.findings
    assert (finding.rule, finding.level, finding.steps[0].state) == (block, Level.WARNING, state)
    assert severity.replace("_", " ") in " ".join(e.shown for e in finding.evidence)


@pytest.mark.parametrize(("drug", "found"), [("meropenem", []), ("ceftriaxone", ["soft"]), ("amoxicillin", ["hard"])])
def test_after_penicillin_anaphylaxis(drug: str, found: list[str]) -> None:
    """A carbapenem passes, a cephalosporin of another side chain is shown with a warning, a penicillin is withheld."""
    snapshot = chart(
        "08:00",
        *SHOCKED,
        notes=SEPTIC,
        treatments=[{"at": "07:55", "item": drug, "action": "ordered"}],
        patient={"allergies": [{"substance": "penicillin", "severity": "anaphylaxis"}]},
    )
    loudest = judge(snapshot, BOOK).findings[0]
    assert [r.severity for s in loudest.steps if s.id.startswith("order:") for r in s.reasons] == found


def test_a_note_can_bear_an_allergy_and_a_limit() -> None:
    """Without an allergy list an old note of anaphylaxis withholds the penicillin; "no pressors" makes them a talk."""
    notes = [
        *SEPTIC,
        {"at": "07:30", "fact": "allergy.anaphylaxis", "words": "Anaphylaxis to PCN", "detail": "penicillin"},
        {"at": "07:30", "fact": "limit.no_escalation", "words": "no pressors"},
    ]
    order = {"at": "07:55", "item": "ampicillin", "action": "ordered"}
    steps = {s.id: s for s in judge(chart("08:00", *SHOCKED, notes=notes, treatments=[order]), BOOK).findings[0].steps}
    assert steps["order:ampicillin@2026-01-02T07:55:00"].reasons[0].evidence[0].shown == "“Anaphylaxis to PCN”"
    assert steps["SEP.S5"].state is StepState.DISCUSS
    assert "limit" in {r.block for r in steps["SEP.S5"].reasons}


@pytest.mark.parametrize("patient", [{"age_years": 12}, {"pregnant": True}])
def test_outside_its_population_nothing_speaks(patient: dict[str, object]) -> None:
    """Adults who are not pregnant: of others the book says nothing."""
    snapshot = chart("08:00", *SHOCKED, notes=SEPTIC, patient=patient)
    assert judge(snapshot, BOOK).findings == ()


def test_a_cancelled_order_is_forgotten() -> None:
    """A withheld order disappears once it is cancelled."""
    order = {"at": "07:55", "item": "hydroxyethyl_starch", "action": "ordered"}
    snapshot = chart(
        "08:00", *SHOCKED, notes=SEPTIC, treatments=[order, {**order, "at": "07:58", "action": "cancelled"}]
    )
    assert not [s for f in judge(snapshot, BOOK).findings for s in f.steps if s.id.startswith("order:")]


def test_a_ticked_step_is_done() -> None:
    """What a person ticked is done, at the time of the tick."""
    snapshot = chart("08:00", *SHOCKED, notes=SEPTIC)
    ticked = replace(snapshot, steps_done={"SEP.S10": snapshot.now})
    step = next(s for s in judge(ticked, BOOK).findings[0].steps if s.id == "SEP.S10")
    assert (step.state, step.done_at) == (StepState.DONE, snapshot.now)


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    """Judging twice gives identical findings, evidence and sentences, also from another load of the book."""
    snapshot = chart("08:00", *SHOCKED, notes=SEPTIC, patient={"sex": "male"})
    first = [to_json(f) for f in judge(snapshot, BOOK).findings]
    assert first == [to_json(f) for f in judge(snapshot, load()).findings]
    assert len(first) >= 1


# -- how long a text may be

LENGTHS = {
    ("StepRule", "text"): 400,
    ("StepRule", "passage"): 600,
    ("Block", "text"): 400,
    ("Block", "change"): 400,
    ("Block", "instead"): 300,
    ("Block", "passage"): 600,
}


def test_a_text_of_a_rule_has_its_greatest_length() -> None:
    """What a card and a checklist can show; no text is without one here, and none has another."""
    found = {
        (model.__name__, name): limit.max_length
        for model in (records.StepRule, records.Block, records.Trigger, records.Guideline)
        for name, field in model.model_fields.items()
        for limit in field.metadata
        if isinstance(limit, MaxLen)
    }
    assert found == LENGTHS
