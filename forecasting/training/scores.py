"""Bedside scores as far as hourly vital signs and laboratory values carry them, a part missing counting 0.

    SIRS     temperature, heart rate, breathing (rate or PaCO2), leucocytes; 0 to 4 (Bone et al., Chest 101:1644, 1992)
    qSOFA    breathing 22 or more, SBP 100 or less; 0 to 2 of 3: no coma scale (Singer et al., JAMA 315:801, 2016)
    NEWS2    without consciousness; oxygen where a fraction above 0.21 is charted; 0 to 17 (RCP London 2017, scale 1)
    SOFA     platelets, bilirubin, MAP below 70, creatinine; 0 to 13 of 24: no coma scale, no PaO2, no treatments

They are peers to be compared with, and features. At the bedside the guidelines' own scores are used, which say what
is missing. Each takes the latest values (N,) by variable and answers (N,).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.evaluation.stays import Flags, Values

Latest = Mapping[str, Values]

# Points between the edges: a value at an edge belongs to the bin above it.
NEWS2_BINS: Mapping[str, tuple[Sequence[float], Sequence[int]]] = {
    "Resp": ((9, 12, 21, 25), (3, 1, 0, 2, 3)),
    "O2Sat": ((92, 94, 96), (3, 2, 1, 0)),
    "SBP": ((91, 101, 111, 220), (3, 2, 1, 0, 3)),
    "HR": ((41, 51, 91, 111, 131), (3, 1, 0, 1, 2, 3)),
    "Temp": ((35.05, 36.05, 38.05, 39.05), (3, 1, 0, 1, 2)),
}
SOFA_BINS: Mapping[str, tuple[Sequence[float], Sequence[int]]] = {
    "Platelets": ((20, 50, 100, 150), (4, 3, 2, 1, 0)),
    "Bilirubin_total": ((1.2, 2.0, 6.0, 12.0), (0, 1, 2, 3, 4)),
    "Creatinine": ((1.2, 2.0, 3.5, 5.0), (0, 1, 2, 3, 4)),
    "MAP": ((70,), (1, 0)),
}
ROOM_AIR = 0.21
OXYGEN_POINTS = 2


def _binned(latest: Latest, bins: Mapping[str, tuple[Sequence[float], Sequence[int]]]) -> Values:
    total: Values = np.zeros(len(next(iter(latest.values()))), np.float32)
    for name, (edges, points) in bins.items():
        value = latest[name]
        given: Values = np.array(points, np.float32)[np.searchsorted(np.array(edges, np.float32), value, side="right")]
        total = total + np.where(np.isfinite(value), given, np.float32(0))
    return np.asarray(total, np.float32)


def _counted(*criteria: Flags) -> Values:
    return np.asarray(np.sum(criteria, axis=0), np.float32)


def sirs(latest: Latest) -> Values:
    """How many of the four criteria are met."""
    return _counted(
        (latest["Temp"] > 38) | (latest["Temp"] < 36),
        latest["HR"] > 90,
        (latest["Resp"] > 20) | (latest["PaCO2"] < 32),
        (latest["WBC"] > 12) | (latest["WBC"] < 4),
    )


def qsofa(latest: Latest) -> Values:
    """How many of the two criteria that can be seen are met."""
    return _counted(latest["Resp"] >= 22, latest["SBP"] <= 100)


def news2(latest: Latest) -> Values:
    """Points of the physiological parameters, and of oxygen where it is charted."""
    oxygen = np.where(latest["FiO2"] > ROOM_AIR, np.float32(OXYGEN_POINTS), np.float32(0))
    return _binned(latest, NEWS2_BINS) + oxygen


def sofa(latest: Latest) -> Values:
    """Points of coagulation, liver, circulation (without vasopressors) and kidney (without urine)."""
    return _binned(latest, SOFA_BINS)


SCORES = {"SIRS": sirs, "qSOFA": qsofa, "NEWS2": news2, "SOFA part": sofa}
