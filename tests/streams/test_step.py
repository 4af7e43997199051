"""The step: a story first, then what must hold of every stream of events."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import convert, structs

from forecasting.contract import ModelState, Seen
from guidelines.rules.case import FAR
from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Level, StepState
from schemas.clinical.forecasts import Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.events import Event, Movement, Quality, Reading, Response, Status, Tick
from streams.core.absorb import arrived, opened, passed
from streams.core.bed import Bed, snapshot
from streams.core.ordering import Late
from streams.core.step import Turn, run, step, wakes_at
from streams.core.view import view
from streams.stores.codec import bed_of, whole
from tests.guidelines.test_checklist import book
from tests.streams.bedside import (
    EIGHT,
    PNEUMONIA,
    SHOCK,
    admitted,
    as_bytes,
    at,
    fed,
    mind,
    note,
    play,
    reading,
    spoken_at,
    treatment,
    vitals,
)

T = TypeVar("T")


def of_sepsis(outputs: Sequence[object]) -> list[AlertEvent]:
    return [o for o in outputs if isinstance(o, AlertEvent) and o.alert.key == "SEP"]


def test_septic_shock_is_told_once_and_louder_as_it_worsens() -> None:
    """The first vignette: a question, a warning once a note names an infection, critical at the second low pressure."""
    _, said = play(SHOCK, at("09:30"))
    loud = [(f"{o.at:%H:%M}", o.change, o.alert.level) for o in of_sepsis(said) if o.change is not Change.UPDATED]
    assert loud == [
        ("08:00", Change.RAISED, Level.ASK),
        ("08:05", Change.WORSENED, Level.WARNING),
        ("09:05", Change.WORSENED, Level.CRITICAL),
    ]
    assert len({o.alert.id for o in of_sepsis(said)}) == 1


def test_a_forbidden_order_is_withheld_with_its_reason() -> None:
    """Piperacillin ordered for a patient with penicillin anaphylaxis stands withheld on the card at once."""
    _, said = play([event for event in SHOCK if event.available_at <= at("09:06")], at("09:07"))
    last = of_sepsis(said)[-1]
    ordered = [step for step in last.alert.finding.steps if step.id.startswith("order:piperacillin")]
    assert [step.state for step in ordered] == [StepState.WITHHELD]
    assert "llerg" in ordered[0].reasons[0].text
    assert f"{last.at:%H:%M}" == "09:06"


def test_silence_is_said() -> None:
    """When nothing more is heard, the alert says since when it cannot be seen, and then asks: no longer critical."""
    bed, said = play(SHOCK, at("23:00"))
    told = of_sepsis(said)
    place = max(number for number, one in enumerate(told) if one.change is not Change.UPDATED)
    last, before = told[place], told[place - 1]
    assert last.change is Change.EASED
    assert "I cannot tell whether this patient is going into septic shock: measure" in last.alert.card.detail
    assert "Cannot be seen since" in before.alert.card.detail
    assert last.at - before.at <= mind().policy.unseen_max
    assert bed.episodes["SEP"].level is Level.WARNING  # organs failed within the day


def test_a_late_result_is_applied_now_marked_and_alarms_no_more() -> None:
    """A lactate of nine hours ago that comes late is stored in its own past, noticed, and raises nothing (Q15)."""
    calm = vitals("17:00", hr=80, rr=16, spo2=97, bp="120/70", temp=37)
    late = reading("lactate", 6, "08:10", "08:20", source="lab")
    bed, _ = play([admitted(), *calm], at("17:05"))
    bed, new = step(bed, [late], at("17:10"), mind())
    bed, more = play([], at("17:20"), bed=bed)
    assert new == (Late(event=late, applied_at=at("17:10")),)
    assert more == []
    kept = bed.chart.readings["lactate"][0]
    assert (kept.observed_at, kept.available_at) == (at("08:10"), at("17:10"))
    assert bed.counts["late"] == 1


# --- people ----------------------------------------------------------------------------------------------------------


def answer(verb: str, alert: str, clock: str, step_id: str | None = None) -> Response:
    times = {"encounter": "e1", "observed_at": at(clock), "available_at": at(clock)}
    return convert({**times, "alert": alert, "verb": verb, "step": step_id, "by": "nurse"}, Response)


def test_an_acknowledged_alert_speaks_up_again_when_it_worsens() -> None:
    """Acknowledging is spoken once; worsening takes it back."""
    early = [event for event in SHOCK if event.available_at <= at("08:30")]
    bed, _ = play(early, at("08:31"))
    alert = bed.episodes["SEP"].id
    events = [answer("acknowledge", alert, "08:40"), answer("acknowledge", alert, "08:41")]
    bed, said = play(events, at("08:45"), bed=bed)
    assert [(o.change, o.alert.state, o.alert.acknowledged_by) for o in of_sepsis(said)] == [
        (Change.ACKNOWLEDGED, "acknowledged", "nurse")
    ]
    bed, said = play([event for event in SHOCK if event.available_at > at("08:45")], at("09:30"), bed=bed)
    assert bed.episodes["SEP"].state == "raised"


def test_a_ticked_step_is_done_and_can_be_taken_back() -> None:
    """A step ticked on the board is DONE in the next look, and offered again when it is unticked."""
    early = [event for event in SHOCK if event.available_at <= at("08:05")]
    bed, _ = play(early, at("08:06"))
    alert = bed.episodes["SEP"]
    bed, said = play([answer("step_done", alert.id, "08:07", "SEP.S2")], at("08:08"), bed=bed)
    states = {s.id: s.state for s in of_sepsis(said)[-1].alert.finding.steps}
    assert states["SEP.S2"] is StepState.DONE
    bed, said = play([answer("step_undone", alert.id, "08:09", "SEP.S2")], at("08:10"), bed=bed)
    assert {s.id: s.state for s in of_sepsis(said)[-1].alert.finding.steps}["SEP.S2"] is StepState.OFFERED


def test_a_response_to_no_standing_alert_changes_nothing() -> None:
    """An answer to an alert that is not there is counted, and says nothing."""
    bed, said = play([admitted(), answer("acknowledge", "0" * 32, "08:00")], at("08:05"))
    assert said == []
    assert bed.counts["response_to_nothing"] == 1


def test_discharge_ends_everything() -> None:
    """When the patient leaves, every standing alert is resolved and nothing more is judged."""
    gone = Movement(encounter="e1", action="discharge", observed_at=at("09:30"), available_at=at("09:30"))
    bed, said = play([*SHOCK, gone], at("20:00"))
    resolved = [o for o in said if isinstance(o, AlertEvent) and o.change is Change.RESOLVED]
    assert {o.alert.key for o in resolved} == {"SEP"}
    assert all(o.at == at("09:30") for o in resolved)
    assert bed.due is None
    assert said[-1] == resolved[-1]


def test_what_was_heard_of_a_patient_who_was_away_is_not_forgotten() -> None:
    """Discharged by mistake: what comes meanwhile says nothing; when the patient is back it is judged with the rest."""
    calm: list[Event] = [admitted(), note(PNEUMONIA, "08:00"), reading("lactate", 1.0, "08:01", source="lab")]
    left = Movement(encounter="e1", action="discharge", observed_at=at("08:10"), available_at=at("08:10"))
    back = Movement(encounter="e1", action="transfer", observed_at=at("08:30"), available_at=at("08:30"))
    sick = [reading("lactate", 6.0, "08:20", source="lab"), reading("map", 50, "08:20")]
    bed, said = play([*calm, left, *sick], at("08:25"))
    assert [o.alert.key for o in said if isinstance(o, AlertEvent) and o.at > at("08:10")] == []
    bed, said = play([back], at("08:31"), bed=bed)
    assert [(o.change, o.alert.level) for o in of_sepsis(said)] == [(Change.RAISED, Level.CRITICAL)]


def test_who_comes_to_be_outside_of_a_guideline_hears_no_more_of_it_from_that_instant() -> None:
    """Told by a reading that no other part of the rules looks at: it ends, says why, and begins anew after it."""
    of = replace(mind(), book=book(head='outside = "acvpu is U"\n'))
    story = [
        reading("hr", 110, "08:00"),
        reading("acvpu", "U", "08:10"),
        reading("hr", 125, "08:15"),
        reading("lactate", 3.0, "08:15"),
        reading("acvpu", "A", "08:20"),
    ]
    _, said = play(story, at("08:21"), of)
    changes = [(f"{o.at:%H:%M}", o.change.value) for o in said if isinstance(o, AlertEvent)]
    assert changes == [("08:00", "raised"), ("08:10", "resolved"), ("08:20", "raised")]


def test_what_is_taken_back_is_news_of_what_it_said() -> None:
    """A note withdrawn, a treatment entered in error: whatever rests on them is asked again, nothing else is."""
    there = treatment("cefepime", "given", "08:02")
    bed, _ = play([admitted(), note("Mottled.", "08:00"), note("Clammy.", "08:01"), there], at("08:05"))
    for taken_back, news in (
        (note("Mottled.", "08:00", "08:10"), {"notes", "n:perf.mottled", "n:perf.*"}),
        (treatment("cefepime", "given", "08:02"), {"t:*", "t:cefepime", "treatments"}),
    ):
        wrong = structs.replace(taken_back, status=Status.ENTERED_IN_ERROR, available_at=at("08:10"))
        waiting, _ = arrived(bed, [wrong], at("08:10"))
        waiting, _ = passed(waiting, at("08:11"), mind().policy)
        while (one := opened(waiting, frozenset())) is not None and one[1].at < at("08:10"):
            waiting = one[0]
        assert one is not None
        assert one[1].news == news


# --- the model -------------------------------------------------------------------------------------------------------


class Broken:
    """A forecaster that fails in some of its ways."""

    name, version, digest, batch = "broken", "1", "0", 1
    horizons_h: tuple[float, ...] = ()
    concepts: frozenset[str] = frozenset({"map"})
    until = FAR

    def __init__(self, *fails: str) -> None:
        self._fails = fails

    def encode(self, states: object, seen: Sequence[Seen]) -> list[ModelState]:  # noqa: ARG002, the protocol's
        return self._told("encode", [ModelState(digest=self.digest, body=b"") for _ in seen])

    def rebuilt(self, snapshot: Snapshot) -> ModelState:  # noqa: ARG002
        return self._told("rebuilt", ModelState(digest=self.digest, body=b""))

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        if any(state.digest != self.digest for state in states):
            raise ValueError("not a state of this model")
        return self._told("outlooks", [self for _ in snapshots])

    def fan(self, concept: str) -> Unavailable:  # noqa: ARG002
        return self._told("fan", Unavailable(reason="nothing is expected"))

    def chance(self, condition: Condition, within: timedelta) -> Unavailable:  # noqa: ARG002
        return self._told("fan", Unavailable(reason="nothing is expected"))

    def _told(self, asked: str, answer: T) -> T:
        if asked in self._fails:
            raise TimeoutError("too slow")
        return answer


@pytest.mark.parametrize("fails", [("encode", "rebuilt"), ("outlooks",), ("fan",)])
def test_a_model_that_fails_silences_no_rule_and_is_shown(fails: Collection[str]) -> None:
    """With a broken forecaster the rules say what they say without one, and card and board tell of the failure."""
    broken, calm = replace(mind(), forecaster=Broken(*fails)), replace(mind(), forecaster=Broken())
    bed, said = play(SHOCK, at("09:30"), broken)
    assert [(o.at, o.change, o.alert.level) for o in of_sepsis(said)] == [
        (o.at, o.change, o.alert.level) for o in of_sepsis(play(SHOCK, at("09:30"), calm)[1])
    ]
    assert "The forecast failed" in of_sepsis(said)[-1].alert.card.detail
    assert "forecast failed" in (view(bed, broken).forecast_missing or "")
    assert bed.counts["forecast_failed"] > 0


@pytest.mark.parametrize("fails", ["encode", "outlooks", "fan", "rebuilt"])
def test_a_bed_that_is_loaded_under_a_broken_model_goes_on(fails: str) -> None:
    """Saved under a model that works and taken up under one that fails: the same warnings, at the same times."""
    early, late = ([e for e in SHOCK if (e.available_at > at("08:45")) is is_late] for is_late in (False, True))
    calm, broken = replace(mind(), forecaster=Broken()), replace(mind(), forecaster=Broken(fails))
    bed, _ = play(early, at("08:45"), calm)
    loud = [
        [(o.at, o.change, o.alert.level) for o in of_sepsis(play(late, at("09:30"), of, saved)[1])]
        for of, saved in ((calm, bed), (broken, bed_of([whole(bed._replace(model=None))])))
    ]
    assert loud[0] == loud[1] != []


class Forgetful:
    """The real forecaster, which cannot take anything in, or not even be made anew, at some instants."""

    def __init__(self, deaf: Collection[str], lost: Collection[str] = ()) -> None:
        self._trend = mind().forecaster
        self._deaf, self._lost = {at(clock) for clock in deaf}, {at(clock) for clock in lost}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trend, name)

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:
        if any(one.at in self._deaf for one in seen):
            raise MemoryError
        return self._trend.encode(states, seen)

    def rebuilt(self, snapshot: Snapshot) -> ModelState:
        if snapshot.now in self._lost:
            raise MemoryError
        return self._trend.rebuilt(snapshot)


PRESSURES: list[Event] = [admitted(), *(reading("map", 80 - 2 * n, f"08:{10 * n:02}") for n in range(6))]


def test_a_model_that_could_not_take_an_instant_in_is_made_anew_from_the_chart() -> None:
    """No forecast goes on from a state that lacks a reading: it rests on the chart, which has it, and is marked."""
    of = replace(mind(), forecaster=Forgetful(["08:20"]))
    bed, _ = play(PRESSURES[:4], at("08:21"), of)
    assert bed.model == mind().forecaster.rebuilt(snapshot(bed, at("08:20")))
    seen = view(bed, of)
    assert seen.fans["map"].origin_at == at("08:20")
    assert seen.forecast_model == f"damped-trend@{of.forecaster.version}, from the chart alone"


def test_a_model_that_cannot_be_made_anew_says_nothing_until_it_can() -> None:
    """Neither told nor made anew: no forecast, which is said; the next reading is a new try."""
    of = replace(mind(), forecaster=Forgetful(["08:20"], ["08:20"]))
    bed, _ = play(PRESSURES[:4], at("08:21"), of)
    assert view(bed, of).fans == {}
    assert "forecast failed" in (view(bed, of).forecast_missing or "")
    bed = bed_of([whole(bed)])  # saved and loaded
    bed, _ = play(PRESSURES[4:5], at("08:31"), of, bed)
    assert view(bed, of).fans["map"].origin_at == at("08:30")


def test_a_neighbour_whose_model_failed_changes_no_bit_of_a_bed() -> None:
    """Of two beds in one wave one is made anew; the other's state is as if it had been alone."""
    of = replace(mind(), forecaster=Forgetful(["08:20"]))
    beds = {"e1": Bed("e1"), "e2": Bed("e2")}
    turns = {
        name: [Turn(event.available_at, [structs.replace(event, encounter=name)]) for event in (*own, PRESSURES[-1])]
        for name, own in (("e1", PRESSURES[:4]), ("e2", [*PRESSURES[:2], reading("map", 60, "08:21")]))
    }
    together = run(beds, turns, of)
    alone = run({"e2": Bed("e2")}, {"e2": turns["e2"]}, mind())
    assert together["e2"].model == alone["e2"].model
    assert together["e1"].model == mind().forecaster.rebuilt(snapshot(together["e1"], at("08:50")))


