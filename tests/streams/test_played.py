"""Stories that a tester played against the product: what each showed wrong, and must not show again."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Finding, Level, Step, StepState
from schemas.events import Event, Response
from streams.core.bed import Bed, Episode
from tests.streams.bedside import admitted, at, note, play, reading, treatment, vitals


def after(events: Sequence[Event], until: str) -> tuple[Bed, list[AlertEvent]]:
    """The bed then, and every alert event."""
    bed, said = play(sorted(events, key=lambda event: event.available_at), at(until))
    return bed, [o for o in said if isinstance(o, AlertEvent)]


def standing(events: Sequence[Event], until: str, guideline: str = "SEP") -> Episode | None:
    return after(events, until)[0].episodes.get(guideline)


def low(clock: str, bp: str = "84/44") -> list[Event]:
    return vitals(clock, hr=118, rr=24, spo2=93, bp=bp, temp=38.9)


def well(clock: str) -> list[Event]:
    return vitals(clock, hr=82, rr=16, spo2=97, bp="122/74", temp=37.0)


def step_of(episode: Episode | None, name: str) -> Step:
    assert episode is not None
    return next(step for step in episode.finding.steps if step.id == name)


def sentence(finding: Finding) -> str:
    return finding.sentence.text


SEPTIC = note("Urosepsis, on ceftriaxone.", "06:30")

# -- infection


@pytest.mark.parametrize(
    "denial",
    ["CXR: no consolidation.", "Wound clean and dry.", "Pneumonia resolved.", "COVID negative.", "UTI ruled out."],
)
def test_the_denial_of_one_source_judges_no_infection_unlikely(denial: str) -> None:
    """Fever, a low pressure: it is asked whether an infection is suspected, and no antimicrobial "may wait"."""
    events = [admitted("06:00"), note(denial, "08:00"), *low("08:40"), *low("08:50")]
    episode = standing(events, "08:51")
    assert episode is not None
    assert "is infection suspected?" in sentence(episode.finding)
    assert "SEP.S3c" not in {step.id for step in episode.finding.steps}


def test_a_low_pressure_asks_though_an_infection_was_denied() -> None:
    """Nobody suspects one, and the pressure stays low: what would show shock is asked for."""
    events = [admitted("06:00"), note("No infection.", "07:00"), *low("08:00"), *low("08:15")]
    episode = standing(events, "08:16")
    assert episode is not None
    assert episode.level is Level.ASK
    assert "lactate" in sentence(episode.finding)
    assert "MAP 57.3 mmHg" in sentence(episode.finding)


def test_a_shock_of_which_no_infection_was_said_becomes_a_question_when_it_cannot_be_seen() -> None:
    """Critical at 08:10 for pressure and lactate, then nothing is heard: it asks, and does not end in silence."""
    labs = [reading("lactate", 4.6, "08:00", source="lab"), reading("crt", 5, "08:00")]
    bed, said = after([admitted("06:00"), *low("08:00"), *low("08:10"), *labs], "12:00")
    assert "SEP.T7" in {o.alert.finding.rule for o in said if o.change is Change.WORSENED or o.change is Change.RAISED}
    assert bed.episodes["SEP"].level is Level.ASK
    assert "I cannot tell whether this is shock" in sentence(bed.episodes["SEP"].finding)


def test_the_words_that_ended_a_warning_are_quoted() -> None:
    """The pressure is as low as before: what is over is the infection, as a note says."""
    events = [admitted("06:00"), SEPTIC, *low("08:00"), *low("08:10"), note("Sepsis ruled out.", "08:30")]
    episode = standing(events, "08:31")
    assert episode is not None
    assert "“Sepsis” denied in a note at 08:30" in sentence(episode.finding)


# -- alarms of vital signs


def test_an_alarm_that_returns_after_hours_is_news_beside_one_that_stands() -> None:
    """A saturation of 62 three hours after one of 75, while a temperature stands; an acknowledgement was of that."""
    calm = [reading("spo2", 97, f"{h:02}:{m:02}") for h in (8, 9, 10) for m in (10, 25, 40, 55)]
    events: list[Event] = [admitted("06:00"), reading("temp", 31.5, "08:00"), reading("spo2", 75, "08:05"), *calm]
    bed, _ = after([*events[:3]], "08:06")
    moment = at("08:06")
    heard = Response(
        encounter="e1",
        alert=bed.episodes["LIM"].id,
        verb="acknowledge",
        by="RN",
        observed_at=moment,
        available_at=moment,
    )
    bed, said = after([*events, heard, reading("spo2", 62, "11:00")], "11:01")
    last = [o for o in said if o.alert.key == "LIM"][-1]
    assert last.change is Change.WORSENED
    assert last.alert.finding.rule == "LIM.oxygen"
    assert bed.episodes["LIM"].state == "raised"


def test_an_alarm_that_returns_at_once_is_not_said_again() -> None:
    """A saturation about its limit, minute by minute: one alarm."""
    dips = [reading("spo2", 84 if minute % 2 else 86, f"09:{minute:02}") for minute in range(1, 40)]
    _, said = after([admitted("06:00"), reading("temp", 31.5, "09:00"), *dips], "09:40")
    loud = [o for o in said if o.alert.key == "LIM" and o.change in (Change.RAISED, Change.WORSENED)]
    assert [o.alert.finding.rule for o in loud] == ["LIM.temperature", "LIM.oxygen"]


# -- the mind, and what hides it


@pytest.mark.parametrize(
    "hidden_by",
    [
        reading("rass", -3, "07:55"),
        treatment("fentanyl", "given", "07:50", amount=100, amount_unit="ug"),
        note("Midazolam 2 mg IV given.", "07:50"),
        note("Intubated, sedated on propofol gtt.", "07:50"),
    ],
    ids=["RASS", "fentanyl", "a note of midazolam", "a note of a tube and propofol"],
)
def test_what_hid_the_mind_when_it_was_looked_at_hides_it_for_as_long_as_that_look_counts(hidden_by: Event) -> None:
    """A coma scale of 6 under a drug is no loss of consciousness, neither then nor when the drug is hours ago."""
    events: list[Event] = [admitted("06:00"), reading("gcs_total", 15, "07:00"), reading("gcs_total", 6, "08:00")]
    _, said = after([*events, hidden_by], "12:30")
    assert [o for o in said if o.alert.finding.rule == "LIM.mind"] == []
    assert [o.change for o in after(events, "08:01")[1] if o.alert.finding.rule == "LIM.mind"] == [Change.RAISED]


# -- steps


def test_fluid_that_was_given_in_full_is_not_asked_for_again() -> None:
    """2400 mL of 2400 at 08:15; three hours later it was still given, and nothing is overdue."""
    rounds = [event for hour in (8, 9, 10, 11) for event in low(f"{hour:02}:20")]
    given = treatment("lactated_ringer", "given", "08:15", amount=2400, amount_unit="mL")
    events = [admitted("06:00"), reading("weight", 80, "06:00"), SEPTIC, *low("08:00"), *low("08:10"), given, *rounds]
    fluid = step_of(standing(events, "11:21"), "SEP.S4")
    assert (fluid.state, fluid.due_at) == (StepState.DONE, None)
    assert fluid.done_at == at("08:15")


def test_what_was_done_once_and_is_asked_for_again_is_not_overdue() -> None:
    """A lactate at 09:00, two hours ago: to be repeated, and done in time the first time."""
    fever = [event for clock in ("08:40", "09:40", "10:40") for event in low(clock, "116/66")]
    events = [admitted("06:00"), SEPTIC, *fever, reading("lactate", 3.2, "09:00", source="lab")]
    lactate = step_of(standing(events, "11:05"), "SEP.S1")
    assert lactate.state is not StepState.DONE
    assert (lactate.due_at, lactate.done_at) == (None, at("09:00"))


def test_a_step_that_begins_to_apply_later_has_its_time_from_then() -> None:
    """On noradrenaline from 08:20 to 10:00, low again at 10:05: due an hour after that, not at 09:10."""
    run = [treatment("norepinephrine", "start", "08:20", rate=0.1), treatment("norepinephrine", "stop", "10:00")]
    held = low("08:30", "112/64")
    events = [admitted("06:00"), SEPTIC, *low("08:00"), *low("08:10"), *run, *held, *low("10:05"), *low("10:10")]
    pressor = step_of(standing(events, "10:11"), "SEP.S5")
    assert pressor.due_at is not None
    assert pressor.due_at >= at("11:00")


def test_a_step_does_not_leave_the_list_because_a_value_grew_too_old() -> None:
    """The antimicrobial is due at 09:50, and just then the pressure is an hour old: it stays, to be checked."""
    events = [admitted("06:00"), note("?UTI", "08:00"), *low("08:40"), *low("08:50")]
    antimicrobial = step_of(standing(events, "09:55"), "SEP.S3a")
    assert "applies" in {reason.block for reason in antimicrobial.reasons}
    assert antimicrobial.due_at == at("09:50")


def test_nobody_is_urged_to_give_what_is_withheld() -> None:
    """A penicillin ordered for a patient with anaphylaxis: no line says not to hold it back."""
    order = treatment("piperacillin_tazobactam", "ordered", "08:05")
    events = [admitted("06:00"), note("Urosepsis.", "08:00"), order, *low("08:40"), *low("08:55")]
    episode = standing(events, "08:56")
    assert episode is not None
    blocks = {reason.block for step in episode.finding.steps for reason in step.reasons}
    assert "SEP.B5" in blocks
    assert "SEP.B13" not in blocks


def test_fluid_that_only_a_note_tells_of_is_done_as_a_note_says() -> None:
    """At the time of the note, and asked to be confirmed."""
    events = [
        admitted("06:00"), reading("weight", 80, "06:00"), note("Urosepsis. 2.5 L Hartmanns given.", "08:30"),
        *low("08:40"), *low("08:50"),
    ]  # fmt: skip
    fluid = step_of(standing(events, "08:51"), "SEP.S4")
    assert (fluid.state, fluid.done_at) == (StepState.DONE, at("08:30"))
    assert "Done, as a note says." in {reason.text for reason in fluid.reasons}


def test_what_a_note_says_is_done_is_no_news_at_every_look() -> None:
    """Zosyn given, as a note says: the card is said again when its words are old, not with every heart rate."""
    rates = [reading("hr", 100 + minute % 3, f"08:{minute}") for minute in range(12, 40)]
    events = [admitted("06:00"), note("Urosepsis. Zosyn given at 0800.", "08:05"), *low("08:00"), *low("08:10"), *rates]
    _, said = after(events, "08:40")
    assert step_of(standing(events, "08:12"), "SEP.S3a").state is StepState.DONE
    assert len([o for o in said if o.alert.key == "SEP" and o.at > at("08:11")]) <= 6


# -- words


def test_a_question_no_longer_asks_for_what_was_measured() -> None:
    """Asked at 06:30 for pressure and lactate; at 08:50 only the lactate is still not known."""
    events = [admitted("06:00"), note("Urosepsis.", "06:30"), *well("08:50"), *well("09:50")]
    episode = standing(events, "09:55")
    assert episode is not None
    assert "measure lactate." in sentence(episode.finding)
    assert {need.subject for need in episode.finding.needs} == {"lactate"}


def test_what_was_withdrawn_stays_on_the_card_for_an_hour() -> None:
    """Whatever is said quietly after it."""
    lactate = reading("lactate", 6.2, "08:30", source="lab")
    wrong = reading("lactate", 6.2, "08:30", "08:40", source="lab", status="entered-in-error")
    events: list[Event] = [
        admitted("06:00"), note("Urosepsis.", "06:30"), reading("crt", 5, "08:20"), lactate, wrong, *low("09:10"),
    ]  # fmt: skip
    for clock in ("08:41", "09:20"):
        episode = standing(events, clock)
        assert episode is not None
        assert "Withdrawn: the lactate of 08:30" in episode.alert().card.detail


def test_a_rate_of_an_infusion_that_was_stopped_is_told_in_the_past() -> None:
    """Noradrenaline from 08:20 to 10:00 still counts in the score of the day; it does not run."""
    events = [
        admitted("06:00"), SEPTIC, *low("08:10"), treatment("norepinephrine", "start", "08:20", rate=0.1),
        treatment("norepinephrine", "stop", "10:00"), *low("10:30", "112/64"), *low("11:30", "112/64"),
    ]  # fmt: skip
    episode = standing(events, "11:40")
    assert episode is not None
    words = " ".join(map(sentence, (episode.finding, *episode.others)))
    assert "norepinephrine was 0.1 µg/kg/min at 08:20" in words
    assert timedelta(0) <= at("11:40") - episode.finding.at


def test_chronic_dialysis_is_no_new_failure_of_the_kidneys() -> None:
    """A creatinine of 6 of a patient on dialysis, as a note says; of another it is one."""
    kidneys = [reading("creatinine", 6.0, "08:05", source="lab"), *well("08:00")]
    chronic = [admitted("06:00"), note("?line infection. ESRD on HD.", "06:30"), *kidneys]
    new = [
        [admitted("06:00"), note(f"?line infection. {words}", "06:30"), *kidneys]
        for words in ("", "AKI, now on CRRT.", "AKI, now on HD.")
    ]

    def fired(events: Sequence[Event]) -> set[str]:
        return {o.alert.finding.rule for o in after(events, "08:30")[1]}

    assert "SEP.T2" not in fired(chronic)
    assert all("SEP.T2" in fired(events) for events in new)
