"""Marks on readings that look like artefacts (reference §2.8), made when they become known.

A mark never changes a value: a marked reading is kept and shown with its reason, and not scored. Patterns that need
the waveform, or what only a nurse can see, are left to the monitor (Q3, Q5, Q9 to Q12). Only what a sender left `ok`
is looked at.

Two pressures of one time that contradict each other are marked once both are written (`contradicted`): the lower one
counts, the other is kept, shown and named.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from operator import attrgetter

from msgspec.structs import replace

from guidelines.evidence import amount
from guidelines.quantities.pressure import DIFFER, PRESSURES, SAME_TIME, Pressure, contradicted_by, pressures
from schemas.codes.concepts import CONCEPTS
from schemas.events import Quality, Reading, Source, identity

PULSE_PRESSURE_MIN = 8.0  # mmHg, Q1
CUFF_VALID = timedelta(minutes=60)
FLUSH_SBP, FLUSH_DBP, FLUSH_LASTS = 250.0, 200.0, timedelta(seconds=30)  # Q2
DESATURATION, DESATURATION_WITHIN, MUST_PERSIST = 10.0, timedelta(seconds=10), timedelta(seconds=60)  # Q4
RR_HIGH, RR_LOW, RR_CONFIRMED_WITHIN = 40.0, 6.0, timedelta(minutes=5)  # Q6
TEMP_STEP, TEMP_WITHIN = 1.5, timedelta(minutes=10)  # Q7
POTASSIUM_HIGH, CELLS_WITHIN = 5.5, timedelta(hours=24)  # Q8
WEIGHT_CHANGE, WEIGHT_WITHIN = 0.10, timedelta(hours=24)  # reference §2.1, weight

_POOR_PLETH = re.compile(r"pleth|perfusion|motion|artefact|artifact", re.IGNORECASE)
_HAEMOLYSED = re.compile(r"ha?emoly|drip arm", re.IGNORECASE)
_APNOEA = re.compile(r"apno?ea", re.IGNORECASE)

Rows = Mapping[str, Sequence[Reading]]
_observed_at = attrgetter("observed_at")


def marked(instant: Sequence[Reading], earlier: Rows) -> tuple[Reading, ...]:
    """The readings of one instant, each marked where it fits a pattern; `earlier` is what was known before."""
    return tuple(_marked(reading, instant, earlier) for reading in instant)


def _marked(reading: Reading, instant: Sequence[Reading], earlier: Rows) -> Reading:
    check = _CHECKS.get(reading.concept)
    if reading.quality is not Quality.OK or reading.value is None:
        return reading
    found = check(reading, reading.value, instant, earlier) if check is not None else None
    found = found or _look_alike(reading, reading.value)
    if found is None:
        return reading
    quality, why = found
    reason = f"{why}; {reading.reason}"[:200] if reading.reason else why
    return replace(reading, quality=quality, reason=reason)


Mark = tuple[Quality, str] | None


def _suspect(why: str) -> Mark:
    return Quality.SUSPECT, why


def _before(
    concept: str, reading: Reading, within: timedelta, instant: Sequence[Reading], rows: Rows
) -> Iterator[Reading]:
    """Other readings of a concept observed in [observed_at - within, observed_at], newest first; of any quality."""
    start, end = reading.observed_at - within, reading.observed_at
    for other in reversed(instant):
        if other.concept == concept and other is not reading and start <= other.observed_at <= end:
            yield other
    for other in reversed(rows.get(concept, ())):
        if other.observed_at < start:
            return
        if other.observed_at <= end:
            yield other


def _first_ok(readings: Iterable[Reading]) -> float | None:
    return next((other.value for other in readings if other.quality is Quality.OK), None)


def _pressure(reading: Reading, value: float, instant: Sequence[Reading], earlier: Rows) -> Mark:
    """Q1, Q2, and the order diastolic ≤ mean ≤ systolic within one measurement."""
    same = {
        other.concept: other.value
        for other in instant
        if (other.method, other.source, other.observed_at) == (reading.method, reading.source, reading.observed_at)
    }
    sbp, dbp = same.get("sbp"), same.get("dbp")
    if sbp is not None and dbp is not None:
        if reading.method != "nibp" and sbp >= FLUSH_SBP and dbp >= FLUSH_DBP:
            longer = _before("sbp", reading, timedelta(minutes=2), instant, earlier)
            since = [o.observed_at for o in longer if o.value is not None and o.value >= FLUSH_SBP]
            if not since or reading.observed_at - min(since) <= FLUSH_LASTS:
                return Quality.ARTEFACT, "flush or sampling: both pressures at the top of the scale (Q2)"
        if sbp < dbp:
            return _suspect("systolic below diastolic in the same measurement")
        if reading.method == "invasive" and sbp - dbp < PULSE_PRESSURE_MIN:
            cuffs = (o for o in _before("sbp", reading, CUFF_VALID, instant, earlier) if o.method == "nibp")
            cuff = _first_ok(cuffs)
            if cuff is not None and abs(cuff - sbp) > DIFFER:
                return _suspect("damped line: hardly any pulse pressure, and the cuff differs; use the cuff (Q1)")
    if reading.concept == "map" and ((sbp is not None and value > sbp) or (dbp is not None and value < dbp)):
        return _suspect("mean outside its own systolic and diastolic")
    return None


def _spo2(reading: Reading, value: float, instant: Sequence[Reading], earlier: Rows) -> Mark:
    """Q4: a drop is believed when it has lasted a minute."""
    if reading.reason and _POOR_PLETH.search(reading.reason):
        return _suspect("poor signal (Q4)")
    if reading.source not in (Source.MONITOR, Source.DEVICE):
        return None
    fell_since = None
    for other in _before("spo2", reading, MUST_PERSIST + DESATURATION_WITHIN, instant, earlier):
        if other.value is None or other.quality is Quality.ARTEFACT:
            continue
        if other.quality is Quality.OK:
            gap = (fell_since or reading).observed_at - other.observed_at
            fell = other.value - value > DESATURATION and gap <= DESATURATION_WITHIN
            lasted = fell_since is not None and reading.observed_at - fell_since.observed_at >= MUST_PERSIST
            return _suspect("sudden drop, not yet a minute old (Q4)") if fell and not lasted else None
        fell_since = other
    return None


def _rr(reading: Reading, value: float, instant: Sequence[Reading], earlier: Rows) -> Mark:
    """Q6: impedance counts far out need a second source."""
    if value == 0 and not (reading.reason and _APNOEA.search(reading.reason)):
        return _suspect("0 without an apnoea flag")
    if reading.source is not Source.MONITOR or RR_LOW <= value <= RR_HIGH:
        return None
    for other in _before("rr", reading, RR_CONFIRMED_WITHIN, instant, earlier):
        confirms = other.value is not None and (other.value > RR_HIGH if value > RR_HIGH else other.value < RR_LOW)
        if other.source is not Source.MONITOR and confirms:
            return None
    return _suspect("impedance count far out and not confirmed by another source within 5 min (Q6)")


def _temp(reading: Reading, value: float, instant: Sequence[Reading], earlier: Rows) -> Mark:
    """Q7."""
    at = reading.observed_at
    others = (
        o for o in _before("temp", reading, TEMP_WITHIN, instant, earlier) if at - TEMP_WITHIN < o.observed_at < at
    )
    last = _first_ok(others)
    if last is not None and abs(value - last) > TEMP_STEP:
        return _suspect("step of more than 1.5 °C within 10 min: another site, or a warmer (Q7)")
    return None


def _potassium(reading: Reading, value: float, instant: Sequence[Reading], earlier: Rows) -> Mark:
    """Q8: pseudo-hyperkalaemia until a repeat."""
    if value < POTASSIUM_HIGH:
        return None
    if reading.reason and _HAEMOLYSED.search(reading.reason):
        return _suspect("haemolysed or drip-arm sample: repeat (Q8)")
    for cells, high in (("wbc", 100.0), ("platelets", 1000.0)):
        count = _first_ok(_before(cells, reading, CELLS_WITHIN, instant, earlier))
        if count is not None and count > high:
            return _suspect(f"very many cells ({CONCEPTS[cells].short}): repeat in plasma (Q8)")
    return None


def _weight(reading: Reading, value: float, instant: Sequence[Reading], earlier: Rows) -> Mark:
    last = _first_ok(_before("weight", reading, WEIGHT_WITHIN, instant, earlier))
    if last is not None and abs(value - last) > WEIGHT_CHANGE * last:
        return _suspect("more than 10 % from the weight of the last 24 h")
    return None


def _look_alike(reading: Reading, value: float) -> Mark:
    """Q13 inside the hard limits (decode marks the rest); a value that was converted named its unit itself."""
    meant = CONCEPTS[reading.concept].probable_unit(value) if reading.original_unit is None else None
    return None if meant is None else _suspect(f"was it meant in {meant}? Ask or repeat (Q13)")


# -- pressures of one time

CONTRADICTS = "contradicts "
LATELY = timedelta(minutes=15)


def contradicted(rows: Rows, touched: Iterable[Reading]) -> tuple[Reading, ...]:
    """The pressures around those that were just written, or taken back, whose mark is another one now."""
    amended: dict[str, Reading] = {}
    for moment in sorted({reading.observed_at for reading in touched if reading.concept in PRESSURES}):
        near = {name: _around(rows.get(name, ()), moment) for name in PRESSURES}
        kinds = {(reading.method, reading.quality) for row in near.values() for reading in row}
        if len(kinds) <= 1 and all(quality is Quality.OK for _, quality in kinds):
            continue
        near = {name: [r for r in row if r.quality is Quality.OK or _is_contradicted(r)] for name, row in near.items()}
        plain = {name: [_unmarked(reading) for reading in row] for name, row in near.items()}
        why = _contradictions(list(pressures(plain, moment, (Quality.OK,), 2 * SAME_TIME)))
        for old, reading in zip(_all(near), _all(plain), strict=True):
            new = _with_reason(reading, why[id(reading)]) if id(reading) in why else reading
            if new != old and abs(new.observed_at - moment) <= SAME_TIME:
                amended[identity(new)] = new
    return tuple(amended.values())


def lately_contradicted(rows: Rows, now: datetime) -> bool:
    """Whether two pressures contradicted each other in the last minutes: that they still do is no news."""
    recent = (takewhile(lambda r: now - r.observed_at <= LATELY, reversed(rows.get(name, ()))) for name in PRESSURES)
    return any(_is_contradicted(reading) for row in recent for reading in row)


def _around(row: Sequence[Reading], moment: datetime) -> Sequence[Reading]:
    """What is near enough to have a rival of the same time."""
    start = bisect_left(row, moment - 2 * SAME_TIME, key=_observed_at)
    return row[start : bisect_right(row, moment + 2 * SAME_TIME, lo=start, key=_observed_at)]


def _all(rows: Rows) -> Iterator[Reading]:
    return (reading for row in rows.values() for reading in row)


def _contradictions(found: Sequence[Pressure]) -> dict[int, str]:
    """Why, by reading, it does not count: another method says less at the same time."""
    why: dict[int, str] = {}
    for one in found:
        rival = contradicted_by(one, found)
        if rival is not None and rival.value < one.value:
            shown = f"{amount(rival.concept, rival.value)} {rival.by}"
            said = f"{CONTRADICTS}{shown} at the same time: zero the line again, repeat; the lower one counts"
            why.update({id(part): said for part in one.parts})
    return why


def _is_contradicted(reading: Reading) -> bool:
    return reading.quality is Quality.SUSPECT and (reading.reason or "").startswith(CONTRADICTS)


def _unmarked(reading: Reading) -> Reading:
    """The reading as it was before it was contradicted."""
    if not _is_contradicted(reading):
        return reading
    before = (reading.reason or "").partition(" | ")[2]
    return replace(reading, quality=Quality.OK, reason=before or None)


def _with_reason(reading: Reading, why: str) -> Reading:
    reason = f"{why} | {reading.reason}"[:200] if reading.reason else why
    return replace(reading, quality=Quality.SUSPECT, reason=reason)


_CHECKS = {
    "sbp": _pressure,
    "dbp": _pressure,
    "map": _pressure,
    "spo2": _spo2,
    "rr": _rr,
    "temp": _temp,
    "k": _potassium,
    "weight": _weight,
}
