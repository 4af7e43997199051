"""Several inputs merged into one order of log time. Pure: no Kafka, no clock of its own.

Kafka keeps no order across topics: a router that reads vitals faster than labs would make the labs look late. So a
record is released only when no other input can still bring an older one.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from typing import Generic, NamedTuple, TypeVar

from schemas.frozen import EARLIEST, LATEST

Source = TypeVar("Source", bound=Hashable)
Load = TypeVar("Load")


class Released(NamedTuple, Generic[Source, Load]):
    source: Source
    offset: int
    now: datetime
    load: Load


@dataclass
class _Row(Generic[Source, Load]):
    pending: deque[Released[Source, Load]] = field(default_factory=deque)
    clock: datetime = EARLIEST  # nothing older will come
    last: int | None = None  # offset of the newest record that was taken


class Merge(Generic[Source, Load]):
    """Sources, each in its own order; what they release together never steps back in time."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._rows: dict[Source, _Row[Source, Load]] = {source: _Row() for source in sources}
        self._released_at = EARLIEST

    def take(self, source: Source, offset: int, now: datetime, load: Load) -> None:
        """One record of a source, to be released at its turn. One that steps back is put at its source's clock."""
        row = self._rows[source]
        row.clock, row.last = max(row.clock, now), offset
        row.pending.append(Released(source, offset, row.clock, load))

    def passed(self, source: Source, now: datetime, offset: int | None = None) -> None:
        """Nothing older than `now` will come from this source; `offset`: of the record that said so."""
        row = self._rows[source]
        row.clock = max(row.clock, now)
        row.last = row.last if offset is None else offset

    def waits(self, source: Source) -> int:
        """How many records of this source wait for their turn."""
        return len(self._rows[source].pending)

    @property
    def clock(self) -> datetime:
        """Nothing older than this will be released any more."""
        ends = (row.pending[0].now if row.pending else row.clock for row in self._rows.values())
        return max(self._released_at, min(ends, default=EARLIEST))

    def released(self) -> list[Released[Source, Load]]:
        """What is safe to write now, in order; its `now` never steps back."""
        rows = list(self._rows.values())
        heads = [(row.pending[0].now, number) for number, row in enumerate(rows) if row.pending]
        heapify(heads)
        bound = min((row.clock for row in rows if not row.pending), default=LATEST)
        ready: list[Released[Source, Load]] = []
        while heads and heads[0][0] <= bound:
            now, number = heads[0]
            row = rows[number]
            self._released_at = max(self._released_at, now)
            ready.append(row.pending.popleft()._replace(now=self._released_at))
            if row.pending:
                heapreplace(heads, (row.pending[0].now, number))
            else:
                heappop(heads)
                bound = min(bound, row.clock)
        return ready

    def taken_up_at(self, source: Source) -> int | None:
        """The offset at which a successor must take up this source: what waits, or again the newest record.

        The newest record is read again because it tells how far the source's time has come.
        """
        row = self._rows[source]
        return row.pending[0].offset if row.pending else row.last
