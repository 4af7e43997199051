"""What is known at each hour of a stay, as columns: from that hour and earlier ones alone.

    values     physiology: newest value, lowest, highest, mean and trend of 6 and 24 hours, ratios, scores
    pattern    who measured what lately: hours since each was measured, how often within 6 hours
    tally      how often each was measured so far: a pattern, and a clock in disguise
    person     age, sex
    unit       which kind of unit
    clock      hours in the unit, hours from admission to the unit, hours since the stay's first row

Every column can be kept up hour by hour in constant time and space (`forecasting.training.windows`). Nothing is filled
in: what was never measured is NaN. A NaN tells that nobody measured it, so `values` alone is not wholly free of the
pattern.

Shapes: N rows, F features.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Ints, Values, place_in, stay_of
from forecasting.training import windows
from forecasting.training.cohorts import ABOUT, OTHERS, VARIABLES, VITALS, Hourly
from forecasting.training.scores import SCORES, Latest

GROUPS = ("values", "pattern", "tally", "person", "unit", "clock")
SELECTIONS: Mapping[str, frozenset[str]] = {
    "all": frozenset(GROUPS),
    "no clock": frozenset(GROUPS) - {"clock", "tally"},
    "no measurement pattern": frozenset(GROUPS) - {"pattern", "tally"},
    "physiology only": frozenset({"values", "person"}),
    "clock alone": frozenset({"clock"}),
}
WINDOWS_H = (6, 24)
LATELY_H = 6
CHANGING = (
    "BaseExcess", "HCO3", "FiO2", "pH", "PaCO2", "SaO2", "BUN", "Creatinine", "Glucose", "Lactate", "Bilirubin_total",
    "Hgb", "WBC", "Platelets",
)  # fmt: skip
"""Measured often enough for a change to be seen."""


class Column(NamedTuple):
    """One feature of every row: (N,)."""

    name: str
    group: str
    values: Values


@dataclass(frozen=True)
class Table:
    """The features of every row of a cohort."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    rows: Values  # (N, F)

    def selected(self, selection: str) -> "Table":
        """The features of one of SELECTIONS."""
        wanted = SELECTIONS[selection]
        kept = [place for place, group in enumerate(self.groups) if group in wanted]
        return Table(tuple(self.names[k] for k in kept), tuple(self.groups[k] for k in kept), self.rows[:, kept])

    def column(self, name: str) -> Values:
        """(N,) one feature."""
        return self.rows[:, self.names.index(name)]


def features(cohort: Hourly) -> Table:
    """All features of every hour of a cohort."""
    columns = list(_columns(cohort))
    rows = np.empty((len(cohort.iculos), len(columns)), np.float32)
    for place, column in enumerate(columns):
        rows[:, place] = column.values
    return Table(tuple(c.name for c in columns), tuple(c.group for c in columns), rows)


def _columns(cohort: Hourly) -> Iterator[Column]:
    offsets = cohort.offsets
    latest: dict[str, Values] = {}
    for name in VARIABLES:
        values = np.ascontiguousarray(cohort.column(name))
        latest[name] = windows.latest(values, offsets)
        yield Column(name, "values", latest[name])
        yield Column(f"{name}: gap", "pattern", windows.gap(values, offsets))
        yield Column(f"{name}: tally", "tally", windows.count(values, offsets))
        if name in VITALS:
            yield from _trends(name, values, latest[name], offsets)
        elif name in CHANGING:
            yield from _changes(name, values, latest[name], offsets)
    yield from _ratios(latest, cohort)
    for name, score in SCORES.items():
        yield Column(name, "values", score(latest))
    others = np.isfinite(cohort.values[:, [VARIABLES.index(name) for name in OTHERS]]).sum(axis=1, dtype=np.float32)
    yield Column("laboratory values within 6 h", "pattern", windows.window(others, offsets, LATELY_H).x)
    yield from _around(cohort)


def _trends(name: str, values: Values, latest: Values, offsets: Ints) -> Iterator[Column]:
    """A vital sign over the last hours, and where it stands against them."""
    for hours in WINDOWS_H:
        sums = windows.window(values, offsets, hours)
        yield Column(f"{name}: mean {hours} h", "values", sums.mean)
        yield Column(f"{name}: slope {hours} h", "values", sums.slope)
        yield Column(f"{name}: lowest {hours} h", "values", windows.least(values, offsets, hours))
        yield Column(f"{name}: highest {hours} h", "values", windows.greatest(values, offsets, hours))
        if hours == LATELY_H:
            yield Column(f"{name}: count {hours} h", "pattern", sums.n)
        else:
            yield Column(f"{name}: above its {hours} h", "values", latest - sums.mean)


def _changes(name: str, values: Values, latest: Values, offsets: Ints) -> Iterator[Column]:
    """A laboratory value against the one before it and against the stay's extremes."""
    before = windows.latest_before(values, offsets)
    changed = np.where(np.isfinite(values), values - before, np.float32(np.nan))
    yield Column(f"{name}: last change", "values", windows.latest(changed, offsets))
    yield Column(f"{name}: above its lowest", "values", latest - windows.lowest(values, offsets))
    yield Column(f"{name}: below its highest", "values", windows.highest(values, offsets) - latest)


def _ratios(latest: Latest, cohort: Hourly) -> Iterator[Column]:
    age = cohort.about[:, ABOUT.index("Age")][stay_of(cohort.offsets)]
    shock = latest["HR"] / latest["SBP"]
    pulse = latest["SBP"] - latest["DBP"]
    found = {
        "shock index": shock,
        "shock index × age": shock * age,
        "heart rate over MAP": latest["HR"] / latest["MAP"],
        "pulse pressure": pulse,
        "pulse pressure over SBP": pulse / latest["SBP"],
        "SpO₂ over FiO₂": latest["O2Sat"] / latest["FiO2"],
        "SpO₂ over FiO₂ over breaths": latest["O2Sat"] / latest["FiO2"] / latest["Resp"],
        "BUN over creatinine": latest["BUN"] / np.maximum(latest["Creatinine"], np.float32(0.1)),
        "heart rate above fever": latest["HR"] - 10 * (latest["Temp"] - 37),
        "breaths over SpO₂": latest["Resp"] / latest["O2Sat"],
    }
    for name, values in found.items():
        yield Column(name, "values", values)


def _around(cohort: Hourly) -> Iterator[Column]:
    """Who the patient is, where, and what time it is for them."""
    age, sex, unit, admitted = cohort.about[stay_of(cohort.offsets)].T
    yield Column("age", "person", age)
    yield Column("sex", "person", sex)
    yield Column("unit", "unit", unit)
    yield Column("hours in the unit", "clock", cohort.iculos.astype(np.float32))
    yield Column("hours from admission to the unit", "clock", -admitted)
    yield Column("hours since the first row", "clock", place_in(cohort.offsets).astype(np.float32))
