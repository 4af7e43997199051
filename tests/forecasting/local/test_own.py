"""A hospital is served its own recalibration where it belongs to the model; else what was fitted, with the reason."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.baselines import trend
from forecasting.checks import CHECKS, foreseen
from forecasting.local.own import own, recalibrations
from forecasting.network import forecaster
from forecasting.network.forecaster import CrossingNetwork, load
from schemas.clinical.forecasts import Odds
from schemas.conditions import Compare, Op
from tests.forecasting.network.test_forecaster import LOW, SINKING, STEADY, made_up
from tests.forecasting.test_contract import USUAL

NOW = datetime(2031, 5, 4, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOUNDS = {"said": [0.0, 1.0], "low": [0.0, 0.9], "high": [0.2, 1.0], "lasting": [0.0, 0.5]}


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network with drawn weights, for speed."""
    monkeypatch.setattr(forecaster, "load", made_up)


def file(**changed: Any) -> dict[str, Any]:
    """A recalibration as it is kept, with something changed."""
    return {
        "made_at": "2031-05-04T08:00:00+00:00",
        "belongs_to": made_up().ahead.digest,  # type: ignore[union-attr]
        "cohort": {"patients": 1503},
        "questions": {"map below": {"slope": 0.8, "intercept": 0.4, "reliability": BOUNDS}},
    } | changed


def question(**changed: Any) -> dict[str, Any]:
    return {"map below": {"slope": 0.8, "intercept": 0.4, "reliability": BOUNDS} | changed}


def kept(folder: Path, **changed: Any) -> str:
    return recalibrations(folder).add(json.dumps(file(**changed)), NOW)


def odds(model: CrossingNetwork, asked: Compare = LOW, hours: float = 6) -> Odds:
    found = foreseen(model, SINKING).chance(asked, hours * HOUR)
    assert isinstance(found, Odds), found
    return found


def test_without_anything_of_its_own_a_hospital_has_what_was_fitted(tmp_path: Path) -> None:
    """And its boards say that chances are not checked here."""
    assert own(tmp_path).forecaster is own(None).forecaster is made_up()
    assert own(tmp_path).said == "Chances are not checked at this hospital."


def test_what_is_in_force_is_served(tmp_path: Path) -> None:
    """The scale, the bounds and the name of the version; every other question is as it was."""
    version = kept(tmp_path)
    here = own(tmp_path)
    said = foreseen(made_up(), SINKING)
    told, plain = odds(here.forecaster), odds(made_up())
    assert here.recalibration is not None
    scale = here.recalibration.questions["map below"].scale
    raw = said.said(LOW, 6).p  # type: ignore[attr-defined]
    assert told.probability == round(scale.of(raw), 3) != plain.probability
    assert told.high == pytest.approx(max(told.probability, 0.2 + 0.8 * told.probability), abs=0.001)
    assert told.model == f"{plain.model}, recalibrated {version}"
    other = Compare("hr", Op.ABOVE, 130.0)
    assert odds(here.forecaster, other).probability == odds(made_up(), other).probability
    assert here.said == "Chances were checked on 1,503 patients of this hospital, 2031-05-04."


def test_what_is_fitted_on_is_what_the_network_says(tmp_path: Path) -> None:
    """A recalibration is made of what was said, not of what an earlier one told."""
    kept(tmp_path)
    outlooks = [foreseen(model, SINKING) for model in (made_up(), own(tmp_path).forecaster)]
    both = [outlook.said(LOW, 6).p for outlook in outlooks]  # type: ignore[attr-defined]
    assert both[0] == both[1]


@given(slope=st.floats(0.2, 5.0), intercept=st.floats(-4.0, 4.0))
@settings(max_examples=25, deadline=None)
def test_more_time_and_a_nearer_line_are_no_less_likely(slope: float, intercept: float) -> None:
    """Whatever the scale: chances stay coherent."""
    from forecasting.local.recalibration import Recalibration

    fitted = made_up().ahead
    assert not isinstance(fitted, str)
    text = json.dumps(file(questions=question(slope=slope, intercept=intercept)))
    model = CrossingNetwork(trend.load(), Recalibration.read("v", text).applied(fitted, fitted.digest))
    outlook = foreseen(model, SINKING)
    by_time = [outlook.chance(LOW, hours * HOUR) for hours in (1, 1.5, 2, 4, 6, 12, 24)]
    by_line = [outlook.chance(Compare("map", Op.BELOW, line), 6 * HOUR) for line in (55, 58, 60, 65, 67)]
    for rising in (by_time, by_line):
        found = [one for one in rising if isinstance(one, Odds)]
        assert len(found) == len(rising)
        assert [one.probability for one in found] == sorted(one.probability for one in found)
        assert all(one.low <= one.probability <= one.high for one in found)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_promises_of_a_forecaster(check: Any, tmp_path: Path) -> None:
    """Each of them, with a scale in force."""
    kept(tmp_path)
    check(own(tmp_path).forecaster, USUAL)


