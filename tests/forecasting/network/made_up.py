"""A small network with drawn weights: for what holds of any weights."""

import json
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from forecasting.forest import FIELDS
from forecasting.network import inputs
from forecasting.network.fitted import MANIFEST, WEIGHTS, Fitted, fitted, partner_named

EDGES_H = (1.0, 2.0, 4.0, 6.0, 12.0, 24.0)
LINES = {"map below": (55, 65, 75), "hr above": (150, 130, 110), "spo2 below": (88, 90, 94), "lactate above": (8, 4, 2),
         "creatinine rise": (2, 1.5, 1.25)}  # fmt: skip
PARTNERED = "map below"
WIDTH, BLOCKS, PIECES = 16, 1, 4
RELIABILITY = {"said": [0.01, 0.5], "low": [0.0, 0.4], "high": [0.05, 0.6], "lasting": [0.0, 0.2]}


def weights(seed: int = 5) -> dict[str, NDArray[np.float32]]:
    """Numbers of the shapes that `forecasting.model` reads."""
    draw, count = np.random.default_rng(seed), inputs.network_reads()
    knots = np.sort(draw.uniform(0, 200, (count, PIECES + 1)), axis=1)

    def linear(name: str, rows: int, columns: int) -> dict[str, NDArray[np.float64]]:
        scale = rows**-0.5
        return {
            f"{name}.weight": draw.normal(0, scale, (columns, rows)).clip(-4, 4),
            f"{name}.bias": draw.normal(0, 1, columns),
        }

    def norm(name: str) -> dict[str, NDArray[np.float64]]:
        ones = {part: draw.uniform(0.5, 1.5, WIDTH) for part in ("weight", "running_var")}
        zeros = {part: draw.normal(0, 0.3, WIDTH) for part in ("bias", "running_mean")}
        return {f"{name}.{part}": values for part, values in {**ones, **zeros}.items()}

    found = {"knots": knots, **linear("first", count * (PIECES + 1), WIDTH), **norm("norm")}
    for block in range(BLOCKS):
        found |= norm(f"blocks.{block}.norm")
        found |= linear(f"blocks.{block}.wide", WIDTH, 2 * WIDTH) | linear(f"blocks.{block}.back", 2 * WIDTH, WIDTH)
    widest = max(map(len, LINES.values()))
    found |= linear("hazards", WIDTH, len(LINES) * len(EDGES_H) * widest) | linear(
        "measured", WIDTH, len(LINES) * len(EDGES_H)
    )
    return {name: np.ascontiguousarray(values, np.float32) for name, values in found.items()}


def stump(name: str) -> dict[str, NDArray[np.generic]]:
    """One tree: a heart rate above 100 says one half, any other one in five or so."""
    heart_rate = [name for name, _ in inputs.named()].index("hr")
    told = ([heart_rate, 0, 0], [100.0, 0, 0], [1, 1, 2], [2, 1, 2], [1, 0, 0], [0, -1.5, 0.0])
    return {f"{name}.{field}": np.array([values], np.float64) for field, values in zip(FIELDS, told, strict=True)}


def written(folder: Path) -> Fitted:
    """The network, by way of its files."""
    raw = save({**weights(), **stump("sepsis"), **stump(partner_named(*PARTNERED.split()))})
    manifest = {
        "weights": {"blake2b": blake2b(raw, digest_size=16).hexdigest()},
        "edges_h": EDGES_H,
        "inputs": [name for name, _ in inputs.named()],
        "events": {"sepsis": {"within_h": 6.0, "alarm_at": 0.3, "reliability": RELIABILITY}},
        "questions": [
            {
                "concept": name.split()[0],
                "direction": name.split()[1],
                "lines": lines,
                "reliability": RELIABILITY,
                "partner": {"line": 65, "within_h": 6.0} if name == PARTNERED else None,
            }
            for name, lines in LINES.items()
        ],
    }
    (folder / WEIGHTS).write_bytes(raw)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return fitted(folder)
