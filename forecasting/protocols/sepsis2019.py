"""Sepsis hour by hour, PhysioNet/CinC Challenge 2019: five folds by patient, and each hospital learnt at the other.

Each setting is fitted on some patients, chooses trees and threshold on others of the same hospitals, and is scored on
patients that neither saw. Three boosted scores: of the label, of the utility that an alarm gains over silence, and the
mean of both in standard units of the patients chosen on. Beside them the clock alone and the bedside scores, whose
thresholds are chosen in the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from forecasting.evaluation import metrics
from forecasting.evaluation.metrics import Interval, Ranked, draws, interval, log_odds, ratio_interval
from forecasting.evaluation.stays import Flags, Floats, Ints, any_of, first_of, laid, rows_of, stay_of, sums
from forecasting.evaluation.utility import EARLY_H, LATE_H, best_threshold, by_stay, gain, hours_from_onset
from forecasting.protocols.kept import Kept, source_hash
from forecasting.protocols.report import Report, Table, machine
from forecasting.protocols.run import Run
from forecasting.training.boosting import STRONG, Rows, boosted
from forecasting.training.canary import refuse_leaks
from forecasting.training.cohorts import HOSPITALS, Hourly, hourly
from forecasting.training.collections import CITATIONS, hashes
from forecasting.training.features import SELECTIONS, features
from forecasting.training.features import Table as Features
from forecasting.training.keeping import Arrays
from forecasting.training.splits import Split, crossed, elsewhere, strata

SEED = 20
DRAWS = 300
PEERS = ("hours in the unit", "SIRS", "qSOFA", "NEWS2")  # columns of the features, used as they are
SCORES = ("label", "gain", "both")
FIVE, A_TO_B, B_TO_A = "five folds, A and B", "A to B", "B to A"


class Task(NamedTuple):
    """One setting with one selection of features."""

    setting: str
    selection: str


TASKS = (
    Task(A_TO_B, "all"),
    Task(FIVE, "all"),
    Task(B_TO_A, "all"),
    *(Task(setting, "clock alone") for setting in (A_TO_B, B_TO_A, FIVE)),
    *(
        Task(setting, selection)
        for setting in (A_TO_B, B_TO_A, FIVE)
        for selection in SELECTIONS
        if selection not in {"all", "clock alone"}
    ),
)
"""The order in which they are fitted: what is asked first comes first."""


@dataclass(frozen=True)
class Scored:
    """A score of the stays that were scored, in the cohort's order, with the alarms that its thresholds make."""

    stays: Ints
    score: Floats  # (N,) comparable within a fold; across folds as far as the models agree
    alarms: Flags  # (N,)
    chance: Floats | None = None  # (N,) probability, where it is one


@dataclass(frozen=True)
class Bench:
    """The cohort with everything that is made from it once."""

    cohort: Hourly
    table: Features
    gain: Floats
    kept: Kept
    threads: int
    seed: int

    def splits(self, setting: str) -> Sequence[Split]:
        of = strata(self.cohort.hospital, self.cohort.septic)
        if setting == FIVE:
            return crossed(of, self.seed)
        return [elsewhere(self.cohort.hospital, HOSPITALS.index(setting[0]), of, self.seed)]

    def rows(self, stays: Ints) -> Ints:
        return rows_of(stays, self.cohort.offsets)


def predictions(bench: Bench, task: Task, number: int, split: Split) -> Arrays:
    """Of one fold: what the models of label and gain say of the patients chosen on and of those scored."""
    table = bench.table.selected(task.selection)
    needs = {"selection": task.selection, "features": table.names, "recipe": STRONG.as_json(),
             "stays": [hash_of(part, bench.cohort) for part in split]}  # fmt: skip

    def make() -> Arrays:
        fit, choose, score = (bench.rows(part) for part in split)
        found: Arrays = {}
        for target, kind, came in (
            ("label", "binary", bench.cohort.label.astype(np.float64)),
            ("gain", "regression", bench.gain),
        ):
            model = boosted(
                Rows(table.rows[fit], came[fit]), Rows(table.rows[choose], came[choose]),
                "binary" if kind == "binary" else "regression", STRONG, seed=bench.seed, threads=bench.threads,
            )  # fmt: skip
            found[f"{target} chosen"] = model.of(table.rows[choose]).astype(np.float32)
            found[f"{target} scored"] = model.of(table.rows[score]).astype(np.float32)
            found[f"{target} trees"] = np.array(model.trees)
            bench.kept.say(f"{task.setting}, {task.selection}, {number + 1}: {target}, {model.trees} trees")
        return found

    return bench.kept.made(f"sepsis2019, {task.setting}, {task.selection}, {number + 1}", needs, make)


