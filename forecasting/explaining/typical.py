"""What is typical of the patients that the network was fitted on, as it lies beside this file.

    values      equally likely values of a measurement that is made where none was known, or only one that is too old
    lowest      999 of 1,000 newest values of the fitted hours lie above it
    highest     and as many below it
    fewest      so many vital signs, or more, had 997 of 1,000 fitted hours that had any within `FRESH_H` hours

`python -m forecasting.training.typical` makes it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("typical.json")
FRESH_H = 4.0


class Usual(NamedTuple):
    """Of one concept."""

    values: tuple[float, ...]
    lowest: float
    highest: float


class Typical(NamedTuple):
    """Of all concepts that are read."""

    usual: Mapping[str, Usual]
    fewest: int


@cache
def typical() -> Typical:
    """The committed numbers."""
    found = json.loads(FILE.read_text(encoding="utf-8"))["typical"]
    usual = {
        concept: Usual(tuple(about["values"]), about["lowest"], about["highest"])
        for concept, about in found["usual"].items()
    }
    return Typical(usual, found["fewest"])
