"""What a worker remembers of its partitions, in a database that every worker reaches: SQLite on one machine, PostgreSQL
between hosts.

One row per partition holds the offset that is applied, the messages that were heard, and the epoch of its owner. Taking
a partition over raises the epoch; a write with an older epoch writes nothing and raises `Fenced`. So a worker that was
frozen and comes back cannot undo what its successor did. The rows are named by the topic's id: a log that was made anew
never meets the beds of the old one.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from streams.core.bed import Bed
from streams.shells.engine import Saved
from streams.stores.codec import Damaged, from_bytes, to_bytes
from streams.stores.store import Fenced, opened

_TABLES = MetaData()
_KEY = ("log", "partition")
_progress = Table(
    "partition_progress",
    _TABLES,
    Column("log", String(64), primary_key=True),  # id of the events topic
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("applied", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("heard", Text, nullable=False),  # source -> offset of the newest message of it that was judged
)
_beds = Table(
    "partition_beds",
    _TABLES,
    Column("log", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("encounter", String(64), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)


class Taken(NamedTuple):
    """A partition as its last owner left it, and the epoch under which it is now ours."""

    epoch: int
    saved: Saved
    heard: Mapping[str, int]


class Checkpoints:
    """The store of one log's partitions. Every method is one transaction, and blocks."""

    def __init__(self, url: str, log: str) -> None:
        self._engine, self._log = opened(url), log
        with self._engine.begin() as connection:
            for table in _TABLES.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))  # two workers may begin at once

    def close(self) -> None:
        self._engine.dispose()

    def take(self, partition: int) -> Taken:
        """Take a partition over from whoever had it. If a bed is damaged all are to be rebuilt from the log."""
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        here = {"log": self._log, "partition": partition}
        first = dialect.insert(_progress).values(**here, applied=-1, epoch=0, heard="{}")
        with self._engine.begin() as connection:
            connection.execute(first.on_conflict_do_nothing())
            connection.execute(update(_progress).where(*_at(_progress, here)).values(epoch=_progress.c.epoch + 1))
            row = connection.execute(select(_progress).where(*_at(_progress, here))).one()
            states = connection.execute(select(_beds).where(*_at(_beds, here)).order_by(_beds.c.encounter)).all()
        try:
            beds = {row.encounter: from_bytes(row.state) for row in states}
        except Damaged:
            return Taken(row.epoch, Saved(-1, {}), {})
        return Taken(row.epoch, Saved(row.applied, beds), json.loads(row.heard))

    def save(
        self, partition: int, epoch: int, applied: int, changed: Mapping[str, Bed], heard: Mapping[str, int]
    ) -> None:
        """Beds, offset and what was heard, together. Raises Fenced when the partition was taken over since."""
        here = {"log": self._log, "partition": partition}
        rows = [{**here, "encounter": encounter, "state": to_bytes(bed)} for encounter, bed in changed.items()]
        with self._engine.begin() as connection:
            owned = update(_progress).where(*_at(_progress, here), _progress.c.epoch == epoch)
            written = connection.execute(owned.values(applied=applied, heard=json.dumps(heard, sort_keys=True)))
            if written.rowcount != 1:
                raise Fenced(f"partition {partition} was taken over by another worker: this one stops")
            if rows:
                connection.execute(delete(_beds).where(*_at(_beds, here), _beds.c.encounter.in_(list(changed))))
                connection.execute(_beds.insert(), rows)


def _at(table: Table, here: Mapping[str, object]) -> list:  # type: ignore[type-arg]
    return [table.c[name] == here[name] for name in _KEY]
