"""A question in words: as it can be asked (`written`, which is read as the same again), and as it was read (`told`)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from guidelines.asking.lexicon import lexicon
from guidelines.asking.question import Question
from guidelines.asking.times import Ward, moment_told
from guidelines.asking.times import told as span_told
from guidelines.evidence import amount, label
from guidelines.rules.case import item_name
from schemas.codes.concepts import CONCEPTS, PRINTED_UNITS
from schemas.codes.drugs import DRUGS
from schemas.codes.units import from_canonical
from schemas.conditions import (
    Aggregate,
    AllOf,
    Change,
    Compare,
    Condition,
    Given,
    Named,
    On,
    Op,
    Windowed,
    parts_of,
)

PRINTED = {**PRINTED_UNITS, "[degF]": "°F"}
OFFERED_DECIMALS = 6
_EXTREMES = {Aggregate.MIN: "lowest", Aggregate.MAX: "highest", Aggregate.MEAN: "average"}
_FALLS = {
    Op.BELOW: "falls below {}",
    Op.ABOVE: "rises above {}",
    Op.AT_MOST: "falls to {} or less",
    Op.AT_LEAST: "rises to {} or more",
}
_IS = {Op.BELOW: "below {}", Op.ABOVE: "above {}", Op.AT_MOST: "{} or less", Op.AT_LEAST: "{} or more"}


Units = Mapping[str, str]
"""Of concepts that are written in another unit than their own: which."""


def written(question: Question, units: Units = MappingProxyType({})) -> str:
    """The question as it can be typed; reading it gives the same condition and time."""
    asked, first = question.condition, _parts(question.condition)[0]
    if question.within is not None:
        return f"chance that {_said(asked, lambda c: _ahead(c, units))} within {span_told(question.within)}"
    match first:
        case Compare(hold=None):
            return f"is {_said(asked, lambda c: _compared(c, units))} now"
        case Compare():
            return f"has {_said(asked, lambda c: _compared(c, units, ' been'))}"
        case On():
            return f"is the patient {_said(asked, lambda c: _compared(c, units))} now"
        case Change(within=span) | Windowed(over=span) | Given(within=span):
            begins = "did" if isinstance(first, Change) else "was"
            return f"{begins} {_said(asked, lambda c: _past(c, units))} in the last {span_told(span)}"
    raise TypeError(f"no question is made of {type(first).__name__}")


def told(question: Question, ward: Ward) -> str:
    """What was read, with every number, unit and clock time that was understood."""
    said = _said(question.condition, _told, ", {} ")
    if question.within is not None:
        by = question.by or ward.now + question.within
        end = f"measured at least once within {span_told(question.within)} (by {moment_told(by, ward)})"
        if any(isinstance(part, Named) for part in _parts(question.condition)):
            end = f"within {span_told(question.within)} (by {moment_told(by, ward)})"
        read = f"{said}, {end}"
    elif question.since is not None:
        read = f"{said} (since {moment_told(question.since, ward)})"
    else:
        read = f"{said}, as of {moment_told(ward.now, ward)}"
    return read + "".join(f"; {converted}" for converted in question.converted)


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return parts_of(condition) or (condition,)


def _said(condition: Condition, say: Callable[[Condition], str], joint: str = " {} ") -> str:
    word = "and" if isinstance(condition, AllOf) else "or"
    return joint.format(word).join(say(part) for part in _parts(condition))


def _value(concept: str, value: float, units: Units) -> str:
    """A value with its unit, as exactly as it is compared."""
    known = CONCEPTS[concept]
    unit, other = known.printed_unit, "%" if concept == "fio2" else units.get(concept, known.unit)
    if other != known.unit:
        value, unit = round(from_canonical(value, other, known), OFFERED_DECIMALS), PRINTED.get(other, other)
    return f"{_digits(value)}{unit}" if unit.startswith("/") else f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    return format(value, ".9f").rstrip("0").rstrip(".")


def _ahead(condition: Condition, units: Units) -> str:
    match condition:
        case Compare(quantity, op, value, hold):
            lasts = "" if hold is None else f" for {span_told(hold)}"
            return f"{_name(quantity)} {_FALLS[op].format(_value(quantity, value, units))}{lasts}"
        case Named(name):
            return f"{lexicon().happenings[name].said} develops"
    raise TypeError(f"no chance is asked of {type(condition).__name__}")


def _compared(condition: Condition, units: Units, been: str = "") -> str:
    match condition:
        case Compare(quantity, op, value, hold):
            lasts = "" if hold is None else f" for {span_told(hold)}"
            return f"{_name(quantity)}{been} {_IS[op].format(_value(quantity, value, units))}{lasts}"
        case On(item):
            return f"on {_item(item)}"
    raise TypeError(f"no question of now is made of {type(condition).__name__}")


def _past(condition: Condition, units: Units) -> str:
    match condition:
        case Windowed(aggregate, quantity, _, op, value):
            return f"the {_EXTREMES[aggregate]} {_name(quantity)} {_IS[op].format(_value(quantity, value, units))}"
        case Change(quantity, rises, by, _, percent):
            amount = f"{_digits(by)} %" if percent else _value(quantity, by, units)
            return f"{_name(quantity)} {'rise' if rises else 'fall'} by {amount}"
        case Given(item):
            return f"{_item(item)} given"
    raise TypeError(f"no question of the past is made of {type(condition).__name__}")


def _told(condition: Condition) -> str:
    match condition:
        case Compare(quantity, op, value, hold):
            lasts = "" if hold is None else f" for {span_told(hold)}"
            return f"{label(quantity)} {_IS[op].format(amount(quantity, value))}{lasts}"
        case Windowed(aggregate, quantity, over, op, value):
            line = _IS[op].format(amount(quantity, value))
            return f"{_EXTREMES[aggregate]} {label(quantity)} of the last {span_told(over)} {line}"
        case Change(quantity, rises, by, within, percent):
            least = f"{_digits(by)} %" if percent else amount(quantity, by)
            against = "lowest" if rises else "highest"
            way = "above" if rises else "below"
            return f"newest {label(quantity)} at least {least} {way} the {against} of the last {span_told(within)}"
        case On(item):
            return f"{_item(item)} running"
        case Given(item, within):
            return f"{_item(item)} given in the last {span_told(within)}"
        case Named(name):
            return lexicon().happenings[name].said
    raise TypeError(f"no question is made of {type(condition).__name__}")


def _name(quantity: str) -> str:
    return lexicon().called[quantity]


def _item(item: str) -> str:
    return item_name(item) if item in DRUGS else f"any {item.replace('_', ' ')}"
