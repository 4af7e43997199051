"""Fit the damped trend on the open collections and write its parameter file.

    python -m forecasting.training.fit_trend --data DIR --date 2026-11-24 [--seed 20] [--out FILE]

DIR holds `challenge2019/set{A,B}.parquet` and `challenge2012/observations.parquet`. Three minutes on one core. The
numbers of `Curve` come from the patients of `fit`; the offsets and the tables of chances from those of `calibrate`.
Those `held out` are not read here: `benchmarks/trend_coverage` measures on them.

Anchors are drawn among the readings, as many from each collection. The averages at an anchor are those of the bedside:
`running.read` takes in the readings of all stays side by side, a stay a lane.
"""

import argparse
import math
import platform
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.baselines import running
from forecasting.baselines.crossing import MEDIAN
from forecasting.baselines.fans import Curve, Curves, Lead, features
from forecasting.baselines.parameters import PARAMETERS
from forecasting.baselines.running import GAP_MAX_H, LAST, LEVEL, RECENT, Array, Pace, Paces
from forecasting.moments import HOUR_US, microseconds
from forecasting.training import json_rows
from forecasting.training.collections import CITATIONS, COLLECTIONS, CONCEPTS_HELD, hashes, part, readings
from schemas.clinical.forecasts import HORIZONS_H, LEVELS
from schemas.codes.concepts import CONCEPTS
from schemas.events import Reading

Mask = NDArray[np.bool_]

SEED = 20
ANCHORS = 20_000  # per collection and part
START = datetime(2000, 1, 1, tzinfo=UTC)  # stays have no dates; they all begin here
START_US = microseconds(START)
VITALS = frozenset({"hr", "map", "sbp", "dbp", "rr", "spo2", "temp"})
ROOTS = frozenset({"lactate", "creatinine", "glucose", "platelets", "wbc", "bun"})  # skewed: changes are proportional
LEADS_VITAL = {0.25: 0.12, 0.5: 0.17, 1.0: 0.25, 2.0: 0.5, 4.0: 0.5, 6.0: 0.5, 12.0: 0.5, 24.0: 0.5, 36.0: 0.5}
LEADS_LAB = {2.0: 0.6, 4.0: 1.1, 6.0: 1.6, 12.0: 2.5, 24.0: 4.0, 36.0: 5.0, 48.0: 6.0}
"""Hours ahead, and how far from them a reading may lie to count."""
PAIRS_MIN, STAYS_MIN = 2_000, 300  # a lead with fewer is not answered for
BIN_PAIRS_MIN = 400  # for a 5 % quantile of its own
DECAYS_VITAL = ((0.2, 1.0), (0.5, 2.0), (0.5, 4.0), (1.0, 4.0), (1.0, 8.0), (2.0, 8.0), (4.0, 16.0))
DECAYS_LAB = ((1.0, 4.0), (2.0, 16.0), (4.0, 16.0), (4.0, 48.0), (10.0, 40.0), (24.0, 96.0))
"""Hours within which level and base fade, to choose from."""
MEAN_PRIORS = (1.0, 4.0, 12.0, 36.0)
TRUSTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
CHOOSING_MAX = 30_000  # anchors that the decays and the prior are chosen on
LEVEL_EDGES = (0.1, 0.3, 0.7, 0.9)

CHANCE_HOURS_VITAL, CHANCE_HOURS_LAB = (1.0, 2.0, 4.0, 6.0, 12.0), (6.0, 12.0, 24.0)
QUESTIONS: Mapping[str, Sequence[float]] = {
    "map below": (50, 55, 60, 65, 70), "sbp below": (70, 80, 90, 100), "dbp below": (35, 40, 45, 50),
    "hr above": (100, 110, 120, 130, 140), "hr below": (40, 45, 50, 55, 60), "sbp above": (140, 160, 180, 200),
    "map above": (100, 110, 120), "rr above": (20, 22, 25, 30, 35), "rr below": (8, 10, 12),
    "spo2 below": (85, 88, 90, 92, 94), "temp above": (38.0, 38.3, 38.5, 39.0), "temp below": (35.0, 35.5, 36.0),
    "lactate above": (2.0, 3.0, 4.0, 6.0), "creatinine above": (1.2, 2.0, 3.0, 4.0),
    "glucose above": (140, 180, 200, 250),
    "glucose below": (60, 70, 80), "k above": (5.0, 5.5, 6.0), "k below": (3.0, 3.5), "hb below": (7.0, 8.0, 9.0, 10.0),
    "platelets below": (50, 100, 150), "wbc above": (11.0, 12.0, 15.0, 20.0), "wbc below": (4.0,),
    "bun above": (20, 30, 40, 60), "ph_art below": (7.20, 7.25, 7.30, 7.35), "hco3 below": (15, 18, 20, 22),
}  # fmt: skip
EVENT_STAYS_MIN = 50  # patients who crossed, for a threshold to be answered for
BIN_EVENTS_MIN, BINS_MAX = 60, 10
GROUP_STAYS_MIN, GROUP_ROWS_MIN = 100, 200  # for a hospital and threshold to widen the interval
Z = 1.64  # two-sided 90 %


