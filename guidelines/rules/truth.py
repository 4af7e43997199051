"""Three-valued truth of any condition on a snapshot (reference §0.3, §0.4).

    truth(parse("map below 65 for 10 min"), snapshot)      # Verdict(YES | NO | UNKNOWN, evidence, needs)

UNKNOWN is never NO: it comes with the measurement that would settle it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from guidelines.evidence import NO_OUTLOOK, evidences, needs
from guidelines.rules.case import Case
from guidelines.rules.graph import Graph
from schemas.clinical.findings import Evidence, Need, Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition


class Verdict(NamedTuple):
    """The truth of one condition, what made it so, and what would settle it."""

    truth: Truth
    evidence: tuple[Evidence, ...]
    needs: tuple[Need, ...]


def truth(
    condition: Condition,
    snapshot: Snapshot,
    outlook: Outlook = NO_OUTLOOK,
    definitions: Mapping[str, Condition] | None = None,
) -> Verdict:
    """Whether the condition holds of what could be known at `snapshot.now`. Never raises on patient data."""
    graph = Graph(definitions)
    case = Case(snapshot, outlook, graph)
    answer = case.ask(graph.node(condition))
    return Verdict(answer.truth, evidences(case, answer.sources), needs(case, answer.missing))
