"""Which of a concept's readings a forecaster looks at: few, ever wider apart, and never one from the future."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from schemas.events import Quality, Reading

RUNGS_MAX = 24  # readings looked at per concept, whatever the sampling rate
RUNG_GAP = timedelta(minutes=5)
RUNG_PART = 4  # each step back is at least a quarter of the age reached

_observed_at = attrgetter("observed_at")
_OK = Quality.OK


def ladder(readings: Sequence[Reading], now: datetime, span: timedelta) -> list[Reading]:
    """The newest usable reading, then older ones ever wider apart, at most `span` older; empty if none is usable.

    The work is the same for a value a day and a value a second. Of several readings of one instant the one known last
    counts, then the arterial line.
    """
    rungs: list[Reading] = []
    reach, end = now, len(readings)
    while len(rungs) < RUNGS_MAX:
        end -= 1
        if end >= 0 and readings[end].observed_at > reach:  # charted hourly, the neighbour is often far enough already
            end = bisect_right(readings, reach, 0, end, key=_observed_at) - 1
        while end >= 0 and not usable(readings[end], now):
            end -= 1
        if end < 0:
            break
        found = readings[end]
        at = found.observed_at
        if end and readings[end - 1].observed_at == at:
            found = max((r for r in _same_instant(readings, end) if usable(r, now)), key=_precedence)
        if not rungs:
            newest, oldest = at, at - span
        elif at < oldest:
            break
        rungs.append(found)
        quarter = (newest - at) // RUNG_PART
        reach = at - (quarter if quarter > RUNG_GAP else RUNG_GAP)
    return rungs


def usable(reading: Reading, now: datetime) -> bool:
    """Quality ok, a number, observed and available by `now`."""
    return (
        reading.quality is _OK
        and reading.value is not None
        and reading.available_at <= now
        and reading.observed_at <= now
    )


def _same_instant(readings: Sequence[Reading], end: int) -> list[Reading]:
    at = readings[end].observed_at
    start = end
    while start and readings[start - 1].observed_at == at:
        start -= 1
    return list(readings[start : end + 1])


def _precedence(reading: Reading) -> tuple[datetime, bool, str, str, float]:
    method = reading.method or ""
    return reading.available_at, method == "invasive", method, reading.source.value, reading.value or 0.0
