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
from msgspec.structs import replace

from forecasting.baselines import trend
from forecasting.baselines.outlook import outside
from forecasting.baselines.parameters import NAME as TREND
from forecasting.chances import HOLD_MAX, Chance, chance
from forecasting.contract import ModelState, Seen
from forecasting.exact import Array
from forecasting.forest import Forest
from forecasting.moments import microseconds
from forecasting.network import inputs, memory
from forecasting.network.crossing import Question, Rows, chance_of, crossed, odds_ratio, tilted
from forecasting.network.fitted import Fitted, Unreadable, fitted
from forecasting.network.inputs import Person
from forecasting.network.taught import Taught
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
    def ahead(self) -> Fitted | str:
        """What was fitted, or why it cannot be read."""
        return self._ahead

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

    def chart_of(self, state: ModelState) -> bytes:
        """What the network looks at of a state; see `forecasting.network.memory`."""
        return self._parts(state)[1]

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
        self._trees: dict[str, Sequence[float]] = {}
        self._last: Asked | None = None

    @classmethod
    def of_rows(cls, ahead: Fitted, rows: Array) -> "Wave":
        """Of patients as they would be read: rows (B, F), as `read` makes them."""
        wave = cls(ahead, (), ())
        wave._inputs = rows
        return wave

    def event(self, bed: int, name: str) -> float:
        """The chance of a named event for one bed."""
        return chance_of(self._of_trees(name, self.ahead.events[name].forest)[bed])

    def _of_trees(self, name: str, forest: Forest) -> Sequence[float]:
        """What trees say of each bed: a logit. Asked once for all beds of the batch."""
        if name not in self._trees:
            self._trees[name] = forest.of(self.inputs).tolist()
        return self._trees[name]

    @property
    def inputs(self) -> Array:
        """(B, F)"""
        if self._inputs is None:
            self._inputs = read(self._charts, self._people)
            self._charts, self._people = (), []
        return self._inputs

    @property
    def hidden(self) -> Array:
        """(B, D)"""
        if self._hidden is None:
            self._hidden = self.ahead.network.hidden(self.inputs)
        return self._hidden

    def chance(self, bed: int, question: int, line: float, hours: float) -> float:
        """Of one bed and question."""
        if self._last is None or (self._last.bed, self._last.number) != (bed, question):
            self._last = self._asked(bed, question)  # of one question many lines may be asked
        return self._last.chance(line, hours)

    def _asked(self, bed: int, number: int) -> "Asked":
        question = self.ahead.questions[number]
        hazards, measured = self.ahead.network.raw(self.hidden[bed : bed + 1], number)
        found = Asked(bed, number, question, hazards[0].tolist(), measured[0].tolist(), self.ahead.edges_h)
        beside = question.partner
        if beside is None:
            return found
        of_trees = self._of_trees(question.name, beside.forest)[bed]
        return found._replace(ratio=odds_ratio(of_trees, found.chance(beside.line, beside.within_h)))


class Asked(NamedTuple):
    """One question of one bed: what the network says of each interval and line, and what a partner multiplies the odds
    by."""

    bed: int
    number: int
    question: Question
    hazards: Rows  # (J, T)
    measured: Sequence[float]  # (J,)
    edges_h: Sequence[float]  # (J,)
    ratio: float = 1.0

    def chance(self, line: float, hours: float) -> float:
        """Of crossing this line within the time."""
        alone = crossed(self.hazards, self.measured, self.question.place(line), self.edges_h, hours)
        return tilted(alone, self.ratio)


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


class Said(NamedTuple):
    """The chance that the network says, and of which question."""

    question: Question
    p: float


