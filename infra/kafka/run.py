"""`foreshock feed`, `foreshock router` and `foreshock worker`: what they take, print, and end with."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from forecasting.local.own import own
from guidelines.book.check import BadBook
from infra.logs import configure_logs
from infra.private import keep_private
from infra.service import mind_of
from infra.settings import Settings
from streams.shells.kafka.log import Log, NoLog, found

PROBLEM = 2
GROUP = "foreshock"


def feed_command(
    path: Path, source: str, speed: float, bootstrap: str, prefix: str = "", together: bool = False
) -> None:
    """Play recorded stays onto the input topics, for a router with `--timing feed`; Ctrl-C stops it cleanly.

    `source`: one of streams.adapters.READERS. `together`: all stays begin at the same moment.
    """
    from kafka.errors import KafkaError

    from streams.adapters import READERS, WrongFormat
    from streams.adapters.demo import LIVE_FROM
    from streams.shells.kafka.feed import Feed, Recording

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log = _log_or_why(bootstrap, prefix)
    recording = Recording()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn())
    feed = Feed(log, speed, stop)
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            line = bar.add_task("reading the stays …", total=None)
            for stay in READERS[source](path):
                if stop.is_set():
                    break
                recording.add(stay, LIVE_FROM if together else None)
                bar.update(line, completed=recording.stays)
            bar.update(line, total=recording.total, completed=0)

            def tell(sent: int, now: datetime) -> None:
                bar.update(line, completed=sent, description=f"recorded time {now:%Y-%m-%d %H:%M:%S}")

            feed.play(recording, LIVE_FROM if source == "demo" else None, tell)
    except WrongFormat as problem:
        _end(str(problem))
    except KafkaError as problem:
        _end(f"The broker at {bootstrap} does not take the messages ({type(problem).__name__}).")
    finally:
        recording.close()
    console.print(
        f"{'Stopped: ' if stop.is_set() else ''}{feed.sent} of {recording.total} messages of {recording.stays} stays "
        f"are on the topics; {recording.refused} rows of the files were refused."
    )


def router_command(settings: Settings, bootstrap: str, timing: str, prefix: str = "", group: str = GROUP) -> None:
    """Route the input topics into the one ordered `events` topic until Ctrl-C; start at least one worker beside it."""
    from streams.shells.kafka.router import Router, Timing

    configure_logs(settings.log_level)
    log = _log_or_why(bootstrap, prefix)
    router = Router(log, Timing(timing), f"{prefix}{group}-router")
    _run_until_stopped(router.run)
    structlog.get_logger().info("router_stopped", component="router", events=router.counts["events"])


def worker_command(settings: Settings, bootstrap: str, prefix: str = "", group: str = GROUP) -> None:
    """Judge the `events` topic until Ctrl-C; start at least one router beside it."""
    from streams.shells.kafka.worker import Shell

    configure_logs(settings.log_level)
    keep_private()
    log = _log_or_why(bootstrap, prefix)
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        mind = mind_of(settings, own(settings.data_dir))
    except BadBook as problem:
        _end(str(problem))
        raise

    async def run(stop: asyncio.Event) -> None:
        await Shell(log, f"{prefix}{group}-worker", settings.database_url, mind).run(stop)

    _run_until_stopped(run)
    structlog.get_logger().info("worker_stopped", component="worker")


def _run_until_stopped(run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(stop)

    asyncio.run(main())


def _log_or_why(bootstrap: str, prefix: str) -> Log:
    try:
        return found(bootstrap, prefix)
    except NoLog as problem:
        _end(str(problem))
        raise


def _end(why: str) -> None:
    typer.echo(f"foreshock: {why}", err=True)
    raise typer.Exit(PROBLEM)
