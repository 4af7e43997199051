"""A bed as a board shows it: every value with its time, its source, and whether it may still be used."""

import zlib
from collections.abc import Mapping
from datetime import timedelta

from guidelines.evidence import amount, label
from guidelines.rules.noted import LASTING, is_of
from guidelines.scoring import news2
from schemas.boards.views import (
    POINTS_MAX,
    Ahead,
    BedView,
    Point,
    Remembered,
    ShownNote,
    ShownTreatment,
    Unjudged,
    Vital,
    WrongClock,
)
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.forecasts import Fan, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.events import Quality, Reading, Treatment, identity
from streams.core.bed import Bed, snapshot
from streams.core.judge import Mind
from streams.core.questions import ASKED, WITHIN
from streams.core.retention import thinned
from streams.core.source_clock import Offset, offsets

TREND_SPAN = timedelta(hours=24)
NOTES_SHOWN = 20
TREATMENTS_SHOWN = 40


def view(bed: Bed, mind: Mind) -> BedView:
    """The board's picture of a bed, as of the bed's clock."""
    seen, chart = snapshot(bed, zone=mind.policy.zone), bed.chart
    fans, missing = _forecast(bed, mind)
    alerts = (episode.alert() for episode in bed.episodes.values())
    return BedView(
        encounter=bed.encounter,
        bed=chart.bed,
        unit=chart.unit,
        patient=chart.patient,
        noted=_noted(chart.facts),
        now=seen.now,
        last_heard_at=chart.heard_at,
        vitals=tuple(
            _vital(seen, _newest(chart.readings[concept])) for concept in CONCEPTS if chart.readings.get(concept)
        ),
        news2=news2(seen) if chart.readings else None,
        alerts=tuple(sorted(alerts, key=lambda alert: (-alert.level.rank, alert.raised_at, alert.key))),
        trends={c: points for c, row in chart.readings.items() if (points := _points(row, seen))},
        fans=fans,
        forecast_model=None if missing else _model_name(bed, mind),
        forecast_missing=missing,
        ahead=_ahead(bed),
        ahead_at=bed.foreseen_at,
        remembered=_remembered(bed),
        admitted_at=chart.admitted_at,
        unjudged=None if bed.failure is None else Unjudged(since=bed.failure.since, what=bed.failure.what),
        outside=tuple(bed.outside[name] for name in sorted(bed.outside)),
        clocks=tuple(_clock(offset) for offset in offsets(bed.clocks, seen.now)),
        notes=tuple(_note(bed, number) for number in range(len(chart.notes))[-NOTES_SHOWN:]),
        treatments=tuple(_treatment(treatment) for treatment in chart.treatments[-TREATMENTS_SHOWN:]),
        counts=dict(bed.counts),  # what JSON can hold
    )


def _model_name(bed: Bed, mind: Mind) -> str:
    """Which model it is, and whether it knows less than all that was heard."""
    name = f"{mind.forecaster.name}@{mind.forecaster.version}"
    return f"{name}, from the chart alone" if bed.model is not None and bed.model.from_chart else name


def _forecast(bed: Bed, mind: Mind) -> tuple[Mapping[str, Fan], str | None]:
    """The fans that the last judgement had, or why there are none: a model that fails is an answer too."""
    if bed.awake is None:
        return {}, "nothing was forecast yet"
    answers = [bed.awake.outlook.fan(concept) for concept in sorted(mind.forecaster.concepts)]
    fans = {answer.concept: answer for answer in answers if isinstance(answer, Fan)}
    reasons = {answer.reason for answer in answers if isinstance(answer, Unavailable)}
    if fans:
        return fans, None
    return {}, reasons.pop() if len(reasons) == 1 else "no concept has a usable recent reading"


