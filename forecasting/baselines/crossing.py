"""The chance that a reading crosses a threshold within a few hours, read off a fan and calibrated on real outcomes.

A fan tells where a value may be at one moment; whether it crosses a line anywhere on the way is another, likelier
event. So the fan gives only a distance (how many lower or upper half-bands the threshold lies from the median, at its
nearest), and a table turns that distance into the frequency with which such patients really crossed. The tables are
fitted by `forecasting.training.fit_trend` on charted (about hourly) readings of patients whom the fan has not seen.

    `map below 65`            the table's frequency
    `map below 65 for 15 min` the same as the most likely value; its lower bound is the frequency of crossings that were
                              still there at the next charted reading

A question outside the tables is `Unavailable` with its reason. How chances are put together is `forecasting.chances`.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from forecasting.chances import HOLD_MAX, Chance, Crosses
from schemas.clinical.forecasts import LEVELS, Fan, Unavailable
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Change, Compare, Op

MEDIAN = LEVELS.index(0.5)
TOO_RARE = "too few such events in the fitted data to give a chance"


class Start(NamedTuple):
    """Where a concept stands: its fan, its newest value, and the lowest and highest of the hours up to that reading."""

    fan: Fan
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scale:
    """From distance to frequency, for one horizon and one recent past. Columns run by rising distance.

    `lasting` is the lower bound for crossings that were still there at the next reading. The scale speaks only of
    thresholds from `threshold_low` to `threshold_high`.
    """

    threshold_low: float
    threshold_high: float
    distance: tuple[float, ...]
    p: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    lasting: tuple[float, ...]

    def at(self, distance: float, *, lasting: bool) -> Chance:
        """Linear between the fitted distances, constant beyond them (and then down to 0 for the lower bound)."""
        right = bisect_left(self.distance, distance)
        low = self.lasting if lasting else self.low
        if right == 0:
            return Chance(self.p[0], low[0], self.high[0])
        if right == len(self.distance):
            return Chance(self.p[-1], 0.0, self.high[-1])
        a, b = self.distance[right - 1], self.distance[right]
        part = (distance - a) / (b - a)
        return Chance(*(c[right - 1] + part * (c[right] - c[right - 1]) for c in (self.p, low, self.high)))


@dataclass(frozen=True, slots=True)
class Table:
    """The scales of one concept and direction, per horizon: one for patients who were clear of the threshold in the
    hours up to the newest reading (the hour of the clock and the three before), and one for those who were across it
    within them and so cross again more easily (None where such events are too few)."""

    hours: tuple[float, ...]
    clear: tuple[Scale | None, ...]
    recent: tuple[Scale | None, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Table":
        """From the parameter file."""

        def scale(found: Mapping[str, Any] | None) -> Scale | None:
            if found is None:
                return None
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
            return Scale(**fields)

        return cls(
            hours=tuple(fields["hours"]),
            clear=tuple(map(scale, fields["clear"])),
            recent=tuple(map(scale, fields["recent"])),
        )


def crosses(start: Callable[[str], Start | Unavailable], tables: Mapping[str, Table]) -> Crosses:
    """The chances of single comparisons of one patient."""

    def answer(asked: Compare | Change, hours: float) -> Chance | Unavailable:
        if isinstance(asked, Change):
            return Unavailable(reason="the chance of a change was not validated")
        return _crosses(asked, hours, start, tables)

    return answer


def _crosses(
    asked: Compare,
    hours: float,
    start: Callable[[str], Start | Unavailable],
    tables: Mapping[str, Table],
) -> Chance | Unavailable:
    direction = "below" if asked.op in (Op.BELOW, Op.AT_MOST) else "above"
    table = tables.get(f"{asked.quantity} {direction}")
    if table is None or asked.op is Op.EQUALS:
        return Unavailable(reason=f"the chance of {asked.quantity[:64]} {asked.op} a value was not validated")
    if not table.hours[0] <= hours <= table.hours[-1]:
        return Unavailable(
            reason=f"chances were validated from {table.hours[0]:g} h to {table.hours[-1]:g} h ahead only"
        )
    if asked.hold is not None and asked.hold > HOLD_MAX:
        return Unavailable(reason="how long a crossing lasts was validated up to 30 min only")
    begun = start(asked.quantity)
    if isinstance(begun, Unavailable):
        return begun
    if asked.op.holds(begun.value, asked.value):
        return Unavailable(reason="it is true already: a chance is given only of what is still to come")

    line = _edge(asked)
    again = any(asked.op.holds(extreme, asked.value) for extreme in (begun.low, begun.high))
    scales = table.recent if again else table.clear

    right = next(i for i, h in enumerate(table.hours) if h >= hours)
    ends = [right] if table.hours[right] == hours else [right - 1, right]
    answers: list[Chance] = []
    for i in ends:
        scale = scales[i]
        if scale is None or not scale.threshold_low <= line <= scale.threshold_high:
            return Unavailable(reason=TOO_RARE)
        away = distance(begun.fan, line, table.hours[i], above=direction == "above")
        answers.append(scale.at(away, lasting=asked.hold is not None))
    if len(answers) == 1:
        return answers[0]
    part = (hours - table.hours[right - 1]) / (table.hours[right] - table.hours[right - 1])
    return Chance(*(a + part * (b - a) for a, b in zip(*answers, strict=True)))


def _edge(asked: Compare) -> float:
    """The threshold as a line between two values that can be charted: `below 65` is 64.5, `at_most 65` is 65.5."""
    half: float = 0.5 * 10.0 ** -CONCEPTS[asked.quantity].decimals
    return asked.value + half if asked.op in (Op.AT_MOST, Op.ABOVE) else asked.value - half


def distance(fan: Fan, edge: float, hours: float, *, above: bool) -> float:
    """How many half-bands (median to the 5 % or 95 % quantile) `edge` lies beyond the median, at its nearest."""
    tail = -1 if above else 0
    smallest: float = 10.0 ** -(CONCEPTS[fan.concept].decimals + 1)
    away = [
        (edge - row[MEDIAN] if above else row[MEDIAN] - edge) / max(abs(row[tail] - row[MEDIAN]), smallest)
        for horizon, row in zip(fan.horizons_h, fan.quantiles, strict=True)
        if horizon <= hours
    ]
    return min(away)
