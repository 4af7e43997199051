"""Every test of the stores runs on both databases."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.stores.kept import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept/store.sqlite"
    database: str = request.getfixturevalue("postgres").database()
    return database


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
