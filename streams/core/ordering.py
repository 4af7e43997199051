"""The waiting line in front of a bed: which events may be judged now, which came late, which are refused.

Pure, and with its clock passed in. `now` only ever says that time has passed: an instant is closed once the clock is
more than the allowed lateness past it, and is then judged once, at its own time. An event whose instant is closed
when it comes is late: whether it is depends on its own `now` and `available_at` alone, never on how many ticks came.
"""

from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from schemas.codes.concepts import CONCEPTS
from schemas.events import Event, Note, Reading, Status, Treatment, identity
from schemas.events.quarantine import Fault, Rejected, rejected
from schemas.events.wire import encode
from schemas.frozen import Record, always
from streams.core.bed import Line

AHEAD_MAX = timedelta(minutes=5)  # an event known later than this after our clock is refused (reference Q14)
JUMP_MAX = timedelta(hours=24)  # a clock that leaps further needs a second witness
READINGS_PER_SECOND_MAX = 500  # of one bed; beyond, a second keeps per concept its lowest, highest and newest
WAITING_MAX = 600  # events of one bed in the line
NOTES_WAITING_MAX = 8
CROWDED_MAX = 64  # seconds remembered as too fast


_RANK = {Status.PRELIMINARY: 1, Status.FINAL: 2, Status.CORRECTED: 3, Status.ENTERED_IN_ERROR: 4}


def _rank(event: Event) -> int:
    return _RANK[event.status] if isinstance(event, Reading | Note | Treatment) else 0


class Late(Record, frozen=True, kw_only=True):
    """An event that came after its instant was judged. It is applied at `applied_at`, and stays in its own past."""

    v: Literal[1] = always(1)
    event: Event
    applied_at: datetime


class Moved(NamedTuple):
    """What a look at the clock changed."""

    line: Line
    refused: tuple[Rejected, ...] = ()
    counts: tuple[str, ...] = ()


def clock_moved(line: Line, now: datetime, lateness: timedelta) -> Moved:
    """The line when the clock says `now`. A leap waits for a second witness; a step back moves nothing."""
    if now == line.clock and line.ahead is None:
        return Moved(line)
    if _trusted(line, now):
        clock = now if line.clock is None else max(line.clock, now)
        closed = clock - lateness if line.closed is None else max(line.closed, clock - lateness)
        counts = () if line.clock is None or now >= line.clock else ("clock_backwards",)
        moved = line._replace(clock=clock, closed=closed, ahead=None)
        return _without_strays(moved, clock, counts) if line.ahead is not None else Moved(moved, (), counts)
    first = line.clock is None and line.ahead is None
    waits = Moved(line._replace(ahead=now), (), () if first else ("clock_jump",))
    return waits if line.clock is not None else _without_strays(waits.line, now, waits.counts)


def _trusted(line: Line, now: datetime) -> bool:
    """Whether `now` is near our clock, or near a leap that another record has shown before."""
    if line.clock is not None and now <= line.clock + JUMP_MAX:
        return True
    return line.ahead is not None and abs(now - line.ahead) <= JUMP_MAX


def _without_strays(line: Line, clock: datetime, counts: tuple[str, ...]) -> Moved:
    """The line without events of a leap that nothing confirmed."""
    strays = [event for event in line.waiting if event.available_at > clock + AHEAD_MAX]
    if not strays:
        return Moved(line, (), counts)
    why = "available_at: the clock leapt ahead with this event alone, and nothing confirmed it"
    left = tuple(event for event in line.waiting if event.available_at <= clock + AHEAD_MAX)
    return Moved(
        line._replace(waiting=left), tuple(refused(event, Fault.CLOCK_JUMP, why, clock) for event in strays), counts
    )


class Queued(NamedTuple):
    """The line with one more event; `late`: that event as it came, if its instant was closed."""

    line: Line
    late: Event | None = None
    refused: tuple[Rejected, ...] = ()


def queued(line: Line, event: Event, now: datetime) -> Queued:
    """The line with an event in it, or the reason why it is not. A late one is known from now on, not before."""
    if event.available_at > now + AHEAD_MAX:
        why = "available_at: expected at most 5 minutes after our clock, found later"
        return Queued(line, None, (refused(event, Fault.FUTURE_TIME, why, now),))
    late = event if line.closed is not None and event.available_at < line.closed else None
    if late is not None:
        event = replace(event, available_at=max(now, line.clock or now))
    over = _over(line, event)
    if over is not None:
        return Queued(line, None, (refused(event, Fault.FLOOD, over, now),))
    line = line._replace(waiting=(*line.waiting, event))
    second = event.available_at.replace(microsecond=0)
    if len(line.waiting) > READINGS_PER_SECOND_MAX or second in line.crowded:
        line, flood = _squeezed(line, second, now)
        return Queued(line, late, flood)
    return Queued(line, late)


