"""The reader of the PhysioNet/CinC Challenge 2019, on files made here."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.events import Movement, Quality, Reading
from schemas.frozen import from_json, to_json
from streams.adapters import Stay, WrongFormat
from streams.adapters.challenge2019 import BASE, read

MEASURED = [
    "HR",
    "O2Sat",
    "Temp",
    "SBP",
    "MAP",
    "DBP",
    "Resp",
    "EtCO2",
    "BaseExcess",
    "HCO3",
    "FiO2",
    "pH",
    "PaCO2",
    "SaO2",
    "AST",
    "BUN",
    "Alkalinephos",
    "Calcium",
    "Chloride",
    "Creatinine",
    "Bilirubin_direct",
    "Glucose",
    "Lactate",
    "Magnesium",
    "Phosphate",
    "Potassium",
    "Bilirubin_total",
    "TroponinI",
    "Hct",
    "Hgb",
    "PTT",
    "WBC",
    "Fibrinogen",
    "Platelets",
]
ABOUT = ["Age", "Gender", "Unit1", "Unit2", "HospAdmTime", "ICULOS"]


def row(**cells: float | None) -> dict[str, float | None]:
    about = {"Age": 62.5, "Gender": 1.0, "Unit1": 0.0, "Unit2": 1.0, "HospAdmTime": -12.52}
    return {**dict.fromkeys([*MEASURED, *ABOUT]), **about, **cells}


def psv(folder: Path, patient: str, rows: list[dict[str, Any]], *, labelled: bool = True) -> None:
    names = [*MEASURED, *ABOUT, *(["SepsisLabel"] if labelled else [])]
    lines = ["|".join("NaN" if r.get(n) is None else str(r[n]) for n in names) for r in rows]
    (folder / f"{patient}.psv").write_text("\n".join(["|".join(names), *lines]) + "\n", encoding="utf-8")


def readings(stay: Stay) -> dict[str, Reading]:
    return {event.concept: event for event in stay.events if isinstance(event, Reading)}


def test_an_hour_without_a_value_still_counts(tmp_path: Path) -> None:
    """Row i is hour i, also when it holds nothing, so a replay can write a line for every patient-hour."""
    psv(tmp_path, "p000001", [row(HR=88), row(), row(HR=92), row()])
    (stay,) = read(tmp_path)
    assert (stay.encounter, stay.start, stay.hours) == ("p000001", BASE, 4)
    rates = [(e.value, e.available_at - BASE) for e in stay.events if isinstance(e, Reading)]
    assert rates == [(88.0, timedelta(0)), (92.0, timedelta(hours=2))]


def test_the_label_changes_nothing(tmp_path: Path) -> None:
    """The same rows with any label, or without one, give the same stay: the answer is never read."""
    folders = [tmp_path / name for name in ("none", "zero", "one")]
    for folder, label in zip(folders, (None, 0.0, 1.0), strict=True):
        folder.mkdir()
        psv(folder, "p1", [row(HR=88, SepsisLabel=label), row(Lactate=2)], labelled=label is not None)
    first, *others = ([list(stay.events) for stay in read(folder)] for folder in folders)
    assert all(other == first for other in others)


def test_a_file_without_rows_hides_no_other(tmp_path: Path) -> None:
    """Between an empty file and files with other columns in other order, every patient keeps the right rows."""
    psv(tmp_path, "p1", [row(HR=81), row(HR=82)])
    psv(tmp_path, "p2", [])
    psv(tmp_path, "p3", [row(HR=83)], labelled=False)
    psv(tmp_path, "p4", [row(HR=84)])
    told = [(s.encounter, s.hours, [e.value for e in s.events if isinstance(e, Reading)]) for s in read(tmp_path)]
    assert told == [("p1", 2, [81.0, 82.0]), ("p3", 1, [83.0]), ("p4", 1, [84.0])]


def test_who_the_patient_is_travels_with_the_admission(tmp_path: Path) -> None:
    """Age, sex and unit are in the admission; its time is that of coming to the hospital, known with the first row."""
    psv(tmp_path, "p1", [row(HR=88)])
    (stay,) = read(tmp_path)
    admission = stay.events[0]
    assert isinstance(admission, Movement)
    assert admission.patient is not None
    assert (admission.patient.age_years, admission.patient.sex) == (62.5, "male")
    assert (admission.unit, admission.setting) == ("SICU", "icu")
    assert (admission.observed_at, admission.available_at) == (BASE - timedelta(hours=12.52), BASE)


@pytest.mark.parametrize("hours", [None, 3.0, -1e12, float("-inf"), float("inf")])
def test_a_time_before_the_stay_that_cannot_be_is_not_known(tmp_path: Path, hours: float | None) -> None:
    """An admission of the future, or of centuries ago, is one of the first row."""
    psv(tmp_path, "p1", [row() | {"HospAdmTime": hours}])
    (stay,) = read(tmp_path)
    assert [event.observed_at for event in stay.events] == [BASE]


@pytest.mark.parametrize(
    ("column", "number", "concept", "value", "quality"),
    [
        ("FiO2", 0.4, "fio2", 0.4, Quality.OK),
        ("FiO2", 40.0, "fio2", 0.4, Quality.OK),
        ("FiO2", 0.0, "fio2", 0.0, Quality.ARTEFACT),
        ("FiO2", 4.0, "fio2", 4.0, Quality.ARTEFACT),
        ("TroponinI", 0.31, "hs_tni", 310.0, Quality.OK),
        ("Temp", 20.9, "temp", 20.9, Quality.ARTEFACT),
        ("MAP", 300.0, "map", 300.0, Quality.ARTEFACT),
        ("pH", 7.21, "ph_art", 7.21, Quality.OK),
    ],
)
def test_numbers_are_converted_or_marked(
    tmp_path: Path, column: str, number: float, concept: str, value: float, quality: Quality
) -> None:
    """A value comes in the canonical unit; one that cannot be is kept, marked and explained without naming it."""
    psv(tmp_path, "p1", [row(**{column: number})])
    (stay,) = read(tmp_path)
    found = readings(stay)[concept]
    assert (found.value, found.quality) == (value, quality)
    assert (found.reason is None) == (quality is Quality.OK)


def test_every_column_has_its_concept(tmp_path: Path) -> None:
    """All 34 variables of the challenge are read."""
    psv(tmp_path, "p1", [row(**dict.fromkeys(MEASURED, 1.0))])
    (stay,) = read(tmp_path)
    assert len(readings(stay)) == len(MEASURED) == 34


def test_a_fast_reading_is_a_valid_one(tmp_path: Path) -> None:
    """What is made without validation equals what validation makes of it, byte for byte."""
    psv(tmp_path, "p1", [row(HR=88, TroponinI=0.3, FiO2=50, MAP=300)])
    (stay,) = read(tmp_path)
    for event in stay.events:
        again = from_json(to_json(event), type(event))
        assert again == event
        assert to_json(again) == to_json(event)


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    """The folder of the challenge and a parquet of its rows, in single precision, give the same stays in order."""
    stays = {"p1": [row(HR=88, Temp=37.11), row()], "p2": [row(Lactate=1.83)]}
    folder = tmp_path / "psv"
    folder.mkdir()
    for patient, rows in stays.items():
        psv(folder, patient, rows)
    table = [{"patient_id": patient, **r} for patient, rows in stays.items() for r in rows]
    numbers = dict.fromkeys([*MEASURED, *ABOUT], pl.Float32)
    pl.DataFrame(table, schema={"patient_id": pl.String, **numbers}).write_parquet(tmp_path / "set.parquet")
    from_files, from_table = list(read(folder)), list(read(tmp_path / "set.parquet"))
    assert [stay.encounter for stay in from_table] == ["p1", "p2"]
    assert from_files == from_table


def test_another_file_is_named_for_what_it_lacks(tmp_path: Path) -> None:
    """A path of another format is refused at once, with the column that was expected and what was found."""
    (tmp_path / "p1.psv").write_text("HR|Temp\n88|37\n", encoding="utf-8")
    with pytest.raises(WrongFormat, match=r"expected column 'O2Sat' in 'p1.psv' \(challenge2019\), found HR, Temp"):
        read(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(WrongFormat, match=r"expected a folder of \.psv files or one \.parquet file"):
        read(empty)
    odd = tmp_path / "odd"
    odd.mkdir()
    psv(odd, "Mr Smith", [row(HR=80)])
    with pytest.raises(WrongFormat, match=r"expected ids of at most 64 letters"):
        list(read(odd))
    pl.DataFrame({"stay": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(WrongFormat, match=r"expected column 'patient_id' in 'other\.parquet'"):
        read(tmp_path / "other.parquet")
