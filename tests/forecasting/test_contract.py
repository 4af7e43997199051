"""Every forecaster keeps every promise of the contract, and a broken promise is caught."""

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from forecasting import checks
from forecasting.baselines import trend
from forecasting.contract import FAR, Forecaster, ModelState, Seen
from forecasting.readings import in_order
from schemas.clinical.forecasts import LEVELS, Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.events import Quality, Reading
from tests.forecasting.recurrent import Recurrent
from tests.forecasting.snapshots import bed, reading, snapshots

FORECASTERS: Mapping[str, Callable[[], Forecaster]] = {"trend": trend.load, "recurrent": Recurrent}

USUAL = bed(
    {
        "map": {240: 78, 180: 80, 120: 79, 60: 75, 5: 71},
        "hr": {180: 90, 60: 96, 20: 104},
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
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@given(snapshot=snapshots())
@settings(max_examples=25)
def test_a_forecaster_keeps_its_promises_on_any_snapshot(name: str, check: checks.Check, snapshot: Snapshot) -> None:
    """Each promise holds for any legal snapshot: empty, old, coded, beyond limits, marked, late or tied."""
    check(FORECASTERS[name](), snapshot)


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_forecaster_keeps_its_deadline_after_a_flood(name: str) -> None:
    """After thousands of readings of one concept the next one takes no longer than the second."""
    flood = bed({"hr": {i / 60: 80.0 + i % 7 for i in range(3_000)}, "map": {5: 71}})
    checks.keeps_its_deadline(FORECASTERS[name](), flood, time.perf_counter)


def test_a_story_tells_what_comes_late_as_a_row() -> None:
    """A lactate that comes back after a newer one is told as a row; what comes in turn is told as new."""
    late, newer = reading("lactate", 60, 3.0, back_after=50), reading("lactate", 30, 2.0)
    seen = checks.story(Snapshot("e1", USUAL.now, "icu", USUAL.patient, {"lactate": (late, newer)}))
    assert [instant.new for instant in seen] == [(newer,), ()]
    assert [dict(instant.rows) for instant in seen] == [{}, {"lactate": (late, newer)}]


# --- the smallest forecaster, and what each check is for -------------------------------------------------------------

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VALID = timedelta(hours=2)


@dataclass
class LastValue:
    """A minimal forecaster that keeps every promise; each mutant below breaks one. Body: {concept: [time, value]}."""

    name: str = "last-value"
    version: str = "0"
    digest: str = "0"
    horizons_h: tuple[float, ...] = (1.0,)
    concepts: frozenset[str] = frozenset({"map", "hr"})
    batch: int = 1
    calls: list[int] = field(default_factory=list)

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:
        return [self.told(state, instant) for state, instant in zip(states, seen, strict=True)]

    def told(self, state: ModelState | None, seen: Seen) -> ModelState:
        kept = {} if state is None else self.kept(state)
        rows = {concept: row for concept, row in self.rows(seen).items() if concept in self.concepts}
        news = [r for r in seen.new if r.concept in self.concepts and r.concept not in rows]
        news += [r for row in rows.values() for r in row]
        if state is not None and not news and not rows:
            return state
        for concept in rows:
            kept.pop(concept, None)
        for r in self.usable(news, seen.at):
            at = (r.observed_at - EPOCH) // timedelta(microseconds=1)
            if at >= kept.get(r.concept, [at])[0]:
                kept[r.concept] = self.value(kept.get(r.concept), at, r.value or 0.0)
        body = json.dumps(kept, sort_keys=True).encode()
        return ModelState(digest=self.digest, body=body, from_chart=bool(state and state.from_chart))

    def kept(self, state: ModelState) -> dict[str, list[float]]:
        if state.digest != self.digest:
            raise ValueError("another's")
        return dict(json.loads(state.body))

    def rows(self, seen: Seen) -> Mapping[str, tuple[Reading, ...]]:
        return seen.rows

    def usable(self, readings: Iterable[Reading], now: datetime) -> Iterable[Reading]:
        return in_order(readings, now)

    def value(self, before: list[float] | None, at: int, value: float) -> list[float]:  # noqa: ARG002, for a mutant
        return [at, min(max(value, 15.0), 250.0)]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:
        state = self.told(None, Seen(snapshot.now, rows=snapshot.readings))
        return ModelState(digest=state.digest, body=state.body, from_chart=True)

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        return [
            LastValueOutlook(self, self.kept(state), snapshot)
            for state, snapshot in zip(states, snapshots, strict=True)
        ]

    def until(self, ends: list[datetime]) -> datetime:
        return min(ends, default=FAR)

    def row(self, value: float) -> tuple[float, ...]:
        return tuple(value for _ in LEVELS)


class LastValueOutlook:
    def __init__(self, forecaster: LastValue, kept: Mapping[str, list[float]], snapshot: Snapshot) -> None:
        self.forecaster = forecaster
        self.last = {c: (EPOCH + timedelta(microseconds=at), value) for c, (at, value, *_) in kept.items()}
        self.now = snapshot.now
        self.until = forecaster.until([at + VALID for at, _ in self.last.values() if at + VALID > self.now])

    def fan(self, concept: str) -> Fan | Unavailable:
        at, value = self.last.get(concept, (EPOCH, 0.0))
        if at + VALID <= self.now:
            settles = (concept,) if concept in self.forecaster.concepts else ()
            return Unavailable(reason="nothing recent", settles=settles)
        row = self.forecaster.row(value)
        return Fan(concept=concept, horizons_h=(1.0,), quantiles=(row,), origin="o", origin_at=at)

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        return Unavailable(reason=f"gives no chance of a {type(condition).__name__} within {within}")


class Infinite(LastValue):
    def row(self, value: float) -> tuple[float, ...]:
        return (*(value for _ in LEVELS[1:]), math.inf)


class Inventor(LastValue):
    def kept(self, state: ModelState) -> dict[str, list[float]]:
        return super().kept(state) or {"map": [4e15, 80.0]}


class Optimist(LastValue):
    def until(self, ends: list[datetime]) -> datetime:
        return max(ends, default=FAR)


class Pessimist(LastValue):
    def until(self, ends: list[datetime]) -> datetime:
        return super().until(ends) - timedelta(minutes=1)


class Moody(LastValue):
    def row(self, value: float) -> tuple[float, ...]:
        self.calls.append(1)
        return super().row(min(250.0, value + len(self.calls)))


class Seer(LastValue):
    def usable(self, readings: Iterable[Reading], now: datetime) -> Iterable[Reading]:
        return in_order(readings, now + timedelta(minutes=5))


class FirstComeFirstServed(LastValue):
    def usable(self, readings: Iterable[Reading], now: datetime) -> Iterable[Reading]:
        counted = readings if any(True for _ in in_order(readings, now)) else ()
        return [r for r in counted if r.quality is Quality.OK and r.available_at <= now and r.value is not None]


class Careless(LastValue):
    def usable(self, readings: Iterable[Reading], now: datetime) -> Iterable[Reading]:
        return [r for r in readings if r.available_at <= now and r.value is not None]


class Counter(LastValue):
    def value(self, before: list[float] | None, at: int, value: float) -> list[float]:
        return [*super().value(before, at, value), (before or [0, 0, 0])[2] + 1]


class Hoarder(LastValue):
    def told(self, state: ModelState | None, seen: Seen) -> ModelState:
        lean = super().told(state, seen)
        return (
            lean
            if lean is state
            else ModelState(digest="0", body=lean.body.ljust(17 * 1024), from_chart=lean.from_chart)
        )


class Trusting(LastValue):
    def kept(self, state: ModelState) -> dict[str, list[float]]:
        return dict(json.loads(state.body)) if state.body.endswith(b"}") else {}


class Stubborn(LastValue):
    def rows(self, seen: Seen) -> Mapping[str, tuple[Reading, ...]]:
        return {} if seen.new or len(self.calls) else seen.rows

    def told(self, state: ModelState | None, seen: Seen) -> ModelState:
        self.calls[:] = [1] if state is not None else []
        return super().told(state, seen)


class Crowded(LastValue):
    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        self.calls[:] = [1] * len(states)
        return super().outlooks(states, snapshots)

    def row(self, value: float) -> tuple[float, ...]:
        return super().row(min(250.0, value + 1e-9 * len(self.calls)))


MUTANTS: Mapping[type[LastValue], checks.Check] = {
    Infinite: checks.fans_are_sound,
    Inventor: checks.says_why_it_is_silent,
    Optimist: checks.says_how_long_it_stands,
    Pessimist: checks.says_how_long_it_stands,
    Moody: checks.is_deterministic,
    Seer: checks.ignores_the_future,
    FirstComeFirstServed: checks.ignores_order_of_equals,
    Careless: checks.uses_only_good_readings,
    Counter: checks.hears_a_copy_once,
    Hoarder: checks.remembers_little,
    Trusting: checks.reads_only_its_own,
    Stubborn: checks.makes_rows_anew,
    Crowded: checks.does_not_mind_its_neighbours,
}


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_the_minimal_forecaster_passes(check: checks.Check) -> None:
    """The checks ask nothing that an honest last value cannot keep."""
    check(LastValue(), USUAL)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_promise_is_caught(mutant: type[LastValue]) -> None:
    """Each check fails on a forecaster that breaks just that promise."""
    with pytest.raises(AssertionError):
        MUTANTS[mutant](mutant(), USUAL)


def test_a_slow_forecaster_is_caught() -> None:
    """By a clock on which everything takes 6 ms, the deadline of 5 ms is missed."""
    ticks = itertools.count()
    with pytest.raises(AssertionError, match="deadline"):
        checks.keeps_its_deadline(LastValue(), USUAL, lambda: 0.006 * next(ticks))
