"""PhysioNet/CinC Challenge 2019: the challenge's own folder of `.psv` files, or one parquet file of many stays.

The `.psv` files are one per patient (file name = id), pipe-separated, `NaN` for what was not measured. The parquet has
the same columns and `patient_id`; rows of one patient stand together, in order. `SepsisLabel` is never read and may be
absent. A row is an hour: row i is known at `BASE + i h` and tells what was measured by then.

The set tells when the patient came to the hospital (`HospAdmTime`): that is the `observed_at` of the admission, which
is known to us with the first row.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import polars as pl
from msgspec.structs import replace

from schemas.codes.concepts import CONCEPTS
from schemas.events import AGE_MAX, Reading, Source
from streams.adapters.decode import Entry, decode_fields
from streams.adapters.measured import measured
from streams.adapters.refusing import Refused
from streams.adapters.stay import Stay, WrongFormat, parted

BASE = datetime(2000, 1, 1, tzinfo=UTC)
FILES_AT_ONCE = 500
ROWS_AT_ONCE = 50_000  # rows of whole stays that are unfolded together

COLUMNS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)["columns"]
_ABOUT = ("Age", "Gender", "Unit1", "Unit2", "HospAdmTime")
_NEEDED = (*COLUMNS, *_ABOUT)
_ID = re.compile(r"[A-Za-z0-9][\w.:|/-]{0,63}")
HOURS_BEFORE_MAX = 10 * 365 * 24  # in hospital before the stay; longer is no time


def read(path: Path) -> Iterator[Stay]:
    """The stays, one after another; raises WrongFormat at once if the columns are not the challenge's."""
    if path.is_dir() and (files := sorted(path.rglob("*.psv"))):
        _check(files[0].name, _header(files[0]))
        return _of_files(files)
    if path.is_file() and path.suffix == ".psv":
        _check(path.name, _header(path))
        return _of_files([path])
    if path.is_file() and path.suffix == ".parquet":
        _check(path.name, pl.read_parquet_schema(path), "patient_id")
        return stays(pl.read_parquet(path, columns=["patient_id", *_NEEDED]))
    held = "nothing" if not path.exists() else "neither" if path.is_dir() else f"a {path.suffix or 'nameless'} file"
    raise WrongFormat(
        f"expected a folder of .psv files or one .parquet file (challenge2019), found {held} at {path.name!r}"
    )


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline(10_000).strip().split("|")


def _check(name: str, columns: Any, *more: str) -> None:
    missing = [column for column in (*more, *_NEEDED) if column not in columns]
    if missing:
        held = ", ".join([*columns][:8]) or "none"
        raise WrongFormat(f"expected column {missing[0]!r} in {name!r} (challenge2019), found {held[:200]}")


def _of_files(files: Sequence[Path]) -> Iterator[Stay]:
    waiting = iter(files)
    while some := list(islice(waiting, FILES_AT_ONCE)):
        for header, alike in groupby(some, _header_checked):
            yield from stays(_rows(header, list(alike)))


def _header_checked(path: Path) -> str:
    columns = _header(path)
    _check(path.name, columns)
    return "|".join(columns)


def _rows(header: str, files: Sequence[Path]) -> pl.DataFrame:
    """The rows of files with one header, read as one table: to open a table costs more than its few rows."""
    bodies = [path.read_bytes().split(b"\n", 1)[-1].strip() for path in files]
    table = "\n".join([header, *(body.decode("utf-8", "replace") for body in bodies if body)])
    # In text first: a column that holds no number at all is still one of numbers.
    cells = pl.read_csv(table.encode(), separator="|", infer_schema=False, columns=list(_NEEDED))
    numbers = pl.col(_NEEDED).str.strip_chars().cast(pl.Float64, strict=False)
    hours = [body.count(b"\n") + 1 if body else 0 for body in bodies]
    patients = pl.Series("patient_id", [path.stem for path in files]).repeat_by(pl.Series(hours)).explode()
    return cells.select(patients.drop_nulls(), numbers)


def stays(frame: pl.DataFrame) -> Iterator[Stay]:
    """The stays of a table with `patient_id` and the challenge's columns, whose rows stand together by patient."""
    runs = frame.select(pl.col("patient_id").cast(pl.String).rle().struct.unnest())
    first, row = 0, 0
    some: list[tuple[str, int]] = []
    for hours, patient in runs.iter_rows():
        some.append((patient, hours))
        row += hours
        if row - first >= ROWS_AT_ONCE:
            yield from _unfold(frame.slice(first, row - first), some)
            first, some = row, []
    yield from _unfold(frame.slice(first), some)


