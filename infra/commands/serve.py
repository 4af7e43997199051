"""`foreshock serve`: the embedded service of a small unit, with a door for wire messages."""

import asyncio
import socket

from rich.console import Console

from boards.web.app import create_app
from forecasting.local.own import own
from infra.access import Access, names
from infra.clocks import Clock, ServiceClock
from infra.door import Door, add_door
from infra.garbage import collect_young, spare_the_old
from infra.metrics import add_metrics
from infra.private import NotPrivate, Tokens, keep_private, tokens
from infra.progress import say
from infra.service import EmbeddedBoard, keep_time, mind_of
from infra.settings import Settings
from infra.web import address, listening_socket, run_web
from streams.shells.embedded import Embedded
from streams.stores.failures import Fenced, StoreFailed

TIDY_EVERY_S = 600.0


class CannotServe(RuntimeError):
    """The service cannot keep what it takes; the text says why, without the address of the store."""


def run_service(settings: Settings, console: Console) -> None:
    """Serve until Ctrl-C. Raises PortTaken, CannotServe."""
    keep_private()
    with listening_socket(settings.host, settings.port) as listener:
        try:
            asyncio.run(_serve(settings, listener, console))
        except Fenced:
            raise CannotServe("another process has opened the store since: only one may serve from it") from None
        except NotPrivate as problem:
            raise CannotServe(str(problem)) from None
        except (StoreFailed, ImportError, OSError) as problem:
            raise CannotServe(f"the store cannot be used: {problem}") from None


async def _serve(settings: Settings, listener: socket.socket, console: Console) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    keys = tokens(settings.data_dir)
    local, clock = own(settings.data_dir), ServiceClock()
    mind = mind_of(settings, local)
    async with Embedded(settings.database_url, mind) as service:
        spare_the_old()
        board = EmbeddedBoard(service, clock, chances=local.said)
        door = Door(service, clock)
        app = create_app(board, zone=settings.zone, trouble=door.trouble, forecaster=mind.forecaster)
        add_door(app, door)
        add_metrics(app)
        guarded = Access(app, names(settings.host, settings.allowed_hosts), keys, listener.getsockname()[1])

        async def beside() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(service.stopped())
                group.create_task(keep_time(service, clock))
                group.create_task(board.count_refusals())
                group.create_task(collect_young())
                group.create_task(_tidy(service, clock))

        await run_web(guarded, listener, beside, lambda: _welcome(settings, keys, address(listener), console))
    say(console, "Stopped. Everything taken is in the store.")


def _welcome(settings: Settings, keys: Tokens, board: str, console: Console) -> None:
    """Where the board is. The tokens are shown once, when they are new; afterwards only where they lie."""
    if settings.data_dir.stat().st_mode & 0o077:
        say(console, f"Other users of this machine can list {settings.data_dir}: chmod 700 it.")
    if not keys.new:
        say(console, f"The board: {board}   (Ctrl-C stops; its token is in {settings.data_dir / 'token-board'})")
        return
    say(console, f"The board: {board}?token={keys.board}   (Ctrl-C stops)")
    say(console, f"Programs post to {board}api/events with the header  Authorization: Bearer {keys.events}")
    say(console, f"Both tokens are shown this once; they lie in {settings.data_dir}, for this user alone.")


async def _tidy(service: Embedded, clock: Clock) -> None:
    while True:
        await service.tidy(clock.now())
        spare_the_old()
        await asyncio.sleep(TIDY_EVERY_S)
