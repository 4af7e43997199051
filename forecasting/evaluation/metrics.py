"""Figures that say how good probabilities, bands and alarms are, from numpy alone.

Shapes: N cases, each with what happened (`event`), what was said (`said`, a probability; `score`, any number of which
more means likelier), and a weight where patients are drawn again. NaN is nowhere allowed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Floats, Ints

DECILES = 10
NEWTON_STEPS, NEWTON_ENOUGH = 50, 1e-10
SURE = 1e-12  # a probability nearer to 0 or 1 than this counts as this near


@dataclass(frozen=True)
class Ranked:
    """Cases by falling score, sorted once for many weightings. Cases of one score are never told apart."""

    order: Ints  # (N,)
    event: Floats  # (N,) in that order
    last: Ints  # where each group of equal scores ends

    @staticmethod
    def of(event: Flags, score: Floats) -> "Ranked":
        if not np.isfinite(score).all():
            raise ValueError("a score is not a number")
        order = np.argsort(-score, kind="stable")
        last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
        return Ranked(order, event[order].astype(np.float64), last)

    def counts(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Events and non-events at or above each distinct score, from the highest on."""
        each = np.ones(len(self.order)) if weights is None else weights[self.order]
        events = np.cumsum(each * self.event)[self.last]
        return events, np.cumsum(each)[self.last] - events

    def auroc(self, weights: Floats | None = None) -> float:
        """The chance that an event has a higher score than a non-event; equal scores count half."""
        events, others = self.counts(weights)
        if events[-1] <= 0 or others[-1] <= 0:
            return float("nan")
        return float(np.trapezoid(np.append(0, events), np.append(0, others)) / events[-1] / others[-1])

    def average_precision(self, weights: Floats | None = None) -> float:
        """The mean precision over the events, each taken at the scores equal to or above its own."""
        events, others = self.counts(weights)
        if events[-1] <= 0:
            return float("nan")
        all_ = events + others
        precision = np.divide(events, all_, out=np.zeros_like(events), where=all_ > 0)
        return float((np.diff(events, prepend=0) * precision).sum() / events[-1])


def auroc(event: Flags, score: Floats) -> float:
    """Area under the receiver operating characteristic."""
    return Ranked.of(event, score).auroc()


def average_precision(event: Flags, score: Floats) -> float:
    """Area under the precision-recall curve, as steps."""
    return Ranked.of(event, score).average_precision()


def brier(event: Flags, said: Floats) -> float:
    """Mean squared distance of what was said from what happened."""
    return float(np.mean((said - event) ** 2))


def log_odds(said: Floats) -> Floats:
    """The logarithm of the odds, finite also for what was said to be sure."""
    kept = np.clip(said, SURE, 1 - SURE)
    return np.asarray(np.log(kept / (1 - kept)))


class Calibration(NamedTuple):
    """Of a good model 1, 0 and 0. A slope below 1: too sure of itself. In the large below 0: too high throughout."""

    slope: float
    intercept: float
    in_the_large: float


def calibration(event: Flags, said: Floats) -> Calibration:
    """Logistic regression of what happened on the log-odds of what was said, and on an offset alone."""
    odds = log_odds(said)
    intercept, slope = _logistic(np.column_stack([np.ones(len(odds)), odds]), event, np.zeros(len(odds)))
    (alone,) = _logistic(np.ones((len(odds), 1)), event, odds)
    return Calibration(float(slope), float(intercept), float(alone))


def _logistic(x: Floats, event: Flags, offset: Floats) -> Floats:
    """Coefficients (C,) of the columns of x (N, C), by Newton's method; NaN where they have no bound."""
    beta = np.zeros(x.shape[1])
    if event.all() or not event.any():
        return np.full(x.shape[1], np.nan)
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + offset, -500, 500)))
        curvature = (x * (p * (1 - p))[:, None]).T @ x
        try:
            step = np.linalg.solve(curvature, x.T @ (event - p))
        except np.linalg.LinAlgError:
            return np.full(x.shape[1], np.nan)
        beta = beta + step
        if np.abs(step).max() < NEWTON_ENOUGH:
            return np.asarray(beta)
    return np.full(x.shape[1], np.nan)


class AtThreshold(NamedTuple):
    """What alarms at or above a threshold are worth."""

    threshold: float
    sensitivity: float
    precision: float

    @property
    def smaller(self) -> float:
        """Event 1 of the PhysioNet/CinC Challenge 2012."""
        return min(self.sensitivity, self.precision)


