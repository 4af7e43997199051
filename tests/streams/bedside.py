"""What the tests of the flow share: a clock, short ways to write events, and the mind they are judged with."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from msgspec import convert

from forecasting.baselines import trend
from guidelines.book import load as book
from schemas.events import Allergy, Event, Movement, Note, Patient, Reading, Source, Tick, Treatment
from schemas.frozen import to_json
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.ordering import Late
from streams.core.policy import Policy
from streams.core.step import Output, step

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)
PNEUMONIA = "Productive cough, RLL consolidation on CXR, plan to start abx."


def at(clock: str | float) -> datetime:
    """The moment of a clock time of the first day ("09:05", "09:05:30"), or so many minutes after eight."""
    if isinstance(clock, str):
        hours, minutes, *seconds = (int(part) for part in clock.split(":"))
        return EIGHT.replace(hour=hours, minute=minutes, second=seconds[0] if seconds else 0)
    return EIGHT + timedelta(minutes=clock)


@cache
def mind(lateness_s: float = 0.5) -> Mind:
    """The real rules and the real forecaster."""
    return Mind(book.load(), trend.load(), Policy(allowed_lateness=timedelta(seconds=lateness_s)))


def reading(
    concept: str, said: float | str, clock: str | float, known: str | float | None = None, **more: object
) -> Reading:
    value, code = (None, said) if isinstance(said, str) else (float(said), None)
    times = {"observed_at": at(clock), "available_at": at(clock if known is None else known)}
    return convert({"encounter": "e1", "concept": concept, "value": value, "code": code, **times, **more}, Reading)


def vitals(clock: str | float, *, hr: float, rr: float, spo2: float, bp: str, temp: float) -> list[Event]:
    """One set of vital signs by cuff, awake, on 2 L of oxygen."""
    sbp, dbp = (float(part) for part in bp.split("/"))
    cuff = {"method": "nibp"}
    return [
        reading("hr", hr, clock),
        reading("rr", rr, clock),
        reading("spo2", spo2, clock),
        reading("sbp", sbp, clock, **cuff),
        reading("dbp", dbp, clock, **cuff),
        reading("map", round((sbp + 2 * dbp) / 3, 1), clock, **cuff),
        reading("temp", temp, clock),
        reading("acvpu", "A", clock),
        reading("o2_flow", 2, clock),
    ]


def note(text: str, clock: str | float, known: str | float | None = None, **more: object) -> Note:
    times = {"observed_at": at(clock), "available_at": at(clock if known is None else known)}
    return convert({"encounter": "e1", "text": text, **times, **more}, Note)


def treatment(item: str, action: str, clock: str | float, **more: object) -> Treatment:
    times = {"observed_at": at(clock), "available_at": at(clock)}
    return convert({"encounter": "e1", "item": item, "action": action, **times, **more}, Treatment)


def admitted(clock: str | float = "07:55", setting: Literal["icu", "ward"] = "icu") -> Movement:
    allergy = convert({"substance": "penicillin", "severity": "anaphylaxis"}, Allergy)
    patient = Patient(age_years=62.0, sex="male", allergies=(allergy,), diagnoses=())
    now = at(clock)
    return Movement(
        encounter="e1", action="admit", setting=setting, bed="4", patient=patient, observed_at=now, available_at=now
    )


SHOCK: Sequence[Event] = (
    admitted(),
    reading("weight", 80, "07:55"),
    *vitals("08:00", hr=104, rr=22, spo2=94, bp="108/62", temp=38.6),
    note(PNEUMONIA, "08:05"),
    reading("lactate", 3.1, "08:30", source=Source.LAB),
    reading("creatinine", 1.5, "08:30", source=Source.LAB),
    *vitals("09:00", hr=122, rr=26, spo2=91, bp="88/50", temp=39.0),
    reading("sbp", 86, "09:05", method="nibp"),
    reading("dbp", 48, "09:05", method="nibp"),
    reading("map", 60.7, "09:05", method="nibp"),
    treatment("piperacillin_tazobactam", "ordered", "09:06"),
    treatment("lactated_ringer", "given", "09:10", amount=500, amount_unit="mL"),
    treatment("meropenem", "given", "09:20"),
)
"""The first hours of the reference's first vignette: pneumonia, then septic shock."""


def play(
    events: Iterable[Event | Tick], until: datetime | None = None, of: Mind | None = None, bed: Bed | None = None
) -> tuple[Bed, list[Output]]:
    """Every event at its own time, then the clock at `until`; the bed, and all that was said."""
    told = [(event.available_at, event) for event in events]
    return fed([*told, *([(until, Tick(available_at=until))] if until is not None else [])], of, bed)


def fed(
    records: Iterable[tuple[datetime, Event | Tick]], of: Mind | None = None, bed: Bed | None = None
) -> tuple[Bed, list[Output]]:
    """Each record when the clock says its first part; a tick says only that."""
    bed, said = bed or Bed("e1"), list[Output]()
    for now, record in records:
        bed, new = step(bed, () if isinstance(record, Tick) else (record,), now, of or mind())
        said.extend(new)
    return bed, said


def asleep(bed: Bed) -> Bed:
    """The bed as it is saved: without what is only held in memory."""
    return bed._replace(awake=None)


def spoken_at(output: Output) -> datetime:
    """The instant that an output belongs to."""
    if isinstance(output, Late):
        return output.applied_at
    return output.received_at if output.__class__.__name__ == "Rejected" else output.at  # type: ignore[union-attr]


def as_bytes(outputs: Iterable[Output]) -> bytes:
    return b"\n".join(to_json(output) for output in outputs)
