"""Work on a cohort, shared out among processes: one does stay i mod n, and results come in the order of the data."""

import gc
import multiprocessing as mp
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any, TypeVar

WAITING_MAX = 64  # finished stays that may wait for whoever takes them, per process
COLLECTED_AFTER = 100_000  # new objects

Done = TypeVar("Done")
Work = Callable[[int, int], Iterator[Done]]
"""What is made of every n-th stay, from the i-th on: called with i and n, in a process of its own."""


def in_order(work: Work[Done], processes: int) -> Iterator[Done]:
    """What comes of each stay. Raises RuntimeError where a process fails."""
    if processes == 1:
        yield from work(0, 1)
        return
    context = mp.get_context("spawn")
    queues: list[Queue[Any]] = [context.Queue(WAITING_MAX) for _ in range(processes)]
    workers = [
        context.Process(target=_work, args=(work, share, processes, queue), daemon=True)
        for share, queue in enumerate(queues)
    ]
    for worker in workers:
        worker.start()
    try:
        turn = 0
        while (done := _received(queues[turn % processes], workers[turn % processes])) is not None:
            yield done
            turn += 1
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _received(queue: "Queue[Any]", worker: Any) -> Any:
    while True:
        try:
            done = queue.get(timeout=5)
        except Empty as silence:  # a dead worker would otherwise be waited for for ever
            if not worker.is_alive() and queue.empty():
                raise RuntimeError(f"a process ended early (exit status {worker.exitcode})") from silence
            continue
        if isinstance(done, str):
            raise RuntimeError(done)
        return done


def _work(work: Work[Any], share: int, shares: int, queue: "Queue[Any]") -> None:
    """One process of several. What is played holds no cycles: the collector of garbage need not look at it often."""
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)
    try:
        for done in work(share, shares):
            queue.put(done)
        queue.put(None)
    except Exception as problem:  # told to the parent, which ends all of it
        queue.put(f"a process failed: {type(problem).__name__}: {problem}")