# --- what holds of every stream --------------------------------------------------------------------------------------

_VALUES = {"map": (40, 110), "hr": (40, 170), "spo2": (80, 100), "rr": (8, 38), "lactate": (0.5, 9), "temp": (35, 40)}


@st.composite
def _readings(draw: st.DrawFn) -> Reading:
    concept = draw(st.sampled_from(sorted(_VALUES)))
    low, high = _VALUES[concept]
    minute = draw(st.integers(0, 40)) * 5
    status = draw(st.sampled_from([Status.FINAL] * 6 + [Status.CORRECTED, Status.ENTERED_IN_ERROR, Status.PRELIMINARY]))
    return reading(
        concept, draw(st.integers(int(low), int(high))), minute, minute + draw(st.integers(0, 20)), status=status
    )


_events = st.one_of(
    *[_readings()] * 4,
    st.builds(note, st.sampled_from([PNEUMONIA, "No fever, lungs clear.", "Sepsis suspected."]), st.integers(0, 200)),
    st.builds(
        treatment,
        st.sampled_from(["norepinephrine", "lactated_ringer", "meropenem"]),
        st.sampled_from(["start", "stop", "given", "ordered"]),
        st.integers(0, 200),
    ),
)
streams = st.lists(_events, min_size=1, max_size=14).map(
    lambda drawn: [*sorted(drawn, key=lambda event: event.available_at)]
)
END = EIGHT + timedelta(hours=8)
few = settings(max_examples=25)


