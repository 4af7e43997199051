"""An alert: a card with a life. One line of `alerts.ndjson` is one `AlertEvent`."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.clinical.cards import Card
from schemas.clinical.findings import Finding, Level
from schemas.frozen import EncounterId, Frozen, Moment, ShortText


class Change(StrEnum):
    """Why an alert speaks again. A later `updated` (new evidence, step done) makes no sound."""

    RAISED = "raised"
    WORSENED = "worsened"
    EASED = "eased"
    UPDATED = "updated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(Frozen):
    """The present state of one alert.

    `id` = hash(encounter | guideline | identity of the event that started the episode): the same alert has the
    same id on every worker, in every replay. No clock, offset or version is in it.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    encounter: EncounterId
    key: ShortText  # the guideline whose episode this is
    level: Level
    state: Literal["raised", "acknowledged", "resolved"]
    raised_at: Moment
    changed_at: Moment
    acknowledged_at: Moment | None = None
    acknowledged_by: ShortText | None = None
    finding: Finding  # the loudest finding of the episode
    others: tuple[Finding, ...] = ()  # the episode's other findings
    card: Card


class AlertEvent(Frozen):
    """Something new to say about an alert: the output of `step`, the record of the alerts topic."""

    v: Literal[1] = 1
    change: Change
    at: Moment
    alert: Alert
