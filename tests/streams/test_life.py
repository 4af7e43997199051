"""Stories of alerts over hours: how old an alert may be, how it ends, what is taken back, what is not said again."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from guidelines.lint import faults
from schemas.clinical.alerts import Alert, AlertEvent, Change
from schemas.clinical.findings import Level, StepState
from schemas.events import Event, Movement, Patient, Reading, Status
from streams.core.bed import Bed, snapshot
from streams.core.view import view
from tests.streams.bedside import SHOCK, admitted, at, mind, note, play, reading, treatment, vitals

SEPTIC = "Septic, on meropenem."
LAB = {"source": "lab"}


def alerts(events: Sequence[Event], until: str, bed: Bed | None = None, guideline: str = "SEP") -> list[AlertEvent]:
    """What is said of one guideline, quiet updates included."""
    _, said = play(sorted(events, key=lambda event: event.available_at), at(until), bed=bed)
    return [o for o in said if isinstance(o, AlertEvent) and o.alert.key == guideline]


def course(events: Sequence[Event], until: str, guideline: str = "SEP") -> list[str]:
    """The changes of a guideline's alerts, without quiet updates: "09:05 raised critical"."""
    said = alerts(events, until, guideline=guideline)
    return [f"{o.at:%H:%M} {o.change.value} {o.alert.level.value}" for o in said if o.change is not Change.UPDATED]


def standing(events: Sequence[Event], until: str, guideline: str = "SEP") -> Alert | None:
    """The alert of a guideline as it stands then."""
    bed, _ = play(sorted(events, key=lambda event: event.available_at), at(until))
    episode = bed.episodes.get(guideline)
    return None if episode is None else episode.alert()


def pressure(mean: float, clock: str, method: str = "nibp") -> Reading:
    return reading("map", mean, clock, method=method)


def well(clock: str) -> list[Event]:
    """A full set of observations in which nothing is wrong."""
    return [
        *vitals(clock, hr=78, rr=16, spo2=97, bp="124/76", temp=36.9),
        reading("o2_device", "air", clock),
        reading("crt", 2, clock),
    ]


def calm_labs(clock: str) -> list[Event]:
    values = {"lactate": 1.1, "platelets": 240, "bilirubin": 0.6, "creatinine": 0.9, "wbc": 8}
    return [reading(name, value, clock, **LAB) for name, value in values.items()]


LOW = (admitted("06:00"), note(SEPTIC, "06:30"), pressure(57, "08:00"), pressure(56, "08:10"))
"""An infection, and twice a low pressure: critical at 08:10."""


# -- how a level ends


def test_a_pressure_known_to_be_normal_ends_a_shock_that_was_called_for_it() -> None:
    """MAP 86 and more by the hour, no lactate ever: eased at the first look, over at the second, critical no more."""
    events: list[Event] = [*LOW, pressure(86, "09:10"), pressure(98, "10:10"), pressure(96, "11:10")]
    said = course(events, "12:00")
    assert said[said.index("08:10 worsened critical") + 1].startswith("09:10 eased")
    now = standing(events, "11:15")
    assert now is None or now.level in (Level.ASK, Level.WATCH)


@pytest.mark.parametrize("every", [1, 4])
def test_observations_by_the_hour_or_every_four_hours_clear_every_rule(every: int) -> None:
    """After a shock, two full sets with labs: the first eases it, the second ends it; nothing is left of it."""
    sets = [f"{8 + every * n:02}:30" for n in (1, 2, 3)]
    events: list[Event] = [*LOW, reading("lactate", 4.5, "08:12", **LAB), *calm_labs("08:00")]
    for clock in sets:
        events += [*well(clock), *calm_labs(clock)]
    said = course(events, sets[-1][:3] + "40")
    assert [line for line in said if "critical" in line] == ["08:10 worsened critical"]
    assert "resolved" in " ".join(said)
    now = standing(events, sets[-1][:3] + "40")
    assert now is None or now.level is Level.WARNING  # organs may have failed within the day: that is SOFA's window


