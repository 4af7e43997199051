"""Fit the damped trend on the open collections and write its parameter file.

    python -m forecasting.training.fit_trend --data DIR --date 2026-11-22 [--seed 20] [--out FILE]

DIR holds `challenge2019/set{A,B}.parquet` and `challenge2012/observations.parquet`. About ten minutes on one core. The
numbers of `Curve` come from the patients of `fit`; the offsets and the tables of chances from those of `calibrate`.
Those `held out` are not read here: `benchmarks/trend_coverage` measures on them.

Anchors are drawn among the readings, as many from each collection, and see exactly what the bedside sees: `ladder` is
called with the whole stay and the anchor's time.
"""

import argparse
import json
import math
import platform
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.baselines.crossing import MEDIAN, RECENT
from forecasting.baselines.lags import RUNGS_MAX, ladder
from forecasting.baselines.trend import GAP_MAX_H, GAP_MIN_H, PARAMETERS, ROUGH_MAX, SLOW, Curve, Lead
from forecasting.training.collections import CITATIONS, COLLECTIONS, CONCEPTS_HELD, hashes, part, readings
from schemas.clinical.forecasts import HORIZONS_H, LEVELS
from schemas.codes.concepts import CONCEPTS
from schemas.events import Quality, Reading, Source, Status

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SEED = 20
ANCHORS = 20_000  # per collection and part
START = datetime(2000, 1, 1, tzinfo=UTC)  # stays have no dates; they all begin here
VITALS = frozenset({"hr", "map", "sbp", "dbp", "rr", "spo2", "temp"})
LOGS = frozenset({"lactate", "creatinine", "glucose", "platelets", "wbc", "bun"})  # skewed: changes are proportional
LEADS_VITAL = {0.25: 0.12, 0.5: 0.17, 1.0: 0.25, 2.0: 0.5, 4.0: 0.5, 6.0: 0.5, 12.0: 0.5, 24.0: 0.5, 36.0: 0.5}
LEADS_LAB = {2.0: 0.6, 4.0: 1.1, 6.0: 1.6, 12.0: 2.5, 24.0: 4.0, 36.0: 5.0, 48.0: 6.0}
"""Hours ahead, and how far from them a reading may lie to count."""
PAIRS_MIN, STAYS_MIN = 2_000, 300  # a lead with fewer is not answered for
BIN_PAIRS_MIN = 400  # for a 5 % quantile of its own
DECAYS_VITAL, DECAYS_LAB = (0.2, 0.5, 1.0, 2.0, 4.0), (1.0, 4.0, 10.0, 24.0)
MEAN_PRIORS = (1.0, 4.0, 12.0)
GAMMAS = (0.0, 0.25, 0.5, 0.75, 1.0)
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
BIN_EVENTS_MIN = 60
GROUP_STAYS_MIN, GROUP_ROWS_MIN = 100, 200  # for a hospital and threshold to widen the interval
Z = 1.64  # two-sided 90 %


@dataclass(frozen=True, slots=True)
class Anchors:
    """N moments at which a concept was just read. R rungs, L leads, W horizons of chances.

    `ages`, `values` (N, R) are NaN past the last rung, values in the unit of the concept; `ahead` (N, L) is the reading
    near each lead or NaN. The rest serves the chances: the extremes of the readings in (t, t + W], and of the lasting
    crossings there (two successive readings), and of the last three hours before t.
    """

    stays: NDArray[np.int64]
    collection: NDArray[np.int64]
    ages: Array
    values: Array
    ahead: Array
    low: Array
    high: Array
    low_lasting: Array
    high_lasting: Array
    past_low: Array
    past_high: Array

    def __getitem__(self, rows: Any) -> "Anchors":
        return Anchors(*(getattr(self, name)[rows] for name in self.__slots__))

    @staticmethod
    def joined(many: Sequence["Anchors"]) -> "Anchors":
        return Anchors(*(np.concatenate([getattr(a, name) for a in many]) for name in Anchors.__slots__))


def stay_readings(
    concept: str, hours: Sequence[float], values: Sequence[float], methods: Sequence[str | None]
) -> tuple[Reading, ...]:
    """One stay of a collection as the bed would hold it; known when observed, which flatters laboratory values."""
    return tuple(
        Reading(
            encounter="fit", observed_at=at, available_at=at, concept=concept, value=value, code=None,
            source=Source.MANUAL, method=method, status=Status.FINAL, quality=Quality.OK, reason=None,
            original_value=None, original_unit=None,
        )
        for at, value, method in zip((START + timedelta(hours=h) for h in hours), values, methods, strict=True)
    )  # fmt: skip


