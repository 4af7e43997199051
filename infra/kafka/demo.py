"""`foreshock demo --kafka`: the same stays and the same board, carried by a local Apache Kafka.

A broker of its own, the router, one worker and the feed each run as a process of this machine; this process shows the
board. All of them stop with it.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from boards.web.app import create_app
from forecasting.local.own import own
from infra.access import Access, names
from infra.commands.demo import SILENT_AFTER
from infra.kafka import KafkaProblem, broker, topics
from infra.kafka.broker import Broker
from infra.private import keep_private
from infra.settings import Settings
from infra.web import address, listening_socket, run_web
from streams.shells.kafka.board import KafkaBoard
from streams.shells.kafka.log import Log, found

PARTITIONS = 2  # one worker carries the few beds of a demo
STOPPING_S = 10
LOOK_EVERY_S = 0.5


class PartEnded(KafkaProblem):
    """A process of the demo ended by itself; the text says which and where its words are."""


def run_demo(settings: Settings, speed: float, console: Console) -> None:
    """Play until Ctrl-C. Raises PortTaken, KafkaProblem, PartEnded."""
    keep_private()
    with listening_socket(settings.host, settings.port) as listener:
        folder = settings.data_dir / f"demo-kafka-{listener.getsockname()[1]}"
        with _fresh_broker(folder, console) as there:
            topics.create(there.bootstrap, PARTITIONS)
            asyncio.run(_show(found(there.bootstrap), folder, speed, listener, settings, console))


@contextmanager
def _fresh_broker(folder: Path, console: Console) -> Iterator[Broker]:
    """A broker with nothing in it; what an earlier demo of this port left is thrown away."""
    state = folder / "broker"
    broker.down(state)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Progress(console=console, transient=True) as bar:
        line = bar.add_task("Kafka's jars", total=None)
        port = broker.next_free_port(9092)
        there = broker.up(state, port, progress=lambda here, of: bar.update(line, completed=here, total=of))
    console.print(f"Kafka {broker.VERSION} is up at {there.bootstrap}")
    try:
        yield there
    finally:
        broker.down(state)


async def _show(
    log: Log, folder: Path, speed: float, listener: socket.socket, settings: Settings, console: Console
) -> None:
    parts = {
        "router": ("router", "--timing", "feed"),
        "worker": ("worker",),
        "feed": ("feed", "data", "--from", "demo", "--speed", f"{speed:g}"),
    }
    plays = f"demo over Kafka: the recorded stays and two fictional patients, {speed:g}× real time"
    running = {name: _started(name, words, log, folder) for name, words in parts.items()}
    try:
        local = own(folder)
        async with KafkaBoard(log, speed, plays, local.said) as board:

            def ready() -> None:
                console.print(f"The board: {address(listener)}   ({plays}; Ctrl-C stops)")

            app = create_app(board, silent_after=SILENT_AFTER, zone=settings.zone, forecaster=local.forecaster)
            hosts = names(settings.host, settings.allowed_hosts)
            guarded = Access(app, hosts, None, listener.getsockname()[1])
            await run_web(guarded, listener, lambda: _watched(running, folder), ready)
    finally:
        await asyncio.to_thread(_stopped, running)
    console.print(f"Stopped: feed, worker, router, broker. What they wrote is in {folder}")


def _started(name: str, words: tuple[str, ...], log: Log, folder: Path) -> subprocess.Popen[bytes]:
    """One part as a process of its own, in the repository's folder, with its words in a file."""
    environment = os.environ | {
        "FORESHOCK_KAFKA_BOOTSTRAP": log.bootstrap,
        "FORESHOCK_DATA_DIR": str(folder),
        "FORESHOCK_DATABASE_URL": f"sqlite:///{folder}/checkpoints.sqlite",
    }
    with (folder / f"{name}.log").open("wb") as words_file:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.commands.cli", *words],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=words_file,
            stderr=words_file,
            start_new_session=True,  # Ctrl-C is ours: they are stopped in order
        )


async def _watched(running: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    """Fails when a part ends by itself; the feed may, once all is played."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for name, part in running.items():
            status = part.poll()
            if status is not None and not (name == "feed" and status == 0):
                raise PartEnded(f"the {name} ended with status {status}; its words are in {folder / f'{name}.log'}")


def _stopped(running: dict[str, subprocess.Popen[bytes]]) -> None:
    for name in ("feed", "router", "worker"):
        part = running[name]
        part.terminate()
        try:
            part.wait(STOPPING_S)
        except subprocess.TimeoutExpired:
            part.kill()
            part.wait()
