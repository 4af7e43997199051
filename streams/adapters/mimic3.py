"""MIMIC-III (full or demo): a folder of its tables as parquet, CSV or CSV.gz, names in any case.

One stay per ICU stay; `encounter` is its `icustay_id`. Dates are the set's own shifted ones; naive local times are read
as UTC. What became known when (the set gives less than one would like):

* monitor values: at `charttime`, since a listening system hears them then; `storetime` is when a nurse confirmed them;
* what a person charts (GCS, temperature, words, urine, CareVue rates): at `storetime`, never before `charttime`;
* results of the laboratory: the sample's time plus the minutes in `mimic3.toml` (measured in the demo, see there);
* results from before the stay: at admission;
* MetaVision infusions: `INFUSION_CHARTED` after each change, since their `storetime` is that of the last edit;
* prescriptions have a day and no hour: the order is known when that day is over.

Mapping and lists are data: `mimic3.toml`. Not read, on purpose: alarm limits; spontaneous rates (no concept); Riker's
scale as RASS (not interchangeable; it is in the notes); CAM-ICU parts; laboratory values copied into the chart (they
are in LABEVENTS); drug carriers; CRRT settings; organisms (the time at which they were known is missing).
"""

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from schemas.codes.drugs import DRUGS, drugs_of
from streams.adapters import long
from streams.adapters.pump import Run, turns
from streams.adapters.stay import Stay
from streams.adapters.tables import IN_ORDER, TIME, Tables, totally_sorted

STAYS_AT_ONCE = 1000  # stays whose rows are held in memory together
NOTE_VALUES_MAX = 60  # charted words in one note
BEFORE_ADMISSION = timedelta(hours=24)  # results of that long before the stay come along, for baselines
INFUSION_CHARTED = timedelta(minutes=10)  # median in the demo: 6, among rows whose first storage survives
GCS_PARTS = ("gcs_e", "gcs_v", "gcs_m")
AGE_SHOWN_MAX = 89
AGE_HIDDEN = 90.0  # ages above 89 are shifted to about 300; they are read as this

_MAP: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_ITEMS: Mapping[int, str] = {number: item for item, numbers in _MAP["items"].items() for number in numbers}
_FLUIDS = frozenset(d.id for d in (*drugs_of("fluid"), *drugs_of("blood_product")))
_CARRIES = ("01-Drips", "08-Antibiotics (IV)", "10-Prophylaxis (IV)")  # a fluid under these heads dilutes a drug

_STAYS = {"subject_id": pl.Int64, "hadm_id": pl.Int64, "icustay_id": pl.Int64, "dbsource": pl.String,
          "first_careunit": pl.String, "intime": TIME, "outtime": TIME}  # fmt: skip
_CHART = {"icustay_id": pl.Int64, "itemid": pl.Int64, "charttime": TIME, "storetime": TIME, "value": pl.String,
          "valuenum": pl.Float64, "error": pl.Int64}  # fmt: skip
_LABS = {"subject_id": pl.Int64, "itemid": pl.Int64, "charttime": TIME, "value": pl.String, "valuenum": pl.Float64,
         "valueuom": pl.String}  # fmt: skip
_OUTPUTS = {"icustay_id": pl.Int64, "itemid": pl.Int64, "charttime": TIME, "storetime": TIME, "value": pl.Float64,
            "iserror": pl.Int64}  # fmt: skip
_INPUTS_MV = {"icustay_id": pl.Int64, "itemid": pl.Int64, "starttime": TIME, "endtime": TIME, "storetime": TIME,
              "amount": pl.Float64, "amountuom": pl.String, "rate": pl.Float64, "rateuom": pl.String,
              "ordercategoryname": pl.String, "ordercategorydescription": pl.String, "patientweight": pl.Float64,
              "statusdescription": pl.String}  # fmt: skip
_INPUTS_CV = {"icustay_id": pl.Int64, "itemid": pl.Int64, "charttime": TIME, "storetime": TIME, "amount": pl.Float64,
              "amountuom": pl.String, "rate": pl.Float64, "rateuom": pl.String, "stopped": pl.String}  # fmt: skip
