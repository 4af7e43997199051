"""What a board shows of one bed: a projection of its state, made by `streams.core.view`, read by `boards`."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from schemas.clinical.alerts import Alert
from schemas.clinical.facts import NoteFact
from schemas.clinical.forecasts import Fan
from schemas.clinical.scores import Score
from schemas.events import Patient, Quality
from schemas.frozen import EncounterId, Frozen, Moment, ShortText

POINTS_MAX = 400


class Point(Frozen):
    """One reading on a trend. `ref` is its identity, so that evidence can be highlighted."""

    at: Moment
    value: float
    quality: Quality
    ref: ShortText


class Vital(Frozen):
    """The newest reading of one concept, with its time and source; `valid` is False once it is too old to use."""

    concept: ShortText
    label: ShortText
    shown: ShortText  # "61 mmHg", "C (new confusion)"
    at: Moment
    source: ShortText
    quality: Quality
    valid: bool
    reason: ShortText | None = None


class ShownNote(Frozen):
    """A note with the facts read in it; spans are offsets into `text`."""

    ref: Annotated[str, Field(max_length=400)]
    at: Moment
    title: ShortText | None
    text: str
    facts: tuple[NoteFact, ...]


class ShownTreatment(Frozen):
    label: ShortText
    action: ShortText
    shown: ShortText  # "0.28 µg/kg/min", "500 mL"
    at: Moment
    ref: ShortText


class BedView(Frozen):
    """Everything the board may show of one bed."""

    v: Literal[1] = 1
    encounter: EncounterId
    bed: ShortText | None
    unit: ShortText | None
    patient: Patient
    now: Moment
    last_heard_at: Moment | None  # newest available_at of any reading
    vitals: tuple[Vital, ...]
    news2: Score | None
    alerts: tuple[Alert, ...]  # standing ones, loudest first
    trends: Mapping[str, tuple[Point, ...]]  # last 24 h of the charted concepts
    fans: Mapping[str, Fan]
    forecast_model: ShortText | None
    forecast_missing: ShortText | None  # why there is no forecast
    notes: tuple[ShownNote, ...]
    treatments: tuple[ShownTreatment, ...]
    counts: Mapping[str, int]  # late, duplicate, corrected, artefact, rejected by fault …
