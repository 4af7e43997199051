"""Recalibration at three places: the two hospital systems of 2019, and that of 2012, which the network never saw.

    python -m benchmarks.recalibration --data DIR --date 2026-11-30 [--at-most 1500]

Of the two systems only patients are taken that nothing was fitted on: those that an epoch was chosen on, and those that
bounds were counted on (`forecasting.training.serve`). Each place is a hospital with a data folder of its own, and the
very command is run; half of its patients are withheld from it altogether. Their chances before and after are compared
here, each patient told by the whole recalibration that serves, and counted with the very same figures.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console

from forecasting.evaluation.metrics import draws
from forecasting.local.compared import HEAD, row
from forecasting.local.moments import Cohort
from forecasting.local.own import own
from forecasting.local.recalibrating import DRAWS, Compared, compared_by, of_many, parts_of, too_few_of
from forecasting.network.fitted import HERE, MANIFEST
from forecasting.protocols.report import Report, Table, machine
from forecasting.training.cohorts import HOSPITALS, hourly
from forecasting.training.serve import KEPT_BACK, PARTS
from forecasting.training.splits import folds, strata
from infra.commands.recalibrate import SEED, SHOWN, run_recalibrate
from infra.service import policy_of
from infra.settings import Settings
from streams.cohorts import visits
from streams.cohorts.visits import fitted_or_why, visited

OUT = Path(__file__).parent
Rows = list[tuple[str, Compared]]


def unseen(data: Path) -> dict[str, list[str]]:
    """The stays of each hospital that nothing was fitted on, by the split of the fit."""
    seed = json.loads((HERE / MANIFEST).read_text(encoding="utf-8"))["plan"]["seed"]
    both = [hourly(data, hospital) for hospital in HOSPITALS]
    hospital = np.concatenate([one.hospital for one in both])
    septic = np.concatenate([one.septic for one in both])
    part = folds(strata(hospital, septic), PARTS, seed)
    names = [name for one in both for name in one.stays]
    kept = np.flatnonzero(part < KEPT_BACK)
    return {name: [names[stay] for stay in kept if hospital[stay] == place] for place, name in enumerate(HOSPITALS)}


def halves(data: Path, folder: Path, at_most: int) -> Iterator[tuple[str, str, Path, Path]]:
    """Each place with its format: a file of patients to recalibrate on, and one of patients that are withheld."""
    for hospital, names in unseen(data).items():
        table = pl.read_parquet(data / "challenge2019" / f"set{hospital}.parquet")
        yield (
            f"2019, system {hospital}",
            "challenge2019",
            *_split(table, "patient_id", names, folder / hospital, at_most),
        )
    table = pl.read_parquet(data / "challenge2012" / "observations.parquet")
    names = table["record_id"].unique(maintain_order=True).to_list()
    yield "2012", "challenge2012", *_split(table, "record_id", names, folder / "2012", at_most)


def _split(table: pl.DataFrame, key: str, names: list[Any], folder: Path, at_most: int) -> tuple[Path, Path]:
    folder.mkdir()
    drawn = np.random.default_rng(SEED).permutation(len(names))[:at_most]
    paths = folder / "past.parquet", folder / "withheld.parquet"
    for path, some in zip(paths, np.array_split(drawn, 2), strict=True):
        table.filter(pl.col(key).is_in([names[place] for place in some])).write_parquet(path)
    return paths


def measured(place: str, source: str, past: Path, withheld: Path, processes: int) -> tuple[list[Table], dict[str, Any]]:
    """What the command did there, and what it is worth to the patients that were withheld from it."""
    console = Console(stderr=True)
    settings = Settings(data_dir=past.parent / "own")
    began = datetime.now(UTC)
    run_recalibrate(past, source, processes, settings, began, console)
    minutes = (datetime.now(UTC) - began).total_seconds() / 60
    served = own(settings.data_dir).recalibration
    if served is None:
        raise SystemExit(f"{place}: what was recalibrated is not served")
    found = list(visited(visits.Cohort(withheld, source, policy_of(settings)), processes))
    told = Cohort.of(found, [question.name for question in fitted_or_why().questions])
    drawn = draws(len(told.patients), DRAWS, SEED)
    questions: Rows = []
    shown: Rows = []
    groups: Rows = []
    for name, moments in told.questions.items():
        if name not in served.questions or too_few_of(moments) is not None:
            continue
        after = of_many(served.questions[name].scale, moments.said)
        questions.append((name, compared_by(moments, after, drawn)))
        for what, which, of in parts_of(name, moments, told, SHOWN):
            one = f"{name}, {which}", compared_by(moments.of(of), after[of], drawn)
            (shown if what == "shown" else groups).append(one)
    note = f"{len(told.patients)} patients that the recalibration never saw; it was made in {minutes:.1f} min."
    titles = (("all lines and times", questions), ("what boards show", shown), ("groups of patients", groups))
    tables = [Table(f"{place}: {what}", HEAD, [row(*each) for each in rows], note) for what, rows in titles]
    return tables, _summed(questions, shown, groups) | {"patients": len(told.patients), "minutes": round(minutes, 1)}


def _summed(*kinds: Rows) -> dict[str, Any]:
    """How many slopes lie between 0.9 and 1.1, and how many could as well."""

    def within(which: str, rows: Rows) -> str:
        slopes = [getattr(one, which).slope for _, one in rows]
        inside = sum(0.9 <= slope.value <= 1.1 for slope in slopes)
        touching = sum(slope.low <= 1.1 and slope.high >= 0.9 for slope in slopes)
        return f"{inside} of {len(rows)} ({touching} by their intervals)"

    names = ("questions", "what boards show", "groups")
    return {
        f"{name}, {which}": within(which, rows)
        for name, rows in zip(names, kinds, strict=True)
        for which in ("before", "after")
    }


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure what recalibration does at three places.")
    ask.add_argument("--data", type=Path, required=True, help="folder with challenge2019 and challenge2012")
    ask.add_argument("--date", required=True, help="as the report bears it")
    ask.add_argument("--at-most", type=int, default=2000, help="stays of each place")
    ask.add_argument("--processes", type=int, default=1)
    said = ask.parse_args()
    tables: list[Table] = []
    summary: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for place, source, past, withheld in halves(said.data, Path(folder), said.at_most):
            found, sums = measured(place, source, past, withheld, said.processes)
            tables += found
            summary.append((place, *sums.values()))
            head = ("place", *(name for name in sums))
            about = {"date": said.date, "model": fitted_or_why().digest, "stays of each place at most": said.at_most,
                     "seed": SEED, **machine()}  # fmt: skip
            note = (
                "Slopes from 0.9 to 1.1, on withheld patients; in brackets those whose 95 % interval reaches into it."
            )
            summed = Table("In short", head, summary, note)
            Report("Recalibration at three places", about, [summed, *tables]).write(OUT, "result")


if __name__ == "__main__":
    main()
