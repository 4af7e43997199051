"""The order of effects: what makes "nothing lost, nothing said twice" true, whatever carries the messages.

A shell (embedded, Kafka) brings batches of the ordered log of one partition and forwards what is to be written. For
each batch, in this order:

  (a) every record goes through the beds; what was applied before is skipped; at a gap the shell has to read again;
  (b) alerts, refusals and late notices are published, until they are durable;
  (c) the changed beds are saved together with the new offset, in one transaction;
  (d) the input is acknowledged.

A crash between b and c says the same things again, byte for byte, to stores that know them by their ids; one between
c and d brings records that are skipped. Where b or c fails, what is computed stays and is written when `settle` is
called again: the beds in memory are ahead of the store, never of the log.

Beds that rest (`streams.core.resting`) are in the store alone. `wanted` names those that a batch needs: the shell reads
them, and `take_in` puts them back as they were, before the batch is stepped.
"""

import heapq
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import NamedTuple, Protocol

from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from streams.core.absorb import passed
from streams.core.bed import Bed, counted
from streams.core.judge import Mind
from streams.core.resting import back, is_due, outline
from streams.core.step import Output, Turn, run, wakes_at


class Record(NamedTuple):
    """One record of the ordered log: what it decodes to, and what the clock said when it was written there."""

    offset: int
    now: datetime
    entries: tuple[Event | Tick | Rejected, ...]


class Applied(NamedTuple):
    """What a batch did: what was said, in the order of the log, and the beds that are other ones now."""

    outputs: tuple[Output, ...] = ()
    changed: Mapping[str, Bed] = {}


AT_A_TIME = 4
"""Beds that are judged before others get their turn: the longest pause of a service is theirs."""

Stepping = Generator[None, None, Applied]


class Sink(Protocol):
    """Where the effects of a batch go. Each returns when all is durable, and may be called again after a failure."""

    async def publish(self, outputs: Sequence[Output]) -> None:
        """The same output may come twice: it has the same id and the same bytes."""
        ...

    async def save(self, applied: int, before: Mapping[str, Bed], changed: Mapping[str, Bed]) -> None:
        """In one transaction; `before`: these beds as they were last saved. Raises if another owns them by now.

        Of a bed that rests they are outlines: what is different between them is all that may be written.
        """
        ...

    async def acknowledge(self, offset: int) -> None:
        """Records up to and including `offset` need not be brought again."""
        ...


class Gap(RuntimeError):
    """The batch does not follow what was applied: read the log again from the checkpoint."""


