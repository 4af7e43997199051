"""The hourly chart holds, of any readings, what a careful clerk would have written into it."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.moments import HOUR_US, NEVER
from forecasting.network import chart
from forecasting.network.chart import (
    BEFORE,
    EMPTY,
    FIRST,
    HIGHEST,
    HOURS,
    LOWEST,
    NEWEST,
    TALLY,
    WORDS,
    hourly,
    read,
    times,
    told_anew,
)

MINUTE_US = HOUR_US // 60
Told = list[tuple[int, float]]

told = st.lists(
    st.tuples(st.integers(0, 40 * 60).map(lambda minute: minute * MINUTE_US), st.floats(0.1, 300)), max_size=30
)


def one_by_one(readings: Sequence[tuple[int, float]]) -> np.ndarray:
    """A lane to which each reading is told alone."""
    lanes = EMPTY.copy()[:, None]
    for at, value in readings:
        read(lanes, np.array([at]), np.array([value]))
    return lanes[:, 0]


def last_of_each_moment(readings: Told) -> Told:
    return sorted(dict(readings).items())


@given(told)
def test_told_in_turn_and_told_anew_are_the_same_bits(readings: Told) -> None:
    """A lane that heard each reading in its time is that which is made of the whole row."""
    in_turn = last_of_each_moment(readings)
    assert one_by_one(in_turn).tobytes() == told_anew(in_turn).tobytes()


@given(told, st.integers(0, 30 * 60))
def test_an_hour_is_the_mean_of_its_readings(readings: Told, later: int) -> None:
    """Of each of the last 24 hours of the clock the mean of what was read in it; of others nothing."""
    rows = last_of_each_moment(readings)
    newest = rows[-1][0] if rows else 0
    now = newest + later * MINUTE_US
    found = hourly(told_anew(rows)[:, None], np.array([now]))[:, 0]
    for back in range(HOURS):
        hour = now // HOUR_US - back
        of_it = [value for at, value in rows if at // HOUR_US == hour]
        in_reach = newest // HOUR_US - hour < HOURS
        if of_it and in_reach:
            assert np.isclose(found[back], np.mean(of_it))
        else:
            assert np.isnan(found[back])


@given(told)
def test_extremes_are_those_of_the_hours_that_are_over(readings: Told) -> None:
    """Lowest, highest and the one before are of hourly means, the running hour's not among them."""
    rows = last_of_each_moment(readings)
    lane = told_anew(rows)
    by_hour: dict[int, list[float]] = {}
    for at, value in rows:
        by_hour.setdefault(at // HOUR_US, []).append(value)
    over = [float(np.mean(values)) for _, values in sorted(by_hour.items())][:-1]
    expected = (over[-1], min(over), max(over)) if over else (np.nan,) * 3
    assert np.allclose(lane[[BEFORE, LOWEST, HIGHEST]], expected, equal_nan=True)
    assert lane[TALLY] == len(over)
    assert times(lane[:, None], FIRST)[0] == (rows[0][0] if rows else NEVER)


def test_a_reading_of_the_same_moment_takes_the_place_of_the_one_before() -> None:
    """Told twice it counts once; corrected at its very moment it counts as corrected."""
    twice = one_by_one([(0, 80.0), (MINUTE_US, 90.0), (MINUTE_US, 90.0)])
    corrected = one_by_one([(0, 80.0), (MINUTE_US, 60.0), (MINUTE_US, 90.0)])
    assert twice.tobytes() == corrected.tobytes() == one_by_one([(0, 80.0), (MINUTE_US, 90.0)]).tobytes()


def test_an_older_reading_changes_nothing() -> None:
    """What comes late comes as a row; alone it is passed over."""
    lane = one_by_one([(0, 80.0), (5 * MINUTE_US, 90.0)])
    again = lane.copy()[:, None]
    read(again, np.array([MINUTE_US]), np.array([10.0]))
    assert again[:, 0].tobytes() == lane.tobytes()


def test_a_lane_minds_no_neighbour() -> None:
    """A thousand lanes told at once have the bits that each has alone."""
    draw = np.random.default_rng(3)
    at = np.sort(draw.integers(0, 30 * HOUR_US, (8, 1000)), axis=0)
    values = draw.uniform(20, 200, (8, 1000))
    lanes = np.tile(EMPTY[:, None], 1000)
    for moment, value in zip(at, values, strict=True):
        read(lanes, moment, value)
    alone = [told_anew(list(zip(at[:, k].tolist(), values[:, k].tolist(), strict=True))) for k in range(1000)]
    assert np.array(alone).T.tobytes() == lanes.tobytes()


def test_a_lane_is_small() -> None:
    """Thirty-three concepts take less than nine kilobytes."""
    assert 33 * WORDS * 8 < 9 * 1024
    assert chart.EMPTY[NEWEST] != chart.EMPTY[NEWEST]  # NaN: never read
