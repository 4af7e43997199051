"""The embedded shell: durable, recovered after kill -9, live to its subscribers, owned by one process."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events import Movement
from schemas.events.quarantine import Fault
from streams.core.bed import Bed
from streams.core.resting import DISCHARGED_KEPT, SILENT_HELD
from streams.shells.embedded import LOG_KEPT, Embedded
from streams.stores.failures import Fenced, StoreBusy, StoreFailed
from streams.stores.kept import Store
from streams.stores.tables import EMBEDDED
from tests.streams.bedside import SHOCK, as_bytes, asleep, at, mind, play, reading
from tests.streams.mortal import feed

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite"


async def everything_said(url: str) -> tuple[bytes, dict[str, int]]:
    async with Embedded(url, mind()) as service:
        return as_bytes(await service.alert_events()), await service.faults()


@pytest.fixture(autouse=True)
def nothing_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restart, or a pause of a slow machine, the log does not wait for messages that are still to come."""
    monkeypatch.setattr("streams.shells.log_clock.QUIET_S", 0.0)


def saved_rows(url: str) -> list[Any]:
    """The rows of all beds."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        return database.execute("select whole from bed_changes").fetchall()


def saved(service: Embedded) -> dict[str, Bed]:
    """The beds without what is worked out again."""
    return {name: asleep(bed) for name, bed in service.beds.items()}


async def test_the_shell_says_what_the_step_says(url: str) -> None:
    """Through the shell and its store come the very alerts of the pure step, byte for byte, and the same view."""
    bed, said = play(SHOCK, at("12:00"))
    async with Embedded(url, mind()) as service:
        for event in SHOCK:
            await service.submit_event(event, event.available_at)
        await service.advance(at("12:00"))
        by_time = sorted(said, key=lambda o: (o.at, o.alert.key))  # type: ignore[union-attr]
        stored = sorted(await service.alert_events(), key=lambda o: (o.at, o.alert.key))
        assert as_bytes(stored) == as_bytes(by_time)
        shown = service.view("e1")
        assert shown is not None
        assert {alert.key for alert in shown.alerts} == bed.episodes.keys()
        assert service.view("e9") is None


@pytest.mark.timeout(360)  # five processes' worth of starting up, on a busy machine
async def test_killed_at_any_effect_nothing_is_lost_or_said_twice(url: str, root: Path, tmp_path: Path) -> None:
    """A real process killed with SIGKILL at three of its effects in turn: the store ends as if it never was."""
    for die_at, zone in ((7, "Asia/Kolkata"), (16, "America/Lima"), (21, "UTC")):  # logging, publishing, saving
        world = {**os.environ, "PYTHONHASHSEED": str(die_at), "TZ": zone}  # neither may matter
        command = [sys.executable, "-W", "ignore", "-m", "tests.streams.mortal", url, str(die_at)]
        killed = await asyncio.to_thread(
            subprocess.run, command, cwd=root, capture_output=True, text=True, timeout=90, env=world
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-500:]
    await feed(url, 0)
    calm = f"sqlite:///{tmp_path}/calm.sqlite"
    await feed(calm, 0)
    assert await everything_said(url) == await everything_said(calm)


async def test_what_was_stopped_goes_on(url: str) -> None:
    """After a clean stop the beds stand as they stood, and time goes on from there."""
    async with Embedded(url, mind()) as service:
        for event in SHOCK:
            await service.submit_event(event, event.available_at)
        await service.advance(at("09:21"))
        before = saved(service)
    async with Embedded(url, mind()) as service:
        assert saved(service) == before
        await service.advance(at("12:00"))
        last = (await service.alert_events())[-1]
    assert "I cannot tell whether" in last.alert.card.detail


async def test_a_damaged_checkpoint_is_rebuilt_from_the_log(url: str) -> None:
    """One flipped byte in a saved bed is noticed; the beds are made again from the log, and nothing is said twice."""
    async with Embedded(url, mind()) as service:
        for event in SHOCK:
            await service.submit_event(event, event.available_at)
        await service.advance(at("09:21"))
        before, said = saved(service), await service.alert_events()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        number, body = database.execute("select number, body from bed_changes order by number").fetchone()
        damaged = body[:50] + bytes([body[50] ^ 1]) + body[51:]
        database.execute("update bed_changes set body = ? where number = ?", (damaged, number))
    database.close()
    async with Embedded(url, mind()) as service:
        assert saved(service) == before
        assert await service.alert_events() == said


async def test_a_bed_that_was_made_anew_is_saved_before_it_may_rest(url: str) -> None:
    """A damaged bed is rebuilt, falls silent and leaves memory, and the log is pruned: it comes back all the same."""
    async with Embedded(url, mind()) as service:
        for minute in range(3):
            await service.submit_event(reading("weight", 80 + minute, minute), at(minute))
        await service.advance(at(5))
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        database.execute("update bed_changes set body = x'00'")
        database.commit()
    async with Embedded(url, mind()) as service:
        await service.tidy(at(6) + LOG_KEPT)
        assert list(service.resting) == ["e1"]
        await service.bring("e1")
        assert [one.value for one in service.beds["e1"].chart.readings["weight"]] == [80, 81, 82]
        assert service.damaged == frozenset()


async def test_a_bed_that_rests_is_written_whole_with_all_that_the_store_has(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outline's turn to be a whole row comes: the row is the bed's, and not the outline's."""
    async with Embedded(url, mind()) as service:
        for minute in range(3):
            await service.submit_event(reading("weight", 80 + minute, minute), at(minute))
        await service.advance(at(5))
        await service.tidy(at(6) + SILENT_HELD)
        assert list(service.resting) == ["e1"]
        monkeypatch.setattr("streams.shells.embedded.CHANGES_MAX", 0)
        await service.advance(at(5) + timedelta(hours=13))
        assert saved_rows(url) == [(1,)]
        await service.bring("e1")
        assert [one.value for one in service.beds["e1"].chart.readings["weight"]] == [80, 81, 82]