def _squeezed(line: Line, second: datetime, now: datetime) -> tuple[Line, tuple[Rejected, ...]]:
    """The line with one second brought down to the lowest, highest and newest of each concept, if that came too fast.

    Once a second was too fast it stays so: what is left of it does not depend on the order in which it came.
    """
    fast = [e for e in line.waiting if isinstance(e, Reading) and e.available_at.replace(microsecond=0) == second]
    if second not in line.crowded and len(fast) <= READINGS_PER_SECOND_MAX:
        return line, ()
    kept: dict[tuple[str, str], Reading] = {}
    for reading in sorted(fast, key=_by_content):
        kept[reading.concept, "newest"] = reading
        if reading.value is None:
            continue
        low, high = kept.get((reading.concept, "low")), kept.get((reading.concept, "high"))
        if low is None or low.value is None or reading.value < low.value:
            kept[reading.concept, "low"] = reading
        if high is None or high.value is None or reading.value > high.value:
            kept[reading.concept, "high"] = reading
    spared = {id(reading) for reading in kept.values()}
    dropped = {id(reading) for reading in fast} - spared
    why = f"expected at most {READINGS_PER_SECOND_MAX} readings in a second; the extremes and the newest are kept"
    flood = tuple(refused(reading, Fault.FLOOD, why, now) for reading in fast if id(reading) in dropped)
    crowded = (second, *(s for s in line.crowded if s != second))[:CROWDED_MAX]
    left = tuple(event for event in line.waiting if id(event) not in dropped)
    return line._replace(waiting=left, crowded=crowded), flood


def _by_content(reading: Reading) -> tuple[Any, ...]:
    """Where a reading stands among others: by time, then by all that it says, never by arrival."""
    said = (
        reading.value or 0.0,
        reading.code or "",
        reading.quality,
        reading.reason or "",
        reading.original_value or 0.0,
    )
    return reading.observed_at, reading.concept, reading.source, reading.method or "", _rank(reading), *said


def released(line: Line, until: datetime | None) -> tuple[Line, datetime | None, tuple[Event, ...]]:
    """The next closed instant (no later than `until`, if given) with its events in order, and the line without it."""
    closed = line.closed
    if closed is None or not line.waiting:
        return line, None, ()
    at = min(event.available_at for event in line.waiting)
    if at >= closed or (until is not None and at > until):
        return line, None, ()
    ready = [event for event in line.waiting if event.available_at == at]
    left = tuple(event for event in line.waiting if event.available_at != at)
    crowded = tuple(s for s in line.crowded if s >= closed.replace(microsecond=0)) if line.crowded else ()
    if len(ready) > 1:
        ready = _in_turn(ready)
    return line._replace(waiting=left, crowded=crowded), at, tuple(ready)


def _in_turn(events: list[Event]) -> list[Event]:
    """The order inside one instant: by identity; of two versions of the same event, the one that counts comes last."""
    keyed = [((identity(event), _rank(event)), event) for event in events]
    if len({key for key, _ in keyed}) < len(keyed):  # rare: versions of one status; then their content decides
        return sorted(events, key=lambda event: (identity(event), _rank(event), encode(event)))
    return [event for _, event in sorted(keyed, key=itemgetter(0))]


def _over(line: Line, event: Event) -> str | None:
    if len(line.waiting) >= WAITING_MAX:
        return f"expected at most {WAITING_MAX} events of one bed to wait, found more"
    if isinstance(event, Note) and sum(isinstance(other, Note) for other in line.waiting) >= NOTES_WAITING_MAX:
        return f"expected at most {NOTES_WAITING_MAX} notes of one bed to wait, found more"
    return None


def refused(event: Event, fault: Fault, why: str, now: datetime) -> Rejected:
    """The refusal of an event that was decoded well: it can be sent again as it is."""
    code = event.concept if isinstance(event, Reading) else event.item if isinstance(event, Treatment) else None
    unit = CONCEPTS[event.concept].unit if isinstance(event, Reading) and event.value is not None else None
    return rejected(
        encode(event), fault, why, now, encounter=event.encounter, code=code, unit=unit, sender=event.sender
    )
