"""Past stays through the same door and the same `step` as the live service, without rules: what the model makes of a
patient at chosen moments, and what came afterwards.

    visited(cohort, processes)     at some hours of every stay, all questions of the network, and what came
    states_at(cohort, moments)     at the moments of some encounters, what the network makes of them

Of a stay every third hour is looked at, of a long one fewer, never more than sixteen, from an hour on that its name
decides. At each, each line is asked within six hours and within one other time in turn.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from forecasting.contract import ModelState
from forecasting.evaluation.stays import Floats
from forecasting.exact import Array
from forecasting.local.moments import Patient, Row, Visited
from forecasting.network import forecaster
from forecasting.network.crossing import Question
from forecasting.network.fitted import Fitted
from forecasting.network.forecaster import RISE_WITHIN, NetworkOutlook, Said
from forecasting.network.inputs import VITALS
from guidelines.book import load as books
from guidelines.book.load import Book
from schemas.clinical.forecasts import Fan
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Change, Compare, Op
from schemas.events import Movement, Quality
from schemas.frozen import EARLIEST
from streams.adapters import READERS, Stay
from streams.cohorts.shares import in_order
from streams.cohorts.turns import HOUR, hourly, last_of, turns
from streams.core.bed import Bed, snapshot
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.core.questions import WITHIN
from streams.core.step import Turn, run

LOOKS_MAX = 16
EVERY_H = 3
HORIZON_H = WITHIN / HOUR  # that of the board
HORIZONS_H = (1.0, 2.0, 4.0, 12.0, 24.0)  # one of them in turn
SIDE_BY_SIDE = 32  # stays that go through the model together
STAYS_MAX = 20_000
REACHED = 1 + 1e-9  # a rise is at least so large; what is reached counts as beyond


@dataclass(frozen=True)
class Cohort:
    """A hospital's own past stays: `source` is a name of READERS."""

    path: Path
    source: str
    policy: Policy

    def stays(self) -> Iterator[Stay]:
        """One after another, and no more than are looked at. Raises WrongFormat."""
        return islice(READERS[self.source](self.path), STAYS_MAX)

    def mind(self) -> Mind:
        """The fitted model, without rules."""
        return Mind(no_rules(), forecaster.load(), self.policy)


class Look(NamedTuple):
    """One moment of one stay, as the model has it."""

    hour: float  # since the stay's start
    state: ModelState
    seen: Snapshot


class Heard(NamedTuple):
    """The usable values of one concept: (K,) by time, in hours since the stay's start."""

    at: Array
    value: Array


def no_rules() -> Book:
    """A book without a guideline: nothing is judged."""
    return books.read({"definitions.toml": "", "wording.toml": ""})


# --- all questions, and what came -----------------------------------------------------------------------------------


def visited(cohort: Cohort, processes: int) -> Iterator[Visited]:
    """Each stay in the order of the data, as the fitted model sees it without anything of a hospital's own.

    Raises WrongFormat at once; ValueError where the network cannot be used.
    """
    cohort.stays()
    fitted_or_why()
    return in_order(partial(_visited, cohort), processes)


def fitted_or_why() -> Fitted:
    """The fitted network. Raises ValueError where it cannot be used."""
    ahead = forecaster.load().ahead
    if isinstance(ahead, str):
        raise ValueError(f"the network cannot be used: {ahead}")
    return ahead


def _visited(cohort: Cohort, share: int, shares: int) -> Iterator[Visited]:
    mind, questions = cohort.mind(), fitted_or_why().questions
    concepts = {question.concept for question in questions}
    own = islice(cohort.stays(), share, None, shares)
    while some := list(islice(own, SIDE_BY_SIDE)):
        visits = [_Visit(stay, *_looked_at(stay), concepts) for stay in some]
        _play(visits, mind)
        yield from (Visited(_patient(visit), _rows(visit, questions)) for visit in visits)


def _play(visits: Sequence["_Visit"], mind: Mind) -> None:
    """Side by side; two stays of a set may bear one name."""
    beds = {str(number): Bed(visit.stay.encounter) for number, visit in enumerate(visits)}
    run(beds, {str(number): visit.turns(mind.policy) for number, visit in enumerate(visits)}, mind)


