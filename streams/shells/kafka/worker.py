"""The Faust worker: it only forwards. Batches of the `events` topic go to one engine per partition; what that says goes
to alerts, quarantine and late with acks=all.

Of Faust it uses the consumer group and the flow, and nothing that was seen to lose or repeat: no tables, no `take`, no
windows, no exactly-once, no web server. Nothing is acknowledged before the engine says so (`noack`). Any exception ends
the process at once; whoever starts it again finds the checkpoint. Records whose message was judged before (the router
was killed and wrote them again) change nothing: `heard` is saved with the beds.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import faust
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from schemas.clinical.alerts import AlertEvent
from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from schemas.frozen import EARLIEST, to_json
from streams.adapters.decode import decode
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.ordering import Late
from streams.core.resting import DISCHARGED_KEPT, back, left_before, may_rest
from streams.core.step import Output
from streams.core.view import view
from streams.shells.engine import Engine, Record
from streams.shells.kafka.log import (
    BYTES_MAX,
    RECORD_BYTES_MAX,
    Log,
    Pulse,
    moment,
    now_header,
    pulse_key,
    read_now,
    read_src,
)
from streams.stores.codec import Damaged, bed_of, change, whole
from streams.stores.kept import BedRow, Store
from streams.stores.outputs import named

CHANGES_MAX = 200  # of one bed, before it is written whole again
BATCH_MAX = 64  # records of one partition that are stepped together
WAITING_MAX = 1_024  # records taken from Faust and not yet stepped: beyond, it is held up
VIEW_EVERY_S = 0.25
VIEWS_AT_ONCE = 64
VIEWS_SHARE = 0.25  # of the processor, at most, for drawing what changed
PULSE_EVERY_S = 1.0
TIDY_EVERY_S = 600.0
CRASHED = 70  # EX_SOFTWARE

_log = structlog.get_logger()
Result = TypeVar("Result")


class Carried:
    """One partition: its engine, and the ports through which that reaches Kafka and the store."""

    def __init__(self, shell: "Shell", number: int) -> None:
        self._shell, self.number = shell, number
        self._heard: dict[str, int] = {}
        self._batch_heard: dict[str, int] = {}
        self._changes: dict[str, int] = {}  # of each bed, since it was written whole
        self._unacked: dict[int, Any] = {}
        self._turn = asyncio.Lock()  # of those who change the beds
        self.now: datetime = EARLIEST
        self.written_at: datetime = EARLIEST

    async def load(self) -> None:
        """Take the partition over, and its beds as they were saved; a damaged one is made anew from the log."""
        taken = await self._shell.stored(self._shell.store.take, self._shell.log_id, self.number)
        self._owner, self._heard = taken.owner, dict(taken.heard)
        beds: dict[str, Bed] = {}
        applied = taken.applied
        for encounter, rows in taken.beds.items():
            try:
                beds[encounter] = bed_of(rows)
                self._changes[encounter] = len(rows) - 1
            except Damaged:
                _log.error("beds_damaged", component="worker", partition=self.number)
                beds, applied, self._heard = {}, -1, {}  # the log tells all of them again
                break
        self.engine = Engine(self, self._shell.mind, applied, beds)

    async def run(self, events: Sequence[Any]) -> None:
        """One batch of Faust's events, all effects in order."""
        async with self._turn:
            self._unacked = {event.message.offset: event for event in events}
            first = events[0].message.offset
            if first > self.engine.applied + 1:
                await self._shell.read_again(self, first)
            await self.step([event.message for event in events])

    async def tidy(self) -> None:
        """Beds of which nothing is heard any more leave memory; those whose patients left long ago, the store."""
        async with self._turn:
            engine = self.engine
            known = [*engine.beds.values(), *engine.resting.values()]
            if gone := [bed.encounter for bed in known if left_before(bed, self.now - DISCHARGED_KEPT)]:
                await self._shell.stored(self._shell.store.forget, self._owner, gone)
                engine.forget(gone)
            to_draw = {encounter for number, encounter in self._shell.changed if number == self.number}
            engine.rest([n for n, bed in engine.beds.items() if n not in to_draw and may_rest(bed, self.now)])

    async def step(self, messages: Sequence[Any]) -> None:
        """Messages that follow what is applied; the beds that changed are marked to be drawn."""
        self._batch_heard = dict(self._heard)
        records = [self._record(m) for m in messages if m.offset > self.engine.applied]
        if wanted := self.engine.wanted(records):  # a damaged one ends the process
            self.engine.take_in({name: bed_of(rows) for name, rows in (await self._rows_of(wanted)).items()})
        applied = await self.engine.run(records)
        self._heard = self._batch_heard
        newest = messages[-1]
        if not records:
            await self.acknowledge(newest.offset)
        self.now = max(self.now, read_now(newest.headers) or EARLIEST)
        self.written_at = moment(_written_ms(newest) * 1000)
        self._shell.changed.update(dict.fromkeys((self.number, encounter) for encounter in applied.changed))

    def _record(self, message: Any) -> Record:
        """A message of the log as the engine takes it; one that says what was heard before is empty."""
        now, src = read_now(message.headers), read_src(message.headers)
        if now is None:
            raise ValueError(f"offset {message.offset} of the log has no log time: it was not written by a router")
        entries: tuple[Event | Tick | Rejected, ...] = ()
        if src is None or src.offset > self._batch_heard.get(src.source, -1):
            place = None if src is None else src.place
            entries = decode(message.value, now, place=place, bytes_max=RECORD_BYTES_MAX)
        if src is not None:
            self._batch_heard[src.source] = max(src.offset, self._batch_heard.get(src.source, -1))
        return Record(message.offset, now, entries)

    # -- the ports of the engine

    async def acknowledge(self, offset: int) -> None:
        for known in [known for known in self._unacked if known <= offset]:
            self._unacked.pop(known).ack()

    async def publish(self, outputs: Sequence[Output]) -> None:
        await self._shell.publish(self.number, outputs)

    async def save(self, applied: int, before: Mapping[str, Bed], changed: Mapping[str, Bed]) -> None:
        counts = {name: self._changes.get(name, CHANGES_MAX) for name in changed}
        wholes = {name for name, count in counts.items() if count >= CHANGES_MAX}
        found = dict(changed)
        if rest := wholes & self.engine.resting.keys():  # of these only the outlines are in memory
            found |= {name: back(bed_of(rows), changed[name]) for name, rows in (await self._rows_of(rest)).items()}
        rows = [
            BedRow(name, whole(bed), True) if name in wholes else BedRow(name, change(before[name], bed), False)
            for name, bed in found.items()
        ]
        self._changes.update({name: 0 if name in wholes else count + 1 for name, count in counts.items()})
        heard = self._batch_heard
        await self._shell.stored(self._shell.store.save, self._owner, applied, rows, (), (), heard)

    async def _rows_of(self, encounters: Collection[str]) -> dict[str, list[bytes]]:
        return await self._shell.stored(self._shell.store.beds, self._owner, encounters)


