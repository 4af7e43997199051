"""What the network remembers of a patient: an hourly chart, one lane per concept, kept up reading by reading.

    at, first           the newest and the first reading, in microseconds since EPOCH
    newest              the newest one's value
    total, count        of the readings before it in its hour of the clock
    before              mean of the hour measured before that one
    lowest, highest     of the means of all hours that are over
    tally               how many hours these are
    hours               the means of the last 24 hours of the clock, by hour modulo 24; NaN where nothing was measured

The newest reading stands provisionally, so that one of the same moment can take its place. A value every second weighs
within its hour as many do, and no more than one value in an hour that has only one.

A lane is bounded, mixes nothing with other concepts, and is made of + − × ÷ element by element: a corrected concept is
made anew from its own readings alone, and the bits do not depend on how many lanes are computed at once.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forecasting.moments import HOUR_US, NEVER

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

HOURS = 24

# rows of a lane: the first two are whole numbers, the others are numbers of 8 bytes
AT, FIRST, NEWEST, TOTAL, COUNT, BEFORE, LOWEST, HIGHEST, TALLY = range(9)
RING = slice(9, 9 + HOURS)
WORDS = RING.stop
_PLACES = np.arange(HOURS)[:, None]  # (24, 1)


def _empty() -> Array:
    lane = np.full(WORDS, np.nan)
    lane[[TOTAL, COUNT, TALLY]] = 0.0
    lane[AT : FIRST + 1].view(np.int64)[:] = NEVER
    return lane


EMPTY = _empty()  # of a concept that was never read


def times(lanes: Array, word: int = AT) -> Whole:
    """(M,) when each lane's newest reading was, or its first; a view into lanes (WORDS, M)."""
    return np.asarray(lanes[word].view(np.int64))


def read(lanes: Array, at: Whole, values: Array) -> None:
    """One reading more in each of M lanes, in place: lanes (WORDS, M), contiguous; at (M,) in microseconds since EPOCH.

    A reading of the very moment of the newest takes its place; an older one changes nothing.
    """
    newest_at = times(lanes)
    later = at > newest_at
    passed = np.where(later, at // HOUR_US - newest_at // HOUR_US, 0)  # hours of the clock begun since
    known = newest_at != NEVER
    total, count = lanes[TOTAL] + lanes[NEWEST], lanes[COUNT] + 1.0

    over = later & known & (passed > 0)  # the newest reading's hour is over
    mean = total / count
    np.copyto(lanes[BEFORE], mean, where=over)
    np.copyto(lanes[LOWEST], np.fmin(lanes[LOWEST], mean), where=over)
    np.copyto(lanes[HIGHEST], np.fmax(lanes[HIGHEST], mean), where=over)
    lanes[TALLY] += over
    ring = lanes[RING]
    since = (_PLACES - newest_at // HOUR_US) % HOURS  # how many hours after the newest reading's each place comes next
    np.copyto(ring, mean, where=over & (since == 0))
    np.copyto(ring, np.nan, where=over & ((since > 0) & (since <= passed) | (passed >= HOURS)))

    same = later & known & (passed == 0)
    np.copyto(lanes[TOTAL], np.where(same, total, 0.0), where=later)
    np.copyto(lanes[COUNT], np.where(same, count, 0.0), where=later)
    np.copyto(lanes[NEWEST], values, where=at >= newest_at)
    np.copyto(times(lanes, FIRST), at, where=~known)
    np.copyto(newest_at, at, where=later)


def told_anew(readings: Iterable[tuple[int, float]]) -> Array:
    """One lane (WORDS,) from all its readings (when, value), by rising time: the very steps of `read`, so its bits."""
    lane = EMPTY.copy()
    ring = [np.nan] * HOURS
    at, first, newest, total, count, tally = NEVER, NEVER, np.nan, 0.0, 0.0, 0.0
    before = lowest = highest = np.nan
    for then, value in readings:
        passed = then // HOUR_US - at // HOUR_US
        if at == NEVER:
            first = then
        elif passed > 0:
            mean = (total + newest) / (count + 1.0)
            before, lowest, highest = mean, np.fmin(lowest, mean), np.fmax(highest, mean)
            hour = at // HOUR_US
            ring[hour % HOURS] = mean
            for step in range(1, min(passed, HOURS) + 1):
                ring[(hour + step) % HOURS] = np.nan
            total, count, tally = 0.0, 0.0, tally + 1.0
        elif then > at:
            total, count = total + newest, count + 1.0
        at, newest = then, value
    lane[AT : FIRST + 1].view(np.int64)[:] = at, first
    lane[NEWEST : TALLY + 1] = newest, total, count, before, lowest, highest, tally
    lane[RING] = ring
    return lane


def hourly(lanes: Array, now: Whole) -> Array:
    """(24, M) the mean of each hour of the clock as of `now` (M,): first the running hour, last the one 23 h before.

    NaN where nothing was measured.
    """
    newest_at = times(lanes)
    ago = now // HOUR_US - newest_at // HOUR_US  # of the newest reading, in hours of the clock
    back = _PLACES - ago  # (24, M) hours before the newest reading's
    columns = np.arange(lanes.shape[1])
    found = lanes[RING][(newest_at // HOUR_US - back) % HOURS, columns]
    found = np.where((back > 0) & (back < HOURS), found, np.nan)
    return np.where(back == 0, (lanes[TOTAL] + lanes[NEWEST]) / (lanes[COUNT] + 1.0), found)
