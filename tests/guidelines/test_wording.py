"""Sentences to the letter: each part of a template, each window, each limit."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from guidelines.book.records import Words
from guidelines.evidence import NO_OUTLOOK
from guidelines.rules.answers import Answer, Computed, Forecasted, Source
from guidelines.rules.case import Case
from guidelines.rules.graph import Graph
from guidelines.wording import TEMPLATE_CHARS_MAX, question, unbound, warning
from schemas.clinical.findings import Truth
from schemas.clinical.snapshot import Snapshot
from tests.knowledge.charts import HOUR, MINUTE, NOW, TICK, Row, chart, fact, reading, treatment

GRAPH = Graph({})
WORSE = {"map": -10.0, "hr": 15.0, "lactate": 1.0}
WORDS = Words("it is so", "it is so", "pressure fell", "pressure is low", ("map", "hr"))


def said(*rows: Row, sources: Sequence[Source] = (), words: Words = WORDS, sex: str | None = None) -> str:
    """The sentence of a warning about these rows, without its opening."""
    seen = chart(rows, sex=sex)
    made = warning(Case(seen, NO_OUTLOOK, GRAPH), words, Answer(Truth.YES, tuple(sources)), "Warning", WORSE)
    assert unbound(made) == []
    opening, body = made.text.split(": it is so.")
    assert opening == "Warning"
    return body.strip()


def asked(*names: str, sources: Sequence[Source] = (), seen: Snapshot | None = None) -> str:
    case = Case(seen or chart(), NO_OUTLOOK, GRAPH)
    return question(case, WORDS, Answer(Truth.UNKNOWN, tuple(sources)), names).text


@pytest.mark.parametrize(
    ("ago", "span"),
    [
        (MINUTE, "1 minute"),
        (2 * MINUTE, "2 minutes"),
        (15 * MINUTE, "15 minutes"),  # the window holds its start
        (15 * MINUTE + TICK, "16 minutes"),
        (30 * MINUTE, "30 minutes"),
        (60 * MINUTE, "60 minutes"),
    ],
)
def test_a_change_is_told_with_the_minutes_since(ago: timedelta, span: str) -> None:
    """From the older value to the newer; a minute that has begun counts."""
    told = said(reading("map", 80, ago), reading("map", 60))
    assert told == f"The patient's pressure fell in the last {span} (MAP 80 → 60 mmHg)."


@pytest.mark.parametrize(
    ("ago", "span", "old"),
    [(15 * MINUTE, "15 minutes", 72), (15 * MINUTE + TICK, "25 minutes", 90), (30 * MINUTE, "30 minutes", 72),
     (30 * MINUTE + TICK, "50 minutes", 90)],
)  # fmt: skip
def test_what_lies_further_back_than_the_window_is_no_part_of_its_change(ago: timedelta, span: str, old: float) -> None:
    """The start of a window is in it; a microsecond more, and only the next window shows the fall, from its oldest."""
    further = 25 * MINUTE if ago < 20 * MINUTE else 50 * MINUTE
    told = said(reading("map", 90, further), reading("map", 72, ago), reading("map", 60))
    assert told == f"The patient's pressure fell in the last {span} (MAP {old} → 60 mmHg)."


def test_what_is_longer_ago_than_an_hour_is_no_change() -> None:
    """A microsecond more, and the value stands alone."""
    told = said(reading("map", 80, HOUR + TICK), reading("map", 60))
    assert told == "The patient's pressure is low (MAP 60 mmHg)."


@pytest.mark.parametrize(("sex", "who"), [("female", "Her"), ("male", "His"), (None, "The patient's")])
def test_whose_it_is(sex: str | None, who: str) -> None:
    """By the sex of the record, where it is known."""
    assert said(reading("map", 60), sex=sex) == f"{who} pressure is low (MAP 60 mmHg)."


@pytest.mark.parametrize(
    ("concept", "old", "new", "told"),
    [
        ("map", 70, 60, True), ("map", 69, 60, False), ("map", 60, 80, False),
        ("hr", 100, 115, True), ("hr", 100, 114, False), ("hr", 140, 100, False),
    ],
)  # fmt: skip
def test_a_change_is_one_by_the_margin_of_its_quantity(concept: str, old: float, new: float, told: bool) -> None:
    """A pressure that falls by ten, a rate that rises by fifteen; the other way is none."""
    assert ("→" in said(reading(concept, old, 5 * MINUTE), reading(concept, new))) is told


def test_the_shortest_window_that_shows_a_change_is_told() -> None:
    """Slow over half an hour and fast within the last minutes: the fast one is named, from the oldest in its window."""
    rows = [reading("map", 95, 25 * MINUTE), reading("map", 80, 12 * MINUTE), reading("map", 75, 5 * MINUTE)]
    told = "The patient's pressure fell in the last 12 minutes (MAP 80 → 60 mmHg)."
    assert said(*rows, reading("map", 60)) == told


def test_of_two_changes_the_older_beginning_is_told_and_what_did_not_change_stands_behind() -> None:
    """Each with its two values, then the others of which the rule speaks or on which it rests."""
    rows = [reading("map", 80, 12 * MINUTE), reading("hr", 90, 14 * MINUTE), reading("map", 60), reading("hr", 120)]
    lactate = reading("lactate", 3.4, 16 * MINUTE)
    assert said(*rows, lactate, sources=[lactate]) == (
        "The patient's pressure fell in the last 14 minutes "
        "(MAP 80 → 60 mmHg, heart rate 90 → 120/min, lactate 3.4 mmol/L at 11:44)."
    )


@pytest.mark.parametrize(("ago", "time"), [(15 * MINUTE, ""), (15 * MINUTE + TICK, " at 11:44")])
def test_a_value_older_than_a_quarter_of_an_hour_says_when(ago: timedelta, time: str) -> None:
    """Exactly a quarter is now."""
    one = reading("lactate", 3.4, ago)
    assert said(one, sources=[one]) == f"The patient's pressure is low (lactate 3.4 mmol/L{time})."


def test_at_most_five_values_are_shown() -> None:
    """Those of the rule's own words first."""
    names = ("temp", "rr", "spo2", "lactate", "k")
    rows = [reading(n, v) for n, v in zip(names, (39, 30, 90, 3, 5), strict=True)]
    told = said(*rows, reading("map", 60), sources=rows)
    assert told == (
        "The patient's pressure is low (MAP 60 mmHg, Temp 39.0 °C, RR 30/min, SpO₂ 90 %, lactate 3.0 mmol/L)."
    )
    changed = said(*rows, reading("map", 80, MINUTE), reading("map", 60), sources=rows)
    assert changed.count(",") == 4


