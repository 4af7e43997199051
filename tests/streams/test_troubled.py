"""The embedded shell while its store fails: nothing is taken that is not on the disk, beds go on, and it heals."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from infra.service import keep_time
from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from streams.adapters.decode import decode
from streams.core.ordering import Late
from streams.core.step import Output
from streams.shells.embedded import LOG_KEPT, Embedded
from streams.shells.engine import Engine, Record
from streams.stores import sqlite_file
from streams.stores.failures import StoreFailed, StoreReadOnly
from streams.stores.outputs import from_us, named
from tests.streams.bedside import SHOCK, asleep, at, mind, reading
from tests.streams.stores.harm import as_nobody, small_disk

pytestmark = pytest.mark.anyio

EARLY = [event for event in SHOCK if event.available_at <= at("08:05")]
LATE = [event for event in SHOCK if event.available_at > at("08:30")]
Harm = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def moved_away(file: Path) -> Iterator[None]:
    """The file is deleted, as far as this program can see; somebody puts it back."""
    file.rename(file.with_suffix(".away"))
    yield
    file.with_suffix(".away").rename(file)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program has a transaction open that writes."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(file: Path) -> Iterator[None]:
    """The write-ahead log may not grow, and somebody reads, so that it cannot be begun anew: what a quota comes to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM log").fetchone()
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{file}-wal").stat().st_size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def closed(file: Path) -> Iterator[None]:
    """The folder may not be entered."""
    file.parent.chmod(0o000)
    yield
    file.parent.chmod(0o700)


@pytest.fixture(autouse=True)
def in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for a moment, a failing store is tried often, and nothing is on its way after a restart."""
    monkeypatch.setattr(sqlite_file, "BUSY_WAIT_S", 0.1)
    monkeypatch.setattr("streams.shells.embedded.TRIED_AGAIN_S", 0.02)
    monkeypatch.setattr("streams.shells.log_clock.QUIET_S", 0.0)


async def taken(service: Embedded, events: list[Event]) -> list[Event]:
    """Those of the events that the service took; the sender hears of the others."""
    found = []
    for event in events:
        try:
            await service.submit_event(event, max(event.available_at, service.logged_at or event.available_at))
        except StoreFailed:
            continue
        found.append(event)
    return found


async def lived(url: str, file: Path, harm: Harm) -> None:
    """Half an hour without a store, then two with it; what was said and kept is checked against the log alone."""
    async with Embedded(url, mind()) as service:
        assert await taken(service, EARLY) == EARLY
        await service.advance(at("08:06"))
        with harm(file):
            assert await taken(service, [reading("hr", 111, "08:07"), reading("hr", 112, "08:08")]) == []
            assert service.trouble is not None
            with service.subscribe() as live:
                await service.advance(at("08:31"))  # the vital signs of 08:00 have grown too old
                update = live.get_nowait()
            assert update.encounters == frozenset({"e1"})
            assert update.outputs
            shown = service.view("e1")
            assert shown is not None
            assert any("Cannot be seen since" in alert.card.detail for alert in shown.alerts)
            await asyncio.sleep(0.1)  # it is tried again in vain
            assert service.trouble is not None
        async with asyncio.timeout(10):
            while service.trouble is not None:
                await asyncio.sleep(0.01)
        assert await taken(service, LATE) == LATE
        await service.advance(at("12:00"))
        said = await service.alert_events()
        stands = {name: asleep(bed) for name, bed in service.beds.items()}
        count = service.applied + 1
    async with Embedded(url, mind()) as service:  # all that was taken is there, and nothing else
        assert (service.applied + 1, await service.alert_events()) == (count, said)
        assert {name: asleep(bed) for name, bed in service.beds.items()} == stands
    kept, replayed = _replayed(file)
    assert kept == [*EARLY, *LATE]
    assert {named(output) for output in said} == {named(output) for output in replayed}


def _replayed(file: Path) -> tuple[list[Event], Sequence[Output]]:
    """The events of the log, and what the engine says of it when it is read from its beginning."""
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT offset, at_us, body FROM log ORDER BY offset").fetchall()
    records = [Record(offset, from_us(at_us), decode(body, from_us(at_us))) for offset, at_us, body in rows]
    events = [entry for record in records for entry in record.entries if not isinstance(entry, Tick | Rejected)]
    return events, Engine(_Nowhere(), mind()).step(records).outputs


class _Nowhere:
    async def publish(self, outputs: object) -> None: ...

    async def save(self, applied: int, before: object, changed: object) -> None: ...

    async def acknowledge(self, offset: int) -> None: ...


@pytest.mark.parametrize("harm", [moved_away, locked, full])
async def test_the_passing_of_time_ends_nothing(harm: Harm, tmp_path: Path) -> None:
    """On a quiet ward the first that cannot be written is a tick: the service stays, and judges by time."""
    file = tmp_path / "store.sqlite"
    async with Embedded(f"sqlite:///{file}", mind()) as service:
        await taken(service, EARLY)
        while service.lag_s:
            await asyncio.sleep(0.01)  # all effects are down
        clock = Standing()
        keeping = asyncio.create_task(keep_time(service, clock))
        with harm(file):
            clock.moment = at("08:20")
            async with asyncio.timeout(10):
                while not (service.trouble and service.beds["e1"].judged_at >= at("08:15")):  # type: ignore[operator]
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            while service.trouble is not None:
                await asyncio.sleep(0.01)
        assert not keeping.done()
        keeping.cancel()


@pytest.mark.parametrize("harm", [moved_away, locked, full])
async def test_tidying_up_can_wait(harm: Harm, tmp_path: Path) -> None:
    """What is old stays for now where the store fails, and goes when it is tidied again: that ends nothing, too."""
    file = tmp_path / "store.sqlite"
    async with Embedded(f"sqlite:///{file}", mind()) as service:
        await taken(service, EARLY)
        while service.lag_s:
            await asyncio.sleep(0.01)
        later = at("08:06") + LOG_KEPT
        with harm(file):
            await service.tidy(later)
        assert service.trouble is None
        await service.tidy(later)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM log").fetchone() == (0,)


async def test_what_was_refused_and_comes_again_is_the_same_live_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing can be written a bed is judged by time; what its sender then brings again is late for both.

    The log must not say that it came before the bed had gone on: a replay would find it in time.
    """
    file = tmp_path / "store.sqlite"
    missed = reading("lactate", 6, "08:10", source="lab")
    async with Embedded(f"sqlite:///{file}", mind()) as service:
        await taken(service, EARLY)
        with locked(file):
            assert await taken(service, [missed]) == []
            await service.advance(at("08:20"))
        async with asyncio.timeout(10):
            while service.trouble is not None:
                await asyncio.sleep(0.01)
        with monkeypatch.context() as paused:
            paused.setattr("streams.shells.log_clock.PAUSED_S", 0.0)  # the log waits for what was on its way
            service.look()
        await service.submit_event(missed, at("08:21"))
        await service.submit_event(reading("hr", 90, "08:22"), at("08:22"))
        await service.advance(at("08:30"))
        said, counts = await service.alert_events(), service.beds["e1"].counts
    assert counts["late"] == 1
    _, replayed = _replayed(file)
    assert len([output for output in replayed if isinstance(output, Late)]) == 1
    assert {named(output) for output in said} == {named(o) for o in replayed if not isinstance(o, Late)}


