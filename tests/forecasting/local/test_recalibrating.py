"""A recalibration sets right what is off, leaves what is not, and is checked on patients who had no part in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.evaluation.metrics import calibration
from forecasting.local import recalibrating
from forecasting.local.moments import Cohort, Moments, Patient, Row, Visited
from forecasting.local.recalibrating import EVENTS_MIN, PATIENTS_MIN, Refused, of_many, recalibrated, slopes
from forecasting.network.crossing import AS_SAID, Scale
from tests.forecasting.local.told import SHOWN, cohort, moments

chances = st.floats(0.0, 1.0)
scales = st.builds(Scale, st.floats(0.2, 5.0), st.floats(-5.0, 5.0))


@given(scale=scales, one=chances, other=chances)
def test_a_scale_never_falls(scale: Scale, one: float, other: float) -> None:
    """Of two chances the larger stays the larger, and both stay chances."""
    low, high = sorted((one, other))
    assert 0.0 <= scale.of(low) <= scale.of(high) <= 1.0


@given(p=chances)
def test_as_said_is_as_said(p: float) -> None:
    """To the bit."""
    assert AS_SAID.of(p) == p


@given(scale=scales, said=st.lists(st.floats(1e-3, 1 - 1e-3), min_size=1, max_size=5))
def test_many_are_told_as_one_is(scale: Scale, said: list[float]) -> None:
    """What is checked is what is served."""
    assert of_many(scale, np.array(said)).tolist() == pytest.approx([scale.of(p) for p in said], abs=1e-12)


@pytest.mark.parametrize(("slope", "intercept"), [(0.6, 0.3), (1.0, 0.8), (1.5, -0.4)])
def test_what_is_off_is_set_right(slope: float, intercept: float) -> None:
    """Too sure, too low, too timid: afterwards slope 1 and intercept 0, on patients who had no part in it."""
    found = recalibrated(cohort(moments(slope, intercept)), SHOWN, seed=1).questions["map below"]
    assert found.left is None
    assert found.scale.slope == pytest.approx(slope, abs=0.12)
    assert found.scale.intercept == pytest.approx(intercept, abs=0.2)
    before, after = found.compared.before, found.compared.after
    assert before.slope.low < slope < before.slope.high
    assert after.slope.low < 1 < after.slope.high
    assert after.intercept.low < 0 < after.intercept.high
    assert after.log_loss.value < before.log_loss.value
    assert after.brier.value < before.brier.value


def test_what_is_right_is_left_as_it_is() -> None:
    """Then only the bounds are counted anew, and before and after are the same."""
    found = recalibrated(cohort(moments(1.0, 0.0)), SHOWN, seed=1).questions["map below"]
    assert found.scale == AS_SAID
    assert found.left is not None
    assert found.compared.before == found.compared.after


def test_nobody_has_a_part_in_what_he_is_told() -> None:
    """With other outcomes of one part of the patients, that part is told the same."""
    found, part = moments(0.6, 0.3), np.arange(800) % 5
    own = part[found.patient] == 2
    others = found._replace(came=np.where(own, ~found.came, found.came))
    told, with_others = (recalibrating._cross_fitted(each, part) for each in (found, others))
    assert (told[own] == with_others[own]).all()
    assert (told[~own] != with_others[~own]).all()


def test_bounds_hold_what_came_and_admit_what_was_not_counted() -> None:
    """In every group of what is told the frequency lies inside; beyond the groups anything may be."""
    found = moments(0.6, 0.3)
    result = recalibrated(cohort(found), SHOWN, seed=1).questions["map below"]
    bounds, told = result.bounds, of_many(result.scale, found.said)
    for low, high in ((0.02, 0.1), (0.1, 0.2), (0.3, 0.5)):
        here = (told > low) & (told < high)
        least, most = (np.interp(told[here], bounds["said"], bounds[name]).mean() for name in ("low", "high"))
        assert least < found.came[here].mean() < most
    assert bounds["said"][0] == bounds["low"][0] == 0.0
    assert bounds["said"][-1] == bounds["high"][-1] == 1.0
    assert all(bounds[name] == sorted(bounds[name]) for name in bounds)


def test_lines_that_are_shown_and_groups_are_compared_too() -> None:
    """The line of the board, and age, sex and unit, where enough patients are there."""
    parts = recalibrated(cohort(moments(0.6, 0.3)), SHOWN, seed=1).parts
    assert {(part.what, part.which) for part in parts} == {
        ("shown", "65 within 6 h"), ("age", "under 65"), ("age", "65 and older"), ("sex", "female"), ("sex", "male"),
        ("unit", "MICU"),
    }  # fmt: skip
    for part in parts:
        assert part.compared.after.slope.low < 1 < part.compared.after.slope.high
        assert part.compared.before.slope.high < 1


@pytest.mark.parametrize("patients", [PATIENTS_MIN - 1, PATIENTS_MIN])
def test_too_few_patients_are_refused(patients: int) -> None:
    """Below the least number nothing is fitted."""
    few = cohort(moments(0.6, 0.3, patients))
    if patients >= PATIENTS_MIN:
        recalibrated(few, SHOWN, seed=1)
        return
    with pytest.raises(Refused, match=f"{patients} patients are too few"):
        recalibrated(few, SHOWN, seed=1)


@pytest.mark.parametrize("events", [EVENTS_MIN - 1, EVENTS_MIN])
def test_a_question_of_too_few_events_is_left_out(events: int) -> None:
    """One event a patient, and one patient too few: it is served as it was fitted, and said to be."""
    found = moments(0.6, 0.3)
    first = np.concatenate([[True], np.diff(found.patient) > 0])
    rare = found._replace(came=first & (found.patient < events))
    both = cohort(found)
    both.questions["sbp below"] = rare
    result = recalibrated(both, SHOWN, seed=1)
    assert ("sbp below" in result.too_few) == (events < EVENTS_MIN)
    assert ("sbp below" in result.questions) == (events >= EVENTS_MIN)


def test_a_cohort_without_one_question_is_refused() -> None:
    """Nothing came to anybody."""
    found = moments(0.6, 0.3)
    with pytest.raises(Refused, match="of no question there are"):
        recalibrated(cohort(found._replace(came=np.zeros(len(found.came), bool))), SHOWN, seed=1)


def test_slopes_are_those_of_the_measure_that_reports_use() -> None:
    """Counted in steps of a tenth, the regression gives what it gives row by row."""
    found = moments(0.7, 0.2)
    counted = recalibrating._binned(found.said, found.came, np.zeros(len(found.came), np.int64), 1)
    slope, intercept = slopes(counted.n, counted.events)[0]
    whole = calibration(found.came, found.said)
    assert (slope, intercept) == pytest.approx((whole.slope, whole.intercept), abs=0.005)


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_no_recalibration_tells_others_worse(seed: int) -> None:
    """Whatever is off, or not: the log loss on patients who had no part in it does not grow."""
    draw = np.random.default_rng(seed)
    off = moments(draw.uniform(0.6, 1.2), draw.normal(0, 0.3), patients=300, each=6, seed=seed)
    compared = recalibrated(cohort(off), SHOWN, seed).questions["map below"].compared
    assert compared.after.log_loss.value <= compared.before.log_loss.value


def test_two_stays_of_one_name_are_one_patient() -> None:
    """What was said of both is his."""
    row = Row(*(np.array([each]) for each in (0.2, True, False, 65.0, 6.0)))
    someone = Patient("p1", 60.0, "male", None)
    other = Patient("p2", None, None, None)
    told = Cohort.of([Visited(one, {"map below": row}) for one in (someone, other, someone)], ["map below", "hr above"])
    assert told.patients == (someone, other)
    assert told.questions["map below"].patient.tolist() == [0, 1, 0]
    assert "hr above" not in told.questions
    assert told.moments == 3
    assert isinstance(told.questions["map below"], Moments)
