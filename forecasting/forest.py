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
    """The trees, the nodes of all of them in one row: M = T · N."""

    feature: NDArray[np.intp]  # (M,)
    threshold: Array  # (M,)
    unknown_left: NDArray[np.bool_]  # (M,)
    children: NDArray[np.intp]  # (2 M,) of node k at 2 k the right one, then the left one
    value: Array  # (M,) of leaves, in whole steps
    roots: NDArray[np.intp]  # (T,)
    depth: int

    @classmethod
    def read(cls, found: Mapping[str, NDArray[np.generic]], name: str) -> "Forest":
        """From the arrays (T, N) of a weights' file. Raises ValueError where a node leads nowhere, or to no leaf."""
        feature, threshold, left, right, unknown, value = (np.asarray(found[f"{name}.{field}"]) for field in FIELDS)
        left, right = left.astype(np.intp), right.astype(np.intp)
        trees, nodes = left.shape
        if min(left.min(), right.min(), feature.min()) < 0 or max(left.max(), right.max()) >= nodes:
            raise ValueError("a tree has a node that leads nowhere")
        roots = np.arange(trees) * nodes
        return cls(
            feature=feature.astype(np.intp).ravel(),
            threshold=threshold.astype(np.float64).ravel(),
            unknown_left=unknown.astype(np.bool_).ravel(),
            children=(np.stack([right, left], axis=-1) + roots[:, None, None]).ravel(),
            value=np.rint(value.astype(np.float64) * 2.0**STEP_BITS).ravel(),
            roots=roots,
            depth=_depth(left, right),
        )

    def of(self, rows: Array) -> Array:
        """(B,) the sum of what the leaves say, for rows (B, F), NaN where a value is not known."""
        start = (np.arange(len(rows)) * rows.shape[1])[:, None]
        values = rows.ravel()
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        for _ in range(self.depth):
            x = values.take(self.feature.take(node) + start)
            left = (x <= self.threshold.take(node)) | (np.isnan(x) & self.unknown_left.take(node))
            node = self.children.take(2 * node + left)
        return np.asarray(self.value.take(node).sum(axis=1) * 2.0**-STEP_BITS)


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
