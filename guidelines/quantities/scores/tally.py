"""A score as it stands: its parts, what is missing of it, and the range that leaves (reference §1)."""

from collections.abc import Callable, Sequence
from functools import cache
from math import floor
from typing import NamedTuple

from guidelines.rules.answers import Computed, Interval, Missing, Source
from guidelines.rules.case import Case
from guidelines.rules.registry import number, shared
from schemas.events import Reading

SCORES: dict[str, str] = {}
"""Every score, with the name of its tally (`Graph.named`)."""


class Part(NamedTuple):
    """One component: its points, or None and what would settle it."""

    name: str
    points: int | None
    most: int
    sources: tuple[Source, ...] = ()
    missing: Missing | None = None


class Tally(NamedTuple):
    """A score as it stands: `lower` counts missing parts as nothing, `upper` as their most."""

    id: str
    variant: str
    parts: tuple[Part, ...]
    lower: int
    upper: int
    notes: tuple[str, ...] = ()


def tallied(name: str, variant: str, parts: Sequence[Part], notes: tuple[str, ...] = ()) -> Tally:
    lower = open_ = 0
    for part in parts:
        if part.points is None:
            open_ += part.most
        else:
            lower += part.points
    return Tally(name, variant, tuple(parts), lower, lower + open_, notes)


def in_words(case: Case, tally: Tally) -> Interval:
    """The score as a range, resting on what it counts."""
    missing = tuple([p.missing for p in tally.parts if p.missing is not None])
    sources = tuple([s for p in tally.parts if p.points for s in p.sources])
    at = max([s.observed_at for p in tally.parts for s in p.sources if isinstance(s, Reading)], default=case.now)
    return Interval(tally.lower, tally.upper, (Computed(tally.id, tally.lower, at, sources, missing),), missing)


def tally_of(case: Case, name: str) -> Tally:
    """A score of SCORES as it stands."""
    found: Tally = case.ask(case.graph.named[SCORES[name]])
    return found


def score(
    name: str, reads: Sequence[str] = (), uses: Sequence[str] = (), ages_only: bool = True
) -> Callable[[Callable[[Case], Tally]], Callable[[Case], Tally]]:
    """Registers a tally, and the number that conditions compare."""

    def register(work: Callable[[Case], Tally]) -> Callable[[Case], Tally]:
        SCORES[name] = f"tally {name}"
        shared(SCORES[name], reads, uses, ages_only)(work)
        number(name, [name], uses=[SCORES[name]], ages_only=True)(lambda case: in_words(case, tally_of(case, name)))
        return work

    return register


# -- tables: the points of the first bound that the value does not exceed; the last entry has no bound

Bands = tuple[tuple[float, int], ...]
REST = float("inf")


def points(bands: Bands, value: float) -> int:
    """The points of a value in a table of rising upper bounds."""
    for bound, score in bands:
        if value <= bound:
            return score
    return bands[-1][1]


def rounded(value: float, decimals: int = 0) -> float:
    """Half up, as a person rounds (reference §1.1); the small addend undoes binary noise such as 38.0499999."""
    scale = 10.0**decimals
    return floor(value * scale + 0.5 + 1e-9) / scale


@cache
def unknown_part(name: str, most: int, wanted: str) -> Part:
    return Part(name, None, most, (), Missing(wanted))


def banded(case: Case, concept: str, bands: Bands, most: int, decimals: int = 0) -> Part:
    """The part of one concept by its newest valid value."""
    reading = case.latest(concept)
    if reading is None or reading.value is None:
        return unknown_part(concept, most, concept)
    return Part(concept, points(bands, rounded(reading.value, decimals)), most, (reading,))
