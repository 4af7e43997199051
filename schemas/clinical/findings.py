"""What the rules say of one patient at one moment, each claim bound to what it rests on."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.frozen import EncounterId, Frozen, Moment, ShortText


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


class Evidence(Frozen):
    """One thing a claim rests on. `ref` is the identity of the event it came from; notes add their span."""

    kind: Literal["reading", "note", "treatment", "patient", "forecast", "score"]
    subject: ShortText  # concept, fact, drug or score id
    label: ShortText  # what a person calls it: "MAP", "crackles noted"
    shown: ShortText  # the value as it may be printed: "61 mmHg", "“bibasilar crackles”"
    at: Moment | None  # when it was true of the patient
    ref: Annotated[str, Field(max_length=400)]
    value: float | None = None
    note_start: int | None = None
    note_end: int | None = None


class Need(Frozen):
    """A measurement that would settle an UNKNOWN: what, and why it is not known now."""

    subject: ShortText
    label: ShortText
    why: ShortText  # "never measured", "last 09:05, older than 4 h", "suspect: damped line"


class StepState(StrEnum):
    OFFERED = "offered"
    MODIFIED = "modified"  # offered in a changed form: 250 mL aliquots instead of 30 mL/kg
    WITHHELD = "withheld"
    NEEDS_CHECK = "needs_check"
    DISCUSS = "discuss"  # a treatment limit stands: talk first
    DONE = "done"


class Passage(Frozen):
    """Where a step comes from: the citation to open and one paraphrased sentence to show."""

    citation: ShortText
    text: Annotated[str, Field(max_length=600)]
    strength: ShortText


class Reason(Frozen):
    """Why a step is withheld, changed or needs a check: the block's id, a sentence, and its evidence."""

    block: ShortText
    severity: Literal["hard", "soft", "modify", "check"]
    text: Annotated[str, Field(max_length=400)]
    evidence: tuple[Evidence, ...] = ()
    needs: tuple[Need, ...] = ()


class Step(Frozen):
    """One line of a checklist, as it stands now."""

    id: ShortText
    text: Annotated[str, Field(max_length=400)]
    state: StepState
    reasons: tuple[Reason, ...] = ()
    due_at: Moment | None = None
    done_at: Moment | None = None
    passage: Passage


class Sentence(Frozen):
    """A sentence made by template: each `{n}` was filled from `evidence[n]`; see guidelines.wording."""

    template: Annotated[str, Field(max_length=600)]
    evidence: tuple[Evidence, ...]

    @property
    def text(self) -> str:
        return self.template.format(*(e.shown for e in self.evidence))


class Onset(Frozen):
    """When a trigger first became true in this episode, and the event that made it so."""

    at: Moment
    ref: Annotated[str, Field(max_length=400)]


class Finding(Frozen):
    """A rule that speaks about one patient now."""

    encounter: EncounterId
    rule: ShortText  # e.g. SEP.T3, NEWS2.high
    rule_version: ShortText
    guideline: ShortText  # the file's id, e.g. SEP: findings of one guideline form one episode
    title: ShortText
    level: Level
    at: Moment
    onset: Onset  # the event that made it true is part of the alert id
    sentence: Sentence
    evidence: tuple[Evidence, ...] = ()
    needs: tuple[Need, ...] = ()
    steps: tuple[Step, ...] = ()


class Judgement(Frozen):
    """All that the rule book says of one snapshot. `truths` answers every trigger, fired or not."""

    findings: tuple[Finding, ...]
    truths: Mapping[str, Truth]