def at_threshold(event: Flags, score: Floats, threshold: float) -> AtThreshold:
    """Sensitivity, and precision (0 where nothing is called), of calling an event where the score is at or above it."""
    called = score >= threshold
    hits = float((called & event).sum())
    return AtThreshold(threshold, hits / max(event.sum(), 1), hits / max(called.sum(), 1))


def best_event1(event: Flags, score: Floats) -> AtThreshold:
    """The threshold at which the smaller of sensitivity and precision is largest.

    As a figure of merit it flatters whoever chose the threshold on these very cases: choose it on others.
    """
    ranked = Ranked.of(event, score)
    events, others = ranked.counts()
    smaller = np.minimum(events / max(events[-1], 1), events / (events + others))
    return at_threshold(event, score, float(score[ranked.order[ranked.last[np.argmax(smaller)]]]))


def event2(event: Flags, said: Floats) -> float:
    """Range-normalised Hosmer-Lemeshow statistic H / D of the PhysioNet/CinC Challenge 2012; smaller is better.

    H is summed over tenths of the cases by rising risk, D is the difference between the mean risks of the last and the
    first tenth (Silva et al., Comput Cardiol 39:245, 2012). Infinite where all tenths have the same risk.
    """
    order = np.argsort(said, kind="stable")
    statistic, means = 0.0, []
    for tenth in np.array_split(order, DECILES):
        count, risk = len(tenth), float(said[tenth].mean())
        spread = count * risk * (1 - risk)
        off = float(event[tenth].sum()) - count * risk
        statistic += off**2 / spread if spread > 0 else (0.0 if off == 0 else np.inf)
        means.append(risk)
    span = means[-1] - means[0]
    return float(statistic / span) if span > 0 else float("inf")


def deciles(event: Flags, said: Floats) -> list[tuple[float, float]]:
    """Mean risk said and frequency seen in each tenth of the cases by rising risk."""
    tenths = np.array_split(np.argsort(said, kind="stable"), DECILES)
    return [(float(said[t].mean()), float(event[t].mean())) for t in tenths if len(t)]


def net_benefit(event: Flags, said: Floats, threshold: float) -> float:
    """True alarms less false ones at the odds of the threshold, per case (Vickers and Elkin 2006)."""
    called = said >= threshold
    odds = threshold / (1 - threshold)
    return float(((called & event).sum() - odds * (called & ~event).sum()) / len(event))


def pinball(came: Floats, quantiles: Floats, levels: Floats) -> float:
    """Mean quantile loss of quantiles (N, Q) at these levels (Q,) against what came (N,)."""
    error = came[:, None] - quantiles
    return float(np.maximum(levels * error, (levels - 1) * error).mean())


class Band(NamedTuple):
    """Share of what came that lay within, both ends counted, and the mean width in the unit of the value."""

    coverage: float
    width: float


def band(came: Floats, low: Floats, high: Floats) -> Band:
    """How often a band held what came, and how wide it was."""
    return Band(float(((low <= came) & (came <= high)).mean()), float((high - low).mean()))


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def draws(patients: int, times: int, seed: int) -> Floats:
    """(times, patients) how often each patient is drawn when as many as there are are drawn with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(patients, np.full(patients, 1 / patients), times).astype(np.float64)


def interval(figure: Callable[[Floats | None], float], drawn: Floats, of_case: Ints | None = None) -> Interval:
    """The figure of all cases, and where the middle 95 % of it lie when patients are drawn again.

    `figure` is given the weight of each case, or None for all alike; `of_case` (N,) is the patient of each case, or
    None where each patient is one case. Draws of which the figure is no number are left out.
    """
    found = [figure(row if of_case is None else row[of_case]) for row in drawn]
    kept = [value for value in found if np.isfinite(value)]
    low, high = np.quantile(kept, [0.025, 0.975]) if kept else (np.nan, np.nan)
    return Interval(figure(None), float(low), float(high))


def ratio_interval(above: Floats, below: Floats, drawn: Floats) -> Interval:
    """Interval of Σ above / Σ below, both (patients,): a utility, a rate, a mean of means."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (drawn @ above) / (drawn @ below)
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [0.025, 0.975]) if len(found) else (np.nan, np.nan)
    return Interval(float(above.sum() / below.sum()), float(low), float(high))


class Repeats(NamedTuple):
    """Mean of a few repeats (seeds), the lowest and the highest: too few to speak of an interval."""

    value: float
    low: float
    high: float


def repeats(values: Sequence[float]) -> Repeats:
    """The same figure of several seeds."""
    return Repeats(float(np.mean(values)), float(np.min(values)), float(np.max(values)))
