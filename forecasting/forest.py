"""Boosted trees as plain arrays: a row walks down every tree at once, and what the leaves say is added up.

Leaves hold whole numbers of steps of 2⁻³⁰, so that their sum is exact and no order of adding matters. A value that is
not known goes where the fitting sent it.

Shapes: B rows, F inputs, T trees, N nodes of the largest tree; a leaf is its own left and right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP_BITS = 30
FIELDS = ("feature", "threshold", "left", "right", "unknown_left", "value")


@dataclass(frozen=True)
class Forest:
    """The trees; `value` is in steps."""

    feature: NDArray[np.intp]  # (T, N)
    threshold: Array  # (T, N)
    left: NDArray[np.intp]  # (T, N)
    right: NDArray[np.intp]  # (T, N)
    unknown_left: NDArray[np.bool_]  # (T, N)
    value: Array  # (T, N) of leaves, in whole steps
    depth: int

    @classmethod
    def read(cls, found: Mapping[str, NDArray[np.generic]], name: str) -> "Forest":
        """From the arrays of a weights' file. Raises ValueError where a node leads nowhere or no leaf is reached."""
        feature, threshold, left, right, unknown, value = (np.asarray(found[f"{name}.{field}"]) for field in FIELDS)
        left, right = left.astype(np.intp), right.astype(np.intp)
        count = left.shape[1]
        if min(left.min(), right.min(), feature.min()) < 0 or max(left.max(), right.max()) >= count:
            raise ValueError("a tree has a node that leads nowhere")
        return cls(
            feature=feature.astype(np.intp),
            threshold=threshold.astype(np.float64),
            left=left,
            right=right,
            unknown_left=unknown.astype(np.bool_),
            value=np.rint(value.astype(np.float64) * 2.0**STEP_BITS),
            depth=_depth(left, right),
        )

    def of(self, rows: Array) -> Array:
        """(B,) the sum of what the leaves say, for rows (B, F), NaN where a value is not known."""
        trees, beds = np.arange(len(self.feature)), np.arange(len(rows))[:, None]
        node = np.zeros((len(rows), len(trees)), np.intp)
        for _ in range(self.depth):
            x = rows[beds, self.feature[trees, node]]
            unknown = np.isnan(x)
            goes_left = np.where(unknown, self.unknown_left[trees, node], x <= self.threshold[trees, node])
            node = np.where(goes_left, self.left[trees, node], self.right[trees, node])
        return np.asarray(self.value[trees, node].sum(axis=1) * 2.0**-STEP_BITS)


def _depth(left: NDArray[np.intp], right: NDArray[np.intp]) -> int:
    """Steps after which every row of every tree stands on a leaf."""
    own = np.arange(left.shape[1])
    is_leaf = (left == own) & (right == own)
    reached = np.zeros_like(left, bool)
    reached[:, 0] = True
    for steps in range(left.shape[1] + 1):
        if (is_leaf | ~reached).all():
            return steps
        onward = np.zeros_like(reached)
        tree, node = np.nonzero(reached)
        onward[tree, left[tree, node]] = True
        onward[tree, right[tree, node]] = True
        reached = onward
    raise ValueError("a tree never reaches a leaf")
