"""Version 1 of the trend (from at most 24 readings, anew each time) and version 2 (by state), pair by pair.

    python -m benchmarks.trend_coverage.against --data DIR --date 2026-11-24

Version 1 is taken from the history of this repository (COMMIT) and imported under another name, so that both answer at
the same moments of the same held-out stays in one process. Writes `against.json` and `against.md` beside this file:
by collection, concept and horizon the mean quantile loss of both, their difference with its standard error over
patients (bootstrap), and how much the bands held; by collection the same of the chances. Ten minutes on one core.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.trend_coverage.__main__ import (
    BANDS,
    HERE,
    Stay,
    as_table,
    auroc,
    came,
    crossed,
    held_out,
    inside,
    interval,
    minute_stays,
    moments,
    questions,
    told,
)
from forecasting.baselines.trend import Trend, load
from forecasting.training.collections import COLLECTIONS, hashes
from forecasting.training.fit_trend import SEED
from schemas.clinical.forecasts import LEVELS, Fan, Odds
from schemas.conditions import AnyOf, Compare

COMMIT = "b6cbeeb"
MODULES = ("__init__.py", "lags.py", "crossing.py", "trend.py", "trend_parameters.json")
ROUNDS = 300  # of the bootstrap
PAIRS_MIN = 300  # for a difference to be judged


class Pairs(NamedTuple):
    """What came, and what both versions had said: of each pair its stay, what came, and both rows of quantiles."""

    bands: dict[tuple[str, str, float], list[tuple[int, float, tuple[float, ...], tuple[float, ...]]]]
    chances: dict[str, list[tuple[int, bool, float, float]]]


def version_1(folder: Path) -> Any:
    """The forecaster of version 1, as it was committed."""
    package = folder / "version_1"
    package.mkdir()
    for name in MODULES:
        shown = subprocess.run(
            ["git", "show", f"{COMMIT}:forecasting/baselines/{name}"], cwd=HERE, capture_output=True, check=True
        )
        text = shown.stdout.decode().replace("from forecasting.baselines", "from version_1")
        (package / name).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return importlib.import_module("version_1.trend").load()


def compared(data: Path, seed: int, old: Any, new: Trend) -> Pairs:
    pairs = Pairs(defaultdict(list), defaultdict(list))
    for collection in COLLECTIONS:
        rng = np.random.default_rng([seed, 2, COLLECTIONS.index(collection)])
        for number, stay in enumerate(held_out(data, collection, seed)):
            _asked(pairs, collection, number, stay, moments(stay, rng), (old, new))
        print(collection, "done", file=sys.stderr, flush=True)
    for number, stay in enumerate(minute_stays(data)):
        _asked(pairs, "2009 minutes", number, stay, np.arange(1.0, 10.9, 0.5).tolist(), (old, new))
    return pairs


def _asked(pairs: Pairs, source: str, number: int, stay: Stay, nows: list[float], models: tuple[Any, Trend]) -> None:
    old, new = models
    for now, state, snapshot in told(new, stay, nows):
        before, (after,) = old.outlook(snapshot), new.outlooks([state], [snapshot])
        for concept in stay.arrays:
            fans = before.fan(concept), after.fan(concept)
            if not isinstance(fans[0], Fan) or not isinstance(fans[1], Fan):
                continue
            for horizon, *rows in zip(fans[0].horizons_h, fans[0].quantiles, fans[1].quantiles, strict=True):
                value = came(stay, concept, now, horizon)
                if value is not None:
                    pairs.bands[source, concept, horizon].append((number, value, rows[0], rows[1]))
        for _, condition, withins in questions():
            parts = condition.parts if isinstance(condition, AnyOf) else (condition,)
            if not all(isinstance(part, Compare) and part.quantity in stay.arrays for part in parts):
                continue
            for within in withins:
                odds = [outlook.chance(condition, timedelta(hours=within)) for outlook in (before, after)]
                happened = crossed(stay, condition, now, within)
                if isinstance(odds[0], Odds) and isinstance(odds[1], Odds) and happened is not None:
                    pairs.chances[source].append((number, happened, odds[0].probability, odds[1].probability))


def _loss(rows: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Quantile loss of each pair, mean over the levels."""
    levels, error = np.array(LEVELS), came[:, None] - rows
    return np.asarray(np.maximum(levels * error, (levels - 1) * error).mean(axis=1))


def _spread(stays: np.ndarray, difference: np.ndarray, seed: int) -> float:
    """Standard error of a mean over pairs, patients drawn anew."""
    _, who = np.unique(stays, return_inverse=True)
    sums, counts = np.bincount(who, difference), np.bincount(who)
    draws = np.random.default_rng(seed).integers(0, len(sums), (ROUNDS, len(sums)))
    return float(np.std(sums[draws].sum(axis=1) / counts[draws].sum(axis=1)))


