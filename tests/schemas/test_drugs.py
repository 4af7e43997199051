"""The closed list of drugs, fluids, samples and procedures is sound and classed as the rules need it."""

import pickle
import re
from collections import Counter

import pytest

from schemas.codes.drugs import DRUGS, UnknownDrug, classes, drug, drugs_of

# Reference, table 2.7: drug, RxNorm form, canonical rate, hard limit.
INFUSIONS = [
    ("norepinephrine", "1745276", "ug/kg/min", 5),
    ("epinephrine", "1660013", "ug/kg/min", 3),
    ("vasopressin", "2103181", "U/min", 0.2),
    ("phenylephrine", "1666371", "ug/kg/min", 15),
    ("dopamine", "1743862", "ug/kg/min", 50),
    ("dobutamine", "1812167", "ug/kg/min", 50),
    ("milrinone", "1791839", "ug/kg/min", 1.5),
    ("angiotensin II", "1999010", "ng/kg/min", 200),
    ("nitroglycerin", "1868493", "ug/min", 400),
    ("nicardipine", "1791339", "mg/h", 30),
    ("esmolol", "1736540", "ug/kg/min", 400),
    ("labetalol", "2477888", "mg/min", 8),
    ("diltiazem", "1791228", "mg/h", 30),
    ("amiodarone", "1663223", "mg/min", 15),
    ("propofol", "1808216", "ug/kg/min", 300),
    ("midazolam", "94517", "mg/h", 50),
    ("dexmedetomidine", "1718901", "ug/kg/h", 3),
    ("ketamine", "372528", "mg/kg/h", 10),
    ("fentanyl", "1735002", "ug/h", 1000),
    ("morphine", "1728776", "mg/h", 100),
    ("cisatracurium", "1730193", "ug/kg/min", 20),
    ("insulin regular", "2179743", "U/h", 100),
    ("heparin", "1857598", "U/h", 5000),
    ("potassium chloride", "1860131", "mmol/h", 40),
    ("furosemide", "204154", "mg/h", 80),
]


@pytest.mark.parametrize(("name", "rxnorm", "unit", "limit"), INFUSIONS)
def test_each_infusion_is_that_of_the_reference(name: str, rxnorm: str, unit: str, limit: float) -> None:
    """Code, canonical rate and hard limit follow table 2.7; the limit itself is plausible, more is not."""
    found = drug(name)
    assert (found.rxnorm, found.rate_unit, found.rate_hard_high) == ((rxnorm,), unit, limit)
    assert found.plausible_rate(limit)
    assert not found.plausible_rate(limit * 1.001)
    assert not found.plausible_rate(-0.001)


def test_usual_rates_lie_within_the_hard_limit() -> None:
    """No usual range reaches over its own hard limit."""
    ranged = [d for d in DRUGS.values() if d.rate_usual_low is not None]
    assert len(ranged) == len(INFUSIONS)
    for d in ranged:
        assert d.rate_usual_low is not None
        assert d.rate_usual_high is not None
        assert d.rate_hard_high is not None
        assert 0 < d.rate_usual_low < d.rate_usual_high <= d.rate_hard_high


def test_no_name_means_two_things() -> None:
    """Ids and aliases are unique, and no id is also a class, so that either can stand in a condition."""
    names = Counter(name for d in DRUGS.values() for name in (d.id, *d.aliases))
    assert [x for x, n in names.items() if n > 1] == []
    assert [x for x in (*names, *classes()) if not re.fullmatch(r"[a-z0-9_]+", x)] == []
    assert classes() & set(DRUGS) == frozenset()


@pytest.mark.parametrize(
    ("name", "members", "strangers"),
    [
        ("vasopressor", {"norepinephrine", "epinephrine", "vasopressin", "phenylephrine", "dopamine"}, {"dobutamine"}),
        ("inotrope", {"dobutamine", "milrinone", "epinephrine"}, {"norepinephrine", "vasopressin"}),
        (
            "penicillin",
            {"piperacillin_tazobactam", "ampicillin_sulbactam", "flucloxacillin"},
            {"meropenem", "cefepime"},
        ),
        ("beta_lactam", {"piperacillin_tazobactam", "meropenem", "ceftriaxone", "aztreonam"}, {"vancomycin"}),
        ("methoxyimino_cephalosporin", {"ceftriaxone", "cefotaxime", "cefepime", "cefuroxime"}, {"cefazolin"}),
        ("crystalloid", {"lactated_ringer", "plasma_lyte", "saline_0_9"}, {"dextrose_5", "albumin_5", "carrier"}),
        ("balanced_crystalloid", {"lactated_ringer", "plasma_lyte"}, {"saline_0_9"}),
        ("starch", {"hydroxyethyl_starch"}, {"gelatin"}),
        ("antimicrobial", {"vancomycin", "cefepime", "micafungin", "acyclovir"}, {"hydrocortisone"}),
        ("aminoglycoside", {"gentamicin", "tobramycin", "amikacin"}, {"vancomycin"}),
        ("beta_blocker", {"metoprolol", "esmolol", "labetalol"}, {"diltiazem"}),
        ("culture", {"blood_culture", "source_culture"}, {"source_control"}),
    ],
)
def test_a_class_holds_its_members_and_no_stranger(name: str, members: set[str], strangers: set[str]) -> None:
    """The classes that the sepsis rules and the allergy rules name hold the right drugs."""
    held = {d.id for d in drugs_of(name)}
    assert members <= held
    assert not strangers & held
    assert strangers <= set(DRUGS)


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("Levophed", "norepinephrine"),
        ("Noradrenaline", "norepinephrine"),
        ("Piperacillin/Tazobactam (Zosyn)", "piperacillin_tazobactam"),
        ("zosyn", "piperacillin_tazobactam"),
        ("NaCl 0.9%", "saline_0_9"),
        (".9% Normal Saline", "saline_0_9"),
        ("LR", "lactated_ringer"),
        ("Lactated Ringers", "lactated_ringer"),
        ("PRBC", "packed_red_cells"),
        ("Albumin 5%", "albumin_5"),
        ("lasix", "furosemide"),
    ],
)
def test_a_drug_answers_to_the_names_on_a_chart(text: str, id: str) -> None:
    """Brand names and chart spellings find the one object of their drug."""
    assert drug(text) is DRUGS[id]


@pytest.mark.parametrize("text", ["levo", "neo", "epi", "ctx", "", "water of life"])
def test_an_ambiguous_name_is_refused(text: str) -> None:
    """Slang that means two drugs, or none, is refused and never guessed."""
    with pytest.raises(UnknownDrug):
        drug(text)


def test_an_unknown_class_is_refused() -> None:
    """A class that no drug has is a mistake in a rule, not an empty list."""
    with pytest.raises(UnknownDrug):
        drugs_of("vasopressors")


def test_a_drug_survives_pickling_as_the_same_object() -> None:
    """State saved and read back holds the very objects of the list."""
    assert all(pickle.loads(pickle.dumps(d)) is d for d in DRUGS.values())
