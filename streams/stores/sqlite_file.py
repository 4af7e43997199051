"""One SQLite file: private, durable, and known again.

A commit is on the disk, also when the power fails: a write-ahead log with `synchronous=FULL`, one sync per
transaction. Files and folders made here are their owner's alone. Where the file, or its write-ahead log, is deleted or
replaced while it is open, `moved` tells: SQLite itself would write on into what nobody can find again.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import NamedTuple
from urllib.parse import quote

from streams.stores.failures import StoreFailed, StoreGone

BUSY_WAIT_S = 5.0  # for another program's lock
PRIVATE = 0o077  # what group and others may: nothing


class _Identity(NamedTuple):
    device: int
    inode: int


class SqliteFile:
    """The file at a path. It is made at the first connection; later ones find that same file, or raise StoreGone."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._wal = self._path.with_name(f"{self._path.name}-wal")
        self._opened: _Identity | None = None  # at the first connection; it is this file or none
        self._opened_wal: _Identity | None = None  # at the newest

    def connect(self) -> sqlite3.Connection:
        """A connection that waits for locks, leaves transactions to its caller, and has every file open that it needs.

        Raises sqlite3.Error, OSError, StoreGone, StoreFailed.
        """
        if self._opened is not None and _identity(self._path) != self._opened:
            raise StoreGone
        mode = "rwc" if self._opened is None else "rw"
        with _private():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode={mode}",
                uri=True,
                timeout=BUSY_WAIT_S,  # before anything else: what follows may already have to wait
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            _settle(connection)
            for path in (self._path, self._wal, self._path.with_name(f"{self._path.name}-shm")):
                _make_private(path)
        except BaseException:
            connection.close()
            raise
        self._opened = self._opened or _identity(self._path)
        self._opened_wal = _identity(self._wal)
        return connection

    def moved(self) -> bool:
        """Whether what is open is no longer what lies at its path."""
        return self._opened != _identity(self._path) or self._opened_wal != _identity(self._wal)


def _settle(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise StoreFailed("the file system of the database holds no write-ahead log: use a local disk, or PostgreSQL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("SELECT count(*) FROM sqlite_master")  # opens the log: from here on it has an identity


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _Identity(found.st_dev, found.st_ino)


@contextmanager
def _private() -> Iterator[None]:
    """What is made meanwhile belongs to its owner alone, from its first moment."""
    before = os.umask(PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


def _make_private(path: Path) -> None:
    """Version 0.1 made files that everybody could read. What belongs to another is that one's to close."""
    found = path.stat()
    if S_IMODE(found.st_mode) & PRIVATE and found.st_uid == os.geteuid():
        path.chmod(S_IMODE(found.st_mode) & ~PRIVATE)
