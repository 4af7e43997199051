"""Plays recorded stays into the embedded service, in the order and at the pace in which things became known."""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from infra.clocks import PlayedClock
from schemas.events import Event
from streams.adapters import Stay
from streams.shells.embedded import Embedded

STRIDE_S = 0.2  # real seconds between two looks at the clock
AT_ONCE = 64  # events handed over together: one write to the log
INSTANT = timedelta(microseconds=1)
LAST_LOOK = timedelta(minutes=1)  # the clock runs on so far after the last event, so that it is judged


def in_order(stays: Iterable[Stay]) -> Iterator[Event]:
    """The events of all stays in the order in which they became known; within one moment, stay by stay."""
    rows = [
        [(event.available_at, index, n, event) for n, event in enumerate(stay.events)]
        for index, stay in enumerate(stays)
    ]
    for *_, event in heapq.merge(*rows):
        yield event


class Player:
    """Hands over what is older than `live_from` at once, and the rest when the clock comes to it."""

    def __init__(self, service: Embedded, stays: Iterable[Stay], clock: PlayedClock, live_from: datetime) -> None:
        self._service, self._clock, self._live_from = service, clock, live_from
        self._events = list(in_order(stays))
        self.total = len(self._events)
        self.played = 0
        if self._events:  # from the start on: a clock that is seen to go back is told to the beds as a correction
            clock.until = min(clock.until, self._events[0].available_at)

    async def before(self, tell: Callable[[int, int], None]) -> None:
        """The history of every bed, judged like everything else and as fast as it can be; the clock follows it."""
        while self.played < self.total and (at := self._events[self.played].available_at) < self._live_from:
            self._clock.until = at
            await self._hand_over(self._live_from)
            tell(self.played, self.total)
        self._clock.until = self._live_from
        self._clock.restart()

    async def live(self, tell: Callable[[int, int], None]) -> None:
        """The rest, at the clock's pace. Ends once the last event is judged; time then goes on at its real pace."""
        while self.played < self.total:
            self._clock.until = self._events[self.played].available_at
            await self._reached(self._clock.until)
            await self._hand_over(self._clock.aim() + INSTANT)
            tell(self.played, self.total)
        if self._events:
            self._clock.until = self._events[-1].available_at + LAST_LOOK
        await self._reached(self._clock.until)
        self._clock.stop()

    async def _reached(self, moment: datetime) -> None:
        while (wait := self._clock.seconds_until(moment)) > 0:
            await asyncio.sleep(min(wait, STRIDE_S))

    async def _hand_over(self, until: datetime) -> int:
        """The next few events known before `until`; how many. Each is in the log when this returns.

        If it is stopped on the way they may or may not be in the log; they do not count as played.
        """
        rest = range(self.played, min(self.played + AT_ONCE, self.total))
        due = [self._events[n] for n in rest if self._events[n].available_at < until]
        await asyncio.gather(*(self._service.submit_event(event, event.available_at) for event in due))
        self.played += len(due)
        return len(due)
