"""The network keeps every promise of a forecaster, and says why where it cannot say."""

import dataclasses
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from forecasting import checks
from forecasting.baselines import trend
from forecasting.checks import foreseen
from forecasting.contract import STATE_BYTES_MAX, Seen
from forecasting.network.fitted import Fitted, Unreadable
from forecasting.network.forecaster import CrossingNetwork, load
from schemas.clinical.forecasts import Fan, Odds, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import AnyOf, Change, Compare, Named, Op
from tests.forecasting.network.made_up import written
from tests.forecasting.snapshots import bed, snapshots
from tests.forecasting.test_contract import USUAL

HOUR = timedelta(hours=1)
Made = Callable[[], CrossingNetwork]


@cache
def fitted_made_up() -> Fitted:
    with TemporaryDirectory() as folder:
        return written(Path(folder))


def alone(whole: Fitted) -> Fitted:
    """The same network without partners."""
    return dataclasses.replace(whole, questions=tuple(dataclasses.replace(q, partner=None) for q in whole.questions))


@cache
def made_up() -> CrossingNetwork:
    return CrossingNetwork(trend.load(), fitted_made_up())


def unread() -> CrossingNetwork:
    return CrossingNetwork(trend.load(), "weights.safetensors is damaged")


@pytest.mark.parametrize("forecaster", [made_up, unread, load])
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_its_promises_on_a_usual_patient(
    check: checks.Check, forecaster: Callable[[], CrossingNetwork]
) -> None:
    """Each promise holds with drawn weights, with none, and with those that are served."""
    check(forecaster(), USUAL)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@given(snapshot=snapshots())
@settings(max_examples=15)
def test_it_keeps_its_promises_on_any_snapshot(check: checks.Check, snapshot: Snapshot) -> None:
    """Each promise holds for any legal snapshot."""
    check(made_up(), snapshot)


def test_it_keeps_its_deadline_after_a_flood() -> None:
    """After thousands of readings of one concept the next one takes no longer than the second."""
    flood = bed({"hr": {i / 60: 80.0 + i % 7 for i in range(3_000)}, "map": {5: 71}})
    checks.keeps_its_deadline(load(), flood, time.perf_counter)


def test_its_state_is_bounded() -> None:
    """Trend and chart together are smaller than a state may be."""
    assert len(made_up().encode([None], [Seen(USUAL.now)])[0].body) <= STATE_BYTES_MAX


# --- what it says ----------------------------------------------------------------------------------------------------


def odds(snapshot: Snapshot, asked: Compare | Change | AnyOf, hours: float = 6) -> Odds:
    found = foreseen(load(), snapshot).chance(asked, hours * HOUR)
    assert isinstance(found, Odds), found
    return found


def why_not(snapshot: Snapshot, asked: Compare | Change, hours: float = 6) -> str:
    found = foreseen(load(), snapshot).chance(asked, hours * HOUR)
    assert isinstance(found, Unavailable)
    return found.reason


STEADY = bed({c: {60.0 * h + 5: v for h in range(8)} for c, v in {"map": 84, "hr": 78, "sbp": 124, "rr": 15}.items()})
SINKING = bed(
    {
        "map": {60.0 * h + 5: 68.0 + 3 * h for h in range(8)},
        "sbp": {60.0 * h + 5: 94.0 + 5 * h for h in range(8)},
        "hr": {60.0 * h + 5: 118.0 - 5 * h for h in range(8)},
        "rr": {60.0 * h + 5: 24.0 - h for h in range(8)},
        "lactate": {40: 4.1, 400: 1.9},
    }
)
LOW = Compare("map", Op.BELOW, 65.0)


def test_a_sinking_pressure_is_more_dangerous_than_a_steady_one() -> None:
    """By several times, and the bounds do not meet."""
    assert odds(SINKING, LOW).low > odds(STEADY, LOW).high


