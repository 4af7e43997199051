"""A product is the same bits in any batch, in any order, with any neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.exact import ROW_MAX, TERMS_MAX, Gridded, gridded, product


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 300), st.sampled_from([1e-9, 0.1, 1.0, 77.0]))
@settings(max_examples=30)
def test_a_row_has_the_bits_it_has_alone(seed: int, rows: int, terms: int, scale: float) -> None:
    """Alone, in a batch, backwards and with the terms of its sums in another order."""
    draw = np.random.default_rng(seed)
    x, weights = draw.normal(0, 8, (rows, terms)), gridded(draw.normal(0, scale, (terms, 37)))
    whole = product(x, weights)
    assert all(product(x[[k]], weights).tobytes() == whole[k].tobytes() for k in range(rows))
    assert product(x[::-1], weights)[::-1].tobytes() == whole.tobytes()
    order = draw.permutation(terms)
    turned = Gridded(np.ascontiguousarray(weights.whole[order]), weights.back)
    assert product(x[:, order], turned).tobytes() == whole.tobytes()


@pytest.mark.parametrize("weight", [1.0, 0.999999, 3.0, 1e-6])
def test_the_largest_sum_is_still_exact(weight: float) -> None:
    """As many terms as are allowed, all of the largest size, and one step less of one row."""
    x = np.full((2, TERMS_MAX), ROW_MAX)
    x[1, 0] -= 2.0**-17
    weights = gridded(np.full((TERMS_MAX, 1), weight))
    found = product(x, weights)[:, 0]
    step = weights.whole[0, 0] * weights.back
    assert weights.whole.max() <= 2**19
    assert found[0] == TERMS_MAX * ROW_MAX * 2**17 * step
    assert found[0] - found[1] == step


def test_it_is_the_usual_product_but_for_the_steps() -> None:
    """What rounding costs is far below what a chance is told with."""
    draw = np.random.default_rng(1)
    x, weights = draw.normal(0, 1, (50, 2000)), draw.normal(0, 0.05, (2000, 20))
    assert np.abs(product(x, gridded(weights)) - x @ weights).max() < 5e-5


def test_what_lies_beyond_is_cut_off_or_refused() -> None:
    """A row is cut off at its largest value; weights that are too many or no numbers are an error."""
    weights = gridded(np.ones((1, 1)))
    assert product(np.array([[1e9]]), weights)[0, 0] == ROW_MAX
    assert product(np.array([[-1e9]]), weights)[0, 0] == -ROW_MAX
    assert (product(np.ones((2, 3)), gridded(np.zeros((3, 4)))) == 0).all()
    for wrong in (np.full((1, 1), np.nan), np.full((1, 1), np.inf), np.zeros((TERMS_MAX + 1, 1))):
        with pytest.raises(ValueError, match="at most 4096 rows of finite weights"):
            gridded(wrong)
