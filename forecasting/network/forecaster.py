"""The served forecaster: fans of the damped trend, chances of the network.

A state is that of the trend and the hourly chart beside it. The network itself is asked when a chance is: for all beds
of the batch at once, and then once. Weights that cannot be read leave the fans, and the reason in place of chances.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from forecasting.baselines import trend
from forecasting.baselines.outlook import outside
from forecasting.baselines.parameters import NAME as TREND
from forecasting.chances import HOLD_MAX, Chance, chance
from forecasting.contract import ModelState, Seen
from forecasting.exact import Array
from forecasting.forest import Forest
from forecasting.moments import microseconds
from forecasting.network import inputs, memory
from forecasting.network.crossing import chance_of, crossed, odds_ratio, tilted
from forecasting.network.fitted import Fitted, Unreadable, fitted
from forecasting.network.inputs import Person
from forecasting.readings import newest, usable
from schemas.clinical.forecasts import HORIZONS_H, Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Change, Compare, Condition, Named, Op
from schemas.frozen import EARLIEST

NAME, VERSION = "crossing-network", "1"
MODEL = f"{NAME}@{VERSION}"
WITHIN_MIN_H = 1.0  # hourly data cannot say what happens sooner
RISE_WITHIN = timedelta(days=7)  # KDIGO's window; the fitted stays were no longer, but for a few
_MALE = {"male": 1.0, "female": 0.0, None: np.nan}


@lru_cache(maxsize=1)
def load() -> "CrossingNetwork":
    """The committed forecaster."""
    try:
        return CrossingNetwork(trend.load(), fitted())
    except Unreadable as problem:
        return CrossingNetwork(trend.load(), str(problem))


class CrossingNetwork:
    """The forecaster; it holds nothing but fitted numbers and may be shared. See the contract.

    `ahead`: what was fitted, or why it cannot be read.
    """

    name = f"{NAME} with {TREND}"
    version = VERSION
    horizons_h = HORIZONS_H
    batch = trend.BATCH

    def __init__(self, fans: trend.Trend, ahead: Fitted | str) -> None:
        self._fans, self._ahead = fans, ahead
        self.concepts = fans.concepts
        own = ahead if isinstance(ahead, str) else ahead.digest
        self.digest = blake2b(f"{fans.digest} {own}".encode(), digest_size=16).hexdigest()
        self._trend_size = len(fans.encode([None], [Seen(EARLIEST)])[0].body)

    @property
    def problem(self) -> str | None:
        """Why there are no chances, or None."""
        return self._ahead if isinstance(self._ahead, str) else None

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:
        parts = [self._parts(state) for state in states]
        trends = self._fans.encode([own for own, _ in parts], seen)
        charts = memory.encoded([chart for _, chart in parts], seen)
        return [
            state
            if state is not None and own is before and chart is chart_before
            else ModelState(
                digest=self.digest, body=own.body + chart, from_chart=state is not None and state.from_chart
            )
            for state, own, chart, (before, chart_before) in zip(states, trends, charts, parts, strict=True)
        ]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:
        state = self.encode([None], [Seen(snapshot.now, rows=snapshot.readings)])[0]
        return ModelState(digest=state.digest, body=state.body, from_chart=True)

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        made: list[Outlook] = []
        for start in range(0, len(states), self.batch):
            parts = [self._parts(state) for state in states[start : start + self.batch]]
            some = snapshots[start : start + self.batch]
            fans = self._fans.outlooks([own for own, _ in parts if own is not None], some)
            charts, ahead = [chart for _, chart in parts], self._ahead
            wave = ahead if isinstance(ahead, str) else Wave(ahead, charts, some)
            made += [NetworkOutlook(own, some[place], wave, place) for place, own in enumerate(fans)]
        return made

    def _parts(self, state: ModelState | None) -> tuple[ModelState | None, bytes]:
        """The state of the trend, and the chart."""
        if state is None:
            return None, memory.NOTHING
        if state.digest != self.digest or len(state.body) != self._trend_size + len(memory.NOTHING):
            raise ValueError("expected a state of this forecaster, found another's")
        own = ModelState(digest=self._fans.digest, body=state.body[: self._trend_size])
        return own, state.body[self._trend_size :]


class Wave:
    """The beds of one batch as the network sees them: read and computed when the first of them is asked about."""

    def __init__(self, ahead: Fitted, charts: Sequence[bytes], snapshots: Sequence[Snapshot]) -> None:
        self.ahead = ahead
        self._charts, self._people = charts, [known_of(snapshot) for snapshot in snapshots]
        self._inputs: Array | None = None
        self._hidden: Array | None = None
        self._said: dict[str, Sequence[float]] = {}

    def event(self, bed: int, name: str) -> float:
        """The chance of a named event for one bed."""
        return chance_of(self._of_trees(name, self.ahead.events[name].forest)[bed])

    def _of_trees(self, name: str, forest: Forest) -> Sequence[float]:
        """What trees say of each bed: a logit. Asked once for all beds of the batch."""
        if name not in self._said:
            self._said[name] = forest.of(self.inputs).tolist()
        return self._said[name]

    @property
    def inputs(self) -> Array:
        """(B, F)"""
        if self._inputs is None:
            self._inputs = read(self._charts, self._people)
            self._charts, self._people = (), []
        return self._inputs

    def chance(self, bed: int, question: int, line: float, hours: float) -> float:
        """Of one bed and question."""
        if self._hidden is None:
            self._hidden = self.ahead.network.hidden(self.inputs)
        of_bed, seen = self.ahead.network.raw(self._hidden[bed : bed + 1], question)
        hazards, measured = of_bed[0].tolist(), seen[0].tolist()
        asked, edges_h = self.ahead.questions[question], self.ahead.edges_h
        p, beside = crossed(hazards, measured, asked.place(line), edges_h, hours), asked.partner
        if beside is None:
            return p
        alone = crossed(hazards, measured, asked.place(beside.line), edges_h, beside.within_h)
        return tilted(p, odds_ratio(self._of_trees(asked.name, beside.forest)[bed], alone))


class Known(NamedTuple):
    """Of one patient: when it is asked, and what is known besides readings (NaN: nothing)."""

    now: int  # microseconds since EPOCH
    age_years: float
    male: float
    admitted_h: float


def known_of(snapshot: Snapshot) -> Known:
    patient, admitted_at = snapshot.patient, snapshot.admitted_at
    return Known(
        microseconds(snapshot.now),
        np.nan if patient.age_years is None else patient.age_years,
        _MALE[patient.sex],
        np.nan if admitted_at is None else (snapshot.now - admitted_at) / timedelta(hours=1),
    )


def read(charts: Sequence[bytes], people: Sequence[Known]) -> Array:
    """What the network reads of these beds: (B, F)."""
    now = np.array([known.now for known in people])
    person = Person(*np.array([known[1:] for known in people], np.float64).T)
    found = inputs.table(np.ascontiguousarray(memory.lanes_of(charts).T), now, person)
    return found.astype(np.float32).astype(np.float64)  # as it was when the network was fitted


class NetworkOutlook:
    """One patient's future as of its snapshot's `now`: fans of the trend, chances of the network."""

    __slots__ = ("_fans", "_place", "_snapshot", "_wave", "until")

    def __init__(self, fans: Outlook, snapshot: Snapshot, wave: Wave | str, place: int) -> None:
        self.until = fans.until
        self._fans, self._snapshot, self._wave, self._place = fans, snapshot, wave, place

    def fan(self, concept: str) -> Fan | Unavailable:
        """Quantiles of `concept`, its horizons counted from the snapshot's `now`."""
        return self._fans.fan(concept)

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        """The chance that `condition` comes true within `within`; see `forecasting.chances`."""
        if isinstance(condition, Named):
            return self._happens(condition.name, within)
        return chance(condition, within, self._crosses, MODEL)

    def _happens(self, name: str, within: timedelta) -> Odds | Unavailable:
        """The chance of a named event, of a patient of whom something usable is known."""
        if isinstance(self._wave, str):
            return Unavailable(reason=f"the network cannot be used: {self._wave}")
        event, hours = self._wave.ahead.events.get(name), within / timedelta(hours=1)
        if event is None:
            return Unavailable(reason=f"no chance of {name[:64]} was fitted")
        if hours != event.within_h:
            return Unavailable(reason=f"the chance of {name} is told within {event.within_h:g} h only")
        if not any(isinstance(self._fans.fan(concept), Fan) for concept in inputs.VITALS):
            why = outside(self._snapshot)
            return Unavailable(reason=why or "no vital sign is known that is not too old", settles=inputs.VITALS)
        found = event.reliability.of(self._wave.event(self._place, name), lasting=False)
        p, low, high = (round(x, 4) for x in found)
        bounds = {"low": min(low, p), "high": max(high, p)}
        return Odds(probability=p, **bounds, within_h=hours, model=MODEL, alarm_at=event.alarm_at)

    def _crosses(self, asked: Compare | Change, hours: float) -> Chance | Unavailable:
        if isinstance(self._wave, str):
            return Unavailable(reason=f"the network cannot be used: {self._wave}")
        ahead = self._wave.ahead
        line = _line(asked)
        if isinstance(line, Unavailable):
            return line
        number = _number(line, hours, ahead)
        if isinstance(number, Unavailable):
            return number
        fan = self._fans.fan(line.concept)
        if isinstance(fan, Unavailable):
            return fan
        if self._true_already(asked):
            return Unavailable(reason="it is true already: a chance is given only of what is still to come")
        p = self._wave.chance(self._place, number, line.at, hours)
        return ahead.questions[number].reliability.of(p, lasting=line.lasting)

    def _true_already(self, asked: Compare | Change) -> bool:
        """Whether it holds of the newest reading."""
        row, now = self._snapshot.readings[asked.quantity], self._snapshot.now
        origin = newest(row, now)
        if origin is None or origin.value is None:
            return False  # without a usable value there is no fan, and so no chance
        if isinstance(asked, Compare):
            return asked.op.holds(origin.value, asked.value)
        since = now - asked.within
        lately = (r.value for r in row if usable(r, now) and r.observed_at >= since and r.value is not None)
        return origin.value >= min(lately, default=origin.value) * (1 + asked.by / 100)