def hash_of(stays: Ints, cohort: Hourly) -> str:
    """Of the names of these stays."""
    return blake2b("\n".join(cohort.stays[stay] for stay in stays).encode(), digest_size=8).hexdigest()


# -- scores of a setting


def boosted_scores(bench: Bench, task: Task) -> dict[str, Scored]:
    """The three boosted scores of one setting, over all its folds."""
    parts: dict[str, list[Scored]] = {name: [] for name in SCORES}
    for number, split in enumerate(bench.splits(task.setting)):
        found = predictions(bench, task, number, split)
        said = {k: v.astype(np.float64) for k, v in found.items()}
        chosen = {"label": log_odds(said["label chosen"]), "gain": said["gain chosen"]}
        scored = {"label": log_odds(said["label scored"]), "gain": said["gain scored"]}
        for values in (scored, chosen):  # scored first: it is put into the units of the patients chosen on
            values["both"] = sum(
                ((values[name] - chosen[name].mean()) / (chosen[name].std() or 1.0) for name in ("label", "gain")),
                start=np.zeros(len(values["label"])),
            )
        for name in SCORES:
            one = thresholded(bench, split, chosen[name], scored[name])
            parts[name].append(replace(one, chance=said["label scored"]) if name == "label" else one)
    return {name: joined(many, bench.cohort) for name, many in parts.items()}


def peer_scores(bench: Bench, setting: str) -> dict[str, Scored]:
    """The clock and the bedside scores of one setting, used as they are."""
    found = {}
    for name in PEERS:
        column = np.nan_to_num(bench.table.column(name).astype(np.float64))
        many = [
            thresholded(bench, split, column[bench.rows(split.choose)], column[bench.rows(split.score)])
            for split in bench.splits(setting)
        ]
        found[name] = joined(many, bench.cohort)
    return found


def thresholded(bench: Bench, split: Split, chosen: Floats, scored: Floats) -> Scored:
    """The threshold with the highest utility on the patients chosen on makes the alarms of those scored."""
    offsets = laid(np.diff(bench.cohort.offsets)[split.choose])
    threshold = best_threshold(chosen, bench.cohort.label[bench.rows(split.choose)], offsets)
    return Scored(split.score, scored, scored >= threshold)


def joined(many: Sequence[Scored], cohort: Hourly) -> Scored:
    """The folds of one setting as one, stays in the cohort's order."""
    stays = np.concatenate([one.stays for one in many])
    order = np.argsort(stays)
    rows = rows_of(order, laid(np.diff(cohort.offsets)[stays]))
    chances = [one.chance for one in many if one.chance is not None]
    return Scored(
        stays=stays[order],
        score=np.concatenate([one.score for one in many])[rows],
        alarms=np.concatenate([one.alarms for one in many])[rows],
        chance=np.concatenate(chances)[rows] if chances else None,
    )


# -- what they are worth


def judged(cohort: Hourly, scored: Scored, seed: int) -> list[Interval | float]:
    """One row of `HEAD`."""
    some = cohort.taken(scored.stays)
    drawn = draws(len(some.stays), DRAWS, seed)
    ranked = Ranked.of(some.label, scored.score)
    of_case = stay_of(some.offsets)
    got, possible = by_stay(scored.alarms, some.label, some.offsets)
    begun = scored.alarms & ~np.append(False, scored.alarms[:-1] & (np.diff(of_case) == 0))
    warned, leads = in_window(scored.alarms, some)
    return [
        ratio_interval(got, possible, drawn),
        interval(ranked.auroc, drawn, of_case),
        interval(ranked.average_precision, drawn, of_case),
        float(sums(begun, some.offsets).sum() / len(of_case) * 24),
        float(scored.alarms.mean() * 24),
        float(warned.mean()),
        float(np.median(leads)) if len(leads) else float("nan"),
    ]


HEAD = ("score", "U", "AUROC", "AUPRC", "alerts per patient-day", "alarmed hours per patient-day",
        "septic stays warned", "median lead, h")  # fmt: skip
NOTE = """U: the challenge's utility, with the threshold chosen on patients that are not scored. Alerts: runs of alarmed
hours, counted once. Warned: an alarm from 12 h before to 3 h after the onset, of septic stays not labelled from their
first row; lead: from the first such alarm to the onset. In brackets 95 % intervals from drawing patients again."""


