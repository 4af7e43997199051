"""Absorb: an event joins the line of its bed; an instant that is closed is written into the chart.

Pure, and the only way into a chart. What became known at one instant is written down together; what that changed is
the instant's news: the reads (`guidelines.rules.registry`) that the rules must look at again.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from forecasting.contract import Seen
from guidelines.notes import reading as notes
from schemas.clinical.facts import NoteFact
from schemas.events import Event, Movement, Note, Patient, Quality, Reading, Response, Status, Treatment, identity
from schemas.events.quarantine import Rejected
from schemas.local_time import UTC
from streams.core.bed import Bed, Chart, counted
from streams.core.chart import is_known, with_marks, with_note, with_readings, with_treatment
from streams.core.ordering import Late, clock_moved, queued, released
from streams.core.policy import Policy
from streams.core.quality import contradicted, lately_contradicted, marked
from streams.core.source_clock import placed

T = TypeVar("T")
Amendable = TypeVar("Amendable", Reading, Note, Treatment)
_observed_at = attrgetter("observed_at")


class TakenBack(NamedTuple):
    """An event that no longer stands: entered in error (`new` is None), or corrected. `ref`: its identity."""

    ref: str
    old: Reading | Note | Treatment
    new: Reading | Note | Treatment | None


class Instant(NamedTuple):
    """One closed instant, written down. A timer is one at which nothing became known."""

    at: datetime
    quiet_for: timedelta = timedelta()  # how long no usable reading had been heard before it
    taken_back: tuple[TakenBack, ...] = ()
    moved: bool = False  # the patient came to another unit or setting
    responses: tuple[Response, ...] = ()
    news: frozenset[str] = frozenset()
    is_fresh: bool = False  # a usable reading is among what became known
    contradicts: bool = False  # two pressures of one time contradict each other, and none did lately
    matters: bool = False  # something became known that a rule or a sentence may look at
    seen: Seen | None = None  # what a model is given of it; None where nothing concerns it


def arrived(bed: Bed, events: Sequence[Event], now: datetime) -> tuple[Bed, tuple[Rejected | Late, ...]]:
    """The bed with events in its line; refusals, and notices of what came late. Call `passed` before."""
    said: list[Rejected | Late] = []
    for event in events:
        if event.encounter != bed.encounter:
            raise ValueError("an event was brought to another patient's bed")
        bed, notices = _queued(bed, event, now)
        said += notices
    return bed, tuple(said)


def passed(bed: Bed, now: datetime, policy: Policy) -> tuple[Bed, tuple[Rejected, ...]]:
    """The bed after the clock has moved to `now`: instants may have closed."""
    line, refused, names = clock_moved(bed.line, now, policy.allowed_lateness)
    if line is not bed.line:
        bed = _refusals_counted(bed._replace(line=line), refused)
    return (bed._replace(counts=counted(bed.counts, *names)) if names else bed), refused


def put_right(bed: Bed, now: datetime, policy: Policy) -> Bed:
    """The bed after the service's clock was corrected: it goes on at the right time, and is looked at anew."""
    line = bed.line
    if line.clock is None or now >= line.clock:
        return bed
    line = line._replace(clock=now, closed=now - policy.allowed_lateness, ahead=None)
    due = now if bed.judged_at is not None else None
    counts = counted(bed.counts, "clock_corrected")  # its answers are those of a time that is still to come
    return bed._replace(line=line, due=due, judged_at=None, foreseen_at=None, awake=None, counts=counts)


def opened(bed: Bed, reads: frozenset[str], zone: ZoneInfo = UTC) -> tuple[Bed, Instant] | None:
    """The next closed instant, written down: something became known, or a timer is up. None: there is none yet.

    `reads`: what the rules and their sentences look at; `zone`: that of the clocks by which notes are written.
    """
    line, at, events = released(bed.line, until=bed.due)
    if at is None:
        at = bed.due
        if at is None or bed.line.closed is None or at >= bed.line.closed:
            return None
    return _written(bed._replace(line=line), events, at, reads, zone)


