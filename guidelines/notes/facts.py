"""What a phrase states, with the cues that touch it: who, when, whether or not, and its number."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from guidelines.notes.lexicon import KINDS, LISTS, SECTION_KINDS, VERBS, Entry
from guidelines.notes.phrases import NAMES
from guidelines.notes.scope import Found
from guidelines.notes.values import as_count, count_of, value_of
from guidelines.notes.words import Text
from schemas.clinical.facts import Experiencer, Polarity, Temporality, usable

_PAST = frozenset({"historical", "background", "course"})
AROUND = 30  # words to either side in which the sentence is looked at for what an entry wants near it
NAMES_KEPT = 4096  # phrases whose name is remembered
BEHIND = 8  # words behind a phrase in which a count is looked for ("40 mg IV push given x 2-3 days")


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


@lru_cache(maxsize=NAMES_KEPT)
def _named(table: str, words: tuple[str, ...]) -> str | None:
    """The id of the drug or device that a phrase names: the longest name in it."""
    names = NAMES[table]
    spans = ((k, n) for n in range(len(words), 0, -1) for k in range(len(words) - n + 1))
    return next((names[name] for k, n in spans if (name := " ".join(words[k : k + n])) in names), None)


def _detail(entry: Entry, words: Sequence[str], classes: Set[str]) -> str | None:
    named = None if entry.names is None else _named(entry.names, tuple(words))
    return named or (None if "again" in classes else entry.detail)


def _count(text: Text, one: Found) -> float:
    """How often the phrase says it was given, in its sentence."""
    ahead = range(one.start, min(one.end + BEHIND, len(text.words)))
    here = [text.words[k] for k in ahead if text.sentence[k] == text.sentence[one.start]]
    led = range(max(one.start - 2, 0), one.start)
    before = [text.words[k] for k in led if text.sentence[k] == text.sentence[one.start]]
    return as_count(before[0]) if before[1:] == ["x"] else count_of(here, one.end - one.start)  # "2 x 500 cc"


def _temporality(entry: Entry, classes: Set[str]) -> Temporality:
    """When it was or is to be; a procedure of the last three days is of now ("s/p EGD today", reference §5.2)."""
    if not classes:
        return entry.temporality
    if Temporality.HYPOTHETICAL in classes:
        return Temporality.HYPOTHETICAL
    if Temporality.PLANNED in classes and not ("negated" in classes and entry.kind == "act"):  # "rec: no heparin"
        return Temporality.PLANNED
    if entry.lasting and "historical" not in classes:
        return entry.temporality
    told = classes - {"background"} if "negated" in classes else classes  # "denies seizure hx"
    past = "recent" not in classes if "post" in classes else not told.isdisjoint(_PAST)
    return Temporality.HISTORICAL if past else entry.temporality


def _under(section: str, entry: Entry, classes: Set[str]) -> bool:
    """Whether a header qualifies the phrase; what is said to be done stands under "Plan:" as what is done."""
    done = section == "planned" and "done" in classes
    return not done and entry.kind in SECTION_KINDS.get(section, KINDS)


def _fits(text: Text, one: Found, entry: Entry) -> bool:
    """Whether the sentence holds a word that the entry wants near it, and none that gives it another meaning."""
    if entry.near is None and entry.apart is None:
        return True
    sentence = text.sentence[one.start]
    around = range(max(one.start - AROUND, 0), min(one.end + AROUND, len(text.words)))
    said = {text.words[k] for k in around if text.sentence[k] == sentence and not one.start <= k < one.end}
    wanted = entry.near is None or not LISTS[entry.near].isdisjoint(said)
    return wanted and (entry.apart is None or LISTS[entry.apart].isdisjoint(said))


def _is_proved(entry: Entry, classes: Set[str], words: Sequence[str]) -> bool:
    """Whether the words around it bear out what the phrase alone does not say: that it was done, held, denied."""
    if entry.denied_only:
        return "negated" in classes
    if entry.names == "antibiotic" and "allergic" in classes and "done" not in classes:
        return False
    if entry.needs is None or entry.needs in classes or entry.concept in classes:
        return True
    if entry.needs == "done" and "treated" in classes and entry.concept in LISTS["listed"]:
        return True
    open_ = entry.kind == "act" and not classes.isdisjoint({"negated", "planned", "hypothetical"})
    return open_ or not VERBS[entry.needs].isdisjoint(words)


def _polarity(entry: Entry, classes: Set[str]) -> Polarity:
    if not classes:
        return entry.polarity
    if "again" in classes:
        return Polarity.AFFIRMED
    if "negated" in classes:
        twice = entry.polarity is Polarity.NEGATED and entry.kind == "state"  # "lungs not clear"
        return Polarity.UNCERTAIN if twice else Polarity.NEGATED
    return Polarity.UNCERTAIN if "uncertain" in classes and entry.polarity is Polarity.AFFIRMED else entry.polarity


def fact_of(text: Text, one: Found, entry: Entry, section: str, at: datetime) -> Fact | None:
    """The fact that a phrase found in the text states; None where its numbers or its verbs do not fit."""
    classes = {*one.classes, section} if section and _under(section, entry, one.classes) else one.classes
    if "undone" in classes and Temporality.PLANNED not in classes:
        classes = {*classes, "negated"}
    words = text.words[one.start : one.end]
    if not (_fits(text, one, entry) and _is_proved(entry, classes, words)):
        return None
    fits, value = value_of(entry, words, _count(text, one) if entry.times else 1)
    if not fits:
        return None
    experiencer = Experiencer.PATIENT
    for other in (Experiencer.OTHER, Experiencer.FAMILY) if classes else ():
        if other in classes:
            experiencer = other
    return Fact(
        entry, one.start, one.end, entry.concept, _polarity(entry, classes), experiencer, _temporality(entry, classes),
        value, entry.unit if value is not None else None, _detail(entry, words, classes), "copied" in classes, at,
    )  # fmt: skip
