"""The order of effects: what makes "nothing lost, nothing said twice" true, whatever carries the messages.

A shell (embedded, Kafka) brings batches of the ordered log of one partition and forwards what is to be written. For
each batch, in this order:

  (a) `step` every record; skip what was applied before; a gap ends the engine, so that the shell reads again;
  (b) publish alerts, refusals and late notices, and wait until they are durable;
  (c) save the changed beds together with the new offset, in one transaction;
  (d) acknowledge the input.

A crash between b and c says the same things again, byte for byte, to stores that know them by their ids; one between
c and d brings records that are skipped. What a failed batch computed is forgotten: it can be run again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from streams.core.bed import Bed, counted
from streams.core.step import Mind, Output, step, wakes_at


class Record(NamedTuple):
    """One record of the ordered log: what it decodes to, and what the clock said when it was written there."""

    offset: int
    now: datetime
    entries: tuple[Event | Tick | Rejected, ...]


class Saved(NamedTuple):
    """A checkpoint: the last offset whose effects are in the beds (-1: none)."""

    applied: int
    beds: Mapping[str, Bed]


class Source(Protocol):
    async def acknowledge(self, offset: int) -> None:
        """Records up to and including `offset` need not be brought again."""
        ...


class Sink(Protocol):
    async def publish(self, outputs: Sequence[Output]) -> None:
        """Returns when all are durable. The same output may come twice: it has the same id and the same bytes."""
        ...


class Checkpoint(Protocol):
    async def load(self) -> Saved: ...

    async def save(self, applied: int, changed: Mapping[str, Bed]) -> None:
        """In one transaction. Raises if somebody else has written since `load` (a zombie must not)."""
        ...


class Gap(RuntimeError):
    """The batch does not follow what was applied: read the log again from the checkpoint."""


class Engine:
    """One partition's beds, and the order of effects."""

    def __init__(self, source: Source, sink: Sink, checkpoint: Checkpoint, mind: Mind) -> None:
        self._source, self._sink, self._checkpoint, self._mind = source, sink, checkpoint, mind
        self.beds: dict[str, Bed] = {}
        self.applied = -1

    async def load(self) -> int:
        """Take up where the checkpoint stands; the offset of the last record that is in it."""
        saved = await self._checkpoint.load()
        self.beds, self.applied = dict(saved.beds), saved.applied
        return self.applied

    def forget(self, encounters: Iterable[str]) -> None:
        """Let go of beds that the shell has taken out of its checkpoint, between two batches."""
        for encounter in encounters:
            self.beds.pop(encounter, None)

    async def run(self, batch: Sequence[Record]) -> tuple[Output, ...]:
        """One batch, all effects in order; what was said."""
        new = [record for record in batch if record.offset > self.applied]
        if not new:
            return ()
        outputs, changed = self._stepped(new)
        applied = new[-1].offset
        if outputs:
            await self._sink.publish(outputs)
        await self._checkpoint.save(applied, changed)
        self.beds.update(changed)
        self.applied = applied
        await self._source.acknowledge(applied)
        return tuple(outputs)

    def _stepped(self, records: Sequence[Record]) -> tuple[list[Output], dict[str, Bed]]:
        outputs: list[Output] = []
        changed: dict[str, Bed] = {}
        for expected, record in enumerate(records, self.applied + 1):
            if record.offset != expected:
                raise Gap(f"expected offset {expected}, found {record.offset}")
            for entry in record.entries:
                outputs.extend(self._applied(entry, record.now, changed))
        return outputs, changed

    def _applied(self, entry: Event | Tick | Rejected, now: datetime, changed: dict[str, Bed]) -> Sequence[Output]:
        if isinstance(entry, Tick):
            return self._ticked(entry, now, changed)
        bed = None if entry.encounter is None else changed.get(entry.encounter) or self.beds.get(entry.encounter)
        if isinstance(entry, Rejected):
            if bed is not None:  # a refusal alone opens no bed
                changed[bed.encounter] = bed._replace(counts=counted(bed.counts, entry.fault.value))
            return (entry,)
        changed[entry.encounter], outputs = step(bed or Bed(entry.encounter), entry, now, self._mind)
        return outputs

    def _ticked(self, tick: Tick, now: datetime, changed: dict[str, Bed]) -> Sequence[Output]:
        """Time passed for every bed, in the order of their names; those for which that changes nothing sleep on."""
        outputs: list[Output] = []
        for encounter in sorted(self.beds.keys() | changed.keys()):
            bed = changed.get(encounter) or self.beds[encounter]
            wakes = wakes_at(bed, self._mind.policy)
            if wakes is not None and now > wakes:
                changed[encounter], said = step(bed, tick, now, self._mind)
                outputs.extend(said)
        return outputs
