"""Warnings counted as a ward meets them: by event and by alarm, not by row.

An alarm is raised in an hour in which the score passes the threshold, and the six hours from then on are silent. An
event is caught if an alarm falls in the eight hours before it; an alarm is true if an event follows within eight
hours. An alarm in the very hour of the event is neither. A row whose score is NaN (the condition is true already, or
was lately) raises nothing.

Shapes: N rows, S stays, T thresholds (`forecasting.evaluation.stays`). `hour` (N,) rises within each stay.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Floats, Ints, checked, stay_of, sums

SILENT_H = 6.0
BEFORE_H = 8.0
AHEAD_H = 2.0  # leads longer than this are counted
RECALLS = (0.5, 0.8, 0.9)
THRESHOLDS = 200
BUDGETS = {"ICU: 1.2 per patient-day": 1.2, "ward: 1 new per 35 patients per day": 1 / 35}


@dataclass(frozen=True)
class Watched:
    """Stays as they went: when each row was, and in which rows an event began."""

    hour: Floats
    event: Flags
    offsets: Ints

    def __post_init__(self) -> None:
        checked(self.offsets, len(self.hour))
        within = np.diff(stay_of(self.offsets)) == 0
        if (np.diff(self.hour)[within] <= 0).any():
            raise ValueError("hours must rise within each stay")

    @property
    def clock(self) -> Floats:
        """(N,) hours on one axis on which no stay comes near the next."""
        far = float(self.hour.max() - self.hour.min()) + SILENT_H + BEFORE_H + 1
        return np.asarray(self.hour - self.hour.min() + far * stay_of(self.offsets))

    @property
    def days(self) -> Floats:
        """(S,) days watched: each row stands for the time until the next, the last for one hour."""
        return np.asarray((self.hour[self.offsets[1:] - 1] - self.hour[self.offsets[:-1]] + 1) / 24)


def raised(score: Floats, threshold: float, watched: Watched) -> Flags:
    """(N,) the rows in which an alarm is raised."""
    passing = score >= threshold
    rows = np.arange(len(score))
    # the first row from each one on that passes; len(score) where none is left
    following = np.minimum.accumulate(np.where(passing, rows, len(score))[::-1])[::-1]
    clock = watched.clock
    again = np.append(np.searchsorted(clock, clock + SILENT_H), len(score))  # first row that may speak again
    following = np.append(following, len(score))
    found = np.zeros(len(score), bool)
    at = following[watched.offsets[:-1]]  # one alarm of every stay at a time; who has none left meets the next stay's
    while (at := np.unique(at[at < len(score)])).size:
        at = at[~found[at]]
        found[at] = True
        at = following[again[at]]
    return found


class Told(NamedTuple):
    """What came of the alarms at one threshold; the parts are by stay (S,)."""

    threshold: float
    events: Floats
    caught: Floats
    alarms: Floats
    true: Floats
    leads_h: Floats  # of each caught event: hours from the first alarm in the eight hours before it

    @property
    def recall(self) -> float:
        return float(self.caught.sum() / max(self.events.sum(), 1))

    @property
    def precision(self) -> float:
        return float(self.true.sum() / max(self.alarms.sum(), 1))

    @property
    def lead_median_h(self) -> float:
        return float(np.median(self.leads_h)) if len(self.leads_h) else float("nan")

    @property
    def long_lead_share(self) -> float:
        """Share of all events that were caught more than two hours ahead."""
        return float((self.leads_h > AHEAD_H).sum() / max(self.events.sum(), 1))


def told(score: Floats, threshold: float, watched: Watched) -> Told:
    """Events caught and alarms that were true at this threshold."""
    alarms = raised(score, threshold, watched)
    clock = watched.clock
    alarm_at, event_at = clock[alarms], clock[watched.event]
    first = np.searchsorted(alarm_at, event_at - BEFORE_H)  # the first alarm not longer before than that
    caught = first < np.searchsorted(alarm_at, event_at)
    follows = np.searchsorted(event_at, alarm_at, side="right")  # the first event after the alarm
    true = follows < np.searchsorted(event_at, alarm_at + BEFORE_H, side="right")
    whole = np.zeros(len(score))
    hit, right = whole.copy(), whole.copy()
    hit[watched.event], right[alarms] = caught, true
    return Told(
        threshold=threshold,
        events=sums(watched.event, watched.offsets),
        caught=sums(hit, watched.offsets),
        alarms=sums(alarms, watched.offsets),
        true=sums(right, watched.offsets),
        leads_h=(event_at - alarm_at[np.minimum(first, max(len(alarm_at) - 1, 0))])[caught] if len(alarm_at)
        else np.empty(0),
    )  # fmt: skip


def thresholds(score: Floats, many: int = THRESHOLDS) -> Floats:
    """(T,) thresholds from low to high, closer together where few rows pass."""
    shares = np.geomspace(1e-5, 1.0, many)
    return np.unique(np.quantile(score[np.isfinite(score)], 1 - shares))


class Ladder(NamedTuple):
    """The same warnings at rising thresholds."""

    rungs: tuple[Told, ...]
    days: Floats

    def alarms_per_day(self, rung: Told) -> float:
        return float(rung.alarms.sum() / self.days.sum())

    def at_recall(self, wanted: float) -> Told | None:
        """The highest threshold that catches this share of events; None where none does."""
        return next((rung for rung in reversed(self.rungs) if rung.recall >= wanted), None)

    def under(self, alarms_per_day: float) -> Told | None:
        """The threshold that catches most without more alarms than this per patient-day."""
        kept = [rung for rung in self.rungs if self.alarms_per_day(rung) <= alarms_per_day]
        return max(kept, key=lambda rung: (rung.recall, rung.threshold), default=None)

    def at_threshold(self, threshold: float) -> Told:
        """The rung nearest to this threshold."""
        return min(self.rungs, key=lambda rung: abs(rung.threshold - threshold))


def ladder(score: Floats, watched: Watched, many: int = THRESHOLDS) -> Ladder:
    """The warnings of a score at many thresholds."""
    return Ladder(tuple(told(score, float(at), watched) for at in thresholds(score, many)), watched.days)