def _unfold(frame: pl.DataFrame, runs: Sequence[tuple[str, int]]) -> Iterator[Stay]:
    """Rows to readings: polars finds what was measured, for all stays of the frame; then each cell is read."""
    about = frame.select(_numbers(frame.schema, _ABOUT))
    cells = (
        frame.select(pl.int_range(pl.len()).alias("row"), *_numbers(frame.schema, _BY_NAME))
        .unpivot(index="row", variable_name="column")
        .drop_nulls()
        .sort("row", maintain_order=True)
    )
    measured = zip(cells["row"].to_list(), cells["column"].to_list(), cells["value"].to_list(), strict=True)
    ahead = next(measured, None)
    row = 0
    for patient, hours in runs:
        if not _ID.fullmatch(patient):
            raise WrongFormat("expected ids of at most 64 letters, digits and _.:|/- (challenge2019), found another")
        entries: list[Entry] = [*decode_fields(_admission(patient, about.row(row, named=True)), BASE)]
        for hour in range(hours):
            moment = BASE + timedelta(hours=hour)
            while ahead is not None and ahead[0] == row:
                entries += _BY_NAME[ahead[1]].entries(patient, moment, ahead[2])
                ahead = next(measured, None)
            row += 1
        events, refused = parted(entries)
        yield Stay(patient, events, start=BASE, hours=hours, refused=refused)


def _numbers(schema: Mapping[str, Any], columns: Iterable[str]) -> Iterator[pl.Expr]:
    """The columns as they were written: 37.11, where single precision holds 37.110001."""
    for name in columns:
        column = pl.col(name)
        column = column.cast(pl.String) if schema[name] == pl.Float32 else column
        yield column.cast(pl.Float64).fill_nan(None)


def _admission(patient: str, about: Mapping[str, float | None]) -> dict[str, Any]:
    """The admission in wire terms. An age or a time that cannot be is not known."""
    before, age, sex = about["HospAdmTime"], about["Age"], _SEXES.get(about["Gender"])
    ward = "MICU" if about["Unit1"] == 1 else "SICU" if about["Unit2"] == 1 else None
    came = BASE if before is None or not -HOURS_BEFORE_MAX <= before <= 0 else BASE + timedelta(hours=round(before, 2))
    known = {"age_years": age if age is not None and 0 <= age <= AGE_MAX else None, "sex": sex}
    return {
        "kind": "movement",
        "encounter": patient,
        "observed_at": came,
        "available_at": BASE,
        "action": "admit",
        "unit": ward,
        "setting": "icu",
        "patient": {name: said for name, said in known.items() if said is not None},
    }


class _Column:
    """All that one column needs to become readings of one concept."""

    def __init__(self, concept: str, unit: str, source: str = "lab", method: str | None = None) -> None:
        self.concept, self.unit = CONCEPTS[concept], unit
        self.like = Reading(encounter="", observed_at=BASE, available_at=BASE, concept=concept, source=Source(source),
                            method=method)  # fmt: skip

    def fields(self, patient: str, moment: datetime, number: float) -> dict[str, Any]:
        """One cell in wire terms."""
        said = {"kind": "reading", "encounter": patient, "observed_at": moment, "available_at": moment,
                "concept": self.concept.id, "value": number, "unit": self.unit, "source": self.like.source}  # fmt: skip
        return said if self.like.method is None else {**said, "method": self.like.method}

    def entries(self, patient: str, moment: datetime, number: float) -> Sequence[Entry]:
        """What the door makes of one cell. A plainly good number, as nearly all are, skips the form, not the door."""
        try:
            value, original_value, original_unit, why = measured(self.concept, number, self.unit)
        except Refused as refused:
            why = refused.why
        if why is not None:
            return decode_fields(self.fields(patient, moment, number), moment)
        return (
            replace(
                self.like,
                encounter=patient,
                observed_at=moment,
                available_at=moment,
                value=value,
                original_value=original_value,
                original_unit=original_unit,
            ),
        )


_SEXES: Mapping[float | None, str] = {1.0: "male", 0.0: "female"}
_BY_NAME = {name: _Column(**entry) for name, entry in COLUMNS.items()}
