"""The number that a phrase gives: which of its numbers is the value now, how often, in which unit."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from guidelines.notes.lexicon import LISTS, VERBS, Entry
from guidelines.notes.words import is_number, number
from schemas.clinical.facts import Temporality

GIVEN_ML_LEAST = 20.0  # a smaller number without a unit may be litres or bags
CELSIUS_MAX = 80  # what is higher was written in Fahrenheit
COUNT_MAX = 20  # nothing is given more often in one go
_LITRES = frozenset({"l", "liter", "liters", "litre", "litres"})
_MILLILITRES = frozenset({"ml", "cc", "mls", "ccs"})
_POUNDS = frozenset({"lb", "lbs", "pounds"})
KG_OF_POUND = 0.45359237
_AT, _CLOCK = frozenset({"at", "@"}), 4  # what leads to a time of day, and its digits
_ROUTES = frozenset({"iv", "ivp", "im", "po", "push", "bolus", "boluses"})
_BEFORE_TO = frozenset({"/", "down", "up", *LISTS["measures"]})  # may stand between a number and "to"


@dataclass(slots=True)
class _Numbers:
    """The numbers of a phrase: those of now, and those that it says have changed."""

    now: list[float] = field(default_factory=list)
    old: list[float] = field(default_factory=list)


def _has_changed(entry: Entry, words: Sequence[str], at: int) -> bool:
    """Whether an arrow or "to" leads from the number at `at` to another one ("14 -> 12", "128/74 to 84/42")."""
    at += 1
    while at < len(words) and (words[at] in _BEFORE_TO or (is_number(words[at]) and words[at - 1] == "/")):
        at += 1
    leads = words[at : at + 1] == ["->"] or (words[at : at + 1] == ["to"] and entry.may_change)
    return leads and any(map(is_number, words[at + 1 : at + 3]))  # "-> -3"


def _numbers(entry: Entry, words: Sequence[str]) -> _Numbers:
    found = _Numbers()
    for at, word in enumerate(words):
        value = number(word) if is_number(word) else None
        counts = entry.times and at > 0 and words[at - 1] == "x"
        foreign = words[at + 1 : at + 2] == ["%"] and not (entry.percent or entry.unit == "%")  # "40 %" is no flow
        timed = at > 0 and words[at - 1] in _AT and len(word) == _CLOCK and word.isdecimal()  # "tachy at 0310"
        if value is None or counts or foreign or timed:
            continue
        changed = _has_changed(entry, words, at)
        (found.old if changed else found.now).append(value)
    return found


def as_count(word: str) -> float:
    """The number as a count; 1 where it can be none."""
    count = number(word) if is_number(word) else None
    return count if count is not None and 1 <= count <= COUNT_MAX and count == int(count) else 1


def count_of(words: Sequence[str], end: int) -> float:
    """How often, of a phrase that ends before word `end`: the number after "x" in it or behind it ("40 IV x2").

    "x 2 days" says how long.
    """
    while end < len(words) and (words[end] in _ROUTES or words[end] in VERBS["done"]):
        end += 1
    at = next((k for k in range(min(end + 1, len(words) - 1)) if words[k] == "x" and is_number(words[k + 1])), None)
    if at is None:
        return 1
    behind = at + 2
    if behind + 1 < len(words) and words[behind] in {"-", "–", "to"} and is_number(words[behind + 1]):
        behind += 2  # "x 2-3 days"
    return 1 if words[behind : behind + 1] and words[behind] in LISTS["durations"] else as_count(words[at + 1])


def value_of(entry: Entry, words: Sequence[str], count: float) -> tuple[bool, float | None]:
    """Whether the numbers of the phrase fit the entry, and the value they give."""
    numbers = _numbers(entry, words) if entry.value is not None else None
    if numbers is None or not (numbers.now or numbers.old):
        return entry.above is None and entry.below is None and _moves(entry, 0, ()), None
    if entry.value == "sum":
        return True, sum(numbers.now)
    if entry.value == "rate":
        return _rate(entry, words, numbers.now)
    index = entry.value - 1 if isinstance(entry.value, int) else 0
    if index >= len(numbers.now):
        return False, None
    value = -numbers.now[index] if entry.value == "minus" else numbers.now[index]
    before = (numbers.old or numbers.now[index + 1 :])[:1]
    if not _moves(entry, value, before):
        return False, None
    amount = _in_unit(entry, words, value)
    if amount is None:
        return entry.above is None and entry.below is None, None
    amount = amount if count == 1 else round(amount * count, 6)
    if entry.rises is not None and entry.temporality is Temporality.HISTORICAL:  # "BP 78/52 -> 112/70": low it was
        was_so = entry.below is None or before[0] < entry.below
        return was_so and (entry.above is None or amount > entry.above), before[0]
    return _beyond(entry, words, amount), amount


def _moves(entry: Entry, value: float, before: Sequence[float]) -> bool:
    """Whether the value came from where the entry says: from so much above it, or from so much below."""
    if entry.falls is None and entry.rises is None:
        return True
    if not before:
        return False
    return value >= before[0] + entry.rises if entry.rises is not None else before[0] - value >= (entry.falls or 0)


def _beyond(entry: Entry, words: Sequence[str], amount: float) -> bool:
    """Whether the value lies beyond the entry's bounds; "< 90" lies below 90."""
    high = entry.above is None or amount > entry.above or (amount == entry.above and ">" in words)
    return high and (entry.below is None or amount < entry.below or (amount == entry.below and "<" in words))


def _rate(entry: Entry, words: Sequence[str], numbers: Sequence[float]) -> tuple[bool, float | None]:
    """The first number over the second: "180 for 12 h" is 15 an hour."""
    if len(numbers) != 2 or not numbers[1]:  # noqa: PLR2004 - an amount and its hours
        return False, None
    amount = round(numbers[0] / numbers[1], 1)
    return _beyond(entry, words, amount), amount


def _in_unit(entry: Entry, words: Sequence[str], value: float) -> float | None:
    """The number in the entry's unit; None where nobody can know how much it is."""
    if entry.unit == "mL":
        measured = any(w in _LITRES | _MILLILITRES for w in words)
        if entry.kind == "act" and value < GIVEN_ML_LEAST and not measured:
            return None  # "bolused 2" says that it was given
        return value * (1000 if any(w in _LITRES for w in words) else 1)
    if entry.percent and value > 1:
        return value / 100
    if entry.unit == "Cel" and value > CELSIUS_MAX:
        return round((value - 32) / 1.8, 1)
    if entry.unit == "kg" and not _POUNDS.isdisjoint(words):
        return round(value * KG_OF_POUND, 1)
    return value
