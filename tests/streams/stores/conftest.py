"""Every test of the stores runs on both databases."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from streams.stores.kept import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the address of a new database, each time."""
    numbers = count()
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/kept/{next(numbers)}.sqlite"
    new: Callable[[], str] = request.getfixturevalue("postgres").database
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
