"""What a store says when its database fails; that nothing is half-written then, and that it works again afterwards."""

import os
import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from traceback import format_exception
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from streams.stores import database, sqlite_file
from streams.stores.failures import (
    Fenced,
    StoreBusy,
    StoreDamaged,
    StoreFailed,
    StoreFull,
    StoreGone,
    StoreReadOnly,
    StoreUnreachable,
)
from streams.stores.kept import BedRow, Owner, Store
from tests.streams.stores.harm import Line, as_nobody, small_disk

Opened = Callable[[str], Store]


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for a moment only; test_processes.py holds the real limit."""
    monkeypatch.setattr(sqlite_file, "BUSY_WAIT_S", 0.2)
    monkeypatch.setitem(database._SESSION, "lock_timeout", "200ms")
    monkeypatch.setattr(database, "OPEN_WAIT_S", 0.5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def begun(store: Store) -> Owner:
    owner = store.take("log-1", 0).owner
    store.save(owner, 1, [BedRow("e1", b"A", whole=True)], heard={"vitals": 1})
    return owner


def save(store: Store, owner: Owner, applied: int) -> None:
    store.save(owner, applied, [BedRow("e1", b"%d" % applied, whole=False)], heard={"vitals": applied})


def fails(kind: type[StoreFailed], store: Store, owner: Owner, applied: int) -> str:
    with pytest.raises(kind) as failed:
        save(store, owner, applied)
    assert type(failed.value) is kind
    assert "[SQL:" not in "".join(format_exception(failed.value))  # what a log may print: no driver's word, no row
    return str(failed.value)


def works_again(store: Store, owner: Owner, *applied: int) -> None:
    """The same call is made again, then one more; all is there once."""
    for offset in applied:
        save(store, owner, offset)
    newest = applied[-1]
    assert store.take("log-1", 0)[1:] == (
        newest,
        {"vitals": newest},
        {"e1": [b"A", *(b"%d" % offset for offset in range(2, newest + 1))]},
    )


def name_of(url: str) -> str:
    return str(make_url(url).database)


@contextmanager
def held(url: str) -> Iterator[None]:
    """Another program has a transaction open that writes."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
    else:
        with psycopg.connect(url) as there:
            there.execute("LOCK TABLE partitions")
            yield
            there.rollback()


@pytest.mark.usefixtures("short_wait")
def test_locked_by_another_program(url: str, opened: Opened) -> None:
    """It is said after a bounded wait, and one that opens meanwhile may read; later the same call works."""
    store = opened(url)
    owner = begun(store)
    with held(url):
        assert "held by another program" in fails(StoreBusy, store, owner, 2)
        assert opened(url).faults() == {}
    works_again(store, owner, 2, 3)


def test_a_new_file_that_another_one_is_making_is_waited_for(file: Path, opened: Opened) -> None:
    """SQLite does not wait for a lock while it changes to the write-ahead log: the store does."""
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
    release.start()
    works_again_from_nothing = opened(f"sqlite:///{file}")
    release.join()
    other.close()
    works_again(works_again_from_nothing, begun(works_again_from_nothing), 2)


def test_a_file_that_is_deleted_is_missed_at_the_next_write(file: Path, opened: Opened) -> None:
    """What SQLite would take into a file without a name is refused, each time, and no new file is begun."""
    store = opened(f"sqlite:///{file}")
    owner = begun(store)
    for path in file.parent.glob("store.sqlite*"):
        path.unlink()
    for _ in range(2):
        assert "no longer where it was" in fails(StoreGone, store, owner, 2)
    assert list(file.parent.iterdir()) == []


def test_a_file_that_comes_back_is_written_on(file: Path, tmp_path: Path, opened: Opened) -> None:
    """Moved away and back, it is the same file: the call that failed works, and nothing is lost."""
    store = opened(f"sqlite:///{file}")
    owner = begun(store)
    file.rename(tmp_path / "away")
    fails(StoreGone, store, owner, 2)
    (tmp_path / "away").rename(file)
    works_again(store, owner, 2, 3)


