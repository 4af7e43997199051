"""Stays of the 2012 challenge: both forms read alike, what is missing is unknown, and times are those of the chart."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from schemas.events import Movement, Reading
from streams.adapters import Stay, WrongFormat
from streams.adapters.challenge2012 import BASE, read

ROWS = [
    (0, "RecordID", 132539.0), (0, "Age", 54.0), (0, "Gender", 0.0), (0, "Height", -1.0), (0, "ICUType", 4.0),
    (0, "Weight", -1.0), (7, "GCS", 15.0), (7, "HR", 73.0), (7, "NISysABP", 147.0), (67, "MAP", 71.5),
    (67, "Temp", 36.6), (90, "pH", 7.31), (95, "Lactate", 2.4), (2875, "Urine", 80.0), (2880, "Cholesterol", 160.0),
]  # fmt: skip


def parquet(folder: Path, rows: list[tuple[int, str, float]]) -> Path:
    path = folder / "observations.parquet"
    schema = {"set": pl.String, "record_id": pl.Int32, "minute": pl.Int16, "parameter": pl.String, "value": pl.Float32}
    pl.DataFrame([("a", 132539, *row) for row in rows], schema=schema, orient="row").with_columns(
        pl.col("parameter").cast(pl.Categorical)
    ).write_parquet(path)
    return path


def text(folder: Path, rows: list[tuple[int, str, float]]) -> Path:
    lines = [f"{minute // 60:02}:{minute % 60:02},{name},{value:g}" for minute, name, value in rows]
    (folder / "132539.txt").write_text("\n".join(["Time,Parameter,Value", *lines]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def stay(tmp_path: Path) -> Stay:
    (found,) = read(parquet(tmp_path, ROWS))
    return found


def test_both_forms_are_read_alike(tmp_path: Path, stay: Stay) -> None:
    """The challenge's own file and the table give the same events."""
    (found,) = read(text(tmp_path, ROWS))
    assert found == stay


def test_who_it_is_is_told_at_the_beginning(stay: Stay) -> None:
    """Age, sex, the unit by its number, intensive care."""
    first = stay.events[0]
    assert isinstance(first, Movement)
    assert first.patient is not None
    assert (first.patient.age_years, first.patient.sex, first.unit, first.setting) == (54.0, "female", "SICU", "icu")
    assert (stay.encounter, stay.start, first.available_at) == ("132539", BASE, BASE)


def test_a_value_stands_at_its_minute_with_its_method(stay: Stay) -> None:
    """As written, known when charted; a cuff is a cuff."""
    readings = {r.concept: r for r in stay.events if isinstance(r, Reading)}
    assert readings["temp"].value == 36.6
    assert readings["temp"].observed_at == readings["temp"].available_at == BASE + timedelta(minutes=67)
    assert (readings["map"].value, readings["map"].method) == (71.5, "invasive")
    assert (readings["sbp"].value, readings["sbp"].method) == (147.0, "nibp")


def test_missing_is_unknown(stay: Stay) -> None:
    """-1 is no weight; what has no concept is not read; nothing of it is refused."""
    concepts = {r.concept for r in stay.events if isinstance(r, Reading)}
    assert concepts == {"gcs_total", "hr", "sbp", "map", "temp", "ph_art", "lactate", "urine"}
    assert stay.refused == []


def test_an_age_or_sex_that_was_not_told_is_unknown(tmp_path: Path) -> None:
    """A stay of which only a heart rate is known is still one."""
    (found,) = read(parquet(tmp_path, [(0, "Age", -1.0), (0, "Gender", -1.0), (5, "HR", 80.0)]))
    first = found.events[0]
    assert isinstance(first, Movement)
    assert first.patient is not None
    assert (first.patient.age_years, first.patient.sex, first.unit) == (None, None, None)


def test_what_cannot_be_is_refused_by_the_door(tmp_path: Path) -> None:
    """As the live service would: with its reason, and the rest of the stay goes on."""
    (found,) = read(parquet(tmp_path, [(5, "HR", 80.0), (6, "SysABP", 0.0)]))
    assert [r.concept for r in found.events if isinstance(r, Reading) and r.quality == "ok"] == ["hr"]


def test_another_format_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    """A folder of something else, a file of something else, nothing at all."""
    with pytest.raises(WrongFormat, match=r"expected a folder of \.txt files .*, found neither"):
        read(tmp_path)
    with pytest.raises(WrongFormat, match="found nothing"):
        read(tmp_path / "nowhere")
    pl.DataFrame({"patient_id": ["a"]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(WrongFormat, match=r"expected column 'record_id' in 'other\.parquet' \(challenge2012\)"):
        read(tmp_path / "other.parquet")
    (tmp_path / "1.txt").write_text("Name,Value\n", encoding="utf-8")
    with pytest.raises(WrongFormat):
        read(tmp_path)
