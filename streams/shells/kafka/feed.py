"""The feed: recorded stays onto the input topics, in the order and at the pace in which things became known.

Each message carries its own log time, which is its `available_at`; ticks on every partition tell how far the feed has
come. So a router that takes its time from the feed (`Timing.FEED`) writes the same log at any speed.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from threading import Event as Flag
from time import monotonic
from typing import Any, NamedTuple

from kafka import KafkaProducer

from schemas.events import Event, Tick
from schemas.events.wire import encode
from streams.adapters import Stay
from streams.adapters.demo import moved
from streams.shells.kafka.log import BYTES_MAX, INPUTS, Log, micros, moment, now_header, partition_of, topic_of

TICK_EVERY_S = 0.1  # real seconds between two looks at the clock
TICK_EVERY_MESSAGES = 2_000
SILENCE_MAX_S = 10.0  # real seconds; in which nothing at all is recorded, as between stays of different years
LAST_LOOK = timedelta(minutes=1)  # the clock runs on so far after the last message, so that it is judged
ACKS_TIMEOUT_S = 30.0


Tell = Callable[[int, datetime], None]  # how many messages were sent, and where the recording stands


class Message(NamedTuple):
    """One message of an input topic; `now`: when the system got it."""

    now: datetime
    topic: str
    encounter: str
    body: bytes


def message(event: Event) -> Message:
    """An event as its sender would have sent it."""
    return Message(event.available_at, topic_of(event), event.encounter, encode(event))


class Recording:
    """The messages of any number of stays by rising `now`, sorted on disk, in a file that goes when it is closed."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE message (now INTEGER, topic TEXT, encounter TEXT, body BLOB)")
        self.total = self.stays = self.refused = 0
        self.starts_at: datetime | None = None

    def add(self, stay: Stay, begins_at: datetime | None = None) -> None:
        """One stay, as dated, or moved so that it begins at the given moment."""
        by = timedelta(0) if begins_at is None else begins_at - stay.start
        messages = [message(moved(event, by) if by else event) for event in stay.events]
        rows = [(micros(m.now), m.topic, m.encounter, m.body) for m in messages]
        self._rows.executemany("INSERT INTO message VALUES (?, ?, ?, ?)", rows)
        self.stays, self.total, self.refused = self.stays + 1, self.total + len(rows), self.refused + len(stay.refused)
        first = min((m.now for m in messages), default=self.starts_at)
        self.starts_at = first if self.starts_at is None or first is None else min(self.starts_at, first)

    def __iter__(self) -> Iterator[Message]:
        for now, *rest in self._rows.execute("SELECT * FROM message ORDER BY now, rowid"):
            yield Message(moment(now), *rest)

    def close(self) -> None:
        self._rows.close()


class Feed:
    """One sender. `speed`: seconds of the recording in one real second; 0: as fast as the broker takes it."""

    def __init__(self, log: Log, speed: float, stop: Flag) -> None:
        self._log, self._speed, self._stop = log, speed, stop
        self.sent = 0

    def play(self, messages: Iterable[Message], live_from: datetime | None, tell: Tell) -> None:
        """Send until the end, or until `stop` is set; what is older than `live_from` goes at once.

        All that was sent is safe when this returns. Raises kafka.errors.KafkaError when the broker does not take it.
        """
        with KafkaProducer(
            bootstrap_servers=self._log.bootstrap, acks="all", enable_idempotence=True, max_request_size=BYTES_MAX,
            linger_ms=5,
        ) as producer:  # fmt: skip
            pace = _Pace(self._speed, live_from, self._stop)
            waiting: list[Any] = []
            now = None
            for one in messages:
                if now is None or one.now > now:
                    for reached in pace.until(one.now):
                        self._tick(producer, reached)
                        tell(self.sent, reached)
                    if self._stop.is_set():
                        break
                if now is None:
                    self._tick(producer, one.now)
                now = one.now
                waiting.append(self._send(producer, one))
                if len(waiting) >= TICK_EVERY_MESSAGES:
                    self._tick(producer, now)
                    _all_safe(waiting)
                    tell(self.sent, now)
            if now is not None:
                self._tick(producer, now if self._stop.is_set() else now + LAST_LOOK)
                tell(self.sent, now)
            producer.flush(timeout=ACKS_TIMEOUT_S)
            _all_safe(waiting)

    def _send(self, producer: KafkaProducer, one: Message) -> Any:
        self.sent += 1
        partition = partition_of(one.encounter, self._log.partitions)
        topic = self._log.topic(one.topic)
        return producer.send(
            topic, one.body, one.encounter.encode(), headers=[now_header(one.now)], partition=partition
        )

    def _tick(self, producer: KafkaProducer, now: datetime) -> None:
        """On every partition of every input: nothing older than this will come."""
        body, headers = encode(Tick(available_at=now)), [now_header(now)]
        for name in INPUTS:
            for partition in range(self._log.partitions):
                producer.send(self._log.topic(name), body, headers=headers, partition=partition)


def _all_safe(waiting: list[Any]) -> None:
    for future in waiting:
        future.get(timeout=ACKS_TIMEOUT_S)
    waiting.clear()


class _Pace:
    """Recorded time on real time. A long silence of the recording is cut short."""

    def __init__(self, speed: float, live_from: datetime | None, stop: Flag) -> None:
        self._speed, self._from, self._stop = speed, live_from, stop
        self._began: float | None = None

    def until(self, due: datetime) -> Iterator[datetime]:
        """Waits for the moment that is due; meanwhile, where the recording's clock stands, ten times a second."""
        if self._speed == 0 or (self._from is not None and due < self._from and self._began is None):
            return
        if self._began is None:
            self._began, self._from = monotonic(), self._from or due
        assert self._from is not None
        silence = self._seconds_to(due) - SILENCE_MAX_S
        if silence > 0:
            self._began -= silence
        while (left := self._seconds_to(due)) > 0 and not self._stop.is_set():
            self._stop.wait(min(left, TICK_EVERY_S))
            yield min(due, self._from + timedelta(seconds=(monotonic() - self._began) * self._speed))

    def _seconds_to(self, due: datetime) -> float:
        assert self._from is not None
        assert self._began is not None
        return (due - self._from).total_seconds() / self._speed - (monotonic() - self._began)