def _queued(bed: Bed, event: Event, now: datetime) -> tuple[Bed, tuple[Rejected | Late, ...]]:
    closed = bed.line.closed
    if closed is not None and event.available_at < closed and is_known(bed.chart, event):
        return bed._replace(counts=counted(bed.counts, "duplicate")), ()
    line, late, refused = queued(bed.line, event, now)
    bed = _refusals_counted(bed._replace(line=line), refused)
    if late is None:
        return bed, refused
    notice = Late(event=late, applied_at=line.waiting[-1].available_at)
    return bed._replace(counts=counted(bed.counts, "late")), (notice, *refused)


def _refusals_counted(bed: Bed, refused: Sequence[Rejected]) -> Bed:
    if not refused:
        return bed
    return bed._replace(counts=counted(bed.counts, *(rejected.fault.value for rejected in refused)))


def _written(
    bed: Bed, events: Sequence[Event], at: datetime, reads: frozenset[str], zone: ZoneInfo
) -> tuple[Bed, Instant]:
    if not events:
        return bed, Instant(at)
    bed, events = _placed(bed, events)
    before = bed.chart
    readings = [event for event in events if isinstance(event, Reading)]
    news = [reading for reading in readings if not is_known(before, reading)]
    names = ["duplicate"] * (len(readings) - len(news))
    marks = marked(news, before.readings)
    names += [reading.quality.value for reading in marks if reading.quality is not Quality.OK]
    chart, counts, changed, appended, rewritten = with_readings(before, marks, at)
    names += counts
    amended = contradicted(chart.readings, news)
    if amended:
        chart = with_marks(chart, amended)
        others = frozenset(reading.concept for reading in amended)
        names += [reading.quality.value for reading in amended if reading.quality is not Quality.OK]
        changed, rewritten = changed | others, rewritten | others
        appended = tuple(reading for reading in appended if reading.concept not in others)
    matters = not reads.isdisjoint(changed) if changed else False
    doubted = {identity(reading) for reading in amended if reading.quality is not Quality.OK}
    responses: list[Response] = []
    for event in events:
        was, verdict = chart, "new"
        match event:
            case Note():
                chart, verdict = _note_read(chart, event, zone)
            case Treatment():
                chart, verdict = with_treatment(chart, event)
            case Movement():
                chart, verdict = _moved(chart, event)
            case Response():
                responses.append(event)
        names += [] if verdict == "new" else [verdict]
        matters = matters or chart is not was
    if chart is not before or names:
        bed = bed._replace(chart=chart, counts=counted(bed.counts, *names) if names else bed.counts)
    moved = (chart.unit, chart.setting) != (before.unit, before.setting)
    if moved:
        chart = chart._replace(moved_at=at)
        bed = bed._replace(chart=chart)
    instant = Instant(
        at=at,
        quiet_for=at - before.heard_at if before.heard_at is not None else timedelta(),
        taken_back=_taken_back(before, chart, events),
        moved=moved and before.setting is not None,
        responses=tuple(responses),
        news=_news(before, chart, changed),
        is_fresh=any(reading.quality is Quality.OK and identity(reading) not in doubted for reading in marks),
        contradicts=bool(doubted) and not lately_contradicted(before.readings, at),
        matters=matters,
        seen=Seen(at, appended, {c: chart.readings[c] for c in rewritten}) if appended or rewritten else None,
    )
    return bed, instant


def _placed(bed: Bed, events: Sequence[Event]) -> tuple[Bed, Sequence[Event]]:
    """The events where they belong in time, whatever the clocks of their sources say (decision 0031).

    It is done when they are written and not when they come, so that it does not depend on which overtook which.
    """
    clocks, found, names = bed.clocks, [], []
    for said in events:
        event, clocks, moved = placed(said, clocks, said.available_at)
        found.append(event if event.sender is None else replace(event, sender=None))
        names += [] if moved is None else [moved]
    if clocks is not bed.clocks or names:
        bed = bed._replace(clocks=clocks, counts=counted(bed.counts, *names) if names else bed.counts)
    return bed, found


def _note_read(chart: Chart, note: Note, zone: ZoneInfo) -> tuple[Chart, str]:
    if is_known(chart, note):
        return chart, "duplicate"
    facts = notes.read(note, tuple(kept.note for kept in chart.notes), zone=zone)
    return with_note(chart, identity(note), note, facts)


