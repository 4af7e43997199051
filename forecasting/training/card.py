"""The model card: `card.md` beside this file, filled with what the manifest and the committed measurements say.

python -m forecasting.training.card > docs/model-card.md
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forecasting.network.fitted import HERE, MANIFEST
from forecasting.network.forecaster import NAME, VERSION
from forecasting.network.inputs import READ

TEMPLATE = Path(__file__).with_suffix(".md")
MEASURED = Path(__file__).parents[2] / "benchmarks" / "forecasting" / "deterioration.json"
SHOWN = ("LightGBM", "network", "served")


def card(manifest: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """The page."""
    events, weights = manifest["events"], manifest["weights"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        name=NAME,
        version=VERSION,
        date=manifest["date"],
        inputs=len(manifest["inputs"]),
        concepts=len(READ),
        questions=len(manifest["questions"]),
        lines=sum(len(question["lines"]) for question in manifest["questions"]),
        horizon=manifest["edges_h"][-1],
        events=", ".join(f"{name} within {about['within_h']:g} h" for name, about in events.items()),
        numbers=weights["numbers"],
        beside=sum(question["partner"]["trees"] for question in manifest["questions"] if question["partner"]),
        trees=", ".join(str(about["trees"]) for about in events.values()),
        citations="; ".join(sorted(set(manifest["data_licence_and_citation"].values()))),
        hashes=", ".join(f"{name} `{value}`" for name, value in manifest["data_blake2b"].items()),
        split=manifest["split"],
        **manifest["stays"],
        worth="\n".join(_rows(measured)),
        events_worth="\n".join(_of_event(name, about) for name, about in events.items()),
    )


def _rows(measured: Mapping[str, Any]) -> Iterator[str]:
    for row in next(table for table in measured["tables"] if table["title"] == "By row")["rows"]:
        if row["score"] in SHOWN:
            ranks = " | ".join(_interval(row[name]) for name in ("AUROC", "AUPRC"))
            yield f"| {row['label']} | {row['within, h']} | {row['score']} | {ranks} | {row['calibration slope']:.2f} |"


def _interval(cell: Mapping[str, Any]) -> str:
    low, high = cell["95 %"]
    return f"{cell['value']:.3f} ({low:.3f} to {high:.3f})"


def _of_event(name: str, about: Mapping[str, Any]) -> str:
    said = "; ".join(f"{what} {value:.3f}" for what, value in about["on those it is counted on"].items())
    return f"{name.capitalize()}, on the patients that reliability is counted on: {said}."


def committed() -> str:
    """The card of the committed network."""
    manifest = json.loads((HERE / MANIFEST).read_text(encoding="utf-8"))
    return card(manifest, json.loads(MEASURED.read_text(encoding="utf-8")))


if __name__ == "__main__":
    print(committed(), end="")
