"""The damped trend: the first honest forecaster, and the baseline of later ones.

Per concept, from the usable readings known at `now`:

    level   mean of the readings, weights falling with age over minutes to hours
    slope   level against a slower level, per hour
    mean    the patient's own mean over a day or more, drawn towards the population's while readings are few
    wobble  how rough this patient has been, against what is usual for the same gaps (1 = usual)

and, for a lead of L hours after the newest reading:

    centre(L)    = level + carry(L) * slope + pull(L) * (mean - level)
    quantile(L)  = centre(L) + wobble ** gamma(L) * offset(L, level)

`carry` (hours of slope that still count: the damping), `pull`, `gamma` and the offsets (residual quantiles of patients
that the rest was not fitted on) lie in `trend_parameters.json`, made by `forecasting.training.fit_trend`. Skewed
laboratory values are handled as logarithms. Treatment is not looked at: bands are those of patients treated as usual.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.baselines import crossing
from forecasting.baselines import lags as ladder
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Forecast, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Condition
from schemas.events import identity

Array = NDArray[np.float64]

PARAMETERS = Path(__file__).with_name("trend_parameters.json")

SLOW = 4.0  # the slower level decays this many times slower
ROUGH_MAX = 5.0  # one jump counts at most as this many usual ones
GAP_MIN_H, GAP_MAX_H = 0.25, 24.0  # gaps that the usual roughness was fitted on
ORIGIN_AGE_MIN = timedelta(hours=2)  # a fan may start from a reading this old even if the present may not rest on it
ADULT_YEARS = 18
HOUR = timedelta(hours=1)
REACHES_MAX = 1024  # ages of readings whose place between the leads is remembered


class State(NamedTuple):
    """What the readings of one concept say, in the scale of the model (`Curve.log`)."""

    level: float
    slope: float  # per hour
    mean: float
    wobble: float


@dataclass(frozen=True, slots=True)
class Lead:
    """The fitted numbers for one lead. `offsets[i]` are the residual quantiles at level `Curve.knots[i]`."""

    hours: float
    carry: float
    pull: float
    gamma: float
    offsets: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The fitted damped trend of one concept; hours and model scale throughout."""

    log: bool
    decay_h: float
    mean_decay_h: float
    mean_prior: float  # readings that the population's mean weighs
    population: float
    slope_guard_h: float  # added to the slope's time base: two readings minutes apart are no trend
    wobble_prior: float
    rough: float  # usual |change| over one hour
    rough_power: float  # and its growth with the gap
    knots: tuple[float, ...]
    leads: tuple[Lead, ...]

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.mean_decay_h)

    def state(self, ages_h: Sequence[float], values: Sequence[float]) -> State:
        """Level, slope, mean and wobble from values by rising age (the first has age 0)."""
        exp, power = math.exp, self.rough_power
        fast_rate, slow_rate, long_rate = -1 / self.decay_h, -1 / (SLOW * self.decay_h), -1 / self.mean_decay_h
        fast = slow = long = fast_y = slow_y = long_y = fast_t = slow_t = 0.0
        jumps = jumps_w = self.wobble_prior
        age_before, y_before = 0.0, values[0]
        for age, y in zip(ages_h, values, strict=True):
            f, s, m = exp(age * fast_rate), exp(age * slow_rate), exp(age * long_rate)
            fast, fast_y, fast_t = fast + f, fast_y + f * y, fast_t + f * age
            slow, slow_y, slow_t = slow + s, slow_y + s * y, slow_t + s * age
            long, long_y = long + m, long_y + m * y
            if age > 0:
                gap = age - age_before
                gap = GAP_MIN_H if gap < GAP_MIN_H else GAP_MAX_H if gap > GAP_MAX_H else gap
                jump = abs(y - y_before) / (self.rough * gap**power)
                jumps += m * (jump if jump < ROUGH_MAX else ROUGH_MAX)
                jumps_w += m
            age_before, y_before = age, y
        level = fast_y / fast
        return State(
            level=level,
            slope=(level - slow_y / slow) / (slow_t / slow - fast_t / fast + self.slope_guard_h),
            mean=(long_y + self.mean_prior * self.population) / (long + self.mean_prior),
            wobble=jumps / jumps_w,
        )


