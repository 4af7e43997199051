"""Every word that a question may hold, and what it is: from `guidelines/knowledge/asking.toml`, concepts and drugs."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from guidelines.book.load import KNOWLEDGE
from guidelines.evidence import label
from schemas.codes.concepts import CONCEPTS, Concept
from schemas.codes.drugs import DRUGS, classes
from schemas.conditions import Compare
from schemas.conditions.text import parse

FILE = KNOWLEDGE / "asking.toml"


class Quantity(NamedTuple):
    """A concept that a word names; with `unit` only where the number stands in that one."""

    concept: str
    unit: str | None = None


class Clue(NamedTuple):
    """A word that names no line: why, and the lines that can be asked in its place."""

    why: str
    nearest: tuple[Compare, ...]


class Happening(NamedTuple):
    """What a forecaster may know by name: how it is told, and a sentence about what its chance is of."""

    said: str
    meant: str


class Entry(NamedTuple):
    """What a phrase is: a terminal of the grammar (empty: a filler), and what it stands for."""

    kind: str
    value: Any = None


class Bare(NamedTuple):
    """From where to where a number without a unit is in the canonical one."""

    low: float
    high: float


class Lexicon(NamedTuple):
    """All words. `phrases`: by the phrase, in lower case and with single spaces; `units` and `durations` likewise,
    after a number only."""

    phrases: Mapping[str, Entry]
    units: Mapping[str, str]
    durations: Mapping[str, str]
    bare: Mapping[str, Bare | None]  # None: never without its unit
    other_units: Mapping[str, tuple[str, ...]]
    lines: Mapping[str, Compare]
    needs: Mapping[str, tuple[Compare, ...]]
    happenings: Mapping[str, Happening]
    called: Mapping[str, str]  # concept -> the name that a question is written with


@cache
def lexicon() -> Lexicon:
    """The lexicon, read once."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    phrases = dict(_phrases(table))
    bare = dict.fromkeys(table["bare"]["never"]) | {c: Bare(*r) for c, r in table["bare"]["ranges"].items()}
    units = {normal(spelling): unit for unit, spellings in table["units"].items() for spelling in spellings}
    printed = {normal(c.printed_unit): c.unit for c in CONCEPTS.values() if c.printed_unit}
    return Lexicon(
        phrases=phrases,
        units=printed | units,
        durations={spelling: unit for unit, spellings in table["durations"].items() for spelling in spellings},
        bare=bare,
        other_units={concept: tuple(units) for concept, units in table["other_units"].items()},
        lines={concept: _line(f"{concept} {line}") for concept, line in table["lines"].items()},
        needs={item: tuple(map(_line, lines)) for item, lines in table["needs"].items()},
        happenings={name: Happening(row["said"], row["meant"]) for name, row in table["happenings"].items()},
        called={c: _called(CONCEPTS[c], phrases) for c in sorted({e.value.concept for e in _quantities(phrases)})},
    )


def normal(text: str) -> str:
    """The text as the lexicon has it: compatible forms (₂ is 2), straight quotes, lower case, single spaces."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("μ", "µ")
    return re.sub(r"\s+", " ", plain.lower()).strip()


def _line(text: str) -> Compare:
    condition = parse(text)
    assert isinstance(condition, Compare)
    return condition


def _quantities(phrases: Mapping[str, Entry]) -> Iterator[Entry]:
    return (entry for entry in phrases.values() if entry.kind == "QUANTITY" and entry.value.unit is None)


def _phrases(table: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    """All of them; where two kinds have the same phrase, the later one counts: what is written here over codes."""
    yield from _of_codes(table)
    yield from ((word, Entry("NUMBER", float(number))) for word, number in table["numbers"].items())
    for kind, words in table["terminals"].items():
        yield from ((word, Entry(kind)) for word in words)
    yield from ((word, Entry("")) for word in table["fillers"])
    yield from ((word, Entry("VAGUE_TIME")) for word in table["vague_times"]["words"])
    for row in table["clues"]:
        clue = Clue(row["why"], tuple(map(_line, row["nearest"])))
        yield from ((word, Entry("CLUE", clue)) for word in row["words"])
    for name, row in table["happenings"].items():
        yield from ((word, Entry("HAPPENING", name)) for word in row["words"])
    for item, words in table["treatments"].items():
        yield from ((word, Entry("TREATMENT", item)) for word in words)
    for concept, words in table["names"].items():
        yield from ((word, Entry("QUANTITY", Quantity(concept))) for word in words)
    for word, row in table["names_in_one_unit"].items():
        yield word, Entry("QUANTITY", Quantity(row["concept"], row["unit"]))


def _of_codes(table: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    """The names of drugs, then of concepts: a word that is both is the concept."""
    no_names, no_concepts = set(table["not_names"]["words"]), set(table["not_names"]["concepts"])
    for item in DRUGS.values():
        for word in {normal(w.replace("_", " ")) for w in (item.id, item.name, *item.aliases)} - no_names:
            yield word, Entry("TREATMENT", item.id)
    yield from ((name.replace("_", " "), Entry("TREATMENT", name)) for name in classes())
    for concept in CONCEPTS.values():
        if concept.kind == "coded" or concept.id in no_concepts:
            continue
        for word in _names(concept):
            if word not in no_names:
                yield word, Entry("QUANTITY", Quantity(concept.id))


def _names(concept: Concept) -> set[str]:
    names: Iterable[str] = (concept.id, concept.name, concept.short, *concept.aliases)
    return {normal(name.replace("_", " ")) for name in names}


def _called(concept: Concept, phrases: Mapping[str, Entry]) -> str:
    """What a question calls a concept: as the boards do, where that is read as this concept."""
    wanted = Entry("QUANTITY", Quantity(concept.id))
    for name in (label(concept.id), concept.short, concept.name):
        if phrases.get(normal(name)) == wanted:
            return name
    return next(word for word, entry in phrases.items() if entry == wanted)
