"""What the damped trend answers about one patient: arrays, and records made of them where asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.baselines import crossing
from forecasting.baselines.parameters import MODEL
from forecasting.baselines.running import AT, HOURS_KEPT, RECENT, WORDS, Array
from forecasting.chances import chance
from forecasting.moments import NEVER, microseconds
from forecasting.readings import newest
from schemas.clinical.forecasts import HORIZONS_H, Fan, Odds, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Condition
from schemas.events import Reading, identity

ADULT_YEARS = 18


def outside(snapshot: Snapshot) -> str | None:
    """Why this patient is not one of those that forecasts were fitted on, or None."""
    if snapshot.setting is None:
        return "forecasts were fitted on intensive care only; nobody said where this patient is"
    if snapshot.setting != "icu":
        return "forecasts were fitted on intensive care only; they were not checked on a ward"
    age = snapshot.patient.age_years
    if age is not None and age < ADULT_YEARS:
        return "forecasts were fitted on adults only"
    return None


class Answers(NamedTuple):
    """What the answers about one patient are made of. F concepts have a fan."""

    made_at: datetime
    until: datetime
    outside: str | None
    readings: Mapping[str, tuple[Reading, ...]]
    lanes: bytes  # the body of the state
    numbers: Sequence[int]  # (F,) of the concepts that have a fan
    rows: NDArray[np.int32]  # (F, H, Q), in units of the last shown digit
    reached: NDArray[np.bool_]  # (F, H)


class TrendOutlook:
    """One patient's future as of `made_at`. Without news its answers stay usable until `until` (exclusive)."""

    __slots__ = ("_answers", "_fans", "_numbers", "_odds", "made_at", "until")

    def __init__(self, numbers: Mapping[str, int], odds: Mapping[str, crossing.Table], answers: Answers) -> None:
        self.made_at, self.until = answers.made_at, answers.until
        self._numbers, self._odds, self._answers = numbers, odds, answers
        self._fans: dict[str, Fan | Unavailable] = {}

    def fan(self, concept: str) -> Fan | Unavailable:
        """Quantiles of `concept`, its horizons counted from `made_at`."""
        known = self._fans.get(concept)
        if known is None:
            known = self._fans[concept] = self._fan(concept)
        return known

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        """The chance that `condition` comes true within `within`; see `forecasting.chances`."""
        return chance(condition, within, crossing.crosses(self._start, self._odds), MODEL)

    def _fan(self, concept: str) -> Fan | Unavailable:
        number, known = self._numbers.get(concept), self._answers
        if number is None:
            return Unavailable(reason=f"no forecast was fitted for {concept[:64]}")
        if known.outside is not None:
            return Unavailable(reason=known.outside)
        about, at = CONCEPTS[concept], int(self._lane(number)[:1].view(np.int64)[AT])
        if at == NEVER:
            return Unavailable(reason=f"no usable {about.name} is known", settles=(concept,))
        if number not in known.numbers:
            return Unavailable(reason=f"the newest {about.name} is too old to forecast from", settles=(concept,))
        origin = self._origin(concept)
        if origin is None or microseconds(origin.observed_at) != at:
            return Unavailable(reason=f"the newest {about.name} is no longer in the chart", settles=(concept,))
        place = known.numbers.index(number)
        reached = known.reached[place]
        rows = known.rows[place][reached] / 10.0 ** (about.decimals + 1)
        return Fan(
            concept=concept,
            horizons_h=tuple(h for h, there in zip(HORIZONS_H, reached.tolist(), strict=True) if there),
            quantiles=tuple(map(tuple, rows.tolist())),
            origin=identity(origin),
            origin_at=origin.observed_at,
        )

    def _start(self, concept: str) -> crossing.Start | Unavailable:
        """Where a concept stands, for the chance of crossing a line."""
        fan, origin = self.fan(concept), self._origin(concept)
        if isinstance(fan, Unavailable) or origin is None or origin.value is None:
            return fan if isinstance(fan, Unavailable) else Unavailable(reason="its newest value is no longer known")
        low, high = self._lane(self._numbers[concept])[RECENT].reshape(2, HOURS_KEPT).min(axis=1).tolist()
        return crossing.Start(fan, origin.value, low, -high)

    def _origin(self, concept: str) -> Reading | None:
        return newest(self._answers.readings.get(concept, ()), self.made_at)

    def _lane(self, number: int) -> Array:
        return np.frombuffer(self._answers.lanes, "<f8", WORDS, number * WORDS * 8)
