"""The one door: messages in, events out, or the reasons why not. Past it nobody checks types, units or zones again.

    decode(raw, received_at)           # one message as bytes: from a socket, a topic, a line of a file
    decode_fields(row, known_at)       # the same message taken apart: a row of a table

Every reader and every adapter ends here, so a cohort that is replayed and the same rows sent live give the same events
and the same refusals. Neither function raises (but for want of memory).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from traceback import walk_tb
from typing import Any, NamedTuple

from msgspec import convert
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.codes.drugs import UnknownDrug, drug
from schemas.events import Event, Movement, Note, Patient, Quality, Reading, Response, Tick, Treatment
from schemas.events.quarantine import Fault, Rejected
from schemas.events.wire import (
    MESSAGE_BYTES_MAX,
    VERSION,
    WireBatch,
    WireMovement,
    WireNote,
    WirePatient,
    WireReading,
    WireRecord,
    WireResponse,
    WireTick,
    WireTreatment,
    checked,
    parse,
)
from streams.adapters.measured import amount, coded, measured, named, rate
from streams.adapters.refusing import Origin, Refused

AHEAD_MAX = timedelta(minutes=5)  # clocks of one house differ; more is a broken clock (reference Q14)
FAULTS_READ_MAX = 50  # of one message's structure: to list a hundred thousand takes a second
OPENED_MAX = 30_000  # lists and objects of one message: each takes a microsecond to build

Entry = Event | Tick | Rejected
_OfPatient = WireReading | WireNote | WireTreatment | WireMovement | WireResponse

_FAULTS: dict[str, Fault] = {
    "json_invalid": Fault.UNDECODABLE,
    "extra_forbidden": Fault.UNKNOWN_FIELD,
    "timezone_aware": Fault.NAIVE_TIME,
    "finite_number": Fault.IMPOSSIBLE_VALUE,
    "greater_than_equal": Fault.IMPOSSIBLE_VALUE,
    "less_than_equal": Fault.IMPOSSIBLE_VALUE,
    "string_too_long": Fault.TOO_LARGE,
    "too_long": Fault.TOO_LARGE,
}
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Decoded(NamedTuple):
    """What one message said, in its order, and who sent it (the message's own word, else the door's)."""

    entries: tuple[Entry, ...]
    sender: str | None


def decode(
    raw: bytes,
    received_at: datetime,
    *,
    sender: str | None = None,
    place: str | None = None,
    bytes_max: int = MESSAGE_BYTES_MAX,
) -> tuple[Entry, ...]:
    """The events of one wire message, in its order; what cannot be one comes back as `Rejected`. Never raises.

    A value outside the hard limits gives both: a `Rejected`, to be asked about, and the reading marked as artefact, to
    be shown and never scored. So does a dose that cannot be read: that it was given is known, how much is not.
    `sender` is whom the door knows the message to be from, `place` where in its source it stands: with it, two equal
    messages that are refused are two refusals. `bytes_max`: more than a sender may send is taken from ourselves alone.
    """
    return decoded(raw, received_at, sender=sender, place=place, bytes_max=bytes_max).entries


def decoded(
    raw: bytes,
    received_at: datetime,
    *,
    sender: str | None = None,
    place: str | None = None,
    bytes_max: int = MESSAGE_BYTES_MAX,
) -> Decoded:
    """As `decode`, with the sender."""
    origin = Origin(raw, received_at, sender, place)
    if len(raw) > bytes_max:
        why = f"expected at most {bytes_max} bytes, found {len(raw)}"
        return Decoded((origin.rejected(Fault.TOO_LARGE, why),), sender)
    if raw.count(b"[") + raw.count(b"{") > OPENED_MAX * bytes_max // MESSAGE_BYTES_MAX:
        why = f"expected at most {OPENED_MAX} lists and objects, found more"
        return Decoded((origin.rejected(Fault.TOO_LARGE, why),), sender)
    return _safely(origin, lambda: parse(raw))


def decode_fields(fields: Mapping[str, Any], received_at: datetime) -> tuple[Entry, ...]:
    """As `decode`, of the fields of one record without its version; times are times, what is absent is left out."""
    fields = {"v": VERSION, **fields}
    return _safely(Origin(fields, received_at), lambda: checked(fields)).entries


def _safely(origin: Origin, read: Callable[[], WireRecord | WireBatch]) -> Decoded:
    """The last net: whatever goes wrong is a refusal, which names no more than our own place in the code."""
    try:
        return _answered(origin, read)
    except MemoryError:
        raise
    except Exception as problem:
        return Decoded((origin.rejected(Fault.INTERNAL, _place_of(problem)),), origin.sender)


def _place_of(problem: Exception) -> str:
    ours = [
        f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}" for frame, _ in walk_tb(problem.__traceback__)
    ]
    place = next((name for name in reversed(ours) if name.startswith(("schemas.", "streams."))), "unknown")
    return f"a fault of this program ({type(problem).__name__} in {place}): send it again when that is mended"


def _answered(origin: Origin, read: Callable[[], WireRecord | WireBatch]) -> Decoded:
    try:
        message = read()
    except ValidationError as problem:
        return Decoded((origin.rejected(*_explained(problem)),), origin.sender)
    except Refused as refused:
        return Decoded((origin.rejected(refused.fault, refused.why),), origin.sender)
    if isinstance(message, WireTick):
        return Decoded(tuple(_events(message, origin)), origin.sender)
    origin = origin._replace(sender=message.sender or origin.sender)
    if isinstance(message, WireBatch):
        parts = (_of_batch(part, origin._replace(part=number)) for number, part in enumerate(message.records))
        return Decoded(tuple(entry for entries in parts for entry in entries), origin.sender)
    return Decoded(tuple(_events(message, origin)), origin.sender)


def _of_batch(part: Any, origin: Origin) -> tuple[Entry, ...]:
    """One record of a batch stands alone: for itself it is a message, and what is wrong with it harms no other."""
    raw = json.dumps(part, ensure_ascii=False).encode()
    return _safely(origin._replace(said=raw), lambda: _alone(parse(raw))).entries


def _alone(record: WireRecord | WireBatch) -> WireRecord:
    if isinstance(record, WireBatch):
        raise Refused(Fault.INVALID, "expected a record inside a batch, found another batch")
    return record


def _explained(problem: ValidationError) -> tuple[Fault, str]:
    """The first fault of a message's structure as one sentence that holds no value of it."""
    if problem.error_count() > FAULTS_READ_MAX:
        return Fault.INVALID, f"the message: expected the wire form, found {problem.error_count()} faults in it"
    error: ErrorDetails = problem.errors(include_url=False, include_input=False)[0]
    where = ".".join(_field_name(part) for part in error["loc"][1:]) or "the message"
    if error["loc"][-1:] == ("v",):
        return Fault.WRONG_VERSION, "v: expected version 1 of the wire form"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return Fault.INVALID, "kind: expected reading, note, treatment, movement, response, tick or batch"
    if error["type"] == "json_invalid":
        return Fault.UNDECODABLE, "expected one JSON object in UTF-8"
    if error["type"] == "extra_forbidden":
        return Fault.UNKNOWN_FIELD, f"found a field that version 1 does not have: {where}"
    if error["type"] in ("dict_type", "model_type"):
        return Fault.INVALID, f"{where}: expected an object"
    if error["type"] == "timezone_aware":
        return Fault.NAIVE_TIME, f"{where}: expected a time with its zone, found one without"
    return _FAULTS.get(error["type"], Fault.INVALID), f"{where}: {error['msg']}"


