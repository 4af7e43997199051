"""Physiological deterioration to come: labels that no clinician's suspicion decides.

A rule says in which rows a condition is true. Within h hours after row t it *comes true* if it is true in any of the
rows t + 1 to t + h. A row is judged (`eligible`) where the condition was not true in the last three hours (rows t - 2,
t - 1 and t) and what it is about was measured in the horizon.

Hours are rows: the stays are charted once an hour without gaps. Shapes: N rows, S stays.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Ints, Values, stay_of
from forecasting.training.windows import greatest, latest_before, lowest_before, shifted

HORIZONS_H = (1, 2, 4, 6, 12)
CLEAR_H = 3


@dataclass(frozen=True)
class Rule:
    """A condition on one variable.

    `below` and `above` are strict. `rise` is true where a value is at least so many times the lowest before it in the
    stay; `fall` where it lies at least so much under the value measured before it.
    """

    name: str
    variable: str
    kind: Literal["below", "above", "rise", "fall"]
    limit: float

    def true(self, values: Values, offsets: Ints) -> Flags:
        """(N,) rows in which it was measured to be true."""
        with np.errstate(invalid="ignore"):  # NaN is not below, not above
            match self.kind:
                case "below":
                    return values < self.limit
                case "above":
                    return values > self.limit
                case "rise":
                    return np.asarray(values >= np.float32(self.limit) * lowest_before(values, offsets))
                case "fall":
                    return np.asarray(values <= latest_before(values, offsets) - np.float32(self.limit))


RULES = (
    Rule("MAP < 65", "MAP", "below", 65),
    Rule("SBP < 90", "SBP", "below", 90),
    Rule("SpO₂ < 90", "O2Sat", "below", 90),
    Rule("respiratory rate > 30", "Resp", "above", 30),
    Rule("heart rate > 130", "HR", "above", 130),
    Rule("lactate > 4", "Lactate", "above", 4),
    Rule("creatinine × 1.5", "Creatinine", "rise", 1.5),
)
"""Protocol D as far as hourly data without treatments and coma scale can answer it."""
GCS_FALL = Rule("GCS -2", "GCS", "fall", 2)


class Label(NamedTuple):
    """Whether a condition comes true, and where that is judged: (N,) each."""

    comes: Flags
    eligible: Flags


def lately(true: Flags, offsets: Ints) -> Flags:
    """(N,) whether the condition was true in the last three hours, this row's among them: known at that row."""
    return _within(true, offsets, CLEAR_H)


def label(rule: Rule, values: Values, offsets: Ints, horizon_h: int) -> Label:
    """The label of one rule and horizon for each row; values (N,) are those of the rule's variable."""
    true = rule.true(values, offsets)
    measured = _ahead(np.isfinite(values), offsets, horizon_h)
    return Label(_ahead(true, offsets, horizon_h), measured & ~lately(true, offsets))


def onsets(rule: Rule, values: Values, offsets: Ints) -> Flags:
    """(N,) rows in which the condition becomes true after three hours in which it was not.

    The first row of a stay is none: nobody could have been warned of it.
    """
    true = rule.true(values, offsets)
    before = shifted(lately(true, offsets).astype(np.float32), offsets, 1)
    return np.asarray(true & (before == 0))


def _within(flags: Flags, offsets: Ints, rows: int) -> Flags:
    """(N,) any of this row and the ones before it, so many in all."""
    return greatest(flags.astype(np.float32), offsets, rows) > 0


def _ahead(flags: Flags, offsets: Ints, rows: int) -> Flags:
    """(N,) any of the next rows: the future, for labels only."""
    ends = offsets[1:][stay_of(offsets)] - 1
    counts = np.concatenate([[0], np.cumsum(flags)])
    here = np.arange(len(flags))
    return np.asarray(counts[np.minimum(here + rows, ends) + 1] > counts[here + 1])
