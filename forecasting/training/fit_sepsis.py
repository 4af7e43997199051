"""The chance of sepsis, hour by hour: boosted trees over what the network reads, and where an alarm serves best.

The label is that of PhysioNet/CinC Challenge 2019: septic within six hours, or already. It needs a clinician's
suspicion (cultures, antimicrobials), so a good part of what foretells it is the ward's own care.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.evaluation.metrics import Ranked
from forecasting.evaluation.stays import Floats, Ints, Values, laid, rows_of, stay_of
from forecasting.evaluation.utility import best_threshold, by_stay
from forecasting.forest import Forest
from forecasting.training.boosting import STRONG, Rows, boosted
from forecasting.training.cohorts import Hourly
from forecasting.training.reliability import Moments, bounds
from forecasting.training.trees import arrays

NAME, WITHIN_H = "sepsis", 6.0
SOURCES = (
    "evaluation/metrics.py", "evaluation/stays.py", "evaluation/utility.py", "forest.py", "network/chart.py",
    "network/inputs.py", "training/boosting.py", "training/charted.py", "training/cohorts.py",
    "training/fit_sepsis.py", "training/reliability.py", "training/trees.py",
)  # fmt: skip
"""What it comes from, besides data and seed."""


class Sepsis(NamedTuple):
    """Trees by the names of the weights' file, and what the manifest says of them."""

    trees: dict[str, NDArray[np.generic]]
    about: dict[str, Any]


def fit_sepsis(read: Values, cohort: Hourly, stays: tuple[Ints, Ints, Ints], seed: int) -> Sepsis:
    """Fitted on the first stays; the number of trees chosen on the second; the bounds counted on the third, and the
    threshold of the alarm on the second and third, as septic stays are few. read (N, F)."""
    _, chosen_on, counted_on = stays
    fit, choose, count = (rows_of(some, cohort.offsets) for some in stays)
    came = cohort.label.astype(np.float64)
    model = boosted(Rows(read[fit], came[fit]), Rows(read[choose], came[choose]), "binary", STRONG, seed=seed)
    found = {f"{NAME}.{field}": values for field, values in arrays(model).items()}
    forest = Forest.read(found, NAME)

    def chances(rows: Ints) -> Floats:
        return np.asarray(1 / (1 + np.exp(-forest.of(read[rows].astype(np.float64)))))

    both = np.sort(np.concatenate([chosen_on, counted_on]))
    lengths, rows = np.diff(cohort.offsets), rows_of(both, cohort.offsets)
    threshold = best_threshold(chances(rows), cohort.label[rows], laid(lengths[both]))
    some, said, offsets = cohort.taken(counted_on), chances(count), laid(lengths[counted_on])
    got, possible = by_stay(said >= threshold, some.label, offsets)
    whose = stay_of(offsets)
    ranked = Ranked.of(some.label, said)
    about = {
        "within_h": WITHIN_H,
        "alarm_at": round(float(threshold), 6),
        "reliability": bounds(Moments(said, some.label, some.label, whose, some.hospital[whose], np.zeros_like(whose))),
        "trees": model.trees,
        "recipe": STRONG.as_json(),
        "on those it is counted on": {
            "U, with a threshold chosen on them and others": round(float(got.sum() / max(possible.sum(), 1e-9)), 4),
            "AUROC": round(ranked.auroc(), 4),
            "AUPRC": round(ranked.average_precision(), 4),
        },
    }
    return Sepsis(found, about)