def test_what_cannot_be_seen_becomes_a_question_within_the_stated_time() -> None:
    """Silence after a shock: after the cuff's hour unseen, an hour later a question that says what to measure."""
    said = alerts(LOW, "12:00")
    unseen = next(o for o in said if "it cannot be seen now" in o.alert.finding.sentence.text)
    down = next(o for o in said if o.change is Change.EASED)
    assert unseen.alert.level is Level.CRITICAL
    assert "MAP was 56 mmHg at 08:10" in unseen.alert.finding.sentence.text
    assert down.at - unseen.at == mind().policy.unseen_max
    assert down.alert.level is Level.ASK
    assert "measure MAP" in down.alert.finding.sentence.text


def test_a_low_pressure_to_be_measured_again_is_no_recovery() -> None:
    """Long after two low pressures a single still lower one: the shock is not called over for want of a second."""
    events: list[Event] = [*LOW, pressure(47, "09:11")]
    now = standing(events, "09:15")
    assert now is not None
    assert now.level is Level.CRITICAL
    assert "no longer seen" not in now.finding.sentence.text


def test_an_alert_in_recovery_speaks_in_the_past_at_once() -> None:
    """Four minutes after the shock a normal pressure: the card says at once what was, and what is known now."""
    now = standing([*LOW, pressure(76, "08:14")], "08:15")
    assert now is not None
    text = now.finding.sentence.text
    assert "As of 08:10" in text
    assert "it is no longer seen" in text
    assert "MAP 76 mmHg at 08:14" in text


# -- what is taken back


def lactate(value: float, clock: str, known: str | None = None, **more: object) -> Reading:
    return reading("lactate", value, clock, known, **LAB, **more)


def test_a_lactate_entered_in_error_takes_its_alert_with_it_at_that_instant() -> None:
    """Critical for a lactate of 6.2; withdrawn ten minutes later: over, and the last words say what was withdrawn."""
    events: list[Event] = [admitted("06:00"), note(SEPTIC, "06:30"), pressure(80, "08:25"), reading("crt", 5, "08:25"),
              lactate(6.2, "08:30"), lactate(6.2, "08:30", "08:40", status="entered-in-error")]  # fmt: skip
    said = alerts(events, "09:00")
    assert any(o.at == at("08:30") and o.alert.level is Level.CRITICAL for o in said)
    ended = next(o for o in said if o.at == at("08:40"))
    assert ended.alert.level is not Level.CRITICAL or ended.change is Change.RESOLVED
    assert "Withdrawn: the lactate of 08:30 was entered in error (6.2 mmol/L)" in ended.alert.card.detail
    after = [o.alert.finding.sentence.text for o in said if o.at > at("08:40")]
    assert all("6.2" not in text for text in after)
    now = standing(events, "09:00")
    assert now is None or ("6.2" not in now.card.detail.replace("(6.2 mmol/L)", "") and now.level is not Level.CRITICAL)


def test_a_corrected_value_that_is_still_too_high_is_said_at_once() -> None:
    """6.2 corrected to 4.8: critical as before, and the card says which number was wrong."""
    events: list[Event] = [admitted("06:00"), note(SEPTIC, "06:30"), pressure(80, "08:25"), reading("crt", 5, "08:25"),
              lactate(6.2, "08:30"), lactate(4.8, "08:30", "08:32", status="corrected")]  # fmt: skip
    said = alerts(events, "08:33")
    assert said[-1].at == at("08:32")
    assert said[-1].alert.level is Level.CRITICAL
    assert "Corrected: the lactate of 08:30 is 4.8 mmol/L, not 6.2 mmol/L" in said[-1].alert.card.detail
    assert "4.8" in said[-1].alert.finding.sentence.text


def test_a_corrected_value_that_is_normal_ends_it_at_once() -> None:
    """6.2 corrected to 1.2: nothing stands on it a moment longer."""
    events: list[Event] = [admitted("06:00"), note(SEPTIC, "06:30"), pressure(80, "08:25"), reading("crt", 2, "08:25"),
              lactate(6.2, "08:30"), lactate(1.2, "08:30", "08:32", status="corrected")]  # fmt: skip
    assert [o.change for o in alerts(events, "08:33")][-1] in (Change.RESOLVED, Change.EASED)
    now = standing(events, "08:33")
    assert now is None or now.level is not Level.CRITICAL


