"""What a phrase states, with the cues that touch it: who, when, whether or not, and its number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guidelines.notes.lexicon import SECTION_KINDS, VERBS, Entry
from guidelines.notes.phrases import NAMES
from guidelines.notes.scope import Found
from guidelines.notes.words import Text, is_number, number
from schemas.clinical.facts import Experiencer, Polarity, Temporality, usable

GIVEN_ML_LEAST = 20.0  # a smaller number without a unit may be litres or bags
_LITRES = frozenset({"l", "liter", "liters", "litre", "litres"})
_MILLILITRES = frozenset({"ml", "cc", "mls", "ccs"})
CELSIUS_MAX = 80  # what is higher was written in Fahrenheit


@dataclass(slots=True)
class Fact:
    """A fact in the making."""

    entry: Entry
    start: int  # word
    end: int
    concept: str
    polarity: Polarity
    experiencer: Experiencer
    temporality: Temporality
    value: float | None
    unit: str | None
    detail: str | None
    copied: bool
    at: datetime

    @property
    def usable(self) -> bool:
        return usable(self.polarity, self.experiencer, self.temporality, self.copied)


def _value(entry: Entry, words: Sequence[str]) -> tuple[bool, float | None]:
    """Whether the numbers of the phrase fit the entry, and the value they give."""
    numbers = [n for n in (number(w) for w in words if is_number(w)) if n is not None]
    if entry.value is None or not numbers:
        return entry.above is None and entry.below is None, None
    if entry.value == "sum":
        return True, sum(numbers)
    index = entry.value - 1 if isinstance(entry.value, int) else 0
    if index >= len(numbers):
        return False, None
    value = -numbers[index] if entry.value == "minus" else numbers[index]
    if entry.falls and not (index + 1 < len(numbers) and value < numbers[index + 1]):
        return False, None
    if entry.times and len(numbers) > index + 1:
        value = round(value * numbers[index + 1], 6)
    if entry.unit == "mL":
        if _is_amount_open(entry, words, value):
            return True, None
        value *= 1000 if any(w in _LITRES for w in words) else 1
    if entry.percent and value > 1:
        value /= 100
    if entry.unit == "Cel" and value > CELSIUS_MAX:
        value = round((value - 32) / 1.8, 1)
    fits = (entry.above is None or value > entry.above) and (entry.below is None or value < entry.below)
    return fits, value


def _is_amount_open(entry: Entry, words: Sequence[str], value: float) -> bool:
    """ "Bolused 2" says that it was given; nobody can know how much."""
    return entry.kind == "act" and value < GIVEN_ML_LEAST and not any(w in _LITRES | _MILLILITRES for w in words)


def _named(entry: Entry, words: Sequence[str]) -> str | None:
    """The id of the drug or device that the phrase names: the longest name in it."""
    if entry.names is None:
        return None
    names = NAMES[entry.names]
    spans = ((k, n) for n in range(len(words), 0, -1) for k in range(len(words) - n + 1))
    return next((names[name] for k, n in spans if (name := " ".join(words[k : k + n])) in names), None)


def fact_of(text: Text, one: Found, entry: Entry, section: str, at: datetime) -> Fact | None:
    """The fact that a phrase found in the text states; None where its numbers or its verbs do not fit."""
    classes = set(one.classes)
    words = text.words[one.start : one.end]
    fits, value = _value(entry, words)
    if section and entry.kind in SECTION_KINDS.get(section, ("finding", "diagnosis", "state", "act")):
        classes.add(section)
    unproved = entry.needs is not None and entry.needs not in classes and VERBS[entry.needs].isdisjoint(words)
    if not fits or (unproved and not (entry.kind == "act" and classes & {"negated", "planned", "hypothetical"})):
        return None
    if "negated" in classes:
        twice = entry.polarity is Polarity.NEGATED and entry.kind == "state"  # "lungs not clear"
        polarity = Polarity.UNCERTAIN if twice else Polarity.NEGATED
    else:
        polarity = Polarity.UNCERTAIN if "uncertain" in classes else entry.polarity
        if entry.polarity is Polarity.NEGATED:
            polarity = Polarity.NEGATED
    temporality = entry.temporality
    for cls in (Temporality.HISTORICAL, Temporality.PLANNED, Temporality.HYPOTHETICAL):
        if cls in classes:
            temporality = cls
    experiencer = Experiencer.PATIENT
    for other in (Experiencer.OTHER, Experiencer.FAMILY):
        if other in classes:
            experiencer = other
    return Fact(
        entry, one.start, one.end, entry.concept, polarity, experiencer, temporality, value,
        entry.unit if value is not None else None, _named(entry, words) or entry.detail, "copied" in classes, at,
    )  # fmt: skip
