"""Why a chance is what it is: told of the chance that is shown, in words, or not at all."""

import zlib
from datetime import timedelta
from functools import cache

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from boards.icu.why import WORTH, Reasons, _told, reasons
from boards.web.app import create_app
from forecasting.baselines import trend
from forecasting.contract import Forecaster
from forecasting.network.forecaster import CrossingNetwork, load
from guidelines.book import load as book
from schemas.boards.hindsight import Hindsight
from schemas.boards.views import BedView
from schemas.events import Event
from schemas.frozen import from_json, to_json
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.core.view import view
from tests.boards.fixtures import FakeSource, calm, septic
from tests.boards.test_app import Client
from tests.forecasting.explaining.beds import imagined
from tests.forecasting.snapshots import bed
from tests.streams.bedside import admitted, at, play, reading

MIND = Mind(book.load(), load(), Policy(allowed_lateness=timedelta(seconds=0.5)))


def sinking() -> list[Event]:
    """Eight hours in which the pressure falls and the heart quickens, with laboratory values at the beginning."""
    events: list[Event] = [admitted("01:55")]
    for hour in range(9):
        minutes = 60.0 * (hour - 6)
        told = {
            "hr": 96 + 4 * hour,
            "map": 84 - 2 * hour,
            "sbp": 124 - 3 * hour,
            "rr": 18 + hour,
            "spo2": 97,
            "temp": 38,
        }
        events += [reading(concept, value, minutes) for concept, value in told.items()]
    events += [reading(c, value, -300, source="lab") for c, value in {"lactate": 2.1, "creatinine": 1.5}.items()]
    return sorted(events, key=lambda event: event.available_at)


FEW: list[Event] = [
    admitted(),
    reading("map", 71, "08:00"),
    reading("hr", 104, "08:01"),
    reading("glucose", 640, "08:01"),
]


@cache
def shown(few: bool = False) -> BedView:
    bed, _ = play(FEW if few else sinking(), at(125), MIND)
    return view(bed, MIND)


@cache
def told(few: bool = False) -> Reasons:
    return reasons(shown(few), MIND.forecaster)


@pytest.mark.parametrize(("asked", "words"), [("map", "MAP 68 mmHg"), ("sbp", "SBP 100 mmHg"), ("hr", "MAP 68 mmHg")])
def test_pressures_are_told_by_the_number_that_is_asked_about(asked: str, words: str) -> None:
    """They are one player; of another chance it is the first of them."""
    found = imagined(bed({"map": {5: 68}, "sbp": {5: 100}, "hr": {5: 128}}))
    assert _told("map", found, asked)[0] == words


def test_each_chance_has_its_reasons() -> None:
    """Of every chance on the page up to three things that moved it are named; of a low pressure it is the pressure."""
    given = {one.condition for one in shown().ahead if one.odds is not None}
    assert given == set(told().of)
    assert all(1 <= len(why.raised) + len(why.lowered) <= 3 for why in told().of.values())
    first = told().of["map below 65"].raised[0]
    assert (first.words, first.at) == ("MAP 68 mmHg", at("10:00"))


def test_they_travel_with_the_picture_of_the_bed() -> None:
    """A picture that was sent as JSON is explained alike."""
    assert reasons(from_json(to_json(shown()), BedView), MIND.forecaster) == told()


def test_too_few_vital_signs_are_said_with_what_to_measure() -> None:
    """Of two vital signs the chances are marked, and those that are missing are named; so is a value far out."""
    assert told().indeterminate is None
    assert told(few=True).indeterminate == (
        "only 2 of 7 vital signs are known of the last 4 h, and of so few the network cannot tell who is in danger. "
        "Measure SpO₂, Temp, SBP, DBP, RR"
    )
    assert told(few=True).remarks == ("Unlike 998 of 1,000 patients that it was fitted on: glucose 640 mg/dL.",)


def test_a_measurement_is_named_only_where_it_would_tell_enough() -> None:
    """Where one is named, its bounds lie as far apart as is worth saying."""
    assert WORTH == 0.05
    for why in (*told().of.values(), *told(few=True).of.values()):
        if why.narrow is not None:
            low, high = (int(word) for word in why.narrow.split() if word.isdigit())
            assert high - low >= 100 * WORTH - 1  # both are rounded


def test_only_the_forecaster_that_made_a_chance_explains_it() -> None:
    """Another one, one without a network and a picture without a state say nothing of their own making."""
    other = replace(shown(), remembered=replace(shown().remembered, digest="another"))  # type: ignore[type-var]
    assert reasons(other, MIND.forecaster).of == {}
    assert "another model" in reasons(other, MIND.forecaster).remarks[0]
    for forecaster in (None, trend.load(), CrossingNetwork(trend.load(), "damaged")):
        assert reasons(shown(), forecaster) == Reasons()


def test_a_chance_that_is_not_the_one_shown_is_not_explained() -> None:
    """Where the model heard something since, its reasons would be those of another figure."""
    moved = tuple(
        replace(one, odds=replace(one.odds, probability=0.99, high=0.99))
        if one.condition == "map below 65" and one.odds is not None
        else one
        for one in shown().ahead
    )
    found = reasons(replace(shown(), ahead=moved), MIND.forecaster)
    assert "map below 65" not in found.of
    assert "sbp below 90" in found.of
    assert found.remarks == ("What moved the other chances can be told after the next reading.",)


@pytest.mark.parametrize("body", [b"", b"no state", zlib.compress(b"too short")])
def test_whatever_is_wrong_the_chances_stand(body: bytes) -> None:
    """A state that cannot be read is said in a sentence and logged; nothing is raised."""
    remembered = shown().remembered
    assert remembered is not None
    with capture_logs() as logged:
        found = reasons(replace(shown(), remembered=replace(remembered, body=body)), MIND.forecaster)
    assert found.of == {}
    assert len(found.remarks) == 1
    assert [line["event"] for line in logged] == ["chances_not_explained"]


@pytest.mark.parametrize("other", [calm, septic])
def test_without_chances_there_is_nothing_to_explain(other: object) -> None:
    """A bed without any is told nothing, not even that it cannot be."""
    forecaster: Forecaster = MIND.forecaster
    assert callable(other)
    assert reasons(other(), forecaster) == Reasons()


@pytest.mark.parametrize(
    ("hindsight", "says"),
    [
        (RuntimeError("lost"), None),
        (Hindsight(at=at("04:00"), missing="the patient was not here yet"), "the patient was not here yet"),
    ],
)
def test_a_look_back_that_is_not_to_be_had_takes_nothing_along(hindsight: Hindsight | Exception, says: str) -> None:
    """A page whose look back fails, or has nothing to tell, has everything else."""
    source = FakeSource(shown())
    source.hindsight = hindsight
    with capture_logs():
        page = Client(create_app(source)).get("/bed/e1")
    assert page.status_code == 200
    assert "Within the next 6 hours" in page.text
    assert (says is None) is ("What was likely" not in page.text)
    assert says is None or says in page.text
