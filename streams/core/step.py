"""One step of one bed, and of many: absorb, encode, judge, in turns.

    bed, outputs = step(bed, [event], now, mind)            # one bed
    for name, bed in lives(...)                             # many: the k-th instant of all of them is one wave

The live service, the Kafka worker, the replay of a cohort, the demo and the tests all go through here. It reads no
clock: `now` is an argument, and what is said depends only on the events and their own times. A bed that fails is set
aside with the reason; all others go on.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from forecasting.contract import ModelState
from schemas.clinical.alerts import AlertEvent
from schemas.events import Event, Quality
from schemas.events.quarantine import Fault, Rejected
from schemas.frozen import EARLIEST
from streams.core.absorb import Instant, arrived, opened, passed, put_right
from streams.core.bed import Bed, Failure, counted, snapshot
from streams.core.judge import Guarded, Mind, judge, recalled
from streams.core.ordering import JUMP_MAX, Late, refused, released
from streams.core.policy import Policy

Output = AlertEvent | Rejected | Late
"""What a step may say. The order of a step's outputs is part of its result."""


class Turn(NamedTuple):
    """One record of the log for one bed: events that came when the clock said `now`; none: time passed."""

    now: datetime
    events: Sequence[Event] = ()
    corrected: bool = False  # the clock was wrong before
    said: Callable[[Sequence[Output]], None] = lambda _: None  # told what this turn says
    done: Callable[[Bed], None] = lambda _: None  # told the bed after it


class _Wanted(NamedTuple):
    """What one bed needs of the model for its next instant."""

    bed: Bed
    instant: Instant
    outlook: bool


class _Given(NamedTuple):
    """The state after the instant, and the outlook as of it."""

    model: ModelState | None
    outlook: Guarded


TRIED_AGAIN_AFTER = timedelta(minutes=1)  # a bed that could not be judged
LOST = ModelState(digest="", body=b"", from_chart=True)
"""The state of a bed whose model failed to take something in: no model's own, so it is made anew at the next news."""

Life = Generator[_Wanted, _Given, Bed]


def step(bed: Bed, events: Sequence[Event], now: datetime, mind: Mind) -> tuple[Bed, tuple[Output, ...]]:
    """Take one record of the log when the clock says `now`; without events time has passed.

    First every instant that is now closed is judged, each at its own time; then the events join the line.
    """
    said: list[Output] = []
    lived = run({bed.encounter: bed}, {bed.encounter: [Turn(now, events, said=said.extend)]}, mind)
    return lived[bed.encounter], tuple(said)


def outlook_at(bed: Bed, at: datetime, mind: Mind) -> Guarded:
    """The future of a bed as its model sees it at a moment."""
    return _outlooks([bed], [snapshot(bed, at)], mind)[0]


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


def run(beds: Mapping[str, Bed], turns: Mapping[str, Iterable[Turn]], mind: Mind) -> dict[str, Bed]:
    """The beds after their turns, in waves: the k-th instant of each goes through the model together."""
    done: dict[str, Bed] = {}
    waiting: list[tuple[str, Life, _Wanted]] = []
    for name, own in turns.items():
        _go_on(name, _life(beds[name], own, mind), None, waiting, done)
    while waiting:
        wave, waiting = waiting, []
        given = _foreseen([wanted for _, _, wanted in wave], mind)
        for (name, life, _), one in zip(wave, given, strict=True):
            _go_on(name, life, one, waiting, done)
    return done


def _go_on(
    name: str, life: Life, given: _Given | None, waiting: list[tuple[str, Life, _Wanted]], done: dict[str, Bed]
) -> None:
    try:
        waiting.append((name, life, next(life) if given is None else life.send(given)))
    except StopIteration as end:
        done[name] = end.value


def _life(bed: Bed, turns: Iterable[Turn], mind: Mind) -> Life:
    """One bed through its turns; it stops at every instant for what the model makes of it."""
    own = mind.of(bed)
    bed = _awakened(bed, own)
    for turn in turns:
        bed = put_right(bed, turn.now, mind.policy) if turn.corrected else bed
        bed, strays = passed(bed, turn.now, mind.policy)
        said: list[Output] = list(strays)
        while True:
            try:
                next_one = opened(bed, own.reads, own.policy.zone)
            except Exception as problem:
                bed, unwritten = _not_written(bed, problem)
                said += unwritten
                continue
            if next_one is None:
                break
            bed, instant = next_one
            if (rules := mind.of(bed)) is not own:  # it was moved to another unit: by its rules nothing was asked yet
                own, bed = rules, bed._replace(awake=None)
            model, outlook = yield _Wanted(bed, instant, _needs_outlook(bed, instant))
            if model is not bed.model:
                failed = model is not None and model.from_chart and bed.model is not None and not bed.model.from_chart
                counts = counted(bed.counts, "told_from_chart") if failed else bed.counts
                bed = bed._replace(model=model, counts=counts)
            if bed.awake is None or outlook is not bed.awake.outlook:
                bed = bed._replace(foreseen_at=instant.at)
            try:
                bed, new = judge(bed, instant, outlook, own)
                said += new
                bed = bed._replace(failure=None) if bed.failure is not None else bed
            except Exception as problem:
                bed = _not_judged(bed, instant.at, problem)
        bed, heard = arrived(bed, turn.events, turn.now)
        said += heard
        turn.said(said)
        turn.done(bed)
    return bed


