"""Earlier chances are held against what came: with what could be known then, and nothing that came later."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from forecasting.network.forecaster import load
from guidelines.book import load as book
from schemas.boards.hindsight import Came, Hindsight
from schemas.events import Event, Movement
from streams.core.hindsight import looked_back
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.core.view import view
from tests.streams.bedside import admitted, at, play, reading

MIND = Mind(book.load(), load(), Policy(allowed_lateness=timedelta(seconds=0.5)))
HOURS = 60.0


def hourly(first: int, last: int, **values: float) -> list[Event]:
    """The same vital signs at every hour after eight, from the first to the last."""
    return [reading(c, value, HOURS * hour) for hour in range(first, last + 1) for c, value in values.items()]


BEFORE = [admitted("01:55"), *hourly(-6, 0, map=72.0, hr=104.0, spo2=94.0, rr=24.0)]
AFTER = hourly(1, 6, map=70.0, hr=110.0, rr=26.0)


def back(*events: Sequence[Event], hours: float = 6.0) -> Hindsight:
    """What is seen looking back from so many hours after eight."""
    told = sorted((event for some in events for event in some), key=lambda event: event.available_at)
    bed, _ = play(told, at(HOURS * hours) + timedelta(seconds=5), MIND)
    return looked_back(bed, at(HOURS * hours), MIND)


def of(found: Hindsight) -> dict[str, Came]:
    return {came.asked: came for came in found.of}


def test_it_is_what_was_told_then() -> None:
    """Of a bed whose readings came as they were taken the chances are, to the last digit, those that stood there."""
    then, _ = play(BEFORE, at(1), MIND)
    said = {one.asked: one.odds for one in view(then, MIND).ahead if one.odds is not None}
    found = back(BEFORE, AFTER)
    assert found.at == at(0)
    assert {asked: came.odds for asked, came in of(found).items()} == said
    assert len(said) == 4


@pytest.mark.parametrize(
    ("lowest", "came", "shown"), [(64.0, True, "64 mmHg"), (65.0, False, "65 mmHg"), (None, False, "70 mmHg")]
)
def test_what_came_is_told_with_its_value(lowest: float | None, came: bool, shown: str) -> None:
    """A pressure beyond the line came, one on it did not; the value that tells is named with its time."""
    low = [] if lowest is None else [reading("map", lowest, HOURS * 3.5)]
    pressure = of(back(BEFORE, AFTER, low))["MAP below 65 mmHg"]
    assert (pressure.came, pressure.shown) == (came, shown)
    assert pressure.at == at(HOURS * (1 if lowest is None else 3.5))


def test_what_nobody_measured_is_not_told_to_have_stayed_away() -> None:
    """SpO₂ was not charted any more: whether it fell is not known."""
    assert of(back(BEFORE, AFTER))["SpO₂ below 90 %"].came is None


def test_what_became_known_later_is_not_used() -> None:
    """A lactate drawn before and back afterwards changes no chance of then."""
    late = [reading("lactate", 6.0, -30.0, known=20.0, source="lab")]
    assert {c.asked: c.odds for c in back(BEFORE, AFTER, late).of} == {c.asked: c.odds for c in back(BEFORE, AFTER).of}


def test_an_artefact_did_not_come() -> None:
    """A pressure that is marked, whoever marked it, is no crossing."""
    damped = [reading("map", 20.0, HOURS * 3.5, quality="artefact")]
    assert of(back(BEFORE, AFTER, damped))["MAP below 65 mmHg"].came is False


def test_where_nothing_could_be_told_it_says_why() -> None:
    """Before the first reading, before the patient came here, and where no chance was to be had."""
    assert back(BEFORE, hours=-0.05).missing == "nothing of this patient was known yet"
    moved = Movement(
        encounter="e1", action="transfer", setting="icu", unit="other", observed_at=at(60), available_at=at(60)
    )
    assert back(BEFORE, AFTER, [moved]).missing == "the patient was not here yet"
    only: list[Event] = [admitted("01:55"), reading("gcs_total", 14, "07:00")]
    assert back(only, AFTER).missing == "no chance could have been told then"
