"""The kidney: urine per kg and hour, and KDIGO stages (reference §1.11)."""

from collections.abc import Callable
from datetime import timedelta
from math import inf

from guidelines.rules.answers import Interval, Missing, Personal, Sample, Source, exact, open_range
from guidelines.rules.case import Case
from guidelines.rules.registry import number
from schemas.events import Reading

TOLERANCE = 1e-6  # reference §1.11
BASELINE_WITHIN = timedelta(days=7)
RISE_WITHIN = timedelta(hours=48)
RISE_KEPT = timedelta(days=4)
NORMAL_ADMISSION = 1.1  # mg/dL
HOURS = (2, 6, 12, 24)
WEIGHED = ("urine", "weight", "height", "p:sex")


def _urine_rate(hours: int) -> Callable[[Case], Interval]:
    subject = f"uo_rate_{hours}h"

    def made(case: Case) -> Interval:
        weight: Sample | None = case.ask(case.graph.named["dosing_weight"])
        urine = case.urine(timedelta(hours=hours))
        if urine is None or urine.hours < hours - TOLERANCE:
            return open_range(Missing("urine", f"less than {hours} h of charted urine"))
        if weight is None:
            return open_range(Missing("weight"))
        rate = urine.ml / weight.value / urine.hours
        return exact(subject, rate, urine.entries[-1].observed_at, *urine.entries[-4:])

    return made


for _hours in HOURS:
    number(f"uo_rate_{_hours}h", [f"uo_rate_{_hours}h", "urine"], uses=["dosing_weight"])(_urine_rate(_hours))


def _baseline_creatinine(case: Case) -> tuple[float, Source] | None:
    """Baseline in mg/dL: of the record; else the lowest of the 7 days before; else the admission value if it is normal;
    else what 75 mL/min/1.73 m² would give at this age and sex, unless kidney disease is known."""
    patient = case.snapshot.patient
    known = [r for r in case.recent("creatinine", BASELINE_WITHIN) if r.observed_at + BASELINE_WITHIN > case.now]
    if patient.baseline_creatinine_mg_dl is not None:
        value = patient.baseline_creatinine_mg_dl
        return value, Personal("baseline_creatinine", "baseline creatinine", f"{value:g} mg/dL", value)
    if known:
        case.stays(known[-1].observed_at + BASELINE_WITHIN)
    if len(known) >= 2:
        lowest = min(known[1:], key=lambda r: r.value or inf)
        return lowest.value or inf, lowest
    kidney_disease = patient.diagnoses is None or any(d in patient.diagnoses for d in ("ckd", "dialysis"))
    admission = known[0].value if known else None
    if admission is not None and (admission <= NORMAL_ADMISSION or (kidney_disease and patient.diagnoses)):
        return admission, known[0]
    if kidney_disease or patient.age_years is None or patient.sex is None:
        return None
    female = 0.742 if patient.sex == "female" else 1.0
    value = (75 / (186 * patient.age_years**-0.203 * female)) ** (-1 / 1.154)
    return value, Personal("baseline_creatinine", "baseline creatinine (estimated)", f"{value:.2f} mg/dL", value)


@number(
    "aki_stage",
    ["aki_stage", "creatinine", "p:diagnoses", "p:baseline_creatinine_mg_dl", "p:age_years", "p:sex"],
    uses=[f"uo_rate_{hours}h" for hours in HOURS],
)
def _aki_stage(case: Case) -> Interval:
    """KDIGO stage: creatinine decides, charted urine may raise it; no staging on chronic dialysis."""
    if "dialysis" in (case.snapshot.patient.diagnoses or ()):
        return open_range(Missing("aki_stage", "chronic dialysis: not staged"))
    by_urine = _stage_of_urine(case)
    current, baseline = case.latest("creatinine"), _baseline_creatinine(case)
    if current is None or current.value is None or baseline is None:
        low = by_urine.low if by_urine is not None else 0
        sources = by_urine.sources if by_urine is not None else ()
        open_ = Missing("creatinine") if current is None else Missing("creatinine", "no baseline known")
        return Interval(low, 3, sources, (open_,))
    stage = _stage_of_creatinine(case, current, baseline[0])
    if by_urine is not None and by_urine.low > stage:
        return by_urine
    return exact("aki_stage", stage, current.observed_at, current, baseline[1])


def _stage_of_creatinine(case: Case, current: Reading, baseline: float) -> int:
    value = (current.value or 0.0) + TOLERANCE
    start = current.observed_at - RISE_WITHIN
    kept = case.recent("creatinine", RISE_KEPT)
    case.leaves(kept[-1].observed_at if kept else current.observed_at, RISE_KEPT)
    earlier = [r.value for r in kept if r.value is not None and start < r.observed_at < current.observed_at]
    risen = bool(earlier) and value >= min(earlier) + 0.3
    if value >= 3 * baseline or (value >= 4.0 and (risen or value >= 1.5 * baseline)):
        return 3
    if value >= 2 * baseline:
        return 2
    return int(risen or value >= 1.5 * baseline)


def _stage_of_urine(case: Case) -> Interval | None:
    rates = {h: case.number(f"uo_rate_{h}h") for h in (6, 12, 24)}
    if rates[6].missing:
        return None
    six, twelve, day = (rates[h].high for h in (6, 12, 24))
    stage = 3 if day < 0.3 or twelve == 0 else 2 if twelve < 0.5 else int(six < 0.5)
    return Interval(stage, stage, rates[6].sources)
