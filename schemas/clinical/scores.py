"""A clinical score with its missing parts in the open (reference §1: general missing-data rule)."""

from datetime import datetime

from schemas.clinical.findings import Evidence, Need
from schemas.frozen import Record, always


class ScorePart(Record, frozen=True, kw_only=True):
    """One component: its points, or None and the need that would settle it."""

    name: str
    points: int | None
    most: int
    evidence: tuple[Evidence, ...] = always(())
    need: Need | None = None


class Score(Record, frozen=True, kw_only=True):
    """A total that never hides a gap: `lower` counts missing parts as 0, `upper` as their maximum."""

    id: str  # news2, sofa, sirs, mews, qsofa
    variant: str  # e.g. "NEWS2, SpO₂ scale 1"
    at: datetime
    parts: tuple[ScorePart, ...]
    notes: tuple[str, ...] = always(())

    @property
    def lower(self) -> int:
        return sum(p.points or 0 for p in self.parts)

    @property
    def upper(self) -> int:
        return sum(p.most if p.points is None else p.points for p in self.parts)

    @property
    def complete(self) -> bool:
        return all(p.points is not None for p in self.parts)

    @property
    def total(self) -> int | None:
        return self.lower if self.complete else None
