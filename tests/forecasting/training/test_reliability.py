"""Bounds hold what happened, count patients and not hours, and admit what was not counted."""

import numpy as np
import pytest

from forecasting.training.reliability import Moments, bounds, counted


def moments(said: np.ndarray, share: float, seed: int = 1, patients: int = 400, hospital: int = 0) -> Moments:
    """Ten moments of each patient, of whom what was said comes true with this share."""
    draw = np.random.default_rng(seed)
    stay = np.arange(patients).repeat(10)
    came = draw.random(patients).repeat(10) < share
    return Moments(
        said[: len(stay)],
        came,
        came & (draw.random(len(stay)) < 0.5),
        stay,
        np.full(len(stay), hospital),
        np.zeros_like(stay),
    )


def test_a_patient_counts_once_however_long_he_stays() -> None:
    """Ten equal hours of each of 400 patients tell no more than one: the error is that of 400."""
    stay = np.arange(400).repeat(10)
    came = (np.arange(400) % 5 == 0).repeat(10)
    share, error = counted(came, stay)
    assert share == pytest.approx(0.2)
    assert error == pytest.approx((0.2 * 0.8 / 400) ** 0.5, rel=0.01)


def test_bounds_hold_what_happened() -> None:
    """Said a quarter, happened a quarter: inside, and not by much."""
    found = bounds(moments(np.full(4000, 0.25), 0.25))
    assert found["said"] == [0.25]
    assert found["low"][0] < 0.25 < found["high"][0]
    assert 0.05 < found["high"][0] - found["low"][0] < 0.1
    assert found["lasting"][0] < found["low"][0]


def test_bounds_reach_from_the_one_hospital_to_the_other() -> None:
    """Where it happens twice as often at one as at the other, both lie within."""
    both = [moments(np.full(4000, 0.25), share, hospital=hospital) for hospital, share in enumerate((0.2, 0.4))]
    joined = Moments(*(np.concatenate(columns) for columns in zip(*both, strict=True)))
    found = bounds(joined._replace(stay=np.concatenate([both[0].stay, both[1].stay + 400])))
    assert found["low"][0] < 0.2
    assert found["high"][0] > 0.4


def test_bounds_rise_with_what_was_said() -> None:
    """Also where chance made a higher group rarer."""
    said = np.concatenate([np.full(4000, 0.25), np.full(4000, 0.35)])
    groups = [moments(said[:4000], 0.3), moments(said[4000:], 0.28, seed=2)]
    joined = Moments(*(np.concatenate(columns) for columns in zip(*groups, strict=True)))
    found = bounds(joined._replace(said=said, stay=np.concatenate([groups[0].stay, groups[1].stay + 400])))
    assert found["low"] == sorted(found["low"])
    assert found["high"] == sorted(found["high"])


def test_of_too_few_patients_anything_is_possible() -> None:
    """Twenty patients are no count."""
    found = bounds(moments(np.full(200, 0.25), 0.25, patients=20))
    assert (found["low"], found["high"]) == ([0.0, 0.0], [1.0, 1.0])
