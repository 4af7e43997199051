"""Why a store did not do what it was asked: a closed family of exceptions, each one sentence for a person.

After any of them nothing is half-written, and the same call may be made again on the same store: what was done is not
done twice. No sentence holds an address, a password or anything of a row.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class StoreFailed(RuntimeError):
    """The database failed in a way that has no name of its own here. Its text is for a person."""

    says = "the database failed"

    def __init__(self, says: str | None = None) -> None:
        super().__init__(says or self.says)


class StoreBusy(StoreFailed):
    """Another program held the database, or this partition, for longer than we wait. Try again."""

    says = "the database is held by another program: nothing was written, try again"


class StoreGone(StoreFailed):
    """The file, or the tables, are no longer where they were: what is written would be lost. Works again once back."""

    says = "the database is no longer where it was: it was deleted or replaced since it was opened"


class StoreFull(StoreFailed):
    """There is no room, or the disk fails: the machine does not tell these apart for certain. Try again."""

    says = "the disk of the database takes no more: it is full, or it fails"


class StoreReadOnly(StoreFailed):
    """This program may read the database, but not write it. Works again once it may."""

    says = "the database is read-only for this program"


class StoreUnreachable(StoreFailed):
    """The server does not answer, or the file cannot be opened. Try again."""

    says = "the database cannot be reached"


class StoreDamaged(StoreFailed):
    """The file is no database, or its pages do not fit together. Only a person can help."""

    says = "the database is damaged, or is none: it must be restored from a copy"


class StoreNewer(StoreFailed):
    """A later version of this program has written the database. Only that version, or another database, helps."""

    says = "the database was written by a newer version of this program: use that version, or another database"


class Fenced(StoreFailed):
    """The partition is another's by now, or is not as this owner left it. Stop, or take it again."""

    says = "the partition was taken over since: its earlier owner may not write"


_OF_SQLITE: dict[int, type[StoreFailed]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_IOERR: StoreFull,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CANTOPEN: StoreUnreachable,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
    sqlite3.SQLITE_NOTADB: StoreDamaged,
}
_OF_POSTGRESQL: dict[str, type[StoreFailed]] = {
    "25006": StoreReadOnly,  # read_only_sql_transaction
    "42501": StoreReadOnly,  # insufficient_privilege
    "42P01": StoreGone,  # undefined_table
    "40001": StoreBusy,  # serialization_failure
    "40P01": StoreBusy,  # deadlock_detected
    "55P03": StoreBusy,  # lock_not_available
    "53100": StoreFull,  # disk_full
    "25P03": StoreUnreachable,  # idle_in_transaction_session_timeout: the server let go of us
    "XX001": StoreDamaged,  # data_corrupted
    "XX002": StoreDamaged,  # index_corrupted
}
_AWAY = ("08", "57")  # classes: connection, operator intervention


def failure_of(problem: SQLAlchemyError) -> StoreFailed:
    """What a driver's error means for whoever uses the store."""
    cause = problem.orig if isinstance(problem, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return _OF_SQLITE.get(code & 0xFF, StoreFailed)()
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _OF_POSTGRESQL.get(state, StoreUnreachable if state.startswith(_AWAY) else StoreFailed)()
    return StoreUnreachable() if isinstance(problem, DBAPIError) and _is_of_connection(problem) else StoreFailed()


def _is_of_connection(problem: DBAPIError) -> bool:
    """Whether libpq itself speaks, not the server: it names no state."""
    return problem.connection_invalidated or type(problem).__name__ in ("OperationalError", "InterfaceError")
