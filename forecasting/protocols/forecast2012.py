"""Trajectories, PhysioNet/CinC Challenge 2012: hours 0 to 24 are seen, every measurement of hours 24 to 48 is forecast.

The protocol of t-PatchGNN: its split (`splits.trajectories`), values scaled to 0..1 by the lowest and highest of the
stays fitted and chosen on, the squared error averaged within a variable and then over the variables that are measured
at all. Beside it, in physical units: errors, quantile loss and bands by variable and hours ahead.

    last value      the newest before hour 24, else the mean of the stays fitted on
    patient mean    the mean before hour 24, else the same
    damped          from the newest value towards the mean, farther the farther ahead, by least squares over the stays
                    fitted on
    LightGBM        one model per variable of how far a value lies from `damped`, from all that was seen
                    (`forecasting.training.summaries`) and how far ahead it lies

Bands are the model's errors on the stays chosen on, by variable and hours ahead, around its forecast.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.evaluation import metrics
from forecasting.evaluation.metrics import draws, ratio_interval, repeats
from forecasting.evaluation.stays import Flags, Floats, Ints
from forecasting.protocols.kept import CHARTED, Kept, source_hash
from forecasting.protocols.report import Cell, Report, Table, machine
from forecasting.protocols.run import Run
from forecasting.training.boosting import BROAD, Rows, boosted
from forecasting.training.cohorts import PARAMETERS, Events, events
from forecasting.training.collections import CITATIONS, hashes
from forecasting.training.features import Table as Features
from forecasting.training.keeping import Arrays
from forecasting.training.splits import Split, trajectories
from forecasting.training.summaries import summaries

SEEN_H = 24.0
SEEDS = (1, 2, 3, 4, 5)
DRAWS = 1000
NAMES = ("last value", "patient mean", "damped", "LightGBM")
AHEAD_H = {1: (0.5, 1.5), 2: (1.5, 2.5), 4: (3.0, 5.0), 6: (5.0, 7.0), 12: (10.0, 14.0), 24: (20.0, 24.5)}
"""Hours ahead, and which distances count as that."""
LEVELS = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
BANDS = {"50 %": (0.25, 0.75), "80 %": (0.1, 0.9), "90 %": (0.05, 0.95)}
STEPS_H = (1, 2, 4, 8, 16)  # hours ahead between which the damping has one strength
RECIPE = replace(BROAD, rows_a_leaf=50, l2=10.0, features=0.6)  # some variables are measured seldom; hours ahead matter
PAIRS_MIN = 100  # for a row of the table in physical units


@dataclass(frozen=True)
class Task:
    """What is to be forecast: M measurements, each of a stay, a variable and an hour; and what was seen."""

    cohort: Events
    seen: Features  # (S, F)
    split: Split
    stay: Ints
    variable: Ints
    ahead: Floats  # hours since the end of what was seen
    came: Floats

    def of(self, stays: Ints) -> Flags:
        """(M,) whether the measurement is of one of these stays."""
        return np.isin(self.stay, stays)


def task(cohort: Events) -> Task:
    """Every measurement from hour 24 on is to be forecast; the collection ends with hour 48."""
    later = cohort.hour >= SEEN_H
    return Task(
        cohort=cohort,
        seen=summaries(cohort, SEEN_H),
        split=trajectories(len(cohort.stays)),
        stay=cohort.stay[later],
        variable=cohort.parameter[later],
        ahead=cohort.hour[later] - SEEN_H,
        came=cohort.value[later],
    )


def scale(found: Task) -> tuple[Floats, Floats]:
    """(V,) lowest value and range of each variable, over the stays fitted and chosen on."""
    known = np.isin(found.cohort.stay, np.concatenate([found.split.fit, found.split.choose]))
    low, high = np.full(len(PARAMETERS), np.inf), np.full(len(PARAMETERS), -np.inf)
    np.minimum.at(low, found.cohort.parameter[known], found.cohort.value[known])
    np.maximum.at(high, found.cohort.parameter[known], found.cohort.value[known])
    return low, np.where(high > low, high - low, 1.0)


def plain(found: Task, column: str) -> Floats:
    """(M,) a column of what was seen of the variable (`` for the newest), else the mean of the stays fitted on."""
    said = np.full(len(found.came), np.nan)
    fit = found.of(found.split.fit)
    for place in np.unique(found.variable):
        mine = found.variable == place
        name = PARAMETERS[place] + column
        own = found.seen.column(name).astype(np.float64)[found.stay[mine]] if name in found.seen.names else np.nan
        usual = found.came[mine & fit].mean() if (mine & fit).any() else found.came[mine].mean() * np.nan
        said[mine] = np.where(np.isfinite(own), own, usual)
    return np.asarray(np.nan_to_num(said), np.float64)


def damped(found: Task) -> Floats:
    """(M,) the newest value drawn towards the mean, by variable and hours ahead."""
    mean, off = plain(found, ": mean"), plain(found, "") - plain(found, ": mean")
    step = found.variable * (len(STEPS_H) + 1) + np.searchsorted(STEPS_H, found.ahead)
    fit = found.of(found.split.fit)
    size = int(step.max()) + 1
    above = np.bincount(step[fit], (off * (found.came - mean))[fit], size)
    below = np.bincount(step[fit], (off * off)[fit], size)
    kept = np.divide(above, below, out=np.zeros(size), where=below > 0)
    return np.asarray(mean + kept[step] * off)


def boosted_one(found: Task, place: int, centre: Floats, seed: int, threads: int) -> Floats:
    """Of the measurements of one variable: the centre, moved by what the model expects."""
    mine = np.flatnonzero(found.variable == place)
    fit, choose = (mine[found.of(stays)[mine]] for stays in (found.split.fit, found.split.choose))

    def rows(of: Ints) -> Rows:
        features = np.column_stack([found.seen.rows[found.stay[of]], found.ahead[of], centre[of]])
        return Rows(features.astype(np.float32), found.came[of] - centre[of])

    if not len(fit) or not len(choose):
        return centre[mine]
    model = boosted(rows(fit), rows(choose), "regression", RECIPE, seed=seed, threads=threads)
    return np.asarray(centre[mine] + model.of(rows(mine).features))


def forecasts(found: Task, seed: int, kept: Kept, threads: int) -> Floats:
    """(M,) what the boosted models say, kept variable by variable."""
    centre = damped(found)
    said = centre.copy()
    for place in np.unique(found.variable):
        needs = {"seed": seed, "variable": PARAMETERS[place], "stays": len(found.cohort.stays),
                 "columns": found.seen.names, "recipe": RECIPE.as_json()}  # fmt: skip

        def make(place: int = int(place)) -> Arrays:
            return {"said": boosted_one(found, place, centre, seed, threads)}

        name = f"forecast2012, seed {seed}, {PARAMETERS[place]}"
        said[found.variable == place] = kept.made(name, needs, make)["said"]
    return said


# -- what they are worth


def errors(found: Task, said: Floats, low: Floats, span: Floats) -> tuple[float, float]:
    """Mean squared and mean absolute error in scaled units: within a variable first, then over the variables."""
    held = found.of(found.split.score)
    off = ((said - found.came) / span[found.variable])[held]
    count = np.bincount(found.variable[held], minlength=len(low))
    there = count > 0
    squared = np.bincount(found.variable[held], off * off, len(low))[there] / count[there]
    plain_ = np.bincount(found.variable[held], np.abs(off), len(low))[there] / count[there]
    return float(squared.mean()), float(plain_.mean())


def quantiles(found: Task, said: Floats, mine: Flags, lead: tuple[float, float]) -> Floats | None:
    """(Q,) the errors on the stays chosen on, of one variable and hours ahead; None where there are too few."""
    near = mine & found.of(found.split.choose) & (found.ahead >= lead[0]) & (found.ahead < lead[1])
    return np.asarray(np.quantile((found.came - said)[near], LEVELS)) if near.sum() >= PAIRS_MIN else None


def physical(found: Task, said: Mapping[str, Floats]) -> Iterator[list[Cell]]:
    """Rows of `PHYSICAL`: by variable and hours ahead, in the unit of the variable."""
    held = found.of(found.split.score)
    ours = said["LightGBM"]
    for place in np.unique(found.variable):
        mine = found.variable == place
        for hours, lead in AHEAD_H.items():
            rows = np.flatnonzero(mine & held & (found.ahead >= lead[0]) & (found.ahead < lead[1]))
            offsets = quantiles(found, ours, mine, lead)
            if len(rows) < PAIRS_MIN or offsets is None:
                continue
            came = found.came[rows]
            fan = ours[rows, None] + offsets
            bands = []
            for low, high in BANDS.values():
                ends = [int(np.flatnonzero(level == LEVELS)[0]) for level in (low, high)]
                bands.append(metrics.band(came, fan[:, ends[0]], fan[:, ends[1]]))
            yield [
                PARAMETERS[place], hours, len(rows),
                *(with_interval(np.abs(said[name][rows] - came), found.stay[rows]) for name in NAMES),
                metrics.pinball(came, fan, LEVELS), *(band.coverage for band in bands), bands[-1].width,
            ]  # fmt: skip


PHYSICAL = ("variable", "hours ahead", "n", *(f"{name}: MAE" for name in NAMES), "pinball", "in 50 %", "in 80 %",
            "in 90 %", "width of 90 %")  # fmt: skip


def with_interval(values: Floats, of: Ints) -> Cell:
    """Mean of values with its interval over patients."""
    _, whose = np.unique(of, return_inverse=True)
    count = int(whose.max()) + 1
    return ratio_interval(
        np.bincount(whose, values, count).astype(np.float64),
        np.bincount(whose, minlength=count).astype(np.float64),
        draws(count, 300, 0),
    )


# -- the report


def evaluate(run: Run) -> Iterator[Report]:
    """The report after each seed; it has no parts, for the error is over all variables."""
    run.chosen(())
    cohort = events(run.data, limited=False, at_most=run.at_most)
    found = task(cohort)
    low, span = scale(found)
    run.say(f"{len(cohort.stays)} stays, {len(found.came)} measurements to forecast, {len(found.seen.names)} columns")
    kept = Kept(
        run.build / "forecast2012", {"data": hashes(run.data, ["2012"]), "source": source_hash(CHARTED)}, run.say
    )
    said = {"last value": plain(found, ""), "patient mean": plain(found, ": mean"), "damped": damped(found)}
    by_name: dict[str, list[tuple[float, float]]] = {name: [errors(found, said[name], low, span)] for name in said}
    by_name["LightGBM"] = []
    rows: list[list[Cell]] = []
    for seed in SEEDS[: run.repeats]:
        ours = forecasts(found, seed, kept, run.threads)
        by_name["LightGBM"].append(errors(found, ours, low, span))
        run.say(f"seed {seed}: MSE and MAE {by_name['LightGBM'][-1]}")
        rows = rows or list(physical(found, said | {"LightGBM": ours}))
        yield Report(
            "Trajectories, PhysioNet/CinC Challenge 2012", about_it(run, found),
            [_scaled_table(by_name, found, cohort), Table("In physical units", PHYSICAL, rows, NOTE)],
        )  # fmt: skip


NOTE = f"""Of the first seed. Pinball: mean quantile loss at {", ".join(f"{level:g}" for level in LEVELS)}. Rows with
fewer than {PAIRS_MIN} measurements are left out. In brackets 95 % intervals from drawing patients again."""


def _scaled_table(by_name: Mapping[str, Sequence[tuple[float, float]]], found: Task, cohort: Events) -> Table:
    whole = sorted(set(cohort.part)) == ["a", "b", "c"]
    return Table(
        "Scaled errors, protocol of t-PatchGNN" + ("" if whole else ", without set c"),
        ("forecast", "MSE × 10⁻³", "MAE × 10⁻²", "seeds", "variables"),
        [
            [name, repeats([1e3 * m for m, _ in pairs]), repeats([1e2 * a for _, a in pairs]), len(pairs),
             len(np.unique(found.variable[found.of(found.split.score)]))]
            for name, pairs in by_name.items()
        ],
        "Mean of the seeds, and in brackets the lowest and the highest."
        + ("" if whole else " Published figures are of all three sets: these are not comparable to the last digit."),
    )  # fmt: skip


def about_it(run: Run, found: Task) -> dict[str, Any]:
    """What the report was made from."""
    return {
        "command": "foreshock evaluate forecast2012 --data DIR",
        "stays": {name: len(stays) for name, stays in zip(Split._fields, found.split, strict=True)}
        | {"sample": run.sample},
        "measurements": len(found.came),
        "recipe": RECIPE.as_json(),
        "data blake2b": hashes(run.data, ["2012"])["2012"],
        "source blake2b": source_hash(CHARTED),
        "data": CITATIONS["2012"],
        **machine(),
    }