class Line(NamedTuple):
    """What is asked, as it was fitted: beyond a line, not on it."""

    concept: str
    direction: str
    at: float
    lasting: bool

    @property
    def question(self) -> str:
        return f"{self.concept} {self.direction}"


def _line(asked: Compare | Change) -> Line | Unavailable:
    """`at_most 65` is below 65.5; a rise by 50 % is to one and a half times the lowest value."""
    if isinstance(asked, Change):
        if not (asked.rises and asked.percent and asked.within >= RISE_WITHIN):
            return Unavailable(reason="a change is forecast only as a rise in percent over the lowest of 7 days")
        return Line(asked.quantity, "rise", 1 + asked.by / 100, lasting=False)
    if asked.op is Op.EQUALS:
        return Unavailable(reason=f"the chance of {asked.quantity[:64]} {asked.op} a value was not validated")
    if asked.hold is not None and asked.hold > HOLD_MAX:
        return Unavailable(reason="how long a crossing lasts was validated up to 30 min only")
    direction = "below" if asked.op in (Op.BELOW, Op.AT_MOST) else "above"
    half: float = 0.5 * 10.0 ** -CONCEPTS[asked.quantity].decimals if asked.quantity in CONCEPTS else 0.0
    at = asked.value + {Op.AT_MOST: half, Op.AT_LEAST: -half}.get(asked.op, 0.0)
    return Line(asked.quantity, direction, at, lasting=asked.hold is not None)


def _number(line: Line, hours: float, ahead: Fitted) -> int | Unavailable:
    """The number of the question, or why it was not validated."""
    number = ahead.numbers.get(line.question)
    if number is None:
        return Unavailable(reason=f"the chance of {line.question[:64]} a value was not validated")
    if not WITHIN_MIN_H <= hours <= ahead.edges_h[-1]:
        return Unavailable(
            reason=f"chances were validated from {WITHIN_MIN_H:g} h to {ahead.edges_h[-1]:g} h ahead only"
        )
    question = ahead.questions[number]
    if not question.reaches(line.at):
        low, high = min(question.lines), max(question.lines)
        return Unavailable(reason=f"its chance was validated for values from {low:g} to {high:g} only")
    return number
