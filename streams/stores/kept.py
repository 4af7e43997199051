"""What a shell keeps: the ordered log, the beds as they change, and what was said; one class for every shell.

    store = Store("sqlite:///foreshock.sqlite")                # or postgresql://user@host/name
    taken = store.take(EMBEDDED, 0)                            # ours from now on; who had it before is fenced
    store.publish(taken.owner, outputs)
    store.save(taken.owner, taken.applied + 64, [BedRow("e1", change, whole=False)])

Every method is one transaction, blocks, and raises StoreFailed in one of its kinds. Every write names its owner, and
writes nothing where the partition has another one by now. After any failure but Fenced the same call may be made again:
what was done, though its answer was lost, is not done twice.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import takewhile, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from schemas.clinical.alerts import AlertEvent
from schemas.events import Response
from schemas.events.quarantine import Rejected
from streams.stores import tables
from streams.stores.database import Database
from streams.stores.failures import Fenced
from streams.stores.outputs import alert_event_of, from_us, rejected_of, row_of, row_of_response, to_us
from streams.stores.tables import alert_events, bed_changes, late, log, partitions, quarantine

if TYPE_CHECKING:
    from streams.core.step import Output

ANSWER_MAX = 1000  # rows that a question is answered with
ASKED_AT_ONCE = 500  # beds of one question


class Owner(NamedTuple):
    """One taking of one partition of one log: what every write must show."""

    log: str
    partition: int
    epoch: int


class Taken(NamedTuple):
    """A partition as its last owner left it, ours from now on."""

    owner: Owner
    applied: int  # the last offset whose effects are in the beds; -1: none
    heard: Mapping[str, int]  # source -> offset of the newest message of it that was judged
    beds: dict[str, list[bytes]]  # encounter -> its newest whole row, then what changed since, oldest first


class BedRow(NamedTuple):
    """What is written of one bed: its whole state, that replaces its older rows, or what changed since the last."""

    encounter: str
    body: bytes
    whole: bool


class LogRow(NamedTuple):
    """One record of the embedded log; `at` is what the clock said when it was written, `sender` whom it is from."""

    offset: int
    at: datetime
    kind: str
    body: bytes
    sender: str | None = None


class Refusals(NamedTuple):
    """Refusals that are alike, counted."""

    fault: str
    why: str  # this and the next three: their beginning
    sender: str | None
    code: str | None
    unit: str | None
    encounter: str | None
    times: int
    first_at: datetime
    last_at: datetime


class Store:
    """One database. Used from one thread."""

    def __init__(self, url: str) -> None:
        """Opens it, and makes or migrates its tables."""
        self._database = Database(url)
        self._applied: dict[tuple[str, int], int] = {}  # of what is ours: the offset that we last saved

    def close(self) -> None:
        self._database.close()

    # -- beds

    def take(self, log_id: str, partition: int) -> Taken:
        """A partition from whoever had it, with all rows of all its beds: what they say is nothing to the store."""
        key = {"log": log_id, "partition": partition}
        with self._database.writing() as connection:
            _add_new(connection, partitions, [{**key, "applied": -1, "epoch": 0, "heard": "{}"}])
            connection.execute(update(partitions).where(*_is(partitions, key)).values(epoch=partitions.c.epoch + 1))
            row = connection.execute(select(partitions).where(*_is(partitions, key))).one()
            beds = _rows_of(connection, key)
        self._applied[log_id, partition] = row.applied
        return Taken(Owner(log_id, partition, row.epoch), row.applied, json.loads(row.heard), beds)

    def save(
        self,
        owner: Owner,
        applied: int,
        rows: Sequence[BedRow],
        gone: Sequence[str] = (),
        responses: Iterable[Response] = (),
        heard: Mapping[str, int] | None = None,
    ) -> None:
        """Beds, offset, answers and what was heard (None: as before), together; beds that are `gone` are taken out.

        A change is of the offset it is saved with: it needs one that was not saved before. Raises ValueError.
        """
        before = self._applied[owner.log, owner.partition]
        if applied == before and not all(row.whole for row in rows):
            raise ValueError("expected a change to come with an offset of its own")
        key = {"log": owner.log, "partition": owner.partition}
        progress: dict[str, Any] = {"applied": applied}
        if heard is not None:
            progress["heard"] = json.dumps(heard, sort_keys=True)
        with self._writing(owner) as (connection, found):
            if found != before and found != applied:
                raise Fenced("the partition is not as its owner left it: take it again")
            if found != before:  # it was done, and its answer was lost: a change may not come twice, the rest may
                gone = [bed for bed in gone if bed not in {row.encounter for row in rows}]
                rows = [row for row in rows if row.whole]
            connection.execute(update(partitions).where(*_is(partitions, key)).values(progress))
            _write_beds(connection, key, rows, gone)
            _add_new(connection, tables.responses, [row_of_response(response) for response in responses])
        self._applied[owner.log, owner.partition] = applied

    def beds(self, owner: Owner, encounters: Collection[str]) -> dict[str, list[bytes]]:
        """The rows of some beds, as `Taken.beds` has those of all; what is not there is left out."""
        names, found = sorted(encounters), dict[str, list[bytes]]()
        with self._database.reading() as connection:
            for start in range(0, len(names), ASKED_AT_ONCE):
                some = bed_changes.c.encounter.in_(names[start : start + ASKED_AT_ONCE])
                found |= _rows_of(connection, {"log": owner.log, "partition": owner.partition}, some)
        return found

    def forget(self, owner: Owner, encounters: Sequence[str]) -> None:
        """Takes beds out."""
        with self._writing(owner) as (connection, _):
            _write_beds(connection, {"log": owner.log, "partition": owner.partition}, (), encounters)

    # -- the ordered log of the embedded shell

    def append(
        self,
        owner: Owner,
        first: int,
        messages: Sequence[tuple[datetime, str, bytes]],
        senders: Sequence[str | None] = (),
    ) -> None:
        """Adds (time, kind, body) records at consecutive offsets from `first`; `senders`: of each, if any is known."""
        rows = [
            {"offset": offset, "at_us": to_us(at), "kind": kind, "body": body, "sender": sender}
            for offset, ((at, kind, body), sender) in enumerate(zip_longest(messages, senders), first)
        ]
        with self._writing(owner) as (connection, _):
            there = connection.execute(select(log).where(log.c.offset >= first).order_by(log.c.offset)).mappings()
            found = [dict(row) for row in there]
            if found and found != rows:
                raise Fenced("the log is not as its owner left it: take it again")
            if rows and not found:
                connection.execute(insert(log), rows)

    def log(self, after: int, limit: int) -> list[LogRow]:
        """The records that follow an offset."""
        query = select(log).where(log.c.offset > after).order_by(log.c.offset).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query)
            return [LogRow(row.offset, from_us(row.at_us), row.kind, row.body, row.sender) for row in rows]

    def last_offset(self) -> int:
        """The offset of the newest record of the embedded log, also when it was pruned; -1: there was none."""
        newest = select(func.max(log.c.offset)).scalar_subquery()
        applied = select(func.max(partitions.c.applied)).where(partitions.c.log == tables.EMBEDDED).scalar_subquery()
        with self._database.reading() as connection:
            row = connection.execute(select(newest, applied)).one()
        return max((int(offset) for offset in row if offset is not None), default=-1)

    def prune_log(self, owner: Owner, before: datetime, limit: int) -> int:
        """Deletes up to `limit` of the oldest records that are applied and older than `before`; how many."""
        with self._writing(owner) as (connection, applied):
            oldest = select(log.c.offset, log.c.at_us).where(log.c.offset <= applied).order_by(log.c.offset)
            rows = connection.execute(oldest.limit(limit)).all()
            old = [row.offset for row in takewhile(lambda row: row.at_us < to_us(before), rows)]
            if old:
                connection.execute(delete(log).where(log.c.offset <= old[-1]))
        return len(old)

    # -- what was said

    def publish(self, owner: Owner, outputs: Iterable["Output"]) -> None:
        """Adds what is not there yet."""
        rows: dict[Table, list[Mapping[str, Any]]] = {}
        for output in outputs:
            table, row = row_of(output)
            rows.setdefault(table, []).append(row)
        with self._writing(owner) as (connection, _):
            for table, of_table in rows.items():
                _add_new(connection, table, of_table)

    def alert_events(self, encounter: str | None = None, limit: int = ANSWER_MAX) -> tuple[AlertEvent, ...]:
        """The newest things said, oldest first."""
        query = select(alert_events.c.body).order_by(alert_events.c.at_us.desc(), alert_events.c.id).limit(limit)
        if encounter is not None:
            query = query.where(alert_events.c.encounter == encounter)
        with self._database.reading() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(alert_event_of(body) for body in reversed(bodies))

    def quarantined(self, limit: int = ANSWER_MAX) -> tuple[Rejected, ...]:
        """The newest refusals, oldest first."""
        query = select(quarantine.c.body).order_by(quarantine.c.at_us.desc(), quarantine.c.id).limit(limit)
        with self._database.reading() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(rejected_of(body) for body in reversed(bodies))

    def refusals(self, search: str = "", limit: int = ANSWER_MAX) -> tuple[Refusals, ...]:
        """Alike ones together, newest first; only what holds `search` in one of its words, whatever its case."""
        kinds = [quarantine.c[name] for name in Refusals._fields[:6]]
        at = quarantine.c.at_us
        counted = (func.count().label("times"), func.min(at).label("first"), func.max(at).label("last"))
        query = select(*kinds, *counted).group_by(*kinds).order_by(func.max(at).desc(), *kinds).limit(limit)
        if search:
            words = (func.replace(quarantine.c.fault, "_", " "), *kinds)
            query = query.where(or_(*(word.icontains(search, autoescape=True) for word in words)))
        with self._database.reading() as connection:
            return tuple(
                Refusals(*row[:7], first_at=from_us(row.first), last_at=from_us(row.last))
                for row in connection.execute(query)
            )

    def faults(self) -> dict[str, int]:
        """How many refusals there are of each fault."""
        query = select(quarantine.c.fault, func.count().label("n")).group_by("fault").order_by("fault")
        with self._database.reading() as connection:
            return {row.fault: row.n for row in connection.execute(query)}

    def prune_refusals(self, owner: Owner, before: datetime, most: int) -> None:
        """Deletes refusals and late notices older than `before`, and of each all but about the `most` newest."""
        with self._writing(owner) as (connection, _):
            for table in (quarantine, late):
                newest = select(table.c.at_us).order_by(table.c.at_us.desc()).offset(most).limit(1)
                over = connection.execute(newest).scalar_one_or_none()
                oldest_kept = max(to_us(before), -1 if over is None else over + 1)
                connection.execute(delete(table).where(table.c.at_us < oldest_kept))

    @contextmanager
    def _writing(self, owner: Owner) -> Iterator[tuple[Connection, int]]:
        """A transaction of the partition's owner, whom nobody can replace before its end; with the applied offset."""
        row = select(partitions.c.epoch, partitions.c.applied).where(*_is(partitions, owner._asdict()))
        with self._database.writing() as connection:
            found = connection.execute(row.with_for_update()).one_or_none()
            if found is None or found.epoch != owner.epoch:
                raise Fenced
            yield connection, found.applied


def _is(table: Table, key: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == key[name] for name in ("log", "partition")]


def _add_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds the rows whose ids are not there yet."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    if rows:
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _rows_of(connection: Connection, key: Mapping[str, Any], *which: ColumnElement[bool]) -> dict[str, list[bytes]]:
    """Of each bed its newest whole row, then what changed since, oldest first."""
    newest_last = select(bed_changes).where(*_is(bed_changes, key), *which).order_by("encounter", "number")
    beds: dict[str, list[bytes]] = {}
    for change in connection.execute(newest_last):
        if change.whole:
            beds[change.encounter] = [change.body]
        else:
            beds.setdefault(change.encounter, []).append(change.body)
    return beds


def _write_beds(connection: Connection, key: Mapping[str, Any], rows: Sequence[BedRow], gone: Sequence[str]) -> None:
    replaced = [*gone, *(row.encounter for row in rows if row.whole)]
    if replaced:
        connection.execute(delete(bed_changes).where(*_is(bed_changes, key), bed_changes.c.encounter.in_(replaced)))
    if rows:
        connection.execute(insert(bed_changes), [{**key, **row._asdict()} for row in rows])
