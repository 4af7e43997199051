"""Reads what a note says, without a model: phrases from a lexicon, cues that change their meaning, and when it was so.

    read(note, earlier) -> facts, each tied to its words

The knowledge is data: `lexicon.toml` (what phrases say) and `cues.toml` (negation, doubt, history, plans, other
people), after the clinical reference, section 5, and ConText (Harkema et al. 2009). This module only applies it:
one pass finds the longest phrases, one pass each way carries the cues over them, and a few rules settle what the
note as a whole says. Time is linear in the length of the note.

Clock times in a text ("zosyn started 0255") are read in UTC, like every local time of a data set.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality, usable
from schemas.events import Note, identity

FACTS_MAX = 1000  # of one note; the first ones are kept
EARLIER_MAX = 64  # earlier notes that are searched for copied text, the newest
COPIED_RUN = 25  # so many words in a row as in an earlier note are copied (reference §5.2)
COPIED_SENTENCE = 5  # a shorter sentence is copied when it has so many words and two findings
WORDS_SHOWN = 200
CUES_MAX = 8  # of one class and clause are looked at
WRAP_COLUMN = 60  # a line at least so long, that goes on with a small letter, was only wrapped
CLOCK_SLACK = timedelta(minutes=15)  # a time in the text may be so much later than the note
CLOCK_REACH = timedelta(hours=12)  # and so much earlier; beyond, the note's own time is used

Kind = Literal["finding", "diagnosis", "state", "act"]
_STRICT = ConfigDict(extra="forbid")


# ------------------------------------------------------------------------------------------- the knowledge, as data
@checked(frozen=True, slots=True, config=_STRICT)
class Entry:
    """One row of the lexicon: phrases and the fact they state. The fields are explained in lexicon.toml."""

    row: int
    concept: str
    phrases: tuple[str, ...]
    kind: Kind = "finding"
    polarity: Polarity = Polarity.AFFIRMED
    temporality: Temporality = Temporality.CURRENT
    value: int | Literal["sum", "minus"] | None = None
    unit: str | None = None
    below: float | None = None
    above: float | None = None
    falls: bool = False
    times: bool = False
    percent: bool = False
    detail: str | None = None
    change: Literal["up", "down", "same"] | None = None
    needs: str | None = None
    group: str | None = None
    names: str | None = None  # filled in on loading: the table of names that the phrases use


@checked(frozen=True, slots=True, config=_STRICT)
class Cue:
    """Words that qualify what stands after or before them."""

    cls: str
    way: Literal["forward", "backward", "both"]
    words: tuple[str, ...]
    kinds: tuple[Kind, ...] = ("finding", "diagnosis", "state", "act")
    across: tuple[Kind, ...] = ()
    reach: int = 1_000_000
    last: bool = False


@checked(frozen=True, slots=True, config=_STRICT)
class Stop:
    """Words that end the scope of cues before them, and after them of cues that look back."""

    ends: tuple[str, ...]
    words: tuple[str, ...]


@checked(frozen=True, slots=True, config=_STRICT)
class Section:
    """A header ("PMH:") that qualifies what stands under it."""

    cls: str
    words: tuple[str, ...]


Item = Entry | Cue | Stop | Section
_WHOLE_SENTENCE = frozenset({"hypothetical", "family", "other", "copied"})  # a comma does not end these
_SECTION_KINDS: Mapping[str, tuple[Kind, ...]] = MappingProxyType({"planned": ("act",)})


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[1] / "knowledge" / "notes" / name).read_text(encoding="utf-8"))


def _cues(table: Mapping[str, Any]) -> tuple[Item, ...]:
    def renamed(row: Mapping[str, Any]) -> dict[str, Any]:
        return {("cls" if key == "class" else key): value for key, value in row.items()}

    across = table["across"]
    cues = [{"across": across.get(row["class"], []), **renamed(row)} for row in table["cue"]]
    sections = [renamed(row) for row in table["section"]]
    return (
        *TypeAdapter(list[Cue]).validate_python(cues),
        *TypeAdapter(list[Stop]).validate_python(table["stop"]),
        *TypeAdapter(list[Section]).validate_python(sections),
    )


_LEXICON = _table("lexicon.toml")
_CUE_TABLE = _table("cues.toml")
_LISTS: Mapping[str, frozenset[str]] = {name: frozenset(words) for name, words in _CUE_TABLE["lists"].items()}


def _entries(rows: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    used = [re.search(r"@(\w+)", " ".join(row["phrases"])) for row in rows]
    named = [{**row, "names": name[1] if name else None} for row, name in zip(rows, used, strict=True)]
    return tuple(TypeAdapter(list[Entry]).validate_python(named))


LEXICON: tuple[Entry, ...] = _entries(_LEXICON["entry"])
CUES: tuple[Item, ...] = _cues(_CUE_TABLE)

# ---------------------------------------------------------------------------------------------------------- words
# Every replacement is one character for one, so that offsets stay those of the note.
_SAME = str.maketrans("’‘`´“”—−≥≤×µμ₂₃Ø\v\f\x85\u2028\u2029", "''''\"\"–-><xuu23∅\n\n\n\n\n")
_WORD = re.compile(
    r"(?:sp|sa|fi|pa|et|eti)?o2(?![^\W_])|(?:pa|et|eti)?co2(?![^\W_])|hco3|d(?:50|10|5)(?!\d)"  # a word with its digit
    r"|\d+(?:[.,:]\d+)*|(?<![\w.])\.\d+|[^\W\d_]+(?:'[^\W\d_]+)?"
    r"|\([-+–s]\)|->|<-|\n|([^\w\s])\1*"  # signs in a row ("+++", "...") are one
)
_SIGNS = {"(-)": "⊖", "(–)": "⊖", "(+)": "⊕"}
_DIGITS_MAX = 12  # longer numbers are no measurements
_ANY_NUMBER = "0.000"  # stands for every number that no phrase spells out


@dataclass(slots=True)
class _Text:
    """A note cut into words, with the sentence, clause and line of each word. `spans` are offsets into the note."""

    words: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    sentence: list[int] = field(default_factory=list)
    clause: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    blank_before: set[int] = field(default_factory=set)  # lines that follow an empty one


def _normal(text: str) -> str:
    """The text in small letters and plain signs, of the same length."""
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    low = text.translate(_SAME)
    lower = low.lower()
    return lower if len(lower) == len(low) else "".join(c.lower() if len(c.lower()) == 1 else c for c in low)


def _is_number(word: str) -> bool:
    return word[0].isdecimal() or (word[0] == "." and len(word) > 1)


def _number(word: str) -> float | None:
    if len(word) > _DIGITS_MAX or ":" in word:
        return None
    plain = word.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", word) else word.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _is_wrap(low: str, at: int) -> bool:
    """Whether the line end at `at` only wraps a long line, so that the sentence goes on."""
    start = low.rfind("\n", 0, at) + 1
    before = low[start:at].rstrip()
    following = low[at + 1 : at + 2]
    return at - start >= WRAP_COLUMN and following.islower() and not before.endswith((".", ":", ";", "!", "?"))


def _ends_sentence(low: str, original: str, words: Sequence[str], at: int) -> bool:
    """Whether the full stop at offset `at` ends its sentence ("c.diff", "2.5" and "pt. confused" do not)."""
    following = original[at + 1 : at + 2]
    if following and not following.isspace():
        return at > 0 and original[at - 1].islower() and following.isupper()  # "confused.No fever"
    rest = low[at + 1 : at + 4].lstrip()
    abbreviated = bool(words) and words[-1] in _LISTS["abbreviations"]
    return not (abbreviated and rest and (original[at + 1 : at + 4].lstrip()[:1].islower() or rest[0].isdecimal()))


def _cut(original: str) -> _Text:
    low = _normal(original)
    text = _Text()
    sentence = clause = line = 0
    last = ""
    for match in _WORD.finditer(low):
        word, span = match[0], match.span()
        ends = ""  # what the word ends: a clause or its sentence
        if not word[0].isalnum():
            if word == "\n":
                if not _is_wrap(low, span[0]):
                    line, sentence, clause = line + 1, sentence + 1, clause + 1
                    if last == word:
                        text.blank_before.add(line)
                    last = word
                continue
            word, ends = _sign(low, original, text.words, span, word)
            if not word:
                continue
        text.words.append(word)
        text.spans.append(span)
        text.sentence.append(sentence)
        text.clause.append(clause)
        text.line.append(line)
        last = word
        if ends:
            clause += 1
            sentence += ends == "sentence"
    return text


def _sign(low: str, original: str, words: Sequence[str], span: tuple[int, int], sign: str) -> tuple[str, str]:
    """The sign as the phrases spell it (empty: skip it), and what it ends."""
    start, end = span
    if sign in _SIGNS:
        return _SIGNS[sign], ""
    if sign == "(s)" or sign[0] in "[]":
        return "", ""  # "device(s)", "Skin [Temperature]"
    if sign[1:2].isdecimal() or sign in {"->", "<-"}:
        return sign, ""
    before, after, sign = low[start - 1 : start], low[end : end + 1], sign[0]
    if sign == "-" and before.isalpha() and after.isalpha():
        return "", ""  # "non-blanching" is read as two words
    if sign == "?":
        asks = after.isalnum() or (not before.strip() and after == " ")
        return ("¿", "") if asks else ("⁇", "sentence")
    if sign == ".":
        return sign, "sentence" if _ends_sentence(low, original, words, end - 1) else ""
    if sign in ";!•●▪":
        return sign, "sentence"
    return sign, "clause" if sign in ",()" or (sign == "–" and not before.strip()) else ""


# --------------------------------------------------------------------------------------------------- finding phrases
_GROUP = re.compile(r"[(\[|)\]]|[^()\[\]|]+")


@dataclass(slots=True, eq=False)
class _Node:
    """A state of the phrase automaton; steps are worked out when first taken (there are finitely many)."""

    states: frozenset[int]
    items: tuple[Item, ...]
    steps: dict[str, "_Node | None"] = field(default_factory=dict)


class _Automaton:
    """All phrases at once: from a word, the longest phrase that begins there."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._edges: list[dict[str, set[int]]] = [{}]
        self._finals: dict[int, list[Item]] = {}
        self._nodes: dict[frozenset[int], _Node] = {}
        self._names = {name: "(" + "|".join(words) + ")" for name, words in names.items()}
        self._alphabet: set[str] = set()

    def add(self, phrase: str, item: Item) -> None:
        spelled = re.sub(r"@(\w+)", lambda used: self._names[used[1]], phrase)
        parts = _GROUP.findall(spelled)
        ends, rest = self._alternatives(parts, {0})
        if rest or 0 in ends:
            raise ValueError(f"lexicon: phrase {phrase!r} is unbalanced or may be empty")
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
                for word in _cut(part).words:
                    here = self._edge(here, word)
        return ends | here, parts

    def _edge(self, starts: set[int], word: str) -> set[int]:
        self._alphabet.add(word)
        self._edges.append({})
        for start in starts:
            self._edges[start].setdefault(word, set()).add(len(self._edges) - 1)
        return {len(self._edges) - 1}

    def _node(self, states: frozenset[int]) -> _Node | None:
        if not states:
            return None
        if states not in self._nodes:
            found = {id(item): item for state in sorted(states) for item in self._finals.get(state, ())}
            self._nodes[states] = _Node(states, tuple(found.values()))
        return self._nodes[states]

    def _step(self, node: _Node, word: str) -> _Node | None:
        keys = (word, "#") if _is_number(word) else (word,)
        after = frozenset(n for s in node.states for key in keys for n in self._edges[s].get(key, ()))
        node.steps[word] = self._node(after)
        return node.steps[word]

    def find(self, text: _Text) -> Iterator[tuple[int, int, tuple[Item, ...]]]:
        """(first word, word after the last, items) of the longest phrases, from left to right, without overlap."""
        root = self._node(frozenset({0}))
        assert root is not None
        # An unknown number is any number, an unknown word is none: so the steps to remember stay few.
        known = [w if w in self._alphabet else (_ANY_NUMBER if _is_number(w) else "") for w in text.words]
        at, count = 0, len(known)
        while at < count:
            node = root
            items: tuple[Item, ...] = ()
            end, sentence = at + 1, text.sentence[at]
            for here in range(at, count):
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


