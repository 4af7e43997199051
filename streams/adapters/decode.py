"""From raw bytes to events, or to the reason why not: past this line nobody checks types, units or zones again."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec import convert
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.codes.concepts import Concept, UnknownConcept, by_loinc, concept
from schemas.codes.drugs import Drug, UnknownDrug, drug
from schemas.codes.units import (
    ImpossibleUnit,
    UnknownUnit,
    WeightNeeded,
    amount_to_canonical,
    rate_to_canonical,
    to_canonical,
)
from schemas.events import Event, Movement, Note, Patient, Quality, Reading, Response, Tick, Treatment
from schemas.events.quarantine import RAW_BYTES_MAX, Fault, Rejected
from schemas.events.wire import (
    MESSAGE_BYTES_MAX,
    WireBatch,
    WireMovement,
    WireNote,
    WirePatient,
    WireReading,
    WireRecord,
    WireResponse,
    WireTick,
    WireTreatment,
    parse,
)

AHEAD_MAX = timedelta(minutes=5)  # clocks of one house differ; more is a broken clock (reference Q14)
WHY_CHARS_MAX = 200

_FAULTS: dict[str, Fault] = {
    "json_invalid": Fault.UNDECODABLE,
    "extra_forbidden": Fault.UNKNOWN_FIELD,
    "timezone_aware": Fault.NAIVE_TIME,
    "finite_number": Fault.IMPOSSIBLE_VALUE,
    "greater_than": Fault.IMPOSSIBLE_VALUE,
    "greater_than_equal": Fault.IMPOSSIBLE_VALUE,
    "less_than_equal": Fault.IMPOSSIBLE_VALUE,
    "string_too_long": Fault.TOO_LARGE,
    "too_long": Fault.TOO_LARGE,
}
_ENCOUNTER = re.compile(rb'"encounter"\s*:\s*"([A-Za-z0-9][A-Za-z0-9_.:|/-]{0,63})"')


_OfPatient = WireReading | WireNote | WireTreatment | WireMovement | WireResponse


class _Refused(Exception):
    """Carries a refusal to the one place that makes it a value."""

    def __init__(self, fault: Fault, why: str) -> None:
        self.fault, self.why = fault, why


class _Origin(NamedTuple):
    """Where a record came from: what a refusal keeps of it."""

    raw: bytes
    received_at: datetime

    def rejected(self, fault: Fault, why: str) -> Rejected:
        found = _ENCOUNTER.search(self.raw[: 2 * RAW_BYTES_MAX]) or _ENCOUNTER.search(self.raw[-2 * RAW_BYTES_MAX :])
        return Rejected(
            fault=fault,
            why=why[:WHY_CHARS_MAX],
            received_at=self.received_at,
            encounter=found[1].decode() if found else None,
            raw=self.raw[:RAW_BYTES_MAX],
            raw_bytes=len(self.raw),
        )


def decode(raw: bytes, received_at: datetime) -> tuple[Event | Tick | Rejected, ...]:
    """The events of one wire message, in its order; what cannot be one comes back as `Rejected`. Never raises.

    A value outside the hard limits gives both: a `Rejected`, to be asked about, and the reading marked as artefact,
    to be shown and never scored.
    """
    origin = _Origin(raw, received_at)
    if len(raw) > MESSAGE_BYTES_MAX:
        return (origin.rejected(Fault.TOO_LARGE, f"expected at most {MESSAGE_BYTES_MAX} bytes, found {len(raw)}"),)
    try:
        message = parse(raw)
    except ValidationError as problem:
        return (origin.rejected(*_explained(problem.errors(include_url=False, include_input=False)[0])),)
    if isinstance(message, WireBatch):
        return tuple(event for part in message.records for event in _of_batch(part, received_at))
    return tuple(_events(message, origin))


def _of_batch(part: Any, received_at: datetime) -> Iterator[Event | Tick | Rejected]:
    origin = _Origin(json.dumps(part, ensure_ascii=False).encode("utf-8", "surrogatepass"), received_at)
    try:
        record = parse(origin.raw)
    except ValidationError as problem:
        yield origin.rejected(*_explained(problem.errors(include_url=False, include_input=False)[0]))
        return
    if isinstance(record, WireBatch):
        yield origin.rejected(Fault.INVALID, "expected a record inside a batch, found another batch")
        return
    yield from _events(record, origin)


def _explained(error: ErrorDetails) -> tuple[Fault, str]:
    """The first fault of a message's structure as one sentence that holds no value of it."""
    where = ".".join(_field_name(part) for part in error["loc"][1:]) or "the message"
    if error["loc"][-1:] == ("v",):
        return Fault.WRONG_VERSION, "v: expected version 1 of the wire form"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return Fault.INVALID, "kind: expected reading, note, treatment, movement, response, tick or batch"
    if error["type"] == "json_invalid":
        return Fault.UNDECODABLE, "expected one JSON object in UTF-8"
    if error["type"] == "extra_forbidden":
        return Fault.UNKNOWN_FIELD, f"found a field that version 1 does not have: {where}"
    if error["type"] == "timezone_aware":
        return Fault.NAIVE_TIME, f"{where}: expected a time with its zone, found one without"
    return _FAULTS.get(error["type"], Fault.INVALID), f"{where}: {error['msg']}"