class Engine:
    """One partition's beds, and the order of effects."""

    def __init__(self, sink: Sink, mind: Mind, applied: int = -1, beds: Mapping[str, Bed] | None = None) -> None:
        self._sink, self._mind = sink, mind
        self.applied = applied
        self.beds: dict[str, Bed] = {}
        self.resting: dict[str, Bed] = {}  # outlines of the beds that are in the store alone
        self._first_due: datetime | None = None  # of those
        self._alarms: list[tuple[datetime, str]] = []  # a heap; what is not in `_wakes` any more is passed over
        self._wakes: dict[str, datetime] = {}
        self._unsaid: list[Output] = []
        self._saved: dict[str, Bed] = {}  # of the beds that are not saved as they are: as they were saved last
        self._unsaved_offset = False
        self._touched: dict[str, Bed | None] = {}  # in this batch: as they were before it
        self.take_in(beds or {})

    async def run(self, batch: Sequence[Record]) -> Applied:
        """One batch, all effects in order."""
        applied = self.step(batch)
        await self.settle()
        return applied

    def step(self, batch: Sequence[Record]) -> Applied:
        """What a batch does to the beds in memory; nothing of it is written yet. Raises Gap."""
        return _finished(self.stepping(batch))

    def stepping(self, batch: Sequence[Record]) -> Stepping:
        """The same, a few beds at a time: between them a shell may do other things, but nothing to the engine."""
        new = [record for record in batch if record.offset > self.applied]
        for expected, record in enumerate(new, self.applied + 1):
            if record.offset != expected:
                raise Gap(f"expected offset {expected}, found {record.offset}")
        if not new:
            return Applied()
        outputs: list[Output] = []
        for is_tick, alike in groupby(new, _is_tick):
            records = tuple(alike)
            outputs += yield from self._ticked(records) if is_tick else self._heard(records)
        self.applied, self._unsaved_offset = new[-1].offset, True
        return self._owed(outputs)

    def passing_time(self, now: datetime) -> Stepping:
        """Time passes for the beds in memory alone: what a shell does while nothing can be logged."""
        return self._owed((yield from self._ticked([Record(self.applied, now, ())])))

    async def settle(self) -> None:
        """Effects b to d of what was stepped; after a failure it may be called again."""
        if self._unsaid:
            await self._sink.publish(self._unsaid)
            self._unsaid = []
        if self._saved or self._unsaved_offset:
            await self._sink.save(self.applied, self._saved, {name: self._known(name) for name in self._saved})
            self._saved, self._unsaved_offset = {}, False
        await self._sink.acknowledge(self.applied)

    @property
    def is_settled(self) -> bool:
        return not (self._unsaid or self._saved or self._unsaved_offset)

    def take_in(self, beds: Mapping[str, Bed]) -> None:
        """Beds that were not in memory, as they were saved."""
        for name, saved in beds.items():
            rested = self.resting.pop(name, None)
            if name in self._saved:
                self._saved[name] = saved
            self._put({name: saved if rested is None else back(saved, rested)})
        self._touched = {}
        self._look_ahead()

    def owe(self, encounters: Iterable[str]) -> None:
        """These beds are in memory and not in the store: the next `settle` saves them."""
        self._saved |= {encounter: Bed(encounter) for encounter in encounters}

    def rest(self, encounters: Iterable[str]) -> None:
        """Keep the outlines of beds only, between two batches; only where `is_settled`, and of beds that `can_rest`."""
        for encounter in encounters:
            self.resting[encounter] = outline(self.beds.pop(encounter))
        self._look_ahead()

    def _look_ahead(self) -> None:
        self._first_due = min((bed.due for bed in self.resting.values() if bed.due is not None), default=None)

    def wanted(self, batch: Sequence[Record]) -> frozenset[str]:
        """The beds that rest and have to be taken in before this batch can be stepped."""
        new = [record for record in batch if record.offset > self.applied]
        if not (new and self.resting):
            return frozenset()
        named = {_whose(entry) for record in new for entry in record.entries} & self.resting.keys()
        found = {name for name in named if name is not None}
        latest, lateness = max(record.now for record in new), self._mind.policy.allowed_lateness
        put_back = min((record.now for record in new if _corrects(record)), default=None)
        if put_back is None and (self._first_due is None or latest - lateness <= self._first_due):
            return frozenset(found)
        for name, bed in self.resting.items():
            clock = bed.line.clock
            is_back = put_back is not None and clock is not None and max(clock, latest) > put_back
            if is_back or is_due(bed, latest, lateness):
                found.add(name)
        return frozenset(found)

    def forget(self, encounters: Iterable[str]) -> None:
        """Let go of beds, between two batches."""
        for encounter in encounters:
            self.beds.pop(encounter, None)
            self.resting.pop(encounter, None)
            self._wakes.pop(encounter, None)
        self._look_ahead()

    def _known(self, encounter: str) -> Bed:
        """A bed, or its outline."""
        return self.beds[encounter] if encounter in self.beds else self.resting[encounter]

    @property
    def next_alarm(self) -> datetime | None:
        """When the first of the beds has to hear that time has passed."""
        while self._alarms and self._wakes.get(self._alarms[0][1]) != self._alarms[0][0]:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    # -- the beds

    def _heard(self, records: Sequence[Record]) -> Generator[None, None, list[Output]]:
        """Records of events, each brought to its bed; what they said in the order of the log."""
        turns: dict[str, list[Turn]] = {}
        said: list[list[Output]] = []
        refused: list[Rejected] = []
        for record in records:
            for encounter, entries in groupby(record.entries, _whose):
                told: list[Output] = []
                said.append(told)
                if encounter is None:
                    refusals = [entry for entry in entries if isinstance(entry, Rejected)]
                    told += refusals
                    refused += refusals
                    continue
                events = [entry for entry in entries if not isinstance(entry, Rejected | Tick)]
                turns.setdefault(encounter, []).append(Turn(record.now, events, said=told.extend))
        yield from self._live(turns)
        self._count(refused)
        return [output for told in said for output in told]

    def _ticked(self, records: Sequence[Record]) -> Generator[None, None, list[Output]]:
        """Time passed for every bed, in the order of their names; those for which that changes nothing sleep on."""
        outputs: list[Output] = []
        for record in records:
            woken: dict[str, list[Turn]] = {}
            told: dict[str, list[Output]] = {}
            corrected, due = _corrects(record), list(self._due(record.now))
            for encounter in list(self.beds) if corrected else due:
                if encounter in self.beds:
                    said = told.setdefault(encounter, []).extend
                    woken[encounter] = [Turn(record.now, corrected=corrected, said=said)]
            yield from self._live(woken)
            self._sleep_on([encounter for encounter in due if encounter in self.resting], record.now)
            outputs += [output for encounter in sorted(told) for output in told[encounter]]
        return outputs

    def _due(self, now: datetime) -> Iterator[str]:
        """The beds that have to hear that it is so late; their alarms are taken off."""
        while (alarm := self.next_alarm) is not None and now > alarm:
            encounter = heapq.heappop(self._alarms)[1]
            del self._wakes[encounter]
            yield encounter

    def _live(self, turns: Mapping[str, Sequence[Turn]]) -> Generator[None, None, None]:
        if missing := turns.keys() & self.resting.keys():
            raise LookupError(f"{len(missing)} beds rest: take them in first")
        waiting = iter(turns.items())
        while some := dict(islice(waiting, AT_A_TIME)):
            beds = {encounter: self.beds.get(encounter) or Bed(encounter) for encounter in some}
            self._put(run(beds, some, self._mind))
            yield

    def _sleep_on(self, encounters: Iterable[str], now: datetime) -> None:
        """Time passes for beds that rest; what they would be judged by waits until they are taken in."""
        for encounter in encounters:
            before = self.resting[encounter]
            self._touched.setdefault(encounter, before)
            self.resting[encounter], _ = passed(before, now, self._mind.policy)
            self._wake_at(self.resting[encounter])

    def _put(self, beds: Mapping[str, Bed]) -> None:
        for encounter, bed in beds.items():
            self._touched.setdefault(encounter, self.beds.get(encounter))
            self.beds[encounter] = bed
            self._wake_at(bed)

    def _wake_at(self, bed: Bed) -> None:
        wakes = wakes_at(bed, self._mind.policy)
        if wakes is None:
            self._wakes.pop(bed.encounter, None)
        elif self._wakes.get(bed.encounter) != wakes:
            self._wakes[bed.encounter] = wakes
            heapq.heappush(self._alarms, (wakes, bed.encounter))

    def _count(self, refused: Sequence[Rejected]) -> None:
        """A refusal is counted with the bed it names; alone it opens none."""
        for rejected in refused:
            held = self.resting if rejected.encounter in self.resting else self.beds
            bed = held.get(rejected.encounter or "")
            if bed is not None:
                self._touched.setdefault(bed.encounter, bed)
                held[bed.encounter] = bed._replace(counts=counted(bed.counts, rejected.fault.value))

    def _owed(self, outputs: list[Output]) -> Applied:
        """What was done, and what of it is still to be written."""
        touched, self._touched = self._touched, {}
        changed = {name: bed for name, before in touched.items() if before is not (bed := self._known(name))}
        for name in changed:
            self._saved.setdefault(name, touched[name] or Bed(name))
        self._unsaid += outputs
        return Applied(tuple(outputs), changed)


def _finished(stepping: Stepping) -> Applied:
    while True:
        try:
            next(stepping)
        except StopIteration as end:
            applied: Applied = end.value
            return applied


def _is_tick(record: Record) -> bool:
    return bool(record.entries) and all(isinstance(entry, Tick) for entry in record.entries)


def _corrects(record: Record) -> bool:
    return any(isinstance(entry, Tick) and entry.corrected for entry in record.entries)


def _whose(entry: Event | Tick | Rejected) -> str | None:
    """The bed that an entry is brought to; a refusal is brought to none."""
    return None if isinstance(entry, Rejected | Tick) else entry.encounter