def _automaton() -> _Automaton:
    names: dict[str, Iterable[str]] = {name: list(words) for name, words in _LEXICON["names"].items()}
    automaton = _Automaton({**names, "year": [str(year) for year in range(1950, 2060)]})
    for entry in LEXICON:
        for phrase in entry.phrases:
            automaton.add(phrase, entry)
    for cue in CUES:
        assert not isinstance(cue, Entry)
        for phrase in cue.words:
            automaton.add(phrase, cue)
    pseudo = Cue(cls="pseudo", way="forward", words=())
    for table in _LEXICON["pseudo"]:
        for phrase in table["phrases"]:
            automaton.add(phrase, pseudo)
    return automaton


_PHRASES = _automaton()
_NAMES: Mapping[str, Mapping[str, str]] = {
    table: {" ".join(_cut(name).words): ident for name, ident in names.items()}
    for table, names in _LEXICON["names"].items()
}


# ------------------------------------------------------------------------------------------------- phrases to facts
@dataclass(slots=True)
class _Found:
    """A phrase in the text: words `start` to `end`, and the classes of the cues that touch it."""

    start: int
    end: int
    item: Item
    classes: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Fact:
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


def _goes_on(text: _Text) -> dict[int, bool]:
    """Per clause: whether it goes on with the list of the clause before ("denies CP, SOB, or cough")."""
    broken: set[int] = set()
    joined: set[int] = set()
    for word, clause in zip(text.words, text.clause, strict=True):
        if word in _LISTS["joiners"]:
            joined.add(clause)
        elif word in _LISTS["breakers"] or _is_number(word):
            broken.add(clause)
    return {clause: clause in joined or clause not in broken for clause in text.clause}


