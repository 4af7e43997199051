"""The damped trend says what a careful reader of the chart would say, and no more."""

import json
import math
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import checks
from forecasting.baselines.lags import RUNGS_MAX, ladder
from forecasting.baselines.trend import PARAMETERS, Trend, load, read
from forecasting.training import fit_trend
from forecasting.training.collections import CONCEPTS_HELD, part
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Forecast, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.events import identity
from tests.forecasting.snapshots import NOW, bed, reading, snapshots

MEDIAN = LEVELS.index(0.5)
STEADY = {60.0 * i: 80.0 for i in range(1, 9)} | {5.0: 80.0}


def fan(snapshot: Snapshot, concept: str) -> Fan:
    found = load().outlook(snapshot).fan(concept)
    assert isinstance(found, Fan)
    return found


def widths(of: Fan) -> list[float]:
    return [row[-1] - row[0] for row in of.quantiles]


def test_a_falling_pressure_is_expected_lower_than_a_steady_one() -> None:
    """Of two patients at the same pressure now, the one who came down to it is expected lower in an hour."""
    falling = bed({"map": {5: 70, 60: 80, 120: 90, 180: 96}})
    steady = bed({"map": {5: 70, 60: 70, 120: 70, 180: 70}})
    hour = HORIZONS_H.index(1.0)
    up = bed({"map": {5: 70, 60: 60, 120: 52, 180: 46}})
    assert fan(falling, "map").quantiles[hour][0] != fan(steady, "map").quantiles[hour][0]
    assert fan(falling, "map").quantiles[-1][MEDIAN] > fan(up, "map").quantiles[-1][MEDIAN], "no pull to the own mean"


def test_the_trend_is_damped() -> None:
    """However steep the fall, the median a day ahead stays within what the patient has shown and adults have."""
    falling = bed({"map": {5: 60, 20: 75, 35: 90, 50: 105}})
    assert all(50 < row[MEDIAN] < 105 for row in fan(falling, "map").quantiles)


def test_bands_grow_with_the_horizon() -> None:
    """For a steady patient the band a day ahead is wider than that an hour ahead."""
    for concept, at in {"map": 80.0, "hr": 80.0, "rr": 16.0, "temp": 37.0}.items():
        found = fan(bed({concept: dict.fromkeys(STEADY, at)}), concept)
        assert widths(found)[-1] > widths(found)[found.horizons_h.index(1.0)]


def test_a_restless_patient_has_wider_bands() -> None:
    """The patient's own recent variability widens the band."""
    restless = {m: 80.0 + (20 if i % 2 else -20) for i, m in enumerate(sorted(STEADY))}
    assert widths(fan(bed({"hr": restless}), "hr"))[2] > 1.2 * widths(fan(bed({"hr": STEADY}), "hr"))[2]


def test_an_older_origin_widens_the_band() -> None:
    """The same readings, an hour and a half later, tell less of the next hour."""
    late = {m + 90: v for m, v in STEADY.items()}
    assert widths(fan(bed({"hr": late}), "hr"))[2] > widths(fan(bed({"hr": STEADY}), "hr"))[2]


def test_too_old_an_origin_asks_for_a_measurement() -> None:
    """A heart rate of five hours ago gives no fan but the wish for a new one; a creatinine of five hours ago does."""
    outlook = load().outlook(bed({"hr": {300: 80}, "creatinine": {300: 1.1}}))
    answer = outlook.fan("hr")
    assert isinstance(answer, Unavailable)
    assert answer.settles == ("hr",)
    assert isinstance(outlook.fan("creatinine"), Fan)


@pytest.mark.parametrize(("setting", "age", "words"), [("ward", 70.0, "ward"), ("icu", 9.0, "adults")])
def test_a_population_never_seen_is_refused(setting: str, age: float, words: str) -> None:
    """On a ward, or for a child, there is no fan and the reason says so."""
    answer = load().forecast(bed({"hr": STEADY}, setting=setting, age=age))  # type: ignore[arg-type]
    assert isinstance(answer, Unavailable)
    assert words in answer.reason


def test_laboratory_values_have_no_horizon_within_two_hours() -> None:
    """What is measured a few times a day is not forecast for the next hour."""
    for concept, curve in load().curves.items():
        assert curve.leads[0].hours >= (0.25 if concept in fit_trend.VITALS else 2.0)
    assert fan(bed({"lactate": {300: 2.0, 30: 3.0}}), "lactate").horizons_h[0] >= 2


def test_a_result_is_unknown_until_it_is_back() -> None:
    """A lactate drawn half an hour ago and not yet back is not the origin of the fan."""
    back, pending = reading("lactate", 300, 2.0), reading("lactate", 30, 9.0, back_after=60)
    snapshot = bed({})
    known = Snapshot("e1", NOW, "icu", snapshot.patient, {"lactate": (back, pending)})
    assert isinstance(load().outlook(known).fan("lactate"), Unavailable)
    later = Snapshot("e1", NOW + timedelta(minutes=30), "icu", snapshot.patient, {"lactate": (back, pending)})
    assert fan(later, "lactate").origin == identity(pending)