def test_more_time_and_a_nearer_line_are_no_less_likely() -> None:
    """Over hours and over thresholds the chance only rises."""
    by_time = [odds(SINKING, LOW, hours).probability for hours in (1, 1.5, 2, 3, 4, 6, 9, 12, 18, 24)]
    by_line = [odds(SINKING, Compare("map", Op.BELOW, line)).probability for line in (50, 55, 58, 60, 62, 65, 67)]
    assert by_time == sorted(by_time)
    assert by_line == sorted(by_line)


def test_at_most_reaches_a_little_farther_than_below() -> None:
    """`at_most 64` is `below 64.5` of a pressure charted in whole numbers, `at_least 131` is above 130.5."""
    assert odds(SINKING, Compare("map", Op.AT_MOST, 64.0)) == odds(SINKING, Compare("map", Op.BELOW, 64.5))
    assert odds(SINKING, Compare("hr", Op.AT_LEAST, 131.0)) == odds(SINKING, Compare("hr", Op.ABOVE, 130.5))


def test_one_of_two_is_no_less_likely_than_either() -> None:
    """P(A or B) lies between the larger of both and their sum."""
    fast = Compare("hr", Op.ABOVE, 130.0)
    either, one, other = (odds(SINKING, asked).probability for asked in (AnyOf((LOW, fast)), LOW, fast))
    assert max(one, other) <= either <= one + other


SEPSIS = Named("sepsis")


def test_a_named_event_is_told_with_its_alarm() -> None:
    """Of the made-up trees one half for a fast heart, with the bounds and the threshold of the manifest."""
    fast = foreseen(made_up(), SINKING).chance(SEPSIS, 6 * HOUR)
    assert isinstance(fast, Odds)
    assert (fast.probability, fast.low, fast.high, fast.alarm_at) == (0.5, 0.4, 0.6, 0.3)
    calm = foreseen(made_up(), STEADY).chance(SEPSIS, 6 * HOUR)
    assert isinstance(calm, Odds)
    assert calm.probability == 0.1824


def test_a_named_event_that_cannot_be_told_says_why() -> None:
    """Another event, another time, a patient elsewhere, nothing known of late, no weights."""
    found = foreseen(made_up(), STEADY)
    whys = [
        found.chance(Named("stroke"), 6 * HOUR),
        found.chance(SEPSIS, 5 * HOUR),
        foreseen(made_up(), replace(STEADY, setting="ward")).chance(SEPSIS, 6 * HOUR),
        foreseen(made_up(), bed({"hr": {60 * 30: 80}})).chance(SEPSIS, 6 * HOUR),
        foreseen(unread(), STEADY).chance(SEPSIS, 6 * HOUR),
    ]
    said = [why.reason for why in whys if isinstance(why, Unavailable)]
    expectations = ("no chance of stroke", "within 6 h only", "ward", "no vital sign", "damaged")
    for expected, reason in zip(expectations, said, strict=True):
        assert expected in reason


def test_sepsis_is_likelier_in_a_sinking_patient() -> None:
    """The served trees tell a steady patient from one who is sinking."""
    sinking, steady = (foreseen(load(), one).chance(SEPSIS, 6 * HOUR) for one in (SINKING, STEADY))
    assert isinstance(sinking, Odds)
    assert isinstance(steady, Odds)
    assert sinking.probability > 2 * steady.probability


def test_it_says_why_it_cannot_say() -> None:
    """Another quantity, another horizon, a line nobody reaches, what is so already, what was not measured."""
    assert "not validated" in why_not(STEADY, Compare("gcs_total", Op.BELOW, 9.0))
    assert "from 1 h to 24 h" in why_not(STEADY, LOW, hours=0.5)
    assert "from 1 h to 24 h" in why_not(STEADY, LOW, hours=25)
    assert "values from 50 to 80" in why_not(STEADY, Compare("map", Op.BELOW, 40.0))
    assert "true already" in why_not(bed({"map": {5: 72}}), Compare("map", Op.BELOW, 75.0))
    assert "no usable" in why_not(STEADY, Compare("lactate", Op.ABOVE, 4.0))
    assert "30 min" in why_not(STEADY, Compare("map", Op.BELOW, 65.0, hold=HOUR))