def _sections(text: _Text, found: Sequence[_Found]) -> dict[int, str]:
    """Class of the section that each sentence stands under, for the sentences that have one."""
    heads = {f.start: f for f in found if isinstance(f.item, Section)}
    classes: dict[int, str] = {}
    current, whole_line, under = "", -1, False
    for at, sentence in enumerate(text.sentence):
        first = at == 0 or text.sentence[at - 1] != sentence
        new_line = at == 0 or text.line[at - 1] != text.line[at]
        if not first:
            continue
        ahead = range(at, min(at + 5, len(text.words)))
        colon = next((k for k in ahead if text.words[k] == ":" and text.sentence[k] == sentence), None)
        head = heads.get(at)
        if head is not None and colon == head.end and isinstance(head.item, Section):
            current = head.item.cls
            alone = colon + 1 == len(text.words) or text.line[colon + 1] != text.line[at]
            under, whole_line = alone, text.line[at] if current == "planned" else -1
            classes[sentence] = current
            continue
        new_head = text.line[at] in text.blank_before or (new_line and colon is not None)
        if (under and not new_head) or (text.line[at] == whole_line and colon is None):
            classes[sentence] = current
        else:
            under, whole_line = False, -1
    return classes


def _carry_forward(text: _Text, found: Sequence[_Found], goes_on: Mapping[int, bool]) -> None:
    """Mark each phrase with the cues before it whose scope still runs."""
    active: dict[str, tuple[Cue, int, int]] = {}
    sentence = clause = -1
    for one in found:
        if text.sentence[one.start] != sentence:
            active.clear()
            sentence, clause = text.sentence[one.start], text.clause[one.start]
        for passed in range(clause + 1, text.clause[one.start] + 1):
            if not goes_on.get(passed, True):
                active = {c: a for c, a in active.items() if c in _WHOLE_SENTENCE}
        clause = text.clause[one.start]
        if isinstance(one.item, Entry):
            kind = one.item.kind
            for cls, (cue, end, begun) in active.items():
                near = 0 <= one.start - end < cue.reach
                if near and kind in cue.kinds and (begun == clause or kind in cue.across):
                    one.classes.add(cls)
        elif isinstance(one.item, Stop):
            for cls in one.item.ends:
                active.pop(cls, None)
        elif isinstance(one.item, Cue) and one.item.way != "backward" and one.item.cls != "pseudo":
            active[one.item.cls] = (one.item, one.end, clause)


