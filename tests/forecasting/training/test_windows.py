"""What the last hours of a stay say is what a walk through each stay finds."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.evaluation.stays import laid
from forecasting.training import windows

WIDTHS = (1, 2, 5, 6, 24)


def story(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 40, 6)
    values = rng.normal(80, 10, lengths.sum()).astype(np.float32)
    values[rng.random(len(values)) < 0.4] = np.nan
    return values, laid(lengths)


def walked(
    values: np.ndarray, offsets: np.ndarray, rows: int, figure: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    """The figure of the measured values of each window, given how many rows ago each was and the value."""
    found = []
    for begin, end in pairwise(offsets):
        for row in range(begin, end):
            first = max(begin, row - rows + 1)
            ago, seen = row - np.arange(first, row + 1), values[first : row + 1].astype(np.float64)
            there = np.isfinite(seen)
            found.append(figure(ago[there], seen[there]) if there.any() else np.nan)
    return np.array(found)


def line(ago: np.ndarray, seen: np.ndarray) -> float:
    return float(np.polyfit(-ago, seen, 1)[0]) if len(seen) > 1 else np.nan


@given(seed=st.integers(0, 9_999), width=st.sampled_from(WIDTHS))
def test_windows_are_those_of_a_walk(seed: int, width: int) -> None:
    """Mean, trend, lowest and highest of each window are those found by looking at its rows."""
    values, offsets = story(seed)
    sums = windows.window(values, offsets, width)
    np.testing.assert_allclose(sums.mean, walked(values, offsets, width, lambda _, x: x.mean()), rtol=1e-5)
    np.testing.assert_allclose(sums.slope, walked(values, offsets, width, line), rtol=1e-3, atol=1e-3)
    least, greatest = windows.least(values, offsets, width), windows.greatest(values, offsets, width)
    np.testing.assert_array_equal(least, walked(values, offsets, width, lambda _, x: x.min()))
    np.testing.assert_array_equal(greatest, walked(values, offsets, width, lambda _, x: x.max()))


@given(seed=st.integers(0, 9_999))
def test_what_was_so_far_is_that_of_a_walk(seed: int) -> None:
    """Newest value, hours since it, times measured, lowest and highest of the stay so far."""
    values, offsets = story(seed)
    whole = len(values)
    for found, figure in [
        (windows.latest(values, offsets), lambda _, x: x[-1]),
        (windows.gap(values, offsets), lambda ago, _: ago[-1]),
        (windows.lowest(values, offsets), lambda _, x: x.min()),
        (windows.highest(values, offsets), lambda _, x: x.max()),
    ]:
        np.testing.assert_array_equal(found, walked(values, offsets, whole, figure))
    np.testing.assert_array_equal(
        windows.count(values, offsets), np.nan_to_num(walked(values, offsets, whole, lambda _, x: len(x)))
    )


def test_before_is_without_now() -> None:
    """The newest and the lowest value before a row do not know that row, nor the stay before."""
    values, offsets = np.array([5, np.nan, 3, 9, 1], np.float32), laid([4, 1])
    np.testing.assert_array_equal(windows.latest_before(values, offsets), [np.nan, 5, 5, 3, np.nan])
    np.testing.assert_array_equal(windows.lowest_before(values, offsets), [np.nan, 5, 5, 3, np.nan])


@pytest.mark.parametrize("rows", [0, 1, 3, 50])
def test_nothing_is_shifted_across_stays(rows: int) -> None:
    """However far a value is shifted, it stays within its stay."""
    offsets = laid([30, 1, 40])
    found = windows.shifted(np.repeat(np.array([1, 2, 3], np.float32), [30, 1, 40]), offsets, rows)
    here = np.repeat([1, 2, 3], [30, 1, 40])
    assert np.all(np.isnan(found) | (found == here))
    assert np.isfinite(found).sum() == sum(max(0, n - rows) for n in (30, 1, 40))
