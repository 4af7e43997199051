"""The smallest chart that gives a quantity a value: a reading where it is measured, else what it is worked out of."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from schemas.codes.concepts import CONCEPTS
from schemas.events import Patient
from tests.knowledge.charts import AT_NOW, HOUR, Chart, reading, row, smallest_step, treatment

WEIGHT_KG = 80.0
BASELINE_MG_DL = 1.0


class Recipe(NamedTuple):
    """How to chart a quantity: `made` gives it a value, `step` is the next value that it can have."""

    made: Callable[[float], Chart]
    step: float
    low: float = float("-inf")
    high: float = float("inf")


def news2(total: float) -> Chart:
    """All seven parameters; as many as needed at their worst, the temperature for the rest."""
    left, said = int(total), dict[str, float | str](rr=16, spo2=98, o2_device="air", sbp=120, hr=70, acvpu="A")
    for name, worst in (("rr", 25), ("sbp", 90), ("hr", 131), ("acvpu", "C"), ("spo2", 91)):
        if left >= 3:
            said[name], left = worst, left - 3
    said["temp"] = (37.0, 38.5, 39.5)[left]
    return Chart(row(**said))


def _spread(total: float, parts: Mapping[str, Sequence[float | str]]) -> Chart:
    """Each part holds what gives it 0, 1, 2 … points; the first parts take as many as they can."""
    left, said = int(total), dict[str, float | str]()
    for name, values in parts.items():
        points = min(left, len(values) - 1)
        said[name], left = values[points], left - points
    assert left == 0
    return Chart(row(**said))


def mews(total: float) -> Chart:
    parts: dict[str, Sequence[float | str]] = {
        "sbp": (120, 90, 75, 60),
        "hr": (80, 105, 120, 140),
        "rr": (12, 18, 25, 35),
        "acvpu": tuple("AVPU"),
    }
    return _spread(total, {**parts, "temp": (37.0,)})


def sirs(total: float) -> Chart:
    return _spread(total, {"temp": (37.0, 39.0), "hr": (80, 100), "rr": (16, 24), "wbc": (8.0, 13.0)})


def qsofa(total: float) -> Chart:
    return _spread(total, {"rr": (16, 24), "sbp": (120, 95), "gcs_total": (15, 14)})


def sofa(total: float) -> Chart:
    worse = {
        "platelets": (200, 120, 80, 40, 10),
        "bilirubin": (0.8, 1.5, 3, 8, 13),
        "creatinine": (0.8, 1.5, 2.5, 4, 6),
        "gcs_total": (15, 14, 11, 8, 5),
    }
    return _spread(total, worse).with_rows(*row(pao2=95, o2_device="air", map=80))


def aki_stage(stage: float) -> Chart:
    """By creatinine alone: 1.0, 1.5, 2 and 3 times the baseline of the record."""
    creatinine = BASELINE_MG_DL * (1.0, 1.5, 2.0, 3.0)[int(stage)]
    return Chart(row(creatinine=creatinine), Patient(diagnoses=(), baseline_creatinine_mg_dl=BASELINE_MG_DL))


def urine_rate(hours: int) -> Callable[[float], Chart]:
    """Emptied every hour, the last time now; the entry that opens the window says nothing of it."""

    def made(ml_kg_h: float) -> Chart:
        entries = [reading("urine", ml_kg_h * WEIGHT_KG, HOUR * ago) for ago in range(hours)]
        return Chart([reading("weight", WEIGHT_KG, HOUR), reading("urine", 500, HOUR * hours), *entries])

    return made


def ned(dose: float) -> Chart:
    return Chart([treatment("norepinephrine", "start", HOUR, rate=dose)])


def _of(**parts: Callable[[float], float]) -> Callable[[float], Chart]:
    return lambda value: Chart(row(**{name: part(value) for name, part in parts.items()}))


WORKED_OUT: Mapping[str, Recipe] = {
    "news2": Recipe(news2, 1, 0, 17),
    "mews": Recipe(mews, 1, 0, 12),
    "sirs": Recipe(sirs, 1, 0, 4),
    "qsofa": Recipe(qsofa, 1, 0, 3),
    "sofa": Recipe(sofa, 1, 0, 16),
    "aki_stage": Recipe(aki_stage, 1, 0, 3),
    "ned": Recipe(ned, 0.01, 0.01),
    **{f"uo_rate_{hours}h": Recipe(urine_rate(hours), 0.01, 0) for hours in (2, 6, 12, 24)},
    "pf": Recipe(_of(pao2=lambda v: v / 2, fio2=lambda _: 0.5), 1),
    "sf": Recipe(_of(spo2=lambda v: v / 4, fio2=lambda _: 0.25), 4),
    "shock_index": Recipe(_of(hr=lambda v: v * 100, sbp=lambda _: 100), 0.01),
    "msi": Recipe(_of(hr=lambda v: v * 100, map=lambda _: 100), 0.01),
    "map_calc": Recipe(_of(sbp=lambda v: v, dbp=lambda v: v), 1),
    "pulse_pressure": Recipe(_of(sbp=lambda v: 60 + v, dbp=lambda _: 60), 1),
}
"""Quantities that no device measures. A knowledge file that compares a new one needs its line here."""


def recipe(quantity: str) -> Recipe:
    """How to chart a quantity."""
    if quantity in WORKED_OUT:
        return WORKED_OUT[quantity]
    known = CONCEPTS[quantity]
    assert known.kind == "numeric" or known.loinc, f"tests/knowledge/recipes.py does not know how to chart {quantity}"
    return Recipe(lambda value: Chart([reading(quantity, value, AT_NOW)]), smallest_step(quantity))
