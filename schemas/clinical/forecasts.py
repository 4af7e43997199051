"""What a forecaster answers: a fan of quantiles, a chance, or that it cannot say and why."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from schemas.conditions import Condition
from schemas.frozen import Record, always

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Quantile levels of every fan, rising."""

HORIZONS_H = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 12.0, 24.0)
"""Hours ahead that a fan answers for."""


class Fan(Record, frozen=True, kw_only=True):
    """Quantiles of one concept at each horizon, in its canonical unit.

    `quantiles[i][j]` is the level `LEVELS[j]` at `horizons_h[i]`; each row rises. `origin` is the identity of the
    reading the fan starts from.
    """

    concept: str
    horizons_h: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    origin: str
    origin_at: datetime

    def sound(self) -> bool:
        """One row of quantiles per horizon, one column per level, and no row that falls."""
        shaped = len(self.quantiles) == len(self.horizons_h) and all(len(q) == len(LEVELS) for q in self.quantiles)
        return shaped and all(a <= b for row in self.quantiles for a, b in pairwise(row))


class Odds(Record, frozen=True, kw_only=True):
    """The chance that a condition comes true within `within_h` hours, with its interval.

    `alarm_at`: from which probability on an alarm serves best, where that was found out.
    """

    probability: float
    low: float
    high: float
    within_h: float
    model: str
    alarm_at: float | None = None


class Unavailable(Record, frozen=True, kw_only=True):
    """No answer, the reason in one sentence, and the measurement that would settle it (if one would)."""

    reason: str
    settles: tuple[str, ...] = always(())


class Forecast(Record, frozen=True, kw_only=True):
    """All fans of one patient at one moment."""

    encounter: str
    made_at: datetime
    model: str  # name@version of the forecaster
    fans: Mapping[str, Fan]  # by concept id
    missing: Mapping[str, Unavailable] = always({})


class Outlook(Protocol):
    """One patient's future as rules may ask of it: deterministic, never raising. `until`: its answers hold, without
    news, up to this moment (exclusive)."""

    @property
    def until(self) -> datetime: ...

    def fan(self, concept: str) -> Fan | Unavailable: ...

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable: ...
