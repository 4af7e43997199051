"""A report says what was measured, in numbers for programs and in tables for people; what was made is kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from forecasting.evaluation.metrics import Interval, Repeats
from forecasting.protocols.kept import Kept
from forecasting.protocols.report import Cell, Report, Table
from forecasting.protocols.run import Run, UnknownPart
from forecasting.training.keeping import Arrays

ROWS: list[list[Cell]] = [
    ["model", Interval(0.81234, 0.8, 0.82), 12, None],
    ["other", Repeats(0.5, 0.4, 0.6), 3, float("nan")],
]
REPORT = Report("What was measured", {"seed": 1, "data": {"A": "abc"}}, [Table("Rows", tuple("wxyz"), ROWS, "A note.")])


def test_a_report_is_read_by_people(tmp_path: Path) -> None:
    """Three digits and the interval in brackets; what is unknown is a dash."""
    REPORT.write(tmp_path, "found")
    lines = (tmp_path / "found.md").read_text(encoding="utf-8").splitlines()
    assert "* data: A abc" in lines
    assert "| model | 0.812 (0.800 to 0.820) | 12 | – |" in lines
    assert "| other | 0.500 (0.400 to 0.600) | 3 | – |" in lines


def test_a_report_is_read_by_programs(tmp_path: Path) -> None:
    """Every digit is kept, an interval is told from a range of repeats, and NaN, which JSON has not, is null."""
    REPORT.write(tmp_path, "found")
    text = (tmp_path / "found.json").read_text(encoding="utf-8")
    model, other = json.loads(text, parse_constant=pytest.fail)["tables"][0]["rows"]
    assert model == {"w": "model", "x": {"value": 0.81234, "95 %": [0.8, 0.82]}, "y": 12, "z": None}
    assert other == {"w": "other", "x": {"mean": 0.5, "lowest and highest": [0.4, 0.6]}, "y": 3, "z": None}


class Maker:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Arrays:
        self.times += 1
        return {"said": np.arange(3.0)}


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    """From the same needs it is read; from other needs, or other data, it is made anew."""
    make, lines = Maker(), list[str]()
    kept = Kept(tmp_path, {"data": "x"}, lines.append)
    assert kept.made("a", {"seed": 1}, make)["said"].tolist() == [0, 1, 2]
    assert kept.made("a", {"seed": 1}, make)["said"].tolist() == [0, 1, 2]
    assert make.times == 1
    kept.made("a", {"seed": 2}, make)
    Kept(tmp_path, {"data": "y"}, lines.append).made("a", {"seed": 1}, make)
    assert make.times == 3
    assert lines[:3] == ["a: begins", "a: done", "a: kept from before"]


def test_a_part_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A name that was mistyped is an error that lists what there is, and never an empty report."""
    run = Run(tmp_path, tmp_path, print, only=("b", "x"))
    with pytest.raises(UnknownPart, match="no part x; there is a, b"):
        run.chosen(("a", "b"))
    assert run.chosen(("a", "b", "x", "c")) == ["b", "x"]
    assert Run(tmp_path, tmp_path, print).chosen(("a", "b")) == ["a", "b"]


def test_half_of_a_result_is_none(tmp_path: Path) -> None:
    """What stopped while it was made leaves nothing that could be taken for a result."""

    def stops() -> Arrays:
        raise KeyboardInterrupt

    make = Maker()
    kept = Kept(tmp_path, {}, print)
    with pytest.raises(KeyboardInterrupt):
        kept.made("a", {}, stops)
    assert kept.made("a", {}, make)["said"].tolist() == [0, 1, 2]
    assert make.times == 1
