"""What the rules say of one patient at one moment, each claim bound to what it rests on."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from schemas.frozen import Record, always


class Truth(StrEnum):
    """Kleene's three values. UNKNOWN is an answer, and it names what would settle it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How loud a finding is. `ask`: cannot tell, measure something; `watch`: predicted, not present."""

    ASK = "ask"
    WATCH = "watch"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self.value]


_RANKS = {level.value: rank for rank, level in enumerate(Level)}


class Evidence(Record, frozen=True, kw_only=True):
    """One thing a claim rests on. `ref` is the identity of the event it came from; notes add their span."""

    kind: Literal["reading", "note", "treatment", "patient", "forecast", "score"]
    subject: str  # concept, fact, drug or score id
    label: str  # what a person calls it: "MAP", "crackles noted"
    shown: str  # the value as it may be printed: "61 mmHg", "“bibasilar crackles”"
    at: datetime | None = None  # when it was true of the patient
    ref: str
    value: float | None = None
    note_start: int | None = None
    note_end: int | None = None


class Need(Record, frozen=True, kw_only=True):
    """A measurement that would settle an UNKNOWN: what, and why it is not known now."""

    subject: str
    label: str
    why: str  # "never measured", "last 09:05, older than 4 h", "suspect: damped line"


class StepState(StrEnum):
    OFFERED = "offered"
    MODIFIED = "modified"  # offered in a changed form: 250 mL aliquots instead of 30 mL/kg
    WITHHELD = "withheld"
    NEEDS_CHECK = "needs_check"
    DISCUSS = "discuss"  # a treatment limit stands: talk first
    DONE = "done"


class Passage(Record, frozen=True, kw_only=True):
    """Where a step comes from: the citation to open and one paraphrased sentence to show."""

    citation: str
    text: str
    strength: str


class Reason(Record, frozen=True, kw_only=True):
    """Why a step is withheld, changed or needs a check: the block's id, a sentence, and its evidence."""

    block: str
    severity: Literal["hard", "soft", "modify", "check"]
    text: str
    evidence: tuple[Evidence, ...] = always(())
    needs: tuple[Need, ...] = always(())


class Step(Record, frozen=True, kw_only=True):
    """One line of a checklist, as it stands now."""

    id: str
    text: str
    state: StepState
    reasons: tuple[Reason, ...] = always(())
    due_at: datetime | None = None
    done_at: datetime | None = None
    passage: Passage


class Sentence(Record, frozen=True, kw_only=True):
    """A sentence made by template: each `{n}` was filled from `evidence[n]`; see guidelines.wording."""

    template: str
    evidence: tuple[Evidence, ...]

    @property
    def text(self) -> str:
        return self.template.format(*(e.shown for e in self.evidence))


class Onset(Record, frozen=True, kw_only=True):
    """When a trigger first became true in this episode, and the event that made it so."""

    at: datetime
    ref: str


class Finding(Record, frozen=True, kw_only=True):
    """A rule that speaks about one patient now."""

    encounter: str
    rule: str  # e.g. SEP.T3, NEWS2.high
    rule_version: str
    guideline: str  # the file's id, e.g. SEP: findings of one guideline form one episode
    title: str
    level: Level
    at: datetime
    onset: Onset  # the event that made it true is part of the alert id
    sentence: Sentence
    evidence: tuple[Evidence, ...] = always(())
    needs: tuple[Need, ...] = always(())
    steps: tuple[Step, ...] = always(())


class Judgement(Record, frozen=True, kw_only=True):
    """All that the rule book says of one snapshot. `truths` answers every trigger, fired or not."""

    findings: tuple[Finding, ...]
    truths: Mapping[str, Truth]
