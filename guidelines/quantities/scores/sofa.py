"""SOFA of 1996, 0–24: the worst of each organ in the last 24 h. Reference §1.5."""

from datetime import timedelta

from guidelines.quantities.scores.tally import REST, Bands, Part, Tally, points, score, tallied, tally_of, unknown_part
from guidelines.rules import noted
from guidelines.rules.answers import Answer, Missing, Sample, Source, no, unknown, yes
from guidelines.rules.case import FILLED, Case
from guidelines.rules.registry import given_of, predicate, shared
from schemas.clinical.facts import Polarity
from schemas.events import Quality

DAY = timedelta(hours=24)
DEVICE_BEFORE = timedelta(hours=2)
URINE_HOURS = 22.0  # urine counts only from this many charted hours on, scaled to 24
PRESSOR_HOLD = timedelta(hours=1)  # a vasoactive drug counts that was given for at least 1 h
LOW_MAP = 70.0
PRESSORS = ("norepinephrine", "epinephrine", "dopamine", "dobutamine")
RISE = 2
CHRONIC, ACUTE = "renal.dialysis", "renal.aki"
DIALYSIS_READS = ("p:baseline_sofa", "p:diagnoses", f"n:{CHRONIC}", f"n:{ACUTE}")

PLATELETS: Bands = ((19.999999, 4), (49.999999, 3), (99.999999, 2), (149.999999, 1), (REST, 0))
BILIRUBIN: Bands = ((1.199999, 0), (1.999999, 1), (5.999999, 2), (11.999999, 3), (REST, 4))
CREATININE: Bands = ((1.199999, 0), (1.999999, 1), (3.499999, 2), (4.999999, 3), (REST, 4))
GCS: Bands = ((5, 4), (9, 3), (12, 2), (14, 1), (REST, 0))


def _worst(case: Case, name: str, concept: str, bands: Bands) -> Part:
    readings = [r for r in case.recent(concept, DAY) if r.value is not None] if case.has(concept) else []
    if not readings:
        return unknown_part(name, 4, concept)
    worst = max(readings, key=lambda r: points(bands, r.value or 0.0))
    case.leaves(worst.observed_at, DAY)
    return Part(name, points(bands, worst.value or 0.0), 4, (worst,))


@shared("sofa coagulation", ["platelets"])
def _coagulation(case: Case) -> Part:
    return _worst(case, "coagulation", "platelets", PLATELETS)


@shared("sofa liver", ["bilirubin"])
def _liver(case: Case) -> Part:
    return _worst(case, "liver", "bilirubin", BILIRUBIN)


@shared("sofa respiration", ["o2_device"], uses=["oxygenation"])
def _respiration(case: Case) -> Part:
    ratios: list[Sample] = case.ask(case.graph.named["oxygenation"])
    if not ratios:
        return Part("respiration", None, 4, (), Missing("pao2"))
    scored = []
    devices = case.recent("o2_device", DAY + DEVICE_BEFORE)
    for sample in ratios:
        device = next((r for r in devices if r.observed_at <= sample.at), None)
        if device is not None:
            case.leaves(device.observed_at, DAY + DEVICE_BEFORE)
        supported = device is not None and device.code in ("imv", "trach")  # the reference SQL's choice
        grade = _grade(sample.value)
        scored.append((grade if supported else min(grade, 2), sample.source))
    worst = max(scored, key=lambda pair: pair[0])
    return Part("respiration", worst[0], 4, (worst[1],))


def _grade(ratio: float) -> int:
    if ratio < 100:
        return 4
    if ratio < 200:
        return 3
    return 2 if ratio < 300 else int(ratio < 400)


def _pressor_points(drug: str, rate: float) -> int:
    match drug:
        case "dobutamine":
            return 2
        case "dopamine":
            return 2 if rate <= 5 else 3 if rate <= 15 else 4
        case _:
            return 3 if rate <= 0.1 else 4