def test_a_file_that_is_replaced_is_left_alone(file: Path, tmp_path: Path, opened: Opened) -> None:
    """Another database at the same path, even a copy of ours, gets nothing of ours, and loses nothing of its own."""
    url = f"sqlite:///{file}"
    opened(url).close()
    shutil.copy(file, tmp_path / "copy")
    store = opened(url)
    owner = begun(store)
    for path in tmp_path.glob("store.sqlite*"):
        path.rename(tmp_path / f"old-{path.name}")
    (tmp_path / "copy").rename(file)
    other = opened(url)
    other.save(other.take("log-1", 0).owner, 1, [BedRow("e9", b"Z", whole=True)])  # is in its write-ahead log
    for _ in range(2):
        fails(StoreGone, store, owner, 2)
    store.close()
    other.close()
    assert opened(url).take("log-1", 0)[1:] == (1, {}, {"e9": [b"Z"]})


def test_a_deleted_write_ahead_log_is_missed_and_mended(file: Path, opened: Opened) -> None:
    """The newest transactions are in it: the write that misses it fails, and closing brings them into the file."""
    store = opened(f"sqlite:///{file}")
    owner = begun(store)
    Path(f"{file}-wal").unlink()
    fails(StoreGone, store, owner, 2)
    works_again(store, owner, 2, 3)
    store.close()
    with closing(sqlite3.connect(file)) as left:
        assert left.execute("SELECT applied FROM partitions").fetchone() == (3,)


def test_tables_that_are_gone_are_missed(postgres: Any, opened: Opened) -> None:
    """On PostgreSQL it is the tables that may be gone; once they are back, the call that failed works."""
    url = postgres.database()
    store = opened(url)
    owner = begun(store)
    postgres.run("ALTER TABLE partitions RENAME TO elsewhere", name_of(url))
    fails(StoreGone, store, owner, 2)
    postgres.run("ALTER TABLE elsewhere RENAME TO partitions", name_of(url))
    works_again(store, owner, 2, 3)


def fill(store: Store, owner: Owner) -> int:
    """Saves large beds until there is no room; the last offset that was saved."""
    for applied in range(1, 1000):
        try:
            store.save(owner, applied, [BedRow(f"e{applied}", os.urandom(100_000), whole=True)])
        except StoreFull:
            return applied - 1
    raise AssertionError("the disk never filled")


def is_whole(store: Store, owner: Owner, full_at: int) -> None:
    """What was saved before the disk was full is there, what failed is not; then the same call works."""
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT applied FROM partitions").scalar_one() == full_at
        assert connection.exec_driver_sql("SELECT count(*) FROM bed_changes").scalar_one() == full_at
    for applied in (full_at + 1, full_at + 2):
        store.save(owner, applied, [BedRow(f"e{applied}", b"B", whole=True)])
    taken = store.take("log-1", 0)
    assert (taken.applied, len(taken.beds)) == (full_at + 2, full_at + 2)


def test_a_full_disk(opened: Opened) -> None:
    """On a disk of 1 MiB the write that does not fit is not there at all; with room, the same store writes on."""
    with small_disk(1024) as disk:
        store = opened(f"sqlite:///{disk.folder}/store.sqlite")
        owner = store.take("log-1", 0).owner
        full_at = fill(store, owner)
        assert full_at > 1
        with pytest.raises(StoreFull, match="it is full, or it fails"):
            store.save(owner, full_at + 1, [BedRow("e", os.urandom(100_000), whole=True)])
        disk.grow(4096)
        is_whole(store, owner, full_at)
        store.close()