async def test_bad_messages_are_in_quarantine_and_nobody_stops(url: str) -> None:
    """Garbage, 6 MB and an impossible value among good messages: each is kept with its reason; the good ones count."""
    good = (
        b'{"v":1,"kind":"reading","encounter":"e1","observed_at":"2026-03-01T08:00:00Z",'
        b'"concept":"%s","value":%d,"unit":"%s"}'
    )
    async with Embedded(url, mind()) as service:
        for raw in (b"\xff", good % (b"hr", 80, b"/min"), b"x" * 6_000_000, good % (b"map", 900, b"mm[Hg]")):
            await service.submit(raw, at("08:00"))
        await service.advance(at("08:01"))
        kept = await service.quarantined()
        assert {r.fault for r in kept} == {Fault.UNDECODABLE, Fault.TOO_LARGE, Fault.IMPOSSIBLE_VALUE}
        assert await service.faults() == {"impossible_value": 1, "too_large": 1, "undecodable": 1}
        assert service.beds["e1"].counts == {"impossible_value": 1, "artefact": 1}
        assert service.beds["e1"].chart.readings["hr"][0].value == 80


async def test_a_refusal_says_whom_it_is_from_and_equal_ones_are_counted(url: str) -> None:
    """The same garbage twice at one moment is two refusals; the sender is the door's, also of what was only logged."""
    async with Embedded(url, mind()) as service:
        for raw in (b"{", b"{", b"x" * 600_000, b"x" * 600_000):
            await service.submit(raw, at("08:00"), "10.1.2.3")
        await service.advance(at("08:01"))
        assert await service.faults() == {"undecodable": 2, "too_large": 2}
        assert {(r.sender, r.place) for r in await service.quarantined()} == {
            ("10.1.2.3", f"log {offset}") for offset in range(4)
        }
    store = Store(url)  # a process that was killed when it had logged one more
    store.append(store.take(EMBEDDED, 0).owner, 5, [(at("08:02"), "message", b"[")], ["10.9.9.9"])
    store.close()
    async with Embedded(url, mind()) as service:
        assert "10.9.9.9" in {refusal.sender for refusal in await service.quarantined()}


