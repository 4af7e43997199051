"""What was refused, and why: a value, not an exception."""

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Literal

from schemas.frozen import Record, always

RAW_BYTES_MAX = 4096
WHY_CHARS_MAX = 200
CODE_CHARS_MAX = 40


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
    INTERNAL = "internal"  # a fault of ours: the message may be right


class Rejected(Record, frozen=True, kw_only=True):
    """One refused message; made by `rejected`, which keeps its texts within their limits.

    `why` says in one sentence what was expected and what was found, without the value. `code` is the concept or item
    that it was about, `unit` its unit, `sender` whom it is from: as sent, of printable characters only.

    `raw` keeps the message (its first 4096 bytes; base64 in JSON) so that it can be sent again after a fix. It goes to
    the quarantine, never to a log. `raw_bytes` is the full size of the message and `raw_hash` stands for all of it;
    `place` (where in its source the message stood) and `part` (which record of a batch) tell equal messages apart. So
    two refusals are equal only if they are one refusal, said twice.
    """

    v: Literal[1] = always(1)
    fault: Fault
    why: str
    received_at: datetime
    encounter: str | None = None
    code: str | None = None
    unit: str | None = None
    sender: str | None = None
    place: str | None = None
    part: int | None = None
    raw: bytes = always(b"")
    raw_bytes: int = always(0)
    raw_hash: str | None = None


def rejected(
    raw: bytes,
    fault: Fault,
    why: str,
    received_at: datetime,
    *,
    encounter: str | None = None,
    code: str | None = None,
    unit: str | None = None,
    sender: str | None = None,
    place: str | None = None,
    part: int | None = None,
) -> Rejected:
    """The refusal of one whole message."""
    return Rejected(
        fault=fault,
        why=printable(why, WHY_CHARS_MAX),
        received_at=received_at,
        encounter=encounter,
        code=None if code is None else printable(code, CODE_CHARS_MAX),
        unit=None if unit is None else printable(unit, CODE_CHARS_MAX),
        sender=None if sender is None else printable(sender, CODE_CHARS_MAX),
        place=place,
        part=part,
        raw=raw[:RAW_BYTES_MAX],
        raw_bytes=len(raw),
        raw_hash=blake2b(raw, digest_size=16).hexdigest(),
    )


def printable(text: str, chars_max: int) -> str:
    """A sender's text as it may be shown: what does not print (controls, direction overrides) escaped, and cut."""
    if len(text) <= chars_max and text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: chars_max + 1])
    return shown if len(shown) <= chars_max else shown[: chars_max - 1] + "…"
