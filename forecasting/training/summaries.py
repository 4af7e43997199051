"""What is known of a stay at one moment, from measurements as charted (2012): one row a stay.

For each parameter that is measured again and again: newest and first value, lowest, highest, mean, spread, trend per
hour, how often it was measured, and hours since. Beside them what is known of the patient. What was never measured is
NaN. Only measurements before the moment are looked at. Shapes: E measurements, S stays.
"""

from collections.abc import Iterator

import numpy as np

from forecasting.evaluation.stays import Floats
from forecasting.training.cohorts import GENERAL, PARAMETERS, Events
from forecasting.training.features import Column, Table

MEASURED = tuple(name for name in PARAMETERS if name not in GENERAL)
GROUPS = ("last", "mean", "course", "pattern", "person")
SELECTIONS = {
    "all": frozenset(GROUPS),
    "values only": frozenset({"last", "mean", "course", "person"}),
    "last values": frozenset({"last", "person"}),
    "means": frozenset({"mean", "person"}),
}


def summaries(events: Events, until_h: float) -> Table:
    """All columns of every stay, from what was charted before this hour."""
    columns = list(_columns(events, until_h))
    rows = np.column_stack([column.values for column in columns]).astype(np.float32)
    return Table(tuple(c.name for c in columns), tuple(c.group for c in columns), rows)


def selected(table: Table, selection: str) -> Table:
    """The columns of one of SELECTIONS."""
    kept = [place for place, group in enumerate(table.groups) if group in SELECTIONS[selection]]
    return Table(tuple(table.names[k] for k in kept), tuple(table.groups[k] for k in kept), table.rows[:, kept])


def _columns(events: Events, until_h: float) -> Iterator[Column]:
    count = len(events.stays)
    stay = events.stay
    early = events.hour < until_h
    for place, name in enumerate(PARAMETERS):
        rows = np.flatnonzero(early & (events.parameter == place))
        whose, hour, value = stay[rows], events.hour[rows], events.value[rows]
        last, first, since = np.full((3, count), np.nan)
        last[whose], since[whose] = value, until_h - hour  # by time, so the newest stays
        if name in GENERAL:
            yield Column(name, "person", last.astype(np.float32))
            continue
        first[whose[::-1]] = value[::-1]
        for column, group, values in (
            (name, "last", last),
            (f"{name}: first", "course", first),
            *_moments(name, whose, hour, value, count),
            (f"{name}: since", "pattern", since),
        ):
            yield Column(column, group, values.astype(np.float32))


def _moments(
    name: str, whose: np.ndarray, hour: Floats, value: Floats, count: int
) -> Iterator[tuple[str, str, Floats]]:
    lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(lowest, whose, value)
    np.maximum.at(highest, whose, value)

    def summed(what: Floats) -> Floats:
        return np.asarray(np.bincount(whose, what, count), np.float64)

    n = summed(np.ones(len(whose)))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, middle = summed(value) / n, summed(hour) / n
        off, later = value - mean[whose], hour - middle[whose]
        spread = np.sqrt(summed(off * off) / n)
        trend = summed(off * later) / summed(later * later)
    some = n > 0
    yield f"{name}: lowest", "course", np.where(some, lowest, np.nan)
    yield f"{name}: highest", "course", np.where(some, highest, np.nan)
    yield f"{name}: mean", "mean", mean
    yield f"{name}: spread", "course", spread
    yield f"{name}: trend", "course", np.where(np.isfinite(trend), trend, np.nan)
    yield f"{name}: count", "pattern", n
