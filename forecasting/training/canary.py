"""Training refuses features that know the future.

Three questions are put to whatever makes the features, on a sample of stays:

    cut        when a stay is cut off at any hour, do its earlier rows stay as they were, to the bit?
    blinded    when the labels are turned round, do the features stay as they were?
    too good   does any single feature tell the label better than any honest one could?

A planted copy of the future label is found by them (`tests/forecasting/training/test_canary.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from forecasting.evaluation.metrics import auroc
from forecasting.evaluation.stays import Flags, Values, place_in, rows_of
from forecasting.training.cohorts import Hourly
from forecasting.training.features import Table

CUTS_H = (1, 2, 7, 12, 25, 49)
STAYS = 500
TOO_GOOD = 0.97
"""No honest feature of the open collections has so high an AUROC alone: of sepsis the best has 0.68 (NEWS2), of the
labels of deterioration 0.90 (how far the creatinine lies above its lowest, within the next hour)."""

Maker = Callable[[Hourly], Table]


class Leak(Exception):
    """A feature knows what could not be known."""


def refuse_leaks(
    make: Maker, cohort: Hourly, label: Flags | None = None, judged: Flags | None = None, *, seed: int = 0
) -> None:
    """Raise `Leak`, naming the features, where any of the three questions is answered wrongly.

    `label` (N,) is what is to be learnt, the cohort's own where it is left out; `judged` (N,) says in which rows.
    """
    count = len(cohort.stays)
    sample = np.sort(np.random.default_rng(seed).permutation(count)[:STAYS])
    rows = rows_of(sample, cohort.offsets)
    told = (cohort.label if label is None else label)[rows]
    where = slice(None) if judged is None else judged[rows]
    some = cohort.taken(sample)
    table = make(some)
    _refuse("change when the stay is cut off", _changed_by_cutting(make, some, table))
    _refuse("change with the label", _different(table, make(replace(some, label=~some.label))))
    _refuse("tell the label too well", _too_good(table.rows[where], told[where], table.names))


def _refuse(why: str, names: Sequence[str]) -> None:
    if names:
        raise Leak(f"{len(names)} features {why}: {', '.join(names[:5])}")


def _different(one: Table, other: Table, rows: Flags | None = None) -> list[str]:
    there = one.rows if rows is None else one.rows[rows]
    same = ((there == other.rows) | (np.isnan(there) & np.isnan(other.rows))).all(axis=0)
    return [name for name, kept in zip(one.names, same, strict=True) if not kept]


def _changed_by_cutting(make: Maker, some: Hourly, whole: Table) -> list[str]:
    found: list[str] = []
    for hours in CUTS_H:
        cut = some.cut(hours)
        found += _different(whole, make(cut), place_in(some.offsets) < hours)
    return sorted(set(found))


def _too_good(rows: Values, label: Flags, names: Sequence[str]) -> list[str]:
    if label.all() or not label.any():
        return []
    found = []
    for name, column in zip(names, rows.T, strict=True):
        score = np.nan_to_num(column.astype(np.float64), nan=-1e30, posinf=1e30, neginf=-1e30)
        reached = auroc(label, score)
        if max(reached, 1 - reached) > TOO_GOOD:
            found.append(name)
    return found
