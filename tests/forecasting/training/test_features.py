"""Features know the past of their own stay, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.training.features import GROUPS, SELECTIONS, features
from tests.forecasting.training.stays import cohort, drawn

few = settings(max_examples=10)


@few
@given(seed=st.integers(0, 999), hours=st.integers(1, 60))
def test_nobody_travels_in_time(seed: int, hours: int) -> None:
    """When every stay is cut off at an hour, its rows up to then are the same to the bit."""
    whole = drawn(seed)
    cut = whole.cut(hours)
    early = np.concatenate([np.arange(n) < hours for n in np.diff(whole.offsets)])
    np.testing.assert_array_equal(features(cut).rows, features(whole).rows[early])


@few
@given(seed=st.integers(0, 999))
def test_the_order_of_stays_does_not_matter(seed: int) -> None:
    """A stay's features are the same to the bit alone, and among others in any order."""
    whole = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(whole.stays))
    ours, theirs = features(whole), features(whole.taken(order))
    parts = np.split(ours.rows, whole.offsets[1:-1])
    np.testing.assert_array_equal(theirs.rows, np.concatenate([parts[stay] for stay in order]))
    np.testing.assert_array_equal(features(whole.taken([3])).rows, parts[3])


def test_the_label_is_not_looked_at() -> None:
    """Turning the labels round changes no feature."""
    whole = drawn(1)
    whole.label[:] = False
    before = features(whole).rows.copy()
    whole.label[:] = True
    np.testing.assert_array_equal(features(whole).rows, before)


def test_every_feature_has_a_name_of_its_own_and_a_group() -> None:
    """No two columns share a name, and every group has columns."""
    table = features(drawn(2))
    assert len(set(table.names)) == len(table.names) == table.rows.shape[1]
    assert set(table.groups) == set(GROUPS)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_an_ablation_is_a_selection(selection: str) -> None:
    """What is selected has the columns of its groups, all of them and no others, as they were."""
    table = features(drawn(3, stays=5))
    some = table.selected(selection)
    assert set(some.groups) == SELECTIONS[selection]
    assert len(some.names) == sum(group in SELECTIONS[selection] for group in table.groups)
    for name in some.names[::20]:
        np.testing.assert_array_equal(some.column(name), table.column(name))


def test_without_the_clock_no_column_counts_the_hours() -> None:
    """A patient whose vital signs are charted every hour: no column of `no clock` rises with every hour for a day."""
    told = {name: [80.0] * 60 for name in ("HR", "O2Sat", "Temp", "SBP", "MAP", "DBP", "Resp")}
    late = features(cohort(told)).selected("no clock").rows[30:]
    assert not np.any(np.diff(late, axis=0) > 0)


def test_a_sinking_pressure_is_seen() -> None:
    """MAP 90 to 65 by five an hour: newest, lowest, trend, mean and shock index as worked out by hand."""
    table = features(cohort({"MAP": [90, 85, 80, 75, 70, 65], "HR": [100.0] * 6, "SBP": [80.0] * 6}))
    last = {name: table.column(name)[-1] for name in table.names}
    assert last["MAP"] == 65
    assert last["MAP: lowest 6 h"] == 65
    assert last["MAP: slope 6 h"] == pytest.approx(-5)
    assert last["MAP: mean 24 h"] == pytest.approx(77.5)
    assert last["MAP: above its 24 h"] == pytest.approx(-12.5)
    assert last["shock index"] == pytest.approx(1.25)
    assert (last["MAP: gap"], last["MAP: tally"]) == (0, 6)
    assert np.isnan(last["Lactate"])


def test_a_laboratory_value_is_compared_with_the_one_before() -> None:
    """Creatinine 1.0, hours of nothing, 1.6: it rose by 0.6, and says so until it is measured again."""
    nan = float("nan")
    table = features(cohort({"Creatinine": [1.0, nan, nan, 1.6, nan]}))
    np.testing.assert_allclose(table.column("Creatinine: last change"), [nan, nan, nan, 0.6, 0.6], rtol=1e-5)
    np.testing.assert_allclose(table.column("Creatinine: above its lowest"), [0, 0, 0, 0.6, 0.6], rtol=1e-5)
    assert table.column("Creatinine: gap").tolist() == [0, 1, 2, 0, 1]
