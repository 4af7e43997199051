"""What a number means: in the canonical unit of its concept or drug, to the digits that are kept, or why not.

Every number of every format passes here, once. These are the only places where a unit is converted, a value rounded,
or a hard limit applied to what comes in.
"""

from collections.abc import Callable
from typing import NamedTuple

from schemas.codes.concepts import Concept, UnknownConcept, by_loinc, concept
from schemas.codes.drugs import Drug
from schemas.codes.units import (
    ImpossibleUnit,
    ImpossibleValue,
    UnknownUnit,
    WeightNeeded,
    amount_to_canonical,
    rate_to_canonical,
    to_canonical,
)
from schemas.events.quarantine import Fault
from schemas.events.wire import NUMBER_MAX
from streams.adapters.refusing import Refused

DIGITS_BEYOND = 2  # kept beyond those that are shown: less is the noise of single precision, or of a conversion

_NEEDS_NO_UNIT = frozenset({"1", "[pH]", "{score}", "{bool}", "{INR}"})


class Measured(NamedTuple):
    """A number in the canonical unit. `original`: as sent, where the conversion changed it. `why`: it cannot be."""

    value: float
    original_value: float | None = None
    original_unit: str | None = None
    why: str | None = None


def measured(known: Concept, number: float, unit: str | None) -> Measured:
    """The number of a reading. Raises Refused where there is no canonical number at all."""
    if unit is None and known.unit not in _NEEDS_NO_UNIT:
        raise Refused(Fault.UNKNOWN_UNIT, f"{known.id}: expected {known.unit} or a unit that converts, found no unit")
    try:
        exact = to_canonical(number, known.unit if unit is None else unit, known)
    except ImpossibleValue as problem:
        raise Refused(Fault.IMPOSSIBLE_VALUE, str(problem)) from None
    except (UnknownUnit, ImpossibleUnit) as problem:
        raise Refused(Fault.UNKNOWN_UNIT, str(problem)) from None
    if not -NUMBER_MAX <= exact <= NUMBER_MAX:
        raise Refused(Fault.IMPOSSIBLE_VALUE, outside(known, exact))
    value = exact if known.whole else round(exact, known.decimals + DIGITS_BEYOND)
    value += 0.0  # there is no minus zero
    why = None if known.plausible(value) else outside(known, value)
    if exact == number:
        return Measured(value, why=why)
    return Measured(value, number + 0.0, unit, why)


def outside(known: Concept, value: float) -> str:
    """Why an impossible value is one, with the unit it was probably meant in: proposed, never applied (Q13)."""
    if known.id == "fio2":
        return "fio2: expected a fraction 0.21–1 or a percent 21–100, found neither"
    low = "" if known.hard_low is None else f"{known.hard_low:g}"
    high = "" if known.hard_high is None else f"{known.hard_high:g}"
    expected = f"{known.id}: expected {low}–{high} {known.printed_unit}".rstrip()
    whole = " in whole numbers" if known.whole else ""
    meant = known.probable_unit(value)
    ask = "" if meant is None else f"; was it meant in {meant}? Ask the sender"
    return f"{expected}{whole}, found a value outside{ask}"


def named(name: str) -> tuple[Concept, str | None]:
    """The concept of an id, an alias or ``loinc:<code>``, and the method that the code itself names. Raises Refused."""
    try:
        return by_loinc(name.removeprefix("loinc:")) if name.startswith("loinc:") else (concept(name), None)
    except UnknownConcept:
        raise Refused(Fault.UNKNOWN_CONCEPT, "concept: expected a name or LOINC code of the list") from None


def coded(known: Concept, code: str | None) -> str:
    """The code as the list spells it; a concept without a list (a rhythm) takes what the site sends. Raises Refused."""
    if code is None:
        raise Refused(Fault.INVALID, f"{known.id}: expected a code, found none")
    if not known.codes:
        return code
    for listed in known.codes:
        if listed.casefold() == code.casefold():
            return listed
    raise Refused(Fault.INVALID, f"{known.id}: expected one of {', '.join(known.codes)}, found another code")


def rate(item: Drug, number: float | None, unit: str | None, weight_kg: float | None) -> float | None:
    """An infusion rate in the unit of the drug. Raises Refused."""
    found = _dose(item, number, unit, item.rate_unit, rate_to_canonical, weight_kg)
    if found is not None and not item.plausible_rate(found):
        why = f"{item.id}: expected a rate of at most {item.rate_hard_high:g} {item.rate_unit}, found more"
        raise Refused(Fault.IMPOSSIBLE_VALUE, why)
    return found


def amount(item: Drug, number: float | None, unit: str | None, weight_kg: float | None) -> float | None:
    """A single dose or a volume in the unit of the drug. Raises Refused."""
    return _dose(item, number, unit, item.amount_unit, amount_to_canonical, weight_kg)


_Conversion = Callable[[float, str, Drug, float | None], float]


def _dose(
    item: Drug, number: float | None, unit: str | None, canonical: str | None, convert: _Conversion, kg: float | None
) -> float | None:
    if number is None:
        return None
    if unit is None:
        raise Refused(Fault.UNKNOWN_UNIT, f"{item.id}: expected a unit beside the number ({canonical}), found none")
    try:
        found = convert(number, unit, item, kg)
    except (UnknownUnit, ImpossibleUnit, WeightNeeded) as problem:
        raise Refused(Fault.UNKNOWN_UNIT, str(problem)) from None
    if not -NUMBER_MAX <= found <= NUMBER_MAX:
        raise Refused(Fault.IMPOSSIBLE_VALUE, f"{item.id}: expected a dose in {canonical}, found one beyond any")
    return found + 0.0
