"""Collections are read as they are: no value is filled in, none is kept that cannot be."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting.training.cohorts import ABOUT, PARAMETERS, VARIABLES, Hourly, events, hourly


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three stays of 2019 and two of 2012, in files as the collections have them."""
    (tmp_path / "challenge2019").mkdir()
    (tmp_path / "challenge2012").mkdir()
    rows = {
        "patient_id": ["p1", "p1", "p1", "p2", "p3", "p3"],
        **{name: [None] * 6 for name in VARIABLES},
        "HR": [80.0, None, 5000.0, 90.0, 100.0, 101.0],
        "FiO2": [0.4, -50.0, 10.0, None, 1.0, None],
        **{name: [50.0] * 6 for name in ABOUT},
        "Unit2": [None] * 6,
        "ICULOS": [4, 5, 6, 1, 1, 2],
        "SepsisLabel": [0, 1, 1, 0, 0, 0],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "challenge2019" / "setA.parquet")
    charted = [
        ("a", 7, 0, "RecordID", 7.0), ("a", 7, 0, "Height", -1.0), ("a", 7, 30, "HR", 80.0), ("a", 7, 30, "HR", 90.0),
        ("a", 7, 60, "Temp", -17.8), ("b", 5, 90, "K", 4.0),
    ]  # fmt: skip
    schema = {"set": pl.String, "record_id": pl.Int32, "minute": pl.Int16, "parameter": pl.String, "value": pl.Float32}
    pl.DataFrame(charted, schema=schema, orient="row").write_parquet(
        tmp_path / "challenge2012" / "observations.parquet"
    )
    pl.DataFrame({"RecordID": [5, 7], "In-hospital_death": [1, 0]}).write_parquet(
        tmp_path / "challenge2012" / "outcomes.parquet"
    )
    return tmp_path


def test_hourly_stays_are_laid_one_after_the_other(data: Path) -> None:
    """Lengths, hours and labels are those of the file; what was not measured, or cannot be, is NaN."""
    found = hourly(data, "A")
    assert found.stays == ("p1", "p2", "p3")
    assert found.offsets.tolist() == [0, 3, 4, 6]
    assert found.iculos.tolist() == [4, 5, 6, 1, 1, 2]
    assert found.septic.tolist() == [True, False, False]
    np.testing.assert_array_equal(found.column("HR"), [80, np.nan, np.nan, 90, 100, 101])
    np.testing.assert_array_equal(found.column("FiO2"), np.array([0.4, np.nan, np.nan, np.nan, 1, np.nan], np.float32))
    assert np.isnan(found.column("Lactate")).all()


def test_stays_are_taken_and_joined_whole(data: Path) -> None:
    """Taking stays one by one and joining them gives the cohort back."""
    whole = hourly(data, "A")
    back = Hourly.joined([whole.taken([stay]) for stay in range(3)])
    np.testing.assert_array_equal(back.values, whole.values)
    assert back.stays == whole.stays
    assert whole.taken([2, 0]).stays == ("p3", "p1")
    assert whole.taken([2, 0]).iculos.tolist() == [1, 2, 4, 5, 6]


def test_a_stay_is_cut_at_an_hour(data: Path) -> None:
    """Of each stay the first hours are left, and short stays are whole."""
    cut = hourly(data, "A").cut(2)
    assert cut.offsets.tolist() == [0, 2, 3, 5]
    assert cut.iculos.tolist() == [4, 5, 1, 1, 2]


def test_a_stay_with_a_gap_is_refused(data: Path) -> None:
    """Windows count rows, so a missing hour is an error."""
    path = data / "challenge2019" / "setA.parquet"
    pl.read_parquet(path).filter(pl.col("ICULOS") != 5).write_parquet(path)
    with pytest.raises(ValueError, match="an hour a row"):
        hourly(data, "A")


def test_events_are_as_charted(data: Path) -> None:
    """-1 is missing, two values of one minute are their mean, the impossible is left out, outcomes go by the record."""
    found = events(data)
    assert found.stays == ("7", "5")
    assert found.died.tolist() == [False, True]
    assert found.part == ("a", "b")
    assert [PARAMETERS[p] for p in found.parameter] == ["HR", "K"]
    assert found.value.tolist() == [85, 4]
    assert found.hour.tolist() == [0.5, 1.5]
    assert len(events(data, limited=False).value) == 3
