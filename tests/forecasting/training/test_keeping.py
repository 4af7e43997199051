"""What was fitted once is not fitted again, and what comes back is what was kept."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.training.keeping import Arrays, kept, name_of, packed, unpacked


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    """The second time it comes from the file, to the bit."""
    made: list[int] = []

    def make() -> Arrays:
        made.append(1)
        return packed({"a": np.array([0.1, np.nan], np.float32)}, {"line": 65.0, "trees": 3})

    first, again = (unpacked(kept(tmp_path / "new" / "a.npz", make)) for _ in range(2))
    assert made == [1]
    for arrays, about in (first, again):
        assert arrays["a"].tobytes() == np.array([0.1, np.nan], np.float32).tobytes()
        assert about == {"line": 65.0, "trees": 3}


def test_a_run_that_was_stopped_keeps_nothing(tmp_path: Path) -> None:
    """Whoever comes next makes it."""

    def stopped() -> Arrays:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "a.npz", stopped)
    assert kept(tmp_path / "a.npz", lambda: {"a": np.zeros(1)})["a"].tolist() == [0.0]


def test_a_name_is_of_all_that_something_was_made_from() -> None:
    """Whatever the order it is told in; another seed is another name."""
    assert name_of({"seed": 1, "data": "x"}) == name_of({"data": "x", "seed": 1}) != name_of({"data": "x", "seed": 2})
