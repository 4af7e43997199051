"""`foreshock ask`: a question in plain English about one stay, answered from what a service has saved; read-only."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from boards.icu.ahead import percent, percent_range
from boards.icu.asked import TRUTHS
from boards.printable import printable
from boards.words import source
from forecasting.local.own import own
from infra.service import mind_of
from infra.settings import Settings
from schemas.boards.asked import Asked
from schemas.clinical.findings import Evidence
from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from schemas.local_time import clock_and_day, zone_name
from streams.adapters.decode import decode
from streams.core.asking import answered
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.step import step
from streams.stores.codec import Damaged, bed_of
from streams.stores.looking import Looked, looked_at

NAMED_MAX = 8  # stays that are named where the one that was asked about is not there
SECOND = timedelta(seconds=1)


class CannotAsk(RuntimeError):
    """There is nothing to ask of; the text says why."""


class _Found(NamedTuple):
    """A stay as it was known at a moment, and what that does not hold."""

    bed: Bed
    now: datetime
    remark: str | None = None


def run_ask(settings: Settings, encounter: str, question: str, at: str | None) -> tuple[Asked, list[str]]:
    """The answer, and the lines that tell it. Raises CannotAsk, StoreFailed, BadBook."""
    mind = mind_of(settings, own(settings.data_dir))
    with looked_at(settings.database_url) as store:
        found = _found(store, encounter, at, mind)
    asked = answered(found.bed, question, found.now, mind)
    return asked, [printable(line) for line in _told(asked, settings.zone, found.remark)]


def _found(store: Looked, encounter: str, at: str | None, mind: Mind) -> _Found:
    applied = store.applied()
    rows = store.bed(encounter)
    if not rows:
        raise CannotAsk(_nobody(store))
    try:
        bed = bed_of(rows)
    except Damaged:
        raise CannotAsk(
            "what was saved of this stay cannot be read; the service makes it anew when it starts"
        ) from None
    if applied is not None:
        bed = _played(bed, store, mind, None, after=applied)
    newest = bed.line.clock
    if newest is None:
        raise CannotAsk("nothing was heard of this stay yet")
    now = newest if at is None else moment(at, newest, mind.policy.zone)
    if now >= newest:
        return _Found(step(bed, (), newest, mind)[0], now)
    if applied is None:
        raise CannotAsk("of a stay over Kafka only the present can be asked: its log is Kafka's")
    began = store.began()
    if began is not None and now < began:
        raise CannotAsk(f"the log is kept from {began:%Y-%m-%d %H:%M} UTC on: of before nothing can be asked")
    earlier = _played(Bed(encounter), store, mind, now)
    if earlier.line.clock is None:
        raise CannotAsk("nothing had been heard of this stay by then")
    kept = None if began is None else f"Told from the log alone, which is kept from {began:%Y-%m-%d %H:%M} UTC on."
    return _Found(earlier, now, kept)


def _nobody(store: Looked) -> str:
    names = store.encounters()
    some = ", ".join(names[:NAMED_MAX]) + (" …" if len(names) > NAMED_MAX else "")
    return f"there is no such stay in the store; there are {len(names)}: {some}" if names else "the store has no stays"


def _played(bed: Bed, store: Looked, mind: Mind, until: datetime | None, after: int = -1) -> Bed:
    """The bed after what the log has of it, through the very same `step` as live."""
    last: datetime | None = None
    for record in store.logged(bed.encounter, until, after):
        events = list(_own(bed.encounter, decode(record.body, record.at)))
        if events:
            bed, _ = step(bed, events, record.at, mind)
            last = record.at
    if last is not None and until is not None:
        bed, _ = step(bed, (), min(until, last + mind.policy.allowed_lateness + SECOND), mind)
    return bed


def _own(encounter: str, entries: tuple[Event | Tick | Rejected, ...]) -> Iterator[Event]:
    for entry in entries:
        if not isinstance(entry, Tick | Rejected) and entry.encounter == encounter:
            yield entry


def moment(text: str, newest: datetime, zone: ZoneInfo) -> datetime:
    """A moment as it is typed: in ISO form, by the clocks of the ward where it names no zone; a time alone is the last
    such time up to the newest that is known. Raises CannotAsk."""
    local = newest.astimezone(zone)
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        clock = None
    try:
        if clock is None or clock.tzinfo is not None:
            said = datetime.fromisoformat(text)
            return (
                said.astimezone(newest.tzinfo) if said.tzinfo else said.replace(tzinfo=zone).astimezone(newest.tzinfo)
            )
    except (ValueError, OverflowError):
        raise CannotAsk("--at: expected 14:05, or 2026-03-01T14:05, with or without a zone") from None
    day = local.date() if clock <= local.time() else local.date() - timedelta(days=1)
    return datetime.combine(day, clock, zone).astimezone(newest.tzinfo)


# -- in words


def _told(asked: Asked, zone: ZoneInfo, remark: str | None) -> Iterator[str]:
    """What the terminal shows: the reading first."""

    def clock(at: datetime) -> str:
        return clock_and_day(at, asked.now, zone)

    if asked.refused is not None:
        yield f"Not asked: {asked.refused}."
    else:
        yield f"Read as: {asked.read_as}."
        yield from _answer(asked)
        yield f"As of {asked.now.astimezone(zone):%Y-%m-%d %H:%M} ({zone_name(asked.now, zone)})."
        if asked.evidence:
            known = "Known now" if asked.within_h else "It rests on"
            yield f"{known}: {'; '.join(_evidence(e, clock(e.at) if e.at else None) for e in asked.evidence)}."
        if asked.needs:
            yield f"Not known: {'; '.join(f'{need.label} ({need.why})' for need in asked.needs)}."
        yield from asked.remarks
        if remark is not None:
            yield remark
    if asked.nearest:
        yield "What can be asked:"
        yield from (f"  {question}" for question in asked.nearest)


def _answer(asked: Asked) -> Iterator[str]:
    if asked.odds is not None:
        odds = asked.odds
        yield f"Chance: {percent(odds.probability)}; seen in {percent_range(odds)} of 100 alike ({odds.model})."
    elif asked.missing is not None:
        yield f"No chance is given: {asked.missing.reason}."
    elif asked.truth is not None:
        yield f"{TRUTHS[asked.truth][1]}."


def _evidence(evidence: Evidence, at: str | None) -> str:
    where = source(evidence.ref)
    return f"{evidence.label} {evidence.shown}" + (f" at {at}" if at else "") + (f" ({where})" if where else "")
