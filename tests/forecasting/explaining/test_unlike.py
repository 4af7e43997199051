"""A patient of whom too little is known, or who lies further out than nearly all, is told from others."""

import pytest

from forecasting.explaining.typical import typical
from forecasting.explaining.unlike import Unlike, unlike
from forecasting.network.inputs import VITALS
from tests.forecasting.explaining.beds import HOUR, imagined
from tests.forecasting.snapshots import bed

NORMAL = {"hr": 80.0, "spo2": 97.0, "temp": 36.8, "sbp": 120.0, "map": 82.0, "dbp": 62.0, "rr": 16.0}


@pytest.mark.parametrize("known", range(len(VITALS) + 1))
def test_fewer_vital_signs_than_usual_are_too_few(known: int) -> None:
    """With as many as nearly every patient had nothing is missing; with fewer, those not known are named."""
    vitals = VITALS[:known]
    found = unlike(imagined(bed({concept: {5: NORMAL[concept]} for concept in vitals})), typical())
    assert found.missing == (VITALS[known:] if known < typical().fewest else ())


@pytest.mark.parametrize(("minutes_ago", "known"), [(4 * HOUR, True), (4 * HOUR + 0.01, False)])
def test_a_vital_sign_counts_for_four_hours(minutes_ago: float, known: bool) -> None:
    """At four hours a reading still counts, a moment later no more."""
    few = {concept: {5.0: NORMAL[concept]} for concept in VITALS[: typical().fewest - 1]}
    last = VITALS[typical().fewest - 1]
    found = unlike(imagined(bed({**few, last: {minutes_ago: NORMAL[last]}})), typical())
    assert (found.missing == ()) is known


def test_what_lies_beyond_the_outermost_is_named() -> None:
    """At the outermost value of those that were fitted on nothing is said; beyond it, its concept is."""
    highest = typical().usual["glucose"].highest
    vitals = {concept: {5.0: value} for concept, value in NORMAL.items()}
    for value, outside in ((highest, ()), (highest + 1, ("glucose",))):
        assert unlike(imagined(bed({**vitals, "glucose": {5: value}})), typical()) == Unlike((), outside)
