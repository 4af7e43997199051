"""Small hand-made stays for the tests of training."""

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.evaluation.stays import laid
from forecasting.training.cohorts import VARIABLES, Hourly


def cohort(*stays: Mapping[str, Sequence[float]], septic_from: Sequence[int | None] = ()) -> Hourly:
    """Stays told variable by variable, an hour a value; what is not told was never measured."""
    lengths = [len(next(iter(stay.values()))) for stay in stays]
    offsets = laid(lengths)
    values = np.full((offsets[-1], len(VARIABLES)), np.nan, np.float32)
    label = np.zeros(offsets[-1], bool)
    for number, stay in enumerate(stays):
        for name, told in stay.items():
            values[offsets[number] : offsets[number + 1], VARIABLES.index(name)] = told
        first = septic_from[number] if number < len(septic_from) else None
        if first is not None:
            label[offsets[number] + first : offsets[number + 1]] = True
    return Hourly(
        values=values,
        about=np.tile(np.array([60, 1, 0, -5], np.float32), (len(stays), 1)),
        iculos=np.concatenate([np.arange(1, length + 1) for length in lengths]),
        label=label,
        offsets=offsets,
        stays=tuple(f"p{number}" for number in range(len(stays))),
        hospital=np.zeros(len(stays), np.int64),
    )


def drawn(seed: int, stays: int = 40, longest: int = 60) -> Hourly:
    """Stays as a generator draws them: vital signs most hours, laboratory values seldom."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest, stays)
    offsets = laid(lengths)
    usual = rng.normal(80, 20, (1, len(VARIABLES)))
    usual[0, VARIABLES.index("MAP")] = 70  # in some hours below 65
    values = (usual + rng.normal(0, 5, (offsets[-1], len(VARIABLES)))).astype(np.float32)
    values[rng.random(values.shape) < np.where(np.arange(len(VARIABLES)) < 7, 0.2, 0.9)] = np.nan
    about = rng.normal(50, 10, (stays, 4)).astype(np.float32)
    return Hourly(
        values=values,
        about=about,
        iculos=np.concatenate([np.arange(1, length + 1) for length in lengths]),
        label=rng.random(offsets[-1]) < 0.1,
        offsets=offsets,
        stays=tuple(f"p{number:03}" for number in range(stays)),
        hospital=rng.integers(0, 2, stays),
    )
