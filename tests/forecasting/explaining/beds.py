"""Beds to imagine, of a small network with drawn weights and of the one that is served."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from forecasting.baselines import trend
from forecasting.checks import foreseen, story, told
from forecasting.explaining.imagined import Crossing, Imagined
from forecasting.network.fitted import Fitted
from forecasting.network.forecaster import CrossingNetwork, known_of, line_of, load, question_of
from schemas.clinical.forecasts import Odds
from schemas.clinical.snapshot import Snapshot
from streams.core.questions import ASKED, WITHIN
from tests.forecasting.network.made_up import written
from tests.forecasting.snapshots import bed

HOUR = 60.0
USUAL = {"map": 78.0, "sbp": 118.0, "hr": 92.0, "rr": 18.0, "spo2": 96.0, "temp": 37.2, "lactate": 2.4}
WATCHED = bed({c: {HOUR * h + 5: v + h for h in range(6)} for c, v in USUAL.items()}, age=70.0)
"""Six hours of six vital signs, and lactates."""


@cache
def made_up() -> CrossingNetwork:
    with TemporaryDirectory() as folder:
        return CrossingNetwork(trend.load(), written(Path(folder)))


def ahead_of(forecaster: CrossingNetwork) -> Fitted:
    assert isinstance(forecaster.ahead, Fitted)
    return forecaster.ahead


def imagined(snapshot: Snapshot, forecaster: CrossingNetwork | None = None) -> Imagined:
    """The bed that heard the story of its snapshot."""
    forecaster = forecaster or made_up()
    state = told(forecaster, story(snapshot))
    return Imagined(ahead_of(forecaster), forecaster.chart_of(state), known_of(snapshot))


def crossings(forecaster: CrossingNetwork) -> tuple[Crossing, ...]:
    """What the board asks, as far as this network answers it."""
    hours = WITHIN.total_seconds() / 3600
    numbers = [(question_of(one, hours, ahead_of(forecaster)), line_of(one)) for _, one in ASKED]
    return tuple(Crossing(number, line, hours) for number, line in numbers if isinstance(number, int))


def served(snapshot: Snapshot) -> dict[Crossing, float]:
    """The chances that the served forecaster gives of a bed."""
    forecaster, found = load(), {}
    outlook = foreseen(forecaster, snapshot)
    for _, one in ASKED:
        odds, number = outlook.chance(one, WITHIN), question_of(one, 6.0, ahead_of(forecaster))
        if isinstance(odds, Odds) and isinstance(number, int):
            found[Crossing(number, line_of(one), 6.0)] = odds.probability
    return found