def test_a_file_that_may_not_grow(file: Path, opened: Opened) -> None:
    """A limit of the system on the size of files is met in the same way."""
    store = opened(f"sqlite:///{file}")
    owner = store.take("log-1", 0).owner
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    try:
        full_at = fill(store, owner)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full_at > 1
    is_whole(store, owner, full_at)


def test_a_full_disk_of_a_server(postgres: Any, opened: Opened) -> None:
    """PostgreSQL says it too: nothing of the write is there, and with room the same store writes on."""
    with small_disk(16_384, owner="postgres" if os.geteuid() == 0 else None) as disk:
        postgres.run(f"CREATE TABLESPACE small LOCATION '{disk.folder}'")
        url = postgres.database("small")
        store = opened(url)
        try:
            owner = store.take("log-1", 0).owner
            full_at = fill(store, owner)
            disk.grow(65_536)
            is_whole(store, owner, full_at)
        finally:
            store.close()
            postgres.run(f"DROP DATABASE {name_of(url)}")
            postgres.run("DROP TABLESPACE small")


def test_a_file_that_may_only_be_read(opened: Opened) -> None:
    """A write says so; once it may be written again, the same call works."""
    with as_nobody() as folder:
        file = folder / "store.sqlite"
        begun(opened(f"sqlite:///{file}"))
        file.chmod(0o400)
        store = opened(f"sqlite:///{file}")
        with pytest.raises(StoreReadOnly, match="read-only"):
            store.take("log-1", 0)
        file.chmod(0o600)
        works_again(store, store.take("log-1", 0).owner, 2)


def test_a_server_that_only_answers(postgres: Any, opened: Opened) -> None:
    """A database that was set to read-only, as a stand-by is, says so; later the same call works."""
    url = postgres.database()
    begun(opened(url))
    postgres.run(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    store = opened(url)
    with pytest.raises(StoreReadOnly):
        store.take("log-1", 0)
    postgres.run(f"ALTER DATABASE {name_of(url)} RESET default_transaction_read_only")
    works_again(store, store.take("log-1", 0).owner, 2)


def test_a_folder_that_may_not_be_entered(opened: Opened) -> None:
    """The file cannot be looked for, so it is not said to be gone; opened again, the same call works."""
    with as_nobody() as folder:
        inner = folder / "inner"
        store = opened(f"sqlite:///{inner}/store.sqlite")
        owner = begun(store)
        inner.chmod(0o000)
        assert fails(StoreUnreachable, store, owner, 2) == "the database cannot be opened: Permission denied"
        inner.chmod(0o700)
        works_again(store, owner, 2, 3)
        store.close()


@pytest.fixture
def line(postgres: Any) -> Iterator[Line]:
    cable = Line(postgres.folder)
    yield cable
    cable.close()


def over(line: Line, url: str) -> str:
    return f"postgresql://foreshock:pa55word@127.0.0.1:{line.port}/{name_of(url)}?sslmode=disable"


def test_a_server_out_of_reach(postgres: Any, line: Line, opened: Opened) -> None:
    """Without the network a write says so, without address or password; with it, the same call works."""
    store = opened(over(line, postgres.database()))
    owner = begun(store)
    line.cut()
    for _ in range(2):
        assert fails(StoreUnreachable, store, owner, 2) == "the database cannot be reached"
    line.mend()
    works_again(store, owner, 2, 3)


def test_a_server_that_ends_the_connection(postgres: Any, opened: Opened) -> None:
    """Shut down or told to, it lets go of us in mid-sentence: the call fails, and the same call works on a new line."""
    store = opened(postgres.schema())
    owner = begun(store)
    with store._database.reading() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    postgres.run(f"SELECT pg_terminate_backend({pid})")
    fails(StoreUnreachable, store, owner, 2)
    works_again(store, owner, 2, 3)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("25006", StoreReadOnly),
        ("42501", StoreReadOnly),
        ("42P01", StoreGone),
        ("40001", StoreBusy),
        ("40P01", StoreBusy),
        ("55P03", StoreBusy),
        ("53100", StoreFull),
        ("25P03", StoreUnreachable),
        ("57P01", StoreUnreachable),
        ("08006", StoreUnreachable),
        ("XX001", StoreDamaged),
        ("XX002", StoreDamaged),
        ("P0001", StoreFailed),
    ],
)
def test_what_a_server_says_has_a_name(postgres: Any, opened: Opened, state: str, kind: type[StoreFailed]) -> None:
    """Each error of the server is of its kind, and its own words, which may quote a row, are not told."""
    store = opened(postgres.schema())
    raises = f"DO $$ BEGIN RAISE EXCEPTION 'Kowalczyk' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(StoreFailed) as failed, store._database.writing() as connection:
        connection.exec_driver_sql(raises)
    assert type(failed.value) is kind
    assert "Kowalczyk" not in "".join(format_exception(failed.value))


