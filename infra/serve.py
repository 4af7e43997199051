"""`foreshock serve`: the embedded service of a small unit, with a door for wire messages."""

import asyncio
import json
import socket

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from rich.console import Console
from sqlalchemy import make_url

from boards.app import create_app
from infra.clocks import Clock, WallClock
from infra.service import EmbeddedBoard, keep_time, mind_of
from infra.settings import Settings
from infra.web import address, listening_socket, run_web
from streams.embedded import Embedded

BODY_BYTES_MAX = 8 * 1024 * 1024


def run_service(settings: Settings, console: Console) -> None:
    """Serve until Ctrl-C. Raises PortTaken."""
    with listening_socket(settings.host, settings.port) as listener:
        asyncio.run(_serve(settings, listener, console))


async def _serve(settings: Settings, listener: socket.socket, console: Console) -> None:
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    mind, clock = mind_of(settings), WallClock()
    async with Embedded(settings.database_url, mind) as service:
        board = EmbeddedBoard(service, clock)
        await board.load()
        app = create_app(board)
        add_door(app, service, clock)

        async def beside() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(keep_time(service, clock, mind.policy))
                group.create_task(board.count_refusals())

        await run_web(app, listener, beside, lambda: console.print(f"The board: {address(listener)}   (Ctrl-C stops)"))
    console.print("Stopped. Everything taken is in the store.")


def add_door(app: FastAPI, service: Embedded, clock: Clock) -> None:
    """POST /api/events: wire messages, one per line. Answers 202 once all are in the log.

    What is wrong with a message goes to the quarantine and is counted on the board; it is no error of the request.
    """

    @app.post("/api/events", status_code=202)
    async def events(request: Request) -> JSONResponse:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                limit = f"expected at most {BODY_BYTES_MAX} bytes in one request, found more: send fewer lines"
                return JSONResponse({"problem": limit}, 413)
        lines = [line for line in bytes(body).splitlines() if line.strip()]
        for line in lines:
            await service.submit(line, clock.now())
        return JSONResponse(json.loads(json.dumps({"taken": len(lines)})), 202)
