"""How much a few examples teach: 30 labelled patients, on stays that the network was not fitted on.

    python -m benchmarks.teaching --data DIR --date 2026-11-30

A stay is looked at when it has lasted twelve hours. Ten patients with the event and twenty without are drawn (20 draws
for each task); what they teach is measured on all others. Compared: the same ridge on the newest values of the 33
concepts that the network reads (in units of their spread, unknown as the mean), chance (0.5), and what happens when the
labels are shuffled: then nothing may be taught, and how often it is all the same is counted.

What ridge and which penalty were chosen on other patients: those that an epoch of the network was chosen on.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.evaluation.metrics import auroc, repeats
from forecasting.evaluation.stays import Flags, Floats
from forecasting.local import teaching
from forecasting.local.teaching import Example, Refused, ridge, taught, turned
from forecasting.network import inputs
from forecasting.network.fitted import HERE, MANIFEST
from forecasting.protocols.report import Cell, Report, Table, machine
from forecasting.training import charted
from forecasting.training.cohorts import HOSPITALS, Hourly, hourly
from forecasting.training.said import hidden_of
from forecasting.training.serve import CHOSEN_ON, KEPT_BACK, PARTS
from forecasting.training.splits import folds, strata
from streams.cohorts.visits import fitted_or_why

OUT = Path(__file__).parent
Rows = list[tuple[Cell, ...]]
HOUR, AHEAD = 11, 12  # the row that is looked at, and the hours in which it is to come
WITH, WITHOUT, DRAWN = 10, 20, 20
NEWEST_PENALTY = 100.0  # of the ridge on newest values
PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class Task:
    """One question: (S,) who may be asked, and to whom it comes."""

    def __init__(self, asked: Flags, comes: Flags) -> None:
        self.asked, self.comes = np.flatnonzero(asked), comes


def unseen(data: Path) -> tuple[Hourly, Hourly]:
    """Stays of more than twelve hours that nothing was fitted on: to choose the ridge on, and to measure on."""
    seed = json.loads((HERE / MANIFEST).read_text(encoding="utf-8"))["plan"]["seed"]
    cohort = Hourly.joined([hourly(data, hospital) for hospital in HOSPITALS])
    part = folds(strata(cohort.hospital, cohort.septic), PARTS, seed)
    long = np.diff(cohort.offsets) > HOUR + 1
    choose, measure = part < CHOSEN_ON, (part >= CHOSEN_ON) & (part < KEPT_BACK)
    return cohort.taken(np.flatnonzero(choose & long)), cohort.taken(np.flatnonzero(measure & long))


def tasks(cohort: Hourly) -> Mapping[str, Task]:
    """What can be read off the later hours."""
    first = cohort.offsets[:-1] + HOUR
    last = np.minimum(first + AHEAD, cohort.offsets[1:] - 1)
    ahead = [slice(a + 1, b + 1) for a, b in zip(first, last, strict=True)]
    lactate, pressure = cohort.column("Lactate"), cohort.column("MAP")

    def any_of(flags: Flags) -> Flags:
        return np.array([flags[own].any() for own in ahead])

    def lately(flags: Flags) -> Flags:
        return np.array([flags[a - 2 : a + 1].any() for a in first])

    more = np.diff(cohort.offsets) - HOUR - 1
    return {
        "lactate above 4 within 12 h": Task(any_of(np.isfinite(lactate)) & ~lately(lactate > 4), any_of(lactate > 4)),
        "MAP below 65 within 12 h": Task(any_of(np.isfinite(pressure)) & ~lately(pressure < 65), any_of(pressure < 65)),
        "labelled septic within 12 h": Task(~cohort.label[first], any_of(cohort.label)),
        "in the unit for 48 h more": Task(more > 0, more >= 48),
    }


class States:
    """What each stay is told apart by: what the network makes of it, and the newest values alone."""

    def __init__(self, cohort: Hourly) -> None:
        fitted = fitted_or_why()
        read = charted.table(cohort.cut(HOUR + 1))[HOUR :: HOUR + 1]
        self.usual = fitted.usual
        self.hidden = hidden_of(fitted.network, read)
        self.scaled = (self.hidden - self.usual.mean) / self.usual.spread
        newest = read[:, : len(inputs.READ)].astype(np.float64)
        scaled = (newest - np.nanmean(newest, axis=0)) / np.maximum(np.nanstd(newest, axis=0), 1e-9)
        self.newest: Floats = np.nan_to_num(np.clip(scaled, -5, 5))


def drawn(task: Task, generator: np.random.Generator) -> tuple[Any, Any]:
    """Stays to teach by, and all others that may be asked."""
    comes = task.comes[task.asked]
    some = [generator.permutation(task.asked[which])[:n] for which, n in ((comes, WITH), (~comes, WITHOUT))]
    examples = np.concatenate(some)
    return examples, np.setdiff1d(task.asked, examples)


def worth(x: Floats, task: Task, penalty: float, seed: int, *, logistic: bool = True) -> float:
    """AUROC on all others."""
    examples, others = drawn(task, np.random.default_rng(seed))
    label = task.comes[examples]
    few, directions = turned(x[examples])
    if logistic:
        weights, _ = ridge(few, label, np.ones(len(label)), penalty)
    else:
        own = few - few.mean(axis=0)
        weights = np.linalg.solve(own.T @ own + penalty * np.eye(own.shape[1]), own.T @ (label - label.mean()))
    return auroc(task.comes[others], x[others] @ (weights @ directions))


def chosen(cohort: Hourly) -> Table:
    """Ridges and penalties on patients that are not measured on."""
    states = States(cohort)
    rows: Rows = []
    kinds = (
        ("logistic, network", states.scaled, True),
        ("linear, network", states.scaled, False),
        ("logistic, newest values", states.newest, True),
    )
    for name, task in tasks(cohort).items():
        for kind, found, logistic in kinds:
            means = [
                float(np.mean([worth(found, task, penalty, seed, logistic=logistic) for seed in range(DRAWN)]))
                for penalty in PENALTIES
            ]
            rows.append((name, kind, *means))
    head = ("task", "ridge", *(f"penalty {penalty:g}" for penalty in PENALTIES))
    return Table("Chosen on others", head, rows, f"Mean AUROC of {DRAWN} draws, {len(cohort.stays)} stays.")


def measured(cohort: Hourly) -> list[Table]:
    """What the ridge of the command teaches."""
    states = States(cohort)
    rows: Rows = []
    refusals: Rows = []
    seeds = range(1000, 1000 + DRAWN)
    for name, task in tasks(cohort).items():
        network = [worth(states.scaled, task, teaching.PENALTY, seed) for seed in seeds]
        newest = [worth(states.newest, task, NEWEST_PENALTY, seed) for seed in seeds]
        better = float(np.mean(np.array(network) > np.array(newest)))
        often = float(task.comes[task.asked].mean())
        rows.append((name, len(task.asked), often, repeats(network), repeats(newest), better))
        shares = [
            float(np.mean([is_taught(states, task, seed, shuffled) for seed in seeds])) for shuffled in (False, True)
        ]
        refusals.append((name, *shares))
    note = f"Mean (lowest to highest) of {DRAWN} draws of {WITH} patients with and {WITHOUT} without the event."
    head = ("task", "stays", "prevalence", "on what the network makes", "on newest values", "network better in")
    often_note = (
        "Share of draws that are not refused. Shuffled labels teach nothing: what is taught there is taught wrongly."
    )
    return [
        Table("AUROC on others", head, rows, note),
        Table("How often something is taught", ("task", "labels as they are", "labels shuffled"), refusals, often_note),
    ]


def is_taught(states: States, task: Task, seed: int, shuffled: bool) -> bool:
    """Whether one draw is not refused, by the very code of the command."""
    generator = np.random.default_rng(seed)
    examples, _ = drawn(task, generator)
    label = generator.permutation(task.comes[examples]) if shuffled else task.comes[examples]
    told = [Example(str(stay), bool(own), states.hidden[stay]) for stay, own in zip(examples, label, strict=True)]
    try:
        taught(told, states.usual, seed)
    except Refused:
        return False
    return True


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure how much a few examples teach.")
    ask.add_argument("--data", type=Path, required=True, help="folder with challenge2019")
    ask.add_argument("--date", required=True, help="as the report bears it")
    said = ask.parse_args()
    choose, measure = unseen(said.data)
    about = {"date": said.date, "model": fitted_or_why().digest, "penalty": teaching.PENALTY, **machine()}
    Report("What a few examples teach", about, [*measured(measure), chosen(choose)]).write(OUT, "result")


if __name__ == "__main__":
    main()
