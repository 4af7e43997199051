"""What can be asked in the place of a question that was not read: the nearest first, and only what is read.

Made of the words that are known: misspelled ones put right, each quantity with the side and number beside it, in every
unit that the number can have; where there is none, of what `guidelines/knowledge/asking.toml` says is near.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from itertools import chain, pairwise
from typing import NamedTuple

from guidelines.asking.amounts import number, step
from guidelines.asking.grammar import Amount
from guidelines.asking.lexicon import Quantity, lexicon
from guidelines.asking.question import Question, Refused
from guidelines.asking.saying import written
from guidelines.asking.times import HOUR, Ward, with_times
from guidelines.asking.tokens import Token, tokens
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.conditions import Aggregate, AllOf, AnyOf, Change, Compare, Condition, Given, Named, On, Op, Windowed

NEAREST_MAX = 3
"""Questions that are offered in the place of one."""

WITHIN = timedelta(hours=6)  # where a question tells no time
CLOSE = 0.8  # how alike a word must be to be offered in the place of another, 1 is the same
LETTERS_MIN = 4  # of a word that may be a misspelled one

MENDED_MAX = 2
"""Unknown words that are compared with every known one."""


_EXAMPLES = ("map", "spo2", "lactate")
_SIDES = {
    "BELOW": Op.BELOW, "FALL": Op.BELOW, "FALLING": Op.BELOW, "FELL": Op.BELOW, "AT_MOST": Op.AT_MOST,
    "ABOVE": Op.ABOVE, "RISE": Op.ABOVE, "RISING": Op.ABOVE, "ROSE": Op.ABOVE, "AT_LEAST": Op.AT_LEAST,
    "OVER": Op.ABOVE, "OR_LESS": Op.AT_MOST, "OR_MORE": Op.AT_LEAST,
}  # fmt: skip
_MOVES = ("FALL", "FALLING", "FELL", "RISE", "RISING", "ROSE")
_OPPOSITE = {Op.BELOW: Op.AT_LEAST, Op.ABOVE: Op.AT_MOST, Op.AT_MOST: Op.ABOVE, Op.AT_LEAST: Op.BELOW}
_OF_THE_FUTURE = ("CHANCE", "WILL", "GOING", "NEXT", "WITHIN", "BEFORE")
_OF_THE_PAST = ("WAS", "BEEN", "LAST", "SINCE", "FELL", "ROSE")

_DECIMAL_COMMA = re.compile(r"\d{1,3},\d{1,2}")
_Join = type[AnyOf] | type[AllOf]

Understood = Callable[[Sequence[Token], Ward], Question]


class _Line(NamedTuple):
    """A comparison, and the unit that it is written in."""

    compare: Compare
    unit: str


def nearest(words: Sequence[Token], ward: Ward, understood: Understood) -> tuple[str, ...]:
    """The nearest questions; each is read by `understood`."""
    mended = _mended(words)
    examples = (_ahead([_usual(concept)], WITHIN) for concept in _EXAMPLES)
    own = _readable(chain(_corrected(words, mended, ward, understood), _of_words(mended, ward)), ward, understood)
    return own or _readable(examples, ward, understood)


def _readable(candidates: Iterator[str], ward: Ward, understood: Understood) -> tuple[str, ...]:
    """The first few that are read."""
    found: dict[str, None] = {}
    for text in candidates:
        with suppress(Refused):
            understood(tokens(text), ward)
            found[text] = None
        if len(found) == NEAREST_MAX:
            break
    return tuple(found)


def _corrected(words: Sequence[Token], mended: Sequence[Token], ward: Ward, understood: Understood) -> Iterator[str]:
    """The question itself, with its misspelled words put right."""
    if list(words) != list(mended):
        with suppress(Refused):
            yield written(understood(mended, ward))


def _of_words(words: Sequence[Token], ward: Ward) -> Iterator[str]:
    within = _within(words, ward)
    yield from _changes(words, within)
    yield from _of_lines([lines for lines in _lines(words) if lines], {word.kind for word in words}, within)
    for word in words:
        match word.kind:
            case "CLUE":
                yield from (_ahead([_Line(line, "")], within) for line in word.value.nearest)
            case "TREATMENT":
                yield from _of_treatment(word.value, within, {word.kind for word in words})
            case "HAPPENING":
                yield written(Question(condition=Named(word.value), within=WITHIN))


def _of_lines(lines: Sequence[Sequence[_Line]], kinds: set[str], within: timedelta) -> Iterator[str]:
    """Of each quantity the lines that may be meant: all quantities together, then each line alone."""
    together = [of_one[0] for of_one in lines]
    alone = [[line] for of_one in lines for line in of_one]
    each = alone if len(lines) == 1 else [together, *alone] if lines else []
    join = AllOf if "AND" in kinds and "OR" not in kinds else AnyOf
    if kinds & {*_OF_THE_PAST} and not kinds & {*_OF_THE_FUTURE}:
        yield from (text for some in each[:1] for text in _past(some, within, join))
    elif kinds & {"IS", "NOW"} and not kinds & {*_OF_THE_FUTURE}:
        yield from (_now(some, join) for some in each[:1])
    yield from (_ahead(some, within, join) for some in each)
    if not kinds & {*_OF_THE_FUTURE, *_OF_THE_PAST}:
        yield from (_now(some, join) for some in each)


def _joined(parts: Sequence[Condition], join: _Join) -> Condition:
    return parts[0] if len(parts) == 1 else join(tuple(parts))


def _ahead(lines: Sequence[_Line], within: timedelta, join: _Join = AnyOf) -> str:
    return written(Question(condition=_joined([line.compare for line in lines], join), within=within), _units(lines))


def _now(lines: Sequence[_Line], join: _Join) -> str:
    return written(Question(condition=_joined([line.compare for line in lines], join)), _units(lines))


def _past(lines: Sequence[_Line], span: timedelta, join: _Join) -> Iterator[str]:
    """Once in that time, and all of it."""
    once = [
        Windowed(Aggregate.MIN if c.op in (Op.BELOW, Op.AT_MOST) else Aggregate.MAX, c.quantity, span, c.op, c.value)
        for c in (line.compare for line in lines)
    ]
    held = [Compare(c.quantity, c.op, c.value, span) for c in (line.compare for line in lines)]
    yield from (written(Question(condition=_joined(parts, join)), _units(lines)) for parts in (once, held))


def _changes(words: Sequence[Token], span: timedelta) -> Iterator[str]:
    """Of a quantity that rose or fell: that change at least, or any."""
    kinds = {word.kind for word in words}
    moves = [word.kind for word in words if word.kind in _MOVES]
    quantity = next((word.value for word in words if word.kind == "QUANTITY"), None)
    is_line = "BY" not in kinds and any(
        before.kind in ("TO", *_SIDES) and before.kind not in _MOVES and word.kind == "NUMBER"
        for before, word in pairwise(words)
    )
    if quantity is None or not moves or is_line or not kinds & {*_OF_THE_PAST}:
        return
    by = 10.0 ** -CONCEPTS[quantity.concept].decimals
    place = next((place for place, word in enumerate(words) if word.kind == "NUMBER"), None)
    if place is not None:
        unit = next((word for word in words[place + 1 : place + 2] if word.kind == "UNIT"), None)
        with suppress(Refused):
            by = step(quantity, Amount(words[place], unit, None))
    if by > 0:
        yield written(Question(condition=Change(quantity.concept, moves[0] in ("RISE", "RISING", "ROSE"), by, span)))


def _units(lines: Sequence[_Line]) -> dict[str, str]:
    return {line.compare.quantity: line.unit for line in lines if line.unit}


def _of_treatment(item: str, within: timedelta, kinds: set[str]) -> Iterator[str]:
    if kinds & {*_OF_THE_PAST}:
        yield written(Question(condition=Given(item, within)))
    yield written(Question(condition=On(item)))
    names = {item, *(DRUGS[item].classes if item in DRUGS else ())}
    for name, lines in lexicon().needs.items():
        if name in names:
            yield from (_ahead([_Line(line, "")], within) for line in lines)


def _within(words: Sequence[Token], ward: Ward) -> timedelta:
    """The time that the question tells, of a clock in whole hours; else six hours."""
    timed = list(words)
    with suppress(Refused):
        timed = with_times(words, ward)
    for kind in ("AHEAD", "PAST", "DURATION"):
        for word in timed:
            if word.kind == kind:
                long: timedelta = word.value if kind == "DURATION" else word.value.long
                return long if long < HOUR or kind == "DURATION" else long // HOUR * HOUR
    return WITHIN


# -- lines


def _usual(concept: str) -> _Line:
    return _Line(lexicon().lines[concept], "")


def _lines(words: Sequence[Token]) -> Iterator[list[_Line]]:
    """Of each quantity the lines that its words may mean, or else the one that is usually asked of it."""
    lasts = any(word.kind == "STAY" for word in words)
    for place, word in enumerate(words):
        if word.kind == "QUANTITY":
            found = _near(word.value, words[place + 1 :], lasts)
            yield found or ([_usual(word.value.concept)] if word.value.concept in lexicon().lines else [])


def _near(quantity: Quantity, rest: Sequence[Token], lasts: bool) -> list[_Line]:
    """What the first number that follows can mean, in each unit that it can have. `lasts`: whether the value stays
    there is asked, which is whether it ever is on the other side."""
    place = next((place for place, word in enumerate(rest) if word.kind == "NUMBER"), None)
    if place is None:
        return []
    after = [word for word in rest[place + 1 : place + 3] if word.kind in ("UNIT", "OR_LESS", "OR_MORE")]
    unit = next((word for word in after if word.kind == "UNIT"), None)
    before = {word.kind for word in rest[:place]}
    is_line = bool(after) or bool(before & ({"TO", *_SIDES} - {*_MOVES})) or not before & {*_MOVES}
    if "BY" in before or not is_line:
        return []  # a change, by so much
    sides = [_SIDES[word.kind] for word in (*rest[:place], *after) if word.kind in _SIDES]
    usual = lexicon().lines.get(quantity.concept)
    if not sides and usual is None:
        return []
    op = sides[-1] if sides else usual.op if usual is not None else Op.BELOW
    found: list[_Line] = []
    for one in (unit,) if unit is not None else (None, *_in_use(quantity)):
        with suppress(Refused):
            value = number(quantity, Amount(rest[place], one, None)).value
            found.append(
                _Line(
                    Compare(quantity.concept, _OPPOSITE[op] if lasts else op, value), "" if one is None else one.value
                )
            )
    return found[:1] if found and found[0].unit == "" else found


def _in_use(quantity: Quantity) -> list[Token]:
    concept = quantity.concept
    units = (
        (CONCEPTS[concept].unit, *lexicon().other_units.get(concept, ())) if quantity.unit is None else (quantity.unit,)
    )
    return [Token("UNIT", unit, unit) for unit in units]


# -- misspelled words


def _mended(words: Sequence[Token]) -> list[Token]:
    """The words, the first unknown ones that nearly are known as those that they are nearest to."""
    pointed = [_with_point(word) for word in words]
    unknown = [word for word in pointed if word.kind == "UNKNOWN" and _may_be_misspelled(word.text)]
    near = {word: _nearest_word(word) for word in unknown[:MENDED_MAX]}
    return [near.get(word, word) if word.kind == "UNKNOWN" else word for word in pointed]


def _may_be_misspelled(text: str) -> bool:
    return text.isalpha() and len(text) >= LETTERS_MIN


def _with_point(word: Token) -> Token:
    """7,25 as 7.25"""
    if word.kind != "UNKNOWN" or not _DECIMAL_COMMA.fullmatch(word.text):
        return word
    text = word.text.replace(",", ".")
    return Token("NUMBER", text, float(text))


def _nearest_word(word: Token) -> Token:
    near = get_close_matches(word.text, _spellings(), n=1, cutoff=CLOSE)
    if not near:
        return word
    entry = lexicon().phrases[near[0]]
    return Token(entry.kind, near[0], entry.value)


@cache
def _spellings() -> tuple[str, ...]:
    known = lexicon().phrases
    return tuple(p for p, entry in known.items() if p.isalpha() and len(p) >= LETTERS_MIN and entry.kind)