@dataclass(frozen=True, slots=True)
class Anchors:
    """N moments at which a concept was just read, in S stays of R readings. L leads, W horizons of chances.

    `at` and `value` (R,) are the readings, stay by stay; `first` and `count` (S,) say where each stay's lie, `reading`
    (N,) which of them the anchors are, `stay` and `collection` (N,) whose they are. `ahead` (N, L) is the reading near
    each lead or NaN. The rest serves the chances: the extremes of the readings in (t, t + W], and of the lasting
    crossings there (two successive readings).
    """

    at: NDArray[np.int64]
    value: Array
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    reading: NDArray[np.int64]
    stay: NDArray[np.int64]
    collection: NDArray[np.int64]
    ahead: Array
    low: Array
    high: Array
    low_lasting: Array
    high_lasting: Array

    @staticmethod
    def joined(many: Sequence["Anchors"]) -> "Anchors":
        readings = np.cumsum([0, *(len(a.at) for a in many)]).tolist()
        stays = np.cumsum([0, *(len(a.first) for a in many)]).tolist()
        columns = {name: np.concatenate([getattr(a, name) for a in many]) for name in Anchors.__slots__}
        columns["first"] = np.concatenate([a.first + n for a, n in zip(many, readings, strict=False)])
        columns["reading"] = np.concatenate([a.reading + n for a, n in zip(many, readings, strict=False)])
        columns["stay"] = np.concatenate([a.stay + n for a, n in zip(many, stays, strict=False)])
        return Anchors(**columns)


def stay_readings(
    concept: str, hours: Sequence[float], values: Sequence[float], methods: Sequence[str | None]
) -> tuple[Reading, ...]:
    """One stay of a collection as the bed would hold it; known when observed, which flatters laboratory values."""
    return tuple(
        Reading(encounter="fit", observed_at=at, available_at=at, concept=concept, value=value, method=method)
        for at, value, method in zip((START + timedelta(hours=h) for h in hours), values, methods, strict=True)
    )


def one_per_moment(table: pl.DataFrame) -> pl.DataFrame:
    """Of several readings of one moment the one that counts at the bedside (`forecasting.readings`)."""
    invasive = (pl.col("method") == "invasive").fill_null(False)
    table = table.sort("stay", "hour", invasive, pl.col("method").fill_null(""), "value")
    return table.unique(["stay", "hour"], keep="last", maintain_order=True)


def anchors(table: pl.DataFrame, collection: int, concept: str, most: int, rng: np.random.Generator) -> Anchors:
    """At most `most` anchors drawn evenly among the readings of `table` (columns of `collections.readings`)."""
    table = one_per_moment(table)
    leads = leads_of(concept)
    chance_hours = CHANCE_HOURS_VITAL if concept in VITALS else CHANCE_HOURS_LAB
    chosen = rng.random(table.height) < most / max(table.height, 1)
    n = int(chosen.sum())
    spans = np.array(list(_stays(table)), np.int64).reshape(-1, 2)
    hours, values = table["hour"].to_list(), table["value"].to_list()
    out = Anchors(
        at=START_US + np.rint(table["hour"].to_numpy() * HOUR_US).astype(np.int64), value=table["value"].to_numpy(),
        first=spans[:, 0], count=spans[:, 1] - spans[:, 0], reading=np.flatnonzero(chosen),
        stay=np.searchsorted(spans[:, 1], np.flatnonzero(chosen), side="right"), collection=np.full(n, collection),
        ahead=np.full((n, len(leads)), np.nan),
        **{k: np.full((n, len(chance_hours)), np.nan) for k in ("low", "high", "low_lasting", "high_lasting")},
    )  # fmt: skip
    for row, (reading, stay) in enumerate(zip(out.reading.tolist(), out.stay.tolist(), strict=True)):
        first, last = spans[stay].tolist()
        own_hours, own_values = hours[first:last], values[first:last]
        for i, (lead, within) in enumerate(leads.items()):
            out.ahead[row, i] = nearest(own_hours, own_values, hours[reading], lead, within)
        _extremes(out, row, own_hours, own_values, hours[reading], chance_hours)
    return out


