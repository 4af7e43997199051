"""How long the service waits: for order, for certainty, for a doubtful clock."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """`allowed_lateness`: an event may come so much out of order and still find its place; `clear_after`: a level is
    left only when nothing has supported it for so long; `update_after`: new words are said no more often."""

    allowed_lateness: timedelta = timedelta(seconds=0.5)
    clear_after: timedelta = timedelta(minutes=15)
    update_after: timedelta = timedelta(minutes=5)
