"""Gradient boosting with LightGBM, the baseline that every model is measured against.

LightGBM is in the extra `train` (docs/benchmarks.md), so it is imported where it is used. The number of trees is
chosen on patients that are neither fitted on nor scored. Shapes: N rows, F features.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from forecasting.evaluation.stays import Floats, Values

Target = Literal["binary", "regression", "mae"]


@dataclass(frozen=True)
class Recipe:
    """How trees are grown. The values were fixed before anything was scored."""

    rate: float = 0.02
    leaves: int = 15
    rows_a_leaf: int = 800
    features: float = 0.25  # of the features, drawn for each tree
    rows: float = 0.5  # of the rows, likewise
    l2: float = 50.0
    bins: int = 127
    trees_max: int = 1500
    patience: int = 50  # trees without a gain on the patients chosen on

    def parameters(self, target: Target, seed: int, threads: int) -> dict[str, Any]:
        """In LightGBM's words."""
        return {
            "objective": {"mae": "regression_l1"}.get(target, target),
            "metric": {"binary": "binary_logloss", "regression": "l2", "mae": "l1"}[target],
            "learning_rate": self.rate, "num_leaves": self.leaves, "min_data_in_leaf": self.rows_a_leaf,
            "feature_fraction": self.features, "bagging_fraction": self.rows, "bagging_freq": 1,
            "lambda_l2": self.l2, "max_bin": self.bins, "seed": seed, "num_threads": threads, "deterministic": True,
            "force_row_wise": True, "verbose": -1,
        }  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


STRONG = Recipe()
"""For few events in many rows: sepsis."""
BROAD = Recipe(rate=0.05, leaves=31, rows_a_leaf=200, l2=20.0, trees_max=600, patience=30)
"""For many events: deterioration, trajectories."""
SMALL = Recipe(rate=0.02, leaves=7, rows_a_leaf=20, l2=5.0, trees_max=2000, patience=100)
"""For thousands of rows: mortality."""


@dataclass(frozen=True)
class Boosted:
    """A fitted model: `of(rows)` (N, F) answers (N,), a probability or a value."""

    model: Any
    trees: int
    threads: int

    def of(self, rows: Values) -> Floats:
        said = self.model.predict(rows, num_iteration=self.trees, num_threads=self.threads)
        return np.asarray(said, np.float64)


@dataclass(frozen=True)
class Rows:
    """What is learnt from: features (N, F) and what came (N,)."""

    features: Values
    came: Floats


def boosted(fit: Rows, choose: Rows, target: Target, recipe: Recipe, *, seed: int, threads: int = 1) -> Boosted:
    """Trees grown on `fit` until `choose` gains nothing more."""
    import lightgbm  # of the extra `train`; most commands need none of it

    parameters = recipe.parameters(target, seed, threads)
    grown_on = lightgbm.Dataset(fit.features, fit.came, params=parameters)
    watched = lightgbm.Dataset(choose.features, choose.came, reference=grown_on, params=parameters)
    model = lightgbm.train(
        parameters, grown_on, recipe.trees_max, valid_sets=[watched],
        callbacks=[lightgbm.early_stopping(recipe.patience, verbose=False)],
    )  # fmt: skip
    return Boosted(model, model.best_iteration, threads)