@few
@given(streams, st.integers(0, 220))
def test_nothing_is_known_before_its_time(events: list[Event], minute: int) -> None:
    """Cut off everything after any moment: what was said up to that moment is the same."""
    cut = at(minute)
    _, whole = play(events, END)
    _, prefix = play([event for event in events if event.available_at <= cut], cut + timedelta(minutes=5))
    assert as_bytes(o for o in prefix if spoken_at(o) <= cut) == as_bytes(o for o in whole if spoken_at(o) <= cut)


@few
@given(streams)
def test_a_replay_says_the_same_bytes(events: list[Event]) -> None:
    """The same events give the same bytes, also from a bed that was saved and read back after every event."""
    _, once = play(events, END)
    bed, again = Bed("e1"), []
    for event in [*events, Tick(available_at=END)]:
        bed, new = play([event], bed=bed_of([whole(bed)]))
        again.extend(new)
    assert as_bytes(once) == as_bytes(again)


@few
@given(streams, st.lists(st.integers(0, 500), max_size=12))
def test_ticks_change_nothing_but_when_it_is_said(events: list[Event], minutes: list[int]) -> None:
    """Any number of extra ticks changes no output; leaving out those that cannot matter does not either."""
    ticks = [Tick(available_at=at(minute)) for minute in minutes]
    _, plain = play(events, END + timedelta(hours=2))
    mixed = sorted([*events, *ticks], key=lambda record: record.available_at)
    bed, ticked = play(mixed, END + timedelta(hours=2))
    assert as_bytes(plain) == as_bytes(ticked)
    lazy, said = Bed("e1"), []
    for record in [*mixed, Tick(available_at=END + timedelta(hours=2))]:
        wakes = wakes_at(lazy, mind().policy)
        if isinstance(record, Tick) and (wakes is None or record.available_at <= wakes):
            continue
        lazy, new = fed([(record.available_at, record)], bed=lazy)
        said.extend(new)
    assert as_bytes(said) == as_bytes(plain)
    assert lazy.chart == bed.chart


