"""Fit what is served on all open stays, and write it down with what it was made from and how far it can be trusted."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from forecasting.evaluation.stays import rows_of
from forecasting.model import Network
from forecasting.network import inputs
from forecasting.network.fitted import MANIFEST, WEIGHTS
from forecasting.network.forecaster import NAME, VERSION
from forecasting.training import charted, crossings, fit_sepsis, json_rows, partners, reliability
from forecasting.training.canary import refuse_leaks
from forecasting.training.cohorts import HOSPITALS, Hourly, hourly
from forecasting.training.collections import CITATIONS, hashes
from forecasting.training.crossings import EDGES_H, LINES, QUESTIONS
from forecasting.training.fit_network import SOURCES, Plan, Prepared, Say, fit
from forecasting.training.fit_sepsis import NAME as SEPSIS
from forecasting.training.fit_sepsis import Sepsis
from forecasting.training.keeping import Arrays, kept, name_of, packed, unpacked
from forecasting.training.network import Shape
from forecasting.training.partners import Partners
from forecasting.training.said import Said
from forecasting.training.sources import hash_of
from forecasting.training.splits import folds, strata

CHOSEN_ON, KEPT_BACK, PARTS = 1, 3, 20  # of twenty parts one is chosen on, and two more are counted on


def serve(data: Path, out: Path, build: Path, date: str, say: Say, at_most: int | None = None) -> None:
    """Fit on all open stays and write `weights.safetensors` and `manifest.json` into `out`.

    Raises `forecasting.training.canary.Leak` where what is read knows the future.
    """
    shape, plan = Shape(), Plan()
    cohort = Hourly.joined([hourly(data, hospital, at_most) for hospital in HOSPITALS])
    refuse_leaks(charted.as_table, cohort, seed=plan.seed)
    prepared = Prepared.of(cohort)
    part = folds(strata(cohort.hospital, cohort.septic), PARTS, plan.seed)
    chosen_on, trusted_by = np.flatnonzero(part < CHOSEN_ON), np.flatnonzero((part >= CHOSEN_ON) & (part < KEPT_BACK))
    fit_on = np.flatnonzero(part >= KEPT_BACK)
    say(f"{len(fit_on)} stays to fit on, {len(chosen_on)} to choose on, {len(trusted_by)} to count on")
    build.mkdir(parents=True, exist_ok=True)
    made_from = {"plan": plan.as_json(), "data": hashes(data, HOSPITALS), "part": part.tolist()}
    name = name_of({"shape": asdict(shape), **made_from, "source": hash_of(SOURCES)})
    weights = fit(prepared, (fit_on, chosen_on), shape, plan, say, build / f"{name}.pt")
    stays, keep = (fit_on, chosen_on, trusted_by), partial(_kept, build, made_from)
    fit_events = partial(fit_sepsis.fit_sepsis, prepared.inputs, cohort, stays, plan.seed)
    fit_beside = partial(partners.fit_partners, prepared, cohort, stays[:2], plan.seed, say)
    sepsis = Sepsis(*keep("sepsis", fit_sepsis.SOURCES, fit_events))
    say(f"sepsis: {sepsis.about['trees']} trees, {sepsis.about['on those it is counted on']}")
    beside = Partners.kept(*keep("partners", partners.SOURCES, fit_beside))
    all_numbers = {**weights, **sepsis.trees, **beside.trees}
    raw = save({name: np.ascontiguousarray(value) for name, value in sorted(all_numbers.items())})
    network = Network(weights, len(QUESTIONS), len(EDGES_H), crossings.lines().shape[1])
    said = Said.of(network, beside.read(), prepared.inputs[rows_of(trusted_by, cohort.offsets)])
    trust = reliability.of_all(said, cohort.taken(trusted_by))
    manifest = {
        "what": f"{NAME}, version {VERSION}",
        "made_by": "foreshock train",
        "date": date,
        "weights": {
            "blake2b": blake2b(raw, digest_size=16).hexdigest(),
            "numbers": sum(v.size for v in weights.values()),
        },
        "shape": asdict(shape),
        "plan": plan.as_json(),
        "partners": partners.RECIPE.as_json(),
        "split": "by patient and hospital: 85 % fit, 5 % choose the epoch, 10 % count reliability",
        "stays": {"fit": len(fit_on), "choose": len(chosen_on), "count": len(trusted_by)},
        "data_blake2b": hashes(data, HOSPITALS),
        "data_licence_and_citation": {hospital: CITATIONS[hospital] for hospital in HOSPITALS},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__},
        "edges_h": list(EDGES_H),
        "inputs": [name for name, _ in inputs.named()],
        "events": {SEPSIS: sepsis.about},
        "questions": _questions(beside, trust),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / WEIGHTS).write_bytes(raw)
    (out / MANIFEST).write_text(json_rows.dumps(manifest), encoding="utf-8")
    say(f"written: {out / WEIGHTS}, {len(raw) / 1e6:.1f} MB")


def _questions(beside: Partners, trust: Sequence[dict[str, list[float]]]) -> list[dict[str, Any]]:
    """Of the manifest."""
    return [
        {
            "concept": question.split()[0],
            "direction": question.split()[1],
            "lines": list(own),
            "partner": beside.about.get(number),
            "reliability": found,
        }
        for number, ((question, own), found) in enumerate(zip(LINES.items(), trust, strict=True))
    ]


def _kept(
    build: Path,
    made_from: Mapping[str, object],
    what: str,
    sources: Sequence[str],
    make: Callable[[], tuple[Arrays, Any]],
) -> tuple[Arrays, Any]:
    """Trees and what is said of them: made, or as they were made before from the same."""
    name = name_of({**made_from, "source": hash_of(sources)})
    return unpacked(kept(build / f"{name}.{what}.npz", lambda: packed(*make())))
