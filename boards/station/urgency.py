"""Who needs somebody first: one urgency for each bed, by a table (docs/boards.md has it in words; a test compares).

First what is dangerous now and nobody has answered, and what was so when it could last be seen; then what somebody
has answered; then a bed of which nothing is known; last what is only expected or asked. A danger that has just gone
keeps its place for ten minutes, so that a value about its limit moves no bed at each reading; a new one lifts it at
once. By time alone a bed moves only when it falls silent, an hour after it worsened, or when those minutes are over.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from schemas.boards.views import BedView
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import Level

LATELY = timedelta(hours=1)
HELD = timedelta(minutes=10)
"""So long a bed keeps its place after what gave it that place was last seen."""
ALERTS_MAX = 99  # further ones make no difference
LABELS_MAX = 4_096  # kept in the form that sorts
_LAST = 99_999_999_999  # seconds since 1970, later than every moment
_NUMBER = re.compile(r"\d+")


class Look(NamedTuple):
    """All that the table looks at: one alert, or with level None the bed itself."""

    level: Level | None
    is_answered: bool  # acknowledged, and not worsened since
    is_seen: bool  # what it rests on can be seen and holds, now or until ten minutes ago at most
    is_worse: bool  # it became louder lately, after it was raised
    is_judged: bool  # the rules can look at the bed
    is_heard: bool  # data come from the bed


class Row(NamedTuple):
    name: str
    when: Callable[[Look], bool]


def _open(x: Look, level: Level) -> bool:
    return x.level is level and x.is_seen and not x.is_answered


TABLE: tuple[Row, ...] = (
    Row("critical, seen, not acknowledged", lambda x: _open(x, Level.CRITICAL)),
    Row("the bed cannot be judged, or not be shown", lambda x: x.level is None and not x.is_judged),
    Row(
        "worsened to a warning lately, seen, not acknowledged",
        lambda x: _open(x, Level.WARNING) and x.is_worse,
    ),
    Row("critical, not seen, not acknowledged", lambda x: x.level is Level.CRITICAL and not x.is_answered),
    Row("warning, seen, not acknowledged", lambda x: _open(x, Level.WARNING)),
    Row("critical, seen, acknowledged", lambda x: x.level is Level.CRITICAL and x.is_seen),
    Row("critical, not seen, acknowledged", lambda x: x.level is Level.CRITICAL),
    Row("warning, seen, acknowledged", lambda x: x.level is Level.WARNING and x.is_seen),
    Row("warning, not seen, not acknowledged", lambda x: x.level is Level.WARNING and not x.is_answered),
    Row("warning, not seen, acknowledged", lambda x: x.level is Level.WARNING),
    Row("nothing is heard from the bed", lambda x: x.level is None and not x.is_heard),
    Row("watch, not acknowledged", lambda x: x.level is Level.WATCH and not x.is_answered),
    Row("question, not acknowledged", lambda x: x.level is Level.ASK and not x.is_answered),
    Row("watch or question, acknowledged", lambda x: x.level is not None),
    Row("nothing stands", lambda _: True),
)
"""The place of a bed is the first row that fits one of its alerts or the bed itself."""

NOT_SHOWN = next(place for place, row in enumerate(TABLE) if row.name.startswith("the bed cannot be judged"))


class Urgency(NamedTuple):
    """Where a bed stands, and `why`, `since` when, `by` whom: so many `alerts` say so, the newest of them `of`."""

    place: int
    why: str = ""
    since: datetime | None = None
    by: str | None = None
    of: Alert | None = None
    alerts: int = 0

    def order(self, label: str, encounter: str) -> str:
        """Sorts beds as text: by row, how many alerts are in it, the newest of them; last by label, 2 before 10."""
        newest = 0 if self.of is None else int(_LAST - changed_at(self.of).timestamp())
        fewer = ALERTS_MAX - min(self.alerts, ALERTS_MAX)
        return f"{self.place:02d} {fewer:02d} {newest:011d} {_by_number(label)} {encounter}"


@lru_cache(LABELS_MAX)
def _by_number(label: str) -> str:
    return _NUMBER.sub(lambda digits: digits[0].zfill(9), label)


def look(alert: Alert, view: BedView, now: datetime, is_heard: bool) -> Look:
    """What the table looks at of an alert."""
    worsened, answered = alert.worsened_at, alert.acknowledged_at
    return Look(
        level=alert.level,
        is_answered=alert.state == "acknowledged" and not (worsened and answered and worsened > answered),
        is_seen=_is_held(alert, now) and is_heard and view.unjudged is None,
        is_worse=worsened is not None and now - worsened <= LATELY,
        is_judged=view.unjudged is None,
        is_heard=is_heard,
    )


def _is_held(alert: Alert, now: datetime) -> bool:
    """Whether it is seen, or was so a moment ago."""
    gone = [since for since in (alert.unseen_since, alert.over_since) if since is not None]
    return not gone or now - min(gone) <= HELD


@cache
def place(x: Look) -> int:
    """The first row that fits."""
    return next(number for number, row in enumerate(TABLE) if row.when(x))


def urgency(view: BedView, alerts: Sequence[Alert], now: datetime, is_heard: bool) -> Urgency:
    """The urgency of a bed with these standing alerts, at the board's time `now`."""
    unjudged = view.unjudged
    own = place(Look(None, False, is_heard, False, unjudged is None, is_heard))
    places = [(place(look(alert, view, now, is_heard)), alert) for alert in alerts]
    first = min((own, *(there for there, _ in places)))
    leading = [alert for there, alert in places if there == first]
    if not leading:
        return Urgency(own) if unjudged is None else Urgency(own, "cannot be judged since", unjudged.since)
    newest = max(leading, key=changed_at)
    why, since, by = _why(newest, view, look(newest, view, now, is_heard))
    return Urgency(first, why, since, by, newest, len(leading))


def changed_at(alert: Alert) -> datetime:
    """When it last became louder."""
    return max(alert.raised_at, alert.worsened_at or alert.raised_at)


def _why(alert: Alert, view: BedView, x: Look) -> tuple[str, datetime | None, str | None]:
    if alert.over_since is not None and x.is_heard and x.is_judged:
        return "better since", alert.over_since, None
    if alert.unseen_since is not None or not x.is_seen:
        return "not seen since", alert.unseen_since or view.last_heard_at, None
    if x.is_answered:
        return "✓ acknowledged", alert.acknowledged_at, alert.acknowledged_by
    if alert.worsened_at is not None:
        return "▲ worse since", alert.worsened_at, None
    return "waiting since", alert.raised_at, None