def _not_judged(bed: Bed, at: datetime, problem: Exception) -> Bed:
    """The bed says since when it cannot be judged; what stands goes on standing, and it is tried again."""
    failure = bed.failure or Failure(at, type(problem).__name__)
    counts = counted(bed.counts, "internal")
    return bed._replace(failure=failure, due=at + TRIED_AGAIN_AFTER, awake=None, counts=counts)


def _not_written(bed: Bed, problem: Exception) -> tuple[Bed, list[Rejected]]:
    """The bed without the events of an instant that could not be written down; they can be sent again after a mend."""
    line, at, events = released(bed.line, until=bed.due)
    if at is None:
        return _not_judged(bed, bed.due or bed.line.clock or EARLIEST, problem), []
    why = f"an internal error ({type(problem).__name__}) kept it out of the chart"
    lost = [refused(event, Fault.INTERNAL, why, at) for event in events]
    return _not_judged(bed._replace(line=line), at, problem), lost


def _needs_outlook(bed: Bed, instant: Instant) -> bool:
    """A forecast is made anew when something is heard, and when the old one has run out."""
    return instant.matters or bed.awake is None or bed.awake.outlook.until <= instant.at


def _awakened(bed: Bed, mind: Mind) -> Bed:
    """A bed that was loaded: its model state fits the model, and its answers are those of its last judgement."""
    if bed.awake is not None and bed.awake.kept.graph is mind.book.rules.graph:
        return bed
    at = bed.foreseen_at or bed.judged_at
    if at is None:
        return bed
    if _is_foreign(bed, mind):
        bed = bed._replace(model=_from_chart(bed, at, mind))
    if bed.failure is not None:
        return bed  # what came since then was never asked about: all is asked anew
    outlook = _outlooks([bed], [snapshot(bed, at)], mind)[0]
    try:
        return recalled(bed, outlook, mind)
    except Exception as problem:
        return _not_judged(bed, at, problem)


def _is_foreign(bed: Bed, mind: Mind) -> bool:
    """Whether another model saw what this bed knows, or none did: a bed of which nothing was heard yet has no state."""
    if bed.model is not None:
        return bed.model.digest != mind.forecaster.digest
    return any(reading.quality is Quality.OK for row in bed.chart.readings.values() for reading in row)


def _from_chart(bed: Bed, at: datetime, mind: Mind) -> ModelState:
    try:
        return mind.forecaster.rebuilt(snapshot(bed, at))
    except Exception:  # a model may fail in any way; its outlook then says that there is none, and rules go on
        return LOST


def _foreseen(wanted: Sequence[_Wanted], mind: Mind) -> list[_Given]:
    """One wave through the model. A model that fails is an answer, and of one bed only."""
    told = [index for index, one in enumerate(wanted) if one.instant.seen is not None]
    models = [one.bed.model for one in wanted]
    if told:
        for index, state in zip(told, _encoded([wanted[i] for i in told], mind), strict=True):
            models[index] = state
    asked = [index for index, one in enumerate(wanted) if one.outlook]
    outlooks: dict[int, Guarded] = {}
    if asked:
        beds = [wanted[i].bed._replace(model=models[i]) for i in asked]
        snapshots = [snapshot(bed, wanted[i].instant.at) for bed, i in zip(beds, asked, strict=True)]
        outlooks = dict(zip(asked, _outlooks(beds, snapshots, mind), strict=True))
    return [_Given(models[i], outlooks[i] if i in outlooks else _same(one.bed)) for i, one in enumerate(wanted)]


def _same(bed: Bed) -> Guarded:
    assert bed.awake is not None  # else it would have been asked for
    outlook: Any = bed.awake.outlook
    return outlook  # type: ignore[no-any-return]


def _encoded(wanted: Sequence[_Wanted], mind: Mind) -> list[ModelState]:
    seen = [one.instant.seen for one in wanted if one.instant.seen is not None]
    try:
        return list(mind.forecaster.encode([one.bed.model for one in wanted], seen))
    except Exception:  # in any way: it must silence no rule, and no other bed
        if len(wanted) > 1:
            return [state for one in wanted for state in _encoded([one], mind)]
        return [_from_chart(wanted[0].bed, wanted[0].instant.at, mind)]


def _outlooks(beds: Sequence[Bed], snapshots: Sequence[Any], mind: Mind) -> list[Guarded]:
    try:
        states = [bed.model or mind.nothing_seen for bed in beds]
        return [Guarded(outlook) for outlook in mind.forecaster.outlooks(states, snapshots)]
    except Exception as problem:
        if len(beds) == 1:
            return [Guarded(None, type(problem).__name__)]
        return [_outlooks([bed], [seen], mind)[0] for bed, seen in zip(beds, snapshots, strict=True)]