class Bands:
    """The leads of one curve as arrays, so that all horizons of a fan are made at once. L leads, K knots, Q levels."""

    def __init__(self, concept: str, curve: Curve) -> None:
        self.curve = curve
        self.hours = np.array([lead.hours for lead in curve.leads])  # (L,)
        self.before = np.maximum(np.arange(len(self.hours)) - 1, 0)  # (L,) the lead below, for interpolation
        self.gap = np.diff(self.hours, prepend=self.hours[0] - 1.0)  # (L,) hours from there
        self.carry = np.array([lead.carry for lead in curve.leads])  # (L,)
        self.pull = np.array([lead.pull for lead in curve.leads])  # (L,)
        self.gamma = tuple(lead.gamma for lead in curve.leads)
        self.offsets = np.array([lead.offsets for lead in curve.leads]).transpose(1, 0, 2)  # (K, L, Q)
        about = CONCEPTS[concept]
        self.limits = (
            -math.inf if about.hard_low is None else about.hard_low,
            math.inf if about.hard_high is None else about.hard_high,
        )
        self.horizons = tuple(h for h in HORIZONS_H if h >= self.hours[0])
        self.last_h = curve.leads[-1].hours

    def quantiles(self, state: State, reach: "Reach") -> Array:
        """A row of quantiles for each horizon that is reached, in the scale of the model: (horizons, Q)."""
        rows = self._at_leads(state)  # (L, Q)
        upper, lower = rows.take(reach.above, axis=0), rows.take(reach.below, axis=0)
        return np.asarray(lower + reach.part * (upper - lower))

    def _at_leads(self, state: State) -> Array:
        level, slope, mean, wobble = state
        knots = self.curve.knots
        right = bisect_right(knots, level)
        if 0 < right < len(knots):
            part = (level - knots[right - 1]) / (knots[right] - knots[right - 1])
            offsets = self.offsets[right - 1] + part * (self.offsets[right] - self.offsets[right - 1])
        else:
            offsets = self.offsets[min(right, len(knots) - 1)]
        centre = level + slope * self.carry + (mean - level) * self.pull  # (L,)
        stretch = np.array([wobble**gamma for gamma in self.gamma])  # (L,)
        return np.asarray(centre[:, None] + stretch[:, None] * offsets)  # (L, Q)


class Reach(NamedTuple):
    """The horizons that the fit reaches from a reading of one age, and between which leads each lies."""

    horizons: tuple[float, ...]
    above: NDArray[np.intp]  # (horizons,)
    below: NDArray[np.intp]  # (horizons,)
    part: Array  # (horizons, 1) of the way from below to above


@lru_cache(maxsize=REACHES_MAX)
def _reach(bands: Bands, age_h: float) -> Reach:
    horizons = tuple([h for h in bands.horizons if h + age_h <= bands.last_h])
    leads = np.array(horizons) + age_h
    above = bands.hours.searchsorted(leads)
    part = 1.0 - (bands.hours.take(above) - leads) / bands.gap.take(above)
    return Reach(horizons, above, bands.before.take(above), part[:, None])


class Trend:
    """The forecaster. Make it with `load`; it holds nothing but fitted numbers and may be shared."""

    name = "damped-trend"
    version = "1"
    horizons_h = HORIZONS_H
    model = f"{name}@{version}"

    def __init__(
        self, curves: Mapping[str, Curve], odds: Mapping[str, crossing.Table], parameters_hash: str, digest: str
    ) -> None:
        self.curves = curves
        self.bands = {concept: Bands(concept, curve) for concept, curve in curves.items()}
        self.odds = odds
        self.parameters_hash = parameters_hash
        self.digest = digest
        self.concepts = frozenset(curves)

    def outlook(self, snapshot: Snapshot) -> Outlook:
        return TrendOutlook(self, snapshot)

    def forecast(self, snapshot: Snapshot, concepts: Collection[str] | None = None) -> Forecast | Unavailable:
        """All fans (or those of `concepts`); `Unavailable` when there is not one fan."""
        outlook = self.outlook(snapshot)
        asked = sorted(self.concepts if concepts is None else concepts)
        answers = {concept: outlook.fan(concept) for concept in asked}
        fans = {concept: answer for concept, answer in answers.items() if isinstance(answer, Fan)}
        missing = {concept: answer for concept, answer in answers.items() if isinstance(answer, Unavailable)}
        if not fans:
            reasons = {answer.reason for answer in missing.values()}
            reason = reasons.pop() if len(reasons) == 1 else "no concept has a usable recent reading"
            return Unavailable(reason=reason, settles=tuple(s for answer in missing.values() for s in answer.settles))
        return Forecast(
            encounter=snapshot.encounter, made_at=snapshot.now, model=self.model, fans=fans, missing=missing
        )


