"""What moved a chance adds up, does not depend on chance, and matters when it is taken away."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from forecasting.explaining.imagined import PLAYERS
from forecasting.explaining.moved import NAMED, logit, moved
from forecasting.network.forecaster import load
from schemas.clinical.snapshot import Snapshot
from tests.forecasting.explaining.beds import WATCHED, crossings, imagined, made_up, served
from tests.forecasting.snapshots import bed, snapshots


@given(snapshots())
@settings(max_examples=15)
def test_shares_add_up(snapshot: Snapshot) -> None:
    """From somebody of whom nothing is known to this patient, on the scale of the logit, whatever is known of him."""
    for one in moved(imagined(snapshot), crossings(made_up())):
        total = logit(np.array(one.of_nothing)) + sum(share.logit for share in one.shares)
        assert total == pytest.approx(logit(np.array(one.told)), abs=1e-9)


def test_they_end_at_the_chance_that_is_served() -> None:
    """What is explained is what the board shows."""
    answers = served(WATCHED)
    found = moved(imagined(WATCHED, load()), list(answers))
    assert [one.told for one in found] == pytest.approx(list(answers.values()), abs=6e-4)


def test_asked_again_it_is_the_same_answer() -> None:
    """The orders have a fixed seed, and what else is asked with it changes nothing."""
    asked = crossings(made_up())
    assert moved(imagined(WATCHED), asked) == moved(imagined(WATCHED), asked)
    assert moved(imagined(WATCHED), asked[:1]) == moved(imagined(WATCHED), asked)[:1]


def test_shares_are_the_mean_over_all_orders() -> None:
    """Of two players exactly: each pair of an order and its reverse is all there is."""
    two = imagined(bed({"map": {5: 61}, "hr": {5: 128}}))
    asked = crossings(made_up())
    for q, one in enumerate(moved(two, asked)):
        expected = dict.fromkeys(("map", "hr"), 0.0)
        for order in permutations(expected):
            known = np.zeros(len(PLAYERS), bool)
            before = logit(two.chances(two.only(known[None]), asked))[0, q]
            for player in order:
                known = known | np.isin(PLAYERS, [player])
                after = logit(two.chances(two.only(known[None]), asked))[0, q]
                expected[player] += (after - before) / 2
                before = after
        assert {share.player: share.logit for share in one.shares} == pytest.approx(expected, abs=1e-9)


def test_what_the_network_does_not_read_moves_nothing() -> None:
    """Whether it is known how long ago the patient was admitted changes no share."""
    snapshot = Snapshot("e1", WATCHED.now, "icu", WATCHED.patient, WATCHED.readings, admitted_at=WATCHED.now)
    asked = crossings(made_up())
    assert moved(imagined(snapshot), asked) == moved(imagined(replace(snapshot, admitted_at=None)), asked)


def test_the_strongest_come_first_and_are_looked_at_closely() -> None:
    """By how far they move the chance, up or down; of the first three it is known what would be told without them."""
    patient, asked = imagined(WATCHED), crossings(made_up())
    for q, one in enumerate(moved(patient, asked)):
        sizes = [abs(share.logit) for share in one.shares]
        assert sizes == sorted(sizes, reverse=True)
        assert [share.without is None for share in one.shares] == [False] * NAMED + [True] * (len(sizes) - NAMED)
        first = patient.players & ~np.isin(PLAYERS, [one.shares[0].player])
        assert one.shares[0].without == patient.chances(patient.only(first[None]), asked)[0, q]


def test_of_nobody_nothing_moved_anything() -> None:
    """A bed of which nothing is known is told its chance, and no share."""
    for one in moved(imagined(bed({})), crossings(made_up())):
        assert one.told == one.of_nothing
        assert one.shares == ()


def test_a_low_pressure_raises_the_chance_of_a_lower_one() -> None:
    """With the weights that are served: MAP 67 after a steady fall is named first, and raises it; 95 lowers it."""
    falling = {60.0 * h + 5: 67.0 + 4 * h for h in range(6)}
    for row, raises in ((falling, True), (dict.fromkeys(falling, 95.0), False)):
        patient = bed({"map": row, "hr": {5: 95}, "spo2": {5: 96}, "rr": {5: 18}, "temp": {5: 37}}, age=64.0)
        first = moved(imagined(patient, load()), crossings(load())[:1])[0].shares[0]
        assert first.player == "map"
        assert (first.logit > 0) is raises
