"""What was so and is no more ("was confused, now clear"); what was stopped and runs again ("off levo, restarted")."""

from collections.abc import Sequence

from guidelines.notes.lexicon import LISTS, Cue, Entry
from guidelines.notes.scope import Found
from guidelines.notes.words import Text


def turn_past(text: Text, found: Sequence[Found]) -> None:
    """What "was", in a sentence that goes on to say how it is now, is history; a mere "was" is a way of telling."""
    turned, sentence = False, -1
    for one in reversed(found):
        if text.sentence[one.start] != sentence:
            turned, sentence = False, text.sentence[one.start]
        if isinstance(one.item, Cue) and one.item.cls == "turned":
            turned = True
        elif isinstance(one.item, Entry) and ((turned and "was" in one.classes) or _was_on(text, one)):
            one.classes |= {"historical"}


def _was_on(text: Text, one: Found) -> bool:
    """ "Was on BiPAP": as a phrase, or with the "was" before it."""
    words, were = text.words, LISTS["were"]
    at = one.start + (words[one.start] in were)
    return 0 < at < len(words) and words[at] == "on" and words[at - 1] in were


def turn_again(text: Text, found: Sequence[Found]) -> None:
    """A treatment that is said to be stopped runs where its sentence goes on with "restarted"."""
    again, sentence = False, -1
    for one in reversed(found):
        if text.sentence[one.start] != sentence:
            again, sentence = False, text.sentence[one.start]
        if isinstance(one.item, Cue) and one.item.cls == "again":
            again = again or (one.start > 0 and text.words[one.start - 1] in LISTS["resumes"])
        elif isinstance(one.item, Entry) and again and one.item.kind == "act":
            if one.item.detail == "stopped" or "negated" in one.classes:
                one.classes |= {"again"}
            again = False
