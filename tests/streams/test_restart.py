"""A real process that is killed and comes back later: nothing becomes late by it, and no bed harms another."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.clinical.alerts import AlertEvent
from schemas.events.wire import encode
from streams.shells.embedded import Embedded
from tests.streams.bedside import SHOCK, as_bytes, asleep, at, mind, play, reading
from tests.streams.mortal import feed_on

pytestmark = pytest.mark.anyio

DOWN = timedelta(minutes=25)


@pytest.mark.timeout(240)  # four processes' worth of starting up, on a busy machine
async def test_a_restart_makes_nothing_late(root: Path, tmp_path: Path) -> None:
    """Killed with SIGKILL three times, away for 25 minutes each, with the lateness as it is by default (0.5 s).

    What became known meanwhile comes when the service is back: none of it is late, and what is said is what a replay of
    the story says, byte for byte.
    """
    file = tmp_path / "store.sqlite"
    url = f"sqlite:///{file}"
    for die_at in (9, 40, 21):
        command = [sys.executable, "-W", "ignore", "-m", "tests.streams.mortal", url, str(die_at), "25"]
        killed = await asyncio.to_thread(subprocess.run, command, cwd=root, capture_output=True, text=True, timeout=90)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-500:]
    await feed_on(url, 0, DOWN)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM late").fetchone() == (0,)
        kinds = Counter(kind for (kind,) in database.execute("SELECT kind FROM log"))
        times = [at_us for (at_us,) in database.execute("SELECT at_us FROM log ORDER BY offset")]
    assert kinds["message"] > len(SHOCK)  # with ticks
    assert times == sorted(times)
    async with Embedded(url, mind()) as service:
        said = await service.alert_events()
        counts = service.beds["e1"].counts
    _, replayed = play(SHOCK, at("12:00"))
    expected = [output for output in replayed if isinstance(output, AlertEvent)]
    assert {as_bytes([output]) for output in said} == {as_bytes([output]) for output in expected}
    assert "late" not in counts


async def test_one_sender_that_is_up_to_date_makes_no_other_late(tmp_path: Path) -> None:
    """After ten minutes away a monitor goes on at once; what a laboratory brings of those minutes is not late by it."""
    url, now = f"sqlite:///{tmp_path}/store.sqlite", at("08:10")
    async with Embedded(url, mind()) as service:
        await service.submit_event(reading("hr", 80, "08:00"), at("08:00"))
    async with Embedded(url, mind()) as service:
        live = asyncio.create_task(service.submit(encode(reading("hr", 90, "08:10")), now, "monitor"))
        for minute in range(1, 10):
            await asyncio.sleep(0.05)
            await service.submit(encode(reading("lactate", minute / 4, minute, source="lab")), now, "laboratory")
        await service.submit(encode(reading("lactate", 4, "08:10", source="lab")), now, "laboratory")
        await live
        while service.logged_at is None or service.logged_at < at("08:11"):
            await service.advance(at("08:11"))
            await asyncio.sleep(0.05)
        bed = service.beds["e1"]
        assert "late" not in bed.counts
        assert len(bed.chart.readings["lactate"]) == 10
        assert [one.value for one in bed.chart.readings["hr"]] == [80, 90]


async def test_a_damaged_row_is_made_anew_from_the_log_and_touches_no_other(tmp_path: Path) -> None:
    """One bit of one change of one bed: that bed is as it was, the other is read from its own rows alone."""
    file = tmp_path / "store.sqlite"
    other = [replace(event, encounter="e2") for event in SHOCK]
    async with Embedded(f"sqlite:///{file}", mind()) as service:
        for pair in zip(SHOCK, other, strict=True):
            for event in pair:
                await service.submit_event(event, event.available_at)
        while service.lag_s:
            await asyncio.sleep(0.01)
        before = {name: asleep(bed) for name, bed in service.beds.items()}
    with closing(sqlite3.connect(file)) as database:
        newest = "SELECT max(number) FROM bed_changes WHERE encounter = 'e1' AND NOT whole"
        number, body = database.execute(f"SELECT number, body FROM bed_changes WHERE number = ({newest})").fetchone()
        damaged = body[:60] + bytes([body[60] ^ 4]) + body[61:]
        database.execute("UPDATE bed_changes SET body = ? WHERE number = ?", (damaged, number))
        database.execute("UPDATE log SET body = x'00' WHERE body LIKE '%\"e2\"%'")  # nobody may read these
        database.commit()
    async with Embedded(f"sqlite:///{file}", mind()) as service:
        assert {name: asleep(bed) for name, bed in service.beds.items()} == before
        assert service.damaged == frozenset()