def _field_name(part: object) -> str:
    """A field's name as a refusal may print it: a sender can put anything in a name, a patient's too."""
    text = str(part)
    return text if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text) else "(a name that is not printed)"


def _events(record: WireRecord, origin: _Origin) -> Iterator[Event | Tick | Rejected]:
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
                yield Tick(available_at=min(record.available_at, origin.received_at))
    except _Refused as refused:
        yield origin.rejected(refused.fault, refused.why)


def _patient(wire: WirePatient | None) -> Patient | None:
    return None if wire is None else convert(wire.model_dump(exclude_none=True), Patient)


def _check_times(record: WireRecord, received_at: datetime) -> None:
    known = record.available_at or received_at
    if known > received_at + AHEAD_MAX:
        raise _Refused(Fault.FUTURE_TIME, "available_at: expected at most 5 minutes after receipt, found later")
    if not isinstance(record, WireTick) and record.observed_at > known + AHEAD_MAX:
        raise _Refused(Fault.FUTURE_TIME, "observed_at: expected at most 5 minutes after it was known, found later")


def _common(record: _OfPatient, origin: _Origin) -> dict[str, Any]:
    return {
        "encounter": record.encounter,
        "observed_at": record.observed_at,
        "available_at": min(record.available_at or origin.received_at, origin.received_at),  # not before it was here
    }


def _reading(wire: WireReading, origin: _Origin) -> Iterator[Reading | Rejected]:
    known, method = _concept(wire.concept)
    about = {
        **_common(wire, origin),
        "concept": known.id,
        "source": wire.source,
        "method": wire.method or method,
        "status": wire.status,
    }
    if known.kind == "coded":
        yield Reading(**about, code=_code(known, wire.code), quality=wire.quality, reason=wire.reason)
        return
    if wire.value is None:
        raise _Refused(Fault.INVALID, f"{known.id}: expected a value, found none")
    value = _canonical(known, wire.value, wire.unit)
    kept = _original(wire, known, value)
    if known.plausible(value) or wire.quality is Quality.ARTEFACT:  # marked before: it is in quarantine already
        yield Reading(**about, **kept, value=value, quality=wire.quality, reason=wire.reason)
        return
    why = _outside(known, value)
    yield origin.rejected(Fault.IMPOSSIBLE_VALUE, why)
    yield Reading(**about, **kept, value=value, quality=Quality.ARTEFACT, reason=why[:WHY_CHARS_MAX])


def _concept(name: str) -> tuple[Concept, str | None]:
    try:
        return by_loinc(name.removeprefix("loinc:")) if name.startswith("loinc:") else (concept(name), None)
    except UnknownConcept:
        raise _Refused(Fault.UNKNOWN_CONCEPT, "concept: expected a name or LOINC code of the list") from None


