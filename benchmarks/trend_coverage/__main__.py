"""How often the damped trend's bands hold what came, and its chances what happened, on patients it was not fitted on.

    python -m benchmarks.trend_coverage --data DIR --date 2026-11-24

DIR holds `challenge2019/`, `challenge2012/` and, for the minute-by-minute check, `challenge2009_map/` (skipped, loudly,
when missing). Writes `result.json` and `result.md` beside this file. About five minutes on one core.

Every figure comes from the forecaster as the bedside calls it: each stay is told reading by reading, and at moments
drawn at random (so the newest reading is of any age) its outlook is asked; for patients of the held-out part only.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace

from forecasting.baselines.parameters import MODEL
from forecasting.baselines.trend import Trend, load
from forecasting.contract import ModelState, Seen
from forecasting.training.collections import CITATIONS, COLLECTIONS, CONCEPTS_HELD, hashes, part, readings
from forecasting.training.fit_trend import (
    LEADS_LAB,
    LEADS_VITAL,
    QUESTIONS,
    SEED,
    START,
    VITALS,
    pinball,
    stay_readings,
)
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import AllOf, AnyOf, Compare, Condition, Op
from schemas.events import Patient, Reading

HERE = Path(__file__).parent
STAYS = 1_000  # per collection
MOMENTS = 5  # per stay
BANDS = {"50 %": (0.25, 0.75), "80 %": (0.1, 0.9), "90 %": (0.05, 0.95)}
TOGETHER: Mapping[str, Condition] = {
    "any_of (map below 65; hr above 130)": AnyOf((Compare("map", Op.BELOW, 65), Compare("hr", Op.ABOVE, 130))),
    "any_of (sbp below 90; spo2 below 90)": AnyOf((Compare("sbp", Op.BELOW, 90), Compare("spo2", Op.BELOW, 90))),
    "any_of (rr above 30; spo2 below 90)": AnyOf((Compare("rr", Op.ABOVE, 30), Compare("spo2", Op.BELOW, 90))),
    # refused; measured as if independent, to show why
    "all_of (map below 65; hr above 100)": AllOf((Compare("map", Op.BELOW, 65), Compare("hr", Op.ABOVE, 100))),
    "all_of (map below 70; sbp below 100)": AllOf((Compare("map", Op.BELOW, 70), Compare("sbp", Op.BELOW, 100))),
    "all_of (rr above 22; sbp below 100)": AllOf((Compare("rr", Op.ABOVE, 22), Compare("sbp", Op.BELOW, 100))),
}


@dataclass(frozen=True)
class Stay:
    """One held-out stay: per concept its readings, and the same as arrays (hours, values)."""

    name: str
    readings: Mapping[str, tuple[Reading, ...]]
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def at(self, hour: float) -> Snapshot:
        return Snapshot(encounter="held-out", now=START + timedelta(hours=hour), setting="icu", patient=Patient(),
                        readings=self.readings)  # fmt: skip


def held_out(data: Path, collection: str, seed: int) -> list[Stay]:
    """STAYS stays of the held-out part, chosen by seed."""
    tables = {concept: readings(data, collection, concept) for concept in CONCEPTS_HELD}
    names = sorted({s for t in tables.values() for s in t["stay"].unique() if part(collection, s, seed) == "held out"})
    chosen = sorted(np.random.default_rng([seed, 1]).permutation(names)[:STAYS].tolist())
    found: dict[str, dict[str, pl.DataFrame]] = {name: {} for name in chosen}
    for concept, table in tables.items():
        for (name,), rows in table.filter(pl.col("stay").is_in(chosen)).group_by("stay", maintain_order=True):
            found[str(name)][concept] = rows
    return [
        Stay(
            name=name,
            readings={
                c: stay_readings(c, t["hour"].to_list(), t["value"].to_list(), t["method"].to_list())
                for c, t in rows.items()
            },
            arrays={c: (t["hour"].to_numpy(), t["value"].to_numpy()) for c, t in rows.items()},
        )
        for name, rows in found.items()
    ]


def told(trend: Trend, stay: Stay, nows: Sequence[float]) -> Iterator[tuple[float, ModelState, Snapshot]]:
    """At each moment (rising hours) the state of a bed that has heard this stay so far, and the snapshot."""
    every = sorted((r for row in stay.readings.values() for r in row), key=attrgetter("observed_at"))
    instants = [Seen(at, tuple(group)) for at, group in groupby(every, key=attrgetter("observed_at"))]
    state, heard = trend.encode([None], [Seen(START)])[0], 0
    for now in nows:
        while heard < len(instants) and instants[heard].at <= START + timedelta(hours=now):
            (state,) = trend.encode([state], [instants[heard]])
            heard += 1
        yield now, state, stay.at(now)


def moments(stay: Stay, rng: np.random.Generator) -> list[float]:
    last = max(float(hours[-1]) for hours, _ in stay.arrays.values())
    first = min(float(hours[0]) for hours, _ in stay.arrays.values())
    return sorted(rng.uniform(first, max(last, first + 0.1), MOMENTS).tolist())


def came(stay: Stay, concept: str, now: float, horizon: float) -> float | None:
    """The reading nearest to now + horizon, if one lies near enough."""
    hours, values = stay.arrays[concept]
    within = (LEADS_VITAL if concept in VITALS else LEADS_LAB)[horizon]
    right = int(np.searchsorted(hours, now + horizon))
    near = [i for i in (right - 1, right) if 0 <= i < len(hours) and hours[i] > now]
    if not near:
        return None
    best = min(near, key=lambda i: abs(hours[i] - now - horizon))
    return float(values[best]) if abs(hours[best] - now - horizon) <= within else None


class Tally:
    """What came against the fan: rows of (quantiles, came, last value)."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, float], list[tuple[tuple[float, ...], float, float]]] = defaultdict(list)

    def add(self, source: str, stay: Stay, now: float, fan: Fan) -> None:
        """What came of each row of one fan."""
        hours, values = stay.arrays[fan.concept]
        last = float(values[int(np.searchsorted(hours, now, side="right")) - 1])
        for horizon, row in zip(fan.horizons_h, fan.quantiles, strict=True):
            value = came(stay, fan.concept, now, horizon)
            if value is not None:
                self.rows[source, fan.concept, horizon].append((row, value, last))

    def table(self) -> Iterator[dict[str, Any]]:
        for (source, concept, horizon), rows in sorted(self.rows.items()):
            q, y, last = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
            low, high = interval(concept, y)
            column = {level: q[:, i] for i, level in enumerate(LEVELS)}
            yield {
                "source": source, "concept": concept, "horizon_h": horizon, "n": len(y),
                # a charted value stands for its rounding interval: the half of it that lies inside counts
                **{name: _mean(inside(low, high, column[a], column[b])) for name, (a, b) in BANDS.items()},
                "below q05": _mean(y < column[0.05]), "above q95": _mean(y > column[0.95]),
                "width 90 %": _mean(column[0.95] - column[0.05]),
                "mae": _mean(np.abs(y - column[0.5])), "mae last value": _mean(np.abs(y - last)),
                "pinball": round(float(np.mean([pinball(y - column[v], v) for v in LEVELS])), 4),
            }  # fmt: skip