def _field_name(part: object) -> str:
    """A field's name as a refusal may print it: a sender can put anything in a name, a patient's too."""
    text = str(part)
    return text if _PLAIN_NAME.fullmatch(text) else "(a name that is not printed)"


def _events(record: WireRecord, origin: Origin) -> Iterator[Entry]:
    try:
        _check_times(record, origin.received_at)
        match record:
            case WireReading():
                yield from _reading(record, origin)
            case WireTreatment():
                yield from _treatment(record, origin)
            case WireNote():
                yield Note(**_common(record, origin), text=record.text, title=record.title, status=record.status)
            case WireMovement():
                own = record.model_dump(include={"action", "unit", "setting", "bed"})
                yield Movement(**_common(record, origin), **own, patient=_patient(record.patient))
            case WireResponse():
                own = record.model_dump(include={"alert", "verb", "step", "by"})
                yield Response(**_common(record, origin), **own)
            case WireTick():
                yield Tick(available_at=min(record.available_at, origin.received_at), corrected=record.corrected)
    except Refused as refused:
        yield origin.rejected(refused.fault, refused.why, record)


def _patient(wire: WirePatient | None) -> Patient | None:
    return None if wire is None else convert(wire.model_dump(exclude_none=True), Patient)


def _check_times(record: WireRecord, received_at: datetime) -> None:
    known = record.available_at or received_at
    if known > received_at + AHEAD_MAX:
        raise Refused(Fault.FUTURE_TIME, "available_at: expected at most 5 minutes after receipt, found later")
    if not isinstance(record, WireTick) and record.observed_at > known + AHEAD_MAX:
        raise Refused(Fault.FUTURE_TIME, "observed_at: expected at most 5 minutes after it was known, found later")


