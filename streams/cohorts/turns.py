"""A recorded stay as turns of `step`: what became known, and at chosen moments that time has passed."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter

from streams.adapters.stay import Stay
from streams.core.bed import Bed
from streams.core.policy import Policy
from streams.core.step import Output, Turn

JUST_AFTER = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def hourly(stay: Stay) -> list[datetime]:
    """Each hour begun between the stay's start and its last event; a stay of which all was refused has none."""
    hours = stay.hours
    if hours is None:
        hours = int((last_of(stay) - stay.start) / HOUR) + 1 if stay.events else 0
    return [stay.start + hour * HOUR for hour in range(hours)]


def last_of(stay: Stay) -> datetime:
    """When the last of it became known."""
    return max((event.available_at for event in stay.events), default=stay.start)


def turns(
    stay: Stay,
    moments: Sequence[datetime],
    policy: Policy,
    said: Callable[[Sequence[Output]], None],
    asked: Callable[[int, Bed], None],
) -> Iterator[Turn]:
    """The records of one stay's log. `moments` rise; `asked` is told the number of each and the bed once the instant of
    that very moment has been judged."""

    def passed(at: datetime, done: Callable[[Bed], None] = lambda _: None) -> Turn:
        return Turn(at + policy.allowed_lateness + JUST_AFTER, said=said, done=done)

    arriving = [(at, tuple(group)) for at, group in groupby(stay.events, attrgetter("available_at"))]
    place = 0
    for number, at in enumerate(moments):
        while place < len(arriving) and arriving[place][0] <= at:
            yield Turn(*arriving[place], said=said)
            place += 1
        yield passed(at, partial(asked, number))
    for known, events in arriving[place:]:
        yield Turn(known, events, said=said)
    last = last_of(stay)
    if not moments or last > moments[-1]:
        yield passed(last)
