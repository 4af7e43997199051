"""What a forecaster answers: a fan of quantiles, a chance, or that it cannot say and why."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Protocol

from pydantic import Field, model_validator

from schemas.conditions import Condition
from schemas.frozen import EncounterId, Frozen, Moment, ShortText

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Quantile levels of every fan, rising."""

HORIZONS_H = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 12.0, 24.0)
"""Hours ahead that a fan answers for."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Fan(Frozen):
    """Quantiles of one concept at each horizon, in its canonical unit.

    `quantiles[i][j]` is the level `LEVELS[j]` at `horizons_h[i]`; each row rises. `origin` is the identity of the
    reading the fan starts from.
    """

    concept: ShortText
    horizons_h: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    origin: ShortText
    origin_at: Moment

    @model_validator(mode="after")
    def _shaped(self) -> "Fan":
        if len(self.quantiles) != len(self.horizons_h) or any(len(q) != len(LEVELS) for q in self.quantiles):
            raise ValueError("expected one row of quantiles per horizon and one column per level")
        if any(a > b for row in self.quantiles for a, b in pairwise(row)):
            raise ValueError("expected quantiles that rise with their level")
        return self


class Odds(Frozen):
    """The chance that a condition comes true within `within_h` hours, with its interval."""

    probability: Probability
    low: Probability
    high: Probability
    within_h: float
    model: ShortText


class Unavailable(Frozen):
    """No answer, the reason in one sentence, and the measurement that would settle it (if one would)."""

    reason: ShortText
    settles: tuple[ShortText, ...] = ()


class Forecast(Frozen):
    """All fans of one patient at one moment."""

    encounter: EncounterId
    made_at: Moment
    model: ShortText  # name@version of the forecaster
    fans: Mapping[str, Fan]  # by concept id
    missing: Mapping[str, Unavailable] = {}


class Outlook(Protocol):
    """One patient's future as rules may ask of it: lazy, deterministic, never raising."""

    def fan(self, concept: str) -> Fan | Unavailable: ...

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable: ...