def in_window(alarms: Flags, cohort: Hourly) -> tuple[Flags, Floats]:
    """Of the septic stays that could be warned of: whether each was, and the hours from its first alarm to onset."""
    hours = hours_from_onset(cohort.label, cohort.offsets)
    inside = alarms & (hours >= EARLY_H) & (hours <= LATE_H)
    could = cohort.septic & ~cohort.label[cohort.offsets[:-1]]
    warned = any_of(inside, cohort.offsets)
    first = cohort.offsets[:-1] + np.maximum(first_of(inside, cohort.offsets), 0)
    return warned[could], -hours[first][could & warned]


def calibrated(cohort: Hourly, scored: Scored) -> list[list[str | float]]:
    """How the label's probabilities agree with what happened, over all and by hospital."""
    if scored.chance is None:
        raise ValueError("this score is no probability")
    some = cohort.taken(scored.stays)
    hospital = some.hospital[stay_of(some.offsets)]
    rows: list[list[str | float]] = []
    for name, chosen in [("all", hospital >= 0), *((h, hospital == k) for k, h in enumerate(HOSPITALS))]:
        if chosen.any():
            event, said = some.label[chosen], scored.chance[chosen]
            fitted = metrics.calibration(event, said)
            rows.append([name, float(event.mean()), float(said.mean()), metrics.brier(event, said), *fitted])
    return rows


# -- the report


def evaluate(run: Run) -> Iterator[Report]:
    """The report after each task, so that what is done can be read while the rest goes on; `only` names selections."""
    wanted = run.chosen(SELECTIONS)
    cohort = Hourly.joined([hourly(run.data, hospital, run.at_most) for hospital in HOSPITALS])
    run.say(f"{len(cohort.stays)} stays, {len(cohort.label)} hours")
    refuse_leaks(features, cohort, seed=SEED)
    needs = {"data": hashes(run.data, HOSPITALS), "source": source_hash(), "seed": SEED}
    kept = Kept(run.build / "sepsis2019", needs, run.say)
    bench = Bench(cohort, features(cohort), gain(cohort.label, cohort.offsets), kept, run.threads, SEED)
    run.say(f"{bench.table.rows.shape[1]} features")
    about = about_it(run, bench)
    tables: dict[str, dict[str, list[Any]]] = {
        setting: {name: judged(cohort, one, SEED) for name, one in peer_scores(bench, setting).items()}
        for setting in (A_TO_B, FIVE, B_TO_A)
    }
    calibration: dict[str, list[list[str | float]]] = {}
    for task in TASKS:
        if task.selection not in wanted:
            continue
        for name, one in boosted_scores(bench, task).items():
            tables[task.setting][f"LightGBM, {task.selection}: {name}"] = judged(cohort, one, SEED)
            if task.selection == "all" and name == "label":
                calibration[task.setting] = calibrated(cohort, one)
        yield Report("Sepsis, PhysioNet/CinC Challenge 2019", about, _tables(tables, calibration))


def _tables(
    tables: Mapping[str, Mapping[str, list[Any]]], calibration: Mapping[str, list[list[str | float]]]
) -> list[Table]:
    found = [
        Table(setting, HEAD, [[name, *row] for name, row in rows.items()], NOTE if not place else "")
        for place, (setting, rows) in enumerate(tables.items())
    ]
    head = ("hospital", "prevalence", "mean said", "Brier", "slope", "intercept", "in the large")
    return found + [
        Table(f"Calibration of the label's chances, {setting}", head, rows) for setting, rows in calibration.items()
    ]


def about_it(run: Run, bench: Bench) -> dict[str, Any]:
    """What the report was made from."""
    cohort = bench.cohort
    return {
        "command": "foreshock evaluate sepsis2019 --data DIR",
        "stays": {h: int((cohort.hospital == k).sum()) for k, h in enumerate(HOSPITALS)}
        | {"septic": int(cohort.septic.sum()), "sample": run.sample},
        "seed": bench.seed,
        "recipe": STRONG.as_json(),
        "chosen on": "one patient in eight of those learnt from: number of trees, thresholds, units of `both`",
        "selections": {name: sorted(groups) for name, groups in SELECTIONS.items()},
        "features": len(bench.table.names),
        "data blake2b": hashes(run.data, HOSPITALS),
        "source blake2b": source_hash(),
        "data": CITATIONS["A"],
        **machine(),
    }
