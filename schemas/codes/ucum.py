"""How large a UCUM unit is, in the base units of the SI: ``size("mmol/L")``.

Read are terms of the atoms listed here, with prefix and power, between points and slashes. The closed list keeps every
text cheap, and free of what a unit library makes of degrees, decibels and riddles. A test holds each size against pint,
with UCUM's own definitions from ucumvert; here they would cost every process a second and a half at its start.
"""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

Dimension = Mapping[str, int]  # base quantity, as pint names it -> power; no zeros

_PIECES = re.compile(r"([./]?)([^./]+)")
_POWER_OF_TEN = re.compile(r"10[*^]([+-]?\d{1,2})")
_ATOM = re.compile(r"((?:[A-Za-z%]|\[[A-Za-z0-9_]+\])+)([+-]?\d)?")


class UnknownUnit(ValueError):
    """The text is no unit: neither UCUM nor a known chart spelling."""


class Size(NamedTuple):
    """So many of the base units, and of which."""

    factor: float
    dimension: Dimension


_PREFIXES: Mapping[str, float] = MappingProxyType(
    {"": 1.0, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2, "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12,
     "f": 1e-15}
)  # fmt: skip
_PRESSURE = {"[mass]": 1, "[length]": -1, "[time]": -2}
_ENERGY = {"[mass]": 1, "[length]": 2, "[time]": -2}
_POWER = {"[mass]": 1, "[length]": 2, "[time]": -3}
_METRIC: Mapping[str, Size] = MappingProxyType(
    {
        "g": Size(1e-3, {"[mass]": 1}),
        "L": Size(1e-3, {"[length]": 3}),
        "l": Size(1e-3, {"[length]": 3}),
        "mol": Size(1.0, {"[substance]": 1}),
        "eq": Size(1.0, {"[substance]": 1}),
        "osm": Size(1.0, {"[substance]": 1}),
        "m": Size(1.0, {"[length]": 1}),
        "s": Size(1.0, {"[time]": 1}),
        "Pa": Size(1.0, _PRESSURE),
        "bar": Size(1e5, _PRESSURE),
        "m[Hg]": Size(133322.387415, _PRESSURE),
        "m[H2O]": Size(9806.65, _PRESSURE),
        "U": Size(1e-6 / 60.0, {"[substance]": 1, "[time]": -1}),
        "kat": Size(1.0, {"[substance]": 1, "[time]": -1}),
        "Hz": Size(1.0, {"[time]": -1}),
        "J": Size(1.0, _ENERGY),
        "cal": Size(4.184, _ENERGY),
        "N": Size(1.0, {"[mass]": 1, "[length]": 1, "[time]": -2}),
        "W": Size(1.0, _POWER),
        "V": Size(1.0, {**_POWER, "[current]": -1}),
        "A": Size(1.0, {"[current]": 1}),
    }
)
_PLAIN: Mapping[str, Size] = MappingProxyType(
    {
        "min": Size(60.0, {"[time]": 1}),
        "h": Size(3600.0, {"[time]": 1}),
        "d": Size(86400.0, {"[time]": 1}),
        "wk": Size(604800.0, {"[time]": 1}),
        "%": Size(0.01, {}),
        "[lb_av]": Size(0.45359237, {"[mass]": 1}),
        "[oz_av]": Size(0.45359237 / 16, {"[mass]": 1}),
        "[in_i]": Size(0.0254, {"[length]": 1}),
        "[ft_i]": Size(0.3048, {"[length]": 1}),
        "[foz_us]": Size(2.95735295625e-5, {"[length]": 3}),
        "[psi]": Size(6894.757293168361, _PRESSURE),
        "atm": Size(101325.0, _PRESSURE),
    }
)
ATOMS: Mapping[str, Size] = MappingProxyType(
    {
        prefix + atom: Size(power * size.factor, size.dimension)
        for atom, size in _METRIC.items()
        for prefix, power in _PREFIXES.items()
        if prefix + atom != "hbar"  # a hectobar to UCUM, Planck's constant to others
    }
    | dict(_PLAIN)
)
"""Every atom that is read, prefixes included."""

_TO_CELSIUS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"Cel": (1.0, 0.0), "K": (1.0, -273.15), "[degF]": (5 / 9, -160 / 9)}
)
DEGREES = frozenset(_TO_CELSIUS)
"""Scales of temperature: each has its own zero, and so is a unit only where it stands alone."""


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
    slope, zero = _TO_CELSIUS[scale]
    other_slope, other_zero = _TO_CELSIUS[to]
    return (value * slope + zero - other_zero) / other_slope


def _times(one: Size, other: Size, power: int) -> Size:
    return Size(one.factor * other.factor**power, dimension_times(one.dimension, other.dimension, power))


def _term(text: str) -> Size:
    if text == "1":
        return Size(1.0, {})
    if (ten := _POWER_OF_TEN.fullmatch(text)) is not None:
        return Size(10.0 ** int(ten[1]), {})
    atom = _ATOM.fullmatch(text)
    if atom is None or atom[1] not in ATOMS:
        raise UnknownUnit
    return _times(Size(1.0, {}), ATOMS[atom[1]], int(atom[2] or 1))
