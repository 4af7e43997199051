"""`foreshock train` leaves a network that can be served, and says what it lacks."""

from pathlib import Path

import pytest
from rich.console import Console

from forecasting.network.fitted import fitted
from infra.commands.train import CannotTrain, run_train
from tests.boosted import needs_lightgbm
from tests.forecasting.protocols.collections import write_2019


def test_what_was_trained_can_be_served(tmp_path: Path) -> None:
    """On drawn stays: weights, a manifest that fits them, and a log with times."""
    pytest.importorskip("torch")
    needs_lightgbm()
    write_2019(tmp_path / "data", 60)
    run_train(tmp_path / "data", tmp_path / "out", None, Console(quiet=True), tmp_path / "build")
    found = fitted(tmp_path / "out")
    assert {"map below", "lactate above"} <= set(found.numbers)
    assert set(found.events) == {"sepsis"}
    assert "epoch 3 of 3" in (tmp_path / "build" / "network.log").read_text("utf-8")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """Without the data one sentence says so before anything begins."""
    pytest.importorskip("torch")
    with pytest.raises(CannotTrain, match="no folder"):
        run_train(tmp_path / "none", tmp_path / "out", None, Console(quiet=True), tmp_path / "build")
