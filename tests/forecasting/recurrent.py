"""A small recurrent forecaster, seeded and untrained: it shows that a network keeps the contract, bit for bit.

The last bits of a matrix product depend on the shape of the matrices, so each batch is padded to ROWS rows, also for
one bed. On some processors they depend on a row's place in the matrix as well, so products are summed here element by
element, and not by the library of the machine. One hidden vector per concept, so that a corrected concept can be made
anew alone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from forecasting.contract import FAR, ModelState, Seen
from forecasting.readings import in_order, newest
from schemas.clinical.forecasts import LEVELS, Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Condition
from schemas.events import Reading, identity

HELD = ("hr", "lactate", "map", "spo2")
ROWS, WIDTH, INPUTS = 64, 64, 3
VALID = timedelta(hours=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HORIZONS_H = (1.0, 4.0)

LANE = np.dtype([("at", "<i8"), ("kept_at", "<i8"), ("kept", "<f4", WIDTH), ("hidden", "<f4", WIDTH)])
NEVER = -(2**62)


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _product(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`rows @ weights`, each row summed in the same order wherever it stands."""
    summed: np.ndarray = np.einsum("ij,jk->ik", rows, weights)
    return summed


def _empty() -> np.ndarray:
    lanes = np.zeros(len(HELD), LANE)
    lanes["at"] = lanes["kept_at"] = NEVER
    return lanes


class Recurrent:
    """A gated cell per reading, a linear read-out per outlook."""

    name, version, digest = "recurrent", "0", "recurrent, seed 7"
    horizons_h, concepts, batch = HORIZONS_H, frozenset(HELD), ROWS

    def __init__(self) -> None:
        draw = np.random.default_rng(7)
        self.gates = draw.normal(0, 0.4, (INPUTS + WIDTH, 2 * WIDTH)).astype(np.float32)
        self.proposal = draw.normal(0, 0.4, (INPUTS + WIDTH, WIDTH)).astype(np.float32)
        self.read_out = draw.normal(0, 0.4, (WIDTH, len(HORIZONS_H) * len(LEVELS))).astype(np.float32)

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:
        lanes = [self._lanes(state) for state in states]
        news = [self._news(instant) for instant in seen]
        for own, instant in zip(lanes, seen, strict=True):
            for concept in instant.rows:
                if concept in self.concepts:
                    own[HELD.index(concept)] = _empty()[0]
        for turn in range(max(map(len, news), default=0)):
            told = [
                (own[HELD.index(r.concept)], r) for own, n in zip(lanes, news, strict=True) for r in n[turn : turn + 1]
            ]
            for start in range(0, len(told), ROWS):
                self._step(told[start : start + ROWS])
        return [
            ModelState(digest=self.digest, body=own.tobytes(), from_chart=bool(state and state.from_chart))
            if state is None or n or instant.rows
            else state
            for own, state, n, instant in zip(lanes, states, news, seen, strict=True)
        ]

    def _news(self, seen: Seen) -> list[Reading]:
        told = [r for r in seen.new if r.concept in self.concepts and r.concept not in seen.rows]
        return in_order([*told, *(r for c, row in seen.rows.items() if c in self.concepts for r in row)], seen.at)

    def _lanes(self, state: ModelState | None) -> np.ndarray:
        if state is None:
            return _empty()
        if state.digest != self.digest or len(state.body) != LANE.itemsize * len(HELD):
            raise ValueError("expected a state of this forecaster, found another's")
        return np.frombuffer(state.body, LANE).copy()

    def _step(self, told: Sequence[tuple[np.void, Reading]]) -> None:
        """One reading more of each lane, in place: at most ROWS lanes, padded."""
        x = np.zeros((ROWS, INPUTS + WIDTH), np.float32)
        for row, (lane, reading) in enumerate(told):
            at, about = _us(reading.observed_at), CONCEPTS[reading.concept]
            if at < lane["at"]:
                continue
            if at > lane["at"]:
                lane["kept"], lane["kept_at"] = lane["hidden"], lane["at"]
            lane["at"] = at
            value = min(max(reading.value or 0.0, about.hard_low or 0.0), about.hard_high or 0.0)
            gap_h = min((at - int(lane["kept_at"])) / 3.6e9, 48.0)
            x[row, :INPUTS] = value / (about.normal_high or 1.0), gap_h / 48, HELD.index(reading.concept) / 4
            x[row, INPUTS:] = lane["kept"]
        update, reset = np.split(1 / (1 + np.exp(-_product(x, self.gates))), 2, axis=1)
        kept = x[:, INPUTS:].copy()
        x[:, INPUTS:] *= reset
        hidden = kept + update * (np.tanh(_product(x, self.proposal)) - kept)
        for row, (lane, reading) in enumerate(told):
            if _us(reading.observed_at) == lane["at"]:
                lane["hidden"] = hidden[row]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:
        state = self.encode([None], [Seen(snapshot.now, rows=snapshot.readings)])[0]
        return ModelState(digest=state.digest, body=state.body, from_chart=True)

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        made: list[Outlook] = []
        for start in range(0, len(states), ROWS // len(HELD)):
            some = [self._lanes(state) for state in states[start : start + ROWS // len(HELD)]]
            hidden = np.zeros((ROWS, WIDTH), np.float32)
            hidden[: len(some) * len(HELD)] = np.concatenate(some)["hidden"]
            read = np.tanh(_product(hidden, self.read_out)).reshape(-1, len(HELD), len(HORIZONS_H), len(LEVELS))
            made += [
                RecurrentOutlook(s, lanes["at"], r) for s, lanes, r in zip(snapshots[start:], some, read, strict=False)
            ]
        return made


class RecurrentOutlook:
    def __init__(self, snapshot: Snapshot, at: np.ndarray, read: np.ndarray) -> None:
        self.snapshot, self.read = snapshot, read
        ends = [EPOCH + timedelta(microseconds=int(t)) + VALID for t in at if t != NEVER]
        self.until = min((end for end in ends if end > snapshot.now), default=FAR)

    def fan(self, concept: str) -> Fan | Unavailable:
        if concept not in HELD:
            return Unavailable(reason="not a concept of this model")
        origin, about = newest(self.snapshot.readings.get(concept, ()), self.snapshot.now), CONCEPTS[concept]
        if origin is None or self.snapshot.now - origin.observed_at >= VALID:
            return Unavailable(reason="nothing recent", settles=(concept,))
        moved = (origin.value or 0.0) * (1 + 0.2 * np.sort(self.read[HELD.index(concept)], axis=1).astype(float))
        rows = np.clip(moved, about.hard_low, about.hard_high)
        return Fan(
            concept=concept,
            horizons_h=HORIZONS_H,
            quantiles=tuple(tuple(sorted(row)) for row in rows.tolist()),
            origin=identity(origin),
            origin_at=origin.observed_at,
        )

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        return Unavailable(reason=f"gives no chance of a {type(condition).__name__} within {within}")
