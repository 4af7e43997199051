"""What a hospital taught by a few examples: a logistic sum over what the network makes of a patient.

The network stays as it is. Of the rows of weights the first was fitted to all examples, the others to patients drawn
anew: where their chances lie tells how much the first one hangs on which examples were given.

Shapes: D width of the network, R rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.chances import Chance
from forecasting.exact import Array
from forecasting.network.crossing import chance_of

BETWEEN = (0.05, 0.95)  # of the rows: the bounds


class Usual(NamedTuple):
    """What the network makes of those it was fitted on: (D,) each."""

    mean: Array
    spread: Array  # before what is negative is cut off


def usual(found: Mapping[str, NDArray[np.float32]]) -> Usual:
    """From the last normalisation, which was fitted to them, as if they lay normally about its mean."""
    middle, spread = found["norm.bias"].astype(np.float64), np.abs(found["norm.weight"].astype(np.float64))
    spread = np.where(spread > 0, spread, 1.0)
    off = middle / spread
    below = np.array([0.5 * (1.0 + math.erf(x / math.sqrt(2.0))) for x in off])
    return Usual(middle * below + spread * np.exp(-0.5 * off * off) / math.sqrt(2.0 * math.pi), spread)


@dataclass(frozen=True)
class Taught:
    """A named event of this hospital's own: it is told within one time, the one that its examples were labelled for."""

    within_h: float
    version: str
    weights: Array  # (R, D)
    more: Array  # (R,)

    def of(self, hidden: Array) -> Chance:
        """Of one patient (D,). Sums are exact, so that no machine changes a bit."""
        logits = [math.fsum((*(row * hidden), more)) for row, more in zip(self.weights, self.more, strict=True)]
        p, *others = map(chance_of, logits)
        low, high = np.quantile(others, BETWEEN)
        return Chance(p, min(float(low), p), max(float(high), p))
