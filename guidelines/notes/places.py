"""What a word means that names no place: "incision clean, no s/s of infection" denies no pneumonia."""

from collections.abc import Sequence

from guidelines.notes.facts import Fact
from guidelines.notes.lexicon import PLACES
from guidelines.notes.words import Text

BEFORE, AFTER = 13, 7  # words that may name the place
_PLACED = frozenset().union(*(place.of for place in PLACES))


def locate(text: Text, facts: Sequence[Fact]) -> None:
    """Give what is named by no more than such a word ("infection", "abscess", "bleed") the place its sentence names."""
    for fact in facts:
        for place in PLACES if fact.concept in _PLACED else ():
            if fact.concept in place.of and place.words.issuperset(text.words[fact.start : fact.end]):
                here = _near(text, fact)
                fact.concept = next((c for c, words in place.near.items() if not words.isdisjoint(here)), fact.concept)


def _near(text: Text, fact: Fact) -> set[str]:
    around = range(max(fact.start - BEFORE, 0), min(fact.end + AFTER, len(text.words)))
    return {text.words[k] for k in around if text.sentence[k] == text.sentence[fact.start]}
