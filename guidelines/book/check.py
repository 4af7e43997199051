"""Everything that one record of a knowledge file cannot know alone: names that point elsewhere, what a trigger may rest
on, and the two worked examples."""

from collections.abc import Iterable, Iterator, Mapping
from string import Formatter

from guidelines.book.records import Block, Guideline, StepRule, Trigger
from guidelines.quantities.scores import SCORES
from guidelines.rules.graph import Graph, UnknownName
from schemas import conditions as c
from schemas.clinical.findings import Level
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS, classes

EXAMPLES_MIN = 2


class BadBook(ValueError):
    """A knowledge file that does not fit; the text says which entry, what was expected and what was found."""


def check(guidelines: Iterable[Guideline], definitions: Mapping[str, c.Condition]) -> None:
    """Raises BadBook for the first thing that does not fit."""
    for name, condition in definitions.items():
        _check_condition(f"definition {name}", condition)
    try:
        graph = Graph(definitions)
    except UnknownName as problem:
        raise BadBook(f"definitions.toml: {problem}") from None
    for guideline in guidelines:
        _check_guideline(guideline, definitions, graph)


def walk(condition: c.Condition, definitions: Mapping[str, c.Condition]) -> Iterator[c.Condition]:
    """The condition and all inside it, also inside the definitions it names."""
    yield condition
    for part in c.parts_of(condition):
        yield from walk(part, definitions)
    if isinstance(condition, c.Named) and condition.name in definitions:
        yield from walk(definitions[condition.name], definitions)


def _check_guideline(guideline: Guideline, definitions: Mapping[str, c.Condition], graph: Graph) -> None:
    entries: tuple[Trigger | StepRule | Block, ...] = (*guideline.triggers, *guideline.steps, *guideline.blocks)
    _unique(guideline.id, [e.id for e in entries])
    if guideline.outside is not None:
        _check_names(f"{guideline.id}: outside", guideline.outside, graph)
    for entry in entries:
        where = f"{guideline.id}: {entry.id}"
        _known(where, "source", entry.source, guideline.sources)
        for condition in (getattr(entry, name, None) for name in ("when", "done")):
            if condition is not None:
                _check_names(where, condition, graph)
    for trigger in guideline.triggers:
        _check_trigger(guideline, trigger, definitions, graph)
    for step in guideline.steps:
        _check_step(guideline, step, definitions)
    for block in guideline.blocks:
        _known(f"{guideline.id}: {block.id}", "step", block.steps, {s.id for s in guideline.steps})
        _known(f"{guideline.id}: {block.id}", "drug or class", block.orders, {*DRUGS, *classes()})
        if block.given == "critical" and (block.severity != "hard" or not block.orders):
            raise BadBook(f"{guideline.id}: {block.id}: only an order that is withheld can be given all the same")
    for name, slot in guideline.slots.items():
        if (slot.per_kg is None) == (slot.otherwise is None):
            raise BadBook(f"{guideline.id}: slot {name}: expected either per_kg with its unit, or otherwise")
        for choice in slot.choices:
            _check_names(f"{guideline.id}: slot {name}", choice.when, graph)


def _check_step(guideline: Guideline, step: StepRule, definitions: Mapping[str, c.Condition]) -> None:
    where, triggers = f"{guideline.id}: {step.id}", {t.id: t for t in guideline.triggers}
    _known(where, "trigger", (*step.triggers, *step.clock), triggers)
    for text in (step.text, *(b.change for b in guideline.blocks if b.change)):
        _known(where, "slot", [s for _, s, _, _ in Formatter().parse(text) if s], guideline.slots)
    foretold = [
        t for t in step.triggers if triggers[t].level is Level.WATCH and _foretells(triggers[t].when, definitions)
    ]
    if foretold and not step.prepare:
        raise BadBook(f"{where}: expected prepare = true for a step of {foretold[0]}, a forecast")


def _check_trigger(
    guideline: Guideline, trigger: Trigger, definitions: Mapping[str, c.Condition], graph: Graph
) -> None:
    where = f"{guideline.id}: {trigger.id}"
    worked = sum(trigger.id in example.then for example in guideline.examples)
    if worked < EXAMPLES_MIN:
        raise BadBook(f"{where}: expected {EXAMPLES_MIN} worked examples, found {worked}")
    _known(where, "concept", trigger.values, CONCEPTS)
    _known(where, "trigger", trigger.instead_of, {t.id for t in guideline.triggers})
    if _foretells(trigger.when, definitions) and trigger.level is not Level.WATCH:
        raise BadBook(f"{where}: expected level watch for a trigger that rests on a forecast, found {trigger.level}")
    for name in trigger.instead_of:
        if quieter := [t.id for t in guideline.triggers if t.id == name and t.level.rank > trigger.level.rank]:
            raise BadBook(f"{where}: expected a level no lower than that of {quieter[0]}, in whose place it speaks")
    for block in guideline.blocks:
        if found := graph.node(trigger.when).reads & set(block.never_triggers):
            raise BadBook(f"{where}: {block.id} forbids a trigger that rests on {', '.join(sorted(found))}")


def _unique(where: str, ids: list[str]) -> None:
    twice = {i for i in ids if ids.count(i) > 1}
    if twice:
        raise BadBook(f"{where}: {', '.join(sorted(twice))} is defined twice")


def _known(where: str, kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise BadBook(f"{where}: unknown {kind} {name!r}")


def _check_names(where: str, condition: c.Condition, graph: Graph) -> None:
    _check_condition(where, condition)
    try:
        graph.node(condition)
    except UnknownName as problem:
        raise BadBook(f"{where}: {problem}") from None


def _check_condition(where: str, condition: c.Condition) -> None:
    for part in walk(condition, {}):
        match part:
            case c.Change(quantity) | c.Trend(quantity) if quantity in SCORES:
                raise BadBook(f"{where}: {quantity} is a score and has no past here")
            case c.Compare(quantity, _, _, hold) if hold is not None and quantity in SCORES:
                raise BadBook(f"{where}: {quantity} is a score and has no past here")
            case c.Compare(quantity) if not _answerable(quantity):
                raise BadBook(f"{where}: nothing works out {quantity!r} yet")


def _answerable(quantity: str) -> bool:
    """Whether a quantity is measured, may be sent by a laboratory, or is worked out here."""
    known = CONCEPTS[quantity]
    return known.kind != "derived" or bool(known.loinc) or Graph().quantity(quantity) is not None


def _foretells(condition: c.Condition, definitions: Mapping[str, c.Condition]) -> bool:
    return any(isinstance(part, c.Expected | c.Chance) for part in walk(condition, definitions))
