"""Clinical scores with their missing parts in the open (reference §1.1–§1.5, tables taken over literally).

    news2(snapshot).total                 # None while a part is missing
    sofa(snapshot).lower                  # what alarms use

Inside a judgement a score is a `Tally` of `Case`; the public functions turn it into `schemas.clinical.scores.Score`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from math import floor
from typing import NamedTuple

from guidelines.case import Case, Cite, Computed, Known, Sample, Want
from guidelines.evidence import NO_OUTLOOK, evidence, need
from schemas.clinical.findings import Evidence
from schemas.clinical.scores import Score, ScorePart
from schemas.clinical.snapshot import Snapshot
from schemas.events import Quality, Reading

DAY = timedelta(hours=24)
PAIRED = timedelta(hours=2)  # PaO2 with the last FiO2 before it (reference §1.9)
URINE_HOURS = 22.0  # SOFA counts urine only from this many charted hours on, scaled to 24
PRESSOR_HOLD = timedelta(hours=1)  # SOFA counts a vasoactive drug given for at least 1 h


class Part(NamedTuple):
    """One component: its points, or None and what would settle it."""

    name: str
    points: int | None
    most: int
    cites: tuple[Cite, ...] = ()
    want: Want | None = None


class Tally(NamedTuple):
    """A score as it stands: `lower` counts missing parts as nothing, `upper` as their most."""

    id: str
    variant: str
    parts: tuple[Part, ...]
    lower: int
    upper: int
    notes: tuple[str, ...] = ()

    def known(self, case: Case) -> Known:
        missing = tuple(p.want for p in self.parts if p.want is not None)
        sources = tuple(c for p in self.parts if p.points for c in p.cites)
        at = max((c.observed_at for p in self.parts for c in p.cites if isinstance(c, Reading)), default=case.now)
        return Known(self.lower, self.upper, (Computed(self.id, self.lower, at, sources, missing),), missing)


def _tally(name: str, variant: str, parts: Sequence[Part], notes: tuple[str, ...] = ()) -> Tally:
    lower = sum(p.points or 0 for p in parts)
    upper = lower + sum(p.most for p in parts if p.points is None)
    return Tally(name, variant, tuple(parts), lower, upper, notes)


# -- tables: the points of the first bound that the value does not exceed; the last entry has no bound

Bands = tuple[tuple[float, int], ...]
REST = float("inf")

NEWS2_RR: Bands = ((8, 3), (11, 1), (20, 0), (24, 2), (REST, 3))
NEWS2_SPO2: Bands = ((91, 3), (93, 2), (95, 1), (REST, 0))
NEWS2_SPO2_TARGET: Bands = ((83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (REST, 3))
NEWS2_SBP: Bands = ((90, 3), (100, 2), (110, 1), (219, 0), (REST, 3))
NEWS2_HR: Bands = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (REST, 3))
NEWS2_TEMP: Bands = ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (REST, 2))

MEWS_SBP: Bands = ((70, 3), (80, 2), (100, 1), (199, 0), (REST, 2))
MEWS_HR: Bands = ((39, 2), (50, 1), (100, 0), (110, 1), (129, 2), (REST, 3))
MEWS_RR: Bands = ((8, 2), (14, 0), (20, 1), (29, 2), (REST, 3))
MEWS_TEMP: Bands = ((34.9, 2), (38.4, 0), (REST, 2))


def points(bands: Bands, value: float) -> int:
    """The points of a value in a table of rising upper bounds."""
    for bound, score in bands:
        if value <= bound:
            return score
    return bands[-1][1]


def rounded(value: float, decimals: int = 0) -> float:
    """Half up, as a person rounds (reference §1.1); the small addend undoes binary noise such as 38.0499999."""
    scale = 10.0**decimals
    return floor(value * scale + 0.5 + 1e-9) / scale


@cache
def _unknown_part(name: str, most: int, wanted: str) -> Part:
    return Part(name, None, most, (), Want(wanted))


def _banded(case: Case, concept: str, bands: Bands, most: int, decimals: int = 0) -> Part:
    reading = case.latest(concept)
    if reading is None or reading.value is None:
        return _unknown_part(concept, most, concept)
    return Part(concept, points(bands, rounded(reading.value, decimals)), most, (reading,))


# -- NEWS2


def acvpu(case: Case) -> tuple[str | None, tuple[Reading, ...]]:
    """The letter charted, or worked out from GCS (reference §1.1); None while parts of the GCS are missing."""
    charted, total = case.latest("acvpu"), case.latest("gcs_total")
    if charted is not None and (total is None or charted.observed_at >= total.observed_at):
        return charted.code, (charted,)
    eye, verbal, motor = case.latest("gcs_e"), case.latest("gcs_v"), case.latest("gcs_m")
    if total is not None and total.value == 15:
        return "A", (total,)
    if eye is not None and eye.value is not None and (charted is None or eye.observed_at > charted.observed_at):
        letter = _from_parts(eye.value, case.value("gcs_v"), case.value("gcs_m"))
        if letter is not None:
            return letter, tuple(r for r in (eye, verbal, motor) if r is not None)
    return (charted.code, (charted,)) if charted is not None else (None, ())


def _from_parts(eye: float, verbal: float | None, motor: float | None) -> str | None:
    if eye in (2, 3):
        return "V" if eye == 3 else "P"
    if eye == 1:
        return None if motor is None else "P" if motor >= 3 else "U"
    if (verbal is not None and verbal <= 4) or (motor is not None and motor < 6):
        return "C"
    return None if verbal is None or motor is None else "A"


def _consciousness(case: Case) -> Part:
    letter, cites = acvpu(case)
    if letter is None:
        return Part("consciousness", None, 3, (), Want("acvpu"))
    return Part("consciousness", 0 if letter == "A" else 3, 3, cites)


MASKS = ("nc", "simple", "venturi", "nrb")  # these always deliver oxygen; high flow and ventilators what FiO2 says


def oxygen(case: Case) -> tuple[bool | None, Reading | None]:
    """Whether oxygen is given, and the reading that says so: the newest of device, flow and FiO2 decides."""
    device, flow, fio2 = case.latest("o2_device"), case.latest("o2_flow"), case.latest("fio2")
    said: list[tuple[bool, Reading]] = []
    blended = device is not None and device.code != "air" and device.code not in MASKS
    if device is not None and not blended:
        said.append((device.code != "air", device))
    if flow is not None and flow.value is not None and not (blended and fio2 is not None):
        said.append((flow.value > 0, flow))
    if fio2 is not None and fio2.value is not None:
        said.append((fio2.value > 0.21 + 1e-9, fio2))
    if not said:
        return None, None
    newest = max(reading.observed_at for _, reading in said)
    return max(((on, r) for on, r in said if r.observed_at == newest), key=lambda pair: pair[0])


def _saturation(case: Case, on_oxygen: bool | None) -> Part:
    reading = case.latest("spo2")
    if reading is None or reading.value is None:
        return Part("spo2", None, 3, (), Want("spo2"))
    value = rounded(reading.value)
    if not case.snapshot.patient.spo2_target_88_92:
        return Part("spo2", points(NEWS2_SPO2, value), 3, (reading,))
    if value <= 92 or on_oxygen:
        return Part("spo2", points(NEWS2_SPO2_TARGET, value), 3, (reading,))
    if on_oxygen is None:  # 93 % is fine on air and too much on oxygen
        return Part("spo2", None, points(NEWS2_SPO2_TARGET, value), (reading,), Want("o2_device"))
    return Part("spo2", 0, 3, (reading,))


def _news2(case: Case) -> Tally:
    on_oxygen, said_by = oxygen(case)
    supplement = (
        Part("oxygen", None, 2, (), Want("o2_device"))
        if on_oxygen is None or said_by is None
        else Part("oxygen", 2 if on_oxygen else 0, 2, (said_by,))
    )
    target = bool(case.snapshot.patient.spo2_target_88_92)
    notes = []
    rass = case.value("rass")
    if rass is not None and rass <= -1:
        notes.append("sedated: the level of consciousness is confounded")
    if ventilated(case):
        notes.append("ventilated: NEWS2 is descriptive only")
    parts = (
        _banded(case, "rr", NEWS2_RR, 3),
        _saturation(case, on_oxygen),
        supplement,
        _banded(case, "sbp", NEWS2_SBP, 3),
        _banded(case, "hr", NEWS2_HR, 3),
        _consciousness(case),
        _banded(case, "temp", NEWS2_TEMP, 3, 1),
    )
    return _tally("news2", f"NEWS2, SpO₂ scale {2 if target else 1}", parts, tuple(notes))


def ventilated(case: Case) -> bool:
    """Whether the patient is known to be ventilated through a tube."""
    device = case.latest("o2_device")
    return device is not None and device.code in ("imv", "trach")


# -- MEWS, qSOFA, SIRS


def _mews(case: Case) -> Tally:
    letter, cites = acvpu(case)
    level = {"A": 0, "C": 1, "V": 1, "P": 2, "U": 3}  # Subbe's AVPU has no C; new confusion is not "alert"
    conscious = Part("consciousness", None, 3, (), Want("acvpu")) if letter is None else Part(
        "consciousness", level[letter], 3, cites
    )  # fmt: skip
    parts = (
        _banded(case, "sbp", MEWS_SBP, 3),
        _banded(case, "hr", MEWS_HR, 3),
        _banded(case, "rr", MEWS_RR, 3),
        _banded(case, "temp", MEWS_TEMP, 2, 1),
        conscious,
    )
    return _tally("mews", "mews.subbe2001", parts)


Test = tuple[str, Callable[[float], bool]]


def _tested(case: Case, name: str, *tests: Test) -> Part:
    """One point if any of several readings passes its test; unknown while none passes and the first is missing."""
    seen = [(reading, passes) for concept, passes in tests if (reading := case.latest(concept)) is not None]
    hit = [reading for reading, passes in seen if reading.value is not None and passes(reading.value)]
    if hit:
        return Part(name, 1, 1, tuple(hit))
    first = tests[0][0]  # the others (PaCO2, bands) can add the point; they are not owed
    if not seen or seen[0][0].concept != first:
        return _unknown_part(name, 1, first)
    return Part(name, 0, 1, tuple([reading for reading, _ in seen]))


def _qsofa(case: Case) -> Tally:
    letter, cites = acvpu(case)
    total = case.latest("gcs_total")
    if total is not None and total.value is not None:
        mentation = Part("mentation", int(total.value < 15), 1, (total,))
    elif letter is not None:
        mentation = Part("mentation", int(letter != "A"), 1, cites)
    else:
        mentation = Part("mentation", None, 1, (), Want("gcs_total"))
    parts = (
        _tested(case, "rr", ("rr", lambda x: rounded(x) >= 22)),
        _tested(case, "sbp", ("sbp", lambda x: rounded(x) <= 100)),
        mentation,
    )
    return _tally("qsofa", "qSOFA", parts)


def _sirs(case: Case) -> Tally:
    parts = (
        _tested(case, "temp", ("temp", lambda x: not 36.0 <= rounded(x, 1) <= 38.0)),
        _tested(case, "hr", ("hr", lambda x: rounded(x) > 90)),
        _tested(case, "rr", ("rr", lambda x: rounded(x) > 20), ("paco2", lambda x: x < 32)),
        _tested(case, "wbc", ("wbc", lambda x: x > 12 or x < 4), ("bands", lambda x: x > 10)),
    )
    return _tally("sirs", "SIRS (1992)", parts)


# -- SOFA (1996): the worst of each organ in the last 24 h

SOFA_PLATELETS: Bands = ((19.999999, 4), (49.999999, 3), (99.999999, 2), (149.999999, 1), (REST, 0))
SOFA_BILIRUBIN: Bands = ((1.199999, 0), (1.999999, 1), (5.999999, 2), (11.999999, 3), (REST, 4))
SOFA_CREATININE: Bands = ((1.199999, 0), (1.999999, 1), (3.499999, 2), (4.999999, 3), (REST, 4))
SOFA_GCS: Bands = ((5, 4), (9, 3), (12, 2), (14, 1), (REST, 0))


def _worst(case: Case, name: str, concept: str, bands: Bands) -> Part:
    readings = [r for r in case.recent(concept, DAY) if r.value is not None] if case.has(concept) else []
    if not readings:
        return _unknown_part(name, 4, concept)
    worst = max(readings, key=lambda r: points(bands, r.value or 0.0))
    return Part(name, points(bands, worst.value or 0.0), 4, (worst,))


def oxygenation(case: Case) -> list[Sample]:
    """P/F ratios (mmHg) of the last 24 h: PaO2 with the last FiO2 at most 2 h before it, or air; newest first."""
    if not case.has("pao2"):
        return []
    settings = [
        *case.recent("fio2", DAY + PAIRED),
        *(r for r in case.recent("o2_device", DAY + PAIRED) if r.code == "air"),
    ]
    found = []
    for gas in case.recent("pao2", DAY):
        before = [r for r in settings if gas.observed_at - PAIRED <= r.observed_at <= gas.observed_at]
        if before and gas.value is not None and gas.method != "venous":
            last = max(before, key=lambda r: r.observed_at)
            fraction = 0.21 if last.value is None else last.value
            found.append(
                Sample(
                    gas.observed_at,
                    gas.value / fraction,
                    Computed("pf", gas.value / fraction, gas.observed_at, (gas, last)),
                )
            )
    return found


def _respiration(case: Case) -> Part:
    ratios = oxygenation(case)
    if not ratios:
        return Part("respiration", None, 4, (), Want("pao2"))
    scored = []
    for sample in ratios:
        device = next((r for r in case.recent("o2_device", DAY + PAIRED) if r.observed_at <= sample.at), None)
        supported = device is not None and device.code in ("imv", "trach")  # the reference SQL's choice
        grade = (
            4
            if sample.value < 100
            else 3
            if sample.value < 200
            else 2
            if sample.value < 300
            else int(sample.value < 400)
        )
        scored.append((grade if supported else min(grade, 2), sample.cite))
    worst = max(scored, key=lambda pair: pair[0])
    return Part("respiration", worst[0], 4, (worst[1],))


def _pressor_points(drug: str, rate: float) -> int:
    match drug:
        case "dobutamine":
            return 2
        case "dopamine":
            return 2 if rate <= 5 else 3 if rate <= 15 else 4
        case _:
            return 3 if rate <= 0.1 else 4


def _cardiovascular(case: Case) -> Part:
    start, best = case.now - DAY, Part("cardiovascular", None, 4, (), Want("map"))
    for drug in ("norepinephrine", "epinephrine", "dopamine", "dobutamine"):
        runs = [s for s in case.stretches(drug) if s.end > start]
        if runs and runs[-1].end - runs[0].start >= PRESSOR_HOLD:
            top = max(runs, key=lambda s: s.rate)
            score = _pressor_points(drug, top.rate)
            if best.points is None or score > best.points:
                best = Part("cardiovascular", score, 4, (top.cite,))
    if best.points is not None:
        return best
    low, newest = _low_map(case), case.newest_map()
    if low is not None:
        return Part("cardiovascular", 1, 4, (low,))
    return best if newest is None else Part("cardiovascular", 0, 4, (newest.cite,))


def _low_map(case: Case) -> Cite | None:
    """A MAP below 70 of the last 24 h."""
    if "map" not in case.snapshot.readings:
        return next((s.cite for s in case.series("map", DAY) if s.value < 70), None)
    start = case.now - DAY
    for reading in reversed(case.snapshot.readings["map"]):  # no list is made: a day of minutes is long
        if reading.observed_at < start:
            return None
        if reading.value is not None and reading.value < 70 and reading.quality is Quality.OK:
            return reading
    return None


def _renal(case: Case) -> Part:
    part, urine = _worst(case, "renal", "creatinine", SOFA_CREATININE), case.urine(DAY)
    if urine is None or urine.hours < URINE_HOURS:
        return part
    daily = urine.ml * 24 / urine.hours
    score = 4 if daily < 200 else 3 if daily < 500 else 0
    return part if score <= (part.points or 0) else Part("renal", score, 4, urine.cites)


def _cns(case: Case) -> Part:
    if case.running("sedative"):
        started = min(t.observed_at for t in case.running("sedative"))
        before = [r for r in case.recent("gcs_total", case.now - started + DAY) if r.observed_at <= started]
        # Reference §1.5: the last value before sedation; where there is none it scores 0.
        return Part("cns", points(SOFA_GCS, before[0].value or 15.0) if before else 0, 4, tuple(before[:1]))
    return _worst(case, "cns", "gcs_total", SOFA_GCS)


def _sofa(case: Case) -> Tally:
    parts = (
        _respiration(case),
        _worst(case, "coagulation", "platelets", SOFA_PLATELETS),
        _worst(case, "liver", "bilirubin", SOFA_BILIRUBIN),
        _cardiovascular(case),
        _cns(case),
        _renal(case),
    )
    notes = ("GCS before sedation",) if case.running("sedative") else ()
    return _tally("sofa", "SOFA (1996)", parts, notes)


TALLIES: Mapping[str, Callable[[Case], Tally]] = {
    "news2": _news2, "mews": _mews, "qsofa": _qsofa, "sirs": _sirs, "sofa": _sofa,
}  # fmt: skip

CONSCIOUS = ("acvpu", "gcs_total", "gcs_e", "gcs_v", "gcs_m")
READS: Mapping[str, tuple[str, ...]] = {
    "news2": ("rr", "spo2", "o2_device", "o2_flow", "fio2", "sbp", "hr", "temp", "rass", *CONSCIOUS),
    "mews": ("sbp", "hr", "rr", "temp", *CONSCIOUS),
    "qsofa": ("rr", "sbp", *CONSCIOUS),
    "sirs": ("temp", "hr", "rr", "paco2", "wbc", "bands"),
    "sofa": (
        *("pao2", "fio2", "o2_device", "platelets", "bilirubin", "map", "sbp", "dbp"),
        *("gcs_total", "creatinine", "urine"),
    ),
}
"""The concepts that each score reads."""


def known(case: Case, name: str) -> Known:
    """The score as a range, worked out once per judgement."""
    return case.once(name + "=", lambda case: tally(case, name).known(case))


def tally(case: Case, name: str) -> Tally:
    """The score as it stands, worked out once per judgement."""
    return case.once(("tally", name), TALLIES[name])


def _score(snapshot: Snapshot, name: str) -> Score:
    case = Case(snapshot, NO_OUTLOOK, {})
    made = tally(case, name)
    return Score(
        id=name,
        variant=made.variant,
        at=snapshot.now,
        parts=tuple(
            ScorePart(
                name=p.name,
                points=p.points,
                most=p.most,
                evidence=_shown(case, p),
                need=None if p.want is None else need(case, p.want),
            )
            for p in made.parts
        ),
        notes=made.notes,
    )


def _shown(case: Case, part: Part) -> tuple[Evidence, ...]:
    return tuple(evidence(case, cite) for cite in part.cites)


def news2(snapshot: Snapshot) -> Score:
    """NEWS2, 0–20. Royal College of Physicians 2017; reference §1.1. Scale 2 only with a documented 88–92 % target."""
    return _score(snapshot, "news2")


def mews(snapshot: Snapshot) -> Score:
    """MEWS after Subbe 2001, 0–14. Reference §1.2."""
    return _score(snapshot, "mews")


def qsofa(snapshot: Snapshot) -> Score:
    """qSOFA, 0–3. Reference §1.3; never a trigger of its own (SEP.B12)."""
    return _score(snapshot, "qsofa")


def sirs(snapshot: Snapshot) -> Score:
    """SIRS criteria, 0–4, strict inequalities. Reference §1.4."""
    return _score(snapshot, "sirs")


def sofa(snapshot: Snapshot) -> Score:
    """SOFA of 1996, 0–24, worst of each organ in 24 h. Reference §1.5."""
    return _score(snapshot, "sofa")
