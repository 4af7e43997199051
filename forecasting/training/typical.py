"""What is typical of the patients that the network was fitted on: for whoever says what a chance would become.

    python -m forecasting.training.typical --data DIR --date 2026-11-30

DIR holds `challenge2019`. Writes `forecasting/explaining/typical.json`; read are only the stays that the network was
fitted on. A value that is measured where none was known, or only one that is too old, stands for what a measurement
may show that is made now.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.evaluation.stays import rows_of, stay_of
from forecasting.explaining.typical import FILE, FRESH_H
from forecasting.network import inputs
from forecasting.network.inputs import READ, VITALS
from forecasting.training import charted, json_rows
from forecasting.training.cohorts import HOSPITALS, VARIABLES, Hourly, hourly
from forecasting.training.collections import CITATIONS, hashes
from forecasting.training.fit_network import Plan
from forecasting.training.serve import KEPT_BACK, PARTS
from forecasting.training.splits import folds, strata
from schemas.codes.concepts import CONCEPTS

VALUES = 8  # equally likely ones, of each concept
OUTERMOST = (0.001, 0.999)
FEWER = 0.003  # at most so many of the hours in which any was known had fewer vital signs of late


def typical(cohort: Hourly) -> dict[str, Any]:
    """The numbers, from these stays."""
    rows, stay = charted.table(cohort), stay_of(cohort.offsets)
    names = [name for name, _ in inputs.named()]
    goes_on = np.flatnonzero(stay[:-1] == stay[1:])  # rows that another hour follows
    found: dict[str, Any] = {}
    levels = (np.arange(VALUES) + 0.5) / VALUES
    for concept in READ:
        gap = rows[:, names.index(f"{concept}: gap")]
        came = cohort.values[goes_on + 1, VARIABLES.index(charted.COLUMNS[concept])]
        valid_h = CONCEPTS[concept].validity("icu").total_seconds() / 3600
        wanted = np.isfinite(came) & ~(gap[goes_on] + 1 <= max(valid_h, 1.0))
        newest = rows[:, names.index(concept)]
        low, high = np.nanquantile(newest, OUTERMOST)
        found[concept] = {
            "values": [_rounded(concept, x) for x in np.quantile(came[wanted], levels)],
            "lowest": _rounded(concept, low),
            "highest": _rounded(concept, high),
            "counted": int(wanted.sum()),
        }
    fresh = (rows[:, [names.index(f"{concept}: gap") for concept in VITALS]] <= FRESH_H).sum(axis=1)
    return {"fewest": int(np.quantile(fresh[fresh > 0], FEWER)), "usual": found}


def _rounded(concept: str, value: float) -> float:
    """To one digit more than it is charted with."""
    return round(float(value), CONCEPTS[concept].decimals + 1)


def main() -> None:
    """Write the file."""
    ask = argparse.ArgumentParser(description="Write down what is typical of the patients that were fitted on.")
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--date", required=True)
    said = ask.parse_args()
    cohort = Hourly.joined([hourly(said.data, hospital) for hospital in HOSPITALS])
    part = folds(strata(cohort.hospital, cohort.septic), PARTS, Plan().seed)
    stays = np.flatnonzero(part >= KEPT_BACK)
    made = {
        "what": "what is typical of the stays that the network is fitted on",
        "made_by": "python -m forecasting.training.typical",
        "date": said.date,
        "stays": len(stays),
        "hours": len(rows_of(stays, cohort.offsets)),
        "data_blake2b": hashes(said.data, HOSPITALS),
        "data_licence_and_citation": {hospital: CITATIONS[hospital] for hospital in HOSPITALS},
        "typical": typical(cohort.taken(stays)),
    }
    FILE.write_text(json_rows.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main()
