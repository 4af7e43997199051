"""A question in plain English about one bed, answered: of now and the past by the rules, ahead by the forecaster.

It is asked of what the bed knows, at a moment not before the bed's own clock; nothing of the bed is changed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from guidelines.asking.lexicon import lexicon
from guidelines.asking.question import NotRead, Question
from guidelines.asking.reading import read
from guidelines.asking.saying import told, written
from guidelines.asking.times import Ward
from guidelines.rules.truth import truth
from schemas.boards.asked import Asked
from schemas.clinical.forecasts import Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import AnyOf, Compare, Condition, Named, parts_of
from schemas.conditions.text import write
from streams.core.bed import Bed, snapshot
from streams.core.judge import Mind
from streams.core.questions import ASKED
from streams.core.step import outlook_at

NEAREST_MAX = 3
"""Questions that are offered where the forecaster has no answer."""

HOURS_TRIED = (1, 6, 12, 24)  # where it has none within the time that was asked
AS_TREATED = "The chance is of patients treated as usual, and of what somebody measures: a low one is no all-clear."
AS_IF_INDEPENDENT = (
    "The chance of any of them is worked out as if they were independent; its bounds hold however they go together."
)


def answered(bed: Bed, question: str, now: datetime, mind: Mind) -> Asked:
    """What the bed can answer at `now`. Never raises on a question or on patient data."""
    own = mind.of(bed)
    ward = Ward(now, own.policy.zone, own.policy.hours)
    found = read(question, now, ward.zone, ward.hours)
    if isinstance(found, NotRead):
        return Asked(encounter=bed.encounter, question=question, now=now, refused=found.why, nearest=found.nearest)
    seen = snapshot(bed, now, ward.zone)
    if found.within is None:
        return _of_now(found, question, seen, ward)
    return _ahead(found, question, seen, ward, outlook_at(bed, now, own))


def _of_now(found: Question, question: str, seen: Snapshot, ward: Ward) -> Asked:
    verdict = truth(found.condition, seen)
    return Asked(
        encounter=seen.encounter,
        question=question,
        now=seen.now,
        read_as=told(found, ward),
        condition=write(found.condition),
        truth=verdict.truth,
        evidence=verdict.evidence,
        needs=verdict.needs,
    )


def _ahead(found: Question, question: str, seen: Snapshot, ward: Ward, outlook: Outlook) -> Asked:
    within = found.within
    assert within is not None
    answer = outlook.chance(found.condition, within)
    known = [truth(part, seen) for part in _comparisons(found.condition)]  # the newest values, or why there are none
    is_given = isinstance(answer, Odds)
    return Asked(
        encounter=seen.encounter,
        question=question,
        now=seen.now,
        read_as=told(found, ward),
        condition=write(found.condition),
        within_h=within / timedelta(hours=1),
        odds=answer if isinstance(answer, Odds) else None,
        missing=answer if isinstance(answer, Unavailable) else None,
        evidence=tuple(dict.fromkeys(evidence for verdict in known for evidence in verdict.evidence)),
        needs=tuple(dict.fromkeys(need for verdict in known for need in verdict.needs)),
        remarks=tuple(_remarks(found.condition)) if is_given else (),
        nearest=() if is_given else _answerable(found, outlook),
    )


def _remarks(condition: Condition) -> Iterator[str]:
    yield AS_TREATED
    if isinstance(condition, AnyOf):
        yield AS_IF_INDEPENDENT
    if isinstance(condition, Named):
        yield lexicon().happenings[condition.name].meant


def _comparisons(condition: Condition) -> Iterator[Compare]:
    """The single comparisons, of now."""
    for part in parts_of(condition) or (condition,):
        if isinstance(part, Compare):
            yield Compare(part.quantity, part.op, part.value)


def _answerable(found: Question, outlook: Outlook) -> tuple[str, ...]:
    """The nearest questions that this outlook does answer now: each part, another time, what boards always ask."""
    offered: dict[str, None] = {}
    for near in _near(found):
        if near.within is not None and isinstance(outlook.chance(near.condition, near.within), Odds):
            offered[written(near)] = None
        if len(offered) == NEAREST_MAX:
            break
    return tuple(offered)


def _near(found: Question) -> Iterator[Question]:
    parts = parts_of(found.condition) or (found.condition,)
    asked = found.within or timedelta(0)
    times = sorted((timedelta(hours=h) for h in HOURS_TRIED), key=lambda time: abs(time - asked))
    for within in (asked, *times):
        for condition in dict.fromkeys((found.condition, *parts)):
            if isinstance(condition, Compare | AnyOf | Named):
                yield Question(condition=condition, within=within)
    concepts = {part.quantity for part in parts if isinstance(part, Compare)}
    usual = sorted((one.condition for one in ASKED), key=lambda line: line.quantity not in concepts)
    near = min(max(asked, min(times)), max(times))
    yield from (Question(condition=line, within=near) for line in usual)