class NetworkOutlook:
    """One patient's future as of its snapshot's `now`: fans of the trend, chances of the network."""

    __slots__ = ("_fans", "_place", "_snapshot", "_wave", "until")

    def __init__(self, fans: Outlook, snapshot: Snapshot, wave: Wave | str, place: int) -> None:
        self.until = fans.until
        self._fans, self._snapshot, self._wave, self._place = fans, snapshot, wave, place

    def fan(self, concept: str) -> Fan | Unavailable:
        """Quantiles of `concept`, its horizons counted from the snapshot's `now`."""
        return self._fans.fan(concept)

    @property
    def hidden(self) -> Array | None:
        """(D,) what the network makes of the patient; None where it cannot be used."""
        return None if isinstance(self._wave, str) else self._wave.hidden[self._place]

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:
        """The chance that `condition` comes true within `within`; see `forecasting.chances`."""
        if isinstance(condition, Named):
            return self._happens(condition.name, within)
        own = None if isinstance(self._wave, str) else self._wave.ahead.recalibrated
        model = MODEL if own is None else f"{MODEL}, recalibrated {own}"
        return chance(condition, within, self._crosses, model)

    def _happens(self, name: str, within: timedelta) -> Odds | Unavailable:
        """The chance of a named event, of a patient of whom something usable is known."""
        if isinstance(self._wave, str):
            return Unavailable(reason=f"the network cannot be used: {self._wave}")
        ahead, hours = self._wave.ahead, within / timedelta(hours=1)
        event = ahead.events.get(name) or ahead.taught.get(name)
        if event is None:
            return Unavailable(reason=ahead.untaught.get(name) or f"no chance of {name[:64]} was fitted")
        if hours != event.within_h:
            return Unavailable(reason=f"the chance of {name} is told within {event.within_h:g} h only")
        if not any(isinstance(self._fans.fan(concept), Fan) for concept in inputs.VITALS):
            why = outside(self._snapshot)
            return Unavailable(reason=why or "no vital sign is known that is not too old", settles=inputs.VITALS)
        if isinstance(event, Taught):
            return _odds(event.of(self._wave.hidden[self._place]), hours, f"{MODEL}, taught {event.version}")
        found = event.reliability.of(self._wave.event(self._place, name), lasting=False)
        return replace(_odds(found, hours, MODEL), alarm_at=event.alarm_at)

    def _crosses(self, asked: Compare | Change, hours: float) -> Chance | Unavailable:
        said, lasting = self.said(asked, hours), isinstance(asked, Compare) and asked.hold is not None
        return said if isinstance(said, Unavailable) else said.question.told(said.p, lasting=lasting)

    def said(self, asked: Compare | Change, hours: float) -> Said | Unavailable:
        """What the network says of one comparison, before a hospital's own scale: what that is fitted on."""
        if isinstance(self._wave, str):
            return Unavailable(reason=f"the network cannot be used: {self._wave}")
        ahead = self._wave.ahead
        number = question_of(asked, hours, ahead)
        if isinstance(number, Unavailable):
            return number
        fan = self._fans.fan(asked.quantity)
        if isinstance(fan, Unavailable):
            return fan
        if self._true_already(asked):
            return Unavailable(reason="it is true already: a chance is given only of what is still to come")
        return Said(ahead.questions[number], self._wave.chance(self._place, number, line_of(asked), hours))

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
        return origin.value >= min(lately, default=origin.value) * line_of(asked)


def _odds(found: Chance, hours: float, model: str) -> Odds:
    p, low, high = (round(x, 4) for x in found)
    return Odds(probability=p, low=min(low, p), high=max(high, p), within_h=hours, model=model)


def question_of(asked: Compare | Change, hours: float, ahead: Fitted) -> int | Unavailable:
    """The number of the question, or why it was not validated."""
    number = _number(asked, ahead)
    if isinstance(number, Unavailable):
        return number
    if not WITHIN_MIN_H <= hours <= ahead.edges_h[-1]:
        return Unavailable(
            reason=f"chances were validated from {WITHIN_MIN_H:g} h to {ahead.edges_h[-1]:g} h ahead only"
        )
    if isinstance(asked, Compare) and asked.hold is not None and asked.hold > HOLD_MAX:
        return Unavailable(reason="how long a crossing lasts was validated up to 30 min only")
    question = ahead.questions[number]
    if not question.reaches(line_of(asked)):
        low, high = min(question.lines), max(question.lines)
        what = "values" if isinstance(asked, Compare) else "multiples"
        return Unavailable(reason=f"its chance was validated for {what} from {low:g} to {high:g} only")
    return number


def _number(asked: Compare | Change, ahead: Fitted) -> int | Unavailable:
    """Of the question with this concept and direction."""
    if isinstance(asked, Change):
        if not (asked.rises and asked.percent and asked.within >= RISE_WITHIN):
            return Unavailable(reason="a change is forecast only as a rise in percent over the lowest of 7 days")
        number, what = ahead.numbers.get(f"{asked.quantity} rise"), f"a rise of {asked.quantity[:64]}"
    else:
        direction = "below" if asked.op in (Op.BELOW, Op.AT_MOST) else "above"
        number = None if asked.op is Op.EQUALS else ahead.numbers.get(f"{asked.quantity} {direction}")
        what = f"{asked.quantity[:64]} {asked.op} a value"
    return Unavailable(reason=f"the chance of {what} was not validated") if number is None else number


def line_of(asked: Compare | Change) -> float:
    """The line as the fitted ones are meant: beyond it, not on it. `at_most 65` is below 65.5; of a rise by 50 % it is
    1.5 times the lowest value."""
    if isinstance(asked, Change):
        return 1 + asked.by / 100
    half: float = 0.5 * 10.0 ** -CONCEPTS[asked.quantity].decimals
    return asked.value + {Op.AT_MOST: half, Op.AT_LEAST: -half}.get(asked.op, 0.0)