class Shell:
    """One worker process: Faust brings records, the partitions' engines judge them, one producer says it."""

    def __init__(self, log: Log, group: str, url: str, mind: Mind) -> None:
        self._names, self._group, self.mind = log, group, mind
        self.store, self.log_id = Store(url), log.ids["events"]
        self.changed: dict[tuple[int, str], None] = {}
        self._partitions: dict[int, Carried] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._inbox: asyncio.Queue[Any] = asyncio.Queue(WAITING_MAX)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Does not return from an exception: it ends the process."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._names.bootstrap, acks="all", enable_idempotence=True, max_request_size=BYTES_MAX
        )
        await self._producer.start()
        self._app = app = self._faust()
        await app.start()
        tasks = [
            asyncio.create_task(self._or_crash(work)) for work in (self._work, self._draw, self._pulse, self._tidy)
        ]
        stopped = asyncio.create_task(app.wait_until_stopped())
        await asyncio.wait({stopped, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            _log.critical("worker_crashed", component="faust", exc_info=app.crash_reason)
            os._exit(CRASHED)
        await app.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._producer.stop()
        await self.stored(self.store.close)
        self._thread.shutdown()

    def _faust(self) -> faust.App:
        app = faust.App(
            self._group,
            broker=f"kafka://{self._names.bootstrap.replace(',', ';kafka://')}",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            agent_supervisor="mode.CrashingSupervisor",
            broker_session_timeout=6.0,
            broker_heartbeat_interval=2.0,
            broker_rebalance_timeout=8.0,
            broker_commit_interval=1.0,
            broker_request_timeout=20.0,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=BYTES_MAX,
            producer_acks=-1,
            stream_wait_empty=False,
            value_serializer="raw",
            key_serializer="raw",
        )
        topic = app.topic(self._names.topic("events"), value_type=bytes, value_serializer="raw", key_serializer="raw")

        @app.agent(topic)
        async def events(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._inbox.put(event)

        @app.on_partitions_assigned.connect(weak=False)
        async def assigned(_app: Any, here: Any, **_: Any) -> None:
            numbers = {tp.partition for tp in here if tp.topic == self._names.topic("events")}
            self._partitions = {n: carried for n, carried in self._partitions.items() if n in numbers}
            _log.info("worker_assigned", component="worker", count=len(numbers))

        return app

    async def _or_crash(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except Exception as problem:
            _log.critical("worker_crashed", component="worker", exc_info=problem)
            os._exit(CRASHED)  # nothing may run on, and nothing may be acknowledged on the way out

    # -- the one path of records

    async def _work(self) -> None:
        held: dict[int, list[Any]] = {}
        while True:
            if not held:
                self._hold(held, await self._inbox.get())
            while not self._inbox.empty() and max(map(len, held.values())) < BATCH_MAX:
                self._hold(held, self._inbox.get_nowait())
            batches, held = held, {}
            await asyncio.gather(*(self._run(number, events) for number, events in batches.items()))

    def _hold(self, held: dict[int, list[Any]], event: Any) -> None:
        held.setdefault(event.message.partition, []).append(event)

    async def _run(self, number: int, events: Sequence[Any]) -> None:
        carried = self._partitions.get(number)
        if carried is None:
            carried = self._partitions[number] = Carried(self, number)
            await carried.load()
            self.changed.update(dict.fromkeys((number, encounter) for encounter in carried.engine.beds))
            _log.info("partition_taken", component="worker", partition=number, beds=len(carried.engine.beds))
        await carried.run(events)

    async def read_again(self, carried: Carried, until: int) -> None:
        """The checkpoint is older than what the group has committed (lost, or damaged): the log tells it again."""
        _log.warning("partition_read_again", component="worker", partition=carried.number, offset=until)
        tp = TopicPartition(self._names.topic("events"), carried.number)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._names.bootstrap, max_partition_fetch_bytes=BYTES_MAX)
        async with consumer:
            consumer.assign([tp])
            oldest = (await consumer.beginning_offsets([tp]))[tp]
            carried.engine.applied = max(carried.engine.applied, oldest - 1)  # what is older is no longer kept
            consumer.seek(tp, carried.engine.applied + 1)
            while carried.engine.applied < until - 1:
                for messages in (await consumer.getmany(tp, timeout_ms=1000, max_records=BATCH_MAX)).values():
                    if missing := [message for message in messages if message.offset < until]:
                        await carried.step(missing)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            for carried in list(self._partitions.values()):
                if carried.now > EARLIEST:
                    await carried.tidy()

    async def publish(self, number: int, outputs: Sequence[Output]) -> None:
        """Each with its id; returns when the broker has all of them safe."""
        acks = []
        for output in outputs:
            name, body = named(output)
            topic, encounter = _addressed(output)
            acks.append(
                await self._producer.send(
                    self._names.topic(topic),
                    body,
                    (encounter or "").encode() or None,
                    partition=number,
                    headers=[("id", name.encode())],
                )
            )
        await asyncio.gather(*acks)

    async def stored(self, call: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    # -- for boards; outside of the promise of equal bytes

    async def _draw(self) -> None:
        """Each bed that changed, as it stands by then; a discharged one is taken from the boards."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            for number, encounter in list(self.changed)[:VIEWS_AT_ONCE]:
                del self.changed[number, encounter]
                carried = self._partitions.get(number)
                if carried is not None and (bed := carried.engine.beds.get(encounter)) is not None:
                    await self._drawn(carried, bed)  # of one that rests the boards have the last picture
                await asyncio.sleep(0)
            await asyncio.sleep(max(VIEW_EVERY_S, (loop.time() - began) * (1 / VIEWS_SHARE - 1)))

    async def _drawn(self, carried: Carried, bed: Bed) -> None:
        try:
            body = None if bed.chart.discharged else to_json(view(bed, self.mind))
        except Exception as problem:  # of this bed alone: the boards keep its last picture, and say how old it is
            _log.error("view_failed", component="worker", partition=carried.number, exc_info=problem)
            return
        topic, key = self._names.topic("views"), bed.encounter.encode()
        await self._producer.send(topic, body, key, partition=carried.number, headers=[now_header(carried.now)])

    def _end(self, number: int) -> int:
        """The end of this partition's log, as far as the last answer of the broker told; 0 when it is not ours."""
        try:
            return self._app.consumer.highwater(TP(self._names.topic("events"), number)) or 0
        except AssertionError:
            return 0

    async def _pulse(self) -> None:
        """Every second, of each partition: how far it has come."""
        while True:
            for number, carried in list(self._partitions.items()):
                if carried.now > EARLIEST:
                    behind = max(0, self._end(number) - carried.engine.applied - 1)
                    pulse = Pulse(now=carried.now, written_at=carried.written_at, behind=behind)
                    body = pulse.model_dump_json().encode()
                    await self._producer.send(self._names.topic("views"), body, pulse_key(number), partition=number)
            await asyncio.sleep(PULSE_EVERY_S)


def _addressed(output: Output) -> tuple[str, str | None]:
    match output:
        case AlertEvent():
            return "alerts", output.alert.encounter
        case Rejected():
            return "quarantine", output.encounter
        case Late():
            return "late", output.event.encounter


def _written_ms(message: Any) -> int:
    """When the broker got it: Faust gives seconds, aiokafka milliseconds."""
    return int(message.timestamp * 1000) if isinstance(message.timestamp, float) else int(message.timestamp)
