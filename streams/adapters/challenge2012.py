"""PhysioNet/CinC Challenge 2012: the challenge's own folder of `.txt` files, or one parquet file of many stays.

The `.txt` files are one per stay (file name = id): `Time,Parameter,Value` with the time as hours and minutes since the
stay began. The parquet has a row per measurement: `record_id`, `minute`, `parameter`, `value`. -1 is missing. All is
known when it was charted; the stay begins, and is in intensive care, at `BASE`. Outcomes are never read.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from schemas.events import AGE_MAX
from streams.adapters import long
from streams.adapters.stay import Stay, WrongFormat

BASE = datetime(2000, 1, 1, tzinfo=UTC)
STAYS_AT_ONCE = 200
COLUMNS: Mapping[str, Any] = {
    "record_id": pl.String, "minute": pl.Int64, "parameter": pl.String, "value": pl.Float64,
}  # fmt: skip
_HEADER = "Time,Parameter,Value"
_MISSING = -1.0

_KNOWN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_PARAMETERS = pl.DataFrame(
    [{"parameter": name, "method": None, "source": "lab", **entry} for name, entry in _KNOWN["parameters"].items()],
    schema={"parameter": pl.String, "concept": pl.String, "unit": pl.String, "source": pl.String, "method": pl.String},
)
_ABOUT = ("Age", "Gender", "ICUType")
_SEXES: Mapping[float | None, str] = {1.0: "male", 0.0: "female"}


def read(path: Path) -> Iterator[Stay]:
    """The stays, one after another; raises WrongFormat at once if the columns are not the challenge's."""
    if path.is_file() and path.suffix == ".parquet":
        held = pl.read_parquet_schema(path)
        missing = [name for name in COLUMNS if name not in held]
        if missing:
            raise WrongFormat(
                f"expected column {missing[0]!r} in {path.name!r} (challenge2012), found {', '.join([*held][:8])[:200]}"
            )
        return _of_table(pl.read_parquet(path, columns=[*COLUMNS]))
    files = sorted(path.rglob("*.txt")) if path.is_dir() else []
    files = [file for file in files if file.stem.isdigit()]
    if files and _first_line(files[0]) == _HEADER:
        parts = (files[first : first + STAYS_AT_ONCE] for first in range(0, len(files), STAYS_AT_ONCE))
        return chain.from_iterable(_stays(pl.concat(map(_table, some))) for some in parts)
    found = "nothing" if not path.exists() else "neither" if path.is_dir() else f"a {path.suffix or 'nameless'} file"
    raise WrongFormat(
        f"expected a folder of .txt files or one .parquet file (challenge2012), found {found} at {path.name!r}"
    )


def _of_table(table: pl.DataFrame) -> Iterator[Stay]:
    table = table.with_columns(pl.col(name).cast(pl.String) for name in ("record_id", "parameter"))
    names = table["record_id"].unique(maintain_order=True)
    for some in (names.slice(first, STAYS_AT_ONCE) for first in range(0, len(names), STAYS_AT_ONCE)):
        yield from _stays(table.filter(pl.col("record_id").is_in(some.to_list())))


def _first_line(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline(100).strip()


def _table(file: Path) -> pl.DataFrame:
    """One stay; a line that is no measurement is left out."""
    cells = pl.read_csv(file, infer_schema=False, truncate_ragged_lines=True)
    time = pl.col("Time").str.splitn(":", 2).struct
    minutes = time[0].cast(pl.Int64, strict=False) * 60 + time[1].cast(pl.Int64, strict=False)
    value = pl.col("Value").cast(pl.Float64, strict=False)
    return cells.select(record_id=pl.lit(file.stem), minute=minutes, parameter="Parameter", value=value).drop_nulls()


def _stays(table: pl.DataFrame) -> Iterator[Stay]:
    at = pl.lit(BASE) + pl.duration(minutes=pl.col("minute"))
    told = table.with_columns(_as_written(table.schema)).filter(pl.col("value") != _MISSING)
    readings = told.join(_PARAMETERS, on="parameter", how="inner", maintain_order="left").select(
        encounter="record_id", kind=pl.lit("reading"), observed_at=at, available_at=at,
        concept="concept", value="value", unit="unit", source="source", method="method",
    )  # fmt: skip
    both = [long.as_long(frame) for frame in (_admissions(table, told), readings.lazy())]
    return long.stays(pl.concat(both).collect())


def _as_written(schema: Mapping[str, Any]) -> pl.Expr:
    """36.6, where single precision holds 36.599998."""
    value = pl.col("value")
    return (value.cast(pl.String) if schema["value"] == pl.Float32 else value).cast(pl.Float64)


def _admissions(table: pl.DataFrame, told: pl.DataFrame) -> pl.LazyFrame:
    """One of each stay, with what is known of the patient."""
    about: dict[str, dict[str, float]] = {name: {} for name in table["record_id"].unique(maintain_order=True)}
    for name, parameter, value in told.select("record_id", "parameter", "value").iter_rows():
        if parameter in _ABOUT:
            about[name][parameter] = value
    return long.as_frame(
        {"encounter": name, "available_at": BASE, **_admission(known)} for name, known in about.items()
    )


def _admission(known: Mapping[str, float]) -> dict[str, Any]:
    age, sex, unit = known.get("Age"), _SEXES.get(known.get("Gender")), known.get("ICUType")
    patient = {"age_years": age if age is not None and 0 <= age <= AGE_MAX else None, "sex": sex}
    return {
        "kind": "movement",
        "observed_at": BASE,
        "action": "admit",
        "setting": "icu",
        "unit": None if unit is None else _KNOWN["units"].get(f"{unit:g}"),
        "patient": json.dumps({name: said for name, said in patient.items() if said is not None}),
    }
