"""Which readings a forecaster may use, and which one counts of several of one moment."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite

from schemas.events import Quality, Reading

_OK = Quality.OK


def usable(reading: Reading, now: datetime) -> bool:
    """Quality ok, a finite number, observed and available by `now`."""
    return (
        reading.quality is _OK
        and reading.value is not None
        and isfinite(reading.value)
        and reading.observed_at <= now
        and reading.available_at <= now
    )


def in_order(readings: Iterable[Reading], now: datetime) -> list[Reading]:
    """The usable ones by rising time, and of each concept only one per moment: known last, then the arterial line."""
    counts: dict[tuple[datetime, str], Reading] = {}
    for reading in readings:
        if usable(reading, now):
            moment = reading.observed_at, reading.concept
            other = counts.get(moment)
            if other is None or _precedence(reading) > _precedence(other):
                counts[moment] = reading
    return sorted(counts.values(), key=lambda reading: reading.observed_at)


def _precedence(reading: Reading) -> tuple[datetime, bool, str, str, float]:
    method = reading.method or ""
    return (
        reading.available_at,
        method == "invasive",
        method,
        reading.source.value,
        reading.value or 0.0,
    )


def newest(row: Sequence[Reading], now: datetime) -> Reading | None:
    """The last of `in_order`, of a row that rises by `observed_at`."""
    for place in range(len(row) - 1, -1, -1):
        found = row[place]
        if usable(found, now):
            if place and row[place - 1].observed_at == found.observed_at:
                return in_order(
                    (r for r in row[: place + 1] if r.observed_at == found.observed_at),
                    now,
                )[-1]
            return found
    return None
