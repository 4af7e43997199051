"""What the forecaster is asked about every patient: on the board, and at each hour of a replay.

The lines are those that physiological deterioration is measured by (`docs/benchmarks.md`); six hours are what the
alarms of that measurement look ahead.
"""

from datetime import timedelta
from typing import NamedTuple

from schemas.conditions import Compare
from schemas.conditions.text import parse

WITHIN = timedelta(hours=6)


class Asked(NamedTuple):
    """One question: as it is written, and as it is asked."""

    text: str
    condition: Compare


def _asked(text: str) -> Asked:
    condition = parse(text)
    assert isinstance(condition, Compare)  # the board shows one quantity and one line
    return Asked(text, condition)


ASKED: tuple[Asked, ...] = tuple(
    _asked(text)
    for text in ("map below 65", "sbp below 90", "spo2 below 90", "rr above 30", "hr above 130", "lactate above 4")
)