def leads_of(concept: str) -> Mapping[float, float]:
    return LEADS_VITAL if concept in VITALS else LEADS_LAB


def _stays(table: pl.DataFrame) -> Iterator[tuple[int, int]]:
    lengths = table["stay"].rle().struct.field("len").to_numpy()
    ends = np.cumsum(lengths)
    return zip((ends - lengths).tolist(), ends.tolist(), strict=True)


def nearest(hours: Sequence[float], values: Sequence[float], now: float, lead: float, within: float) -> float:
    """The value read nearest to now + lead (and after now), NaN if none lies within `within` hours of it."""
    right = bisect_left(hours, now + lead)
    near = [i for i in (right - 1, right) if 0 <= i < len(hours) and hours[i] > now]
    best = min(near, key=lambda i: abs(hours[i] - now - lead), default=None)
    return values[best] if best is not None and abs(hours[best] - now - lead) <= within else math.nan


def _extremes(
    out: Anchors, row: int, hours: Sequence[float], values: Sequence[float], now: float, chance_hours: Sequence[float]
) -> None:
    first = bisect_right(hours, now)
    for i, h in enumerate(chance_hours):
        last = bisect_right(hours, now + h)
        if last > first:
            ahead = values[first:last]
            out.low[row, i], out.high[row, i] = min(ahead), max(ahead)
            pairs = list(pairwise(values[first : last + 1]))  # the next reading tells whether the last crossing lasted
            if pairs:
                out.low_lasting[row, i] = min(map(max, pairs))
                out.high_lasting[row, i] = max(map(min, pairs))


def lanes(concept: str, pace: Pace, sample: Anchors) -> Array:
    """The lane of each anchor's stay when the anchor had just been read: (WORDS, N)."""
    order = np.argsort(-sample.count, kind="stable")  # the longest stays first, so that those still going on lead
    first, count = sample.first[order], sample.count[order]
    held = np.repeat(running.EMPTY[:, None], len(first), axis=1)
    column = Paces({concept: pace}).take([0])
    found = np.empty((running.WORDS, len(sample.reading)))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    rank, lane = sample.reading - sample.first[sample.stay], place[sample.stay]
    for number in range(int(count[0])):
        going = int((count > number).sum())
        now = held[:, :going].copy()
        rows = first[:going] + number
        running.read(now, sample.at[rows], np.zeros(going, np.int64), sample.value[rows], column)
        held[:, :going] = now
        here = np.flatnonzero(rank == number)
        found[:, here] = now[:, lane[here]]
    return found


