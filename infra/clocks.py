"""The clocks of the program: the only place outside logging where real time is read."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Protocol

from prometheus_client import Counter

from schemas.frozen import LATEST

MINUTE, HOUR, DAY = 60, 3_600, 86_400  # seconds
LEAP = timedelta(seconds=2)  # a wall clock that leaves the steady one by more is doubted
HOLDS_S = 20.0  # its new time is taken once it has held for so long
CORRECTED_SAID_S = 600.0  # for how long the board says that the clock was corrected
HEARD_MIN = 5  # senders' times that can confirm a leap
HEARD_MAX = 31
HEARD_KEPT_S = 60.0
AGREES_S = 10.0  # how near the senders' times must be to the new time

CORRECTIONS = Counter("foreshock_clock_corrections", "Leaps of this machine's clock that were taken over.")
DOUBTS = Counter("foreshock_clock_doubts", "Leaps of this machine's clock that were doubted.")


class Clock(Protocol):
    """`speed` is how many seconds of this clock pass in one real second; `doubt` says why it may be wrong."""

    @property
    def speed(self) -> float: ...

    @property
    def doubt(self) -> str | None: ...

    def now(self) -> datetime: ...

    def heard(self, offset_s: float) -> None:
        """A message came: how far its receipt, by this clock, lay after the time that its sender gave for it."""
        ...


def wall() -> datetime:
    """What this machine takes for the time, in UTC. It may leap at any moment, in either direction."""
    return datetime.now(UTC)


def steady() -> float:
    """Seconds that really passed since some moment, the machine's sleep included where the system counts it."""
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class ServiceClock:
    """The time of the service: it runs by the steady clock, and follows the wall clock only when that can be believed.

    A leap of the wall clock is doubted: time goes on as before, and `doubt` says so. The new time is taken over once it
    has held for 20 s, or at once when the senders' own clocks agree with it. If the wall clock leaps back meanwhile,
    nothing has happened. Time goes back only by such a correction, and `doubt` then says by how much.
    """

    speed = 1.0

    def __init__(self, wall: Callable[[], datetime] = wall, steady: Callable[[], float] = steady) -> None:
        self._wall, self._steady = wall, steady
        at = steady()
        self._zero = wall() - timedelta(seconds=at)  # the wall clock's time when the steady one was at 0, as believed
        self._seen, self._seen_from = self._zero, at  # the same as the wall clock has it now, and since when
        self._last = self._zero + timedelta(seconds=at)
        self._lead = timedelta(0)  # of the wall clock before this one, while that is doubted
        self._doubted_at: datetime | None = None
        self._corrected: tuple[float, str] | None = None  # by the steady clock, and in words
        self._heard: deque[tuple[float, float]] = deque(maxlen=HEARD_MAX)

    def now(self) -> datetime:
        at = self._steady()
        seen = self._wall() - timedelta(seconds=at)
        if abs(seen - self._seen) > LEAP:
            self._seen, self._seen_from = seen, at
        lead = seen - self._zero
        if at - self._seen_from >= HOLDS_S or (abs(lead) > LEAP and self._confirmed(lead, at)):
            self._adopt(seen, lead, at)
            lead = timedelta(0)
        self._mark(lead, self._zero + timedelta(seconds=at))
        self._last = max(self._last, self._zero + timedelta(seconds=at))
        return self._last

    def heard(self, offset_s: float) -> None:
        self._heard.append((self._steady(), offset_s))

    @property
    def doubt(self) -> str | None:
        """For a person: why the time may be wrong; None when nothing speaks against it."""
        if self._doubted_at is not None:
            way = "ahead" if self._lead > timedelta(0) else "back"
            return (
                f"This machine’s clock leapt {_span(self._lead)} {way} at {self._doubted_at:%H:%M:%S} UTC. "
                f"Time goes on here as before until it has held for {HOLDS_S:g} s."
            )
        if self._corrected is not None and self._steady() - self._corrected[0] < CORRECTED_SAID_S:
            return self._corrected[1]
        return None

    def _confirmed(self, lead: timedelta, at: float) -> bool:
        """Whether the senders' clocks are where the wall clock has gone: nearer to it than to this one."""
        recent = [offset for heard, offset in self._heard if at - heard <= HEARD_KEPT_S]
        if len(recent) < HEARD_MIN:
            return False
        middle = median(recent)
        distance = abs(middle + lead.total_seconds())
        return distance <= AGREES_S and distance < abs(middle)

    def _adopt(self, seen: datetime, lead: timedelta, at: float) -> None:
        self._zero = self._seen = seen
        self._seen_from = at
        if abs(lead) <= LEAP:
            return  # no leap: so little is followed in silence, and never backwards
        self._heard.clear()  # they were measured by the time that was given up
        self._last = seen + timedelta(seconds=at)
        way = "forward" if lead > timedelta(0) else "back"
        words = f"This machine’s clock was put {way} by {_span(lead)} at {self._last:%H:%M:%S} UTC: "
        self._corrected = (at, words + "times from before that may be wrong.")
        CORRECTIONS.inc()

    def _mark(self, lead: timedelta, now: datetime) -> None:
        if abs(lead) <= LEAP:
            self._lead, self._doubted_at = timedelta(0), None
            return
        if self._doubted_at is None:
            self._doubted_at = now
            DOUBTS.inc()
        self._lead = lead


def _span(length: timedelta) -> str:
    """3 s, 4 min, 1 h 05 min, 2 days: as long as it is, whichever way."""
    seconds = round(abs(length.total_seconds()))
    if seconds < 2 * MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < 2 * DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE:02d} min"
    return f"{seconds // DAY} days"


class PlayedClock:
    """A clock of recorded time. It runs `speed` times as fast as real time, and never past `until`.

    The player moves `until` on as it hands over events, so that no instant closes before all of it was handed over.
    """

    doubt = None

    def __init__(self, start: datetime, speed: float) -> None:
        self._start, self._rate = start, speed
        self._began = time.monotonic()
        self.until = start

    @property
    def speed(self) -> float:
        return self._rate

    def aim(self) -> datetime:
        """Where the clock would be if nothing held it back."""
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * self._rate)

    def now(self) -> datetime:
        return min(self.aim(), self.until)

    def seconds_until(self, moment: datetime) -> float:
        """Real seconds until the clock aims at `moment`; 0 when it is past."""
        return max(0.0, (moment - self.aim()).total_seconds() / self._rate)

    def restart(self) -> None:
        """Begin to run now, from where it stands."""
        self._start, self._began = self.now(), time.monotonic()

    def heard(self, offset_s: float) -> None:
        """Recorded senders say nothing about this clock."""

    def stop(self) -> None:
        """Nothing plays any more: time goes on from here at its real pace, so that answers still find their instant."""
        self._start, self._rate, self._began = self.now(), 1.0, time.monotonic()
        self.until = LATEST
