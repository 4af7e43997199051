"""The partners of the network: boosted trees for those lines that deterioration is measured by.

They read what the network reads. Their number is chosen on patients that they are not grown on.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.evaluation.stays import Ints, rows_of
from forecasting.forest import Forest
from forecasting.network import inputs
from forecasting.network.crossing import Partner
from forecasting.network.fitted import partner_named
from forecasting.training.boosting import Recipe, Rows, boosted
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import CONCEPTS_ASKED, KINDS, QUESTIONS
from forecasting.training.fit_network import Prepared, Say
from forecasting.training.labels import RULES, Rule, label
from forecasting.training.trees import arrays

WITHIN_H = 6
RECIPE = Recipe(rate=0.08, leaves=31, rows_a_leaf=200, l2=20.0, trees_max=300, patience=20)
"""Fewer and larger steps than the baseline takes: all of them are walked through when a bed is looked at."""
SOURCES = (
    "evaluation/stays.py", "network/chart.py", "network/inputs.py", "training/boosting.py", "training/charted.py",
    "training/cohorts.py", "training/labels.py", "training/partners.py", "training/trees.py", "training/windows.py",
)  # fmt: skip
"""What the trees come from, besides data and seed."""


class Partners(NamedTuple):
    """Trees by the names of the weights' file, and who they are."""

    trees: dict[str, NDArray[np.generic]]
    about: dict[int, dict[str, Any]]  # by the number of the question

    @classmethod
    def kept(cls, trees: dict[str, NDArray[Any]], about: Mapping[str, dict[str, Any]]) -> "Partners":
        """As they come back from where they were kept: JSON has no numbers for names."""
        return cls(trees, {int(number): own for number, own in about.items()})

    def read(self) -> dict[int, Partner]:
        """As they are served."""
        return {
            number: Partner(Forest.read(self.trees, _name(number)), about["line"], about["within_h"])
            for number, about in self.about.items()
        }


def question_of(rule: Rule) -> int:
    """The number of the question that a label of protocol D is a line of."""
    concept = next(concept for concept, column in COLUMNS.items() if column == rule.variable)
    return QUESTIONS.index(f"{concept} {rule.kind}")


def _name(question: int) -> str:
    return partner_named(CONCEPTS_ASKED[question], KINDS[question])


def fit_partners(data: Prepared, cohort: Hourly, stays: tuple[Ints, Ints], seed: int, say: Say) -> Partners:
    """Grown on the first stays until the second gain nothing more."""
    trees: dict[str, NDArray[np.generic]] = {}
    about: dict[int, dict[str, Any]] = {}
    for rule in RULES:
        number = question_of(rule)
        came = label(rule, np.ascontiguousarray(cohort.column(rule.variable)), cohort.offsets, WITHIN_H)
        fit, choose = (rows[came.eligible[rows]] for rows in (rows_of(some, cohort.offsets) for some in stays))
        grown_on, chosen_on = (
            Rows(data.inputs[rows, : inputs.network_reads()], came.comes[rows].astype(np.float64))
            for rows in (fit, choose)
        )
        model = boosted(grown_on, chosen_on, "binary", RECIPE, seed=seed)
        trees |= {f"{_name(number)}.{field}": values for field, values in arrays(model).items()}
        about[number] = {"line": float(rule.limit), "within_h": float(WITHIN_H), "trees": model.trees}
        say(f"{rule.name}: {model.trees} trees beside the network")
    return Partners(trees, about)
