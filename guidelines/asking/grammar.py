"""How the words of a question may stand together: parts that "or", "and" or commas join.

    part:       marks HEAD marks comparison marks      "will MAP fall below 65 mmHg"
    marks:      words that tell when, whether and in which direction; `meaning` gives each its part, or refuses
    comparison: below 65 mmHg | 130 or more | to below 65 | by 20 %

The parser is LALR(1): no order of words can be read in two ways here. What is ambiguous in English is so by its words.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from lark import Lark, Transformer, UnexpectedInput, UnexpectedToken
from lark import Token as Leaf

from guidelines.asking.question import Refused
from guidelines.asking.tokens import Token

MARKS = (
    "CHANCE", "WILL", "GOING", "IS", "WAS", "HAS", "BEEN", "GO", "FALL", "FALLING", "FELL", "RISE", "RISING", "ROSE",
    "LOWEST", "HIGHEST", "MEAN", "EVER", "ON", "GIVEN", "NEED", "IN", "NOW", "AHEAD", "PAST", "HOLD",
)  # fmt: skip
HEADS = ("QUANTITY", "TREATMENT", "HAPPENING")
WORDS = (
    "BELOW", "ABOVE", "OVER", "AT_MOST", "AT_LEAST", "OR_LESS", "OR_MORE", "TO", "BY", "NUMBER", "UNIT", "OR", "AND",
    "COMMA",
)  # fmt: skip

_GRAMMAR = f"""
start: part (join part)*
join: COMMA | [COMMA] OR | [COMMA] AND
part: marks HEAD marks [comparison marks]
    | marks comparison marks
marks: (MARK)*
comparison: side value | TO value | TO side value | value | BY value | BY AT_LEAST value
side: BELOW | ABOVE | OVER | AT_MOST | AT_LEAST
value: NUMBER [UNIT] [OR_LESS | OR_MORE]
%declare MARK HEAD {" ".join(WORDS)}
"""


class Amount(NamedTuple):
    """A number as it was written; `side` is "OR_LESS" or "OR_MORE" where that follows it."""

    number: Token
    unit: Token | None
    side: str | None


class Comparison(NamedTuple):
    """`side`: BELOW, ABOVE, OVER, AT_MOST, AT_LEAST or None; `towards`: TO, BY or None."""

    side: str | None
    towards: str | None
    amount: Amount


class Part(NamedTuple):
    """One condition of a question. Without a head it is about that of the part before. `leads`: the marks before it."""

    head: Token | None
    leads: tuple[Token, ...]
    marks: tuple[Token, ...]  # all of them
    comparison: Comparison | None

    def has(self, *kinds: str) -> bool:
        return any(mark.kind in kinds for mark in self.marks)


class Sentence(NamedTuple):
    """The parts, and what joins them: one of OR, AND, COMMA between each two."""

    parts: tuple[Part, ...]
    joins: tuple[str, ...]


class _Builder(Transformer[Leaf, Any]):
    def start(self, found: list[Any]) -> Sentence:
        return Sentence(tuple(found[::2]), tuple(found[1::2]))

    def join(self, found: list[Leaf | None]) -> str:
        return str(found[-1].type) if found[-1] is not None else ""

    def part(self, found: list[Any]) -> Part:
        head = next((x.value for x in found if isinstance(x, Leaf)), None)
        runs = [x for x in found if isinstance(x, tuple) and not isinstance(x, Comparison)]
        return Part(
            head,
            runs[0],
            tuple(mark for run in runs for mark in run),
            next((x for x in found if isinstance(x, Comparison)), None),
        )

    def marks(self, found: list[Leaf]) -> tuple[Token, ...]:
        return tuple(_word(leaf) for leaf in found)

    def comparison(self, found: list[Any]) -> Comparison:
        towards = next((x.type for x in found if isinstance(x, Leaf) and x.type in ("TO", "BY")), None)
        side = next((x for x in found if isinstance(x, str) and not isinstance(x, Leaf)), None)
        if side is None and any(isinstance(x, Leaf) and x.type == "AT_LEAST" for x in found):
            side = "AT_LEAST"
        return Comparison(side, towards, found[-1])

    def side(self, found: list[Leaf]) -> str:
        return str(found[0].type)

    def value(self, found: list[Leaf | None]) -> Amount:
        number, unit, side = found
        assert number is not None
        return Amount(_word(number), None if unit is None else _word(unit), None if side is None else str(side.type))


def _word(leaf: Leaf) -> Token:
    word: Token = leaf.value
    return word


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True)


def sentence(tokens: Sequence[Token]) -> Sentence:
    """The parts that these words make. Raises Refused, with the word at which they make none."""
    reader = _parser().parse_interactive("")
    for token in tokens:
        kind = "MARK" if token.kind in MARKS else "HEAD" if token.kind in HEADS else token.kind
        try:
            reader.feed_token(Leaf(kind, token))
        except UnexpectedToken:
            raise Refused(f"“{token.text}” does not fit where it stands") from None
    try:
        found: Sentence = _Builder().transform(reader.feed_eof())  # type: ignore[no-untyped-call]
        return found
    except UnexpectedInput:
        raise Refused("the question is not complete") from None
