"""A score of one snapshot as people read it: each part with its points, its evidence and what is missing of it.

news2(snapshot).total                 # None while a part is missing
"""

from functools import cache, partial

from guidelines.evidence import NO_OUTLOOK, evidence, need
from guidelines.quantities.scores import Part
from guidelines.quantities.scores.tally import tally_of
from guidelines.rules.case import Case
from guidelines.rules.graph import Graph
from schemas.clinical.scores import Score, ScorePart
from schemas.clinical.snapshot import Snapshot


@cache
def _graph() -> Graph:
    return Graph()


def score_of(snapshot: Snapshot, name: str) -> Score:
    """A score of `guidelines.quantities.scores.SCORES`."""
    case = Case(snapshot, NO_OUTLOOK, _graph())
    tally = tally_of(case, name)
    parts = tuple(_part(case, part) for part in tally.parts)
    return Score(id=name, variant=tally.variant, at=snapshot.now, parts=parts, notes=tally.notes)


def _part(case: Case, part: Part) -> ScorePart:
    return ScorePart(
        name=part.name,
        points=part.points,
        most=part.most,
        evidence=tuple(evidence(case, source) for source in part.sources),
        need=None if part.missing is None else need(case, part.missing),
    )


news2 = partial(score_of, name="news2")
mews = partial(score_of, name="mews")
qsofa = partial(score_of, name="qsofa")
sirs = partial(score_of, name="sirs")
sofa = partial(score_of, name="sofa")