async def test_a_subscriber_hears_at_once_and_a_slow_one_is_told_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is an update with the beds that changed; who does not read is told to read everything anew."""
    monkeypatch.setattr("streams.shells.embedded.UPDATES_MAX", 4)  # the real limit takes long to reach
    async with Embedded(url, mind()) as service:
        with service.subscribe() as live, service.subscribe() as slow:
            await service.submit_event(SHOCK[0], SHOCK[0].available_at)
            update = await asyncio.wait_for(live.get(), 5)
            assert update.encounters == frozenset({"e1"})
            for second in range(6):
                await service.advance(at(second))
                while not live.empty():
                    live.get_nowait()
            first = slow.get_nowait()
            assert first.encounters is None
            assert slow.qsize() < 4


async def test_the_process_that_opened_the_store_last_owns_it(url: str) -> None:
    """An older process that still writes is stopped at its next write, and says so to whoever submits."""
    old = await Embedded(url, mind()).__aenter__()
    await old.submit_event(SHOCK[0], SHOCK[0].available_at)
    other = Store(url)
    other.take(EMBEDDED, 0)
    other.close()
    with pytest.raises(RuntimeError, match="stopped"):
        await old.submit_event(reading("hr", 80, "08:00"), at("08:00"))
    with pytest.raises(Fenced):
        await old.__aexit__(None, None, None)


async def test_who_goes_away_does_not_stop_the_service(url: str) -> None:
    """A sender and a ticker that are cancelled while they wait change nothing: what they brought is applied."""
    async with Embedded(url, mind()) as service:
        waiting = [
            asyncio.create_task(service.submit_event(SHOCK[0], SHOCK[0].available_at)),
            asyncio.create_task(service.advance(at("08:01"))),
        ]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await service.submit_event(SHOCK[1], SHOCK[1].available_at)
    async with Embedded(url, mind()) as service:
        assert service.applied == 2


async def test_the_disk_does_not_fill(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is applied and old leaves the log, refusals keep their newest; the beds go on, and so does the numbering."""
    monkeypatch.setattr("streams.shells.embedded.REFUSALS_MAX", 2)
    monkeypatch.setattr("streams.shells.embedded.PRUNED_AT_ONCE", 3)
    async with Embedded(url, mind()) as service:
        for event in SHOCK:
            await service.submit_event(event, event.available_at)
        for minute in range(5):
            await service.submit(b"\xff", at("10:00") + timedelta(minutes=minute))
        await service.advance(at("12:00"))
        before, said, applied = saved(service), await service.alert_events(), service.applied
        await service.tidy(at("11:00") + LOG_KEPT)
        assert [kept.received_at for kept in await service.quarantined()] == [at("10:03"), at("10:04")]
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        assert database.execute("select offset from log").fetchall() == [(applied,)]  # the tick at 12:00 is not old
        database.execute("delete from log")
    database.close()
    async with Embedded(url, mind()) as service:
        assert (saved(service), await service.alert_events()) == (before, said)
        await service.advance(at("12:01"))
        assert service.applied == applied + 1


async def test_a_damaged_checkpoint_is_rebuilt_from_what_the_log_keeps(url: str) -> None:
    """With the older half of the log gone, a damaged bed is made from the rest, and the service starts."""
    half = len(SHOCK) // 2
    async with Embedded(url, mind()) as service:
        for event in SHOCK:
            await service.submit_event(event, event.available_at)
        await service.tidy(SHOCK[half].available_at + LOG_KEPT)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        ((first,),) = database.execute("select min(offset) from log").fetchall()
        database.execute("update bed_changes set body = x'00'")
    database.close()
    async with Embedded(url, mind()) as service:
        assert 0 < first <= half
        assert list(service.beds) == ["e1"]
        assert service.applied == len(SHOCK) - 1