def test_without_a_value_nothing_is_claimed() -> None:
    """Only that it is so."""
    assert said() == ""


def test_a_change_of_what_a_score_counts_is_its_own_only_where_the_rule_speaks_of_the_score() -> None:
    """NEWS2 rose with the heart rate: told where the words speak of NEWS2, a bare value where they do not."""
    rows = [reading("hr", 90, 5 * MINUTE), reading("hr", 131)]
    score = Computed("news2", 3.0, NOW, (rows[1],))
    own = Words("it is so", "", "score rose", "score is high", ("news2",))
    told = said(*rows, words=own, sources=[score])
    assert told == "The patient's score rose in the last 5 minutes (heart rate 90 → 131/min, NEWS2 at least 3)."
    other = Words("it is so", "", "pressure fell", "pressure is low", ("map",))
    told = said(*rows, words=other, sources=[score])
    assert told == "The patient's pressure is low (NEWS2 at least 3, heart rate 131/min)."


def test_a_range_that_is_not_known_is_not_shown_but_a_score_is() -> None:
    """Of a worked-out number both ends must agree; of a score the lower one is said as at least."""
    assert said(reading("sbp", 90), words=Words("it is so", "", "x", "x", ("pulse_pressure",))) == ""
    told = said(reading("rr", 25), words=Words("it is so", "", "x", "score is high", ("news2",)))
    assert told == "The patient's score is high (NEWS2 at least 3)."


