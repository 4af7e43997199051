"""Beds that leave memory and come back, through the embedded shell: on both databases, and killed in between."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.clinical.alerts import AlertEvent
from streams.core.bed import Bed
from streams.shells.embedded import Embedded
from tests.streams import ward
from tests.streams.bedside import as_bytes, asleep, mind

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def nothing_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restart, or a pause of a slow machine, the log does not wait for messages that are still to come."""
    monkeypatch.setattr("streams.shells.log_clock.QUIET_S", 0.0)


Told = tuple[tuple[bytes, ...], dict[str, int], dict[str, Bed]]


async def told(url: str) -> Told:
    """What was said, what was refused, and how the beds stand."""
    async with Embedded(url, mind()) as service:
        said: tuple[AlertEvent, ...] = await service.alert_events()
        bodies = tuple(sorted(as_bytes([event]) for event in said))
        return bodies, await service.faults(), {name: asleep(bed) for name, bed in service.beds.items()}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The four days with every bed in memory from beginning to end."""

    async def lived() -> Told:
        url = f"sqlite:///{tmp_path_factory.mktemp('calm')}/store.sqlite"
        counts = await ward.feed(Embedded(url, mind()), tidies=False)
        assert {in_memory for in_memory, _ in counts} == {4}
        return await told(url)

    return asyncio.run(lived())


async def test_beds_that_leave_memory_change_nothing(url: str, calm: Told) -> None:
    """Four days with beds resting and coming back are the same four days as without: what is said, and every bed."""
    counts = await ward.feed(Embedded(url, mind()))
    assert await told(url) == calm
    assert min(counts) == (0, 4)  # in the end also e1, whose alert ended with what time took away
    assert counts[-1] == (2, 2)


@pytest.mark.timeout(240)  # two processes' worth of starting up, on a busy machine
async def test_killed_while_beds_rest(url: str, calm: Told, root: Path, tmp_path: Path) -> None:
    """A real process killed with SIGKILL twice while some of its beds rest: it ends as if it never was."""
    noted = tmp_path / "taken"
    for die_at in (261, 102):
        command = [sys.executable, "-W", "ignore", "-m", "tests.streams.ward", url, str(die_at), str(noted)]
        killed = await asyncio.to_thread(subprocess.run, command, cwd=root, capture_output=True, text=True, timeout=90)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-500:]
    await ward.feed(Embedded(url, mind()), noted=noted)
    assert (await told(url))[:2] == calm[:2]
