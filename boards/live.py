"""The live line to a browser: what changed, gathered for a moment, and a heartbeat so that its end is noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from sse_starlette import ServerSentEvent

HEARTBEAT_S = 2.0  # live.js calls the line broken after 6 s without a word
GATHER_S = 0.25  # a bed that changes more often is sent once per this time
CLIENTS_MAX = 64
SEND_TIMEOUT_S = 10.0  # a browser that takes nothing for so long is let go; it comes back by itself


async def gathered(changes: AsyncIterator[str]) -> AsyncIterator[set[str]]:
    """What changed, in sets: an empty one as soon as it listens, then at each gathering or heartbeat.

    A set holds each encounter once, so it is bounded by the number of beds, however slow its reader is.
    """
    loop = asyncio.get_running_loop()
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)  # the subscription begins with the first anext
    try:
        yield set()
        while True:
            changed: set[str] = set()
            done, _ = await asyncio.wait({waiting}, timeout=HEARTBEAT_S)
            end = loop.time() + GATHER_S
            while done:
                changed.add(waiting.result())
                waiting = asyncio.ensure_future(anext(changes))
                left = end - loop.time()
                done = (await asyncio.wait({waiting}, timeout=left))[0] if left > 0 else set()
            yield changed
    except StopAsyncIteration:
        return  # the shell is stopping: the line ends, and the browser says so
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if (close := getattr(changes, "aclose", None)) is not None:
            await close()


async def board_events(
    changes: AsyncIterator[str],
    all_cards: Callable[[], str],
    card: Callable[[str], str | None],
    status: Callable[[], str],
) -> AsyncIterator[ServerSentEvent]:
    """Events of the board: `beds` (all cards, first), `bed` (one card), `gone` (an encounter), `status` (heartbeat)."""
    first = True
    async for changed in gathered(changes):
        if first:
            yield ServerSentEvent(event="beds", data=all_cards())
            first = False
        for encounter in sorted(changed):
            html = card(encounter)
            yield ServerSentEvent(event="gone", data=encounter) if html is None else ServerSentEvent(
                event="bed", data=html
            )
        yield ServerSentEvent(event="status", data=status())


async def bed_events(
    changes: AsyncIterator[str], encounter: str, status: Callable[[], str]
) -> AsyncIterator[ServerSentEvent]:
    """Events of one bed's pages: `changed` (fetch it again; also at first, to catch up) and `status` (heartbeat)."""
    first = True
    async for changed in gathered(changes):
        if first or encounter in changed:
            yield ServerSentEvent(event="changed", data="")
            first = False
        yield ServerSentEvent(event="status", data=status())
