"""The life of an alert: raised once, worsened aloud, eased and updated quietly, resolved after a second look.

One guideline speaking about one patient is one episode. Its level is what its rules support now; a rule that became
UNKNOWN may still hold, so the level stands and the card says since when it cannot be seen. A level is left only when
two looks with fresh readings, `clear_after` apart or more, found nothing that supports it, and none in between did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from guidelines.checklist import Outline
from guidelines.judge import Claim, Weighed
from schemas.clinical.alerts import Alert, AlertEvent, Change
from schemas.clinical.findings import Finding, Level, Onset, Truth
from schemas.events import Response
from streams.core.bed import Bed, Episode
from streams.core.cards import card, digest


@dataclass(frozen=True, slots=True)
class Policy:
    """How long the service waits, for order and for certainty."""

    allowed_lateness: timedelta = timedelta(seconds=0.5)
    clear_after: timedelta = timedelta(minutes=15)
    update_after: timedelta = timedelta(minutes=5)


class Look(NamedTuple):
    """One look at one instant. `fresh`: a usable reading came; `remark`: what the reader must know besides."""

    at: datetime
    weighed: Weighed
    fresh: bool
    remark: str | None = None


def spoken(bed: Bed, look: Look, policy: Policy) -> tuple[Bed, tuple[AlertEvent, ...]]:
    """The bed after one look, and what is new to say."""
    by_guideline: dict[str, list[Claim]] = {}
    for claim in look.weighed.claims:
        by_guideline.setdefault(claim.guideline, []).append(claim)
    said: list[AlertEvent] = []
    for guideline in sorted({*by_guideline, *bed.episodes}):
        claims = tuple(sorted(by_guideline.get(guideline, ()), key=_loudness))
        episode = bed.episodes.get(guideline)
        if episode is None:
            bed, event = _raised(bed, guideline, claims, look)
        else:
            bed, event = _continued(bed, episode, claims, look, policy)
        said.extend(() if event is None else (event,))
    return bed, tuple(said)


def _loudness(claim: Claim) -> int:
    """Sorting keeps the order of the rule book among equals: there the more specific rule speaks first."""
    return -claim.level.rank


def _raised(bed: Bed, guideline: str, claims: tuple[Claim, ...], look: Look) -> tuple[Bed, AlertEvent | None]:
    loudest, *others = (claim.finding for claim in claims)
    alert_id = digest(bed.encounter, guideline, loudest.onset.ref)
    if alert_id == bed.resolved.get(guideline):  # the same event starts it again: another episode all the same
        alert_id = digest(bed.encounter, guideline, loudest.onset.ref, alert_id)
    alert = Alert(
        id=alert_id,
        encounter=bed.encounter,
        key=guideline,
        level=loudest.level,
        state="raised",
        raised_at=look.at,
        changed_at=look.at,
        finding=loudest,
        others=tuple(others),
        card=card(alert_id, loudest.level, loudest, tuple(others), _remarks(look, None)),
    )
    episode = Episode(alert=alert, said_at=look.at, levels=_levels({}, claims))
    bed = bed._replace(episodes={**bed.episodes, guideline: episode}, onsets=_onsets(bed.onsets, claims))
    return bed, AlertEvent(change=Change.RAISED, at=look.at, alert=alert)


def _levels(before: Mapping[str, Level], claims: tuple[Claim, ...]) -> Mapping[str, Level]:
    """The highest level at which each rule has spoken in this episode."""
    levels = dict(before)
    for claim in claims:
        levels[claim.rule] = max(claim.level, levels.get(claim.rule, claim.level), key=lambda level: level.rank)
    return levels


def _onsets(before: Mapping[str, Onset], claims: tuple[Claim, ...]) -> Mapping[str, Onset]:
    """A rule keeps its first onset while its episode lasts; a question has none yet."""
    new = {c.rule: c.onset for c in claims if c.level is not Level.ASK and c.rule not in before}
    return {**before, **new} if new else before


def _continued(
    bed: Bed, episode: Episode, claims: tuple[Claim, ...], look: Look, policy: Policy
) -> tuple[Bed, AlertEvent | None]:
    episode = episode._replace(levels=_levels(episode.levels, claims))
    bed = bed._replace(onsets=_onsets(bed.onsets, claims))
    level = episode.alert.level
    seen = claims[0].level if claims else None
    if seen is not None and seen.rank > level.rank:
        return _said(bed, _clear(episode), Change.WORSENED, seen, claims, look)
    if seen is not None and seen.rank == level.rank:
        return _updated(bed, episode, claims, look, policy)
    possible = _highest(seen, _unseen(episode, look.weighed.truths))
    if possible is not None and possible.rank >= level.rank:
        return _blind(bed, episode, claims, look)
    episode = episode._replace(low_since=episode.low_since or look.at, blind_since=None)
    assert episode.low_since is not None
    if not look.fresh or look.at - episode.low_since < policy.clear_after:
        return _listed(bed, episode, claims, look)
    if possible is None:
        return _resolved(bed, episode, look.at)
    return _said(bed, _clear(episode), Change.EASED, possible, claims, look)


def _unseen(episode: Episode, truths: Mapping[str, Truth]) -> Level | None:
    """The highest level that a rule which has spoken may still hold at, for all that can be known."""
    return _highest(
        None,
        *(
            level
            for rule, level in episode.levels.items()
            if level is not Level.ASK and truths.get(rule) is Truth.UNKNOWN
        ),
    )


def _highest(*levels: Level | None) -> Level | None:
    return max((level for level in levels if level is not None), key=lambda level: level.rank, default=None)


def _clear(episode: Episode) -> Episode:
    return episode._replace(low_since=None, blind_since=None)


def _kept(bed: Bed, episode: Episode) -> Bed:
    return bed._replace(episodes={**bed.episodes, episode.alert.key: episode})


def _said(
    bed: Bed, episode: Episode, change: Change, level: Level, claims: tuple[Claim, ...], look: Look
) -> tuple[Bed, AlertEvent]:
    """The episode at a level, with what its rules say now; if they say nothing, with what they said last."""
    old, findings = episode.alert, [claim.finding for claim in claims]
    loudest, *others = findings or (old.finding, *old.others)
    if findings and loudest.level.rank < level.rank:  # the level rests on what cannot be seen: its words stay in front
        loudest, others = _with_steps(old.finding, claims, look), findings
    worse = change is Change.WORSENED
    update = {
        "level": level,
        "changed_at": look.at,
        "finding": loudest,
        "others": tuple(others),
        "card": card(old.id, level, loudest, tuple(others), _remarks(look, episode.blind_since)),
    }
    if worse:
        update |= {"state": "raised", "acknowledged_at": None, "acknowledged_by": None}
    alert = replace(old, **update)
    bed = _kept(bed, episode._replace(alert=alert, said_at=look.at))
    return bed, AlertEvent(change=change, at=look.at, alert=alert)


def _with_steps(said: Finding, claims: tuple[Claim, ...], look: Look) -> Finding:
    """The words that were said, over the checklist as it stands now."""
    now = {step.id: step for claim in claims for step in claim.finding.steps}
    kept = {} if _whole(claims, look.weighed.truths) else {step.id: step for step in said.steps}
    return replace(said, steps=tuple((kept | now).values()))


def _remarks(look: Look, blind_since: datetime | None) -> tuple[str, ...]:
    blind = None if blind_since is None else f"Cannot be seen since {blind_since:%H:%M} UTC: it stands until measured"
    return tuple(remark for remark in (blind, look.remark) if remark is not None)


def _updated(
    bed: Bed, episode: Episode, claims: tuple[Claim, ...], look: Look, policy: Policy
) -> tuple[Bed, AlertEvent | None]:
    """Said again, quietly, when a step has changed, or when the sentence has and it is not too soon."""
    old = episode.alert
    before = (old.finding, *old.others)
    changed = episode.blind_since is not None or _outline(claims) != _steps(before)
    due = look.at - episode.said_at >= policy.update_after
    if changed or (due and _words(claims, claims[0].finding) != _words(before, old.finding)):
        return _said(bed, _clear(episode), Change.UPDATED, old.level, claims, look)
    return _kept(bed, _clear(episode)), None


def _outline(claims: tuple[Claim, ...]) -> set[Outline]:
    return {line for claim in claims for line in claim.outline}


def _steps(findings: Sequence[Finding]) -> set[Outline]:
    """What `_outline` was when these findings were said."""
    return {(s.id, s.state, tuple(r.block for r in s.reasons)) for finding in findings for s in finding.steps}


def _words(speaking: Sequence[Claim | Finding], loudest: Finding) -> object:
    rules = tuple(one.rule for one in speaking)
    return rules, tuple((e.ref, e.shown) for e in loudest.sentence.evidence)


def _blind(bed: Bed, episode: Episode, claims: tuple[Claim, ...], look: Look) -> tuple[Bed, AlertEvent | None]:
    """UNKNOWN is not NO: it stands, and says once since when nothing can be seen, unless it was last seen over."""
    if episode.blind_since is not None or episode.low_since is not None:
        return _listed(bed, episode, claims, look)
    episode = episode._replace(blind_since=look.at)
    return _said(bed, episode, Change.UPDATED, episode.alert.level, claims, look)


def _listed(bed: Bed, episode: Episode, claims: tuple[Claim, ...], look: Look) -> tuple[Bed, AlertEvent | None]:
    """Said again, quietly, when a step has changed: an order to withhold, a step now due."""
    old = episode.alert
    now, before = _outline(claims), _steps((old.finding, *old.others))
    if (now != before) if _whole(claims, look.weighed.truths) else not now <= before:
        return _said(bed, episode, Change.UPDATED, old.level, claims, look)
    return _kept(bed, episode), None


def _whole(claims: tuple[Claim, ...], truths: Mapping[str, Truth]) -> bool:
    """Whether a trigger fires: its list is the whole one, that of a question or of an order alone is not."""
    return any(claim.rule in truths for claim in claims)


def _resolved(bed: Bed, episode: Episode, at: datetime) -> tuple[Bed, AlertEvent]:
    """The end of an episode: its onsets and the steps ticked in it end with it."""
    old = episode.alert
    alert = replace(old, state="resolved", changed_at=at)
    steps = {step.id for finding in (old.finding, *old.others) for step in finding.steps}
    bed = bed._replace(
        episodes={key: other for key, other in bed.episodes.items() if key != old.key},
        onsets={rule: onset for rule, onset in bed.onsets.items() if rule not in episode.levels},
        steps_done={step: done for step, done in bed.steps_done.items() if step not in steps},
        resolved={**bed.resolved, old.key: old.id},
    )
    return bed, AlertEvent(change=Change.RESOLVED, at=at, alert=alert)


def ended(bed: Bed, at: datetime) -> tuple[Bed, tuple[AlertEvent, ...]]:
    """The patient has left: every standing alert is resolved."""
    said: list[AlertEvent] = []
    for guideline in sorted(bed.episodes):
        bed, event = _resolved(bed, bed.episodes[guideline], at)
        said.append(event)
    return bed, tuple(said)


def answered(bed: Bed, response: Response, at: datetime) -> tuple[Bed, tuple[AlertEvent, ...], str | None]:
    """The bed after a person's response; what to say of it; and what to count, if it met no standing alert."""
    episode = next((e for e in bed.episodes.values() if e.alert.id == response.alert), None)
    if episode is None:
        return bed, (), "response_to_nothing"
    if response.verb == "acknowledge":
        if episode.alert.state == "acknowledged":
            return bed, (), "duplicate"
        update = {"state": "acknowledged", "acknowledged_at": at, "acknowledged_by": response.by, "changed_at": at}
        alert = replace(episode.alert, **update)
        bed = _kept(bed, episode._replace(alert=alert))
        return bed, (AlertEvent(change=Change.ACKNOWLEDGED, at=at, alert=alert),), None
    if response.step is None:
        return bed, (), "response_to_nothing"
    done = dict(bed.steps_done)
    if response.verb == "step_done":
        done.setdefault(response.step, response.observed_at)
    else:
        done.pop(response.step, None)
    same = done == bed.steps_done
    return bed._replace(steps_done=done), (), "duplicate" if same else None