_PROCEDURES = {"icustay_id": pl.Int64, "itemid": pl.Int64, "starttime": TIME, "endtime": TIME,
               "statusdescription": pl.String}  # fmt: skip
_CULTURES = {"subject_id": pl.Int64, "charttime": TIME, "spec_itemid": pl.Int64}
_ORDERS = {"hadm_id": pl.Int64, "startdate": TIME, "drug": pl.String, "route": pl.String}

Row = dict[str, Any]


def read(path: Path) -> Iterator[Stay]:
    """The ICU stays of the folder; raises WrongFormat at once if it is no MIMIC-III folder."""
    tables = Tables(path, "MIMIC-III")
    stays = tables.scan("icustays", _STAYS)
    people = tables.scan("patients", {"subject_id": pl.Int64, "gender": pl.String, "dob": TIME})
    reasons = tables.scan_if_there("admissions", {"hadm_id": pl.Int64, "diagnosis": pl.String})
    known = (
        stays.join(people, on="subject_id", how="left", maintain_order=IN_ORDER)
        .join(reasons.unique("hadm_id"), on="hadm_id", how="left", maintain_order=IN_ORDER)
        .filter(pl.col("icustay_id").is_not_null() & pl.col("intime").is_not_null())
        .with_columns(pl.col("icustay_id").cast(pl.String).alias("encounter"))
        .sort("icustay_id")
        .collect()
    )
    tables.scan("chartevents", _CHART)
    return chain.from_iterable(
        long.stays(_events(tables, some)) for some in known.iter_slices(STAYS_AT_ONCE) if some.height
    )


def _events(tables: Tables, stays: pl.DataFrame) -> pl.DataFrame:
    """All events of these stays, as a long table."""
    keys = stays.lazy().select("icustay_id", "encounter")
    chart = (
        tables.scan("chartevents", _CHART)
        .join(keys, on="icustay_id", maintain_order=IN_ORDER)
        .drop_nulls("charttime")
        .collect()
        .lazy()
    )
    parts = [
        long.as_frame(_movements(stays, chart)),
        _numbers(chart),
        _word_numbers(chart),
        _codes(chart),
        _notes(chart),
        _labs(tables, stays),
        _outputs(tables, keys),
        long.as_frame(_metavision(tables, keys)),
        long.as_frame(_carevue(tables, keys)),
        long.as_frame(_procedures(tables, keys)),
        _cultures(tables, stays),
        _orders(tables, stays),
    ]
    return pl.concat([long.as_long(part) for part in parts]).collect()


# --- who, where, when ------------------------------------------------------------------------------------------------


def _movements(stays: pl.DataFrame, chart: pl.LazyFrame) -> Iterator[Row]:
    """Admission and discharge, and between them each news about the person, with all that is known by then."""
    news = _news(chart)
    for stay in stays.iter_rows(named=True):
        base = {"encounter": stay["encounter"], "kind": "movement"}
        here = {"unit": stay["first_careunit"], "setting": "icu"}
        person: Row = {"sex": {"F": "female", "M": "male"}.get(stay["gender"])}
        if stay["dob"] is not None:
            years = (stay["intime"] - stay["dob"]).days / 365.25
            person["age_years"] = AGE_HIDDEN if years > AGE_SHOWN_MAX else round(max(years, 0.0), 1)
        if stay["diagnosis"]:
            person["reason"] = stay["diagnosis"].strip()
        yield {**base, **here, **_at(stay["intime"]), "action": "admit", "patient": json.dumps(person)}
        if stay["diagnosis"]:
            yield {**base, **_at(stay["intime"]), "kind": "note", "title": "Reason for admission",
                   "text": f"Admitted with: {stay['diagnosis'].strip()}."}  # fmt: skip
        for observed, stored, facts in news.get(stay["encounter"], ()):
            if any(person.get(name) != fact for name, fact in facts.items()):
                person |= facts
                yield {**base, **_at(observed, stored), "action": "update", "patient": json.dumps(person)}
        if stay["outtime"] is not None:
            yield {**base, **_at(stay["outtime"]), "action": "discharge", "unit": stay["first_careunit"]}


def _at(observed: datetime, stored: datetime | None = None) -> Row:
    return {"observed_at": observed, "available_at": max(observed, stored or observed)}