def _moved(chart: Chart, event: Movement) -> tuple[Chart, str]:
    """The chart after an admission, a transfer or news; what the message leaves out stays as it was."""
    patient = chart.patient
    if event.patient is not None:
        said = {name: getattr(event.patient, name) for name in Patient.__struct_fields__}
        patient = replace(patient, **{name: value for name, value in said.items() if value is not None})
    now = chart._replace(
        patient=patient,
        setting=event.setting or chart.setting,
        unit=event.unit or chart.unit,
        bed=event.bed or chart.bed,
        admitted_at=event.observed_at if event.action == "admit" else chart.admitted_at,
        discharged=event.action == "discharge" or (chart.discharged and event.action == "update"),
    )
    if chart.setting is not None and now.setting != chart.setting:
        now = now._replace(setting_since=event.observed_at)
    return (chart, "duplicate") if now == chart else (now, "new")


# -- what no longer stands


def _taken_back(before: Chart, after: Chart, events: Sequence[Event]) -> tuple[TakenBack, ...]:
    """What was in the chart before these events and was withdrawn or corrected by them."""
    found: list[TakenBack] = []
    for event in events:
        match event:
            case Reading():
                found += _reading_taken_back(before.readings.get(event.concept, ()), event)
            case Treatment():
                ref = identity(event)
                same = [old for old in before.treatments if identity(old) == ref]
                found += [TakenBack(ref, old, _unless_error(event)) for old in same if old not in after.treatments]
            case Note():
                found += _note_taken_back(before, after, event)
    return tuple(found)


def _note_taken_back(before: Chart, after: Chart, event: Note) -> list[TakenBack]:
    if event.status not in (Status.CORRECTED, Status.ENTERED_IN_ERROR):
        return []
    left, ref = {kept.ref for kept in after.notes}, identity(event)
    gone = [(k.ref, k.note) for k in before.notes if k.ref not in left]
    old = [(r, note) for r, note in gone if (note.title, note.observed_at) == (event.title, event.observed_at)]
    if not old and any(fact.note == ref for fact in before.facts):
        old = [(ref, event)]  # of a note whose text is no longer kept
    return [TakenBack(r, note, _unless_error(event)) for r, note in old]


def _reading_taken_back(row: Sequence[Reading], event: Reading) -> list[TakenBack]:
    ref = identity(event)
    start = bisect_left(row, event.observed_at, key=_observed_at)
    old = [
        r for r in row[start : bisect_right(row, event.observed_at, lo=start, key=_observed_at)] if identity(r) == ref
    ]
    new = _unless_error(event)
    return [TakenBack(ref, r, new) for r in old if new is None or (r.value, r.code) != (event.value, event.code)]


def _unless_error(event: Amendable) -> Amendable | None:
    return None if event.status is Status.ENTERED_IN_ERROR else event


# -- news


def _news(before: Chart, after: Chart, concepts: Iterable[str]) -> frozenset[str]:
    """What of the chart is different, as reads."""
    found = set(concepts)
    if after.facts is not before.facts:
        found |= _facts_news(before.facts, after.facts)
    if after.treatments is not before.treatments:
        found |= {"t:*", *(f"t:{t.item}" for t in _differ(before.treatments, after.treatments))}
        if bool(before.treatments) != bool(after.treatments):
            found.add("treatments")
    if after.patient is not before.patient:
        fields = Patient.__struct_fields__
        found |= {f"p:{f}" for f in fields if getattr(after.patient, f) != getattr(before.patient, f)}
    if after.setting != before.setting:
        found.add("setting")
    return frozenset(found)


def _facts_news(before: tuple[NoteFact, ...], after: tuple[NoteFact, ...]) -> set[str]:
    concepts = {fact.concept for fact in _differ(before, after)}
    families = {f"n:{concept.partition('.')[0]}.*" for concept in concepts}
    return {"notes", *(f"n:{concept}" for concept in concepts), *families}


def _differ(before: Sequence[T], after: Sequence[T]) -> list[T]:
    """What is in one of them only."""
    old, new = {id(x) for x in before}, {id(x) for x in after}
    return [x for x in before if id(x) not in new] + [x for x in after if id(x) not in old]
