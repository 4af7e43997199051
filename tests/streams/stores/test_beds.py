"""Beds as whole rows and changes, and who may write them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from streams.stores import database, sqlite_file
from streams.stores.failures import Fenced, StoreBusy
from streams.stores.kept import BedRow, Store
from streams.stores.tables import EMBEDDED

Opened = Callable[[str], Store]


def whole(encounter: str, body: bytes) -> BedRow:
    return BedRow(encounter, body, whole=True)


def change(encounter: str, body: bytes) -> BedRow:
    return BedRow(encounter, body, whole=False)


def kept_rows(store: Store) -> int:
    with store._database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM bed_changes").scalar_one())


def test_a_bed_is_its_newest_whole_row_and_what_changed_since(url: str, opened: Opened) -> None:
    """Changes follow their whole row in order; a new whole row replaces all that was; what is gone is gone."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    story = [  # offset, rows, gone, then every bed's rows
        (3, [whole("e1", b"A"), whole("e2", b"X")], [], {"e1": [b"A"], "e2": [b"X"]}),
        (4, [change("e1", b"b")], [], {"e1": [b"A", b"b"], "e2": [b"X"]}),
        (9, [change("e1", b"c"), change("e2", b"y")], [], {"e1": [b"A", b"b", b"c"], "e2": [b"X", b"y"]}),
        (10, [whole("e1", b"D")], ["e2"], {"e1": [b"D"]}),
        (11, [change("e1", b"\x00\xff"), whole("e2", b"")], ["e3"], {"e1": [b"D", b"\x00\xff"], "e2": [b""]}),
    ]
    for applied, rows, gone, beds in story:
        store.save(owner, applied, rows, gone)
        taken = opened(url).take(EMBEDDED, 0)
        assert (taken.applied, taken.beds) == (applied, beds)
        assert kept_rows(store) == sum(map(len, beds.values()))  # nothing older piles up
        owner = store.take(EMBEDDED, 0).owner
    store.forget(owner, ["e1", "e3"])
    assert store.take(EMBEDDED, 0)[1:] == (11, {}, {"e2": [b""]})


def test_what_was_heard_stays_until_it_is_told_anew(url: str, opened: Opened) -> None:
    """`heard` comes back as it was saved last; a save that says nothing of it leaves it."""
    store = opened(url)
    owner = store.take("topic", 2).owner
    store.save(owner, 41, [whole("e1", b"A")], heard={"vitals@0/2": 17, "labs@0/2": 4})
    store.save(owner, 42, [change("e1", b"b")])
    assert store.take("topic", 2).heard == {"vitals@0/2": 17, "labs@0/2": 4}


def test_a_successor_fences_its_predecessor(url: str, opened: Opened) -> None:
    """After a partition was taken over, no write of its earlier owner changes anything, and each one says so."""
    first, second = opened(url), opened(url)
    old = first.take("topic", 2).owner
    first.save(old, 41, [whole("e1", b"A")], heard={"vitals": 17})
    new = second.take("topic", 2)
    writes: list[Callable[[], object]] = [
        lambda: first.save(old, 99, [whole("e1", b"Z"), whole("e2", b"Z")], heard={"vitals": 99}),
        lambda: first.save(old, 99, [], ["e1"]),
        lambda: first.forget(old, ["e1"]),
        lambda: first.append(old, 0, []),
        lambda: first.publish(old, []),
    ]
    for write in writes:
        with pytest.raises(Fenced, match="taken over"):
            write()
    assert second.take("topic", 2)[1:] == new[1:] == (41, {"vitals": 17}, {"e1": [b"A"]})


def test_partitions_and_logs_do_not_meet(url: str, opened: Opened) -> None:
    """Another partition, and a topic made anew under the same name, begin with nothing; beds may share a name."""
    store = opened(url)
    owner = store.take("log-1", 0).owner
    store.save(owner, 5, [whole("e1", b"A")])
    assert store.take("log-1", 1)[1:] == store.take("log-2", 0)[1:] == (-1, {}, {})
    other = store.take("log-1", 1).owner
    store.save(other, 7, [whole("e1", b"B")])
    store.save(owner, 6, [], ["e1"])
    assert store.take("log-1", 1).beds == {"e1": [b"B"]}
    assert store.take("log-1", 0).beds == {}


def test_a_change_needs_an_offset_of_its_own(url: str, opened: Opened) -> None:
    """A change at the offset that is saved already could not be told from its own repetition: it is refused."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.save(owner, 5, [whole("e1", b"A")])
    with pytest.raises(ValueError, match="an offset of its own"):
        store.save(owner, 5, [change("e1", b"b")])
    store.save(owner, 5, [whole("e1", b"B")])  # a whole row may: twice is as good as once
    assert store.take(EMBEDDED, 0).beds == {"e1": [b"B"]}


def test_a_database_put_back_to_an_earlier_state_is_noticed(url: str, opened: Opened) -> None:
    """An owner whose partition is not as it left it, though nobody took it over, writes nothing on top of that."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.save(owner, 5, [whole("e1", b"A")])
    with store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE partitions SET applied = 3")
    with pytest.raises(Fenced, match="not as its owner left it"):
        store.save(owner, 6, [change("e1", b"b")])
    assert store.take(EMBEDDED, 0)[1:] == (3, {}, {"e1": [b"A"]})


def test_rows_of_a_bed_without_a_whole_one_come_all_the_same(url: str, opened: Opened) -> None:
    """What the store cannot make sense of it still hands over, and the other beds with it."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.save(owner, 5, [change("e1", b"lost its beginning"), whole("e2", b"B")])
    assert store.take(EMBEDDED, 0).beds == {"e1": [b"lost its beginning"], "e2": [b"B"]}


def test_nobody_is_replaced_in_the_middle_of_a_write(url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A successor waits for the end of a write that has begun, also of one of no bed: so it sees all of it."""
    monkeypatch.setattr(sqlite_file, "BUSY_WAIT_S", 0.1)
    monkeypatch.setitem(database._SESSION, "lock_timeout", "100ms")
    first, second = opened(url), opened(url)
    owner = first.take(EMBEDDED, 0).owner
    second.faults()
    commit, told = Connection.commit, []

    def while_it_is_written(connection: Connection) -> None:
        monkeypatch.setattr(Connection, "commit", commit)
        with pytest.raises(StoreBusy):
            second.take(EMBEDDED, 0)
        told.append("waited")
        commit(connection)

    monkeypatch.setattr(Connection, "commit", while_it_is_written)
    first.append(owner, 0, [(datetime(2026, 3, 1, tzinfo=UTC), "message", b"m")])
    assert told == ["waited"]
    second.take(EMBEDDED, 0)
    assert second.last_offset() == 0


def test_two_that_write_at_once_both_get_their_turn(url: str, opened: Opened) -> None:
    """Each of two workers saves its own partition a hundred times beside the other, and none is told to try again."""
    start = threading.Barrier(2)

    def work(store: Store, partition: int) -> None:
        owner = store.take("log-1", partition).owner
        start.wait(30)
        for applied in range(100):
            store.save(owner, applied, [BedRow("e1", b"A", whole=applied % 5 == 0)])

    stores = [opened(url), opened(url)]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, store, number) for number, store in enumerate(stores)]:
            done.result()
    assert [store.take("log-1", number).applied for number, store in enumerate(stores)] == [99, 99]
