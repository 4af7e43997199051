"""What an asked condition answers: Kleene's three values, what made it so, and what would settle it.

Everything here is light (tuples that hold the events themselves); `guidelines.evidence` turns what is reported into
the words of `schemas.clinical.findings`.
"""

from datetime import datetime, timedelta
from functools import cache
from math import inf
from typing import NamedTuple

from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Truth
from schemas.events import Reading, Treatment


class Missing(NamedTuple):
    """What would settle an open question; `why` is worked out from the snapshot where it is None."""

    subject: str
    why: str | None = None


class Computed(NamedTuple):
    """A number worked out from others: a score, a ratio, a sum. `missing` is what a score could not count."""

    subject: str
    value: float
    at: datetime
    sources: "tuple[Source, ...]"
    missing: tuple[Missing, ...] = ()
    unit: str = ""  # as printed, where the subject is no concept


class Personal(NamedTuple):
    """Something of the patient record."""

    subject: str
    label: str
    shown: str
    value: float | None = None


class Forecasted(NamedTuple):
    """A number that a forecaster gave."""

    subject: str
    value: float
    ahead: timedelta
    origin: str
    origin_at: datetime


Source = Reading | NoteFact | Treatment | Computed | Personal | Forecasted
"""What a claim can rest on."""


class Interval(NamedTuple):
    """A number, or the range it must lie in: `low == high` when fully known, minus to plus infinity when not at all."""

    low: float
    high: float
    sources: tuple[Source, ...] = ()
    missing: tuple[Missing, ...] = ()


class Answer(NamedTuple):
    """Kleene's value with what made it so, or what would settle it. `met` (0 to 1): how much is known to hold."""

    truth: Truth
    sources: tuple[Source, ...] = ()
    missing: tuple[Missing, ...] = ()
    met: float = 0.0


class Sample(NamedTuple):
    """One value of a quantity at one time."""

    at: datetime
    value: float
    source: Source


YES = Answer(Truth.YES, (), (), 1.0)
NO = Answer(Truth.NO)


def yes(*sources: Source) -> Answer:
    return Answer(Truth.YES, sources, (), 1.0)


def no(*sources: Source) -> Answer:
    return Answer(Truth.NO, sources)


def unknown(*missing: Missing) -> Answer:
    return Answer(Truth.UNKNOWN, (), missing)


def open_range(*missing: Missing) -> Interval:
    return Interval(-inf, inf, (), missing)


@cache
def not_measured(subject: str) -> Interval:
    """A number that is not known because its measurement is not."""
    return open_range(Missing(subject))


def exact(subject: str, value: float, at: datetime, *sources: Source) -> Interval:
    """A number worked out of others that are all known."""
    return Interval(value, value, (Computed(subject, value, at, sources),))


def bare(answer: Answer) -> Answer:
    """An answer without what made it so: what a bed keeps. An open one still says what would settle it."""
    if answer.truth is Truth.UNKNOWN:
        return Answer(answer.truth, (), answer.missing, answer.met) if answer.sources else answer
    return YES if answer.truth is Truth.YES else NO
