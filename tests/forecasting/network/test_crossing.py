"""A chance rises with the horizon and with every nearer line, whatever the network says; it stays within its bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.network.crossing import Question, Reliability, Rows, chance_of, crossed, odds_ratio, tilted

EDGES_H = (1.0, 2.0, 4.0, 6.0, 12.0, 24.0)
LINES = 4
logits = st.floats(-60, 60)
hazards = st.lists(st.lists(logits, min_size=LINES, max_size=LINES), min_size=6, max_size=6)
measured = st.lists(logits, min_size=6, max_size=6)
places, hours = st.floats(0, LINES - 1), st.floats(1, 24)
NEVER_MISSED = [40.0] * 6


@given(hazards, measured, places, hours, hours)
def test_it_rises_with_the_horizon(
    h: list[list[float]], m: list[float], place: float, one: float, other: float
) -> None:
    """Within more hours no less is likely."""
    sooner, later = sorted((one, other))
    assert crossed(h, m, place, EDGES_H, sooner) <= crossed(h, m, place, EDGES_H, later) + 1e-12


@given(hazards, measured, places, places, hours)
def test_it_rises_with_a_nearer_line(
    h: list[list[float]], m: list[float], one: float, other: float, within: float
) -> None:
    """A line that is crossed on the way to another is no less likely to be crossed."""
    farther, nearer = sorted((one, other))
    assert crossed(h, m, farther, EDGES_H, within) <= crossed(h, m, nearer, EDGES_H, within) + 1e-9


@given(hazards, measured, places, hours)
def test_it_is_a_probability(h: Rows, m: list[float], place: float, within: float) -> None:
    """Between 0 and 1, also where nothing will be measured."""
    assert 0 <= crossed(h, m, place, EDGES_H, within) <= 1


def test_what_is_measured_in_every_interval_is_put_together_from_the_hazards() -> None:
    """One half in each of two hours is three quarters in both."""
    even = [[0.0] * LINES] * 6
    assert crossed(even, NEVER_MISSED, 0, EDGES_H, 1) == pytest.approx(0.5)
    assert crossed(even, NEVER_MISSED, 0, EDGES_H, 2) == pytest.approx(0.75)
    assert crossed(even, NEVER_MISSED, 0, EDGES_H, 1.5) == pytest.approx(1 - 0.5 * 0.75)


def test_of_what_is_rarely_measured_it_is_the_chance_if_it_is() -> None:
    """Where one hour in many brings a value, one half of the values lie beyond the line, not one half of the hours."""
    seldom = [-8.0] * 6
    assert crossed([[0.0] * LINES] * 6, seldom, 0, EDGES_H, 24) == pytest.approx(0.5, abs=0.01)


def test_a_line_between_two_fitted_ones_lies_between_them() -> None:
    """Half-way between two lines the logit is half-way, in either direction."""
    below, above = Question("map", "below", (60, 70), BOUNDS), Question("map", "above", (110, 100), BOUNDS)
    assert [below.place(x) for x in (60, 65, 70)] == [0.0, 0.5, 1.0]
    assert [above.place(x) for x in (110, 105, 100)] == [0.0, 0.5, 1.0]
    assert [below.reaches(x) for x in (59.9, 60, 70, 70.1)] == [False, True, True, False]
    assert (below.name, above.name) == ("map below", "map above")


def test_a_rise_is_asked_towards_what_happens_more_often() -> None:
    """Of multiples of the lowest value the smaller is the nearer line, as of values above one."""
    rise = Question("creatinine", "rise", (3, 2, 1.5, 1.25), BOUNDS)
    assert [rise.place(x) for x in (3, 2, 1.75, 1.25)] == [0.0, 1.0, 1.5, 3.0]
    assert (rise.name, rise.reaches(1.1)) == ("creatinine rise", False)


chances = st.floats(0.001, 0.999)


@given(chances, st.floats(-7, 7))
def test_a_partner_takes_a_chance_to_the_mean_of_the_logits(alone: float, of_trees: float) -> None:
    """Of the chance that it speaks of."""
    together = tilted(alone, odds_ratio(of_trees, alone))
    mean = (math.log(alone / (1 - alone)) + of_trees) / 2
    assert together == pytest.approx(chance_of(mean), rel=1e-9)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-700, 700), st.floats(0, 1))
def test_chances_keep_their_order_with_a_partner(one: float, other: float, of_trees: float, alone: float) -> None:
    """What is likelier stays so, what is certain too, whatever the trees say."""
    ratio = odds_ratio(of_trees, alone)
    low, high = sorted((one, other))
    assert 0 <= tilted(low, ratio) <= tilted(high, ratio) <= 1
    assert (tilted(0.0, ratio), tilted(1.0, ratio)) == (0.0, 1.0)


BOUNDS = Reliability((0.1, 0.5), (0.05, 0.3), (0.2, 0.7), (0.0, 0.1))


def test_bounds_hold_what_was_said() -> None:
    """Linear between what was counted, as at the nearest beyond it, and never leaving the chance itself outside."""
    assert BOUNDS.of(0.3, lasting=False) == pytest.approx((0.3, 0.175, 0.45))
    assert BOUNDS.of(0.3, lasting=True) == pytest.approx((0.3, 0.05, 0.45))
    assert BOUNDS.of(0.01, lasting=False) == pytest.approx((0.01, 0.01, 0.2))
    assert BOUNDS.of(0.9, lasting=False) == pytest.approx((0.9, 0.3, 0.9))


def test_a_logit_may_be_as_large_as_it_likes() -> None:
    """No number overflows."""
    huge = [[1e6, *[-1e6] * (LINES - 1)]] * 6
    assert crossed(huge, NEVER_MISSED, LINES - 1, EDGES_H, 6) == 1.0
    assert np.isfinite(crossed([[-1e6] * LINES] * 6, [-1e6] * 6, 0, EDGES_H, 6))