def _carry_backward(text: _Text, found: Sequence[_Found]) -> None:
    """Mark each phrase with the cues behind it in its clause."""
    active: dict[str, list[tuple[Cue, int]]] = {}
    clause = -1
    for one in reversed(found):
        if text.clause[one.start] != clause:
            active.clear()
            clause = text.clause[one.start]
        if isinstance(one.item, Entry):
            for cls, cues in active.items():
                if any(one.item.kind in cue.kinds and one.end <= start for cue, start in cues[:CUES_MAX]):
                    one.classes.add(cls)
        elif isinstance(one.item, Stop):
            for cls in one.item.ends:
                active.pop(cls, None)
        elif isinstance(one.item, Cue) and one.item.way != "forward":
            last = one.end == len(text.words) or text.clause[one.end] != clause or text.words[one.end] in ".,;)"
            if last or not one.item.last:
                active.setdefault(one.item.cls, []).append((one.item, one.start))


def _carry_verbs(text: _Text, found: Sequence[_Found], goes_on: Mapping[int, bool]) -> None:
    """Mark drugs, fluids and samples with the verbs of their clause ("given", "held"), also along a list."""
    verbs: dict[int, set[str]] = {}
    sentence_of: dict[int, int] = {}
    for one in found:
        clause = text.clause[one.start]
        sentence_of[clause] = text.sentence[one.start]
        here = verbs.setdefault(clause, set())
        if isinstance(one.item, Cue) and one.item.cls in {"done", "held", "home"}:
            here.add(one.item.cls)
    for clause in sorted(verbs):
        if goes_on.get(clause) and not verbs[clause] and sentence_of.get(clause - 1) == sentence_of[clause]:
            verbs[clause] |= verbs.get(clause - 1, set())
    for one in found:
        one.classes |= verbs[text.clause[one.start]]


