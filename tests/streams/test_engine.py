"""The order of effects: a crash between any two of them loses nothing and says nothing twice."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.clinical.alerts import AlertEvent
from schemas.events import Tick
from schemas.events.quarantine import Fault, Rejected
from schemas.frozen import to_json
from streams.core.bed import Bed
from streams.core.step import Output
from streams.shells.engine import Applied, Engine, Gap, Record
from streams.stores.codec import bed_of, change, whole
from tests.streams.bedside import SHOCK, at, mind


class Crash(Exception):
    """The process ends here."""


class World:
    """What outlives a crash: a log, what was published, a checkpoint. `crashes` counts effects down to each crash."""

    def __init__(self, log: Sequence[Record], crashes: Sequence[int] = ()) -> None:
        self.log, self.crashes = log, list(crashes)
        self.published: dict[tuple[str, str, str], bytes] = {}
        self.said_twice_differently = False
        self.saved: dict[str, list[bytes]] = {}  # of each bed: the whole of it, and what changed since
        self.applied = self.acknowledged = -1

    def effect(self) -> None:
        if self.crashes:
            self.crashes[0] -= 1
            if self.crashes[0] < 0:
                self.crashes.pop(0)
                raise Crash

    async def publish(self, outputs: Sequence[Output]) -> None:
        for number, output in enumerate(outputs):
            if number == len(outputs) // 2:
                self.effect()  # in the middle: some are out, some are not
            assert isinstance(output, AlertEvent)
            key = (output.alert.id, output.change.value, output.at.isoformat())
            body = to_json(output)
            self.said_twice_differently |= self.published.setdefault(key, body) != body
        self.effect()

    def beds(self) -> dict[str, Bed]:
        return {name: bed_of(rows) for name, rows in self.saved.items()}

    def engine(self) -> Engine:
        """One that takes up what was saved."""
        return Engine(self, mind(), self.applied, self.beds())

    async def save(self, applied: int, before: Mapping[str, Bed], changed: Mapping[str, Bed]) -> None:
        self.effect()
        if applied > self.applied:  # else it was done, and a change may not come twice
            for name, bed in changed.items():
                rows = self.saved.setdefault(name, [])
                rows.append(change(before[name], bed) if rows else whole(bed))
        self.applied = applied
        self.effect()

    async def acknowledge(self, offset: int) -> None:
        self.acknowledged = offset
        self.effect()


LOG = [
    Record(offset, event.available_at, (event,))
    for offset, event in enumerate([*SHOCK, Tick(available_at=at("09:25")), Tick(available_at=at("12:00"))])
]


async def lived(world: World, sizes: Sequence[int]) -> None:
    """Runs the log to its end in batches of these sizes, starting again after every crash."""
    turn = 0
    while world.acknowledged < world.log[-1].offset:
        engine = world.engine()
        try:
            start = world.acknowledged + 1  # the source brings again what was not acknowledged
            while start < len(world.log):
                size = sizes[turn % len(sizes)]
                turn += 1
                await engine.run(world.log[start : start + size])
                start += size
        except Crash:
            continue


@settings(max_examples=10)
@given(st.lists(st.integers(0, 30), max_size=8), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_crashes_and_batches_change_nothing(crashes: list[int], sizes: list[int]) -> None:
    """Crashed after any effects, and cut into any batches: the same alerts, one body for each, and the same beds."""
    calm, stormy = World(LOG), World(LOG, crashes)
    asyncio.run(lived(calm, [len(LOG)]))
    asyncio.run(lived(stormy, sizes))
    assert stormy.published == calm.published
    assert not stormy.said_twice_differently
    assert stormy.beds() == calm.beds()


@pytest.mark.parametrize("fails_at", range(8))
def test_what_could_not_be_written_is_written_when_it_can(fails_at: int) -> None:
    """After a failure the engine still knows what it owes; settling again writes it, once."""

    async def story() -> None:
        calm, world = World(LOG), World(LOG, [fails_at])
        await calm.engine().run(LOG)
        engine = world.engine()
        failed = False
        try:
            await engine.run(LOG)
        except Crash:
            failed = True
            assert {name: bed._replace(awake=None) for name, bed in engine.beds.items()} == calm.beds()
            await engine.settle()
        assert failed == (fails_at < 5)  # two of publishing, two of saving, one of acknowledging
        assert engine.is_settled
        assert world.beds() == calm.beds()
        assert world.published == calm.published
        assert not world.said_twice_differently

    asyncio.run(story())


def test_a_gap_ends_the_engine() -> None:
    """A record that does not follow what was applied is never stepped; one that was applied before is skipped."""

    async def story() -> None:
        engine = World(LOG).engine()
        with pytest.raises(Gap):
            await engine.run([LOG[0], LOG[2]])
        assert (engine.applied, engine.beds) == (-1, {})
        await engine.run(LOG[:3])
        bed = engine.beds["e1"]
        assert await engine.run(LOG[1:3]) == Applied()
        assert engine.beds["e1"] is bed

    asyncio.run(story())


def test_a_refusal_is_published_and_counted_on_its_bed() -> None:
    """A refusal that names a bed is counted on it; one of an unknown bed opens none."""

    async def story() -> None:
        said: list[Output] = []

        class Quiet(World):
            async def publish(self, outputs: Sequence[Output]) -> None:
                said.extend(outputs)

        refusal = Rejected(fault=Fault.UNKNOWN_UNIT, why="expected mmHg", received_at=at("08:00"), encounter="e1")
        stranger = replace(refusal, encounter="e9")
        log = [LOG[0], Record(1, at("08:00"), (refusal, stranger))]
        engine = Quiet(log).engine()
        await engine.run(log)
        assert said == [refusal, stranger]
        assert set(engine.beds) == {"e1"}
        assert engine.beds["e1"].counts["unknown_unit"] == 1

    asyncio.run(story())


def test_time_wakes_those_that_it_changes_alone() -> None:
    """A tick touches the beds whose alarm it is, and says which are other ones; the others sleep on."""

    async def story() -> None:
        engine = World(LOG).engine()
        await engine.run(LOG[:-2])
        alarm = engine.next_alarm
        assert alarm is not None
        asleep = engine.beds["e1"]
        count = len(LOG) - 2
        assert (await engine.run([Record(count, alarm, (Tick(available_at=alarm),))])).changed == {}
        assert engine.beds["e1"] is asleep
        later = alarm + timedelta(minutes=1)
        woken = await engine.run([Record(count + 1, later, (Tick(available_at=later),))])
        assert set(woken.changed) == {"e1"}
        assert woken.changed["e1"] is engine.beds["e1"]

    asyncio.run(story())
