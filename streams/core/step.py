"""One event in; the bed as it now stands, and what is new to say about it.

The live worker, the replay of a cohort, the demo and the tests all call this one function. It never raises for data
and reads no clock: `now` is an argument, and what is said depends only on the events and their own times.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from forecasting.contract import Forecaster
from guidelines.book.load import Book
from guidelines.judge import Weighed, weigh
from guidelines.notes import reading as notes
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Level
from schemas.clinical.forecasts import Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.events import Event, Movement, Note, Patient, Quality, Reading, Response, Tick, Treatment, identity
from schemas.events.quarantine import Rejected
from schemas.frozen import EARLIEST
from streams.core.alerting import Look, Policy, answered, ended, spoken
from streams.core.bed import Bed, Chart, counted, is_known, snapshot, with_note, with_readings, with_treatment
from streams.core.ordering import JUMP_MAX, Late, clock_moved, queued, released
from streams.core.quality import marked

Answer = TypeVar("Answer")
Output = AlertEvent | Rejected | Late
"""What a step may say. The order of a step's outputs is part of its result."""

VITALS = ("hr", "rr", "spo2", "sbp", "map")  # when the last of these is too old to use, the monitor is silent
JUST_AFTER = timedelta(seconds=1)  # a value is valid up to and including its last moment

_FORECAST_FAILED = "The forecast failed: rules that need none go on"


class Mind(NamedTuple):
    """What a bed is judged with: the rules, the model, and how long to wait."""

    book: Book
    forecaster: Forecaster
    policy: Policy = Policy()


def step(bed: Bed, event: Event | Tick, now: datetime, mind: Mind) -> tuple[Bed, tuple[Output, ...]]:
    """Take one record of the log when the clock says `now`.

    First every instant that is now closed is judged, each at its own time; then the event joins the line.
    """
    line, refused, names = clock_moved(bed.line, now, mind.policy.allowed_lateness)
    if line is not bed.line:
        bed = _refusals_counted(bed._replace(line=line), refused)
    if names:
        bed = bed._replace(counts=counted(bed.counts, *names))
    bed, said = _caught_up(bed, mind)
    if isinstance(event, Tick):
        return bed, (*refused, *said)
    if event.encounter != bed.encounter:
        raise ValueError("an event was brought to another patient's bed")
    bed, heard = _heard(bed, event, now)
    return bed, (*refused, *said, *heard)


def wakes_at(bed: Bed, policy: Policy) -> datetime | None:
    """A tick changes nothing of this bed unless it is later than this; None: it has never heard of a time."""
    if bed.line.ahead is not None:
        return EARLIEST
    if bed.line.clock is None:
        return None
    times = [event.available_at for event in bed.line.waiting]
    if bed.due is not None:
        times.append(bed.due)
    in_reach = bed.line.clock + JUMP_MAX / 2  # so that a quiet bed's clock stays near, and the next event is no leap
    return min(min(times) + policy.allowed_lateness, in_reach) if times else in_reach


def _heard(bed: Bed, event: Event, now: datetime) -> tuple[Bed, tuple[Output, ...]]:
    """The bed with an event in its line; the refusal, or the notice that it came late, if it is so."""
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


def _caught_up(bed: Bed, mind: Mind) -> tuple[Bed, tuple[Output, ...]]:
    """The bed with every closed instant judged: those in which something became known, and those that were due."""
    said: tuple[AlertEvent, ...] = ()
    while True:
        line, at, events = released(bed.line, until=bed.due)
        if at is None:
            at = bed.due
            if at is None or bed.line.closed is None or at >= bed.line.closed:
                return bed, said
        bed, new = _instant(bed._replace(line=line), events, at, mind)
        said += new


def _instant(bed: Bed, events: Sequence[Event], at: datetime, mind: Mind) -> tuple[Bed, tuple[AlertEvent, ...]]:
    """One instant: all that became known in it is written down together, then judged once."""
    said: tuple[AlertEvent, ...] = ()
    bed, fresh, matters = _written(bed, events, at, mind)
    for event in events:
        if isinstance(event, Response):
            was = bed.steps_done
            bed, new, name = answered(bed, event, at)
            bed = bed._replace(counts=counted(bed.counts, name)) if name else bed
            said, matters = said + new, matters or bed.steps_done != was
    if bed.chart.discharged:
        bed, new = ended(bed, at)
        return bed._replace(due=None), said + new
    if not matters and at != bed.due:
        return bed, said
    bed, new = _judged(bed, at, fresh, mind)
    return bed, said + new


