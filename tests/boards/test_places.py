"""Places for live lines: one client cannot take them all, and whoever loses one is told."""

import asyncio
from contextlib import ExitStack

import pytest

from boards.web import live
from boards.web.places import ALL_MAX, CLIENT_MAX, NoPlace, Places
from tests.boards.fixtures import five

pytestmark = pytest.mark.anyio


async def test_the_oldest_line_of_a_client_gives_way_to_its_newest() -> None:
    """A browser that opens eighty keeps the newest few; nobody else's is touched."""
    with ExitStack() as open_ones:
        places = Places()
        other = open_ones.enter_context(places.one("nurse", "10.0.0.2"))
        lines = [open_ones.enter_context(places.one("greedy", "10.0.0.1")) for _ in range(80)]
        assert [line.done() for line in lines] == [True] * (80 - CLIENT_MAX) + [False] * CLIENT_MAX
        assert not other.done()


async def test_when_all_places_are_taken_the_fullest_address_gives_way() -> None:
    """One address with many browsers fills the ward; a nurse elsewhere still finds a place, the address itself none."""
    with ExitStack() as open_ones:
        places = Places()
        lines = [open_ones.enter_context(places.one(f"browser {n}", "10.0.0.1")) for n in range(ALL_MAX)]
        with pytest.raises(NoPlace):
            open_ones.enter_context(places.one("one more", "10.0.0.1"))
        assert not any(line.done() for line in lines)
        nurse = open_ones.enter_context(places.one("nurse", "10.0.0.2"))
        assert [line.done() for line in lines[:2]] == [True, False]
        assert not nurse.done()


async def test_of_equals_nobody_gives_way() -> None:
    """Where every address has one place, the next is refused: the bound stays."""
    with ExitStack() as open_ones:
        places = Places()
        for n in range(ALL_MAX):
            open_ones.enter_context(places.one(f"browser {n}", f"10.0.0.{n}"))
        with pytest.raises(NoPlace):
            open_ones.enter_context(places.one("one more", "10.0.1.1"))


async def test_a_place_that_was_left_is_free() -> None:
    """Whoever leaves makes room at once."""
    places = Places()
    for _ in range(3 * ALL_MAX):
        with places.one("a", "10.0.0.1") as left:
            assert not left.done()


async def test_a_line_that_gives_way_says_so_and_ends() -> None:
    """The last event says in words why this line was closed; the page then does not look live."""
    left = asyncio.get_running_loop().create_future()
    source = five()
    line = live.bed_events(source.changes(), left, "mimic3|200001", lambda: "status")
    seen = [await anext(line), await anext(line)]
    left.set_result(None)
    seen += [event async for event in line]
    assert [event.event for event in seen] == ["changed", "status", "full"]
    assert "reload" in str(seen[-1].data)
    assert source.readers == 0
