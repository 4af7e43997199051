"""When something was so: times of day in a text, as the clocks of the ward show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from guidelines.notes.lexicon import LISTS
from guidelines.notes.scope import Found
from guidelines.notes.words import Text

CLOCK_SLACK = timedelta(minutes=15)  # a time in the text may be so much later than the note
CLOCK_REACH = timedelta(hours=12)  # and so much earlier; beyond, the note's own time is used
LAST_REACH = 30  # words behind a phrase within which its "last dose 0900" may begin
_CLOCK_CHARS = range(4, 6)
_HOUR_MAX, _MINUTE_MAX, _YEARS = 23, 59, range(1900, 2100)


def _clock(text: Text, at: int) -> int | None:
    """Minutes after midnight, if the word is a time of day: 03:10, 0310, "at 1430", "1018 hives"."""
    word = text.words[at]
    if not word[0].isdecimal() or not (len(word) in _CLOCK_CHARS and (word.isdecimal() or word[-3] == ":")):
        return None
    digits = word.replace(":", "")
    if not digits.isdecimal() or len(digits) not in {3, 4}:
        return None
    hour, minute = int(digits[:-2]), int(digits[-2:])
    before = text.words[at - 1] if at and text.sentence[at - 1] == text.sentence[at] else ""
    after = text.words[at + 1] if at + 1 < len(text.words) and text.sentence[at + 1] == text.sentence[at] else ""
    if hour > _HOUR_MAX or minute > _MINUTE_MAX or after in LISTS["quantity"]:
        return None
    leads = not before or text.clause[at - 1] != text.clause[at]
    year = int(digits) in _YEARS
    sure = ":" in word or word[0] == "0" or before in LISTS["clock"] or (leads and (after == ":" or not year))
    return hour * 60 + minute if sure else None


@dataclass(frozen=True, slots=True)
class Ward:
    """When a note was written, and the zone whose clocks hang on its ward."""

    observed: datetime
    zone: ZoneInfo

    def moment(self, minutes: int) -> datetime:
        """The latest such time of day that the note could mean; the note's own time where that is too far away.

        In the night that clocks are put back an hour comes twice: the later one that is not after the note is meant.
        In the night that they are put forward one is left out: a time in it is none.
        """
        shown, today = time(*divmod(minutes, 60)), self.observed.astimezone(self.zone).date()
        earliest, latest = self.observed - CLOCK_REACH, self.observed + CLOCK_SLACK
        for day in (today + timedelta(days=1), today, today - timedelta(days=1)):
            for fold in (1, 0):
                local = datetime.combine(day, shown, self.zone).replace(fold=fold)
                moment = local.astimezone(self.observed.tzinfo)
                exists = moment.astimezone(self.zone).time() == shown
                if exists and earliest <= moment <= latest:
                    return moment
        return self.observed


def may_be_time(text: Text, at: int, ward: Ward) -> bool:
    """Whether four digits can be a time of day within reach of the note, and not only a year."""
    hour, minute = int(text.words[at][:2]), int(text.words[at][2:])
    return hour <= _HOUR_MAX and minute <= _MINUTE_MAX and ward.moment(hour * 60 + minute) != ward.observed


def times(text: Text, ward: Ward) -> tuple[dict[int, list[tuple[int, datetime]]], dict[int, datetime]]:
    """Per clause the times in it (word, time), and per clause the time that was last put first on its line."""
    inside: dict[int, list[tuple[int, datetime]]] = {}
    leading: dict[int, datetime] = {}
    lead: tuple[int, datetime] | None = None  # the line, and the time that was last put first on it
    for clause, words in text.clauses.items():
        for at in words:
            minutes = _clock(text, at) if text.words[at][0].isdecimal() else None
            if minutes is not None:
                moment = ward.moment(minutes)
                inside.setdefault(clause, []).append((at, moment))
                lead = (text.line[at], moment) if at == words.start else lead
        if lead is not None and lead[0] == text.line[words.stop - 1]:
            leading[clause] = lead[1]
    return inside, leading


def when(text: Text, one: Found, inside: Mapping[int, list[tuple[int, datetime]]]) -> datetime | None:
    """The time said for a phrase: in its clause, or in a following "last dose 0900"."""
    if not inside:
        return None
    clause = text.clause[one.start]
    after = next((moment for at, moment in inside.get(clause, ()) if at >= one.start), None)
    if after is not None:
        return after
    follows = max(text.clauses[clause].stop, one.end)
    if follows >= min(one.end + LAST_REACH, len(text.words)) or text.words[follows] != "last":
        return None
    if text.sentence[follows] != text.sentence[one.start]:
        return None
    return next((moment for _, moment in inside.get(text.clause[follows], ())), None)
