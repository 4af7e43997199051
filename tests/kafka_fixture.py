"""The broker of the Kafka tests: one real Apache Kafka for the whole session, in a folder and on ports of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.kafka import broker
from infra.kafka.broker import Broker
from infra.kafka.jars import JarsOutOfReach, default_cache, fetch


def free_port() -> int:
    """A free port, below the ones that the kernel hands out, and not where another session begins to look: two that
    began together have numbers next to each other."""
    return broker.next_free_port(10_000 + os.getpid() * 101 % 20_000)


@contextmanager
def started(state: Path) -> Iterator[Broker]:
    """A broker of one's own, for tests that harm it; stopped at the end, also when the tests are killed."""
    # Its input ends when this process does, in whatever way; then it stops the broker.
    guard = ["/bin/sh", "-c", 'read _; kill "$(cat "$1/broker.pid")"', "sh", str(state)]
    with subprocess.Popen(guard, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield broker.up(state, free_port())
        finally:
            broker.down(state)
            process.kill()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's broker; without Kafka's jars the test is skipped, or fails where REQUIRE_KAFKA is set.

    It is shared: use topic names of your own (`create(…, prefix=…)`), and do not stop it.
    """
    try:
        fetch(default_cache())
    except JarsOutOfReach as problem:
        if os.environ.get("REQUIRE_KAFKA"):
            pytest.fail(str(problem))
        pytest.skip(str(problem))
    with started(tmp_path_factory.mktemp("kafka")) as there:
        yield there
