"""Marks of a list: "(+) cough (−) fever", "cough ✓ fever ✗", "[x] SOB [ ] fever", and the side that each stands on.

A mark before its word is a cue like "no". Where marks stand behind their words, `⊖` becomes `⊟`, which looks back.
"""

from guidelines.notes.words import Text

MARKS = frozenset("⊕⊖")
_OPENS = frozenset(":,;–-(")  # after these, and where a sentence begins, a mark leads


def turn(text: Text) -> None:
    """In sentences whose marks stand behind their words let every mark look back."""
    here: list[int] = []
    for at, word in enumerate(text.words):
        if here and text.sentence[here[0]] != text.sentence[at]:
            _turn_sentence(text, here, at)
            here = []
        if word in MARKS:
            here.append(at)
    if here:
        _turn_sentence(text, here, len(text.words))


def _turn_sentence(text: Text, marks: list[int], end: int) -> None:
    first, last = marks[0], marks[-1]
    led = first > 0 and text.sentence[first - 1] == text.sentence[first] and text.words[first - 1] not in _OPENS
    closed = last + 1 == end or not text.words[last + 1].isalpha()
    ended = last + 1 >= len(text.words) or text.sentence[last + 1] != text.sentence[last] or closed
    if led and ended:
        for at in marks:
            if text.words[at] == "⊖":
                text.words[at] = "⊟"