def _news(chart: pl.LazyFrame) -> Mapping[str, list[tuple[datetime, datetime, Row]]]:
    """encounter -> (charted, stored, fields of Patient), in the order in which they became known."""
    facts = _MAP["facts"]
    wanted = [*facts["code_status"], *facts["history"], *facts["allergies"]]
    rows = chart.filter(pl.col("itemid").is_in(wanted) & pl.col("value").is_not_null()).collect()
    found: dict[str, dict[datetime, tuple[datetime, Row]]] = defaultdict(dict)
    for row in rows.sort("charttime", "itemid", "value").iter_rows(named=True):
        moment, word = row["charttime"], row["value"].strip()
        stored, fields = found[row["encounter"]].setdefault(moment, (moment, {}))
        if row["itemid"] in facts["code_status"]:
            if word not in facts["limits"]:
                continue
            fields["limits"] = facts["limits"][word]
        elif row["itemid"] in facts["history"]:
            code = facts["diagnoses"].get(word)
            fields["diagnoses"] = sorted({*fields.get("diagnoses", ()), *([code] if code else ())})
        else:
            told = [] if word in facts["no_allergies"] else [_allergen(name) for name in word.split(",")]
            fields["allergies"] = [*fields.get("allergies", ()), *({"substance": name} for name in told)]
        found[row["encounter"]][moment] = (max(stored, row["storetime"] or moment), fields)
    return {
        encounter: sorted(
            ((at, stored, fields) for at, (stored, fields) in news.items() if fields), key=lambda n: (n[1], n[0])
        )
        for encounter, news in found.items()
    }


def _allergen(words: str) -> str:
    """A drug id or class where we know one, else the words as charted."""
    name = _MAP["facts"]["allergens"].get(words.strip(), words.strip().split("(")[0].strip().lower())
    return next((d.id for d in DRUGS.values() if name in (d.id, d.name, *d.aliases)), name)[:64]


# --- the chart -------------------------------------------------------------------------------------------------------


def _table(section: str, **more: Any) -> pl.LazyFrame:
    """A section of the mapping as one row per item id; `rank` 0 is the preferred source."""
    usual = {"unit": None, "source": "manual", "method": None, **more}
    rows = [
        {"itemid": item, "rank": rank, "concept": entry["concept"]}
        | {name: entry.get(name, default) for name, default in usual.items()}
        for entry in _MAP[section]
        for rank, item in enumerate(entry["items"])
    ]
    return pl.LazyFrame(rows, infer_schema_length=None)


def _known_at() -> pl.Expr:
    """A monitor's value at once; what a person charts when it is stored."""
    stored = pl.max_horizontal("charttime", "storetime")
    return pl.when(pl.col("source") == "monitor").then("charttime").otherwise(stored)


def _readings(charted: pl.LazyFrame) -> pl.LazyFrame:
    return charted.with_columns(
        pl.lit("reading").alias("kind"),
        pl.col("charttime").alias("observed_at"),
        _known_at().alias("available_at"),
        pl.when(pl.col("error") == 1).then(pl.lit("entered-in-error")).alias("status"),
    ).sort(pl.col("error").fill_null(0), "rank", descending=True, maintain_order=True)


