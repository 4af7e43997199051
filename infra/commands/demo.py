"""The demo: real ICU stays and two fictional patients, played into the embedded service behind the boards."""

import asyncio
import shutil
import socket
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from boards.web.app import create_app
from forecasting.local.own import own
from infra.access import Access, names
from infra.clocks import PlayedClock
from infra.commands.player import Player
from infra.private import keep_private
from infra.progress import Tell, progress, say
from infra.service import EmbeddedBoard, keep_time, mind_of
from infra.settings import Settings
from infra.web import address, listening_socket, run_web
from streams.adapters import Stay
from streams.adapters import demo as recorded
from streams.shells.embedded import Embedded

SILENT_AFTER = timedelta(minutes=75)  # these stays were charted by the hour: less would call every bed silent


def run_demo(settings: Settings, speed: float, console: Console) -> None:
    """Play until Ctrl-C. Raises PortTaken. Its patients are published or fictional, so its board asks for no token."""
    keep_private()
    with listening_socket(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        folder = _emptied(settings.data_dir / f"demo-{port}")  # of its own: two demos do not disturb each other
        with progress(console) as tell:
            asyncio.run(_play(settings, speed, folder, listener, console, tell))


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


async def _play(
    settings: Settings, speed: float, folder: Path, listener: socket.socket, console: Console, tell: Tell
) -> None:
    stays = list(recorded.read())
    local, what = own(settings.data_dir), _what(stays)
    mind = mind_of(settings, local)
    async with Embedded(f"sqlite:///{folder}/foreshock.sqlite", mind) as service:
        clock = PlayedClock(recorded.LIVE_FROM, speed)
        player = Player(service, stays, clock, recorded.LIVE_FROM)
        board = EmbeddedBoard(service, clock, f"{what}: first the hours before it begins", local.said)

        async def played() -> None:
            """The board is open from the start; what it shows is always said beside its clock."""
            await player.before(lambda done, total: tell(done, total, "the hours before it begins"))
            board.plays = f"{what}, {speed:g}× real time"
            await player.live(lambda done, total: tell(done, total, f"playing, recorded time {clock.now():%H:%M}"))
            await service.advance(clock.now())
            board.plays = f"{what}: the recording has ended"
            say(console, "The recording has ended; the board stays until Ctrl-C.")

        async def beside() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(service.stopped())
                group.create_task(keep_time(service, clock))
                group.create_task(board.count_refusals())
                group.create_task(played())

        def ready() -> None:
            say(console, f"The board: {address(listener)}   ({what}, {speed:g}× real time; Ctrl-C stops)")

        app = create_app(board, silent_after=SILENT_AFTER, zone=settings.zone, forecaster=mind.forecaster)
        guarded = Access(app, names(settings.host, settings.allowed_hosts), None, listener.getsockname()[1])
        await run_web(guarded, listener, beside, ready)
    say(
        console,
        f"Stopped. Of {player.total} events {player.played} were played; all {service.applied + 1} records of the log "
        f"are judged. The store: {folder}",
    )


def _what(stays: list[Stay]) -> str:
    fictional = len(recorded.VIGNETTES)
    return f"demo: {len(stays) - fictional} real ICU stays and {fictional} fictional patients"
