"""A rule book as nodes of one graph: every guideline's triggers, steps and blocks, each condition once for all."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from guidelines.book.records import Block, Guideline, Requirement, StepRule, Trigger
from guidelines.evidence import clock
from guidelines.given import given_against
from guidelines.rules import noted
from guidelines.rules.answers import YES, Answer, Computed, Forecasted, Interval, Missing, Personal, Sample, Source
from guidelines.rules.case import Case, members
from guidelines.rules.graph import Graph, Node
from guidelines.rules.kinds import Compiled, quantity, reads_of
from guidelines.rules.registry import given_of
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Level, Passage, Truth
from schemas.conditions import Condition
from schemas.events import Reading


class BlockNode(NamedTuple):
    """A block; without `when` it always holds. `items`: the drug ids that it speaks about; `given`: what of them was
    given although it withheld them."""

    rule: Block
    when: Node | None
    items: frozenset[str]
    passage: Passage
    given: Node | None = None


class StepNode(NamedTuple):
    """A step with all that it asks."""

    rule: StepRule
    when: Node | None
    done: Node | None
    requires: tuple[Node, ...]
    blocks: tuple[BlockNode, ...]
    triggers: frozenset[str]
    passage: Passage


class TriggerNode(NamedTuple):
    """A trigger. `foretold`: it may rest on a forecast, and then only leads to watching and preparing.

    `asks_while`: as long as it has not warned it asks for what is missing only while this holds.
    """

    rule: Trigger
    node: Node
    foretold: bool
    asks_while: Node | None = None


class GuidelineNode(NamedTuple):
    """One guideline. `orders`: its blocks that speak about orders; `choices`: the conditions of its slots.

    `watched`: its triggers and whom it does not speak of; they are kept up to date. `leaves`: what these rest on.
    """

    guideline: Guideline
    outside: Node | None
    triggers: tuple[TriggerNode, ...]
    steps: tuple[StepNode, ...]
    orders: tuple[BlockNode, ...]
    choices: Mapping[str, tuple[tuple[Node, str], ...]]
    watched: tuple[Node, ...]
    leaves: tuple[Node, ...]


class Rules(NamedTuple):
    """All guidelines over one graph. `reads`: everything that a rule or a sentence looks at."""

    graph: Graph
    guidelines: tuple[GuidelineNode, ...]
    reads: frozenset[str]


def compiled(guidelines: Iterable[Guideline], definitions: Mapping[str, Condition]) -> Rules:
    """The guidelines as nodes. Everything they name exists (`guidelines.book.check`)."""
    graph = Graph(definitions)
    nodes = tuple(_guideline(guideline, graph) for guideline in guidelines)
    asked: set[str] = {"weight", "height", "t:*"}
    for made in nodes:
        asked |= {read for node in _all_nodes(made) for read in node.reads}
        asked |= {read for t in made.triggers for value in t.rule.values for read in reads_of(value, graph)}
    for name in definitions:
        asked |= graph.named[name].reads
    graph.watch(root for made in nodes for root in made.watched)
    return Rules(graph, nodes, frozenset(asked))


def _all_nodes(made: GuidelineNode) -> Iterable[Node]:
    yield from made.watched
    yield from (t.asks_while for t in made.triggers if t.asks_while is not None)
    for step in made.steps:
        yield from (n for n in (step.when, step.done, *step.requires) if n is not None)
        yield from (b.when for b in step.blocks if b.when is not None)
    yield from (n for b in made.orders for n in (b.when, b.given) if n is not None)


def _guideline(guideline: Guideline, graph: Graph) -> GuidelineNode:
    blocks = tuple(_block(b, guideline, graph) for b in guideline.blocks)
    steps = tuple(
        StepNode(
            s,
            _node(s.when, graph),
            _node(s.done, graph),
            tuple(_requirement(required, graph) for required in s.requires),
            tuple(b for b in blocks if s.id in b.rule.steps),
            frozenset(s.triggers),
            _passage(guideline, s),
        )
        for s in guideline.steps
    )
    choices = {
        name: tuple((graph.node(choice.when), choice.text) for choice in slot.choices)
        for name, slot in guideline.slots.items()
    }
    triggers = tuple(_trigger(t, graph) for t in guideline.triggers)
    orders = tuple(b for b in blocks if b.items)
    outside = _node(guideline.outside, graph)
    watched = (*(t.node for t in triggers), *(() if outside is None else (outside,)))
    leaves = {leaf.index: leaf for node in watched for leaf in node.leaves()}
    return GuidelineNode(guideline, outside, triggers, steps, orders, choices, watched, tuple(leaves.values()))


def _block(block: Block, guideline: Guideline, graph: Graph) -> BlockNode:
    when, items = _node(block.when, graph), frozenset(i for o in block.orders for i in members(o))
    given = _given(when, items, block.iv_only, graph) if block.severity == "hard" and items else None
    return BlockNode(block, when, items, _passage(guideline, block), given)


def _given(when: Node | None, items: frozenset[str], iv_only: bool, graph: Graph) -> Node:
    reads = {*noted.GIVEN_READS, *noted.RUNNING_READS, *(read for item in items for read in given_of(item))}
    reads |= frozenset() if when is None else when.reads
    work = partial(given_against, when=when, items=items, iv_only=iv_only)
    return graph.add(("given", when and when.index, items, iv_only), Compiled(work, frozenset(reads)))


def _trigger(trigger: Trigger, graph: Graph) -> TriggerNode:
    node = graph.node(trigger.when)
    foretold = trigger.level is Level.WATCH and "forecast" in node.reads
    return TriggerNode(trigger, node, foretold, _node(trigger.asks_while, graph))


def _node(condition: Condition | None, graph: Graph) -> Node | None:
    return None if condition is None else graph.node(condition)


def _passage(guideline: Guideline, rule: StepRule | Block) -> Passage:
    citation = "; ".join(guideline.sources[key].cite for key in rule.source)
    return Passage(citation=citation[:200], text=rule.passage, strength=rule.strength)


def _requirement(required: Requirement, graph: Graph) -> Node:
    """What a step still needs to be known: an allergy list, a weight, a pressure no older than …"""
    if required.what == "allergies":
        return graph.named["allergies_known"]
    what, max_age = required.what, required.max_age
    weighed = graph.named["dosing_weight"]  # also as a note has it

    def ask(case: Case) -> Answer:
        sample: Sample | None = case.ask(weighed) if what == "weight" else None
        known = quantity(case, what) if sample is None else Interval(sample.value, sample.value, (sample.source,))
        if known.missing:
            return Answer(Truth.UNKNOWN, (), known.missing[:1])
        newest = max((at for source in known.sources if (at := observed_at(source)) is not None), default=case.now)
        if max_age is None:
            return YES
        rounds = (case.snapshot.entry(s) for s in known.sources if isinstance(s, Reading) and s.observed_at == newest)
        span = max_age + max(rounds, default=timedelta())
        if case.now - newest > span:
            why = f"last {clock(case, newest)}, needed within {int(max_age.total_seconds() // 60)} min"
            return Answer(Truth.UNKNOWN, (), (Missing(what, why),))
        case.leaves(newest, span)
        return YES

    reads = reads_of(what, graph) | (weighed.reads if what == "weight" else frozenset())
    return graph.add(("requires", what, max_age), Compiled(ask, reads))


def observed_at(source: Source) -> datetime | None:
    """When the thing was true that an answer rests on; None for what has no time."""
    match source:
        case Computed():
            return source.at
        case NoteFact():
            return source.effective_at
        case Personal() | Forecasted():
            return None
        case _:
            return source.observed_at
