"""The chance of a condition, put together from the chances of its single comparisons.

    Compare  `map below 65`    asked of the model: `Crosses`
    Change   `creatinine rises_by 50 % within 7 d`    likewise
    any_of   parts as above    as if independent; the interval, from the likeliest part to the sum of all, holds however
                               they depend on each other

Anything else is `Unavailable` with its reason. A chance is of a crossing that would be *measured*: a value nobody
measures cannot be seen to cross.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from schemas.clinical.forecasts import Odds, Unavailable
from schemas.conditions import AllOf, AnyOf, Change, Compare, Condition

HOLD_MAX = timedelta(minutes=30)  # what charted readings can speak of
PARTS_MAX = 4


class Chance(NamedTuple):
    """A probability and its interval."""

    p: float
    low: float
    high: float


Crosses = Callable[[Compare | Change, float], Chance | Unavailable]
"""A model's chance that a comparison comes true within so many hours."""


def chance(condition: Condition, within: timedelta, crosses: Crosses, model: str) -> Odds | Unavailable:
    """The chance that `condition` comes true in (now, now + within]; never raises."""
    hours = within.total_seconds() / 3600
    found = _chance(condition, hours, crosses)
    if isinstance(found, Unavailable):
        return found
    p, low, high = (round(x, 3) for x in found)
    return Odds(probability=p, low=min(low, p), high=max(high, p), within_h=hours, model=model)


def _chance(condition: Condition, hours: float, crosses: Crosses) -> Chance | Unavailable:
    match condition:
        case Compare() | Change():
            return crosses(condition, hours)
        case AnyOf(parts):
            if not 1 <= len(parts) <= PARTS_MAX or not all(isinstance(part, Compare) for part in parts):
                return Unavailable(reason=f"any_of is forecast for one to {PARTS_MAX} comparisons only")
            known: list[Chance] = []
            for part in parts:
                answer = _chance(part, hours, crosses)
                if isinstance(answer, Unavailable):
                    return answer
                known.append(answer)
            return _any(known)
        case AllOf():
            return Unavailable(reason="how often values cross together was not validated: ask for each alone")
        case _:
            return Unavailable(reason="a chance is given for comparisons of measured values only, alone or any_of")


def _any(parts: Sequence[Chance]) -> Chance:
    """As if the parts were independent; the bounds hold however they depend on each other."""
    none = 1.0
    for part in parts:
        none *= 1 - part.p
    return Chance(1 - none, max(part.low for part in parts), min(1.0, sum(part.high for part in parts)))
