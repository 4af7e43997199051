"""The phrases of the lexicon in a text: at each word the longest, all of them in one pass."""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache

from guidelines.notes.lexicon import (
    CUES,
    LEXICON,
    LISTS,
    OTHER_WORDS,
    PSEUDO,
    SPELLED,
    WORD_LISTS,
    Cue,
    Entry,
    Item,
    Stop,
)
from guidelines.notes.spelling import Speller
from guidelines.notes.words import ANY_NUMBER, Text, cut, is_number

_GROUP = re.compile(r"\\[()]|[(\[|)\]]|[^()\[\]|\\]+")  # `\(` and `\)` are brackets of the note
# Where a phrase has a number, the note may tell how it came to it. "8 to 12" given may be a range or the hours of it.
_MEASURE = "[" + "|".join(sorted(LISTS["measures"])) + "]"
_GIVEN = f"[# {_MEASURE} ->] [# {_MEASURE} ->] #"
_COURSE = f"[[from] # [/ #] {_MEASURE} [down|up] (->|to)] [# [/ #] {_MEASURE} (->|to)] #"
_CLOSING = {"(": ")", "[": "]"}


@cache
def _words(part: str) -> tuple[str, ...]:
    """A part of a phrase, cut as a note is."""
    return tuple(cut(part.removeprefix("\\")).words)


def _balanced(parts: Iterable[str]) -> bool:
    """Whether each bracket is closed by one of its kind."""
    due: list[str] = []
    for part in parts:
        if part in _CLOSING:
            due.append(_CLOSING[part])
        elif part in _CLOSING.values() and (not due or due.pop() != part):
            return False
    return not due


@dataclass(slots=True, eq=False)
class _Node:
    """A state of the phrase automaton; steps are worked out when first taken (there are finitely many)."""

    states: frozenset[int]
    items: tuple[Item, ...]
    steps: dict[str, "_Node | None"] = field(default_factory=dict)


class Automaton:
    """All phrases at once: from a word, the longest phrase that begins there."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._edges: list[dict[str, set[int]]] = [{}]
        self._finals: dict[int, list[Item]] = {}
        self._nodes: dict[frozenset[int], _Node] = {}
        self._names = {name: "(" + "|".join(words) + ")" for name, words in names.items()}
        self._alphabet: set[str] = set()

    @property
    def words(self) -> Set[str]:
        """Every word that a phrase holds."""
        return self._alphabet

    def add(self, phrase: str, item: Item) -> None:
        spelled = re.sub(r"@(\w+)", lambda used: self._names[used[1]], phrase)
        if isinstance(item, Entry) and item.may_change:
            spelled = spelled.replace("#", _GIVEN if item.kind == "act" else _COURSE)
        parts = _GROUP.findall(spelled)
        if not _balanced(parts):
            raise ValueError(f"lexicon: phrase {phrase!r} has a bracket that is not closed or not opened")
        ends, _ = self._alternatives(parts, {0})
        if 0 in ends:
            raise ValueError(f"lexicon: phrase {phrase!r} may be empty")
        for end in ends:
            self._finals.setdefault(end, []).append(item)

    def _alternatives(self, parts: list[str], starts: set[int]) -> tuple[set[int], list[str]]:
        """Read `a|b [c]` up to the closing bracket; gives the states after it and what is left."""
        ends: set[int] = set()
        here = set(starts)
        while parts and parts[0] not in ")]":
            part, parts = parts[0], parts[1:]
            if part == "|":
                ends |= here
                here = set(starts)
            elif part in "([":
                inside, parts = self._alternatives(parts, here)
                here = inside | (here if part == "[" else set())
                parts = parts[1:]
            else:
                for word in _words(part):
                    here = self._edge(here, word)
        return ends | here, parts

    def _edge(self, starts: set[int], word: str) -> set[int]:
        self._alphabet.add(word)
        self._edges.append({})
        for start in starts:
            self._edges[start].setdefault(word, set()).add(len(self._edges) - 1)
        return {len(self._edges) - 1}

    def _node(self, states: frozenset[int]) -> _Node:
        if states not in self._nodes:
            found = {id(item): item for state in sorted(states) for item in self._finals.get(state, ())}
            # A phrase that ends a denial and states something ("no delta wave on ECG") first ends it.
            items = sorted(found.values(), key=lambda item: not isinstance(item, Stop))
            self._nodes[states] = _Node(states, tuple(items))
        return self._nodes[states]

    def _step(self, node: _Node, word: str) -> _Node | None:
        keys = (word, "#") if is_number(word) else (word,)
        after = frozenset(n for s in node.states for key in keys for n in self._edges[s].get(key, ()))
        node.steps[word] = self._node(after) if after else None
        return node.steps[word]

    def find(self, text: Text) -> Iterator[tuple[int, int, tuple[Item, ...]]]:
        """(first word, word after the last, items) of the longest phrases, from left to right, without overlap."""
        root = self._node(frozenset({0}))
        begins = root.steps
        begins[""] = None  # an unknown word begins no phrase
        # An unknown number is any number, an unknown word is none: so the steps to remember stay few.
        known = [w if w in self._alphabet else (ANY_NUMBER if is_number(w) else "") for w in text.words]
        at, count = 0, len(known)
        while at < count:
            word = known[at]
            first = begins[word] if word in begins else self._step(root, word)
            if first is None:
                at += 1
                continue
            node, items = first, first.items
            end, sentence = at + 1, text.sentence[at]
            for here in range(at + 1, count):
                word = known[here]
                if not word or text.sentence[here] != sentence:
                    break
                after = node.steps[word] if word in node.steps else self._step(node, word)
                if after is None:
                    break
                node = after
                if node.items:
                    end, items = here + 1, node.items
            if items:
                yield at, end, items
            at = end


def _automaton() -> Automaton:
    names: dict[str, Iterable[str]] = {name: list(words) for name, words in WORD_LISTS.items()}
    automaton = Automaton({**names, "year": [str(year) for year in range(1950, 2060)]})
    for entry in LEXICON:
        for phrase in entry.phrases:
            automaton.add(phrase, entry)
    for cue in CUES:
        for phrase in cue.words:
            automaton.add(phrase, cue)
    pseudo = Cue(cls="pseudo", way="forward", words=())
    for phrase in PSEUDO:
        automaton.add(phrase, pseudo)
    return automaton


PHRASES = _automaton()
SPELLER = Speller(SPELLED, (*PHRASES.words, *(word for words in LISTS.values() for word in words)), OTHER_WORDS)
NAMES: Mapping[str, Mapping[str, str]] = {
    table: {" ".join(cut(name).words): ident for name, ident in names.items()} for table, names in WORD_LISTS.items()
}
