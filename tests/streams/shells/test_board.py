"""The board of the Kafka shell, live: a reading becomes a warning, an answer comes back, an absence is said."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer

from infra.kafka.topics import create
from schemas.events import Event
from schemas.events.wire import encode
from streams.adapters.demo import moved
from streams.shells.kafka.board import KafkaBoard
from streams.shells.kafka.log import Log, found, partition_of, topic_of
from tests.kafka_fixture import started
from tests.streams.bedside import EIGHT, admitted, vitals
from tests.streams.shells.processes import router, running, worker

PARTITIONS = 2


def _sick() -> list[Event]:
    return [admitted("08:00"), *vitals("08:00", hr=134, rr=30, spo2=86, bp="82/40", temp=39.4)]


def _send(log: Log, events: list[Event]) -> None:
    with KafkaProducer(bootstrap_servers=log.bootstrap) as producer:
        for event in (moved(e, datetime.now(UTC) - EIGHT - timedelta(seconds=1)) for e in events):
            partition = partition_of(event.encounter, log.partitions)
            producer.send(log.topic(topic_of(event)), encode(event), event.encounter.encode(), partition=partition)
        producer.flush()


async def _eventually(holds: Callable[[], object], within_s: float) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.kafka
@pytest.mark.usefixtures("kafka_broker")  # skips where there is none to be had
@pytest.mark.anyio
async def test_a_board_hears_answers_and_says_when_it_cannot(tmp_path: Path) -> None:
    """A sick patient is on the board; an acknowledgement stands; a frozen broker is said within 10 s, and heals."""
    with started(tmp_path / "broker") as broker:
        create(broker.bootstrap, PARTITIONS)
        log = found(broker.bootstrap)
        url = f"sqlite:///{tmp_path}/checkpoints"
        with running(worker, log, url), running(router, log, url, "receipt"):
            async with KafkaBoard(log) as board:
                await _eventually(lambda: board.status().now.year > 2000, within_s=40)
                assert board.status().away_since is None
                _send(log, _sick())
                await _eventually(lambda: (view := board.bed("e1")) and view.alerts, within_s=20)
                assert list(board.encounters()) == ["e1"]
                (alert_id,) = list(_states(board))[:1]
                assert await board.respond("e1", alert_id, "acknowledge", None, "station") is None
                await _eventually(lambda: _states(board)[alert_id] == "acknowledged", within_s=20)
                await _frozen(board, broker.pid)
                was = board.status().now
                await _eventually(lambda: board.status().away_since is None and board.status().now > was, within_s=30)


def _states(board: KafkaBoard) -> dict[str, str]:
    view = board.bed("e1")
    assert view is not None
    return {alert.id: alert.state for alert in view.alerts}


async def _frozen(board: KafkaBoard, pid: int) -> None:
    """The broker stands still until the board has said so; nothing can be answered meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        assert await _eventually(lambda: board.status().away_since, within_s=10) > 0
        why = await board.respond("e1", "0" * 32, "acknowledge", None, "station")
        assert why is not None
        assert "did not confirm" in why
    finally:
        os.kill(pid, signal.SIGCONT)
