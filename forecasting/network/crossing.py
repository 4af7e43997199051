"""The chance of a crossing within some hours, put together from what the network says of each interval.

    measured(j) · hazard(j)      chance that interval j brings the first value beyond the line
    within h                     1 − Π (1 − measured · hazard), over 1 − Π (1 − measured): if it is measured at all

A question may have a partner: boosted trees that say one of its chances (a line, a time) on their own. The odds of all
its chances are then multiplied alike, so that the logit of this very one becomes the mean of both: what rose with lines
and time rises as before.

A chance rises with the horizon (the largest of the horizons up to it counts) and with every line that is nearer, by
construction. Between two lines the logit of the hazard is linear, within an interval the chance that nothing has
happened yet is. A chance is of a crossing that would be *measured*, of patients treated as usual.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from forecasting.chances import Chance
from forecasting.forest import Forest

Rows = Sequence[Sequence[float]]
CERTAIN = 1e-6  # nearer to 0 or 1 no chance counts as


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far what was said can be trusted: bounds on what happened to patients of whom so much was said.

    `said` rises. `low` and `high` are 90 % bounds, counted in patients, over hospitals and lines; `lasting` is the
    lower bound for crossings that were still there at the next charted reading.
    """

    said: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    lasting: tuple[float, ...]

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[float]]) -> "Reliability":
        """From the manifest."""
        return cls(**{name: tuple(values) for name, values in fields.items()})

    def of(self, p: float, *, lasting: bool) -> Chance:
        low = _between(self.said, self.lasting if lasting else self.low, p)
        return Chance(p, min(low, p), max(_between(self.said, self.high, p), p))


@dataclass(frozen=True, slots=True)
class Scale:
    """How what the network says is set right at one hospital: on the scale of the logit, always rising."""

    slope: float  # above 0
    intercept: float

    def of(self, p: float) -> float:
        """The chance that is told, of the one that was said."""
        if self == AS_SAID or not 0.0 < p < 1.0:
            return p
        return chance_of(self.intercept + self.slope * (math.log(p) - math.log1p(-p)))


AS_SAID = Scale(1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is no line of a single quantity: within which time it is told, how far that can be trusted, and
    from which chance on an alarm serves best."""

    forest: Forest  # says the logit
    within_h: float
    alarm_at: float
    reliability: Reliability


@dataclass(frozen=True, slots=True)
class Partner:
    """Trees that say the logit of one chance of a question: that of this line, within this time."""

    forest: Forest
    line: float
    within_h: float


@dataclass(frozen=True, slots=True)
class Question:
    """A concept and a direction: `lines` run towards what happens more often. Of a `rise` a line is a multiple of the
    lowest value of the stay."""

    concept: str
    direction: Literal["below", "above", "rise"]
    lines: tuple[float, ...]
    reliability: Reliability
    partner: Partner | None = None
    scale: Scale = AS_SAID

    @property
    def name(self) -> str:
        return f"{self.concept} {self.direction}"

    @property
    def above(self) -> bool:
        """Whether beyond a line is above it."""
        return self.direction != "below"

    def told(self, p: float, *, lasting: bool) -> Chance:
        """What is told where the network says p, with its bounds."""
        return self.reliability.of(self.scale.of(p), lasting=lasting)

    def reaches(self, line: float) -> bool:
        """Whether a line lies among those that were fitted."""
        return min(self.lines) <= line <= max(self.lines)

    def place(self, line: float) -> float:
        """Where a line lies among the fitted ones: 1.5 is half-way from the second to the third."""
        rising = [-x for x in self.lines] if self.above else [*self.lines]
        at = -line if self.above else line
        after = bisect_left(rising, at)
        if rising[after] == at:
            return float(after)
        return after - 1 + (at - rising[after - 1]) / (rising[after] - rising[after - 1])


def odds_ratio(of_trees: float, alone: float) -> float:
    """By what odds are multiplied: half-way, in logits, from what the network says alone to the logit of the trees."""
    kept = min(max(alone, CERTAIN), 1.0 - CERTAIN)
    return math.exp(0.5 * (of_trees - math.log(kept / (1.0 - kept))))


def tilted(p: float, ratio: float) -> float:
    """A chance whose odds are multiplied."""
    return p if ratio == 1.0 else p * ratio / (1.0 - p + p * ratio)


def crossed(hazards: Rows, measured: Sequence[float], place: float, edges_h: Sequence[float], hours: float) -> float:
    """The chance within `hours`: hazards (J, T) and measured (J,) as `Network.raw` gives them, edges_h (J,) the ends of
    the intervals."""
    clear, unseen, most = 1.0, 1.0, 0.0
    for logits, logit_measured, (start, end) in zip(hazards, measured, pairwise((0.0, *edges_h)), strict=True):
        if hours <= start:
            break
        part = min((hours - start) / (end - start), 1.0)
        seen = part * chance_of(logit_measured)
        clear *= 1.0 - seen * chance_of(_logit(logits, place))
        unseen *= 1.0 - seen
        if unseen < 1.0:
            most = max(most, (1.0 - clear) / (1.0 - unseen))
    return most


def _logit(raw: Sequence[float], place: float) -> float:
    """Of the line at `place`: what the lines up to it add, and a part of what the next one does."""
    whole = int(place)
    logit = raw[0] + sum(_positive(step) for step in raw[1 : whole + 1])
    return logit if place == whole else logit + (place - whole) * _positive(raw[whole + 1])


def _positive(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def chance_of(logit: float) -> float:
    """The probability of a logit, without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    after = bisect_right(xs, x)
    if after == 0:
        return ys[0]
    if after == len(xs):
        return ys[-1]
    part = (x - xs[after - 1]) / (xs[after] - xs[after - 1])
    return ys[after - 1] + part * (ys[after] - ys[after - 1])
