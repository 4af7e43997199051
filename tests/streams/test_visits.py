"""What was said of past stays knows nothing of what came, and what came is what their charts hold."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.local.moments import Visited
from forecasting.network import forecaster
from forecasting.network.crossing import Question, Reliability
from forecasting.network.forecaster import Said
from schemas.conditions import Compare, Op
from streams.adapters import READERS, WrongFormat
from streams.adapters.challenge2019 import BASE
from streams.cohorts import visits
from streams.cohorts.visits import Cohort, Heard, visited
from streams.core.policy import Policy
from tests.forecasting.network.test_forecaster import made_up
from tests.forecasting.protocols.collections import write_2019

HOURS = (1.0, 2.0, 4.0, 6.0, 12.0, 24.0)


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network with drawn weights, for speed."""
    monkeypatch.setattr(forecaster, "load", made_up)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Eight drawn stays of 8 to 40 hours."""
    write_2019(tmp_path, 8)
    return Cohort(tmp_path / "challenge2019" / "setA.parquet", "challenge2019", Policy())


def same(one: Visited, other: Visited) -> bool:
    """Patient, questions and every moment."""
    return one.patient == other.patient and all(
        (mine == theirs).all()
        for name in one.rows.keys() | other.rows.keys()
        for mine, theirs in zip(one.rows[name], other.rows[name], strict=True)
    )


def test_every_stay_is_visited_in_order_with_what_is_known_of_the_patient(cohort: Cohort) -> None:
    """Age, sex and unit as the cohort has them."""
    found = list(visited(cohort, 1))
    assert [stay.patient.name for stay in found] == [f"A{number:04}" for number in range(8)]
    assert {(p.age_years, p.sex, p.unit) for p, _ in found} == {(60.0, "male", "SICU")}
    assert {name for stay in found for name in stay.rows} >= {"map below", "hr above", "spo2 below"}


class Everything:
    """An outlook that has a chance of every line."""

    def said(self, _: Compare, hours: float) -> Said:
        return Said(Question("map", "below", (65.0,), TRUST), hours / 100)


TRUST = Reliability((0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
values = st.lists(st.tuples(st.integers(0, 40).map(lambda n: n / 2), st.integers(50, 80)), max_size=12)


@given(told=values, now=st.integers(0, 20), hours=st.sampled_from(HOURS), above=st.booleans())
def test_what_came_is_what_was_charted(told: list[tuple[float, int]], now: int, hours: float, above: bool) -> None:
    """Beyond the line after now and within the time; lasting if the very next value, whenever it was, is beyond too."""
    chart = sorted(dict(told).items())
    lines = (75.0, 65.0, 55.0) if above else (55.0, 65.0, 75.0)
    heard = Heard(np.array([at for at, _ in chart], float), np.array([value for _, value in chart], float))
    question = Question("map", "above" if above else "below", lines, TRUST)
    found = list(visits._moments(Everything(), float(now), question, hours, heard))  # type: ignore[arg-type]
    within = [place for place, (at, _) in enumerate(chart) if now < at <= now + hours]
    assert len(found) == (len(lines) if within else 0)
    for moment in found:
        beyond = [value > moment.line if above else value < moment.line for _, value in chart] + [False]
        assert moment.came == any(beyond[place] for place in within)
        assert moment.lasted == any(beyond[place] and beyond[place + 1] for place in within)
        assert (moment.said, moment.hours) == (hours / 100, hours)


def test_a_rise_came_where_a_value_reached_that_multiple_of_the_lowest_before() -> None:
    """0.8 is the lowest before 1.2: half as much again is reached, twice is not; of a first value there is no rise."""
    question = Question("creatinine", "rise", (2.0, 1.5, 1.25), TRUST)
    heard = Heard(np.array([1.0, 2.0, 5.0]), np.array([1.0, 0.8, 1.2]))

    def came(now_h: float, hours: float) -> dict[float, bool]:
        found = visits._moments(Everything(), now_h, question, hours, heard)  # type: ignore[arg-type]
        return {moment.line: moment.came for moment in found}

    assert came(2.0, 6.0) == {2.0: False, 1.5: True, 1.25: True}
    assert came(0.0, 2.0) == {2.0: False, 1.5: False, 1.25: False}
    assert came(0.0, 1.0) == {}


def test_what_is_said_is_what_a_bed_says(cohort: Cohort) -> None:
    """Of one moment the chance is that of the outlook at the bedside, asked of the network itself."""
    stay = next(iter(READERS["challenge2019"](cohort.path)))
    looks, looked_at = visits._looked_at(stay)
    visit = visits._Visit(stay, looks, looked_at, ("map",))
    visits._play([visit], cohort.mind())
    outlook = visits._outlooks(visit.looks)[0]
    question = next(q for q in made_up().ahead.questions if q.name == "map below")  # type: ignore[union-attr]
    far = Heard(np.array([visit.looks[0].hour + 1]), np.array([40.0]))
    moments = list(visits._moments(outlook, visit.looks[0].hour, question, 6.0, far))
    assert [moment.said for moment in moments] == [
        outlook.said(Compare("map", Op.BELOW, line), 6.0).p  # type: ignore[union-attr]
        for line in (moment.line for moment in moments)
    ]
    assert all(moment.came and not moment.lasted for moment in moments)


@pytest.mark.parametrize(("hour", "came"), [(0.0, None), (0.5, True), (6.0, True), (6.01, None)])
def test_a_value_counts_from_just_after_now_to_the_end_of_the_time(
    cohort: Cohort, hour: float, came: bool | None
) -> None:
    """At this very moment it is known and not to come; at the end it still counts; beyond nothing was measured."""
    stay = next(iter(READERS["challenge2019"](cohort.path)))
    visit = visits._Visit(stay, *visits._looked_at(stay), ("map",))
    visits._play([visit], cohort.mind())
    look, outlook = visit.looks[0], visits._outlooks(visit.looks)[0]
    question = next(q for q in made_up().ahead.questions if q.name == "map below")  # type: ignore[union-attr]
    heard = Heard(np.array([look.hour + hour]), np.array([40.0]))
    moments = list(visits._moments(outlook, look.hour, question, 6.0, heard))
    assert {moment.came for moment in moments} == (set() if came is None else {came})


def test_nothing_said_knows_what_came(cohort: Cohort) -> None:
    """With every later row gone, what was said before the cut is the same to the bit."""
    whole = list(visited(cohort, 1))
    table = pl.read_parquet(cohort.path)
    cut = cohort.path.with_name("cut.parquet")
    table.filter(pl.int_range(pl.len()).over("patient_id") < 12).write_parquet(cut)
    for before, after in zip(whole, visited(Cohort(cut, cohort.source, cohort.policy), 1), strict=True):
        for name, row in after.rows.items():
            said = set(before.rows[name].said.tolist())
            assert set(row.said.tolist()) <= said


def test_whoever_shares_the_work_finds_the_same(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process or two, in the same order; the processes load the served network, so this one does too."""
    monkeypatch.undo()
    alone, shared = list(visited(cohort, 1)), list(visited(cohort, 2))
    assert len(alone) == len(shared) == 8
    assert all(same(one, other) for one, other in zip(alone, shared, strict=True))


@pytest.mark.parametrize("hours", [1, 2, 3, 47, 48, 49, 400])
def test_a_stay_is_looked_at_no_more_than_so_often(hours: int) -> None:
    """Every third hour, a long one at most sixteen times, and always within it."""
    from streams.adapters.stay import Stay

    for name in ("a", "b", "c", "d"):
        moments, looked_at = visits._looked_at(Stay(name, (), BASE, hours))
        assert len(looked_at) <= visits.LOOKS_MAX
        assert len(looked_at) >= min(hours // visits.EVERY_H, visits.LOOKS_MAX // 2)
        assert all(0 <= place < hours for place in looked_at)
        assert moments == [BASE + timedelta(hours=hour) for hour in range(hours)]


def test_another_format_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is played."""
    with pytest.raises(WrongFormat):
        visited(Cohort(tmp_path, "challenge2019", Policy()), 1)
