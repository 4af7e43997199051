"""A report is a list of tables with what they were made from, written as JSON and as Markdown alike."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.evaluation.metrics import Interval, Repeats
from forecasting.training import json_rows

Cell = str | int | float | Interval | Repeats | None
PACKAGES = ("numpy", "polars", "lightgbm", "scikit-learn")


@dataclass(frozen=True)
class Table:
    """Rows of figures under one heading, with what a reader must know to read them."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What was measured, and on what."""

    title: str
    about: Mapping[str, Any]
    tables: list[Table] = field(default_factory=list)

    def write(self, folder: Path, name: str) -> None:
        """`name.json` with every digit and `name.md` to be read."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = {"title": self.title, "about": self.about, "tables": [_as_json(table) for table in self.tables]}
        (folder / f"{name}.json").write_text(json_rows.dumps(whole, _plain), encoding="utf-8")
        (folder / f"{name}.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        lines = [f"# {self.title}", ""]
        lines += [f"* {key}: {_said(value)}" for key, value in self.about.items()]
        for table in self.tables:
            lines += ["", f"## {table.title}", ""]
            lines += [table.note, ""] if table.note else []
            rows = [table.head, ["---"] * len(table.head), *([_shown(cell) for cell in row] for row in table.rows)]
            lines += [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join(lines) + "\n"


def machine() -> dict[str, Any]:
    """What the figures were made on and with; a package that is not installed is said to be."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version(), **found},
    }


def _shown(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case Interval() | Repeats():
            return f"{_digits(cell.value)} ({_digits(cell.low)} to {_digits(cell.high)})"
        case float():
            return _digits(cell)
        case _:
            return str(cell)


def _digits(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"  # noqa: PLR2004


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_said(inner)}" for key, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _as_json(table: Table) -> dict[str, Any]:
    rows = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    return {"title": table.title, "note": table.note, "rows": [{k: _cell(v) for k, v in r.items()} for r in rows]}


def _cell(cell: Cell) -> object:
    if isinstance(cell, Interval):
        return {"value": _number(cell.value), "95 %": [_number(cell.low), _number(cell.high)]}
    if isinstance(cell, Repeats):
        return {"mean": _number(cell.value), "lowest and highest": [_number(cell.low), _number(cell.high)]}
    return _number(cell) if isinstance(cell, float) else cell


def _number(value: float) -> float | None:
    """Six digits; what is no number is null, which JSON has."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
