"""How large a UCUM unit is, in the base units of the SI: ``size("mmol/L")``.

Read are terms of the atoms listed here, with prefix and power, between points and slashes. How large an atom is, pint
says, with UCUM's own definitions from ucumvert; the closed list keeps every text cheap, and free of what a unit library
makes of degrees, decibels and riddles. The libraries are loaded with the first unit that is asked for (about a second).
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

Dimension = Mapping[str, int]  # base quantity, as pint names it -> power; no zeros

_PREFIXES = ("", "G", "M", "k", "h", "d", "c", "m", "u", "n", "p", "f")
_METRIC = [
    "g",
    "L",
    "l",
    "mol",
    "eq",
    "osm",
    "m",
    "s",
    "Pa",
    "bar",
    "m[Hg]",
    "m[H2O]",
    "U",
    "kat",
    "Hz",
    "J",
    "cal",
    "N",
    "W",
    "V",
    "A",
]
_PLAIN = ["min", "h", "d", "wk", "%", "[lb_av]", "[oz_av]", "[in_i]", "[ft_i]", "[foz_us]", "[psi]", "atm"]
_NAMES = frozenset((*(prefix + atom for prefix in _PREFIXES for atom in _METRIC), *_PLAIN)) - {
    "hbar"
}  # to pint Planck's
_PIECES = re.compile(r"([./]?)([^./]+)")
_POWER_OF_TEN = re.compile(r"10[*^]([+-]?\d{1,2})")
_ATOM = re.compile(r"((?:[A-Za-z%]|\[[A-Za-z0-9_]+\])+)([+-]?\d)?")

DEGREES: Mapping[str, str] = MappingProxyType({"Cel": "degC", "[degF]": "degF", "K": "kelvin"})
"""Scales of temperature, as UCUM and as pint name them: each has its own zero, and so is a unit only where it stands
alone."""


class UnknownUnit(ValueError):
    """The text is no unit: neither UCUM nor a known chart spelling."""


class Size(NamedTuple):
    """So many of the base units, and of which."""

    factor: float
    dimension: Dimension


def size(ucum: str) -> Size:
    """The size of a unit without annotations, read from the left as UCUM says. Raises UnknownUnit.

    A bare integer other than 1 is legal UCUM, and both a lost exponent ("103/uL") and a bomb: it is refused. So is what
    two readers read in two ways: a leading slash before more than one term.
    """
    if ucum in DEGREES:
        return Size(1.0, {"[temperature]": 1})
    pieces: list[tuple[str, str]] = _PIECES.findall(ucum)
    if not pieces or "".join(by + text for by, text in pieces) != ucum:
        raise UnknownUnit
    if pieces[0][0] == "." or (pieces[0][0] == "/" and len(pieces) > 1):
        raise UnknownUnit
    whole = Size(1.0, {})
    for by, text in pieces:
        whole = _times(whole, _term(text), -1 if by == "/" else 1)
    if not 0.0 < whole.factor < math.inf:
        raise UnknownUnit
    return whole


def dimension_times(one: Dimension, other: Dimension, power: int) -> Dimension:
    """The dimension of one quantity times a power of another."""
    both = {base: one.get(base, 0) + power * other.get(base, 0) for base in one.keys() | other.keys()}
    return {base: total for base, total in both.items() if total}


def degrees(value: float, scale: str, to: str) -> float:
    """A temperature of one of the DEGREES on another."""
    return float(_registry().Quantity(value, DEGREES[scale]).to(DEGREES[to]).magnitude)


def _times(one: Size, other: Size, power: int) -> Size:
    return Size(one.factor * other.factor**power, dimension_times(one.dimension, other.dimension, power))


def _term(text: str) -> Size:
    if text == "1":
        return Size(1.0, {})
    if (ten := _POWER_OF_TEN.fullmatch(text)) is not None:
        return Size(10.0 ** int(ten[1]), {})
    atom = _ATOM.fullmatch(text)
    if atom is None or atom[1] not in _NAMES:
        raise UnknownUnit
    return _times(Size(1.0, {}), _measured(atom[1]), int(atom[2] or 1))


@cache
def _measured(name: str) -> Size:
    quantity = _registry().from_ucum(name).to_base_units()
    return Size(float(quantity.magnitude), {str(base): int(power) for base, power in quantity.dimensionality.items()})


@cache
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]

    return PintUcumRegistry()
