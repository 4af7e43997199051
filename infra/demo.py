"""The demo: real ICU stays and two fictional patients, played into the embedded service behind the boards."""

import asyncio
import shutil
import socket
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from boards.app import create_app
from infra.clocks import PlayedClock
from infra.player import Player
from infra.service import EmbeddedBoard, keep_time, mind_of
from infra.settings import Settings
from infra.web import address, listening_socket, run_web
from streams.embedded import Embedded
from streams.readers import Stay
from streams.readers import demo as recorded


def run_demo(settings: Settings, speed: float, console: Console) -> None:
    """Play until Ctrl-C. Raises PortTaken."""
    listener = listening_socket(settings.host, settings.port)
    with listener:
        port = listener.getsockname()[1]
        folder = _emptied(settings.data_dir / f"demo-{port}")  # of its own: two demos do not disturb each other
        asyncio.run(_play(settings, speed, folder, listener, console))


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


async def _play(settings: Settings, speed: float, folder: Path, listener: socket.socket, console: Console) -> None:
    stays = list(recorded.read())
    mind = mind_of(settings)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), console=console, transient=True
    )
    with bar:
        line = bar.add_task("reading the hours before …", total=None)
        async with Embedded(f"sqlite:///{folder}/foreshock.sqlite", mind) as service:
            clock = PlayedClock(recorded.LIVE_FROM, speed)
            player = Player(service, stays, clock, recorded.LIVE_FROM)
            board = EmbeddedBoard(service, clock, _plays(stays, speed))

            def tell(played: int, total: int) -> None:
                bar.update(line, completed=played, total=total, description=_clock_face(clock.now()))

            await player.before(tell)
            clock.restart()

            async def beside() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(keep_time(service, clock, mind.policy))
                    group.create_task(board.count_refusals())
                    group.create_task(player.live(tell))

            def ready() -> None:
                console.print(f"The board: {address(listener)}   ({board.plays}; Ctrl-C stops)")

            await run_web(create_app(board), listener, beside, ready)
            applied = service.applied
    console.print(
        f"Stopped. {player.played} of {player.total} events were played; {applied + 1} records are in the log, "
        f"all judged; nothing waits. The store: {folder}"
    )


def _plays(stays: list[Stay], speed: float) -> str:
    fictional = len(recorded.VIGNETTES)
    return f"demo: {len(stays) - fictional} real ICU stays and {fictional} fictional patients, {speed:g}× real time"


def _clock_face(now: datetime) -> str:
    return f"playing, recorded time {now:%H:%M}"
