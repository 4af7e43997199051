"""From every older version to this one, and from none; never from a newer one."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from setuptools import find_packages  # type: ignore[import-untyped]
from sqlalchemy import LargeBinary, MetaData, Table, create_engine, insert, inspect, select, text

from schemas.events.quarantine import Fault
from schemas.frozen import from_json
from streams.core.ordering import Late
from streams.stores.database import Database
from streams.stores.failures import StoreNewer
from streams.stores.kept import Store
from streams.stores.migrating import NEWEST, upgrade
from streams.stores.tables import EMBEDDED, TABLES

Opened = Callable[[str], Store]
TOPIC = "Sx1lQm8nTPa0xw2fGZr3Vw"


@pytest.fixture
def old_url(request: pytest.FixtureRequest, old: Path) -> str:
    """The same on either database; on PostgreSQL it is the same rows in the tables that version 0.1 would have made."""
    if request.param == "sqlite":
        return f"sqlite:///{old}"
    url: str = request.getfixturevalue("postgres").schema()
    source, target = create_engine(f"sqlite:///{old}"), create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with source.connect() as there, target.begin() as here:
        upgrade(here, "0001")
        here.execute(text("DROP TABLE alembic_version"))
        tables = MetaData()
        tables.reflect(there)
        for table in tables.tables.values():
            rows = [dict(row) for row in there.execute(select(table)).mappings()]
            here.execute(insert(Table(table.name, MetaData(), autoload_with=here)), rows)
    source.dispose()
    target.dispose()
    return url


both = pytest.mark.parametrize("old_url", ["sqlite", "postgresql"], indirect=True)


def bytes_of(old: Path, table: str) -> dict[str, bytes]:
    with closing(sqlite3.connect(old)) as there:
        return dict(there.execute(f"SELECT encounter, state FROM {table}").fetchall())


@both
def test_what_version_0_1_kept_goes_on(old_url: str, old: Path, opened: Opened) -> None:
    """Beds become whole rows with the bytes they had; offset, log, alerts, late notices and answers are there."""
    beds = bytes_of(old, "beds")
    with closing(sqlite3.connect(old)) as there:
        log = there.execute('SELECT "offset", kind, body FROM log ORDER BY 1').fetchall()
    store = opened(old_url)
    assert [(row.offset, row.kind, row.body) for row in store.log(-1, 1000)] == log
    assert (store.last_offset(), len(log)) == (35, 36)
    taken = store.take(EMBEDDED, 0)
    assert (taken.owner.epoch, taken.applied, taken.heard) == (2, 35, {})
    assert taken.beds == {encounter: [body] for encounter, body in beds.items()}
    said = store.alert_events("e1")
    assert len(said) == len(store.alert_events()) == 19
    assert said[0].at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert {event.alert.encounter for event in said} == {"e1"}
    with store._database.reading() as connection:
        (late,) = connection.execute(select(TABLES.tables["late"].c.body)).scalars()
        answers = connection.execute(select(TABLES.tables["responses"].c.encounter)).scalars().all()
    assert from_json(late, Late).event.encounter == "e2"
    assert answers == ["e1"]


@both
def test_refusals_of_version_0_1_can_be_found_and_sent_again(old_url: str, opened: Opened) -> None:
    """Their reasons are searched like new ones, and the bytes that were refused come back as they were."""
    store = opened(old_url)
    odd, impossible = sorted(store.quarantined(), key=lambda refused: refused.raw_bytes)
    assert (odd.fault, odd.raw, odd.received_at) == (
        Fault.UNDECODABLE,
        b"\xff",
        datetime(2026, 3, 1, 9, 22, tzinfo=UTC),
    )
    assert impossible.raw.startswith(b'{"v":1,"kind":"reading","encounter":"e2"')
    (found,) = store.refusals("15–250 mmHg")
    assert (found.fault, found.encounter, found.times) == ("impossible_value", "e2", 1)


@both
def test_partitions_of_version_0_1_go_on(old_url: str, old: Path, opened: Opened) -> None:
    """A worker finds its partition as it left it: beds, offset, what was heard and the epoch."""
    beds = bytes_of(old, "partition_beds")
    store = opened(old_url)
    taken = store.take(TOPIC, 0)
    assert (taken.owner.epoch, taken.applied) == (2, 41)
    assert taken.heard == {"labs@0/2": 4, "vitals@0/2": 17}
    assert taken.beds == {encounter: [body] for encounter, body in beds.items()}
    assert store.take(TOPIC, 3)[1:] == (-1, {}, {})


@both
def test_a_migration_that_fails_leaves_everything_as_it_was(
    old_url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at its last statement, no table is changed; the next opening does all of it."""
    with monkeypatch.context() as broken:
        whole = Operations.create_index

        def dies(self: Operations, name: str, *args: Any, **more: Any) -> None:
            if name == "late_newest":
                raise RuntimeError("killed here")
            whole(self, name, *args, **more)

        broken.setattr(Operations, "create_index", dies)
        with pytest.raises(RuntimeError, match="killed here"):
            Store(old_url)
    engine = create_engine(old_url.replace("postgresql:", "postgresql+psycopg:"))
    assert {"beds", "progress", "partition_beds", "quarantine"} <= set(inspect(engine).get_table_names())
    assert not {"partitions", "bed_changes", "alembic_version"} & set(inspect(engine).get_table_names())
    engine.dispose()
    assert opened(old_url).take(EMBEDDED, 0).applied == 35


@both
def test_every_way_ends_in_the_same_tables(old_url: str, url: str) -> None:
    """New or migrated, it has the tables, columns, types and indexes that the program asks for, and no others."""
    for address in (old_url, url):
        database = Database(address)
        with database.reading() as connection:
            assert compare_metadata(MigrationContext.configure(connection), TABLES) == []
        database.close()


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    """It says so in a sentence, changes nothing, and stays as it is for the version that made it."""
    Store(url).close()
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0417'"))
    database.close()
    for _ in range(2):
        with pytest.raises(StoreNewer, match="a newer version of this program"):
            Store(url)


def test_the_newest_is_the_last_of_the_numbered() -> None:
    """Migrations are numbered without a gap, each after the one before, and the program asks for the last one."""
    config = Config()
    config.set_main_option("script_location", "streams.stores:migrations")
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    assert [script.revision for script in scripts] == [f"{n:04}" for n in range(1, len(scripts) + 1)]
    assert scripts[-1].revision == NEWEST


def test_the_migrations_are_in_what_is_installed(root: Path) -> None:
    """Their folders are packages, so a wheel holds them."""
    assert {"streams.stores.migrations", "streams.stores.migrations.versions"} <= set(find_packages(str(root)))


def test_bodies_are_bytes() -> None:
    """No body is a text: a database would re-encode it, and its id would no longer be that of its content."""
    bodies = [table.c.body.type for table in TABLES.tables.values() if "body" in table.c]
    assert len(bodies) == 6
    assert all(isinstance(kind, LargeBinary) for kind in bodies)