def _common(record: _OfPatient, origin: Origin) -> dict[str, Any]:
    return {
        "encounter": record.encounter,
        "observed_at": record.observed_at,
        "available_at": min(record.available_at or origin.received_at, origin.received_at),  # not before it was here
        "sender": origin.sender,
    }


def _reading(wire: WireReading, origin: Origin) -> Iterator[Reading | Rejected]:
    known, method = named(wire.concept)
    about = {
        **_common(wire, origin),
        "concept": known.id,
        "source": wire.source,
        "method": wire.method or method,
        "status": wire.status,
    }
    if known.kind == "coded":
        yield Reading(**about, code=coded(known, wire.code), quality=wire.quality, reason=wire.reason)
        return
    if wire.value is None:
        raise Refused(Fault.INVALID, f"{known.id}: expected a value, found none")
    value, original_value, original_unit, why = measured(known, wire.value, wire.unit)
    if wire.original_value is not None or wire.original_unit is not None:  # it was converted before
        original_value, original_unit = wire.original_value, wire.original_unit
    about |= {"value": value, "original_value": original_value, "original_unit": original_unit}
    if why is None or wire.quality is not Quality.OK:  # marked before, by its sender or by us: nobody need be asked
        yield Reading(**about, quality=wire.quality, reason=wire.reason)
        return
    yield origin.rejected(Fault.IMPOSSIBLE_VALUE, why, wire)
    yield Reading(**about, quality=Quality.ARTEFACT, reason=why)


def _treatment(wire: WireTreatment, origin: Origin) -> Iterator[Treatment | Rejected]:
    """A dose that cannot be read leaves the treatment known, and its size not: who comes next must know both."""
    try:
        item = drug(wire.item)
    except UnknownDrug:
        raise Refused(Fault.UNKNOWN_CONCEPT, "item: expected a drug, fluid, sample or procedure of the list") from None
    doses: list[float | None] = []
    for dose, number, unit in ((rate, wire.rate, wire.rate_unit), (amount, wire.amount, wire.amount_unit)):
        try:
            doses.append(dose(item, number, unit, wire.weight_kg))
        except Refused as refused:
            yield origin.rejected(refused.fault, refused.why, wire, unit=unit)
            doses.append(None)
    yield Treatment(
        **_common(wire, origin),
        item=item.id,
        action=wire.action,
        rate=doses[0],
        amount=doses[1],
        amount_unit=item.amount_unit if doses[1] is not None else None,
        route=wire.route,
        status=wire.status,
    )
