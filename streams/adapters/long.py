"""The long table: one row per event in wire terms (`schemas.events.wire`), values and units as charted.

Readers of tables only rename, map and time their rows; here every row becomes an event, in one way: units converted,
values outside the hard limits kept and marked, what cannot be read refused with its reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

import polars as pl
from msgspec import ValidationError, convert
from msgspec.json import decode as from_json_text

from schemas.codes.concepts import CONCEPTS, Concept
from schemas.codes.drugs import DRUGS
from schemas.codes.units import (
    ImpossibleUnit,
    UnknownUnit,
    WeightNeeded,
    amount_to_canonical,
    rate_to_canonical,
    to_canonical,
)
from schemas.events import Event, Movement, Quality, Reading, Treatment
from schemas.events.quarantine import Fault, Rejected
from schemas.frozen import EARLIEST
from streams.adapters.stay import Stay
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
    "patient": pl.String,  # JSON of schemas.events.Patient
}
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
_NO_VALUES = {"value", "unit", "rate", "rate_unit", "amount", "amount_unit", "weight_kg", "patient"}


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
        events: list[Event] = []
        refused: list[Rejected] = []
        for row in rows.iter_rows(named=True):
            answer = event_of({name: cell for name, cell in row.items() if cell is not None})
            (refused if isinstance(answer, Rejected) else events).append(answer)  # type: ignore[arg-type]
        first = rows["available_at"].min() or EARLIEST
        yield Stay(str(encounter), events, start=_start(events, first), refused=refused)  # type: ignore[arg-type]


def _start(events: list[Event], first: datetime) -> datetime:
    admitted = (e.observed_at for e in events if isinstance(e, Movement) and e.action == "admit")
    return next(admitted, first if not events else events[0].available_at)


def event_of(row: Mapping[str, Any]) -> Event | Rejected:
    """One row without its nulls, as an event in canonical units, or why not."""
    try:
        match row["kind"]:
            case "reading":
                return _reading(row)
            case "treatment":
                return _treatment(row)
            case "movement" if "patient" in row:
                return _converted({**row, "patient": _patient(row["patient"])})
            case _:
                return _converted(row)
    except (UnknownUnit, ImpossibleUnit) as problem:
        fault = Fault.UNKNOWN_UNIT if isinstance(problem, UnknownUnit) else Fault.IMPOSSIBLE_VALUE
        return refusal(row, fault, str(problem))
    except ValidationError as problem:
        return refusal(row, Fault.INVALID, str(problem))


def _converted(row: Mapping[str, Any]) -> Event:
    made: Event = convert(_utc(row), Event)
    return made


def _utc(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its times in UTC by that very name, as everywhere behind the edge."""
    return {
        **row,
        "observed_at": row["observed_at"].astimezone(UTC),
        "available_at": row["available_at"].astimezone(UTC),
    }


def refusal(row: Mapping[str, Any], fault: Fault, why: str) -> Rejected:
    moment = row.get("available_at") or row["observed_at"]
    return Rejected(fault=fault, why=why[:200], received_at=moment, encounter=row["encounter"])


def _patient(text: str) -> Any:
    return from_json_text(text)


def _reading(row: Mapping[str, Any]) -> Reading:
    what = CONCEPTS[row["concept"]]
    fields = dict(row)
    unit = fields.pop("unit", None)
    if "value" in row and unit is not None:
        try:
            fields["value"] = round(to_canonical(row["value"], unit, what), what.decimals + 2)
        except ImpossibleUnit:  # a unit that fits, a number that cannot be: FiO2 of 4 %
            if what.id != "fio2":
                raise
            fields |= {"quality": Quality.ARTEFACT, "reason": "neither a fraction 0.21–1 nor a percent 21–100"}
        if fields["value"] != row["value"] and unit != what.unit:
            fields |= {"original_value": row["value"], "original_unit": unit}
    if "value" in fields and "quality" not in fields and not what.plausible(fields["value"]):
        fields |= {"quality": Quality.ARTEFACT, "reason": outside(what)}
    return convert(_utc(fields), Reading)


@cache
def outside(what: Concept) -> str:
    """Why a value is an artefact: the limits, never the value."""
    low = "" if what.hard_low is None else f"{what.hard_low:g}"
    high = "" if what.hard_high is None else f"{what.hard_high:g}"
    whole = ", whole numbers" if what.whole else ""
    return f"outside what is possible ({low}–{high} {what.printed_unit}".rstrip() + f"{whole})"


def _treatment(row: Mapping[str, Any]) -> Treatment:
    """A rate without the weight it needs, or beyond any pump, is left out: that it runs is known, how fast is not."""
    item = DRUGS[row["item"]]
    fields = {name: cell for name, cell in row.items() if name not in _NO_VALUES}
    weight = row.get("weight_kg")
    if "rate" in row and item.rate_unit is not None:
        with suppress(WeightNeeded):
            rate = rate_to_canonical(row["rate"], row["rate_unit"], item, weight)
            fields |= {"rate": rate} if item.plausible_rate(rate) else {}
    if "amount" in row and item.amount_unit is not None:
        try:
            fields["amount"] = amount_to_canonical(row["amount"], row["amount_unit"], item, weight)
            fields["amount_unit"] = item.amount_unit
        except (WeightNeeded, UnknownUnit):  # "dose": one was given, how much is not said
            pass
    return convert(_utc(fields), Treatment)