def _mean(x: np.ndarray) -> float:
    return round(float(np.mean(x)), 3)


def interval(concept: str, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a charted value stands for: the interval that is rounded to it, within the hard limits."""
    about, half = CONCEPTS[concept], 0.5 * 10 ** -CONCEPTS[concept].decimals
    lowest = -np.inf if about.hard_low is None else about.hard_low
    highest = np.inf if about.hard_high is None else about.hard_high
    return np.maximum(y - half, lowest), np.minimum(y + half, highest)


def inside(low: np.ndarray, high: np.ndarray, band_low: np.ndarray, band_high: np.ndarray) -> np.ndarray:
    """The share of a charted value's rounding interval that lies in the band."""
    share: np.ndarray = np.clip((np.minimum(high, band_high) - np.maximum(low, band_low)) / (high - low), 0.0, 1.0)
    return share


def answer(outlook: Outlook, asked: Condition, within: float) -> Odds | Unavailable:
    """The chance; for all_of, which the forecaster refuses, the product of its parts: to show why it does."""
    if not isinstance(asked, AllOf):
        return outlook.chance(asked, timedelta(hours=within))
    product, high = 1.0, 1.0
    for each in asked.parts:
        alone = outlook.chance(each, timedelta(hours=within))
        if isinstance(alone, Unavailable):
            return alone
        product, high = product * alone.probability, min(high, alone.high)
    return Odds(probability=product, low=0.0, high=high, within_h=within, model="as if independent")


def crossed(stay: Stay, asked: Condition, now: float, within: float) -> bool | None:
    """Whether a charted reading crossed in (now, now + within]; None when none was charted."""
    if isinstance(asked, AnyOf):
        seen = [crossed(stay, p, now, within) for p in asked.parts]
        return None if None in seen else any(seen)
    if isinstance(asked, AllOf):  # together: in readings of one instant
        sides = []
        for p in _plain(asked.parts):
            found = _ahead(stay, p, now, within)
            if found is None:
                return None
            sides.append({h for h, v in zip(*found, strict=True) if p.op.holds(v, p.value)})
        return bool(set.intersection(*sides))
    (plain,) = _plain((asked,))
    found = _ahead(stay, plain, now, within)
    return None if found is None else any(plain.op.holds(v, plain.value) for v in found[1])


def _plain(conditions: Iterable[Condition]) -> Iterator[Compare]:
    for condition in conditions:
        if not isinstance(condition, Compare):
            raise TypeError(f"expected a comparison, found {condition}")
        yield condition


def _ahead(stay: Stay, asked: Compare, now: float, within: float) -> tuple[np.ndarray, np.ndarray] | None:
    hours, values = stay.arrays[asked.quantity]
    there = (hours > now) & (hours <= now + within)
    return (hours[there], values[there]) if there.any() else None


def questions() -> Iterator[tuple[str, Condition, tuple[float, ...]]]:
    for name, thresholds in QUESTIONS.items():
        concept, direction = name.split()
        op = Op.BELOW if direction == "below" else Op.ABOVE
        for threshold in thresholds:
            yield (
                f"{name} {threshold:g}",
                Compare(concept, op, threshold),
                (1.0, 4.0, 12.0) if concept in VITALS else (6.0, 24.0),
            )
    for name, condition in TOGETHER.items():
        yield name, condition, (4.0, 12.0)


def chance_row(source: str, name: str, within: float, rows: list[tuple[Odds, bool]]) -> dict[str, Any]:
    p, y = np.array([o.probability for o, _ in rows]), np.array([e for _, e in rows], float)
    low, high = np.array([o.low for o, _ in rows]), np.array([o.high for o, _ in rows])
    fifths = [g for g in np.array_split(np.argsort(p, kind="stable"), 5) if len(g) >= 50]
    kept = [
        bool(low[g].mean() <= y[g].mean() + _noise(y[g]) and high[g].mean() >= y[g].mean() - _noise(y[g]))
        for g in fifths
    ]
    return {
        "source": source, "question": name, "within_h": within, "n": len(y), "events": int(y.sum()),
        "said": round(float(p.mean()), 4), "happened": round(float(y.mean()), 4),
        "said low": round(float(low.mean()), 4), "said high": round(float(high.mean()), 4),
        "brier": round(float(np.mean((p - y) ** 2)), 5),
        "brier of the mean": round(float(y.mean() * (1 - y.mean())), 5),
        "auroc": auroc(p, y), "risk fifths inside the interval": f"{sum(kept)}/{len(kept)}",
    }  # fmt: skip


def _noise(y: np.ndarray) -> float:
    """Two standard errors of a frequency that is itself estimated from few events."""
    return float(2 * np.sqrt((y.mean() * (1 - y.mean()) + 0.25 / len(y)) / len(y)))


def auroc(p: np.ndarray, y: np.ndarray) -> float | None:
    if not 0 < y.sum() < len(y):
        return None
    rank = pl.Series(p).rank("average").to_numpy()
    return round(float((rank[y == 1].sum() - y.sum() * (y.sum() + 1) / 2) / (y.sum() * (len(y) - y.sum()))), 3)


def measure(data: Path, seed: int, trend: Trend) -> dict[str, Any]:
    tally, asked, answered = Tally(), Counter[str](), Counter[str]()
    odds: dict[tuple[str, str, float], list[tuple[Odds, bool]]] = defaultdict(list)
    for collection in COLLECTIONS:
        rng = np.random.default_rng([seed, 2, COLLECTIONS.index(collection)])
        for stay in held_out(data, collection, seed):
            for now, state, snapshot in told(trend, stay, moments(stay, rng)):
                (outlook,) = trend.outlooks([state], [snapshot])
                for concept in stay.arrays:
                    fan = outlook.fan(concept)
                    asked[concept] += 1
                    if isinstance(fan, Fan):
                        answered[concept] += 1
                        tally.add(collection, stay, now, fan)
                for name, within, said, happened in _foretold(stay, now, outlook):
                    odds[collection, name, within].append((said, happened))
        print(collection, "done", file=sys.stderr, flush=True)
    minute_by_minute(data, trend, tally)
    return {
        "bands": list(tally.table()),
        "chances": [chance_row(*key, rows) for key, rows in sorted(odds.items()) if len(rows) >= 500],
        "fans given, share of moments": {c: round(answered[c] / asked[c], 3) for c in sorted(asked)},
    }


def _foretold(stay: Stay, now: float, outlook: Outlook) -> Iterator[tuple[str, float, Odds, bool]]:
    """Every question about what is measured in this stay, and was answered: what was said, and what happened."""
    for name, condition, withins in questions():
        parts = condition.parts if isinstance(condition, AnyOf | AllOf) else (condition,)
        if any(p.quantity not in stay.arrays for p in parts if isinstance(p, Compare)):
            continue
        for within in withins:
            said = answer(outlook, condition, within)
            happened = crossed(stay, condition, now, within) if isinstance(said, Odds) else None
            if isinstance(said, Odds) and happened is not None:
                yield name, within, said, happened


def minute_stays(data: Path) -> Iterator[Stay]:
    """Mean arterial pressure once a minute from monitors (Challenge 2009): nothing of it was seen in the fit."""
    path = data / "challenge2009_map" / "minute_map.parquet"
    if not path.exists():
        print("challenge2009_map is missing: the minute-by-minute check is skipped", file=sys.stderr)
        return
    about = CONCEPTS["map"]
    table = pl.read_parquet(path).filter(pl.col("map_raw").is_between(about.hard_low, about.hard_high))
    for (_,), rows in table.group_by("record", maintain_order=True):
        hours, values = rows["minute"].to_numpy() / 60, rows["map_raw"].cast(pl.Float64).round(1).to_numpy()
        readings = stay_readings("map", hours.tolist(), values.tolist(), [None] * len(hours))
        yield Stay("minutes", {"map": readings}, {"map": (hours, values)})


def minute_by_minute(data: Path, trend: Trend, tally: Tally) -> None:
    for stay in minute_stays(data):
        for now, state, snapshot in told(trend, stay, np.arange(1.0, 10.9, 0.5).tolist()):
            fan = trend.outlooks([state], [snapshot])[0].fan("map")
            if isinstance(fan, Fan):
                tally.add("2009 minutes", stay, now, fan)


def timings(data: Path, seed: int, trend: Trend) -> dict[str, float]:
    """Microseconds for real held-out patients, each the best of many tries: other work on the machine is not ours.

    An instant brings eight new readings to each bed: seven vital signs and a glucose.
    """
    rng = np.random.default_rng(seed)
    beds = [list(told(trend, stay, moments(stay, rng)))[-1] for stay in held_out(data, "A", seed)[:64]]
    states = [state for _, state, _ in beds]
    seen = [Seen(at.now, tuple(_measured(at, concept) for concept in (*sorted(VITALS), "glucose"))) for *_, at in beds]
    snapshots = [_heard(at, instant) for (*_, at), instant in zip(beds, seen, strict=True)]
    after = trend.encode(states, seen)
    asked, hours = Compare("map", Op.BELOW, 65), timedelta(hours=4)

    def each(ask: Callable[[int], object]) -> float:
        return float(np.median([_best(partial(ask, bed)) for bed in range(len(beds))]))

    def outlook(bed: int) -> Outlook:
        return trend.outlooks(after[bed : bed + 1], snapshots[bed : bed + 1])[0]

    def wave() -> object:
        return trend.outlooks(trend.encode(states, seen), snapshots)

    made = [outlook(bed) for bed in range(len(beds))]
    encoded = _best(lambda: trend.encode(states, seen)) / len(beds)
    return {
        "one bed: encode, µs": each(lambda bed: trend.encode(states[bed : bed + 1], seen[bed : bed + 1])),
        "one bed: outlook, µs": each(outlook),
        "wave of 64: encode and outlooks, µs per bed": _best(wave) / len(beds),
        "wave of 64: encode, µs per reading": encoded / 8,
        "one fan as a record, µs": each(lambda bed: outlook(bed).fan("hr")) - each(outlook),
        "a chance, its fan made, µs": each(lambda bed: made[bed].chance(asked, hours)),
        "one bed: rebuilt from its chart, µs": each(lambda bed: trend.rebuilt(snapshots[bed])),
    }


def _best(ask: Callable[[], object], tries: int = 100) -> float:
    taken = []
    for _ in range(tries):
        start = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - start)
    return 1e6 * min(taken)