def test_a_forecast_names_what_is_missing() -> None:
    """Every concept is either a fan or a reason with the measurement that would settle it."""
    forecast = load().forecast(bed({"hr": STEADY}))
    assert isinstance(forecast, Forecast)
    assert set(forecast.fans) == {"hr"}
    assert set(forecast.fans) | set(forecast.missing) == load().concepts == set(CONCEPTS_HELD)
    assert forecast.missing["map"].settles == ("map",)


@given(snapshot=snapshots(), span=st.integers(1, 100))
def test_the_ladder_is_short_and_never_from_the_future(snapshot: Snapshot, span: int) -> None:
    """Rungs are few, usable, ever older, at least five minutes apart, and begin at the newest usable reading."""
    for readings in snapshot.readings.values():
        now = NOW - timedelta(minutes=30)
        rungs = ladder(readings, now, timedelta(hours=span))
        ok = [r for r in readings if r.quality == "ok" and r.value is not None and r.available_at <= now]
        assert len(rungs) <= RUNGS_MAX
        assert set(map(id, rungs)) <= set(map(id, ok))
        if ok:
            assert rungs[0].observed_at == ok[-1].observed_at
            assert rungs[0].observed_at - rungs[-1].observed_at <= timedelta(hours=span)
        gaps = [a.observed_at - b.observed_at for a, b in pairwise(rungs)]
        assert all(gap >= timedelta(minutes=5) for gap in gaps)


@given(
    concept=st.sampled_from(CONCEPTS_HELD),
    steps=st.lists(st.tuples(st.floats(0.1, 9.0), st.floats(0, 1)), min_size=1, max_size=40),
)
@settings(max_examples=60)
def test_what_was_fitted_is_what_runs(concept: str, steps: list[tuple[float, float]]) -> None:
    """The vectorised features and quantiles of the fit equal those of the bedside, on any stay, at every reading."""
    about, curve = CONCEPTS[concept], load().curves[concept]
    low, high = about.normal_low or 0.0, about.normal_high or 1.0
    hours = np.cumsum([gap for gap, _ in steps])
    values = [low + part * (high - low) for _, part in steps]
    table = pl.DataFrame({"stay": "s", "hour": hours, "value": values}).with_columns(method=pl.lit(None, pl.String))
    span_h = curve.span.total_seconds() / 3600
    drawn = fit_trend.anchors(table, 0, concept, span_h, 10**9, np.random.default_rng(0))
    states = fit_trend.states(curve, drawn.ages, drawn.values)
    held = fit_trend.stay_readings(concept, hours.tolist(), values, [None] * len(values))
    for i, origin in enumerate(held):
        snapshot = Snapshot("e1", origin.observed_at, "icu", bed({}).patient, {concept: held[: i + 1]})
        found = fan(snapshot, concept)
        for horizon, row in zip(found.horizons_h, found.quantiles, strict=True):
            lead = next(x for x in curve.leads if x.hours == horizon)
            fitted = fit_trend.quantiles(curve, states, lead)[i]
            shown = np.clip(np.exp(fitted) if curve.log else fitted, about.hard_low, about.hard_high)
            assert np.allclose(row, shown, atol=0.6 * 10 ** -(about.decimals + 1))


def test_the_parameters_say_where_they_come_from() -> None:
    """The manifest names data, hashes, licences, seed, date and versions."""
    manifest = json.loads(PARAMETERS.read_text(encoding="utf-8"))["manifest"]
    assert set(manifest["data_blake2b"]) == set(manifest["data_licence_and_citation"])
    assert {"date", "seed", "versions", "split", "made_by"} <= set(manifest)


def test_the_digest_covers_the_parameters(tmp_path: Path) -> None:
    """One changed number is another forecaster."""
    text = PARAMETERS.read_text(encoding="utf-8")
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    same.write_text(text, encoding="utf-8")
    other.write_text(text.replace('"decay_h": ', '"decay_h": 1', 1), encoding="utf-8")
    assert read(same).digest == load().digest != read(other).digest


def test_a_patient_is_always_in_the_same_part() -> None:
    """The split is a function of seed and patient, and holds out about three in ten."""
    parts = [part("A", f"p{i}", seed=20) for i in range(2000)]
    assert parts == [part("A", f"p{i}", seed=20) for i in range(2000)]
    assert math.isclose(parts.count("held out") / 2000, 0.3, abs_tol=0.04)


def test_all_vital_fans_are_quick() -> None:
    """The seven vital fans of a well charted patient are made well within the deadline."""
    rich = bed({c: {15.0 * i: (CONCEPTS[c].normal_low or 0.0) + i % 5 for i in range(96)} for c in fit_trend.VITALS})
    checks.keeps_its_deadline(load(), rich, time.perf_counter)
    assert isinstance(load(), Trend)
