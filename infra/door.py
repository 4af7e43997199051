"""The door of the service: POST /api/events takes wire messages, one a line.

It answers 202 once all of them are in the log, on the disk. What is wrong with a message is no error of the request:
it goes to the quarantine and is counted on the board. A request that fails may be sent again whole; what was taken
before is recognised.

A slow client loses, never the ward. A body has to come at a least rate and within a time; until then it takes no
place, only memory. When memory is short, whoever holds most of it loses its largest body. Complete bodies are handed
over piece by piece, one piece of each client at a time, so that nobody waits behind another's pile.
"""

import asyncio
import re
from collections import Counter as Counts
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from weakref import WeakValueDictionary

from fastapi import FastAPI, HTTPException, Request
from prometheus_client import Counter, Gauge
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from infra.clocks import Clock
from streams.shells.embedded import Embedded

CONTENT_TYPE = "application/x-ndjson"
BODY_BYTES_MAX = 8 * 1024 * 1024
LINES_MAX = 20_000
ROOM_BYTES = 64 * 1024 * 1024  # of all bodies together, those on their way and those that wait
BODY_S = 30.0  # for a body to come
RATE_MIN = 16 * 1024  # bytes a second that a body has to come at
GRACE_S = 3.0  # before that is asked
AT_ONCE = 64  # messages handed over together: one write to the log
KEPT_S = 30.0  # for those to be in the log
WAITS_READY_S = 5.0  # a complete body that has waited longer for its next piece to be taken: not ready
LOOKED_AT_BYTES = 4_096  # of a message, for the time that its sender gave
TURNED_AWAY_READY_S = 10.0  # nor is a door that turned somebody away for want of room so recently

_AVAILABLE_AT = re.compile(rb'"available_at"\s*:\s*"([^"]{10,40})"')

MESSAGES = Counter("foreshock_door_messages", "Messages taken, good or bad.")
REFUSED = Counter("foreshock_door_refused", "Posts that were not taken, by status.", ["status"])
BODIES = Gauge("foreshock_door_bodies", "Posts on their way, or waiting.")


class _Body:
    """One post from its head to its answer."""

    def __init__(self, client: str, now: float) -> None:
        self.client, self.began = client, now
        self.size = 0
        self.waits_since: float | None = None  # complete, and nothing of it was taken since
        self.pushed_out = False
        self.limit = asyncio.timeout(GRACE_S)


