"""From the text of a question to what it asks, or to why it was not read and what can be asked instead."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from guidelines.asking.grammar import sentence
from guidelines.asking.meaning import meaning
from guidelines.asking.nearest import nearest
from guidelines.asking.question import NotRead, Question, Refused
from guidelines.asking.times import USUAL_HOURS, Hours, Ward, with_times
from guidelines.asking.tokens import Token, tokens

WORD_CHARS_MAX = 40
"""Of a word that is not known, when it is named."""


def read(text: str, now: datetime, zone: ZoneInfo, hours: Hours = USUAL_HOURS) -> Question | NotRead:
    """What the text asks at `now`, by the clocks of `zone`. Never raises."""
    ward = Ward(now, zone, hours)
    words: list[Token] = []
    try:
        words = tokens(text)
        return _understood(words, ward)
    except Refused as why:
        return NotRead(why=str(why), nearest=nearest(words, ward, _understood))


def _understood(words: Sequence[Token], ward: Ward) -> Question:
    if not words:
        raise Refused("nothing was asked")
    for word in words:
        match word.kind:
            case "UNKNOWN":
                raise Refused(f"the word “{word.text[:WORD_CHARS_MAX]}” is not known")
            case "CLUE":
                raise Refused(f"“{word.text}” cannot be asked: {word.value.why}")
            case "VAGUE_TIME":
                raise Refused(f"“{word.text}” is no time of the clock")
            case "NOT":
                raise Refused(f"“{word.text}” denies, and a denial is not read: ask whether it happens")
            case "STAY":
                raise Refused(f"“{word.text}” asks whether a value lasts: ask for the line that it may cross")
    return meaning(sentence(with_times(words, ward)))
