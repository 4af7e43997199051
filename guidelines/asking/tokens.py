"""From the text of a question to its words, each as the lexicon knows it; whatever it does not know is UNKNOWN.

Nothing is passed over but the fillers of the lexicon and marks that end a sentence.
"""

import re
from collections.abc import Iterable
from datetime import time, timedelta
from functools import cache
from typing import Any, NamedTuple

from guidelines.asking.lexicon import Lexicon, lexicon, normal
from guidelines.asking.question import Refused

QUESTION_CHARS_MAX = 300
"""Longest question that is looked at."""

NUMBER_CHARS_MAX = 12

_NUMBER = re.compile(rf"[-−]?\d{{1,{NUMBER_CHARS_MAX}}}(?:\.\d{{1,{NUMBER_CHARS_MAX}}})?(?![\d.]*\d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?:\s*(am|pm|h)\b)?(?![\w:])|(\d{1,2})\s*(am|pm)\b")
_CLOCK_OF_FOUR = re.compile(r"([01]\d|2[0-3])([0-5]\d)(?:\s*(?:h|hrs|hours))?(?![\w.:/])")
_ENDS = re.compile(r"[?!]+|\.(?!\d)")
_REST = re.compile(r"(?:[^\s,;?!]|(?<=\d),(?=\d))+|.", re.DOTALL)
_ALONE = re.compile(r"(?=[\s;?!<>=≤≥]|[.,](?!\d)|$)")  # what may stand after a number
_HOUR = re.compile(r"(?<![\w/'+-])(?:hour|minute)(?![\w/'+-])")
_ONE = {"hour": timedelta(hours=1), "minute": timedelta(minutes=1)}  # "the next hour"
_SPANS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_HOURS, _MINUTES, _DIAL = 24, 60, 12
_BEFORE_CLOCK = ("BY", "BEFORE", "SINCE", "TOMORROW")
_HOURS_MAX = 10_000.0
DURATION_MAX = timedelta(days=30)


class Token(NamedTuple):
    """A word of the question. `kind` is a terminal of the grammar, or what `times` makes one of."""

    kind: str
    text: str
    value: Any = None


def tokens(text: str) -> list[Token]:
    """The words of a question, fillers left out. Raises Refused for what is no text of a question."""
    if len(text) > QUESTION_CHARS_MAX:
        raise Refused(f"a question has at most {QUESTION_CHARS_MAX} characters")
    if not all(c.isprintable() or c.isspace() for c in text):
        raise Refused("the question holds a character that cannot be seen")
    plain, words = normal(text), _words()
    found: list[Token] = []
    place = 0
    while place < len(plain):
        if plain[place] == " ":
            place += 1
            continue
        token, place = words.next(plain, place, found[-1].kind if found else "")
        if token.kind:
            found.append(token)
    return found


