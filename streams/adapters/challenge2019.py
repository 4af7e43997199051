"""PhysioNet/CinC Challenge 2019: the challenge's own folder of `.psv` files, or one parquet file of many stays.

The `.psv` files are one per patient (file name = id), pipe-separated, `NaN` for what was not measured. The parquet has
the same columns and `patient_id`; rows of one patient stand together, in order. `SepsisLabel` is never read and may be
absent. A row is an hour: row i is known at `BASE + i h` and tells what was measured by then.

The set tells when the patient came to the hospital (`HospAdmTime`): that is the `observed_at` of the admission, which
is known to us with the first row.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Literal

import polars as pl
from msgspec.structs import replace

from schemas.codes.concepts import CONCEPTS, Concept
from schemas.codes.units import to_canonical
from schemas.events import Event, Movement, Patient, Quality, Reading, Source
from streams.adapters.long import outside
from streams.adapters.stay import Stay, WrongFormat

BASE = datetime(2000, 1, 1, tzinfo=UTC)
FILES_AT_ONCE = 500
ROWS_AT_ONCE = 50_000  # rows of whole stays that are unfolded together

_COLUMNS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)["columns"]
_ABOUT = ("Age", "Gender", "Unit1", "Unit2", "HospAdmTime")
_NEEDED = (*_COLUMNS, *_ABOUT)
_UNUSABLE_FIO2 = "neither a fraction 0.21–1 nor a percent 21–100"
_ID = re.compile(r"[A-Za-z0-9][\w.:|/-]{0,63}")
_PRECISE = 2  # digits kept beyond those shown: the parquet holds single precision (37.110001)


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
        return _of_frame(pl.read_parquet(path, columns=["patient_id", *_NEEDED]))
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
            yield from _of_frame(_rows(header, list(alike)))


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


def _of_frame(frame: pl.DataFrame) -> Iterator[Stay]:
    """The stays of rows that stand together by patient."""
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
    """Rows to readings: the arithmetic in polars for all stays of the frame, then one object per reading."""
    about = frame.select(pl.col(_ABOUT).cast(pl.Float64).fill_nan(None))
    cells = (
        frame.select(pl.int_range(pl.len()).alias("row"), *(how.canonical(name) for name, how in _BY_NAME.items()))
        .unpivot(index="row", variable_name="column")
        .drop_nulls()
        .sort("row", maintain_order=True)
    )
    readings = zip(cells["row"].to_list(), cells["column"].to_list(), cells["value"].to_list(), strict=True)
    ahead = next(readings, None)
    row = 0
    for patient, hours in runs:
        if not _ID.fullmatch(patient):
            raise WrongFormat("expected ids of at most 64 letters, digits and _.:|/- (challenge2019), found another")
        events: list[Event] = [_admission(patient, about.row(row, named=True))]
        for hour in range(hours):
            moment = BASE + timedelta(hours=hour)
            while ahead is not None and ahead[0] == row:
                events.append(_BY_NAME[ahead[1]].reading(patient, moment, ahead[2]))
                ahead = next(readings, None)
            row += 1
        yield Stay(patient, events, start=BASE, hours=hours)


def _admission(patient: str, about: Mapping[str, float | None]) -> Movement:
    before = about["HospAdmTime"]
    unit = "MICU" if about["Unit1"] == 1 else "SICU" if about["Unit2"] == 1 else None
    sexes: Mapping[float | None, Literal["female", "male"]] = {1.0: "male", 0.0: "female"}
    age = about["Age"] if about["Age"] is not None and 0 <= about["Age"] <= 130 else None
    return Movement(
        encounter=patient,
        observed_at=BASE + timedelta(hours=min(round(before or 0.0, _PRECISE), 0.0)),
        available_at=BASE,
        action="admit",
        unit=unit,
        setting="icu",
        patient=Patient(age_years=None if age is None else round(age, _PRECISE), sex=sexes.get(about["Gender"])),
    )


class _Column:
    """All that one column needs to become readings of one concept."""

    def __init__(self, concept: str, unit: str, source: str = "lab", method: str | None = None) -> None:
        self.concept: Concept = CONCEPTS[concept]
        self.unit = unit
        self.percent = self.concept.id == "fio2"
        self.ok = Reading(encounter="x", observed_at=BASE, available_at=BASE, concept=concept, value=0.0,
                     source=Source(source), method=method)  # fmt: skip
        reason = _UNUSABLE_FIO2 if self.percent else outside(self.concept)
        self.artefact = replace(self.ok, quality=Quality.ARTEFACT, reason=reason)

    @cached_property
    def factor(self) -> float:
        """From the column's unit to the canonical one; computed on first use, since that loads the table of units."""
        return 1.0 if self.percent else to_canonical(1.0, self.unit, self.concept)

    def canonical(self, name: str) -> pl.Expr:
        """The column in the canonical unit, without the noise of single precision."""
        value = pl.col(name).cast(pl.Float64).fill_nan(None) * self.factor
        if self.percent:
            value = pl.when(value.is_between(21, 100)).then(value / 100).otherwise(value)
        return value.round(self.concept.decimals + _PRECISE).alias(name)

    def reading(self, patient: str, moment: datetime, value: float) -> Reading:
        """The reading of one cell, whose value is already canonical."""
        like = self.ok if self.concept.plausible(value) else self.artefact
        if self.factor == 1.0:
            return replace(like, encounter=patient, observed_at=moment, available_at=moment, value=value)
        return replace(
            like,
            encounter=patient,
            observed_at=moment,
            available_at=moment,
            value=value,
            original_value=round(value / self.factor, 6),
            original_unit=self.unit,
        )


_BY_NAME = {name: _Column(**entry) for name, entry in _COLUMNS.items()}
