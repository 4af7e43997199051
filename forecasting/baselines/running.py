"""What the damped trend remembers of a concept: running averages, made once per reading and read at any time.

    last            the newest reading
    level, base     averages that fade within minutes to hours, and several times as slowly
    mean            an average that fades within a day or more
    jumps           how large changes were, against what is usual for the same gap (1 = usual)
    recent          the lowest and highest reading in each of the last hours of the clock

The newest reading stands provisionally: unless it is `BIN` later than the last one kept, the next one takes its place.
So a value a second weighs no more than one every few minutes, and counts at once all the same. Jumps are taken at the
pace of a chart, `PACE`, so that many small steps look no calmer than few large ones.

A *lane* is one concept of one patient: a column of WORDS numbers of 8 bytes. Everything here is made of + − × ÷ and
square roots, element by element: these are rounded alike on every machine and in arrays of any shape, so that a lane's
bits depend on its own readings only.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from forecasting.moments import HOUR_US, MICROSECOND, NEVER
from schemas.codes.concepts import CONCEPTS

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Told = tuple[int, int, float]
"""One reading: when (microseconds since EPOCH), how long it may be used (microseconds), and its value in the unit of
its concept, with no sign if it is zero."""

BIN = timedelta(minutes=5)
PACE = timedelta(minutes=30)
GAP_MIN_H, GAP_MAX_H = 0.25, 24.0  # gaps that usual changes were fitted on
JUMP_MAX = 5.0  # one jump counts at most as this many usual ones
HOURS_KEPT = 4  # of the clock: the running one and the three before

# rows of a lane; the first four are whole numbers: times since EPOCH, and a span, in microseconds
AT, KEPT_AT, PACED_AT, AGE_MAX, LAST, PACED = range(6)
TIMES = 3
WHOLE = 4
KEPT = slice(6, 12)  # weights, then averages, without the newest reading: level, base, mean
KEPT_JUMPS = slice(12, 14)  # average and weight of the jumps up to PACED_AT
NOW = slice(14, 20)  # as KEPT, with the newest reading
NOW_JUMPS = slice(20, 22)  # as KEPT_JUMPS, with the newest reading
LEVEL = 17
AVERAGES = slice(17, 21)  # of level, base, mean and jumps
RECENT = slice(22, 22 + 2 * HOURS_KEPT)  # by hour of the clock: lowest readings, then highest ones times −1
WORDS = RECENT.stop

_BIN_US, _PACE_US = BIN // MICROSECOND, PACE // MICROSECOND
_STEPS = np.array([[_BIN_US], [_PACE_US]])  # (2, 1)
_SINCE = np.array([0, 0, 0, 1])  # level, base and mean fade since the last kept reading, jumps since the last paced
_PACE_H = PACE / timedelta(hours=1)
_HOURS = np.arange(HOURS_KEPT)[:, None]  # (hours, 1)
_SIGNS = np.array([[1.0], [-1.0]])
_LITTLE = 1e-30  # the weight of no jump: nothing is divided by zero


def _empty() -> Array:
    lane = np.zeros(WORDS)
    lane[:TIMES].view(np.int64)[:] = NEVER
    lane[[KEPT_JUMPS.start + 1, NOW_JUMPS.start + 1]] = _LITTLE
    lane[RECENT] = np.inf
    return lane


EMPTY = _empty()  # of a concept that was never read


@dataclass(frozen=True, slots=True)
class Pace:
    """The fitted numbers of one concept that its averages need. Hours, and the scale of the model (`scaled`)."""

    root: bool  # in fourth roots: of skewed laboratory values, whose changes are in proportion
    level_h: float
    base_h: float
    mean_h: float
    usual: float  # usual |change| = usual + usual_root * √gap
    usual_root: float


class Paces:
    """The paces of C concepts as columns, to be taken for many lanes at once."""

    def __init__(self, paces: Mapping[str, Pace]) -> None:
        columns = []
        for concept, pace in paces.items():
            about = CONCEPTS[concept]
            if about.hard_low is None or about.hard_high is None or about.hard_low < 0:
                raise ValueError(f"expected hard limits of {concept}, and no value below 0")
            fades_h = (pace.level_h, pace.base_h, pace.mean_h, pace.mean_h)  # the last: of the jumps
            columns.append([about.hard_low, about.hard_high, pace.root, pace.usual, pace.usual_root,
                            *(0.5 / hours for hours in fades_h)])  # fmt: skip
        self.table = np.array(columns).T.copy()  # (9, C)

    def take(self, concepts: Sequence[int] | NDArray[np.intp]) -> Array:
        """The columns of these concepts, one per lane: (9, lanes)."""
        return self.table.take(concepts, axis=1)


def scaled(values: Array, pace: Array) -> Array:
    """Values of M lanes inside their hard limits, in the scale of the model."""
    low, high, root = pace[:3]
    y = np.minimum(np.maximum(values, low), high)
    return np.asarray(np.where(root, np.sqrt(np.sqrt(y)), y))


def read(lanes: Array, at: Whole, age_max: Whole, values: Array, pace: Array) -> None:
    """One reading more in each of M lanes, in place.

    lanes (WORDS, M), contiguous; at (M,) in microseconds since EPOCH; age_max (M,): how long it may be used, likewise;
    values (M,) in the unit of the concept; pace: the lanes' columns of `Paces`. A reading of the very moment of the
    newest takes its place; an older one changes nothing.
    """
    whole = lanes[:WHOLE].view(np.int64)
    times, current = whole[:TIMES], whole[AT]
    step = (current - times[1:] >= _STEPS) & (at > current)  # (2, M)
    np.copyto(lanes[KEPT], lanes[NOW], where=step[0])
    np.copyto(lanes[KEPT_JUMPS], lanes[NOW_JUMPS], where=step[1])
    np.copyto(lanes[PACED], lanes[LAST], where=step[1])
    np.copyto(times[1:], current, where=step)

    fresh = at >= current
    hour_before = current // HOUR_US
    np.copyto(current, at, where=fresh)
    np.copyto(whole[AGE_MAX], age_max, where=fresh)
    np.copyto(lanes[LAST], scaled(values, pace), where=fresh)
    _averaged(lanes, times, pace)
    _remembered(lanes[RECENT], current // HOUR_US, hour_before, np.where(fresh, values * _SIGNS, np.inf))


def told_anew(readings: Iterable[Told], pace: Array) -> Array:
    """One lane (WORDS,) from all its readings, by rising time; pace (9,): its column of `Paces`.

    The very steps of `read` in plain numbers, so the very bits: long rows are told ten times as quickly.
    """
    low, high, root, usual, usual_root, *fades = pace.tolist()
    lane = EMPTY.copy()
    at, kept_at, paced_at, age_max = NEVER, NEVER, NEVER, 0
    last = paced = 0.0
    kept, now = [(0.0, 0.0)] * 3, [(0.0, 0.0)] * 3  # weight and average of level, base and mean
    kept_jumps = jumps = (0.0, _LITTLE)
    recent = [math.inf] * (2 * HOURS_KEPT)
    for then, usable, value in readings:
        if at - kept_at >= _BIN_US:
            kept, kept_at = now, at
        if at - paced_at >= _PACE_US:
            kept_jumps, paced, paced_at = jumps, last, at
        hour_before, at, age_max = at // HOUR_US, then, usable
        last = min(max(value, low), high)
        last = math.sqrt(math.sqrt(last)) if root else last

        gap, since = float(at - kept_at) / HOUR_US, float(at - paced_at) / HOUR_US
        now = []
        for (weight, average), fade in zip(kept, fades, strict=False):
            left = 1.0 / (1.0 + gap * fade)
            weight = weight * (left * left) + 1.0
            now.append((weight, average + (last - average) / weight))
        expected = usual + usual_root * math.sqrt(min(max(since, GAP_MIN_H), GAP_MAX_H))
        jump = min(abs(last - paced) / expected, JUMP_MAX)
        counts = 0.0 if paced_at == NEVER else min(since / _PACE_H, 1.0)
        left = 1.0 / (1.0 + since * fades[3])
        weight = kept_jumps[1] * (left * left) + counts
        jumps = kept_jumps[0] + (jump - kept_jumps[0]) * (counts / weight), weight

        hour = at // HOUR_US
        for place in range(HOURS_KEPT):
            if (hour - place) % HOURS_KEPT < hour - hour_before:
                recent[place] = recent[HOURS_KEPT + place] = math.inf
        place = hour % HOURS_KEPT
        recent[place] = min(recent[place], value)
        recent[HOURS_KEPT + place] = min(recent[HOURS_KEPT + place], -value)
    lane[:WHOLE].view(np.int64)[:] = at, kept_at, paced_at, age_max
    lane[[LAST, PACED]] = last, paced
    for block, averages in ((KEPT, kept), (NOW, now)):
        lane[block] = [*(weight for weight, _ in averages), *(average for _, average in averages)]
    lane[KEPT_JUMPS], lane[NOW_JUMPS], lane[RECENT] = kept_jumps, jumps, recent
    return lane


def _averaged(lanes: Array, times: Whole, pace: Array) -> None:
    """NOW and NOW_JUMPS, from what was kept and the newest reading."""
    usual, usual_root, fades = pace[3], pace[4], pace[5:]
    gap = (times[AT] - times[1:]) / HOUR_US  # (2, M): since the last kept, since the last paced
    left = 1.0 / (1.0 + gap.take(_SINCE, axis=0) * fades)  # (4, M): what is left of a weight of 1 …
    left *= left  # … is (1 + gap / 2 decay)⁻²: as e^(−gap / decay) at first, then slower

    last = lanes[LAST]
    kept_weight, kept = lanes[KEPT][:3], lanes[KEPT][3:]
    weight = np.add(kept_weight * left[:3], 1.0, out=lanes[NOW][:3])
    np.add(kept, (last - kept) / weight, out=lanes[NOW][3:])

    since = gap[1]
    expected = usual + usual_root * np.sqrt(np.minimum(np.maximum(since, GAP_MIN_H), GAP_MAX_H))
    jump = np.minimum(np.abs(last - lanes[PACED]) / expected, JUMP_MAX)
    counts = np.where(times[PACED_AT] == NEVER, 0.0, np.minimum(since / _PACE_H, 1.0))
    kept, kept_weight = lanes[KEPT_JUMPS]
    weight = np.add(kept_weight * left[3], counts, out=lanes[NOW_JUMPS][1])
    np.add(kept, (jump - kept) * (counts / weight), out=lanes[NOW_JUMPS][0])


def _remembered(recent: Array, hour: Whole, hour_before: Whole, values: Array) -> None:
    """The reading in its hour of the clock, and hours that are over forgotten; values (2, M), inf: none."""
    by_hour = recent.reshape(2, HOURS_KEPT, -1)
    age = (hour - _HOURS) % HOURS_KEPT  # (hours, M): how many hours ago the hour kept in each place was
    np.copyto(by_hour, np.inf, where=age < hour - hour_before)
    np.minimum(by_hour, np.where(age == 0, values[:, None], np.inf), out=by_hour)
