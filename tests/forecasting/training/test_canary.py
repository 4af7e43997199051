"""A feature that knows the future is found, and training stops."""

from collections.abc import Callable

import numpy as np
import pytest

from forecasting.evaluation.stays import Values
from forecasting.training.canary import Leak, refuse_leaks
from forecasting.training.cohorts import Hourly
from forecasting.training.features import Table, features
from forecasting.training.labels import RULES, label
from tests.forecasting.training.stays import drawn

LOW = RULES[0]


def planted(column: Callable[[Hourly], Values]) -> Callable[[Hourly], Table]:
    """The features with one more, called `planted`."""

    def make(cohort: Hourly) -> Table:
        table = features(cohort)
        rows = np.column_stack([table.rows, column(cohort)])
        return Table((*table.names, "planted"), (*table.groups, "values"), rows)

    return make


def tomorrow(cohort: Hourly) -> Values:
    """The heart rate an hour from now: nothing to do with the label, but not yet known."""
    return np.append(cohort.column("HR")[1:], np.float32(np.nan))


def low_within_six_hours(cohort: Hourly) -> Values:
    """The very label that is to be learnt."""
    return label(LOW, cohort.column(LOW.variable), cohort.offsets, 6).comes.astype(np.float32)


def how_long_the_stay_lasts(cohort: Hourly) -> Values:
    return np.repeat(np.diff(cohort.offsets), np.diff(cohort.offsets)).astype(np.float32)


PLANTED = [
    (tomorrow, "cut off"),
    (low_within_six_hours, "cut off"),
    (how_long_the_stay_lasts, "cut off"),
    (lambda cohort: cohort.label.astype(np.float32), "with the label"),
]


@pytest.mark.parametrize(("column", "why"), PLANTED)
def test_what_knows_the_future_is_refused_by_name(column: Callable[[Hourly], Values], why: str) -> None:
    """Each planted feature, and only that one, is named."""
    with pytest.raises(Leak, match=f"1 features change.*{why}: planted$"):
        refuse_leaks(planted(column), drawn(4))


def test_what_is_too_good_to_be_true_is_refused() -> None:
    """A file that was prepared with the answer in it passes both other questions, and is found by how well it tells."""
    cohort = drawn(5)
    comes = label(LOW, cohort.column(LOW.variable), cohort.offsets, 6).comes
    cohort.values[:, 20] = comes
    with pytest.raises(Leak, match="too well"):
        refuse_leaks(features, cohort, comes)


def test_honest_features_pass() -> None:
    """The features as they are pass all three questions."""
    refuse_leaks(features, drawn(6))
