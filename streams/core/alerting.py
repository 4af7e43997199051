"""The life of an alert as a table: what was standing, what is seen now, what therefore happens (docs/alerting.md).

One guideline speaking about one patient is one episode. Its level is what its rules support now; a rule that became
UNKNOWN may still hold, so the level stands and the card says since when it cannot be seen. A level is left only when
two looks with fresh readings, `clear_after` apart or more, found nothing that supports it, and none in between did. A
question is no level: it ends with the first news that answers it.

The table decides by levels, truths and outlines alone: no word is made here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from guidelines.evaluation import Evaluation, Speaking
from schemas.clinical.findings import Level, Truth
from streams.core.absorb import Instant
from streams.core.bed import Episode
from streams.core.policy import Policy

Say = Literal[
    "raised", "worsened", "eased", "resolved", "updated", "updated if another checklist", "updated if other words"
]


class Look(NamedTuple):
    """All that the table looks at: one episode and one finished evaluation of its guideline, at one instant."""

    standing: Level | None  # the level of the episode
    seen: Level | None  # the loudest that speaks
    possible: Level | None  # the loudest that speaks, or has spoken and is UNKNOWN now
    other_checklist: bool  # a line is another one than was said
    words_old: bool  # something became known, and the last words are old enough to be made anew
    was_blind: bool  # its level could not be seen before
    was_low: bool  # nothing supported it before
    is_timer: bool  # nothing became known: only time has passed
    over: bool  # a usable reading came, and nothing has supported it for long enough


class Row(NamedTuple):
    """One row: when it fits, what is said, at which level, and the marks of the episode afterwards."""

    name: str
    when: Callable[[Look], bool]
    say: Say | None
    level: Literal["standing", "seen", "possible"]
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


TABLE: tuple[Row, ...] = (
    Row("nothing stands, nothing speaks", lambda x: x.standing is None and x.seen is None, None, "seen"),
    Row(
        "a question arises, by time alone",
        lambda x: x.standing is None and x.seen is Level.ASK and x.is_timer,
        None,
        "seen",
    ),
    Row("nothing stands, something speaks", lambda x: x.standing is None, "raised", "seen"),
    Row("something louder speaks", lambda x: _rank(x.seen) > _rank(x.standing), "worsened", "seen"),
    Row("it is seen again", lambda x: x.seen is x.standing and x.was_blind, "updated", "standing"),
    Row("its checklist is another", lambda x: x.seen is x.standing and x.other_checklist, "updated", "standing"),
    Row("its words are old", lambda x: x.seen is x.standing and x.words_old, "updated if other words", "standing"),
    Row("it speaks as it did", lambda x: x.seen is x.standing, None, "standing"),
    Row(
        "it may still hold, and that was said, or it was last seen over",
        lambda x: _rank(x.possible) >= _rank(x.standing) and (x.was_blind or x.was_low),
        "updated if another checklist",
        "standing",
        low_since="kept",
        blind_since="kept",
    ),
    Row(
        "it may still hold, but cannot be seen",
        lambda x: _rank(x.possible) >= _rank(x.standing),
        "updated",
        "standing",
        blind_since="from now on",
    ),
    Row("a question that is answered", lambda x: x.standing is Level.ASK and not x.is_timer, "resolved", "standing"),
    Row("a question, by time alone", lambda x: x.standing is Level.ASK, None, "standing"),
    Row(
        "nothing supports it, not for long enough yet",
        lambda x: not x.over,
        "updated if another checklist",
        "standing",
        low_since="from now on",
    ),
    Row(
        "nothing supports it, something lower speaks",
        lambda x: x.seen is not None and x.seen is x.possible,
        "eased",
        "seen",
    ),
    Row(
        "nothing supports it, something lower may still hold",
        lambda x: x.possible is not None,
        "eased",
        "possible",
        blind_since="from now on",
    ),
    Row("nothing supports it", lambda _: True, "resolved", "standing"),
)
"""The first row that fits is taken. docs/alerting.md is this table in words; a test compares them."""


def transition(episode: Episode | None, found: Evaluation, instant: Instant, policy: Policy) -> Transition:
    """What happens to an episode, or begins one, at an instant."""
    at = instant.at
    look = _look(episode, found, instant, policy)
    row = next(row for row in TABLE if row.when(look))
    say = row.say
    if say == "updated if another checklist":
        say = "updated" if look.other_checklist else None
    low, blind = (None, None) if episode is None else (episode.low_since, episode.blind_since)
    levels = {"standing": look.standing, "seen": look.seen, "possible": look.possible}
    return Transition(say, levels[row.level], _mark(row.low_since, low, at), _mark(row.blind_since, blind, at))


def _mark(how: str, since: datetime | None, at: datetime) -> datetime | None:
    if how == "none":
        return None
    return since or (at if how == "from now on" else None)


def _look(episode: Episode | None, found: Evaluation, instant: Instant, policy: Policy) -> Look:
    seen = found.speaking[0].level if found.speaking else None
    if episode is None:
        return Look(None, seen, seen, False, False, False, False, not instant.matters, False)
    at = instant.at
    low_for = at - (episode.low_since or at)
    return Look(
        standing=episode.level,
        seen=seen,
        possible=_highest(seen, _unseen(levels_with(episode.levels, found.speaking), found.truths)),
        other_checklist=_checklist_changed(episode, found, whole=seen is episode.level),
        words_old=instant.matters and at - episode.said_at >= policy.update_after,
        was_blind=episode.blind_since is not None,
        was_low=episode.low_since is not None,
        is_timer=not instant.matters,
        over=instant.is_fresh and low_for >= policy.clear_after,
    )


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


def _unseen(levels: Mapping[str, Level], truths: Mapping[str, Truth]) -> Level | None:
    """The highest level that a rule which has spoken may still hold at, for all that can be known."""
    return _highest(
        *(level for rule, level in levels.items() if level is not Level.ASK and truths.get(rule) is Truth.UNKNOWN)
    )


def _highest(*levels: Level | None) -> Level | None:
    return max((level for level in levels if level is not None), key=lambda level: level.rank, default=None)