@few
@given(streams, st.data())
def test_duplicates_and_disorder_within_the_lateness_change_nothing(events: list[Event], data: st.DataObject) -> None:
    """Events delayed by up to the allowed lateness, in any order, some of them twice: the same bytes are said."""
    patient = mind(lateness_s=1200)
    _, tidy = play(events, END, patient)
    twice = [*events, *(data.draw(st.lists(st.sampled_from(events), max_size=6)))]
    delayed = [(event.available_at + timedelta(seconds=data.draw(st.integers(0, 1200))), event) for event in twice]
    delayed.sort(key=lambda pair: pair[0])
    _, said = fed([*delayed, (END, Tick(available_at=END))], patient)
    assert as_bytes(tidy) == as_bytes(said)


def test_a_duplicate_long_after_is_not_news() -> None:
    """A reading, a note and a treatment that come again hours later are counted as duplicates and say nothing."""
    bed, _ = play(SHOCK, at("09:30"))
    bed, _ = play([], at("12:00"), bed=bed)
    for again in (SHOCK[2], SHOCK[11], SHOCK[-1]):
        bed, new = step(bed, [again], at("12:01"), mind())
        assert new == ()
    assert bed.counts["duplicate"] == 3


def test_few_judgements_an_hour() -> None:
    """Hourly vitals of a sick patient cost at most four judgements an hour, alerts and silences included."""
    bed, judged = Bed("e1"), set()
    hours = 12
    events = [
        e for hour in range(8, 8 + hours) for e in vitals(f"{hour}:00", hr=122, rr=26, spo2=91, bp="88/50", temp=39)
    ]
    for minute in range(hours * 60):
        for event in [e for e in events if e.available_at == at(minute)]:
            bed, _ = step(bed, [event], at(minute), mind())
        bed, _ = step(bed, [], at(minute), mind())
        judged.add(bed.judged_at)
    assert len(judged - {None}) <= 4 * hours


def test_another_patients_event_is_a_mistake_of_ours() -> None:
    """An event brought to the wrong bed is a programming error, not data."""
    with pytest.raises(ValueError, match="another patient"):
        step(Bed("e2"), [reading("hr", 80, "08:00")], at("08:00"), mind())


def test_an_artefact_is_kept_and_not_used() -> None:
    """A reading that its sender marked as artefact is shown with its mark, and no rule rests on it."""
    fall = [reading("map", 30, f"08:{minute}", quality=Quality.ARTEFACT) for minute in range(10, 40, 2)]
    bed, said = play([admitted(), note(PNEUMONIA, "08:00"), *fall], at("08:41"))
    assert {o.alert.level for o in said if isinstance(o, AlertEvent)} <= {Level.ASK}
    assert len(bed.chart.readings["map"]) == 15
    assert bed.counts["artefact"] == 15
    assert all(a.at <= b.at for a, b in pairwise(o for o in said if isinstance(o, AlertEvent)))
