"""The rule book: reviewed TOML files read into frozen records, and refused with a plain sentence where they do not fit.

    book = load()
    book.version                          # a hash of all files: part of every audit
    book.concepts                         # what it reads: nothing else need be kept

A trigger without source, review date and two worked examples does not load; nor does a name that nothing defines.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from guidelines import derived, scores
from guidelines.engine import children
from guidelines.wording import Words
from schemas import conditions as c
from schemas.clinical.findings import Level
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS, classes
from schemas.conditions.text import BadCondition, parse

KNOWLEDGE = Path(__file__).parents[1] / "knowledge"
KINDS = ("scores", "situations")  # folders of guidelines, in the order in which they are judged
EXAMPLES_MIN = 2
SLOTS = frozenset({"fluid_target", "map_target"})
"""What a step's text may leave open; `judge` fills it in for the patient."""


class BadBook(ValueError):
    """A knowledge file that does not fit; the text says which entry, what was expected and what was found."""


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
    text: str = Field(max_length=400)
    change: str | None = Field(default=None, max_length=400)  # the step's text as modified
    instead: str | None = Field(default=None, max_length=300)
    never_triggers: tuple[str, ...] = ()  # quantities that no trigger may rest on: checked when the book loads
    source: tuple[str, ...] = Field(min_length=1)
    passage: str = Field(max_length=600)
    strength: str


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
    then: Mapping[str, Literal["fires", "silent", "open", "asks"]]
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
    sources: Mapping[str, Source]
    triggers: tuple[Trigger, ...] = Field(min_length=1)
    steps: tuple[StepRule, ...] = ()
    blocks: tuple[Block, ...] = ()
    data: tuple[Freshness, ...] = ()
    reassess: tuple[Reassess, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def rule_version(self) -> str:
        return f"{self.version} ({self.status})"


@dataclass(frozen=True, eq=False)
class Book:
    """All guidelines and the definitions they share. One object per load: identity is equality."""

    guidelines: tuple[Guideline, ...]
    definitions: Mapping[str, c.Condition]
    version: str
    concepts: frozenset[str]


def load(folder: Path = KNOWLEDGE) -> Book:
    """Every guideline of the folder. Raises BadBook."""
    return read({path.name: path.read_text(encoding="utf-8") for path in book_files(folder)})


def book_files(folder: Path) -> list[Path]:
    """The files of a rule book: what they share, then the guidelines in the order in which they are judged."""
    return [folder / "definitions.toml", *(f for kind in KINDS for f in sorted((folder / kind).glob("*.toml")))]


def read(files: Mapping[str, str]) -> Book:
    """The book that these files (name -> text) make; `definitions.toml` holds what they share. Raises BadBook."""
    tables = {name: _table(name, text) for name, text in files.items()}
    shared = [_model(Definition, name, row) for name, row in tables.pop("definitions.toml", {}).items()]
    definitions = MappingProxyType({d.name: d.when for d in shared})
    guidelines = tuple(_model(Guideline, name, table) for name, table in tables.items())
    for definition in shared:
        _check_condition(f"definition {definition.name}", definition.when, definitions)
    for guideline in guidelines:
        _check(guideline, definitions)
    digest = blake2b(digest_size=8)
    for name in sorted(files):
        digest.update(f"{name}\0{files[name]}\0".encode())
    return Book(guidelines, definitions, digest.hexdigest(), frozenset(_concepts(guidelines, definitions)))


def _table(name: str, text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BadBook(f"{name}: not TOML: {problem}") from None
    if name == "definitions.toml":
        return {key: {"name": key, **row} for key, row in table.items()}
    return table


def _model(kind: Any, where: str, table: Mapping[str, Any]) -> Any:
    try:
        return kind.model_validate(table)
    except (ValidationError, BadCondition) as problem:
        if isinstance(problem, BadCondition):
            raise BadBook(f"{where}: {problem}") from None
        first = problem.errors()[0]
        place = ".".join(_place(table, first["loc"]))
        raise BadBook(f"{where}: {place}: {first['msg']}") from None


def _place(table: Any, loc: tuple[int | str, ...]) -> Iterator[str]:
    """The path of an error, with an entry's own id instead of its number."""
    for key in loc:
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            table = None
        named = table.get("id") or table.get("name") if isinstance(table, dict) else None
        yield str(named or key)


def _check(guideline: Guideline, definitions: Mapping[str, c.Condition]) -> None:
    """Everything that a record alone cannot know: names that point elsewhere, and the two worked examples."""
    triggers = {t.id: t for t in guideline.triggers}
    steps = {s.id for s in guideline.steps}
    entries: tuple[Trigger | StepRule | Block, ...] = (*guideline.triggers, *guideline.steps, *guideline.blocks)
    _unique(guideline.id, [e.id for e in entries])
    for entry in entries:
        where = f"{guideline.id}: {entry.id}"
        _known(where, "source", entry.source, guideline.sources)
        for condition in (getattr(entry, name, None) for name in ("when", "done")):
            if condition is not None:
                _check_condition(where, condition, definitions)
    for trigger in guideline.triggers:
        _check_trigger(guideline, trigger, definitions)
    for step in guideline.steps:
        _known(f"{guideline.id}: {step.id}", "trigger", (*step.triggers, *step.clock), triggers)
        for text in (step.text, *(b.change for b in guideline.blocks if b.change)):
            _known(f"{guideline.id}: {step.id}", "slot", [s for _, s, _, _ in Formatter().parse(text) if s], SLOTS)
        foretold = [
            t for t in step.triggers if triggers[t].level is Level.WATCH and _foretells(triggers[t].when, definitions)
        ]
        if foretold and not step.prepare:
            raise BadBook(f"{guideline.id}: {step.id}: expected prepare = true for a step of {foretold[0]}, a forecast")
    for block in guideline.blocks:
        _known(f"{guideline.id}: {block.id}", "step", block.steps, steps)
        _known(f"{guideline.id}: {block.id}", "drug or class", block.orders, {*DRUGS, *classes()})


def _check_trigger(guideline: Guideline, trigger: Trigger, definitions: Mapping[str, c.Condition]) -> None:
    where = f"{guideline.id}: {trigger.id}"
    worked = sum(trigger.id in example.then for example in guideline.examples)
    if worked < EXAMPLES_MIN:
        raise BadBook(f"{where}: expected {EXAMPLES_MIN} worked examples, found {worked}")
    _known(where, "concept", trigger.values, CONCEPTS)
    if _foretells(trigger.when, definitions) and trigger.level is not Level.WATCH:
        raise BadBook(f"{where}: expected level watch for a trigger that rests on a forecast, found {trigger.level}")
    read_ = {q for part in _walk(trigger.when, definitions) for q in _quantities(part)}
    for block in guideline.blocks:
        if found := read_ & set(block.never_triggers):
            raise BadBook(f"{where}: {block.id} forbids a trigger that rests on {', '.join(sorted(found))}")


def _unique(where: str, ids: list[str]) -> None:
    twice = {i for i in ids if ids.count(i) > 1}
    if twice:
        raise BadBook(f"{where}: {', '.join(sorted(twice))} is defined twice")


def _known(where: str, kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise BadBook(f"{where}: unknown {kind} {name!r}")


def _check_condition(where: str, condition: c.Condition, definitions: Mapping[str, c.Condition]) -> None:
    for part in _walk(condition, {}):
        match part:
            case c.Named(name) if name not in definitions and name not in derived.PREDICATES:
                raise BadBook(f"{where}: unknown definition {name!r}")
            case c.Change(quantity) | c.Trend(quantity) if quantity in scores.TALLIES:
                raise BadBook(f"{where}: {quantity} is a score and has no past here")
            case c.Compare(quantity, _, _, hold) if hold is not None and quantity in scores.TALLIES:
                raise BadBook(f"{where}: {quantity} is a score and has no past here")
            case c.Compare(quantity) if not _answerable(quantity):
                raise BadBook(f"{where}: nothing works out {quantity!r} yet")


def _answerable(quantity: str) -> bool:
    """Whether a quantity is measured, may be sent by a laboratory, or is worked out here."""
    known = CONCEPTS[quantity]
    return known.kind != "derived" or bool(known.loinc) or quantity in scores.TALLIES or quantity in derived.NUMBERS


def _walk(condition: c.Condition, definitions: Mapping[str, c.Condition]) -> Iterator[c.Condition]:
    """The condition and all inside it, also inside the definitions it names."""
    yield condition
    for part in children(condition):
        yield from _walk(part, definitions)
    if isinstance(condition, c.Named) and condition.name in definitions:
        yield from _walk(definitions[condition.name], definitions)


def _foretells(condition: c.Condition, definitions: Mapping[str, c.Condition]) -> bool:
    return any(isinstance(part, (c.Expected, c.Chance)) for part in _walk(condition, definitions))


def _quantities(part: c.Condition) -> tuple[str, ...]:
    match part:
        case c.Compare() | c.Coded() | c.Windowed() | c.Change() | c.Trend() | c.Expected():
            return (part.quantity,)
        case c.Total(per_kg=True):
            return ("weight", "height")
        case c.Person("lvef"):
            return ("lvef",)
        case c.Named(name):
            return derived.READS.get(name, ())
        case _:
            return ()


def _concepts(guidelines: Iterable[Guideline], definitions: Mapping[str, c.Condition]) -> Iterator[str]:
    """Every concept that any rule, score or sentence reads, with what scores and derived numbers are made of."""
    conditions = [*definitions.values()]
    named: list[str] = ["weight", "height"]
    for guideline in guidelines:
        rules: tuple[Trigger | StepRule | Block, ...] = (*guideline.triggers, *guideline.steps, *guideline.blocks)
        for rule in rules:
            conditions += [x for x in (rule.when, getattr(rule, "done", None)) if x is not None]
        named += [v for t in guideline.triggers for v in t.values]
        named += [r.what for s in guideline.steps for r in s.requires if r.what in CONCEPTS]
    named += [q for condition in conditions for part in _walk(condition, {}) for q in _quantities(part)]
    seen: set[str] = set()
    while named:
        name = named.pop()
        if name not in seen:
            seen.add(name)
            named += (
                *scores.READS.get(name, ()),
                *derived.READS.get(name, ()),
                *(("sbp", "dbp") if name == "map" else ()),
            )
    yield from seen & CONCEPTS.keys()
