"""What makes some readings age faster: when each sign begins to tell and when it has told, to the second."""

from datetime import datetime, timedelta

import pytest

from guidelines.notes import reading as notes
from guidelines.rules.case import FAR
from schemas.codes.concepts import CONCEPTS, Situation
from schemas.codes.drugs import DRUGS
from schemas.codes.situations import AFTER, NOTED, WHILE_RUNNING
from schemas.events import Treatment
from streams.core.bed import Chart, situations
from tests.streams.bedside import at, note, treatment

DAY = timedelta(hours=24)
TICK = timedelta(microseconds=1)


def known(chart: Chart, now: datetime) -> set[Situation]:
    return set(situations(chart, now)[0])


def given(*events: Treatment) -> Chart:
    return Chart(treatments=events)


@pytest.mark.parametrize("item", sorted(WHILE_RUNNING))
def test_an_infusion_tells_while_it_runs(item: str) -> None:
    """From its start, for a day without a word of it (both ends in), until it is stopped or set to nothing."""
    dose = {s for s, _ in AFTER.get(item, ())}
    running = set(WHILE_RUNNING[item])
    start = treatment(item, "start", "08:00", rate=2.0)
    chart = given(start)
    assert known(chart, at("08:00") - TICK) == set()
    assert situations(chart, at("08:00") - TICK)[1] == at("08:00")
    assert known(chart, at("08:00")) == running
    assert known(chart, at("08:00") + DAY) == running
    assert known(chart, at("08:00") + DAY + TICK) == set()
    assert situations(chart, at("09:00"))[1] == at("08:00") + DAY + TICK
    for end in (treatment(item, "stop", "10:00"), treatment(item, "change", "10:00", rate=0.0)):
        assert known(given(start, end), at("10:00")) == dose


@pytest.mark.parametrize("item", sorted(AFTER))
def test_a_dose_tells_for_its_time(item: str) -> None:
    """Given, it tells to the end of its time; ordered only, never."""
    (situation, span), *_ = AFTER[item]
    chart = given(treatment(item, "given", "08:00"))
    assert known(chart, at("08:00") - TICK) == set()
    assert known(chart, at("08:00")) == {situation}
    assert known(chart, at("08:00") + span) == {situation}
    assert known(chart, at("08:00") + span + TICK) == set()
    assert situations(chart, at("08:00") + span) == (frozenset({situation}), at("08:00") + span + TICK)
    assert known(given(treatment(item, "ordered", "08:00")), at("08:01")) == set()


@pytest.mark.parametrize(
    ("text", "told"), [("Melena since this morning.", True), ("No melena.", False), ("History of melena.", False)]
)
def test_a_bleeding_is_noted_for_six_hours(text: str, told: bool) -> None:
    """What a note affirms of now; not what it denies or remembers."""
    facts = notes.read(note(text, "08:00"), ())
    chart = Chart(facts=tuple(facts))
    expected = {"bleeding"} if told else set()
    assert known(chart, at("08:00")) == known(chart, at("14:00")) == expected
    assert known(chart, at("14:00") + TICK) == set()
    assert situations(chart, at("08:00"))[1] == (at("14:00") + TICK if told else FAR)


def test_nothing_known_tells_nothing() -> None:
    """An empty chart has no situation, and none will come by itself."""
    assert situations(Chart(), at("08:00")) == (frozenset(), FAR)


def test_every_situation_that_shortens_a_validity_has_a_sign_but_one() -> None:
    """A shorter validity that nothing can bring about is a promise not kept: massive transfusion is the known gap."""
    wanted = {rule.during for c in CONCEPTS.values() for rule in c.valid_when if rule.during is not None}
    signs = {s for told in WHILE_RUNNING.values() for s in told}
    signs |= {s for told in AFTER.values() for s, _ in told} | {s for _, s, _ in NOTED}
    assert wanted - signs == {"massive_transfusion"}
    assert signs <= wanted
    assert (WHILE_RUNNING.keys() | AFTER.keys()) <= DRUGS.keys()
