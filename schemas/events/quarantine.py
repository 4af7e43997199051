"""What was refused, and why: a value, not an exception."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from schemas.frozen import Record, always

RAW_BYTES_MAX = 4096


class Fault(StrEnum):
    """A closed list of reasons; the board counts by it."""

    UNDECODABLE = "undecodable"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_CONCEPT = "unknown_concept"
    UNKNOWN_UNIT = "unknown_unit"
    IMPOSSIBLE_VALUE = "impossible_value"
    NAIVE_TIME = "naive_time"
    FUTURE_TIME = "future_time"
    CLOCK_JUMP = "clock_jump"
    TOO_LARGE = "too_large"
    FLOOD = "flood"
    WRONG_VERSION = "wrong_version"
    INVALID = "invalid"


class Rejected(Record, frozen=True, kw_only=True):
    """One refused message. `why` says in one sentence what was expected and what was found, without the value.

    `raw` keeps the message (its first 4096 bytes; base64 in JSON) so that it can be sent again after a fix;
    `raw_bytes` is its full size. It goes to the quarantine, never to a log.
    """

    v: Literal[1] = always(1)
    fault: Fault
    why: str
    received_at: datetime
    encounter: str | None = None
    raw: bytes = always(b"")
    raw_bytes: int = always(0)
