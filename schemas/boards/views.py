"""What a board shows of one bed: a projection of its state, made by `streams.core.view`, read by `boards`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from schemas.clinical.alerts import Alert
from schemas.clinical.facts import NoteFact
from schemas.clinical.forecasts import Fan, Odds, Unavailable
from schemas.clinical.scores import Score
from schemas.events import Patient, Quality
from schemas.frozen import Record, always

POINTS_MAX = 400


class Point(Record, frozen=True, kw_only=True):
    """One reading on a trend. `ref` is its identity, so that evidence can be highlighted."""

    at: datetime
    value: float
    quality: Quality
    ref: str


class Vital(Record, frozen=True, kw_only=True):
    """The newest reading of one concept, with its time and source; `valid` is False once it is too old to use."""

    concept: str
    label: str
    shown: str  # "61 mmHg", "C (new confusion)"
    at: datetime
    source: str
    quality: Quality
    valid: bool
    reason: str | None = None


class ShownNote(Record, frozen=True, kw_only=True):
    """A note with the facts read in it; spans are offsets into `text`."""

    ref: str
    at: datetime
    title: str | None
    text: str
    facts: tuple[NoteFact, ...]


class ShownTreatment(Record, frozen=True, kw_only=True):
    label: str
    action: str
    shown: str  # "0.28 µg/kg/min", "500 mL"
    at: datetime
    ref: str


class Unjudged(Record, frozen=True, kw_only=True):
    """Since when the rules cannot look at a bed, because of a fault of ours; `what` is the type of the error."""

    since: datetime
    what: str


class WrongClock(Record, frozen=True, kw_only=True):
    """A source whose clock is wrong: its readings are moved to the time that is true of the patient."""

    source: str
    off_s: float  # positive: behind
    since: datetime  # when it was noticed


class Ahead(Record, frozen=True, kw_only=True):
    """One question about the hours ahead, and the forecaster's answer: a chance, or why there is none."""

    asked: str  # "MAP below 65 mmHg"
    condition: str = ""  # "map below 65", as a rule would write it
    within_h: float
    odds: Odds | None = None
    missing: Unavailable | None = None


class Remembered(Record, frozen=True, kw_only=True):
    """What the model remembered of the patient when the chances were made: whoever looks can have them explained."""

    digest: str  # of the forecaster: no other one can read it
    body: bytes  # deflated


class BedView(Record, frozen=True, kw_only=True):
    """Everything the board may show of one bed."""

    v: Literal[1] = always(1)
    encounter: str
    bed: str | None
    unit: str | None
    patient: Patient
    noted: tuple[NoteFact, ...] = ()  # what notes say that is true for the stay, unconfirmed: allergies, limits …
    now: datetime
    last_heard_at: datetime | None  # newest available_at of any reading
    vitals: tuple[Vital, ...]
    news2: Score | None
    alerts: tuple[Alert, ...]  # standing ones, loudest first
    trends: Mapping[str, tuple[Point, ...]]  # last 24 h of the charted concepts
    fans: Mapping[str, Fan]
    forecast_model: str | None
    forecast_missing: str | None  # why there is no forecast
    ahead: tuple[Ahead, ...] = ()  # chances, as of the newest instant that was judged
    ahead_at: datetime | None = None  # when they were made
    remembered: Remembered | None = None
    admitted_at: datetime | None = None  # to the hospital
    unjudged: Unjudged | None = None
    problem: str | None = None  # after "This bed": why it is not shown whole
    outside: tuple[str, ...] = ()  # sentences about guidelines that are not for this patient
    clocks: tuple[WrongClock, ...] = ()
    notes: tuple[ShownNote, ...]
    treatments: tuple[ShownTreatment, ...]
    counts: Mapping[str, int]  # late, duplicate, corrected, artefact, rejected by fault …
