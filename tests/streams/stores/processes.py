"""Real processes that use a store, for tests: each is told what to do by its name here. Not tests."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import Engine, event

from streams.stores import database
from streams.stores.failures import StoreFailed
from streams.stores.kept import BedRow, Store

context = multiprocessing.get_context("forkserver")  # they are forked from one that has imported everything once
context.set_forkserver_preload(["tests.streams.stores.processes", "alembic.command"])


def outcome(call: Callable[..., object], *args: Any) -> str:
    """What became of a call: done, or the name of its failure."""
    try:
        call(*args)
    except StoreFailed as problem:
        return type(problem).__name__
    return "done"


def opener(url: str, number: int, start: Any, told: Connection) -> None:
    """Opens the store at the same moment as others, and takes a partition of its own."""
    start.wait()
    store = None
    try:
        store = Store(url)
        store.take("log-1", number)
        told.send("done")
    except Exception as problem:  # whatever it is, it is what the test is about
        told.send(repr(problem))
    if store is not None:
        store.close()


def sleeper(url: str, transaction_max: str, told: Connection) -> None:
    """Saves, freezes itself in the middle of the next save, and when it wakes tries to save on when it is told."""
    database._SESSION["idle_in_transaction_session_timeout"] = transaction_max
    store = Store(url)
    owner = store.take("log-1", 0).owner
    store.save(owner, 1, [BedRow("e1", b"A", whole=True)])
    freeze = iter([lambda: os.kill(os.getpid(), signal.SIGSTOP)])
    event.listen(Engine, "commit", lambda _: next(freeze, lambda: None)())
    for applied in (2, 3):
        told.send(outcome(store.save, owner, applied, [BedRow("e1", b"%d" % applied, whole=False)]))
        told.recv()
    store.close()


def victim(url: str, told: Connection) -> None:
    """Saves without end, and tells each offset once it is saved, until it is killed."""
    store = Store(url)
    taken = store.take("log-1", 0)
    applied = taken.applied
    while True:
        applied += 1
        rows = [BedRow(f"e{n}", b"%d" % applied, whole=applied % 8 == n) for n in range(8)]
        store.save(taken.owner, applied, rows, heard={"vitals": applied})
        told.send(applied)
