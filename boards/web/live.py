"""The live line to a browser: what changed, gathered for a moment, and a heartbeat so that its end is noticed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from sse_starlette import ServerSentEvent

from boards.printable import printable

HEARTBEAT_S = 2.0  # live.js calls the line broken after 6 s without a word
GATHER_S = 0.25  # a bed that changes more often is sent once per this time
SEND_TIMEOUT_S = 10.0  # a browser that takes nothing for so long is let go; it comes back by itself
FULL = "This board is open in too many windows, so this one was closed. What stands here is old: reload to use it."

Place = tuple[str, str, bool]
"""An encounter, its order on the board, and whether it is silent."""

Left = asyncio.Future[None]
"""Done when the line has to end because its place is given to another."""


async def gathered(changes: AsyncIterator[str], left: Left) -> AsyncGenerator[tuple[set[str], bool], None]:
    """What changed, and whether a heartbeat is due: at once with nothing, as soon as it listens; then whenever so.

    A set holds each encounter once, so it is bounded by the number of beds, however slow its reader is.
    """
    clock = asyncio.get_running_loop().time
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)  # the subscription begins with the first anext
    try:
        beat = clock() + HEARTBEAT_S
        yield set(), True
        while True:
            changed: set[str] = set()
            watched: set[asyncio.Future[Any]] = {waiting, left}
            await asyncio.wait(watched, timeout=max(0.0, beat - clock()), return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                return
            done, end = waiting.done(), clock() + GATHER_S
            while done:
                changed.add(waiting.result())
                waiting = asyncio.ensure_future(anext(changes))
                rest = end - clock()
                done = bool(rest > 0 and (await asyncio.wait({waiting}, timeout=rest))[0])
            due = clock() >= beat
            if due:
                beat = clock() + HEARTBEAT_S
            if changed or due:
                yield changed, due
    except StopAsyncIteration:
        return  # the shell is stopping: the line ends, and the browser says so
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if (close := getattr(changes, "aclose", None)) is not None:
            await close()


async def board_events(
    changes: AsyncIterator[str],
    left: Left,
    all_cards: Callable[[], str],
    card: Callable[[str], str | None],
    places: Callable[[], frozenset[Place]],
    status: Callable[[], str],
) -> AsyncGenerator[ServerSentEvent, None]:
    """Events of the board: `beds` (all cards, first), `bed` (one card), `gone` (an encounter), `status` (heartbeat),
    `full` (the last one: its place was given to another).

    A bed that falls silent, or moves, by time alone is reported by no shell: each heartbeat looks.
    """
    async with aclosing(gathered(changes, left)) as feed:
        await anext(feed)
        stood = places()
        yield ServerSentEvent(event="beds", data=all_cards())
        yield ServerSentEvent(event="status", data=status())
        async for changed, beat in feed:
            before = stood
            if beat:
                stood = places()
            for encounter in sorted(changed | {encounter for encounter, _, _ in before ^ stood}):
                html = card(encounter)
                event, data = ("gone", printable(encounter)) if html is None else ("bed", html)
                yield ServerSentEvent(event=event, data=data)
            if beat:
                yield ServerSentEvent(event="status", data=status())
    if left.done():
        yield ServerSentEvent(event="full", data=FULL)


async def bed_events(
    changes: AsyncIterator[str], left: Left, encounter: str, status: Callable[[], str]
) -> AsyncGenerator[ServerSentEvent, None]:
    """Events of one bed's pages: `changed` (fetch it again; also at first, to catch up), `status`, `full`."""
    async with aclosing(gathered(changes, left)) as feed:
        await anext(feed)
        yield ServerSentEvent(event="changed", data="")
        yield ServerSentEvent(event="status", data=status())
        async for changed, beat in feed:
            if encounter in changed:
                yield ServerSentEvent(event="changed", data="")
            if beat:
                yield ServerSentEvent(event="status", data=status())
    if left.done():
        yield ServerSentEvent(event="full", data=FULL)
