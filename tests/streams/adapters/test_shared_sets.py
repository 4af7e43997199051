"""The readers on the real sets, where these lie beside the repository (`../shared/data`); elsewhere skipped, loudly."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from schemas.codes.concepts import CONCEPTS
from schemas.events import Quality, Reading
from schemas.events.quarantine import Fault
from streams.adapters import READERS, Stay

SETS = {
    "challenge2012": ("challenge2012/observations.parquet", 8_000, 60),
    "challenge2019": ("challenge2019/setB.parquet", 10_020, 400),
    "mimic3": ("mimic3_demo", 136, 40),
    "clif": ("mimic4_demo/clif", 310, 60),
}


@pytest.fixture(params=SETS, scope="module")
def some(request: pytest.FixtureRequest) -> tuple[str, list[Stay]]:
    """The first stays of one set."""
    path, _, first = SETS[request.param]
    place = Path(__file__).parents[4] / "shared" / "data" / path
    if not place.exists():
        pytest.skip(
            f"no shared set {path} beside this repository: the {request.param} reader is tried on made files only"
        )
    return request.param, list(islice(READERS[request.param](place), first))


def test_times_rise_and_nothing_is_known_before_it_is_true(some: tuple[str, list[Stay]]) -> None:
    """Within a stay `available_at` never falls, and no event is available before it was observed."""
    for stay in some[1]:
        times = [event.available_at for event in stay.events]
        assert times == sorted(times)
        assert all(event.available_at >= event.observed_at for event in stay.events)
        assert {event.encounter for event in stay.events} == {stay.encounter}


def test_values_are_usable_but_for_a_few_marked_ones(some: tuple[str, list[Stay]]) -> None:
    """More than 95 of 100 readings are fit to score; the rest say why not, and lie where they say."""
    readings = [event for stay in some[1] for event in stay.events if isinstance(event, Reading)]
    assert len(readings) > 10_000
    counts = Counter(reading.quality for reading in readings)
    assert counts[Quality.OK] > 0.95 * len(readings)
    for reading in readings:
        if reading.value is not None and reading.quality is Quality.OK:
            assert CONCEPTS[reading.concept].plausible(reading.value), reading.concept
        if reading.quality is not Quality.OK:
            assert reading.reason


def test_reading_twice_is_reading_the_same(some: tuple[str, list[Stay]]) -> None:
    """A second reading gives equal stays in the same order: nothing hangs on the order in which threads finish."""
    name, stays = some
    place = Path(__file__).parents[4] / "shared" / "data" / SETS[name][0]
    assert list(islice(READERS[name](place), 20)) == stays[:20]


DOSES = ("does not convert", "needs a body weight", "is charted without such a unit")


def test_no_unit_is_unknown(some: tuple[str, list[Stay]]) -> None:
    """Of what a set holds no reading is refused for its unit; of the doses, those that need more than a unit."""
    refused = [refusal for stay in some[1] for refusal in stay.refused]
    assert {refusal.fault for refusal in refused} <= {Fault.UNKNOWN_UNIT, Fault.IMPOSSIBLE_VALUE}
    for refusal in refused:
        if refusal.fault is Fault.UNKNOWN_UNIT:
            assert any(why in refusal.why for why in DOSES), refusal.why
