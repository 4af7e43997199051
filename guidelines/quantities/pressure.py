"""Pressures: shock indices (reference §1.7), and what makes a pressure count as low (§3.0)."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from statistics import median

from guidelines.rules.answers import Answer, Computed, Interval, Missing, Personal, exact, no, open_range, unknown, yes
from guidelines.rules.case import Case
from guidelines.rules.registry import number, predicate
from schemas.clinical.findings import Truth
from schemas.events import Quality

HOUR = timedelta(hours=1)
PAIRED = timedelta(minutes=5)  # heart rate and pressure, or both pressures, at most this far apart (reference §1.7)
REPEAT_APART = timedelta(minutes=3)  # reference §3.0: with cuff readings only, 2 readings at least 3 min apart
REPEAT_WITHIN = timedelta(minutes=60)  # and no further apart than one stays valid (our choice, decision 0010)
BELOW_USUAL = 40.0  # mmHg, reference §3.0
USUAL_FROM, USUAL_TO = timedelta(hours=72), timedelta(hours=12)
USUAL_SAMPLES_MAX = 64
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


@predicate("cvp_known_high", ["cvp"], ages_only=True)
def _cvp_known_high(case: Case) -> Answer:
    """A known CVP above 15 mmHg; without a central line nobody owes it."""
    reading = case.latest("cvp")
    if reading is None or reading.value is None:
        return no()
    return yes(reading) if reading.value > CVP_HIGH else no(reading)