@pytest.mark.parametrize("written_since", [0, 40])
def test_a_note_of_another_patient_takes_its_alert_with_it(written_since: int) -> None:
    """Septic by a note that was written for the wrong patient: withdrawn, and so is the warning, also when so much
    was written since that its text is no longer kept."""
    wrong = note("Septic from UTI.", "08:00")
    gone = replace(wrong, available_at=at("08:20"), status=Status.ENTERED_IN_ERROR)
    sick = vitals("08:05", hr=124, rr=26, spo2=92, bp="118/70", temp=39.1)
    since = [note(f"{number}: " + "Family called. " * 100, f"08:10:{number}") for number in range(written_since)]
    events: list[Event] = [admitted("06:00"), wrong, *sick, *since, gone]
    said = alerts(events, "08:30")
    assert said[0].alert.level is Level.WARNING or said[1].alert.level is Level.WARNING
    ended = next(o for o in said if o.at == at("08:20"))
    assert "Withdrawn: the note of 08:00 was entered in error" in ended.alert.card.detail
    now = standing(events, "08:30")
    assert now is None or now.level is Level.ASK
    assert now is None or "Septic" not in now.card.detail


def test_what_is_withdrawn_but_stands_on_something_else_goes_on_without_it() -> None:
    """Two low pressures and a lactate; the lactate is withdrawn: critical for the pressures, and no word of it."""
    events: list[Event] = [*LOW, lactate(5.5, "08:12"), lactate(5.5, "08:12", "08:13", status="entered-in-error")]
    now = standing(events, "08:14")
    assert now is not None
    assert now.level is Level.CRITICAL
    assert "5.5" not in now.finding.sentence.text


# -- who moves


def moved(clock: str, setting: str, unit: str) -> Movement:
    return Movement(
        encounter="e1", action="transfer", setting=setting, unit=unit,  # type: ignore[arg-type]
        observed_at=at(clock), available_at=at(clock),
    )  # fmt: skip


def test_arriving_on_a_ward_raises_nothing_on_old_values() -> None:
    """Out of intensive care with the vital signs of two hours ago: a score is said when it is measured there."""
    sick = vitals("08:00", hr=124, rr=26, spo2=91, bp="98/60", temp=39.1)
    quiet = course([admitted("06:00"), *sick, moved("10:00", "ward", "4W")], "10:30", "NEWS2")
    assert quiet == []
    again = vitals("10:31", hr=124, rr=26, spo2=91, bp="98/60", temp=39.1)
    heard = course([admitted("06:00"), *sick, moved("10:00", "ward", "4W"), *again], "10:32", "NEWS2")
    assert heard == ["10:31 raised critical"]


def test_arriving_with_fresh_values_raises_nothing_before_the_first_observation_there() -> None:
    """Values of five minutes ago are not measured by the new place either."""
    sick = vitals("09:55", hr=124, rr=26, spo2=91, bp="98/60", temp=39.1)
    assert course([admitted("06:00"), *sick, moved("10:00", "ward", "4W")], "10:10", "NEWS2") == []


def test_an_alert_of_the_ward_goes_when_the_patient_is_in_intensive_care() -> None:
    """What calls for a team at the bedside is over where there is one, at that instant, and the words say why."""
    ward = replace(admitted("06:00"), setting="ward", unit="4W")
    sick = vitals("08:00", hr=124, rr=26, spo2=91, bp="98/60", temp=39.1)
    said = alerts([ward, *sick, moved("08:20", "icu", "ICU")], "08:30", guideline="NEWS2")
    assert said[0].alert.level is Level.CRITICAL
    assert (said[-1].change, said[-1].at) == (Change.RESOLVED, at("08:20"))
    assert "The patient was moved at 08:20" in said[-1].alert.card.detail