def _numbers(chart: pl.LazyFrame) -> pl.LazyFrame:
    table = _table("number", untestable=[], unscored=[]).with_columns(
        pl.col("untestable", "unscored").cast(pl.List(pl.String))
    )
    numbers = (
        chart.join(table, on="itemid", maintain_order=IN_ORDER)
        .with_columns(
            pl.coalesce("valuenum", pl.col("value").cast(pl.Float64, strict=False)).alias("number"),
            pl.col("untestable").list.contains(pl.col("value")).fill_null(False).alias("untestable"),
        )
        .filter(pl.col("number").is_not_null() & ~pl.col("unscored").list.contains(pl.col("value")).fill_null(False))
    )
    tubes = numbers.filter("untestable").select("encounter", "charttime", pl.lit(True).alias("tube")).unique()
    total = pl.col("concept") == "gcs_total"
    spoken = numbers.join(tubes, on=["encounter", "charttime"], how="left", maintain_order=IN_ORDER).with_columns(
        (pl.col("untestable") | (total & pl.col("tube").fill_null(False))).alias("untestable")
    )
    parts = spoken.filter(
        pl.col("concept").is_in(GCS_PARTS) & ~pl.col("untestable") & (pl.col("error").fill_null(0) == 0)
    )
    sums = (
        parts.sort("rank", "number")
        .unique(["encounter", "charttime", "concept"], keep="first", maintain_order=True)
        .group_by("encounter", "charttime", maintain_order=True)
        .agg(pl.len().alias("parts"), pl.col("number").sum(), pl.col("storetime").max())
        .filter(pl.col("parts") == len(GCS_PARTS))
        .with_columns(concept=pl.lit("gcs_total"), source=pl.lit("manual"), rank=pl.lit(9), untestable=False)
    )
    everything = pl.concat([sums, spoken], how="diagonal_relaxed")
    return _readings(everything).with_columns(
        pl.col("number").alias("value"),
        pl.when("untestable").then(pl.lit("suspect")).alias("quality"),
        pl.when("untestable").then(pl.lit("verbal response not testable: tube in the airway")).alias("reason"),
    )


def _word_numbers(chart: pl.LazyFrame) -> pl.LazyFrame:
    found = [
        chart.join(
            _table("words_number").filter(pl.col("itemid").is_in(entry["items"])), on="itemid", maintain_order=IN_ORDER
        ).with_columns(pl.col("value").str.extract(entry["pattern"]).cast(pl.Float64, strict=False))
        for entry in _MAP["words_number"]
    ]
    return _readings(pl.concat(found).drop_nulls("value"))


def _codes(chart: pl.LazyFrame) -> pl.LazyFrame:
    rows = [
        {"itemid": item, "word": word.lower(), "concept": entry["concept"], "code": code, "rank": -strength,
         "source": entry.get("source", "manual")}
        for entry in _MAP["coded"] for item in entry["items"]
        for strength, (code, words) in enumerate(entry["codes"]) for word in words
    ]  # fmt: skip
    words = chart.with_columns(pl.col("value").str.strip_chars().str.to_lowercase().alias("word"))
    return _readings(words.join(pl.LazyFrame(rows), on=["itemid", "word"], maintain_order=IN_ORDER)).drop("value")


def _notes(chart: pl.LazyFrame) -> pl.LazyFrame:
    """What was charted in words for one time, as one note; its length is bounded."""
    labels = [
        {"itemid": item, "label": label, "place": place}
        for place, (label, items) in enumerate(_MAP["notes"]["labels"].items()) for item in items
    ]  # fmt: skip
    words = pl.col("value").str.strip_chars()
    return (
        chart.join(pl.LazyFrame(labels), on="itemid", maintain_order=IN_ORDER)
        .filter(words.is_not_null() & ~words.is_in(_MAP["notes"]["skip"]) & (pl.col("error").fill_null(0) == 0))
        .group_by("encounter", "charttime", "place", "label", maintain_order=True)
        .agg(words.unique().sort().str.join(", ").alias("words"), pl.col("storetime").max())
        .sort("place")
        .group_by("encounter", "charttime", maintain_order=True)
        .agg(
            pl.format("{}: {}.", "label", "words").head(NOTE_VALUES_MAX).str.join(" ").alias("text"),
            pl.col("storetime").max(),
        )
        .with_columns(
            pl.lit("note").alias("kind"),
            pl.lit("Charted findings").alias("title"),
            pl.col("charttime").alias("observed_at"),
            pl.max_horizontal("charttime", "storetime").alias("available_at"),
        )
    )


def _spans(stays: pl.DataFrame) -> pl.LazyFrame:
    return stays.lazy().select("subject_id", "encounter", "intime", "outtime")


def _of_the_stay(time: str) -> pl.Expr:
    """From some hours before the stay until its end."""
    left = pl.col("outtime").fill_null(pl.col(time))
    return pl.col(time).is_between(pl.col("intime") - BEFORE_ADMISSION, left)


# --- laboratory ------------------------------------------------------------------------------------------------------