def band_rows(pairs: Pairs, seed: int) -> Iterator[dict[str, Any]]:
    for (source, concept, horizon), rows in sorted(pairs.bands.items()):
        stays, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
        old, new = np.array([r[2] for r in rows]), np.array([r[3] for r in rows])
        low, high = interval(concept, y)
        losses = _loss(old, y), _loss(new, y)
        mean = float(losses[0].mean())
        held = [[float(inside(low, high, q[:, LEVELS.index(a)], q[:, LEVELS.index(b)]).mean()) for q in (old, new)]
                for a, b in BANDS.values()]  # fmt: skip
        yield {
            "source": source, "concept": concept, "horizon_h": horizon, "n": len(y),
            "pinball 1": round(mean, 4), "pinball 2": round(float(losses[1].mean()), 4),
            "difference %": round(100 * (float(losses[1].mean()) / mean - 1), 2),
            "standard error %": round(100 * _spread(stays, losses[1] - losses[0], seed) / mean, 2),
            **{f"{name} held, 1 and 2": [round(x, 3) for x in both] for name, both in zip(BANDS, held, strict=True)},
        }  # fmt: skip


def chance_rows(pairs: Pairs, seed: int) -> Iterator[dict[str, Any]]:
    for source, rows in sorted(pairs.chances.items()):
        stays, y, old, new = (np.array(column, float) for column in zip(*rows, strict=True))
        losses = (old - y) ** 2, (new - y) ** 2
        mean = float(losses[0].mean())
        yield {
            "source": source, "n": len(y), "said 1": round(float(old.mean()), 4), "said 2": round(float(new.mean()), 4),
            "happened": round(float(y.mean()), 4), "auroc 1": auroc(old, y), "auroc 2": auroc(new, y),
            "brier 1": round(mean, 5), "difference %": round(100 * (float(losses[1].mean()) / mean - 1), 2),
            "standard error %": round(100 * _spread(stays, losses[1] - losses[0], seed) / mean, 2),
        }  # fmt: skip


def markdown(result: Mapping[str, Any]) -> str:
    judged = [r for r in result["bands"] if r["n"] >= PAIRS_MIN]
    worse = [r for r in judged if r["difference %"] > 2 * r["standard error %"]]
    better = [r for r in judged if -r["difference %"] > 2 * r["standard error %"]]
    heads = (
        "data",
        "concept",
        "hours ahead",
        "n",
        "loss 1",
        "loss 2",
        "difference %",
        "se %",
        "90 % held by 1",
        "by 2",
    )

    def lines(rows: list[dict[str, Any]]) -> list[str]:
        return as_table(heads, [
            (r["source"], r["concept"], f"{r['horizon_h']:g}", r["n"], r["pinball 1"], r["pinball 2"],
             r["difference %"], r["standard error %"], *(f"{100 * x:.1f}" for x in r["90 % held, 1 and 2"]))
            for r in rows
        ])  # fmt: skip

    chances = as_table(
        ("data", "n", "said by 1", "by 2", "happened", "AUROC 1", "2", "Brier difference %", "se %"),
        [(r["source"], r["n"], r["said 1"], r["said 2"], r["happened"], r["auroc 1"], r["auroc 2"], r["difference %"],
          r["standard error %"]) for r in result["chances"]],
    )  # fmt: skip
    return "\n".join([
        "# Version 2 against version 1", "", f"Made by `{result['command']}`; all of it is in `against.json`.", "",
        *(f"* {key}: {value}" for key, value in result["about"].items()), "",
        f"Of {len(judged)} combinations with {PAIRS_MIN} pairs or more, version 2 has the smaller quantile loss by",
        f"more than two standard errors in {len(better)}, the larger in {len(worse)}.", "",
        "## Where version 2 is worse", "", *lines(worse), "", "## Chances, all questions together", "", *chances, "",
        "## All", "", *lines(result["bands"]),
    ]) + "\n"  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser(description="Compare two versions of the damped trend on held-out patients.")
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--date", required=True, help="date to write in the result, YYYY-MM-DD")
    ask.add_argument("--seed", type=int, default=SEED, help="the seed of the split that the fit used")
    said = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pairs = compared(said.data, said.seed, version_1(Path(folder)), load())
    result = {
        "command": f"python -m benchmarks.trend_coverage.against --data DIR --date {said.date}",
        "about": {
            "date": said.date, "seed": said.seed, "version 1": f"commit {COMMIT}",
            "version 2, parameters blake2b": load().parameters.file_hash, "data blake2b": hashes(said.data),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "polars": pl.__version__},
        },
        "bands": list(band_rows(pairs, said.seed)), "chances": list(chance_rows(pairs, said.seed)),
    }  # fmt: skip
    (HERE / "against.json").write_text(json.dumps(result, ensure_ascii=False).replace("}, {", "},\n{") + "\n", "utf-8")
    (HERE / "against.md").write_text(markdown(result), "utf-8")


if __name__ == "__main__":
    main()
