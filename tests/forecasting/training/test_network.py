"""What the network of crossings is taught, and that it can learn, be stopped and go on."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from forecasting.model import Network as Served  # noqa: E402, after torch was found
from forecasting.network.fitted import fitted  # noqa: E402
from forecasting.network.inputs import named, network_reads  # noqa: E402
from forecasting.training import crossings  # noqa: E402
from forecasting.training.cohorts import Hourly  # noqa: E402
from forecasting.training.crossings import EDGES_H, QUESTIONS  # noqa: E402
from forecasting.training.fit_network import Plan, Prepared, all_lines, begun, fit, knots_of, loss_on  # noqa: E402
from forecasting.training.network import Network, Shape, truth_of, within  # noqa: E402
from forecasting.training.said import Said  # noqa: E402
from tests.forecasting.training.stays import cohort, drawn  # noqa: E402

LOW_MAP = QUESTIONS.index("map below")
SMALL = Shape(width=8, blocks=1, pieces=3)


def quiet(_: str) -> None:
    """Says nothing."""


def test_the_furthest_value_of_each_interval_is_found() -> None:
    """Hours 1, 2, 3–4 and 5–6 ahead; nothing beyond the stay's end, nothing of another stay."""
    stays = cohort({"MAP": [80, 70, 66, np.nan, 64, 72, 60]}, {"MAP": [50]})
    found = crossings.furthest(stays)[:, LOW_MAP]
    assert np.array_equal(found[0], [70, 66, 64, 60, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(found[5], [60, *[np.nan] * 5], equal_nan=True)
    assert np.isnan(found[6:]).all()


def test_a_rise_is_over_the_lowest_value_before() -> None:
    """1.5 times the 0.8 of the first hour; before it there is nothing to rise from; reached counts as beyond."""
    stays = cohort({"Creatinine": [np.nan, 0.8, 1.0, 1.2, np.nan]})
    rise, lines = QUESTIONS.index("creatinine rise"), all_lines()
    data = Prepared.of(stays)
    assert np.allclose(-data.furthest[:, rise, 0], [np.nan, 1.25, 1.5, np.nan, np.nan], equal_nan=True, atol=1e-5)
    half = [k for k, q in enumerate(lines.question.tolist()) if q == rise and lines.at[k] == -1.5]
    _, furthest, lately = data.batch(np.arange(5))
    truth = truth_of(furthest, lately, lines)
    assert truth.crossed[:, 0, half].flatten().tolist() == [False, False, True, False, False]
    assert truth.clear[:, half].flatten().tolist() == [True, True, True, False, False], (
        "from the third hour on it is so"
    )


def test_a_line_is_learnt_until_it_is_crossed_and_where_it_was_measured() -> None:
    """Below 65 after two hours: nothing is learnt of it afterwards; 60 is learnt throughout."""
    furthest = torch.full((1, len(QUESTIONS), len(EDGES_H)), torch.nan)
    furthest[0, LOW_MAP, :4] = torch.tensor([70.0, 63.0, torch.nan, 62.0])
    now = torch.full((1, len(QUESTIONS)), torch.nan)
    now[0, LOW_MAP] = 78.0
    lines = all_lines()
    truth = truth_of(furthest, now, lines)
    own = [k for k, question in enumerate(lines.question.tolist()) if question == LOW_MAP]
    at = {int(lines.at[k]): k for k in own}
    assert truth.learnt[0, :, at[65]].tolist() == [True, True, False, False, False, False]
    assert truth.crossed[0, :2, at[65]].tolist() == [False, True]
    assert truth.learnt[0, :, at[60]].tolist() == [True, True, False, True, False, False]
    assert not truth.learnt[0, :, at[80]].any(), "it is below 80 already"
    assert truth.clear[0, [at[80], at[75]]].tolist() == [False, True]
    assert truth.measured[0, LOW_MAP].tolist() == [True, True, False, True, False, False]


def test_what_was_beyond_long_ago_may_be_crossed_again() -> None:
    """A lactate of 5 is no reason to learn nothing of `above 4` once it is three hours old."""
    data = Prepared.of(cohort({"Lactate": [5, np.nan, np.nan, np.nan, 6]}))
    lines = all_lines()
    above_4 = [
        k for k, q in enumerate(lines.question.tolist()) if QUESTIONS[q] == "lactate above" and lines.at[k] == -4
    ]
    for hour, clear in ((0, False), (2, False), (3, True)):
        _, furthest, lately = data.batch(np.array([hour]))
        assert truth_of(furthest, lately, lines).clear[0, above_4].tolist() == [clear]


def test_chances_rise_from_line_to_line_and_over_time() -> None:
    """By construction, with numbers that were only drawn."""
    torch.manual_seed(4)
    read = np.random.default_rng(1).normal(size=(500, network_reads())).astype(np.float32)
    knots = torch.from_numpy(knots_of(read, SMALL.pieces))
    network = Network(SMALL, knots, len(QUESTIONS), len(EDGES_H), crossings.lines().shape[1])
    with torch.no_grad():
        hazards, _ = network.eval()(torch.randn(50, network_reads()))
    assert (hazards.diff(dim=-1) >= 0).all()
    of_one = hazards[:, LOW_MAP]  # (B, J, T)
    assert (within(of_one, torch.full_like(of_one, 40.0)).diff(dim=1) >= -1e-6).all()


def doomed(seed: int) -> Hourly:
    """Stays in which a heart rate of 140 is followed, two hours later, by a pressure of 55, and nothing else by it."""
    stays = drawn(seed, stays=120, longest=30)
    values = stays.values.copy()
    hr, low = stays.column("HR"), np.random.default_rng(seed).random(len(stays.iculos)) < 0.15
    values[:, 0] = np.where(low, 140, 80)
    values[:, 4] = np.where(np.concatenate([[False, False], low[:-2]]), 55, 85)
    del hr
    return Hourly(values, stays.about, stays.iculos, stays.label, stays.offsets, stays.stays, stays.hospital)


def test_it_learns_what_there_is_to_learn() -> None:
    """After some epochs patients that it has not seen are told better than by frequencies alone."""
    data = Prepared.of(doomed(2))
    stays = np.arange(100), np.arange(100, 120)
    plan = Plan(epochs=4, batch=64, rate=5e-3, averaged_over=20)
    weights = fit(data, stays, SMALL, plan, quiet)
    served = Served(weights, len(QUESTIONS), len(EDGES_H), crossings.lines().shape[1])
    rows = np.arange(data.offsets[100], data.offsets[120])
    high = data.inputs[rows, [name for name, _ in named()].index("hr")] > 120
    said = Said.of(served, {}, data.inputs[rows]).chances(LOW_MAP)[:, 1, crossings.LINES["map below"].index(65)]
    assert said[high].mean() > 2 * said[~high].mean()  # of the others some had it an hour ago


def test_a_fitting_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """Two epochs at once, and two with a stop between them, end in the same numbers."""
    data, stays = Prepared.of(drawn(3, stays=60)), (np.arange(50), np.arange(50, 60))
    plan = Plan(epochs=2, batch=64)
    whole = fit(data, stays, SMALL, plan, quiet)
    kept = tmp_path / "kept.pt"

    class Stopped(Exception):
        pass

    def stop_after_the_first(line: str) -> None:
        if line.startswith("epoch 2"):
            raise Stopped

    with pytest.raises(Stopped):
        fit(data, stays, SMALL, plan, stop_after_the_first, kept)
    resumed = fit(data, stays, SMALL, plan, quiet, kept)
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_the_loss_is_that_of_patients_who_are_not_fitted_on() -> None:
    """It is a mean over rows: in one piece and in two it is the same."""
    data = Prepared.of(drawn(6, stays=30))
    network = begun(SMALL, data, np.arange(len(data.inputs)), np.random.default_rng(1))
    rows, lines = np.arange(200), all_lines()
    halves = [loss_on(network, data, rows[part], lines) for part in (slice(0, 100), slice(100, 200))]
    assert loss_on(network, data, rows, lines) == pytest.approx(np.mean(halves), rel=1e-5)


def test_lines_of_the_measurement_weigh_more() -> None:
    """MAP below 65 five times as much as below 70; a laboratory value three times as much as a vital sign."""
    lines = all_lines()
    told = (column.tolist() for column in (lines.question, lines.at, lines.weight))
    weights = {(QUESTIONS[question], abs(at)): weight for question, at, weight in zip(*told, strict=True)}
    assert weights["map below", 65] == 5 * weights["map below", 70]
    assert weights["lactate above", 8] == 3 * weights["map below", 70]
    assert weights["creatinine rise", 1.5] == 5 * weights["creatinine rise", 2]
    assert weights["lactate above", 4] == 5 * weights["lactate above", 8]
    assert len(weights) == sum(map(len, crossings.LINES.values()))


def test_the_served_network_knows_the_questions_that_are_fitted() -> None:
    """The committed manifest and the training code speak of the same questions and lines."""
    served = fitted()
    assert [question.name for question in served.questions] == list(QUESTIONS)
    assert [list(question.lines) for question in served.questions] == [list(own) for own in crossings.LINES.values()]
    assert served.edges_h == EDGES_H
