"""From running averages to quantiles: the fitted damped trend, for many lanes at once.

For a lead of L hours after the newest reading, in the scale of the model:

    centre(L)    = last + a(L) * (level − last) + b(L) * (base − last) + c(L) * (mean − last)
    quantile(L)  = centre(L) + (1 + trust(L) * (wobble − 1)) * offset(L, level)

`mean` is drawn towards the population's while readings are few, and `wobble` (how rough this patient has been) towards
1. A level far from the base is a trend; it is damped because the weights a, b, c are fitted for each lead. The offsets
are residual quantiles of patients that the weights were not fitted on, by level. Between fitted numbers lie straight
lines.

As in `running`, everything is + − × ÷, element by element. Each step keeps rising numbers rising (rounding does), so no
fan falls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.baselines import running
from forecasting.baselines.running import (
    AVERAGES,
    LAST,
    LEVEL,
    NOW,
    NOW_JUMPS,
    RECENT,
    Array,
    Pace,
    Paces,
    Whole,
)
from forecasting.moments import HOUR_US
from schemas.clinical.forecasts import HORIZONS_H, LEVELS
from schemas.codes.concepts import CONCEPTS

AGES_H = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 18.0, 24.0)
"""Ages of the newest reading at which fans are tabulated; from an older one there is none."""

JUMPS_PRIOR = 2.0  # jumps that "as usual" weighs

Index = NDArray[np.intp]
Rows = NDArray[np.float32]  # four bytes are enough for what is shown, and twice as quick

_AGES_US = np.array([round(age * HOUR_US) for age in AGES_H])
_AGE_GAPS_US = np.diff(_AGES_US)
_NEXT = np.array([[0], [1]])
_HORIZONS_US = np.array([[round(h * HOUR_US)] for h in HORIZONS_H])


def features(lanes: NDArray[Any], population: Any, mean_prior: Any) -> NDArray[Any]:
    """What the averages of M lanes (WORDS, M) say, in the scale of the model: how far level, base and mean lie from the
    newest reading, and the wobble from 1: (4, M)."""
    found = lanes[AVERAGES].copy()
    weight, jumps_weight = lanes[NOW][2], lanes[NOW_JUMPS][1]
    found[2] -= population
    found[2] *= weight / (weight + mean_prior)
    found[2] += population
    found[3] -= 1.0
    found[3] *= jumps_weight / (jumps_weight + JUMPS_PRIOR)
    found[:3] -= lanes[LAST]
    return found


@dataclass(frozen=True, slots=True)
class Lead:
    """The fitted numbers for one lead. `weights` are those of level, base and mean; `offsets[i]` are the residual
    quantiles at level `Curve.knots[i]`."""

    hours: float
    weights: tuple[float, float, float]
    trust: float
    offsets: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The fitted damped trend of one concept; hours and model scale throughout."""

    pace: Pace
    mean_prior: float  # readings that the population's mean weighs
    population: float
    knots: tuple[float, ...]
    leads: tuple[Lead, ...]


