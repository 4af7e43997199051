"""Numbers of a question, in the units of their concepts; refused where the unit is not certain or no value is so."""

from typing import NamedTuple

from guidelines.asking.grammar import Amount
from guidelines.asking.lexicon import Quantity, lexicon
from guidelines.asking.question import Refused
from guidelines.asking.tokens import Token
from guidelines.evidence import amount
from schemas.codes.concepts import CONCEPTS
from schemas.codes.units import to_canonical

_SAME = 1e-9  # of the last bits


class Number(NamedTuple):
    """A value in the unit of its concept, and how it was written where that was another unit."""

    value: float
    converted: str | None


def number(quantity: Quantity, written: Amount) -> Number:
    """The number in the unit of its concept. Raises Refused where that is not certain or the value cannot be."""
    concept, unit = CONCEPTS[quantity.concept], written.unit
    typed: float = written.number.value
    if unit is None:
        return Number(_bare(quantity, typed), None)
    if quantity.unit is not None and unit.value != quantity.unit:
        raise Refused(f"the number after “{concept.name}” by that name is in {quantity.unit}")
    value = _in_canonical(concept.id, typed, unit)
    if not concept.plausible(value):
        raise Refused(f"{concept.name} is never {written.number.text} {unit.text}")
    is_same = abs(value - typed) < _SAME
    return Number(value, None if is_same else f"{written.number.text} {unit.text} is {amount(concept.id, value)}")


def _bare(quantity: Quantity, typed: float) -> float:
    concept, bare = CONCEPTS[quantity.concept], lexicon().bare
    must_be_said = quantity.unit is not None or (concept.id in bare and bare[concept.id] is None)
    limits = bare.get(concept.id)
    if must_be_said or (limits is not None and not limits.low <= typed <= limits.high):
        raise Refused(f"{concept.name} {typed:g} needs its unit")
    if concept.id == "fio2":
        typed = typed / 100
    if not concept.plausible(typed):
        raise Refused(f"{concept.name} is never {amount(concept.id, typed)}")
    return typed


def _in_canonical(concept: str, typed: float, unit: Token) -> float:
    spelling = "1" if unit.value == "points" else unit.value
    try:
        return to_canonical(typed, spelling, CONCEPTS[concept])
    except ValueError:  # unknown, or of another kind of quantity
        raise Refused(f"“{unit.text}” is no unit of {CONCEPTS[concept].name}") from None


def step(quantity: Quantity, written: Amount) -> float:
    """A difference in the unit of its concept."""
    concept, unit = CONCEPTS[quantity.concept], written.unit
    if unit is None:
        if quantity.unit is not None or concept.id in lexicon().bare:
            raise Refused(f"a change of {concept.name} needs its unit")
        plain: float = written.number.value
        return plain
    if quantity.unit is not None and unit.value != quantity.unit:
        raise Refused(f"the number after “{concept.name}” by that name is in {quantity.unit}")
    return _in_canonical(concept.id, written.number.value, unit) - _in_canonical(concept.id, 0.0, unit)