async def test_a_bed_of_which_nothing_is_left_is_named_and_stops_nobody(url: str) -> None:
    """Damaged, and its log gone: the service starts without it and names it; the others are there."""
    async with Embedded(url, mind()) as service:
        for event in (*SHOCK, replace(reading("hr", 80, "08:00"), encounter="e2")):
            await service.submit_event(event, event.available_at)
        await service.advance(at("12:00"))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("update bed_changes set body = x'00' where encounter = 'e1'")
        database.execute("delete from log")
    database.close()
    async with Embedded(url, mind()) as service:
        assert set(service.beds) == {"e2"}
        assert service.damaged == {"e1"}


async def test_while_nothing_can_be_written_beds_are_judged_and_what_was_kept_is_heard(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log takes a message and its answer is lost: the sender hears of it; it is read when the store is back."""
    monkeypatch.setattr("streams.shells.embedded.TRIED_AGAIN_S", 0.05)
    async with Embedded(url, mind()) as service:
        *told, last = SHOCK
        for event in told:
            await service.submit_event(event, event.available_at, until_applied=True)
        append = Store.append

        def loses_its_answer(store: Store, *args: Any) -> None:
            append(store, *args)
            raise StoreFailed("the disk answers no more")

        def fails(*_: Any) -> None:
            raise StoreFailed("the disk answers no more")

        monkeypatch.setattr(Store, "append", loses_its_answer)
        monkeypatch.setattr(Store, "last_offset", fails)
        monkeypatch.setattr(Store, "save", fails)
        with pytest.raises(StoreFailed, match="answers no more"):
            await service.submit_event(last, last.available_at)
        assert service.trouble is not None
        with pytest.raises(StoreFailed, match="answers no more"):
            await service.submit_event(last, last.available_at)
        later = last.available_at + timedelta(hours=1)
        await service.advance(later)
        judged_at = service.beds["e1"].judged_at
        assert judged_at is not None
        assert judged_at > last.available_at  # in memory, by time alone
        monkeypatch.undo()
        async with asyncio.timeout(10):
            while service.trouble is not None:
                await asyncio.sleep(0.02)
        assert service.applied == len(SHOCK) - 1
        await service.submit_event(last, later)  # sent again, as senders do
        await service.advance(later + timedelta(minutes=1))
        assert service.beds["e1"].counts["duplicate"] == 1


async def test_who_left_long_ago_is_forgotten(url: str) -> None:
    """A week after the last word of a discharged patient the bed is gone, also after a restart; others stay."""
    left = Movement(encounter="e1", observed_at=at("12:00"), available_at=at("12:00"), action="discharge")
    stays = replace(reading("hr", 80, "08:00"), encounter="e2")
    async with Embedded(url, mind()) as service:
        for event in (*SHOCK, stays, left):
            await service.submit_event(event, max(event.available_at, at("12:00")))
        await service.advance(at("12:01"))
        await service.tidy(at("12:01"))
        assert set(service.beds) == {"e1", "e2"}
        await service.tidy(at("12:01") + DISCHARGED_KEPT)
        assert {*service.beds, *service.resting} == {"e2"}
    async with Embedded(url, mind()) as service:
        assert set(service.beds) == {"e2"}


async def test_a_service_that_could_not_begin_leaves_its_store(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the beds cannot be taken the store is closed again: SQLite takes its write-ahead log away with the last."""
    wal = Path(f"{url.removeprefix('sqlite:///')}-wal")
    async with Embedded(url, mind()):
        assert wal.exists()
    monkeypatch.setattr(Store, "last_offset", lambda _: (_ for _ in ()).throw(StoreBusy()))
    services = [Embedded(url, mind())]  # held, so that nothing is closed by being forgotten
    with pytest.raises(StoreBusy):
        await services[0].__aenter__()
    assert not wal.exists()