class _Words:
    """The lexicon as patterns: the longest phrase that begins at a place."""

    def __init__(self, words: Lexicon) -> None:
        self._words = words
        self._phrase = _Longest(words.phrases)
        self._unit = _Longest(words.units, after_number=True)
        self._duration = _Longest(words.durations, after_number=True)

    def next(self, text: str, place: int, before: str) -> tuple[Token, int]:
        """The token at a place, and where it ends; a token without a kind says nothing."""
        if before == "NUMBER" and (unit := self._unit.match(text, place)) is not None:
            return Token("UNIT", unit[0], self._words.units[_spaced(unit[0])]), unit.end()
        found = self._phrase_at(text, place) or _clock_at(text, place, before) or self._number_at(text, place)
        if found is not None:
            return found
        if (end := _ENDS.match(text, place)) is not None:
            return Token("", end[0]), end.end()
        if text[place] in ",;":
            return Token("COMMA", text[place]), place + 1
        rest = _REST.match(text, place)
        assert rest is not None  # it takes whatever there is
        return Token("UNKNOWN", rest[0].rstrip(".:") or rest[0]), rest.end()

    def _phrase_at(self, text: str, place: int) -> tuple[Token, int] | None:
        phrase = self._phrase.match(text, place)
        if phrase is None:
            one = _HOUR.match(text, place)
            return None if one is None else (Token("DURATION", one[0], _ONE[one[0]]), one.end())
        entry = self._words.phrases[_spaced(phrase[0])]
        return self._lasting(Token(entry.kind, phrase[0], entry.value), text, phrase.end())

    def _number_at(self, text: str, place: int) -> tuple[Token, int] | None:
        number = _NUMBER.match(text, place)
        if number is None:
            return None
        end = number.end()
        found = self._lasting(Token("NUMBER", number[0], float(number[0].replace("−", "-"))), text, end)
        is_whole = found[1] > end or _ALONE.match(text, end) or self._unit.match(text, end)
        return found if is_whole else None

    def _lasting(self, token: Token, text: str, end: int) -> tuple[Token, int]:
        """A number with the unit of time that follows it, as a duration."""
        after = re.compile(r"[ -]?").match(text, end)
        unit = self._duration.match(text, after.end()) if token.kind == "NUMBER" and after is not None else None
        if unit is None:
            return token, end
        lasts = timedelta(hours=min(token.value, _HOURS_MAX)) * (_SPANS[self._words.durations[unit[0]]] / _SPANS["h"])
        words = f"{token.text} {unit[0]}"
        is_one = timedelta(0) < lasts <= DURATION_MAX
        return (Token("DURATION", words, lasts) if is_one else Token("UNKNOWN", words)), unit.end()


@cache
def _words() -> _Words:
    return _Words(lexicon())


class _Longest:
    """Finds the longest of some phrases that begins at a place, and is no part of a longer word."""

    def __init__(self, phrases: Iterable[str], *, after_number: bool = False) -> None:
        by_first: dict[str, list[str]] = {}
        for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)):
            by_first.setdefault(phrase[0], []).append(_bounded(phrase, after_number))
        self._by_first = {first: re.compile("|".join(each)) for first, each in by_first.items()}

    def match(self, text: str, place: int) -> re.Match[str] | None:
        pattern = self._by_first.get(text[place : place + 1])
        return None if pattern is None else pattern.match(text, place)


def _bounded(phrase: str, after_number: bool) -> str:
    begin = r"(?<![\w/'+-])" if phrase[0].isalnum() and not after_number else ""
    end = "" if phrase[-1] in "<>=≤≥&°%" else r"(?![\w/'+-])" if phrase[-1].isalnum() else r"(?!\w)"
    if phrase.startswith("or "):
        end += r"(?!\s*[-−]?\d)"  # "130 or above" ends a comparison, "or above 130" begins the next one
    return begin + re.escape(phrase).replace(r"\ ", r"\s+") + end


def _clock_at(text: str, place: int, before: str) -> tuple[Token, int] | None:
    found = _CLOCK.match(text, place)
    if found is not None:
        hour, minute, half, bare_hour, bare_half = found.groups()
        at = _of_day(int(hour or bare_hour), int(minute or 0), half or bare_half)
    elif before in _BEFORE_CLOCK and (found := _CLOCK_OF_FOUR.match(text, place)) is not None:
        at = _of_day(int(found[1]), int(found[2]), None)
    else:
        return None
    return Token("UNKNOWN" if at is None else "CLOCK", found[0], at), found.end()


def _of_day(hour: int, minute: int, half: str | None) -> time | None:
    """A time of the day, or None where no clock shows it."""
    if half in ("am", "pm"):
        if not 1 <= hour <= _DIAL:
            return None
        hour = hour % _DIAL + (_DIAL if half == "pm" else 0)
    return time(hour, minute) if hour < _HOURS and minute < _MINUTES else None


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def shown(tokens: Iterable[Token]) -> str:
    """Words as they were written."""
    return " ".join(token.text for token in tokens)
