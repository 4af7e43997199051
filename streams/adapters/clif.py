"""CLIF 2.x: a folder of `clif_*.parquet` (or CSV) tables. One stay per hospitalization; `encounter` is its id.

Times are UTC, as CLIF prescribes. CLIF has one time per record; only results have two: `lab_collect_dttm` is when they
were true, `lab_result_dttm` when they could be known. Everything else is known when it was recorded.
Needs `hospitalization` and `vitals`; every other table may be missing. Mapping: `clif.toml`.
"""

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from schemas.codes.drugs import UnknownDrug, drug
from schemas.events import AGE_MAX
from streams.adapters import long
from streams.adapters.pump import Run, turns
from streams.adapters.stay import Stay
from streams.adapters.tables import IN_ORDER, TIME, Tables

STAYS_AT_ONCE = 1000
RESULT_AFTER = timedelta(minutes=80)  # a result without its own time, counted from the sample

_MAP: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_TEXT = pl.String
_ID = "hospitalization_id"
_STAYS = {_ID: _TEXT, "patient_id": _TEXT, "admission_dttm": TIME, "discharge_dttm": TIME,
          "age_at_admission": pl.Float64}  # fmt: skip
_VITALS = {_ID: _TEXT, "recorded_dttm": TIME, "vital_name": _TEXT, "vital_category": _TEXT, "vital_value": pl.Float64}
_LABS = {_ID: _TEXT, "lab_collect_dttm": TIME, "lab_result_dttm": TIME, "lab_category": _TEXT, "lab_value": _TEXT,
         "lab_value_numeric": pl.Float64, "reference_unit": _TEXT}  # fmt: skip
_BREATH = {_ID: _TEXT, "recorded_dttm": TIME, "device_name": _TEXT, "device_category": _TEXT, "mode_category": _TEXT,
           **dict.fromkeys(_MAP["respiratory"], pl.Float64)}  # fmt: skip
_ASSESSED = {_ID: _TEXT, "recorded_dttm": TIME, "assessment_category": _TEXT, "numerical_value": pl.Float64,
             "categorical_value": _TEXT}  # fmt: skip
_DRIPS = {_ID: _TEXT, "med_order_id": _TEXT, "admin_dttm": TIME, "med_name": _TEXT, "med_category": _TEXT,
          "mar_action_category": _TEXT, "med_dose": pl.Float64, "med_dose_unit": _TEXT}  # fmt: skip
_DOSES = {_ID: _TEXT, "admin_dttm": TIME, "med_name": _TEXT, "med_category": _TEXT, "mar_action_category": _TEXT,
          "med_dose": pl.Float64, "med_dose_unit": _TEXT, "med_route_name": _TEXT}  # fmt: skip
_PLACES = {_ID: _TEXT, "in_dttm": TIME, "location_name": _TEXT, "location_category": _TEXT}

Row = dict[str, Any]


def read(path: Path) -> Iterator[Stay]:
    """The hospitalizations of the folder; raises WrongFormat at once if it is no CLIF folder."""
    tables = Tables(path, "CLIF", prefix="clif_")
    stays = tables.scan("hospitalization", _STAYS)
    people = tables.scan_if_there("patient", {"patient_id": _TEXT, "sex_category": _TEXT}).unique("patient_id")
    known = (
        stays.join(people, on="patient_id", how="left", maintain_order=IN_ORDER)
        .drop_nulls([_ID, "admission_dttm"])
        .sort(_ID)
        .collect()
    )
    tables.scan("vitals", _VITALS)
    return chain.from_iterable(long.stays(_events(tables, some)) for some in known.iter_slices(STAYS_AT_ONCE))


def _events(tables: Tables, stays: pl.DataFrame) -> pl.DataFrame:
    here = stays.lazy().select(_ID)

    def of(name: str, columns: Mapping[str, Any]) -> pl.LazyFrame:
        return (
            tables.scan_if_there(name, columns)
            .join(here, on=_ID, maintain_order=IN_ORDER)
            .with_columns(pl.col(_ID).alias("encounter"))
        )

    parts = [
        long.as_frame(_movements(tables, stays, of("adt", _PLACES).collect())),
        _vitals(of("vitals", _VITALS)),
        _labs(of("labs", _LABS)),
        *_breath(of("respiratory_support", _BREATH)),
        *_assessed(of("patient_assessments", _ASSESSED)),
        long.as_frame(_drips(of("medication_admin_continuous", _DRIPS).collect())),
        long.as_frame(_doses(of("medication_admin_intermittent", _DOSES).collect())),
    ]
    return pl.concat([long.as_long(part) for part in parts]).collect()


