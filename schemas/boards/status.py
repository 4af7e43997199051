"""How the whole service stands, as a board must say it: its clock, whether it still hears, what it refused.

Made by the shells, read by `boards`. The status holds counts and sentences of ours; what a message said about itself
is in `RefusalGroup` only.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from schemas.events.quarantine import Fault
from schemas.frozen import Record, always


class RefusalGroup(Record, frozen=True, kw_only=True):
    """Refusals that are alike. All texts but `why` are the senders' own words: of any length, and not to be trusted."""

    fault: Fault
    sender: str = ""  # what the messages say of their source; empty: nothing that could be read
    what: str = ""  # the code and unit that they are about
    encounter: str | None = None
    why: str  # a `Rejected.why`, so without the value
    count: int
    first_at: datetime
    last_at: datetime


class BoardStatus(Record, frozen=True, kw_only=True):
    """How the service stands now.

    `now` is the one clock of the board: the `now` of every bed lies on it, and ages are measured against it. It runs
    `speed` times as fast as the wall clock (1.0 live, 60.0 in a demo).
    """

    v: Literal[1] = always(1)
    now: datetime
    speed: float = 1.0
    shell: str  # "embedded", "kafka"
    plays: str | None = None  # what a demo or replay plays: "12 stays of MIMIC-III demo, simulated time"
    chances: str | None = None  # whether they were checked at this hospital, in one sentence, for a person
    lag_s: float | None = None  # how far the newest judgement is behind the newest input
    away_since: datetime | None = None  # since when the source of data (the broker) cannot be reached; by `now`'s clock
    away_why: str | None = None  # in one sentence, for a person
    clock_doubt: str | None = None  # why `now` may be wrong, in one sentence, for a person
    refused: Mapping[Fault, int] = {}  # quarantined since the start, by fault
    late: int = 0
    duplicate: int = 0
    corrected: int = 0
