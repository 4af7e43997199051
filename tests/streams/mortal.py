"""A feeder with the embedded shell in a process of its own, which can be told to die at an effect. Not a test.

    python -m tests.streams.mortal URL DIE_AT

Feeds the shock story, from the event after the last that was logged, and is killed (SIGKILL, by itself) when the store
has been called DIE_AT times; before that call in odd runs, after it in even ones. 0: lives to the end.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

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
        for event in SHOCK:  # a sender that does not know what came through sends everything again
            await service.submit_event(event, event.available_at)
        await service.submit(b"{", at("09:30"))
        await service.advance(at("12:00"))


if __name__ == "__main__":
    asyncio.run(feed(sys.argv[1], int(sys.argv[2])))
