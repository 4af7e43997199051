"""What makes a commit safe and private, on the connection that is really used."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from streams.stores.kept import Store
from streams.stores.tables import EMBEDDED

Opened = Callable[[str], Store]


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    assert os.umask(before) == request.param


def setting(store: Store, question: str) -> object:
    with store._database.reading() as connection:
        return connection.exec_driver_sql(question).scalar_one()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


@pytest.mark.usefixtures("_umask")
def test_what_is_made_is_its_owners_alone(tmp_path: Path, opened: Opened) -> None:
    """Whatever the umask, the file and its two companions are 0600, and a folder made for them 0700, from the start."""
    folder = tmp_path / "made" / "kept"
    store = opened(f"sqlite:///{folder}/store.sqlite")
    store.take(EMBEDDED, 0)
    private = {"store.sqlite": 0o600, "store.sqlite-wal": 0o600, "store.sqlite-shm": 0o600}
    assert modes(folder) == {"kept": 0o700, **private}
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_what_version_0_1_left_open_is_closed(tmp_path: Path, opened: Opened) -> None:
    """Files that everybody could read become their owner's at the next opening; a folder stays as it is."""
    tmp_path.chmod(0o755)
    first = opened(f"sqlite:///{tmp_path}/store.sqlite")
    first.take(EMBEDDED, 0)
    for path in tmp_path.iterdir():
        path.chmod(0o664)
    opened(f"sqlite:///{tmp_path}/store.sqlite")
    private = {"store.sqlite": 0o600, "store.sqlite-wal": 0o600, "store.sqlite-shm": 0o600}
    assert modes(tmp_path) == {tmp_path.name: 0o755, **private}


def test_a_commit_of_sqlite_is_on_the_disk(tmp_path: Path, opened: Opened) -> None:
    """A write-ahead log with a sync at each commit (2: FULL), also on the connection that follows a failure."""
    store = opened(f"sqlite:///{tmp_path}/store.sqlite")
    for _ in range(2):
        assert (setting(store, "PRAGMA journal_mode"), setting(store, "PRAGMA synchronous")) == ("wal", 2)
        store._database._engine.dispose()


def test_a_commit_of_postgresql_is_on_the_disk(postgres: Any, opened: Opened) -> None:
    """Also where the server's own setting would answer before it is."""
    url = postgres.database()
    postgres.run(f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = off")
    assert setting(opened(url), "SHOW synchronous_commit") == "on"


def test_a_server_does_not_wait_for_ever(postgres: Any, opened: Opened) -> None:
    """Neither for a lock, nor for a client that stands still in the middle of a write."""
    store = opened(postgres.schema())
    assert setting(store, "SHOW lock_timeout") == "5s"
    assert setting(store, "SHOW idle_in_transaction_session_timeout") == "30s"
