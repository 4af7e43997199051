"""Who only looks at a store sees what its owner wrote, and can neither write nor take anything over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from streams.stores.failures import StoreFailed, StoreReadOnly, StoreUnreachable
from streams.stores.kept import BedRow, Store
from streams.stores.looking import OTHER_VERSION, looked_at
from streams.stores.tables import EMBEDDED

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
Opened = Callable[[str], Store]


def message(encounter: str) -> bytes:
    return f'{{"encounter": "{encounter}"}}'.encode()


def test_a_bed_is_its_newest_whole_row_and_what_changed_since(url: str, opened: Opened) -> None:
    """Whatever partition it is of; a bed that is not there has no rows."""
    store = opened(url)
    owner = store.take("topic", 3).owner
    store.save(owner, 0, [BedRow("e1", b"old", True), BedRow("e2", b"other", True)])
    store.save(owner, 1, [BedRow("e1", b"whole", True)])
    store.save(owner, 2, [BedRow("e1", b"change", False)])
    with looked_at(url) as seen:
        assert seen.bed("e1") == [b"whole", b"change"]
        assert seen.bed("e3") == []
        assert seen.encounters() == ["e1", "e2"]
        assert seen.applied() is None  # of no embedded service


def test_the_log_is_read_up_to_a_moment_and_of_one_bed(url: str, opened: Opened) -> None:
    """Messages that name it, in their order; ticks and those of others are left out."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    minutes = [NINE + timedelta(minutes=minute) for minute in range(5)]
    told = ["e1", "e2", "tick", "e1", "e1"]
    store.append(owner, 0, [(at, "message", message(name)) for at, name in zip(minutes, told, strict=True)])
    store.save(owner, 3, [])
    with looked_at(url) as seen:
        assert [row.offset for row in seen.logged("e1", None)] == [0, 3, 4]
        assert [row.offset for row in seen.logged("e1", minutes[3])] == [0, 3]
        assert [row.offset for row in seen.logged("e1", None, after=seen.applied() or 0)] == [4]
        assert seen.began() is None


def test_a_pruned_log_says_since_when_it_is_kept(url: str, opened: Opened) -> None:
    """Of what was before nothing can be asked."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    store.append(owner, 0, [(NINE, "message", message("e1")), (NINE + timedelta(hours=1), "message", message("e1"))])
    store.save(owner, 1, [])
    store.prune_log(owner, NINE + timedelta(minutes=30), 10)
    with looked_at(url) as seen:
        assert seen.began() == NINE + timedelta(hours=1)


def test_nothing_can_be_written_and_nobody_is_fenced(url: str, opened: Opened) -> None:
    """The database itself refuses, and the owner writes on, also while somebody looks."""
    store = opened(url)
    owner = store.take(EMBEDDED, 0).owner
    with pytest.raises(StoreReadOnly), looked_at(url) as seen:
        seen._connection.execute(text("DELETE FROM partitions"))
    with looked_at(url) as seen:
        assert seen.encounters() == []
        store.save(owner, 0, [BedRow("e1", b"whole", True)])
    with looked_at(url) as seen:
        assert seen.bed("e1") == [b"whole"]


def test_a_store_of_another_version_is_left_as_it_is(old: Path) -> None:
    """It is the service that migrates."""
    before = old.read_bytes()
    with pytest.raises(StoreFailed, match=OTHER_VERSION), looked_at(f"sqlite:///{old}"):
        pass
    assert old.read_bytes() == before


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, new_url: Callable[[], str]) -> None:
    """A missing file, an empty database, an address that is none."""
    with pytest.raises(StoreUnreachable), looked_at(f"sqlite:///{tmp_path}/none/x.sqlite"):
        pass
    assert not (tmp_path / "none").exists()
    with pytest.raises(StoreFailed), looked_at(new_url()):
        pass
    with pytest.raises(StoreFailed, match="expected sqlite"), looked_at("mysql://x"):
        pass
