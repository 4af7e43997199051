"""The network of crossings as a score of protocol D: fitted anew on each fold, asked about every label and horizon;
alone, and with its partners, as it is served."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.evaluation.stays import Floats, Ints, rows_of
from forecasting.model import Network, Weights
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import EDGES_H, QUESTIONS, lines
from forecasting.training.fit_network import SOURCES, Plan, Prepared, Say, fit
from forecasting.training.labels import Rule
from forecasting.training.network import Shape
from forecasting.training.partners import RECIPE, Partners, fit_partners, question_of
from forecasting.training.said import Said
from forecasting.training.sources import hash_of
from forecasting.training.splits import Split
from forecasting.training.windows import lowest

TREES = (
    "model.py", "network/chart.py", "network/inputs.py", "training/boosting.py", "training/charted.py",
    "training/labels.py", "training/partners.py", "training/trees.py", "training/windows.py",
)  # fmt: skip
"""What partners come from, besides data and seed."""


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
        weights, partners = _fitted(prepared, split, cohort, folder, say)
        network = Network(weights, len(QUESTIONS), len(EDGES_H), lines().shape[1])
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


def _fitted(data: Prepared, split: Split, cohort: Hourly, folder: Path, say: Say) -> tuple[Weights, Partners]:
    """The network's weights and its partners, or those that were fitted before from the same."""
    shape, plan, stays = Shape(), Plan(), (split.fit, split.choose)
    names = [cohort.stays[stay] for stay in np.concatenate(split)]
    about: dict[str, object] = {"plan": plan.as_json(), "stays": names}
    network = _name(about | {"shape": asdict(shape), "source": hash_of(SOURCES)})
    partners = _name(about | {"recipe": RECIPE.as_json(), "source": hash_of(TREES)})
    weights = _kept(
        folder / f"{network}.weights.npz", lambda: fit(data, stays, shape, plan, say, folder / f"{network}.pt")
    )
    trees = _kept(
        folder / f"{partners}.partners.npz", lambda: fit_partners(data, cohort, stays, plan.seed, say).as_arrays()
    )
    return weights, Partners.of_arrays(trees)


def _name(about: Mapping[str, object]) -> str:
    return blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=12).hexdigest()


def _kept(path: Path, make: Callable[[], Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = make()
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, allow_pickle=False, **found)
        unfinished.replace(path)
    with np.load(path, allow_pickle=False) as found:
        return dict(found)
