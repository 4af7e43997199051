"""Trees as arrays say what the library that fitted them says, each row by itself; a broken tree is refused."""

import numpy as np
import pytest

from forecasting.forest import FIELDS, Forest
from tests.boosted import needs_lightgbm


def stump() -> dict[str, np.ndarray]:
    """One tree: unknown or at most 5 goes left and says 0.25, more goes right and says -1."""
    told = ([[0, 0, 0]], [[5.0, 0, 0]], [[1, 1, 2]], [[2, 1, 2]], [[1, 0, 0]], [[0, 0.25, -1.0]])
    return {f"a.{field}": np.array(values) for field, values in zip(FIELDS, told, strict=True)}


def test_a_row_goes_by_threshold_and_what_is_unknown_where_it_was_sent() -> None:
    """At the threshold left, above it right, unknown where the fitting sent it."""
    rows = np.array([[5.0], [5.0001], [np.nan], [-np.inf], [np.inf]])
    assert Forest.read(stump(), "a").of(rows).tolist() == [0.25, -1.0, 0.25, 0.25, -1.0]


@pytest.mark.parametrize(("field", "value"), [("left", 3), ("right", -1), ("feature", -1)])
def test_a_node_that_leads_nowhere_is_refused(field: str, value: int) -> None:
    """A damaged tree is an error when it is read, not an answer."""
    damaged = stump()
    damaged[f"a.{field}"][0, 0] = value
    with pytest.raises(ValueError, match="leads nowhere"):
        Forest.read(damaged, "a")


def test_a_tree_that_goes_round_is_refused() -> None:
    """Two nodes that lead to each other end in no leaf."""
    round_ = stump()
    round_["a.left"][0, 1] = 0
    with pytest.raises(ValueError, match="never reaches a leaf"):
        Forest.read(round_, "a")


def test_it_says_what_the_fitted_trees_say() -> None:
    """On drawn rows with many unknown values, to 1e-7; each row alone has the bits that it has among others."""
    needs_lightgbm()
    from forecasting.training.boosting import SMALL, Rows, boosted
    from forecasting.training.trees import arrays

    draw = np.random.default_rng(8)
    x = draw.normal(size=(3000, 6)).astype(np.float32)
    x[:, 1:][draw.random((3000, 5)) < 0.4] = np.nan
    came = (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1], nan=2.0) > 1).astype(np.float64)
    model = boosted(Rows(x[:2000], came[:2000]), Rows(x[2000:2500], came[2000:2500]), "binary", SMALL, seed=1)
    forest = Forest.read({f"a.{field}": values for field, values in arrays(model).items()}, "a")
    rows = x[2500:].astype(np.float64)
    said = forest.of(rows)
    assert np.abs(1 / (1 + np.exp(-said)) - model.of(x[2500:])).max() < 1e-7
    assert all(forest.of(rows[[k]])[0] == said[k] for k in range(0, 500, 7))
    assert forest.of(rows[::-1])[::-1].tobytes() == said.tobytes()
