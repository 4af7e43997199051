"""The door of the service: POST /api/events takes wire messages, one a line.

It answers 202 once all of them are in the log, on the disk. What is wrong with a message is no error of the request:
it goes to the quarantine and is counted on the board. A request that fails may be sent again whole; what was taken
before is recognised.
"""

import asyncio

from fastapi import FastAPI, HTTPException, Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from infra.clocks import Clock
from streams.shells.embedded import Embedded

CONTENT_TYPE = "application/x-ndjson"
BODY_BYTES_MAX = 8 * 1024 * 1024
LINES_MAX = 20_000
BODIES_MAX = 8  # requests that are read at the same time; the others wait before the door
BODY_WAIT_S = 60.0  # for one body to come
AT_ONCE = 64  # messages handed over together: one write to the log


def add_door(app: FastAPI, service: Embedded, clock: Clock) -> None:
    """Put the door into the application of the boards, which says refusals in its own form."""
    places = asyncio.Semaphore(BODIES_MAX)

    @app.post("/api/events", status_code=202)
    async def events(request: Request) -> dict[str, int]:
        """Take wire messages. 202 {"taken": lines}; 403, 408, 413, 415; 503 when they could not be kept."""
        _only_programs(request.headers)
        async with places:
            lines = await _lines(request)
            for start in range(0, len(lines), AT_ONCE):
                await _kept(service, lines[start : start + AT_ONCE], clock)
        return {"taken": len(lines)}


def _only_programs(headers: Headers) -> None:
    """A page in a browser, of whatever site, must not feed the beds; and no browser posts this type unasked."""
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise HTTPException(403, "This door is for programs: a request made by a web page is not taken.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != CONTENT_TYPE:
        raise HTTPException(415, f"Expected content-type {CONTENT_TYPE}, one message a line, found another or none.")
    if headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "Expected a body that is not compressed, found a content-encoding.")


async def _lines(request: Request) -> list[bytes]:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise HTTPException(413, f"Expected at most {BODY_BYTES_MAX} bytes in one request, found more.")
    except TimeoutError:
        raise HTTPException(408, f"Expected the whole request within {BODY_WAIT_S:g} s.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The request ended before its body did: nothing of it was taken.") from None
    if body.count(b"\n") > LINES_MAX:
        raise HTTPException(413, f"Expected at most {LINES_MAX} lines in one request, found more.")
    return [line for line in bytes(body).split(b"\n") if line.strip()]


async def _kept(service: Embedded, lines: list[bytes], clock: Clock) -> None:
    now = clock.now()
    try:
        await asyncio.gather(*(service.submit(line, now) for line in lines))
    except Exception as problem:  # of whatever database: the sender must know that it has to send again
        why = f"The messages could not all be kept ({type(problem).__name__}): send the request again."
        raise HTTPException(503, why) from None
