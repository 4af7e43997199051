"""What reading a question ends in: a condition to ask, or why not and what can be asked in its place."""

from datetime import datetime, timedelta

from schemas.conditions import Condition
from schemas.frozen import Record


class Question(Record, frozen=True, kw_only=True):
    """A condition that is asked of the hours ahead (`within`) or of what is known now (None: windows of the past too).

    `by`: the moment that a clock named ("by 21:30"); `since`: the same of the past. `converted`: what was written in
    another unit than the condition has ("10 mmol/L is 180.2 mg/dL").
    """

    condition: Condition
    within: timedelta | None = None
    by: datetime | None = None
    since: datetime | None = None
    converted: tuple[str, ...] = ()


class NotRead(Record, frozen=True, kw_only=True):
    """Why a question was not read, in one sentence, and the nearest that can be asked: each of these is read."""

    why: str
    nearest: tuple[str, ...] = ()


class Refused(Exception):
    """On the way through the package: why a question cannot be read. It never leaves `guidelines.asking.reading`."""
