"""The embedded shell: one process, no broker. A message is in the log, on the disk, before `submit` returns.

    async with Embedded("sqlite:///foreshock.sqlite", mind) as service:
        await service.submit(raw, received_at)      # or submit_event(event, now)
        await service.advance(now)                  # time passed

One task takes what waits, writes it to the log in one transaction, and runs the engine over it. After a kill the log
is read on from where the beds were saved, and what had been said is said again under the same ids. The process that
opened the store last owns it; an older one stops at its next write.

While the store cannot be written nothing is taken (`submit` raises StoreFailed), and the beds in memory are judged and
shown as time passes. As soon as it can be, what is owed is written, and messages are taken again.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import structlog
from msgspec.structs import replace

from schemas.boards.views import BedView
from schemas.clinical.alerts import AlertEvent
from schemas.events import Event, Response, Tick
from schemas.events.quarantine import Rejected, printable
from schemas.events.wire import MESSAGE_BYTES_MAX, encode
from schemas.frozen import from_json, to_json
from streams.adapters.decode import decode
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.resting import DISCHARGED_KEPT, back, left_before, may_rest
from streams.core.step import Output
from streams.core.view import view
from streams.shells.engine import Applied, Engine, Record, Stepping
from streams.shells.log_clock import LogClock
from streams.stores.codec import Damaged, bed_of, change, whole
from streams.stores.failures import Fenced, StoreFailed
from streams.stores.kept import BedRow, Refusals, Store
from streams.stores.tables import EMBEDDED, SENDERS_CHARS_MAX

BATCH_MAX = 64  # messages that are logged and stepped together
WAITING_MAX = 1024  # messages taken but not yet logged: beyond, `submit` waits
UPDATES_MAX = 256  # of one subscriber: beyond, it is told to read everything anew
CHANGES_MAX = 200  # of one bed, before it is written whole again
LOG_KEPT = timedelta(days=7)  # of the ordered log; the beds themselves are saved
REFUSALS_KEPT = timedelta(days=30)  # in the quarantine, and of late notices
REFUSALS_MAX = 100_000  # of each of the two: a flood must not fill the disk
PRUNED_AT_ONCE = 5_000  # rows of the log that are deleted together: messages wait no longer than that takes
TRIED_AGAIN_S = 1.0  # a store that could not be written
TURN_LOOKED_FOR_S = 0.02  # by a message that waits for older ones

Result = TypeVar("Result")
Made = TypeVar("Made")
_SENDER = re.compile(rb'"sender"\s*:\s*"([^"\\]{1,64})"')
_KNOWN_AT = re.compile(rb'"available_at"\s*:\s*"([^"]{10,40})"')

log = structlog.get_logger()


class Update(NamedTuple):
    """What changed: these beds, and what was said. `encounters` is None when so much was missed that all may have."""

    encounters: frozenset[str] | None
    outputs: tuple[Output, ...] = ()


class Trouble(NamedTuple):
    """Since when nothing can be written, and why, in one sentence for a person."""

    since_s: float  # by the loop's clock
    why: str


class _Message(NamedTuple):
    now: datetime
    kind: str
    body: bytes
    applied: "asyncio.Future[None]"
    logged: "asyncio.Future[None]"
    taken_at: float  # by the loop's clock
    sender: str | None


class Embedded:
    """The service in one process; an async context manager. Entering raises StoreFailed for an unusable store."""

    def __init__(self, url: str, mind: Mind) -> None:
        self._url, self._mind = url, mind
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")  # one thread: writes keep their order
        self._inbox: asyncio.Queue[_Message | None] = asyncio.Queue(WAITING_MAX)
        self._subscribers: set[asyncio.Queue[Update]] = set()
        self._responses: list[Response] = []
        self._changes: dict[str, int] = {}  # of each bed, since it was written whole
        self._behind_since: float | None = None
        self._turn = asyncio.Lock()  # of those who change the beds
        self.trouble: Trouble | None = None
        self.damaged: frozenset[str] = frozenset()  # beds that could neither be read nor rebuilt

    async def __aenter__(self) -> Self:
        try:
            self._store = await self._stored(Store, self._url)
            try:
                await self._take_up()
            except BaseException:
                await self._stored(self._store.close)
                raise
        except BaseException:
            self._thread.shutdown()
            raise
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

    async def _take_up(self) -> None:
        """The beds as they were saved, and what the log holds beyond. A damaged bed is made anew from the log."""
        taken = await self._stored(self._store.take, EMBEDDED, 0)
        self._owner = taken.owner
        beds: dict[str, Bed] = {}
        damaged = []
        for encounter, rows in taken.beds.items():
            try:
                beds[encounter] = bed_of(rows)
                self._changes[encounter] = len(rows) - 1
            except Damaged:
                damaged.append(encounter)
        rebuilt = await self._rebuilt(damaged, taken.applied)
        self.damaged = frozenset(damaged) - rebuilt.keys()
        self._engine = Engine(self, self._mind, taken.applied, {**beds, **rebuilt})
        self._engine.owe(rebuilt)
        await self._engine.settle()
        self._next = await self._stored(self._store.last_offset) + 1
        last: datetime | None = None
        while logged := await self._stored(self._store.log, self._engine.applied, BATCH_MAX):
            last = logged[-1].at
            await self._run([_record(*row) for row in logged])
        newest = await self._stored(self._store.log, self._engine.applied - 1, 1)
        last = last or (newest[0].at if newest else None)
        self._clock = LogClock(last, self._mind.policy.allowed_lateness, asyncio.get_running_loop().time())

    async def _rebuilt(self, encounters: Sequence[str], applied: int) -> dict[str, Bed]:
        """Damaged beds as the kept log tells them; those of which it tells nothing stay away, and are named."""
        if not encounters:
            return {}
        log.error("beds_damaged", component="embedded", count=len(encounters))
        engine = Engine(_Nowhere(), self._mind)
        after = -1
        while rows := await self._stored(self._store.log, after, BATCH_MAX):
            rows = [row for row in rows if row.offset <= applied]
            if not rows:
                break
            if after == -1:
                engine.applied = rows[0].offset - 1
            await engine.run([_only(_record(*row), frozenset(encounters)) for row in rows])
            after = rows[-1].offset
        self._changes.update(dict.fromkeys(engine.beds, CHANGES_MAX))  # so that the next row of each is a whole one
        return engine.beds

    async def _take_in(self, encounters: Collection[str]) -> None:
        """Beds that rest, back into memory. Raises StoreFailed; then all is as it was."""
        if not encounters:
            return
        rows = await self._stored(self._store.beds, self._owner, encounters)
        beds: dict[str, Bed] = {}
        for encounter in encounters:
            with suppress(Damaged):
                beds[encounter] = bed_of(rows.get(encounter, ()))
        rebuilt = await self._rebuilt(sorted(set(encounters) - beds.keys()), self._engine.applied)
        self._engine.take_in({**beds, **rebuilt})
        self._engine.owe(rebuilt)
        if gone := frozenset(encounters) - beds.keys() - rebuilt.keys():
            self.damaged |= gone
            self._engine.forget(gone)

    # -- in

    async def submit(self, raw: bytes, received_at: datetime, sender: str | None = None) -> None:
        """Take one wire message. Returns when it is in the log; what is wrong with it goes to the quarantine.

        `sender`: whom it is from, as far as the door knows.
        """
        sender = None if sender is None else printable(sender, SENDERS_CHARS_MAX)
        if len(raw) <= MESSAGE_BYTES_MAX:
            at = await self._log_time(raw, received_at, _sender_of(raw) or sender)
            await self._taken(at, "message", raw, sender=sender)
            return
        for refusal in decode(raw, received_at, sender=sender):  # too large for the log: it keeps the beginning
            assert isinstance(refusal, Rejected)
            await self._taken(received_at, "refusal", to_json(refusal), sender=sender)

    async def submit_event(self, event: Event, now: datetime, until_applied: bool = False) -> None:
        """Take one event. Returns when it is in the log, or when its effects are in the beds."""
        raw = encode(event)
        await self._taken(await self._log_time(raw, now), "message", raw, until_applied)

    def look(self) -> None:
        """The process is awake: whoever keeps the time says so several times a second, also when nothing is due."""
        self._clock.look(asyncio.get_running_loop().time())

    async def advance(self, now: datetime, put_back: bool = False) -> None:
        """Time has passed: returns when every instant that this closes has been judged.

        While the log waits for messages that are still on their way, time stands, and it returns at once. `put_back`:
        the clock was put back; tell it again where there was trouble.
        """
        if self.trouble is not None:
            await self._pass_time(now)
            return
        told = self._clock.of_tick(now, asyncio.get_running_loop().time(), put_back)
        if told is not None:
            at, corrected = told
            tick = encode(Tick(available_at=at, corrected=corrected))
            try:
                await self._taken(at, "message", tick, until_applied=True)
            except StoreFailed:  # of all that is written a tick is often the first that fails
                await self._pass_time(now)

    async def _log_time(self, raw: bytes, now: datetime, sender: str | None = None) -> datetime:
        """When a message is logged; after a restart or a pause it may have to wait until what is older has come."""
        elapsed_s = asyncio.get_running_loop().time
        coming = self._clock.came(_known_at(raw), now, elapsed_s(), sender)
        try:
            while (at := self._clock.turn(coming, now, elapsed_s())) is None:
                await asyncio.sleep(TURN_LOOKED_FOR_S)
            return at
        finally:
            self._clock.left(coming)

    async def _taken(
        self, now: datetime, kind: str, body: bytes, until_applied: bool = False, sender: str | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        message = _Message(now, kind, body, loop.create_future(), loop.create_future(), loop.time(), sender)
        if self._worker.done():
            self._worker.result()
            raise RuntimeError("the service has stopped")
        if self.trouble is not None:
            raise StoreFailed(self.trouble.why)
        await self._inbox.put(message)
        await (message.applied if until_applied else message.logged)

    async def tidy(self, now: datetime) -> None:
        """Forget what is older than it need be: the applied log, refusals, beds whose patients left long ago.

        Beds of which nothing is heard any more leave memory (`streams.core.resting`) and stay in the store. Alerts and
        answers are kept. A bed that is found damaged can be rebuilt from the kept log only.
        """
        try:
            await self._tidied(now)
        except Fenced:
            raise
        except StoreFailed as problem:  # it can wait
            log.warning("not_tidied", component="embedded", exc_info=problem)

    async def _tidied(self, now: datetime) -> None:
        prune = self._store.prune_log
        while await self._stored(prune, self._owner, now - LOG_KEPT, PRUNED_AT_ONCE) == PRUNED_AT_ONCE:
            pass
        await self._stored(self._store.prune_refusals, self._owner, now - REFUSALS_KEPT, REFUSALS_MAX)
        async with self._turn:
            all_beds = [*self.beds.items(), *self.resting.items()]
            left = [name for name, bed in all_beds if left_before(bed, now - DISCHARGED_KEPT)]
            if left:
                await self._stored(self._store.forget, self._owner, left)
                self._engine.forget(left)
            if self.trouble is None and self._engine.is_settled:
                self._engine.rest([name for name, bed in self.beds.items() if may_rest(bed, now)])

    async def stopped(self) -> None:
        """Waits for as long as the service works; raises what stopped it."""
        await asyncio.shield(self._worker)

    # -- out

    @property
    def lag_s(self) -> float:
        """Real seconds since the oldest message was taken whose effects are not saved yet; 0: there is none."""
        return 0.0 if self._behind_since is None else asyncio.get_running_loop().time() - self._behind_since

    @property
    def trouble_s(self) -> float:
        """Real seconds since nothing can be written; 0 where it can."""
        return 0.0 if self.trouble is None else asyncio.get_running_loop().time() - self.trouble.since_s

    @property
    def applied(self) -> int:
        """The offset of the last record of the log whose effects are in the beds."""
        return self._engine.applied

    @property
    def beds(self) -> Mapping[str, Bed]:
        """Those in memory."""
        return self._engine.beds

    @property
    def resting(self) -> Mapping[str, Bed]:
        """Outlines of those that are in the store alone."""
        return self._engine.resting

    @property
    def logged_at(self) -> datetime | None:
        """The time of the newest record of the log."""
        return self._clock.last

    @property
    def next_alarm(self) -> datetime | None:
        """When the first of the beds has to hear that time has passed."""
        return self._engine.next_alarm

    @property
    def mind(self) -> Mind:
        """What the beds are judged with."""
        return self._mind

    def view(self, encounter: str) -> BedView | None:
        """The board's picture of one bed; of one that rests only what its outline tells. None: there is no such bed."""
        bed = self.beds.get(encounter) or self.resting.get(encounter)
        return None if bed is None else view(bed, self._mind)

    async def bring(self, encounter: str) -> None:
        """Somebody wants to see all of one bed: if it rests, it comes back into memory. Raises StoreFailed."""
        if encounter in self.resting:
            async with self._turn:
                await self._take_in({encounter} & self.resting.keys())

    async def alert_events(self, encounter: str | None = None) -> tuple[AlertEvent, ...]:
        """What was said, oldest first."""
        return await self._stored(self._store.alert_events, encounter)

    async def quarantined(self, limit: int = 1000) -> tuple[Rejected, ...]:
        """The newest refusals, oldest first."""
        return await self._stored(self._store.quarantined, limit)

    async def refusals(self, text: str = "") -> tuple[Refusals, ...]:
        """Refusals counted by kind, newest first; `text` is looked for in every word that a board shows of them."""
        return await self._stored(self._store.refusals, text)

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
                first = await self._next_message()
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
            _fail(taken, RuntimeError(f"the service has stopped: {type(problem).__name__}"))
            raise

    async def _next_message(self) -> _Message | None:
        """The next one; while the store is in trouble it is tried again every second."""
        while self.trouble is not None:
            try:
                return await asyncio.wait_for(self._inbox.get(), TRIED_AGAIN_S)
            except TimeoutError:
                await self._try_again()
        return await self._inbox.get()

    async def _handle(self, taken: Sequence[_Message]) -> None:
        self._behind_since = taken[0].taken_at
        try:
            if self.trouble is not None and not await self._try_again():
                raise StoreFailed(self.trouble.why)
            first = self._next
            told, senders = [(m.now, m.kind, m.body) for m in taken], [m.sender for m in taken]
            await self._stored(self._store.append, self._owner, first, told, senders)
        except Fenced:
            raise
        except StoreFailed as problem:
            self._troubled(problem)
            _fail(taken, problem)
            self._behind_since = None
            return
        self._next = first + len(taken)
        _tell(message.logged for message in taken)
        try:
            rows = enumerate(taken, first)
            await self._run(await _one_by_one(_record(n, m.now, m.kind, m.body, m.sender) for n, m in rows))
        except Fenced:
            raise
        except StoreFailed as problem:  # a bed that it is about cannot be read: it is in the log, and read from there
            self._troubled(problem)
            self._next = self._engine.applied + 1
            _fail(taken, problem)
            self._behind_since = None
            return
        _tell(message.applied for message in taken)
        self._behind_since = None

    async def _run(self, records: Sequence[Record]) -> None:
        """Raises StoreFailed where a bed that rests cannot be read: then nothing of it was done."""
        async with self._turn:
            await self._take_in(self._engine.wanted(records))
            self._responses += [e for record in records for e in record.entries if isinstance(e, Response)]
            applied = await _in_turns(self._engine.stepping(records))
            await self._settle()
        self._offer(applied)

    async def _pass_time(self, now: datetime) -> None:
        self._clock.passed(now, asyncio.get_running_loop().time())
        async with self._turn:
            applied = await _in_turns(self._engine.passing_time(now))
        self._offer(applied)

    async def _settle(self) -> bool:
        try:
            await self._engine.settle()
        except Fenced:
            raise
        except StoreFailed as problem:
            self._troubled(problem)
            return False
        return True

    async def _try_again(self) -> bool:
        """Whether the store takes what is owed to it, so that messages may come again."""
        async with self._turn:
            if not await self._settle():
                return False
        try:
            await self._stored(self._store.save, self._owner, self._engine.applied, [])  # also where nothing is owed
            await self._read_on()
        except Fenced:
            raise
        except StoreFailed as problem:
            self._troubled(problem)
            return False
        if not self._engine.is_settled:
            return False
        log.info("store_back", component="embedded")
        self.trouble = None
        return True

    async def _read_on(self) -> None:
        """Records that are in the log though nobody heard so: the answer to writing them was lost."""
        last = await self._stored(self._store.last_offset)
        while self._next <= last:
            logged = await self._stored(self._store.log, self._next - 1, BATCH_MAX)
            await self._run([_record(*row) for row in logged])
            self._next = logged[-1].offset + 1

    def _troubled(self, problem: StoreFailed) -> None:
        since = asyncio.get_running_loop().time() if self.trouble is None else self.trouble.since_s
        if self.trouble is None:
            log.error("store_failed", component="embedded", exc_info=problem)
        self.trouble = Trouble(since, str(problem))

    def _offer(self, applied: Applied) -> None:
        update = Update(frozenset(applied.changed), applied.outputs)
        for queue in self._subscribers:
            _offer(queue, update)

    async def _stored(self, call: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    # -- the ports of the engine

    async def acknowledge(self, offset: int) -> None:
        """The log is ours: it needs no acknowledgement."""

    async def publish(self, outputs: Sequence[Output]) -> None:
        await self._stored(self._store.publish, self._owner, outputs)

    async def save(self, applied: int, before: Mapping[str, Bed], changed: Mapping[str, Bed]) -> None:
        all_whole = self.trouble is not None  # what was saved meanwhile is not known for certain
        counts = {name: self._changes.get(name, CHANGES_MAX) for name in changed}
        wholes = frozenset(name for name, count in counts.items() if all_whole or count >= CHANGES_MAX)
        rows = await _one_by_one(_rows(before, await self._completed(changed, wholes), wholes))
        await self._stored(self._store.save, self._owner, applied, rows, (), self._responses)
        self._responses = []
        self._changes.update({name: 0 if name in wholes else count + 1 for name, count in counts.items()})

    async def _completed(self, changed: Mapping[str, Bed], wholes: Collection[str]) -> dict[str, Bed]:
        """What changed; where a bed that rests is to be written whole, with what only the store has of it."""
        rest = {name for name in changed if name in wholes and name in self.resting}
        found = {name: bed for name, bed in changed.items() if name not in rest}
        if rest:
            for name, rows in (await self._stored(self._store.beds, self._owner, rest)).items():
                with suppress(Damaged):  # it is found when the bed is taken in
                    found[name] = back(bed_of(rows), changed[name])
        return found


class _Nowhere:
    """A sink that keeps nothing: what is rebuilt was said and saved before."""

    async def publish(self, outputs: Sequence[Output]) -> None: ...

    async def save(self, applied: int, before: Mapping[str, Bed], changed: Mapping[str, Bed]) -> None: ...

    async def acknowledge(self, offset: int) -> None: ...


def _rows(before: Mapping[str, Bed], changed: Mapping[str, Bed], wholes: frozenset[str]) -> Iterator[BedRow]:
    for name, bed in changed.items():
        yield BedRow(name, whole(bed), True) if name in wholes else BedRow(name, change(before[name], bed), False)


def _record(offset: int, now: datetime, kind: str, body: bytes, sender: str | None) -> Record:
    """A row of the log as the engine takes it. What a message means depends on its row alone."""
    place = f"log {offset}"  # two equal messages that are refused are two refusals
    if kind == "refusal":
        return Record(offset, now, (replace(from_json(body, Rejected), place=place),))
    return Record(offset, now, decode(body, now, sender=sender, place=place))


def _only(record: Record, encounters: frozenset[str]) -> Record:
    """The record as far as it concerns these beds."""
    own = (
        e for e in record.entries if isinstance(e, Tick) or (e.encounter in encounters and not isinstance(e, Rejected))
    )
    return record._replace(entries=tuple(own))


def _known_at(raw: bytes) -> datetime | None:
    """When the sender of a message says that it was known, as far as a look tells."""
    found = _KNOWN_AT.search(raw)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1].decode())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _sender_of(raw: bytes) -> str | None:
    """Whom a message says that it is from, as far as a look tells."""
    found = _SENDER.search(raw)
    return None if found is None else found[1].decode(errors="replace")


async def _one_by_one(made: Iterable[Made]) -> list[Made]:
    """All of them; whoever else waits has a turn after each."""
    found: list[Made] = []
    for one in made:
        found.append(one)
        await asyncio.sleep(0)
    return found


async def _in_turns(stepping: Stepping) -> Applied:
    """Some beds, then whoever else waits (boards, clients, the clock), then the next."""
    while True:
        try:
            next(stepping)
        except StopIteration as end:
            applied: Applied = end.value
            return applied
        await asyncio.sleep(0)


def _fail(taken: Iterable[_Message], problem: Exception) -> None:
    for message in taken:
        for waiter in (message.logged, message.applied):
            if not waiter.done():
                waiter.set_exception(problem)
                waiter.exception()  # seen: not every message has somebody who waits for it


def _tell(waiters: Iterable["asyncio.Future[None]"]) -> None:
    """Who waited for a message hears that it is done, unless he has gone away meanwhile."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


def _offer(queue: asyncio.Queue[Update], update: Update) -> None:
    """A subscriber that has fallen behind loses what it missed, and is told so."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        update = Update(None)
    queue.put_nowait(update)