def test_a_shock_that_is_taken_to_intensive_care_is_not_lost_on_the_way() -> None:
    """On a ward a pressure counts for six hours, in an ICU for one: moved after two, the shock stands, told as past."""
    ward = replace(admitted("06:00"), setting="ward", unit="ED")
    before: list[Event] = [ward, note(SEPTIC, "06:30"), pressure(57, "08:00"), pressure(56, "08:10")]
    now = standing([*before, moved("10:10", "icu", "ICU")], "10:11")
    assert now is not None
    assert now.level is Level.CRITICAL
    assert "it cannot be seen now" in now.finding.sentence.text
    assert "The patient was moved at 10:10" in now.card.detail


# -- said once


def test_a_score_between_two_levels_every_hour_worsens_once() -> None:
    """On a ward NEWS2 of 7 and of 5 in turn for sixteen hours: raised, and at most once worsened."""
    ward = replace(admitted("05:00"), setting="ward", unit="4W")
    events: list[Event] = [ward]
    for hour in range(6, 22):
        rate = 131 if hour % 2 else 105  # 3 points, 1 point
        events += [
            *vitals(f"{hour:02}:00", hr=rate, rr=18, spo2=95, bp="124/76", temp=38.5),
            reading("o2_device", "nc", f"{hour:02}:00"),
        ]
    said = course(events, "22:00", "NEWS2")
    loud = [line for line in said if "raised" in line or "worsened" in line]
    assert len(loud) <= 2


def test_the_same_question_is_not_asked_twice_within_four_hours() -> None:
    """SIRS comes and goes, and nobody says whether infection is suspected: asked once."""
    events: list[Event] = [admitted("06:00"), note("Slept well.", "06:10")]
    for clock, rate, breaths in (("08:00", 118, 26), ("08:40", 80, 16), ("09:20", 118, 26), ("10:00", 80, 16),
                                 ("10:40", 120, 27), ("11:20", 80, 16)):  # fmt: skip
        events += vitals(clock, hr=rate, rr=breaths, spo2=95, bp="128/76", temp=36.9)
    asked = [o for o in alerts(events, "11:30") if o.change is Change.RAISED]
    assert len(asked) == 1


def test_a_new_low_value_is_a_new_reason_to_ask() -> None:
    """One low pressure, normal on repeat; two hours later another: asked again, for it must be repeated at once."""
    calm: list[Event] = [admitted("06:00"), *well("06:25"), *calm_labs("06:26"), note(SEPTIC, "06:30")]
    events: list[Event] = [*calm, *well("07:58"), *calm_labs("07:59"), pressure(60, "08:00"), pressure(80, "08:04"),
                           *well("09:58"), *calm_labs("09:59"), pressure(59, "10:00")]  # fmt: skip
    asked = [f"{o.at:%H:%M}" for o in alerts(events, "10:01") if o.change is Change.RAISED]
    assert asked == ["08:00", "10:00"]


# -- what a sentence may say


def test_no_change_is_claimed_between_the_line_and_the_cuff() -> None:
    """MAP 82 by cuff, 58 by the arterial line a minute later: low, but no fall is claimed of it."""
    events: list[Event] = [admitted("06:00"), note(SEPTIC, "06:30"), pressure(82, "07:59"),
              *(pressure(58, f"08:{m:02}", method="invasive") for m in range(12))]  # fmt: skip
    now = standing(events, "08:12")
    assert now is not None
    assert "82" not in now.finding.sentence.text


def test_times_are_those_of_the_ward() -> None:
    """In Berlin the shock of 08:10 UTC is told as 09:10."""
    berlin = mind()
    policy = berlin.policy.__class__(zone=ZoneInfo("Europe/Berlin"))
    bed, _ = play(LOW, at("08:11"), of=berlin.__class__(berlin.book, berlin.forecaster, policy))
    assert "09:10" in bed.episodes["SEP"].finding.sentence.text
    assert "08:10" not in bed.episodes["SEP"].finding.sentence.text


