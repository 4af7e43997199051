"""A store for who only looks: nothing is written, made or migrated, and the service that owns it goes on undisturbed.

with looked_at("sqlite:///foreshock.sqlite") as store:
    store.bed("e1")                     # as it was last saved, with what the log holds beyond
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from streams.stores.database import address_of
from streams.stores.failures import StoreFailed, StoreUnreachable, failure_of
from streams.stores.migrating import is_newest
from streams.stores.outputs import from_us, to_us
from streams.stores.tables import EMBEDDED, bed_changes, log, partitions

OTHER_VERSION = "the tables of the database are of another version of this program: start its service once"


class Logged(NamedTuple):
    """One record of the embedded log that may be about a bed."""

    offset: int
    at: datetime
    body: bytes


class Looked:
    """What lies in a store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def bed(self, encounter: str) -> list[bytes]:
        """The newest whole row of a bed, then what changed since; empty where there is none."""
        rows = select(bed_changes.c.whole, bed_changes.c.body).where(bed_changes.c.encounter == encounter)
        found: list[bytes] = []
        for row in self._connection.execute(rows.order_by(bed_changes.c.number)):
            found = [row.body] if row.whole else [*found, row.body]
        return found

    def encounters(self) -> list[str]:
        """Every bed that is saved."""
        return list(
            self._connection.execute(select(bed_changes.c.encounter).distinct().order_by("encounter")).scalars()
        )

    def began(self) -> datetime | None:
        """When the kept log begins; None: it is whole, or there is none (Kafka keeps its own)."""
        row = self._connection.execute(select(func.min(log.c.offset), func.min(log.c.at_us))).one()
        return None if row[0] in (None, 0) else from_us(row[1])

    def logged(self, encounter: str, until: datetime | None, after: int = -1) -> Iterator[Logged]:
        """The messages of the embedded log that name a bed, up to a moment, in their order."""
        query = select(log).where(log.c.kind == "message", log.c.offset > after).order_by(log.c.offset)
        if until is not None:
            query = query.where(log.c.at_us <= to_us(until))
        name = encounter.encode()
        for row in self._connection.execution_options(yield_per=500).execute(query):
            if name in row.body:
                yield Logged(row.offset, from_us(row.at_us), row.body)

    def applied(self) -> int | None:
        """The last offset whose effects are in the saved beds; None: the beds are of Kafka's workers."""
        row = select(partitions.c.applied).where(partitions.c.log == EMBEDDED)
        return self._connection.execute(row).scalar_one_or_none()


@contextmanager
def looked_at(url: str) -> Iterator[Looked]:
    """A store, read-only, as of one moment. Raises StoreFailed."""
    try:
        engine = _engine(url)
        try:
            with engine.connect() as connection:
                if not is_newest(connection):
                    raise StoreFailed(OTHER_VERSION)
                yield Looked(connection)
        finally:
            engine.dispose()
    except SQLAlchemyError as problem:
        raise failure_of(problem) from None  # the driver's words may quote a row


def _engine(url: str) -> Engine:
    address = address_of(url)
    if address.get_backend_name() == "postgresql":
        engine = create_engine(address.set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True)
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    path = Path(address.database or "").absolute()
    if not path.is_file():
        raise StoreUnreachable("there is no store: nothing was served from this data folder yet")
    return create_engine(
        f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true", poolclass=NullPool, hide_parameters=True
    )
