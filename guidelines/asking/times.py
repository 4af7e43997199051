"""The times of a question: "in the next 6 hours", "by 21:30", "by the morning round", "since midnight".

Words that tell a time are put together into one token each, with the span that it means at `now`:

    AHEAD   Span: within so long from now            PAST   Span: of the last so long, and which of it is asked
    HOLD    timedelta: for so long                   NOW    this moment

The clocks are those of the ward. An hour that comes twice, or never, in the night that clocks are changed is refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from guidelines.asking.question import Refused
from guidelines.asking.tokens import Token
from schemas.local_time import UTC, clock_and_day

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


class Hours(NamedTuple):
    """The times of the ward's day that questions name."""

    morning_round: time = time(8)
    night_from: time = time(20)
    night_to: time = time(7)


USUAL_HOURS = Hours()


class Of(StrEnum):
    """What of a span of the past is asked: any moment in it, all of it, or either, as the words leave it open."""

    ANY = "any"
    ALL = "all"
    OPEN = "open"


class Span(NamedTuple):
    """How long, in whole minutes; the moment of the clock that it was told by; and what of it is asked."""

    long: timedelta
    at: datetime | None = None
    of: Of = Of.OPEN


class Ward(NamedTuple):
    """When and where a question is asked."""

    now: datetime
    zone: ZoneInfo
    hours: Hours


_ANY_OF = {"IN": Of.ANY, "WITHIN": Of.ANY, "FOR": Of.ALL}
_BARE = ("NEXT", "DURATION")  # a time without a preposition
_PREPOSITIONS = ("IN", "OVER", "WITHIN", "DURING", "FOR")
_NAMED: Mapping[str, Callable[[Hours], time]] = {
    "MIDNIGHT": lambda hours: time(0),  # noqa: ARG005
    "NOON": lambda hours: time(12),  # noqa: ARG005
    "ROUND": lambda hours: hours.morning_round,
}


def with_times(tokens: Sequence[Token], ward: Ward) -> list[Token]:
    """The tokens with each time as one of them. Raises Refused."""
    return list(_without_commas_beside_times([*_timed([*_summed(tokens)], ward)]))


def _summed(tokens: Sequence[Token]) -> Iterator[Token]:
    """2 h 30 min as one duration."""
    before: Token | None = None
    for token in tokens:
        if before is not None and before.kind == token.kind == "DURATION" and token.value < HOUR <= before.value:
            before = Token("DURATION", f"{before.text} {token.text}", before.value + token.value)
            continue
        if before is not None:
            yield before
        before = token
    if before is not None:
        yield before


def _timed(tokens: Sequence[Token], ward: Ward) -> Iterator[Token]:
    place = 0
    while place < len(tokens):
        made = _time_at(tokens[place:], ward)
        if made is None:
            yield tokens[place]
            place += 1
        else:
            yield made[0]
            place += made[1]


def _time_at(rest: Sequence[Token], ward: Ward) -> tuple[Token, int] | None:
    """The time that begins here, and how many words it has."""
    kinds = [token.kind for token in rest[:4]]
    for length, make in _FORMS:
        made = make(kinds[:length], rest[:length], ward) if len(kinds) >= length else None
        if made is not None:
            kind, value = made
            return Token(kind, " ".join(token.text for token in rest[:length]), value), length
    return None


_Made = tuple[str, Span | timedelta] | None


def _span_of_days(kinds: Sequence[str], rest: Sequence[Token], ward: Ward) -> _Made:  # noqa: ARG001
    """[in] next 6 hours, [over] last 6 hours"""
    preposition, rest_kinds = ("", kinds) if len(kinds) == len(_BARE) else (kinds[0], kinds[1:])
    if preposition not in (*_PREPOSITIONS, ""):
        return None
    match [*rest_kinds]:
        case ["NEXT", "DURATION"]:
            if preposition == "FOR":
                raise Refused("“for the next …” may mean once in that time, or all of it")
            return "AHEAD", Span(rest[-1].value)
        case ["LAST", "DURATION"]:
            return "PAST", Span(rest[-1].value, of=_ANY_OF.get(preposition, Of.OPEN))
    return None


def _pair(kinds: Sequence[str], rest: Sequence[Token], ward: Ward) -> _Made:
    """within 6 hours, for 10 min, by 21:30, since 08:00"""
    match [*kinds]:
        case ["WITHIN", "DURATION"]:
            return "AHEAD", Span(rest[1].value)
        case ["FOR", "DURATION"]:
            return "HOLD", rest[1].value
        case ["DURATION", "CHANCE"]:  # 12-hour risk
            return "AHEAD", Span(rest[0].value)
        case ["BY" | "BEFORE", _] if (at := _clock(rest[1], ward)) is not None:
            return "AHEAD", _until(at, ward, days=0)
        case ["SINCE", _] if (at := _clock(rest[1], ward)) is not None:
            return "PAST", _since(at, ward)
    return None


