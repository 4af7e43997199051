"""Judge: one instant of one bed becomes what is new to say.

    evaluation (truths)  →  transition (a table)  →  words, for what will be said only

The bed keeps its answers; at an instant only what its news or its time can have changed is asked again. At a timer
nothing is said unless an answer has in fact changed: how often a bed is looked at alters no output.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from forecasting.contract import Forecaster, ModelState, Seen
from guidelines.book.compiled import GuidelineNode
from guidelines.book.load import Book
from guidelines.evaluation import Evaluation, evaluated
from guidelines.findings import steps_in
from guidelines.rules.case import FAR, MOMENT
from guidelines.rules.kept import KeptCase, nothing_kept
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Level, Truth
from schemas.clinical.forecasts import Fan, Odds, Outlook, Unavailable
from schemas.conditions import Condition
from schemas.frozen import EARLIEST
from streams.core.absorb import Instant
from streams.core.bed import Awake, Bed, Looked, counted, situations, snapshot
from streams.core.circumstances import outside_words
from streams.core.episodes import Full, answered, ended, followed
from streams.core.policy import Policy

Answer = TypeVar("Answer")

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Mind:
    """What a bed is judged with: the rules, the model, and how long to wait.

    `units`: the rules of the units that have their own; `of` says which of them judge a bed.
    """

    book: Book
    forecaster: Forecaster
    policy: Policy = field(default_factory=Policy)
    units: Mapping[str, Book] = field(default_factory=dict, hash=False)

    def of(self, bed: Bed) -> "Mind":
        """What judges this bed as long as it is in its unit."""
        return self._of_units.get(bed.chart.unit or "", self) if self.units else self

    @cached_property
    def _of_units(self) -> Mapping[str, "Mind"]:
        minds = {id(book): Mind(book, self.forecaster, self.policy) for book in self.units.values()}
        return {unit: self if book is self.book else minds[id(book)] for unit, book in self.units.items()}

    @cached_property
    def nothing_seen(self) -> ModelState:
        """The model's state of a bed of which nothing was heard yet."""
        return self.forecaster.encode([None], [Seen(EARLIEST, (), {})])[0]

    @cached_property
    def reads(self) -> frozenset[str]:
        """What the rules, their sentences and the model look at."""
        return self.book.rules.reads | self.forecaster.concepts


class Guarded:
    """An outlook whose failure is an answer: whatever a model does wrong, it must not silence a rule."""

    __slots__ = ("_outlook", "failed")

    def __init__(self, outlook: Outlook | None, failed: str | None = None) -> None:
        self._outlook, self.failed = outlook, failed

    @property
    def until(self) -> datetime:
        return FAR if self._outlook is None else self._outlook.until

    def fan(self, concept: str) -> Fan | Unavailable:
        return self._asked(lambda outlook: outlook.fan(concept))

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        return self._asked(lambda outlook: outlook.chance(condition, within))

    def _asked(self, question: Callable[[Outlook], Answer | Unavailable]) -> Answer | Unavailable:
        if self._outlook is None or self.failed is not None:
            return Unavailable(reason=f"the forecast failed ({self.failed or 'no model'})")
        try:
            return question(self._outlook)
        except Exception as problem:
            self.failed = type(problem).__name__
            return Unavailable(reason=f"the forecast failed ({self.failed})")


def judge(bed: Bed, instant: Instant, outlook: Guarded, mind: Mind) -> tuple[Bed, tuple[AlertEvent, ...]]:
    """The bed after one instant that was written down, and what is new to say about it."""
    said: list[AlertEvent] = []
    matters = instant.matters
    for response in instant.responses:
        ticked = bed.steps_done
        bed, new, name = answered(bed, response, instant.at)
        bed = bed._replace(counts=counted(bed.counts, name)) if name else bed
        said += new
        matters = matters or bed.steps_done != ticked
    if bed.chart.discharged:
        bed, new = ended(bed, instant.at)
        return bed._replace(due=None, awake=None), (*said, *new)  # nobody asks meanwhile: all is asked when he is back
    is_timer = not matters and instant.at == bed.due
    if not matters and not is_timer:
        return bed, tuple(said)
    bed, told = _judged(bed, instant, outlook, mind, is_timer)
    return bed, (*said, *told)


def recalled(bed: Bed, outlook: Guarded, mind: Mind) -> Bed:
    """A bed that was loaded, with the answers that it had when it was last judged."""
    if bed.judged_at is None or bed.chart.discharged:
        return bed
    seen = snapshot(bed, bed.judged_at, mind.policy.zone)
    case = KeptCase(seen, outlook, nothing_kept(mind.book.rules.graph), ())
    looked = tuple(_evaluation(case, guideline, None, bed) for guideline in mind.book.rules.guidelines)
    return bed._replace(awake=Awake(case.kept(), outlook, looked))


