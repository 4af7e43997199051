"""A feeder with the embedded shell in a process of its own, which can be told to die at an effect. Not a test.

    python -m tests.streams.mortal URL DIE_AT [DOWN_MINUTES]

Feeds the shock story, and is killed (SIGKILL, by itself) when the store has been called DIE_AT times; before that call
in odd runs, after it in even ones. 0: lives to the end. Without DOWN_MINUTES the sender does not know what came
through, and sends everything again at its own time. With it the sender knows what was taken, and goes on from there so
much later: what became known meanwhile comes at once, in its order, as it waited.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.events import Event
from streams.shells.embedded import Embedded
from tests.streams.bedside import SHOCK, at, mind


class Mortal(Embedded):
    """An embedded service that dies at a given call of its store."""

    die_at, calls = 0, 0

    async def _stored(self, call: Callable[..., Any], *args: Any) -> Any:
        self.calls += 1
        if self.calls == self.die_at and self.die_at % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await super()._stored(call, *args)
        if self.calls == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def feed(url: str, die_at: int) -> None:
    service = Mortal(url, mind())
    service.die_at = die_at
    async with service:
        for event in SHOCK:
            await service.submit_event(event, event.available_at)
        await service.submit(b"{", at("09:30"))
        await service.advance(at("12:00"))


async def feed_on(url: str, die_at: int, down: timedelta) -> None:
    """What was taken is noted beside the database, so that it is known after a kill."""
    noted = Path(f"{url.removeprefix('sqlite:///')}.taken")
    count = int(noted.read_text()) if noted.exists() else 0
    service = Mortal(url, mind())
    service.die_at = die_at
    async with service:
        for event, now in _on_its_way(count, down):
            await service.submit_event(event, now)
            count += 1
            noted.write_text(str(count))
            await service.advance(now)
        while service.logged_at is None or service.logged_at < at("12:00"):  # until nothing more is on its way
            await service.advance(at("12:00"))
            await asyncio.sleep(0.1)


def _on_its_way(taken: int, down: timedelta) -> Iterator[tuple[Event, datetime]]:
    """The events that were not taken yet, and when each comes."""
    back = SHOCK[taken].available_at + down if 0 < taken < len(SHOCK) else SHOCK[0].available_at
    for number, event in enumerate(SHOCK[taken:]):
        yield event, max(event.available_at, back + timedelta(milliseconds=number))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        asyncio.run(feed_on(sys.argv[1], int(sys.argv[2]), timedelta(minutes=int(sys.argv[3]))))
    else:
        asyncio.run(feed(sys.argv[1], int(sys.argv[2])))
