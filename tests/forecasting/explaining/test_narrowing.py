"""What would narrow a chance is worked out from what would be told after it, in this patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.explaining.explained import explained
from forecasting.explaining.narrowing import narrowed, weights
from forecasting.explaining.typical import Usual, typical
from forecasting.network.forecaster import load
from forecasting.network.inputs import READ
from schemas.codes.concepts import CONCEPTS
from tests.forecasting.explaining.beds import HOUR, WATCHED, ahead_of, crossings, imagined, made_up
from tests.forecasting.snapshots import bed

UNKNOWN = {concept: typical().usual[concept] for concept in ("lactate", "ph_art", "temp")}


def test_the_bounds_are_what_would_be_told_after_measuring() -> None:
    """Of a concept with one typical value both bounds are the chance that comes when that value does."""
    patient, asked, questions = imagined(WATCHED), crossings(made_up()), ahead_of(made_up()).questions
    for one, told in zip(
        narrowed(patient, asked, questions, {"temp": Usual((39.5,), 33.0, 40.0)}),
        patient.chances(patient.measured([("temp", 39.5)]), asked)[0],
        strict=True,
    ):
        assert one is not None
        assert one.concept == "temp"
        assert (one.low, one.high) == pytest.approx((told, told))


def test_the_one_is_named_that_moves_the_chance_most() -> None:
    """A measurement that can only show what is known already gives way to one that may show anything."""
    patient, asked, questions = imagined(WATCHED), crossings(made_up()), ahead_of(made_up()).questions
    alone = {c: narrowed(patient, asked, questions, {c: usual}) for c, usual in UNKNOWN.items()}
    for q, one in enumerate(narrowed(patient, asked, questions, UNKNOWN)):
        assert one is not None
        assert one == alone[one.concept][q]


def test_where_nothing_is_unknown_nothing_is_named() -> None:
    """No candidates, no answer; and bounds are never the wrong way round."""
    patient, asked, questions = imagined(WATCHED), crossings(made_up()), ahead_of(made_up()).questions
    assert narrowed(patient, asked, questions, {}) == (None,) * len(asked)
    assert all(one is not None and one.low <= one.high for one in narrowed(patient, asked, questions, UNKNOWN))


@given(st.lists(st.floats(0.2, 20), min_size=1, max_size=8).map(sorted))
@settings(max_examples=30)
def test_weights_are_those_of_a_whole(values: list[float]) -> None:
    """Whatever the values, none weighs less than nothing and all together weigh one."""
    found = weights(imagined(WATCHED), ahead_of(made_up()).questions, "lactate", values)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)


def test_what_the_network_is_not_asked_about_weighs_alike() -> None:
    """Nobody asks it for a magnesium beyond a line: all typical values are alike."""
    found = weights(imagined(WATCHED), ahead_of(made_up()).questions, "mg", (1.0, 2.0, 3.0, 4.0))
    assert found == pytest.approx(np.full(4, 0.25))


def test_a_high_value_weighs_more_where_it_is_likelier() -> None:
    """With the weights that are served: of lactates above 4 more is expected after one of 6 than after one of 1."""
    heavy = []
    for newest in (1.0, 6.0):
        patient = bed({"lactate": {5 * HOUR: newest}, "map": {5: 70}, "hr": {5: 100}}, age=64.0)
        values = (*typical().usual["lactate"].values, 6.0, 9.0)
        found = weights(imagined(patient, load()), ahead_of(load()).questions, "lactate", values)
        heavy.append(sum(w for w, value in zip(found.tolist(), values, strict=True) if value > 4))
    assert heavy[0] < heavy[1] / 2


def test_only_what_is_not_known_can_narrow() -> None:
    """What was measured and may still be carried forward is not asked for again; what is too old is."""
    forecaster = load()
    fresh = {c: {1.0: usual.values[4]} for c, usual in typical().usual.items() if c != "lactate"}
    for ago, expected in ((1.0, None), (5 * HOUR, "lactate")):
        patient = imagined(bed({**fresh, "lactate": {ago: 3.0}}, age=64.0), forecaster)
        found = explained(patient, ahead_of(forecaster), crossings(forecaster))
        assert {one.narrowed.concept if one.narrowed else None for one in found.chances} == {expected}


def test_typical_values_are_values_of_their_concepts() -> None:
    """Of each concept that is read eight, rising, that its limits allow and that lie within the outermost."""
    assert set(typical().usual) == set(READ)
    for concept, usual in typical().usual.items():
        assert list(usual.values) == sorted(usual.values)
        assert len(usual.values) == 8
        assert all(CONCEPTS[concept].plausible(value) for value in usual.values)
        assert usual.lowest < usual.highest


def test_a_pressure_is_known_where_one_of_its_numbers_is() -> None:
    """After a MAP of this minute nobody is asked for a DBP alone; where none is known, all three may be asked for."""
    forecaster = load()
    known = {c: {1.0: usual.values[4]} for c, usual in typical().usual.items() if c not in ("map", "sbp", "dbp")}
    for pressures, expected in (({"map": {1.0: 80.0}}, {None}), ({}, {"map", "sbp", "dbp"})):
        found = explained(
            imagined(bed({**known, **pressures}), forecaster), ahead_of(forecaster), crossings(forecaster)
        )
        assert {one.narrowed.concept if one.narrowed else None for one in found.chances} <= expected
