"""What a board sees of the Kafka shell (`boards.source.BoardSource`), read from views, quarantine and late.

A board remembers nothing: it begins with the newest view of every bed and the newest refusals, so any number of boards
may run. Answers go onto the `responses` topic and are durable before the page says so.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.boards.asked import Asked
from schemas.boards.hindsight import Hindsight
from schemas.boards.status import BoardStatus, RefusalGroup
from schemas.boards.views import BedView
from schemas.events import Response
from schemas.events.quarantine import Fault, Rejected
from schemas.events.wire import encode
from schemas.frozen import EARLIEST, from_json
from streams.shells.kafka.log import BYTES_MAX, Log, Pulse, moment, now_header, partition_of
from streams.shells.refused import LOOKED_AT_MAX, grouped

RECALLED_MAX = 1_000  # refusals, and late notices, of one partition that a board counts from before its start
COUNTED_MAX = 100_000  # ids remembered, so that what was written twice is counted once
PROBE_EVERY_S = 2.0
ANSWER_TIMEOUT_S = 3.0
SILENT_AFTER_S = 5.0  # workers say every second how far they are
STANDS_AFTER_S = 6.0  # live, log time moves on five times a second
RETRY_S = 1.0

Verb = Literal["acknowledge", "step_done", "step_undone"]

_log = structlog.get_logger()


class KafkaBoard:
    """An async context manager: `async with KafkaBoard(log) as board`. `speed`, `plays`: of what a feed plays;
    `chances`: whether they were checked at this hospital."""

    def __init__(self, log: Log, speed: float = 1.0, plays: str | None = None, chances: str | None = None) -> None:
        self._names, self._speed, self._plays, self._chances = log, speed, plays, chances
        self._views: dict[str, BedView] = {}
        self._pulses: dict[int, tuple[Pulse, float]] = {}
        self._waiting: dict[asyncio.Queue[None], dict[str, None]] = {}
        self._counted: dict[bytes, None] = {}
        self._refused: Counter[Fault] = Counter()
        self._recent: deque[Rejected] = deque(maxlen=LOOKED_AT_MAX)
        self._late = 0
        self._now, self._moved_at = EARLIEST, 0.0
        self._answered_at = 0.0

    async def __aenter__(self) -> "KafkaBoard":
        self._loop = asyncio.get_running_loop()
        self._answered_at = self._moved_at = self._began = self._loop.time()
        self._tasks = [asyncio.create_task(work()) for work in (self._read, self._probe)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what a board asks

    def encounters(self) -> Sequence[str]:
        return tuple(self._views)

    def bed(self, encounter: str) -> BedView | None:
        return self._views.get(encounter)

    async def ask(self, encounter: str, question: str) -> Asked | None:
        """A board over Kafka has pictures of the beds only: what a question needs, the workers have."""
        if encounter not in self._views:
            return None
        why = "over Kafka a board cannot ask yet: `foreshock ask` does, on the machine of the store"
        return Asked(encounter=encounter, question=question, now=self._now, refused=why)

    async def looked_back(self, encounter: str) -> Hindsight | None:
        """It takes the chart as it was then, which the workers have."""
        if encounter not in self._views:
            return None
        return Hindsight(at=self._now, missing="over Kafka a board has no chart to look back with")

    async def bring(self, encounter: str) -> None:
        """The newest whole picture of every bed is here, also of one that rests."""

    async def changes(self) -> AsyncIterator[str]:
        bell: asyncio.Queue[None] = asyncio.Queue(1)
        waiting = self._waiting[bell] = {}
        try:
            while True:
                while waiting:
                    encounter = next(iter(waiting))
                    del waiting[encounter]
                    yield encounter
                await bell.get()
        finally:
            del self._waiting[bell]

    async def respond(self, encounter: str, alert: str, verb: Verb, step: str | None, by: str) -> str | None:
        response = Response(
            encounter=encounter, observed_at=self._now, available_at=self._now, alert=alert, verb=verb, step=step, by=by
        )
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), self._producer() as producer:
                await producer.send_and_wait(
                    self._names.topic("responses"),
                    encode(response),
                    encounter.encode(),
                    partition=partition_of(encounter, self._names.partitions),
                    headers=[now_header(self._now)],
                )
        except (KafkaError, OSError, TimeoutError) as problem:
            return f"the broker did not confirm it ({type(problem).__name__}); try again, or write it in the chart"
        return None

    async def refusals(self, search: str) -> Sequence[RefusalGroup]:
        return grouped(self._recent, search)

    def status(self) -> BoardStatus:
        away = self._away()
        counts: Counter[str] = Counter()
        for seen in self._views.values():
            counts.update({name: seen.counts.get(name, 0) for name in ("duplicate", "corrected")})
        return BoardStatus(
            now=self._now,
            speed=self._speed,
            shell="kafka",
            plays=self._plays,
            chances=self._chances,
            lag_s=self._lag(),
            away_since=None if away is None else max(EARLIEST, self._now),
            away_why=away,
            refused=dict(self._refused),
            late=self._late,
            duplicate=counts["duplicate"],
            corrected=counts["corrected"],
        )

    def _away(self) -> str | None:
        at = self._loop.time()
        if at - self._answered_at > PROBE_EVERY_S + ANSWER_TIMEOUT_S:
            return "The Kafka broker cannot be reached: what is shown is from before."
        newest = max((heard for _, heard in self._pulses.values()), default=self._began)
        if at - newest > SILENT_AFTER_S:
            return "No worker reports: is `foreshock worker` running?"
        if self._speed == 1.0 and at - self._moved_at > STANDS_AFTER_S:
            return "Time does not move on in the log: is `foreshock router` running?"
        return None

    def _lag(self) -> float | None:
        """How far the slowest partition is behind what the broker has, in real seconds."""
        now = self._loop.time()
        lags = [
            max(0.0, (self._broker_now(now) - pulse.written_at).total_seconds()) if pulse.behind else 0.0
            for pulse, _ in self._pulses.values()
        ]
        return max(lags, default=None)

    def _broker_now(self, at: float) -> datetime:
        return self._heard_at + timedelta(seconds=at - self._heard_loop)

    # -- what a board hears

    async def _read(self) -> None:
        """Follows the topics for as long as the board lives; what breaks is tried again."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as problem:
                _log.warning("board_reads_again", component="board", exc_info=problem)
                await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        parts = range(self._names.partitions)
        tps = [TopicPartition(self._names.topic(n), p) for n in ("views", "quarantine", "late") for p in parts]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._names.bootstrap, max_partition_fetch_bytes=BYTES_MAX, fetch_max_wait_ms=100
        )
        async with consumer:
            consumer.assign(tps)
            begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            for tp in tps:
                is_view = tp.topic == self._names.topic("views")
                consumer.seek(tp, begins[tp] if is_view else max(begins[tp], ends[tp] - RECALLED_MAX))
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        self._heard(tp, record)

    def _heard(self, tp: TopicPartition, record: Any) -> None:
        self._heard_at, self._heard_loop = moment(record.timestamp * 1000), self._loop.time()
        name = tp.topic.removeprefix(self._names.prefix)
        if name == "views":
            self._viewed(tp.partition, record)
            return
        known = dict(record.headers).get("id")
        if known is None or known in self._counted:
            return
        self._counted[known] = None
        if len(self._counted) > COUNTED_MAX:
            del self._counted[next(iter(self._counted))]
        if name == "late":
            self._late += 1
            return
        rejected = from_json(record.value, Rejected)
        self._refused[rejected.fault] += 1
        self._recent.append(rejected)

    def _viewed(self, partition: int, record: Any) -> None:
        if record.key.startswith(b"@"):
            pulse = Pulse.model_validate_json(record.value)
            self._pulses[partition] = (pulse, self._loop.time())
            if pulse.now > self._now:
                self._now, self._moved_at = pulse.now, self._loop.time()
            return
        encounter = record.key.decode()
        if record.value is None:
            self._views.pop(encounter, None)
        else:
            self._views[encounter] = from_json(record.value, BedView)
        for bell, waiting in self._waiting.items():
            waiting[encounter] = None
            with suppress(asyncio.QueueFull):
                bell.put_nowait(None)

    async def _probe(self) -> None:
        """Asks the broker every two seconds whether it is there: a consumer alone would wait in silence."""
        while True:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_TIMEOUT_S), self._producer() as producer:
                    await producer.partitions_for(self._names.topic("responses"))
                self._answered_at = self._loop.time()
            await asyncio.sleep(PROBE_EVERY_S)

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """One connection for one question: what answers is the broker as it is now."""
        producer = AIOKafkaProducer(bootstrap_servers=self._names.bootstrap, acks="all", request_timeout_ms=3_000)
        try:
            await producer.start()
            yield producer
        finally:
            await producer.stop()
