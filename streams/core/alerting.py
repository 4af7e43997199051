"""The life of an alert as a table: what was standing, what is seen now, what therefore happens (docs/alerting.md).

One guideline speaking about one patient is one episode. Its level is what its rules support now.

* A rule that became UNKNOWN may still hold while something that it rests on cannot be seen; the level stands, says
  since when, and after `unseen_max` steps down to the question what to measure.
* A level that nothing supports eases at the first look and ends at the second, `clear_after` apart or more. Where
  observations are further apart than that, each of them is a look.
* What was entered in error supports nothing, at once; nor does a unit that the patient has left.
* A question is no level: it ends with the first news that answers it, and the same is not asked again for a while.

The table decides by levels, truths and outlines alone: no word is made here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from guidelines.evaluation import Evaluation, Speaking
from schemas.clinical.findings import Level
from streams.core.absorb import Instant
from streams.core.bed import Episode
from streams.core.policy import Policy

Say = Literal["raised", "worsened", "eased", "resolved", "updated", "updated if other words"]


class Circumstances(NamedTuple):
    """What the table must know besides the episode and the evaluation.

    `unseen`: the rules that have spoken and rest on something that is open. `taken_back`: what the last words rest on
    was entered in error. `has_moved`: the patient came to another unit at this very instant. `held_back`: the patient
    has just come, and nothing was heard since. `said_before`: this very question was asked, or this watched for, not
    long ago. `has_changed`: what speaks rests on a change for the worse that was seen within the hour. `other_alarm`:
    of a guideline each of whose triggers is an alarm of its own, one speaks that has not spoken in this episode.
    `given`: something was given that was withheld, and the last words do not say so.
    """

    unseen: frozenset[str] = frozenset()
    taken_back: bool = False
    has_moved: bool = False
    held_back: bool = False
    said_before: bool = False
    has_changed: bool = False
    other_alarm: bool = False
    given: bool = False


class Look(NamedTuple):
    """All that the table looks at: one episode and one finished evaluation of its guideline, at one instant."""

    standing: Level | None  # the level of the episode
    seen: Level | None  # the loudest that speaks
    possible: Level | None  # the loudest that speaks, or rests on something that cannot be seen
    is_timer: bool  # nothing became known: only time has passed
    besides: Circumstances
    other_checklist: bool = False  # a line is another one than was said
    words_old: bool = False  # something became known, and the last words are old enough, or no longer true
    was_blind: bool = False  # its level could not be seen before
    was_low: bool = False  # nothing supported it before
    looked_once: bool = False  # a usable reading came, and nothing supported it for long enough to ease; or for long
    looked_twice: bool = False  # … and to end what has eased
    unseen_too_long: bool = False
    comes_back: bool = False  # it spoke so loudly before, and had not settled at less
    was_ordered: bool = False  # it rests on an order alone
    is_outside: bool = False  # the guideline does not speak of this patient


class Row(NamedTuple):
    """One row: when it fits, what is said, at which level, and the marks of the episode afterwards."""

    name: str
    when: Callable[[Look], bool]
    say: Say | None
    level: Literal["standing", "seen", "possible", "watch"]
    low_since: Literal["none", "kept", "from now on"] = "none"
    blind_since: Literal["none", "kept", "from now on"] = "none"


class Transition(NamedTuple):
    """What happens: `say`, if anything; the episode's level and marks afterwards."""

    say: Say | None
    level: Level | None
    low_since: datetime | None = None
    blind_since: datetime | None = None


def _rank(level: Level | None) -> int:
    return -1 if level is None else level.rank


def _may_hold(look: Look) -> bool:
    return _rank(look.possible) >= _rank(look.standing)


def _is_taken(look: Look) -> bool:
    """Whether its reasons were entered in error, or held for the unit that the patient has left: there all is known."""
    return look.besides.taken_back or (look.besides.has_moved and not _may_hold(look))


