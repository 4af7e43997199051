"""The records that a knowledge file is read into. Every field is what its author writes; see docs/guidelines.md."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.clinical.findings import Level
from schemas.conditions.text import parse


class Words(NamedTuple):
    """What a trigger says: its claim, how the body worsens or stands, and the quantities that show it."""

    lead: str
    question: str
    worse: str
    steady: str
    values: tuple[str, ...]


def _condition(text: object) -> object:
    return parse(text) if isinstance(text, str) else text


def _duration(text: object) -> object:
    if not isinstance(text, str):
        return text
    found = re.fullmatch(r"(\d+) (min|h)", text)
    if found is None:
        raise ValueError(f"expected a duration such as '60 min' or '3 h', found {text!r}")
    return timedelta(minutes=int(found[1])) * (60 if found[2] == "h" else 1)


When = Annotated[Any, BeforeValidator(_condition)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Source(_Entry):
    """A document that rules rest on, and how its content was checked."""

    title: str
    year: int
    cite: str
    doi: tuple[str, ...] = ()
    url: str | None = None
    checked: str


class Definition(_Entry):
    """A predicate that several guidelines share."""

    name: str
    when: When
    why: str


class Trigger(_Entry):
    """A condition that speaks, and the words it speaks with."""

    id: str
    title: str
    level: Level
    when: When
    asks: bool = True  # whether, half satisfied and open, it may ask for what is missing
    asks_while: When | None = None  # and, as long as it has not warned, only while this holds
    instead_of: tuple[str, ...] = ()  # triggers in whose place it speaks while both hold
    source: tuple[str, ...] = Field(min_length=1)
    lead: str
    question: str
    worse: str
    steady: str
    values: tuple[str, ...]

    @cached_property
    def words(self) -> Words:
        return Words(self.lead, self.question, self.worse, self.steady, self.values)


class Requirement(_Entry):
    """Something that must be known, and how fresh, before a step may simply be offered."""

    what: str
    max_age: Duration | None = None


class StepRule(_Entry):
    """One line of a checklist: when it is shown, when it is done, by when, and where it comes from."""

    id: str
    text: str = Field(max_length=400)
    triggers: tuple[str, ...] = Field(alias="for", min_length=1)
    when: When | None = None
    done: When | None = None
    within: Duration | None = None
    clock: tuple[str, ...] = ()
    prepare: bool = False  # may be shown on a forecast alone: a test, monitoring, a call
    limited: bool = False  # ICU, intubation, vasopressor, RRT: to be discussed where a treatment limit stands
    measures: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()
    source: tuple[str, ...] = Field(min_length=1)
    passage: str = Field(max_length=600)
    strength: str


class Block(_Entry):
    """Why a step or an order is withheld, changed or shown with a warning. Without `when` it always holds."""

    id: str
    severity: Literal["hard", "soft", "modify"]
    when: When | None = None
    steps: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()  # drug ids or classes
    iv_only: bool = False
    alone: bool = False  # speaks about an order even where no trigger of the guideline does
    given: Literal["warning", "critical"] = "warning"  # how loud it is that what it withholds was given all the same
    text: str = Field(max_length=400)
    change: str | None = Field(default=None, max_length=400)  # the step's text as modified
    instead: str | None = Field(default=None, max_length=300)
    never_triggers: tuple[str, ...] = ()  # quantities that no trigger may rest on: checked when the book loads
    source: tuple[str, ...] = Field(min_length=1)
    passage: str = Field(max_length=600)
    strength: str


class Choice(_Entry):
    """One of several texts: the first whose condition is TRUE."""

    when: When
    text: str


class Slot(_Entry):
    """What a step's text leaves open as `{name}`: a dose by weight, or one text out of several."""

    per_kg: float | None = Field(default=None, gt=0)  # of the dosing weight, in `unit`
    unit: str | None = None
    choices: tuple[Choice, ...] = ()
    otherwise: str | None = None


class Reassess(_Entry):
    """What is looked at again, and how often."""

    every: str
    what: str


class Freshness(_Entry):
    """How old a kind of data may be for this guideline."""

    what: str
    max_age: str


class Example(_Entry):
    """A worked example: a patient at one time of day, and what the file itself says must follow."""

    name: str
    at: str
    setting: Literal["icu", "ward"] = "ward"
    patient: Mapping[str, Any] = {}
    readings: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()
    treatments: tuple[Mapping[str, Any], ...] = ()
    expected: Mapping[str, float] = {}  # median of the forecast at every horizon
    onsets: Mapping[str, str] = {}
    then: Mapping[str, Literal["fires", "yields", "silent", "open", "asks"]]
    steps: Mapping[str, str] = {}  # step id -> state, or "absent"; an order by its item
    reasons: Mapping[str, str] = {}  # step id or order's item -> a block that must be among its reasons
    asks: tuple[str, ...] = ()


class Guideline(_Entry):
    """One file of `knowledge/`."""

    id: str
    title: str
    version: str
    status: Literal["draft", "approved", "retired"]
    reviewed: date
    supersedes: str | None = None
    population: str
    outside: When | None = None  # of whom it does not speak at all
    each_is_news: bool = False  # each trigger is an alarm of its own: a second one of the same level is a worsening
    sources: Mapping[str, Source]
    slots: Mapping[str, Slot] = {}
    triggers: tuple[Trigger, ...] = Field(min_length=1)
    steps: tuple[StepRule, ...] = ()
    blocks: tuple[Block, ...] = ()
    data: tuple[Freshness, ...] = ()
    reassess: tuple[Reassess, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def rule_version(self) -> str:
        return f"{self.version} ({self.status})"
