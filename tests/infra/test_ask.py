"""`foreshock ask` reads what a service has saved, as of any moment, and leaves the store as it is."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

import infra.commands.cli
from forecasting.network import forecaster
from guidelines.book import load as book
from infra.commands.ask import CannotAsk, moment, run_ask
from infra.service import EmbeddedBoard
from infra.settings import Settings
from schemas.clinical.findings import Truth
from schemas.events import Event, Movement
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.shells.embedded import Embedded
from streams.stores.failures import StoreFailed
from streams.stores.looking import looked_at
from tests.infra.test_serve import Standing
from tests.streams.bedside import admitted, at, reading, treatment, vitals

pytestmark = pytest.mark.anyio
ROSE = "did lactate rise in the last 6 hours"


def events() -> Iterator[Event]:
    """Rounds at 8, 9, 10 and 11; lactate 2.4 at 09:30, back at 09:50, and 3.1 at 10:45."""
    yield admitted()
    for clock in ("08:00", "09:00"):
        yield from vitals(clock, hr=100, rr=22, spo2=94, bp="100/55", temp=38.2)
    yield reading("lactate", 2.4, "09:30", known="09:50")
    yield from vitals("10:00", hr=110, rr=22, spo2=94, bp="100/55", temp=38.2)
    yield treatment("norepinephrine", "start", "10:40", rate=0.1)
    yield reading("lactate", 3.1, "10:45")
    yield from vitals("11:00", hr=115, rr=22, spo2=94, bp="100/55", temp=38.2)


def mind() -> Mind:
    return Mind(book.load(), forecaster.load(), Policy())


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a data folder from which a service has served."""
    made = Settings(data_dir=tmp_path)
    async with Embedded(made.database_url, mind()) as service:
        for event in events():
            await service.submit_event(event, event.available_at)
        await service.advance(at("11:05"))
    return made


def said(settings: Settings, question: str, when: str | None = None) -> str:
    return "\n".join(run_ask(settings, "e1", question, when)[1])


async def test_the_reading_comes_first_then_the_answer(settings: Settings) -> None:
    """With its bounds, the time it is of, and what is known."""
    lines = said(settings, "chance that MAP falls below 65 or lactate above 4 in the next 12 hours?").splitlines()
    assert lines[0].startswith("Read as: MAP below 65 mmHg, or lactate above 4.0 mmol/L, measured at least once")
    assert lines[1].startswith("Chance: ")
    assert lines[2] == "As of 2026-03-01 11:05 (UTC)."
    assert lines[3].startswith("Known now: MAP 70 mmHg at 11:00")


async def test_an_earlier_moment_knows_nothing_of_what_came_later(settings: Settings) -> None:
    """The second lactate came at 10:45; the first was drawn at 09:30 and known at 09:50."""
    assert run_ask(settings, "e1", ROSE, None)[0].truth is Truth.YES
    assert run_ask(settings, "e1", ROSE, "10:44")[0].truth is Truth.UNKNOWN
    assert run_ask(settings, "e1", "is lactate above 2", "09:49")[0].truth is Truth.UNKNOWN
    assert run_ask(settings, "e1", "is lactate above 2", "09:51")[0].truth is Truth.YES
    assert run_ask(settings, "e1", "is she on noradrenaline", "10:30")[0].truth is Truth.UNKNOWN


async def test_a_later_moment_knows_that_values_grow_old(settings: Settings) -> None:
    """At night of the next day nothing of it is valid."""
    asked, _ = run_ask(settings, "e1", "is MAP below 65", "2026-03-02T23:00:00+00:00")
    assert asked.truth is Truth.UNKNOWN
    assert [need.subject for need in asked.needs] == ["map"]


async def test_asking_writes_nothing(settings: Settings) -> None:
    """The bytes of the database are the same afterwards."""
    file = settings.data_dir / "foreshock.sqlite"
    before = file.read_bytes()
    said(settings, ROSE)
    said(settings, ROSE, "10:00")
    assert file.read_bytes() == before


async def test_a_service_that_runs_goes_on(settings: Settings) -> None:
    """It is asked while it holds the store, hears what was just taken, and the service still owns what it owned."""
    async with Embedded(settings.database_url, mind()) as service:
        await service.submit_event(reading("lactate", 5.0, "11:10"), at("11:10"), until_applied=True)
        await service.advance(at("11:11"))
        assert run_ask(settings, "e1", "is lactate above 4", None)[0].truth is Truth.YES
        await service.submit_event(reading("lactate", 3.0, "11:20"), at("11:20"), until_applied=True)
        await service.advance(at("11:21"))
        assert run_ask(settings, "e1", "is lactate above 4", None)[0].truth is Truth.NO


