"""What the rules name and no condition can say: numbers worked out of several readings, and a few predicates.

Sources: reference §1.7 (pressures), §1.9 (P/F, S/F), §1.11 (creatinine staging), §1.14 (level of infection), §1.17
(norepinephrine equivalents), §3.0 (shared predicates). The other definitions are text in `knowledge/definitions.toml`.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import inf
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from guidelines.case import (
    INFUSION_VALID,
    Answer,
    Case,
    Cite,
    Computed,
    Known,
    Personal,
    Sample,
    Want,
    members,
    no,
    open_range,
    unknown,
    yes,
)
from guidelines.scores import acvpu, oxygenation, tally, ventilated
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Truth
from schemas.events import Action, Quality, Reading, Treatment

__all__ = ["INFUSION_VALID", "NUMBERS", "PREDICATES", "SERIES", "acvpu", "per_kg", "personal", "rate_series", "summed"]

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
STAY = timedelta(days=365)
PAIRED = timedelta(minutes=5)  # shock index: heart rate and pressure at most this far apart (reference §1.7)
TOLERANCE = 1e-6  # reference §1.11


def _exact(subject: str, value: float, at: datetime, *sources: Cite) -> Known:
    return Known(value, value, (Computed(subject, value, at, sources),))


# -- numbers


def _shock_index(case: Case) -> Known:
    return _ratio(case, "shock_index", "sbp")


def _modified_shock_index(case: Case) -> Known:
    return _ratio(case, "msi", "map")


def _ratio(case: Case, subject: str, pressure: str) -> Known:
    rate, below = case.latest("hr"), case.latest(pressure)
    if rate is None or rate.value is None or below is None or not below.value:
        return open_range(*(Want(c) for c in ("hr", pressure) if case.latest(c) is None))
    if abs(rate.observed_at - below.observed_at) > PAIRED:
        return open_range(Want("hr", "not within 5 min of the pressure"))
    return _exact(subject, rate.value / below.value, below.observed_at, rate, below)


def _pressures(case: Case, subject: str, made: Callable[[float, float], float]) -> Known:
    systolic, diastolic = case.latest("sbp"), case.latest("dbp")
    if systolic is None or diastolic is None or systolic.value is None or diastolic.value is None:
        return open_range(*(Want(c) for c in ("sbp", "dbp") if case.latest(c) is None))
    if abs(systolic.observed_at - diastolic.observed_at) > PAIRED:
        return open_range(Want("dbp", "not within 5 min of the systolic pressure"))
    return _exact(subject, made(systolic.value, diastolic.value), systolic.observed_at, systolic, diastolic)


def _map_calc(case: Case) -> Known:
    return _pressures(case, "map_calc", lambda s, d: d + (s - d) / 3)


def _pulse_pressure(case: Case) -> Known:
    return _pressures(case, "pulse_pressure", lambda s, d: s - d)


def _pf(case: Case) -> Known:
    ratios = [s for s in oxygenation(case) if case.now - s.at <= timedelta(hours=4)]
    if not ratios:
        return open_range(Want("pao2"), Want("fio2"))
    return Known(ratios[0].value, ratios[0].value, (ratios[0].cite,))


def _sf(case: Case) -> Known:
    saturation, fraction = case.latest("spo2"), case.latest("fio2")
    if saturation is None or saturation.value is None or fraction is None or not fraction.value:
        return open_range(*(Want(c) for c in ("spo2", "fio2") if case.latest(c) is None))
    if saturation.value > 97:
        return open_range(Want("pao2", "SpO₂ above 97 % says nothing of S/F"))
    return _exact("sf", saturation.value / fraction.value, saturation.observed_at, saturation, fraction)


# µg/kg/min of norepinephrine per canonical unit of each (reference §1.17; vasopressin in U/min, angiotensin II in ng).
NOREPINEPHRINE_EQUIVALENT: Mapping[str, float] = {
    "norepinephrine": 1.0, "epinephrine": 1.0, "phenylephrine": 0.1, "dopamine": 0.01, "vasopressin": 2.5,
    "angiotensin_ii": 0.01, "metaraminol": 0.125,
}  # fmt: skip


def _ned(case: Case) -> Known:
    total = 0.0
    cites: list[Cite] = []
    for drug, factor in NOREPINEPHRINE_EQUIVALENT.items():
        rate = case.rate(drug)
        if rate.wants:
            return rate
        total += factor * rate.low
        cites += rate.cites
    if not cites:
        return Known(0.0, 0.0)
    return _exact("ned", total, max(t.observed_at for t in cites if isinstance(t, Treatment)), *cites)


def rate_series(case: Case, item: str, span: timedelta) -> list[Sample]:
    """The rate of one drug id or class at the start of [now - span, now] and after every change in it, newest first."""
    return _infusions(case, dict.fromkeys(members(item), 1.0), span)


def _ned_series(case: Case, span: timedelta) -> list[Sample]:
    return _infusions(case, NOREPINEPHRINE_EQUIVALENT, span) if case.treatments_heard else []


def _infusions(case: Case, factors: Mapping[str, float], span: timedelta) -> list[Sample]:
    start = case.now - span
    runs = [(s, f) for drug, f in factors.items() for s in case.stretches(drug) if s.end >= start]
    times = {start, case.now, *(max(s.start, start) for s, _ in runs), *(s.end for s, _ in runs if s.end < case.now)}
    samples = []
    for at in sorted(times, reverse=True):
        active = [(s, f) for s, f in runs if s.start <= at and (at < s.end or at == s.end == case.now)]
        total = sum(s.rate * f for s, f in active)
        sources = tuple(s.cite for s, _ in active)
        samples.append(Sample(at, total, Computed("ned", total, at, sources)))
    return samples


def _urine_rate(hours: int) -> Callable[[Case], Known]:
    subject = f"uo_rate_{hours}h"

    def made(case: Case) -> Known:
        weight, urine = case.dosing_weight(), case.urine(timedelta(hours=hours))
        if urine is None or urine.hours < hours - TOLERANCE:
            return open_range(Want("urine", f"less than {hours} h of charted urine"))
        if weight is None:
            return open_range(Want("weight"))
        return _exact(subject, urine.ml / weight.value / urine.hours, urine.cites[-1].observed_at, *urine.cites[-4:])

    return made


def summed(case: Case, item: str, volume: Known) -> Known:
    """A volume given, as one number with its doses as sources."""
    if volume.low != volume.high or not volume.cites:
        return volume
    return _exact(f"total {item}", volume.low, case.now, *volume.cites[-4:])


def per_kg(case: Case, item: str, volume: Known, weight: Sample) -> Known:
    """A volume given per kg of dosing weight."""
    if volume.low != volume.high:
        return volume
    return _exact(f"total {item} per kg", volume.low / weight.value, case.now, *volume.cites[-4:], weight.cite)


# -- the kidney (reference §1.11)


def _baseline_creatinine(case: Case) -> tuple[float, Cite] | None:
    """Baseline in mg/dL: of the record; else the lowest of the 7 days before; else the admission value if it is normal;
    else what 75 mL/min/1.73 m² would give at this age and sex, unless kidney disease is known."""
    patient, known = case.snapshot.patient, case.recent("creatinine", timedelta(days=7))
    if patient.baseline_creatinine_mg_dl is not None:
        value = patient.baseline_creatinine_mg_dl
        return value, Personal("baseline_creatinine", "baseline creatinine", f"{value:g} mg/dL", value)
    if len(known) >= 2:
        lowest = min(known[1:], key=lambda r: r.value or inf)
        return lowest.value or inf, lowest
    kidney_disease = patient.diagnoses is None or any(d in patient.diagnoses for d in ("ckd", "dialysis"))
    if known and known[0].value is not None and (known[0].value <= 1.1 or (kidney_disease and patient.diagnoses)):
        return known[0].value, known[0]
    if kidney_disease or patient.age_years is None or patient.sex is None:
        return None
    female = 0.742 if patient.sex == "female" else 1.0
    value = (75 / (186 * patient.age_years**-0.203 * female)) ** (-1 / 1.154)
    return value, Personal("baseline_creatinine", "baseline creatinine (estimated)", f"{value:.2f} mg/dL", value)


def _aki_stage(case: Case) -> Known:
    """KDIGO stage: creatinine decides, charted urine may raise it; no staging on chronic dialysis."""
    if "dialysis" in (case.snapshot.patient.diagnoses or ()):
        return open_range(Want("aki_stage", "chronic dialysis: not staged"))
    by_urine = _stage_of_urine(case)
    current, baseline = case.latest("creatinine"), _baseline_creatinine(case)
    if current is None or current.value is None or baseline is None:
        low = by_urine.low if by_urine is not None else 0
        cites = by_urine.cites if by_urine is not None else ()
        return Known(
            low, 3, cites, (Want("creatinine"),) if current is None else (Want("creatinine", "no baseline known"),)
        )
    stage = _stage_of_creatinine(case, current, baseline[0])
    if by_urine is not None and by_urine.low > stage:
        return by_urine
    return _exact("aki_stage", stage, current.observed_at, current, baseline[1])


def _stage_of_creatinine(case: Case, current: Reading, baseline: float) -> int:
    value = (current.value or 0.0) + TOLERANCE
    start = current.observed_at - timedelta(hours=48)
    earlier = [
        r.value
        for r in case.recent("creatinine", timedelta(days=4))
        if r.value is not None and start < r.observed_at < current.observed_at
    ]
    risen = bool(earlier) and value >= min(earlier) + 0.3
    if value >= 3 * baseline or (value >= 4.0 and (risen or value >= 1.5 * baseline)):
        return 3
    if value >= 2 * baseline:
        return 2
    return int(risen or value >= 1.5 * baseline)


def _stage_of_urine(case: Case) -> Known | None:
    rates = {h: case.once(("number", f"uo_rate_{h}h"), NUMBERS[f"uo_rate_{h}h"]) for h in (6, 12, 24)}
    if rates[6].wants:
        return None
    six, twelve, day = (rates[h].high for h in (6, 12, 24))
    stage = 3 if day < 0.3 or twelve == 0 else 2 if twelve < 0.5 else int(six < 0.5)
    return Known(stage, stage, rates[6].cites)


NUMBERS: Mapping[str, Callable[[Case], Known]] = {
    "shock_index": _shock_index,
    "msi": _modified_shock_index,
    "map_calc": _map_calc,
    "pulse_pressure": _pulse_pressure,
    "pf": _pf,
    "sf": _sf,
    "ned": _ned,
    "uo_rate_2h": _urine_rate(2),
    "uo_rate_6h": _urine_rate(6),
    "uo_rate_12h": _urine_rate(12),
    "uo_rate_24h": _urine_rate(24),
    "aki_stage": _aki_stage,
}
"""Derived concepts that conditions may compare."""

SERIES: Mapping[str, Callable[[Case, timedelta], list[Sample]]] = {"ned": _ned_series}
"""Derived concepts that have a past."""


def personal(case: Case, attribute: str) -> Known:
    """A number of the patient record (`schemas.conditions.text.PERSON`)."""
    patient = case.snapshot.patient
    if attribute == "lvef":
        return _lvef(case)
    value, text, unit = {
        "age": (patient.age_years, "age", "years"),
        "usual_sbp": (patient.usual_sbp_mmhg, "usual systolic pressure", "mmHg"),
        "baseline_creatinine": (patient.baseline_creatinine_mg_dl, "baseline creatinine", "mg/dL"),
        "baseline_sofa": (patient.baseline_sofa, "baseline SOFA", ""),
    }[attribute]
    if value is None:
        return open_range(Want(attribute, "not in the patient record"))
    return Known(value, value, (Personal(attribute, text, f"{value:g} {unit}".rstrip(), value),))


def _lvef(case: Case) -> Known:
    """The newest echo of the last 12 months: a reading, a note, or the record."""
    reading = case.latest("lvef")
    if reading is not None and reading.value is not None:
        return Known(reading.value, reading.value, (reading,))
    for fact in case.said("cardiac.lvef", timedelta(days=365)):
        if fact.polarity is Polarity.AFFIRMED and fact.value is not None:
            return Known(fact.value, fact.value, (fact,))
    value = case.snapshot.patient.lvef_percent
    if value is None:
        return open_range(Want("lvef", "no echo known"))
    return Known(value, value, (Personal("lvef", "LVEF", f"{value:g} %", value),))


# -- infection (reference §1.14)

SIGNS_ONLY = frozenset(
    {"infection.rigors", "infection.wbc", "infection.colonized"}
)  # raise the question, answer nothing
CULTURE_FIRST = timedelta(hours=72)
ANTIMICROBIAL_FIRST = timedelta(hours=24)
GRADES = ("unlikely", "possible", "probable", "definite")


class Infection(NamedTuple):
    """How likely an infection is, and what says so; `grade` is None where nothing speaks of it."""

    grade: str | None
    cites: tuple[Cite, ...]


def infection(case: Case) -> Infection:
    """The level of infection of the last 24 h, worked out once."""
    return case.once("infection", _infection)


def _infection_words(case: Case) -> list[NoteFact]:
    """The newest word on each kind of infection; the one that carries a grade stands for its span."""
    words = [w for w in case.said("infection.*", DAY) if w.concept not in SIGNS_ONLY]
    return sorted(words, key=lambda w: (w.effective_at, w.detail is not None, w.concept))


def _infection(case: Case) -> Infection:
    if not case.snapshot.facts and not case.snapshot.treatments:
        return Infection(None, ())
    words = list({(w.note, w.start): w for w in _infection_words(case)}.values())  # one span may bear several facts
    affirmed = [w for w in words if w.polarity is Polarity.AFFIRMED]
    hedged = [w for w in words if w.polarity is Polarity.UNCERTAIN]
    denied = [w for w in words if w.polarity is Polarity.NEGATED]
    positive = [w for w in case.said("culture.positive", DAY) if w.polarity is Polarity.AFFIRMED]
    confirmed = [w for w in affirmed if w.detail in ("definite", "confirmed")]
    if positive or confirmed:
        return Infection("definite", (*positive, *confirmed))
    certain = [w for w in affirmed if w.detail != "possible"]
    antimicrobial, culture, paired = _work_up(case)
    if certain:
        return Infection("probable", tuple(certain[:2]))
    if antimicrobial is not None and (paired or hedged or affirmed):
        with_it = () if culture is None else (culture,)
        return Infection("probable", (antimicrobial, *hedged[:1], *affirmed[:1], *with_it))
    said: tuple[Cite, ...] = (*affirmed[:1], *hedged[:2])
    done: tuple[Cite, ...] = tuple(c for c in (culture, antimicrobial) if c is not None)
    clues = said or done or _asked_for(case)
    if clues:
        return Infection("possible", clues)
    return Infection("unlikely", tuple(denied[:1])) if denied else Infection(None, ())


def _asked_for(case: Case) -> tuple[Cite, ...]:
    """A culture that is only ordered, with fever or a high white count."""
    order = next((o for o in case.orders() if o.item in members("culture") and case.now - o.observed_at <= DAY), None)
    signs = [r for c, bound in (("temp", 38.0), ("wbc", 12.0)) if (r := case.latest(c)) and (r.value or 0.0) > bound]
    return (order, *signs) if order is not None and signs else ()


def _work_up(case: Case) -> tuple[Cite | None, Cite | None, bool]:
    """The newest antimicrobial and culture of the last 24 h, and whether they are a pair in the sense of Sepsis-3."""
    start = case.now - DAY
    doses = [t for t in case.of("antimicrobial") if t.action in (Action.GIVEN, Action.START)]
    cultures = [t for t in case.of("culture") if t.action is Action.GIVEN]
    paired = any(
        max(d.observed_at, c.observed_at) > start
        and -ANTIMICROBIAL_FIRST <= d.observed_at - c.observed_at <= CULTURE_FIRST
        for d in doses
        for c in cultures
    )
    drug: Cite | None = max((d for d in doses if d.observed_at > start), key=lambda d: d.observed_at, default=None)
    sample: Cite | None = max((c for c in cultures if c.observed_at > start), key=lambda c: c.observed_at, default=None)
    if drug is None:
        drug = next((w for w in case.said("abx.started", DAY) if w.polarity is Polarity.AFFIRMED), None)
    if sample is None:
        sample = next((w for w in case.said("culture.sent", DAY) if w.polarity is Polarity.AFFIRMED), None)
    either_noted = isinstance(drug, NoteFact) or isinstance(sample, NoteFact)
    return drug, sample, paired or (either_noted and drug is not None and sample is not None)


def _graded(*grades: str) -> Callable[[Case], Answer]:
    def ask(case: Case) -> Answer:
        found = infection(case)
        if found.grade is None:
            return unknown(Want("infection", "no note, culture or antimicrobial of the last 24 h speaks of it"))
        return yes(*found.cites) if found.grade in grades else no(*found.cites)

    return ask


def _infection_denied(case: Case) -> Answer:
    """The newest word on infection is no, and no antimicrobial runs: cultures alone keep it possible."""
    words = _infection_words(case)
    denied = [w for w in words if w.polarity is Polarity.NEGATED]
    treated = _work_up(case)[0]
    return yes(*denied[:1]) if denied and len(denied) == len(words) and treated is None else no()


# -- pressure

REPEAT_APART = timedelta(minutes=3)  # reference §3.0: with cuff readings only, 2 readings at least 3 min apart
REPEAT_WITHIN = timedelta(minutes=60)  # and no further apart than one stays valid (our choice, decision 0010)


def _repeated(concept: str, bound: float) -> Callable[[Case], Answer]:
    """Low at the newest reading and at every one back to another at least 3 min earlier."""

    def ask(case: Case) -> Answer:
        newest = case.newest_map() if concept == "map" else case.newest_value(concept)
        if newest is None:
            return unknown(Want(concept))
        if newest.value >= bound:
            return no(newest.cite)
        samples = case.series(concept, case.now - newest.at + REPEAT_WITHIN)
        for earlier in samples[1:]:
            if earlier.value >= bound:
                break
            if samples[0].at - earlier.at >= REPEAT_APART:
                return yes(samples[0].cite, earlier.cite)
        return unknown(Want(concept, "one low value: repeat in 3 min"))

    return ask


def _sbp_below_usual(case: Case) -> Answer:
    """Systolic pressure at least 40 mmHg below the usual one for 10 min; NO where the usual one is not known."""
    usual = case.snapshot.patient.usual_sbp_mmhg or _usual_sbp(case)
    if usual is None:
        return no()
    return _repeated("sbp", usual - 40 + TOLERANCE)(case)


USUAL_SAMPLES_MAX = 64
_observed_at = attrgetter("observed_at")


def _usual_sbp(case: Case) -> float | None:
    """The median systolic pressure from 72 h to 12 h before now, of at most about 64 readings taken evenly."""
    readings = case.snapshot.readings.get("sbp", ())
    latest = case.now - timedelta(hours=12)
    if not readings or readings[0].observed_at > latest:
        return None
    start = bisect_right(readings, case.now - timedelta(hours=72), key=_observed_at)
    end = bisect_right(readings, latest, key=_observed_at)
    step = max(1, (end - start) // USUAL_SAMPLES_MAX)
    taken = [r.value for r in readings[start:end:step] if r.value is not None and r.quality is Quality.OK]
    return median(taken) if taken else None


# -- oxygen, lungs, mind, fluid

DEVICE_STEPS = {"air": 0, "nc": 1, "simple": 2, "venturi": 2, "nrb": 3, "hfnc": 4, "niv": 5, "imv": 6, "trach": 6}


def _o2_up(case: Case) -> Answer:
    """Oxygen stepped up within 1 h: FiO2 by 0.10, flow by 2 L/min, or a stronger device."""
    known = False
    for concept, least in (("fio2", 0.10), ("o2_flow", 2.0)):
        now, before = _now_and_before(case, concept)
        if now is None or before is None or now.value is None or before.value is None:
            continue
        known = True
        if now.value - before.value >= least - TOLERANCE:
            return yes(now, before)
    now, before = _now_and_before(case, "o2_device")
    if now is not None and before is not None:
        known = True
        if DEVICE_STEPS.get(now.code or "", 0) > DEVICE_STEPS.get(before.code or "", 9):
            return yes(now, before)
    for word in case.said("o2.up", HOUR):
        if word.polarity is Polarity.AFFIRMED:
            return yes(word)
    return no() if known else unknown(Want("o2_device"))


def _now_and_before(case: Case, concept: str) -> tuple[Reading | None, Reading | None]:
    """The newest setting, and the one that held an hour ago (or the oldest of this hour)."""
    now = case.latest(concept)
    if now is None:
        return None, None
    readings = case.recent(concept, DAY)
    before = next((r for r in readings if r.observed_at <= case.now - HOUR), readings[-1])
    return now, before


def _fluid_made_it_worse(case: Case) -> Answer:
    """After a bolus in the last hour oxygen had to be raised or SpO2 fell by 4 points."""
    bolus = case.volume("crystalloid", HOUR)
    if bolus.wants:
        return unknown(*bolus.wants)
    if bolus.low < BOLUS_ML:
        return no()
    raised = _o2_up(case)
    if raised.truth is Truth.YES:
        return yes(*bolus.cites[-1:], *raised.cites)
    saturations = case.series("spo2", HOUR)
    if not saturations:
        return unknown(Want("spo2"))
    best = max(saturations, key=lambda s: s.value)
    return yes(*bolus.cites[-1:], saturations[0].cite, best.cite) if best.value - saturations[0].value >= 4 else no()


def _fluid_or_pressor_reported(case: Case) -> Answer:
    """Whether resuscitation was reported: a statement about reports, so it is never UNKNOWN."""
    fluid = case.given("crystalloid", timedelta(hours=6))
    cites = (*((fluid,) if fluid is not None else ()), *case.running("crystalloid"), *case.running("vasopressor"))
    return yes(*cites) if cites else no()


BOLUS_ML = 200.0  # less in an hour is a flush or a carrier


def _confounded(case: Case) -> Answer:
    """A sedative or opioid given or raised within 2 h, RASS at most -2, a neuromuscular blocker."""
    if not case.treatments_heard and case.latest("rass") is None:
        return no()  # nothing hides the mind as far as anyone said; hp.mental then speaks with its own evidence
    rass = case.latest("rass")
    if rass is not None and rass.value is not None and rass.value <= -2:
        return yes(rass)
    for item in ("sedative", "opioid", "neuromuscular_blocker"):
        recent = [
            t for t in case.of(item) if case.now - t.observed_at <= timedelta(hours=2) and t.action is not Action.STOP
        ]
        given = [t for t in recent if t.action in (Action.GIVEN, Action.START, Action.CHANGE)]
        if given:
            return yes(given[-1])
        if item == "neuromuscular_blocker" and case.running(item):
            return yes(*case.running(item))
    return no()


def _fluid_responsive(case: Case) -> Answer:
    """Shown by a test of the last hour, as noted; else UNKNOWN (reference §3.0)."""
    for word in case.said("fluid.responsive", HOUR):
        if word.polarity is not Polarity.UNCERTAIN:
            return yes(word) if word.polarity is Polarity.AFFIRMED else no(word)
    return unknown(
        Want("fluid_responsive", "no passive leg raise, stroke volume or refill test noted in the last hour")
    )


def _fluid_response_not_shown(case: Case) -> Answer:
    """`fluid_responsive is not TRUE`: UNKNOWN counts as not shown (SEP.B3)."""
    answer = _fluid_responsive(case)
    return no(*answer.cites) if answer.truth is Truth.YES else yes(*answer.cites)


def _lvef_known_low(case: Case) -> Answer:
    """A known LVEF below 40 %; no echo is no sign of it, the problem list is asked beside it."""
    known = _lvef(case)
    return yes(*known.cites) if not known.wants and known.low < 40 else no(*known.cites)


def _cvp_known_high(case: Case) -> Answer:
    """A known CVP above 15 mmHg; without a central line nobody owes it."""
    reading = case.latest("cvp")
    if reading is None or reading.value is None:
        return no()
    return yes(reading) if reading.value > 15 else no(reading)


def _sofa_rise(case: Case) -> Answer:
    """SOFA of the last 24 h at least 2 above its baseline; alarms use the lower bound, a baseline not known is 0."""
    now, baseline = tally(case, "sofa"), case.snapshot.patient.baseline_sofa or 0
    known = now.known(case)
    if now.lower - baseline >= 2:
        return yes(*known.cites)
    return unknown(*known.wants) if now.upper - baseline >= 2 else no(*known.cites)


def escalation_limited(case: Case) -> Answer:
    """A limit of escalation in the record, or noted in this stay."""
    if "no_escalation" in (case.snapshot.patient.limits or ()):
        return yes(Personal("limits", "treatment limit", "no escalation"))
    words = [w for w in case.said("limit.no_escalation", STAY) if w.polarity is Polarity.AFFIRMED]
    return yes(*words) if words else no()


def _known_ventilated(case: Case) -> Answer:
    return yes() if ventilated(case) else no()


def _in_icu(case: Case) -> Answer:
    return yes() if case.snapshot.setting == "icu" else no()


def _single_three(case: Case) -> Answer:
    """One NEWS2 parameter alone scores 3."""
    made = tally(case, "news2")
    red = [p for p in made.parts if p.points == 3]
    if red:
        return yes(*made.known(case).cites)
    open_ = tuple(p.want for p in made.parts if p.want is not None and p.most == 3)
    return unknown(*open_) if open_ else no(*made.known(case).cites)


PREDICATES: Mapping[str, Callable[[Case], Answer]] = {
    "infection_suspected": _graded("possible", "probable", "definite"),
    "infection_likely": _graded("probable", "definite"),
    "infection_only_possible": _graded("possible"),
    "infection_denied": _infection_denied,
    "repeated_low_map": _repeated("map", 65.0),
    "repeated_low_sbp": _repeated("sbp", 90.0),
    "sbp_below_usual": _sbp_below_usual,
    "o2_up": _o2_up,
    "fluid_made_it_worse": _fluid_made_it_worse,
    "fluid_or_pressor_reported": _fluid_or_pressor_reported,
    "fluid_responsive": _fluid_responsive,
    "fluid_response_not_shown": _fluid_response_not_shown,
    "confounded": _confounded,
    "lvef_known_low": _lvef_known_low,
    "cvp_known_high": _cvp_known_high,
    "sofa_rise": _sofa_rise,
    "known_ventilated": _known_ventilated,
    "in_icu": _in_icu,
    "news2_single_three": _single_three,
}
"""Named definitions that are worked out here; the others are text in `knowledge/definitions.toml`."""

READS: Mapping[str, tuple[str, ...]] = {
    "repeated_low_map": ("map", "sbp", "dbp"),
    "repeated_low_sbp": ("sbp",),
    "sbp_below_usual": ("sbp",),
    "o2_up": ("fio2", "o2_flow", "o2_device"),
    "fluid_made_it_worse": ("fio2", "o2_flow", "o2_device", "spo2", "weight", "height"),
    "confounded": ("rass",),
    "lvef_known_low": ("lvef",),
    "cvp_known_high": ("cvp",),
    "sofa_rise": ("sofa",),
    "known_ventilated": ("o2_device",),
    "news2_single_three": ("news2",),
    "shock_index": ("hr", "sbp"),
    "msi": ("hr", "map"),
    "map_calc": ("sbp", "dbp"),
    "pulse_pressure": ("sbp", "dbp"),
    "pf": ("pao2", "fio2", "o2_device"),
    "sf": ("spo2", "fio2"),
    "uo_rate_2h": ("urine", "weight", "height"),
    "uo_rate_6h": ("urine", "weight", "height"),
    "uo_rate_12h": ("urine", "weight", "height"),
    "uo_rate_24h": ("urine", "weight", "height"),
    "aki_stage": ("creatinine", "urine", "weight", "height"),
}
"""The concepts that each of the above reads."""
