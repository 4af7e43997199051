"""The damped trend says what a careful reader of the chart would say, and no more."""

import json
import math
import sys
import time
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from forecasting import checks
from forecasting.baselines import running
from forecasting.baselines.fans import Curve, Curves, Lead
from forecasting.baselines.outlook import TrendOutlook
from forecasting.baselines.parameters import PARAMETERS, read
from forecasting.baselines.running import AGE_MAX, AVERAGES, LAST, NOW_JUMPS, WORDS, Pace
from forecasting.baselines.trend import load
from forecasting.contract import STATE_BYTES_MAX, ModelState, Seen
from forecasting.moments import HOUR_US
from forecasting.training import fit_trend
from forecasting.training.collections import CONCEPTS_HELD, part
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.events import identity
from tests.forecasting.snapshots import NOW, bed, outlook, reading

MEDIAN = LEVELS.index(0.5)
STEADY = {60.0 * i: 80.0 for i in range(1, 9)} | {5.0: 80.0}


def fan(snapshot: Snapshot, concept: str) -> Fan:
    found = outlook(snapshot).fan(concept)
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
    seen = outlook(bed({"hr": {300: 80}, "creatinine": {300: 1.1}}))
    answer = seen.fan("hr")
    assert isinstance(answer, Unavailable)
    assert answer.settles == ("hr",)
    assert isinstance(seen.fan("creatinine"), Fan)


@pytest.mark.parametrize(("setting", "age", "words"), [("ward", 70.0, "ward"), ("icu", 9.0, "adults")])
def test_a_population_never_seen_is_refused(setting: str, age: float, words: str) -> None:
    """On a ward, or for a child, there is no fan and the reason says so."""
    answer = outlook(bed({"hr": STEADY}, setting=setting, age=age)).fan("hr")  # type: ignore[arg-type]
    assert isinstance(answer, Unavailable)
    assert words in answer.reason


def test_laboratory_values_have_no_horizon_within_two_hours() -> None:
    """What is measured a few times a day is not forecast for the next hour."""
    for concept, curve in load().parameters.curves.items():
        assert curve.leads[0].hours >= (0.25 if concept in fit_trend.VITALS else 2.0)
    assert fan(bed({"lactate": {300: 2.0, 30: 3.0}}), "lactate").horizons_h[0] >= 2


def test_a_result_is_unknown_until_it_is_back() -> None:
    """A lactate drawn half an hour ago and not yet back is not the origin of the fan."""
    back, pending = reading("lactate", 300, 2.0), reading("lactate", 30, 9.0, back_after=60)
    snapshot = bed({})
    known = Snapshot("e1", NOW, "icu", snapshot.patient, {"lactate": (back, pending)})
    assert isinstance(outlook(known).fan("lactate"), Unavailable)
    later = replace(known, now=NOW + timedelta(minutes=30))
    assert fan(later, "lactate").origin == identity(pending)


def test_a_fan_stands_until_its_origin_is_too_old() -> None:
    """A heart rate may be forecast from for two hours and no microsecond longer, a temperature for four hours."""
    assert outlook(bed({"hr": {30: 80.0}})).until == NOW + timedelta(minutes=90, microseconds=1)
    assert outlook(bed({"temp": {30: 37.0}})).until == NOW + timedelta(minutes=210, microseconds=1)
    assert outlook(bed({"temp": {30: 37.0}, "hr": {60: 80.0}})).until == NOW + timedelta(minutes=60, microseconds=1)


def test_an_insulin_infusion_makes_a_glucose_old_sooner() -> None:
    """A glucose of three hours ago is forecast from, but not while insulin runs."""
    usual = bed({"glucose": {180: 140.0}})
    assert isinstance(outlook(usual).fan("glucose"), Fan)
    assert isinstance(outlook(replace(usual, situations=frozenset({"insulin_infusion"}))).fan("glucose"), Unavailable)


def test_a_chart_without_the_newest_reading_gives_no_fan() -> None:
    """Where the chart no longer holds the reading that a fan starts from, there is no fan without a source."""
    seen = bed({"hr": STEADY})
    state = checks.told(load(), checks.story(seen))
    answer = load().outlooks([state], [replace(seen, readings={"hr": seen.readings["hr"][:-1]})])[0].fan("hr")
    assert isinstance(answer, Unavailable)
    assert "no longer in the chart" in answer.reason


