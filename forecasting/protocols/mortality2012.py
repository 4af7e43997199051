"""Death in hospital from the first 48 hours, PhysioNet/CinC Challenge 2012.

    official     learnt on set a, scored once on set c, by Event 1 and Event 2; where the folder holds no set c, on set
                 b, which is then no official figure
    70/15/15     of all sets that the folder holds, by patient, five seeds, by AUROC and AUPRC

Learning is five models that each leave out a fifth of the patients, and their mean; the threshold of Event 1 is chosen
on what each said of the fifth that it was not fitted on.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecasting.evaluation import metrics
from forecasting.evaluation.metrics import Ranked, Repeats, best_event1, draws, interval, repeats
from forecasting.evaluation.stays import Floats, Ints
from forecasting.protocols.report import Cell, Report, Table, machine
from forecasting.protocols.run import Run
from forecasting.training.boosting import SMALL, Rows, boosted
from forecasting.training.cohorts import Events, events
from forecasting.training.collections import CITATIONS, files, hashes
from forecasting.training.features import Table as Features
from forecasting.training.splits import FOLDS, folds, three_ways
from forecasting.training.summaries import SELECTIONS, selected, summaries

SEED = 20
SEEDS = (1, 2, 3, 4, 5)
DRAWS = 1000
UNTIL_H = 48.01  # the last minute is part of the first 48 hours
SCORES = ("SAPS-I", "SOFA")  # the collection's own
HEAD = ("score", "Event 1", "Event 2", "AUROC", "AUPRC", "Brier", "slope", "intercept")
NOTE = """Event 1: the smaller of sensitivity and precision at a threshold chosen on the patients learnt from. Event 2:
range-normalised Hosmer-Lemeshow statistic, smaller is better. In brackets 95 % intervals from drawing patients
again; that of Event 2 leans upwards, for what is drawn twice adds to H. A score that is missing counts 0."""
NET_BENEFIT_AT = (0.02, 0.05, 0.1, 0.2)


def learnt(
    table: Features, died: np.ndarray, learn: Ints, score: Ints, seed: int, threads: int
) -> tuple[Floats, Floats]:
    """Probabilities of the stays learnt from, each by the model that was not fitted on it, and of those scored."""
    fold = folds(died[learn].astype(np.int64), FOLDS, seed)
    aside, said = np.empty(len(learn)), np.zeros(len(score))
    for number in range(FOLDS):
        fit, left = learn[fold != number], learn[fold == number]
        model = boosted(
            Rows(table.rows[fit], died[fit].astype(np.float64)), Rows(table.rows[left], died[left].astype(np.float64)),
            "binary", SMALL, seed=seed, threads=threads,
        )  # fmt: skip
        aside[fold == number] = model.of(table.rows[left])
        said += model.of(table.rows[score]) / FOLDS
    return aside, said


def judged(event: np.ndarray, said: Floats, threshold: float, *, chance: bool) -> list[Cell]:
    """One row of `HEAD`; what only a probability has is left out of a score that is none."""
    drawn = draws(len(event), DRAWS, SEED)
    ranked = Ranked.of(event, said)

    def event1(weights: Floats | None) -> float:
        each = np.ones(len(event)) if weights is None else weights
        called, hit = each * (said >= threshold), each * event
        return float(min((called * event).sum() / max(hit.sum(), 1), (called * event).sum() / max(called.sum(), 1)))

    def event2(weights: Floats | None) -> float:
        rows = np.arange(len(event)) if weights is None else np.repeat(np.arange(len(event)), weights.astype(int))
        return metrics.event2(event[rows], said[rows])

    fitted = metrics.calibration(event, said) if chance else None
    return [
        interval(event1, drawn),
        interval(event2, drawn[:200]) if chance else None,
        interval(ranked.auroc, drawn),
        interval(ranked.average_precision, drawn),
        metrics.brier(event, said) if chance else None,
        fitted.slope if fitted else None,
        fitted.intercept if fitted else None,
    ]


def own_scores(data: Path, cohort: Events) -> dict[str, Floats]:
    """The scores that the collection holds, NaN where it says -1."""
    table = pl.read_parquet(files(data)["2012"].with_name("outcomes.parquet"))
    found = pl.DataFrame({"RecordID": [int(stay) for stay in cohort.stays]}).join(
        table.select(pl.col("RecordID"), *SCORES), on="RecordID", how="left", maintain_order="left"
    )
    return {name: np.maximum(found[name].to_numpy().astype(np.float64), 0) for name in SCORES}


def evaluate(run: Run) -> Iterator[Report]:
    """The report, once: it takes minutes, so nothing is kept. `only` names selections of columns."""
    selections = run.chosen(SELECTIONS)
    cohort = events(run.data, at_most=run.at_most)
    table = summaries(cohort, UNTIL_H)
    part = np.array(cohort.part)
    held = "c" if "c" in cohort.part else "b"
    learn, score = np.flatnonzero(part == "a"), np.flatnonzero(part == held)
    run.say(f"{len(cohort.stays)} stays, {table.rows.shape[1]} columns; learnt on a, scored on {held}")
    official: list[list[Cell]] = []
    for name, values in own_scores(run.data, cohort).items():
        threshold = best_event1(cohort.died[learn], values[learn]).threshold
        official.append([name, *judged(cohort.died[score], values[score], threshold, chance=False)])
    benefit: list[list[Cell]] = []
    reliability: list[list[Cell]] = []
    for selection in selections:
        aside, said = learnt(selected(table, selection), cohort.died, learn, score, SEED, run.threads)
        threshold = best_event1(cohort.died[learn], aside).threshold
        event = cohort.died[score]
        official.append([f"LightGBM, {selection}", *judged(event, said, threshold, chance=True)])
        run.say(f"a to {held}, {selection}: done")
        if selection == "all":
            benefit = [
                [at, metrics.net_benefit(event, said, at), metrics.net_benefit(event, np.ones(len(event)), at)]
                for at in NET_BENEFIT_AT
            ]
            reliability = [[k + 1, *pair] for k, pair in enumerate(metrics.deciles(event, said))]
    seeds: list[list[Cell]] = [
        [f"LightGBM, {name}", *of_seeds(selected(table, name), cohort, run, name)] for name in selections
    ]
    kind = "official" if held == "c" else "set c is not here, so this is no official figure"
    yield Report(
        "Death in hospital, PhysioNet/CinC Challenge 2012",
        about_it(run, cohort),
        [
            Table(f"Learnt on set a, scored on set {held} ({kind})", HEAD, official, NOTE),
            Table("70/15/15 by patient, five seeds", ("score", "AUROC", "AUPRC"), seeds,
                  "Mean of the seeds, and in brackets the lowest and the highest."),
            Table(f"Net benefit on set {held}, LightGBM, all", ("threshold", "model", "treat all"), benefit),
            Table(f"Reliability by tenth on set {held}, LightGBM, all", ("tenth", "said", "seen"), reliability),
        ],
    )  # fmt: skip


def of_seeds(table: Features, cohort: Events, run: Run, name: str) -> list[Repeats]:
    """AUROC and AUPRC over the seeds: one model fitted on 70 %, its trees chosen on 15 %, scored on 15 %."""
    found = []
    came = cohort.died.astype(np.float64)
    for seed in SEEDS[: run.repeats]:
        split = three_ways(cohort.died.astype(np.int64), seed)
        model = boosted(
            Rows(table.rows[split.fit], came[split.fit]), Rows(table.rows[split.choose], came[split.choose]),
            "binary", SMALL, seed=seed, threads=run.threads,
        )  # fmt: skip
        ranked = Ranked.of(cohort.died[split.score], model.of(table.rows[split.score]))
        found.append((ranked.auroc(), ranked.average_precision()))
    run.say(f"five seeds, {name}: done")
    return [repeats(figures) for figures in zip(*found, strict=True)]


def about_it(run: Run, cohort: Events) -> dict[str, Any]:
    """What the report was made from."""
    return {
        "command": "foreshock evaluate mortality2012 --data DIR",
        "stays": {name: cohort.part.count(name) for name in sorted(set(cohort.part))}
        | {"died": int(cohort.died.sum()), "sample": run.sample},
        "seeds": [SEED, *SEEDS],
        "recipe": SMALL.as_json(),
        "selections": {name: sorted(groups) for name, groups in SELECTIONS.items()},
        "data blake2b": hashes(run.data, ["2012"])["2012"],
        "data": CITATIONS["2012"],
        **machine(),
    }