def _value(entry: Entry, words: Sequence[str]) -> tuple[bool, float | None]:
    """Whether the numbers of the phrase fit the entry, and the value they give."""
    numbers = [n for n in (_number(w) for w in words if _is_number(w)) if n is not None]
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
    if entry.unit == "mL" and any(w in {"l", "liter", "liters", "litre", "litres"} for w in words):
        value *= 1000
    if entry.percent and value > 1:
        value /= 100
    if entry.unit == "Cel" and value > 80:
        value = round((value - 32) / 1.8, 1)  # written in Fahrenheit
    fits = (entry.above is None or value > entry.above) and (entry.below is None or value < entry.below)
    return fits, value


def _named(entry: Entry, words: Sequence[str]) -> str | None:
    """The id of the drug or device that the phrase names: the longest name in it."""
    if entry.names is None:
        return None
    names = _NAMES[entry.names]
    spans = ((k, n) for n in range(min(4, len(words)), 0, -1) for k in range(len(words) - n + 1))
    return next((names[name] for k, n in spans if (name := " ".join(words[k : k + n])) in names), None)


def _fact(text: _Text, one: _Found, section: str, at: datetime) -> _Fact | None:
    entry, classes = one.item, set(one.classes)
    assert isinstance(entry, Entry)
    words = text.words[one.start : one.end]
    fits, value = _value(entry, words)
    if section and entry.kind in _SECTION_KINDS.get(section, ("finding", "diagnosis", "state", "act")):
        classes.add(section)
    unproved = entry.needs is not None and entry.needs not in classes
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
    return _Fact(
        entry, one.start, one.end, entry.concept, polarity, experiencer, temporality, value,
        entry.unit if value is not None else None, _named(entry, words) or entry.detail, "copied" in classes, at,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ time
def _clock(text: _Text, at: int) -> int | None:
    """Minutes after midnight, if the word is a time of day: 03:10, 0310, "at 1430", "1018 hives"."""
    word = text.words[at]
    if not (4 <= len(word) <= 5 and (word.isdecimal() or word[-3] == ":")):
        return None
    digits = word.replace(":", "")
    if not digits.isdecimal() or len(digits) not in {3, 4}:
        return None
    hour, minute = int(digits[:-2]), int(digits[-2:])
    before = text.words[at - 1] if at and text.sentence[at - 1] == text.sentence[at] else ""
    after = text.words[at + 1] if at + 1 < len(text.words) and text.sentence[at + 1] == text.sentence[at] else ""
    if hour > 23 or minute > 59 or after in _LISTS["quantity"]:
        return None
    leads = not before or text.clause[at - 1] != text.clause[at]
    year = 1900 <= int(digits) <= 2099 and len(digits) == 4
    sure = ":" in word or word[0] == "0" or before in _LISTS["clock"] or (leads and (after == ":" or not year))
    return hour * 60 + minute if sure else None


def _moment(minutes: int, observed: datetime) -> datetime:
    """The latest such time of day that the note could mean; the note's own time where that is too far away."""
    midnight = observed.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + timedelta(minutes=minutes)
    if moment > observed + CLOCK_SLACK:
        moment -= timedelta(days=1)
    return moment if observed - CLOCK_REACH <= moment else observed


def _times(text: _Text, observed: datetime) -> tuple[dict[int, list[tuple[int, datetime]]], dict[int, datetime]]:
    """Per clause the times in it (word, time), and per clause the time that was last put first on its line."""
    inside: dict[int, list[tuple[int, datetime]]] = {}
    leading: dict[int, datetime] = {}
    lead: datetime | None = None
    for at, clause in enumerate(text.clause):
        if at and text.line[at - 1] != text.line[at]:
            lead = None
        minutes = _clock(text, at)
        if minutes is not None:
            moment = _moment(minutes, observed)
            inside.setdefault(clause, []).append((at, moment))
            if at == 0 or text.clause[at - 1] != clause:
                lead = moment
        if lead is not None:
            leading[clause] = lead
    return inside, leading


def _when(text: _Text, one: _Found, inside: Mapping[int, list[tuple[int, datetime]]]) -> datetime | None:
    """The time said for a phrase: in its clause, or in a following "last dose 0900"."""
    clause = text.clause[one.start]
    after = next((moment for at, moment in inside.get(clause, ()) if at >= one.start), None)
    if after is not None:
        return after
    follows = next((k for k in range(one.end, min(one.end + 30, len(text.words))) if text.clause[k] != clause), None)
    if follows is not None and text.words[follows] == "last" and text.sentence[follows] == text.sentence[one.start]:
        return next((moment for _, moment in inside.get(text.clause[follows], ())), None)
    return None


# -------------------------------------------------------------------------------------------------------- copying
def _charted(words: Sequence[str]) -> bool:
    """A charted "label: value": chosen anew each time, so repeating it is no copying."""
    return len(words) <= 12 and ":" in words[:6]


def _passages(text: _Text) -> list[tuple[int, int]]:
    """The sentences, as (first word, word after the last)."""
    starts = [k for k, s in enumerate(text.sentence) if k == 0 or text.sentence[k - 1] != s]
    return list(zip(starts, [*starts[1:], len(text.words)], strict=True))


def _prints(text: _Text) -> tuple[list[tuple[int, int, str]], list[tuple[int, int]]]:
    """What is compared of a note: its sentences, and every run of 25 words as (first word, hash)."""
    sentences: list[tuple[int, int, str]] = []
    running: list[int] = []
    for start, end in _passages(text):
        words = text.words[start:end]
        if _charted(words):
            continue
        kept = [k for k in range(start, end) if text.words[k][0].isalnum()]
        running += kept
        sentences.append((start, end, " ".join(text.words[k] for k in kept)))
    flow = [text.words[k] for k in running]
    windows = [(running[k], hash(tuple(flow[k : k + COPIED_RUN]))) for k in range(len(flow) - COPIED_RUN + 1)]
    return sentences, windows


@lru_cache(maxsize=EARLIER_MAX)
def _earlier_prints(words: str) -> tuple[frozenset[str], frozenset[int]]:
    sentences, windows = _prints(_cut(words))
    return frozenset(s for *_, s in sentences), frozenset(w for _, w in windows)


def _mark_copied(text: _Text, facts: Sequence[_Fact], earlier: Sequence[Note]) -> None:
    """Mark facts in text that stood in an earlier note; their time becomes that of its first occurrence."""
    if not earlier or not facts:
        return
    sentences, windows = _prints(text)
    of_sentence: dict[int, list[_Fact]] = {}
    for fact in facts:
        of_sentence.setdefault(text.sentence[fact.start], []).append(fact)
    for old in sorted(earlier, key=lambda note: note.observed_at, reverse=True):
        said, runs = _earlier_prints(old.text)
        copied: set[int] = set()
        for start, _end, plain in sentences:
            here = of_sentence.get(text.sentence[start], [])
            long = plain.count(" ") + 1 >= COPIED_SENTENCE and len({f.concept for f in here}) > 1
            if long and plain in said:
                copied |= {f.start for f in here}
        places = sorted(at for at, window in windows if window in runs)
        covered = _covered(places, text)
        for fact in facts:
            if fact.start in copied or fact.start in covered:
                fact.copied, fact.at = True, old.observed_at


def _covered(places: Sequence[int], text: _Text) -> set[int]:
    """The words inside runs of 25 that begin at `places`."""
    covered: set[int] = set()
    reached = 0
    for place in places:
        left, at = COPIED_RUN, place
        while left and at < len(text.words):
            left -= text.words[at][0].isalnum()
            if at >= reached:
                covered.add(at)
            at += 1
        reached = max(reached, at)
    return covered


# ---------------------------------------------------------------------------------------------- the note as a whole
_LEFT = frozenset({"l", "left", "lul", "lll", "lt"})
_RIGHT = frozenset({"r", "right", "rul", "rll", "rml", "rt"})
_VITALS = ("spo2", "resp.desat", "hr", "bp.low", "resp.rr", "rr")
_REACTIONS = ("skin.urticaria_angioedema", "resp.throat_tight", "resp.stridor")
_INFECTIONS = ("infection.source", "infection.sepsis", "infection.other", "infection.nec")


def _settle_sides(text: _Text, facts: list[_Fact]) -> None:
    """Crackles are of one side when the sentence names one; both sides in one note make them bilateral."""
    sides: dict[str, _Fact] = {}
    for fact in list(facts):
        if fact.concept != "resp.crackles":
            continue
        around = range(max(fact.start - 8, 0), min(fact.end + 4, len(text.words)))
        near = [text.words[k] for k in around if text.sentence[k] == text.sentence[fact.start]]
        left, right = not _LEFT.isdisjoint(near), not _RIGHT.isdisjoint(near)
        if left == right:
            fact.concept = "resp.crackles_bilat"
            continue
        fact.concept, fact.detail = "resp.crackles_focal", "left" if left else "right"
        if fact.usable:
            sides[fact.detail] = fact
    if len(sides) == 2:
        last = max(sides.values(), key=lambda fact: fact.start)
        facts.append(replace(last, concept="resp.crackles_bilat", detail=None))


def _settle_groups(facts: Sequence[_Fact]) -> None:
    """Of facts that exclude each other (oxygen device, rhythm) the one said last is current."""
    last: dict[str, _Fact] = {}
    for fact in facts:
        current = fact.temporality is Temporality.CURRENT and fact.experiencer is Experiencer.PATIENT
        if fact.entry.group and current and not fact.copied and fact.polarity is not Polarity.UNCERTAIN:
            before = last.get(fact.entry.group)
            if before is not None and before.start != fact.start:
                before.temporality = Temporality.HISTORICAL
            last[fact.entry.group] = fact


def _settle_artefacts(text: _Text, facts: Sequence[_Fact]) -> None:
    """A number called an artefact is not the patient's; a kinked catheter explains a missing urine."""
    vitals: dict[int, list[_Fact]] = {}
    urine: dict[int, list[_Fact]] = {}
    for fact in facts:
        sentence = text.sentence[fact.start]
        if fact.concept in _VITALS:
            vitals.setdefault(sentence, []).append(fact)
        elif fact.concept in {"renal.anuria", "renal.uop_low"}:
            urine.setdefault(sentence, []).append(fact)
        elif fact.concept == "quality.artifact" and fact.polarity is Polarity.AFFIRMED:
            for vital in vitals.pop(sentence, ()):
                vital.polarity, vital.detail = Polarity.NEGATED, "artifact"
        elif fact.concept == "renal.catheter_blocked" and fact.polarity is Polarity.AFFIRMED:
            for low in urine.pop(sentence, ()):
                low.polarity, low.detail = Polarity.NEGATED, "catheter blocked"
    drained = {text.sentence[f.start] for f in facts if f.concept == "urine"}
    for fact in facts:
        if fact.concept == "renal.catheter_blocked" and text.sentence[fact.start] in drained:
            fact.temporality = Temporality.HISTORICAL


def _settle_baseline(text: _Text, facts: Sequence[_Fact]) -> None:
    """Where a sentence calls its mental state the baseline and unchanged, every neurological finding in it is."""
    neuro = [f for f in facts if f.concept.startswith("neuro.")]
    old = {text.sentence[f.start] for f in neuro if f.temporality is Temporality.HISTORICAL}
    same = {text.sentence[f.start] for f in facts if f.concept == "meta.unchanged" and f.usable}
    for fact in neuro:
        if text.sentence[fact.start] in old and text.sentence[fact.start] in same:
            fact.temporality = Temporality.HISTORICAL


def _settle_allergy(text: _Text, facts: list[_Fact]) -> None:
    """Hives or a tight throat after a drug was started in the same sentence: perhaps an allergy to it."""
    started: dict[int, _Fact] = {}
    for fact in list(facts):
        sentence = text.sentence[fact.start]
        if fact.usable and fact.concept == "abx.started" and fact.detail:
            started[sentence] = fact
        elif fact.usable and fact.concept in _REACTIONS and sentence in started:
            drug = started.pop(sentence)
            facts.append(replace(drug, concept="allergy", polarity=Polarity.UNCERTAIN, value=None, unit=None))


def _settle_infection(facts: list[_Fact]) -> None:
    """One `infection.level` per note that speaks of infection (reference §1.14), resting on the words that decide.

    definite: a positive culture or a confirmed infection; probable: infection said without a hedge, or hedged while an
    antimicrobial was started; possible: hedged; unlikely: sepsis or infection as such denied. An antimicrobial or a
    culture alone gives none: the rules pair these with what is charted.
    """
    own = [f for f in facts if f.experiencer is Experiencer.PATIENT and f.temporality is Temporality.CURRENT]
    own = [f for f in own if not f.copied]
    said = [f for f in own if f.concept.startswith(_INFECTIONS)]
    sure = [f for f in said if f.polarity is Polarity.AFFIRMED]
    hedged = [f for f in said if f.polarity is Polarity.UNCERTAIN]
    treated = [f for f in own if f.usable and f.concept == "abx.started"]
    proved = [f for f in own if f.usable and (f.concept == "culture.positive" or f.detail == "definite")]
    ranked = (
        ("definite", Polarity.AFFIRMED, proved),
        ("probable", Polarity.AFFIRMED, sure or (treated if hedged else [])),
        ("possible", Polarity.UNCERTAIN, hedged),
        ("unlikely", Polarity.NEGATED, [f for f in said if f.concept == "infection.sepsis"]),
    )
    for level, polarity, grounds in ranked:
        if grounds:
            ground = replace(grounds[0], concept="infection.level", polarity=polarity, detail=level)
            facts.append(replace(ground, value=None, unit=None))
            return


# -------------------------------------------------------------------------------------------------------- the reader
def read(note: Note, earlier: Sequence[Note] = ()) -> tuple[NoteFact, ...]:
    """The facts of one note, by their place in it; at most `FACTS_MAX`.

    `earlier` are the notes of the stay that were known before, for text copied forward; a fact in copied text has
    `copied` and the time of the first occurrence. `start` and `end` are offsets into `note.text`. Never raises.
    """
    text = _cut(note.text)
    found = [_Found(start, end, item) for start, end, items in _PHRASES.find(text) for item in items]
    goes_on = _goes_on(text)
    _carry_forward(text, found, goes_on)
    _carry_backward(text, found)
    _carry_verbs(text, found, goes_on)
    sections = _sections(text, found)
    inside, leading = _times(text, note.observed_at)
    facts: list[_Fact] = []
    seen: set[tuple[int, str]] = set()
    for one in found:
        if isinstance(one.item, Entry) and len(facts) < FACTS_MAX:
            at = _when(text, one, inside) or leading.get(text.clause[one.start]) or note.observed_at
            fact = _fact(text, one, sections.get(text.sentence[one.start], ""), at)
            if fact is not None and (fact.start, fact.concept) not in seen:
                seen.add((fact.start, fact.concept))
                facts.append(fact)
    own = identity(note)
    _mark_copied(text, facts, [old for old in earlier[-EARLIER_MAX:] if identity(old) != own])
    _settle_groups(facts)
    _settle_artefacts(text, facts)
    _settle_baseline(text, facts)
    _settle_sides(text, facts)
    _settle_allergy(text, facts)
    _settle_infection(facts)
    facts.sort(key=lambda fact: (fact.start, fact.concept))
    return tuple(_spoken(text, note, own, fact) for fact in facts[:FACTS_MAX])


def _spoken(text: _Text, note: Note, own: str, fact: _Fact) -> NoteFact:
    start, end = text.spans[fact.start][0], text.spans[fact.end - 1][1]
    return NoteFact(
        concept=fact.concept,
        polarity=fact.polarity,
        experiencer=fact.experiencer,
        temporality=fact.temporality,
        value=fact.value,
        unit=fact.unit,
        detail=fact.detail,
        change=fact.entry.change,
        copied=fact.copied,
        note=own,
        start=start,
        end=end,
        words=note.text[start:end][:WORDS_SHOWN],
        effective_at=fact.at,
        available_at=note.available_at,
    )
