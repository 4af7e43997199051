"""A replay answers every patient-hour, peeks at nothing, and is the same whoever shares the work."""

import json
from pathlib import Path

import polars as pl
import pytest

from forecasting.network.fitted import fitted
from streams.adapters import WrongFormat
from streams.adapters.challenge2019 import _NEEDED
from streams.cohorts.replay import Job, replay

HEADER = [*_NEEDED, "ICULOS"]
FILES = ("risks.parquet", "forecasts.parquet", "alerts.ndjson", "quarantine.ndjson")


def _row(hour: int, **measured: float) -> str:
    cells = {
        "Age": 71.0,
        "Gender": 0.0,
        "Unit1": 1.0,
        "Unit2": 0.0,
        "HospAdmTime": -5.0,
        "ICULOS": hour + 1.0,
    } | measured
    return "|".join(str(cells.get(name, "NaN")) for name in HEADER)


def _vitals(worse: int) -> dict[str, float]:
    """A set of vital signs; each step worse adds to the early warning score."""
    return {
        "HR": 84 + 12 * worse, "O2Sat": 97 - 2 * worse, "Temp": 37.0 + 0.5 * worse, "SBP": 124 - 12 * worse,
        "MAP": 84 - 9 * worse, "DBP": 62 - 6 * worse, "Resp": 16 + 4 * worse,
    }  # fmt: skip


STAYS = {
    "p000001": [_vitals(0), {}, _vitals(1), _vitals(3), _vitals(4) | {"Lactate": 4.4}, {}, _vitals(2)],
    "p000002": [_vitals(0), _vitals(0), _vitals(0)],
    "p000003": [{}, {}, {"Temp": 98.6}],
}


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Three stays as the challenge's own files, without the label column."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    for name, rows in STAYS.items():
        _write(folder, name, rows)
    return folder


def _write(folder: Path, name: str, rows: list[dict[str, float]]) -> None:
    lines = ["|".join(HEADER), *(_row(hour, **row) for hour, row in enumerate(rows))]
    (folder / f"{name}.psv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _played(folder: Path, out: Path, processes: int = 1) -> dict[str, bytes]:
    replay(Job(folder, "challenge2019"), out, processes)
    return {name: (out / name).read_bytes() for name in FILES}


def test_every_patient_hour_has_its_row(cohort: Path, tmp_path: Path) -> None:
    """There is one sepsis row per row of the data, empty rows included, and its time is the row's index."""
    _played(cohort, tmp_path / "out")
    risks = pl.read_parquet(tmp_path / "out" / "risks.parquet")
    hours = {name: risks.filter(encounter=name)["time"].to_list() for name in STAYS}
    assert hours == {name: [float(h) for h in range(len(rows))] for name, rows in STAYS.items()}
    assert set(risks["question"]) == {"sepsis"}


def test_an_hour_has_a_chance_where_a_vital_sign_is_known(cohort: Path, tmp_path: Path) -> None:
    """With bounds around it; where nothing is known there is none, and the status says why."""
    _played(cohort, tmp_path / "out")
    risks = pl.read_parquet(tmp_path / "out" / "risks.parquet")
    told, untold = risks.filter(pl.col("status") == "ok"), risks.filter(pl.col("status") != "ok")
    assert len(told)
    assert told.filter(~pl.col("probability").is_between(pl.col("low"), pl.col("high"))).is_empty()
    assert untold["probability"].null_count() == len(untold)
    assert all("no vital sign" in status for status in untold["status"])


def test_the_alarm_is_that_of_the_chance(cohort: Path, tmp_path: Path) -> None:
    """From the manifest's threshold on, at the threshold too, and never where there is no chance."""
    _played(cohort, tmp_path / "out")
    risks = pl.read_parquet(tmp_path / "out" / "risks.parquet")
    threshold = fitted().events["sepsis"].alarm_at
    assert risks["alarm"].to_list() == [p is not None and p >= threshold for p in risks["probability"]]


def test_a_replay_twice_is_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    """Results do not depend on when, or by how many processes, a cohort is replayed."""
    once, twice = _played(cohort, tmp_path / "a"), _played(cohort, tmp_path / "b")
    shared = _played(cohort, tmp_path / "c", processes=2)
    assert once == twice == shared


@pytest.mark.parametrize("hours", range(1, 7))
def test_no_row_knows_a_later_one(cohort: Path, tmp_path: Path, hours: int) -> None:
    """Cut anywhere, the stay's rows up to the cut stay what they were."""
    _played(cohort, tmp_path / "whole")
    _write(cohort, "p000001", STAYS["p000001"][:hours])
    _played(cohort, tmp_path / "cut")
    for name in ("risks.parquet", "forecasts.parquet"):
        whole = pl.read_parquet(tmp_path / "whole" / name).filter(
            pl.col("encounter") == "p000001", pl.col("time") < hours
        )
        assert whole.equals(pl.read_parquet(tmp_path / "cut" / name).filter(encounter="p000001"))
    lines = [line for line in _alerts(tmp_path / "whole") if line["at"] < f"2000-01-01T{hours - 1:02d}:00:00.1"]
    assert [line for line in _alerts(tmp_path / "cut") if line["at"] < f"2000-01-01T{hours - 1:02d}:00:00.1"] == lines


def _alerts(out: Path) -> list[dict[str, str]]:
    lines = (out / "alerts.ndjson").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["alert"]["encounter"] == "p000001"]


def test_the_label_is_not_read(cohort: Path, tmp_path: Path) -> None:
    """A column of labels changes no result."""
    without = _played(cohort, tmp_path / "a")
    for file in cohort.iterdir():
        header, *rows = file.read_text(encoding="utf-8").splitlines()
        labelled = [header + "|SepsisLabel", *(f"{row}|{n % 2}" for n, row in enumerate(rows))]
        file.write_text("\n".join(labelled) + "\n", encoding="utf-8")
    assert _played(cohort, tmp_path / "b") == without


def test_the_manifest_names_what_was_used(cohort: Path, tmp_path: Path) -> None:
    """Hashes of data, model, rules and code, and counts, stand in the manifest; the data's hash is of its content."""
    _played(cohort, tmp_path / "a")
    before = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    assert before["counts"]["stays"] == len(STAYS)
    assert before["counts"]["patient_hours"] == sum(map(len, STAYS.values()))
    _write(cohort, "p000002", [_vitals(1)])
    _played(cohort, tmp_path / "b")
    after = json.loads((tmp_path / "b" / "manifest.json").read_text(encoding="utf-8"))
    assert before["data"]["sha256"] != after["data"]["sha256"]
    assert [before[k] for k in ("model", "rules", "code")] == [after[k] for k in ("model", "rules", "code")]


def test_what_does_not_fit_leaves_no_files(tmp_path: Path) -> None:
    """A folder of another format is refused with what was expected, before anything is written."""
    (tmp_path / "data.parquet").write_bytes(b"")
    with pytest.raises(WrongFormat, match="expected"):
        replay(Job(tmp_path, "challenge2019"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
