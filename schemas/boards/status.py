"""How the whole service stands, as a board must say it: its clock, whether it still hears, what it refused.

Made by the shells, read by `boards`. It holds counts and fixed sentences only, never a patient's value.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.quarantine import Fault
from schemas.frozen import Frozen, Moment, ShortText

RECENT_MAX = 50

Count = Annotated[int, Field(ge=0)]


class Refusal(Frozen):
    """One recent refusal: its `why` (a `Rejected.why`, so without the value), and when it came."""

    at: Moment
    fault: Fault
    why: ShortText


class BoardStatus(Frozen):
    """How the service stands now.

    `now` is the one clock of the board: the `now` of every bed lies on it, and ages are measured against it. It runs
    `speed` times as fast as the wall clock (1.0 live, 60.0 in a demo, 0.0 when nothing plays any more).
    """

    v: Literal[1] = 1
    now: Moment
    speed: Annotated[float, Field(ge=0)] = 1.0
    shell: ShortText  # "embedded", "kafka"
    plays: ShortText | None = None  # what a demo or replay plays: "12 stays of MIMIC-III demo, simulated time"
    lag_s: Annotated[float, Field(ge=0)] | None = None  # how far the newest judgement is behind the newest input
    away_since: Moment | None = None  # since when the source of data (the broker) cannot be reached; by `now`'s clock
    away_why: ShortText | None = None  # in one sentence, for a person
    refused: Mapping[Fault, Count] = {}  # quarantined since the start, by fault
    late: Count = 0
    duplicate: Count = 0
    corrected: Count = 0
    recent: Annotated[tuple[Refusal, ...], Field(max_length=RECENT_MAX)] = ()  # newest first