def _movements(tables: Tables, stays: pl.DataFrame, places: pl.DataFrame) -> Iterator[Row]:
    """Admission, moves between places, treatment limits, discharge."""
    moves: dict[str, list[Row]] = defaultdict(list)
    for place in places.drop_nulls("in_dttm").sort("in_dttm").iter_rows(named=True):
        moves[place[_ID]].append(place)
    limits = _limits(tables)
    for stay in stays.iter_rows(named=True):
        base = {"encounter": stay[_ID], "kind": "movement"}
        age, came, left = stay["age_at_admission"], stay["admission_dttm"], stay["discharge_dttm"]
        person: Row = {
            "age_years": age if age is not None and 0 <= age <= AGE_MAX else None,
            "sex": {"female": "female", "male": "male"}.get((stay["sex_category"] or "").lower()),
        }
        first, *later = moves[stay[_ID]] or [{"in_dttm": came, "location_category": None, "location_name": None}]
        start = min(came, first["in_dttm"])
        yield {**base, **_at(start), "action": "admit", **_place(first), "patient": json.dumps(person)}
        for place in later:
            yield {**base, **_at(place["in_dttm"]), "action": "transfer", **_place(place)}
        for moment, kinds in limits.get(stay["patient_id"], ()):
            if start <= moment and (left is None or moment <= left):
                yield {**base, **_at(moment), "action": "update", "patient": json.dumps(person | {"limits": kinds})}
        if left is not None:
            yield {**base, **_at(left), "action": "discharge"}


def _place(place: Row) -> Row:
    intensive = (place["location_category"] or "").lower() == "icu"
    return {"unit": place["location_name"] or place["location_category"], "setting": "icu" if intensive else "ward"}


def _at(moment: datetime) -> Row:
    return {"observed_at": moment, "available_at": moment}


def _limits(tables: Tables) -> Mapping[str, list[tuple[datetime, Sequence[str]]]]:
    columns = {"patient_id": _TEXT, "start_dttm": TIME, "code_status_category": _TEXT}
    found: dict[str, list[tuple[datetime, Sequence[str]]]] = defaultdict(list)
    for row in (
        tables.scan_if_there("code_status", columns).drop_nulls().sort("start_dttm").collect().iter_rows(named=True)
    ):
        kinds = _MAP["limits"].get(row["code_status_category"].lower())
        if kinds is not None:
            found[row["patient_id"]].append((row["start_dttm"], kinds))
    return found


def _readings(frame: pl.LazyFrame) -> pl.LazyFrame:
    moment = pl.col("recorded_dttm")
    return frame.with_columns(
        pl.lit("reading").alias("kind"), moment.alias("observed_at"), moment.alias("available_at")
    )


def _mapped(section: str) -> pl.LazyFrame:
    return pl.LazyFrame([{"category": name, **entry} for name, entry in _MAP[section].items()])


def _vitals(vitals: pl.LazyFrame) -> pl.LazyFrame:
    name = pl.col("vital_name").str.to_lowercase()
    pressure = pl.col("concept").is_in(["sbp", "dbp", "map"])
    method = (
        pl.when(pressure & name.str.contains(r"non.?invasive|nibp|cuff|manual")).then(pl.lit("nibp"))
        .when(pressure & name.str.contains(r"\bart|abp|invasive")).then(pl.lit("invasive"))
    )  # fmt: skip
    return _readings(
        vitals.with_columns(pl.col("vital_category").str.to_lowercase().alias("category"))
        .join(_mapped("vitals"), on="category", maintain_order=IN_ORDER)
        .drop_nulls(["vital_value", "recorded_dttm"])
        .with_columns(
            pl.col("vital_value").alias("value"), pl.col("source").fill_null("monitor"), method.alias("method")
        )
    )


def _labs(labs: pl.LazyFrame) -> pl.LazyFrame:
    bound = pl.col("lab_value").str.extract(r"^\s*(<|>)")
    limit = pl.col("lab_value").str.extract(r"^\s*[<>]=?\s*(\d+(?:\.\d+)?)").cast(pl.Float64, strict=False)
    moment, result = pl.col("lab_collect_dttm"), pl.col("lab_result_dttm")
    return (
        labs.with_columns(pl.col("lab_category").str.to_lowercase().alias("category"))
        .join(_mapped("labs"), on="category", maintain_order=IN_ORDER)
        .with_columns(pl.coalesce("lab_value_numeric", limit).alias("value"))
        .drop_nulls(["value", "lab_collect_dttm"])
        .with_columns(
            pl.lit("reading").alias("kind"),
            pl.col("source").fill_null("lab"),
            pl.coalesce(pl.col("reference_unit").replace("", None), "usual").alias("unit"),
            moment.alias("observed_at"),
            pl.max_horizontal(moment, result.fill_null(moment + RESULT_AFTER)).alias("available_at"),
            pl.when(pl.col("lab_value_numeric").is_null() & (bound == "<")).then(pl.lit("reported as below this value"))
            .when(pl.col("lab_value_numeric").is_null() & (bound == ">")).then(pl.lit("reported as above this value"))
            .alias("reason"),
        )
    )  # fmt: skip


