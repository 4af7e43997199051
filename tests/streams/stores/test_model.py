"""A store against a dictionary: whatever is asked of it in whatever order, with failures at every commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from schemas.events.quarantine import Fault, Rejected
from streams.stores.failures import Fenced, StoreUnreachable
from streams.stores.kept import BedRow, Owner, Store
from streams.stores.tables import EMBEDDED, TABLES

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)
BEDS = st.sampled_from(["e1", "e2", "e3"])
PARTITIONS = st.sampled_from([(EMBEDDED, 0), ("topic", 0), ("topic", 1)])
ROWS = st.dictionaries(BEDS, st.tuples(st.binary(max_size=3), st.booleans()))
FAILURES = st.sampled_from(["none", "none", "before the commit", "answer lost"])
REFUSALS = [Rejected(fault=Fault.INVALID, why="w", received_at=EIGHT + timedelta(minutes=n)) for n in range(6)]


class Kept(NamedTuple):
    """What a partition is expected to hold."""

    applied: int = -1
    heard: dict[str, int] = {}  # noqa: RUF012  never changed in place
    beds: dict[str, list[bytes]] = {}  # noqa: RUF012


@contextmanager
def commit_fails(how: str) -> Iterator[None]:
    """The next commits fail: before they are done, or after."""
    commit = Connection.commit

    def failing(connection: Connection) -> None:
        if how == "answer lost":
            commit(connection)
        raise OperationalError("COMMIT", {}, Exception("the line broke"))

    with patch.object(Connection, "commit", failing):
        yield


class Machine(RuleBasedStateMachine):
    """Takings, writes, failures and new beginnings."""

    url: str

    @initialize()
    def begin(self) -> None:
        self.store = Store(self.url)
        with self.store._database.writing() as connection:
            for table in TABLES.tables.values():
                connection.execute(table.delete())
        self.kept: dict[tuple[str, int], Kept] = {}
        self.owners: dict[tuple[str, int], Owner] = {}
        self.zombies: list[Owner] = []
        self.log: dict[int, tuple[datetime, str, bytes]] = {}
        self.refused: set[int] = set()

    def teardown(self) -> None:
        self.store.close()

    def owner(self, at: tuple[str, int]) -> Owner:
        if at not in self.owners:
            self.taken(at)
        return self.owners[at]

    @rule(at=PARTITIONS, failure=FAILURES)
    def taken(self, at: tuple[str, int], failure: str = "none") -> None:
        """It comes as it was left; who had it before is a zombie."""
        if failure != "none":
            with commit_fails(failure), pytest.raises(StoreUnreachable):
                self.store.take(*at)
        taken = self.store.take(*at)
        if at in self.owners:
            self.zombies.append(self.owners[at])
        self.owners[at] = taken.owner
        assert taken[1:] == self.kept.setdefault(at, Kept())

    def write(self, failure: str, again: bool, call: Callable[[], object], changes: Callable[[], object]) -> None:
        """A write, and what is expected of it; one that failed is made again, or everything begins anew."""
        if failure == "none":
            call()
            changes()
            return
        with commit_fails(failure), pytest.raises(StoreUnreachable):
            call()
        if again:
            call()
        if again or failure == "answer lost":
            changes()
        if not again:
            self.anew()

    @rule(
        at=PARTITIONS,
        step=st.integers(0, 3),
        rows=ROWS,
        gone=st.sets(BEDS),
        heard=st.none() | st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)),
        failure=FAILURES,
        again=st.booleans(),
    )
    def save(self, at: Any, step: int, rows: Any, gone: set[str], heard: Any, failure: str, again: bool) -> None:
        owner, before = self.owner(at), self.kept[at]
        written = [BedRow(bed, body, whole or step == 0) for bed, (body, whole) in rows.items()]
        beds = {bed: body for bed, body in before.beds.items() if bed not in gone}
        for row in written:
            beds[row.encounter] = [*([] if row.whole else beds.get(row.encounter, [])), row.body]
        after = Kept(before.applied + step, before.heard if heard is None else heard, beds)
        self.write(
            failure,
            again,
            lambda: self.store.save(owner, after.applied, written, sorted(gone), heard=heard),
            lambda: self.kept.update({at: after}),
        )

    @rule(at=PARTITIONS, gone=st.sets(BEDS), failure=FAILURES, again=st.booleans())
    def forget(self, at: Any, gone: set[str], failure: str, again: bool) -> None:
        owner, before = self.owner(at), self.kept[at]
        left = before._replace(beds={bed: rows for bed, rows in before.beds.items() if bed not in gone})
        forget = lambda: self.store.forget(owner, sorted(gone))  # noqa: E731
        self.write(failure, again, forget, lambda: self.kept.update({at: left}))

    @rule(bodies=st.lists(st.binary(max_size=3), min_size=1, max_size=4), failure=FAILURES, again=st.booleans())
    def append(self, bodies: list[bytes], failure: str, again: bool) -> None:
        owner = self.owner((EMBEDDED, 0))
        first = self.last_offset() + 1
        messages = [(EIGHT + timedelta(seconds=first + n), "message", body) for n, body in enumerate(bodies)]
        append = lambda: self.store.append(owner, first, messages)  # noqa: E731
        self.write(failure, again, append, lambda: self.log.update(enumerate(messages, first)))

    @rule(before=st.integers(0, 40), limit=st.integers(1, 5))
    def prune(self, before: int, limit: int) -> None:
        owner, moment = self.owner((EMBEDDED, 0)), EIGHT + timedelta(seconds=before)
        applied = self.kept[EMBEDDED, 0].applied
        oldest = [offset for offset in sorted(self.log) if offset <= applied][:limit]
        old = [offset for offset in oldest if self.log[offset][0] < moment]
        assert self.store.prune_log(owner, moment, limit) == len(old)
        for offset in old:
            del self.log[offset]

    @rule(numbers=st.lists(st.integers(0, len(REFUSALS) - 1), max_size=4), failure=FAILURES, again=st.booleans())
    def publish(self, numbers: list[int], failure: str, again: bool) -> None:
        owner = self.owner((EMBEDDED, 0))
        publish = lambda: self.store.publish(owner, [REFUSALS[n] for n in numbers])  # noqa: E731
        self.write(failure, again, publish, lambda: self.refused.update(numbers))

    @rule(data=st.data())
    def a_zombie_writes(self, data: st.DataObject) -> None:
        """One that was replaced changes nothing."""
        if self.zombies:
            owner = data.draw(st.sampled_from(self.zombies))
            calls: tuple[Callable[[], object], ...] = (
                lambda: self.store.save(owner, 1_000, [BedRow("e1", b"zombie", whole=True)], ["e2"]),
                lambda: self.store.append(owner, 1_000, [(EIGHT, "message", b"zombie")]),
                lambda: self.store.publish(owner, REFUSALS),
                lambda: self.store.forget(owner, ["e1"]),
            )
            for call in calls:
                with pytest.raises(Fenced):
                    call()

    @rule()
    def anew(self) -> None:
        """The process ends and another one begins."""
        self.store.close()
        self.store = Store(self.url)
        self.zombies, self.owners = [], {}
        for at in list(self.kept):
            self.taken(at)

    def last_offset(self) -> int:
        return max([*self.log, self.kept.get((EMBEDDED, 0), Kept()).applied])

    @invariant()
    def what_is_read_is_what_was_written(self) -> None:
        assert self.store.last_offset() == self.last_offset()
        assert {row.offset: (row.at, row.kind, row.body) for row in self.store.log(-1, 1_000)} == self.log
        assert self.store.quarantined() == tuple(REFUSALS[n] for n in sorted(self.refused))
        assert self.store.faults() == ({"invalid": len(self.refused)} if self.refused else {})


@pytest.mark.parametrize(("new_url", "examples"), [("sqlite", 50), ("postgresql", 25)], indirect=["new_url"])
def test_a_store_is_a_dictionary_that_survives(url: str, examples: int) -> None:
    """Takings, writes, failures before and after a commit, new beginnings, in any order: nothing is lost or doubled."""
    machine = type("Machine", (Machine,), {"url": url})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=25))