def fit_curve(concept: str, fit: Anchors, calibrate: Anchors) -> Curve:
    """The damped trend of one concept."""
    vital = concept in VITALS
    column = {lead: i for i, lead in enumerate(leads_of(concept))}
    leads = [lead for lead, i in column.items() if _supported(calibrate, i)]
    first = Pace(root=concept in ROOTS, level_h=1, base_h=1, mean_h=24 if vital else 72, usual=1, usual_root=0)
    ahead, newest = _scaled(concept, first, fit.ahead), _scaled(concept, first, fit.value[fit.reading])
    moved = {lead: float(np.nanmean(np.abs(ahead[:, column[lead]] - newest))) for lead in leads}
    usual, usual_root = _usual([lead for lead in leads if lead <= GAP_MAX_H], moved)
    population = _round(np.median(newest))

    some = slice(None, None, max(1, len(fit.reading) // CHOOSING_MAX))

    def loss(held: Array, prior: float) -> float:
        steps, level = features(held, population, prior), held[LEVEL]
        bins = np.searchsorted(np.quantile(level, LEVEL_EDGES), level)
        total = 0.0
        for lead in leads:
            left = ahead[some, column[lead]] - held[LAST]
            left -= np.array(_weights(steps, left)) @ steps[:3]
            total += _offsets(left, 1.0 + steps[3], bins, len(LEVEL_EDGES) + 1)[2] / moved[lead]
        return total

    tries = []
    for level_h, base_h in DECAYS_VITAL if vital else DECAYS_LAB:
        pace = replace(first, level_h=level_h, base_h=base_h, usual=usual, usual_root=usual_root)
        held = lanes(concept, pace, fit)[:, some]
        tries += [(loss(held, prior), pace, prior) for prior in MEAN_PRIORS]
    _, pace, prior = min(tries, key=lambda tried: tried[0])

    held, seen = lanes(concept, pace, fit), lanes(concept, pace, calibrate)
    steps, left_steps = features(held, population, prior), features(seen, population, prior)
    to_come = _scaled(concept, pace, calibrate.ahead)
    bins = np.searchsorted(np.quantile(seen[LEVEL], LEVEL_EDGES), seen[LEVEL])
    knots = tuple(_round(np.median(seen[LEVEL][bins == b])) for b in range(len(LEVEL_EDGES) + 1))
    fitted = []
    for lead in leads:
        weights = _weights(steps, ahead[:, column[lead]] - held[LAST])
        left = to_come[:, column[lead]] - seen[LAST] - np.array(weights) @ left_steps[:3]
        trust, offsets, _ = _offsets(left, 1.0 + left_steps[3], bins, len(knots))
        fitted.append(Lead(hours=lead, weights=weights, trust=trust, offsets=offsets))
    return Curve(pace=pace, mean_prior=prior, population=population, knots=knots, leads=tuple(fitted))


def _scaled(concept: str, pace: Pace, values: Array) -> Array:
    """Values of any shape, NaN among them, in the scale of the model."""
    return running.scaled(values.ravel(), Paces({concept: pace}).take([0])).reshape(values.shape)


def _usual(leads: Sequence[float], moved: Mapping[float, float]) -> tuple[float, float]:
    """Usual change over a gap: a constant (noise) and a part that grows with its root (a walk)."""
    root, constant = np.polyfit(np.sqrt(leads), [moved[lead] for lead in leads], 1)
    if constant < 0:
        constant, root = 0.0, float(np.mean([moved[lead] / math.sqrt(lead) for lead in leads]))
    return _round(constant), _round(root)


def _supported(sample: Anchors, column: int) -> bool:
    there = np.isfinite(sample.ahead[:, column])
    return bool(there.sum() >= PAIRS_MIN and len(np.unique(sample.stay[there])) >= STAYS_MIN)


def _weights(steps: Array, moved: Array) -> tuple[float, float, float]:
    """Weights of level, base and mean with the least absolute error at one lead (by reweighted least squares)."""
    there = np.isfinite(moved)
    x, y = steps[:3, there].T, moved[there]
    small = 0.05 * np.mean(np.abs(y)) + 1e-9
    ridge = 1e-6 * np.mean(x * x) * len(y) / small * np.eye(3)
    beta: NDArray[Any] = np.zeros(3)
    for _ in range(8):
        w = 1 / np.maximum(np.abs(y - x @ beta), small)
        beta = np.linalg.solve((x * w[:, None]).T @ x + ridge, (x * w[:, None]).T @ y)
    level, base, mean = (_round(weight) for weight in beta)
    return level, base, mean


def _offsets(
    left: Array, wobble: Array, bins: NDArray[np.int64], count: int
) -> tuple[float, tuple[tuple[float, ...], ...], float]:
    """How much of the wobble to trust, the residual quantiles by level, and the quantile loss that they leave."""
    there = np.isfinite(left)
    left, wobble, bins = left[there], wobble[there], bins[there]

    def loss(trust: float) -> float:
        stretch = 1.0 + trust * (wobble - 1.0)
        return sum(pinball(left - stretch * np.quantile(left / stretch, q), q) for q in LEVELS)

    trust = min(TRUSTS, key=loss)
    stretch = 1.0 + trust * (wobble - 1.0)
    bare: Array = np.asarray(left / stretch)
    own = [bare[bins == b] for b in range(count)]
    rows = np.array([np.quantile(some if len(some) >= BIN_PAIRS_MIN else bare, LEVELS) for some in own])
    left_over = sum(pinball(left - stretch * rows[bins, i], q) for i, q in enumerate(LEVELS))
    return trust, tuple(tuple(map(_round, row)) for row in rows), left_over


def pinball(error: Array, level: float) -> float:
    return float(np.mean(np.maximum(level * error, (level - 1) * error)))


def fit_table(
    concept: str, direction: str, thresholds: Sequence[float], curve: Curve, sample: Anchors
) -> dict[str, Any]:
    """The tables of `crossing.Table` for one concept and direction, from hourly charted patients."""
    about = CONCEPTS[concept]
    above = direction == "above"
    hours = CHANCE_HOURS_VITAL if concept in VITALS else CHANCE_HOURS_LAB
    if curve.leads[0].hours > hours[0]:
        raise ValueError(f"too few readings of {concept} to fit its shortest leads")
    held = lanes(concept, curve.pace, sample)
    fans = Curves({concept: curve}).quantiles(
        np.zeros(len(sample.reading), np.intp), held, np.zeros(len(sample.reading), np.int64)
    )
    fans /= 10.0 ** (about.decimals + 1)
    recent_low, recent_high = held[RECENT].reshape(2, running.HOURS_KEPT, -1).min(axis=1) * np.array([[1], [-1]])
    half = 0.5 * 10**-about.decimals
    edges = [t + half if above else t - half for t in thresholds]
    now = sample.value[sample.reading]
    table: dict[str, Any] = {"hours": list(hours), "clear": [], "recent": []}
    for i, hour in enumerate(hours):
        reached = [k for k, h in enumerate(HORIZONS_H) if curve.leads[0].hours <= h <= hour]
        measured = np.isfinite(sample.low[:, i])
        for name in ("clear", "recent"):
            parts = []
            for edge in edges:
                if above:
                    true_now, crossed_before = now > edge, recent_high > edge
                    event, lasting = sample.high[:, i] > edge, sample.high_lasting[:, i] > edge
                else:
                    true_now, crossed_before = now < edge, recent_low < edge
                    event, lasting = sample.low[:, i] < edge, sample.low_lasting[:, i] < edge
                rows = np.flatnonzero(measured & ~true_now & (crossed_before == (name == "recent")))
                away = np.min([_distance(fans[rows, k], edge, about.decimals, above) for k in reached], axis=0)
                parts.append((edge, away, event[rows], lasting[rows], sample.stay[rows], sample.collection[rows]))
            table[name].append(_scale(parts))
    return table


def _distance(fan: Array, edge: float, decimals: int, above: bool) -> Array:
    tail = fan[:, -1] if above else fan[:, 0]
    middle = fan[:, MEDIAN]
    away = edge - middle if above else middle - edge
    return np.asarray(away / np.maximum(np.abs(tail - middle), 10.0 ** -(decimals + 1)))


def _scale(
    parts: Sequence[tuple[float, Array, Mask, Mask, NDArray[np.int64], NDArray[np.int64]]],
) -> dict[str, Any] | None:
    """One `crossing.Scale`: bins of distance with equally many events, all thresholds with enough events together."""
    parts = [p for p in parts if len(np.unique(p[4][p[2]])) >= EVENT_STAYS_MIN]
    if not parts:
        return None
    away, event, lasting, stays, source = (np.concatenate([p[k] for p in parts]) for k in range(1, 6))
    line = np.concatenate([np.full(len(p[1]), p[0]) for p in parts])
    bins = int(min(BINS_MAX, event.sum() // BIN_EVENTS_MIN))
    tail = (0.97,) if bins == BINS_MAX else ()
    inner = np.unique(np.quantile(away[event], [*np.linspace(0, 1, bins + 1)[1:-1], *tail]))
    which = np.searchsorted(inner, away)
    columns: dict[str, list[float]] = {k: [] for k in ("distance", "p", "low", "high", "lasting")}
    for b in range(len(inner) + 1):
        own = which == b
        groups = [own & (line == x) & (source == c) for x in np.unique(line) for c in np.unique(source)]
        groups = [g for g in groups if g.sum() >= GROUP_ROWS_MIN and len(np.unique(stays[g])) >= GROUP_STAYS_MIN]
        low, high = _wilson(event[own].mean(), len(np.unique(stays[own])))
        stay_low, _ = _wilson(lasting[own].mean(), len(np.unique(stays[own])))
        columns["distance"].append(float(np.median(away[own])))
        columns["p"].append(float(event[own].mean()))
        columns["low"].append(min([low, *(event[g].mean() for g in groups)]))
        columns["high"].append(max([high, *(event[g].mean() for g in groups)]))
        columns["lasting"].append(min([stay_low, *(lasting[g].mean() for g in groups)]))
    for k in ("p", "low", "high", "lasting"):  # farther is never likelier
        columns[k] = np.minimum.accumulate(columns[k]).tolist()
    lines = sorted(p[0] for p in parts)
    return {"threshold_low": lines[0], "threshold_high": lines[-1]} | {
        k: [_round(x) for x in v] for k, v in columns.items()
    }


def _wilson(p: float, n: int) -> tuple[float, float]:
    """Interval of a frequency among n patients (hours of one patient are not independent, so patients are counted)."""
    centre, spread = (p + Z * Z / (2 * n)), Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return float((centre - spread) / (1 + Z * Z / n)), float((centre + spread) / (1 + Z * Z / n))


def _round(x: float | np.floating[Any]) -> float:
    """Five significant digits: what is committed is what is used."""
    return float(f"{float(x):.5g}")


def split_tables(data: Path, concept: str, seed: int) -> dict[tuple[str, str], pl.DataFrame]:
    """The readings of a concept by (collection, part); the held-out part is never returned."""
    found = {}
    for collection in COLLECTIONS:
        table = readings(data, collection, concept)
        stays = table["stay"].unique(maintain_order=True).to_list()
        parts = pl.DataFrame({"stay": stays, "part": [part(collection, s, seed) for s in stays]},
                             schema={"stay": pl.String, "part": pl.String})  # fmt: skip
        table = table.join(parts, on="stay", how="left", maintain_order="left")
        for name in ("fit", "calibrate"):
            found[collection, name] = table.filter(pl.col("part") == name)
    return found


def fit(data: Path, seed: int, date: str) -> dict[str, Any]:
    """Everything that `trend_parameters.json` holds."""
    curves: dict[str, Any] = {}
    odds: dict[str, Any] = {}
    pairs: dict[str, Any] = {}
    for number, concept in enumerate(CONCEPTS_HELD):
        rng = np.random.default_rng([seed, number])
        drawn = {
            key: anchors(table, COLLECTIONS.index(key[0]), concept, ANCHORS, rng)
            for key, table in split_tables(data, concept, seed).items()
        }
        by_part = {
            name: Anchors.joined([a for (_, p), a in drawn.items() if p == name]) for name in ("fit", "calibrate")
        }
        curve = fit_curve(concept, **by_part)
        curves[concept] = asdict(curve)
        hourly = Anchors.joined([drawn["A", "calibrate"], drawn["B", "calibrate"]])
        for question, thresholds in QUESTIONS.items():
            if question.split()[0] == concept:
                odds[question] = fit_table(concept, question.split()[1], thresholds, curve, hourly)
        pairs[concept] = {
            f"{lead:g} h": int(np.isfinite(by_part["calibrate"].ahead[:, i]).sum())
            for i, lead in enumerate(leads_of(concept))
        }
        pace, leads = curve.pace, [lead.hours for lead in curve.leads]
        said = f"level {pace.level_h} h, base {pace.base_h} h, prior {curve.mean_prior}"
        print(concept, said, leads, file=sys.stderr, flush=True)
    manifest = {
        "what": "damped trend, version 2",
        "made_by": "python -m forecasting.training.fit_trend",
        "date": date,
        "seed": seed,
        "split": "by patient: 40 % fit, 30 % calibrate, 30 % held out (forecasting.training.collections.part)",
        "data_blake2b": hashes(data),
        "data_licence_and_citation": dict(CITATIONS),
        "calibration_pairs": pairs,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "polars": pl.__version__},
    }
    return {"manifest": manifest, "curves": curves, "odds": odds}


def main() -> None:
    ask = argparse.ArgumentParser(description="Fit the damped trend and write its parameter file.")
    ask.add_argument("--data", type=Path, required=True, help="folder with challenge2019 and challenge2012")
    ask.add_argument("--date", required=True, help="date to write in the manifest, YYYY-MM-DD")
    ask.add_argument("--seed", type=int, default=SEED)
    ask.add_argument("--out", type=Path, default=PARAMETERS)
    said = ask.parse_args()
    said.out.write_text(json_rows.dumps(fit(said.data, said.seed, said.date)), encoding="utf-8")


if __name__ == "__main__":
    main()