def _breath(support: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    support = support.drop_nulls("recorded_dttm")
    for column, entry in _MAP["respiratory"].items():
        number = support.drop_nulls(column).with_columns(
            pl.col(column).alias("value"), pl.lit("device").alias("source")
        )
        yield _readings(number.with_columns(concept=pl.lit(entry["concept"]), unit=pl.lit(entry.get("unit"))))
    name, category = pl.col("device_name").str.to_lowercase(), pl.col("device_category").str.to_lowercase()
    mask = pl.coalesce(
        pl.when(name.str.contains(part, literal=True)).then(pl.lit(code)) for part, code in _MAP["masks"].items()
    )
    device = category.replace_strict(_MAP["devices"], default=None, return_dtype=_TEXT)
    for concept, code in (
        ("o2_device", pl.when(category == "face mask").then(pl.coalesce(mask, device)).otherwise(device)),
        (
            "vent_mode",
            pl.col("mode_category").str.to_lowercase().replace_strict(_MAP["modes"], default=None, return_dtype=_TEXT),
        ),
    ):
        coded = support.with_columns(concept=pl.lit(concept), code=code, source=pl.lit("device"))
        yield _readings(coded.drop_nulls("code"))


def _assessed(assessed: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    """Scores. A verbal response of 0 stands for a tube: neither it nor the total of that time can be scored."""
    assessed = assessed.drop_nulls("recorded_dttm").with_columns(
        pl.col("assessment_category").str.to_lowercase().alias("category"), pl.lit("manual").alias("source")
    )
    scores = assessed.drop_nulls("numerical_value").with_columns(
        pl.col("category").replace_strict(_MAP["assessments"], default=None, return_dtype=_TEXT).alias("concept"),
        pl.col("numerical_value").alias("value"),
    )
    silent = (pl.col("category") == "gcs_verbal") & (pl.col("numerical_value") == 0)
    tubes = scores.filter(silent).select("encounter", "recorded_dttm", pl.lit(True).alias("tube")).unique()
    spoken = scores.drop_nulls("concept").join(
        tubes, on=["encounter", "recorded_dttm"], how="left", maintain_order=IN_ORDER
    )
    tube = pl.col("tube").fill_null(False) & pl.col("concept").is_in(["gcs_v", "gcs_total"])
    yield _readings(
        spoken.with_columns(
            pl.when(tube).then(pl.lit("suspect")).alias("quality"),
            pl.when(tube).then(pl.lit("verbal response not testable: tube in the airway")).alias("reason"),
        )
    )
    for category, entry in _MAP["assessed_codes"].items():
        words = pl.col("categorical_value").str.to_lowercase()
        code = words.replace_strict(entry["codes"], default=None, return_dtype=_TEXT)
        coded = assessed.filter(pl.col("category") == category).with_columns(
            concept=pl.lit(entry["concept"]), code=code
        )
        yield _readings(coded.drop_nulls("code"))


@cache
def _item(name: str | None, category: str | None) -> str | None:
    """The item of a medication: by its own name (which tells 0.9 % from 0.45 % saline), else by its category."""
    group = (category or "").lower()
    if name in _MAP["repeated"].get(group, ()):
        return None
    if group in _MAP["items"]:
        return str(_MAP["items"][group])
    for words in (name, category):
        try:
            return drug(words or "").id
        except UnknownDrug:
            continue
    return None


def _drips(rows: pl.DataFrame) -> Iterator[Row]:
    """Each order runs at the dose last charted until the next record of it, or its stop."""
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    orders = rows.drop_nulls("admin_dttm").sort("admin_dttm", maintain_order=True)
    for _, charted in orders.group_by(_ID, "med_category", "med_order_id", maintain_order=True):
        records = list(charted.iter_rows(named=True))
        for record, following in zip(records, [*records[1:], None], strict=True):
            item, dose = _item(record["med_name"], record["med_category"]), record["med_dose"]
            if item is not None and dose and (record["mar_action_category"] or "").lower() != "stop":
                end = None if following is None else following["admin_dttm"]
                if end != record["admin_dttm"]:
                    runs[record[_ID], item].append(
                        Run(record[_ID], item, record["admin_dttm"], end, dose, record["med_dose_unit"])
                    )
    for some in runs.values():
        yield from turns(some)


def _doses(rows: pl.DataFrame) -> Iterator[Row]:
    """Single doses; several of one item at one time are one amount."""
    given: dict[tuple[str, str, datetime, str | None], Row] = {}
    for row in rows.drop_nulls("admin_dttm").sort("admin_dttm", maintain_order=True).iter_rows(named=True):
        item = _item(row["med_name"], row["med_category"])
        if item is None or (row["mar_action_category"] or "given").lower() not in ("given", "bolus", "completed"):
            continue
        route = "bolus" if "bolus" in (row["med_route_name"] or "").lower() else None
        key = (row[_ID], item, row["admin_dttm"], route)
        same = given.get(key)
        amount = None if row["med_dose_unit"] in long.COUNTED else row["med_dose"]
        if same is not None and same["amount_unit"] == row["med_dose_unit"] and same["amount"] is not None:
            amount = same["amount"] + (amount or 0.0)
        given[key] = {"encounter": row[_ID], "kind": "treatment", "item": item, "action": "given", "route": route,
                      **_at(row["admin_dttm"]), "amount": amount, "amount_unit": row["med_dose_unit"]}  # fmt: skip
    yield from given.values()
