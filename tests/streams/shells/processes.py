"""Real processes of the Kafka shell, for tests: routers and workers that can be killed, quick to start.

They are forked from a server that has imported everything once: a new interpreter would take seconds each time.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.shells.kafka.log import Log

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["infra.kafka.run", "streams.shells.kafka.router", "streams.shells.kafka.worker", "infra.service"]
)


class Death(NamedTuple):
    """Where a process kills itself: before or after an effect, at its nth time."""

    effect: str
    after: bool
    nth: int


def router(log: Log, url: str, timing: str, death: Death | None) -> None:
    from aiokafka import AIOKafkaProducer

    from infra.kafka.run import router_command
    from infra.settings import Settings
    from streams.shells.kafka.router import Router

    if death is not None:
        _dies(death, {"send": (AIOKafkaProducer, "send"), "write": (Router, "_write")})
    router_command(Settings(database_url=url), log.bootstrap, timing, log.prefix)


def worker(log: Log, url: str, _timing: str, death: Death | None) -> None:
    from infra.kafka.run import worker_command
    from infra.settings import Settings
    from streams.shells.kafka.worker import Carried, Shell

    if death is not None:
        ports = {"publish": (Shell, "publish"), "save": (Carried, "save"), "acknowledge": (Carried, "acknowledge")}
        _dies(death, ports)
    worker_command(Settings(database_url=url), log.bootstrap, log.prefix)


def restless_worker(log: Log, url: str, timing: str, death: Death | None) -> None:
    """A worker whose beds leave memory after every batch, if they can; it notes beside its file which came back."""
    from streams.core.resting import can_rest
    from streams.shells.kafka import worker as shell
    from streams.shells.kafka.worker import Carried

    rows_of, run = Carried._rows_of, Carried.run

    async def noted(self: Carried, encounters: Collection[str]) -> dict[str, list[bytes]]:
        with Path(f"{url.removeprefix('sqlite:///')}.back").open("a") as back:
            back.writelines(f"{encounter}\n" for encounter in encounters)
        return await rows_of(self, encounters)

    async def run_and_rest(self: Carried, events: Sequence[Any]) -> None:
        await run(self, events)
        self.engine.rest([name for name, bed in self.engine.beds.items() if can_rest(bed)])

    shell.BATCH_MAX = 2  # beds can leave between two batches, where none of their events wait
    Carried._rows_of, Carried.run = noted, run_and_rest  # type: ignore[method-assign]
    worker(log, url, timing, death)


def _dies(death: Death, effects: dict[str, tuple[type, str]]) -> None:
    owner, name = effects[death.effect]
    alive = getattr(owner, name)
    left = death.nth

    def countdown() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def dying(*args: Any, **kwargs: Any) -> Any:
        if not death.after:
            countdown()
        result = await alive(*args, **kwargs)
        if death.after:
            countdown()
        return result

    setattr(owner, name, dying)


@contextmanager
def running(
    of: Callable[..., None], log: Log, url: str, timing: str = "feed", deaths: Sequence[Death] = ()
) -> Iterator[None]:
    """A process that is started again whenever it dies; after the listed deaths it lives until the end."""
    ended = threading.Event()
    died: list[int | None] = []

    def keep_alive() -> None:
        for death in (*deaths, None):
            child = context.Process(target=of, args=(log, url, timing, death))
            child.start()
            while child.is_alive() and not ended.is_set():
                child.join(0.1)
            if ended.is_set():
                child.kill()
                child.join()
                return
            died.append(child.exitcode)

    keeper = threading.Thread(target=keep_alive)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
    assert died == [-signal.SIGKILL] * len(deaths)