def test_every_concept_is_a_fan_or_names_what_is_missing() -> None:
    """Every concept is either a fan or a reason with the measurement that would settle it."""
    seen = outlook(bed({"hr": STEADY}))
    found = {concept: seen.fan(concept) for concept in load().concepts}
    assert set(found) == set(CONCEPTS_HELD)
    missing = {concept: answer.settles for concept, answer in found.items() if isinstance(answer, Unavailable)}
    assert missing == {concept: (concept,) for concept in found if concept != "hr"}


def test_a_dense_feed_looks_as_restless_as_a_chart_of_it() -> None:
    """A heart rate that steps by 20 every half hour has the same band once a minute as charted every half hour."""
    stepping: dict[float, float] = {minute: 70.0 + 20 * (minute // 30 % 2) for minute in range(480)}
    minutely, charted = bed({"hr": stepping}), bed({"hr": {m: v for m, v in stepping.items() if m % 30 == 0}})
    dense, sparse = (widths(fan(seen, "hr"))[HORIZONS_H.index(2.0)] for seen in (minutely, charted))
    calm = widths(fan(bed({"hr": dict.fromkeys(stepping, 80.0)}), "hr"))[HORIZONS_H.index(2.0)]
    assert calm < 0.5 * dense
    assert dense == pytest.approx(sparse, rel=0.1)


def test_a_state_and_an_outlook_are_small() -> None:
    """A state is WORDS numbers a concept; an outlook keeps less than 16 KiB of its own beside it and the chart."""
    rich = bed({c: {15.0 * i: (CONCEPTS[c].normal_low or 0.0) + i % 5 for i in range(96)} for c in CONCEPTS_HELD})
    assert len(load().rebuilt(rich).body) == 8 * WORDS * len(CONCEPTS_HELD) <= STATE_BYTES_MAX
    seen = outlook(rich)
    assert isinstance(seen, TrendOutlook)
    own = seen._answers
    assert len(own.numbers) == len(CONCEPTS_HELD)
    assert own.rows.base is own.reached.base is None
    assert sum(map(sys.getsizeof, (own, own.numbers, own.rows, own.reached, seen, seen._fans))) < 16 * 1024


@given(
    concept=st.sampled_from(CONCEPTS_HELD),
    steps=st.lists(st.tuples(st.floats(0.01, 9.0), st.floats(0, 1)), min_size=1, max_size=40),
)
@settings(max_examples=60)
def test_what_was_fitted_is_what_runs(concept: str, steps: list[tuple[float, float]]) -> None:
    """The averages of the fit are, bit for bit, those of the bedside, on any stay and at every reading."""
    about, curve = CONCEPTS[concept], load().parameters.curves[concept]
    low, high = about.normal_low or 0.0, about.normal_high or 1.0
    hours = np.cumsum([gap for gap, _ in steps])
    values = [low + part * (high - low) for _, part in steps]
    table = pl.DataFrame({"stay": "s", "hour": hours, "value": values}).with_columns(method=pl.lit(None, pl.String))
    drawn = fit_trend.anchors(table, 0, concept, 10**9, np.random.default_rng(0))
    fitted = fit_trend.lanes(concept, curve.pace, drawn)
    number = list(load().parameters.curves).index(concept)
    state: ModelState | None = None
    held = fit_trend.stay_readings(concept, hours.tolist(), values, [None] * len(values))
    for i, origin in enumerate(held):
        (state,) = load().encode([state], [Seen(origin.observed_at, (origin,))])
        lane = np.frombuffer(state.body, "<f8").reshape(-1, WORDS)[number].copy()
        lane[AGE_MAX] = 0.0  # the fit does not ask how long a reading may be used
        assert lane.tobytes() == fitted[:, i].tobytes()


def test_a_fan_is_the_fitted_trend_of_its_numbers() -> None:
    """A fan at a fitted lead is centre and offsets as the formula has them, read from the parameter file."""
    seen = bed({"hr": {150: 95.0, 95: 88.0, 40: 90.0, 0: 84.0}})
    state, curve = load().rebuilt(seen), load().parameters.curves["hr"]
    lane = np.frombuffer(state.body, "<f8").reshape(-1, WORDS)[list(load().parameters.curves).index("hr")]
    _, _, weight, level, base, mean = lane[running.NOW]
    jumps, jumps_weight = lane[NOW_JUMPS]
    mean = curve.population + (mean - curve.population) * weight / (weight + curve.mean_prior)
    wobble = 1 + (jumps - 1) * jumps_weight / (jumps_weight + 2)
    found = fan(seen, "hr")
    for lead in curve.leads[:-1]:
        a, b, c = lead.weights
        centre = 84 + a * (level - 84) + b * (base - 84) + c * (mean - 84)
        offsets = [np.interp(level, curve.knots, column) for column in zip(*lead.offsets, strict=True)]
        told = centre + (1 + lead.trust * (wobble - 1)) * np.array(offsets)
        assert found.quantiles[found.horizons_h.index(lead.hours)] == pytest.approx(told.tolist(), abs=0.051)


@given(age=st.floats(0, 24), value=st.floats(0, 1), wobble=st.floats(0, 5), concept=st.sampled_from(CONCEPTS_HELD))
def test_a_fan_is_whole_numbers_that_rise(age: float, value: float, wobble: float, concept: str) -> None:
    """At any age, level and roughness the quantiles rise, are whole in the last shown digit, and inside the limits."""
    about, number = CONCEPTS[concept], list(load().parameters.curves).index(concept)
    low, high = about.hard_low or 0.0, about.hard_high or 0.0
    lane = np.zeros((WORDS, 1))
    at = (low + value * (high - low)) ** (0.25 if load().parameters.curves[concept].pace.root else 1)
    lane[LAST] = lane[AVERAGES] = at
    lane[running.NOW][:3] = 5.0
    lane[NOW_JUMPS] = [[wobble], [50.0]]
    rows = Curves(load().parameters.curves).quantiles(np.array([number]), lane, np.array([round(age * 3.6e9)]))[0]
    assert (np.diff(rows, axis=1) >= 0).all()
    assert (rows == np.rint(rows)).all()
    digit = 10 ** (about.decimals + 1)
    assert low * digit - 1e-6 <= rows.min() <= rows.max() <= high * digit + 1e-6


def test_the_fans_have_the_bits_of_every_machine() -> None:
    """The fans of a made-up curve over drawn averages are, to the last digit, those where this test was written."""
    draw = np.random.Generator(np.random.PCG64(5))
    leads = [
        Lead(
            hours=h,
            weights=(0.3, -0.2, 0.1 * h),
            trust=0.4,
            offsets=tuple(tuple(np.sqrt(h) * k * x for x in range(-3, 4)) for k in (5, 4)),
        )
        for h in (0.25, 1.0, 6.0, 36.0)
    ]
    pace = Pace(root=False, level_h=1.0, base_h=4.0, mean_h=24.0, usual=4.0, usual_root=1.0)
    curve = Curve(pace=pace, mean_prior=12.0, population=80.0, knots=(60.0, 100.0), leads=tuple(leads))
    lanes = draw.uniform(40.0, 140.0, (WORDS, 500))
    lanes[NOW_JUMPS] = draw.uniform(0.0, 5.0, (2, 500))
    ages = draw.integers(0, 24 * HOUR_US, 500)
    rows = Curves({"hr": curve}).quantiles(np.zeros(500, np.intp), lanes, ages)
    assert blake2b(rows.astype("<i4").tobytes(), digest_size=8).hexdigest() == "cdda07ec6ab2e1ad"


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
    other.write_text(text.replace('"level_h": ', '"level_h": 1', 1), encoding="utf-8")
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


def test_a_late_value_in_a_full_row_is_quick() -> None:
    """A pressure that comes back ten hours late makes a row of 320 anew, and that within the deadline too."""
    full = bed({"map": {5.0 * i: 70.0 + i % 9 for i in range(319)}, "hr": STEADY})
    late = reading("map", 602, 65.0, back_after=602)
    row = tuple(sorted((*full.readings["map"], late), key=lambda r: r.observed_at))
    seen = replace(full, readings={**full.readings, "map": row})
    assert len(checks.story(seen)[-1].rows["map"]) == 320
    checks.keeps_its_deadline(load(), seen, time.perf_counter)