TABLE: tuple[Row, ...] = (
    Row("nothing stands, nothing speaks", lambda x: x.standing is None and x.seen is None, None, "seen"),
    Row(
        "a question arises, by time alone",
        lambda x: x.standing is None and x.seen is Level.ASK and x.is_timer,
        None,
        "seen",
    ),
    Row(
        "what was asked or watched for not long ago arises again",
        lambda x: x.standing is None and x.seen in (Level.ASK, Level.WATCH) and x.besides.said_before,
        None,
        "seen",
    ),
    Row(
        "the patient has just come, nothing was heard",
        lambda x: x.standing is None and x.besides.held_back,
        None,
        "seen",
    ),
    Row("nothing stands, something speaks", lambda x: x.standing is None, "raised", "seen"),
    Row(
        "something louder speaks, the patient has just come",
        lambda x: _rank(x.seen) > _rank(x.standing) and x.besides.held_back,
        None,
        "standing",
        low_since="kept",
        blind_since="kept",
    ),
    Row(
        "what was withheld was given",
        lambda x: x.besides.given and _rank(x.seen) >= _rank(x.standing),
        "worsened",
        "seen",
    ),
    Row(
        "what was withheld was given, something louder stands",
        lambda x: x.besides.given,
        "worsened",
        "standing",
        low_since="kept",
        blind_since="kept",
    ),
    Row(
        "something louder speaks, as it did not long ago",
        lambda x: _rank(x.seen) > _rank(x.standing) and x.comes_back,
        "updated",
        "seen",
    ),
    Row("something louder speaks", lambda x: _rank(x.seen) > _rank(x.standing), "worsened", "seen"),
    Row(
        "another alarm of its own speaks", lambda x: x.seen is x.standing and x.besides.other_alarm, "worsened", "seen"
    ),
    Row(
        "it is seen again",
        lambda x: x.seen is x.standing and (x.was_blind or x.was_low),
        "updated",
        "standing",
    ),
    Row("its checklist is another", lambda x: x.seen is x.standing and x.other_checklist, "updated", "standing"),
    Row("its words are old", lambda x: x.seen is x.standing and x.words_old, "updated if other words", "standing"),
    Row("it speaks as it did", lambda x: x.seen is x.standing, None, "standing"),
    Row("the guideline is not for this patient", lambda x: x.is_outside and x.seen is None, "resolved", "standing"),
    Row(
        "it was taken back, something lower speaks",
        lambda x: _is_taken(x) and x.seen is not None,
        "eased",
        "seen",
    ),
    Row("it was taken back", _is_taken, "resolved", "standing"),
    Row(
        "it may still hold, but was not seen for too long",
        lambda x: _may_hold(x) and x.unseen_too_long and x.seen is not None,
        "eased",
        "seen",
    ),
    Row("nobody would ask for it", lambda x: _may_hold(x) and x.unseen_too_long, "resolved", "standing"),
    Row(
        "it may still hold, and that was said, or it was last seen over",
        lambda x: _may_hold(x) and (x.was_blind or x.was_low),
        "updated if other words",
        "standing",
        low_since="kept",
        blind_since="from now on",
    ),
    Row(
        "it may still hold, but cannot be seen",
        _may_hold,
        "updated",
        "standing",
        blind_since="from now on",
    ),
    Row("a question that is answered", lambda x: x.standing is Level.ASK and not x.is_timer, "resolved", "standing"),
    Row("a question, by time alone", lambda x: x.standing is Level.ASK, None, "standing"),
    Row("the order is open no more", lambda x: x.was_ordered and x.seen is None, "resolved", "standing"),
    Row("the order is open no more, a question is", lambda x: x.was_ordered and x.seen is Level.ASK, "eased", "seen"),
    Row(
        "nothing supports it, that is new",
        lambda x: not (x.looked_once or x.was_low),
        "updated",
        "standing",
        low_since="from now on",
    ),
    Row(
        "nothing supports it, not for long enough yet",
        lambda x: not x.looked_once,
        "updated if other words",
        "standing",
        low_since="from now on",
    ),
    Row(
        "nothing supports it, something lower speaks",
        lambda x: x.seen is not None and x.seen is not Level.ASK and x.seen is x.possible,
        "eased",
        "seen",
    ),
    Row(
        "nothing supports it, something lower may still hold",
        lambda x: x.possible is not None and x.possible is not Level.ASK,
        "eased",
        "possible",
        blind_since="from now on",
    ),
    Row(
        "nothing supports it at the first look",
        lambda x: x.standing is not Level.WATCH,
        "eased",
        "watch",
        low_since="from now on",
    ),
    Row("nothing supports it at the second look", lambda x: x.looked_twice, "resolved", "standing"),
    Row("it waits for the second look", lambda _: True, "updated if other words", "standing", low_since="from now on"),
)
"""The first row that fits is taken. docs/alerting.md is this table in words; a test compares them."""