class Curves:
    """The curves of C concepts, tabulated by A ages of the newest reading.

    K knots, H horizons, Q levels; M lanes, each named by the number of its concept.
    """

    def __init__(self, curves: Mapping[str, Curve]) -> None:
        every = list(curves.values())
        self.paces = Paces({concept: curve.pace for concept, curve in curves.items()})
        self.root = np.array([c.pace.root for c in every])  # (C,)
        self.priors = np.array([(c.population, c.mean_prior) for c in every], np.float32).T.copy()  # (2, C)
        self.knots = np.array([c.knots for c in every], np.float32)  # (C, K)
        self.knot_gaps = np.diff(self.knots, append=np.float32(np.inf))  # (C, K): to the next one

        steps = np.array([_by_age(c, [(*lead.weights, lead.trust) for lead in c.leads]) for c in every], np.float32)
        self.steps = steps.transpose(0, 1, 3, 2).reshape(len(every) * len(AGES_H), -1)  # (C·A, 4·H)
        offsets = np.array([_by_age(c, [lead.offsets for lead in c.leads]) for c in every], np.float32)
        self.offsets = offsets.transpose(0, 1, 3, 2, 4).reshape(self.knots.size * len(AGES_H), -1)  # (C·A·K, H·Q)

        count = self.knots.shape[1]
        self.corners = np.array([[0], [1], [count], [count + 1]])  # of a cell between two ages and two knots

        limits = [running.scaled(limit, self.paces.table) for limit in self.paces.table[:2]]
        digits = [10.0 ** (CONCEPTS[concept].decimals + 1) for concept in curves]
        self.shown = np.array([*limits, digits], np.float32)  # (3, C): limits in the scale of the model, last digit

        first, last = (np.array([round(c.leads[end].hours * HOUR_US) for c in every]) for end in (0, -1))
        oldest = np.minimum(last - _HORIZONS_US, _AGES_US[-1])
        self.age_max = np.where(first <= _HORIZONS_US, oldest, -1)  # (H, C): of the newest reading; −1: never
        self.reach = self.age_max.max(axis=0)  # (C,)

    def quantiles(self, concepts: Index, lanes: Array, age_us: Whole) -> Rows:
        """Quantiles in units of the last shown digit (one more than is charted): (M, H, Q), whole numbers.

        concepts (M,), lanes (WORDS, M), age_us (M,): how long ago the newest reading was. Horizons that are not reached
        (`age_max`) hold numbers without meaning.
        """
        age = _AGES_US[1:-1].searchsorted(age_us)
        past = age_us - _AGES_US.take(age)
        older = (past / _AGE_GAPS_US.take(age)).astype(np.float32)  # part of the way to the next age
        age += concepts * len(AGES_H)
        by_age = np.array((1 - older, older), np.float32)  # (2, M)
        short = np.zeros(lanes.shape, np.float32)
        short[LAST : RECENT.start] = lanes[LAST : RECENT.start]
        steps = _blended(self.steps, age + _NEXT, by_age).reshape(-1, 4, len(HORIZONS_H))
        steps *= features(short, *self.priors.take(concepts, axis=1)).T[..., None]
        centre, base, mean, stretch = steps.transpose(1, 0, 2)  # each (M, H)
        centre += base
        centre += mean
        centre += short[LAST][:, None]
        stretch += 1

        level, count = short[LEVEL], self.knots.shape[1]
        knot = (level[:, None] > self.knots.take(concepts, axis=0)[:, 1:-1]).sum(axis=1)
        place = concepts * count + knot
        higher = (level - self.knots.take(place)) / self.knot_gaps.take(place)  # part of the way to the next knot
        higher = np.minimum(np.maximum(higher, 0), 1)
        weights = by_age[:, None] * np.array((1 - higher, higher))  # (2, 2, M)
        cells = age * count + knot + self.corners
        rows = _blended(self.offsets, cells, weights.reshape(4, -1)).reshape(-1, len(HORIZONS_H), len(LEVELS))
        rows *= stretch[..., None]
        rows += centre[..., None]
        return self._shown(concepts, rows)

    def _shown(self, concepts: Index, rows: Rows) -> Rows:
        """Out of the model's scale, inside the hard limits, in units of the last shown digit."""
        low, high, scale = self.shown.take(concepts, axis=1)[..., None, None]
        np.minimum(np.maximum(rows, low, out=rows), high, out=rows)
        rooted = self.root.take(concepts).nonzero()[0]
        powers = rows.take(rooted, axis=0)
        powers *= powers
        powers *= powers
        rows[rooted] = powers
        rows *= scale
        return np.rint(rows, out=rows)


def _blended(table: Rows, places: Index, weights: Rows) -> Rows:
    """The sum of P rows of a table, each with its weight, for M lanes: places and weights (P, M), sum (M, columns)."""
    rows = table.take(places, axis=0)
    rows *= weights[..., None]
    total: Rows = rows[0]
    for row in rows[1:]:
        total += row
    return total


def _by_age(curve: Curve, fitted: Sequence[object]) -> Array:
    """What was fitted for each lead, (L, …), on straight lines between them: by age and horizon, (A, H, …)."""
    hours, numbers = [lead.hours for lead in curve.leads], np.array(fitted)
    ahead = np.clip(np.add.outer(AGES_H, HORIZONS_H), hours[0], hours[-1])
    right = np.clip(np.searchsorted(hours, ahead), 1, len(hours) - 1)
    start, end = np.take(hours, right - 1), np.take(hours, right)
    part = ((ahead - start) / (end - start)).reshape(*ahead.shape, *(1,) * (numbers.ndim - 1))
    return np.asarray(numbers[right - 1] * (1.0 - part) + numbers[right] * part)
