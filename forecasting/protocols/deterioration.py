"""Physiological deterioration within 1, 2, 4, 6 and 12 hours, on the hourly stays of both hospitals of 2019.

Row by row: AUROC and AUPRC where the label may be judged (`forecasting.training.labels`). By event: alarms of the score
of 6 hours, silent for 6 hours after each; an alarm in the 8 hours before an onset catches it. Five folds by patient; a
fold's models are fitted on others. Five scores:

    last value   how far the newest value lies towards the condition; a median where there is none
    NEWS2        as far as the data carry it
    LightGBM     one model per label and horizon
    network      one model for all labels and horizons, fitted anew on each fold
    served       the same with its partners, trees for one horizon of each label
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import product
from typing import Any

import numpy as np

from forecasting.evaluation.metrics import Ranked, brier, calibration, draws, interval
from forecasting.evaluation.stays import Floats, Ints, rows_of, stay_of
from forecasting.evaluation.warnings import BUDGETS, RECALLS, Told, Watched, ladder
from forecasting.protocols import crossing
from forecasting.protocols.kept import Kept, source_hash
from forecasting.protocols.report import Cell, Report, Table, machine
from forecasting.protocols.run import Run
from forecasting.training import windows
from forecasting.training.boosting import BROAD, Rows, boosted
from forecasting.training.canary import refuse_leaks
from forecasting.training.cohorts import HOSPITALS, Hourly, hourly
from forecasting.training.collections import CITATIONS, hashes
from forecasting.training.features import Table as Features
from forecasting.training.features import features
from forecasting.training.keeping import Arrays
from forecasting.training.labels import HORIZONS_H, RULES, Label, Rule, label, lately, onsets
from forecasting.training.splits import FOLDS, Split, crossed, strata

SEED = 20
DRAWS = 200
RUNGS = 150
ALARMS_OF_H = 6  # the horizon whose score raises alarms
RANKS = ("last value", "NEWS2")  # scores that are no chances


@dataclass(frozen=True)
class Bench:
    """The cohort with everything that is made from it once, and the folds that are scored."""

    cohort: Hourly
    table: Features
    splits: Sequence[Split]
    kept: Kept
    threads: int

    @property
    def scored(self) -> Ints:
        """The stays of the folds that are scored, in the cohort's order."""
        return np.sort(np.concatenate([split.score for split in self.splits]))

    def values(self, rule: Rule) -> np.ndarray:
        return np.ascontiguousarray(self.cohort.column(rule.variable))


def last_value(bench: Bench, rule: Rule) -> Floats:
    """(N,) more means nearer to the condition; what was never measured counts as the median of the stays fitted on."""
    values, offsets = bench.values(rule), bench.cohort.offsets
    newest = windows.latest(values, offsets).astype(np.float64)
    match rule.kind:
        case "above":
            score = newest
        case "rise":
            score = newest / windows.lowest(values, offsets)
        case _:
            score = -newest
    for split in bench.splits:
        usual = np.nanmedian(score[rows_of(split.fit, offsets)])
        rows = rows_of(split.score, offsets)
        score[rows] = np.where(np.isnan(score[rows]), usual, score[rows])
    return np.asarray(score, np.float64)


def boosted_score(bench: Bench, rule: Rule, horizon_h: int) -> Floats:
    """(N,) the chance that the condition comes true, of the stays that are scored; NaN elsewhere."""
    said = np.full(len(bench.cohort.label), np.nan)
    came = label(rule, bench.values(rule), bench.cohort.offsets, horizon_h)
    for split in bench.splits:
        found = of_fold(bench, rule, horizon_h, split, came)
        said[rows_of(split.score, bench.cohort.offsets)] = found["said"]
    return said


def of_fold(bench: Bench, rule: Rule, horizon_h: int, split: Split, came: Label) -> Arrays:
    """What the model of one label, horizon and fold says of every hour of the stays scored."""
    names = "\n".join(bench.cohort.stays[stay] for stay in np.concatenate(split))
    stays = blake2b(names.encode(), digest_size=8).hexdigest()
    needs = {"rule": rule, "horizon": horizon_h, "stays": stays, "recipe": BROAD.as_json(),
             "features": bench.table.names}  # fmt: skip
    name = f"deterioration, {rule.name}, {horizon_h} h, {stays}"

    def rows(of: Ints) -> Rows:
        judged = rows_of(of, bench.cohort.offsets)
        judged = judged[came.eligible[judged]]
        return Rows(bench.table.rows[judged], came.comes[judged].astype(np.float64))

    def make() -> Arrays:
        model = boosted(rows(split.fit), rows(split.choose), "binary", BROAD, seed=SEED, threads=bench.threads)
        said = model.of(bench.table.rows[rows_of(split.score, bench.cohort.offsets)])
        return {"said": said.astype(np.float32), "trees": np.array(model.trees)}

    return bench.kept.made(name, needs, make)


# -- what they are worth


