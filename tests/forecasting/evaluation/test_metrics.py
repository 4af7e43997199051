"""Figures of merit are right by hand, by property and, where scikit-learn is installed, by comparison."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from forecasting.evaluation import metrics
from forecasting.evaluation.metrics import Ranked, draws, interval, ratio_interval

seeds = st.integers(0, 10_000)


def cases(seed: int, count: int = 60, levels: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Events and scores that tie often."""
    rng = np.random.default_rng(seed)
    score = rng.integers(0, levels, count) / levels
    return rng.random(count) < 0.1 + 0.7 * score, score


@given(seed=seeds)
def test_auroc_is_the_chance_that_an_event_ranks_higher(seed: int) -> None:
    """It equals the share of pairs in which the event has the higher score, ties counted half."""
    event, score = cases(seed)
    pairs = score[event][:, None] - score[~event][None, :]
    assert metrics.auroc(event, score) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


@given(seed=seeds)
def test_what_carries_nothing_has_the_prevalence_as_its_precision(seed: int) -> None:
    """One score for all gives AUROC one half and an average precision of the prevalence."""
    event, score = cases(seed)
    assert metrics.auroc(event, 0 * score) == pytest.approx(0.5)
    assert metrics.average_precision(event, 0 * score) == pytest.approx(event.mean())


@given(seed=seeds)
def test_only_the_order_of_scores_counts(seed: int) -> None:
    """A rising change of scale leaves AUROC and average precision as they are, and a perfect score has 1 of each."""
    event, score = cases(seed)
    for figure in (metrics.auroc, metrics.average_precision):
        assert figure(event, score) == figure(event, np.exp(3 * score))
        assert figure(event, event.astype(float)) == pytest.approx(1)


@given(seed=seeds)
def test_a_weight_is_a_case_told_that_often(seed: int) -> None:
    """Weights of 0, 1, 2 … give the figures of the cases left out, told once, twice …"""
    event, score = cases(seed)
    weight = np.random.default_rng(seed).integers(0, 4, len(event))
    told = np.repeat(np.arange(len(event)), weight)
    assume(event[told].any() and not event[told].all())
    ranked = Ranked.of(event, score)
    assert ranked.auroc(weight.astype(float)) == pytest.approx(metrics.auroc(event[told], score[told]))
    assert ranked.average_precision(weight.astype(float)) == pytest.approx(
        metrics.average_precision(event[told], score[told])
    )


@given(seed=seeds)
def test_they_agree_with_scikit_learn(seed: int) -> None:
    """AUROC, average precision, Brier score and quantile loss are those of scikit-learn."""
    theirs = pytest.importorskip("sklearn.metrics")
    event, score = cases(seed)
    assert metrics.auroc(event, score) == pytest.approx(theirs.roc_auc_score(event, score))
    assert metrics.average_precision(event, score) == pytest.approx(theirs.average_precision_score(event, score))
    assert metrics.brier(event, score) == pytest.approx(theirs.brier_score_loss(event, score))
    came = score * 3 + event
    assert metrics.pinball(came, score[:, None], np.array([0.9])) == pytest.approx(
        theirs.mean_pinball_loss(came, score, alpha=0.9)
    )


def test_average_precision_by_hand() -> None:
    """Events first and third of four: (1 + 2/3) / 2. Where the second and third tie: (1 + 2/3) / 2 as well."""
    event = np.array([True, False, True, False])
    assert metrics.average_precision(event, np.array([4.0, 3, 2, 1])) == pytest.approx(5 / 6)
    assert metrics.average_precision(event, np.array([4.0, 2, 2, 1])) == pytest.approx(5 / 6)


def test_a_score_that_is_no_number_is_refused() -> None:
    """NaN has no rank, so it is an error and not a guess."""
    with pytest.raises(ValueError, match="not a number"):
        metrics.auroc(np.array([True, False]), np.array([0.1, np.nan]))


def test_without_events_there_is_no_figure() -> None:
    """Cases of one kind have no AUROC and, without events, no average precision: NaN, not 0."""
    none = np.zeros(3, bool)
    assert np.isnan(metrics.auroc(none, np.arange(3.0)))
    assert np.isnan(metrics.average_precision(none, np.arange(3.0)))


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.5, 0.0), (1.0, -1.0), (2.0, 0.5)])
def test_calibration_finds_how_far_off_the_odds_are(slope: float, shift: float) -> None:
    """Where the true log-odds are slope x said + shift, slope and intercept are found."""
    rng = np.random.default_rng(3)
    odds = rng.normal(-1, 1.5, 200_000)
    event = rng.random(len(odds)) < 1 / (1 + np.exp(-(slope * odds + shift)))
    found = metrics.calibration(event, 1 / (1 + np.exp(-odds)))
    assert found.slope == pytest.approx(slope, abs=0.03)
    assert found.intercept == pytest.approx(shift, abs=0.03)
    if slope == 1:
        assert found.in_the_large == pytest.approx(shift, abs=0.03)