class Door:
    """What is on its way, and what of it has to give way."""

    def __init__(self, service: Embedded, clock: Clock) -> None:
        self._service, self._clock = service, clock
        self._bodies: set[_Body] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turned_away_at = float("-inf")

    def trouble(self) -> str | None:
        """Why posts are not taken as they should be, for `/readyz`; None: they are."""
        now = _now()
        waits = max((now - b.waits_since for b in self._bodies if b.waits_since is not None), default=0.0)
        if waits > WAITS_READY_S:
            return f"a post has been waiting for {waits:.0f} s to be written down"
        if now - self._turned_away_at < TURNED_AWAY_READY_S:
            return "posts are turned away: more are on their way than there is memory for"
        return None

    async def take(self, request: Request) -> int:
        """Take one post; how many messages. Raises HTTPException: 400, 403, 408, 413, 415, 503."""
        _only_programs(request.headers)
        with self._here(request) as body:
            lines = await self._lines(request, body)
            body.waits_since = _now()
            turn = self._turns.setdefault(body.client, asyncio.Lock())
            for start in range(0, len(lines), AT_ONCE):
                async with turn:
                    await self._kept(lines[start : start + AT_ONCE], body.client)
                body.waits_since = _now()
        MESSAGES.inc(len(lines))
        return len(lines)

    @contextmanager
    def _here(self, request: Request) -> Iterator[_Body]:
        body = _Body(request.client.host if request.client else "", _now())
        self._bodies.add(body)
        BODIES.set(len(self._bodies))
        try:
            yield body
        finally:
            self._bodies.discard(body)
            BODIES.set(len(self._bodies))

    async def _lines(self, request: Request, body: _Body) -> list[bytes]:
        came = bytearray()
        try:
            async with body.limit:
                async for chunk in request.stream():
                    came += chunk
                    self._grow(body, len(came))
        except TimeoutError:
            if body.pushed_out:
                raise _full() from None
            raise HTTPException(408, f"Expected {RATE_MIN} bytes a second, and all within {BODY_S:g} s.") from None
        except ClientDisconnect:
            raise HTTPException(400, "The request ended before its body did: nothing of it was taken.") from None
        if came.count(b"\n") > LINES_MAX:
            raise HTTPException(413, f"Expected at most {LINES_MAX} lines in one request, found more.")
        return [bytes(line) for line in came.split(b"\n") if line.strip()]

    def _grow(self, body: _Body, size: int) -> None:
        """The body has come so far: it gets time for more, and room, or it ends here."""
        if body.pushed_out:
            raise _full()
        if size > BODY_BYTES_MAX:
            raise HTTPException(413, f"Expected at most {BODY_BYTES_MAX} bytes in one request, found more.")
        body.size = size
        if not body.limit.expired():
            body.limit.reschedule(body.began + min(BODY_S, GRACE_S + size / RATE_MIN))
        while sum(b.size for b in self._bodies) > ROOM_BYTES:
            self._turned_away_at = _now()
            loser = self._loser(body)
            if loser is body:
                raise _full()
            loser.pushed_out, loser.size = True, 0
            if not loser.limit.expired():
                loser.limit.reschedule(_now())

    def _loser(self, newest: _Body) -> _Body:
        """The largest body still on its way, of the client that holds most; what is complete is not given up."""
        held = Counts[str]()
        for body in self._bodies:
            held[body.client] += body.size
        coming = [body for body in self._bodies if body.waits_since is None and body.size]
        return max(coming, key=lambda b: (held[b.client], b.size, b is not newest))

    async def _kept(self, lines: list[bytes], sender: str) -> None:
        now = self._clock.now()
        if (sent_at := _sent_at(lines[-1])) is not None:
            self._clock.heard((now - sent_at).total_seconds())
        try:
            async with asyncio.timeout(KEPT_S):
                await asyncio.gather(*(self._service.submit(line, now, sender or None) for line in lines))
        except Exception as problem:  # of whatever database: the sender must know that it has to send again
            why = f"The messages could not all be kept ({type(problem).__name__}): send the request again."
            raise HTTPException(503, why, {"retry-after": "5"}) from None


def add_door(app: FastAPI, door: Door) -> None:
    """Put the door into the application of the boards, which says refusals in its own form."""

    @app.post("/api/events", status_code=202)
    async def events(request: Request) -> dict[str, int]:
        """Take wire messages. 202 {"taken": lines}; else see `Door.take`."""
        try:
            return {"taken": await door.take(request)}
        except HTTPException as refusal:
            REFUSED.labels(str(refusal.status_code)).inc()
            raise


def _sent_at(line: bytes) -> datetime | None:
    """What a live message's sender took for the time, as far as a look tells: one of many such looks."""
    found = _AVAILABLE_AT.search(line[:LOOKED_AT_BYTES])
    try:
        moment = None if found is None else datetime.fromisoformat(found[1].decode("ascii"))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _full() -> HTTPException:
    why = "More is on its way than there is memory for, and this client holds most of it: send the request again."
    return HTTPException(503, why, {"retry-after": "5"})


def _only_programs(headers: Headers) -> None:
    """A page in a browser, of whatever site, must not feed the beds; and no browser posts this type unasked."""
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise HTTPException(403, "This door is for programs: a request made by a web page is not taken.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != CONTENT_TYPE:
        raise HTTPException(415, f"Expected content-type {CONTENT_TYPE}, one message a line, found another or none.")
    if headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "Expected a body that is not compressed, found a content-encoding.")
