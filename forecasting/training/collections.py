"""The open collections that the trend is fitted and measured on, as one table of readings per concept.

    challenge2019   two hospital systems A and B, hourly, stamped with the hour in the unit (medians of the hour)
    challenge2012   one hospital, the first 48 hours, as charted, stamped with the minute

Columns: `stay` (text), `hour` (hours since the stay began), `value` (canonical unit), `method` (or null); sorted by
stay and hour. Values outside the hard limits are left out, as the stream would mark them artefacts. Both collections
hold adults in intensive care; the second shares its hospital with A.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import polars as pl

from schemas.codes.concepts import CONCEPTS

Part = Literal["fit", "calibrate", "held out"]
PARTS: Sequence[Part] = ("fit",) * 4 + ("calibrate",) * 3 + ("held out",) * 3  # by tenths
COLLECTIONS = ("A", "B", "2012")

CITATIONS: Mapping[str, str] = {
    "A": "Reyna et al., PhysioNet/CinC Challenge 2019, doi 10.13026/v64v-d857, CC BY 4.0",
    "B": "Reyna et al., PhysioNet/CinC Challenge 2019, doi 10.13026/v64v-d857, CC BY 4.0",
    "2012": "Silva et al., PhysioNet/CinC Challenge 2012, Comput Cardiol 39:245, ODC-By 1.0",
}

COLUMNS_2019: Mapping[str, str] = {
    "hr": "HR", "map": "MAP", "sbp": "SBP", "dbp": "DBP", "rr": "Resp", "spo2": "O2Sat", "temp": "Temp",
    "lactate": "Lactate", "creatinine": "Creatinine", "glucose": "Glucose", "k": "Potassium", "hb": "Hgb",
    "platelets": "Platelets", "wbc": "WBC", "bun": "BUN", "ph_art": "pH", "hco3": "HCO3",
}  # fmt: skip
PARAMETERS_2012: Mapping[str, Mapping[str, str | None]] = {
    "hr": {"HR": None}, "map": {"MAP": "invasive", "NIMAP": "nibp"}, "sbp": {"SysABP": "invasive", "NISysABP": "nibp"},
    "dbp": {"DiasABP": "invasive", "NIDiasABP": "nibp"}, "rr": {"RespRate": None}, "temp": {"Temp": None},
    "lactate": {"Lactate": None}, "creatinine": {"Creatinine": None}, "glucose": {"Glucose": None}, "k": {"K": None},
    "platelets": {"Platelets": None}, "wbc": {"WBC": None}, "bun": {"BUN": None}, "ph_art": {"pH": None},
    "hco3": {"HCO3": None},
}  # fmt: skip
CONCEPTS_HELD = tuple(COLUMNS_2019)


def files(data: Path) -> dict[str, Path]:
    return {
        "A": data / "challenge2019" / "setA.parquet",
        "B": data / "challenge2019" / "setB.parquet",
        "2012": data / "challenge2012" / "observations.parquet",
    }


def hashes(data: Path, names: Sequence[str] = COLLECTIONS) -> dict[str, str]:
    """blake2b of each file, so that a result names the very bytes it was made from."""
    found = {}
    for name in names:
        path = files(data)[name]
        digest = blake2b(digest_size=16)
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
        found[name] = digest.hexdigest()
    return found


def readings(data: Path, collection: str, concept: str) -> pl.DataFrame:
    """All readings of one concept; empty where the collection does not hold it."""
    path = files(data)[collection]
    if collection != "2012":
        column = COLUMNS_2019[concept]
        found = pl.read_parquet(path, columns=["patient_id", "ICULOS", column]).select(
            stay=pl.col("patient_id"),
            hour=pl.col("ICULOS").cast(pl.Float64),
            value=pl.col(column).cast(pl.Float64).round(4),
            method=pl.lit(None, pl.String),
        )
    else:
        methods = PARAMETERS_2012.get(concept, {})
        name = pl.col("parameter").cast(pl.String)
        found = (
            pl.scan_parquet(path)
            .filter(name.is_in(list(methods)), pl.col("value") != -1)  # -1: missing
            .select(
                stay=pl.col("record_id").cast(pl.String),
                hour=pl.col("minute").cast(pl.Float64) / 60,
                value=pl.col("value").cast(pl.Float64).round(4),
                method=name.replace_strict(methods, return_dtype=pl.String) if methods else pl.lit(None, pl.String),
            )
            .collect()
        )
    about = CONCEPTS[concept]
    return found.filter(pl.col("value").is_between(about.hard_low, about.hard_high)).sort("stay", "hour", "method")


def part(collection: str, stay: str, seed: int) -> Part:
    """Which part of the split a patient belongs to: 40 % fit, 30 % calibrate, 30 % held out, by hash."""
    tenth = int.from_bytes(blake2b(f"{seed}|{collection}|{stay}".encode(), digest_size=8).digest(), "big") % 10
    return PARTS[tenth]