def test_calibration_of_one_kind_of_case_is_unknown() -> None:
    """Without events, without others, or with one risk for all, there is no slope."""
    said = np.array([0.1, 0.2, 0.3])
    assert np.isnan(metrics.calibration(np.zeros(3, bool), said).slope)
    assert np.isnan(metrics.calibration(np.array([True, False, True]), np.full(3, 0.5)).slope)


def test_event_1_by_hand() -> None:
    """Of four cases with events first and third: at the third both are caught by three calls, so 2/3."""
    event, score = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    found = metrics.best_event1(event, score)
    assert found == pytest.approx((0.7, 1.0, 2 / 3))
    assert found.smaller == pytest.approx(2 / 3)
    assert metrics.at_threshold(event, score, 0.85).smaller == 0.5
    assert metrics.at_threshold(event, score, 0.95) == (0.95, 0.0, 0.0)


@given(seed=seeds)
def test_no_threshold_beats_the_best(seed: int) -> None:
    """Event 1 at the chosen threshold is the largest of all thresholds."""
    event, score = cases(seed)
    assume(event.any())
    best = max(metrics.at_threshold(event, score, at).smaller for at in np.unique(score))
    assert metrics.best_event1(event, score).smaller == pytest.approx(best)


def test_event_2_by_hand() -> None:
    """Ten tenths of ten cases, each with one event more than was said in the first: H of that tenth over the range."""
    said = np.repeat(np.linspace(0.1, 0.9, 10), 10)
    event = np.concatenate([np.arange(10) < round(10 * p) for p in np.linspace(0.1, 0.9, 10)])
    expected = sum((round(10 * p) - 10 * p) ** 2 / (10 * p * (1 - p)) for p in np.linspace(0.1, 0.9, 10)) / 0.8
    assert metrics.event2(event, said) == pytest.approx(expected)
    event[1] = True
    assert metrics.event2(event, said) == pytest.approx(expected + 1 / (10 * 0.1 * 0.9) / 0.8)


def test_event_2_without_a_range_is_infinite() -> None:
    """One risk for all says nothing, and scores worst."""
    assert metrics.event2(np.arange(20) < 3, np.full(20, 0.15)) == np.inf


def test_net_benefit_by_hand() -> None:
    """At 20 %, one true and two false alarms among ten: (1 - 2/4) / 10."""
    event, said = np.arange(10) == 0, np.where(np.arange(10) < 3, 0.3, 0.1)
    assert metrics.net_benefit(event, said, 0.2) == pytest.approx(0.05)


@given(seed=seeds)
def test_the_right_quantile_has_the_least_loss(seed: int) -> None:
    """Among constants the sample's own quantile has the smallest pinball loss."""
    came = np.random.default_rng(seed).normal(size=41)
    levels = np.array([0.25])
    losses = {x: metrics.pinball(came, np.full((41, 1), x), levels) for x in came}
    assert min(losses.values()) == pytest.approx(losses[np.sort(came)[10]])


def test_a_band_holds_its_ends() -> None:
    """What lies on an end of the band is inside it."""
    found = metrics.band(np.array([0.0, 1, 2, 3]), np.zeros(4), np.full(4, 2.0))
    assert found == (0.75, 2.0)


def test_patients_are_drawn_not_rows() -> None:
    """Two patients with 99 rows and 1: their rows come and go together, and the same seed gives the same interval."""
    of_case = np.repeat([0, 1], [99, 1])
    seen: list[float] = []

    def rows(weights: np.ndarray | None) -> float:
        total = 100.0 if weights is None else float(weights.sum())
        seen.append(total)
        return total

    first = interval(rows, draws(2, 50, 7), of_case)
    assert set(seen) == {2.0, 100.0, 198.0}
    assert interval(rows, draws(2, 50, 7), of_case) == first


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    """Of 200 samples of 80 patients about 95 % of the intervals hold the true ratio."""
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        below = rng.gamma(2, 1, 80)
        found = ratio_interval(below * rng.normal(0.4, 0.3, 80), below, draws(80, 300, seed))
        held += found.low <= 0.4 <= found.high
    assert 0.88 <= held / 200 <= 0.99
