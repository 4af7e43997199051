"""No patient is on two sides of a split, and the splits are those of the protocols."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.training.splits import crossed, elsewhere, folds, strata, three_ways, trajectories

OF = np.random.default_rng(0).integers(0, 4, 1000)


@pytest.mark.parametrize("split", [*crossed(OF, 7), elsewhere(OF % 2, 0, OF, 7), three_ways(OF, 7), trajectories(1000)])
def test_every_patient_is_on_one_side(split: tuple[np.ndarray, ...]) -> None:
    """Fitted on, chosen on or scored on: each stay is one of them, once."""
    assert sorted(np.concatenate(split).tolist()) == list(range(1000))


def test_every_patient_is_scored_once() -> None:
    """The five folds together score each stay exactly once."""
    assert sorted(np.concatenate([split.score for split in crossed(OF, 7)]).tolist()) == list(range(1000))


def test_the_other_hospital_is_never_learnt_from() -> None:
    """From A to B, everyone of B is scored, and nobody of B is fitted or chosen on."""
    split = elsewhere(OF % 2, 0, OF, 7)
    assert set(OF[split.score] % 2) == {1}
    assert set(OF[np.concatenate([split.fit, split.choose])] % 2) == {0}


@given(count=st.integers(2, 10), seed=st.integers(0, 99), sizes=st.lists(st.integers(0, 50), min_size=1, max_size=4))
def test_each_fold_has_its_share_of_each_stratum(count: int, seed: int, sizes: list[int]) -> None:
    """Folds differ by at most one stay, in each stratum and in all."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    found = folds(of, count, seed)
    for chosen in [of >= 0, *(of == stratum for stratum in range(len(sizes)))]:
        sizes_found = np.bincount(found[chosen], minlength=count)
        assert sizes_found.max() - sizes_found.min() <= 1


def test_the_same_seed_gives_the_same_folds() -> None:
    """And another one others."""
    assert np.array_equal(folds(OF, 5, 1), folds(OF, 5, 1))
    assert not np.array_equal(folds(OF, 5, 1), folds(OF, 5, 2))


def test_strata_are_the_combinations_of_the_columns() -> None:
    """Two columns of two values each make four strata."""
    assert strata(np.array([0, 0, 1, 1]), np.array([False, True, False, True])).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("stays", [10, 11, 8000, 11988])
def test_trajectories_are_split_as_scikit_learn_splits(stays: int) -> None:
    """`train_test_split` with 80 % and seed 42, then 75 % unshuffled, gives the same stays in the same order."""
    theirs = pytest.importorskip("sklearn.model_selection").train_test_split
    seen, held = theirs(np.arange(stays), train_size=0.8, random_state=42, shuffle=True)
    fit, choose = theirs(seen, train_size=0.75, random_state=42, shuffle=False)
    for mine, other in zip(trajectories(stays), (fit, choose, held), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_trajectories_by_hand() -> None:
    """Of ten stays, permuted by NumPy's old generator with seed 42 (8 1 5 0 7 2 9 4 3 6), the first two are held."""
    fit, choose, held = trajectories(10)
    assert held.tolist() == [8, 1]
    assert fit.tolist() == [5, 0, 7, 2, 9, 4]
    assert choose.tolist() == [3, 6]
