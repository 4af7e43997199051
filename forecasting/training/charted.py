"""What the network would have read at every hour of a stay: the served code, told a whole collection hour by hour.

All stays go side by side, each a column of lanes, so that fitting and serving share every line of code and every bit.
"""

from collections.abc import Mapping

import numpy as np

from forecasting.evaluation.stays import Values
from forecasting.moments import HOUR_US
from forecasting.network import chart, inputs
from forecasting.network.chart import EMPTY
from forecasting.network.inputs import READ, Person
from forecasting.training.cohorts import ABOUT, VARIABLES, Hourly
from forecasting.training.collections import COLUMNS_2019
from forecasting.training.features import Table

COLUMNS: Mapping[str, str] = {
    **COLUMNS_2019,
    "base_excess": "BaseExcess", "fio2": "FiO2", "paco2": "PaCO2", "sao2": "SaO2", "bilirubin": "Bilirubin_total",
    "etco2": "EtCO2", "ast": "AST", "alp": "Alkalinephos", "ca_total": "Calcium", "cl": "Chloride",
    "bilirubin_direct": "Bilirubin_direct", "mg": "Magnesium", "phosphate": "Phosphate", "hct": "Hct", "aptt": "PTT",
    "fibrinogen": "Fibrinogen",
}  # fmt: skip
"""Concept -> column of the 2019 collection."""
DECIMALS = 4  # 36.6 was written; single precision holds 36.599998
HOURS_BEFORE_MAX = 10 * 365 * 24  # in hospital before the stay; longer is no time


def table(cohort: Hourly) -> Values:
    """(N, F) what is read at each row, in the order of `inputs.named`."""
    places = [VARIABLES.index(COLUMNS[concept]) for concept in READ]
    lengths = np.diff(cohort.offsets)
    order = np.argsort(-lengths, kind="stable")  # the longest first: those that go on are always the first ones
    lanes = np.tile(EMPTY[:, None], len(order) * len(READ))
    age, sex, _, before = (cohort.about[order][:, ABOUT.index(name)].astype(np.float64) for name in ABOUT)
    before = np.where((before >= -HOURS_BEFORE_MAX) & (before <= 0), before.round(2), 0.0)
    rows = np.empty((len(cohort.iculos), len(inputs.named())), np.float32)
    for hour in range(int(lengths.max())):
        count = int((lengths > hour).sum())
        here = cohort.offsets[order[:count]] + hour
        values = cohort.values[here][:, places].astype(np.float64).round(DECIMALS).reshape(-1)
        told = np.flatnonzero(np.isfinite(values))
        now = np.full(count, hour * HOUR_US)
        columns = np.ascontiguousarray(lanes[:, told])
        chart.read(columns, now.repeat(len(READ))[told], values[told])
        lanes[:, told] = columns
        person = Person(age[:count], sex[:count], hour - before[:count])
        rows[here] = inputs.table(np.ascontiguousarray(lanes[:, : count * len(READ)]), now, person)
    return rows


def as_table(cohort: Hourly) -> Table:
    """The same, as the canary looks at features."""
    named = inputs.named()
    return Table(tuple(name for name, _ in named), tuple(group for _, group in named), table(cohort))
