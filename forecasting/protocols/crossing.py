"""The network of crossings as a score of protocol D: fitted anew on each fold, asked about every label and horizon."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from forecasting.evaluation.stays import Floats, Ints, rows_of
from forecasting.model import Network, Weights
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import EDGES_H, QUESTIONS, lines
from forecasting.training.fit_network import SOURCES, Plan, Prepared, fit
from forecasting.training.labels import Rule
from forecasting.training.network import Shape
from forecasting.training.said import chances_of, hidden_of
from forecasting.training.sources import hash_of
from forecasting.training.splits import Split
from forecasting.training.windows import lowest

HALF = 0.005  # of the last digit that a creatinine is charted with: a label asks for a value that is reached
_CONCEPTS: Mapping[str, str] = {column: concept for concept, column in COLUMNS.items()}


@dataclass(frozen=True)
class Fold:
    """One fold's network, and what it makes of the rows of the stays that are scored."""

    network: Network
    rows: Ints
    hidden: Floats  # (rows, D)


@dataclass(frozen=True)
class Folds:
    """The networks of all folds that are scored."""

    cohort: Hourly
    folds: Sequence[Fold]


def of_folds(cohort: Hourly, splits: Sequence[Split], folder: Path, say: Callable[[str], None]) -> Folds:
    """Networks fitted on each split; kept in the folder, under the hash of what they were made from."""
    prepared = Prepared.of(cohort)
    found = []
    for number, split in enumerate(splits, 1):
        say(f"network, fold {number} of {len(splits)}")
        weights = _weights(prepared, split, cohort, folder, say)
        network = Network(weights, len(QUESTIONS), len(EDGES_H), lines().shape[1])
        rows = rows_of(split.score, cohort.offsets)
        found.append(Fold(network, rows, hidden_of(network, prepared.inputs[rows])))
    return Folds(cohort, found)


def score(networks: Folds, rule: Rule, horizon_h: int) -> Floats:
    """(N,) the chance that the condition comes true, of the stays that are scored; NaN elsewhere."""
    cohort, concept = networks.cohort, _CONCEPTS[rule.variable]
    question = QUESTIONS.index(f"{concept} {'below' if rule.kind == 'below' else 'above'}")
    said = np.full(len(cohort.iculos), np.nan)
    line = np.full(len(said), float(rule.limit))
    if rule.kind == "rise":
        line = rule.limit * lowest(np.ascontiguousarray(cohort.column(rule.variable)), cohort.offsets) - HALF
    for fold in networks.folds:
        found = chances_of(fold.network, fold.hidden, question, line[fold.rows])
        # without a lowest value there is nothing to rise from
        said[fold.rows] = np.where(np.isnan(line[fold.rows]), 0.0, found[:, EDGES_H.index(horizon_h)])
    return said


def _weights(data: Prepared, split: Split, cohort: Hourly, folder: Path, say: Callable[[str], None]) -> Weights:
    shape, plan = Shape(), Plan()
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