def _code(known: Concept, code: str | None) -> str:
    """The code as the list spells it; a concept without a list (a rhythm) takes what the site sends."""
    if code is None:
        raise _Refused(Fault.INVALID, f"{known.id}: expected a code, found none")
    if not known.codes:
        return code
    for listed in known.codes:
        if listed.casefold() == code.casefold():
            return listed
    raise _Refused(Fault.INVALID, f"{known.id}: expected one of {', '.join(known.codes)}, found another code")


def _canonical(known: Concept, value: float, unit: str | None) -> float:
    if unit is None and known.unit not in ("1", "[pH]", "{score}", "{bool}", "{INR}"):
        raise _Refused(Fault.UNKNOWN_UNIT, f"{known.id}: expected {known.unit} or a unit that converts, found no unit")
    try:
        return to_canonical(value, known.unit if unit is None else unit, known)
    except (UnknownUnit, ImpossibleUnit) as problem:
        raise _Refused(Fault.UNKNOWN_UNIT, str(problem)) from None


def _original(wire: WireReading, known: Concept, value: float) -> dict[str, Any]:
    """What the sender wrote, kept where it was converted, here or before."""
    if wire.original_value is not None or wire.original_unit is not None:
        return {"original_value": wire.original_value, "original_unit": wire.original_unit}
    if value != wire.value or (wire.unit is not None and wire.unit != known.unit):
        return {"original_value": wire.value, "original_unit": wire.unit}
    return {}


def _outside(known: Concept, value: float) -> str:
    """Why an impossible value is one, with the unit it was probably meant in: proposed, never applied (Q13)."""
    low = "" if known.hard_low is None else f"{known.hard_low:g}"
    high = "" if known.hard_high is None else f"{known.hard_high:g}"
    expected = f"{known.id}: expected {low}–{high} {known.printed_unit}".rstrip()
    whole = " in whole numbers" if known.whole else ""
    meant = known.probable_unit(value)
    ask = "" if meant is None else f"; was it meant in {meant}? Ask the sender"
    return f"{expected}{whole}, found a value outside{ask}"


def _treatment(wire: WireTreatment, origin: _Origin) -> Iterator[Treatment | Rejected]:
    try:
        item = drug(wire.item)
    except UnknownDrug:
        raise _Refused(Fault.UNKNOWN_CONCEPT, "item: expected a drug, fluid, sample or procedure of the list") from None
    rate = _dose(item, wire.rate, wire.rate_unit, item.rate_unit, rate_to_canonical, wire.weight_kg)
    amount = _dose(item, wire.amount, wire.amount_unit, item.amount_unit, amount_to_canonical, wire.weight_kg)
    if rate is not None and not item.plausible_rate(rate):
        yield origin.rejected(
            Fault.IMPOSSIBLE_VALUE,
            f"{item.id}: expected a rate of at most {item.rate_hard_high:g} {item.rate_unit}, found more",
        )
        rate = None  # it runs, at a rate that is not known
    yield Treatment(
        **_common(wire, origin),
        item=item.id,
        action=wire.action,
        rate=rate,
        amount=amount,
        amount_unit=item.amount_unit if amount is not None else None,
        route=wire.route,
        status=wire.status,
    )


def _dose(
    item: Drug, value: float | None, unit: str | None, canonical: str | None, convert: Any, weight_kg: float | None
) -> float | None:
    if value is None:
        return None
    if unit is None:
        raise _Refused(Fault.UNKNOWN_UNIT, f"{item.id}: expected a unit beside the number ({canonical}), found none")
    try:
        converted: float = convert(value, unit, item, weight_kg)
    except (UnknownUnit, ImpossibleUnit, WeightNeeded) as problem:
        raise _Refused(Fault.UNKNOWN_UNIT, str(problem)) from None
    return converted
