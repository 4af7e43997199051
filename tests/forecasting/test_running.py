"""Running averages: what each reading leaves behind, and that its bits come from basic arithmetic alone."""

import ast
import math
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.baselines import fans, running
from forecasting.baselines.running import BIN, EMPTY, LEVEL, NOW, NOW_JUMPS, PACE, Pace, Paces
from forecasting.moments import HOUR_US

MINUTE_US = 60_000_000
SLOW, FAST = 4.0, 1.0
HEART = Pace(root=False, level_h=FAST, base_h=SLOW, mean_h=24.0, usual=2.0, usual_root=2.0)
ROUND_ALIKE = {
    # rounded once, alike everywhere (IEEE 754), or not at all
    "abs", "add", "minimum", "maximum", "sqrt", "rint", "where", "copyto", "diff", "clip",
    # no arithmetic
    "array", "asarray", "zeros", "arange", "take", "searchsorted", "inf",
    "float32", "float64", "int32", "int64", "intp",
}  # fmt: skip
SUMS = {"mean", "prod", "dot", "cumsum", "std", "var", "power", "exp", "log"}  # `sum` is taken of truths only


def lane(readings: Sequence[tuple[float, float]], pace: Pace = HEART, concept: str = "hr") -> np.ndarray:
    """One lane after these readings: (minute, value)."""
    held, column = EMPTY[:, None].copy(), Paces({concept: pace}).take([0])
    for minute, value in readings:
        at = np.array([round(minute * MINUTE_US)])
        running.read(held, at, np.array([0]), np.array([value]), column)
    return held[:, 0]


def averages(readings: Sequence[tuple[float, float]]) -> list[float]:
    """Level, base and mean by their definition: each kept reading weighs by the product of what the gaps left of it."""
    found = []
    for decay in (HEART.level_h, HEART.base_h, HEART.mean_h):
        weights = [1.0]
        for (before, _), (after, _) in zip(readings[::-1][1:], readings[::-1], strict=False):
            weights.append(weights[-1] * (1 + (after - before) / 60 / (2 * decay)) ** -2)
        values = [value for _, value in readings[::-1]]
        found.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return found


@given(
    st.lists(st.tuples(st.floats(BIN.total_seconds() / 60, 900), st.floats(20, 200)), min_size=1, max_size=30),
)
def test_an_average_is_what_its_definition_says(steps: list[tuple[float, float]]) -> None:
    """Updated reading by reading, level, base and mean equal the weighted means of all readings so far."""
    minutes = np.cumsum([gap for gap, _ in steps]).tolist()
    readings = list(zip(minutes, [value for _, value in steps], strict=True))
    assert lane(readings)[NOW][3:].tolist() == pytest.approx(averages(readings), rel=1e-9)


def test_a_value_a_second_weighs_as_much_as_one_every_few_minutes() -> None:
    """An hour of values once a second leaves about the weights of an hour of values every five minutes."""
    dense = lane([(second / 60, 80.0) for second in range(3601)])
    sparse = lane([(5.0 * k, 80.0) for k in range(13)])
    assert dense[NOW][:3].tolist() == pytest.approx(sparse[NOW][:3].tolist(), rel=0.1)


def test_the_newest_value_counts_at_once() -> None:
    """Ten seconds after a kept reading the newest one is the last value, and it moves the level."""
    before, after = lane([(0, 80), (10, 80)]), lane([(0, 80), (10, 80), (10.2, 120)])
    assert after[running.LAST] == 120
    assert after[LEVEL] > before[LEVEL] + 5


def test_what_stood_provisionally_leaves_no_trace() -> None:
    """Within five minutes of a kept reading only the newest counts: what stood between might never have been."""
    assert (
        lane([(0, 80), (2, 200), (4, 90), (9.5, 85)])[NOW].tolist() == lane([(0, 80), (4, 90), (9.5, 85)])[NOW].tolist()
    )


def test_a_reading_of_the_same_moment_takes_its_place_and_an_older_one_does_nothing() -> None:
    """The later known of two readings of one moment counts; an older reading changes no bit but belongs in a row."""
    told = lane([(0, 80), (60, 90)])
    assert lane([(0, 80), (60, 200), (60, 90)])[NOW].tolist() == told[NOW].tolist()
    assert lane([(0, 80), (60, 90), (30, 200)]).tobytes() == told.tobytes()


def test_jumps_are_taken_at_the_pace_of_a_chart() -> None:
    """A steady climb by 12 an hour is as large a jump once a minute as once every half an hour."""
    assert PACE.total_seconds() == 1800
    minutely = lane([(m, 80 + 0.2 * m) for m in range(0, 301)])
    charted = lane([(m, 80 + 0.2 * m) for m in range(0, 301, 30)])
    assert minutely[NOW_JUMPS].tolist() == pytest.approx(charted[NOW_JUMPS].tolist(), rel=1e-9)


