"""Pressures: shock indices (reference §1.7), what counts as low (§3.0), and which contradict each other (§2.8)."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from guidelines.rules.answers import (
    Answer,
    Computed,
    Interval,
    Missing,
    Personal,
    Source,
    exact,
    no,
    open_range,
    unknown,
    yes,
)
from guidelines.rules.case import Case
from guidelines.rules.registry import number, predicate
from schemas.clinical.findings import Truth
from schemas.events import Quality, Reading

HOUR = timedelta(hours=1)
PAIRED = timedelta(minutes=5)  # heart rate and pressure, or both pressures, at most this far apart (reference §1.7)
REPEAT_APART = timedelta(minutes=3)  # reference §3.0: with cuff readings only, 2 readings at least 3 min apart
REPEAT_WITHIN = timedelta(minutes=60)  # and no further apart than one stays valid (our choice, decision 0010)
BELOW_USUAL = 40.0  # mmHg, reference §3.0
USUAL_FROM, USUAL_TO = timedelta(hours=72), timedelta(hours=12)
USUAL_SAMPLES_MAX = 64
SAME_TIME = timedelta(minutes=1)  # two measurements so close to each other ought to agree (our choice, decision 0010)
DIFFER = 20.0  # mmHg, reference §2.8 Q1: more than this between cuff and arterial line is no agreement
PRESSURES = ("sbp", "dbp", "map")
TOLERANCE = 1e-6
CVP_HIGH = 15.0  # mmHg, reference §3.0

_observed_at = attrgetter("observed_at")


@number("shock_index", ["shock_index", "hr", "sbp"], ages_only=True)
def _shock_index(case: Case) -> Interval:
    return _ratio(case, "shock_index", "sbp")


@number("msi", ["msi", "hr", "map"], ages_only=True)
def _modified_shock_index(case: Case) -> Interval:
    return _ratio(case, "msi", "map")


def _ratio(case: Case, subject: str, pressure: str) -> Interval:
    rate, below = case.latest("hr"), case.latest(pressure)
    if rate is None or rate.value is None or below is None or not below.value:
        return open_range(*(Missing(c) for c in ("hr", pressure) if case.latest(c) is None))
    if abs(rate.observed_at - below.observed_at) > PAIRED:
        return open_range(Missing("hr", "not within 5 min of the pressure"))
    return exact(subject, rate.value / below.value, below.observed_at, rate, below)


@number("map_calc", ["map_calc", "sbp", "dbp"], ages_only=True)
def _map_calc(case: Case) -> Interval:
    return _pressures(case, "map_calc", lambda s, d: d + (s - d) / 3)


@number("pulse_pressure", ["pulse_pressure", "sbp", "dbp"], ages_only=True)
def _pulse_pressure(case: Case) -> Interval:
    return _pressures(case, "pulse_pressure", lambda s, d: s - d)


def _pressures(case: Case, subject: str, made: Callable[[float, float], float]) -> Interval:
    systolic, diastolic = case.latest("sbp"), case.latest("dbp")
    if systolic is None or diastolic is None or systolic.value is None or diastolic.value is None:
        return open_range(*(Missing(c) for c in ("sbp", "dbp") if case.latest(c) is None))
    if abs(systolic.observed_at - diastolic.observed_at) > PAIRED:
        return open_range(Missing("dbp", "not within 5 min of the systolic pressure"))
    return exact(subject, made(systolic.value, diastolic.value), systolic.observed_at, systolic, diastolic)


def _repeated(case: Case, concept: str, bound: float) -> Answer:
    """Low at the newest reading and at every one back to another at least 3 min earlier."""
    newest = case.newest(concept)
    if newest is None:
        return unknown(Missing(concept))
    if newest.value >= bound:
        return no(newest.source)
    samples = case.series(concept, case.now - newest.at + REPEAT_WITHIN)
    for earlier in samples[1:]:
        if earlier.value >= bound:
            break
        if samples[0].at - earlier.at >= REPEAT_APART:
            return yes(samples[0].source, earlier.source)
    return unknown(Missing(concept, "one low value: repeat in 3 min"))


@predicate("repeated_low_map", ["map", "sbp", "dbp"])
def _repeated_low_map(case: Case) -> Answer:
    return _repeated(case, "map", 65.0)


@predicate("repeated_low_sbp", ["sbp"], ages_only=True)
def _repeated_low_sbp(case: Case) -> Answer:
    return _repeated(case, "sbp", 90.0)


@predicate("sbp_below_usual", ["sbp", "p:usual_sbp_mmhg"])
def _sbp_below_usual(case: Case) -> Answer:
    """Systolic pressure at least 40 mmHg below the usual one for 10 min; NO where the usual one is not known."""
    usual = _usual_sbp(case)
    if usual is None or usual.value is None:
        return no()
    answer = _repeated(case, "sbp", usual.value - BELOW_USUAL + TOLERANCE)
    return yes(*answer.sources, usual) if answer.truth is Truth.YES else answer


def _usual_sbp(case: Case) -> Personal | Computed | None:
    """The usual systolic pressure of the record, or the median from 72 h to 12 h before the last full hour, of about 64
    readings taken evenly."""
    recorded = case.snapshot.patient.usual_sbp_mmhg
    if recorded is not None:
        return Personal("usual_sbp", "usual systolic pressure", f"{recorded:g} mmHg", recorded)
    readings = case.snapshot.readings.get("sbp", ())
    hour = _full_hour(case.now)
    if readings:
        case.stays(hour + HOUR)
    latest = hour - USUAL_TO
    if not readings or readings[0].observed_at > latest:
        return None
    start = bisect_right(readings, hour - USUAL_FROM, key=_observed_at)
    end = bisect_right(readings, latest, key=_observed_at)
    step = max(1, (end - start) // USUAL_SAMPLES_MAX)
    taken = [r for r in readings[start:end:step] if r.value is not None and r.quality is Quality.OK]
    if not taken:
        return None
    middle = median(r.value for r in taken if r.value is not None)
    return Computed("usual_sbp", middle, taken[-1].observed_at, (taken[0], taken[-1]), unit="mmHg")


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


class Pressure(NamedTuple):
    """One pressure by one method: charted, or a mean worked out of its two `parts` where none was charted."""

    concept: str
    at: datetime
    value: float
    method: str | None
    parts: tuple[Reading, ...]

    @property
    def by(self) -> str:
        """How it was measured, as a person calls it."""
        return {"invasive": "by arterial line", "nibp": "by cuff"}.get(self.method or "", "by another method")

    @property
    def source(self) -> Source:
        return self.parts[0] if len(self.parts) == 1 else Computed(self.concept, self.value, self.at, self.parts)


def pressures(
    rows: Mapping[str, Sequence[Reading]],
    around: datetime,
    qualities: Collection[Quality],
    within: timedelta = SAME_TIME,
) -> Iterator[Pressure]:
    """The pressures of these qualities so near to a moment."""
    near = {
        name: [r for r in rows.get(name, ()) if r.quality in qualities and abs(r.observed_at - around) <= within]
        for name in PRESSURES
    }
    for readings in near.values():
        for r in readings:
            if r.value is not None:
                yield Pressure(r.concept, r.observed_at, r.value, r.method, (r,))
    charted = {(r.observed_at, r.method) for r in near["map"]}
    diastolic = {(r.observed_at, r.method): r for r in near["dbp"]}
    for systolic in near["sbp"]:
        key = systolic.observed_at, systolic.method
        low = diastolic.get(key)
        if low is not None and key not in charted and systolic.value is not None and low.value is not None:
            yield Pressure("map", key[0], low.value + (systolic.value - low.value) / 3, key[1], (systolic, low))


def contradicted_by(one: Pressure, others: Sequence[Pressure]) -> Pressure | None:
    """The pressure by another method that is nearest in time, if it cannot be true beside this one."""
    rivals = [o for o in others if o.concept == one.concept and o.method != one.method]
    nearest = min(rivals, key=lambda o: abs(o.at - one.at), default=None)
    if nearest is None or abs(nearest.at - one.at) > SAME_TIME:
        return None
    return nearest if abs(nearest.value - one.value) > DIFFER else None


def contradiction(case: Case, concept: str) -> tuple[Pressure, Pressure] | None:
    """The newest pressure, which counts, and the one of the same time that contradicts it."""
    newest = case.newest(concept) if concept in PRESSURES else None
    if newest is None:
        return None
    found = list(pressures(case.snapshot.readings, newest.at, (Quality.OK, Quality.SUSPECT)))
    mine = [p for p in found if p.concept == concept and (p.at, p.value) == (newest.at, newest.value)]
    other = contradicted_by(mine[-1], found) if mine else None
    return None if other is None else (mine[-1], other)


@predicate("cvp_known_high", ["cvp"], ages_only=True)
def _cvp_known_high(case: Case) -> Answer:
    """A known CVP above 15 mmHg; without a central line nobody owes it."""
    reading = case.latest("cvp")
    if reading is None or reading.value is None:
        return no()
    return yes(reading) if reading.value > CVP_HIGH else no(reading)
