"""The damped trend: the first honest forecaster, and the baseline of later ones.

    encode     readings -> running averages per concept                    (`running`)
    outlooks   running averages -> fans of all concepts at once            (`fans`)
               fans -> records and chances, when asked                     (`outlook`, `crossing`)

Treatment is not looked at: bands are those of patients treated as usual.

A state is the lanes of all concepts, WORDS numbers of 8 bytes each, in the order of the parameter file. No arithmetic
here depends on the shape of an array (see `running`), so nothing is padded: a wave is only cut, into batches whose
arrays stay in the processor's cache.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

import numpy as np

from forecasting.baselines import running
from forecasting.baselines.fans import Curves
from forecasting.baselines.outlook import Answers, TrendOutlook, outside
from forecasting.baselines.parameters import NAME, PARAMETERS, VERSION, Parameters, read
from forecasting.baselines.running import EMPTY, WHOLE, WORDS, Array, Told, Whole
from forecasting.contract import FAR, ModelState, Seen
from forecasting.moments import EPOCH, MICROSECOND, microseconds
from forecasting.news import new_readings, passes, rows_anew
from forecasting.readings import in_order, newest
from schemas.clinical.forecasts import HORIZONS_H, Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS, Situation
from schemas.events import Reading

BATCH = 32  # beds: 32 × 17 lanes × 8 horizons × 7 levels of 4 bytes are 120 KiB
ORIGIN_AGE_MIN = timedelta(hours=2)  # a fan may start from a reading this old even if the present may not rest on it

_FAR_US = (FAR - EPOCH) // MICROSECOND
_NO_SITUATION: frozenset[Situation] = frozenset()


@lru_cache(maxsize=1)
def load() -> "Trend":
    """The committed forecaster."""
    return Trend(read(PARAMETERS))


class Trend:
    """The forecaster; it holds nothing but fitted numbers and may be shared. See the contract."""

    name = NAME
    version = VERSION
    horizons_h = HORIZONS_H
    batch = BATCH

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.digest = parameters.digest
        self.concepts = frozenset(parameters.curves)
        self._numbers = parameters.numbers
        self._curves = Curves(parameters.curves)
        self._number = np.tile(np.arange(len(self._numbers)), BATCH)  # of the concept of each lane of a batch
        self._reach = self._curves.reach.take(self._number)
        self._first = np.arange(BATCH + 1) * len(self._numbers)  # lane of each bed
        self._situated = [c for c in self._numbers if any(rule.during is not None for rule in CONCEPTS[c].valid_when)]
        self._nothing = ModelState(digest=self.digest, body=np.tile(EMPTY, len(self._numbers)).tobytes())

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:
        known = [self._nothing if state is None else state for state in states]
        return [
            state
            for start in range(0, len(known), BATCH)
            for state in self._encoded(known[start : start + BATCH], seen[start : start + BATCH])
        ]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:
        state = self.encode([None], [Seen(snapshot.now, rows=snapshot.readings)])[0]
        return ModelState(digest=state.digest, body=state.body, from_chart=True)

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        return [
            TrendOutlook(self._numbers, self.parameters.odds, answers)
            for start in range(0, len(states), BATCH)
            for answers in self._answers(states[start : start + BATCH], snapshots[start : start + BATCH])
        ]

    # --- encode ----------------------------------------------------------------------------------------------------

    def _encoded(self, states: list[ModelState], seen: Sequence[Seen]) -> list[ModelState]:
        words, count = self._words(states), len(self._numbers)
        news = [new_readings(instant, self._numbers) for instant in seen]
        anew = rows_anew(seen, self._numbers)
        if not any(news) and not anew:
            return states
        words = words.copy()
        for lane, row, at in anew:
            told = (_told(reading, microseconds(reading.observed_at)) for reading in in_order(row, at))
            words[lane] = running.told_anew(told, self._curves.paces.table[:, self._number[lane]])
        for lanes, new in passes(news, count):
            columns = words.take(lanes, axis=0).T.copy()
            times, age_max, values = (np.array(c) for c in zip(*(_told(r, at) for r, at in new), strict=True))
            running.read(columns, times, age_max, values, self._curves.paces.take(self._number.take(lanes)))
            words[lanes] = columns.T
        changed = {lane // count for lane, _, _ in anew} | {bed for bed, found in enumerate(news) if found}
        raw, size = words.tobytes(), len(self._nothing.body)
        return [
            ModelState(digest=self.digest, body=raw[bed * size : (bed + 1) * size], from_chart=state.from_chart)
            if bed in changed
            else state
            for bed, state in enumerate(states)
        ]

    def _words(self, states: Iterable[ModelState]) -> Array:
        """The lanes of all beds: (beds · C, WORDS)."""
        size = len(self._nothing.body)
        bodies = []
        for state in states:
            if state.digest != self.digest or len(state.body) != size:
                raise ValueError("expected a state of this forecaster, found another's")
            bodies.append(state.body)
        return np.frombuffer(b"".join(bodies), "<f8").reshape(-1, WORDS)

    # --- outlooks --------------------------------------------------------------------------------------------------

    def _answers(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> Iterator[Answers]:
        words, count = self._words(states), len(self._numbers)
        reasons = [outside(snapshot) for snapshot in snapshots]
        inside = np.array([reason is None for reason in reasons]).repeat(count)
        now = np.array([microseconds(snapshot.now) for snapshot in snapshots]).repeat(count)
        at, _, _, age_max = words[:, :WHOLE].T.copy().view(np.int64)
        for bed, snapshot in enumerate(snapshots):
            if snapshot.situations:
                self._aged_faster(snapshot, age_max[bed * count :][:count])
        age = now - at
        young = age <= np.minimum(age_max, self._reach[: len(age)])
        lanes = (inside & young & (age >= 0)).nonzero()[0]

        at, age, age_max, numbers = at.take(lanes), age.take(lanes), age_max.take(lanes), self._number.take(lanes)
        rows = self._curves.quantiles(numbers, words.take(lanes, axis=0).T, age).astype(np.int32)  # (F, H, Q)
        oldest = np.minimum(self._curves.age_max.take(numbers, axis=1), age_max)  # (H, F)
        reached = age <= oldest
        ends = np.where(reached, oldest + at, _FAR_US).min(axis=0).tolist()
        bounds = lanes.searchsorted(self._first[: len(states) + 1]).tolist()
        for bed, (first, last) in enumerate(pairwise(bounds)):
            end = min(ends[first:last], default=_FAR_US)
            yield Answers(
                made_at=snapshots[bed].now,
                until=FAR if end == _FAR_US else EPOCH + timedelta(microseconds=end + 1),
                outside=reasons[bed],
                readings=snapshots[bed].readings,
                lanes=states[bed].body,
                numbers=numbers[first:last].tolist(),
                rows=rows[first:last].copy(),
                reached=reached[:, first:last].T.copy(),
            )

    def _aged_faster(self, snapshot: Snapshot, age_max: Whole) -> None:
        """How old an origin may be, (C,), in a situation in which some values may be carried forward less long."""
        for concept in self._situated:
            origin = newest(snapshot.readings.get(concept, ()), snapshot.now)
            if origin is not None:
                age_max[self._numbers[concept]] = _age_max(concept, origin.method, origin.value, snapshot.situations)


def _told(reading: Reading, at: int) -> Told:
    value = reading.value or 0.0  # also of −0.0
    return at, _age_max(reading.concept, reading.method, value, _NO_SITUATION), value


@lru_cache(maxsize=16_384)
def _age_max(concept: str, method: str | None, value: float | None, during: frozenset[Situation]) -> int:
    """How old an origin may be, in microseconds: as old as its value may be carried forward in an ICU, or two hours."""
    return max(ORIGIN_AGE_MIN, CONCEPTS[concept].validity("icu", method, value, during)) // MICROSECOND
