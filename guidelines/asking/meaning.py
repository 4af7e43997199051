"""What the parts of a question mean together: one condition and when it is asked of, or the reason why not.

Every mark of a part must be one that its kind of question has a use for; what is left over is a reason to refuse.

    ahead   "will MAP fall below 65 in the next 6 h"        Compare, within 6 h
    now     "is MAP below 65", "… been below 65 for 10 min" Compare
    past    "was MAP below 65 in the last 6 h"              Windowed: the lowest of 6 h below 65
            "did lactate rise by 2 in the last 6 h"         Change
            "was crystalloid given in the last 3 h"         Given
"""

from collections.abc import Sequence
from typing import NamedTuple

from guidelines.asking.amounts import number, step
from guidelines.asking.grammar import Comparison, Part, Sentence
from guidelines.asking.lexicon import Quantity
from guidelines.asking.question import Question, Refused
from guidelines.asking.times import Of, Span
from guidelines.asking.tokens import Token
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import (
    Aggregate,
    AllOf,
    AnyOf,
    Change,
    Compare,
    Condition,
    Given,
    Named,
    On,
    Op,
    Windowed,
)

PARTS_MAX = 4
"""Conditions of one question."""

_SIDES = {"BELOW": Op.BELOW, "ABOVE": Op.ABOVE, "OVER": Op.ABOVE, "AT_MOST": Op.AT_MOST, "AT_LEAST": Op.AT_LEAST}
_AFTER = {"OR_LESS": Op.AT_MOST, "OR_MORE": Op.AT_LEAST}
_DOWN, _UP = ("FALL", "FALLING", "FELL"), ("RISE", "RISING", "ROSE")
_DOWNWARDS = (Op.BELOW, Op.AT_MOST)
_AGGREGATES = {"LOWEST": Aggregate.MIN, "HIGHEST": Aggregate.MAX, "MEAN": Aggregate.MEAN}
_FORETELLS = ("CHANCE", "WILL", "GOING")
_TELLS_PAST = ("WAS", "FELL", "ROSE")
_OF_TENSE = {
    "ahead": (*_FORETELLS, "IS", "AHEAD"), "now": ("IS", "NOW", "BEEN"), "past": ("PAST", "WAS", "HAS", "BEEN"),
}  # fmt: skip


class When(NamedTuple):
    """What a question is asked of: the hours ahead, now, or a span of the past."""

    tense: str  # "ahead", "now", "past"
    span: Span | None = None


def meaning(sentence: Sentence) -> Question:
    """The question. Raises Refused."""
    parts = _headed(sentence.parts)
    if any(_begins(part) for part in parts[1:]) and not _begins(parts[0]):
        raise Refused("it asks two questions")
    when = _when([mark for part in parts for mark in part.marks])
    if len(parts) > PARTS_MAX:
        raise Refused(f"a question has at most {PARTS_MAX} conditions")
    converted: list[str] = []
    conditions = tuple(dict.fromkeys(_condition(part, when, converted) for part in parts))
    condition = conditions[0] if len(conditions) == 1 else _joined(conditions, sentence.joins)
    span = when.span
    return Question(
        condition=condition,
        within=span.long if when.tense == "ahead" and span is not None else None,
        by=span.at if when.tense == "ahead" and span is not None else None,
        since=span.at if when.tense == "past" and span is not None else None,
        converted=tuple(dict.fromkeys(converted)),
    )


def _headed(parts: Sequence[Part]) -> list[Part]:
    """The parts, each with its head: "above 130 or below 40" is twice of the same."""
    made: list[Part] = []
    for part in parts:
        before = made[-1].head if made else None
        head = part.head or before
        if head is None:
            raise Refused("it does not say of what")
        made.append(part._replace(head=head))
    return made


def _begins(part: Part) -> bool:
    """Whether a part says by itself that it asks, and of when."""
    return any(mark.kind in (*_FORETELLS, "IS", "WAS", "HAS") for mark in part.leads)


