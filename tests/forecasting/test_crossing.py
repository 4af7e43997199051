"""A chance is calibrated, bounded and ordered, or refused with its reason."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clinical.forecasts import Odds, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import AllOf, AnyOf, Compare, Condition, NoneOf, Op
from tests.forecasting.snapshots import bed, outlook

LOW_MAP = Compare("map", Op.BELOW, 65)
HELD_MAP = Compare("map", Op.BELOW, 65, hold=timedelta(minutes=15))
FAST_HR = Compare("hr", Op.ABOVE, 120)
SINKING = bed({"map": {180: 84, 120: 80, 60: 74, 5: 69}, "hr": {180: 92, 60: 104, 5: 112}})
WELL = bed({"map": {180: 92, 120: 90, 60: 91, 5: 92}, "hr": {180: 72, 60: 70, 5: 71}})


def ask(snapshot: Snapshot, condition: Condition, hours: float = 4) -> Odds:
    found = outlook(snapshot).chance(condition, timedelta(hours=hours))
    assert isinstance(found, Odds), found
    return found


def refused(snapshot: Snapshot, condition: Condition, hours: float = 4) -> Unavailable:
    found = outlook(snapshot).chance(condition, timedelta(hours=hours))
    assert isinstance(found, Unavailable), found
    return found


def test_a_sinking_patient_is_likelier_to_cross_than_a_well_one() -> None:
    """MAP 84 to 69 in three hours has a several times higher chance of MAP below 65 than a steady 92."""
    assert ask(SINKING, LOW_MAP).probability > 3 * ask(WELL, LOW_MAP).probability


@given(map_now=st.integers(66, 110), hours=st.sampled_from([1.0, 1.5, 2.0, 4.0, 6.0, 9.0]))
def test_a_farther_line_is_never_likelier(map_now: int, hours: float) -> None:
    """The chance of MAP below 60 is at most that of MAP below 65, and that within more hours is hardly smaller."""
    snapshot = bed({"map": {65: float(map_now), 5: float(map_now)}})
    near, far = ask(snapshot, LOW_MAP, hours), ask(snapshot, Compare("map", Op.BELOW, 60), hours)
    assert far.probability <= near.probability
    assert ask(snapshot, LOW_MAP, hours + 2).probability >= near.probability - 0.02


def test_who_crossed_recently_crosses_again_more_easily() -> None:
    """The same newest pressure, with a low one two hours ago, gives a higher chance."""
    before = bed({"map": {120: 62, 60: 78, 5: 80}})
    clear = bed({"map": {120: 82, 60: 78, 5: 80}})
    assert ask(before, LOW_MAP).probability > ask(clear, LOW_MAP).probability


def test_a_lasting_crossing_is_bounded_by_what_lasted() -> None:
    """`for 15 min` keeps the upper bound of the crossing and lowers the lower one."""
    once, held = ask(SINKING, LOW_MAP), ask(SINKING, HELD_MAP)
    assert held.low < once.low
    assert held.high == once.high


def test_strict_and_not_strict_differ_by_one_charted_value() -> None:
    """`at_most 64` and `below 65` are the same question for a value charted in whole numbers."""
    assert ask(SINKING, Compare("map", Op.AT_MOST, 64)) == ask(SINKING, LOW_MAP)


def test_any_lies_between_its_likeliest_part_and_their_sum() -> None:
    """The chance of any of several respects the bounds that hold however they depend on each other."""
    parts = ask(SINKING, LOW_MAP), ask(SINKING, FAST_HR)
    either = ask(SINKING, AnyOf((LOW_MAP, FAST_HR)))
    assert max(p.probability for p in parts) <= either.probability <= sum(p.probability for p in parts)
    assert either.low == max(p.low for p in parts)
    assert ask(SINKING, AnyOf((LOW_MAP,))) == ask(SINKING, LOW_MAP)


@pytest.mark.parametrize(
    ("condition", "hours", "words"),
    [
        (Compare("news2", Op.AT_LEAST, 7), 4, "not validated"),
        (Compare("map", Op.EQUALS, 65), 4, "not validated"),
        (Compare("shock_index", Op.ABOVE, 1), 4, "not validated"),
        (Compare("map", Op.BELOW, 20), 4, "too few such events"),
        (LOW_MAP, 0.25, "ahead only"),
        (LOW_MAP, 48, "ahead only"),
        (Compare("map", Op.BELOW, 65, hold=timedelta(hours=2)), 4, "up to 30 min"),
        (Compare("map", Op.BELOW, 75), 4, "true already"),
        (Compare("lactate", Op.ABOVE, 4), 6, "no usable lactate"),
        (NoneOf((LOW_MAP,)), 4, "comparisons"),
        (AnyOf((LOW_MAP, NoneOf((FAST_HR,)))), 4, "comparisons"),
        (AllOf((LOW_MAP, FAST_HR)), 4, "together"),
    ],
)
def test_off_the_validated_domain_the_answer_is_a_reason(condition: Condition, hours: float, words: str) -> None:
    """Unknown quantities, rare lines, other horizons and what is true already get a plain reason, never a number."""
    assert words in refused(SINKING, condition, hours).reason


def test_a_chance_that_needs_a_measurement_names_it() -> None:
    """Without a lactate the chance of a high lactate asks for one."""
    assert refused(SINKING, Compare("lactate", Op.ABOVE, 4), 6).settles == ("lactate",)
