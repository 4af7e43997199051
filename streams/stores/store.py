"""The tables of the embedded shell: the ordered log, the beds, and what was said. SQLite, or PostgreSQL by its address.

Every table that outputs go into is idempotent on an id made of content, so that saying a thing again changes nothing.
SQLite runs with a write-ahead log and `synchronous=FULL`: a commit is on the disk, also when the power fails. That
costs one sync per batch, not per message.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from schemas.clinical.alerts import AlertEvent
from schemas.events import Response, identity
from schemas.events.quarantine import Rejected
from schemas.frozen import from_json, to_json
from streams.core.bed import Bed
from streams.core.cards import digest
from streams.core.ordering import Late
from streams.core.step import Output
from streams.shells.engine import Saved
from streams.stores.codec import Damaged, from_bytes, to_bytes

_TABLES = MetaData()
_log = Table(
    "log",
    _TABLES,
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),  # what the clock said when it was written
    Column("kind", String(8), nullable=False),  # message | refusal
    Column("body", LargeBinary, nullable=False),
)
_beds = Table(
    "beds", _TABLES, Column("encounter", String(64), primary_key=True), Column("state", LargeBinary, nullable=False)
)
_progress = Table(
    "progress",
    _TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("applied", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),  # who owns this store: the last one that opened it
)
_alert_events = Table(
    "alert_events",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("alert", String(32), nullable=False, index=True),
    Column("encounter", String(64), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("change", String(16), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
_quarantine = Table(
    "quarantine",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("encounter", String(64)),
    Column("fault", String(32), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)
_late = Table(
    "late",
    _TABLES,
    Column("id", String(32), primary_key=True),
    Column("encounter", String(64), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)
_responses = Table(
    "responses",
    _TABLES,
    Column("id", String(400), primary_key=True),
    Column("encounter", String(64), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fenced(RuntimeError):
    """Another process has opened this store since: this one must stop."""


class Store:
    """One database. Every method is one transaction, and blocks; the shell calls it from one thread."""

    def __init__(self, url: str) -> None:
        """Opens it, makes what is missing, and takes it over from whoever had it before."""
        self._engine: Engine = opened(url)
        _TABLES.create_all(self._engine)
        with self._engine.begin() as connection:
            self._insert(connection, _progress, [{"id": 0, "applied": -1, "epoch": 0}])
            connection.execute(update(_progress).values(epoch=_progress.c.epoch + 1))
            self.epoch = connection.execute(select(_progress.c.epoch)).scalar_one()

    def close(self) -> None:
        self._engine.dispose()

    # -- the ordered log

    def append(self, first: int, messages: Sequence[tuple[datetime, str, bytes]]) -> None:
        """Adds (time, kind, body) rows at consecutive offsets from `first`."""
        rows = [
            {"offset": offset, "at_us": _us(at), "kind": kind, "body": body}
            for offset, (at, kind, body) in enumerate(messages, first)
        ]
        with self._engine.begin() as connection:
            self._owned(connection)
            connection.execute(_log.insert(), rows)

    def log(self, after: int, limit: int) -> list[tuple[int, datetime, str, bytes]]:
        """The rows that follow an offset, as (offset, time, kind, body)."""
        query = select(_log).where(_log.c.offset > after).order_by(_log.c.offset).limit(limit)
        with self._engine.connect() as connection:
            return [(row.offset, _at(row.at_us), row.kind, row.body) for row in connection.execute(query)]

    def last_offset(self) -> int:
        """The offset of the newest record, also when it was pruned."""
        with self._engine.connect() as connection:
            last = connection.execute(select(func.max(_log.c.offset))).scalar_one()
            applied = int(connection.execute(select(_progress.c.applied)).scalar_one())
        return applied if last is None else max(applied, int(last))

    # -- limits

    def prune_log(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` of the oldest rows that are applied and older than `before`; how many."""
        oldest = select(_log.c.offset, _log.c.at_us).order_by(_log.c.offset).limit(limit)
        with self._engine.begin() as connection:
            self._owned(connection)
            applied = connection.execute(select(_progress.c.applied)).scalar_one()
            rows = connection.execute(oldest.where(_log.c.offset <= applied)).all()
            old = [row.offset for row in takewhile(lambda row: row.at_us < _us(before), rows)]
            if old:
                connection.execute(delete(_log).where(_log.c.offset <= old[-1]))
        return len(old)

    def prune_refusals(self, before: datetime, most: int) -> None:
        """Deletes refusals and late notices older than `before`, and of each all but about the `most` newest."""
        with self._engine.begin() as connection:
            self._owned(connection)
            for table in (_quarantine, _late):
                newest = select(table.c.at_us).order_by(table.c.at_us.desc()).offset(most).limit(1)
                over = connection.execute(newest).scalar_one_or_none()
                connection.execute(delete(table).where(table.c.at_us < _us(before)))
                if over is not None:
                    connection.execute(delete(table).where(table.c.at_us <= over))

    def forget(self, encounters: Sequence[str]) -> None:
        """Takes beds out of the checkpoint."""
        with self._engine.begin() as connection:
            self._owned(connection)
            connection.execute(delete(_beds).where(_beds.c.encounter.in_(encounters)))

    # -- checkpoint

    def load(self) -> Saved:
        """The beds as saved. If one is damaged all are rebuilt from what the log keeps: then none is saved."""
        with self._engine.connect() as connection:
            applied = int(connection.execute(select(_progress.c.applied)).scalar_one())
            states = connection.execute(select(_beds).order_by(_beds.c.encounter)).all()
            first = connection.execute(select(func.min(_log.c.offset))).scalar_one()
        try:
            return Saved(applied, {row.encounter: from_bytes(row.state) for row in states})
        except Damaged:
            return Saved(applied if first is None else first - 1, {})

    def save(self, applied: int, changed: Mapping[str, Bed], responses: Iterable[Response] = ()) -> None:
        rows = [{"encounter": encounter, "state": to_bytes(bed)} for encounter, bed in changed.items()]
        with self._engine.begin() as connection:
            self._owned(connection)
            if rows:
                connection.execute(delete(_beds).where(_beds.c.encounter.in_([row["encounter"] for row in rows])))
                connection.execute(_beds.insert(), rows)
            if answers := [_response_row(response) for response in responses]:
                self._insert(connection, _responses, answers)
            connection.execute(update(_progress).values(applied=applied))

    # -- what was said

    def publish(self, outputs: Iterable[Output]) -> None:
        rows: dict[Table, list[dict[str, Any]]] = {}
        for output in outputs:
            table, row = _row(output)
            rows.setdefault(table, []).append(row)
        with self._engine.begin() as connection:
            self._owned(connection)
            for table, of_table in rows.items():
                self._insert(connection, table, of_table)

    def alert_events(self, encounter: str | None = None, limit: int = 1000) -> tuple[AlertEvent, ...]:
        """The newest things said, oldest first."""
        query = select(_alert_events.c.body).order_by(_alert_events.c.at_us.desc(), _alert_events.c.id).limit(limit)
        if encounter is not None:
            query = query.where(_alert_events.c.encounter == encounter)
        with self._engine.connect() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(from_json(body, AlertEvent) for body in reversed(bodies))

    def quarantined(self, limit: int = 1000) -> tuple[Rejected, ...]:
        """The newest refusals, oldest first."""
        query = select(_quarantine.c.body).order_by(_quarantine.c.at_us.desc(), _quarantine.c.id).limit(limit)
        with self._engine.connect() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(from_json(body, Rejected) for body in reversed(bodies))

    def faults(self) -> dict[str, int]:
        """How many refusals there are of each fault."""
        query = (
            select(_quarantine.c.fault, func.count().label("n"))
            .group_by(_quarantine.c.fault)
            .order_by(_quarantine.c.fault)
        )
        with self._engine.connect() as connection:
            return {row.fault: row.n for row in connection.execute(query)}

    def _owned(self, connection: Connection) -> None:
        if connection.execute(select(_progress.c.epoch)).scalar_one() != self.epoch:
            raise Fenced("another process has opened this store: this one stops")

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds the rows whose ids are not there yet."""
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))


def opened(url: str) -> Engine:
    """The database of this address; SQLite with the settings that make a commit durable."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_settings)
    return engine


def named(output: Output) -> tuple[str, bytes]:
    """The id of an output, made of its content, and its bytes: the same in every store, topic and run."""
    body = to_json(output)
    if isinstance(output, AlertEvent):
        return digest(output.alert.id, output.change.value, output.at.isoformat()), body
    return digest(body.decode()), body


def _sqlite_settings(connection: Any, _: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _row(output: Output) -> tuple[Table, dict[str, Any]]:
    """The table of an output, and its row."""
    name, body = named(output)
    row: dict[str, Any] = {"id": name, "body": body}
    match output:
        case AlertEvent():
            row |= {"alert": output.alert.id, "encounter": output.alert.encounter, "change": output.change.value}
            return _alert_events, row | {"at_us": _us(output.at)}
        case Rejected():
            row |= {"encounter": output.encounter, "fault": output.fault.value}
            return _quarantine, row | {"at_us": _us(output.received_at)}
        case Late():
            return _late, row | {"encounter": output.event.encounter, "at_us": _us(output.applied_at)}


def _response_row(response: Response) -> dict[str, Any]:
    body = to_json(response)
    name = f"{response.encounter}|{identity(response)}"
    return {"id": name, "encounter": response.encounter, "at_us": _us(response.available_at), "body": body}


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _at(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
