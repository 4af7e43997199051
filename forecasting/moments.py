"""Moments as whole microseconds, as arrays of lanes hold them."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR_US = 3_600_000_000
NEVER = -(2**62)  # before every time


def microseconds(moment: datetime) -> int:
    """Since EPOCH."""
    return (moment - EPOCH) // MICROSECOND
