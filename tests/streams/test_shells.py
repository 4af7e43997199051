"""One suite for both shells: whatever carries the messages, and whoever is killed, the same bytes are said.

Every run of the Kafka shell is of real processes on a real broker, with topics of its own. A process that is to die
kills itself with SIGKILL at the nth time that it comes to one of the effects, so that every gap between two is hit.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError
from msgspec import convert
from msgspec.structs import replace
from sqlalchemy import create_engine, func, select, update

from infra.kafka.broker import Broker
from infra.kafka.topics import create
from schemas.events import Event, Response
from streams.adapters import ndjson
from streams.core.bed import Bed
from streams.shells.embedded import BATCH_MAX, Embedded
from streams.shells.kafka.feed import LAST_LOOK, Feed, Message, message
from streams.shells.kafka.log import INPUTS, found, partition_of, read_now, read_src
from streams.stores.codec import bed_of
from streams.stores.outputs import named
from streams.stores.tables import bed_changes, partitions
from tests.streams.bedside import EIGHT, SHOCK, mind, vitals
from tests.streams.shells.processes import Death, restless_worker, router, worker
from tests.streams.shells.processes import running as running_process

PARTITIONS = 3
DAY = datetime(2000, 1, 1, 8, tzinfo=UTC)
SAID = ("alerts", "quarantine", "late")
SEED = 7
DONE_WITHIN_S = 120.0
Said = dict[str, dict[str, bytes]]  # topic -> id -> bytes


# --- what is said to both -------------------------------------------------------------------------------------------


def _of(encounter: str, event: Event, by: timedelta) -> Event:
    times = {"observed_at": event.observed_at + by, "available_at": event.available_at + by}
    return replace(event, **{"encounter": encounter, **times})


def _made_up(number: int) -> list[Event]:
    """A patient who goes into shock, or does well, at a pace of her own."""
    chance = random.Random(f"{SEED} {number}")
    by = DAY - EIGHT + timedelta(minutes=chance.randint(0, 240), seconds=chance.randint(0, 59))
    calm = [
        event
        for quarter in range(12)
        for event in vitals(
            quarter * 15, hr=chance.randint(60, 125), rr=chance.randint(12, 28), spo2=chance.randint(90, 99),
            bp=f"{chance.randint(85, 150)}/{chance.randint(45, 90)}", temp=chance.choice([36.8, 38.4]),
        )
    ]  # fmt: skip
    story = SHOCK if number % 2 else calm
    return [_of(f"made-up-{number}", event, by) for event in story]


def _raw(now: datetime, topic: str, body: bytes | dict[str, Any], encounter: str = "made-up-1") -> Message:
    return Message(now, topic, encounter, body if isinstance(body, bytes) else json.dumps(body).encode())


def _garbage() -> Iterator[Message]:
    """What a hospital may send: each of these is refused, bounded, late, or said twice."""
    at = DAY + timedelta(hours=2)
    hr = {"v": 1, "kind": "reading", "encounter": "made-up-1", "concept": "hr", "value": 88, "unit": "/min"}
    hr["observed_at"] = at.isoformat()
    yield _raw(at, "vitals", b"\xff\xfe no JSON at all")
    yield _raw(at, "labs", b"")
    yield _raw(at, "vitals", hr | {"concept": "phlogiston"})
    yield _raw(at, "vitals", hr | {"unit": "furlongs"})
    yield _raw(at, "vitals", hr | {"value": 9000})
    yield _raw(at, "vitals", hr | {"observed_at": "2000-01-01T10:00:00"})
    yield _raw(at, "vitals", hr | {"available_at": (at + timedelta(days=1)).isoformat()})
    yield _raw(at, "movements", {"v": 2, "kind": "movement"})
    note = {"v": 1, "kind": "note", "encounter": "made-up-1", "observed_at": at.isoformat()}
    yield _raw(at, "notes", note | {"text": "long " * 200_000})
    late = hr | {"observed_at": DAY.isoformat(), "available_at": DAY.isoformat(), "value": 91}
    yield _raw(at + timedelta(hours=1), "vitals", late)
    for n in range(520):  # too fast for one bed
        fast = hr | {"observed_at": (at + timedelta(minutes=1, microseconds=n)).isoformat(), "value": 80 + n % 30}
        yield _raw(at + timedelta(minutes=1), "vitals", fast)
    both = [hr | {"encounter": f"made-up-{n}", "method": "ecg"} for n in range(8)]
    yield _raw(at + timedelta(minutes=2), "vitals", {"v": 1, "kind": "batch", "records": both})


def _without_answers() -> list[Message]:
    stays = [stay.events for stay in ndjson.read(Path(__file__).parents[2] / "data" / "vignettes")]
    told = [event for events in stays for event in events]
    told += [event for number in range(6) for event in _made_up(number)]
    clean = [message(event) for event in told]
    again = [m._replace(now=m.now + timedelta(hours=1)) for m in clean[::40]]
    return sorted([*clean, *again, *_garbage()], key=lambda m: m.now)


@cache
def messages() -> tuple[Message, ...]:
    """Everything that is sent, in the order of log time, with the answers of a nurse to the first warnings."""
    plain = _without_answers()
    answers = []
    shock = tuple(m for m in plain if m.encounter == "made-up-3")
    for body in embedded(shock)["alerts"].values():
        alert, at = json.loads(body)["alert"], datetime.fromisoformat(json.loads(body)["at"])
        at += timedelta(minutes=3)
        about = {"encounter": alert["encounter"], "alert": alert["id"], "verb": "acknowledge"}
        answers.append(message(convert({**about, "observed_at": at, "available_at": at}, Response)))
    return tuple(sorted([*plain, *answers], key=lambda m: m.now))


# --- the embedded shell ---------------------------------------------------------------------------------------------


@cache
def embedded(told: tuple[Message, ...]) -> Said:
    """What the embedded shell says of these messages."""

    async def run() -> Said:
        said: Said = {topic: {} for topic in SAID}
        async with Embedded(f"sqlite:///{folder}/store", mind()) as service:
            with service.subscribe() as queue:
                for start in range(0, len(told), BATCH_MAX):
                    await asyncio.gather(*(service.submit(m.body, m.now) for m in told[start : start + BATCH_MAX]))
                    _note(said, queue)
                await service.advance(told[-1].now + LAST_LOOK)
                _note(said, queue)
        return said

    with TemporaryDirectory() as folder:
        return asyncio.run(run())


def _note(said: Said, queue: Any) -> None:
    while not queue.empty():
        update = queue.get_nowait()
        assert update.encounters is not None, "the subscriber has missed something"
        for output in update.outputs:
            name, body = named(output)
            topic = {"AlertEvent": "alerts", "Rejected": "quarantine", "Late": "late"}[type(output).__name__]
            said[topic][name] = body


# --- the Kafka shell ------------------------------------------------------------------------------------------------


class Running:
    """Topics of one's own with all messages on them, and processes on those."""

    def __init__(self, broker: Broker, prefix: str, folder: Path) -> None:
        self.bootstrap, self.prefix = broker.bootstrap, prefix
        self.url = f"sqlite:///{folder}/{prefix}sqlite"
        create(self.bootstrap, PARTITIONS, prefix=prefix)
        self.log = found(self.bootstrap, prefix)
        self.send(messages())

    def send(self, told: Sequence[Message]) -> None:
        """These messages, and a tick a minute after the last."""
        Feed(self.log, 0, threading.Event()).play(told, None, lambda *_: None)
        self.until = told[-1].now + LAST_LOOK

    def wait_for_workers(self, count: int) -> None:
        """Until so many workers share the log, so that each of them has a part in it."""
        deadline = time.monotonic() + DONE_WITHIN_S
        group = f"{self.prefix}foreshock-worker"
        with KafkaAdminClient(bootstrap_servers=self.bootstrap) as client:
            while True:
                with suppress(CoordinatorNotAvailableError):  # the broker's first group is still being thought of
                    told = client.describe_groups([group])[group]
                    if told["group_state"] == "Stable" and len(told["members"]) == count:
                        return
                assert time.monotonic() < deadline, "the workers have not joined"
                time.sleep(0.5)

    def wait(self) -> None:
        """Until every partition is judged up to the last tick of the feed."""
        deadline = time.monotonic() + DONE_WITHIN_S
        goals: dict[int, int] = {}
        with self._consumer("events") as consumer:
            while len(goals) < PARTITIONS:
                assert time.monotonic() < deadline, f"the router has not come to the end; done: {sorted(goals)}"
                for records in consumer.poll(200).values():
                    for record in records:
                        if read_src(record.headers) is None and read_now(record.headers) == self.until:
                            goals[record.partition] = record.offset
        engine = create_engine(self.url)
        rows: dict[int, int] = {}
        while any(rows.get(number, -1) < goal for number, goal in goals.items()):
            assert time.monotonic() < deadline, f"the worker has not come to the end: {rows} of {goals}"
            time.sleep(0.1)
            with engine.connect() as connection:
                rows = {row.partition: row.applied for row in connection.execute(select(partitions))}
        engine.dispose()

    def beds(self) -> dict[str, Bed]:
        """The beds as they are saved."""
        rows: dict[str, list[bytes]] = {}
        engine = create_engine(self.url)
        with engine.connect() as connection:
            for row in connection.execute(select(bed_changes).order_by("number")):
                rows[row.encounter] = [row.body] if row.whole else [*rows[row.encounter], row.body]
        engine.dispose()
        return {encounter: bed_of(own) for encounter, own in rows.items()}

    def damage(self, encounter: str) -> None:
        """The last row of a bed says what nobody can read."""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            last = select(func.max(bed_changes.c.number)).where(bed_changes.c.encounter == encounter)
            where = bed_changes.c.number == last.scalar_subquery()
            connection.execute(update(bed_changes).where(where).values(body=b"?"))
        engine.dispose()

    def records(self, topic: str) -> list[Any]:
        with self._consumer(topic) as consumer:
            ends = consumer.end_offsets(consumer.assignment())
            found = []
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                for records in consumer.poll(200).values():
                    found.extend(records)
        return found

    def said(self) -> Said:
        """What is on the output topics, by id; the same id twice has the same bytes."""
        said: Said = {}
        for topic in SAID:
            said[topic] = {}
            for record in self.records(topic):
                name = dict(record.headers)["id"].decode()
                assert said[topic].setdefault(name, record.value) == record.value, f"two bodies for one id in {topic}"
        return said

    def repeated(self, topic: str) -> int:
        """How many records of a topic say again what another one says."""
        header = "src" if topic == "events" else "id"
        names = [name for record in self.records(topic) if (name := dict(record.headers).get(header)) is not None]
        return len(names) - len(set(names))

    def _consumer(self, topic: str) -> KafkaConsumer:
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None)
        tps = [TopicPartition(self.log.topic(topic), number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        consumer.seek_to_beginning(*tps)
        return consumer


_chance = random.Random(SEED)
WORKER_DEATHS = [
    Death(effect, after, _chance.randint(2, 5))
    for effect, after in (("publish", False), ("publish", True), ("save", True))
]
ROUTER_DEATHS = [Death("send", False, _chance.randint(100, 600)), Death("write", True, 1)]


@pytest.mark.kafka
@pytest.mark.timeout(240)  # the first one also starts the broker
@pytest.mark.parametrize(
    ("name", "workers", "router_deaths"),
    [
        ("one-worker.", [[]], []),
        ("two-workers.", [[], []], []),
        ("killed-worker.", [WORKER_DEATHS], []),
        ("killed-of-two.", [[Death("publish", True, 1)], []], []),
        ("killed-router.", [[]], ROUTER_DEATHS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_shell_says_the_same_bytes(
    kafka_broker: Broker, tmp_path: Path, name: str, workers: list[list[Death]], router_deaths: list[Death]
) -> None:
    """Alerts, refusals and late notices are the embedded shell's, byte for byte; each message is accounted for."""
    running = Running(kafka_broker, name, tmp_path)
    with ExitStack() as stack:
        for deaths in workers:
            stack.enter_context(running_process(worker, running.log, running.url, deaths=deaths))
        running.wait_for_workers(len(workers))
        stack.enter_context(running_process(router, running.log, running.url, deaths=router_deaths))
        running.wait()
    wanted = embedded(messages())
    assert all(len(wanted[topic]) > 0 for topic in SAID)
    assert _anywhere(running.said()) == _anywhere(wanted)
    _accounted(running)
    if router_deaths:
        assert running.repeated("events") > 0, "the router has not written anything twice: this run proved nothing"
    if any(workers):
        assert sum(map(running.repeated, SAID)) > 0, "no worker has said anything twice: this run proved nothing"


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_beds_that_leave_a_worker_and_come_back_change_nothing(kafka_broker: Broker, tmp_path: Path) -> None:
    """A worker that keeps no bed longer than it must, killed with -9 in between, says the embedded shell's bytes."""
    running = Running(kafka_broker, "restless.", tmp_path)
    with running_process(restless_worker, running.log, running.url, deaths=[Death("save", True, 12)]):
        running.wait_for_workers(1)
        with running_process(router, running.log, running.url):
            running.wait()
    assert _anywhere(running.said()) == _anywhere(embedded(messages()))
    assert len((tmp_path / "restless.sqlite.back").read_text().splitlines()) > 9


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_a_damaged_bed_is_made_anew_from_the_log(kafka_broker: Broker, tmp_path: Path) -> None:
    """Bytes of one bed are lost while nobody works: who works next reads the partition again, and says nothing new."""
    running = Running(kafka_broker, "damaged.", tmp_path)
    with running_process(router, running.log, running.url):
        with running_process(worker, running.log, running.url):
            running.wait_for_workers(1)
            running.wait()
        saved, before = running.beds(), running.said()
        running.damage("made-up-3")
        last = [m for m in messages() if m.encounter == "made-up-3"][-1]
        running.send([last._replace(now=running.until + timedelta(minutes=1))])  # said once more: it changes nothing
        with running_process(worker, running.log, running.url):
            running.wait()
    assert running.beds().keys() == saved.keys()
    assert {topic: running.said()[topic].items() & before[topic].items() for topic in SAID} == {
        topic: before[topic].items() for topic in SAID
    }


def _anywhere(said: Said) -> dict[str, list[tuple[str, bytes]]]:
    """What was said, without where in its shell's own log a refused message stood; each refusal is still counted."""
    found = {topic: sorted(own.items()) for topic, own in said.items() if topic != "quarantine"}
    refusals = [json.loads(body) for body in said["quarantine"].values()]
    places = [refusal.pop("place", None) for refusal in refusals]
    assert len([place for place in places if place]) > 5
    return {**found, "quarantine": sorted(("", json.dumps(refusal).encode()) for refusal in refusals)}


def _accounted(running: Running) -> None:
    """Every message that was sent is in the log or in the quarantine, and nothing else is."""
    sent = {
        (running.log.source(topic, record.partition), record.offset)
        for topic in INPUTS
        for record in running.records(topic)
        if b'"kind":"tick"' not in record.value
    }
    kept = {read_src(record.headers) for topic in ("events", "quarantine") for record in running.records(topic)}
    assert len(sent) == len(messages())
    assert sent == {tuple(src) for src in kept if src is not None}


def test_the_stays_are_spread_over_the_partitions() -> None:
    """The suite would prove little if all stays were on one partition."""
    assert {partition_of(m.encounter, PARTITIONS) for m in messages()} == set(range(PARTITIONS))