def test_done_is_when_it_was_first_done() -> None:
    """Norepinephrine from 08:20, lowered at 09:00; cultures at 08:15 and again at 09:05: the first times stand."""
    events: list[Event] = [
        *LOW, treatment("blood_culture", "given", "08:15"), treatment("norepinephrine", "start", "08:20", rate=0.1),
        treatment("norepinephrine", "change", "09:00", rate=0.05), treatment("blood_culture", "given", "09:05"),
        pressure(58, "09:06"), pressure(58, "09:10"),
    ]  # fmt: skip
    now = standing(events, "09:11")
    assert now is not None
    steps = {step.id: step for step in now.finding.steps}
    assert steps["SEP.S5"].state is StepState.DONE
    assert steps["SEP.S5"].done_at == at("08:20")
    assert steps["SEP.S2"].done_at == at("08:15")
    assert steps["SEP.S5"].due_at is None


def test_who_is_under_age_is_told_to_be_outside_of_the_guideline() -> None:
    """A warning of a patient who turns out to be sixteen ends at that instant, and says why."""
    young = Movement(
        encounter="e1",
        action="update",
        patient=Patient(age_years=16.0),
        observed_at=at("08:12"),
        available_at=at("08:12"),
    )
    said = alerts([*LOW, young], "08:13")
    assert (said[-1].change, said[-1].at) == (Change.RESOLVED, at("08:12"))
    assert "Outside of SEP" in said[-1].alert.card.detail


def test_every_sentence_of_these_stories_passes_the_linter() -> None:
    """Whatever is said at an instant is bound, timed, present only where it is, and no reason is a normal value."""
    stories: list[list[Event]] = [
        [*LOW, pressure(86, "09:10"), pressure(98, "10:10")],
        [*LOW, lactate(6.2, "08:30"), lactate(6.2, "08:30", "08:40", status="entered-in-error")],
        [*LOW, *well("08:30"), *calm_labs("08:31")],
    ]
    for events in stories:
        bed, wrong = Bed("e1"), []
        for event in sorted(events, key=lambda e: e.available_at):
            bed, said = play([event], event.available_at, bed=bed)
            for one in said:
                if isinstance(one, AlertEvent):
                    found = (one.alert.finding, *one.alert.others)
                    wrong += [
                        (f.sentence.text, bad) for f in found if (bad := faults(f.sentence, snapshot(bed, one.at)))
                    ]
        assert wrong == []


def test_whom_a_guideline_is_not_for_is_told_on_the_bed_from_the_first_look() -> None:
    """Sixteen years old and nothing stands: the bed says of each guideline for whom they are, and why not for him."""
    young = Movement(
        encounter="e1",
        action="admit",
        setting="ward",
        patient=Patient(age_years=16.0),
        observed_at=at("07:00"),
        available_at=at("07:00"),
    )
    bed, _ = play([young, *vitals("08:00", hr=124, rr=26, spo2=91, bp="98/60", temp=39.1)], at("08:01"))
    said = view(bed, mind()).outside
    assert [line.split(",")[0] for line in said] == ["Outside of LIM", "Outside of NEWS2", "Outside of SEP"]
    assert all("16" in line for line in said)
    grown = replace(
        young, action="update", patient=Patient(age_years=18.0), observed_at=at("08:02"), available_at=at("08:02")
    )
    bed, _ = play([grown], at("08:03"), bed=bed)
    assert view(bed, mind()).outside == ()


def test_a_second_vital_sign_beyond_its_limit_is_loud() -> None:
    """Saturation of 72 %, acknowledged or not; then a mean pressure of 45: worsened, aloud, with both on the card."""
    calm = [admitted("06:00"), *well("07:50")]
    said = alerts([*calm, reading("spo2", 72, "08:00"), pressure(45, "08:05")], "08:06", guideline="LIM")
    assert [(o.change, f"{o.at:%H:%M}") for o in said] == [(Change.RAISED, "08:00"), (Change.WORSENED, "08:05")]
    assert "45 mmHg" in said[-1].alert.finding.sentence.text
    assert "72 %" in said[-1].alert.card.detail


