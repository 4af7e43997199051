"""The wire form: JSON, one object per message, version 1.

It is the form of every topic, of `ndjson` files and of the ordered log. It differs from `schemas.events` in four
ways: `v` is explicit; a numeric reading, a rate and an amount carry their unit; `available_at` may be left out by a
live sender (then it is the moment of receipt); a message may name its `sender`. A concept is named by id, alias or
`loinc:<code>`. Several records that travel together are a `batch`. `streams.adapters.decode` turns wire records into
events, or into reasons why not.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import to_builtins
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.events import (
    AGE_MAX,
    LABEL_CHARS_MAX,
    NOTE_CHARS_MAX,
    REASON_CHARS_MAX,
    Action,
    Event,
    Limit,
    Quality,
    Reading,
    Severity,
    Source,
    Status,
    Tick,
    Treatment,
)
from schemas.frozen import EncounterId, Frozen, Moment, ShortText

VERSION = 1
MESSAGE_BYTES_MAX = 512 * 1024
BATCH_RECORDS_MAX = 500
LIST_MAX = 100  # entries of an allergy or problem list
NUMBER_MAX = 1e15  # beyond, a double does not hold every whole number, and a page not every digit: no measurement

Number = Annotated[float, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Quantity = Annotated[float, Field(ge=0, le=NUMBER_MAX)]
Label = Annotated[str, Field(min_length=1, max_length=LABEL_CHARS_MAX)]


class _Wire(Frozen):
    v: Literal[1]
    encounter: EncounterId
    observed_at: Moment
    available_at: Moment | None = None
    sender: Label | None = None  # the system that says so: a gateway, an analyser; each has a clock of its own


class WireReading(_Wire):
    """A measurement as sent: `value` with `unit`, or `code` for coded concepts."""

    kind: Literal["reading"]
    concept: Label
    value: Number | None = None
    unit: Label | None = None
    code: Label | None = None
    source: Source = Source.MANUAL
    method: Label | None = None
    status: Status = Status.FINAL
    quality: Quality = Quality.OK
    reason: ShortText | None = None
    original_value: Number | None = None
    original_unit: Label | None = None


class WireNote(_Wire):
    kind: Literal["note"]
    text: Annotated[str, Field(min_length=1, max_length=NOTE_CHARS_MAX)]
    title: ShortText | None = None
    status: Status = Status.FINAL


class WireTreatment(_Wire):
    """`rate` with `rate_unit`, `amount` with `amount_unit`; `weight_kg` is the weight the pump was set with."""

    kind: Literal["treatment"]
    item: Label
    action: Action
    rate: Quantity | None = None
    rate_unit: Label | None = None
    amount: Quantity | None = None
    amount_unit: Label | None = None
    weight_kg: Number | None = None
    route: ShortText | None = None
    status: Status = Status.FINAL


class WireAllergy(Frozen):
    substance: Annotated[str, Field(max_length=LABEL_CHARS_MAX)]
    severity: Severity = Severity.UNKNOWN


def _cut(reason: str) -> str:
    """A reason for admission that fits: for its length nobody is refused a bed."""
    return reason if len(reason) <= REASON_CHARS_MAX else reason[: REASON_CHARS_MAX - 1].rstrip() + "…"


class WirePatient(Frozen):
    """`schemas.events.Patient` as sent, within its limits."""

    age_years: Annotated[float, Field(ge=0, le=AGE_MAX)] | None = None
    sex: Literal["female", "male"] | None = None
    reason: Annotated[str, AfterValidator(_cut)] | None = None
    pregnant: bool | None = None
    allergies: Annotated[tuple[WireAllergy, ...], Field(max_length=LIST_MAX, fail_fast=True)] | None = None
    diagnoses: Annotated[tuple[ShortText, ...], Field(max_length=LIST_MAX, fail_fast=True)] | None = None
    limits: Annotated[tuple[Limit, ...], Field(max_length=LIST_MAX, fail_fast=True)] | None = None
    spo2_target_88_92: bool | None = None
    lvef_percent: Annotated[float, Field(ge=1, le=90)] | None = None
    usual_sbp_mmhg: Annotated[float, Field(ge=60, le=250)] | None = None
    baseline_creatinine_mg_dl: Annotated[float, Field(ge=0.1, le=30)] | None = None
    baseline_sofa: Annotated[int, Field(ge=0, le=24)] | None = None


class WireMovement(_Wire):
    kind: Literal["movement"]
    action: Literal["admit", "transfer", "discharge", "update"]
    unit: ShortText | None = None
    setting: Literal["icu", "ward"] | None = None
    bed: Label | None = None
    patient: WirePatient | None = None


class WireResponse(_Wire):
    kind: Literal["response"]
    alert: Label
    verb: Literal["acknowledge", "step_done", "step_undone"]
    step: Label | None = None
    by: Label = "station"


class WireTick(Frozen):
    v: Literal[1]
    kind: Literal["tick"]
    available_at: Moment
    corrected: bool = False


WireRecord = WireReading | WireNote | WireTreatment | WireMovement | WireResponse | WireTick


class WireBatch(Frozen):
    """Records that travel together (one ORU message, one bed and second). Each is judged on its own."""

    v: Literal[1]
    kind: Literal["batch"]
    sender: Label | None = None  # of all its records
    records: Annotated[tuple[Any, ...], Field(min_length=1, max_length=BATCH_RECORDS_MAX)]


_ADAPTER: TypeAdapter[WireRecord | WireBatch] = TypeAdapter(
    Annotated[WireRecord | WireBatch, Field(discriminator="kind")],
    config=ConfigDict(hide_input_in_errors=True),  # the union does not inherit it from its models
)


def parse(raw: bytes) -> WireRecord | WireBatch:
    """The structure of one message. Strict: no strings for numbers, no numbers for times.

    Raises pydantic.ValidationError, whose text never holds the values.
    """
    return _ADAPTER.validate_json(raw, strict=True)


def checked(fields: Mapping[str, Any]) -> WireRecord | WireBatch:
    """The same for a message that is taken apart already: a row of a table, whose times are times and numbers numbers.

    Raises as `parse`.
    """
    return _ADAPTER.validate_python(fields)


def encode(record: Event | Tick) -> bytes:
    """One event as one line of JSON, without the line's end. Equal events give equal bytes."""
    fields = to_builtins(record)
    fields["v"] = VERSION
    match record:
        case Reading() if record.value is not None:
            fields["unit"] = CONCEPTS[record.concept].unit
        case Treatment() if record.rate is not None:
            fields["rate_unit"] = DRUGS[record.item].rate_unit
    return _line(fields)


def written(fields: Mapping[str, Any]) -> bytes:
    """A message that is taken apart, as the line of JSON that says the same."""
    return _line(to_builtins(fields))


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