def _looked_at(stay: Stay) -> tuple[list[datetime], frozenset[int]]:
    """Each hour of a stay and its end, and the numbers of those hours at which it is looked at."""
    hours = hourly(stay)
    step = max(EVERY_H, -(-len(hours) // LOOKS_MAX))
    first = int.from_bytes(blake2b(stay.encounter.encode(), digest_size=4).digest(), "big") % step
    end = last_of(stay)
    return [*hours, end] if hours and end > hours[-1] else hours, frozenset(range(first, len(hours), step))


class _Visit:
    """One stay on its way: asked at rising moments, looked at at some of them."""

    def __init__(
        self, stay: Stay, moments: Sequence[datetime], looked_at: Container[int], heard: Iterable[str]
    ) -> None:
        self.stay, self.looks = stay, list[Look]()
        self._moments, self._looked_at = moments, looked_at
        self._values: dict[str, dict[datetime, float]] = {concept: {} for concept in heard}
        self._until = EARLIEST

    def turns(self, policy: Policy) -> Iterator[Turn]:
        return turns(self.stay, self._moments, policy, said=lambda _: None, asked=self._asked)

    def _asked(self, number: int, bed: Bed) -> None:
        at = self._moments[number]
        for concept, values in self._values.items():
            values.update(
                (reading.observed_at, reading.value)
                for reading in bed.chart.readings.get(concept, ())
                if self._until < reading.available_at <= at
                and reading.quality is Quality.OK
                and reading.value is not None
            )
        self._until = at
        if number in self._looked_at and bed.model is not None:
            self.looks.append(Look((at - self.stay.start) / HOUR, bed.model, snapshot(bed, at)))

    def heard(self) -> dict[str, Heard]:
        """Of one moment the value that became known last."""
        found = {}
        for concept, values in self._values.items():
            times = sorted(values)
            hours = [(time - self.stay.start) / HOUR for time in times]
            found[concept] = Heard(np.array(hours), np.array([values[time] for time in times]))
        return found


# --- at given moments ------------------------------------------------------------------------------------------------


Moment = float | datetime
"""Hours since the stay's start, or a time."""


class Found(NamedTuple):
    """What the network makes of one patient at one moment (D,), or why it makes nothing of him."""

    hidden: Array | None
    why: str | None = None


def states_at(cohort: Cohort, wanted: Mapping[str, Sequence[Moment]]) -> dict[tuple[str, Moment], Found]:
    """By encounter and moment; what is not in the answer is not in the cohort. Of two stays of one name the first
    counts. Raises WrongFormat; ValueError where the network cannot be used."""
    fitted_or_why()
    mind, missing = cohort.mind(), set(wanted)
    found: dict[tuple[str, Moment], Found] = {}
    for stay in cohort.stays():
        if stay.encounter in missing:
            missing.remove(stay.encounter)
            found |= {(stay.encounter, at): own for at, own in _at(stay, wanted[stay.encounter], mind).items()}
        if not missing:
            break
    return found


def _at(stay: Stay, moments: Sequence[Moment], mind: Mind) -> dict[Moment, Found]:
    times = {at: at if isinstance(at, datetime) else stay.start + at * HOUR for at in moments}
    rising = sorted({at for at in times.values() if stay.start <= at <= last_of(stay)})
    visit = _Visit(stay, rising, range(len(rising)), ())
    _play([visit], mind)
    made = dict(zip((look.seen.now for look in visit.looks), _outlooks(visit.looks), strict=True))
    return {moment: _made_of(made.get(at), at in rising) for moment, at in times.items()}


def _made_of(outlook: NetworkOutlook | None, within: bool) -> Found:
    if not within:
        return Found(None, "the time is not in the stay")
    if outlook is None or not any(isinstance(outlook.fan(concept), Fan) for concept in VITALS):
        return Found(None, "no vital sign is known that is not too old, or it is no adult in intensive care")
    return Found(outlook.hidden)


# --- what came -------------------------------------------------------------------------------------------------------


def _patient(visit: _Visit) -> Patient:
    """As of the last look, and where he lay first."""
    units = (event.unit for event in visit.stay.events if isinstance(event, Movement) and event.unit is not None)
    known = visit.looks[-1].seen.patient if visit.looks else None
    return Patient(
        visit.stay.encounter,
        None if known is None else known.age_years,
        None if known is None else known.sex,
        next(units, None),
    )


def _rows(visit: _Visit, questions: Sequence[Question]) -> dict[str, Row]:
    found: dict[str, list[_Moment]] = {question.name: [] for question in questions}
    heard = visit.heard()
    for number, (look, outlook) in enumerate(zip(visit.looks, _outlooks(visit.looks), strict=True)):
        for question in questions:
            own = heard[question.concept]
            if isinstance(outlook.fan(question.concept), Fan):
                for hours in (HORIZON_H, HORIZONS_H[number % len(HORIZONS_H)]):
                    found[question.name] += _moments(outlook, look.hour, question, hours, own)
    return {name: _row(rows) for name, rows in found.items() if rows}


def _outlooks(looks: Sequence[Look]) -> list[NetworkOutlook]:
    made = forecaster.load().outlooks([look.state for look in looks], [look.seen for look in looks])
    return [outlook for outlook in made if isinstance(outlook, NetworkOutlook)]


class _Moment(NamedTuple):
    said: float
    came: bool
    lasted: bool
    line: float
    hours: float


def _row(rows: Sequence[_Moment]) -> Row:
    said, came, lasted, line, hours = zip(*rows, strict=True)
    return Row(np.array(said), np.array(came), np.array(lasted), np.array(line), np.array(hours))


def _moments(outlook: NetworkOutlook, now_h: float, question: Question, hours: float, own: Heard) -> Iterator[_Moment]:
    """One of each line for which there is a chance, if anything is measured within the time."""
    first, end = np.searchsorted(own.at, (now_h, now_h + hours), side="right")
    values = own.value
    if question.direction == "rise":
        values, first = _over_lowest(values), max(first, 1)
    if first >= end:
        return
    signed = (-1.0 if question.above else 1.0) * values[first : end + 1]  # and the value after the last
    furthest = signed[: end - first].min()
    kept = np.maximum(signed[:-1], signed[1:])[: end - first]
    lasting = kept.min() if len(kept) else np.inf
    for line in question.lines:
        said = outlook.said(_asked(question, line), hours)
        if isinstance(said, Said):
            beyond = -line if question.above else line
            yield _Moment(said.p, bool(furthest < beyond), bool(lasting < beyond), line, hours)


def _over_lowest(values: Floats) -> Floats:
    """(N,) each value as a multiple of the lowest before it, of which the first has none."""
    before = np.concatenate([[np.nan], np.minimum.accumulate(values)[:-1]])
    return np.asarray(REACHED * values / before)


def _asked(question: Question, line: float) -> Compare | Change:
    if question.direction == "rise":
        return Change(question.concept, True, 100 * (line - 1), RISE_WITHIN, percent=True)
    return Compare(question.concept, Op.ABOVE if question.above else Op.BELOW, line)
