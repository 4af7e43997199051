"""Warnings of deterioration are scored where they may be judged, by row and by event."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from forecasting.protocols.deterioration import BY_EVENT, BY_ROW, Bench, by_event, by_row, evaluate, last_value
from forecasting.protocols.kept import Kept
from forecasting.protocols.run import Run
from forecasting.training.cohorts import Hourly
from forecasting.training.features import features
from forecasting.training.labels import RULES, label
from forecasting.training.splits import Split
from tests.boosted import needs_lightgbm
from tests.forecasting.protocols.collections import write_2019
from tests.forecasting.training.stays import cohort, drawn

LOW, FAST, RISE = RULES[0], RULES[4], RULES[6]
nan = float("nan")


def bench(whole: Hourly, tmp_path: Path) -> Bench:
    """The first stay is fitted on, and all the others are scored, in one fold."""
    split = Split(np.array([0]), np.empty(0, np.int64), np.arange(1, len(whole.stays)))
    return Bench(whole, features(whole), [split], Kept(tmp_path, {}, print), 1)


def test_more_is_nearer_to_the_condition(tmp_path: Path) -> None:
    """A lower pressure, a faster heart, a creatinine above its lowest; unmeasured is the median of those fitted on."""
    fitted: dict[str, list[float]] = {"MAP": [80, 82, 84], "HR": [90.0] * 3, "Creatinine": [1.0] * 3}
    scored: dict[str, list[float]] = {"MAP": [nan, 90, 70, nan], "HR": [90, 120, 120, 90], "Creatinine": [1, 2, 1, nan]}
    made = bench(cohort(fitted, scored), tmp_path)
    assert last_value(made, LOW)[3:].tolist() == [-82, -90, -70, -70]
    assert last_value(made, FAST)[3:].tolist() == [90, 120, 120, 90]
    assert last_value(made, RISE)[3:].tolist() == [1, 2, 1, 1]


def test_rows_are_those_that_may_be_judged(tmp_path: Path) -> None:
    """Of six hours with one low pressure at the fourth, three rows are judged within an hour, and one comes true."""
    made = bench(cohort({"MAP": [80] * 3}, {"MAP": [80, 80, 80, 64, 80, 80]}), tmp_path)
    (row,) = by_row(made, LOW, 1, {"last value": last_value(made, LOW)})
    told = dict(zip(BY_ROW, row, strict=True))
    assert told["rows"] == 3
    assert told["prevalence"] == pytest.approx(1 / 3)


def test_a_score_that_knows_catches_every_event(tmp_path: Path) -> None:
    """Alarms in the six hours before each onset catch all, and each is true; the report has a row for each budget."""
    whole = drawn(8, stays=60)
    made = bench(whole, tmp_path)
    knows = label(LOW, np.ascontiguousarray(whole.column("MAP")), whole.offsets, 6).comes.astype(float)
    rows = [dict(zip(BY_EVENT, row, strict=True)) for row in by_event(made, LOW, {"knows": knows})]
    assert rows[1]["at"] == "80% recall"
    assert len(rows) == 5
    first = rows[1]["recall"]
    assert isinstance(first, float)
    assert first > 0.8
    assert rows[1]["alarm precision"] == 1


def test_a_label_is_reported(tmp_path: Path) -> None:
    """On drawn stays one label and one fold give a report with five scores at five horizons."""
    needs_lightgbm()
    write_2019(tmp_path / "data", 60)
    run = Run(tmp_path / "data", tmp_path / "build", print, threads=1, only=("MAP",), repeats=1)
    *_, report = evaluate(run)
    assert len(report.tables[0].rows) == 5 * 5
    assert report.about["folds scored"] == "1 of 5"
