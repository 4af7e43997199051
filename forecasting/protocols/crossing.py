"""The network of crossings as a score of protocol D: fitted anew on each fold, asked about every label and horizon;
alone, and with its partners, as it is served."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from forecasting.evaluation.stays import Floats, Ints, rows_of
from forecasting.model import Network, Weights
from forecasting.training import partners
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import EDGES_H, QUESTIONS, lines
from forecasting.training.fit_network import SOURCES, Plan, Prepared, Say, fit
from forecasting.training.keeping import kept, name_of, packed, unpacked
from forecasting.training.labels import Rule
from forecasting.training.network import Shape
from forecasting.training.partners import Partners, fit_partners, question_of
from forecasting.training.said import Said
from forecasting.training.sources import hash_of
from forecasting.training.splits import Split
from forecasting.training.windows import lowest


@dataclass(frozen=True)
class Fold:
    """What one fold's network says of the rows of the stays that are scored."""

    rows: Ints
    alone: Said
    served: Said


@dataclass(frozen=True)
class Folds:
    """The networks of all folds that are scored."""

    cohort: Hourly
    folds: Sequence[Fold]


def of_folds(cohort: Hourly, splits: Sequence[Split], folder: Path, say: Say) -> Folds:
    """Networks fitted on each split; kept in the folder, under the hash of what they were made from."""
    prepared, found = Prepared.of(cohort), []
    for number, split in enumerate(splits, 1):
        say(f"network, fold {number} of {len(splits)}")
        weights, beside = _fitted(prepared, split, cohort, folder, say)
        network = Network(weights, len(QUESTIONS), len(EDGES_H), lines().shape[1])
        rows = rows_of(split.score, cohort.offsets)
        served = Said.of(network, beside.read(), prepared.inputs[rows])
        found.append(Fold(rows, replace(served, ratios={}), served))
    return Folds(cohort, found)


def score(networks: Folds, rule: Rule, horizon_h: int, *, alone: bool = False) -> Floats:
    """(N,) the chance that the condition comes true, of the stays that are scored; NaN elsewhere."""
    cohort, question = networks.cohort, question_of(rule)
    said = np.full(len(cohort.iculos), np.nan)
    for fold in networks.folds:
        of_fold = fold.alone if alone else fold.served
        said[fold.rows] = of_fold.chances_of(question, rule.limit)[:, EDGES_H.index(horizon_h)]
    if rule.kind == "rise":  # without a lowest value there is nothing to rise from
        said[np.isnan(lowest(np.ascontiguousarray(cohort.column(rule.variable)), cohort.offsets))] = 0.0
    return said


def _fitted(data: Prepared, split: Split, cohort: Hourly, folder: Path, say: Say) -> tuple[Weights, Partners]:
    """The network's weights and its partners, or those that were fitted before from the same."""
    shape, plan, stays = Shape(), Plan(), (split.fit, split.choose)
    names = [cohort.stays[stay] for stay in np.concatenate(split)]
    about: dict[str, object] = {"plan": plan.as_json(), "stays": names}
    network = name_of(about | {"shape": asdict(shape), "source": hash_of(SOURCES)})
    weights = kept(
        folder / f"{network}.weights.npz", lambda: fit(data, stays, shape, plan, say, folder / f"{network}.pt")
    )
    trees = name_of(about | {"source": hash_of(partners.SOURCES)})
    found = kept(folder / f"{trees}.partners.npz", lambda: packed(*fit_partners(data, cohort, stays, plan.seed, say)))
    return weights, Partners.kept(*unpacked(found))