def _joined(conditions: tuple[Condition, ...], joins: Sequence[str]) -> Condition:
    said = {join for join in joins if join != "COMMA"}
    if len(said) != 1:
        raise Refused("“and” and “or” together may mean two things" if said else "it does not say “and” or “or”")
    return AnyOf(conditions) if said == {"OR"} else AllOf(conditions)


# -- when


def _when(marks: Sequence[Token]) -> When:
    """The one time of a question, which all its words must agree with."""
    kinds = {mark.kind for mark in marks}
    times = {(mark.kind, mark.value) for mark in marks if mark.kind in ("AHEAD", "PAST", "NOW")}
    if len(times) > 1:
        raise Refused("it tells two times")
    if not times:
        return _untimed(kinds)
    kind, span = times.pop()
    if kind == "AHEAD":
        if kinds & {*_TELLS_PAST, "BEEN"}:
            raise Refused("it speaks of the past and of the hours ahead")
        if "IS" in kinds and not kinds & {*_FORETELLS}:
            raise Refused("“is” asks of now, and the time is ahead")
        return When("ahead", span)
    if kinds & {*_FORETELLS}:
        raise Refused("it asks what is to come, and of a time that is not ahead")
    if kind == "PAST":
        if "IS" in kinds:
            raise Refused("“is” asks of now, and the time is past")
        return When("past", span)
    if kinds & {*_TELLS_PAST}:
        raise Refused("it speaks of the past and of now")
    return When("now")


def _untimed(kinds: set[str]) -> When:
    if kinds & {*_FORETELLS}:
        raise Refused("it does not say within which time")
    if kinds & {*_TELLS_PAST}:
        raise Refused("it does not say how far back")
    if "IS" in kinds or ("HOLD" in kinds and "BEEN" in kinds):
        return When("now")
    raise Refused("it does not say when: now, or within which time")


# -- one condition


def _condition(part: Part, when: When, converted: list[str]) -> Condition:
    head = part.head
    assert head is not None
    if head.kind == "TREATMENT":
        return _treatment(part, when)
    if head.kind == "HAPPENING":
        return _happening(part, when)
    quantity: Quantity = head.value
    if part.comparison is None or part.comparison.towards == "BY":
        return _change(quantity, part, when)
    compared = _compared(quantity, part, part.comparison, converted)
    if when.tense == "past":
        return _windowed(compared, part, when)
    _only(part, when, "HAS", "HOLD", *(("GO", "IN", "EVER", *_DOWN, *_UP) if when.tense == "ahead" else ()))
    if when.tense == "now" and part.has("BEEN") and not part.has("HOLD"):
        raise Refused("“been” asks of the past, and no time back is said")
    holds = {mark.value for mark in part.marks if mark.kind == "HOLD"}
    if len(holds) > 1:
        raise Refused("it tells two durations")
    return Compare(compared.quantity, compared.op, compared.value, holds.pop() if holds else None)


def _only(part: Part, when: When, *more: str) -> None:
    """Refuses a mark that has no use in the meaning: those of the tense have, and `more`."""
    taken = {*_OF_TENSE[when.tense], *more}
    before = ""
    for mark in part.marks:
        if mark.kind not in taken or (mark.kind == "IN" and before not in (*_DOWN, *_UP, "GO")):
            raise Refused(f"“{mark.text}” has no clear meaning there")
        before = mark.kind
    begins = {mark.kind for mark in part.leads}
    if when.tense == "ahead" and "IS" in begins and not part.has(*_FORETELLS):
        raise Refused("“is” asks of now, and the time is ahead")


def _compared(quantity: Quantity, part: Part, comparison: Comparison, converted: list[str]) -> Compare:
    """The line. Direction and comparison must agree."""
    down, up = part.has(*_DOWN), part.has(*_UP)
    op = _op(comparison, down=down, up=up)
    if (down and (up or op not in _DOWNWARDS)) or (up and op in _DOWNWARDS):
        raise Refused("the direction and the comparison contradict each other")
    value = number(quantity, comparison.amount)
    if value.converted is not None:
        converted.append(value.converted)
    return Compare(quantity.concept, op, value.value)


