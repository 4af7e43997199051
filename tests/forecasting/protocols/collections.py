"""Small collections, drawn, in files as the open ones have them. In them nobody is anybody."""

from pathlib import Path

import numpy as np
import polars as pl

from forecasting.training.cohorts import OTHERS, PARAMETERS, VITALS

USUAL = {"HR": 90, "O2Sat": 96, "Temp": 37, "SBP": 110, "MAP": 75, "DBP": 60, "Resp": 20}


def write_2019(data: Path, stays: int, seed: int = 1) -> None:
    """Two hospitals; the heart rate of those who become septic rises for ten hours before."""
    (data / "challenge2019").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for hospital in "AB":
        tables = []
        for number in range(stays):
            hours = int(rng.integers(8, 40))
            septic = number % 4 == 0 and hours > 20
            rising = np.clip((np.arange(hours) - 10) / 10, 0, 1) * 25 * septic
            columns: dict[str, object] = {"patient_id": [f"{hospital}{number:04}"] * hours}
            for name in VITALS:
                value = USUAL[name] + rng.normal(0, 12) + rng.normal(0, 6, hours) + rising * (name == "HR")
                columns[name] = np.where(rng.random(hours) < 0.1, np.nan, value)
            for name in OTHERS:
                columns[name] = np.where(rng.random(hours) < 0.9, np.nan, rng.normal(3, 1, hours))
            columns |= {"Age": [60.0] * hours, "Gender": [1] * hours, "Unit1": [0] * hours, "Unit2": [1] * hours,
                        "HospAdmTime": [-3.0] * hours, "ICULOS": np.arange(1, hours + 1),
                        "SepsisLabel": ((np.arange(hours) >= 14) & septic).astype(int)}  # fmt: skip
            tables.append(pl.DataFrame(columns).with_columns(pl.col(*VITALS, *OTHERS).fill_nan(None)))
        pl.concat(tables).write_parquet(data / "challenge2019" / f"set{hospital}.parquet")


def write_2012(data: Path, stays: int, seed: int = 1) -> None:
    """Two sets; who dies has a lactate of 6, all others of 1."""
    (data / "challenge2012").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows, outcomes = [], []
    for number in range(2 * stays):
        part, died = "ab"[number >= stays], number % 5 == 0
        rows += [(part, number, 0, "Age", 60.0), (part, number, 0, "Height", -1.0)]
        for hour in range(0, 48, 4):
            rows += [
                (part, number, 60 * hour + 7, "HR", 80 + rng.normal(0, 5)),
                (part, number, 60 * hour + 9, "Lactate", (6.0 if died else 1.0) + rng.normal(0, 0.3)),
            ]
        outcomes.append((number, 10, 5, int(died)))
    schema = {"set": pl.String, "record_id": pl.Int32, "minute": pl.Int16, "parameter": pl.String, "value": pl.Float32}
    assert {row[3] for row in rows} <= set(PARAMETERS)
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(data / "challenge2012" / "observations.parquet")
    names = ["RecordID", "SAPS-I", "SOFA", "In-hospital_death"]
    pl.DataFrame(outcomes, schema=names, orient="row").write_parquet(data / "challenge2012" / "outcomes.parquet")
