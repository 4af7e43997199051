"""The utility of sepsis alarms agrees with the challenge's definition, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.evaluation.stays import laid
from forecasting.evaluation.utility import best_threshold, by_stay, gain, hours_from_onset, utility, worth


def stay(hours: int, labelled_from: int | None) -> np.ndarray:
    label = np.zeros(hours, bool)
    if labelled_from is not None:
        label[labelled_from:] = True
    return label


SEPTIC = stay(30, 14)  # onset at hour 20
ONE = laid([30])

CURVE = [
    # hour  from onset   alarm            silence
    (0, -20, -0.05, 0.0),
    (7, -13, -0.05, 0.0),  # the line would be at -1/6
    (8, -12, 0.0, 0.0),
    (11, -9, 0.5, 0.0),
    (14, -6, 1.0, 0.0),
    (15, -5, 8 / 9, -2 / 9),
    (20, 0, 1 / 3, -4 / 3),
    (23, 3, 0.0, -2.0),
    (24, 4, 0.0, 0.0),
    (29, 9, 0.0, 0.0),
]


@pytest.mark.parametrize(("hour", "from_onset", "alarm", "silence"), CURVE)
def test_each_part_of_the_curve(hour: int, from_onset: int, alarm: float, silence: float) -> None:
    """An alarm and silence are worth what the definition says, in each segment and at each of its ends."""
    found = worth(SEPTIC, ONE)
    assert hours_from_onset(SEPTIC, ONE)[hour] == from_onset
    assert found.alarm[hour] == pytest.approx(alarm)
    assert found.silence[hour] == pytest.approx(silence)


def test_an_alarm_gains_most_when_it_is_nearly_too_late() -> None:
    """Over silence an alarm gains 0 at twelve hours before, 1 at six before and 2 at three after the onset."""
    assert gain(SEPTIC, ONE)[[8, 14, 23]] == pytest.approx([0, 1, 2])


def test_an_alarm_for_who_is_never_septic_costs_a_twentieth() -> None:
    """Each alarmed hour of a stay without sepsis costs 0.05, and silence costs nothing."""
    found = worth(stay(5, None), laid([5]))
    assert found.alarm.tolist() == [-0.05] * 5
    assert found.silence.tolist() == [0.0] * 5


def test_a_stay_that_ends_before_the_onset_is_scored_as_far_as_it_goes() -> None:
    """Labelled from hour 8 and ended at hour 9: the rows after that are neither won nor lost."""
    got, possible = by_stay(np.ones(10, bool), stay(10, 8), laid([10]))
    assert possible.tolist() == pytest.approx([sum([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 10 / 9])])
    assert got.tolist() == pytest.approx([possible[0] - 0.05 * 2])


def test_a_stay_labelled_from_its_first_row_has_its_onset_six_hours_on() -> None:
    """The challenge takes the first row for six hours before the onset, whatever came before the stay."""
    hours = hours_from_onset(stay(12, 0), laid([12]))
    assert hours[[0, 6, 9]].tolist() == [-6, 0, 3]
    assert gain(stay(12, 0), laid([12]))[[0, 9, 10]] == pytest.approx([1, 2, 0])


def test_two_stays_worked_out_by_hand() -> None:
    """One septic stay alarmed from its seventh hour on and one false alarm of one hour."""
    label = np.concatenate([SEPTIC, stay(4, None)])
    alarms = np.concatenate([np.arange(30) >= 6, [False, True, False, False]])
    possible = sum(k / 6 for k in range(7)) + sum(1 + k / 9 for k in range(1, 10))
    assert utility(alarms, label, laid([30, 4])) == pytest.approx((possible - 0.05 * 3) / possible)


stays = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.none() | st.integers(0, n - 1))), min_size=1
).filter(lambda many: any(first is not None for _, first in many))


@given(many=stays, seed=st.integers(0, 99))
def test_silence_is_nought_and_the_best_is_one(many: list[tuple[int, int | None]], seed: int) -> None:
    """Whatever the stays are, silence scores 0, alarms where they pay score 1, and no alarms score more."""
    label = np.concatenate([stay(*one) for one in many])
    offsets = laid([hours for hours, _ in many])
    any_alarms = np.random.default_rng(seed).random(len(label)) < 0.5
    assert utility(np.zeros(len(label), bool), label, offsets) == 0
    assert utility(gain(label, offsets) > 0, label, offsets) == pytest.approx(1)
    assert utility(any_alarms, label, offsets) <= 1 + 1e-12


@given(many=stays)
def test_the_order_of_the_stays_does_not_matter(many: list[tuple[int, int | None]]) -> None:
    """A stay's rows are worth the same wherever it lies among the others."""
    forth = gain(np.concatenate([stay(*one) for one in many]), laid([hours for hours, _ in many]))
    back = gain(np.concatenate([stay(*one) for one in many[::-1]]), laid([hours for hours, _ in many[::-1]]))
    parts = np.split(back, laid([hours for hours, _ in many[::-1]])[1:-1])
    assert np.array_equal(forth, np.concatenate(parts[::-1]))


def test_nothing_to_gain_is_said() -> None:
    """Without any septic stay there is no utility, and that is no number."""
    with pytest.raises(ValueError, match="no stay is labelled"):
        utility(np.zeros(3, bool), np.zeros(3, bool), laid([3]))


@given(many=stays, seed=st.integers(0, 99))
def test_the_best_threshold_is_no_worse_than_any_other(many: list[tuple[int, int | None]], seed: int) -> None:
    """Of all thresholds, ties in the scores among them, the one chosen has the highest utility."""
    label = np.concatenate([stay(*one) for one in many])
    offsets = laid([hours for hours, _ in many])
    score = np.random.default_rng(seed).integers(0, 6, len(label)).astype(float)
    reached = {at: utility(score >= at, label, offsets) for at in np.unique(score)}
    assert reached[best_threshold(score, label, offsets)] == pytest.approx(max(reached.values()))
