"""What a board shows of an earlier look ahead: what was likely then, and what came of it."""

from datetime import datetime

from schemas.clinical.forecasts import Odds
from schemas.frozen import Record


class Came(Record, frozen=True, kw_only=True):
    """One chance as it stood then. `came`: whether the line was crossed since; None: nothing was measured since."""

    asked: str  # "MAP below 65 mmHg"
    odds: Odds
    came: bool | None
    at: datetime | None = None  # of the first value beyond the line, or else of the furthest
    shown: str | None = None  # that value: "61 mmHg"


class Hindsight(Record, frozen=True, kw_only=True):
    """The chances that could have been told at `at`, or why none could."""

    at: datetime
    of: tuple[Came, ...] = ()
    missing: str | None = None
