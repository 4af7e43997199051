"""Charting that goes on unchanged: as long as nothing changes, no step of a checklist changes its state."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Literal

import pytest
from msgspec.structs import replace

from schemas.clinical.findings import StepState
from schemas.events import Event
from streams.core.bed import Bed
from streams.core.step import step
from tests.streams.bedside import admitted, at, mind, note, play, reading, treatment, vitals

Setting = Literal["icu", "ward"]
Rounds = Callable[[int], list[Event]]

HOURS = 5
CAME = -400  # minutes: long enough ago that no clock of the list runs out in between
SEPTIC = note("Urosepsis.", -10)
WEIGHED = reading("weight", 80, -30)
PACES = (30, 60)  # minutes between two rounds by hand: reference, section 2


def low(minute: int) -> list[Event]:
    return vitals(minute, hr=118, rr=24, spo2=93, bp="84/44", temp=38.9)


def labs(minute: int) -> list[Event]:
    """As often as a shock is watched: before the last ones are too old."""
    return [reading("lactate", 3.4, minute, source="lab"), reading("crt", 4, minute)] if minute % 60 == 0 else []


def weak(minute: int) -> list[Event]:
    return [*low(minute), *labs(minute), *([reading("urine", 20, minute)] if minute % 60 == 0 else [])]


def sweet(minute: int) -> list[Event]:
    """A pressure that holds, a high glucose and little haemoglobin."""
    held = vitals(minute, hr=118, rr=24, spo2=93, bp="112/64", temp=38.9)
    return [*held, reading("glucose", 220, minute), reading("hb", 6.4, minute, source="lab")]


def extreme(minute: int) -> list[Event]:
    potassium = [reading("k", 7.2, minute, source="lab")] if minute % 60 == 0 else []
    return [*vitals(minute, hr=32, rr=4, spo2=80, bp="66/30", temp=31.0), *potassium]


PRESSORS = [
    treatment("lactated_ringer", "given", -20, amount=2500, amount_unit="mL"),
    treatment("norepinephrine", "start", -360, rate=0.3),
    treatment("meropenem", "given", -12),
]
ORDERS = [
    treatment(item, "ordered", 5)
    for item in ("dopamine", "metoprolol", "sodium_bicarbonate", "lactated_ringer", "gentamicin", "gelatin")
]
WET = [note("Flash pulmonary oedema.", 1), note("Known heart failure. Crackles both lungs.", 2)]

COURSES: dict[str, tuple[str, Sequence[Event], Rounds]] = {
    "SEP: low pressure by cuff": ("SEP", [SEPTIC, WEIGHED], low),
    "SEP: shock with poor perfusion": ("SEP", [SEPTIC, WEIGHED], weak),
    "SEP: shock on vasopressors": ("SEP", [SEPTIC, WEIGHED, *PRESSORS], weak),
    "SEP: shock with wet lungs": ("SEP", [SEPTIC, WEIGHED, *WET], weak),
    "SEP: shock with orders that wait": ("SEP", [SEPTIC, WEIGHED, *ORDERS], weak),
    "SEP: glucose and haemoglobin": ("SEP", [SEPTIC, WEIGHED], sweet),
    "SEP: shock without an infection": ("SEP", [WEIGHED], weak),
    "NEWS2: a high score": ("NEWS2", [], low),
    "LIM: everything beyond its limit": ("LIM", [], extreme),
}


def states(bed: Bed, guideline: str) -> dict[str, StepState]:
    episode = bed.episodes.get(guideline)
    found = () if episode is None else (episode.finding, *episode.others)
    return {one.id: one.state for finding in found for one in finding.steps}


def state_after(last: Sequence[Event], setting: Setting, past: timedelta) -> StepState:
    """The state of the vasopressor's step so long after the last round at ten."""
    fluid = treatment("lactated_ringer", "given", 100, amount=500, amount_unit="mL")
    events = [admitted(CAME, setting=setting), SEPTIC, WEIGHED, *low(90), *labs(60), fluid, *last]
    events.append(reading("lactate", 4.4, 120, source="lab"))  # the shock stands, whatever the pressure
    bed, _ = play(sorted(events, key=lambda event: event.available_at), at(120) + past)
    return states(bed, "SEP")["SEP.S5"]


