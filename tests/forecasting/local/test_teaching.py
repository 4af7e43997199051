"""A few examples teach what they hold, each patient is told by the others, and what teaches nothing is refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.local import taught as kept
from forecasting.local import teaching
from forecasting.local.recalibration import Unfit
from forecasting.local.teaching import EACH_MIN, EXAMPLES_MAX, EXAMPLES_MIN, Example, Refused, ridge, taught
from forecasting.network.crossing import chance_of
from forecasting.network.taught import Taught, Usual, usual
from tests.forecasting.network.made_up import WIDTH, weights
from tests.forecasting.network.test_forecaster import made_up

USUAL = Usual(np.full(40, 0.5), np.full(40, 2.0))


def examples(count: int, strength: float, seed: int = 2, each: int = 1) -> list[Example]:
    """Patients whose first twenty numbers are higher by so many spreads where they have the event: every third."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        label = number % 3 == 0
        hidden = USUAL.mean + USUAL.spread * (draw.normal(0, 1, 40) + strength * label * (np.arange(40) < 20))
        found += [Example(f"p{number}", label, hidden) for _ in range(each)]
    return found


def test_what_examples_hold_is_learnt() -> None:
    """Of thirty patients: others are told apart, and it is surely better than the base rate."""
    lesson = taught(examples(30, 1.0), USUAL, seed=1)
    assert (lesson.examples, lesson.patients, lesson.with_event) == (30, 30, 10)
    assert lesson.auroc.value > 0.85
    assert lesson.gained.low > 0
    assert lesson.log_loss < lesson.log_loss_of_base_rate
    served = Taught(24.0, "v", lesson.weights, lesson.more)
    others = [(served.of(one.hidden).p, one.label) for one in examples(60, 1.0, seed=9)]
    assert np.mean([p for p, label in others if label]) > 1.3 * np.mean([p for p, label in others if not label])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_bounds_hold_the_chance(seed: int) -> None:
    """Whoever is asked about."""
    lesson = taught(examples(30, 1.0), USUAL, seed=1)
    hidden = np.random.default_rng(seed).normal(0, 5, 40)
    found = Taught(24.0, "v", lesson.weights, lesson.more).of(hidden)
    assert 0 <= found.low <= found.p <= found.high <= 1


def test_labels_that_mean_nothing_are_seldom_taught() -> None:
    """Of twelve draws of labels without a meaning no more than three are not refused."""
    refused = [why_not(examples(30, 0.0, seed), seed) for seed in range(12)]
    assert all(why is None or "not surely better than the base rate" in why for why in refused)
    assert refused.count(None) <= 3


def why_not(told: list[Example], seed: int) -> str | None:
    """The reason; None where something is taught."""
    try:
        taught(told, USUAL, seed)
    except Refused as problem:
        return str(problem)
    return None


def test_nobody_has_a_part_in_what_he_is_told() -> None:
    """With all his labels turned round, a patient is told the same, however many examples he has."""
    found = examples(12, 0.5, each=3)
    x = np.array([one.hidden for one in found])
    label, patient = np.array([one.label for one in found]), np.repeat(np.arange(12), 3)
    turned = np.where(patient == 4, ~label, label)
    told, base = teaching._left_out(x, label, patient)
    with_turned, base_turned = teaching._left_out(x, turned, patient)
    own = patient == 4
    assert told[own] == pytest.approx(with_turned[own], abs=1e-9)
    assert (base[own] == base_turned[own]).all()
    assert told[~own] != pytest.approx(with_turned[~own], abs=1e-9)


def test_the_ridge_is_where_the_slope_of_its_loss_is_nothing() -> None:
    """Against the definition, with weights of examples, and however far apart the labels are."""
    draw = np.random.default_rng(4)
    for apart in (0.0, 1.0, 50.0):
        x, label = draw.normal(0, 1, (25, 6)), np.arange(25) % 2 == 0
        x = x + apart * label[:, None]
        weight = draw.integers(0, 3, 25).astype(float)
        found, more = ridge(x, label, weight, 3.0)
        off = weight * (label - np.array([chance_of(float(z)) for z in x @ found + more]))
        assert x.T @ off == pytest.approx(3.0 * found, abs=1e-4)
        assert off.sum() == pytest.approx(0, abs=1e-4)


