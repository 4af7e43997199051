"""What a class of drugs holds, entered a second time by class: the list of drugs must agree with it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.codes.drugs import DRUGS, classes, drugs_of
from tests.knowledge.asking import asked
from tests.knowledge.charts import HOUR, MINUTE, chart, treatment
from tests.knowledge.oracle import NO, YES

ENTERED: Mapping[str, str] = tomllib.loads(Path(__file__).with_name("classes.toml").read_text(encoding="utf-8"))


def entered(name: str) -> set[str]:
    """The drugs that the second entry names for a class; a class among them stands for its own drugs."""
    return {drug for word in ENTERED[name].split() for drug in (entered(word) if word in ENTERED else {word})}


def test_every_class_is_entered_twice() -> None:
    """The two entries know the same classes."""
    assert classes() == set(ENTERED)


@pytest.mark.parametrize("name", ENTERED)
def test_a_class_holds_its_drugs_and_no_other(name: str) -> None:
    """Both entries of each class agree to the drug."""
    assert {drug.id for drug in drugs_of(name)} == entered(name)


@pytest.mark.parametrize("name", ["antimicrobial", "anticoagulant", "sedative", "opioid", "beta_blocker"])
def test_any_drug_of_a_class_answers_for_it(name: str) -> None:
    """A dose of any member is a dose of the class, a dose of a stranger (oxygen) is none."""
    question = f"given any {name} within 2 h"
    for drug in entered(name):
        assert asked(question, chart(treatment(drug, "given", HOUR))) is YES
    assert "oxygen" in DRUGS
    assert asked(question, chart(treatment("oxygen", "given", 5 * MINUTE))) is NO
