"""The committed measurement belongs to the committed parameters, and the bands hold what they promise there."""

import json
from pathlib import Path
from typing import Any

import pytest

from forecasting.baselines.trend import load
from forecasting.training.fit_trend import VITALS


@pytest.fixture(scope="module")
def measured(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The committed result of `benchmarks/trend_coverage`."""
    path = Path(request.config.rootpath) / "benchmarks" / "trend_coverage" / "result.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_measurement_is_of_these_parameters(measured: dict[str, Any]) -> None:
    """A refit without a new measurement is found."""
    assert measured["about"]["parameters blake2b"] == load().parameters.file_hash


@pytest.mark.parametrize(("band", "low", "high"), [("50 %", 0.40, 0.57), ("80 %", 0.74, 0.86), ("90 %", 0.85, 0.95)])
def test_the_bands_of_vital_signs_hold_on_held_out_patients(
    measured: dict[str, Any], band: str, low: float, high: float
) -> None:
    """For each vital sign, horizon and collection with a thousand pairs, coverage is near its nominal value."""
    rows = [r for r in measured["bands"] if r["concept"] in VITALS and r["n"] >= 1000 and "2009" not in r["source"]]
    assert len(rows) > 50
    assert [r for r in rows if not low <= r[band] <= high] == []


def test_the_median_beats_the_last_value(measured: dict[str, Any]) -> None:
    """From an hour on, for each vital sign and collection, the median errs less than the last value."""
    rows = [r for r in measured["bands"] if r["concept"] in VITALS and r["n"] >= 1000 and r["horizon_h"] >= 1]
    assert [r for r in rows if r["mae"] >= r["mae last value"]] == []