def _ahead(bed: Bed) -> tuple[Ahead, ...]:
    """The chances that the last judgement's outlook gives."""
    if bed.awake is None:
        return ()
    outlook, hours = bed.awake.outlook, WITHIN / timedelta(hours=1)
    made = []
    for text, condition in ASKED:
        asked = f"{label(condition.quantity)} {condition.op} {amount(condition.quantity, condition.value)}"
        answer = outlook.chance(condition, WITHIN)
        if isinstance(answer, Unavailable):
            made.append(Ahead(asked=asked, condition=text, within_h=hours, missing=answer))
        else:
            made.append(Ahead(asked=asked, condition=text, within_h=hours, odds=answer))
    return tuple(made)


def _remembered(bed: Bed) -> Remembered | None:
    """The state of the model that the last outlook was made from."""
    if bed.model is None or bed.awake is None:
        return None
    return Remembered(digest=bed.model.digest, body=zlib.compress(bed.model.body, 1))


def _noted(facts: tuple[NoteFact, ...]) -> tuple[NoteFact, ...]:
    """What notes say that is true for the stay: the newest word on each, where that affirms it."""
    newest = {
        (fact.concept, fact.detail): fact
        for fact in sorted(facts, key=lambda fact: fact.effective_at)
        if is_of(fact.concept, LASTING)
        and fact.experiencer is Experiencer.PATIENT
        and fact.temporality in (Temporality.CURRENT, Temporality.HISTORICAL)
    }
    return tuple(fact for fact in newest.values() if fact.polarity is Polarity.AFFIRMED)


def _clock(offset: Offset) -> WrongClock:
    return WrongClock(source=offset.source, off_s=offset.off_s, since=offset.since)


def _newest(row: tuple[Reading, ...]) -> Reading:
    """The newest reading; of several of one time the one that counts."""
    counts = (r for r in reversed(row) if r.observed_at == row[-1].observed_at and r.quality is Quality.OK)
    return next(counts, row[-1])


def _vital(seen: Snapshot, reading: Reading) -> Vital:
    usable = reading.quality is Quality.OK
    return Vital(
        concept=reading.concept,
        label=CONCEPTS[reading.concept].short,
        shown=_shown(reading),
        at=reading.observed_at,
        source=reading.source.value if reading.method is None else f"{reading.source.value}, {reading.method}",
        quality=reading.quality,
        valid=usable and seen.now - reading.observed_at <= seen.validity(reading),
        reason=reading.reason,
    )


def _shown(reading: Reading) -> str:
    return amount(reading.concept, reading.value) if reading.value is not None else str(reading.code)


def _points(row: tuple[Reading, ...], seen: Snapshot) -> tuple[Point, ...]:
    """The last day of a concept, with its lows and highs where there are more points than a chart can show."""
    day = tuple(r for r in row if r.value is not None and r.observed_at > seen.now - TREND_SPAN)
    return tuple(
        Point(at=reading.observed_at, value=reading.value, quality=reading.quality, ref=identity(reading))
        for reading in (thinned(day, seen.now, POINTS_MAX) if day else ())
        if reading.value is not None
    )


def _note(bed: Bed, number: int) -> ShownNote:
    """A note with what was read in it; a fact beyond the kept beginning of a long note still has its own words."""
    ref, note = bed.chart.notes[number]
    return ShownNote(
        ref=ref,
        at=note.observed_at,
        title=note.title,
        text=note.text,
        facts=tuple(fact for fact in bed.chart.facts if fact.note == ref and fact.end <= len(note.text)),
    )


def _treatment(treatment: Treatment) -> ShownTreatment:
    drug = DRUGS[treatment.item]
    said = [f"{round(treatment.rate, 3):g} {drug.rate_unit}"] if treatment.rate is not None else []
    said += (
        [f"{round(treatment.amount, 3):g} {treatment.amount_unit or ''}".rstrip()]
        if treatment.amount is not None
        else []
    )
    return ShownTreatment(
        label=drug.name,
        action=treatment.action.value,
        shown=", ".join(said),
        at=treatment.observed_at,
        ref=identity(treatment),
    )
