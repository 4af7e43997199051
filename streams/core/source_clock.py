"""Clocks that are wrong: where in time a reading belongs whose source's clock is ahead or behind.

    event, clocks, moved = placed(event, clocks, received_at)

Pure, and one bed's own: what a clock is found to be depends on the log of that bed alone, so that a replay, or another
number of workers, places every reading at the same moment. The rule and its reasons: docs/decisions/0031.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from msgspec.structs import replace

from schemas.events import Event, Reading, Source
from schemas.events.quarantine import WHY_CHARS_MAX
from schemas.frozen import Record

BELIEVED = timedelta(seconds=60)  # a time within a minute before its arrival is taken at its word
ROW = 5  # samples that must agree before a clock is called wrong, or right again
SPREAD_MAX_S = 5.0  # by which they may differ: a backlog that drains, or a value sent again, differs by more
SAMPLE_EVERY = timedelta(seconds=10)  # of what comes meanwhile the least delay counts: a burst is one sample
PAUSE_MAX = timedelta(minutes=5)  # a live source is heard more often; what is charted by the hour is no stream
ERROR_MAX = timedelta(hours=24)  # what is older is history that is sent now, and tells nothing of a clock
SOURCES_MAX = 8  # of one bed; beyond, the one that was heard longest ago is forgotten
KEPT = timedelta(hours=1)  # since its last sample; then nothing is known of a clock any more

_LIVE = frozenset({Source.MONITOR, Source.DEVICE})  # these tell at once; a result is rightly older than its arrival
_NOW = timedelta(0)


class SourceClock(Record, frozen=True, kw_only=True):
    """What is known of one source's clock. A source that was always right has none.

    `delays_s`: received less claimed, the least of each of the last samples, newest last; `sampled_at`: when the newest
    sample began. `off_s`: what is added to its times, positive for a clock that is behind, negative for one that is
    ahead; 0: nothing is known to be wrong. `since`: from when on it is added.
    """

    delays_s: tuple[float, ...]
    sampled_at: datetime
    heard_at: datetime
    off_s: float = 0.0
    since: datetime | None = None


Clocks = Mapping[str, SourceClock]
"""Name of a source -> its clock, of one bed; at most SOURCES_MAX."""


class Placed(NamedTuple):
    """The event where it belongs; the clocks after it; whether it was moved, and why (a name to count by)."""

    event: Event
    clocks: Clocks
    moved: Literal["clock_ahead", "clock_behind"] | None = None


class Offset(NamedTuple):
    """A clock that is wrong, for the board."""

    source: str
    off_s: float  # positive: behind
    since: datetime


def placed(event: Event, clocks: Clocks, received_at: datetime) -> Placed:
    """The event at the time that is true of the patient, as far as can be told when it is received.

    `received_at`: when this system had it.
    """
    delay = received_at - event.observed_at
    if not isinstance(event, Reading):
        return Placed(event, clocks) if delay >= _NOW else _moved(event, clocks, received_at, "clock_ahead")
    name = source_name(event)
    believed = _NOW <= delay <= BELIEVED
    if believed and name not in clocks:
        return Placed(event, clocks)
    live = event.source in _LIVE
    if (live or delay < _NOW) and delay <= ERROR_MAX:
        clocks = _sampled(clocks, name, delay.total_seconds(), received_at, live)
    if believed:
        return Placed(event, clocks)
    clock = _kept(clocks, name, received_at)
    if clock is not None and clock.off_s:
        belongs = min(event.observed_at + timedelta(seconds=clock.off_s), received_at)
        return _moved(event, clocks, belongs, "clock_behind" if clock.off_s > 0 else "clock_ahead")
    return Placed(event, clocks) if delay >= _NOW else _moved(event, clocks, received_at, "clock_ahead")


def source_name(reading: Reading) -> str:
    """Whose clock stamped a reading, as far as we can tell them apart: the sender, and what kind of source it read."""
    return reading.source.value if reading.sender is None else f"{reading.sender} {reading.source.value}"


def offsets(clocks: Clocks, now: datetime) -> tuple[Offset, ...]:
    """The clocks that are wrong and were heard of lately, by name."""
    return tuple(
        Offset(name, clock.off_s, clock.since)
        for name, clock in sorted(clocks.items())
        if clock.since is not None and now - clock.heard_at <= KEPT
    )


def _kept(clocks: Clocks, name: str, at: datetime) -> SourceClock | None:
    clock = clocks.get(name)
    return None if clock is None or at - clock.heard_at > KEPT else clock


def _sampled(clocks: Clocks, name: str, delay_s: float, at: datetime, live: bool) -> Clocks:
    """The clocks with one more delay of this source; a clock that is found right is forgotten."""
    clock = _kept(clocks, name, at)
    others = {other: kept for other, kept in clocks.items() if other != name}
    if clock is None:
        if len(others) >= SOURCES_MAX:
            del others[min(others, key=lambda other: (others[other].heard_at, other))]
        return {**others, name: SourceClock(delays_s=(delay_s,), sampled_at=at, heard_at=at)}
    row, sampled_at = clock.delays_s, clock.sampled_at
    if live and at - sampled_at > PAUSE_MAX:
        row, sampled_at = (delay_s,), at
    elif at - sampled_at < SAMPLE_EVERY:
        row = (*row[:-1], min(row[-1], delay_s))
    else:
        row, sampled_at = (*row, delay_s)[-ROW:], at
    clock = replace(clock, delays_s=row, sampled_at=sampled_at, heard_at=max(at, clock.heard_at))
    if len(row) == ROW and max(row) - min(row) <= SPREAD_MAX_S:
        off_s = round(min(row), 3)
        if abs(off_s) <= BELIEVED.total_seconds():
            return others
        if abs(off_s - clock.off_s) > SPREAD_MAX_S:  # else as before: a message sent twice is placed where it was
            clock = replace(clock, off_s=off_s, since=at)
    return {**others, name: clock}


def _moved(event: Event, clocks: Clocks, belongs: datetime, why: Literal["clock_ahead", "clock_behind"]) -> Placed:
    """The event at another time than it claims; a reading says so, and what it claimed."""
    if not isinstance(event, Reading):
        return Placed(replace(event, observed_at=belongs), clocks, why)
    by_s = abs((belongs - event.observed_at).total_seconds())
    note = (
        f"its clock is {why.removeprefix('clock_')}: moved by {by_s:.0f} s from {event.observed_at:%d %b %H:%M:%S} UTC"
    )
    reason = note if event.reason is None else f"{event.reason[: WHY_CHARS_MAX - len(note) - 2]}; {note}"
    return Placed(replace(event, observed_at=belongs, reason=reason), clocks, why)