def by_row(bench: Bench, rule: Rule, horizon_h: int, scores: dict[str, Floats]) -> Iterator[list[Cell]]:
    """Rows of `BY_ROW`."""
    offsets = bench.cohort.offsets
    came = label(rule, bench.values(rule), offsets, horizon_h)
    rows = rows_of(bench.scored, offsets)
    rows = rows[came.eligible[rows]]
    _, whose = np.unique(stay_of(offsets)[rows], return_inverse=True)
    drawn = draws(int(whose.max()) + 1, DRAWS, SEED)
    event = came.comes[rows]
    for name, score in scores.items():
        said = score[rows]
        ranked = Ranked.of(event, said)
        chance = name not in RANKS
        yield [
            rule.name, horizon_h, name, len(rows), float(event.mean()),
            interval(ranked.auroc, drawn, whose), interval(ranked.average_precision, drawn, whose),
            brier(event, said) if chance else None, calibration(event, said).slope if chance else None,
        ]  # fmt: skip


BY_ROW = ("label", "within, h", "score", "rows", "prevalence", "AUROC", "AUPRC", "Brier", "calibration slope")


def by_event(bench: Bench, rule: Rule, scores: dict[str, Floats]) -> Iterator[list[Cell]]:
    """Rows of `BY_EVENT`: at each recall, then under each budget."""
    some = bench.cohort.taken(bench.scored)
    rows = rows_of(bench.scored, bench.cohort.offsets)
    values = np.ascontiguousarray(some.column(rule.variable))
    watched = Watched(some.iculos.astype(np.float64), onsets(rule, values, some.offsets), some.offsets)
    late = lately(rule.true(values, some.offsets), some.offsets)
    for name, score in scores.items():
        found = ladder(np.where(late, np.nan, score[rows]), watched, RUNGS)
        chosen: dict[str, Told | None] = {f"{recall:.0%} recall": found.at_recall(recall) for recall in RECALLS}
        chosen |= {budget: found.under(most) for budget, most in BUDGETS.items()}
        for at, rung in chosen.items():
            if rung is None:
                yield [rule.name, name, at, *[None] * (len(BY_EVENT) - 3)]
                continue
            yield [
                rule.name, name, at, int(rung.events.sum()), rung.recall, rung.precision, found.alarms_per_day(rung),
                rung.lead_median_h, rung.long_lead_share,
            ]  # fmt: skip


BY_EVENT = ("label", "score", "at", "events", "recall", "alarm precision", "alarms per patient-day", "median lead, h",
            "caught more than 2 h ahead")  # fmt: skip
NOTE = f"""Alarms of the score of {ALARMS_OF_H} h, none while the condition is true or was within 3 h. An event is an
onset after 3 h without it; the first hour of a stay has none. Thresholds are read off the very patients that are
counted, for all scores alike. A recall that no threshold reaches with 6 h of silence is left empty."""


# -- the report


def evaluate(run: Run) -> Iterator[Report]:
    """The report after each horizon and label, 6 h first; `only` names variables, `repeats` are folds."""
    wanted = run.chosen(rule.variable for rule in RULES)
    cohort = Hourly.joined([hourly(run.data, hospital, run.at_most) for hospital in HOSPITALS])
    rules = [rule for rule in RULES if rule.variable in wanted]
    for rule in rules:
        came = label(rule, np.ascontiguousarray(cohort.column(rule.variable)), cohort.offsets, ALARMS_OF_H)
        refuse_leaks(features, cohort, came.comes, came.eligible, seed=SEED)
    about = {"data": hashes(run.data, HOSPITALS), "source": source_hash(), "seed": SEED}
    kept = Kept(run.build / "deterioration", about, run.say)
    splits = crossed(strata(cohort.hospital, cohort.septic), SEED)[: run.repeats]
    bench = Bench(cohort, features(cohort), splits, kept, run.threads)
    run.say(f"{len(cohort.stays)} stays, of which {len(bench.scored)} are scored; {len(rules)} labels")
    networks = crossing.of_folds(cohort, splits, run.build / "deterioration", run.say)
    rows: list[list[Cell]] = []
    events: list[list[Cell]] = []
    for horizon_h, rule in product(sorted(HORIZONS_H, key=lambda h: h != ALARMS_OF_H), rules):
        scores = {
            "last value": last_value(bench, rule),
            "NEWS2": bench.table.column("NEWS2").astype(np.float64),
            "LightGBM": boosted_score(bench, rule, horizon_h),
            "network": crossing.score(networks, rule, horizon_h, alone=True),
            "served": crossing.score(networks, rule, horizon_h),
        }
        rows += by_row(bench, rule, horizon_h, scores)
        if horizon_h == ALARMS_OF_H:
            events += by_event(bench, rule, scores)
        yield Report(
            "Physiological deterioration, PhysioNet/CinC Challenge 2019",
            about_it(run, bench),
            [Table("By row", BY_ROW, rows), Table("By event", BY_EVENT, events, NOTE)],
        )


def about_it(run: Run, bench: Bench) -> dict[str, Any]:
    """What the report was made from."""
    return {
        "command": "foreshock evaluate deterioration --data DIR",
        "stays": {"all": len(bench.cohort.stays), "scored": len(bench.scored), "sample": run.sample},
        "folds scored": f"{len(bench.splits)} of {FOLDS}",
        "seed": SEED,
        "recipe": BROAD.as_json(),
        "features": len(bench.table.names),
        "data blake2b": hashes(run.data, HOSPITALS),
        "source blake2b": source_hash(),
        "data": CITATIONS["A"],
        **machine(),
    }  # fmt: skip
