"""What is read is read whole: words by the lexicon, times by the clocks of the ward, numbers in their units."""

import json
import tomllib
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidelines.asking.lexicon import FILE, Quantity, lexicon, normal
from guidelines.asking.nearest import NEAREST_MAX
from guidelines.asking.question import NotRead, Question
from guidelines.asking.reading import read
from guidelines.asking.saying import told, written
from guidelines.asking.times import USUAL_HOURS, Hours, Ward
from guidelines.asking.tokens import QUESTION_CHARS_MAX
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import (
    Aggregate,
    AllOf,
    AnyOf,
    Change,
    Compare,
    Condition,
    Given,
    Named,
    On,
    Op,
    Windowed,
)
from schemas.conditions.text import parse

NOW, BERLIN = datetime(2026, 11, 30, 9, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def asked(text: str, now: datetime = NOW, zone: ZoneInfo = BERLIN, hours: Hours = USUAL_HOURS) -> Question:
    found = read(text, now, zone, hours)
    assert isinstance(found, Question), found
    return found


def refused(text: str, now: datetime = NOW, zone: ZoneInfo = BERLIN) -> NotRead:
    found = read(text, now, zone)
    assert isinstance(found, NotRead), found
    return found


def said(text: str) -> str:
    """The reading in words."""
    return told(asked(text), Ward(NOW, BERLIN, USUAL_HOURS))


# -- writing and reading back


def _numbers(concept: str) -> st.SearchStrategy[float]:
    known = CONCEPTS[concept]
    low, high = known.hard_low, known.hard_high
    assert low is not None
    assert high is not None
    scale = 10**known.decimals
    return st.integers(round(low * scale), round(high * scale)).map(lambda n: n / scale)


NUMERIC = [name for name in sorted(lexicon().called) if CONCEPTS[name].hard_low is not None]
OPS = st.sampled_from([Op.BELOW, Op.ABOVE, Op.AT_MOST, Op.AT_LEAST])
SPANS = st.integers(1, 48 * 60).map(lambda minutes: minutes * MINUTE)
HOLDS = st.none() | st.integers(1, 120).map(lambda minutes: minutes * MINUTE)
ITEMS = st.sampled_from(["norepinephrine", "vasopressor", "antimicrobial", "crystalloid", "propofol", "furosemide"])


@st.composite
def compares(draw: st.DrawFn, holds: st.SearchStrategy[timedelta | None] = HOLDS) -> Compare:
    concept = draw(st.sampled_from(NUMERIC))
    value = draw(_numbers(concept).filter(CONCEPTS[concept].plausible))
    return Compare(concept, draw(OPS), value, draw(holds))


@st.composite
def of_now(draw: st.DrawFn) -> Condition:
    kind = draw(st.sampled_from(["plain", "held", "on"]))
    if kind == "on":
        return On(draw(ITEMS))
    holds = st.none() if kind == "plain" else HOLDS.filter(bool)
    return _joined(draw(st.booleans()), draw(st.lists(compares(holds), min_size=1, max_size=4, unique=True)))


@st.composite
def of_the_past(draw: st.DrawFn) -> Condition:
    span = draw(SPANS)
    kind = draw(st.sampled_from(["windowed", "change", "given"]))
    if kind == "given":
        return Given(draw(ITEMS), span)
    if kind == "change":
        concept = draw(st.sampled_from(NUMERIC))
        by = draw(st.integers(1, 50)) / 10 ** CONCEPTS[concept].decimals
        percent = draw(st.booleans()) and CONCEPTS[concept].unit != "%"
        return Change(concept, draw(st.booleans()), 20.0 if percent else by, span, percent)
    aggregates = st.sampled_from([Aggregate.MIN, Aggregate.MAX, Aggregate.MEAN])
    parts = draw(st.lists(compares(st.none()), min_size=1, max_size=3, unique=True))
    return _joined(draw(st.booleans()), [Windowed(draw(aggregates), c.quantity, span, c.op, c.value) for c in parts])


def _joined(either: bool, parts: list[Condition] | list[Compare] | list[Windowed]) -> Condition:
    if len(set(parts)) == 1:
        return parts[0]
    whole = tuple(dict.fromkeys(parts))
    return AnyOf(whole) if either else AllOf(whole)


@settings(max_examples=60, deadline=None)
@given(st.lists(compares(), min_size=1, max_size=4, unique=True) | st.just([Named("sepsis")]), SPANS, st.booleans())
def test_a_chance_that_is_written_is_read_back(parts: list[Condition], within: timedelta, either: bool) -> None:
    """Any comparisons, each with a duration or without, joined by "or" or "and", within any time of whole minutes."""
    question = Question(condition=_joined(either, parts), within=within)
    again = asked(written(question))
    assert (again.condition, again.within) == (question.condition, within)


@settings(max_examples=60, deadline=None)
@given(of_now() | of_the_past())
def test_a_question_of_now_or_the_past_that_is_written_is_read_back(condition: Condition) -> None:
    """Comparisons, those that last, windows, changes, treatments."""
    again = asked(written(Question(condition=condition)))
    assert (again.condition, again.within) == (condition, None)


# -- whatever is typed

PHRASES = sorted(lexicon().phrases)
SALAD = st.lists(
    st.sampled_from(PHRASES)
    | st.sampled_from(["65", "4.0", "130 /min", "90 %", "7.2", "8 mmol/L", "6 h", "30 min", ",", "21:30", "0600", "?"])
    | st.sampled_from(
        ["chance that", "in the next 6 h", "within 4 hours", "is", "now", "was", "in the last 6 h", "MAP", "or"]
    )
    | st.text(max_size=6),
    max_size=12,
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(SALAD | st.text(max_size=400))
def test_any_words_are_read_whole_or_refused(text: str) -> None:
    """Nothing raises; what is read can be written and read again as the same; what is offered is read."""
    found = read(text, NOW, BERLIN)
    if isinstance(found, Question):
        again = asked(written(found))
        assert (again.condition, again.within) == (found.condition, found.within)
        parse_of_it = told(found, Ward(NOW, BERLIN, USUAL_HOURS))
        assert parse_of_it
    else:
        assert found.why
        assert 1 <= len(found.nearest) <= NEAREST_MAX
        assert all(isinstance(read(near, NOW, BERLIN), Question) for near in found.nearest)


@pytest.mark.parametrize("word", ["purple", "baseline", "yesterday", "unless", "not", "usually", "almost", "twice"])
@pytest.mark.parametrize("place", range(9))
def test_no_word_is_passed_over(word: str, place: int) -> None:
    """A word that the question does not need, put anywhere into it, makes it refused."""
    words = ["chance", "that", "MAP", "falls", "below", "65", "within", "6", "hours"]
    refused(" ".join([*words[:place], word, *words[place:]]))


# -- words


def test_no_word_stands_in_two_tables() -> None:
    """Each word of asking.toml has one meaning; units and durations are looked for only after a number."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    words = [*table["fillers"], *table["numbers"], *table["vague_times"]["words"], *table["names_in_one_unit"]]
    for kind in ("terminals", "names", "treatments"):
        words += [word for each in table[kind].values() for word in each]
    words += [word for row in (*table["clues"], *table["happenings"].values()) for word in row["words"]]
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert [word for word in words if normal(word) != word] == []


def test_every_word_leads_to_something_that_is_there() -> None:
    """Concepts of names, lines, limits and units exist, and each offered line is one of its concept."""
    table = json.loads(json.dumps(tomllib.loads(FILE.read_text(encoding="utf-8"))))
    named = [*table["names"], *table["lines"], *table["bare"]["never"], *table["bare"]["ranges"], *table["other_units"]]
    assert [name for name in named if name not in CONCEPTS] == []
    for clue in table["clues"]:
        for line in clue["nearest"]:
            assert isinstance(parse(line), Compare)


def test_a_concept_is_called_what_is_read_as_it() -> None:
    """Whatever a question is written with is the name of that very concept."""
    for concept, name in lexicon().called.items():
        assert lexicon().phrases[normal(name)].value == Quantity(concept)


# -- times


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("by 10:31", MINUTE),
        ("by 10:30", 24 * HOUR),
        ("by 21:30", 11 * HOUR),
        ("before 9:30 pm", 11 * HOUR),
        ("by 0600", 19.5 * HOUR),
        ("by 06:00 tomorrow", 19.5 * HOUR),
        ("by 23:00 tomorrow", 36.5 * HOUR),
        ("by midnight", 13.5 * HOUR),
        ("by noon", 1.5 * HOUR),
        ("by the morning round", 21.5 * HOUR),
        ("in the next 2 h 30 min", 2.5 * HOUR),
    ],
)
def test_a_time_ahead_is_by_the_clocks_of_the_ward(text: str, within: timedelta) -> None:
    """Asked at 10:30 in Berlin, which is 09:30 UTC; a time that has just been is that of tomorrow."""
    assert asked(f"chance of MAP below 65 {text}").within == within


def test_the_moment_that_was_read_is_told() -> None:
    """Of the morning round and of a time alike: the clock time, with its day."""
    assert said("MAP below 65 by the morning round").endswith("(by 1 Dec 08:00)")
    assert said("MAP below 65 in the next 6 h").endswith("measured at least once within 6 h (by 16:30)")
    assert said("did HR go above 130 since midnight").endswith("(since 00:00)")


def test_when_the_round_is_is_a_setting() -> None:
    """A ward that goes round at 07:15."""
    assert asked("MAP below 65 by the morning round", hours=Hours(morning_round=time(7, 15))).within == 20.75 * HOUR


@pytest.mark.parametrize(("clock", "left"), [("19:00", 11 * HOUR), ("23:30", 6.5 * HOUR), ("05:00", 1 * HOUR)])
def test_tonight_is_what_is_left_of_the_night(clock: str, left: timedelta) -> None:
    """From 20:00 to 07:00 in Berlin; by day "tonight" would count the day as well, and is refused."""
    now = datetime.fromisoformat(f"2026-11-30T{clock}:00+00:00")
    assert asked("will MAP fall below 65 tonight", now).within == left
    assert "20:00" in refused("will MAP fall below 65 tonight").why


def test_a_time_in_the_hour_that_clocks_are_changed_is_refused() -> None:
    """02:30 comes twice on 25 October 2026 in Berlin, and never on 29 March."""
    autumn, spring = datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 3, 28, 20, tzinfo=UTC)
    for evening in (autumn, spring):
        assert "not one moment" in refused("MAP below 65 by 02:30", evening).why
    assert asked("MAP below 65 by 04:30", autumn).within == 7.5 * HOUR  # 22:00 by summer time to 04:30 by winter time
    assert asked("MAP below 65 by 04:30", spring).within == 6.5 * HOUR  # from 21:00 by winter time


# -- numbers


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("glucose above 10 mmol/L", "glucose above 180.156"),
        ("creatinine above 150 µmol/L", "creatinine above 1.6968"),
        ("Hb below 75 g/L", "hb below 7.5"),
        ("temp above 101.3 °F", "temp above 38.5"),
        ("FiO2 above 60 %", "fio2 above 0.6"),
        ("urea above 20 mmol/L", "bun above 56.028"),
        ("platelets below 50k", "platelets below 50"),
        ("HR above 130 bpm", "hr above 130"),
        ("GCS ≥ 9", "gcs_total at_least 9"),
    ],
)
def test_a_unit_is_converted_and_the_conversion_is_told(text: str, condition: str) -> None:
    """The condition is in the unit of its concept; the reading says both where the number is another one."""
    question = asked(f"is {text} now")
    assert question.condition == parse(condition)
    number = float(condition.rsplit(maxsplit=1)[-1])
    assert bool(question.converted) == (f"{number:g}" not in text)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("glucose above 180", ["180 mg/dL"]),
        ("glucose below 4", ["4 mmol/L"]),
        ("glucose above 20", ["20 mg/dL", "20 mmol/L"]),
        ("creatinine above 150", ["150 µmol/L"]),
        ("creatinine above 10", ["10 mg/dL", "10 µmol/L"]),
        ("Hb below 80", ["80 g/L"]),
        ("temp above 101", ["101 °F"]),
        ("urea above 20", ["20 mmol/L"]),
        ("magnesium below 1", ["1 mg/dL", "1 mmol/L"]),
    ],
)
def test_a_number_that_needs_its_unit_is_refused_with_each_that_it_may_have(text: str, offered: list[str]) -> None:
    """Never the likelier one: all in which it is a possible value are offered."""
    found = refused(f"chance of {text} in the next 6 hours")
    assert "needs its unit" in found.why
    for number in offered:
        assert any(number in near or (text.startswith("urea") and "mg/dL" in near) for near in found.nearest), found
    assert len(found.nearest) == len(offered)


@pytest.mark.parametrize(
    ("concept", "outside", "edge"),
    [("creatinine", 0.29, 0.3), ("creatinine", 10, 9.9), ("lactate", 15.1, 15), ("temp", 44.1, 44)],
)
def test_a_bare_number_is_taken_only_where_no_other_unit_has_it(concept: str, outside: float, edge: float) -> None:
    """One step outside of the range that asking.toml names it is refused, and on its edge it is read."""
    refused(f"is {concept} above {outside} now")
    assert asked(f"is {concept} above {edge} now").condition == Compare(concept, Op.ABOVE, edge)


def test_what_no_living_patient_has_is_refused() -> None:
    """A saturation over 100 % and a pressure of 1000."""
    assert "never" in refused("is SpO2 below 110 % now").why
    assert "never" in refused("is MAP below 1000 now").why


# -- refusals


@pytest.mark.parametrize(
    ("text", "why", "near"),
    [
        ("chance of lactat above 4 in the next 6 h", "“lactat”", "chance that lactate rises above 4 mmol/L within 6 h"),
        ("will MAP stay above 65 for 6 hours", "lasts", "chance that MAP falls to 65 mmHg or less within 6 h"),
        (
            "chance of MAP or SBP below 90 in the next 4 hours",
            "",
            "chance that MAP falls below 90 mmHg or SBP falls below 90 mmHg within 4 h",
        ),
        ("will she need a vasopressor within 4 hours", "no forecast", "chance that MAP falls below 65 mmHg within 4 h"),
        ("will he be intubated within 12 hours", "no forecast", "chance that SpO₂ falls below 90 % within 12 h"),
        ("is she hypotensive", "no number", "chance that MAP falls below 65 mmHg within 6 h"),
        ("is she septic", "only a chance", "chance that sepsis develops within 6 h"),
        ("has MAP been < 65 over the last 2 hours", "once in", "was the lowest MAP below 65 mmHg in the last 2 h"),
        ("has MAP been < 65 over the last 2 hours", "all of it", "has MAP been below 65 mmHg for 2 h"),
        ("has MAP been below 65 the last 30 min", "all of it", "has MAP been below 65 mmHg for 30 min"),
        ("MAP < 65", "when", "is MAP below 65 mmHg now"),
        ("did HR increase by more than 20 in the last hour", "", "did heart rate rise by 20/min in the last 1 h"),
        ("has lactate been rising over the last 6 hours", "rising", "did lactate rise by 0.1 mmol/L in the last 6 h"),
        ("chance MAP drops by 20 mmHg within 6 hours", "which value", "chance that MAP falls below 65 mmHg within 6 h"),
        ("was she on noradrenaline in the last 6 h", "was given", "was norepinephrine given in the last 6 h"),
        ("pH < 7,25 within 6 h", "“7,25”", "chance that arterial pH falls below 7.25 within 6 h"),
        ("will MAP fall below 65 in 6 hours", "", "chance that MAP falls below 65 mmHg within 6 h"),
    ],
)
def test_a_refusal_says_why_and_offers_what_is_meant(text: str, why: str, near: str) -> None:
    """The reason names the word or the doubt; the likely question is among the nearest."""
    found = refused(text)
    assert near in found.nearest
    assert why in found.why


@pytest.mark.parametrize(
    "text",
    [
        "gcs < 9 and risk of SBP under 90 before midnight",
        "platelets below 50 and was the highest lactate above 4 in the last 24 h",
        "is lactate above 4 or will MAP fall below 65 in the next 6 h",
        "will MAP fall below 65 in the next 6 h and is lactate above 4",
    ],
)
def test_two_questions_are_not_read_as_one(text: str) -> None:
    """Where only the second part says of when it asks, the first may be of another time."""
    refused(text)


@pytest.mark.parametrize("text", ["chance MAP drops by 20 in the next 6 h", "did HR rise 20 in the last hour"])
def test_the_size_of_a_change_is_never_offered_as_a_line(text: str) -> None:
    """A fall by 20 is no pressure of 20."""
    assert not any(" below 20" in near or " above 20" in near for near in refused(text).nearest)


def test_and_is_offered_as_and() -> None:
    """What joins two conditions in the question joins them in what is offered."""
    assert refused("chance of both MAP < 65 and lactate > 4 within 6 h").nearest[0] == (
        "chance that MAP falls below 65 mmHg and lactate rises above 4 mmol/L within 6 h"
    )


def test_a_question_that_is_too_long_is_refused() -> None:
    """At the limit it is looked at; one character more, and it is not."""
    question = "chance that MAP falls below 65 within 6 hours"
    asked(question + " " * (QUESTION_CHARS_MAX - len(question)))
    assert str(QUESTION_CHARS_MAX) in refused(question + " " * (QUESTION_CHARS_MAX + 1 - len(question))).why


def test_what_cannot_be_seen_is_refused() -> None:
    """A character that turns the direction of reading could make a question look like another one."""
    assert "cannot be seen" in refused("chance of MAP below 65\u202e within 6 hours").why
