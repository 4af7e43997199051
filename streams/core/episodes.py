"""The episodes of a bed: what follows from an evaluation, what a person answers, how they end.

finished evaluation  →  transition (a table)  →  words, for what will be said only
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from guidelines.book.compiled import GuidelineNode
from guidelines.checklist import BUT
from guidelines.evaluation import ASKED, Evaluation
from guidelines.evidence import clock
from guidelines.findings import Telling
from guidelines.rules.case import Case
from guidelines.rules.kept import KeptCase
from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Finding, Level, Onset, Truth
from schemas.events import Response
from streams.core.absorb import Instant
from streams.core.alerting import Circumstances, Transition, levels_with, transition
from streams.core.bed import Bed, Episode, outline_of
from streams.core.cards import digest
from streams.core.circumstances import TAKEN_BACK, circumstances, outside_words, remembered, taken_back_words
from streams.core.policy import Policy

_FORECAST_FAILED = "The forecast failed: rules that need none go on"
_UNSEEN = "it cannot be seen now"
_NOT_SEEN = "it is no longer seen"
_OVER = "it is over"
_TOLD = "it can be told now"
_LESS = "it is asked no longer: less speaks for it now"
_GONE = "it was not seen again"
_TAKEN_BACK = "what it rested on was taken back"
_MOVED = "the patient has left the unit that it held for"
_OUTSIDE = "the guideline is not for this patient"
_LEFT = "The patient has left"
REMARKED = timedelta(hours=1)
"""So long a card goes on saying what was withdrawn, corrected, or given although it was withheld."""


class Full:
    """The full case of one instant, made when the first word is needed."""

    def __init__(self, kept: KeptCase, worse: Mapping[str, float]) -> None:
        self._kept, self._worse = kept, worse
        self._case: Case | None = None

    @property
    def forecast_failed(self) -> bool:
        """Whether a model did anything wrong while it was asked."""
        return getattr(self._kept.outlook, "failed", None) is not None

    @property
    def case(self) -> Case:
        if self._case is None:
            self._case = self._kept.in_full()
        return self._case

    @property
    def kept(self) -> KeptCase:
        return self._kept

    def telling(self, guideline: GuidelineNode, onsets: Mapping[str, Onset], said: Finding | None) -> Telling:
        return Telling(self.case, guideline, onsets, self._worse, said)


def followed(
    bed: Bed, guideline: GuidelineNode, found: Evaluation, instant: Instant, full: Full, policy: Policy
) -> tuple[Bed, AlertEvent | None]:
    """The episode of one guideline after its transition, and what is said of it."""
    key = guideline.guideline.id
    episode = bed.episodes.get(key)
    if episode is None and not found.speaking:
        return bed, None
    besides = circumstances(bed, guideline, found, instant, full.kept, policy)
    rises = found.speaking and (episode is None or found.speaking[0].level.rank > episode.level.rank)
    if rises and (besides.said_before if episode is None else episode.eased_at is not None):
        changed = full.telling(guideline, bed.onsets, None).changed(found.speaking[0])
        besides = besides._replace(has_changed=changed, said_before=besides.said_before and not changed)
    what = transition(episode, found, instant, policy, besides)
    if what.say is None and episode is None:
        return bed, None
    telling = full.telling(guideline, bed.onsets, None if episode is None else episode.finding)
    outside = (outside_words(full.case, guideline),) if found.is_outside else ()
    gone = () if episode is None else taken_back_words(full.case, instant, episode)
    remark = (*outside, *gone)
    if what.say == "resolved":
        assert episode is not None
        told = telling.past(episode.finding, _end(episode, found, besides))
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
    spoken = {rule: level for rule, level in episode.levels.items() if rule not in episode.left}
    episode = episode._replace(
        levels=levels_with(episode.levels, found.speaking),
        low_since=what.low_since,
        blind_since=what.blind_since,
        left=_left(episode, found, instant.at) if guideline.guideline.each_is_news else episode.left,
    )
    if what.say is None:
        return _kept(bed, episode), None
    newest_first = (besides.other_alarm or besides.given) and what.say == "worsened"
    found = _newest_first(found, spoken) if newest_first else found
    remark = (*remark, *(telling.given_words(found.speaking) if besides.given else ()))
    return _said(bed, episode, what, _Told(found, telling, remark), full)


def _left(episode: Episode, found: Evaluation, at: datetime) -> Mapping[str, datetime]:
    """The rules that have spoken in the episode and do not now, each since when."""
    silent = episode.levels.keys() - {one.rule for one in found.speaking}
    return {rule: episode.left.get(rule, at) for rule in sorted(silent)}


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
    if besides.has_moved:
        return _MOVED
    if episode.level is Level.ASK:
        asked = found.truths.get(episode.finding.rule.removesuffix(ASKED))
        return _LESS if asked is Truth.UNKNOWN else _TOLD
    return _GONE if episode.blind_since is not None else _OVER


def _raised(bed: Bed, found: Evaluation, telling: Telling, at: datetime, full: Full) -> tuple[Bed, AlertEvent]:
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


class _Told(NamedTuple):
    """What there is to say of one guideline: its evaluation, its words, and what the reader must know besides."""

    found: Evaluation
    telling: Telling
    remark: tuple[str, ...]


def _said(bed: Bed, episode: Episode, what: Transition, told: _Told, full: Full) -> tuple[Bed, AlertEvent | None]:
    """The episode at a level, with what its rules say now; what is no longer seen is told in the past."""
    assert what.level is not None
    (found, telling, remark), at = told, full.case.now
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
    assert what.say is not None
    change = Change.UPDATED if what.say.startswith("updated") else Change(what.say)
    episode = episode._replace(
        level=what.level,
        changed_at=at,
        said_at=at,
        finding=loudest,
        others=tuple(others),
        outline=outline_of((loudest, *others)),
        remarks=(*(remark or _lasting(episode, at)), *_remarks(full, episode.blind_since)),
        remarked_at=at if remark else episode.remarked_at,
    )
    if change is Change.WORSENED or what.level.rank > before.rank:  # an acknowledgement of less does not count for it
        episode = episode._replace(state="raised", worsened_at=at, acknowledged_at=None, acknowledged_by=None)
    if change is Change.EASED:
        episode = episode._replace(eased_at=at, worsened_at=None)
    return _kept(remembered(bed, episode, at), episode), AlertEvent(change=change, at=at, alert=episode.alert())


def _same_words(episode: Episode, now: Sequence[Finding]) -> bool:
    """Whether the same rules speak, the loudest sentence says what it said, and a question asks for the same."""
    before = (episode.finding, *episode.others)
    if [f.rule for f in now] != [f.rule for f in before]:
        return False
    asks = ({n.subject for n in f.needs} if f.level is Level.ASK else None for f in (now[0], before[0]))
    says = ([(e.ref, e.shown) for e in f.sentence.evidence] for f in (now[0], before[0]))
    return next(says) == next(says) and next(asks) == next(asks)


def _lasting(episode: Episode, at: datetime) -> tuple[str, ...]:
    """What was withdrawn, corrected, or given although it was withheld stays on the card for a while, whatever is said
    quietly after it."""
    if episode.remarked_at is None or at - episode.remarked_at >= REMARKED:
        return ()
    return tuple(remark for remark in episode.remarks if remark.startswith((*TAKEN_BACK, BUT)))


def _remarks(full: Full, blind_since: datetime | None) -> tuple[str, ...]:
    since = None if blind_since is None else clock(full.case, blind_since)
    blind = None if since is None else f"Cannot be seen since {since}: it stands until measured, or becomes a question"
    failed = _FORECAST_FAILED if full.forecast_failed else None
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


def ended(bed: Bed, at: datetime) -> tuple[Bed, list[AlertEvent]]:
    """The patient has left: every standing alert is resolved."""
    said: list[AlertEvent] = []
    for key in sorted(bed.episodes):
        bed, event = _resolved(bed, bed.episodes[key]._replace(remarks=(_LEFT,)), at)
        said.append(event)
    return bed, said


def answered(bed: Bed, response: Response, at: datetime) -> tuple[Bed, list[AlertEvent], str | None]:
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
    if response.verb != "step_done" and not same:
        bed = _kept(bed, episode._replace(finding=_untold(episode.finding, response.step)))
    return bed._replace(steps_done=done), [], "duplicate" if same else None


def _untold(finding: Finding, step: str) -> Finding:
    """The finding without the time of a step that somebody says was not done after all."""
    steps = tuple(replace(one, done_at=None) if one.id == step else one for one in finding.steps)
    return replace(finding, steps=steps)
