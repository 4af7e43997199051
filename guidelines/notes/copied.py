"""What was copied forward: text that stood in an earlier note of the stay is as old as its first occurrence."""

from collections.abc import Sequence
from functools import lru_cache

from guidelines.notes.facts import Fact
from guidelines.notes.words import Text, cut, ranges
from schemas.events import Note

EARLIER_MAX = 64  # earlier notes that are searched for copied text, the newest
COPIED_RUN = 25  # so many words in a row as in an earlier note are copied (reference §5.2)
COPIED_SENTENCE = 5  # a shorter sentence is copied when it has so many words and two findings
CHARTED_MAX = 12  # words of a charted "label: value"


def _charted(words: Sequence[str]) -> bool:
    """A charted "label: value": chosen anew each time, so repeating it is no copying."""
    return len(words) <= CHARTED_MAX and ":" in words[:6]


def _prints(text: Text) -> tuple[list[tuple[int, str]], list[tuple[int, int]]]:
    """What is compared of a note: its sentences, and every run of 25 words as (first word, hash)."""
    sentences: list[tuple[int, str]] = []
    running: list[int] = []
    for at in ranges(text.sentence).values():
        if _charted(text.words[at.start : at.stop]):
            continue
        kept = [k for k in at if text.words[k][0].isalnum()]
        running += kept
        sentences.append((at.start, " ".join(text.words[k] for k in kept)))
    flow = [text.words[k] for k in running]
    windows = [(running[k], hash(tuple(flow[k : k + COPIED_RUN]))) for k in range(len(flow) - COPIED_RUN + 1)]
    return sentences, windows


@lru_cache(maxsize=EARLIER_MAX)
def _earlier_prints(words: str) -> tuple[frozenset[str], frozenset[int]]:
    sentences, windows = _prints(cut(words))
    return frozenset(s for *_, s in sentences), frozenset(w for _, w in windows)


def mark_copied(text: Text, facts: Sequence[Fact], earlier: Sequence[Note]) -> None:
    """Mark facts in text that stood in an earlier note; their time becomes that of its first occurrence."""
    if not earlier or not facts:
        return
    sentences, windows = _prints(text)
    of_sentence: dict[int, list[Fact]] = {}
    for fact in facts:
        of_sentence.setdefault(text.sentence[fact.start], []).append(fact)
    for old in sorted(earlier, key=lambda note: note.observed_at, reverse=True):
        said, runs = _earlier_prints(old.text)
        copied: set[int] = set()
        for start, plain in sentences:
            here = of_sentence.get(text.sentence[start], [])
            long = plain.count(" ") + 1 >= COPIED_SENTENCE and len({f.concept for f in here}) > 1
            if long and plain in said:
                copied |= {f.start for f in here}
        places = sorted(at for at, window in windows if window in runs)
        covered = _covered(places, text)
        for fact in facts:
            if fact.start in copied or fact.start in covered:
                fact.copied, fact.at = True, old.observed_at


def _covered(places: Sequence[int], text: Text) -> set[int]:
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
