"""A folder of tables, whatever their clothes: parquet, CSV or CSV.gz, names and columns in any case.

tables = Tables(path, "MIMIC-III")
tables.scan("labevents", {"charttime": TIME, "valuenum": pl.Float64})   # LazyFrame; raises WrongFormat
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import polars as pl

from streams.adapters.stay import WrongFormat

TIME = pl.Datetime("us", "UTC")
"""All times of all tables. Naive local times are read as UTC."""

IN_ORDER: Literal["left_right"] = "left_right"
"""For every join: without it the order of rows, and so which of two equal ones is kept, differs from run to run."""

Columns = Mapping[str, Any]  # column -> polars type

_ENDINGS = (".parquet", ".csv.gz", ".csv")  # the first that exists is read
_NAMED_MAX = 12  # columns named in an error


class Tables:
    """The tables of one folder by lower-case name, without `prefix`."""

    def __init__(self, folder: Path, what: str, prefix: str = "") -> None:
        self.folder, self.what, self.prefix = folder, what, prefix
        if not folder.is_dir():
            raise WrongFormat(f"expected a folder of {what} tables, found {'a file' if folder.exists() else 'nothing'}"
                              f" at {folder.name!r}")  # fmt: skip
        found: dict[str, Path] = {}
        for ending in reversed(_ENDINGS):
            found |= {p.name.lower().removesuffix(ending).removeprefix(prefix): p
                      for p in sorted(folder.iterdir()) if p.name.lower().endswith(ending)}  # fmt: skip
        self.paths: Mapping[str, Path] = found

    def __contains__(self, name: str) -> bool:
        return name in self.paths

    def scan(self, name: str, columns: Columns) -> pl.LazyFrame:
        """The named columns with the named types; a value that cannot be read becomes null."""
        if name not in self.paths:
            held = ", ".join(sorted(self.paths)[:_NAMED_MAX]) or "no table at all"
            raise WrongFormat(
                f"expected the {self.what} table {self.prefix + name!r} in {self.folder.name!r}, found {held}"
            )
        path = self.paths[name]
        frame = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema=False)
        types = {column.lower(): (column, kind) for column, kind in frame.collect_schema().items()}
        missing = [column for column in columns if column not in types]
        if missing:
            held = ", ".join(list(types)[:_NAMED_MAX])
            raise WrongFormat(f"expected column {missing[0]!r} in {path.name!r} ({self.what}), found {held}")
        return frame.select(_as(*types[column], wanted).alias(column) for column, wanted in columns.items())

    def scan_if_there(self, name: str, columns: Columns) -> pl.LazyFrame:
        """As `scan`; a table that the folder does not have is an empty one."""
        return self.scan(name, columns) if name in self else pl.LazyFrame(schema=dict(columns))


def _as(column: str, kind: pl.DataType, wanted: Any) -> pl.Expr:
    cell = pl.col(column)
    if wanted != TIME:
        return (
            cell.cast(pl.Float64, strict=False).cast(wanted, strict=False)
            if _is_whole(wanted)
            else cell.cast(wanted, strict=False)
        )
    match kind:
        case pl.String():
            day = cell.str.to_datetime("%Y-%m-%d", time_unit="us", strict=False)
            moment = (
                cell.str.replace("T", " ")
                .str.head(19)
                .str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
            )
            return moment.fill_null(day).dt.replace_time_zone("UTC")
        case pl.Datetime(time_zone=zone) if zone is not None:
            return cell.dt.convert_time_zone("UTC").cast(TIME)
        case _:
            return cell.cast(pl.Datetime("us"), strict=False).dt.replace_time_zone("UTC")


def _is_whole(wanted: Any) -> bool:
    """Integers may be written "1.0": by way of a float none is lost (ids stay far below 2^53)."""
    return wanted in (pl.Int64, pl.Int32)


def totally_sorted(frame: pl.DataFrame, *first: str) -> pl.DataFrame:
    """Sorted by these columns and then by all others: equal rows aside, the order hangs on nothing but the content."""
    return frame.sort(*first, *(name for name in frame.columns if name not in first))