def test_an_answer_that_is_lost_does_not_do_a_thing_twice(postgres: Any, line: Line, opened: Opened) -> None:
    """The server commits, the line breaks before it can say so: the same call again adds no change a second time."""
    store = opened(over(line, postgres.database()))
    owner = begun(store)
    line.lose_the_answer_of(b"COMMIT")
    fails(StoreUnreachable, store, owner, 2)
    works_again(store, owner, 2, 3)


def test_after_a_lost_answer_a_whole_state_replaces_what_was_done(postgres: Any, line: Line, opened: Opened) -> None:
    """Who does not know what was done may say the whole state at the same offset: that is what is kept."""
    store = opened(over(line, postgres.database()))
    owner = begun(store)
    line.lose_the_answer_of(b"COMMIT")
    fails(StoreUnreachable, store, owner, 2)
    store.save(owner, 2, [BedRow("e1", b"B", whole=True)], heard={"vitals": 5})
    assert store.take("log-1", 0)[1:] == (2, {"vitals": 5}, {"e1": [b"B"]})


def test_an_answer_that_is_lost_is_not_built_upon(postgres: Any, line: Line, opened: Opened) -> None:
    """Where the call that comes next is another one, it is refused: what it changes rests on a state that was left."""
    store = opened(over(line, postgres.database()))
    owner = begun(store)
    line.lose_the_answer_of(b"COMMIT")
    fails(StoreUnreachable, store, owner, 2)
    with pytest.raises(Fenced, match="not as its owner left it"):
        save(store, owner, 3)
    assert store.take("log-1", 0).applied == 2


def test_a_damaged_file(file: Path, opened: Opened) -> None:
    """Bytes that are no database, and pages that do not fit together, are said to need a copy."""
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreDamaged, match="restored"):
        opened(f"sqlite:///{file}")
    file.unlink()
    opened(f"sqlite:///{file}").close()
    torn = bytearray(file.read_bytes())
    torn[4096:] = os.urandom(len(torn) - 4096)
    file.write_bytes(torn)
    with pytest.raises(StoreDamaged):
        opened(f"sqlite:///{file}").take("log-1", 0)


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "sqlite://", "sqlite:///x.sqlite?mode=ro", "mysql://root:secret@host/x", "://@"],
)
def test_an_address_that_is_none_is_said_without_it(address: str) -> None:
    """Whatever is wrong with it, the sentence says what was expected and repeats nothing of what was given."""
    with pytest.raises(StoreFailed) as failed:
        Store(address)
    assert str(failed.value) == "the address of the database: expected sqlite:///FILE or postgresql://USER@HOST/NAME"


def test_no_failure_tells_an_address_a_password_or_a_row(line: Line, postgres: Any) -> None:
    """Neither the sentence nor the trace that a log would print holds any of them."""
    url = over(line, postgres.database())
    line.cut()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable) as failed:
        Store(url)
    assert time.monotonic() - began < 10
    assert "pa55word" not in str(failed.getrepr(style="short"))
    assert str(line.port) not in str(failed.value)
