"""Several processes on one database: beginning together, one that freezes, one that is killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from streams.stores.failures import StoreBusy
from streams.stores.kept import Store
from streams.stores.sqlite_file import BUSY_WAIT_S
from tests.streams.stores.processes import context, opener, outcome, sleeper, victim

Opened = Callable[[str], Store]


def wait_until_frozen(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "T":
        time.sleep(0.01)


@contextmanager
def running(target: Callable[..., None], *args: Any) -> Iterator[tuple[int, Connection]]:
    """A process, by its number, and what it tells; killed at the end."""
    here, there = context.Pipe()
    process = context.Process(target=target, args=(*args, there))
    process.start()
    there.close()
    assert process.pid is not None
    try:
        yield process.pid, here
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize(("new_url", "times"), [("sqlite", 20), ("postgresql", 5)], indirect=["new_url"])
def test_four_may_begin_at_once(new_url: Callable[[], str], times: int) -> None:
    """Many times in a row four processes open one new database at the same moment, and none of them fails."""
    for _ in range(times):
        url, start = new_url(), context.Barrier(4)
        with ExitStack() as four:
            told = [four.enter_context(running(opener, url, number, start))[1] for number in range(4)]
            assert [one.recv() for one in told] == ["done"] * 4


def test_one_that_freezes_in_a_write_does_not_end_another(url: str, opened: Opened) -> None:
    """Meanwhile the other opens, reads, and is told StoreBusy in bounded time; the frozen one wakes, and is fenced."""
    with running(sleeper, url, "60s") as (pid, told):
        wait_until_frozen(pid)
        other = opened(url)
        assert other.faults() == {}
        began = time.monotonic()
        with pytest.raises(StoreBusy, match="held by another program"):
            other.take("log-1", 0)
        assert BUSY_WAIT_S - 0.5 <= time.monotonic() - began <= BUSY_WAIT_S + 2
        free = outcome(other.take, "log-1", 1)  # SQLite has one lock for all; PostgreSQL one for each partition
        assert free == ("StoreBusy" if url.startswith("sqlite") else "done")
        os.kill(pid, signal.SIGCONT)
        assert told.recv() == "done"
        assert other.take("log-1", 0)[1:] == (2, {}, {"e1": [b"A", b"2"]})
        told.send("go on")
        assert told.recv() == "Fenced"
    assert other.take("log-1", 0).applied == 2


def test_postgresql_takes_a_frozen_transaction_back(postgres: Any, opened: Opened) -> None:
    """After its limit the server ends it: the other takes the partition as it was before, and the sleeper is fenced."""
    url = postgres.schema()
    with running(sleeper, url, "1s") as (pid, told):
        wait_until_frozen(pid)
        other = opened(url)
        assert other.take("log-1", 0)[1:] == (1, {}, {"e1": [b"A"]})
        os.kill(pid, signal.SIGCONT)
        assert told.recv() == "StoreUnreachable"
        told.send("go on")
        assert told.recv() == "Fenced"
    assert other.take("log-1", 0).applied == 1


def test_killed_at_any_moment_nothing_is_half_written(url: str, opened: Opened) -> None:
    """After kill -9 what was told is there, and beds, offset and `heard` are of one and the same save."""
    told_last = -1
    for run in range(5):
        with running(victim, url) as (pid, told):
            told_last = told.recv()
            time.sleep(0.05 + 0.013 * run)
            os.kill(pid, signal.SIGKILL)
            with suppress(EOFError):
                while True:
                    told_last = told.recv()
        taken = opened(url).take("log-1", 0)
        assert told_last <= taken.applied <= told_last + 1
        assert taken[1:] == as_saved(taken.applied)
    assert told_last > 10


def as_saved(applied: int) -> tuple[int, dict[str, int], dict[str, list[bytes]]]:
    """What `victim` has written by this offset."""
    beds: dict[str, list[bytes]] = {}
    for offset in range(applied + 1):
        for n in range(8):
            row = b"%d" % offset
            beds[f"e{n}"] = [row] if offset % 8 == n else [*beds.get(f"e{n}", []), row]
    return applied, {"vitals": applied}, beds