class Standing:
    """A clock that says what it is told."""

    speed, doubt = 1.0, None
    moment = at("08:06")

    def now(self) -> datetime:
        return self.moment

    def heard(self, offset_s: float) -> None: ...


@pytest.mark.parametrize("harm", [moved_away, locked, full])
async def test_nothing_is_taken_that_is_not_kept_and_beds_go_on(harm: Harm, tmp_path: Path) -> None:
    """Deleted, locked, full: senders are told, time passes for the beds and boards hear it, and it heals by itself.

    Afterwards the store says what the log says, byte for byte, also after a restart.
    """
    file = tmp_path / "store.sqlite"
    await lived(f"sqlite:///{file}", file, harm)


async def test_a_folder_that_may_not_be_entered_heals_too() -> None:
    """The same of a folder whose rights were taken away for a while."""
    with as_nobody() as folder:
        inner = folder / "inner"
        inner.mkdir()
        await lived(f"sqlite:///{inner}/store.sqlite", inner / "store.sqlite", closed)


async def test_a_disk_that_is_full_heals_when_there_is_room() -> None:
    """The same on a small disk of its own that somebody fills and empties."""
    with small_disk(2048) as disk:

        @contextmanager
        def filled(file: Path) -> Iterator[None]:
            crumb = file.parent / "filled"
            with crumb.open("wb", buffering=0) as out:
                try:
                    while True:
                        out.write(b"x" * 4096)
                except OSError:
                    pass
            yield
            crumb.unlink()

        await lived(f"sqlite:///{disk.folder}/store.sqlite", disk.folder / "store.sqlite", filled)


async def test_a_store_that_may_only_be_read_is_said_before_anything_is_taken() -> None:
    """The service does not start on a file that it may not write."""
    with as_nobody() as folder:
        file = folder / "store.sqlite"
        async with Embedded(f"sqlite:///{file}", mind()) as service:
            await taken(service, EARLY)
        file.chmod(0o400)
        with pytest.raises(StoreReadOnly):
            await Embedded(f"sqlite:///{file}", mind()).__aenter__()
        for path in folder.iterdir():  # its -wal and -shm are as the file was when they were made
            path.chmod(0o600)
        async with Embedded(f"sqlite:///{file}", mind()) as service:
            assert set(service.beds) == {"e1"}
