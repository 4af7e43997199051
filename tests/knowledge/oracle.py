"""What each kind of condition means, in a few lines each: the reference's own words (§0.3, §0.4), and nothing clever.

Nothing here knows the engine. Times are told as how long ago a thing was: 0 is now, a negative one is still to come.
A window w is (now - w, now], as the reference writes it; the window of `sustained` includes its start as well
(docs/decisions/0010).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from schemas.clinical.findings import Truth
from schemas.conditions import AllOf, AnyOf, AtLeastOf, Condition, NoneOf, Op

YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

Series = Sequence[tuple[timedelta, float]]
"""(how long ago, value), in any order."""


def told(holds: bool) -> Truth:
    return YES if holds else NO


def compared(left: float, op: Op, right: float) -> bool:
    if op is Op.BELOW:
        return left < right
    if op is Op.ABOVE:
        return left > right
    if op is Op.AT_MOST:
        return not left > right
    if op is Op.AT_LEAST:
        return not left < right
    return left == right


def inside(ago: timedelta, window: timedelta) -> bool:
    """Whether a moment lies in (now - window, now]."""
    return timedelta(0) <= ago < window


def bounded(low: float, high: float, op: Op, bound: float) -> Truth:
    """A whole number that lies from `low` to `high`: as much as every one of them agrees on."""
    possible = {compared(low + k, op, bound) for k in range(int(high - low) + 1)}
    return UNKNOWN if len(possible) == 2 else told(possible.pop())


def sustained(series: Series, op: Op, bound: float, hold: timedelta) -> Truth:
    """§0.3: true of every sample in the last d, of at least two that span 0.8 d."""
    ages = [ago for ago, _ in series if timedelta(0) <= ago <= hold]
    if any(not compared(value, op, bound) for ago, value in series if ago in ages):
        return NO
    return told(True) if len(ages) >= 2 and max(ages) - min(ages) >= 0.8 * hold else UNKNOWN


def aggregated(series: Series, how: str, over: timedelta, op: Op, bound: float) -> Truth:
    """§0.3: min, max, mean, count over the window; UNKNOWN if no value."""
    values = [value for ago, value in series if inside(ago, over)]
    if not values:
        return UNKNOWN
    means: Mapping[str, Callable[[list[float]], float]] = {
        "min": min,
        "max": max,
        "count": len,
        "mean": lambda v: sum(v) / len(v),
    }
    made = means[how](values)
    return told(compared(made, op, bound))


def changed(series: Series, rises: bool, by: float, within: timedelta, percent: bool) -> Truth:
    """§0.3: x - min(x, w) excluding now for a rise, max(x, w) - x for a fall; `by` itself is enough."""
    values = [value for ago, value in sorted(series) if inside(ago, within)]
    if len(values) < 2:
        return UNKNOWN
    newest, earlier = values[0], values[1:]
    reference = min(earlier) if rises else max(earlier)
    change = newest - reference if rises else reference - newest
    least = by * abs(reference) / 100 if percent else by
    return told(round(change - least, 6) >= 0)  # 1.2 - 0.9 is a rise of 0.3


def sloped(series: Series, over: timedelta, op: Op, bound: float) -> Truth:
    """§0.3: least-squares slope per hour over w, needs three samples (here on one straight line)."""
    points = sorted((-ago / HOUR, value) for ago, value in series if inside(ago, over))
    if len(points) < 3:
        return UNKNOWN
    (first, low), (last, high) = points[0], points[-1]
    return told(compared((high - low) / (last - first), op, bound))


def noted(words: Sequence[tuple[timedelta, str]], heard: Sequence[timedelta], within: timedelta, maybe: bool) -> Truth:
    """docs/decisions/0011: the newest word of the window decides; of one moment, affirmed before hedged before denied.

    Silence is NO only where some note of the last 24 h was read.
    """
    rank = {"affirmed": 0, "uncertain": 1, "negated": 2}
    said = [word for ago, word in sorted(words, key=lambda w: (w[0], rank[w[1]])) if inside(ago, within)]
    if not said:
        return NO if any(inside(ago, DAY) for ago in heard) else UNKNOWN
    if said[0] == "uncertain":
        return YES if maybe else UNKNOWN
    return told(said[0] == "affirmed")


def noted_family(members: Sequence[Truth]) -> Truth:
    """A family of facts holds as soon as one of it does, and is denied only where none is hedged."""
    return any_of(members)


def given(doses: Sequence[timedelta], reported: bool, within: timedelta) -> Truth:
    """§0.3: at least one administration in the window; 0011: UNKNOWN where no treatment was ever reported."""
    return told(any(inside(ago, within) for ago in doses)) if reported else UNKNOWN


def running(last_word: tuple[timedelta, bool] | None, reported: bool) -> Truth:
    """0011: `last_word` is (how long ago, whether it left the infusion running); silent for more than 24 h: UNKNOWN."""
    if not reported:
        return UNKNOWN
    if last_word is None or not last_word[1]:
        return NO
    return YES if last_word[0] <= DAY else UNKNOWN


def any_of(parts: Sequence[Truth]) -> Truth:
    return YES if YES in parts else UNKNOWN if UNKNOWN in parts else NO


def all_of(parts: Sequence[Truth]) -> Truth:
    return NO if NO in parts else UNKNOWN if UNKNOWN in parts else YES


def none_of(parts: Sequence[Truth]) -> Truth:
    return NO if YES in parts else UNKNOWN if UNKNOWN in parts else YES


def at_least(count: int, parts: Sequence[Truth]) -> Truth:
    if list(parts).count(YES) >= count:
        return YES
    return NO if list(parts).count(YES) + list(parts).count(UNKNOWN) < count else UNKNOWN


def combined(condition: Condition, leaf: Callable[[Condition], Truth]) -> Truth:
    """Kleene's logic over the leaves of a condition, which `leaf` answers."""
    match condition:
        case AllOf(parts):
            return all_of([combined(part, leaf) for part in parts])
        case AnyOf(parts):
            return any_of([combined(part, leaf) for part in parts])
        case NoneOf(parts):
            return none_of([combined(part, leaf) for part in parts])
        case AtLeastOf(count, parts):
            return at_least(count, [combined(part, leaf) for part in parts])
        case _:
            return leaf(condition)


def banded(table: Mapping[int, Sequence[tuple[float | None, float | None]]], value: float) -> int:
    """The points of a value in a table as it is printed: points -> the bands, both bounds inclusive."""
    return next(
        points
        for points, bands in table.items()
        for low, high in bands
        if (low is None or value >= low) and (high is None or value <= high)
    )
