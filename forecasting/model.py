"""The network: what is read of a patient in, how likely each concept is to cross a line in the next hours out.

    inputs (B, F) ─ encoded ─► (B, F · (K + 1)) ─ linear, blocks ─► hidden (B, D) ─ heads ─► hazards, measured

For each question q (a concept and a direction: `map below`) and each interval j of the hours ahead, it says two things:

    measured (q, j)       chance that the concept is measured in that interval
    hazard (q, j, t)      chance that a value measured in it is the first to lie beyond line t

A hazard rises from line to line by construction: each line adds something positive to the one before. The chance of a
crossing within h hours is put together from the hazards of the intervals up to h (`forecasting.network.crossing`).

Shapes: B patients, F inputs, K knots less one, D width, Q questions, J intervals, T lines of each question. Numbers are
made of exact products (`forecasting.exact`) and of + − × ÷ element by element: a patient's bits are their own.
`forecasting.training.network` is the same network in torch, for fitting; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.exact import Array, Gridded, gridded, product

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Scale:
    """y = x · by + more, per column: what is left of a batch normalisation once it is fitted."""

    by: Array
    more: Array

    def of(self, x: Array) -> Array:
        return x * self.by + self.more


@dataclass(frozen=True)
class Linear:
    weights: Gridded  # (I, O)
    bias: Array  # (O,)

    @classmethod
    def read(cls, found: Weights, name: str) -> "Linear":
        """From torch's layout, (O, I)."""
        return cls(gridded(found[f"{name}.weight"].T), found[f"{name}.bias"].astype(np.float64))

    def of(self, x: Array) -> Array:
        return product(x, self.weights) + self.bias


@dataclass(frozen=True)
class Block:
    """x + linear(relu(linear(scaled x)))"""

    scale: Scale
    wide: Linear  # (D, 2 D)
    back: Linear  # (2 D, D)

    def of(self, x: Array) -> Array:
        return x + self.back.of(np.maximum(self.wide.of(self.scale.of(x)), 0.0))


class Network:
    """The fitted network; it holds nothing but numbers and may be shared."""

    def __init__(self, found: Weights, questions: int, intervals: int, lines: int) -> None:
        knots = found["knots"].astype(np.float64)  # (F, K + 1), rising
        self._from, self._widths = knots[:, :-1], np.maximum(np.diff(knots, axis=1), 1e-6)
        self._first = Linear.read(found, "first")
        count = sum(name.startswith("blocks.") and name.endswith(".wide.bias") for name in found)
        self._blocks = [
            Block(_scale(found, f"blocks.{n}.norm"), Linear.read(found, f"blocks.{n}.wide"),
                  Linear.read(found, f"blocks.{n}.back"))
            for n in range(count)
        ]  # fmt: skip
        self._last = _scale(found, "norm")
        self._shape = (intervals, lines)
        self._questions = [_together(found, q, intervals, lines) for q in range(questions)]

    def hidden(self, inputs: Array) -> Array:
        """(B, D) from inputs (B, F or more), NaN where nothing is known; what comes after the first F is not read."""
        x = self._first.of(self._encoded(inputs[:, : len(self._from)]))
        for block in self._blocks:
            x = block.of(x)
        return np.maximum(self._last.of(x), 0.0)

    def raw(self, hidden: Array, question: int) -> tuple[Array, Array]:
        """Of one question: (B, J, T) logit of the first line's hazard, then what each line adds before it is made
        positive; (B, J) logit of being measured."""
        intervals, lines = self._shape
        said = self._questions[question].of(hidden)
        return said[:, : intervals * lines].reshape(-1, intervals, lines), said[:, intervals * lines :]

    def _encoded(self, x: Array) -> Array:
        """Each input as its way along the pieces between its knots, and whether it is known: (B, F · K + F)."""
        known = np.isfinite(x)
        z = (np.where(known, x, 0.0)[:, :, None] - self._from) / self._widths  # (B, F, K)
        low, high = np.zeros(z.shape[2]), np.ones(z.shape[2])
        low[0], high[0], high[-1] = -1.0, 1.0, 2.0  # beyond the outermost knots a piece goes on for its own length
        pieces = np.minimum(np.maximum(z, low), high) * known[:, :, None]
        return np.concatenate([pieces.reshape(len(x), -1), known.astype(np.float64)], axis=1)


def _together(found: Weights, question: int, intervals: int, lines: int) -> Linear:
    """The hazards of one question, and after them how likely it is measured, from one product."""
    size = intervals * lines
    rows = {"hazards": slice(question * size, (question + 1) * size),
            "measured": slice(question * intervals, (question + 1) * intervals)}  # fmt: skip
    weights = np.concatenate([found[f"{name}.weight"][own] for name, own in rows.items()])
    bias = np.concatenate([found[f"{name}.bias"][own] for name, own in rows.items()])
    return Linear(gridded(weights.T), bias.astype(np.float64))


def _scale(found: Weights, name: str) -> Scale:
    weight, bias, mean, variance = (
        found[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    by = weight / np.sqrt(variance + 1e-5)
    return Scale(by, bias - mean * by)
