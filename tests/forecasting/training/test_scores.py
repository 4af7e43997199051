"""Bedside scores give the points of their tables."""

import numpy as np
import pytest

from forecasting.training.scores import news2, qsofa, sirs, sofa

NAMES = ("Resp", "O2Sat", "SBP", "HR", "Temp", "FiO2", "PaCO2", "WBC", "Platelets", "Bilirubin_total", "Creatinine",
         "MAP")  # fmt: skip


def patient(**told: float) -> dict[str, np.ndarray]:
    return {name: np.array([told.get(name, np.nan)], np.float32) for name in NAMES}


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("Resp", {8: 3, 9: 1, 11: 1, 12: 0, 20: 0, 21: 2, 24: 2, 25: 3}),
        ("O2Sat", {91: 3, 92: 2, 93: 2, 94: 1, 95: 1, 96: 0}),
        ("SBP", {90: 3, 91: 2, 100: 2, 101: 1, 110: 1, 111: 0, 219: 0, 220: 3}),
        ("HR", {40: 3, 41: 1, 50: 1, 51: 0, 90: 0, 91: 1, 110: 1, 111: 2, 130: 2, 131: 3}),
        ("Temp", {35.0: 3, 35.1: 1, 36.0: 1, 36.1: 0, 38.0: 0, 38.1: 1, 39.0: 1, 39.1: 2}),
        ("FiO2", {0.21: 0, 0.3: 2}),
    ],
)
def test_news2_gives_the_points_of_its_table(name: str, points: dict[float, int]) -> None:
    """Each parameter alone, at every edge of its table (Royal College of Physicians, 2017)."""
    assert {value: int(news2(patient(**{name: value}))[0]) for value in points} == points


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("Platelets", {19: 4, 20: 3, 50: 2, 100: 1, 150: 0}),
        ("Bilirubin_total", {1.1: 0, 1.2: 1, 2.0: 2, 6.0: 3, 12.0: 4}),
        ("Creatinine", {1.1: 0, 1.2: 1, 2.0: 2, 3.5: 3, 5.0: 4}),
        ("MAP", {69: 1, 70: 0}),
    ],
)
def test_sofa_gives_the_points_of_its_table(name: str, points: dict[float, int]) -> None:
    """Each parameter alone, at every edge of its table (Vincent et al., 1996)."""
    assert {value: int(sofa(patient(**{name: value}))[0]) for value in points} == points


def test_sirs_and_qsofa_count_what_is_met() -> None:
    """All four of SIRS and both of qSOFA; at their limits one criterion of qSOFA is met and none of SIRS."""
    ill = patient(Temp=38.5, HR=110, Resp=24, WBC=14, SBP=95)
    edge = patient(Temp=38, HR=90, Resp=20, WBC=12, SBP=100, PaCO2=32)
    assert (sirs(ill)[0], qsofa(ill)[0]) == (4, 2)
    assert (sirs(edge)[0], qsofa(edge)[0]) == (0, 1)


def test_what_was_never_measured_gives_no_points() -> None:
    """Of nobody anything is known: every score is 0."""
    assert [score(patient())[0] for score in (sirs, qsofa, news2, sofa)] == [0, 0, 0, 0]
