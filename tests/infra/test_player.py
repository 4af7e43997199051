"""The player and its clock: order and pace are kept, also by a machine that is too slow, and the end is the end."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from infra.clocks import PlayedClock, ServiceClock
from infra.commands.player import AT_ONCE, LAST_LOOK, Player, in_order
from infra.service import keep_time
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Level
from schemas.events import Event
from schemas.frozen import to_json
from streams.adapters import Stay
from streams.core.bed import Bed
from streams.shells.embedded import Embedded
from tests.streams.bedside import EIGHT, SHOCK, at, mind, play, reading

pytestmark = pytest.mark.anyio


def stay(encounter: str, events: Sequence[Event]) -> Stay:
    own = [replace(event, encounter=encounter) for event in events]
    return Stay(encounter, sorted(own, key=lambda event: event.available_at), EIGHT, 4)


def test_all_stays_share_one_order() -> None:
    """The events of several stays come in the order in which they became known, and within a moment stay by stay."""
    first = stay("b", [reading("hr", 80, "08:00"), reading("hr", 81, "08:02")])
    second = stay("a", [reading("hr", 90, "08:00"), reading("hr", 91, "08:01")])
    assert [event.value for event in in_order([first, second])] == [80, 90, 91, 81]  # type: ignore[union-attr]


async def test_what_is_played_is_judged_in_order_to_its_end(tmp_path: Path) -> None:
    """History and the rest go in, nothing becomes late or is refused, and time then goes on at its real pace."""
    stays = [stay("e1", SHOCK), stay("e2", SHOCK)]
    live_from = at("09:00")
    last = max(event.available_at for event in SHOCK)
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind()) as service:
        clock = PlayedClock(live_from, 36_000)
        player = Player(service, stays, clock, live_from)
        told: list[int] = []
        await player.before(lambda done, _: told.append(done))
        history = sum(event.available_at < live_from for event in SHOCK) * 2
        assert (player.played, told[-1]) == (history, history)
        assert clock.now() >= live_from
        await player.live(lambda done, _: told.append(done))
        await service.advance(clock.now())
        assert player.played == player.total == told[-1] == 2 * len(SHOCK)
        assert clock.speed == 1.0
        assert timedelta(0) < clock.now() - (last + LAST_LOOK) < timedelta(seconds=30)
        assert all(bed.counts.get("late", 0) == 0 for bed in service.beds.values())
        assert await service.faults() == {}
        assert {bed.line.waiting for bed in service.beds.values()} == {()}


async def test_the_clock_follows_a_player_that_cannot_keep_up(tmp_path: Path) -> None:
    """Where the recording comes faster than it can be judged, the clock goes on as it does."""
    events = [reading("hr", 80 + n % 40, n) for n in range(4 * AT_ONCE)]
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind()) as service:
        clock = PlayedClock(EIGHT, 1e9)
        player = Player(service, [stay("e1", events)], clock, EIGHT)
        seen: list[datetime] = []
        await player.live(lambda *_: seen.append(clock.now()))
    assert seen == [EIGHT + timedelta(minutes=n * AT_ONCE) for n in range(4)]


async def test_a_clock_that_runs_behind_what_is_played_puts_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of two beds are logged at once, while time is kept: the clock comes after, and no bed is put back by it.

    So what the demo says is what a replay says.
    """
    monkeypatch.setattr("infra.service.LOOK_EVERY_S", 0.001)
    stays = [stay("e1", SHOCK), stay("e2", [reading("hr", 80 + n % 40, n) for n in range(0, 12 * AT_ONCE, 2)])]
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind()) as service:
        clock = PlayedClock(at(12 * AT_ONCE), 600)
        player = Player(service, stays, clock, at(12 * AT_ONCE))
        time = asyncio.create_task(keep_time(service, clock))
        await player.before(lambda *_: None)
        await service.advance(at(12 * AT_ONCE))
        time.cancel()
        assert all("clock_corrected" not in bed.counts for bed in service.beds.values())
        said = await service.alert_events("e1")
    alone = [o for o in play(stays[0].events, at(12 * AT_ONCE))[1] if isinstance(o, AlertEvent)]
    assert sorted(map(to_json, said)) == sorted(map(to_json, alone))


