"""What was taught by examples, as it is kept: one file a version, that belongs to one fitted model."""

import json
import math
import re
from typing import Any

import numpy as np

from forecasting.exact import Array
from forecasting.local.recalibration import Unfit
from forecasting.network.fitted import Fitted
from forecasting.network.taught import Taught

NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
"""What something taught may be called: as rules write the names of definitions."""


def read(version: str, text: str, of: Fitted) -> Taught:
    """Raises Unfit where it is nothing that was taught, or belongs to another model."""
    try:
        fields = json.loads(text)
        if fields["belongs_to"] != of.digest:
            raise Unfit(f"{fields['name']} was taught to another version of the model: teach it again")
        weights = np.array([row["weights"] for row in fields["rows"]], np.float64)
        more = np.array([row["more"] for row in fields["rows"]], np.float64)
        _check(weights, more, len(of.usual.mean), float(fields["within_h"]))
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Unfit(f"what was taught as {version} cannot be read ({type(problem).__name__})") from problem
    return Taught(float(fields["within_h"]), version, weights, more)


def _check(weights: Array, more: Array, width: int, within_h: float) -> None:
    shaped = weights.ndim == 2 and weights.shape[1] == width and more.shape == weights.shape[:1]  # noqa: PLR2004
    if not shaped or len(more) < 2 or not (np.isfinite(weights).all() and np.isfinite(more).all()):  # noqa: PLR2004
        raise ValueError("its numbers do not fit the network")
    if not (math.isfinite(within_h) and within_h > 0):
        raise ValueError("its time ahead is none")


def rows(weights: Array, more: Array) -> list[dict[str, Any]]:
    """As they are written: six digits."""
    return [
        {"more": float(f"{one:.6g}"), "weights": [float(f"{x:.6g}") for x in row]}
        for row, one in zip(weights, more, strict=True)
    ]
