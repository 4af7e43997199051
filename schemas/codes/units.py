"""Units: any value as charted, in the canonical unit of its concept, or a refusal.

Accepted are UCUM (`schemas.codes.ucum`) and the usual chart spellings (``K/uL``, ``Deg. F``, ``mcg/kg/min``): closed
lists, so that a typo is refused and not guessed. A conversion is one cached function.

    to_canonical(88.4, "umol/L", concept("creatinine"))                      # 1.0 mg/dL
    rate_to_canonical(24, "mg/h", drug("norepinephrine"), weight_kg=80)      # 5.0 ug/kg/min
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from schemas.codes.concepts import CONCEPTS, Concept
from schemas.codes.drugs import Drug
from schemas.codes.ucum import DEGREES, Dimension, UnknownUnit, degrees, dimension_times, size

__all__ = [
    "UNIT_CHARS_MAX",
    "ImpossibleUnit",
    "ImpossibleValue",
    "UnknownUnit",
    "WeightNeeded",
    "amount_to_canonical",
    "from_canonical",
    "rate_to_canonical",
    "to_canonical",
]

UNIT_CHARS_MAX = 40
CONVERSIONS_MAX = 4096  # (unit, concept) pairs kept; a feed uses a few hundred


class ImpossibleUnit(ValueError):
    """A unit, but not one that this quantity can have."""


class ImpossibleValue(ImpossibleUnit):
    """A number that this quantity never has in this unit: hydrogen ions below nothing."""


class WeightNeeded(ValueError):
    """A dose per kilogram cannot be converted without a plausible body weight."""


# --- Spelling ------------------------------------------------------------------------------------------------------

# Whole spellings, exact case: those where case or a letter would mean something else in UCUM.
_EXACT: Mapping[str, str] = MappingProxyType(
    {
        "C": "Cel",  # UCUM: coulomb
        "F": "[degF]",  # UCUM: farad
        "K/uL": "10*3/uL",  # UCUM: kelvin
        "K/UL": "10*3/uL",
        "K/mm3": "10*3/uL",
        "G/L": "10*9/L",  # giga per litre; UCUM: gauss
        "G/l": "10*9/L",
    }
)
# Whole spellings, any case, spaces removed.
_WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "torr": "mm[Hg]",
        "cmh20": "cm[H2O]",  # a nought for the letter
        **dict.fromkeys(("°c", "?c", "degc", "deg.c", "deg.c.", "celsius", "℃", "cel"), "Cel"),
        **dict.fromkeys(("°f", "?f", "degf", "deg.f", "deg.f.", "fahrenheit", "℉", "[degf]"), "[degF]"),
        **dict.fromkeys(("bpm", "beats/min", "insp/min", "breaths/min", "br/min", "resp/min"), "/min"),
        **dict.fromkeys(("lpm", "l/m"), "L/min"),
        "percent": "%",
        **dict.fromkeys(("thousand/ul", "thou/ul", "giga/l", "gpt/l"), "10*3/uL"),
        **dict.fromkeys(("#/ul", "cells/ul", "/micl", "cells/mm3"), "/uL"),
        **dict.fromkeys(("lb", "lbs", "pound", "pounds"), "[lb_av]"),
        **dict.fromkeys(("in", "inch", "inches"), "[in_i]"),
        **dict.fromkeys(("seconds", "second", "sec", "secs", "sec."), "s"),
        **dict.fromkeys(("ml/min/1.73m2", "ml/min/1.73m^2", "ml/min/1.73m²"), "mL/min/{1.73_m2}"),
        **dict.fromkeys(("ng/mlfeu", "ng/ml{feu}", "ngfeu/ml"), "ng/mL{FEU}"),
        **dict.fromkeys(("ng/mlddu", "ng/ml{ddu}", "ngddu/ml"), "ng/mL{DDU}"),
        **dict.fromkeys(("ug/mlfeu", "mcg/mlfeu", "ug/ml{feu}", "ugfeu/ml", "mg/lfeu", "mg/l{feu}"), "mg/L{FEU}"),
        **dict.fromkeys(("ug/mlddu", "mcg/mlddu", "ug/ml{ddu}", "ugddu/ml", "mg/lddu", "mg/l{ddu}"), "mg/L{DDU}"),
        "mg%": "mg/dL",
        "g%": "g/dL",
        "gm%": "g/dL",
        # run-together rates of an old charting system
        "mcgkgmin": "ug/kg/min",
        "mcgkghr": "ug/kg/h",
        "mcgmin": "ug/min",
        "mcghr": "ug/h",
        "mgkghr": "mg/kg/h",
        "mgmin": "mg/min",
        "mghr": "mg/h",
        "umin": "U/min",
        "uhr": "U/h",
    }
)
# One part between slashes, any case.
_PART: Mapping[str, str] = MappingProxyType(
    {
        **{text.lower(): text for text in ("mg", "ug", "ng", "pg", "kg", "dL", "mL", "uL", "fL", "nL", "L", "kPa")},
        **{text.lower(): text for text in ("mmol", "umol", "nmol", "pmol", "min", "U", "mosm", "mm", "cm", "meq")},
        **dict.fromkeys(("mcg", "microgram", "micrograms"), "ug"),
        **dict.fromkeys(("gm", "gms", "gram", "grams"), "g"),
        **dict.fromkeys(("mosmol", "mosmols", "mosm."), "mosm"),
        **dict.fromkeys(("meq.", "meqs"), "meq"),
        **dict.fromkeys(("unit", "units", "iu", "[iu]"), "U"),
        **dict.fromkeys(("mmhg", "mm[hg]"), "mm[Hg]"),
        **dict.fromkeys(("cmh2o", "cm[h2o]"), "cm[H2O]"),
        **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
        **dict.fromkeys(("minute", "minutes"), "min"),
        **dict.fromkeys(("day", "days", "24h", "24hr"), "d"),
        **dict.fromkeys(("cc", "ccs", "mls", "milliliter", "milliliters"), "mL"),
        **dict.fromkeys(("liter", "liters", "litre", "litres"), "L"),
        **dict.fromkeys(("mm3", "mm^3", "cmm"), "uL"),
        **dict.fromkeys(("m2", "m²", "m^2"), "m2"),
        **dict.fromkeys(("kgs", "kilogram", "kilograms"), "kg"),
    }
)
# One part, exact case: "MU" would be a million units.
_PART_EXACT: Mapping[str, str] = MappingProxyType({"mIU": "mU", "m[IU]": "mU", "uIU": "uU", "u[IU]": "uU"})
_POWER_OF_TEN = re.compile(r"[xX]?10(?:\^|\*\*?|[eE])\(?(\d{1,2})\)?")
_DIVISOR = re.compile(r"/\(([^()/]*)\)")
_MICRO_AND_POWERS = str.maketrans({"µ": "u", "μ": "u", "³": "^3", "⁶": "^6", "⁹": "^9", "×": "x"})


def to_ucum(unit: str) -> str:
    """The UCUM form of a unit as charted; what is not a known spelling comes back unchanged, to be parsed as UCUM."""
    text = unit.strip()
    if text in _EXACT:
        return _EXACT[text]
    text = text.translate(_MICRO_AND_POWERS).replace(" per ", "/").replace(" ", "")
    known = _EXACT.get(text) or _WHOLE.get(text.lower())
    if known is not None:
        return known
    text = _DIVISOR.sub(lambda group: "/" + group[1].replace(".", "/"), text)  # mL/(kg.h) is mL/kg/h
    return "/".join(_part(part) for part in text.split("/"))


def _part(text: str) -> str:
    power = _POWER_OF_TEN.fullmatch(text)
    if power is not None:
        return f"10*{int(power[1])}"
    return _PART_EXACT.get(text) or _PART.get(text.lower(), text)


# --- Measured quantities -------------------------------------------------------------------------------------------

_UNITY: Mapping[str, float] = MappingProxyType({"1": 1.0, "%": 0.01, "L/L": 1.0})
_NO_UNIT = frozenset({"1", "ratio", "Ratio", "RATIO", "points", "score", "U", "pH", "PH", "[pH]", "decFrc"})
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_EQUIVALENTS = re.compile(r"(?<![A-Za-z])m?eq(?![A-Za-z])")
FIO2_LOWEST, FIO2_HIGHEST = 0.21, 1.0  # room air, pure oxygen
_PER_MOLE: Dimension = MappingProxyType({"[mass]": 1, "[substance]": -1})
DECIMALS_KEPT = 9  # 100.4 °F is 38.0 °C: an error in the last bit must not carry a value over a threshold


@dataclass(frozen=True, slots=True)
class _Conversion:
    to: Callable[[float], float]
    back: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class _Refusal:
    error: type[ValueError]
    text: str


def to_canonical(value: float, unit: str, concept: Concept) -> float:
    """``value`` in the canonical unit of ``concept``.

    Raises UnknownUnit or ImpossibleUnit; their texts name the expected and the found unit, never the value.
    """
    return _conversion(unit, concept).to(value)


def from_canonical(value: float, unit: str, concept: Concept) -> float:
    """A canonical value of ``concept`` in ``unit``, for display; raises as `to_canonical`."""
    return _conversion(unit, concept).back(value)


def _conversion(unit: str, concept: Concept) -> _Conversion:
    found = _find(unit, concept)
    if isinstance(found, _Refusal):
        raise found.error(found.text)
    return found


@lru_cache(maxsize=CONVERSIONS_MAX)
def _find(unit: str, concept: Concept) -> _Conversion | _Refusal:
    """The conversion or the refusal; both are kept, so that a feed of nonsense units costs no parsing either."""
    if len(unit) > UNIT_CHARS_MAX:
        return _Refusal(UnknownUnit, f"{concept.id}: expected {concept.unit}, found a text longer than a unit")
    try:
        return _resolve(to_ucum(unit), concept)
    except UnknownUnit:
        return _Refusal(UnknownUnit, f"{concept.id}: expected {concept.unit}, found {unit!r}: not a known unit")
    except ImpossibleUnit:
        return _Refusal(ImpossibleUnit, f"{concept.id}: expected {concept.unit}, found {unit!r}: does not convert")


def _resolve(ucum: str, concept: Concept) -> _Conversion:
    if concept.id == "fio2":
        return _fio2(ucum)
    if ucum == concept.unit:
        return _linear(1.0)
    if concept.unit == "[pH]" and ucum == "nmol/L":
        return _Conversion(to=_ph_of_nmol, back=lambda ph: 10.0 ** (9.0 - ph))
    if concept.unit in ("[pH]", "{score}", "{code}", "{bool}", "{INR}"):
        return _plain_number(ucum)
    if concept.unit in _UNITY:
        return _fraction(ucum, concept.unit)
    if concept.unit in DEGREES and ucum in DEGREES:
        zero = degrees(0.0, ucum, concept.unit)
        return _linear((degrees(100.0, ucum, concept.unit) - zero) / 100.0, zero)
    if ("/kg" in ucum) != ("/kg" in concept.unit):  # kilograms of body must not cancel against grams of drug
        raise _refuse(ucum)
    factor = _factor(_bare(ucum), _bare(concept.unit), concept)
    if "{DDU}" in ucum and "{FEU}" in concept.unit:  # D-dimer: DDU is about half of FEU (reference 2.4)
        return _linear(2.0 * factor)
    return _linear(factor)


def _linear(factor: float, offset: float = 0.0) -> _Conversion:
    factor = float(f"{factor:.12g}")  # without the noise of the last bits: 10*9/L is exactly 10*3/uL
    if factor == 1.0 and offset == 0.0:
        return _Conversion(to=float, back=float)
    return _Conversion(
        to=lambda value: round(value * factor + offset, DECIMALS_KEPT),
        back=lambda value: round((value - offset) / factor, DECIMALS_KEPT),
    )


def _ph_of_nmol(hydrogen: float) -> float:
    if hydrogen <= 0:
        raise ImpossibleValue("ph_art: expected a positive concentration in nmol/L, found none")
    return round(9.0 - math.log10(hydrogen), DECIMALS_KEPT)


def _plain_number(ucum: str) -> _Conversion:
    """Scores and ratios without a dimension: any way of saying "no unit"."""
    if ucum in _NO_UNIT or _bare(ucum) == "":
        return _linear(1.0)
    raise _refuse(ucum)


def _fraction(ucum: str, canonical: str) -> _Conversion:
    if canonical == "1" and (ucum in _NO_UNIT or _bare(ucum) == ""):
        return _linear(1.0)
    if ucum in _UNITY:
        return _linear(_UNITY[ucum] / _UNITY[canonical])
    raise _refuse(ucum)


def _fio2(ucum: str) -> _Conversion:
    """A percent; without a unit 21–100 is a percent and all else is taken for a fraction.

    What is neither a fraction 0.21–1 nor a percent 21–100 so stays outside the hard limits, and is never guessed.
    """
    if ucum == "%":
        return _linear(_UNITY["%"])
    if ucum not in _NO_UNIT and _bare(ucum) != "":
        raise _refuse(ucum)
    low, high = 100 * FIO2_LOWEST, 100 * FIO2_HIGHEST
    return _Conversion(to=lambda value: value / 100 if low <= value <= high else value, back=float)


def _bare(ucum: str) -> str:
    """Without annotations, which carry no dimension: ``mL/min/{1.73_m2}`` is ``mL/min``."""
    return _ANNOTATION.sub("", ucum).rstrip("/")


def _refuse(ucum: str) -> ValueError:
    """What is wrong with a unit that does not fit: nothing known by that name, or a wrong dimension."""
    try:
        size(_bare(ucum))
    except UnknownUnit as unknown:
        return unknown
    return ImpossibleUnit()


def _factor(found: str, canonical: str, concept: Concept) -> float:
    """Amounts of substance become masses by the molar mass, equivalents by the valence."""
    source, target = size(found), size(canonical)
    factor = source.factor / target.factor
    if _EQUIVALENTS.search(found):
        if concept.valence is None:
            raise ImpossibleUnit
        factor /= concept.valence
    if source.dimension == target.dimension:
        return factor
    if concept.molar_mass is not None:
        kg_per_mol = concept.molar_mass / 1000
        if dimension_times(source.dimension, _PER_MOLE, 1) == target.dimension:
            return factor * kg_per_mol
        if dimension_times(source.dimension, _PER_MOLE, -1) == target.dimension:
            return factor / kg_per_mol
    raise ImpossibleUnit


# --- Drug amounts and rates ----------------------------------------------------------------------------------------

_SECONDS: Mapping[str, int] = MappingProxyType({"s": 1, "min": 60, "h": 3600, "d": 86400})
_DOSES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "ng": ("mass", 1),
        "ug": ("mass", 10**3),
        "mg": ("mass", 10**6),
        "g": ("mass", 10**9),
        "uU": ("units", 1),
        "mU": ("units", 10**3),
        "U": ("units", 10**6),
        "nmol": ("substance", 1),
        "umol": ("substance", 10**3),
        "mmol": ("substance", 10**6),
        "mol": ("substance", 10**9),
        "meq": ("charge", 10**6),
        "uL": ("volume", 1),
        "mL": ("volume", 10**3),
        "dL": ("volume", 10**5),
        "L": ("volume", 10**6),
    }
)


@dataclass(frozen=True, slots=True)
class _Dose:
    """A dose unit taken apart: what it counts, how large it is, per kg of body or not, per how many seconds."""

    family: str
    size: int
    per_kg: bool
    seconds: int | None


def rate_to_canonical(value: float, unit: str, drug: Drug, weight_kg: float | None = None) -> float:
    """An infusion rate in ``drug.rate_unit``.

    Raises UnknownUnit, ImpossibleUnit (also for mL/h of a drug dosed by mass: that needs the concentration), or
    WeightNeeded where one side is per kilogram and no plausible weight is given.
    """
    return round(value * _dose_factor(unit, drug, drug.rate_unit, weight_kg), DECIMALS_KEPT)


def amount_to_canonical(value: float, unit: str, drug: Drug, weight_kg: float | None = None) -> float:
    """A single dose or a volume in ``drug.amount_unit``; raises as `rate_to_canonical`."""
    return round(value * _dose_factor(unit, drug, drug.amount_unit, weight_kg), DECIMALS_KEPT)


def _dose_factor(unit: str, drug: Drug, canonical: str | None, weight_kg: float | None) -> float:
    found = _find_dose(unit, drug, canonical)
    if isinstance(found, _Refusal):
        raise found.error(found.text)
    factor, kilograms = found
    if kilograms == 0:
        return factor
    weight = CONCEPTS["weight"]
    if weight_kg is None or not weight.plausible(weight_kg):
        limits = f"between {weight.hard_low} and {weight.hard_high} kg"
        raise WeightNeeded(f"{drug.id}: {unit!r} to {canonical} needs a body weight {limits}")
    return factor * weight_kg if kilograms > 0 else factor / weight_kg


@lru_cache(maxsize=CONVERSIONS_MAX)
def _find_dose(unit: str, drug: Drug, canonical: str | None) -> tuple[float, int] | _Refusal:
    """(factor, power of the body weight: −1, 0 or 1), or the refusal."""
    if canonical is None:
        return _Refusal(ImpossibleUnit, f"{drug.id}: is charted without such a unit, found {unit[:UNIT_CHARS_MAX]!r}")
    found = _dose(to_ucum(unit)) if len(unit) <= UNIT_CHARS_MAX else None
    if found is None:
        return _Refusal(UnknownUnit, f"{drug.id}: expected {canonical}, found {unit[:UNIT_CHARS_MAX]!r}: unknown")
    wanted = _dose(canonical)
    if wanted is None:
        raise ValueError(f"{drug.id}: {canonical} is no unit")
    size = found.size / wanted.size
    if {found.family, wanted.family} == {"charge", "substance"} and drug.valence is not None:
        size = size / drug.valence if found.family == "charge" else size * drug.valence
    elif found.family != wanted.family or (found.seconds is None) != (wanted.seconds is None):
        volume = found.family == "volume" and wanted.family != "volume"
        why = " (a volume needs the concentration)" if volume else ""
        return _Refusal(ImpossibleUnit, f"{drug.id}: expected {canonical}, found {unit!r}: does not convert{why}")
    if found.seconds is not None and wanted.seconds is not None:
        size = size * wanted.seconds / found.seconds
    return size, int(found.per_kg) - int(wanted.per_kg)


def _dose(ucum: str) -> _Dose | None:
    amount, *rest = ucum.split("/")
    if amount not in _DOSES:
        return None
    per_kg = rest[:1] == ["kg"]
    times = rest[1:] if per_kg else rest
    if len(times) > 1 or (times and times[0] not in _SECONDS):
        return None
    family, size = _DOSES[amount]
    return _Dose(family, size, per_kg, _SECONDS[times[0]] if times else None)
