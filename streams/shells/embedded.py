"""The embedded shell: one process, no broker. A message is in the log, on the disk, before `submit` returns.

    async with Embedded("sqlite:///foreshock.sqlite", mind) as service:
        await service.submit(raw, received_at)      # or submit_event(event, now)
        await service.advance(now)                  # time passed

One task takes what waits, writes it to the log in one transaction, and runs the engine over it. After a kill the log
is read on from the checkpoint, and what had been said is said again under the same ids. The process that opened the
store last owns it; an older one stops at its next write.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from schemas.boards.views import BedView
from schemas.clinical.alerts import AlertEvent
from schemas.events import Event, Response, Tick
from schemas.events.quarantine import Rejected
from schemas.events.wire import MESSAGE_BYTES_MAX, encode
from schemas.frozen import from_json, to_json
from streams.adapters.decode import decode
from streams.core.bed import Bed
from streams.core.step import Mind, Output
from streams.core.view import view
from streams.shells.engine import Engine, Record, Saved
from streams.stores.store import Store

BATCH_MAX = 64  # messages that are logged and stepped together
WAITING_MAX = 1024  # messages taken but not yet logged: beyond, `submit` waits
UPDATES_MAX = 256  # of one subscriber: beyond, it is told to read everything anew
LOG_KEPT = timedelta(days=7)  # of the ordered log; the beds themselves are saved
REFUSALS_KEPT = timedelta(days=30)  # in the quarantine, and of late notices
REFUSALS_MAX = 100_000  # of each of the two: a flood must not fill the disk
DISCHARGED_KEPT = timedelta(days=7)  # a bed's memory after its patient has left
PRUNED_AT_ONCE = 5_000  # rows of the log that are deleted together: messages wait no longer than that takes

Result = TypeVar("Result")


class Update(NamedTuple):
    """What changed: these beds, and what was said. `encounters` is None when so much was missed that all may have."""

    encounters: frozenset[str] | None
    outputs: tuple[Output, ...] = ()


class _Message(NamedTuple):
    now: datetime
    kind: str
    body: bytes
    applied: "asyncio.Future[None]"
    logged: "asyncio.Future[None]"
    taken_at: float  # by the loop's clock


class Embedded:
    """The service in one process; an async context manager."""

    def __init__(self, url: str, mind: Mind) -> None:
        self._url, self._mind = url, mind
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")  # one thread: writes keep their order
        self._inbox: asyncio.Queue[_Message | None] = asyncio.Queue(WAITING_MAX)
        self._subscribers: set[asyncio.Queue[Update]] = set()
        self._responses: list[Response] = []
        self._behind_since: float | None = None
        self._turn = asyncio.Lock()  # of those who change the beds

    async def __aenter__(self) -> Self:
        self._store = await self._stored(Store, self._url)
        self._engine = Engine(self, self, self, self._mind)
        await self._engine.load()
        self._next = await self._stored(self._store.last_offset) + 1
        while rows := await self._stored(self._store.log, self._engine.applied, BATCH_MAX):
            await self._run([_record(*row) for row in rows])
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        """Everything taken is written and applied, then the store is closed."""
        if not self._worker.done():
            await self._inbox.put(None)
        try:
            await self._worker
        finally:
            await self._stored(self._store.close)
            self._thread.shutdown()

    # -- in

    async def submit(self, raw: bytes, received_at: datetime) -> None:
        """Take one wire message. Returns when it is in the log; what is wrong with it goes to the quarantine."""
        if len(raw) <= MESSAGE_BYTES_MAX:
            await self._taken(received_at, "message", raw)
            return
        for refusal in decode(raw, received_at):  # too large for the log: its beginning is kept with the refusal
            assert isinstance(refusal, Rejected)
            await self._taken(received_at, "refusal", to_json(refusal))

    async def submit_event(self, event: Event, now: datetime) -> None:
        """Take one event. Returns when it is in the log."""
        await self._taken(now, "message", encode(event))

    async def advance(self, now: datetime) -> None:
        """Time has passed: returns when every instant that this closes has been judged."""
        await self._taken(now, "message", encode(Tick(available_at=now)), until_applied=True)

    async def _taken(self, now: datetime, kind: str, body: bytes, until_applied: bool = False) -> None:
        loop = asyncio.get_running_loop()
        message = _Message(now, kind, body, loop.create_future(), loop.create_future(), loop.time())
        if self._worker.done():
            self._worker.result()
            raise RuntimeError("the service has stopped")
        await self._inbox.put(message)
        await (message.applied if until_applied else message.logged)

    async def tidy(self, now: datetime) -> None:
        """Forget what is older than it need be: the applied log, refusals, beds whose patients left long ago.

        Alerts and answers are kept. A checkpoint that is found damaged can be rebuilt from the kept log only.
        """
        while await self._stored(self._store.prune_log, now - LOG_KEPT, PRUNED_AT_ONCE) == PRUNED_AT_ONCE:
            pass
        await self._stored(self._store.prune_refusals, now - REFUSALS_KEPT, REFUSALS_MAX)
        async with self._turn:
            left = [name for name, bed in self.beds.items() if _left_before(bed, now - DISCHARGED_KEPT)]
            await self._stored(self._store.forget, left)
            self._engine.forget(left)

    async def stopped(self) -> None:
        """Waits for as long as the service works; raises what stopped it."""
        await asyncio.shield(self._worker)

    # -- out

    @property
    def lag_s(self) -> float:
        """Real seconds since the oldest message was taken whose effects are not saved yet; 0: there is none."""
        return 0.0 if self._behind_since is None else asyncio.get_running_loop().time() - self._behind_since

    @property
    def applied(self) -> int:
        """The offset of the last record of the log whose effects are saved."""
        return self._engine.applied

    @property
    def beds(self) -> Mapping[str, Bed]:
        return self._engine.beds

    def view(self, encounter: str) -> BedView | None:
        """The board's picture of one bed; None when there is no such bed."""
        bed = self._engine.beds.get(encounter)
        return None if bed is None else view(bed, self._mind)

    async def alert_events(self, encounter: str | None = None) -> tuple[AlertEvent, ...]:
        """What was said, oldest first."""
        return await self._stored(self._store.alert_events, encounter)

    async def quarantined(self, limit: int = 1000) -> tuple[Rejected, ...]:
        """The newest refusals, oldest first."""
        return await self._stored(self._store.quarantined, limit)

    async def faults(self) -> dict[str, int]:
        """How much was refused, by fault."""
        return await self._stored(self._store.faults)

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[Update]]:
        """A queue of `Update`s for one board, as a context manager. It never slows the beds down."""
        queue: asyncio.Queue[Update] = asyncio.Queue(UPDATES_MAX)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)

    # -- the one task

    async def _work(self) -> None:
        taken: list[_Message] = []
        try:
            while True:
                first = await self._inbox.get()
                taken = [] if first is None else [first]
                last = first is None
                while not last and len(taken) < BATCH_MAX and not self._inbox.empty():
                    message = self._inbox.get_nowait()
                    last = message is None
                    taken.extend(() if message is None else (message,))
                if taken:
                    await self._handle(taken)
                if last:
                    return
        except BaseException as problem:
            while not self._inbox.empty():
                message = self._inbox.get_nowait()
                taken.extend(() if message is None else (message,))
            for message in taken:
                for waiter in (message.logged, message.applied):
                    if not waiter.done():
                        waiter.set_exception(RuntimeError(f"the service has stopped: {type(problem).__name__}"))
                        waiter.exception()  # seen: not every message has somebody who waits for it
            raise

    async def _handle(self, taken: Sequence[_Message]) -> None:
        first, self._behind_since = self._next, taken[0].taken_at
        await self._stored(self._store.append, first, [(m.now, m.kind, m.body) for m in taken])
        self._next = first + len(taken)
        _tell(message.logged for message in taken)
        await self._run([_record(offset, m.now, m.kind, m.body) for offset, m in enumerate(taken, first)])
        _tell(message.applied for message in taken)
        self._behind_since = None

    async def _run(self, records: Sequence[Record]) -> None:
        entries = [entry for record in records for entry in record.entries]
        self._responses = [entry for entry in entries if isinstance(entry, Response)]
        before = self._engine.beds.copy()
        async with self._turn:
            outputs = await self._engine.run(records)
        changed = frozenset(e for e, bed in self._engine.beds.items() if before.get(e) is not bed)
        for queue in self._subscribers:
            _offer(queue, Update(changed, outputs))

    async def _stored(self, call: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    # -- the ports of the engine

    async def acknowledge(self, offset: int) -> None:
        """The log is ours: it needs no acknowledgement."""

    async def publish(self, outputs: Sequence[Output]) -> None:
        await self._stored(self._store.publish, outputs)

    async def load(self) -> Saved:
        return await self._stored(self._store.load)

    async def save(self, applied: int, changed: Mapping[str, Bed]) -> None:
        await self._stored(self._store.save, applied, changed, self._responses)


def _record(offset: int, now: datetime, kind: str, body: bytes) -> Record:
    """A row of the log as the engine takes it. What a message means depends on its bytes and its time alone."""
    refused = kind == "refusal"
    return Record(offset, now, (from_json(body, Rejected),) if refused else decode(body, now))


def _tell(waiters: Iterable["asyncio.Future[None]"]) -> None:
    """Who waited for a message hears that it is done, unless he has gone away meanwhile."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


def _left_before(bed: Bed, moment: datetime) -> bool:
    last = bed.chart.heard_at or bed.chart.admitted_at
    return bed.chart.discharged and not bed.line.waiting and (last is None or last < moment)


def _offer(queue: asyncio.Queue[Update], update: Update) -> None:
    """A subscriber that has fallen behind loses what it missed, and is told so."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        update = Update(None)
    queue.put_nowait(update)
