"""Garbage is collected in small portions while a service runs, and as usual when it has ended."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from infra.garbage import EVERY_S, MIDDLE_EVERY, collect_young, spare_the_old


class Ring:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """What a test put out of the collector's sight comes back."""
    yield
    gc.unfreeze()


async def _meanwhile(seconds: float) -> None:
    collecting = asyncio.create_task(collect_young())
    await asyncio.sleep(seconds)
    assert not gc.isenabled()
    collecting.cancel()
    with suppress(asyncio.CancelledError):
        await collecting


@pytest.mark.anyio
async def test_a_ring_is_freed_soon_though_nothing_else_is_made() -> None:
    """The usual collector would wait for more to be made; here a few turns are enough. Afterwards it is as usual."""
    ring = weakref.ref(Ring())
    await _meanwhile(10 * EVERY_S)
    assert ring() is None
    assert gc.isenabled()


@pytest.mark.anyio
async def test_a_ring_that_lived_through_one_collection_is_freed_too() -> None:
    """What was in use for a moment goes with one of the next turns that look further."""
    ring = Ring()
    seen = weakref.ref(ring)
    gc.collect(0)
    del ring
    await _meanwhile(5 * MIDDLE_EVERY * EVERY_S)
    assert seen() is None


def test_what_is_old_is_looked_at_no_more() -> None:
    """All that is there now, and nothing that comes later."""
    spare_the_old()
    assert gc.get_freeze_count() > 1_000
    later = Ring()
    assert any(one is later for one in gc.get_objects(0))