def anchors(
    table: pl.DataFrame, collection: int, concept: str, span_h: float, most: int, rng: np.random.Generator
) -> Anchors:
    """At most `most` anchors drawn evenly among the readings of `table` (columns of `collections.readings`)."""
    leads = leads_of(concept)
    chance_hours = CHANCE_HOURS_VITAL if concept in VITALS else CHANCE_HOURS_LAB
    chosen = rng.random(table.height) < most / max(table.height, 1)
    n = int(chosen.sum())
    out = Anchors(
        stays=np.zeros(n, np.int64), collection=np.full(n, collection), ages=np.full((n, RUNGS_MAX), np.nan),
        values=np.full((n, RUNGS_MAX), np.nan), ahead=np.full((n, len(leads)), np.nan),
        **{k: np.full((n, len(chance_hours)), np.nan) for k in ("low", "high", "low_lasting", "high_lasting")},
        past_low=np.full(n, np.nan), past_high=np.full(n, np.nan),
    )  # fmt: skip
    all_hours, all_values, all_methods = (table[name].to_list() for name in ("hour", "value", "method"))
    at = 0
    for number, (first, last) in enumerate(_stays(table)):
        picks = np.flatnonzero(chosen[first:last])
        if not len(picks):
            continue
        hours, values = all_hours[first:last], all_values[first:last]
        held = stay_readings(concept, hours, values, all_methods[first:last])
        for pick in picks:
            now = held[pick].observed_at
            rungs = ladder(held, now, timedelta(hours=span_h))
            out.stays[at] = number
            out.ages[at, : len(rungs)] = [(now - r.observed_at).total_seconds() / 3600 for r in rungs]
            out.values[at, : len(rungs)] = [r.value for r in rungs]
            for i, (lead, within) in enumerate(leads.items()):
                out.ahead[at, i] = nearest(hours, values, hours[pick], lead, within)
            _extremes(out, at, hours, values, hours[pick], chance_hours)
            at += 1
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
    past = values[bisect_left(hours, now - RECENT.total_seconds() / 3600) : first]
    out.past_low[row], out.past_high[row] = min(past), max(past)


@dataclass(frozen=True, slots=True)
class States:
    """`trend.State` for N anchors at once."""

    level: Array
    slope: Array
    mean: Array
    wobble: Array


def states(curve: Curve, ages: Array, values: Array) -> States:
    """`Curve.state`, vectorised: ages and values (N, R), NaN past the last rung."""
    y = np.log(values) if curve.log else values
    seen = np.isfinite(y)
    y, age = np.where(seen, y, 0.0), np.where(seen, ages, 0.0)

    def weighed(decay_h: float, what: Array) -> Array:
        return np.asarray((np.where(seen, np.exp(-age / decay_h), 0.0) * what).sum(axis=1))

    fast_h, slow_h, long_h = curve.decay_h, SLOW * curve.decay_h, curve.mean_decay_h
    one = np.ones_like(y)
    fast, slow, long = weighed(fast_h, one), weighed(slow_h, one), weighed(long_h, one)
    level = weighed(fast_h, y) / fast
    base = weighed(slow_h, age) / slow - weighed(fast_h, age) / fast + curve.slope_guard_h
    usual = curve.rough * np.clip(np.diff(age, axis=1), GAP_MIN_H, GAP_MAX_H) ** curve.rough_power
    jump = np.minimum(np.abs(np.diff(y, axis=1)) / usual, ROUGH_MAX)
    w = np.where(seen[:, 1:], np.exp(-age[:, 1:] / long_h), 0.0)
    prior = curve.wobble_prior
    return States(
        level=level,
        slope=(level - weighed(slow_h, y) / slow) / base,
        mean=(weighed(long_h, y) + curve.mean_prior * curve.population) / (long + curve.mean_prior),
        wobble=(prior + (w * jump).sum(axis=1)) / (prior + w.sum(axis=1)),
    )


def quantiles(curve: Curve, s: States, lead: Lead) -> Array:
    """`Bands.quantiles` at a fitted lead, for N anchors: (N, levels), in the model's scale."""
    centre = s.level + lead.carry * s.slope + lead.pull * (s.mean - s.level)
    rows = np.array(lead.offsets)
    offset = np.stack([np.interp(s.level, curve.knots, rows[:, j]) for j in range(len(LEVELS))], axis=1)
    return np.asarray(centre[:, None] + (s.wobble**lead.gamma)[:, None] * offset)


