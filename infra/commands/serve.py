"""`foreshock serve`: the embedded service of a small unit, with a door for wire messages."""

import asyncio
import socket

from rich.console import Console
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from boards.web.app import create_app
from infra.clocks import Clock, WallClock
from infra.door import add_door
from infra.progress import say
from infra.service import EmbeddedBoard, keep_time, mind_of
from infra.settings import Settings
from infra.web import address, listening_socket, run_web
from schemas.codes.units import warm_up
from streams.shells.embedded import Embedded
from streams.stores.store import Fenced

TIDY_EVERY_S = 600.0


class StoreFailed(RuntimeError):
    """The service cannot keep what it takes; the text says why, without the address of the store."""


def run_service(settings: Settings, console: Console) -> None:
    """Serve until Ctrl-C. Raises PortTaken, StoreFailed."""
    with listening_socket(settings.host, settings.port) as listener:
        try:
            asyncio.run(_serve(settings, listener, console))
        except Fenced:
            raise StoreFailed("another process has opened the store since: only one may serve from it") from None
        except (SQLAlchemyError, ImportError, OSError) as problem:
            raise StoreFailed(f"the store cannot be used: {_why(problem)}") from None


def _why(problem: Exception) -> str:
    """Of a database's words only those about itself: others may quote a row."""
    if isinstance(problem, OperationalError):
        return str(problem.orig).partition("\n")[0]
    return type(problem).__name__ if isinstance(problem, SQLAlchemyError) else str(problem)


async def _serve(settings: Settings, listener: socket.socket, console: Console) -> None:
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    mind, clock = mind_of(settings), WallClock()
    warm_up()
    async with Embedded(settings.database_url, mind) as service:
        board = EmbeddedBoard(service, clock)
        app = create_app(board)
        add_door(app, service, clock)

        async def beside() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(service.stopped())
                group.create_task(keep_time(service, clock, mind.policy))
                group.create_task(board.count_refusals())
                group.create_task(_tidy(service, clock))

        await run_web(app, listener, beside, lambda: say(console, f"The board: {address(listener)}   (Ctrl-C stops)"))
    say(console, "Stopped. Everything taken is in the store.")


async def _tidy(service: Embedded, clock: Clock) -> None:
    while True:
        await service.tidy(clock.now())
        await asyncio.sleep(TIDY_EVERY_S)