RISE = Change("creatinine", True, 50, timedelta(days=7), percent=True)


def test_a_rise_is_told_against_the_lowest_value_so_far() -> None:
    """Who has risen by a quarter is nearer to half as much again than who has fallen, and what is so is not told."""
    rising = bed({"creatinine": {120: 1.2, 1500: 0.96, 2500: 0.96}, "map": {5: 70}})
    falling = bed({"creatinine": {120: 0.96, 1500: 1.2, 2500: 1.2}, "map": {5: 70}})
    assert odds(rising, RISE, 24).probability > odds(falling, RISE, 24).probability
    assert "true already" in why_not(bed({"creatinine": {120: 1.44, 1500: 0.96}}), RISE)
    odds(bed({"creatinine": {120: 1.43, 1500: 0.96}}), RISE)


def test_no_other_change_is_told() -> None:
    """A fall, a rise in units, over another time, beyond what was fitted, of another quantity."""
    week = timedelta(days=7)
    known = bed({"creatinine": {120: 1.0}, "map": {5: 70}})
    for other in (
        Change("creatinine", False, 50, week, percent=True),
        Change("creatinine", True, 0.3, week),
        Change("creatinine", True, 50, timedelta(days=2), percent=True),
    ):
        assert "only as a rise in percent over the lowest of 7 days" in why_not(known, other)
    assert "multiples from 1.25 to 3" in why_not(known, Change("creatinine", True, 10, week, percent=True))
    assert "not validated" in why_not(known, Change("map", True, 50, week, percent=True))


def test_a_partner_is_heard() -> None:
    """Of the made-up trees a fast heart makes a low pressure likelier, at every line and horizon; of another question
    they say nothing."""
    without = CrossingNetwork(trend.load(), alone(fitted_made_up()))
    for line in (55.0, 60.0, 65.0):
        for hours in (1, 6, 24):
            asked = Compare("map", Op.BELOW, line), hours * HOUR
            together, network = (foreseen(one, SINKING).chance(*asked) for one in (made_up(), without))
            assert isinstance(together, Odds)
            assert isinstance(network, Odds)
            assert together.probability != network.probability
    other = Compare("hr", Op.ABOVE, 130.0), 6 * HOUR
    assert foreseen(made_up(), SINKING).chance(*other) == foreseen(without, SINKING).chance(*other)


def test_it_speaks_of_adults_in_intensive_care_only() -> None:
    """On a ward, where nobody said where, and of children there is neither fan nor chance."""
    for other in (
        replace(STEADY, setting="ward"),
        replace(STEADY, setting=None),
        replace(STEADY, patient=replace(STEADY.patient, age_years=9.0)),
    ):
        assert "fitted on" in why_not(other, LOW)
        assert isinstance(foreseen(load(), other).fan("map"), Unavailable)


def test_without_weights_there_are_fans_and_the_reason() -> None:
    """Fans are the trend's own; each chance says what is wrong with the weights."""
    outlook = foreseen(unread(), STEADY)
    assert outlook.fan("map") == foreseen(trend.load(), STEADY).fan("map")
    assert isinstance(outlook.fan("map"), Fan)
    answer = outlook.chance(LOW, 6 * HOUR)
    assert isinstance(answer, Unavailable)
    assert answer.reason == "the network cannot be used: weights.safetensors is damaged"
    assert unread().problem == "weights.safetensors is damaged"
    assert load().problem is None


def test_weights_that_cannot_be_read_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with damaged weights starts, with the trend."""

    def damaged() -> None:
        raise Unreadable("gone")

    monkeypatch.setattr("forecasting.network.forecaster.fitted", damaged)
    load.cache_clear()
    try:
        assert load().problem == "gone"
    finally:
        load.cache_clear()


def test_other_weights_are_another_forecaster() -> None:
    """A state is not read by a network with other weights, nor by one without."""
    assert len({made_up().digest, unread().digest, load().digest, trend.load().digest}) == 4
