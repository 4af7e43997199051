"""One patient as the network would see him if less were known of him, or more.

What is taken away is taken off the hourly chart, what is measured is written into it; all else is the served code. So
an imagined patient is one that might lie there, and what is said of him is what would be said.

Shapes: B imagined patients, P players, V concepts, F inputs, Q questions.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.exact import Array
from forecasting.moments import NEVER
from forecasting.network import chart, inputs, memory
from forecasting.network.chart import EMPTY, times
from forecasting.network.fitted import Fitted
from forecasting.network.forecaster import Known, Wave, read
from forecasting.network.inputs import READ

Flags = NDArray[np.bool_]

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "map": ("map", "sbp", "dbp"), "hb": ("hb", "hct"), "hco3": ("hco3", "base_excess"),
    "bilirubin": ("bilirubin", "bilirubin_direct"),
}  # fmt: skip
"""Concepts that rank patients alike (Spearman 0.75 or more, `benchmarks/attribution`): as players of their own each
would get a part of what they say together, by no rule that a person knows."""
AGE, SEX = "age", "sex"


def _players() -> dict[str, tuple[str, ...]]:
    first = {concept: name for name, many in TOGETHER.items() for concept in many}
    names = dict.fromkeys(first.get(concept, concept) for concept in READ)
    return {name: TOGETHER.get(name, (name,)) for name in names}


CONCEPTS_OF = _players()
"""Player -> the concepts whose readings it holds, the one that is told first."""
PLAYERS = (*CONCEPTS_OF, AGE, SEX)
PATTERN = "pattern"
"""The group of inputs that tells how often and how lately something was measured, whatever it showed."""

_PLACES = {concept: place for place, concept in enumerate(READ)}
_LANES = np.array([[concept in CONCEPTS_OF.get(name, ()) for concept in READ] for name in PLAYERS])  # (P, V)
_PATTERNS = np.array(
    [
        [group == PATTERN and name.partition(":")[0] in CONCEPTS_OF.get(player, ()) for name, group in inputs.named()]
        for player in PLAYERS
    ]
)  # (P, F)


class Crossing(NamedTuple):
    """What is asked: the number of a fitted question, the line, and within how many hours."""

    question: int
    line: float
    hours: float


class Imagined:
    """One bed at a moment, with some of it taken away or something measured.

    `remembered`: its hourly chart, as `CrossingNetwork.chart_of` gives it.
    """

    def __init__(self, ahead: Fitted, remembered: bytes, known: Known) -> None:
        self._ahead, self.known = ahead, known
        self.lanes = memory.lanes_of([remembered])  # (V, WORDS)
        self._person = {AGE: known.age_years, SEX: known.male}
        heard = _LANES @ (times(self.lanes.T) != NEVER)
        self.players: Flags = heard | np.isin(PLAYERS, [name for name, x in self._person.items() if np.isfinite(x)])
        """(P,) those of whom something is known."""
        self.as_it_is = self.only(self.players[None])
        """(1, F) what is read."""

    def newest(self, concept: str) -> tuple[float, int] | None:
        """The newest reading of a concept, and when in microseconds since EPOCH; None: there is none."""
        lane = self.lanes[_PLACES[concept]]
        at = int(times(lane[:, None])[0])
        return None if at == NEVER else (float(lane[chart.NEWEST]), at)

    def only(self, kept: Flags) -> Array:
        """(B, F) what would be read if nothing but these players were known: kept (B, P)."""
        lanes = np.where((kept @ _LANES)[:, :, None], self.lanes, EMPTY)  # (B, V, WORDS)
        people = np.where(kept[:, len(CONCEPTS_OF) :], list(self._person.values()), np.nan)
        known = self.known
        each = [Known(known.now, age_years, male, known.admitted_h) for age_years, male in people.tolist()]
        return read([lanes.tobytes()], each)

    def unpatterned(self, players: Flags) -> Array:
        """(B, F) what would be read if it were not known how often and how lately these were measured: (B, P)."""
        return np.where(players @ _PATTERNS, np.nan, self.as_it_is)

    def measured(self, each: Sequence[tuple[str, float]]) -> Array:
        """(B, F) what would be read if a concept were measured now and had this value: B of them, each alone."""
        lanes = np.tile(self.lanes, (len(each), 1, 1))  # (B, V, WORDS)
        own = np.arange(len(each)), [_PLACES[concept] for concept, _ in each]
        columns = np.ascontiguousarray(lanes[own].T)
        chart.read(columns, np.full(len(each), self.known.now), np.array([value for _, value in each]))
        lanes[own] = columns.T
        return read([lanes.tobytes()], [self.known] * len(each))

    def chances(self, rows: Array, asked: Sequence[Crossing]) -> Array:
        """(B, Q) what would be told of each."""
        wave, questions = Wave.of_rows(self._ahead, rows), self._ahead.questions
        return np.array(
            [
                [questions[one.question].told(wave.chance(bed, *one), lasting=False).p for one in asked]
                for bed in range(len(rows))
            ]
        )
