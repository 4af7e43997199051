"""One bed of which our own rules or reading fail: it says so, what stands stands, the others go on, and it recovers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from guidelines.rules.case import Case
from schemas.boards.views import Unjudged
from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Level
from schemas.events import Event, Treatment
from schemas.events.quarantine import Fault, Rejected
from streams.adapters.decode import decode
from streams.core import absorb
from streams.core import step as core
from streams.core.bed import Bed, Chart, Failure
from streams.core.step import TRIED_AGAIN_AFTER, Output, Turn, run, step
from streams.core.view import view
from streams.stores.codec import bed_of, whole
from tests.streams.bedside import SHOCK, admitted, as_bytes, at, mind, play, reading, treatment

EARLY = [admitted("07:55", "ward"), *(event for event in SHOCK[1:] if event.available_at <= at("08:05"))]
LATE = [reading("hr", 104, "08:06:10"), reading("lactate", 6.0, "08:06:20", source="lab")]
"""The second makes it critical, and asks what the fault concerns."""


@dataclass
class Broken:
    """A fault of ours that concerns one bed, while it is `on`."""

    on: bool = False


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Broken:
    """The infection of e1 cannot be worked out."""
    node, told = mind().book.rules.graph.named["infection"], Broken()
    works: Callable[[Case], Any] = node.work

    def work(case: Case) -> Any:
        if told.on and case.snapshot.encounter == "e1":
            raise ZeroDivisionError("of a patient's value: never to be shown")
        return works(case)

    monkeypatch.setattr(node, "work", work)
    return told


def of(encounter: str, events: Sequence[Event]) -> list[Event]:
    return [replace(event, encounter=encounter) for event in events]


def both(beds: dict[str, Bed], events: Sequence[Event], until: str) -> tuple[dict[str, Bed], dict[str, list[Output]]]:
    """Two beds, to which the same happens at the same time, in one wave; with what each says."""
    said: dict[str, list[Output]] = {name: [] for name in beds}
    turns = {
        name: [
            *(Turn(event.available_at, [event], said=said[name].extend) for event in of(name, events)),
            Turn(at(until), said=said[name].extend),
        ]
        for name in beds
    }
    return run(beds, turns, mind()), said


def loud(said: list[Output]) -> list[tuple[str, Change, Level]]:
    alerts = [o for o in said if isinstance(o, AlertEvent) and o.change is not Change.UPDATED]
    return [(f"{o.at:%H:%M}", o.change, o.alert.level) for o in alerts if o.alert.key == "SEP"]


def test_a_bed_that_cannot_be_judged_says_so_and_harms_no_other(fault: Broken) -> None:
    """From 08:06 its rules raise: it is named, with the time and the kind of error; its alerts stand; e2 worsens."""
    beds, _ = both({"e1": Bed("e1"), "e2": Bed("e2")}, EARLY, "08:06")
    fault.on = True
    beds, said = both(beds, LATE, "08:06:30")
    assert loud(said["e1"]) == []
    assert loud(said["e2"]) == [("08:06", Change.WORSENED, Level.CRITICAL)]
    failed, well = beds["e1"], beds["e2"]
    assert failed.failure == Failure(at("08:06:20"), "ZeroDivisionError")
    assert (well.failure, well.counts.get("internal")) == (None, None)
    assert failed.counts["internal"] > 0
    assert {alert.key: alert.state for alert in view(failed, mind()).alerts} == {"SEP": "raised", "NEWS2": "raised"}
    assert view(failed, mind()).unjudged == Unjudged(since=at("08:06:20"), what="ZeroDivisionError")
    assert view(well, mind()).unjudged is None
    assert failed.chart.readings == {
        concept: tuple(replace(r, encounter="e1") for r in row) for concept, row in well.chart.readings.items()
    }


@pytest.mark.parametrize("loaded", [False, True], ids=["in memory", "saved and loaded"])
def test_it_recovers_by_itself_and_says_what_came_meanwhile(fault: Broken, loaded: bool) -> None:
    """The fault is mended and nothing more is heard: within a minute of log time it warns of what was missed."""
    beds, _ = both({"e1": Bed("e1")}, EARLY, "08:06")
    fault.on = True
    beds, said = both(beds, LATE, "08:06:30")
    assert loud(said["e1"]) == []
    if loaded:
        beds = {"e1": bed_of([whole(beds["e1"])])}
    fault.on = False
    tried = at("08:06:20") + TRIED_AGAIN_AFTER
    beds, said = both(beds, [], f"{tried + timedelta(seconds=1):%H:%M:%S}")
    assert [(change, level) for _, change, level in loud(said["e1"])] == [(Change.WORSENED, Level.CRITICAL)]
    assert beds["e1"].failure is None
    assert view(beds["e1"], mind()).unjudged is None
    whole_life, _ = both({"e1": Bed("e1")}, [*EARLY, *LATE], "08:08")
    assert beds["e1"].episodes["SEP"].levels == whole_life["e1"].episodes["SEP"].levels


def test_a_bed_that_never_could_be_judged_begins_when_it_can(fault: Broken) -> None:
    """Broken from its first reading on: named since then; once mended it warns of all that it holds."""
    fault.on = True
    beds, said = both({"e1": Bed("e1")}, [*EARLY, *LATE], "08:06:30")
    assert (said["e1"], beds["e1"].failure) == ([], Failure(at("07:55"), "ZeroDivisionError"))
    fault.on = False
    beds, said = both(beds, [], "08:08")
    assert [(change, level) for _, change, level in loud(said["e1"])] == [(Change.RAISED, Level.CRITICAL)]


def test_an_event_that_cannot_be_written_down_is_refused_and_can_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Our code fails on one treatment: it is in the quarantine as an internal fault, whole; all else is taken.

    After a mend the very bytes of the refusal can be sent again, and it is in the chart.
    """
    works = absorb.with_treatment  # type: ignore[attr-defined]

    def fails(chart: Chart, one: Treatment) -> tuple[Chart, str]:
        if one.item == "meropenem":
            raise ZeroDivisionError("of a patient's value: never to be shown")
        return works(chart, one)

    monkeypatch.setattr(absorb, "with_treatment", fails)
    bad = treatment("meropenem", "given", "09:00")
    bed, said = play([*EARLY, bad, treatment("norepinephrine", "start", "09:01", rate=0.1)], at("09:03"))
    (refused,) = [o for o in said if isinstance(o, Rejected)]
    assert (refused.fault, refused.encounter) == (Fault.INTERNAL, "e1")
    assert refused.why == "an internal error (ZeroDivisionError) kept it out of the chart"
    assert [t.item for t in bed.chart.treatments] == ["norepinephrine"]
    assert "SEP" in bed.episodes
    monkeypatch.setattr(absorb, "with_treatment", works)
    again = decode(refused.raw, at("10:00"))
    assert again == (bad,)
    bed, _ = step(bed, again, at("10:00"), mind())
    bed, said = play([], at("10:01"), bed=bed)
    assert [t.item for t in bed.chart.treatments] == ["meropenem", "norepinephrine"]
    assert bed.failure is None


