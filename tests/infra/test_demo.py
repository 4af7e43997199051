"""The demo as a person tries it: it opens, it shows one of each kind, it stops cleanly, it shares the machine."""

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from infra.commands.player import in_order
from schemas.clinical.alerts import Alert, AlertEvent
from schemas.clinical.findings import Level, StepState
from schemas.events import Event
from streams.adapters.demo import LIVE_FROM, read
from streams.core.bed import Bed
from streams.core.ordering import Late
from streams.core.step import Output, step, wakes_at
from tests.infra.processes import running
from tests.streams.bedside import mind

WARNINGS = (Level.WARNING, Level.CRITICAL)


def test_one_of_each_kind_is_soon_seen() -> None:
    """At 60×, a warning stands within a minute, and each kind of answer was on the board within five."""
    shown = {within: set[str]() for within in (1, 5)}
    standing: dict[str, Alert] = {}
    for at, output in _said_until(LIVE_FROM + timedelta(minutes=300)):
        assert not isinstance(output, Late)
        if isinstance(output, AlertEvent):
            if at < LIVE_FROM:
                standing[output.alert.id] = output.alert
                continue
            for alert in (output.alert, *standing.values()):
                for within, kinds in shown.items():
                    if at <= LIVE_FROM + timedelta(minutes=60 * within):
                        kinds.update(_kinds(alert))
            standing.clear()
    assert "warning" in shown[1]
    assert shown[5] >= {"warning", "offered", "withheld", "needs_check", "warning on a note", "cannot tell"}


def _kinds(alert: Alert) -> Iterator[str]:
    finding = alert.finding
    yield from (kept.state.value for kept in finding.steps if kept.state is not StepState.DONE)
    if finding.level in WARNINGS:
        yield "warning"
        if any(evidence.kind == "note" for evidence in finding.evidence):
            yield "warning on a note"
    if finding.level is Level.ASK and "cannot tell" in finding.sentence.text:
        yield "cannot tell"


def _said_until(end: datetime) -> Iterator[tuple[datetime, Output]]:
    """What the demo's stays make `step` say, with a tick for every bed that waits for one."""
    beds: dict[str, Bed] = {}
    for event in in_order(read()):
        now = event.available_at
        if now > end:
            return
        due = [n for n, bed in beds.items() if (wakes := wakes_at(bed, mind().policy)) is not None and now > wakes]
        records: list[tuple[str, list[Event]]] = [(name, []) for name in due]
        for name, events in (*records, (event.encounter, [event])):
            beds[name], said = step(beds.get(name) or Bed(name), events, now, mind())
            yield from ((now, output) for output in said)


@pytest.mark.timeout(300)  # three starts
def test_it_opens_shares_the_machine_and_stops_with_nothing_lost(tmp_path: Path) -> None:
    """The board answers and moves; a second demo on its port names the next; Ctrl-C ends it, with all of it judged."""
    with running(tmp_path, "demo", "--speed", "600", "--port", "0") as demo:
        address = demo.address()
        port = int(address.rpartition(":")[2])
        with running(tmp_path, "demo", "--port", str(port)) as second:
            assert second.process.wait(90) == 2
            sentence = second.said().splitlines()[-1]
        assert sentence.startswith(f"foreshock: port {port} on 127.0.0.1 cannot be used")
        assert f"try --port {port + 1}" in sentence
        _wait_for_live(address)
        assert demo.stop(signal.SIGINT) == 0
        words = demo.said()
    assert "playing, recorded time" in words or "the hours before it begins" in words
    assert "crashed" not in words
    assert "Stopped." in words
    with sqlite3.connect(tmp_path / f"demo-{port}" / "foreshock.sqlite") as database:
        ((rows, last),) = database.execute("select count(*), max(offset) from log").fetchall()
        assert rows == last + 1
        assert database.execute("select applied from partitions").fetchall() == [(last,)]
        assert database.execute("select count(*) from late").fetchall() == [(0,)]
        assert database.execute("select count(*) from quarantine").fetchall() == [(0,)]
    database.close()


@pytest.mark.timeout(300)  # two starts
def test_a_killed_demo_does_not_stop_the_next(tmp_path: Path) -> None:
    """After kill -9 the same port and folder serve the next demo, which begins anew; SIGTERM ends it cleanly."""
    with running(tmp_path, "demo", "--port", "0") as killed:
        address = killed.address()
        assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    with running(tmp_path, "demo", "--port", address.rpartition(":")[2]) as demo:
        assert demo.address() == address
        with urlopen(f"{address}/healthz", timeout=30) as answer:
            assert answer.status == 200
        assert demo.stop(signal.SIGTERM) == 0


def _wait_for_live(address: str) -> None:
    """Until the history is played and a warning stands."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        with urlopen(f"{address}/api/beds", timeout=30) as answer:
            beds = json.load(answer)
        if any(bed["now"] > LIVE_FROM.isoformat() for bed in beds):
            assert any(bed["level"] in ("warning", "critical") for bed in beds)
            return
        time.sleep(0.2)
    raise AssertionError("the recording did not begin")
