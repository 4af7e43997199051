"""Which measurement would narrow a chance most, and to what.

Of everything that was never measured, or too long ago, it is worked out what would be told if it were measured now and
showed each of its typical values. How likely each value is in this patient the network itself says, as far as it is
asked about lines of that concept; otherwise all are alike. Three of ten times what comes lies outside the bounds
(`benchmarks/attribution`).

Shapes: M values of one concept, Q chances.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from forecasting.exact import Array
from forecasting.explaining.imagined import Crossing, Imagined
from forecasting.explaining.typical import Usual
from forecasting.network.crossing import Question

OUTER = (0.1, 0.9)
SOON_H = 1.0  # a value that is measured within the hour stands for one that is measured now


class Narrowed(NamedTuple):
    """A measurement, and the bounds of the chance that would be told after it."""

    concept: str
    low: float
    high: float


def narrowed(
    bed: Imagined, asked: Sequence[Crossing], questions: Sequence[Question], unknown: Mapping[str, Usual]
) -> tuple[Narrowed | None, ...]:
    """Of each chance the measurement that would move it most, in the mean; None where nothing is unknown."""
    if not unknown:
        return (None,) * len(asked)
    each = [(concept, value) for concept, usual in unknown.items() for value in usual.values]
    told, ends = bed.chances(bed.as_it_is, asked)[0], np.cumsum([len(usual.values) for usual in unknown.values()])
    chances = np.split(bed.chances(bed.measured(each), asked), ends[:-1])  # (M, Q) of each concept
    likely = [weights(bed, questions, concept, usual.values) for concept, usual in unknown.items()]
    moves = np.array([own @ np.abs(after - told) for own, after in zip(likely, chances, strict=True)])  # (concepts, Q)
    names = tuple(unknown)
    return tuple(
        Narrowed(names[most], *_bounds(chances[most][:, q], likely[most])) for q, most in enumerate(np.argmax(moves, 0))
    )


def weights(bed: Imagined, questions: Sequence[Question], concept: str, values: Sequence[float]) -> Array:
    """(M,) how likely each of these values, which rise, is in this patient.

    Between two lines that the network is asked about lies as much as it says, in equal parts on the values there.
    """
    alike = np.full(len(values), 1 / len(values))
    lines = [
        (line, question.above, Crossing(number, line, SOON_H))
        for number, question in enumerate(questions)
        if question.concept == concept
        for line in question.lines
    ]
    if not lines:
        return alike
    beyond = bed.chances(bed.as_it_is, [crossing for _, _, crossing in lines])[0].tolist()
    below = sorted((line, 1 - p if above else p) for (line, above, _), p in zip(lines, beyond, strict=True))
    mass = np.diff(np.maximum.accumulate([p for _, p in below]), prepend=0.0, append=1.0)  # between the lines
    place = np.searchsorted([line for line, _ in below], values, side="right")
    shared = mass[place] / np.bincount(place, minlength=len(mass))[place]
    return np.asarray(shared / shared.sum()) if shared.sum() > 0 else alike


def _bounds(chances: Array, weights: Array) -> tuple[float, float]:
    """What lies between `OUTER` of these chances."""
    order = np.argsort(chances, kind="stable")
    middles = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp(OUTER, middles, chances[order]).tolist()
    return low, high
