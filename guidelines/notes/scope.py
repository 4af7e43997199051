"""How far a cue reaches: denial, doubt, history, plans and other people, carried over the phrases they qualify."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from guidelines.notes.lexicon import LISTS, SECTION_KINDS, VERBS, WHOLE_SENTENCE, Cue, Entry, Item, Section, Stop
from guidelines.notes.words import Text, is_number, ranges
from schemas.clinical.facts import Polarity

_JOINS = frozenset({"/", "+", "&", "and"})
CUES_MAX = 8  # of one class and clause are looked at
_OLD = frozenset({"historical", "background", "post"})  # "hx of DVT on eliquis": the drug is of now
_CLOSING = frozenset({".", ",", ";", ")", "->"})
_NOTHING: frozenset[str] = frozenset()
_Active = tuple[Cue, int, int]  # a cue whose scope runs, the word after it, its clause


@dataclass(slots=True)
class Found:
    """A phrase in the text: words `start` to `end`, and the classes of the cues that touch it."""

    start: int
    end: int
    item: Item
    classes: frozenset[str] = _NOTHING


def continuing(text: Text) -> dict[int, bool]:
    """Per clause: whether it goes on with the list of the clause before ("denies CP, SOB, or cough")."""
    joiners, breakers = LISTS["joiners"], LISTS["breakers"]
    numbered = {clause for word, clause in zip(text.words, text.clause, strict=True) if is_number(word)}
    found: dict[int, bool] = {}
    for clause, at in text.clauses.items():
        words = text.words[at.start : at.stop]
        found[clause] = (clause not in numbered and breakers.isdisjoint(words)) or not joiners.isdisjoint(words)
    return found


def join_answers(text: Text, found: Sequence[Found]) -> None:
    """A clause that holds nothing but an answer belongs to the one before it: "eliquis, held", "headache, resolved".

    Not where that says how long something took: "seizing 2 min, resolved" has been.
    """
    covered: dict[int, set[int]] = {}  # by clause, what its answers say
    for one in found:
        if isinstance(one.item, Cue) and one.item.way != "forward":
            covered.setdefault(text.clause[one.start], set()).update(range(one.start, one.end))
    for clause in sorted(covered):
        at = text.clauses[clause]
        if _is_joined(text, at, covered[clause]):
            text.clause[at.start : at.stop] = [text.clause[at.start - 1]] * len(at)
    if covered:
        text.clauses = ranges(text.clause)


def _is_joined(text: Text, at: range, answer: set[int]) -> bool:
    """Whether a clause is an answer to the one before it, and nothing else."""
    if not at.start or text.sentence[at.start - 1] != text.sentence[at.start]:
        return False
    words = text.words[at.start : at.stop]
    if any(k not in answer and text.words[k][0].isalnum() for k in at) or not LISTS["joiners"].isdisjoint(words):
        return False  # a list goes on
    before = text.clauses[text.clause[at.start - 1]]
    lasts = not LISTS["durations"].isdisjoint(text.words[before.start : before.stop])
    return not lasts or words[0] in LISTS["ends"]


def asides(text: Text) -> set[int]:
    """The clauses in brackets: a list goes on behind them."""
    if "(" not in text.words:
        return set()
    return {text.clause[at + 1] for at, word in enumerate(text.words[:-1]) if word == "("}


def headed(text: Text, found: Sequence[Found]) -> dict[int, str]:
    """Class of the section that each sentence stands under, for the sentences that have one."""
    heads = {f.start: f for f in found if isinstance(f.item, Section)}
    classes: dict[int, str] = {}
    current, whole_line, under = "", -1, False
    for sentence, words in ranges(text.sentence).items():
        at = words.start
        new_line = at == 0 or text.line[at - 1] != text.line[at]
        ahead = words[:5]
        colon = text.words.index(":", at) if ":" in text.words[at : ahead.stop] else None
        head = heads.get(at)
        if head is not None and isinstance(head.item, Section) and (colon == head.end or _fills_line(text, head)):
            current = head.item.cls
            after = head.end + (colon == head.end)
            alone = after == len(text.words) or text.line[after] != text.line[at]
            under, whole_line = alone, text.line[at] if current in SECTION_KINDS else -1
            classes[sentence] = current
            continue
        new_head = text.line[at] in text.blank_before or (new_line and colon is not None)
        if (under and not new_head) or (text.line[at] == whole_line and colon is None):
            classes[sentence] = current
        else:
            under, whole_line = False, -1
    return classes


def _fills_line(text: Text, head: Found) -> bool:
    """Whether a header stands on a line of its own, without a colon."""
    begins = head.start == 0 or text.line[head.start - 1] != text.line[head.start]
    return begins and head.end < len(text.words) and text.line[head.end] != text.line[head.start]


def _ends_clause(text: Text, one: Found) -> bool:
    """Whether nothing but a sign follows the phrase in its clause."""
    after = one.end
    return after == len(text.words) or text.clause[after] != text.clause[one.start] or text.words[after] in _CLOSING


def _looks_forward(text: Text, one: Found, cue: Cue, active: Mapping[str, _Active]) -> bool:
    """Whether the cue counts for what follows it."""
    begins = one.start == 0 or text.clause[one.start - 1] != text.clause[one.start]
    if cue.way == "backward" or cue.cls == "pseudo" or (cue.edge and not begins):
        return False
    if cue.cls == "negated" and _ends_clause(text, one):
        return False  # "fever: no, chills: yes" denies no chills
    if cue.cls == "planned" and text.words[one.end : one.end + 1] == [":"]:
        return False  # a header: what is done may stand under it
    # "call if … prn, mottled": what holds for the whole sentence is not ended by what holds for less
    return cue.cls not in WHOLE_SENTENCE or cue.cls not in active or set(cue.across) >= set(active[cue.cls][0].across)


def _still_active(active: dict[str, _Active], is_list: bool) -> dict[str, _Active]:
    """The cues that reach beyond a comma: all along a list, else those of the whole sentence."""
    return active if is_list else {cls: cue for cls, cue in active.items() if cls in WHOLE_SENTENCE}


def carry_forward(text: Text, found: Sequence[Found], goes_on: Mapping[int, bool]) -> None:
    """Mark each phrase with the cues before it whose scope still runs."""
    active: dict[str, _Active] = {}
    each = False  # whether the list says "no" before each of its members: a disease that has none is not denied
    sentence: int | None = None
    clause = 0
    aside = asides(text)
    for one in found:
        if text.sentence[one.start] != sentence:
            active.clear()
            each = False
            sentence, clause = text.sentence[one.start], text.clause[one.start]
        if clause != text.clause[one.start]:
            passed = range(clause + 1, text.clause[one.start] + 1)
            active = _still_active(active, all(goes_on.get(here, True) or here in aside for here in passed))
            clause = text.clause[one.start]
        if isinstance(one.item, Entry):
            kind = one.item.kind
            for cls, (cue, end, begun) in active.items():
                begins = text.clauses[clause].start
                near = 0 <= one.start - max(end, begins) < cue.reach and kind in cue.kinds
                listed = kind in cue.across and (goes_on.get(clause, True) or cls in WHOLE_SENTENCE)
                listed = listed and not (each and cls == "negated" and kind == "diagnosis")
                takes = kind == "act" and cls in _OLD and end < one.start and text.words[one.start] == "on"
                if near and not takes and (begun == clause or listed):
                    one.classes |= {cls}
        elif isinstance(one.item, Stop):
            for cls in one.item.ends:
                active.pop(cls, None)
        elif isinstance(one.item, Cue) and _looks_forward(text, one, one.item, active):
            before = active.get(one.item.cls)
            each = one.item.cls == "negated" and before is not None and before[2] == clause - 1
            active[one.item.cls] = (one.item, one.end, clause)


def carry_backward(text: Text, found: Sequence[Found]) -> None:
    """Mark each phrase with the cues behind it in its clause."""
    active: dict[str, list[tuple[Cue, int]]] = {}
    clause: int | None = None
    for one in reversed(found):
        if text.clause[one.start] != clause:
            active.clear()
            clause = text.clause[one.start]
        if isinstance(one.item, Entry):
            for cls, cues in active.items():
                if any(_reaches_back(cue, start, one, one.item) for cue, start in cues[:CUES_MAX]):
                    one.classes |= {cls}
        elif isinstance(one.item, Stop):
            for cls in one.item.ends:
                active.pop(cls, None)
        elif isinstance(one.item, Cue) and _looks_back(text, one, one.item):
            active.setdefault(one.item.cls, []).append((one.item, one.start))


def _looks_back(text: Text, one: Found, cue: Cue) -> bool:
    """Whether the cue counts for what stands before it."""
    return cue.way != "forward" and (not cue.edge or _ends_clause(text, one))


def _reaches_back(cue: Cue, start: int, one: Found, entry: Entry) -> bool:
    """Whether a cue that begins at `start` touches the phrase before it."""
    return entry.kind in cue.kinds and 0 <= start - one.end < cue.reach


def carry_verbs(text: Text, found: Sequence[Found], goes_on: Mapping[int, bool]) -> None:
    """Mark drugs, fluids and samples with the verbs of their clause ("given", "held"), also along a list."""
    verbs = _verbs(text, found)
    sentence_of = {clause: text.sentence[at.start] for clause, at in text.clauses.items()}
    for clause in text.clauses:
        if goes_on[clause] and not verbs.get(clause) and sentence_of.get(clause - 1) == sentence_of[clause]:
            verbs[clause] |= verbs.get(clause - 1, _NOTHING)
    for clause in asides(text):  # "metformin (held)"
        verbs[clause - 1] |= verbs.get(clause, _NOTHING)
    bare, led = _listed(text, found)
    _treated(text, found, bare, verbs)
    for clause in sorted(bare, reverse=True):
        after = clause + 1
        if after in led and not verbs[clause] and sentence_of.get(after) == sentence_of[clause]:
            verbs[clause] |= verbs[after]
    for one in found:
        here = verbs.get(text.clause[one.start])
        if here:
            one.classes |= here


def _treated(text: Text, found: Sequence[Found], bare: set[int], verbs: defaultdict[int, set[str]]) -> None:
    """A name in a list of what is done ("BiPAP, pred 40, azithro"), or joined to another ("mero/clinda"), is given."""
    if not bare:
        return
    given = {text.sentence[f.start] for f in found if isinstance(f.item, Entry) and _is_given(f.item)}
    led: set[int] = set()  # sentences in which something was done before
    for clause, at in text.clauses.items():
        sentence = text.sentence[at.start]
        if clause in bare and (sentence in given or sentence in led):
            verbs[clause].add("treated")
        elif "done" in verbs.get(clause, _NOTHING):
            led.add(sentence)
    names = [f for f in found if isinstance(f.item, Entry) and f.item.needs is not None and f.item.names is not None]
    for one, other in pairwise(names):
        between = text.words[one.end : other.start]
        if len(between) == 1 and between[0] in _JOINS and text.clause[one.start] == text.clause[other.start]:
            verbs[text.clause[one.start]].add("treated")


def _is_given(entry: Entry) -> bool:
    """Whether the phrase alone says that something is given."""
    return entry.kind == "act" and entry.needs is None and not entry.denied_only and entry.concept.startswith("tx.")


def _verbs(text: Text, found: Sequence[Found]) -> defaultdict[int, set[str]]:
    """Per clause the classes of the verbs in it; of a clause without one nothing."""
    verbs: defaultdict[int, set[str]] = defaultdict(set)
    for one in found:
        if isinstance(one.item, Cue) and one.item.cls in VERBS:
            verbs[text.clause[one.start]].add(one.item.cls)
        elif isinstance(one.item, Entry) and (led := _led(text, one, one.item)):
            verbs[text.clause[one.start]] |= led
    return verbs


def _led(text: Text, one: Found, entry: Entry) -> Set[str]:
    """What the verb that a phrase begins with says for its list: "on propofol, keppra", "allergic to PCN, latex"."""
    if entry.needs is not None:
        return _NOTHING
    if entry.concept.startswith("allergy"):
        return {"allergic"}
    if entry.kind != "act" or entry.denied_only or entry.polarity is not Polarity.AFFIRMED:
        return _NOTHING
    return {entry.concept, *({"done"} if text.words[one.start] in VERBS["done"] else ())}  # "zosyn + vanc d3"


def _listed(text: Text, found: Sequence[Found]) -> tuple[set[int], set[int]]:
    """The clauses that hold nothing but what a verb has to prove ("zosyn, …"), and those that begin with it."""
    proved = [f for f in found if isinstance(f.item, Entry) and f.item.needs is not None]
    covered = {at for one in proved for at in range(one.start, one.end)}
    bare = {text.clause[one.start] for one in proved}
    led: set[int] = set()
    for clause in {text.clause[at] for at in covered}:
        said = [k for k in text.clauses[clause] if text.words[k].isalpha() and text.words[k] != "and"]
        if said and said[0] in covered:
            led.add(clause)
        if not covered.issuperset(said):
            bare.discard(clause)
    return bare, led