def test_another_version_is_another_forecaster(tmp_path: Path) -> None:
    """What is told differs, so the digest does."""
    first = kept(tmp_path)
    one = own(tmp_path).forecaster.digest
    kept(tmp_path, questions=question(slope=0.7))
    assert len({one, own(tmp_path).forecaster.digest, made_up().digest}) == 3
    recalibrations(tmp_path).use(first, NOW)
    assert own(tmp_path).forecaster.digest == one


def test_undone_is_as_fitted(tmp_path: Path) -> None:
    """To the very object."""
    kept(tmp_path)
    recalibrations(tmp_path).undo(NOW)
    assert own(tmp_path).forecaster is made_up()


def unusable() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"belongs_to": "0" * 32}, "belongs to another version of the model"
    yield {"questions": question(slope=0.0)}, "cannot be read"
    yield {"questions": question(slope=-1.0)}, "cannot be read"
    yield {"questions": question(slope=float("nan"))}, "cannot be read"
    yield {"questions": question(intercept=float("inf"))}, "cannot be read"
    yield {"questions": question(intercept=None)}, "cannot be read"
    yield {"questions": question(reliability=BOUNDS | {"low": [0.0]})}, "cannot be read"
    yield {"questions": question(reliability=BOUNDS | {"said": [1.0, 0.0]})}, "cannot be read"
    yield {"questions": question(reliability=BOUNDS | {"high": [0.2, 1.1]})}, "cannot be read"
    yield {"questions": {"humours below": question()["map below"]}}, "tells of humours below"
    yield {"questions": []}, "cannot be read"
    yield {"cohort": {}}, "cannot be read"


@pytest.mark.parametrize(("changed", "why"), list(unusable()))
def test_what_cannot_be_used_is_left_aside_and_said(changed: dict[str, Any], why: str, tmp_path: Path) -> None:
    """What was fitted serves, and the board and `foreshock check` say why."""
    kept(tmp_path, **changed)
    here = own(tmp_path)
    assert here.forecaster is made_up()
    assert here.recalibration is None
    assert why in " ".join(here.problems)
    assert here.said.startswith("Chances are not checked at this hospital: recalibration: ")
    assert why in here.said


def test_a_file_that_was_changed_is_left_aside_and_said(tmp_path: Path) -> None:
    """Also a journal that cannot be read: a service starts all the same."""
    version = kept(tmp_path)
    path = recalibrations(tmp_path).folder / f"{version}.json"
    path.write_text(path.read_text("utf-8").replace("0.8", "0.9"), "utf-8")
    assert "was changed" in own(tmp_path).said
    (path.parent / "journal").write_text("?", "utf-8")
    assert "cannot be read" in own(tmp_path).said


def test_where_the_network_cannot_be_read_nothing_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fans are served, and each chance says why there is none."""
    kept(tmp_path)
    damaged = CrossingNetwork(trend.load(), "weights.safetensors is damaged")
    monkeypatch.setattr(forecaster, "load", lambda: damaged)
    assert own(tmp_path).forecaster is damaged
    assert own(tmp_path).recalibration is None


def test_the_served_network_takes_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slope and intercept about what is served, whatever its weights are."""
    monkeypatch.undo()
    digest = load().ahead.digest  # type: ignore[union-attr]
    kept(tmp_path, belongs_to=digest, questions=question(slope=1.0, intercept=1.0))
    told, plain = (foreseen(model, STEADY).chance(LOW, 6 * HOUR) for model in (own(tmp_path).forecaster, load()))
    assert isinstance(told, Odds)
    assert isinstance(plain, Odds)
    assert told.probability > plain.probability
