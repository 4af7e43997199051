"""Judge: one instant of one bed becomes what is new to say.

    evaluation (truths)  →  transition (a table)  →  words, for what will be said only

The bed keeps its answers; at an instant only what its news or its time can have changed is asked again. At a timer
nothing is said unless an answer has in fact changed: how often a bed is looked at alters no output.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from forecasting.contract import Forecaster, ModelState, Seen
from guidelines.book.compiled import GuidelineNode
from guidelines.book.load import Book
from guidelines.evaluation import Evaluation, evaluated
from guidelines.evidence import clock
from guidelines.findings import Telling
from guidelines.rules.case import FAR, MOMENT, Case
from guidelines.rules.kept import KeptCase, nothing_kept
from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Finding, Level, Onset, Truth
from schemas.clinical.forecasts import Fan, Odds, Outlook, Unavailable
from schemas.conditions import Condition
from schemas.events import Response
from schemas.frozen import EARLIEST
from streams.core.absorb import Instant
from streams.core.alerting import Circumstances, Transition, levels_with, transition
from streams.core.bed import Awake, Bed, Episode, Looked, counted, outline_of, situations, snapshot
from streams.core.cards import digest
from streams.core.circumstances import circumstances, outside_words, remembered, taken_back_words
from streams.core.policy import Policy

Answer = TypeVar("Answer")

SECOND = timedelta(seconds=1)
_FORECAST_FAILED = "The forecast failed: rules that need none go on"
_UNSEEN = "it cannot be seen now"
_NOT_SEEN = "it is no longer seen"
_OVER = "it is over"
_TOLD = "it can be told now"
_GONE = "it was not seen again"
_TAKEN_BACK = "what it rested on was taken back"
_MOVED = "the patient has left the unit that it held for"
_OUTSIDE = "the guideline is not for this patient"
_LEFT = "The patient has left"


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
        bed, new, name = _answered(bed, response, instant.at)
        bed = bed._replace(counts=counted(bed.counts, name)) if name else bed
        said += new
        matters = matters or bed.steps_done != ticked
    if bed.chart.discharged:
        bed, new = _ended(bed, instant.at)
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
    looked = tuple(_evaluation(case, guideline, None, bed.onsets) for guideline in mind.book.rules.guidelines)
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
    looked = [
        _evaluation(case, guideline, old, bed.onsets) for guideline, old in zip(rules.guidelines, before, strict=True)
    ]
    found = [one.found for one in looked]
    onsets = bed.onsets
    said: list[AlertEvent] = []
    bed = _scoped(bed, rules.guidelines, found, case)
    over = any(end <= at for end in _ends_after(bed, bed.judged_at or at, mind.policy))
    if not is_timer or over or any(_differs(new, old) for new, old in zip(looked, before, strict=True)):
        full = _Full(case, mind)
        for guideline, evaluation in zip(rules.guidelines, found, strict=True):
            if evaluation.speaking or evaluation.guideline in bed.episodes:
                bed, event = _followed(bed, guideline, evaluation, instant, full, mind)
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


def _evaluation(case: KeptCase, guideline: GuidelineNode, before: Looked | None, onsets: Mapping[str, Onset]) -> Looked:
    """What a guideline says; what it said before where no answer that it rests on is another one."""
    if before is not None:
        until = case.same_until(before.asked, before.found.until)
        if until == before.found.until:
            return before
        if until is not None:
            return before._replace(found=before.found._replace(until=until))
    case.asked = 0
    found = evaluated(case, guideline, onsets)
    return Looked(found, case.asked)


def _differs(new: Looked, old: Looked | None) -> bool:
    """Whether a guideline says anything else than at the last judgement."""
    return new is not old and (old is None or new.found.says != old.found.says)


class _Full:
    """The full case of one instant, made when the first word is needed."""

    def __init__(self, kept: KeptCase, mind: Mind) -> None:
        self._kept, self._mind = kept, mind
        self._case: Case | None = None

    @property
    def outlook(self) -> Guarded:
        outlook: Any = self._kept.outlook
        return outlook  # type: ignore[no-any-return]

    @property
    def case(self) -> Case:
        if self._case is None:
            self._case = self._kept.in_full()
        return self._case

    @property
    def kept(self) -> KeptCase:
        return self._kept

    def telling(self, guideline: GuidelineNode, onsets: Mapping[str, Onset], said: Finding | None) -> Telling:
        return Telling(self.case, guideline, onsets, self._mind.book.worse, said)


def _until(bed: Bed, case: KeptCase, guideline: GuidelineNode, found: Evaluation) -> datetime:
    """When time alone may change what is said: of a level that stands anything; else only that something becomes TRUE.

    A question neither arises nor ends because a value has grown too old: that is looked at when something is heard.
    """
    episode = bed.episodes.get(found.guideline)
    if episode is not None and (episode.level is not Level.ASK or bed.onsets):
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
        if (end := since + policy.unseen_max(episode.level)) > moment
    ]


def _followed(
    bed: Bed, guideline: GuidelineNode, found: Evaluation, instant: Instant, full: _Full, mind: Mind
) -> tuple[Bed, AlertEvent | None]:
    """The episode of one guideline after its transition, and what is said of it."""
    key = guideline.guideline.id
    episode = bed.episodes.get(key)
    if episode is None and not found.speaking:
        return bed, None
    besides = circumstances(bed, guideline, found, instant, full.kept, mind.policy)
    rises = found.speaking and (episode is None or found.speaking[0].level.rank > episode.level.rank)
    if rises and (besides.said_before if episode is None else episode.eased_at is not None):
        changed = full.telling(guideline, bed.onsets, None).changed(found.speaking[0])
        besides = besides._replace(has_changed=changed, said_before=besides.said_before and not changed)
    what = transition(episode, found, instant, mind.policy, besides)
    if what.say is None and episode is None:
        return bed, None
    telling = full.telling(guideline, bed.onsets, None if episode is None else episode.finding)
    outside = (outside_words(full.case, guideline),) if found.is_outside else ()
    taken_back = taken_back_words(full.case, instant, episode) if besides.taken_back and episode is not None else ()
    remark = (*outside, *taken_back)
    if what.say == "resolved":
        assert episode is not None
        told = telling.past(episode.finding, _MOVED if instant.moved else _end(episode, found, besides))
        return _resolved(
            remembered(bed, episode, instant.at), episode._replace(finding=told, remarks=remark), instant.at
        )
    fresh_rules = [s for s in found.speaking if s.level is not Level.ASK and s.rule not in bed.onsets]
    if fresh_rules or what.say is not None:
        telling.begins(found.speaking)
        if begun := {one.rule: telling.onset(one) for one in fresh_rules}:
            bed = bed._replace(onsets={**bed.onsets, **begun})
    if what.say == "raised":
        return _raised(bed, found, telling, instant.at, full)
    assert episode is not None
    spoken = episode.levels
    episode = episode._replace(
        levels=levels_with(spoken, found.speaking), low_since=what.low_since, blind_since=what.blind_since
    )
    if what.say is None:
        return _kept(bed, episode), None
    newest_first = besides.other_alarm and what.say == "worsened"
    found = _newest_first(found, spoken) if newest_first else found
    return _said(bed, episode, what, found, telling, instant.at, full, remark)


def _newest_first(found: Evaluation, spoken: Mapping[str, Level]) -> Evaluation:
    """Of equally loud rules those that have not spoken before in front."""
    order = sorted(found.speaking, key=lambda one: (-one.level.rank, one.rule in spoken))
    return found._replace(speaking=tuple(order))


def _end(episode: Episode, found: Evaluation, besides: Circumstances) -> str:
    """What has become of an alert that ends."""
    if found.is_outside:
        return _OUTSIDE
    if besides.taken_back:
        return _TAKEN_BACK
    if episode.level is Level.ASK:
        return _TOLD
    return _GONE if episode.blind_since is not None else _OVER


def _raised(bed: Bed, found: Evaluation, telling: Telling, at: datetime, full: _Full) -> tuple[Bed, AlertEvent]:
    loudest, *others = (telling.finding(one) for one in found.speaking)
    alert_id = digest(bed.encounter, found.guideline, loudest.onset.ref)
    if alert_id == bed.resolved.get(found.guideline):  # the same event starts it again: another episode all the same
        alert_id = digest(bed.encounter, found.guideline, loudest.onset.ref, alert_id)
    episode = Episode(
        id=alert_id,
        key=found.guideline,
        level=loudest.level,
        state="raised",
        raised_at=at,
        changed_at=at,
        finding=loudest,
        others=tuple(others),
        said_at=at,
        levels=levels_with({}, found.speaking),
        outline=outline_of((loudest, *others)),
        remarks=_remarks(full, None),
    )
    return _kept(remembered(bed, episode, at), episode), AlertEvent(change=Change.RAISED, at=at, alert=episode.alert())


def _said(
    bed: Bed,
    episode: Episode,
    what: Transition,
    found: Evaluation,
    telling: Telling,
    at: datetime,
    full: _Full,
    remark: tuple[str, ...],
) -> tuple[Bed, AlertEvent | None]:
    """The episode at a level, with what its rules say now; what is no longer seen is told in the past."""
    assert what.level is not None
    findings = [telling.finding(one) for one in found.speaking]
    loudest, *others = findings or (episode.finding,)
    if not findings or loudest.level.rank < what.level.rank:
        loudest, others = (
            telling.past(episode.finding, _UNSEEN if episode.blind_since is not None else _NOT_SEEN),
            findings,
        )
    if what.say == "updated if other words" and _same_words(episode, (loudest, *others)):
        return _kept(bed, episode), None
    before = episode.level
    change = Change.UPDATED if what.say is None or what.say.startswith("updated") else Change(what.say)
    episode = episode._replace(
        level=what.level,
        changed_at=at,
        said_at=at,
        finding=loudest,
        others=tuple(others),
        outline=outline_of((loudest, *others)),
        remarks=(*remark, *_remarks(full, episode.blind_since)),
    )
    if change is Change.WORSENED or what.level.rank > before.rank:  # an acknowledgement of less does not count for it
        episode = episode._replace(state="raised", worsened_at=at, acknowledged_at=None, acknowledged_by=None)
    if change is Change.EASED:
        episode = episode._replace(eased_at=at, worsened_at=None)
    return _kept(remembered(bed, episode, at), episode), AlertEvent(change=change, at=at, alert=episode.alert())


def _same_words(episode: Episode, now: Sequence[Finding]) -> bool:
    """Whether the same rules speak, and the loudest sentence says what it said."""
    before = (episode.finding, *episode.others)
    if [f.rule for f in now] != [f.rule for f in before]:
        return False
    says = ([(e.ref, e.shown) for e in f.sentence.evidence] for f in (now[0], before[0]))
    return next(says) == next(says)


def _remarks(full: _Full, blind_since: datetime | None) -> tuple[str, ...]:
    since = None if blind_since is None else clock(full.case, blind_since)
    blind = None if since is None else f"Cannot be seen since {since}: it stands until measured, or becomes a question"
    failed = _FORECAST_FAILED if full.outlook.failed else None
    return tuple(remark for remark in (blind, failed) if remark is not None)


def _kept(bed: Bed, episode: Episode) -> Bed:
    if bed.episodes.get(episode.key) == episode:
        return bed  # nothing of it has to be saved again
    return bed._replace(episodes={**bed.episodes, episode.key: episode})


def _resolved(bed: Bed, episode: Episode, at: datetime) -> tuple[Bed, AlertEvent]:
    """The end of an episode: its onsets and the steps ticked in it end with it."""
    steps = {step.id for finding in (episode.finding, *episode.others) for step in finding.steps}
    alert = episode._replace(changed_at=at, others=()).alert("resolved")
    bed = bed._replace(
        episodes={key: other for key, other in bed.episodes.items() if key != episode.key},
        onsets={rule: onset for rule, onset in bed.onsets.items() if rule not in episode.levels},
        steps_done={step: done for step, done in bed.steps_done.items() if step not in steps},
        resolved={**bed.resolved, episode.key: episode.id},
    )
    return bed, AlertEvent(change=Change.RESOLVED, at=at, alert=alert)


def _ended(bed: Bed, at: datetime) -> tuple[Bed, list[AlertEvent]]:
    """The patient has left: every standing alert is resolved."""
    said: list[AlertEvent] = []
    for key in sorted(bed.episodes):
        bed, event = _resolved(bed, bed.episodes[key]._replace(remarks=(_LEFT,)), at)
        said.append(event)
    return bed, said


def _answered(bed: Bed, response: Response, at: datetime) -> tuple[Bed, list[AlertEvent], str | None]:
    """The bed after a person's response; what to say of it; and what to count, if it met no standing alert."""
    episode = next((e for e in bed.episodes.values() if e.id == response.alert), None)
    if episode is None:
        return bed, [], "response_to_nothing"
    if response.verb == "acknowledge":
        if episode.state == "acknowledged":
            return bed, [], "duplicate"
        episode = episode._replace(state="acknowledged", acknowledged_at=at, acknowledged_by=response.by, changed_at=at)
        return _kept(bed, episode), [AlertEvent(change=Change.ACKNOWLEDGED, at=at, alert=episode.alert())], None
    if response.step is None:
        return bed, [], "response_to_nothing"
    done = dict(bed.steps_done)
    if response.verb == "step_done":
        done.setdefault(response.step, response.observed_at)
    else:
        done.pop(response.step, None)
    same = done == bed.steps_done
    return bed._replace(steps_done=done), [], "duplicate" if same else None
