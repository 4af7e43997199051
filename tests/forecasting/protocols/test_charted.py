"""The two tasks of 2012 see only what they may, and average as their protocols say."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from forecasting.evaluation.stays import laid
from forecasting.protocols import forecast2012, mortality2012
from forecasting.protocols.forecast2012 import damped, errors, plain, scale, task
from forecasting.protocols.run import Run
from forecasting.training.cohorts import PARAMETERS, Events
from forecasting.training.summaries import SELECTIONS, selected, summaries
from tests.boosted import needs_lightgbm
from tests.forecasting.protocols.collections import write_2012


def charted(*stays: Sequence[tuple[float, str, float]]) -> Events:
    """Stays as lists of hour, parameter and value."""
    rows = [row for stay in stays for row in stay]
    return Events(
        hour=np.array([row[0] for row in rows]),
        parameter=np.array([PARAMETERS.index(row[1]) for row in rows]),
        value=np.array([row[2] for row in rows]),
        offsets=laid([len(stay) for stay in stays]),
        stays=tuple(str(number) for number in range(len(stays))),
        died=np.zeros(len(stays), bool),
        part=("a",) * len(stays),
    )


def test_a_summary_is_worked_out_by_hand() -> None:
    """Heart rate 80, 90, 100 at hours 1, 2 and 3, and what comes at the moment itself is not yet seen."""
    table = summaries(charted([(1, "HR", 80), (2, "HR", 90), (3, "HR", 100), (4, "HR", 500)], [(1, "K", 4)]), 4)
    found = {name: table.column(name)[0] for name in table.names}
    assert [found[f"HR{what}"] for what in ("", ": first", ": lowest", ": highest", ": mean")] == [100, 80, 80, 100, 90]
    assert found["HR: trend"] == pytest.approx(10)
    assert found["HR: spread"] == pytest.approx(np.std([80, 90, 100]))
    assert (found["HR: count"], found["HR: since"]) == (3, 1)
    assert np.isnan(table.column("HR")[1])
    assert table.column("HR: count")[1] == 0


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_selection_has_its_groups(selection: str) -> None:
    """Columns of the groups that were asked for, and of no others."""
    table = summaries(charted([(1, "HR", 80), (0, "Age", 60)]), 4)
    assert set(selected(table, selection).groups) == SELECTIONS[selection]


TEN = charted(*[[(1, "HR", 60.0 + n), (23.9, "HR", 70.0 + n), (24, "HR", 80.0 + n), (47.9, "HR", 90.0 + n),
                 (30, "K", 4.0 + n % 2)] for n in range(10)])  # fmt: skip


def test_what_is_seen_and_what_is_forecast() -> None:
    """Before hour 24 is seen; hour 24 and what follows is forecast."""
    found = task(TEN)
    assert len(found.came) == 30
    assert sorted(set(found.ahead)) == pytest.approx([0, 6, 23.9])
    assert plain(found, "")[found.variable == PARAMETERS.index("HR")].tolist() == [
        70 + n for n in range(10) for _ in range(2)
    ]


def test_who_was_never_measured_gets_the_mean_of_those_fitted_on() -> None:
    """Potassium was not seen before hour 24: every forecast of it is the mean of the fitted stays' later values."""
    found = task(TEN)
    fitted = np.mean([4 + n % 2 for n in found.split.fit])
    assert plain(found, "")[found.variable == PARAMETERS.index("K")] == pytest.approx(fitted)


def test_a_value_is_drawn_towards_the_mean_as_far_as_the_fitted_stays_were() -> None:
    """Heart rates that jump from 60 to 80 and come halfway back: the mean of 70 and half of the way to 80."""
    found = task(charted(*[[(1, "HR", 60.0), (2, "HR", 80.0), (30, "HR", 75.0)] for _ in range(10)]))
    assert damped(found).tolist() == [75.0] * 10


def test_the_scale_does_not_know_the_held_out_stays() -> None:
    """The range is that of the stays fitted and chosen on, and a value that never changes has a range of 1."""
    found = task(charted(*[[(1, "HR", 60.0 + n), (30, "HR", 60.0 + n), (1, "K", 4.0)] for n in range(10)]))
    known = np.concatenate([found.split.fit, found.split.choose])
    low, span = scale(found)
    assert low[PARAMETERS.index("HR")] == 60 + known.min()
    assert span[PARAMETERS.index("HR")] == known.max() - known.min()
    assert span[PARAMETERS.index("K")] == 1


def test_each_variable_counts_the_same() -> None:
    """Off by a tenth of the range in the many heart rates and by two in the few potassiums: (0.01 + 0.04) / 2."""
    found = task(TEN)
    low, span = np.zeros(len(PARAMETERS)), np.ones(len(PARAMETERS))
    heart = found.variable == PARAMETERS.index("HR")
    squared, absolute = errors(found, found.came + np.where(heart, 0.1, 0.2), low, span)
    assert squared == pytest.approx(0.025)
    assert absolute == pytest.approx(0.15)


def test_trajectories_are_forecast(tmp_path: Path) -> None:
    """On drawn stays the boosted forecast is no worse than the patient's mean, and a report is made after each seed."""
    needs_lightgbm()
    write_2012(tmp_path / "data", 150)
    run = Run(tmp_path / "data", tmp_path / "build", print, threads=1, repeats=2)
    reports = list(forecast2012.evaluate(run))
    assert len(reports) == 2
    by_name = {row[0]: row[1].value for row in reports[-1].tables[0].rows}  # type: ignore[union-attr]
    assert by_name["LightGBM"] <= by_name["patient mean"] * 1.02 < by_name["last value"]


def test_a_planted_cause_of_death_is_found(tmp_path: Path) -> None:
    """Where a lactate of 6 means death, the boosted models say so, and the report says that set c is not there."""
    needs_lightgbm()
    write_2012(tmp_path / "data", 200)
    run = Run(tmp_path / "data", tmp_path / "build", print, threads=1, only=("last values",), repeats=1)
    (report,) = mortality2012.evaluate(run)
    row = dict(zip(mortality2012.HEAD, report.tables[0].rows[-1], strict=True))
    assert row["AUROC"].value > 0.99  # type: ignore[union-attr]
    assert "no official figure" in report.tables[0].title