def test_a_letter_is_shown_in_words() -> None:
    """A coded quantity by its newest valid code."""
    told = said(reading("acvpu", "V"), words=Words("it is so", "", "x", "mind is clouded", ("acvpu", "o2_device")))
    assert told == "The patient's mind is clouded (ACVPU V (voice))."


def test_notes_and_treatments_are_quoted_two_at_most() -> None:
    """Notes first, a hedge as possible; then treatments, as far as there is room."""
    one, two = (replace(fact(f"perf.{w}", HOUR, p), words=w) for w, p in
                (("mottled", "affirmed"), ("clammy", "uncertain")))  # fmt: skip
    three = replace(fact("resp.wob", HOUR), words="gasping")
    drug = treatment("norepinephrine", "start", 2 * HOUR, rate=0.1)
    other = treatment("furosemide", "given", 3 * HOUR)
    both = "It rests on: “mottled” noted at 11:00, “clammy” noted as possible at 11:00."
    assert said(sources=[one, two, three, drug]) == both
    assert said(sources=[drug, one]) == "It rests on: “mottled” noted at 11:00, norepinephrine at 10:00."
    assert said(sources=[drug, other, one]) == "It rests on: “mottled” noted at 11:00, norepinephrine at 10:00."
    assert said(sources=[drug, other]) == "It rests on: norepinephrine at 10:00, furosemide at 09:00."


def test_the_same_words_are_quoted_once() -> None:
    """In whatever case, and those that stand inside longer ones with those."""
    quoted = {"cool": "cool", "cool_clammy": "Cool and clammy", "clammy": "cool AND clammy"}
    notes = [replace(fact(f"perf.{name}", HOUR), words=words) for name, words in quoted.items()]
    assert said(sources=notes) == "It rests on: “Cool and clammy” noted at 11:00."


def test_a_forecast_is_told_with_its_hours_and_where_it_begins() -> None:
    """Instead of what is now; several one after another."""
    low = Forecasted("map", 58.0, HOUR, "m", NOW)
    fast = Forecasted("hr", 130.0, timedelta(minutes=90), "m", NOW)
    told = said(reading("map", 70, 5 * MINUTE), reading("map", 75), sources=[low, fast])
    assert told == "Forecast median: MAP 58 mmHg in 1 h (now 75 mmHg), heart rate 130/min in 1.5 h."


def test_a_question_names_what_to_measure_and_what_to_ask() -> None:
    """Measurements together, what people say each by itself, an infection as a question; four of each at most."""
    assert asked("lactate", "map") == "I cannot tell whether it is so: measure lactate, MAP."
    assert asked("infection") == "I cannot tell whether it is so: is infection suspected? (write it in a note)."
    told = asked("allergies", "lactate", "perf.mottled")
    assert told == "I cannot tell whether it is so: measure lactate; check allergies; check perf.mottled."
    many = asked("map", "hr", "rr", "temp", "spo2", *"abcde")
    measured = "measure MAP, heart rate, RR, Temp; check a; check b; check c; check d."
    assert many == f"I cannot tell whether it is so: {measured}"


def test_a_question_says_what_is_known() -> None:
    """The values that it rests on, and the notes."""
    pulse, word = reading("hr", 120), replace(fact("perf.mottled", HOUR), words="mottled")
    told = asked("lactate", sources=[pulse, word], seen=chart([pulse, word]))
    assert told == (
        "I cannot tell whether it is so: measure lactate. Known: heart rate 120/min. "
        "It rests on: “mottled” noted at 11:00."
    )


@pytest.mark.parametrize(("room", "fits"), [(0, True), (-1, False)])
def test_a_part_that_does_not_fit_is_left_out_whole(room: int, fits: bool) -> None:
    """A template of its very limit does not fit, one letter less does."""
    head = "Warning: x."
    tail = "The patient's  (MAP {0})."
    words = Words("x", "", "", "y" * (TEMPLATE_CHARS_MAX - 1 - room - len(head) - len(tail)), ("map",))
    made = warning(Case(chart(reading("map", 60)), NO_OUTLOOK, GRAPH), words, Answer(Truth.YES), "Warning", WORSE)
    assert ("MAP" in made.template) is fits
    assert len(made.template) <= TEMPLATE_CHARS_MAX