def test_no_coordinates_are_lost() -> None:
    """In the few coordinates that the examples span the ridge is the one in all of them."""
    found = examples(12, 0.7)
    x, label = np.array([one.hidden for one in found]), np.array([one.label for one in found])
    few, directions = teaching.turned(x)
    assert few.shape[1] <= 12
    whole, more = ridge(x, label, np.ones(12), 10.0)
    small, again = ridge(few, label, np.ones(12), 10.0)
    assert small @ directions == pytest.approx(whole, abs=1e-6)
    assert again == pytest.approx(more, abs=1e-6)


@pytest.mark.parametrize("count", [EXAMPLES_MIN - 1, EXAMPLES_MIN, EXAMPLES_MAX, EXAMPLES_MAX + 1])
def test_there_is_a_least_and_a_most_of_examples(count: int) -> None:
    """At the limits themselves it is learnt."""
    told = [Example(f"p{n % 20}", n % 2 == 0, np.full(40, 9.0 * (n % 2 == 0) + n % 7 / 9)) for n in range(count)]
    if EXAMPLES_MIN <= count <= EXAMPLES_MAX:
        assert taught(told, USUAL, seed=1).examples == count
        return
    with pytest.raises(Refused, match=f"expected {EXAMPLES_MIN} to {EXAMPLES_MAX} examples, found {count}"):
        taught(told, USUAL, seed=1)


@pytest.mark.parametrize("with_event", [0, EACH_MIN - 1, EACH_MIN, 20 - EACH_MIN, 21 - EACH_MIN, 20])
def test_few_of_one_kind_are_refused(with_event: int) -> None:
    """Patients count, not examples."""
    told = [Example(f"p{n}", n < with_event, np.full(40, 9.0 * (n < with_event) + n / 20)) for n in range(20)]
    if EACH_MIN <= with_event <= 20 - EACH_MIN:
        assert taught(told, USUAL, seed=1).with_event == with_event
        return
    with pytest.raises(Refused, match="patients with the event and as many without"):
        taught([*told, *told], USUAL, seed=1)


def test_one_patient_has_one_label() -> None:
    """Whoever stands on both sides is counted, not guessed."""
    found = examples(12, 1.0)
    both = Example(found[0].patient, not found[0].label, found[0].hidden)
    with pytest.raises(Refused, match="1 patients are examples with and without the event"):
        taught([*found, both], USUAL, seed=1)


def test_the_usual_patient_is_that_of_the_last_normalisation() -> None:
    """Drawn from what it was fitted to, the mean of what is left once the negative is cut off is the one given."""
    found = weights()
    known, draw = usual(found), np.random.default_rng(3)
    drawn = draw.normal(found["norm.bias"], np.abs(found["norm.weight"]), (200_000, WIDTH))
    assert known.mean == pytest.approx(np.maximum(drawn, 0).mean(axis=0), abs=0.01)
    assert known.spread == pytest.approx(np.abs(found["norm.weight"]), abs=1e-6)


# --- as it is kept ----------------------------------------------------------------------------------------------------


def file(**changed: Any) -> str:
    rows = kept.rows(np.ones((3, WIDTH)) / 7, np.zeros(3))
    digest = made_up().ahead.digest  # type: ignore[union-attr]
    own = {"name": "tired", "within_h": 24.0, "belongs_to": digest, "rows": rows}
    return json.dumps(own | changed)


def test_what_is_kept_can_be_served() -> None:
    """To six digits."""
    fitted = made_up().ahead
    assert not isinstance(fitted, str)
    found = kept.read("0001-00000000", file(), fitted)
    assert found.within_h == 24.0
    assert found.weights == pytest.approx(np.ones((3, WIDTH)) / 7, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"belongs_to": "0"}, "tired was taught to another version of the model"),
        ({"rows": kept.rows(np.ones((3, WIDTH + 1)), np.zeros(3))}, "cannot be read"),
        ({"rows": kept.rows(np.ones((1, WIDTH)), np.zeros(1))}, "cannot be read"),
        ({"rows": [{"more": 0.0, "weights": [float("nan")] * WIDTH}] * 3}, "cannot be read"),
        ({"rows": None}, "cannot be read"),
        ({"within_h": 0}, "cannot be read"),
        ({"within_h": "soon"}, "cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], why: str) -> None:
    """Another model, other shapes, no numbers, no time."""
    fitted = made_up().ahead
    assert not isinstance(fitted, str)
    with pytest.raises(Unfit, match=why):
        kept.read("0001-00000000", file(**changed), fitted)
