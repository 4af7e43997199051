"""`foreshock check` says whether the network that is served can be read."""

import pytest

from forecasting.baselines import trend
from forecasting.network import forecaster
from infra.commands.check import findings
from infra.settings import Settings


def test_weights_that_cannot_be_read_are_bad_news(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """The line of the model says that no chances are given, and why; the other lines are as they were."""
    settings = Settings(data_dir=str(tmp_path))
    sound = {finding.what: finding.ok for finding in findings(settings)}
    damaged = forecaster.CrossingNetwork(trend.load(), "weights.safetensors is damaged")
    monkeypatch.setattr(forecaster, "load", lambda: damaged)
    broken = {finding.what: finding for finding in findings(settings)}
    assert sound["model"]
    assert not broken["model"].ok
    assert "no chances are given: weights.safetensors is damaged" in broken["model"].says
    assert {what: one.ok for what, one in broken.items() if what != "model"} == {
        what: ok for what, ok in sound.items() if what != "model"
    }
