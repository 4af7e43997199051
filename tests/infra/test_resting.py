"""Beds that left memory, as people at a board meet them: listed, and whole again when their page is opened."""

import asyncio
from pathlib import Path

import pytest

from streams.core.resting import SILENT_HELD
from streams.stores.failures import StoreGone
from tests.infra.test_serve import Ward, line, ward

pytestmark = pytest.mark.anyio

RESTS = "only its last values are here"


@pytest.fixture(autouse=True)
def nothing_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause of a slow machine the log does not wait for messages that are still to come."""
    monkeypatch.setattr("streams.shells.log_clock.QUIET_S", 0.0)


async def rested(here: Ward) -> None:
    """One bed of which nothing was heard for a day."""
    first, note = line(value=71), line(kind="note", text="Walks about.", concept=None, value=None, unit=None)
    note = note.replace(b', "concept": null, "value": null, "unit": null', b"")
    await here.post(first, line(observed_at="2026-03-01T08:00:05Z", value=72), note)
    await here.judged()
    await silent(here)


async def silent(here: Ward) -> None:
    for _ in range(5):  # a leap of all at once would be doubted
        here.clock.moment += SILENT_HELD / 4
        await here.judged()
    await here.service.tidy(here.clock.now())
    assert list(here.service.resting) == ["e1"]
    assert here.service.beds == {}


async def test_a_bed_that_rests_stands_on_the_board_and_comes_back_when_its_page_is_opened(tmp_path: Path) -> None:
    """The board lists it as silent with its last value; its page brings it back, with what the store has of it."""
    async with ward(tmp_path) as here:
        await rested(here)
        board = (await here.client.get("/")).text
        assert 'data-encounter="e1"' in board
        assert "72" in board
        assert RESTS in board
        assert here.service.beds == {}
        page = (await here.client.get("/bed/e1")).text
        assert "Walks about." in page
        assert RESTS not in page
        assert list(here.service.beds) == ["e1"]
        assert len(here.service.beds["e1"].chart.readings["hr"]) == 2


@pytest.mark.parametrize("path", ["/api/bed/e1", "/trends/e1"])
async def test_every_address_of_all_of_a_bed_brings_it_back(tmp_path: Path, path: str) -> None:
    """The JSON of one bed and its trends are those of the whole bed."""
    async with ward(tmp_path) as here:
        await rested(here)
        assert (await here.client.get(path)).status_code == 200
        assert list(here.service.beds) == ["e1"]


async def test_where_the_store_cannot_be_read_the_page_says_that_it_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What memory has is shown, with the reason why it is not all; as soon as the store can be read, it is all."""
    async with ward(tmp_path) as here:
        await rested(here)

        def gone(*_: object) -> None:
            raise StoreGone

        with monkeypatch.context() as broken:
            broken.setattr(here.service._store, "beds", gone)
            page = (await here.client.get("/bed/e1")).text
            assert RESTS in page
            assert "Walks about." not in page
        assert "Walks about." in (await here.client.get("/bed/e1")).text


async def test_a_message_that_meets_a_bed_that_cannot_be_read_is_kept_and_judged_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has it, nobody else waits, and when the store can be read again the whole bed hears it."""
    async with ward(tmp_path) as here:
        await rested(here)

        def gone(*_: object) -> None:
            raise StoreGone

        with monkeypatch.context() as broken:
            broken.setattr(here.service._store, "beds", gone)
            assert (await here.post(line(observed_at="2026-03-02T08:05:00Z", value=99))).status_code == 202
            await here.judged()
            assert here.service.trouble is not None
            assert list(here.service.resting) == ["e1"]
        async with asyncio.timeout(20):
            while here.service.trouble is not None:
                await asyncio.sleep(0.1)
        await here.judged()
        assert [r.value for r in here.service.beds["e1"].chart.readings["hr"]] == [71, 72, 99]
        assert (await here.post(line(observed_at="2026-03-02T08:06:00Z", value=98))).status_code == 202
