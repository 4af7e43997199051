"""The PostgreSQL of the tests: a private cluster for the whole session, in a folder of its own, on no port.

It is made from the machine's own programs (Debian's package `postgresql`); they refuse to run as root, so there it runs
as `postgres`. Without them the tests are skipped, or fail where REQUIRE_POSTGRES is set.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

USER = "foreshock"
START_MAX_S = 60.0


class NoPostgres(Exception):
    """No server could be started; the text says why."""


class Postgres:
    """One cluster: databases of one's own, and an administrator's word."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def schema(self) -> str:
        """The address of a new, empty schema: as good as a database for a test that harms none, and made at once."""
        name = f"s{next(self._numbers)}"
        self.run(f"CREATE SCHEMA {name}")
        return f"postgresql://{USER}@/postgres?host={self.folder}&options=-csearch_path%3D{name}"

    def database(self, tablespace: str = "pg_default") -> str:
        """The address of a new, empty database."""
        name = f"t{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TABLESPACE {tablespace}")
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What an administrator's statement answers."""
        with psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def programs() -> Path:
    """The newest server's programs. Raises NoPostgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise NoPostgres("no PostgreSQL server is installed: on Debian, apt-get install postgresql")
    return Path(on_path).resolve().parent


@contextmanager
def started() -> Iterator[Postgres]:
    """A cluster of one's own, for tests that harm it; gone at the end, also when the tests are killed."""
    tools, user = programs(), "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)  # short: a socket's path has at most 107 characters
        if user is not None:
            shutil.chown(folder, user)
        made: list[str | Path] = [
            tools / "initdb",
            "-D",
            folder / "data",
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
        ]
        subprocess.run([*made, "--no-sync"], user=user, cwd=folder, check=True, capture_output=True)
        # fsync=off: a test may kill the server, but the machine stays up
        server = [tools / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        # its input ends when this process does, in whatever way; then the server stops at once: nothing of it is kept
        guard = ["/bin/sh", "-c", '"$@" & read _; kill -QUIT $!; wait', "sh", *map(str, server)]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(guard, user=user, cwd=folder, stdin=subprocess.PIPE, stderr=log, start_new_session=True),
        ):
            cluster = Postgres(folder)
            _wait_for(cluster)
            yield cluster


def _wait_for(cluster: Postgres) -> None:
    end = time.monotonic() + START_MAX_S
    while True:
        try:
            cluster.run("SELECT 1")
            return
        except psycopg.OperationalError as problem:
            if time.monotonic() > end:
                raise NoPostgres(f"the server did not start: {(cluster.folder / 'log').read_text()}") from problem
        time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's cluster; use a database of your own, and do not harm it."""
    try:
        programs()
    except NoPostgres as reason:
        if os.environ.get("REQUIRE_POSTGRES"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    with started() as cluster:
        yield cluster
