"""What a network of crossings learns from: the furthest value that each coming interval brought, and the lines it may
lie beyond.

A question is a concept and a direction, `map below`; its lines run towards what happens more often. Line 65 of `map
below` is crossed by a value below 65, not by 65. Of `creatinine rise` a line is a multiple of the lowest value of the
stay before: 1.5 is crossed by a value that is at least so many times as high.

Shapes: N rows, Q questions, J intervals, T lines (padded with NaN).
"""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import numpy as np

from forecasting.evaluation.stays import Floats, Ints, Values, stay_of
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import VARIABLES, Hourly
from forecasting.training.windows import lowest_before

EDGES_H = (1.0, 2.0, 4.0, 6.0, 12.0, 24.0)
"""Ends of the intervals ahead: (0, 1], (1, 2], (2, 4] … hours."""

LINES: Mapping[str, Sequence[float]] = {
    "map below": (50, 55, 60, 65, 70, 75, 80),
    "map above": (130, 120, 110, 100, 90),
    "sbp below": (70, 80, 90, 100, 110, 120),
    "sbp above": (200, 180, 160, 140),
    "dbp below": (40, 45, 50, 55, 60),
    "spo2 below": (85, 88, 90, 92, 94, 96),
    "rr below": (8, 10, 12, 14),
    "rr above": (40, 35, 30, 25, 20),
    "hr below": (40, 50, 60, 70),
    "hr above": (150, 140, 130, 120, 110, 100, 90),
    "temp below": (35.0, 35.5, 36.0, 36.5),
    "temp above": (39.5, 39.0, 38.5, 38.0, 37.5),
    "lactate above": (8, 6, 4, 3, 2),
    "creatinine above": (6.0, 4.0, 3.0, 2.0, 1.5, 1.2, 0.9),
    "creatinine rise": (3.0, 2.0, 1.5, 1.25),
    "glucose below": (54, 70, 90),
    "glucose above": (300, 250, 200, 180, 140),
    "k below": (2.5, 3.0, 3.5, 4.0),
    "k above": (6.0, 5.5, 5.0, 4.5),
    "hb below": (7, 8, 9, 10),
    "platelets below": (50, 75, 100, 150),
    "wbc below": (2, 4, 6),
    "wbc above": (20, 16, 12, 10),
    "bun above": (60, 40, 30, 20),
    "ph_art below": (7.2, 7.25, 7.3, 7.35),
    "hco3 below": (15, 18, 20, 22),
}
QUESTIONS = tuple(LINES)
SIGNS: Floats = np.array([1.0 if question.endswith("below") else -1.0 for question in QUESTIONS])
"""(Q,) times a value and its lines, so that beyond is always below."""

Kind = Literal["below", "above", "rise"]

CONCEPTS_ASKED = tuple(question.split()[0] for question in QUESTIONS)
KINDS = tuple(cast(Kind, question.split()[1]) for question in QUESTIONS)
RISES = tuple(kind == "rise" for kind in KINDS)
REACHED = 1 + 1e-6  # a rise is at least so large; beyond is beyond


def lines() -> Values:
    """(Q, T) the lines, signed so that beyond is below, rising; NaN where a question has fewer."""
    widest = max(map(len, LINES.values()))
    found = np.full((len(QUESTIONS), widest), np.nan, np.float32)
    for place, (own, sign) in enumerate(zip(LINES.values(), SIGNS, strict=True)):
        found[place, : len(own)] = sign * np.array(own)
    return found


def furthest(cohort: Hourly) -> Values:
    """(N, Q, J) the furthest value that each interval brought, signed so that beyond is below; NaN: none measured."""
    ends = cohort.offsets[1:][stay_of(cohort.offsets)]
    starts = (0.0, *EDGES_H[:-1])
    found = np.empty((len(ends), len(QUESTIONS), len(EDGES_H)), np.float32)
    for place, (concept, sign, rises) in enumerate(zip(CONCEPTS_ASKED, SIGNS, RISES, strict=True)):
        values = np.ascontiguousarray(cohort.values[:, VARIABLES.index(COLUMNS[concept])])
        if rises:
            values = values / lowest_before(values, cohort.offsets) * np.float32(REACHED)
        values = np.float32(sign) * values
        for interval, (start, end) in enumerate(zip(starts, EDGES_H, strict=True)):
            found[:, place, interval] = _lowest(values, ends, int(start), int(end))
    return found


def _lowest(values: Values, ends: Ints, start: int, end: int) -> Values:
    """(N,) the lowest of the values `start` + 1 to `end` rows ahead in the same stay."""
    here = np.arange(len(values))
    found = np.full(len(values), np.nan, np.float32)
    for ahead in range(start + 1, end + 1):
        there = here + ahead < ends
        found[there] = np.fmin(found[there], values[here[there] + ahead])
    return found
