"""Situations in which some values age faster: what tells that one lasts, read from ``situations.toml``."""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from schemas.codes.concepts import Situation
from schemas.codes.drugs import DRUGS, drugs_of

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_CLOSED)
class _Given:
    items: list[str]
    hours: int


@dataclass(frozen=True, slots=True, config=_CLOSED)
class _Noted:
    facts: str
    hours: int


@dataclass(frozen=True, slots=True, config=_CLOSED)
class _Signs:
    running: str | None = None
    given: _Given | None = None
    noted: _Noted | None = None


def _load(path: Path) -> Mapping[Situation, _Signs]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return TypeAdapter(dict[Situation, _Signs]).validate_python(tables)


def _drugs(name: str) -> tuple[str, ...]:
    """The drug of an id, or the drugs of a class. Raises KeyError for neither."""
    return (name,) if name in DRUGS else tuple(drug.id for drug in drugs_of(name))


def _items(given: _Given) -> frozenset[str]:
    return frozenset(drug for item in given.items for drug in _drugs(item))


_SIGNS = _load(Path(__file__).with_suffix(".toml"))
_GIVEN = {s: signs.given for s, signs in _SIGNS.items() if signs.given is not None}

WHILE_RUNNING: Mapping[str, frozenset[Situation]] = MappingProxyType(
    {
        drug: frozenset(s for s, signs in _SIGNS.items() if signs.running and drug in _drugs(signs.running))
        for drug in {drug for signs in _SIGNS.values() if signs.running for drug in _drugs(signs.running)}
    }
)
"""By drug: the situations that last while an infusion of it runs."""

AFTER: Mapping[str, tuple[tuple[Situation, timedelta], ...]] = MappingProxyType(
    {
        drug: tuple((s, timedelta(hours=given.hours)) for s, given in _GIVEN.items() if drug in _items(given))
        for drug in {drug for given in _GIVEN.values() for drug in _items(given)}
    }
)
"""By drug: the situations that a dose of it begins, and how long each lasts."""

NOTED: tuple[tuple[str, Situation, timedelta], ...] = tuple(
    (signs.noted.facts, s, timedelta(hours=signs.noted.hours)) for s, signs in _SIGNS.items() if signs.noted is not None
)
"""How the names of facts begin that a situation is noted by, the situation, and how long a note speaks for it."""
