"""What a bed keeps of a long row of readings: the recent past whole, of the older past the extremes.

Rules ask for the lowest, the highest and the newest of a window; so of each stretch of time the lowest, the highest and
the newest unusable reading stay, in stretches that grow with their age.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from schemas.codes.concepts import CONCEPTS
from schemas.events import Quality, Reading

HISTORY_MAX = timedelta(days=7)  # the longest window a rule asks for (creatinine, KDIGO)
NEWEST_KEPT = 8  # the last of a concept, however old: a weight is valid for days, a height for the stay
_observed_at = attrgetter("observed_at")

_STRETCHES = (  # up to this age, the extremes of each stretch of so many seconds are kept
    (timedelta(seconds=30), 1),
    (timedelta(minutes=10), 20),
    (timedelta(hours=1), 120),
    (timedelta(hours=6), 900),
    (timedelta(hours=24), 3_600),
    (HISTORY_MAX, 21_600),
)


SPREAD = NEWEST_KEPT + 2 * len(_STRETCHES)  # fewer cannot stand for a whole week


def thinned(row: tuple[Reading, ...], now: datetime, keep: int) -> tuple[Reading, ...]:
    """At most `keep` readings: of each stretch the lowest, the highest and the newest unusable one.

    The newest `NEWEST_KEPT` stay; older than `HISTORY_MAX` go. Amounts are never thinned (a sum would change): the
    oldest go instead.
    """
    if len(row) <= keep:
        return row
    if CONCEPTS[row[0].concept].aggregate == "sum":
        return row[-keep:]
    old, newest = row[:-NEWEST_KEPT], row[-NEWEST_KEPT:]
    coarse = 1
    while len(old) + len(newest) > keep and coarse < 2**16:
        old = _extremes(old, now, coarse)
        coarse *= 2
    return (*old, *newest)[-max(keep, NEWEST_KEPT) :]


def _extremes(row: tuple[Reading, ...], now: datetime, coarse: int) -> tuple[Reading, ...]:
    kept: list[Reading] = []
    end = len(row)
    for age, width in _STRETCHES:  # from the newest to the oldest
        start = bisect_left(row, now - age, hi=end, key=_observed_at)
        kept.extend(reversed(_of_stretches(row[start:end], width * coarse)))
        end = start
    return tuple(reversed(kept))


def _of_stretches(row: Sequence[Reading], width: int) -> list[Reading]:
    """The lowest, the highest and the newest unusable one of each stretch of `width` seconds, in their order."""
    low: dict[float, tuple[float, int]] = {}
    high: dict[float, tuple[float, int]] = {}
    other: dict[float, int] = {}
    for place, reading in enumerate(row):
        stretch = reading.observed_at.timestamp() // width
        if reading.value is None or reading.quality is not Quality.OK:
            other[stretch] = place
            continue
        here = (reading.value, place)
        if stretch not in low or here < low[stretch]:
            low[stretch] = here
        if stretch not in high or here > high[stretch]:
            high[stretch] = here
    places = {place for found in (low, high) for _, place in found.values()} | set(other.values())
    return [row[place] for place in sorted(places)]