def _judged(
    bed: Bed, instant: Instant, outlook: Guarded, mind: Mind, is_timer: bool
) -> tuple[Bed, tuple[AlertEvent, ...]]:
    at, rules, awake = instant.at, mind.book.rules, bed.awake
    seen = snapshot(bed, at, mind.policy.zone)
    kept = nothing_kept(rules.graph) if awake is None else awake.kept
    same_outlook = awake is not None and outlook is awake.outlook
    case = KeptCase(seen, outlook, kept, instant.news if same_outlook else {*instant.news, "forecast"})
    before: Sequence[Looked | None] = (None,) * len(rules.guidelines)
    if awake is not None and awake.looked is not None and not instant.responses:
        before = awake.looked
    looked = [_evaluation(case, guideline, old, bed) for guideline, old in zip(rules.guidelines, before, strict=True)]
    found = [one.found for one in looked]
    onsets = bed.onsets
    said: list[AlertEvent] = []
    bed = _scoped(bed, rules.guidelines, found, case)
    over = any(end <= at for end in _ends_after(bed, bed.judged_at or at, mind.policy))
    if not is_timer or over or any(_differs(new, old) for new, old in zip(looked, before, strict=True)):
        full = Full(case, mind.book.worse)
        for guideline, evaluation in zip(rules.guidelines, found, strict=True):
            if evaluation.speaking or evaluation.guideline in bed.episodes:
                bed, event = followed(bed, guideline, evaluation, instant, full, mind.policy)
                said.extend(() if event is None else (event,))
    ends = [_until(bed, case, g, evaluation) for g, evaluation in zip(rules.guidelines, found, strict=True)]
    until = min([situations(bed.chart, at)[1], *ends, *_ends_after(bed, at, mind.policy)])
    failed = outlook.failed is not None and not is_timer
    bed = bed._replace(
        judged_at=at,
        due=_next_second(max(until, at + MOMENT)),
        awake=Awake(case.kept(), outlook, tuple(looked) if bed.onsets is onsets else None),
        counts=counted(bed.counts, "forecast_failed") if failed else bed.counts,
    )
    return bed, tuple(said)


def _scoped(bed: Bed, guidelines: Sequence[GuidelineNode], found: Sequence[Evaluation], case: KeptCase) -> Bed:
    """The bed that knows which guidelines are not for this patient, and why; the words are made when that changes."""
    outside = [g for g, evaluation in zip(guidelines, found, strict=True) if evaluation.is_outside]
    if bed.outside.keys() == {g.guideline.id for g in outside}:
        return bed
    full = case.in_full()
    return bed._replace(outside={g.guideline.id: outside_words(full, g) for g in outside})


def _evaluation(case: KeptCase, guideline: GuidelineNode, before: Looked | None, bed: Bed) -> Looked:
    """What a guideline says; what it said before where no answer that it rests on is another one."""
    if before is not None:
        until = case.same_until(before.asked, before.found.until)
        if until == before.found.until:
            return before
        if until is not None:
            return before._replace(found=before.found._replace(until=until))
    case.asked = 0
    episode = bed.episodes.get(guideline.guideline.id)
    said = steps_in(None if episode is None else episode.finding)
    found = evaluated(case, guideline, bed.onsets, said)
    return Looked(found, case.asked)


def _differs(new: Looked, old: Looked | None) -> bool:
    """Whether a guideline says anything else than at the last judgement."""
    return new is not old and (old is None or new.found.says != old.found.says)


def _until(bed: Bed, case: KeptCase, guideline: GuidelineNode, found: Evaluation) -> datetime:
    """When time alone may change what is said: of a level that stands anything; else only that something becomes TRUE.

    A question neither arises nor ends because a value has grown too old: that is looked at when something is heard.
    """
    episode = bed.episodes.get(found.guideline)
    has_warned = any(t.rule.id in bed.onsets for t in guideline.triggers)  # its question stands while it is UNKNOWN
    if episode is not None and (episode.level is not Level.ASK or has_warned):
        return min(found.until, case.ends_of(guideline.leaves))
    rising = [t.node for t in guideline.triggers if t.node.may_rise and found.truths[t.rule.id] is not Truth.YES]
    if case.ask(case.graph.named["open orders"]):
        rising += [b.when for b in guideline.orders if b.rule.alone and b.when is not None]
    return min([found.until, *(case.rises(node) for node in rising)])


def _next_second(until: datetime) -> datetime | None:
    """When to look again: at the first full second at or after the moment at which an answer may change."""
    if until >= FAR:
        return None
    return until if until.microsecond == 0 else until.replace(microsecond=0) + SECOND


def _ends_after(bed: Bed, moment: datetime, policy: Policy) -> list[datetime]:
    """When, after a moment, a level that cannot be seen or that nothing supports has stood long enough."""
    return [
        end
        for episode in bed.episodes.values()
        for since in (episode.blind_since, episode.low_since)
        if since is not None and episode.level is not Level.ASK
        if (end := since + policy.unseen_max) > moment
    ]
