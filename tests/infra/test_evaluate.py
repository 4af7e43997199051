"""`foreshock evaluate` says what it lacks, and writes a report that says how much of the protocol it holds."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console

from forecasting.protocols.report import Report, Table
from infra.commands.cli import Protocol
from infra.commands.evaluate import NEEDED, CannotEvaluate, Part, run_evaluate, write
from tests.boosted import needs_lightgbm
from tests.forecasting.protocols.collections import write_2012


@pytest.mark.parametrize("protocol", Protocol)
def test_every_protocol_has_a_module(root: Path, protocol: Protocol) -> None:
    """What can be asked for on the command line can be run."""
    assert "def evaluate(run: Run)" in (root / "forecasting" / "protocols" / f"{protocol}.py").read_text("utf-8")


def test_a_part_is_said_to_be_one(tmp_path: Path) -> None:
    """A report of some folds and selections says which; one of everything says nothing of parts."""
    report = Report("x", {"seed": 1}, [Table("t", ("a",), [[1]])])
    write(report, tmp_path, "part", Part(only=("all",), at_most=500))
    write(report, tmp_path, "whole", Part())
    part, whole = (json.loads((tmp_path / f"{name}.json").read_text("utf-8"))["about"] for name in ("part", "whole"))
    assert part["part"] == {"only": ["all"], "at most": 500}
    assert "part" not in whole
    assert set(whole) == {"date", "seed"}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """Without LightGBM, or without the data, one sentence says so before anything begins."""
    missing = "no folder" if all(find_spec(name) for name in NEEDED) else "not installed: "
    with pytest.raises(CannotEvaluate, match=missing):
        run_evaluate("mortality2012", tmp_path / "none", tmp_path, Part(), Console(quiet=True), tmp_path / "build")


def test_a_report_and_its_log_are_written(tmp_path: Path) -> None:
    """Both forms of the report and a log with times."""
    needs_lightgbm()
    write_2012(tmp_path / "data", 200)
    part = Part(only=("last values",), repeats=1)
    run_evaluate("mortality2012", tmp_path / "data", tmp_path / "out", part, Console(quiet=True), tmp_path / "build")
    assert (tmp_path / "out" / "mortality2012.md").is_file()
    assert json.loads((tmp_path / "out" / "mortality2012.json").read_text("utf-8"))["about"]["part"]
    assert "written" in (tmp_path / "build" / "mortality2012.log").read_text("utf-8")