def test_a_pressure_far_below_the_usual_one_names_the_usual_one() -> None:
    """A systolic of 112 where days of readings say 158: low for this patient, and the sentence says beside what."""
    before = [reading("sbp", 158, 60 * hour - 48 * 60, method="nibp") for hour in range(1, 30)]
    low = [reading("sbp", 112, clock, method="nibp") for clock in ("08:00", "08:10")]
    labs = [reading("crt", 5, "08:00"), lactate(1.0, "08:00"), pressure(80, "08:00"), pressure(80, "08:10")]
    now = standing([*before, admitted("06:00"), note(SEPTIC, "06:30"), *labs, *low], "08:11")
    assert now is not None
    assert now.level is Level.CRITICAL
    assert "SBP 112 mmHg at 08:10" in now.finding.sentence.text
    assert "usual SBP 158 mmHg" in now.finding.sentence.text


def test_a_time_in_a_note_is_one_of_the_clocks_of_the_ward() -> None:
    """Written in Berlin at 09:05 by its clocks, of 0845: that was 07:45 UTC, and the card says 08:45."""
    berlin = mind()
    policy = berlin.policy.__class__(zone=ZoneInfo("Europe/Berlin"))
    of = berlin.__class__(berlin.book, berlin.forecaster, policy)
    bed, _ = play([admitted("06:00"), note("0845: Mottled to the knees.", "08:05")], at("08:06"), of=of)
    (fact,) = [fact for fact in bed.chart.facts if fact.concept == "perf.mottled"]
    assert fact.effective_at == at("07:45")


def test_no_warning_that_nothing_supports_stands_for_ever() -> None:
    """The first vignette, then silence for twelve days: what time alone has ended goes, none is told of as past."""
    bed, _ = play(SHOCK, at("09:21"))
    bed, said = play([], at("09:21") + timedelta(days=12), bed=bed)
    assert all("it is no longer seen" not in e.finding.sentence.text for e in bed.episodes.values())
    assert len([o for o in said if isinstance(o, AlertEvent)]) < 12


# -- how a question ends


def signs(clock: str, rr: float, temp: float, hr: float = 88) -> list[Event]:
    return [reading("rr", rr, clock), reading("temp", temp, clock), reading("hr", hr, clock)]


def last_words(events: Sequence[Event], until: str) -> str:
    said = alerts(events, until)
    assert [o.change for o in said if o.change is not Change.UPDATED] == [Change.RAISED, Change.RESOLVED]
    assert said[-1].alert.level is Level.ASK
    return said[-1].alert.finding.sentence.text


def test_a_question_that_is_answered_says_so() -> None:
    """Nobody had written whether an infection is suspected; now a note denies it."""
    events = [admitted("06:00"), *signs("08:00", 24, 38.6, 104), note("No signs of infection.", "08:20")]
    assert "it can be told now" in last_words(events, "08:21")


def test_a_question_for_which_less_speaks_is_not_called_answered() -> None:
    """Fever and breathing are normal again; whether an infection is suspected nobody has said yet."""
    events = [admitted("06:00"), *signs("08:00", 24, 38.6, 88), *signs("08:30", 16, 37.0, 80)]
    words = last_words(events, "08:31")
    assert "it can be told now" not in words
    assert "less speaks for it now" in words
    assert "Not known now" not in words
    assert "RR 16/min" in words


def test_a_question_shows_the_usual_value_beside_a_normal_one() -> None:
    """A systolic of 118 is a reason only beside what is usual of this patient."""
    before = [reading("sbp", 164, 60 * hour - 48 * 60, method="nibp") for hour in range(1, 30)]
    low = [reading("sbp", 118, clock, method="nibp") for clock in ("08:00", "08:10")]
    now = standing([*before, admitted("06:00"), pressure(80, "08:00"), pressure(80, "08:10"), *low], "08:11")
    assert now is not None
    assert now.level is Level.ASK
    assert "SBP 118 mmHg at 08:10" in now.finding.sentence.text
    assert "usual SBP 164 mmHg" in now.finding.sentence.text
