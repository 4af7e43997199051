"""Where `guidelines.quantities` puts what it works out, each with what it reads.

A read is the name of something that can be news: a concept (`hr`), a fact of notes or a family (`n:infection.*`), a
drug id (`t:norepinephrine`), a field of the patient record (`p:allergies`), the setting (`setting`), `notes` (any
note), `treatments` (whether any was ever heard of), `forecast`. Whatever a function looks at must be among its reads:
a missing one is a missed alarm. A test lets every function be watched and compares.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from guidelines.rules.answers import Answer, Interval, Sample
from guidelines.rules.case import Case, members


class Registered(NamedTuple):
    """A function of a case, what it reads itself, and the registered names that it asks for."""

    name: str
    work: Callable[[Case], Any]
    reads: frozenset[str]
    uses: tuple[str, ...]
    ages_only: bool  # made of newest values: time alone makes it unknown, and nothing else worth waking up for


NUMBERS: dict[str, Registered] = {}
"""Derived concepts and scores that conditions may compare; each answers an `Interval`."""

PREDICATES: dict[str, Registered] = {}
"""Named definitions that are worked out in code; each gives an `Answer`."""

SHARED: dict[str, Registered] = {}
"""What several of the above rest on."""

SERIES: dict[str, Callable[[Case, timedelta], Sequence[Sample]]] = {}
"""Derived quantities that have a past. They say themselves until when their samples stay."""


def given_of(item: str) -> tuple[str, ...]:
    """The reads of a drug id or class as reported."""
    return ("treatments", *(f"t:{name}" for name in sorted(members(item))))


def number(
    name: str, reads: Iterable[str] = (), uses: Iterable[str] = (), ages_only: bool = False
) -> Callable[[Any], Any]:
    """Registers a function of a case as a quantity."""
    return _registering(NUMBERS, name, reads, uses, ages_only)


def predicate(
    name: str, reads: Iterable[str] = (), uses: Iterable[str] = (), ages_only: bool = False
) -> Callable[[Any], Any]:
    """Registers a function of a case as a predicate."""
    return _registering(PREDICATES, name, reads, uses, ages_only)


def shared(
    name: str, reads: Iterable[str] = (), uses: Iterable[str] = (), ages_only: bool = False
) -> Callable[[Any], Any]:
    """Registers what several quantities rest on."""
    return _registering(SHARED, name, reads, uses, ages_only)


def _registering(
    table: dict[str, Registered], name: str, reads: Iterable[str], uses: Iterable[str], ages_only: bool
) -> Callable[[Any], Any]:
    entry_reads, entry_uses = frozenset(reads), tuple(uses)

    def register(work: Callable[[Case], Any]) -> Callable[[Case], Any]:
        table[name] = Registered(name, work, entry_reads, entry_uses, ages_only)
        return work

    return register


def registered() -> Mapping[str, Registered]:
    """Everything, by name."""
    return {**SHARED, **NUMBERS, **PREDICATES}


def ask_number(name: str) -> Callable[[Case], Interval]:
    return lambda case: case.number(name)


def ask_predicate(name: str) -> Callable[[Case], Answer]:
    return lambda case: case.holds(name)
