"""Ends of waiting: the watermark, the life of an alert, how long a situation, a note and a late result reach."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from forecasting.contract import ModelState, Seen
from guidelines.notes.reading import read
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.events import Event, Note, Tick
from schemas.events.quarantine import Fault, Rejected
from streams.core.bed import Bed, snapshot
from streams.core.judge import Mind
from streams.core.ordering import Late
from streams.core.policy import Policy
from streams.core.step import Output, step
from tests.knowledge.asking import BOOK, asked
from tests.knowledge.charts import HOUR, MINUTE, TICK, Told
from tests.knowledge.oracle import UNKNOWN, YES
from tests.streams.bedside import admitted, at, note, reading, treatment, vitals

LATENESS = timedelta(seconds=0.5)
US = 1 / 60e6  # minutes


class Mute:
    """A forecaster that never says anything: what is tried here rests on no model."""

    name = version = digest = "mute"
    horizons_h: tuple[float, ...] = ()
    concepts: frozenset[str] = frozenset()
    batch = 1

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:  # noqa: ARG002
        return [state or ModelState(digest=self.digest, body=b"") for state in states]

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:  # noqa: ARG002
        return [Told() for _ in snapshots]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:  # noqa: ARG002
        return ModelState(digest=self.digest, body=b"", from_chart=True)


MIND = Mind(BOOK, Mute(), Policy(allowed_lateness=LATENESS))


def heard(records: Iterable[tuple[datetime, Event | Tick]]) -> tuple[Bed, list[Output]]:
    """Each record when the clock says its first part."""
    bed, said = Bed("e1"), list[Output]()
    for now, record in records:
        events = [] if isinstance(record, Tick) else [record]
        bed, new = step(bed, events, now, MIND)
        said.extend(new)
    return bed, said


def play(events: Iterable[Event], until: datetime) -> tuple[Bed, list[Output]]:
    """Every event at its own time, then the clock at `until`."""
    return heard([*((event.available_at, event) for event in events), tick(until)])


def tick(when: datetime) -> tuple[datetime, Tick]:
    return when, Tick(available_at=when)


# -- ordering


@pytest.mark.parametrize(("after", "is_late"), [(LATENESS, False), (LATENESS + TICK, True)])
def test_an_instant_exactly_at_the_watermark_is_still_open(after: timedelta, is_late: bool) -> None:
    """Half a second later, the allowed lateness, an instant takes one more event in; 1 µs on, the event is late."""
    first, second = reading("hr", 80, 0), reading("map", 61, 0)
    bed, said = heard([(at(0), first), (at(0) + after, second), tick(at(1))])
    assert [type(o) for o in said if isinstance(o, Late)] == [Late] * is_late
    assert bed.chart.readings["map"][0].available_at == (at(0) + after if is_late else at(0))


@pytest.mark.parametrize(("after", "spoken"), [(LATENESS, False), (LATENESS + TICK, True)])
def test_an_instant_is_judged_once_the_clock_is_past_it_by_more_than_the_lateness(
    after: timedelta, spoken: bool
) -> None:
    """Exactly at the allowed lateness nothing is said yet; 1 µs later the warning of that instant is."""
    bad = vitals(0, hr=140, rr=30, spo2=85, bp="80/40", temp=39.5)
    _, said = heard([*((at(0), event) for event in bad), tick(at(0) + after)])
    assert any(isinstance(o, AlertEvent) for o in said) is spoken


@pytest.mark.parametrize(("ahead", "refused"), [(5 * MINUTE, False), (5 * MINUTE + TICK, True)])
def test_q14_an_event_known_more_than_five_minutes_from_now_is_refused(ahead: timedelta, refused: bool) -> None:
    """Q14: exactly 5 min ahead of the clock waits for its time, 1 µs more is a broken clock."""
    odd = reading("map", 61, ahead / MINUTE)
    bed, said = heard([tick(at(0)), (at(0), odd)])
    assert [o.fault for o in said if isinstance(o, Rejected)] == [Fault.FUTURE_TIME] * refused
    assert len(bed.line.waiting) == (not refused)


RANKED = ("preliminary", "final", "corrected")


@pytest.mark.parametrize("order", [*permutations(RANKED)])
def test_of_versions_that_come_at_once_the_most_final_counts(order: tuple[str, ...]) -> None:
    """Preliminary 1.0, final 2.0 and corrected 3.0 of one result in one instant, in any order: 3.0."""
    versions = [reading("lactate", 1.0 + RANKED.index(s), "08:00", "08:30", source="lab", status=s) for s in order]
    bed, _ = play(versions, at("08:31"))
    assert [r.value for r in bed.chart.readings["lactate"]] == [3.0]
    gone = [*versions, reading("lactate", 3.0, "08:00", "08:30", source="lab", status="entered-in-error")]
    for events in (gone, gone[::-1]):
        bed, _ = play(events, at("08:31"))
        assert bed.chart.readings.get("lactate", ()) == ()


# -- alerting


def sick(minute: float, rr: float = 30) -> list[Event]:
    return vitals(minute, hr=140, rr=rr, spo2=85, bp="95/60", temp=39.5)


def well(minute: float) -> list[Event]:
    return vitals(minute, hr=80, rr=16, spo2=98, bp="120/80", temp=37.0)


def told(*events: Event) -> list[str]:
    """What is said of NEWS2 on a ward, in order."""
    end = events[-1].available_at + timedelta(seconds=2)
    _, said = play([replace(admitted(), setting="ward"), *events], end)
    return [o.change.value for o in said if isinstance(o, AlertEvent) and o.alert.key == "NEWS2"]


def test_an_alert_is_left_in_two_steps_exactly_a_quarter_of_an_hour_apart() -> None:
    """Told in the past at once, eased 15 min later, resolved 15 min after that; 1 µs less: only the newer values."""
    past = [*sick(0), *well(10)]
    assert told(*past) == ["raised", "updated"]
    assert told(*past, *well(25 - US)) == ["raised", "updated", "updated"]
    assert told(*past, *well(25)) == ["raised", "updated", "eased"]
    assert told(*past, *well(25), *well(40 - US)) == ["raised", "updated", "eased", "updated"]
    assert told(*past, *well(25), *well(40)) == ["raised", "updated", "eased", "resolved"]


def test_new_evidence_is_told_exactly_five_minutes_after_the_last_word() -> None:
    """Another count after 5 min is an update; 1 µs sooner it is not."""
    assert told(*sick(0), *sick(5, rr=34)) == ["raised", "updated"]
    assert told(*sick(0), *sick(5 - US, rr=34)) == ["raised"]


# -- what reaches how far


def known(events: list[Event], question: str, minute: float) -> Truth:
    """The answer to a question of so many minutes after eight, all of it known by then."""
    bed, _ = play([admitted("06:00"), *events], max(at(minute), at(0)) + timedelta(seconds=2))
    return asked(question, snapshot(bed, at(minute)))


BLEEDS = "Large melena x2."


@pytest.mark.parametrize(
    ("during", "question", "value", "hours"),
    [
        pytest.param(note(BLEEDS, 0), "hb above 0", reading("hb", 9, 0), 2, id="bleeding: haemoglobin"),
        pytest.param(
            note(BLEEDS, 0), "fibrinogen above 0", reading("fibrinogen", 150, 0), 2, id="bleeding: fibrinogen"
        ),
        pytest.param(note(BLEEDS, 0), "inr above 0", reading("inr", 2, -60), 5, id="bleeding: INR"),
        pytest.param(
            treatment("insulin_regular", "start", 0, rate=2),
            "glucose above 0",
            reading("glucose", 150, 0),
            1,
            id="insulin",
        ),
        pytest.param(
            treatment("insulin_regular", "start", 0, rate=2), "k above 0", reading("k", 4, 0), 2, id="insulin: K"
        ),
        pytest.param(
            treatment("potassium_chloride", "start", 0, rate=10), "k above 0", reading("k", 4, 0), 2, id="potassium"
        ),
        pytest.param(
            treatment("heparin", "start", 0, rate=1000), "aptt above 0", reading("aptt", 60, 0), 6, id="heparin"
        ),
    ],
)
def test_a_situation_that_lasts_makes_a_value_age_faster(
    during: Event, question: str, value: Event, hours: int
) -> None:
    """A bleeding that somebody noted, and an infusion that runs, shorten how long a result is valid (reference §2)."""
    end = 60.0 * hours
    assert known([during, value], question, end) is YES
    assert known([during, value], question, end + US) is UNKNOWN
    assert known([value], question, end + US) is YES


def test_a_bleeding_makes_values_age_for_six_hours() -> None:
    """Bleeding noted within 6 h (reference §3.0): after it a haemoglobin is valid for 12 h again."""
    events: list[Event] = [reading("hb", 9, 180), note(BLEEDS, 0)]
    assert known(events, "hb above 0", 360 - US) is UNKNOWN
    assert known(events, "hb above 0", 360 + US) is YES


def test_an_infusion_of_which_nothing_was_heard_for_a_day_makes_nothing_age() -> None:
    """An insulin infusion last heard of 24 h ago is not known to run; up to then a glucose lasts an hour only."""
    events: list[Event] = [treatment("insulin_regular", "start", 0, rate=2), reading("glucose", 150, 23 * 60 - 60)]
    assert known(events, "glucose above 0", 24 * 60) is UNKNOWN
    assert known(events, "glucose above 0", 24 * 60 + US) is YES


AFTERNOON = at(0).replace(hour=15)


def time_of(text: str, observed: datetime) -> datetime:
    (fact,) = (f for f in read(Note(encounter="e1", text=text, observed_at=observed, available_at=observed)))
    return fact.effective_at


@pytest.mark.parametrize(
    ("said", "back"),
    [
        pytest.param("0300", 12 * HOUR, id="exactly 12 h before"),
        pytest.param("0259", timedelta(0), id="a minute more: the note's own time"),
        pytest.param("0301", 12 * HOUR - MINUTE, id="a minute less"),
        pytest.param("1515", -15 * MINUTE, id="exactly 15 min ahead"),
        pytest.param("1516", timedelta(0), id="a minute more is yesterday's, which is too far"),
    ],
)
def test_a_clock_time_in_a_note_reaches_twelve_hours_back(said: str, back: timedelta) -> None:
    """A note of 15:00 may speak of 03:00 to 15:15; beyond, its own time is used."""
    assert time_of(f"{said}: mottled", AFTERNOON) == AFTERNOON - back


def test_a_clock_time_is_out_of_reach_a_microsecond_later() -> None:
    """03:00 is exactly in reach of a note of 15:00, and not of one 1 µs later; 15:15 is not of one 1 µs earlier."""
    assert time_of("0300: mottled", AFTERNOON + TICK) == AFTERNOON + TICK
    assert time_of("1515: mottled", AFTERNOON - TICK) == AFTERNOON - TICK


@pytest.mark.parametrize(("known_at", "alarms"), [(120, True), (120 + US, False)])
def test_q15_a_result_that_comes_too_late_to_be_valid_alarms_nobody(known_at: float, alarms: bool) -> None:
    """Q15: a lactate of 5.0 is valid for 2 h; known then it is critical, 1 µs later it is kept and says nothing."""
    events: list[Event] = [
        admitted(),
        note("Septic, pneumonia.", 0),
        reading("lactate", 5.0, 0, known_at, source="lab"),
    ]
    bed, said = play(events, at(known_at) + timedelta(minutes=1))
    levels = [o.alert.level.value for o in said if isinstance(o, AlertEvent) and o.alert.key == "SEP"]
    assert ("critical" in levels) is alarms
    assert len(bed.chart.readings["lactate"]) == 1
