"""Which readings moved a chance: Shapley values of the players, on the scale of the logit.

    nothing is known ──► one player after the other becomes known ──► this patient

A player's share is what his coming changes the logit by, in the mean over orders of coming. In every order, and so in
the mean, shares add up from what is told of somebody of whom nothing is known to what is told of this patient. Orders
are drawn, with a fixed seed and each together with its reverse: where players work together by twos that is exact.

A share is about the network, not about the body: what goes along with a cause gets a part of what the cause does.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.exact import Array
from forecasting.explaining.imagined import PLAYERS, Crossing, Flags, Imagined

PAIRS = 3  # of orders: more are nearer to the mean over all, and take longer (`benchmarks/attribution`)
SEED = 42
NAMED = 3  # are told to people
_NEAREST = 1e-9  # to 0 and 1: beyond it a logit says nothing


class Share(NamedTuple):
    """What one player does to a chance; the last two are looked at of the first `NAMED` alone."""

    player: str
    logit: float  # above 0 it raises the chance
    without: float | None = None  # the chance that would be told if nothing were known of this player
    by_pattern: bool = False  # it is more that it was measured, and when, than what it showed


class Moved(NamedTuple):
    """What moved one chance, the strongest first."""

    of_nothing: float  # the chance that is told of somebody of whom nothing is known
    told: float
    shares: tuple[Share, ...]


def moved(bed: Imagined, asked: Sequence[Crossing], pairs: int = PAIRS) -> tuple[Moved, ...]:
    """Of each chance what moved it: the same answer whenever it is asked."""
    own = np.flatnonzero(bed.players)
    orders = list(_orders(own, pairs))
    kept = np.zeros((len(orders), len(own) + 1, len(PLAYERS)), bool)
    for order, steps in zip(orders, kept, strict=True):
        for step, player in enumerate(order, 1):
            steps[step:, player] = True
    distinct, places = np.unique(kept.reshape(-1, len(PLAYERS)), axis=0, return_inverse=True)
    chances = bed.chances(bed.only(distinct), asked)[places].reshape(*kept.shape[:2], len(asked))
    shares = np.zeros((len(PLAYERS), len(asked)))
    for order, changes in zip(orders, np.diff(logit(chances), axis=1), strict=True):
        shares[order] += changes / len(orders)
    strongest = own[np.argsort(-np.abs(shares[own]), axis=0, kind="stable")]  # (players that are known, Q)
    closely = _closely(bed, asked, np.unique(strongest[:NAMED]))
    return tuple(
        Moved(
            of_nothing=float(chances[0, 0, q]),
            told=float(chances[0, -1, q]),
            shares=tuple(
                Share(PLAYERS[player], float(shares[player, q]), *(closely[player, q] if place < NAMED else ()))
                for place, player in enumerate(strongest[:, q].tolist())
            ),
        )
        for q in range(len(asked))
    )


def logit(p: Array) -> Array:
    """The log of the odds, of a chance that is not nearer to 0 or 1 than can matter."""
    kept = np.clip(p, _NEAREST, 1 - _NEAREST)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def _orders(players: NDArray[np.intp], pairs: int) -> Iterator[NDArray[np.intp]]:
    draw = np.random.default_rng(SEED)
    for _ in range(pairs):
        order = draw.permutation(players)
        yield order
        yield order[::-1]


def _closely(
    bed: Imagined, asked: Sequence[Crossing], players: NDArray[np.intp]
) -> dict[tuple[int, int], tuple[float, bool]]:
    """By player and question: the chance without this player, and whether it is more the pattern that moves it.

    On the way from having it to having nothing of it lies that its pattern is not known: the longer part tells.
    """
    if not len(players):
        return {}
    each: Flags = np.arange(len(PLAYERS)) == players[:, None]
    rows = [bed.as_it_is, bed.only(bed.players & ~each), bed.unpatterned(each)]
    chances = bed.chances(np.concatenate(rows), asked)
    told, without, unpatterned = np.split(logit(chances), [1, 1 + len(players)])
    by_pattern = np.abs(told - unpatterned) > np.abs(unpatterned - without)  # (players, Q)
    return {
        (int(player), q): (float(chances[1 + place, q]), bool(by_pattern[place, q]))
        for place, player in enumerate(players)
        for q in range(len(asked))
    }
