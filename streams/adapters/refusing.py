"""How a message is refused at the door: what is kept of where it came from, and what is told of it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from schemas.events.quarantine import RAW_BYTES_MAX, Fault, Rejected, rejected
from schemas.events.wire import MESSAGE_BYTES_MAX, WireReading, WireRecord, WireTick, written

_ENCOUNTER = re.compile(rb'"encounter"\s*:\s*"([A-Za-z0-9][A-Za-z0-9_.:|/-]{0,63})"')
_CODE = re.compile(rb'"(?:concept|item)"\s*:\s*"([^"\\]{1,64})"')
_UNIT = re.compile(rb'"(?:unit|rate_unit|amount_unit)"\s*:\s*"([^"\\]{1,64})"')
_SENDER = re.compile(rb'"sender"\s*:\s*"([^"\\]{1,64})"')


class Refused(Exception):
    """Carries a refusal to the one place that makes it a value."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(why)
        self.fault, self.why = fault, why


class Origin(NamedTuple):
    """One message as it came: its bytes, or its fields where it is a row of a table; when, from whom, from where."""

    said: bytes | Mapping[str, Any]
    received_at: datetime
    sender: str | None = None  # as the door knows it; a message may name another
    place: str | None = None
    part: int | None = None

    @property
    def raw(self) -> bytes:
        return self.said if isinstance(self.said, bytes) else written(self.said)

    def rejected(
        self, fault: Fault, why: str, record: WireRecord | None = None, *, unit: str | None = None
    ) -> Rejected:
        """The refusal. Without a record (it could not be read) the bytes are searched for what it is about."""
        raw = self.raw
        about = _searched(raw) if record is None else _told(record)
        if unit is not None:
            about["unit"] = unit
        about["sender"] = about["sender"] or self.sender
        return rejected(raw, fault, why, self.received_at, place=self.place, part=self.part, **about)


def _told(record: WireRecord) -> dict[str, str | None]:
    if isinstance(record, WireTick):
        return dict.fromkeys(("encounter", "code", "unit", "sender"))
    code = record.concept if isinstance(record, WireReading) else getattr(record, "item", None)
    unit = record.unit if isinstance(record, WireReading) else None
    return {"encounter": record.encounter, "code": code, "unit": unit, "sender": record.sender}


def _searched(raw: bytes) -> dict[str, str | None]:
    """What broken bytes say of themselves, where they say one thing only. A value or a text is never looked at."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raw = raw[:MESSAGE_BYTES_MAX] + b"\n" + raw[-RAW_BYTES_MAX:]
    return {
        "encounter": _only(_ENCOUNTER, raw),
        "code": _only(_CODE, raw),
        "unit": _only(_UNIT, raw),
        "sender": _only(_SENDER, raw),
    }


def _only(field: re.Pattern[bytes], raw: bytes) -> str | None:
    """The one value of this field in the bytes; None: there is none, or more than one."""
    first: bytes | None = None
    for found in field.finditer(raw):
        if first is not None and found[1] != first:
            return None
        first = found[1]
    return None if first is None else first.decode(errors="replace")
