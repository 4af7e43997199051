"""A database by its address: questions, and writes. SQLite or PostgreSQL is a matter of this module alone.

    database = Database("sqlite:///foreshock.sqlite")      # or postgresql://user@host/name
    with database.writing() as connection: ...             # all of it, or nothing

One connection is held, and opened anew after any failure: so a fault that has passed leaves nothing behind.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from streams.stores.failures import StoreBusy, StoreFailed, StoreGone, StoreUnreachable, failure_of
from streams.stores.migrating import is_newest, upgrade
from streams.stores.sqlite_file import BUSY_WAIT_S, SqliteFile

OPEN_WAIT_S = 30.0  # for others that make, or migrate, the same database
FROZEN_MAX_S = 30.0  # of a transaction whose process does not go on: then the server of PostgreSQL takes it back
_RETRY_S = 0.05
_MIGRATION_LOCK = 0x666F7265  # "fore"; the number of an advisory lock is ours to choose
_NETWORK = {  # a server that is gone without a word is noticed within about 15 s, not within hours
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
_SESSION = {
    "synchronous_commit": "on",  # whatever the server's own default is: said means safe
    "lock_timeout": f"{BUSY_WAIT_S:.0f}s",
    "idle_in_transaction_session_timeout": f"{FROZEN_MAX_S:.0f}s",
}


class Database:
    """One database, its tables of this version. Used from one thread."""

    def __init__(self, url: str) -> None:
        """Opens it, and makes or migrates its tables. Raises StoreFailed."""
        address = address_of(url)
        self._file = None if address.get_backend_name() == "postgresql" else SqliteFile(Path(address.database or ""))
        self._engine = _postgresql(address) if self._file is None else _sqlite(self._file)
        try:
            self._migrate_in_turn()
        except BaseException:
            self.close()
            raise

    def _migrate_in_turn(self) -> None:
        deadline = time.monotonic() + OPEN_WAIT_S
        while True:
            try:
                return self._migrate()
            except StoreBusy:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_S)

    def _migrate(self) -> None:
        with self.reading() as connection:
            if is_newest(connection):
                return
        with self.writing() as connection:  # on SQLite this is the lock of all who come at the same time
            if self._file is None:
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            if not is_newest(connection):
                upgrade(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For one question; two may see two states of the database."""
        with self._named_failures(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed at the end of the block, or, where anything is raised, never was."""
        with self._named_failures(), self._engine.connect() as connection:
            if self._file is not None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            if self._file is not None and self._file.moved():
                raise StoreGone
            connection.commit()

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as problem:
            self._engine.dispose()
            raise failure_of(problem) from None  # the driver's words may quote a row
        except StoreGone:
            self._engine.dispose()
            raise
        except OSError as problem:
            self._engine.dispose()
            raise StoreUnreachable(f"the database cannot be opened: {problem.strerror}") from None


def address_of(url: str) -> URL:
    """The address, where it is one that a store can have. Raises StoreFailed."""
    try:
        address = make_url(url)
    except ArgumentError:
        address = URL.create("none")
    plain_file = address.get_backend_name() == "sqlite" and address.database and not address.query
    if not plain_file and address.get_backend_name() != "postgresql":
        raise StoreFailed("the address of the database: expected sqlite:///FILE or postgresql://USER@HOST/NAME")
    return address


def _sqlite(file: SqliteFile) -> Engine:
    return create_engine(
        "sqlite://", creator=file.connect, poolclass=QueuePool, pool_size=1, max_overflow=0, hide_parameters=True
    )


def _postgresql(address: URL) -> Engine:
    engine = create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=1,
        max_overflow=0,
        connect_args={name: value for name, value in _NETWORK.items() if name not in address.query},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _: object) -> None:
        for name, value in _SESSION.items():
            connection.execute(f"SET {name} = '{value}'")
        connection.commit()

    return engine
