"""What can happen to a patient, as this system hears of it.

Every event carries two times: `observed_at` (when it was true of the patient) and `available_at` (when this
system could first know it). Nothing may use an event before its `available_at`.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.frozen import EncounterId, Frozen, Moment, ShortText

NOTE_CHARS_MAX = 100_000
LABEL_CHARS_MAX = 64


class Status(StrEnum):
    """Life of a result, as in FHIR Observation.status."""

    FINAL = "final"
    PRELIMINARY = "preliminary"
    CORRECTED = "corrected"
    ENTERED_IN_ERROR = "entered-in-error"


class Quality(StrEnum):
    """Whether a value may be used: only `ok` values are scored; the others are shown, marked."""

    OK = "ok"
    SUSPECT = "suspect"
    ARTEFACT = "artefact"


class Source(StrEnum):
    """Where a value came from."""

    MONITOR = "monitor"
    LAB = "lab"
    POC = "poc"
    DEVICE = "device"
    MANUAL = "manual"
    NOTE = "note"


class _Event(Frozen):
    encounter: EncounterId
    observed_at: Moment
    available_at: Moment


class Reading(_Event):
    """One measurement of one concept, already in the canonical unit of that concept.

    Exactly one of `value` (numeric concepts) and `code` (coded concepts, e.g. acvpu = "C") is set.
    `original_value` and `original_unit` keep what the sender wrote when it was converted.
    """

    kind: Literal["reading"] = "reading"
    concept: Annotated[str, Field(max_length=LABEL_CHARS_MAX)]
    value: float | None = None
    code: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] | None = None
    source: Source = Source.MANUAL
    method: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] | None = None  # e.g. invasive, nibp, venous
    status: Status = Status.FINAL
    quality: Quality = Quality.OK
    reason: ShortText | None = None  # why quality is not ok, or the laboratory's comment
    original_value: float | None = None
    original_unit: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> "Reading":
        if (self.value is None) == (self.code is None):
            raise ValueError("expected exactly one of value and code")
        return self


class Note(_Event):
    """Free text somebody wrote. `observed_at` is the event time of the note, not its signature."""

    kind: Literal["note"] = "note"
    text: Annotated[str, Field(min_length=1, max_length=NOTE_CHARS_MAX)]
    title: ShortText | None = None
    status: Status = Status.FINAL


class Action(StrEnum):
    """What happened to a treatment."""

    ORDERED = "ordered"  # asked for, not given: what a rule may still block
    START = "start"
    CHANGE = "change"
    STOP = "stop"
    GIVEN = "given"  # a single dose, bolus, sample or procedure, done
    CANCELLED = "cancelled"


class Treatment(_Event):
    """A drug, fluid, sample or procedure: started, changed, stopped, given or ordered.

    `item` is an id of `schemas.codes.drugs`. `rate` is in the canonical rate unit of the item; `amount` in
    `amount_unit` (mL for fluids).
    """

    kind: Literal["treatment"] = "treatment"
    item: Annotated[str, Field(max_length=LABEL_CHARS_MAX)]
    action: Action
    rate: Annotated[float, Field(ge=0)] | None = None
    amount: Annotated[float, Field(ge=0)] | None = None
    amount_unit: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] | None = None
    route: ShortText | None = None
    status: Status = Status.FINAL


class Severity(StrEnum):
    """How bad a recorded allergic reaction was (reference §0.3)."""

    ANAPHYLAXIS = "anaphylaxis"
    SEVERE_NON_IGE = "severe_nonIgE"
    RASH = "rash"
    INTOLERANCE = "intolerance"
    UNKNOWN = "unknown"


class Allergy(Frozen):
    """One entry of the allergy list; `substance` is a drug id or a class of `schemas.codes.drugs`."""

    substance: Annotated[str, Field(max_length=LABEL_CHARS_MAX)]
    severity: Severity = Severity.UNKNOWN


class Patient(Frozen):
    """What is known of the person besides measurements. None always means unknown, never "no".

    `diagnoses` uses short codes (heart_failure, copd, dialysis, …); an empty tuple means "list read, none active".
    """

    age_years: Annotated[float, Field(ge=0, le=130)] | None = None
    sex: Literal["female", "male"] | None = None
    pregnant: bool | None = None
    allergies: tuple[Allergy, ...] | None = None
    diagnoses: tuple[ShortText, ...] | None = None
    limits: tuple[Literal["dnr", "no_escalation"], ...] | None = None
    spo2_target_88_92: bool | None = None  # documented hypercapnic target: NEWS2 scale 2
    lvef_percent: Annotated[float, Field(ge=1, le=90)] | None = None
    usual_sbp_mmhg: Annotated[float, Field(ge=60, le=250)] | None = None
    baseline_creatinine_mg_dl: Annotated[float, Field(ge=0.1, le=30)] | None = None
    baseline_sofa: Annotated[int, Field(ge=0, le=24)] | None = None


class Movement(_Event):
    """Admission, transfer, discharge, or news about who the patient is (ADT A01, A02, A03, A08)."""

    kind: Literal["movement"] = "movement"
    action: Literal["admit", "transfer", "discharge", "update"]
    unit: ShortText | None = None
    setting: Literal["icu", "ward"] | None = None
    bed: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] | None = None
    patient: Patient | None = None


class Response(_Event):
    """What a person did about an alert on the board; part of the log, so a replay sees it too."""

    kind: Literal["response"] = "response"
    alert: Annotated[str, Field(max_length=LABEL_CHARS_MAX)]
    verb: Literal["acknowledge", "step_done", "step_undone"]
    step: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] | None = None
    by: Annotated[str, Field(max_length=LABEL_CHARS_MAX)] = "station"


class Tick(Frozen):
    """Time passed. It belongs to no encounter: it moves the clock of every bed it reaches."""

    kind: Literal["tick"] = "tick"
    available_at: Moment


Event = Reading | Note | Treatment | Movement | Response
"""An event of one encounter."""

Record = Annotated[Event | Tick, Field(discriminator="kind")]
"""Anything the ordered log may hold."""


def identity(event: Event) -> str:
    """What makes two deliveries the same event: kind, subject and `observed_at`, without the value.

    Same identity and same content: a duplicate. Same identity and other content: a correction.
    """
    parts: tuple[str, ...]
    match event:
        case Reading():
            parts = ("r", event.concept, event.method or "", event.source.value)
        case Note():
            words = f"{event.title}\n{event.text}".encode()
            parts = ("n", blake2b(words, digest_size=12).hexdigest())
        case Treatment():
            parts = ("t", event.item, event.action.value, event.route or "")
        case Movement():
            parts = ("m", event.action, event.unit or "")
        case Response():
            parts = ("a", event.alert, event.verb, event.step or "")
    return "|".join((*parts, event.observed_at.isoformat()))