def _labs(tables: Tables, stays: pl.DataFrame) -> pl.LazyFrame:
    rows = [
        {"itemid": item, "concept": concept, "minutes": entry["minutes"], "source": entry["source"],
         "method": entry.get("method"), "by_specimen": entry.get("specimen", False),
         "usual_unit": _MAP["lab_units"].get(concept)}
        for entry in _MAP["lab"] for concept, items in entry["concepts"].items() for item in items
    ]  # fmt: skip
    spec = _MAP["specimen"]
    results = tables.scan_if_there("labevents", _LABS).drop_nulls(["charttime", "subject_id"])
    venous, arterial = pl.col("specimen").is_in(spec["venous"]), pl.col("specimen").is_in(spec["arterial"])
    specimens = (
        results.filter(pl.col("itemid") == spec["item"])
        .select("subject_id", "charttime", pl.col("value").alias("specimen"))
        .unique(["subject_id", "charttime"], keep="last", maintain_order=True)
    )
    told = pl.col("valuenum").is_null()  # "<0.4", "GREATER THAN 10": a bound is told, no number
    bound = pl.col("value").str.to_uppercase().str.extract(r"^(<|>|LESS|GREATER)")
    limit = pl.col("value").str.extract(r"(\d+(?:\.\d+)?)").cast(pl.Float64, strict=False)
    only_arterial = pl.col("concept").is_in(["paco2", "pao2", "sao2"])
    return (
        results.join(pl.LazyFrame(rows, infer_schema_length=None), on="itemid", maintain_order=IN_ORDER)
        .join(specimens, on=["subject_id", "charttime"], how="left", maintain_order=IN_ORDER)
        .join(_spans(stays), on="subject_id", maintain_order=IN_ORDER)
        .filter(_of_the_stay("charttime"))
        .with_columns(
            pl.coalesce("valuenum", pl.when(bound.is_not_null()).then(limit)).alias("number"),
            pl.when("by_specimen").then(
                pl.when(arterial)
                .then(pl.lit("arterial"))
                .when(venous)
                .then(pl.lit("venous"))
                .otherwise(pl.lit("blood"))
            ).otherwise("method").alias("method"),
            pl.when(pl.col("by_specimen") & venous & only_arterial).then(pl.lit("venous sample"))
            .when(told & bound.is_in(["<", "LESS"])).then(pl.lit("reported as below this value"))
            .when(told & bound.is_not_null()).then(pl.lit("reported as above this value"))
            .alias("reason"),
        )
        .drop_nulls("number")
        .with_columns(
            pl.lit("reading").alias("kind"),
            pl.col("number").alias("value"),
            pl.coalesce("usual_unit", "valueuom").alias("unit"),
            pl.col("charttime").alias("observed_at"),
            pl.max_horizontal(pl.col("charttime") + pl.duration(minutes="minutes"), "intime").alias("available_at"),
            pl.when(pl.col("reason") == "venous sample").then(pl.lit("suspect")).alias("quality"),
        )
    )  # fmt: skip


# --- outputs ---------------------------------------------------------------------------------------------------------


def _outputs(tables: Tables, keys: pl.LazyFrame) -> pl.LazyFrame:
    """Urine and drains: all entries of one time are one amount; what was used to rinse is taken off."""
    listed = _MAP["outputs"]
    rows = [
        {"itemid": item, "concept": concept, "sign": sign}
        for name, concept, sign in (
            ("urine", "urine", 1.0),
            ("irrigant", "urine", -1.0),
            ("drain_out", "drain_out", 1.0),
        )
        for item in listed[name]
    ]
    return (
        tables.scan_if_there("outputevents", _OUTPUTS)
        .join(keys, on="icustay_id", maintain_order=IN_ORDER)
        .join(pl.LazyFrame(rows), on="itemid", maintain_order=IN_ORDER)
        .filter(
            pl.col("value").is_not_null() & pl.col("charttime").is_not_null() & (pl.col("iserror").fill_null(0) == 0)
        )
        .group_by("encounter", "charttime", "concept", maintain_order=True)
        .agg((pl.col("value") * pl.col("sign")).sum().alias("value"), pl.col("storetime").max())
        .with_columns(
            pl.lit("reading").alias("kind"),
            pl.lit("mL").alias("unit"),
            pl.lit("manual").alias("source"),
            pl.col("charttime").alias("observed_at"),
            pl.max_horizontal("charttime", "storetime").alias("available_at"),
        )
    )


