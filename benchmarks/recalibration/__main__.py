"""Recalibration at three places: the two hospital systems of 2019, and that of 2012, which the network never saw.

    python -m benchmarks.recalibration --data DIR --date 2026-11-30 [--stays 700]

Of the two systems only patients are taken that nothing was fitted on: those that an epoch was chosen on, and those that
bounds were counted on (`forecasting.training.serve`). The charts of 2012 are put into hours (means). All are asked as
protocol D asks, many at once: every third hour, all lines and times, where the line was not crossed for three hours.

Half of the `--stays` patients of each place are withheld from the recalibration altogether. What is shown are their
chances before and after, each told by the scale that would serve them.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forecasting.evaluation.metrics import draws
from forecasting.evaluation.stays import Floats, Ints, laid, place_in, stay_of
from forecasting.local.compared import HEAD, row
from forecasting.local.moments import Cohort, Moments, Patient
from forecasting.local.recalibrating import DRAWS, Compared, compared_by, of_many, parts_of, recalibrated, too_few_of
from forecasting.network.crossing import Scale
from forecasting.network.fitted import HERE, MANIFEST
from forecasting.protocols.report import Report, Table, machine
from forecasting.training import charted
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import ABOUT, HOSPITALS, PARAMETERS, VARIABLES, Events, Hourly, events, hourly
from forecasting.training.collections import PARAMETERS_2012
from forecasting.training.crossings import EDGES_H, KINDS, LINES, QUESTIONS
from forecasting.training.labels import Rule, label
from forecasting.training.said import Said
from forecasting.training.serve import KEPT_BACK, PARTS
from forecasting.training.splits import folds, strata
from infra.commands.recalibrate import SEED, SHOWN
from streams.cohorts.visits import EVERY_H, fitted_or_why

OUT = Path(__file__).parent
ROWS = 49  # of two days
MORE_2012 = {
    "fio2": ("FiO2",), "paco2": ("PaCO2",), "sao2": ("SaO2",), "bilirubin": ("Bilirubin",), "ast": ("AST",),
    "alp": ("ALP",), "mg": ("Mg",), "hct": ("HCT",),
}  # fmt: skip
"""What the network reads besides the concepts of `forecasting.training.collections.PARAMETERS_2012`."""
Rows = list[tuple[str, Compared]]


class Place(NamedTuple):
    """The scales that were made there, and patients who had no part in them."""

    name: str
    scales: Mapping[str, Scale]
    withheld: Cohort
    how: str


# --- 2019, many at once ----------------------------------------------------------------------------------------------


def systems(data: Path, at_most: int, hospitals: Sequence[str] = HOSPITALS) -> Iterator[Place]:
    """Both hospital systems."""
    seed = json.loads((HERE / MANIFEST).read_text(encoding="utf-8"))["plan"]["seed"]
    cohort = Hourly.joined([hourly(data, hospital) for hospital in HOSPITALS])
    part = folds(strata(cohort.hospital, cohort.septic), PARTS, seed)
    for hospital in hospitals:
        number = HOSPITALS.index(hospital)
        stays = np.flatnonzero((part < KEPT_BACK) & (cohort.hospital == number))
        drawn = np.random.default_rng(SEED).permutation(stays)[:at_most]
        yield placed(f"2019, system {hospital}", cohort, drawn)


def placed(name: str, cohort: Hourly, drawn: Ints) -> Place:
    """Half of these stays to recalibrate on, half withheld."""
    past, withheld = (told(cohort.taken(np.sort(some))) for some in np.array_split(drawn, 2))
    made = recalibrated(past, SHOWN, SEED)
    right = sum(one.left is None for one in made.questions.values())
    how = f"made on {len(past.patients)} patients; {right} of {len(made.questions)} questions set right"
    return Place(name, {name: one.scale for name, one in made.questions.items()}, withheld, how)


def told(cohort: Hourly) -> Cohort:
    """What the network says of every third hour, and what came."""
    rows = place_in(cohort.offsets) % EVERY_H == 0
    places = np.cumsum(rows) - 1
    of = Said.served(fitted_or_why(), charted.table(cohort)[rows])
    stays = stay_of(cohort.offsets)
    questions = {}
    for number, (name, lines) in enumerate(LINES.items()):
        column = COLUMNS[name.split()[0]]
        values = np.ascontiguousarray(cohort.column(column))
        said, found = of.chances(number), []
        for place, line in enumerate(lines):
            rule = Rule(name, column, KINDS[number], line)
            for interval, hours in enumerate(EDGES_H):
                came, asked = label(rule, values, cohort.offsets, int(hours))
                here = np.flatnonzero(asked & rows)
                told_p = said[places[here], interval, place].astype(np.float64)
                found.append((told_p, came[here], _all(line, here), _all(hours, here), stays[here]))
        p, came, line_of, hours_of, patient = (np.concatenate(column) for column in zip(*found, strict=True))
        questions[name] = Moments(p, came, np.zeros(len(p), bool), line_of, hours_of, patient)
    return Cohort(tuple(_patients(cohort)), {name: questions[name] for name in QUESTIONS})


def _all(value: float, like: Any) -> Floats:
    return np.full(len(like), float(value))


def _patients(cohort: Hourly) -> Iterator[Patient]:
    sexes, units = {1.0: "male", 0.0: "female"}, {1.0: "MICU", 0.0: "SICU"}
    for name, about in zip(cohort.stays, cohort.about.tolist(), strict=True):
        known = dict(zip(ABOUT, about, strict=True))
        age = known["Age"] if np.isfinite(known["Age"]) else None
        yield Patient(name, age, sexes.get(known["Gender"]), units.get(known["Unit1"]))


# --- 2012, put into hours --------------------------------------------------------------------------------------------


def of_2012(data: Path, at_most: int) -> Iterator[Place]:
    """The hospital of 2012."""
    cohort = in_hours(events(data, at_most=at_most))
    drawn = np.random.default_rng(SEED).permutation(len(cohort.stays))
    yield placed("2012", cohort, drawn)


def in_hours(found: Events) -> Hourly:
    """The mean of each hour; row i holds what was charted after hour i - 1, up to hour i."""
    stays = len(found.stays)
    row, values = (
        found.stay * ROWS + np.ceil(found.hour).astype(np.int64),
        np.full((stays * ROWS, len(VARIABLES)), np.nan),
    )
    for concept, column in COLUMNS.items():
        named = [PARAMETERS.index(name) for name in (*PARAMETERS_2012.get(concept, ()), *MORE_2012.get(concept, ()))]
        here = np.isin(found.parameter, named)
        count = np.bincount(row[here], minlength=stays * ROWS)
        total = np.bincount(row[here], found.value[here], stays * ROWS)
        values[count > 0, VARIABLES.index(column)] = total[count > 0] / count[count > 0]
    about = np.full((stays, len(ABOUT)), np.nan, np.float32)
    for name in ("Age", "Gender"):
        here = found.parameter == PARAMETERS.index(name)
        about[found.stay[here], ABOUT.index(name)] = found.value[here]
    lengths = np.full(stays, ROWS)
    return Hourly(
        values=values.astype(np.float32),
        about=about,
        iculos=np.tile(np.arange(1, ROWS + 1), stays),
        label=np.zeros(stays * ROWS, bool),
        offsets=laid(lengths),
        stays=found.stays,
        hospital=np.zeros(stays, np.int64),
    )


# --- figures ---------------------------------------------------------------------------------------------------------


def measured(place: Place) -> tuple[list[Table], tuple[Any, ...]]:
    """Before and after on the patients that were withheld: tables, and a line of the summary."""
    told, drawn = place.withheld, draws(len(place.withheld.patients), DRAWS, SEED)
    questions: Rows = []
    shown: Rows = []
    groups: Rows = []
    for name, moments in told.questions.items():
        if name not in place.scales or too_few_of(moments) is not None:
            continue
        after = of_many(place.scales[name], moments.said)
        questions.append((name, compared_by(moments, after, drawn)))
        for what, which, of in parts_of(name, moments, told, SHOWN):
            one = f"{name}, {which}", compared_by(moments.of(of), after[of], drawn)
            (shown if what == "shown" else groups).append(one)
    titles = (("all lines and times", questions), ("what boards show", shown), ("groups of patients", groups))
    note = f"{len(told.patients)} withheld patients; {place.how}."
    tables = [Table(f"{place.name}: {what}", HEAD, [row(*each) for each in rows], note) for what, rows in titles]
    counted = [_right(which, rows) for rows in (questions, shown, groups) for which in ("before", "after")]
    return tables, (place.name, len(told.patients), place.how, *counted)


def _right(which: str, rows: Rows) -> str:
    """How many slopes lie from 0.9 to 1.1, and how many may."""
    slopes = [getattr(one, which).slope for _, one in rows]
    inside = sum(0.9 <= slope.value <= 1.1 for slope in slopes)
    may = sum(slope.low <= 1.1 and slope.high >= 0.9 for slope in slopes)
    return f"{inside} of {len(rows)} ({may})"


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure what recalibration does at three places.")
    ask.add_argument("--data", type=Path, required=True, help="folder with challenge2019 and challenge2012")
    ask.add_argument("--date", required=True, help="as the report bears it")
    ask.add_argument("--stays", type=int, default=700, help="of each place, half of them withheld")
    said = ask.parse_args()
    about = {"date": said.date, "model": fitted_or_why().digest, "seed": SEED, **machine()}
    head = ("place", "withheld", "recalibration", "questions before", "questions after", "shown lines before",
            "shown lines after", "groups before", "groups after")  # fmt: skip
    note = "Slopes from 0.9 to 1.1, of withheld patients; in brackets those whose 95 % interval reaches into it."
    tables: list[Table] = []
    summary: list[tuple[Any, ...]] = []
    for place in chain(of_2012(said.data, said.stays), systems(said.data, said.stays)):
        more, line = measured(place)
        tables, summary = [*tables, *more], [*summary, line]
        whole = [Table("In short", head, summary, note), *tables]
        Report("Recalibration at three places", about, whole).write(OUT, "result")


if __name__ == "__main__":
    main()
