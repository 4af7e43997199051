"""Matrix products whose bits do not depend on the batch, the machine or the number of threads.

The last bits of a usual product depend on the order in which a library adds, and that on the shape of the matrices.
Here both sides are whole numbers: rows in steps of 2⁻¹⁷, up to 2²² of them, and weights in steps that divide the
largest of them into 2¹⁹. Products have at most 41 binary digits, and a sum of 4,096 of them 53: a float of 8 bytes
holds every one of these sums, so that no addition rounds and no order matters.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROW_BITS, ROW_MAX = 17, 32.0  # what lies beyond is cut off
WEIGHT_DIGITS = 19
TERMS_MAX = 4096


class Gridded(NamedTuple):
    """Weights (I, O) as whole numbers of steps, and what a product with rows of whole steps is to be multiplied by."""

    whole: Array
    back: float


def gridded(weights: NDArray[np.floating]) -> Gridded:
    """Raises ValueError where a sum could become too long, or a weight is no number."""
    largest = float(np.abs(weights).max(initial=0.0))
    if len(weights) > TERMS_MAX or not np.isfinite(largest):
        raise ValueError(f"expected at most {TERMS_MAX} rows of finite weights, found {len(weights)} up to {largest}")
    bits = WEIGHT_DIGITS - int(np.frexp(largest)[1])
    return Gridded(np.rint(weights.astype(np.float64) * 2.0**bits), 2.0 ** -(ROW_BITS + bits))


def product(rows: Array, weights: Gridded) -> Array:
    """rows (B, I) times weights (I, O): (B, O), exact but for the rounding of both to their steps."""
    whole = np.rint(np.minimum(np.maximum(rows, -ROW_MAX), ROW_MAX) * 2.0**ROW_BITS)
    return np.asarray((whole @ weights.whole) * weights.back)