def _triple(kinds: Sequence[str], rest: Sequence[Token], ward: Ward) -> _Made:
    """by 06:00 tomorrow, by tomorrow 06:00, for at least 10 min"""
    match [*kinds]:
        case ["FOR", "AT_LEAST", "DURATION"]:
            return "HOLD", rest[2].value
        case ["BY" | "BEFORE", "TOMORROW", _] if (at := _clock(rest[2], ward)) is not None:
            return "AHEAD", _until(at, ward, days=1)
        case ["BY" | "BEFORE", _, "TOMORROW"] if (at := _clock(rest[1], ward)) is not None:
            return "AHEAD", _until(at, ward, days=1)
    return None


def _single(kinds: Sequence[str], rest: Sequence[Token], ward: Ward) -> _Made:  # noqa: ARG001
    if kinds == ["TONIGHT"]:
        return "AHEAD", _night(ward)
    return None


_FORMS: Sequence[tuple[int, Callable[[Sequence[str], Sequence[Token], Ward], _Made]]] = (
    (3, _span_of_days), (3, _triple), (2, _span_of_days), (2, _pair), (1, _single),
)  # fmt: skip


def _clock(token: Token, ward: Ward) -> time | None:
    """The time of day that a word names."""
    if token.kind == "CLOCK":
        at: time = token.value
        return at
    named = _NAMED.get(token.kind)
    return None if named is None else named(ward.hours)


def _until(at: time, ward: Ward, *, days: int) -> Span:
    """Up to the next time that the clocks show this, or to that of tomorrow."""
    today = ward.now.astimezone(ward.zone).date()
    moments = [_moment(datetime.combine(today + days * DAY, at), ward.zone)]
    if days == 0 and moments[0] <= ward.now:
        moments.append(_moment(datetime.combine(today + DAY, at), ward.zone))
    return Span(_minutes(moments[-1] - ward.now), moments[-1])


def _since(at: time, ward: Ward) -> Span:
    """From the last time that the clocks showed this."""
    today = ward.now.astimezone(ward.zone).date()
    moment = _moment(datetime.combine(today, at), ward.zone)
    if moment >= ward.now:
        moment = _moment(datetime.combine(today - DAY, at), ward.zone)
    return Span(_minutes(ward.now - moment, up=True), moment)


def _night(ward: Ward) -> Span:
    """What is left of the night, where it is night."""
    local = ward.now.astimezone(ward.zone).time()
    begin, end = ward.hours.night_from, ward.hours.night_to
    is_night = begin <= local or local < end if end < begin else begin <= local < end
    if not is_night:
        raise Refused(f"the night begins at {begin:%H:%M}, and a chance counts from now")
    return _until(end, ward, days=0)


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clocks of the zone show this. Raises Refused where they do not, or twice."""
    moment = local.replace(tzinfo=zone)
    twice = moment.utcoffset() != moment.replace(fold=1).utcoffset()
    if twice or moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise Refused(f"the clocks are changed that night, and {local:%H:%M} is not one moment of it")
    return moment.astimezone(UTC)


def _minutes(span: timedelta, *, up: bool = False) -> timedelta:
    """In whole minutes, one at least."""
    whole = span // MINUTE + (1 if up and span % MINUTE else 0)
    return max(whole, 1) * MINUTE


def _without_commas_beside_times(tokens: Sequence[Token]) -> Iterator[Token]:
    """A comma before or after a time parts no two conditions; nor does one at an end."""
    for place, token in enumerate(tokens):
        is_inside = 0 < place < len(tokens) - 1
        if token.kind != "COMMA" or (is_inside and not _is_time(tokens[place - 1]) and not _is_time(tokens[place + 1])):
            yield token


def _is_time(token: Token) -> bool:
    return token.kind in ("AHEAD", "PAST", "NOW")


def told(span: timedelta) -> str:
    """A span in the words of a question: 12 h, 11 h 30 min, 90 min, 3 d."""
    if span % DAY == timedelta(0) and span > 2 * DAY:
        return f"{span // DAY} d"
    hours, minutes = divmod(span, HOUR)
    if hours == 0 or (minutes and span < 2 * HOUR):
        return f"{span // MINUTE} min"
    return f"{hours} h {minutes // MINUTE} min" if minutes else f"{hours} h"


def moment_told(moment: datetime, ward: Ward) -> str:
    """A moment as the clocks of the ward show it."""
    return clock_and_day(moment, ward.now, ward.zone)