# --- treatments ------------------------------------------------------------------------------------------------------


def _metavision(tables: Tables, keys: pl.LazyFrame) -> Iterator[Row]:
    """Drips as start, change and stop; pushes, boluses and doses as given, when they are in."""
    rows = (
        tables.scan_if_there("inputevents_mv", _INPUTS_MV)
        .join(keys, on="icustay_id", maintain_order=IN_ORDER)
        .filter((pl.col("statusdescription") != "Rewritten") & pl.col("itemid").is_in(list(_ITEMS)))
        .drop_nulls(["starttime", "endtime"])
        .with_columns(pl.col("itemid").replace_strict(_ITEMS, return_dtype=pl.String).alias("item"))
        .filter(
            ~(pl.col("item").is_in(list(_FLUIDS)) & pl.col("ordercategoryname").is_in(_CARRIES))
            & (pl.col("item") != "carrier")
        )
        .collect()
    )
    rows = totally_sorted(rows, "encounter", "item", "starttime", "endtime")
    drip = pl.col("ordercategorydescription").is_in(["Continuous Med", "Continuous IV"]) & pl.col("rate").is_not_null()
    drip = drip & (pl.col("endtime") > pl.col("starttime"))
    for _, runs in rows.filter(drip).group_by("encounter", "item", maintain_order=True):
        yield from turns([_run(row) for row in runs.iter_rows(named=True)], INFUSION_CHARTED)
    yield from _given(rows.filter(~drip).with_columns(pl.col("endtime").alias("charttime")).iter_rows(named=True))


def _treated(row: Row, action: str, observed: datetime, stored: datetime | None) -> Row:
    about = {"encounter": row["encounter"], "kind": "treatment", "item": row["item"], "action": action}
    return {**about, **_at(observed, stored)}


def _run(row: Row) -> Run:
    return Run(row["encounter"], row["item"], row["starttime"], row["endtime"], row["rate"], row["rateuom"],
               row["patientweight"])  # fmt: skip


def _given(rows: Iterable[Row]) -> Iterator[Row]:
    """Doses and volumes; several of one item at one time are one amount."""
    sums: dict[tuple[str, str, datetime, str | None], Row] = {}
    for row in rows:
        route = "bolus" if row.get("ordercategoryname") == "03-IV Fluid Bolus" else None
        key = (row["encounter"], row["item"], row["charttime"], route)
        dose = {
            **_treated(row, "given", row["charttime"], row["storetime"]),
            "route": route,
            "amount": None if row["amountuom"] in long.COUNTED else row["amount"],
            "amount_unit": row["amountuom"],
        }
        same = sums.get(key)
        if same is not None and same["amount_unit"] == dose["amount_unit"] and same["amount"] is not None:
            dose["amount"] = same["amount"] + (dose["amount"] or 0.0)
        sums[key] = dose
    yield from sums.values()


def _carevue(tables: Tables, keys: pl.LazyFrame) -> Iterator[Row]:
    """Rates as charted (a repeated rate is no news); fluids as the volumes of each entry."""
    rows = (
        tables.scan_if_there("inputevents_cv", _INPUTS_CV)
        .join(keys, on="icustay_id", maintain_order=IN_ORDER)
        .filter(pl.col("itemid").is_in(list(_ITEMS)))
        .drop_nulls("charttime")
        .with_columns(pl.col("itemid").replace_strict(_ITEMS, return_dtype=pl.String).alias("item"))
        .filter(pl.col("item") != "carrier")
        .collect()
    )
    rows = totally_sorted(rows, "encounter", "item", "charttime", "storetime")
    for _, charted in rows.group_by("encounter", "item", maintain_order=True):
        some = list(charted.iter_rows(named=True))
        rates = [row for row in some if row["rate"] is not None]
        if rates:
            yield from _rates([row for row in some if row["rate"] is not None or row["stopped"] in _ENDS])
        else:
            yield from _given(row for row in some if row["amount"])


