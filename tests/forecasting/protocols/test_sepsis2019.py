"""The sepsis report counts what it says it counts, and chooses nothing on patients that it scores."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.evaluation.metrics import Interval
from forecasting.evaluation.utility import gain, utility
from forecasting.protocols.kept import Kept
from forecasting.protocols.run import Run
from forecasting.protocols.sepsis2019 import (
    A_TO_B,
    FIVE,
    HEAD,
    TASKS,
    Bench,
    Scored,
    evaluate,
    in_window,
    joined,
    judged,
    peer_scores,
    thresholded,
)
from forecasting.training.features import SELECTIONS, features
from forecasting.training.splits import Split
from tests.boosted import needs_lightgbm
from tests.forecasting.protocols.collections import write_2019
from tests.forecasting.training.stays import cohort, drawn


def story(*alarms: str) -> tuple[np.ndarray, int]:
    letters = "".join(alarms)
    return np.array([letter == "^" for letter in letters]), len(letters)


def hours(count: int) -> dict[str, list[float]]:
    return {"HR": [80.0] * count}


THREE = cohort(hours(30), hours(30), hours(12), septic_from=(14, None, 0))


def test_who_is_warned_in_the_window() -> None:
    """Onset at hour 20: an alarm at hour 8 is the first in the window and 12 hours ahead; one at 7 is outside it."""
    alarms, _ = story(".......^^.....................", "^" * 30, "^" * 12)
    warned, leads = in_window(alarms, THREE)
    assert warned.tolist() == [True]  # the one labelled from its first row could not be warned of
    assert leads.tolist() == [12]
    alarms, _ = story(".......^......................", "^" * 30, "^" * 12)
    assert in_window(alarms, THREE)[0].tolist() == [False]


def test_an_alert_is_a_run_of_alarmed_hours() -> None:
    """Two runs, of which one goes to the end of a stay and the next stay begins alarmed: three alerts in 72 hours."""
    alarms, _ = story("......................^.....^^", "^^............................", "............")
    row = dict(zip(HEAD[1:], judged(THREE, Scored(np.arange(3), alarms.astype(float), alarms), 1), strict=True))
    assert row["alerts per patient-day"] == pytest.approx(3 / 72 * 24)
    assert row["alarmed hours per patient-day"] == pytest.approx(5 / 72 * 24)


def test_folds_are_put_back_in_order() -> None:
    """What each fold said of its stays stands, after joining, where those stays are."""
    whole = drawn(3, stays=9)
    order = np.random.default_rng(0).permutation(9)
    parts = []
    for stays in np.split(order, [4, 6]):
        rows = whole.taken(stays)
        parts.append(Scored(stays, rows.iculos + 1000.0 * np.repeat(stays, np.diff(rows.offsets)), rows.label))
    back = joined(parts, whole)
    assert back.stays.tolist() == list(range(9))
    np.testing.assert_array_equal(back.score, whole.iculos + 1000.0 * np.repeat(np.arange(9), np.diff(whole.offsets)))
    np.testing.assert_array_equal(back.alarms, whole.label)


def bench(tmp_path: Path) -> Bench:
    whole = drawn(5, stays=30)
    kept = Kept(tmp_path, {}, print)
    return Bench(whole, features(whole), gain(whole.label, whole.offsets), kept, 1, 20)


def test_the_threshold_does_not_know_whom_it_is_for(tmp_path: Path) -> None:
    """Turning round the labels of the scored patients changes no alarm."""
    made = bench(tmp_path)
    split = Split(np.arange(10), np.arange(10, 20), np.arange(20, 30))
    score = np.random.default_rng(1).random(len(made.cohort.label))
    chosen, scored = (score[made.rows(part)] for part in (split.choose, split.score))
    before = thresholded(made, split, chosen, scored).alarms
    made.cohort.label[made.rows(split.score)] ^= True
    np.testing.assert_array_equal(thresholded(made, split, chosen, scored).alarms, before)


def test_every_setting_scores_whom_it_says(tmp_path: Path) -> None:
    """Five folds score everyone once; from A to B everyone of B."""
    made = bench(tmp_path)
    assert peer_scores(made, FIVE)["NEWS2"].stays.tolist() == list(range(30))
    assert peer_scores(made, A_TO_B)["NEWS2"].stays.tolist() == np.flatnonzero(made.cohort.hospital == 1).tolist()


def test_what_is_asked_first_comes_first() -> None:
    """All features of the three settings are fitted before any ablation, and every ablation is fitted once."""
    assert {task.selection for task in TASKS[:3]} == {"all"}
    assert len(set(TASKS)) == len(TASKS) == 3 * len(SELECTIONS)


def test_a_rise_that_was_planted_is_found(tmp_path: Path) -> None:
    """On drawn stays whose heart rate rises before sepsis the boosted scores beat NEWS2, and a second run goes on."""
    needs_lightgbm()
    write_2019(tmp_path / "data", 120)
    lines: list[str] = []
    run = Run(tmp_path / "data", tmp_path / "build", lines.append, threads=1, only=("physiology only",))
    *_, report = evaluate(run)
    five = next(table for table in report.tables if table.title == FIVE)
    found = {row[0]: row[2].value for row in five.rows if isinstance(row[2], Interval)}
    assert found["LightGBM, physiology only: label"] > max(0.8, found["NEWS2"])
    lines.clear()
    *_, again = evaluate(run)
    assert not [line for line in lines if line.endswith("begins")]
    assert again.markdown() == report.markdown()


def test_a_score_of_gain_is_worth_its_utility() -> None:
    """Alarms where an alarm pays have the utility 1 in the report too."""
    pays = gain(THREE.label, THREE.offsets) > 0
    found, *_ = judged(THREE, Scored(np.arange(3), pays.astype(float), pays), 1)
    assert isinstance(found, Interval)
    assert found.value == pytest.approx(utility(pays, THREE.label, THREE.offsets)) == pytest.approx(1)