def turned(events: Sequence[Event], guideline: str, minutes: range) -> Iterator[str]:
    """Each step that is in another state than a minute before."""
    told, bed, before = sorted(events, key=lambda event: event.available_at), Bed("e1"), dict[str, StepState]()
    for minute in range(CAME, minutes.stop):
        now = at(minute) + timedelta(seconds=1)
        while told and told[0].available_at <= now:
            bed, _ = step(bed, (told[0],), told.pop(0).available_at, mind())
        bed, _ = step(bed, (), now, mind())
        shown = states(bed, guideline)
        if minute in minutes:
            for name in sorted(shown.keys() | before.keys()):
                if shown.get(name) is not before.get(name):
                    yield f"{now:%H:%M} {name}: {before.get(name)} → {shown.get(name)}"
        before = shown


@pytest.mark.parametrize("setting", ["icu", "ward"])
@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("name", COURSES)
def test_no_step_changes_while_nothing_changes(name: str, pace: int, setting: Setting) -> None:
    """Rounds by the half hour or the hour, the same each time: from the second round on each step stays as it is."""
    guideline, besides, rounds = COURSES[name]
    told = [event for minute in range(0, HOURS * 60 + 1, pace) for event in rounds(minute)]
    events = [admitted(CAME, setting=setting), *besides, *told]
    assert list(turned(events, guideline, range(pace + 10, HOURS * 60))) == []


LATE = (0, 7, 2, 14, 5, 11)  # minutes after the hour at which the rounds are entered


def entered(minute: int, rounds: Rounds) -> list[Event]:
    """A round that somebody writes down some minutes later, as it comes."""
    known = at(minute + LATE[minute // 60 % len(LATE)])
    return [replace(event, available_at=known) for event in rounds(minute)]


@pytest.mark.parametrize("setting", ["icu", "ward"])
@pytest.mark.parametrize("name", COURSES)
def test_no_step_changes_while_rounds_of_the_hour_are_entered_late(name: str, setting: Setting) -> None:
    """The same round each hour, entered up to a quarter of an hour later: between hour and entry no step turns."""
    guideline, besides, rounds = COURSES[name]
    told = [event for minute in range(0, HOURS * 60 + 1, 60) for event in entered(minute, rounds)]
    events = [admitted(CAME, setting=setting), *besides, *told]
    assert list(turned(events, guideline, range(60 + LATE[1] + 1, HOURS * 60))) == []


SECOND = timedelta(seconds=1)
ARTERIAL = [reading(c, v, 120, method="invasive", source="monitor") for c, v in (("map", 57), ("sbp", 84), ("dbp", 44))]


@pytest.mark.parametrize("setting", ["icu", "ward"])
@pytest.mark.parametrize(
    ("past", "is_open"),
    [(timedelta(minutes=59), True), (timedelta(minutes=60), True), (timedelta(minutes=61), False)],
)
def test_a_step_needs_a_check_when_a_round_by_cuff_is_missed(setting: Setting, past: timedelta, is_open: bool) -> None:
    """A pressure by cuff serves for an hour, and no longer."""
    assert state_after(low(120), setting, past) is (StepState.OFFERED if is_open else StepState.NEEDS_CHECK)


@pytest.mark.parametrize(("past", "is_open"), [(timedelta(minutes=15), True), (timedelta(minutes=16), False)])
def test_a_pressure_by_arterial_line_serves_for_a_quarter_of_an_hour(past: timedelta, is_open: bool) -> None:
    """A line that shows nothing any more is looked at."""
    assert state_after(ARTERIAL, "icu", past) is (StepState.OFFERED if is_open else StepState.NEEDS_CHECK)


def test_a_slow_heart_of_the_last_round_excuses_dopamine() -> None:
    """HR 52 half an hour ago: the order is not withheld; 118: it is."""

    def line(hr: float) -> StepState | None:
        order = treatment("dopamine", "ordered", 125)
        slow = [reading("hr", hr, minute) for minute in (91, 121)]
        rounds = [event for m in (90, 120) for event in low(m) if getattr(event, "concept", "") != "hr"]
        events = [admitted(CAME), SEPTIC, WEIGHED, *rounds, *slow, order]
        bed, _ = play(sorted(events, key=lambda event: event.available_at), at(150))
        return next((s for name, s in states(bed, "SEP").items() if name.startswith("order:")), None)

    assert line(52) is None
    assert line(118) is StepState.WITHHELD