def _op(comparison: Comparison, *, down: bool, up: bool) -> Op:
    after = comparison.amount.side
    if after is not None:
        if comparison.side is not None:
            raise Refused("it compares twice with one number")
        return _AFTER[after]
    if comparison.side is not None:
        return _SIDES[comparison.side]
    if comparison.towards == "TO" and down != up:
        return Op.AT_MOST if down else Op.AT_LEAST
    raise Refused("it does not say above or below")


def _windowed(compared: Compare, part: Part, when: When) -> Condition:
    span = when.span
    assert span is not None
    _only(part, when, "GO", "IN", "EVER", "FALL", "RISE", "FELL", "ROSE", *_AGGREGATES)
    aggregates = {_AGGREGATES[mark.kind] for mark in part.marks if mark.kind in _AGGREGATES}
    if len(aggregates) > 1:
        raise Refused("it asks for two of lowest, highest and average")
    moves = part.has("FALL", "RISE", "FELL", "ROSE", "GO", "EVER")
    downwards = compared.op in _DOWNWARDS
    if aggregates and part.has("EVER", "FALL", "RISE", "FELL", "ROSE"):
        raise Refused("it asks for a moment and for the whole of the time")
    if aggregates:
        return Windowed(aggregates.pop(), compared.quantity, span.long, compared.op, compared.value)
    if span.of is Of.ALL and not moves:
        return Compare(compared.quantity, compared.op, compared.value, span.long)
    if span.of is Of.ALL or (span.of is Of.OPEN and not moves):
        raise Refused("it may mean once in that time, or all of it")
    aggregate = Aggregate.MIN if downwards else Aggregate.MAX
    return Windowed(aggregate, compared.quantity, span.long, compared.op, compared.value)


def _change(quantity: Quantity, part: Part, when: When) -> Condition:
    """The newest value against the lowest or highest of the window; where no size is said, by the smallest charted."""
    if when.tense != "past" or when.span is None or when.span.of is Of.ALL:
        raise Refused("it does not say above or below which value")
    _only(part, when, "FALL", "RISE", "FELL", "ROSE", "IN")
    down, up = part.has("FALL", "FELL"), part.has("RISE", "ROSE")
    if down == up:
        raise Refused("it does not say above or below which value")
    concept = CONCEPTS[quantity.concept]
    if part.comparison is None:
        smallest: float = 10.0**-concept.decimals
        return Change(concept.id, up, smallest, when.span.long)
    if part.comparison.side not in (None, "AT_LEAST") or part.comparison.amount.side == "OR_LESS":
        raise Refused("a change is asked for as “by at least”")
    asked = part.comparison.amount
    if asked.unit is not None and asked.unit.value == "%" and concept.unit != "%":
        return Change(concept.id, up, asked.number.value, when.span.long, percent=True)
    by = step(quantity, asked)
    if by <= 0:
        raise Refused("a change is by more than nothing")
    return Change(concept.id, up, by, when.span.long)


def _treatment(part: Part, when: When) -> Condition:
    head = part.head
    assert head is not None
    if part.comparison is not None:
        raise Refused("a dose cannot be compared in a question")
    if part.has("NEED") or when.tense == "ahead":
        raise Refused(f"whether {head.text} will be needed is no measured value, and no forecast of it was fitted")
    if when.tense == "now" and part.has("ON") and not part.has("GIVEN"):
        _only(part, when, "ON")
        return On(head.value)
    is_given = part.has("GIVEN") or (part.has("WAS") and part.has("HAS", "GO"))  # has she had, did she get
    if when.tense == "past" and when.span is not None and is_given and when.span.of is not Of.ALL:
        _only(part, when, "GIVEN", "GO", "EVER")
        return Given(head.value, when.span.long)
    raise Refused(f"of {head.text} it can be asked whether it is running now, or was given in the last hours")


def _happening(part: Part, when: When) -> Condition:
    head = part.head
    assert head is not None
    if part.comparison is not None:
        raise Refused(f"{head.text} is no number")
    if when.tense != "ahead":
        raise Refused(f"of {head.text} only a chance can be asked, of the hours ahead")
    _only(part, when, "GO", "IN")
    return Named(head.value)