async def test_a_board_asks_the_bed_that_it_shows(settings: Settings) -> None:
    """By the clock of the service; who is not here, or has left, is asked nothing."""
    async with Embedded(settings.database_url, mind()) as service:
        clock = Standing()
        clock.moment = at("11:06")
        board = EmbeddedBoard(service, clock)
        asked = await board.ask("e1", "chance of MAP below 65 in the next 6 hours")
        assert asked is not None
        assert asked.odds is not None
        assert asked.now == at("11:06")
        assert await board.ask("e2", ROSE) is None
        left = Movement(encounter="e1", observed_at=at("11:07"), available_at=at("11:07"), action="discharge")
        await service.submit_event(left, at("11:07"), until_applied=True)
        await service.advance(at("11:09"))
        assert await board.ask("e1", ROSE) is None


@pytest.mark.parametrize(
    ("question", "status"), [(ROSE, 0), ("is potassium above 6", 0), ("glucose above 8 within 6 hours", 1)]
)
async def test_the_status_tells_a_program_whether_there_is_an_answer(
    settings: Settings, question: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0, also where it cannot be told (an answer); 1 where the question was not read, 2 where there is no stay."""
    monkeypatch.setattr(infra.commands.cli, "configure_logs", lambda _: None)
    folder = {"FORESHOCK_DATA_DIR": str(settings.data_dir)}
    told = CliRunner().invoke(infra.commands.cli.app, ["ask", "e1", question], env=folder)
    assert (told.exit_code, told.stderr) == (status, "")
    assert told.stdout.startswith("Read as: " if status == 0 else "Not asked: ")
    nobody = CliRunner().invoke(infra.commands.cli.app, ["ask", "e2", question], env=folder)
    assert (nobody.exit_code, nobody.stdout) == (2, "")
    assert "there is no such stay" in nobody.stderr


async def test_what_cannot_be_asked_of_is_said(settings: Settings, tmp_path: Path) -> None:
    """No such stay, nothing heard by then, no time, no store."""
    with pytest.raises(CannotAsk, match="there are 1: e1"):
        run_ask(settings, "e2", ROSE, None)
    with pytest.raises(CannotAsk, match="nothing had been heard"):
        run_ask(settings, "e1", ROSE, "07:00")
    with pytest.raises(CannotAsk, match="expected 14:05"):
        run_ask(settings, "e1", ROSE, "yesterday")
    with pytest.raises(StoreFailed, match="there is no store"):
        run_ask(Settings(data_dir=tmp_path / "none"), "e1", ROSE, None)
    assert not (tmp_path / "none").exists()


async def test_a_refusal_offers_what_can_be_asked(settings: Settings) -> None:
    """And is no answer."""
    asked, lines = run_ask(settings, "e1", "glucose above 8 in the next 6 hours", None)
    assert asked.refused is not None
    assert lines == [
        "Not asked: glucose 8 needs its unit.",
        "What can be asked:",
        "  chance that glucose rises above 8 mmol/L within 6 h",
    ]


async def test_a_store_that_is_looked_at_cannot_be_written(settings: Settings) -> None:
    """Not by mistake either: the connection itself is read-only."""
    with looked_at(settings.database_url) as store:
        assert store.encounters() == ["e1"]
        with pytest.raises(Exception, match="readonly"):
            store._connection.exec_driver_sql("DELETE FROM bed_changes")
    assert os.access(settings.data_dir / "foreshock.sqlite", os.R_OK)


@pytest.mark.parametrize(
    ("text", "moment_utc"),
    [
        ("14:05", "2026-03-01T13:05"),
        ("23:00", "2026-02-28T22:00"),  # of the evening before: today it has not been yet
        ("2026-02-27T08:00", "2026-02-27T07:00"),
        ("2026-02-27T08:00:00Z", "2026-02-27T08:00"),
    ],
)
def test_a_moment_is_typed_by_the_clocks_of_the_ward(text: str, moment_utc: str) -> None:
    """In Berlin, where the newest that is known is of 15:00."""
    newest = datetime(2026, 3, 1, 14, tzinfo=UTC)
    assert moment(text, newest, ZoneInfo("Europe/Berlin")) == datetime.fromisoformat(f"{moment_utc}+00:00")
    assert newest - timedelta(days=1) < moment("14:05", newest, ZoneInfo("UTC")) <= newest
