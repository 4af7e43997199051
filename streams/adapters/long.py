"""The long table: one row per event, in wire terms (`schemas.events.wire`), values and units as charted.

Readers of tables only rename, map and time their rows; each row then goes through the one door as a message would.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import polars as pl

from schemas.events import Event, Movement
from schemas.frozen import EARLIEST
from streams.adapters.decode import Entry, decode_fields
from streams.adapters.stay import Stay, parted
from streams.adapters.tables import TIME

COLUMNS: Mapping[str, Any] = {
    "encounter": pl.String,
    "kind": pl.String,
    "observed_at": TIME,
    "available_at": TIME,
    "concept": pl.String,
    "value": pl.Float64,
    "unit": pl.String,  # of the value; of a movement: the ward
    "code": pl.String,
    "source": pl.String,
    "method": pl.String,
    "status": pl.String,
    "quality": pl.String,
    "reason": pl.String,
    "item": pl.String,
    "action": pl.String,
    "rate": pl.Float64,
    "rate_unit": pl.String,
    "amount": pl.Float64,
    "amount_unit": pl.String,
    "weight_kg": pl.Float64,
    "route": pl.String,
    "title": pl.String,
    "text": pl.String,
    "setting": pl.String,
    "bed": pl.String,
    "patient": pl.String,  # JSON of schemas.events.wire.WirePatient
}
COUNTED = frozenset({"dose"})  # such a "unit" tells that something was given, and not how much
_IDENTITY = (
    "encounter",
    "kind",
    "observed_at",
    "concept",
    "method",
    "source",
    "item",
    "action",
    "route",
    "title",
    "text",
)
_ORDER = ("available_at", *_IDENTITY)  # total, once of each identity one row is kept: the same order on every run


def as_long(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame with all columns of the long table, in order, and no others."""
    held = frame.collect_schema().names()
    return frame.select(
        pl.col(name).cast(kind) if name in held else pl.lit(None, dtype=kind).alias(name)
        for name, kind in COLUMNS.items()
    )


def as_frame(rows: Iterable[Mapping[str, Any]]) -> pl.LazyFrame:
    """Rows made one by one, as a long table."""
    return pl.LazyFrame(list(rows), schema=dict(COLUMNS), orient="row")


def stays(frame: pl.DataFrame) -> Iterator[Stay]:
    """The stays of a long table, in the order in which the table first names them.

    Of several rows with one identity (the same thing charted twice for one time) the last one is kept.
    """
    named = pl.Enum(frame["encounter"].unique(maintain_order=True))
    tidy = (
        frame.with_columns(pl.max_horizontal("observed_at", "available_at").alias("available_at"))
        .unique(_IDENTITY, keep="last", maintain_order=True)
        .sort(pl.col("encounter").cast(named), *_ORDER, maintain_order=True)
    )
    for (encounter,), rows in tidy.group_by("encounter", maintain_order=True):
        events, refused = parted(entry for row in rows.iter_rows(named=True) for entry in entries(row))
        first = rows["available_at"].min() or EARLIEST
        yield Stay(str(encounter), events, start=_start(events, first), refused=refused)  # type: ignore[arg-type]


def _start(events: list[Event], first: datetime) -> datetime:
    admitted = (e.observed_at for e in events if isinstance(e, Movement) and e.action == "admit")
    return next(admitted, first if not events else events[0].available_at)


def entries(row: Mapping[str, Any]) -> tuple[Entry, ...]:
    """One row as events and refusals. A null was not said; what a live system would get, it got when it was known."""
    said = {name: cell for name, cell in row.items() if cell is not None}
    with suppress(KeyError, ValueError):
        said["patient"] = json.loads(said["patient"])
    return decode_fields(said, row["available_at"].astimezone(UTC))