class TrendOutlook:
    """One patient's future, computed when asked and kept."""

    __slots__ = ("_fans", "_snapshot", "_trend")

    def __init__(self, trend: Trend, snapshot: Snapshot) -> None:
        self._trend = trend
        self._snapshot = snapshot
        self._fans: dict[str, Fan | Unavailable] = {}

    def fan(self, concept: str) -> Fan | Unavailable:
        """Quantiles of `concept`, its horizons counted from the snapshot's `now`."""
        known = self._fans.get(concept)
        if known is None:
            known = self._fans[concept] = _fan(self._trend, self._snapshot, concept)
        return known

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        """The chance that `condition` comes true within `within`; see `forecasting.baselines.crossing`."""
        return crossing.chance(condition, within, self._snapshot, self.fan, self._trend.odds, self._trend.model)


def _fan(trend: Trend, snapshot: Snapshot, concept: str) -> Fan | Unavailable:
    bands = trend.bands.get(concept)
    if bands is None:
        return Unavailable(reason=f"the damped trend was not fitted for {concept[:64]}")
    if (outside := _outside(snapshot)) is not None:
        return Unavailable(reason=outside)
    about, curve = CONCEPTS[concept], bands.curve
    rungs = ladder.ladder(snapshot.readings.get(concept, ()), snapshot.now, curve.span)
    if not rungs:
        return Unavailable(reason=f"no usable {about.name} is known", settles=(concept,))
    origin = rungs[0]
    at = origin.observed_at
    age = snapshot.now - at
    if age > ORIGIN_AGE_MIN and age > snapshot.validity(origin):
        return Unavailable(reason=f"the newest {about.name} is too old to forecast from", settles=(concept,))

    age_h = age / HOUR
    reach = _reach(bands, age_h)
    if not reach.horizons:
        return Unavailable(reason=f"the newest {about.name} is too old to forecast from", settles=(concept,))
    low, high = bands.limits
    values = [min(max(r.value or 0.0, low), high) for r in rungs]
    state = curve.state(
        [(at - r.observed_at) / HOUR for r in rungs],
        [math.log(v) for v in values] if curve.log else values,
    )
    rows = bands.quantiles(state, reach)
    shown = np.minimum(np.maximum(np.exp(rows) if curve.log else rows, low), high)
    rounded = np.maximum.accumulate(np.round(shown, about.decimals + 1), axis=1)  # no last bit may make a row fall
    return Fan(  # sound by construction and under `checks`; validating took a fifth of the time
        concept=concept,
        horizons_h=reach.horizons,
        quantiles=tuple(map(tuple, rounded.tolist())),
        origin=identity(origin),
        origin_at=at,
    )


def _outside(snapshot: Snapshot) -> str | None:
    """Why this patient is not one of those that the trend was fitted on, or None."""
    if snapshot.setting is None:
        return "the damped trend was fitted on intensive care only; nobody said where this patient is"
    if snapshot.setting != "icu":
        return "the damped trend was fitted on intensive care only; it was not checked on a ward"
    age = snapshot.patient.age_years
    if age is not None and age < ADULT_YEARS:
        return "the damped trend was fitted on adults only"
    return None


@lru_cache(maxsize=1)
def load() -> Trend:
    """The committed forecaster."""
    return read(PARAMETERS)


def read(path: Path) -> Trend:
    """A forecaster from a parameter file; its digest covers the file and the code that reads it."""
    raw = path.read_bytes()
    digest = blake2b(raw, digest_size=16)
    parameters_hash = digest.hexdigest()
    for code in (Path(__file__), Path(ladder.__file__), Path(crossing.__file__)):
        digest.update(code.read_bytes())
    fitted = json.loads(raw)
    return Trend(
        curves={concept: _curve(fields) for concept, fields in fitted["curves"].items()},
        odds={key: crossing.Table.of(fields) for key, fields in fitted["odds"].items()},
        parameters_hash=parameters_hash,
        digest=digest.hexdigest(),
    )


def _curve(fields: Mapping[str, Any]) -> Curve:
    leads = tuple(Lead(**{**lead, "offsets": tuple(tuple(row) for row in lead["offsets"])}) for lead in fields["leads"])
    if any(len(row) != len(LEVELS) for lead in leads for row in lead.offsets):
        raise ValueError("expected one offset per quantile level in the trend's parameters")
    return Curve(**{**fields, "knots": tuple(fields["knots"]), "leads": leads})
