"""Every forecaster keeps every promise of the contract, and a broken promise is caught."""

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from forecasting import checks
from forecasting.baselines import trend
from forecasting.contract import Forecaster
from schemas.clinical.forecasts import LEVELS, Fan, Forecast, Odds, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.events import Quality, Reading
from tests.forecasting.snapshots import NOW, bed, snapshots

FORECASTERS: Mapping[str, Callable[[], Forecaster]] = {"trend": trend.load}

USUAL = bed(
    {
        "map": {240: 78, 180: 80, 120: 79, 60: 75, 5: 71},
        "hr": {180: 90, 60: 96, 5: 104},
        "spo2": {60: 96, 5: 95},
        "lactate": {300: 1.6, 30: 2.4},
    }
)


@pytest.mark.parametrize("name", FORECASTERS)
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_a_forecaster_keeps_its_promises_on_a_usual_patient(name: str, check: checks.Check) -> None:
    """Each promise holds for a patient with vitals and a lactate."""
    check(FORECASTERS[name](), USUAL)


@pytest.mark.parametrize("name", FORECASTERS)
@given(snapshot=snapshots())
@settings(max_examples=60)
def test_a_forecaster_keeps_its_promises_on_any_snapshot(name: str, snapshot: Snapshot) -> None:
    """Each promise holds for any legal snapshot: empty, old, coded, beyond limits, marked, late or tied."""
    forecaster = FORECASTERS[name]()
    for check in checks.CHECKS:
        check(forecaster, snapshot)


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_forecaster_keeps_its_deadline_on_a_flood(name: str) -> None:
    """Ten thousand readings of one concept are forecast as quickly as ten."""
    flood = bed({c: {i / 60: 80.0 + i % 7 for i in range(10_000)} for c in ("hr",)} | {"map": {5: 71}})
    checks.keeps_its_deadline(FORECASTERS[name](), flood, time.perf_counter)


@dataclass
class LastValue:
    """A minimal forecaster that keeps every promise; each mutant below breaks one."""

    name: str = "last-value"
    version: str = "0"
    digest: str = "0"
    horizons_h: tuple[float, ...] = (1.0,)
    concepts: frozenset[str] = frozenset({"map", "hr"})
    calls: list[int] = field(default_factory=list)

    def usable(self, snapshot: Snapshot, concept: str) -> list[Reading]:
        known = (r for r in snapshot.readings.get(concept, ()) if r.available_at <= snapshot.now >= r.observed_at)
        good = [r for r in known if r.quality is Quality.OK and snapshot.now - r.observed_at < timedelta(hours=2)]
        return sorted(good, key=lambda r: (r.observed_at, r.available_at, r.method or "", r.source, r.value))

    def row(self, value: float) -> tuple[float, ...]:
        return tuple(value for _ in LEVELS)

    def fan(self, snapshot: Snapshot, concept: str) -> Fan | Unavailable:
        usable = self.usable(snapshot, concept) if concept in self.concepts else []
        if not usable:
            return Unavailable(reason="nothing recent", settles=(concept,) if concept in self.concepts else ())
        last = usable[-1]
        row = self.row(min(max(last.value or 0.0, 15.0), 250.0))
        return Fan(concept=concept, horizons_h=(1.0,), quantiles=(row,), origin="o", origin_at=last.observed_at)

    def outlook(self, snapshot: Snapshot) -> "LastValueOutlook":
        return LastValueOutlook(self, snapshot)

    def forecast(self, snapshot: Snapshot, concepts: Collection[str] | None = None) -> Forecast | Unavailable:
        fans = {c: self.fan(snapshot, c) for c in sorted(self.concepts if concepts is None else concepts)}
        found = {c: f for c, f in fans.items() if isinstance(f, Fan)}
        if not found:
            return Unavailable(reason="nothing recent")
        missing = {c: f for c, f in fans.items() if isinstance(f, Unavailable)}
        return Forecast(encounter="e1", made_at=snapshot.now, model="last-value@0", fans=found, missing=missing)


@dataclass
class LastValueOutlook:
    forecaster: LastValue
    snapshot: Snapshot

    def fan(self, concept: str) -> Fan | Unavailable:
        return self.forecaster.fan(self.snapshot, concept)

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        return Unavailable(reason=f"gives no chance of a {type(condition).__name__} within {within}")


class Infinite(LastValue):
    def row(self, value: float) -> tuple[float, ...]:
        return (*(value for _ in LEVELS[1:]), math.inf)


class Seer(LastValue):
    def usable(self, snapshot: Snapshot, concept: str) -> list[Reading]:
        return [r for r in snapshot.readings.get(concept, ()) if r.quality is Quality.OK and snapshot.now == NOW]


class Moody(LastValue):
    def row(self, value: float) -> tuple[float, ...]:
        self.calls.append(1)
        return super().row(min(250.0, value + len(self.calls)))


class Careless(LastValue):
    def usable(self, snapshot: Snapshot, concept: str) -> list[Reading]:
        marked = [replace(r, quality=Quality.OK) for r in snapshot.readings.get(concept, ())]
        return super().usable(Snapshot("e1", snapshot.now, "icu", snapshot.patient, {concept: tuple(marked)}), concept)


class FirstComeFirstServed(LastValue):
    def usable(self, snapshot: Snapshot, concept: str) -> list[Reading]:
        return sorted(super().usable(snapshot, concept), key=lambda r: snapshot.readings[concept].index(r))


class Inventor(LastValue):
    def fan(self, snapshot: Snapshot, concept: str) -> Fan | Unavailable:
        if concept not in self.concepts:
            return Unavailable(reason="unknown")
        at = snapshot.now
        return Fan(concept=concept, horizons_h=(1.0,), quantiles=(self.row(80.0),), origin="o", origin_at=at)


def test_the_minimal_forecaster_passes() -> None:
    """The checks ask nothing that an honest last value cannot keep."""
    for check in checks.CHECKS:
        check(LastValue(), USUAL)


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        (Infinite, checks.fans_are_sound),
        (Seer, checks.ignores_the_future),
        (Moody, checks.is_deterministic),
        (Careless, checks.uses_only_good_readings),
        (FirstComeFirstServed, checks.ignores_order_of_equals),
        (Inventor, checks.says_why_it_is_silent),
    ],
)
def test_a_broken_promise_is_caught(mutant: type[LastValue], check: checks.Check) -> None:
    """Each check fails on a forecaster that breaks just that promise."""
    with pytest.raises((AssertionError, ValueError)):
        check(mutant(), USUAL)
