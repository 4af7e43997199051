"""The clocks of the program: the only place outside logging where real time is read."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """`speed` is how many seconds of this clock pass in one real second."""

    @property
    def speed(self) -> float: ...

    def now(self) -> datetime: ...


class WallClock:
    """The machine's clock, in UTC."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)


class PlayedClock:
    """A clock of recorded time. It runs `speed` times as fast as real time, and never past `until`.

    The player moves `until` on as it hands over events, so that no instant closes before all of it was handed over.
    """

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

    def stop(self) -> None:
        """Nothing plays any more: the clock stands where it is."""
        self._start, self._rate, self._began = self.now(), 0.0, time.monotonic()
