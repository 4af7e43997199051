"""Every test of the stores runs on both databases."""

import gzip
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from schemas.clinical.alerts import AlertEvent
from schemas.frozen import from_json
from streams.stores.kept import Store

GOLDEN = Path(__file__).parent / "version_0_1.sqlite.gz"
"""Written by the code of version 0.1 (commit 1de0990): in the embedded shell the shock story with an answer, two
refusals and a late reading, and a Kafka worker's checkpoint beside it."""


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the address of a new database, each time."""
    numbers = count()
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/kept/{next(numbers)}.sqlite"
    new: Callable[[], str] = request.getfixturevalue("postgres").schema
    return new


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The address of a new database."""
    return new_url()


@pytest.fixture
def opened() -> Iterator[Callable[[str], Store]]:
    """Opens stores that are closed at the end."""
    stores: list[Store] = []

    def opens(url: str) -> Store:
        stores.append(Store(url))
        return stores[-1]

    yield opens
    for store in stores:
        store.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of version 0.1."""
    file = tmp_path / "old.sqlite"
    file.write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    return file


@pytest.fixture
def said(old: Path) -> tuple[AlertEvent, ...]:
    """What the shock story says, oldest first; all of one encounter, e1."""
    with closing(sqlite3.connect(old)) as there:
        bodies = there.execute("SELECT body FROM alert_events ORDER BY at_us, id DESC").fetchall()
    return tuple(from_json(body, AlertEvent) for (body,) in bodies)
