"""The router: every input topic in, the one ordered `events` topic out; what cannot be an event goes to `quarantine`.

The order of effects: read, decode, merge by log time, write and await acks=all, and only then commit what was read.
A router that is killed between writing and committing writes the same records again, with the same `src`; a worker
judges each `src` once. An exception ends the process: whoever starts it again loses nothing.

Log time. Live, it is the moment at which the broker got the message: no sender's clock and no clock of this machine
has a part in it. When a recording is played (`Timing.FEED`), it is what the feed wrote beside each message; the feed's
ticks tell that nothing older is to come. Ticks of the log follow log time.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError

from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from schemas.events.wire import BATCH_RECORDS_MAX, VERSION, encode
from schemas.frozen import EARLIEST
from streams.adapters.decode import decode
from streams.shells.kafka.log import BYTES_MAX, INPUTS, Log, Src, moment, now_header, partition_of, read_now
from streams.shells.kafka.merge import Merge, Released
from streams.stores.outputs import named

POLL_MS = 100
POLL_RECORDS = 500
WAITING_MAX = 2_000  # records of one input partition that wait for others; beyond, it is not read on
COMMIT_EVERY_S = 1.0
TICK_EVERY_S = 0.2  # with the allowed lateness, the longest that an event waits for time to pass

_log = structlog.get_logger()
Entries = tuple[Event | Tick | Rejected, ...]


class Timing(StrEnum):
    """Where log time comes from."""

    RECEIPT = "receipt"
    FEED = "feed"


class Router:
    """One router of the group. Several share the partitions: each gets the same numbers of every topic."""

    def __init__(self, log: Log, timing: Timing, group: str) -> None:
        self._names, self._timing, self._group = log, timing, group
        self._merge: Merge[TopicPartition, Entries] = Merge(())
        self._mine: frozenset[TopicPartition] = frozenset()
        self._ticked, self._ticked_at = EARLIEST, 0.0
        self._committed: dict[TopicPartition, int] = {}
        self._broker_ahead: float | None = None  # the broker's clock less this loop's, in seconds
        self.counts = {"read": 0, "events": 0, "quarantined": 0, "ticks": 0}

    async def run(self, stop: asyncio.Event) -> None:
        """Route until `stop` is set; then everything that was written is committed."""
        inputs = [self._names.topic(name) for name in INPUTS]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._names.bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RangePartitionAssignor],  # the same number of every topic to one router
            fetch_max_wait_ms=POLL_MS,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=2_000,
        )
        producer = AIOKafkaProducer(
            bootstrap_servers=self._names.bootstrap,
            acks="all",
            enable_idempotence=True,
            max_request_size=BYTES_MAX,
        )
        consumer.subscribe(inputs, listener=_Rebalanced(self._assigned))
        async with producer, consumer:
            await self._loop(consumer, producer, stop)

    def _assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._mine = frozenset(assigned)
        self._merge = Merge(sorted(self._mine))
        self._ticked, self._committed = EARLIEST, {}
        _log.info("router_assigned", component="router", count=len(self._mine))

    @property
    def _numbers(self) -> list[int]:
        return sorted({tp.partition for tp in self._mine})

    async def _loop(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        committed = loop.time()
        while not stop.is_set():
            wanted = [tp for tp in self._mine & consumer.assignment() if self._merge.waits(tp) < WAITING_MAX]
            if not wanted:
                await asyncio.sleep(POLL_MS / 1000)
                continue
            fetched = await consumer.getmany(*wanted, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            for tp, records in fetched.items():  # nothing is awaited here: a rebalance comes before or after
                self._take(tp, records)
            if self._timing is Timing.RECEIPT:
                await self._pass_time(consumer, producer, loop.time())
            await self._write(producer, loop.time())
            if loop.time() - committed > COMMIT_EVERY_S:
                committed = loop.time()
                await self._commit(consumer)
        await self._commit(consumer)

    def _name(self, tp: TopicPartition) -> str:
        return str(tp.topic).removeprefix(self._names.prefix)

    def _src(self, tp: TopicPartition, offset: int) -> Src:
        return Src(self._names.source(self._name(tp), tp.partition), offset)

    # -- in

    def _take(self, tp: TopicPartition, records: Iterable[Any]) -> None:
        if tp not in self._mine:
            return
        for record in records:
            now = moment(record.timestamp * 1000)
            if self._timing is Timing.FEED:
                now = read_now(record.headers) or self._merge.clock
            entries = decode(record.value or b"", now, place=self._src(tp, record.offset).place)
            if all(isinstance(entry, Tick) for entry in entries):
                self._merge.passed(tp, now if self._timing is Timing.FEED else EARLIEST, record.offset)
            else:
                self.counts["read"] += 1
                self._merge.take(tp, record.offset, now, entries)

    async def _pass_time(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, at: float) -> None:
        """Live: a partition that is read to its end can bring nothing older than the broker's clock."""
        if self._broker_ahead is None:
            # The broker's clock is learned from its answer to a tick that says nothing: no bed waits for the year 1900.
            await self._sent(producer, self._ticks(EARLIEST))
        if self._broker_ahead is None:
            return
        now = moment(int((at + self._broker_ahead) * 1_000_000))
        for tp in self._mine:
            if await _is_read_to_its_end(consumer, tp) and tp in self._mine:
                self._merge.passed(tp, now)

    # -- out

    async def _write(self, producer: AIOKafkaProducer, at: float) -> None:
        """Everything whose turn has come, in order, and durable when this returns."""
        messages = [message for record in self._merge.released() for message in self._routed(record)]
        clock = self._merge.clock
        if clock > self._ticked and at - self._ticked_at >= TICK_EVERY_S:
            self._ticked, self._ticked_at = clock, at
            messages += self._ticks(clock)
        await self._sent(producer, messages)

    def _routed(self, record: Released[TopicPartition, Entries]) -> list[dict[str, Any]]:
        """One message as records of the log, one per partition, and as refusals."""
        number = record.source.partition
        headers = [now_header(record.now), ("src", self._src(record.source, record.offset).header)]
        found: dict[int, list[Event]] = {}
        messages = []
        for entry in record.load:
            if isinstance(entry, Rejected):
                self.counts["quarantined"] += 1
                name, body = named(entry)
                key = (entry.encounter or "").encode() or None
                place = {"topic": self._names.topic("quarantine"), "partition": number, "key": key}
                messages.append({**place, "value": body, "headers": [("id", name.encode()), *headers]})
            elif not isinstance(entry, Tick):
                found.setdefault(partition_of(entry.encounter, self._names.partitions), []).append(entry)
        for partition, events in found.items():
            self.counts["events"] += len(events)
            key = events[0].encounter.encode()
            place = {"topic": self._names.topic("events"), "partition": partition, "key": key}
            messages.append({**place, "value": _body(events), "headers": headers})
        return messages

    def _ticks(self, now: datetime) -> list[dict[str, Any]]:
        """Time passed, on every partition that is ours."""
        self.counts["ticks"] += 1
        said = {
            "topic": self._names.topic("events"),
            "value": encode(Tick(available_at=now)),
            "headers": [now_header(now)],
        }
        return [{**said, "partition": number} for number in self._numbers]

    async def _sent(self, producer: AIOKafkaProducer, messages: Iterable[dict[str, Any]]) -> None:
        acks = [await producer.send(**message) for message in messages]
        if not acks:
            return
        answers = await asyncio.gather(*acks)
        self._broker_ahead = answers[-1].timestamp / 1000 - asyncio.get_running_loop().time()

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Where a successor takes up; when the group is being shared out anew, it will write some records again."""
        places = {tp: offset for tp in self._mine if (offset := self._merge.taken_up_at(tp)) is not None}
        try:
            if places and places != self._committed:
                await consumer.commit(places)
                self._committed = places
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError):
            _log.info("router_commit_skipped", component="router")


async def _is_read_to_its_end(consumer: AIOKafkaConsumer, tp: TopicPartition) -> bool:
    try:
        end = consumer.highwater(tp)
        return end is not None and await consumer.position(tp) >= end
    except (AssertionError, IllegalStateError):  # it was taken from us in this moment
        return False


class _Rebalanced(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, assigned: Any) -> None:
        self._assigned = assigned

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """What was read and not yet written is forgotten: whoever gets the partition reads it again."""
        self._assigned([])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned(assigned)


def _body(events: list[Event]) -> bytes:
    """The wire form of what one message said for one partition; a batch holds at most `BATCH_RECORDS_MAX`."""
    if len(events) == 1:
        return encode(events[0])
    assert len(events) <= BATCH_RECORDS_MAX
    records = b",".join(encode(event) for event in events)
    return b'{"v":%d,"kind":"batch","records":[%s]}' % (VERSION, records)
