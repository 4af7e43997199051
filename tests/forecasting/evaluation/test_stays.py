"""Rows of many stays, one after the other, keep to their own stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.evaluation.stays import any_of, checked, first_of, laid, place_in, rows_of, stay_of, sums

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=9)


@given(lengths=lengths, seed=st.integers(0, 99))
def test_what_is_asked_of_a_stay_is_answered_from_its_rows(lengths: list[int], seed: int) -> None:
    """Sum, any and first of each stay are those of its slice."""
    offsets = laid(lengths)
    flags = np.random.default_rng(seed).random(offsets[-1]) < 0.3
    parts = np.split(flags, offsets[1:-1])
    assert sums(flags, offsets).tolist() == [part.sum() for part in parts]
    assert any_of(flags, offsets).tolist() == [part.any() for part in parts]
    assert first_of(flags, offsets).tolist() == [int(part.argmax()) if part.any() else -1 for part in parts]


@given(lengths=lengths, seed=st.integers(0, 99))
def test_rows_of_stays_come_in_the_order_asked_for(lengths: list[int], seed: int) -> None:
    """Stays taken in any order, some twice, bring their rows in that order."""
    offsets = laid(lengths)
    wanted = np.random.default_rng(seed).integers(0, len(lengths), 5)
    rows = rows_of(wanted, offsets)
    assert stay_of(offsets)[rows].tolist() == np.repeat(wanted, np.array(lengths)[wanted]).tolist()
    assert place_in(offsets)[rows].tolist() == [k for stay in wanted for k in range(lengths[stay])]


@pytest.mark.parametrize("offsets", [[0], [0, 0, 3], [1, 3], [0, 2], [0, 4]])
def test_offsets_that_do_not_lay_out_the_rows_are_refused(offsets: list[int]) -> None:
    """No stay, an empty one, rows before the first or after the last: each is an error for three rows."""
    with pytest.raises(ValueError, match="3 rows"):
        checked(np.array(offsets), 3)
    assert checked(np.array([0, 1, 3]), 3).tolist() == [0, 1, 3]