def test_a_bed_that_cannot_be_opened_when_its_alarm_rings_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing came, only time: nothing can be refused, and the bed says since when it cannot be judged."""
    bed, _ = play(EARLY, at("08:06"))
    assert bed.due is not None
    due = bed.due
    rung, works = due + timedelta(seconds=1), absorb.opened

    def fails(bed: Bed, *more: Any) -> object:
        if bed.failure is None:
            raise ZeroDivisionError
        return works(bed, *more)

    monkeypatch.setattr(core, "opened", fails)
    bed, said = step(bed, [], rung, mind())
    assert said == ()
    assert bed.failure == Failure(due, "ZeroDivisionError")
    assert bed.due == due + TRIED_AGAIN_AFTER
    monkeypatch.setattr(core, "opened", works)
    bed, _ = step(bed, [], rung + TRIED_AGAIN_AFTER, mind())
    assert bed.failure is None


def test_a_bed_in_the_same_wave_is_judged_as_if_it_were_alone(fault: Broken) -> None:
    """What the other bed says beside one that fails is, byte for byte, what it says alone."""
    fault.on = True
    _, beside = both({"e1": Bed("e1"), "e2": Bed("e2")}, list(SHOCK), "12:00")
    _, alone = both({"e2": Bed("e2")}, list(SHOCK), "12:00")
    assert as_bytes(beside["e2"]) == as_bytes(alone["e2"]) != b""
