"""Which patients a model is fitted on, chosen on and scored on. Every split is of patients, and has a seed.

Shapes: S stays.
"""

import math
from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Ints

FOLDS = 5
CHOSEN_ON = 8  # one patient of so many is kept from the fitting, to choose thresholds and stopping points on
TRAJECTORY_SEED = 42


class Split(NamedTuple):
    """Stays to fit on, to choose on and to score on; no stay is in two of them."""

    fit: Ints
    choose: Ints
    score: Ints


def folds(strata: Ints, count: int, seed: int) -> Ints:
    """(S,) the fold of each stay: each stratum is shuffled and dealt out evenly, each going on where the last ended."""
    rng = np.random.default_rng(seed)
    found = np.empty(len(strata), np.int64)
    dealt = 0
    for stratum in np.unique(strata):
        stays = rng.permutation(np.flatnonzero(strata == stratum))
        found[stays] = (np.arange(len(stays)) + dealt) % count
        dealt += len(stays)
    return found


def strata(*columns: Ints | Flags) -> Ints:
    """(S,) one number per combination of the columns."""
    return np.unique(np.column_stack(columns), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def inner(stays: Ints, of: Ints, seed: int) -> tuple[Ints, Ints]:
    """Of the stays that may be learnt from, those to fit on and those to choose on; `of` (S,) is each one's stratum."""
    fold = folds(of[stays], CHOSEN_ON, seed)
    return stays[fold != 0], stays[fold == 0]


def crossed(of: Ints, seed: int) -> list[Split]:
    """Five folds, each scored once, by models that never saw it."""
    fold = folds(of, FOLDS, seed)
    found = []
    for number in range(FOLDS):
        fit, choose = inner(np.flatnonzero(fold != number), of, seed + 1)
        found.append(Split(fit, choose, np.flatnonzero(fold == number)))
    return found


def elsewhere(hospital: Ints, learnt: int, of: Ints, seed: int) -> Split:
    """Learnt at one hospital, scored on all stays of the others."""
    fit, choose = inner(np.flatnonzero(hospital == learnt), of, seed + 1)
    return Split(fit, choose, np.flatnonzero(hospital != learnt))


def three_ways(of: Ints, seed: int) -> Split:
    """70 % to fit on, 15 % to choose on, 15 % to score on (protocol of mortality, 2012), by stratum."""
    twentieth = folds(of, 20, seed)
    score, choose = np.flatnonzero(twentieth < 3), np.flatnonzero((twentieth >= 3) & (twentieth < 6))  # noqa: PLR2004
    return Split(np.flatnonzero(twentieth >= 6), choose, score)  # noqa: PLR2004


def trajectories(stays: int) -> Split:
    """The split of t-PatchGNN: scikit-learn's `train_test_split`, 80 % shuffled with seed 42, of these the first 75 %.

    `train_test_split` takes its test cases from the front of the permutation, and the training ones after them; not
    shuffled, it takes the training cases from the front.
    """
    order = np.random.RandomState(TRAJECTORY_SEED).permutation(stays)
    learnt = math.floor(0.8 * stays)
    held = order[: stays - learnt]
    seen = order[stays - learnt :]
    fit = math.floor(0.75 * learnt)
    return Split(seen[:fit], seen[fit:], held)
