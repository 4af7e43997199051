"""How long the service waits: for order, for certainty, for a doubtful clock, before it says a thing again."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from guidelines.asking.times import USUAL_HOURS, Hours
from schemas.clinical.findings import Level
from schemas.local_time import UTC


@dataclass(frozen=True, slots=True)
class Policy:
    """How long, and `zone`, that of the clocks on the ward; `hours`: its round and its night.

    `allowed_lateness`: an event may come so much out of order and still find its place. `clear_after`: two looks that
    clear a level are so far apart. `update_after`: new words are said no more often. `unseen_max`: a level
    stands so long though what it rests on cannot be seen. `settled_after`: a level that was left for less was not
    left for good, and coming back to it is no news; of a critical one sooner (`settled_critical`). `ask_again_after`:
    the same is not asked, or watched for, sooner.
    """

    allowed_lateness: timedelta = timedelta(seconds=0.5)
    clear_after: timedelta = timedelta(minutes=15)
    update_after: timedelta = timedelta(minutes=5)
    unseen_max: timedelta = timedelta(minutes=60)  # a round of observations in an ICU
    settled_after: timedelta = timedelta(hours=4)
    settled_critical: timedelta = timedelta(minutes=90)
    ask_again_after: timedelta = timedelta(hours=4)
    zone: ZoneInfo = UTC
    hours: Hours = USUAL_HOURS

    def settled(self, level: Level) -> timedelta:
        """How long a level must have been left for its return to be news."""
        return self.settled_critical if level is Level.CRITICAL else self.settled_after
