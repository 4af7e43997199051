"""A recalibration in words and figures: the file that is kept, and before and after side by side."""

from collections.abc import Mapping
from typing import Any

from forecasting.evaluation.metrics import Interval
from forecasting.local.recalibrating import Compared, Figures, Result
from forecasting.protocols.report import Report, Table

HEAD = ("question", "patients, with the event", "slope before", "slope after", "intercept before", "intercept after",
        "Brier before", "Brier after", "log loss before", "log loss after")  # fmt: skip


def kept(result: Result, about: Mapping[str, Any]) -> dict[str, Any]:
    """What is written down: all that is served, and how it was checked."""
    questions = {
        name: {
            "slope": found.scale.slope,
            "intercept": found.scale.intercept,
            "left": found.left,
            "reliability": found.bounds,
            **_compared(found.compared),
        }
        for name, found in result.questions.items()
    }
    parts = [
        {"question": part.question, "what": part.what, "which": part.which, **_compared(part.compared)}
        for part in result.parts
    ]
    return {"what": "recalibration", **about, "questions": questions, "too few": result.too_few, "parts": parts}


def report(result: Result, about: Mapping[str, Any]) -> Report:
    """To be read: the questions, the lines that people see, and the groups of patients."""
    named = {name: ("" if one.left is None else " (as said)") for name, one in result.questions.items()}
    tables = [
        Table(
            "All lines and times of each question",
            HEAD,
            [row(name + named[name], one.compared) for name, one in result.questions.items()],
            "After: each patient as told by a scale that he had no part in. *As said*: no scale told others better, so "
            "only the bounds were counted anew. Slope 1 and intercept 0 are right; 95 % intervals of patients.",
        )
    ]
    for title, whats in (("What boards show", ("shown",)), ("Groups of patients", ("age", "sex", "unit"))):
        rows = [row(f"{p.question}, {p.which}", p.compared) for p in result.parts if p.what in whats]
        if rows:
            tables.append(Table(title, HEAD, rows))
    if result.too_few:
        note = "These are served as they were fitted."
        tables.append(Table("Too few patients", ("question", "why"), [*result.too_few.items()], note))
    return Report("Recalibration at a hospital", about, tables)


def row(name: str, of: Compared) -> tuple[str | Interval, ...]:
    """As `HEAD` names its columns."""
    pairs = [(getattr(of.before, each), getattr(of.after, each)) for each in Figures.__annotations__]
    return (name, f"{of.patients}, {of.with_event}", *(figure for pair in pairs for figure in pair))


def _compared(of: Compared) -> dict[str, Any]:
    return {
        "patients": of.patients,
        "with event": of.with_event,
        "moments": of.moments,
        "said": _digits(of.said),
        "came": _digits(of.came),
        "before": _figures(of.before),
        "after": _figures(of.after),
    }


def _figures(of: Figures) -> dict[str, list[float | None]]:
    return {name: [_digits(value) for value in getattr(of, name)] for name in Figures.__annotations__}


def _digits(value: float) -> float | None:
    """Five digits; what is no number is null."""
    return float(f"{value:.5g}") if value == value else None  # noqa: PLR0124, only NaN is not itself