def transition(
    episode: Episode | None, found: Evaluation, instant: Instant, policy: Policy, besides: Circumstances
) -> Transition:
    """What happens to an episode, or begins one, at an instant."""
    at = instant.at
    look = _look(episode, found, instant, policy, besides)
    row = next(row for row in TABLE if row.when(look))
    say = row.say
    if say == "updated if other words" and look.seen is not look.standing:
        say = "updated" if look.other_checklist else say if look.words_old else None
    low, blind = (None, None) if episode is None else (episode.low_since, episode.blind_since)
    levels = {"standing": look.standing, "seen": look.seen, "possible": look.possible, "watch": Level.WATCH}
    if row.say == "eased":
        low = None  # a new level begins its own time
    return Transition(say, levels[row.level], _mark(row.low_since, low, at), _mark(row.blind_since, blind, at))


def _mark(how: str, since: datetime | None, at: datetime) -> datetime | None:
    if how == "none":
        return None
    return since or (at if how == "from now on" else None)


def _look(episode: Episode | None, found: Evaluation, instant: Instant, policy: Policy, besides: Circumstances) -> Look:
    seen = found.speaking[0].level if found.speaking else None
    is_timer = not instant.matters
    if episode is None:
        return Look(None, seen, seen, is_timer, besides)
    at, standing = instant.at, episode.level
    low_for = at - (episode.low_since or at)
    low_too_long = low_for >= policy.unseen_max
    sparse = instant.quiet_for >= policy.clear_after
    unseen_for = at - (episode.blind_since or at)
    return Look(
        standing=standing,
        seen=seen,
        possible=_highest(seen, *(level for rule, level in episode.levels.items() if rule in besides.unseen)),
        is_timer=is_timer,
        besides=besides,
        other_checklist=_checklist_changed(episode, found, whole=seen is standing),
        words_old=instant.matters
        and (
            besides.taken_back
            or besides.has_moved
            or instant.contradicts
            or at - episode.said_at >= policy.update_after
        ),
        was_blind=episode.blind_since is not None,
        was_low=episode.low_since is not None,
        looked_once=low_too_long or (instant.is_fresh and (sparse or low_for >= policy.clear_after)),
        looked_twice=low_too_long or (instant.is_fresh and low_for >= policy.clear_after),
        unseen_too_long=standing is not Level.ASK and unseen_for >= policy.unseen_max,
        comes_back=not besides.has_changed and _comes_back(episode, seen, at, policy),
        was_ordered=not episode.levels.keys() & found.truths.keys() and standing is not Level.ASK,
        is_outside=found.is_outside,
    )


def _comes_back(episode: Episode, seen: Level | None, at: datetime, policy: Policy) -> bool:
    """Whether it was as loud in this episode, and at less for so short a time that it was never over."""
    if seen is None or episode.eased_at is None:
        return False
    loudest = max(map(_rank, episode.levels.values()), default=-1)
    return at - episode.eased_at < policy.settled(seen) and loudest >= seen.rank


def _checklist_changed(episode: Episode, found: Evaluation, whole: bool) -> bool:
    """Whether a line is another one than was said; the list of a question or of an order alone is never the whole."""
    now, before = found.outline, episode.outline
    return now != before if whole or found.is_whole else not now <= before


def levels_with(before: Mapping[str, Level], speaking: tuple[Speaking, ...]) -> Mapping[str, Level]:
    """The highest level at which each rule has spoken in this episode."""
    levels = dict(before)
    for one in speaking:
        levels[one.rule] = max(one.level, levels.get(one.rule, one.level), key=lambda level: level.rank)
    return levels


def _highest(*levels: Level | None) -> Level | None:
    return max((level for level in levels if level is not None), key=lambda level: level.rank, default=None)
