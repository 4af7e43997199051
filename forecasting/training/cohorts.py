"""Whole collections in memory, column by column, for fitting and for scoring.

    hourly(data, "A")     PhysioNet/CinC Challenge 2019: one row per hour, stays one after the other
    events(data)          PhysioNet/CinC Challenge 2012: one row per measurement, as charted

Shapes: N rows, S stays, V variables (`forecasting.evaluation.stays`). What was not measured is NaN; nothing is filled
in. Values outside the hard limits of their concept are left out, as the stream would mark them artefacts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.evaluation.stays import Flags, Floats, Ints, Values, any_of, laid, rows_of, stay_of
from forecasting.training.collections import COLUMNS_2019, PARAMETERS_2012, files
from schemas.codes.concepts import CONCEPTS

HOSPITALS = ("A", "B")
VITALS = ("HR", "O2Sat", "Temp", "SBP", "MAP", "DBP", "Resp")
OTHERS = (
    "EtCO2", "BaseExcess", "HCO3", "FiO2", "pH", "PaCO2", "SaO2", "AST", "BUN", "Alkalinephos", "Calcium", "Chloride",
    "Creatinine", "Bilirubin_direct", "Glucose", "Lactate", "Magnesium", "Phosphate", "Potassium", "Bilirubin_total",
    "TroponinI", "Hct", "Hgb", "PTT", "WBC", "Fibrinogen", "Platelets",
)  # fmt: skip
VARIABLES = VITALS + OTHERS
ABOUT = ("Age", "Gender", "Unit1", "HospAdmTime")  # of the stay; Unit2 is the complement of Unit1


def _limits(concept: str) -> tuple[float, float]:
    about = CONCEPTS[concept]
    low = -np.inf if about.hard_low is None else about.hard_low
    return low, np.inf if about.hard_high is None else about.hard_high


LIMITS_2019: Mapping[str, tuple[float, float]] = {
    **{column: _limits(concept) for concept, column in COLUMNS_2019.items()},
    "FiO2": (0.15, 1.0),  # a fraction; the collection holds -50 and 10 as well
}


@dataclass(frozen=True)
class Hourly:
    """Stays charted once an hour, without gaps: the row is the hour."""

    values: Values  # (N, V) in the order of VARIABLES
    about: Values  # (S, 4) in the order of ABOUT
    iculos: Ints  # (N,) hours in the unit
    label: Flags  # (N,) septic within six hours, or already
    offsets: Ints  # (S + 1,)
    stays: tuple[str, ...]
    hospital: Ints  # (S,) place in HOSPITALS

    @property
    def septic(self) -> Flags:
        """(S,) labelled at any hour."""
        return any_of(self.label, self.offsets)

    def column(self, name: str) -> Values:
        """(N,) one variable."""
        return self.values[:, VARIABLES.index(name)]

    def taken(self, stays: Sequence[int] | Ints) -> "Hourly":
        """These stays, in this order."""
        chosen = np.asarray(stays, np.int64)
        rows = rows_of(chosen, self.offsets)
        return Hourly(
            values=self.values[rows],
            about=self.about[chosen],
            iculos=self.iculos[rows],
            label=self.label[rows],
            offsets=laid(np.diff(self.offsets)[chosen]),
            stays=tuple(self.stays[stay] for stay in chosen),
            hospital=self.hospital[chosen],
        )

    def cut(self, hours: int) -> "Hourly":
        """Every stay as it was known when it had lasted this many hours: its later rows are not there yet."""
        lengths = np.minimum(np.diff(self.offsets), hours)
        rows = np.repeat(self.offsets[:-1] - laid(lengths)[:-1], lengths) + np.arange(lengths.sum())
        kept = {name: getattr(self, name)[rows] for name in ("values", "iculos", "label")}
        return replace(self, offsets=laid(lengths), **kept)

    @staticmethod
    def joined(many: Sequence["Hourly"]) -> "Hourly":
        """All stays of several cohorts, one cohort after the other."""
        columns = {
            field.name: np.concatenate([getattr(one, field.name) for one in many])
            for field in fields(Hourly)
            if field.name not in {"offsets", "stays"}
        }
        lengths = np.concatenate([np.diff(one.offsets) for one in many])
        return Hourly(**columns, offsets=laid(lengths), stays=tuple(stay for one in many for stay in one.stays))


def hourly(data: Path, hospital: str, at_most: int | None = None) -> Hourly:
    """One hospital system of the 2019 collection; `at_most` takes as many stays, spread over the file."""
    table = pl.read_parquet(files(data)[hospital])
    hours = pl.col("ICULOS").diff().over("patient_id")
    if not table["patient_id"].is_sorted() or table.select((hours != 1).any()).item():
        raise ValueError(f"set {hospital}: stays must lie together, an hour a row")
    if at_most is not None:
        names = table["patient_id"].unique(maintain_order=True)
        table = table.filter(pl.col("patient_id").is_in(names.gather_every(max(1, len(names) // at_most)).to_list()))
    for name, (low, high) in LIMITS_2019.items():
        table = table.with_columns(pl.when(pl.col(name).is_between(low, high)).then(pl.col(name)))
    lengths = table.group_by("patient_id", maintain_order=True).len()
    first = laid(lengths["len"].to_numpy())[:-1]
    columns = table.select(pl.col(*VARIABLES, *ABOUT).cast(pl.Float32).fill_null(np.nan))
    label = table["SepsisLabel"].to_numpy() if "SepsisLabel" in table.columns else np.zeros(len(table))
    return Hourly(
        values=columns.select(VARIABLES).to_numpy(),
        about=columns.select(ABOUT).to_numpy()[first],
        iculos=table["ICULOS"].to_numpy().astype(np.int64),
        label=label == 1,
        offsets=laid(lengths["len"].to_numpy()),
        stays=tuple(lengths["patient_id"]),
        hospital=np.full(len(lengths), HOSPITALS.index(hospital)),
    )


PARAMETERS = (
    "ALP", "ALT", "AST", "Age", "Albumin", "BUN", "Bilirubin", "Cholesterol", "Creatinine", "DiasABP", "FiO2", "GCS",
    "Gender", "Glucose", "HCO3", "HCT", "HR", "Height", "ICUType", "K", "Lactate", "MAP", "MechVent", "Mg", "NIDiasABP",
    "NIMAP", "NISysABP", "Na", "PaCO2", "PaO2", "Platelets", "RespRate", "SaO2", "SysABP", "Temp", "TroponinI",
    "TroponinT", "Urine", "WBC", "Weight", "pH",
)  # fmt: skip
GENERAL = ("Age", "Gender", "Height", "ICUType")  # of the stay, told once in its first minute
LIMITS_2012: Mapping[str, tuple[float, float]] = {
    name: _limits(concept) for concept, names in PARAMETERS_2012.items() for name in names
}


@dataclass(frozen=True)
class Events:
    """Stays of 48 hours as charted: E measurements, those of a stay together and by time."""

    hour: Floats  # (E,)
    parameter: Ints  # (E,) place in PARAMETERS
    value: Floats  # (E,)
    offsets: Ints  # (S + 1,)
    stays: tuple[str, ...]
    died: Flags  # (S,) in hospital
    part: tuple[str, ...]  # (S,) of the challenge: a, b or c

    @property
    def stay(self) -> Ints:
        """(E,) whose measurement it is."""
        return stay_of(self.offsets)

    def taken(self, stays: Sequence[int] | Ints) -> "Events":
        """These stays, in this order."""
        chosen = np.asarray(stays, np.int64)
        rows = rows_of(chosen, self.offsets)
        return Events(
            hour=self.hour[rows],
            parameter=self.parameter[rows],
            value=self.value[rows],
            offsets=laid(np.diff(self.offsets)[chosen]),
            stays=tuple(self.stays[stay] for stay in chosen),
            died=self.died[chosen],
            part=tuple(self.part[stay] for stay in chosen),
        )


def events(data: Path, *, limited: bool = True, at_most: int | None = None) -> Events:
    """The 2012 collection, of whatever sets the folder holds, in the order of its files.

    -1 is missing. With `limited` false, values outside the hard limits stay: the published protocol of trajectories
    scores them too. Measurements of one parameter in one minute are averaged.
    """
    table = pl.read_parquet(files(data)["2012"]).with_columns(pl.col("set", "parameter").cast(pl.String))
    missing = (pl.col("value") == -1) & pl.col("parameter").is_in(["Height", "Weight", "Gender", "ICUType", "Age"])
    table = table.filter(pl.col("parameter").is_in(list(PARAMETERS)), ~missing)
    if limited:
        for name, (low, high) in LIMITS_2012.items():
            table = table.filter((pl.col("parameter") != name) | pl.col("value").is_between(low, high))
    if at_most is not None:
        names = table["record_id"].unique(maintain_order=True)
        table = table.filter(pl.col("record_id").is_in(names.gather_every(max(1, len(names) // at_most)).to_list()))
    table = (
        table.with_columns(place=pl.col("parameter").replace_strict({n: i for i, n in enumerate(PARAMETERS)}))
        .group_by("set", "record_id", "minute", "place")
        .agg(pl.col("value").cast(pl.Float64).mean())
        .sort("set", "record_id", "minute", "place")
    )
    stays = table.group_by("set", "record_id", maintain_order=True).len()
    outcomes = pl.read_parquet(files(data)["2012"].with_name("outcomes.parquet"))
    died = stays.join(
        outcomes.select(record_id=pl.col("RecordID").cast(pl.Int32), died=pl.col("In-hospital_death")),
        on="record_id", how="left", maintain_order="left",
    )["died"]  # fmt: skip
    if died.null_count():
        raise ValueError(f"{died.null_count()} stays have no outcome")
    return Events(
        hour=table["minute"].to_numpy() / 60,
        parameter=table["place"].to_numpy().astype(np.int64),
        value=table["value"].to_numpy(),
        offsets=laid(stays["len"].to_numpy()),
        stays=tuple(map(str, stays["record_id"])),
        died=died.to_numpy() == 1,
        part=tuple(stays["set"]),
    )
