"""What was so and is so no more: "was confused this morning, now clear"."""

from collections.abc import Sequence

from guidelines.notes.lexicon import Cue, Entry
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
        elif isinstance(one.item, Entry) and turned and "was" in one.classes:
            one.classes.add("historical")