def _measured(at: Snapshot, concept: str) -> Reading:
    (reading,) = stay_readings(concept, [0.0], [CONCEPTS[concept].normal_low or 1.0], [None])
    return replace(reading, observed_at=at.now, available_at=at.now)


def _heard(at: Snapshot, seen: Seen) -> Snapshot:
    rows = {c: tuple(r for r in row if r.observed_at < at.now) for c, row in at.readings.items()}
    return replace(at, readings=rows | {r.concept: (*rows.get(r.concept, ()), r) for r in seen.new})


def markdown(result: Mapping[str, Any]) -> str:
    lines = [
        "# Coverage of the damped trend", "", f"Made by `{result['command']}`; all of it is in `result.json`.", "",
        *(f"* {key}: {value}" for key, value in result["about"].items()), "",
        "Share of what came that lay inside the 50, 80 and 90 % band; mean width of the 90 % band; mean absolute error",
        "of the median, and of the last value.", "",
    ]  # fmt: skip
    order = {c: i for i, c in enumerate(CONCEPTS_HELD)}
    bands = sorted(result["bands"], key=lambda r: (r["source"], order[r["concept"]], r["horizon_h"]))
    for source in sorted({r["source"] for r in bands}):
        lines += [f"## Bands, {source}", "", *as_table(
            ("concept", "hours ahead", "n", "50 %", "80 %", "90 %", "width", "MAE", "last value"),
            [(r["concept"], f"{r['horizon_h']:g}", r["n"], *(f"{100 * r[b]:.0f}" for b in BANDS), r["width 90 %"],
              r["mae"], r["mae last value"]) for r in bands if r["source"] == source],
        ), ""]  # fmt: skip
    lines += ["## Chances", "", "In percent; `fifths`: how many fifths of the patients, by risk, had their frequency",
              "inside the interval (give or take two standard errors).", "", *as_table(
        ("data", "question", "within h", "n", "events", "said", "interval", "happened", "AUROC", "fifths"),
        [(r["source"], r["question"], f"{r['within_h']:g}", r["n"], r["events"], f"{100 * r['said']:.1f}",
          f"{100 * r['said low']:.1f}–{100 * r['said high']:.1f}", f"{100 * r['happened']:.1f}", r["auroc"],
          r["risk fifths inside the interval"]) for r in result["chances"]],
    )]  # fmt: skip
    return "\n".join(lines) + "\n"


def as_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure the damped trend on held-out patients.")
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--date", required=True, help="date to write in the result, YYYY-MM-DD")
    ask.add_argument("--seed", type=int, default=SEED, help="the seed of the split that the fit used")
    ask.add_argument("--out", type=Path, default=HERE)
    said = ask.parse_args()
    trend = load()
    result = {
        "command": f"python -m benchmarks.trend_coverage --data DIR --date {said.date}",
        "about": {
            "date": said.date, "seed": said.seed, "model": MODEL,
            "parameters blake2b": trend.parameters.file_hash,
            "data blake2b": hashes(said.data), "data": sorted(set(CITATIONS.values())),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "polars": pl.__version__},
            "stays": f"{STAYS} held-out stays per collection, {MOMENTS} moments each", "horizons": list(HORIZONS_H),
            "timings": {name: round(us, 1) for name, us in timings(said.data, said.seed, trend).items()},
        },
        **measure(said.data, said.seed, trend),
    }  # fmt: skip
    (said.out / "result.json").write_text(
        json.dumps(result, indent=None, ensure_ascii=False).replace("}, {", "},\n{") + "\n", "utf-8"
    )
    (said.out / "result.md").write_text(markdown(result), "utf-8")


if __name__ == "__main__":
    main()
