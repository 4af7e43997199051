"""The network of crossings as a score of protocol D: fitted anew on each fold, asked about every label and horizon;
alone, and with its partners, as it is served."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from forecasting.evaluation.stays import Floats, Ints, rows_of
from forecasting.model import Network, Weights
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import EDGES_H, QUESTIONS, lines
from forecasting.training.fit_network import SOURCES, Plan, Prepared, fit
from forecasting.training.labels import Rule
from forecasting.training.network import Shape
from forecasting.training.partners import fit_partners, question_of
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


def of_folds(cohort: Hourly, splits: Sequence[Split], folder: Path, say: Callable[[str], None]) -> Folds:
    """Networks fitted on each split; kept in the folder, under the hash of what they were made from."""
    prepared, plan, found = Prepared.of(cohort), Plan(), []
    for number, split in enumerate(splits, 1):
        say(f"network, fold {number} of {len(splits)}")
        weights = _weights(prepared, split, plan, cohort, folder, say)
        network = Network(weights, len(QUESTIONS), len(EDGES_H), lines().shape[1])
        partners = fit_partners(prepared, cohort, (split.fit, split.choose), plan.seed, say)
        rows = rows_of(split.score, cohort.offsets)
        served = Said.of(network, partners.read(), prepared.inputs[rows])
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


def _weights(
    data: Prepared, split: Split, plan: Plan, cohort: Hourly, folder: Path, say: Callable[[str], None]
) -> Weights:
    shape = Shape()
    names = [cohort.stays[stay] for stay in np.concatenate(split)]
    about = {"shape": asdict(shape), "plan": plan.as_json(), "stays": names, "source": hash_of(SOURCES)}
    name = blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=12).hexdigest()
    path = folder / f"{name}.weights.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        weights = fit(data, (split.fit, split.choose), shape, plan, say, folder / f"{name}.pt")
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, allow_pickle=False, **weights)
        unfinished.replace(path)
    with np.load(path, allow_pickle=False) as found:
        return dict(found)
