"""What can happen to a patient, as this system hears of it.

Every event carries two times: `observed_at` (when it was true of the patient) and `available_at` (when this
system could first know it). Nothing may use an event before its `available_at`.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from schemas.frozen import Record

NOTE_CHARS_MAX = 100_000
AGE_MAX = 130  # years
LABEL_CHARS_MAX = 64
REASON_CHARS_MAX = 200


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


class _Event(Record, frozen=True, kw_only=True, tag_field="kind"):
    encounter: str
    observed_at: datetime  # both times in UTC
    available_at: datetime
    sender: str | None = None  # whom it is from, where that is known; forgotten when it is written into the chart


class Reading(_Event, frozen=True, kw_only=True, tag="reading"):
    """One measurement of one concept, already in the canonical unit of that concept.

    Exactly one of `value` (numeric concepts) and `code` (coded concepts, e.g. acvpu = "C") is set.
    `original_value` and `original_unit` keep what the sender wrote when it was converted.
    """

    kind: ClassVar[str] = "reading"
    concept: str
    value: float | None = None
    code: str | None = None
    source: Source = Source.MANUAL
    method: str | None = None  # e.g. invasive, nibp, venous
    status: Status = Status.FINAL
    quality: Quality = Quality.OK
    reason: str | None = None  # why quality is not ok, or the laboratory's comment
    original_value: float | None = None
    original_unit: str | None = None


class Note(_Event, frozen=True, kw_only=True, tag="note"):
    """Free text somebody wrote. `observed_at` is the event time of the note, not its signature."""

    kind: ClassVar[str] = "note"
    text: str
    title: str | None = None
    status: Status = Status.FINAL


class Action(StrEnum):
    """What happened to a treatment."""

    ORDERED = "ordered"  # asked for, not given: what a rule may still block
    START = "start"
    CHANGE = "change"
    STOP = "stop"
    GIVEN = "given"  # a single dose, bolus, sample or procedure, done
    CANCELLED = "cancelled"


class Treatment(_Event, frozen=True, kw_only=True, tag="treatment"):
    """A drug, fluid, sample or procedure: started, changed, stopped, given or ordered.

    `item` is an id of `schemas.codes.drugs`. `rate` is in the canonical rate unit of the item; `amount` in
    `amount_unit` (mL for fluids).
    """

    kind: ClassVar[str] = "treatment"
    item: str
    action: Action
    rate: float | None = None
    amount: float | None = None
    amount_unit: str | None = None
    route: str | None = None
    status: Status = Status.FINAL


class Severity(StrEnum):
    """How bad a recorded allergic reaction was (reference §0.3)."""

    ANAPHYLAXIS = "anaphylaxis"
    SEVERE_NON_IGE = "severe_nonIgE"
    RASH = "rash"
    INTOLERANCE = "intolerance"
    UNKNOWN = "unknown"


class Allergy(Record, frozen=True, kw_only=True):
    """One entry of the allergy list; `substance` is a drug id or a class of `schemas.codes.drugs`."""

    substance: str
    severity: Severity = Severity.UNKNOWN


Limit = Literal["dnr", "no_escalation", "comfort_care"]


class Patient(Record, frozen=True, kw_only=True):
    """What is known of the person besides measurements. None always means unknown, never "no".

    `diagnoses` uses short codes (heart_failure, copd, dialysis, …); an empty tuple means "list read, none active".
    """

    age_years: Annotated[float, Meta(ge=0, le=AGE_MAX)] | None = None
    sex: Literal["female", "male"] | None = None
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] | None = None  # for the admission, as somebody wrote it
    pregnant: bool | None = None
    allergies: tuple[Allergy, ...] | None = None
    diagnoses: tuple[str, ...] | None = None
    limits: tuple[Limit, ...] | None = None
    spo2_target_88_92: bool | None = None  # documented hypercapnic target: NEWS2 scale 2
    lvef_percent: Annotated[float, Meta(ge=1, le=90)] | None = None
    usual_sbp_mmhg: Annotated[float, Meta(ge=60, le=250)] | None = None
    baseline_creatinine_mg_dl: Annotated[float, Meta(ge=0.1, le=30)] | None = None
    baseline_sofa: Annotated[int, Meta(ge=0, le=24)] | None = None


class Movement(_Event, frozen=True, kw_only=True, tag="movement"):
    """Admission, transfer, discharge, or news about who the patient is (ADT A01, A02, A03, A08)."""

    kind: ClassVar[str] = "movement"
    action: Literal["admit", "transfer", "discharge", "update"]
    unit: str | None = None
    setting: Literal["icu", "ward"] | None = None
    bed: str | None = None
    patient: Patient | None = None


class Response(_Event, frozen=True, kw_only=True, tag="response"):
    """What a person did about an alert on the board; part of the log, so a replay sees it too."""

    kind: ClassVar[str] = "response"
    alert: str
    verb: Literal["acknowledge", "step_done", "step_undone"]
    step: str | None = None
    by: str = "station"


class Tick(Record, frozen=True, kw_only=True, tag_field="kind", tag="tick"):
    """Time passed. It belongs to no encounter: it moves the clock of every bed it reaches.

    `corrected`: the clock of the service was wrong before, and this is the time: beds may be put back.
    """

    kind: ClassVar[str] = "tick"
    available_at: datetime
    corrected: bool = False


Event = Reading | Note | Treatment | Movement | Response
"""An event of one encounter. In JSON its `kind` says which."""


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
