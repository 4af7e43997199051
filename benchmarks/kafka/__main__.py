"""The Kafka shell on this machine: how long from a reading to its alert, and how many messages a second it catches up.

    python -m benchmarks.kafka [--beds 200] [--seconds 60] [--partitions 6] [--write]

Starts a broker, a router and a worker of its own. Latency: every bed sends a batch of vital signs every 10 s, and from
a moment of its own on such as call for an emergency assessment. Measured is the broker's own time of the first alert
less that of the message, so the allowed lateness (0.5 s by default) and the ticks are in it. Catching up: a quarter of
an hour of the same beds, all on the topics before router and worker start. `--write` puts the result beside this file.
"""

import argparse
import json
import multiprocessing
import platform
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from sqlalchemy import create_engine, text

from infra.kafka import broker
from infra.kafka.run import router_command, worker_command
from infra.kafka.topics import create
from infra.settings import Settings
from streams.shells.kafka.feed import LAST_LOOK, Feed, Message
from streams.shells.kafka.log import Log, found, partition_of, read_now, read_src

EVERY_S = 10.0
CALM = {"hr": (82, "/min"), "rr": (16, "/min"), "spo2": (97, "%"), "sbp": (122, "mm[Hg]"), "temp": (37.0, "Cel")}
SICK = {"hr": (138, "/min"), "rr": (32, "/min"), "spo2": (84, "%"), "sbp": (80, "mm[Hg]"), "temp": (39.6, "Cel")}


def batch(encounter: str, at: datetime, signs: dict[str, tuple[float, str]]) -> bytes:
    about = {"v": 1, "kind": "reading", "encounter": encounter, "observed_at": at.isoformat(), "source": "monitor"}
    records = [about | {"concept": name, "value": value, "unit": unit} for name, (value, unit) in signs.items()]
    return json.dumps({"v": 1, "kind": "batch", "records": records}).encode()


@contextmanager
def shell(log: Log, url: str, timing: str) -> Iterator[None]:
    fork = multiprocessing.get_context("spawn")
    settings = Settings(database_url=url, log_level="error")
    processes = [
        fork.Process(target=router_command, args=(settings, log.bootstrap, timing, log.prefix)),
        fork.Process(target=worker_command, args=(settings, log.bootstrap, log.prefix)),
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join(20)
            process.kill()


def reader(log: Log, topic: str) -> KafkaConsumer:
    consumer = KafkaConsumer(bootstrap_servers=log.bootstrap, group_id=None)
    parts = [TopicPartition(log.topic(topic), number) for number in range(log.partitions)]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    return consumer


def latency(log: Log, url: str, beds: int, seconds: float) -> dict[str, Any]:
    """Milliseconds from the broker's time of a message to that of the first alert that it causes."""
    chance = random.Random(1)
    names = [f"bed-{number}" for number in range(beds)]
    sick_from = {name: chance.uniform(EVERY_S, seconds - EVERY_S) for name in names}
    sent: dict[str, int] = {}
    with shell(log, url, "receipt"), KafkaProducer(bootstrap_servers=log.bootstrap) as producer:
        with reader(log, "views") as views:
            while not views.poll(1000):  # the first pulse
                pass
        began, due = time.monotonic(), sorted((chance.uniform(0, EVERY_S), name) for name in names)
        futures: dict[str, Any] = {}
        while due and due[0][0] < seconds:
            at, name = due.pop(0)
            time.sleep(max(0.0, began + at - time.monotonic()))
            body = batch(name, datetime.now(UTC), SICK if at >= sick_from[name] else CALM)
            place = partition_of(name, log.partitions)
            future = producer.send(log.topic("vitals"), body, name.encode(), partition=place)
            if at >= sick_from[name]:
                futures.setdefault(name, future)
            due.append((at + EVERY_S, name))
            due.sort()
        sent = {name: future.get(timeout=10).timestamp for name, future in futures.items()}
        time.sleep(5)
    first: dict[str, int] = {}
    with reader(log, "alerts") as alerts:
        while records := alerts.poll(2000):
            for record in (r for rows in records.values() for r in rows):
                name = record.key.decode()
                if name in sent and record.timestamp >= sent[name]:
                    first.setdefault(name, record.timestamp)
    times = sorted(first[name] - sent[name] for name in first)
    return {
        "beds": beds,
        "messages_per_s": round(beds / EVERY_S, 1),
        "alerts": len(times),
        "without_alert": len(sent) - len(times),
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[int(len(times) * 0.99)],
        "max_ms": times[-1],
    }


def catching_up(log: Log, url: str, beds: int) -> dict[str, Any]:
    start, count = datetime(2000, 1, 1, tzinfo=UTC), int(900 / EVERY_S)
    moments = (start + timedelta(seconds=EVERY_S * n) for n in range(count))
    told = [
        Message(at, "vitals", name, batch(name, at, CALM))
        for at in moments
        for name in (f"bed-{number}" for number in range(beds))
    ]
    Feed(log, 0, threading.Event()).play(told, None, lambda *_: None)
    until = told[-1].now + LAST_LOOK
    goals: dict[int, int] = {}
    engine = create_engine(url)
    with shell(log, url, "feed"):
        began = _first_judged(engine)
        with reader(log, "events") as events:
            while len(goals) < log.partitions:
                for record in (r for rows in events.poll(500).values() for r in rows):
                    if read_src(record.headers) is None and read_now(record.headers) == until:
                        goals[record.partition] = record.offset
        while any(_applied(engine).get(number, -1) < goal for number, goal in goals.items()):
            time.sleep(0.1)
        took = time.monotonic() - began
    return {"messages": len(told), "readings": 5 * len(told), "messages_per_s": round(len(told) / took)}


def _first_judged(engine: Any) -> float:
    while not any(applied >= 0 for applied in _applied(engine).values()):
        time.sleep(0.05)
    return time.monotonic()


def _applied(engine: Any) -> dict[int, int]:
    try:
        with engine.connect() as connection:
            return dict(connection.execute(text("SELECT partition, applied FROM partition_progress")).all())
    except Exception:  # the worker has not made its tables yet
        return {}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--beds", type=int, default=200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--partitions", type=int, default=6)
    options.add_argument("--write", action="store_true")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        there = broker.up(Path(folder) / "broker", broker.next_free_port(19_092))
        try:
            result: dict[str, Any] = {"machine": f"{platform.machine()}, Python {platform.python_version()}"}
            for name in ("latency", "catching-up"):
                create(there.bootstrap, asked.partitions, prefix=f"{name}.")
            url = f"sqlite:///{folder}/checkpoints"
            result["latency"] = latency(found(there.bootstrap, "latency."), url, asked.beds, asked.seconds)
            url = f"sqlite:///{folder}/checkpoints-2"
            result["catching_up"] = catching_up(found(there.bootstrap, "catching-up."), url, asked.beds)
        finally:
            broker.down(Path(folder) / "broker")
    text_ = json.dumps(result, indent=2)
    print(text_)
    if asked.write:
        Path(__file__).with_name("result.json").write_text(text_ + "\n", "utf-8")


if __name__ == "__main__":
    main()
