"""What the log says the time is, message by message: a restart, a pause or a wrong clock makes nothing late.

A message that was on its way while the service was down or stood still comes as soon as it is up again, at the time of
its sender. Were the log to go on at the clock's time at once, all that came before would be judged, and the message
would be late. So the log resumes where it stopped and follows the messages until they have caught up with the clock.
Pure: the clock's time and the seconds that really passed are arguments.
"""

from datetime import datetime, timedelta

LEAP_BACK = timedelta(seconds=2)  # the clock stands before what the log has by more: it was corrected
QUIET_S = 2.0  # without a message for so long, nothing is on its way any more
CATCH_UP_MAX_S = 60.0
PAUSED_S = 1.0  # nobody looked at the clock for longer: this process stood still


class LogClock:
    """`last`: the time of the newest record of the log, if there is one."""

    def __init__(self, last: datetime | None, lateness: timedelta, elapsed_s: float) -> None:
        self._last, self._lateness = last, lateness
        self._behind = last is not None
        self._began_s = self._heard_s = self._looked_s = elapsed_s

    @property
    def last(self) -> datetime | None:
        """The time of the newest record."""
        return self._last

    def of_message(self, known_at: datetime | None, now: datetime, elapsed_s: float) -> datetime:
        """The log time of a message; `known_at`: when its sender says that it was known."""
        self.look(elapsed_s)
        self._heard_s = elapsed_s
        last = self._last
        if last is not None and self._behind and known_at is not None and known_at < now - self._lateness:
            self._last = max(last, known_at)
            return self._last
        self._behind = False
        self._last = now if last is None else max(last, now)
        return self._last

    def of_tick(self, now: datetime, elapsed_s: float, put_back: bool = False) -> tuple[datetime, bool] | None:
        """The log time of a tick, and whether it puts the log back; None: time stands still until all caught up.

        `put_back`: the clock was put back since the last tick. One that only runs behind the log moves nothing: what is
        played from a recording is logged before the clock comes to it.
        """
        self.look(elapsed_s)
        corrected = put_back and self._last is not None and now < self._last - LEAP_BACK
        if self._behind and not corrected:
            quiet = elapsed_s - self._heard_s > QUIET_S
            if not quiet and elapsed_s - self._began_s < CATCH_UP_MAX_S:
                return None
        self._behind = False
        self._last = now if corrected or self._last is None else max(self._last, now)
        return self._last, corrected

    def passed(self, now: datetime, elapsed_s: float) -> None:
        """The beds heard that it is so late, though nothing was logged: no later record may say that it came before."""
        self.look(elapsed_s)
        self._last = now if self._last is None else max(self._last, now)

    def look(self, elapsed_s: float) -> None:
        """This process is awake: to be told several times a second, also when there is nothing to log.

        After a pause the log resumes where it stopped, as after a restart.
        """
        if elapsed_s - self._looked_s > PAUSED_S and self._last is not None:
            self._behind, self._began_s, self._heard_s = True, elapsed_s, elapsed_s
        self._looked_s = elapsed_s
