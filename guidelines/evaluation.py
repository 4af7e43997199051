"""What a rule book says of a bed at one instant, without a word: which rules speak, how loudly, over which checklist.

    evaluations = [evaluated(case, guideline, onsets) for guideline in book.rules.guidelines]

An evaluation is finished and immutable: truths, levels and outlines, no patient and no text. Words are made only for
what will be said (`guidelines.findings`). Semantics: reference §0.4. A trigger fires only when TRUE; a forecast alone
leads to watching and preparing only.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from guidelines.book.compiled import GuidelineNode, StepNode, TriggerNode
from guidelines.checklist import HALF, NOTHING, Checklist, Line, Outline
from guidelines.rules.answers import NO, Answer
from guidelines.rules.case import FAR, Case
from schemas.clinical.findings import Level, Onset, Step, Truth
from schemas.events import identity

ASKED = ".ask"
"""What is behind the id of a trigger in the id of the question about it."""
GIVEN = ".given"
"""… and behind that of a block in the id of what is said when something was given that it withheld."""


class Speaking(NamedTuple):
    """One rule that speaks. `subject`: the trigger; or the block, of which something was given that it withheld; or the
    order that a block speaks against though nothing fired."""

    kind: Literal["fired", "asked", "alone", "given"]
    rule: str
    level: Level
    outline: tuple[Outline, ...]
    subject: str


class Evaluation(NamedTuple):
    """One guideline at one instant. `speaking` is loudest first; `fired` names the triggers that are TRUE now."""

    guideline: str
    speaking: tuple[Speaking, ...]
    truths: Mapping[str, Truth]
    outline: frozenset[Outline] = frozenset()
    is_whole: bool = False  # a trigger speaks: the list of a question or of an order alone is never the whole one
    is_outside: bool = False  # it does not speak of this patient: no trigger holds, only orders are looked at
    until: datetime = FAR  # what was asked beside the triggers stays so, without news, until then

    @property
    def says(self) -> tuple[object, ...]:
        """All of it but until when."""
        return self[:-1]


def evaluated(
    case: Case, rules: GuidelineNode, onsets: Mapping[str, Onset], said: Mapping[str, Step] = NOTHING
) -> Evaluation:
    """What one guideline says. `onsets`: by rule, when each first spoke in its present episode; `said`: by id, the
    steps that its last words showed."""
    outer, case.until = case.until, FAR
    found = _evaluated(case, rules, onsets, said)
    case.stays(outer)
    return found


def is_outside(case: Case, rules: GuidelineNode) -> bool:
    """Whether the patient is not one of those for whom the guideline speaks."""
    return rules.outside is not None and bool(case.ask(rules.outside).truth is Truth.YES)


def _evaluated(case: Case, rules: GuidelineNode, onsets: Mapping[str, Onset], said: Mapping[str, Step]) -> Evaluation:
    outside = is_outside(case, rules)
    answers = [(trigger, NO if outside else case.ask(trigger.node)) for trigger in rules.triggers]
    fired = fired_of(answers)
    checklist = Checklist(case, rules, own_onsets(rules, onsets), said)
    speaking = [
        Speaking("fired", t.rule.id, t.rule.level, _outline(fired_lines(checklist, rules, t, onsets)), t.rule.id)
        for t in fired
    ]
    if not fired:
        for block, order in checklist.alone():
            line = checklist.order(order, [block])
            outline = () if line is None else (line.outline,)
            speaking.append(Speaking("alone", block.rule.id, Level.WARNING, outline, identity(order)))
    for block in checklist.given():
        rule, level = f"{block.rule.id}{GIVEN}", Level(block.rule.given)
        speaking.append(Speaking("given", rule, level, _outline(checklist.against(block)), block.rule.id))
    asked = open_question(answers, fired[0].rule.level.rank if fired else -1, onsets, _askers(case, rules))
    if asked is not None:
        trigger, answer = asked
        lines = asked_lines(checklist, rules, answer)
        speaking.append(Speaking("asked", f"{trigger.rule.id}{ASKED}", Level.ASK, _outline(lines), trigger.rule.id))
    speaking.sort(key=lambda one: -one.level.rank)
    before = [] if fired else [t for t in rules.triggers if t.rule.id in onsets]
    told = [line.outline for t in before for line in fired_lines(checklist, rules, t, onsets)]
    return Evaluation(
        guideline=rules.guideline.id,
        speaking=tuple(speaking),
        truths={trigger.rule.id: answer.truth for trigger, answer in answers},
        outline=frozenset([*told, *(line for one in speaking for line in one.outline)]),
        is_whole=bool(fired or before),
        is_outside=outside,
        until=case.until,
    )


def own_onsets(rules: GuidelineNode, onsets: Mapping[str, Onset]) -> Mapping[str, Onset]:
    """When each trigger of this guideline began in the present episode."""
    return {t.rule.id: onsets[t.rule.id] for t in rules.triggers if t.rule.id in onsets}


def fired_of(answers: Sequence[tuple[TriggerNode, Answer]]) -> list[TriggerNode]:
    """The triggers that are TRUE, loudest first; of equal level the later, more specific one. Where one speaks in the
    place of another, only it does."""
    fired = [trigger for trigger, answer in answers if answer.truth is Truth.YES]
    replaced = {name for trigger in fired for name in trigger.rule.instead_of}
    fired = [trigger for trigger in fired if trigger.rule.id not in replaced]
    fired.reverse()
    fired.sort(key=lambda trigger: trigger.rule.level.rank, reverse=True)
    return fired


def open_question(
    answers: Sequence[tuple[TriggerNode, Answer]], loudest: int, onsets: Mapping[str, Onset], askers: Collection[str]
) -> tuple[TriggerNode, Answer] | None:
    """The one question worth asking: of the gravest open trigger that is louder than what fired, and half satisfied
    (of `askers`) or no longer seen (of any)."""
    candidates = [
        (trigger, answer)
        for trigger, answer in answers
        if answer.truth is Truth.UNKNOWN
        and trigger.rule.level.rank > loudest
        and (_was_loud(trigger, onsets) or (answer.met >= HALF and trigger.rule.id in askers))
    ]
    return max(candidates, key=lambda pair: (pair[0].rule.level.rank, pair[1].met), default=None)


def _askers(case: Case, rules: GuidelineNode) -> frozenset[str]:
    """The triggers that may ask for what is missing though they have not warned."""
    asking = (t for t in rules.triggers if t.rule.asks)
    return frozenset(t.rule.id for t in asking if t.asks_while is None or case.ask(t.asks_while).truth is Truth.YES)


def _was_loud(trigger: TriggerNode, onsets: Mapping[str, Onset]) -> bool:
    """Whether it has warned in this episode."""
    return trigger.rule.level.rank > Level.WATCH.rank and trigger.rule.id in onsets


def fired_lines(
    checklist: Checklist, rules: GuidelineNode, trigger: TriggerNode, onsets: Mapping[str, Onset]
) -> tuple[Line, ...]:
    """The steps of this trigger and of those that began before in the episode; on a forecast only what prepares."""
    own = {t.rule.id for t in rules.triggers}
    of = {trigger.rule.id} if trigger.foretold else {trigger.rule.id, *(own & onsets.keys())}
    steps = (s for s in rules.steps if of & s.triggers and (s.rule.prepare or not trigger.foretold))
    return (*checklist.against(), *checklist.orders(), *_lines(checklist, steps))


def asked_lines(checklist: Checklist, rules: GuidelineNode, answer: Answer) -> tuple[Line, ...]:
    """The steps that would settle it."""
    subjects = {missing.subject for missing in answer.missing}
    return _lines(checklist, (s for s in rules.steps if not subjects.isdisjoint(s.rule.measures)))


def _lines(checklist: Checklist, steps: Iterable[StepNode]) -> tuple[Line, ...]:
    return tuple([line for step in steps if (line := checklist.line(step)) is not None])


def _outline(lines: Sequence[Line]) -> tuple[Outline, ...]:
    return tuple([line.outline for line in lines])