async def test_a_clock_that_is_looked_at_before_anything_is_played_never_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time is kept before the first event is handed over, as in the demo: no bed hears of a correction."""
    monkeypatch.setattr("infra.service.LOOK_EVERY_S", 0.001)
    live_from = at(12 * AT_ONCE)
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind()) as service:
        clock = PlayedClock(live_from, 600)
        player = Player(service, [stay("e1", SHOCK)], clock, live_from)
        assert clock.now() == SHOCK[0].available_at
        time = asyncio.create_task(keep_time(service, clock))
        await asyncio.sleep(0.01)  # it has looked
        await player.before(lambda *_: None)
        await asyncio.sleep(0.01)
        await service.advance(live_from)
        time.cancel()
        assert service.beds["e1"].counts.get("clock_corrected", 0) == 0


async def test_time_passes_for_beds_that_hear_nothing(tmp_path: Path) -> None:
    """What waits in a bed's line is judged by the passing of time alone."""
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind()) as service:
        clock = PlayedClock(EIGHT, 60)
        clock.until = at("09:00")
        await service.submit_event(reading("hr", 80, "08:00"), EIGHT)
        time = asyncio.create_task(keep_time(service, clock))
        while service.beds.get("e1") is None or service.beds["e1"].line.waiting:
            await asyncio.sleep(0.02)
        time.cancel()
        assert service.beds["e1"].chart.readings["hr"][0].value == 80


async def test_a_quiet_ward_is_judged_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message, and nothing else is heard: its turn comes when its lateness of 1.5 s is over, quiet or not."""
    monkeypatch.setattr("streams.shells.log_clock.QUIET_S", 60.0)
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind(1.5)) as service:
        clock = ServiceClock()
        time = asyncio.create_task(keep_time(service, clock))
        began = clock.now()
        await service.submit_event(replace(reading("hr", 80, "08:00"), observed_at=began, available_at=began), began)
        while "e1" not in service.beds or service.beds["e1"].line.waiting:
            await asyncio.sleep(0.02)
        time.cancel()
        assert clock.now() - began < timedelta(seconds=30)


class Leaping:
    """A clock that is set by hand."""

    speed, doubt = 1.0, None
    moment = at("08:00:10")

    def now(self) -> datetime:
        return self.moment

    def heard(self, offset_s: float) -> None: ...


async def test_a_ward_that_was_hours_ahead_is_warned_at_the_right_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is heard while the clock is two and a half hours ahead, then right again: the beds are put back at once.

    MAP 45 and a lactate of 6 a minute later are critical within half a minute of log time, and nothing is late.
    """
    monkeypatch.setattr("infra.service.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("streams.shells.log_clock.PAUSED_S", 0.3)
    monkeypatch.setattr("streams.shells.log_clock.QUIET_S", 0.1)
    async with Embedded(f"sqlite:///{tmp_path}/s.sqlite", mind()) as service:

        async def until(holds: Callable[[Bed], object]) -> None:
            async with asyncio.timeout(20):
                while not holds(service.beds["e1"]):
                    await asyncio.sleep(0.01)

        for event in [e for e in SHOCK if e.available_at <= at("08:05")]:
            await service.submit_event(event, event.available_at)
        clock = Leaping()
        time = asyncio.create_task(keep_time(service, clock))
        clock.moment = at("10:30")
        await until(lambda bed: bed.line.clock == at("10:30"))
        await asyncio.sleep(0.4)  # a quiet ward: the next look is the first after a pause
        clock.moment = at("08:06")
        await until(lambda bed: "clock_corrected" in bed.counts)
        clock.moment = at("08:07")
        for sick in (reading("map", 45, "08:07", method="invasive"), reading("lactate", 6, "08:07")):
            await service.submit_event(sick, at("08:07"))
        clock.moment = at("08:07:30")
        await until(lambda bed: bed.episodes["SEP"].level is Level.CRITICAL)
        time.cancel()
        bed = service.beds["e1"]
        assert bed.episodes["SEP"].changed_at == at("08:07")
        assert bed.line.clock == at("08:07:30")
        assert (bed.counts["clock_corrected"], bed.counts.get("late", 0)) == (1, 0)
