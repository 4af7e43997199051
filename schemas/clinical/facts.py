"""What a note says, tied to the words that say it (reference §5.1)."""

from datetime import datetime
from enum import StrEnum

from schemas.frozen import Record


class Polarity(StrEnum):
    AFFIRMED = "affirmed"
    NEGATED = "negated"
    UNCERTAIN = "uncertain"


class Experiencer(StrEnum):
    PATIENT = "patient"
    FAMILY = "family"
    OTHER = "other"


class Temporality(StrEnum):
    CURRENT = "current"
    HISTORICAL = "historical"
    PLANNED = "planned"
    HYPOTHETICAL = "hypothetical"


def usable(polarity: Polarity, experiencer: Experiencer, temporality: Temporality, copied: bool) -> bool:
    """Whether a rule may rest on a statement (reference §5.1): affirmed, of the patient, current, not copied."""
    return (
        polarity is Polarity.AFFIRMED
        and experiencer is Experiencer.PATIENT
        and temporality is Temporality.CURRENT
        and not copied
    )


class NoteFact(Record, frozen=True, kw_only=True):
    """One statement read in a note. `start`/`end` are character offsets into the note's text: its span."""

    concept: str  # dotted id of the lexicon, e.g. perf.mottled
    polarity: Polarity = Polarity.AFFIRMED
    experiencer: Experiencer = Experiencer.PATIENT
    temporality: Temporality = Temporality.CURRENT
    value: float | None = None
    unit: str | None = None
    detail: str | None = None  # e.g. the drug or device named
    change: str | None = None  # up, down, same
    copied: bool = False
    note: str  # identity of the note
    start: int
    end: int
    words: str  # the words of the span, for display
    effective_at: datetime
    available_at: datetime

    @property
    def usable(self) -> bool:
        """A rule may rest on it: affirmed, of the patient, current, and not copied forward."""
        return usable(self.polarity, self.experiencer, self.temporality, self.copied)
