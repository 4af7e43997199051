"""A question about a bed is answered by the forecaster or by the rules, with what is known, and changes nothing."""

from datetime import timedelta
from functools import cache

import pytest

from forecasting.network import forecaster
from guidelines.book import load as book
from schemas.boards.asked import Asked
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Odds
from schemas.conditions.text import parse
from schemas.events import Event
from streams.core.asking import answered
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.core.step import outlook_at
from tests.streams.bedside import admitted, at, play, reading, treatment, vitals

NOW = at("11:05")


@cache
def mind() -> Mind:
    return Mind(book.load(), forecaster.load(), Policy())


@cache
def bed() -> Bed:
    """Four rounds of vital signs, lactate twice, noradrenaline since 10:40; potassium was never measured."""
    events: list[Event] = [admitted()]
    for clock, hr in (("08:00", 100), ("09:00", 105), ("10:00", 110), ("11:00", 115)):
        events += vitals(clock, hr=hr, rr=22, spo2=94, bp="100/55", temp=38.2)
    events += [reading("lactate", 2.4, "09:30"), treatment("norepinephrine", "start", "10:40", rate=0.1)]
    events.append(reading("lactate", 3.1, "10:45"))
    return play(sorted(events, key=lambda event: event.available_at), NOW, mind())[0]


def ask(question: str) -> Asked:
    return answered(bed(), question, NOW, mind())


def chance(condition: str, hours: float) -> Odds:
    found = outlook_at(bed(), NOW, mind()).chance(parse(condition), timedelta(hours=hours))
    assert isinstance(found, Odds)
    return found


def test_a_chance_is_what_the_forecaster_says_of_that_condition() -> None:
    """The reading, the condition as rules write it, the odds, and the newest value with its time."""
    found = ask("chance that MAP falls below 65 in the next 6 hours?")
    assert found.read_as == "MAP below 65 mmHg, measured at least once within 6 h (by 17:05)"
    assert (found.condition, found.within_h) == ("map below 65", 6.0)
    assert found.odds == chance("map below 65", 6)
    assert [(e.label, e.shown, e.at) for e in found.evidence] == [("MAP", "70 mmHg", at("11:00"))]
    assert any("treated as usual" in remark for remark in found.remarks)


def test_the_chance_of_either_lies_between_the_likeliest_and_the_sum() -> None:
    """Whatever they have to do with each other; the answer says how it was put together."""
    either = ask("chance of MAP below 65 or lactate above 4 in the next 12 hours")
    parts = [chance("map below 65", 12), chance("lactate above 4", 12)]
    assert either.odds is not None
    assert either.odds.low >= max(part.low for part in parts) - 0.001
    assert either.odds.high <= sum(part.high for part in parts) + 0.001
    assert max(part.probability for part in parts) <= either.odds.probability
    assert any("as if they were independent" in remark for remark in either.remarks)


@pytest.mark.parametrize(
    ("question", "truth"),
    [
        ("is lactate above 2 now", Truth.YES),
        ("is MAP below 65", Truth.NO),
        ("is she on noradrenaline", Truth.YES),
        ("was the lowest MAP below 75 in the last 2 hours", Truth.YES),
        ("did lactate rise by 0.5 mmol/L in the last 6 hours", Truth.YES),
        ("did lactate rise by 1 mmol/L in the last 6 hours", Truth.NO),
        ("is potassium above 6", Truth.UNKNOWN),
        ("is potassium above 6 or lactate above 2", Truth.YES),
    ],
)
def test_of_now_and_the_past_the_rules_answer(question: str, truth: Truth) -> None:
    """Yes, no, or that it cannot be told."""
    assert ask(question).truth is truth


def test_an_answer_of_the_past_shows_what_it_rests_on() -> None:
    """Both values of a rise, each with its time."""
    found = ask("did lactate rise in the last 6 hours")
    assert sorted((e.shown, e.at) for e in found.evidence) == [
        ("2.4 mmol/L", at("09:30")),
        ("3.1 mmol/L", at("10:45")),
    ]


def test_what_cannot_be_told_names_what_would_settle_it() -> None:
    """Potassium was never measured."""
    assert [(need.label, need.why) for need in ask("is potassium above 6").needs] == [("potassium", "never measured")]


@pytest.mark.parametrize(
    "question",
    [
        "chance of MAP below 65 and lactate above 4 in the next 6 hours",  # how they go together was not validated
        "chance of MAP below 65 in the next 36 hours",  # too far ahead
        "chance of MAP below 20 in the next 6 hours",  # a line that was not fitted
        "chance of lactate above 2 in the next 6 hours",  # it is so already
        "chance of potassium above 6 in the next 12 hours",  # never measured
        "chance of NEWS2 at least 7 in the next 6 hours",  # no forecast of it
        "chance of sepsis in the next 12 hours",  # told within 6 h only
        "chance of MAP below 65 for 2 hours in the next 6 hours",
    ],
)
def test_where_there_is_no_chance_the_reason_is_told_and_what_is_answered_is_offered(question: str) -> None:
    """The question was read; each question that is offered has a chance now."""
    found = ask(question)
    assert found.read_as is not None
    assert found.odds is None
    assert found.missing is not None
    assert found.missing.reason
    assert 1 <= len(found.nearest) <= 3
    assert all(ask(near).odds is not None for near in found.nearest)


def test_of_two_together_each_alone_is_offered() -> None:
    """First, and within the same time."""
    near = ask("chance of MAP below 65 and lactate above 4 in the next 6 hours").nearest
    assert near[:2] == (
        "chance that MAP falls below 65 mmHg within 6 h",
        "chance that lactate rises above 4 mmol/L within 6 h",
    )


def test_sepsis_is_asked_by_name() -> None:
    """As far ahead as its chance is told, with what is meant by it."""
    found = ask("what is the risk of sepsis in the next 6 hours")
    assert found.odds == chance("is sepsis", 6)
    assert found.condition == "is sepsis"
    assert any("or has begun" in remark for remark in found.remarks)


def test_what_is_not_read_is_not_answered() -> None:
    """The reason and the nearest questions, and nothing else."""
    found = ask("glucose above 8 in the next 6 hours")
    assert found.refused == "glucose 8 needs its unit"
    assert (found.read_as, found.odds, found.missing, found.truth) == (None, None, None, None)
    assert found.nearest == ("chance that glucose rises above 8 mmol/L within 6 h",)


def test_asking_changes_nothing() -> None:
    """The very same bed, and the same answer again."""
    before = bed()
    assert ask("chance of MAP below 65 in the next 6 hours") == ask("chance of MAP below 65 in the next 6 hours")
    assert bed() is before