@shared("sofa cardiovascular", ["map", "sbp", "dbp", *(read for drug in PRESSORS for read in given_of(drug))])
def _cardiovascular(case: Case) -> Part:
    best = Part("cardiovascular", None, 4, (), Missing("map"))
    for drug in PRESSORS:
        runs = [s for s in case.stretches(drug) if s.end + DAY > case.now]
        if not runs:
            continue
        for run in runs:
            case.stays(run.end + DAY)
        if runs[-1].end - runs[0].start < PRESSOR_HOLD:
            if runs[-1].end == case.now:
                case.stays(runs[0].start + PRESSOR_HOLD)
            continue
        top = max(runs, key=lambda s: s.rate)
        counted = _pressor_points(drug, top.rate)
        if best.points is None or counted > best.points:
            best = Part("cardiovascular", counted, 4, (top.treatment,))
    if best.points is not None:
        return best
    low, newest = _low_map(case), case.newest("map")
    if low is not None:
        return Part("cardiovascular", 1, 4, (low,))
    return best if newest is None else Part("cardiovascular", 0, 4, (newest.source,))


def _low_map(case: Case) -> Source | None:
    """The newest MAP below 70 of the last 24 h."""
    if "map" not in case.snapshot.readings:
        sample = next((s for s in case.series("map", DAY) if s.value < LOW_MAP), None)
        if sample is not None:
            case.leaves(sample.at, DAY)
        return None if sample is None else sample.source
    start = case.now - DAY
    for reading in reversed(case.snapshot.readings["map"]):  # no list is made: a day of minutes is long
        if reading.observed_at < start:
            return None
        if reading.value is not None and reading.value < LOW_MAP and reading.quality is Quality.OK:
            case.leaves(reading.observed_at, DAY)
            return reading
    return None


@shared("sofa cns", ["gcs_total", *FILLED["gcs_total"], "o2_device", *given_of("sedative")])
def _cns(case: Case) -> Part:
    sedated = case.running("sedative")
    if not sedated:
        samples = case.series("gcs_total", DAY)
        if not samples:
            return unknown_part("cns", 4, "gcs_total")
        worst = min(samples, key=lambda sample: sample.value)
        case.leaves(worst.at, DAY)
        return Part("cns", points(GCS, worst.value), 4, (worst.source,))
    started = min(t.observed_at for t in sedated)
    before = [s for s in case.series("gcs_total", case.now - started + DAY) if s.at <= started]
    # Reference §1.5: the last value before sedation; where there is none it scores 0.
    return Part("cns", points(GCS, before[0].value) if before else 0, 4, tuple(s.source for s in before[:1]))


@shared("sofa renal", ["creatinine", "urine"])
def _renal(case: Case) -> Part:
    part, urine = _worst(case, "renal", "creatinine", CREATININE), case.urine(DAY)
    if urine is None or urine.hours < URINE_HOURS:
        return part
    daily = urine.ml * 24 / urine.hours
    counted = 4 if daily < 200 else 3 if daily < 500 else 0
    return part if counted <= (part.points or 0) else Part("renal", counted, 4, urine.entries)


ORGANS = ("respiration", "coagulation", "liver", "cardiovascular", "cns", "renal")


@score("sofa", given_of("sedative"), uses=[f"sofa {organ}" for organ in ORGANS], ages_only=False)
def _sofa(case: Case) -> Tally:
    parts = [case.ask(case.graph.named[f"sofa {organ}"]) for organ in ORGANS]
    return tallied("sofa", "SOFA (1996)", parts, ("GCS before sedation",) if case.running("sedative") else ())


@predicate("sofa_rise", DIALYSIS_READS, uses=["tally sofa", "sofa"])
def _sofa_rise(case: Case) -> Answer:
    """SOFA of the last 24 h at least 2 above its baseline; alarms use the lower bound. A baseline not known is 0
    (reference §1.14: where no organ dysfunction is known), of a patient on dialysis what his kidneys score."""
    now, known = tally_of(case, "sofa"), case.number("sofa")
    baseline = case.snapshot.patient.baseline_sofa
    if baseline is None:
        renal = next(part for part in now.parts if part.name == "renal")
        baseline = (renal.points or 0) if _on_dialysis(case) else 0
    if now.lower - baseline >= RISE:
        return yes(*known.sources)
    return unknown(*known.missing) if now.upper - baseline >= RISE else no(*known.sources)


def _on_dialysis(case: Case) -> bool:
    """Chronic dialysis, on the list or in a note: the kidneys were no better before.

    A note that speaks of an acute injury, or of nothing but continuous treatment, tells of a new failure.
    """
    if "dialysis" in (case.snapshot.patient.diagnoses or ()):
        return True
    said = noted.lasting(case)
    chronic, acute = said.get(CHRONIC, ())[-1:], said.get(ACUTE, ())[-1:]
    return any(w.polarity is Polarity.AFFIRMED for w in chronic) and all(w.polarity is Polarity.NEGATED for w in acute)