def fit_curve(concept: str, fit: Anchors, calibrate: Anchors) -> Curve:
    """The damped trend of one concept."""
    vital, log = concept in VITALS, concept in LOGS
    scale: Callable[[Array], Array] = np.log if log else lambda x: x
    newest = scale(fit.values[:, 0])
    leads = [lead for i, lead in enumerate(leads_of(concept)) if _supported(calibrate, i)]
    column = {lead: i for i, lead in enumerate(leads_of(concept))}
    moved = {lead: np.nanmean(np.abs(scale(fit.ahead[:, column[lead]]) - newest)) for lead in leads}
    short = [lead for lead in leads if lead <= GAP_MAX_H]
    power, rough = np.polyfit(np.log(short), np.log([moved[lead] for lead in short]), 1)
    first = Curve(
        log=log,
        decay_h=0.0,
        mean_decay_h=24.0 if vital else 72.0,
        mean_prior=0.0,
        population=_round(np.median(newest)),
        slope_guard_h=1.0 if vital else 6.0,
        wobble_prior=2.0,
        rough=_round(np.exp(rough)),
        rough_power=_round(power),
        knots=(),
        leads=(),
    )
    tries = [
        replace(first, decay_h=decay, mean_prior=prior)
        for decay in (DECAYS_VITAL if vital else DECAYS_LAB)
        for prior in MEAN_PRIORS
    ]
    some = fit[:: max(1, len(fit.stays) // 60_000)]

    def loss(curve: Curve) -> float:
        s = states(curve, some.ages, some.values)
        return float(sum(_damping(s, scale(some.ahead[:, column[lead]]))[2] / moved[lead] for lead in leads))

    curve = min(tries, key=loss)
    s, c = states(curve, fit.ages, fit.values), states(curve, calibrate.ages, calibrate.values)
    bins = np.searchsorted(np.quantile(c.level, LEVEL_EDGES), c.level)
    knots = tuple(_round(np.median(c.level[bins == b])) for b in range(len(LEVEL_EDGES) + 1))
    fitted = []
    for lead in leads:
        carry, pull, _ = _damping(s, scale(fit.ahead[:, column[lead]]))
        left = scale(calibrate.ahead[:, column[lead]]) - (c.level + carry * c.slope + pull * (c.mean - c.level))
        gamma, offsets = _offsets(left, c.wobble, bins, len(knots))
        fitted.append(Lead(hours=lead, carry=carry, pull=pull, gamma=gamma, offsets=offsets))
    return replace(curve, knots=knots, leads=tuple(fitted))


def _supported(sample: Anchors, column: int) -> bool:
    there = np.isfinite(sample.ahead[:, column])
    stays = sample.stays[there] * len(COLLECTIONS) + sample.collection[there]
    return bool(there.sum() >= PAIRS_MIN and len(np.unique(stays)) >= STAYS_MIN)


def _damping(s: States, ahead: Array) -> tuple[float, float, float]:
    """Least absolute error of carry and pull at one lead (reweighted least squares), and that error."""
    there = np.isfinite(ahead)
    x = np.stack([s.slope[there], (s.mean - s.level)[there]], axis=1)
    y = (ahead - s.level)[there]
    small = 0.05 * np.mean(np.abs(y)) + 1e-9
    beta: NDArray[Any] = np.zeros(2)
    for _ in range(8):
        w = 1 / np.maximum(np.abs(y - x @ beta), small)
        beta = np.linalg.solve((x * w[:, None]).T @ x + 1e-9 * np.eye(2), (x * w[:, None]).T @ y)
    carry, pull = _round(max(0.0, beta[0])), _round(min(max(0.0, beta[1]), 1.0))
    return carry, pull, float(np.mean(np.abs(y - x @ np.array([carry, pull]))))


def _offsets(
    left: Array, wobble: Array, bins: NDArray[np.int64], count: int
) -> tuple[float, tuple[tuple[float, ...], ...]]:
    """How much of the wobble to believe, and the residual quantiles by level."""
    there = np.isfinite(left)
    left, wobble, bins = left[there], wobble[there], bins[there]

    def loss(gamma: float) -> float:
        scaled, stretch = left / wobble**gamma, wobble**gamma
        return sum(pinball(left - stretch * np.quantile(scaled, q), q) for q in LEVELS)

    gamma = min(GAMMAS, key=loss)
    scaled: Array = np.asarray(left / wobble**gamma)
    rows = []
    for b in range(count):
        own = scaled[bins == b]
        rows.append(tuple(_round(q) for q in np.quantile(own if len(own) >= BIN_PAIRS_MIN else scaled, LEVELS)))
    return gamma, tuple(rows)


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
    s = states(curve, sample.ages, sample.values)
    half = 0.5 * 10**-about.decimals
    edges = [t + half if above else t - half for t in thresholds]
    now = sample.values[:, 0]
    table: dict[str, Any] = {"hours": list(hours), "clear": [], "recent": []}
    for i, hour in enumerate(hours):
        fans = [
            np.clip(np.exp(q) if curve.log else q, about.hard_low, about.hard_high).round(about.decimals + 1)
            for lead in curve.leads
            if lead.hours in HORIZONS_H and lead.hours <= hour
            for q in [quantiles(curve, s, lead)]
        ]
        measured = np.isfinite(sample.low[:, i])
        for name in ("clear", "recent"):
            parts = []
            for edge in edges:
                if above:
                    true_now, crossed_before = now > edge, sample.past_high > edge
                    event, lasting = sample.high[:, i] > edge, sample.high_lasting[:, i] > edge
                else:
                    true_now, crossed_before = now < edge, sample.past_low < edge
                    event, lasting = sample.low[:, i] < edge, sample.low_lasting[:, i] < edge
                rows = np.flatnonzero(measured & ~true_now & (crossed_before == (name == "recent")))
                away = np.min([_distance(fan[rows], edge, about.decimals, above) for fan in fans], axis=0)
                stays = sample.stays[rows] * len(COLLECTIONS) + sample.collection[rows]
                parts.append((edge, away, event[rows], lasting[rows], stays, sample.collection[rows]))
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
    bins = int(min(10, event.sum() // BIN_EVENTS_MIN))
    inner = np.unique(np.quantile(away[event], [*np.linspace(0, 1, bins + 1)[1:-1], *((0.97,) if bins == 10 else ())]))
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
        span_h = 24.0 if concept in VITALS else 72.0
        drawn = {
            key: anchors(table, COLLECTIONS.index(key[0]), concept, span_h, ANCHORS, rng)
            for key, table in split_tables(data, concept, seed).items()
        }
        by_part = {
            name: Anchors.joined([a for (_, p), a in drawn.items() if p == name]) for name in ("fit", "calibrate")
        }
        curve = fit_curve(concept, **by_part)
        curves[concept] = _plain(curve)
        hourly = Anchors.joined([drawn["A", "calibrate"], drawn["B", "calibrate"]])
        for question, thresholds in QUESTIONS.items():
            if question.split()[0] == concept:
                odds[question] = fit_table(concept, question.split()[1], thresholds, curve, hourly)
        pairs[concept] = {
            f"{lead:g} h": int(np.isfinite(by_part["calibrate"].ahead[:, i]).sum())
            for i, lead in enumerate(leads_of(concept))
        }
        print(concept, f"decay {curve.decay_h} h, prior {curve.mean_prior}", [lead.hours for lead in curve.leads],
              file=sys.stderr, flush=True)  # fmt: skip
    manifest = {
        "what": "damped trend, version 1",
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


def _plain(curve: Curve) -> dict[str, Any]:
    fields = {name: getattr(curve, name) for name in Curve.__slots__}
    return fields | {"leads": [{name: getattr(lead, name) for name in Lead.__slots__} for lead in curve.leads]}


def dump(fitted: Mapping[str, Any]) -> str:
    """One line per lead or scale, so that a refit is a readable diff."""
    text = json.dumps(fitted, indent=1, ensure_ascii=False)
    lines: list[str] = []
    depth_kept = 4
    for line in text.split("\n"):
        inside = len(line) - len(line.lstrip(" "))
        if inside > depth_kept and lines:
            lines[-1] += (" " if lines[-1].endswith(",") else "") + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> None:
    ask = argparse.ArgumentParser(description="Fit the damped trend and write its parameter file.")
    ask.add_argument("--data", type=Path, required=True, help="folder with challenge2019 and challenge2012")
    ask.add_argument("--date", required=True, help="date to write in the manifest, YYYY-MM-DD")
    ask.add_argument("--seed", type=int, default=SEED)
    ask.add_argument("--out", type=Path, default=PARAMETERS)
    said = ask.parse_args()
    said.out.write_text(dump(fit(said.data, said.seed, said.date)), encoding="utf-8")


if __name__ == "__main__":
    main()