def test_jumps_are_measured_in_usual_ones() -> None:
    """A change by just what is usual over its gap leaves an average jump of 1."""
    usual = HEART.usual + HEART.usual_root * math.sqrt(4.0)
    assert lane([(0, 80), (240, 80 + usual), (480, 80)])[NOW_JUMPS][0] == pytest.approx(1.0)


def test_lowest_and_highest_are_kept_by_the_hour_and_forgotten_after_four() -> None:
    """A low of 13:50 is known up to a reading of 16:59, and no longer with one of 17:00."""
    low = (13 * 60 + 50, 52.0)
    for minute, known in ((16 * 60 + 59, 52.0), (17 * 60, 90.0)):
        recent = lane([low, (14 * 60 + 10, 95.0), (minute, 90.0)])[running.RECENT].reshape(2, -1)
        assert recent[0].min() == known
        assert -recent[1].min() == 95.0


def test_skewed_values_are_taken_in_fourth_roots_inside_their_limits() -> None:
    """A lactate of 16 is 2 in the scale of the model; one beyond the hard limit is the limit."""
    rooted = Pace(root=True, level_h=1.0, base_h=4.0, mean_h=72.0, usual=1.0, usual_root=0.0)
    assert lane([(0, 16.0)], rooted, "lactate")[running.LAST] == 2.0
    assert lane([(0, 1e9)], rooted, "lactate")[running.LAST] == math.sqrt(math.sqrt(40.0))


@given(st.lists(st.tuples(st.integers(0, 3_000), st.floats(-1e308, 1e308)), min_size=1, max_size=40))
def test_nothing_that_is_read_leaves_a_number_that_is_none(readings: list[tuple[int, float]]) -> None:
    """Whatever is read, in whatever order, averages are finite, weights positive and jumps bounded."""
    found = lane([(float(minute), value) for minute, value in readings])
    assert np.isfinite(found[running.LAST : running.RECENT.start]).all()
    assert (found[NOW][:3] >= 1).all()
    assert 0 <= found[NOW_JUMPS][0] <= running.JUMP_MAX


@given(
    st.lists(st.tuples(st.floats(1e-6, 3_000), st.floats(-1e9, 1e9).map(lambda x: x or 0.0)), max_size=60),
    st.sampled_from(["hr", "lactate"]),
)
def test_a_row_told_anew_has_the_bits_of_readings_told_one_by_one(
    steps: list[tuple[float, float]], concept: str
) -> None:
    """In plain numbers or in arrays, a row leaves the same lane to the last bit."""
    pace = replace(HEART, root=concept == "lactate")
    minutes = np.cumsum([gap for gap, _ in steps]).tolist()
    at = [round(minute * MINUTE_US) for minute in minutes]
    rising = [i for i in range(len(at)) if i == 0 or at[i] > at[i - 1]]
    one_by_one = lane([(at[i] / MINUTE_US, steps[i][1]) for i in rising], pace, concept)
    told = [(round(at[i] / MINUTE_US * MINUTE_US), 0, steps[i][1]) for i in rising]
    assert running.told_anew(told, Paces({concept: pace}).table[:, 0]).tobytes() == one_by_one.tobytes()


@pytest.mark.parametrize("module", [running, fans], ids=lambda module: module.__name__)
def test_only_what_every_machine_rounds_alike_is_used(module: object) -> None:
    """No exponential, logarithm, power, sum of floats or matrix product: they differ between machines and shapes."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    of_numpy = {node.attr for node in names if isinstance(node.value, ast.Name) and node.value.id == "np"}
    assert of_numpy <= ROUND_ALIKE
    assert {node.attr for node in names} & SUMS == set()
    operations = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
    assert [node for node in operations if isinstance(node.op, ast.MatMult)] == []
    assert {ast.unparse(node.left) for node in operations if isinstance(node.op, ast.Pow)} <= {"10.0", "2"}


def test_the_bits_are_those_of_every_machine() -> None:
    """A drawn lane has, to the last bit, the contents it had where this test was written."""
    draw = np.random.Generator(np.random.PCG64(3))
    minutes = np.cumsum(draw.integers(1, 200, 200)).tolist()
    values = (draw.integers(400, 1200, 200) / 10).tolist()
    found = lane(list(zip(minutes, values, strict=True)))
    assert blake2b(found.astype("<f8").tobytes(), digest_size=8).hexdigest() == "36e853f542ee8e03"


def test_times_are_exact_in_any_century() -> None:
    """A microsecond more is a later reading in 1900 and in 2299."""
    for year in (1900, 2299):
        hour = (year - 1970) * 8766
        first = lane([(hour * 60, 80.0)])
        at = np.array([hour * HOUR_US + 1])
        held = first[:, None].copy()
        running.read(held, at, np.array([0]), np.array([90.0]), Paces({"hr": HEART}).take([0]))
        assert held[running.LAST, 0] == 90.0
        assert first[running.LAST] == 80.0
