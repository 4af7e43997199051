"""An alert: a card with a life. One line of `alerts.ndjson` is one `AlertEvent`."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from schemas.clinical.cards import Card
from schemas.clinical.findings import Finding, Level
from schemas.frozen import Record, always


class Change(StrEnum):
    """Why an alert speaks again. A later `updated` (new evidence, step done) makes no sound."""

    RAISED = "raised"
    WORSENED = "worsened"
    EASED = "eased"
    UPDATED = "updated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(Record, frozen=True, kw_only=True):
    """The present state of one alert.

    `id` = hash(encounter | guideline | identity of the event that started the episode): the same alert has the
    same id on every worker, in every replay. No clock, offset or version is in it.
    """

    id: str
    encounter: str
    key: str  # the guideline whose episode this is
    level: Level
    state: Literal["raised", "acknowledged", "resolved"]
    raised_at: datetime
    changed_at: datetime
    worsened_at: datetime | None = None  # when it last became louder
    unseen_since: datetime | None = None  # since when what it rests on cannot be seen
    over_since: datetime | None = None  # since when nothing supports it: it waits for a second look
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    finding: Finding  # the loudest finding of the episode
    others: tuple[Finding, ...] = always(())  # the episode's other findings
    card: Card


class AlertEvent(Record, frozen=True, kw_only=True):
    """Something new to say about an alert: the output of `step`, the record of the alerts topic."""

    v: Literal[1] = always(1)
    change: Change
    at: datetime
    alert: Alert
