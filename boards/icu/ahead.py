"""What may come in the next hours, in the words of the data summary."""

from collections.abc import Sequence

from schemas.boards.views import Ahead, BedView
from schemas.clinical.forecasts import Odds


def likely(view: BedView) -> list[tuple[Ahead, Odds]]:
    """The chances that were given, the likeliest first."""
    given = [(one, one.odds) for one in view.ahead if one.odds is not None]
    return sorted(given, key=lambda pair: -pair[1].probability)


def unsaid(view: BedView) -> list[tuple[str, str]]:
    """Why there is no chance, and of what: each reason once."""
    whys: dict[str, list[str]] = {}
    for one in view.ahead:
        if one.missing is not None:
            whys.setdefault(one.missing.reason, []).append(one.asked)
    return [(why, _listed(asked)) for why, asked in whys.items()]


RARE, SURE = 0.01, 0.99
"""A chance beyond these is told as that: one in a thousand is more than the bounds can bear."""


def percent(p: float) -> str:
    """In whole percent, and never certain."""
    if p < RARE:
        return "under 1 %"
    return "over 99 %" if p > SURE else f"{100 * p:.0f} %"


def percent_range(odds: Odds) -> str:
    """The bounds, without the sign: `28 to 41`; of what was hardly ever seen `under 1`."""
    low, high = (round(100 * p) for p in (odds.low, odds.high))
    if high == 0:
        return "under 1"
    return f"{low}" if low == high else f"{low} to {high}"


def _listed(asked: Sequence[str]) -> str:
    return asked[0] if len(asked) == 1 else f"{', '.join(asked[:-1])} or {asked[-1]}"