def _written(bed: Bed, events: Sequence[Event], at: datetime, mind: Mind) -> tuple[Bed, bool, bool]:
    """The bed with the events in its chart; whether a usable reading is among them; whether any can change a rule."""
    chart, names = bed.chart, []
    readings = [event for event in events if isinstance(event, Reading)]
    news = [reading for reading in readings if not is_known(chart, reading)]
    names += ["duplicate"] * (len(readings) - len(news))
    marks = marked(news, chart.readings)
    names += [reading.quality.value for reading in marks if reading.quality is not Quality.OK]
    chart, counts, changed = with_readings(chart, marks, at)
    names += counts
    fresh = any(reading.quality is Quality.OK for reading in marks)
    matters = changed and any(reading.concept in mind.book.concepts for reading in marks)
    for event in events:
        was = chart
        match event:
            case Note():
                chart, verdict = _note_read(chart, event)
            case Treatment():
                chart, verdict = with_treatment(chart, event)
            case Movement():
                chart, verdict = _moved(chart, event)
            case _:
                continue
        names += [] if verdict == "new" else [verdict]
        matters = matters or chart is not was
    if chart is bed.chart and not names:
        return bed, False, False
    return bed._replace(chart=chart, counts=counted(bed.counts, *names) if names else bed.counts), fresh, matters


def _note_read(chart: Chart, note: Note) -> tuple[Chart, str]:
    if is_known(chart, note):
        return chart, "duplicate"
    facts = notes.read(note, tuple(kept.note for kept in chart.notes))
    return with_note(chart, identity(note), note, facts)


def _moved(chart: Chart, event: Movement) -> tuple[Chart, str]:
    """The chart after an admission, a transfer or news; what the message leaves out stays as it was."""
    patient = chart.patient
    if event.patient is not None:
        known = {
            name: found for name in Patient.__struct_fields__ if (found := getattr(event.patient, name)) is not None
        }
        patient = replace(patient, **known)
    now = chart._replace(
        patient=patient,
        setting=event.setting or chart.setting,
        unit=event.unit or chart.unit,
        bed=event.bed or chart.bed,
        admitted_at=event.observed_at if event.action == "admit" else chart.admitted_at,
        discharged=event.action == "discharge" or (chart.discharged and event.action == "update"),
    )
    return (chart, "duplicate") if now == chart else (now, "new")


# --- judging -------------------------------------------------------------------------------------------------------


class _Guarded:
    """An outlook that is computed when first asked, and whose failure is an answer."""

    def __init__(self, forecaster: Forecaster, seen: Snapshot) -> None:
        self._forecaster, self._seen = forecaster, seen
        self._outlook: Outlook | None = None
        self.failed = False

    def fan(self, concept: str) -> Fan | Unavailable:
        return self._asked(lambda outlook: outlook.fan(concept))

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        return self._asked(lambda outlook: outlook.chance(condition, within))

    def _asked(self, question: Callable[[Outlook], Answer | Unavailable]) -> Answer | Unavailable:
        try:
            if self._outlook is None:
                self._outlook = self._forecaster.outlook(self._seen)
            return question(self._outlook)
        except Exception as problem:  # whatever a model does wrong, it must not silence a rule
            self.failed = True
            return Unavailable(reason=f"the forecast failed ({type(problem).__name__})")


def _judged(bed: Bed, at: datetime, fresh: bool, mind: Mind) -> tuple[Bed, tuple[AlertEvent, ...]]:
    seen = snapshot(bed, at)
    outlook = _Guarded(mind.forecaster, seen)
    weighed = weigh(seen, mind.book, outlook, bed.onsets)
    look = Look(at, weighed, fresh, _FORECAST_FAILED if outlook.failed else None)
    bed, said = spoken(bed, look, mind.policy)
    counts = counted(bed.counts, "forecast_failed") if outlook.failed else bed.counts
    return bed._replace(judged_at=at, due=_due(seen, weighed), counts=counts), said


def _due(seen: Snapshot, weighed: Weighed) -> datetime | None:
    """When to look again though nothing comes: as a reading under a standing claim, or the last vital, gets too old."""
    claims = {concept for claim in weighed.claims if claim.level is not Level.ASK for concept in claim.concepts}
    ends = [end for concept in claims if (end := _expires(seen, concept)) is not None and end > seen.now]
    vitals = [end for concept in VITALS if (end := _expires(seen, concept)) is not None]
    silent = max(vitals, default=None)
    if silent is not None and silent > seen.now:
        ends.append(silent)
    return min(ends, default=None)


def _expires(seen: Snapshot, concept: str) -> datetime | None:
    newest = seen.newest(concept)
    return None if newest is None else newest.observed_at + seen.validity(newest) + JUST_AFTER
