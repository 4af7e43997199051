"""Drawn patients of a hospital at which chances are off in a known way."""

import numpy as np

from forecasting.local.moments import Cohort, Moments, Patient

SHOWN = (("map below", 65.0, 6.0),)


def moments(slope: float, intercept: float, patients: int = 800, each: int = 12, seed: int = 3) -> Moments:
    """What was said, and what came with the chance whose logit is `intercept + slope · logit` of it."""
    draw = np.random.default_rng(seed)
    own = np.arange(patients).repeat(each)
    logit = draw.normal(-2.0, 0.8, patients)[own] + draw.normal(0, 1.0, len(own))
    came = draw.random(len(own)) < 1 / (1 + np.exp(-(intercept + slope * logit)))
    line = np.where(np.arange(len(own)) % 2 == 0, 65.0, 60.0)
    lasted = came & (draw.random(len(own)) < 0.5)
    return Moments(1 / (1 + np.exp(-logit)), came, lasted, line, np.full(len(own), 6.0), own)


def cohort(found: Moments, question: str = "map below") -> Cohort:
    """Half of them old, a third women; who comes from no unit has none."""
    count = int(found.patient.max()) + 1
    people = [
        Patient(f"p{n}", 80.0 if n % 2 else 40.0, "female" if n % 3 == 0 else "male", "MICU" if n % 5 else None)
        for n in range(count)
    ]
    return Cohort(tuple(people), {question: found})