_ENDS = ("Stopped", "D/C'd")


def _rates(rows: list[Row]) -> Iterator[Row]:
    """Of several entries at one time (an old bag ends, a new one runs) the highest rate that still runs counts."""
    before = 0.0
    for _, together in groupby(rows, key=itemgetter("charttime")):
        rate, row = max(((_running(row), row) for row in together), key=itemgetter(0))
        if rate != before:
            action = "stop" if not rate else "change" if before else "start"
            charted = _treated(row, action, row["charttime"], row["storetime"])
            yield {**charted, "rate": rate or None, "rate_unit": row["rateuom"]}
        before = rate


def _running(row: Row) -> float:
    return 0.0 if row["stopped"] in _ENDS else row["rate"] or 0.0


def _procedures(tables: Tables, keys: pl.LazyFrame) -> Iterator[Row]:
    rows = (
        tables.scan_if_there("procedureevents_mv", _PROCEDURES)
        .join(keys, on="icustay_id", maintain_order=IN_ORDER)
        .filter((pl.col("statusdescription") != "Rewritten") & pl.col("itemid").is_in(list(_ITEMS)))
        .drop_nulls("starttime")
        .collect()
    )
    for row in totally_sorted(rows, "encounter", "starttime", "itemid").iter_rows(named=True):
        done = row | {"item": _ITEMS[row["itemid"]]}
        lasts = bool(DRUGS[done["item"]].classes & {"organ_support", "ventilation"})
        begun, over = row["starttime"], row["endtime"]
        yield _treated(done, "start" if lasts else "given", begun, begun + INFUSION_CHARTED)
        if lasts and over is not None:
            yield _treated(done, "stop", over, over + INFUSION_CHARTED)


def _cultures(tables: Tables, stays: pl.DataFrame) -> pl.LazyFrame:
    """Samples sent. Those with a day and no hour are not read: a day too early is worse than unknown."""
    kinds = {number: item for item, numbers in _MAP["cultures"].items() for number in numbers}
    return (
        tables.scan_if_there("microbiologyevents", _CULTURES)
        .filter(pl.col("spec_itemid").is_in(list(kinds)))
        .drop_nulls("charttime")
        .join(_spans(stays), on="subject_id", maintain_order=IN_ORDER)
        .filter(
            pl.col("charttime").is_between(
                pl.col("intime") - BEFORE_ADMISSION, pl.col("outtime").fill_null(pl.col("charttime"))
            )
        )
        .select(
            "encounter",
            pl.lit("treatment").alias("kind"),
            pl.lit("given").alias("action"),
            pl.col("spec_itemid").replace_strict(kinds, return_dtype=pl.String).alias("item"),
            pl.col("charttime").alias("observed_at"),
            pl.max_horizontal("charttime", "intime").alias("available_at"),
        )
        .unique(maintain_order=True)
    )


def _orders(tables: Tables, stays: pl.DataFrame) -> pl.LazyFrame:
    """Antimicrobial orders of CareVue stays, whose doses were not charted."""
    drug = pl.col("drug").str.to_lowercase()
    named = pl.coalesce(
        pl.when(pl.any_horizontal(*(drug.str.starts_with(start) for start in starts))).then(pl.lit(item))
        for item, starts in _MAP["prescribed"].items()
    )
    day = timedelta(days=1)
    return (
        tables.scan_if_there("prescriptions", _ORDERS)
        .with_columns(named.alias("item"))
        .drop_nulls(["item", "startdate", "hadm_id"])
        .join(
            stays.lazy().filter(pl.col("dbsource") == "carevue").select("hadm_id", "encounter", "intime", "outtime"),
            on="hadm_id",
            maintain_order=IN_ORDER,
        )
        .filter(
            pl.col("startdate").is_between(pl.col("intime") - day, pl.col("outtime").fill_null(pl.col("startdate")))
        )
        .select(
            "encounter",
            "item",
            pl.lit("treatment").alias("kind"),
            pl.lit("ordered").alias("action"),
            pl.col("route").str.head(60),
            pl.col("startdate").alias("observed_at"),
            (pl.col("startdate") + day).alias("available_at"),
        )
        .unique(maintain_order=True)
    )
