"""What was refused, and why: a value, not an exception."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.frozen import EncounterId, Frozen, Moment, ShortText

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


class Rejected(Frozen):
    """One refused message. `why` says in one sentence what was expected and what was found, without the value.

    `raw` keeps the message (its first 4096 bytes) so that it can be sent again after a fix; `raw_bytes` is its
    full size. It goes to the quarantine, never to a log.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    v: Literal[1] = 1
    fault: Fault
    why: ShortText
    received_at: Moment
    encounter: EncounterId | None = None
    raw: Annotated[bytes, Field(max_length=RAW_BYTES_MAX)] = b""
    raw_bytes: int = 0
