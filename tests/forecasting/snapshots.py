"""Snapshots for the tests of forecasters: drawn at random, or told as a short story."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from msgspec import convert

from forecasting.baselines.trend import load
from forecasting.checks import foreseen
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Setting, Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.events import Patient, Quality, Reading, Source

NOW = datetime(2031, 5, 4, 8, 0, tzinfo=UTC)
CONCEPTS_USED = ("hr", "map", "sbp", "spo2", "temp", "lactate", "creatinine", "glucose", "ph_art", "gcs_total", "acvpu")


def reading(concept: str, minutes_ago: float, value: float, back_after: float = 0.0, **more: object) -> Reading:
    """A value observed so many minutes before NOW and known `back_after` minutes later."""
    at = NOW - timedelta(minutes=minutes_ago)
    fields = {"observed_at": at, "available_at": at + timedelta(minutes=back_after), **more}
    return convert({"encounter": "e1", "concept": concept, "value": value, **fields}, Reading)


def bed(values: Mapping[str, Mapping[float, float]], setting: Setting = "icu", age: float | None = None) -> Snapshot:
    """A snapshot from `{concept: {minutes ago: value}}`."""
    return Snapshot(
        encounter="e1",
        now=NOW,
        setting=setting,
        patient=Patient(age_years=age),
        readings={c: tuple(reading(c, ago, vs[ago]) for ago in sorted(vs, reverse=True)) for c, vs in values.items()},
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any legal snapshot: readings of any age and spacing, out of limits, marked, tied, late or of a coded concept."""
    readings = {}
    for concept in draw(st.lists(st.sampled_from(CONCEPTS_USED), unique=True)):
        drawn = draw(st.lists(_reading(concept), max_size=12))
        known = [r for r in drawn if r.available_at <= NOW]
        readings[concept] = tuple(sorted(known, key=lambda r: (r.observed_at, r.available_at)))
    return Snapshot(
        encounter="e1",
        now=NOW,
        setting=draw(st.sampled_from(["icu", "icu", "icu", "ward"])),
        patient=Patient(age_years=draw(st.sampled_from([None, 4.0, 70.0]))),
        readings=readings,
    )


@st.composite
def _reading(draw: st.DrawFn, concept: str) -> Reading:
    about = CONCEPTS[concept]
    ago = timedelta(minutes=draw(st.sampled_from([0, 1, 5, 60, 61, 119, 121, 600]) | st.integers(0, 5000)))
    coded = about.kind == "coded"
    value = draw(st.floats(-1e6, 1e6) | st.floats(about.hard_low or 0, about.hard_high or 1)) if not coded else None
    return Reading(
        encounter="e1",
        concept=concept,
        value=value,
        code=draw(st.sampled_from(about.codes)) if coded else None,
        observed_at=NOW - ago,
        available_at=NOW - ago + timedelta(minutes=draw(st.sampled_from([0, 0, 0, 45]))),
        quality=draw(st.sampled_from([Quality.OK, Quality.OK, Quality.OK, Quality.SUSPECT])),
        method=draw(st.sampled_from([None, "invasive", "nibp"])),
        source=draw(st.sampled_from([Source.MONITOR, Source.LAB])),
    )


def outlook(snapshot: Snapshot) -> Outlook:
    """The damped trend's outlook of a bed that heard of these readings one by one."""
    return foreseen(load(), snapshot)
