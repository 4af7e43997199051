"""What the log says the time is, message by message: a restart, a pause or a wrong clock makes nothing late.

    coming = clock.came(known_at, now, elapsed_s, sender)
    at = clock.turn(coming, now, elapsed_s)       # None: it has to wait for others; ask again

A message that was on its way while the service was down or stood still comes as soon as it is up again, at the time of
its sender. Were the log to go on at the clock's time at once, all that came before would be judged, and the message
would be late. So the log resumes where it stopped. For two seconds it listens who has something to send; then it takes
what waits in the order in which it became known, across all senders, until they have caught up with the clock. Who has
caught up waits meanwhile, as time does. Pure: the clock's time and the seconds that really passed are arguments.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

LEAP_BACK = timedelta(seconds=2)  # the clock stands before what the log has by more: it was corrected
QUIET_S = 2.0  # without a message from before for so long, nothing is on its way any more
CATCH_UP_MAX_S = 60.0  # then time goes on, and what comes later is late
HELD_MAX_S = 25.0  # then a message of now is logged: its sender waits for 30 s at most
PAUSED_S = 1.0  # nobody looked at the clock for longer: this process stood still


@dataclass(eq=False, slots=True)
class Coming:
    """A message that is to be logged: as of when, and whether it is one from before."""

    sender: str | None
    at: datetime
    is_old: bool


@dataclass(slots=True)
class _Sender:
    """What waits of a sender; as of when its newest logged message is, while it catches up; when it was heard last."""

    waiting: deque[Coming]
    reached: datetime | None
    heard_s: float


class LogClock:
    """`last`: the time of the newest record of the log, if there is one."""

    def __init__(self, last: datetime | None, lateness: timedelta, elapsed_s: float) -> None:
        self._last, self._lateness = last, lateness
        self._behind = last is not None
        self._began_s = self._heard_s = self._looked_s = elapsed_s
        self._senders: dict[str | None, _Sender] = {}  # while the log is behind

    @property
    def last(self) -> datetime | None:
        """The time of the newest record."""
        return self._last

    def came(self, known_at: datetime | None, now: datetime, elapsed_s: float, sender: str | None = None) -> Coming:
        """A message came; `known_at`: when its sender says that it was known."""
        self.look(elapsed_s)
        is_old = known_at is not None and known_at < now - self._lateness
        coming = Coming(sender, known_at if known_at is not None and is_old else now, is_old)
        if self._behind:
            of_sender = self._senders.setdefault(sender, _Sender(deque(), None, elapsed_s))
            of_sender.waiting.append(coming)
            of_sender.heard_s = elapsed_s
        return coming

    def turn(self, coming: Coming, now: datetime, elapsed_s: float) -> datetime | None:
        """The log time of a message once its turn has come; None: not yet. `now`: when it came."""
        self.look(elapsed_s)
        if self._behind and not self._may_go(coming, elapsed_s):
            return None
        self.left(coming)
        at = coming.at if self._behind else now
        if self._behind and (of_sender := self._senders.get(coming.sender)) is not None:
            of_sender.reached = coming.at if coming.is_old else None
            of_sender.heard_s = elapsed_s  # only now can it send its next one
        if not coming.is_old and (self._all_came(elapsed_s) or elapsed_s - self._began_s >= HELD_MAX_S):
            self._caught_up()
        self._last = at if self._last is None else max(self._last, at)
        return self._last

    def left(self, coming: Coming) -> None:
        """Nobody waits for this message's turn any more."""
        of_sender = self._senders.get(coming.sender)
        if of_sender is not None and coming in of_sender.waiting:
            of_sender.waiting.remove(coming)

    def of_tick(self, now: datetime, elapsed_s: float, put_back: bool = False) -> tuple[datetime, bool] | None:
        """The log time of a tick, and whether it puts the log back; None: time stands still until all caught up.

        `put_back`: the clock was put back since the last tick. One that only runs behind the log moves nothing: what is
        played from a recording is logged before the clock comes to it.
        """
        self.look(elapsed_s)
        corrected = put_back and self._last is not None and now < self._last - LEAP_BACK
        if self._behind and not corrected and not self._all_came(elapsed_s):
            return None
        self._caught_up()
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

    def _caught_up(self) -> None:
        self._behind = False
        self._senders.clear()

    def _all_came(self, elapsed_s: float) -> bool:
        """Whether nothing is on its way any more, as far as can be told; or it takes too long."""
        since_s = elapsed_s - self._began_s
        if since_s >= CATCH_UP_MAX_S:
            return True
        return since_s > QUIET_S and all(_next_of(one, elapsed_s) is None for one in self._senders.values())

    def _may_go(self, coming: Coming, elapsed_s: float) -> bool:
        own = self._senders.get(coming.sender)
        if own is not None and own.waiting and own.waiting[0] is not coming:
            return False  # a sender's messages keep their order
        since_s = elapsed_s - self._began_s
        if since_s <= QUIET_S:
            return False
        if not coming.is_old and since_s >= HELD_MAX_S:
            return True
        others = (one for sender, one in self._senders.items() if sender != coming.sender)
        return all(coming.at <= at for one in others if (at := _next_of(one, elapsed_s)) is not None)


def _next_of(sender: _Sender, elapsed_s: float) -> datetime | None:
    """No message of this sender that is still to be logged is as of before this; None: none is on its way."""
    if sender.waiting:
        return sender.waiting[0].at
    return sender.reached if elapsed_s - sender.heard_s <= QUIET_S else None
