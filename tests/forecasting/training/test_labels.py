"""Labels of what is to come say what happened, and are judged only where they may be."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from forecasting.evaluation.stays import laid
from forecasting.training.labels import GCS_FALL, HORIZONS_H, RULES, Rule, label, lately, onsets

LOW = RULES[0]
_ = float("nan")


def asked(rule: Rule, told: Sequence[float], horizon: int) -> str:
    """A letter a row: `Y` it comes true, `n` it does not, `-` not judged."""
    values = np.array(told, np.float32)
    comes, eligible = label(rule, values, laid([len(told)]), horizon)
    return "".join("-" if not e else "Y" if c else "n" for c, e in zip(comes, eligible, strict=True))


STORIES = [
    # rule      horizon  what was measured                      what is said of each row
    (
        LOW,
        1,
        [80, 64, 80, 80, 80, 80],
        "Y---n-",
    ),  # true at 1, so rows 1 to 3 are not judged, and nothing follows the last
    (LOW, 2, [80, 80, 80, 64, 80], "nYY--"),
    (LOW, 12, [80, 65, 65, 65], "nnn-"),  # 65 is not below 65
    (LOW, 2, [80, _, _, 64], "-YY-"),  # nothing measured in the two hours after the first
    (LOW, 1, [_, 80, 80], "nn-"),  # never measured is not true
    (LOW, 4, [64, _, _, 80, 64], "---Y-"),  # held three hours ago no longer counts
    (LOW, 4, [64, _, 80, 80, 64], "---Y-"),
]


@pytest.mark.parametrize(("rule", "horizon", "measured", "said"), STORIES)
def test_what_is_said_of_each_row(rule: Rule, horizon: int, measured: list[float], said: str) -> None:
    """Each row is judged, or not, and right, up to the ends of stay, horizon and the three hours before."""
    assert asked(rule, measured, horizon) == said


@pytest.mark.parametrize(
    ("variable", "at", "past"),
    [("MAP", 65, 64), ("SBP", 90, 89), ("O2Sat", 90, 89), ("Resp", 30, 31), ("HR", 130, 131), ("Lactate", 4, 4.1)],
)
def test_a_limit_itself_is_not_past_it(variable: str, at: float, past: float) -> None:
    """Each threshold is strict, as the protocol writes it."""
    rule = next(rule for rule in RULES if rule.variable == variable)
    assert rule.true(np.array([at, past], np.float32), laid([2])).tolist() == [False, True]


def test_creatinine_rises_against_its_lowest_before() -> None:
    """1.5 times the lowest so far counts, and the first value never does."""
    rule = next(rule for rule in RULES if rule.kind == "rise")
    values = np.array([2.0, 1.0, _, 1.25, 1.5, 1.75], np.float32)
    assert rule.true(values, laid([6])).tolist() == [False, False, False, False, True, True]


def test_a_coma_scale_falls_against_the_value_before_it() -> None:
    """Two points less than the last time it was charted counts; a slow fall of one and one does not."""
    values = np.array([15, 14, 13, _, 11, 15], np.float32)
    assert GCS_FALL.true(values, laid([6])).tolist() == [False, False, False, False, True, False]


def test_nothing_is_known_of_the_next_stay() -> None:
    """The first hours of the next patient are not this one's future, and this one's are not the next one's past."""
    values = np.array([80, 64, 64, 80, 80, 80], np.float32)
    comes, eligible = label(LOW, values, laid([1, 2, 3]), 12)
    assert eligible.tolist() == [False, False, False, True, True, False]
    assert comes.tolist() == [False, True, False, False, False, False]


def test_a_longer_horizon_holds_a_shorter_one() -> None:
    """What comes true within an hour comes true within twelve."""
    rng = np.random.default_rng(1)
    values = rng.normal(75, 10, 500).astype(np.float32)
    found = [label(LOW, values, laid([200, 1, 299]), horizon) for horizon in HORIZONS_H]
    for near, far in pairwise(found):
        assert not (near.comes & ~far.comes).any()
        assert not (near.eligible & ~far.eligible).any()


def test_an_onset_is_a_beginning_that_could_be_warned_of() -> None:
    """It begins after three hours in which it was not true; the first row and a return within three hours are none."""
    values = np.array([64, 80, 64, 80, 80, 80, 64, 64, 80, 80, 64], np.float32)
    assert np.flatnonzero(onsets(LOW, values, laid([11]))).tolist() == [6]
    assert lately(values < 65, laid([11])).tolist() == [True] * 5 + [False] + [True] * 5
