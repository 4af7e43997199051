"""The one place of these tests that knows where the engine, the book and the scores live."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from guidelines.book.load import Book, load
from guidelines.book.records import Block, StepRule, Trigger
from guidelines.evidence import NO_OUTLOOK
from guidelines.rules.case import Case
from guidelines.rules.graph import Graph
from guidelines.rules.truth import truth as verdict
from guidelines.scoring import mews, news2, qsofa, sirs, sofa
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.conditions import parts_of as children
from schemas.conditions.text import parse

__all__ = ["BOOK", "NO_OUTLOOK", "SCORES", "asked", "conditions", "leaves", "standing", "truth"]

BOOK: Book = load()
_GRAPH = Graph(BOOK.definitions)
SCORES = {"news2": news2, "mews": mews, "qsofa": qsofa, "sirs": sirs, "sofa": sofa}


def truth(condition: Condition, chart: Snapshot, outlook: Outlook = NO_OUTLOOK) -> Truth:
    """What the engine says of a condition, with the definitions of the book."""
    return verdict(condition, chart, outlook, BOOK.definitions).truth


def asked(text: str, chart: Snapshot, outlook: Outlook = NO_OUTLOOK) -> Truth:
    """What the engine says of a condition in words."""
    return truth(parse(text), chart, outlook)


def conditions() -> Mapping[str, Condition]:
    """Every condition of every knowledge file, by where it stands ("SEP.S4 done", "definition hypotension")."""
    found = {f"definition {name}": condition for name, condition in BOOK.definitions.items()}
    for guideline in BOOK.guidelines:
        rules: tuple[Trigger | StepRule | Block, ...] = (*guideline.triggers, *guideline.steps, *guideline.blocks)
        for rule in rules:
            named = {"when": rule.when, "done": rule.done if isinstance(rule, StepRule) else None}
            found |= {f"{rule.id} {name}": c for name, c in named.items() if c is not None}
    return found


def leaves(condition: Condition) -> Iterator[Condition]:
    """The conditions inside a condition that hold no others."""
    inside = children(condition)
    if not inside:
        yield condition
    for part in inside:
        yield from leaves(part)


def standing(condition: Condition, chart: Snapshot, outlook: Outlook = NO_OUTLOOK) -> tuple[Truth, datetime]:
    """What the engine says of a condition, and the moment up to which (exclusive) that stands without news."""
    case = Case(chart, outlook, _GRAPH)
    return case.ask(_GRAPH.node(condition)).truth, case.until
