"""What a checklist withheld and was given all the same: both facts are said, aloud once, and nobody is accused."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from guidelines import lint
from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.findings import Finding, Level, StepState
from schemas.events import Allergy, Event, Movement, Patient, Response, Treatment
from streams.core.bed import Bed, snapshot
from tests.streams.bedside import admitted, at, note, play, reading, treatment, vitals

LOUD = (Change.RAISED, Change.WORSENED)


def after(events: Sequence[Event], until: str) -> tuple[Bed, list[AlertEvent]]:
    bed, said = play(sorted(events, key=lambda event: event.available_at), at(until))
    assert bed.failure is None
    return bed, [o for o in said if isinstance(o, AlertEvent) and o.alert.key == "SEP"]


def told(bed: Bed) -> list[Finding]:
    """The findings about what was given, each read by the lint."""
    episode = bed.episodes.get("SEP")
    found = [] if episode is None else [f for f in (episode.finding, *episode.others) if f.rule.endswith(".given")]
    assert [lint.faults(f.sentence, snapshot(bed, f.at)) for f in found] == [[] for _ in found]
    return found


def aloud(said: Sequence[AlertEvent], clock: str) -> list[str]:
    """When it spoke aloud from then on."""
    return [f"{o.at:%H:%M}" for o in said if o.change in LOUD and o.at >= at(clock)]


def low(clock: str) -> list[Event]:
    return vitals(clock, hr=118, rr=24, spo2=93, bp="84/44", temp=38.9)


def fluid(clock: str, amount: float = 500, **more: object) -> Treatment:
    return treatment("lactated_ringer", "given", clock, amount=amount, amount_unit="mL", **more)


def zosyn(action: str, clock: str) -> Treatment:
    return treatment("piperacillin_tazobactam", action, clock, amount=4.5, amount_unit="g")


HERE = admitted("06:00")  # penicillin, anaphylaxis
WEIGHED = reading("weight", 80, "06:00")
SHOCK: Sequence[Event] = (HERE, WEIGHED, note("Urosepsis.", "08:00"), *low("08:05"), *low("08:20"))
WET = note("Flash pulmonary oedema.", "08:25")


# -- a drug


def test_a_penicillin_that_is_given_to_an_anaphylactic_is_critical() -> None:
    """Ordered at 08:05 and withheld, given at 08:10: said at once and aloud, with time, source and reason."""
    bed, said = after([HERE, zosyn("ordered", "08:05"), zosyn("given", "08:10")], "08:11")
    assert bed.episodes["SEP"].level is Level.CRITICAL
    assert told(bed)[0].sentence.text == (
        "Warning: piperacillin-tazobactam 4.5 g was withheld, but given at 08:10 (record of treatments). "
        "Withheld because: Penicillin allergy with anaphylaxis, or a severe reaction to a beta-lactam, is recorded."
    )
    assert aloud(said, "08:06") == ["08:10"]


def test_it_is_said_without_an_order_as_well() -> None:
    """Given on a word: the allergy is recorded all the same."""
    bed, said = after([HERE, zosyn("given", "08:10")], "08:11")
    assert [finding.rule for finding in told(bed)] == ["SEP.B5.given"]
    assert aloud(said, "08:00") == ["08:10"]


def test_an_allergy_that_is_learned_of_afterwards_counts() -> None:
    """Given at 08:10, the list comes at 08:40: it is said then."""
    allergy = Allergy(substance="penicillin", severity="anaphylaxis")  # type: ignore[arg-type]
    now = at("08:40")
    news = Movement(
        encounter="e1", action="update", patient=Patient(allergies=(allergy,)), observed_at=now, available_at=now
    )
    unknown = Movement(encounter="e1", action="admit", setting="icu", observed_at=at("06:00"), available_at=at("06:00"))
    bed, said = after([unknown, zosyn("given", "08:10"), news], "08:41")
    assert [finding.rule for finding in told(bed)] == ["SEP.B5.given"]
    assert aloud(said, "08:00") == ["08:40"]


def test_a_milder_allergy_withholds_nothing_and_nothing_is_said() -> None:
    """A rash asks before; it is no contradiction afterwards."""
    mild = Allergy(substance="penicillin", severity="rash")  # type: ignore[arg-type]
    now = at("06:00")
    here = Movement(
        encounter="e1", action="admit", patient=Patient(allergies=(mild,)), observed_at=now, available_at=now
    )
    assert told(after([here, zosyn("ordered", "08:05"), zosyn("given", "08:10")], "08:11")[0]) == []


def test_the_other_drug_that_was_given_instead_is_no_contradiction() -> None:
    """Meropenem after a withheld penicillin."""
    events = [*SHOCK, zosyn("ordered", "08:25"), treatment("meropenem", "given", "08:30")]
    assert told(after(events, "08:31")[0]) == []


def test_it_leads_the_card_of_a_shock_once_and_stays_on_it() -> None:
    """Aloud at 08:30; with the next words the shock leads again, and the card still says it."""
    events = [*SHOCK, zosyn("given", "08:30"), *low("08:40")]
    bed, said = after(events, "08:41")
    first = next(o for o in said if o.at == at("08:30"))
    assert (first.change, first.alert.finding.rule) == (Change.WORSENED, "SEP.B5.given")
    assert bed.episodes["SEP"].finding.rule == "SEP.T3"
    detail = bed.episodes["SEP"].alert().card.detail
    assert "**Withheld, but given: piperacillin-tazobactam 4.5 g at 08:30 (record of treatments)**" in detail


def test_it_is_not_said_aloud_again() -> None:
    """Vital signs every five minutes, and a second dose at 10:00: one alarm."""
    rounds = [event for m in range(30, 150, 5) for event in low(f"{8 + m // 60:02}:{m % 60:02}")]
    events = [*SHOCK, zosyn("given", "08:28"), *rounds, zosyn("given", "10:00")]
    assert aloud(after(events, "10:30")[1], "08:21") == ["08:28"]


def test_an_acknowledgement_of_the_shock_does_not_count_for_it() -> None:
    """It was given after it."""
    bed, _ = after(SHOCK, "08:21")
    moment = at("08:22")
    answer = Response(
        encounter="e1", alert=bed.episodes["SEP"].id, verb="acknowledge", by="RN", observed_at=moment,
        available_at=moment,
    )  # fmt: skip
    assert after([*SHOCK, answer], "08:25")[0].episodes["SEP"].state == "acknowledged"
    assert after([*SHOCK, answer, zosyn("given", "08:30")], "08:31")[0].episodes["SEP"].state == "raised"


@pytest.mark.parametrize(("clock", "is_told"), [("12:09:59", True), ("12:10:02", False)])
def test_it_is_spoken_of_for_four_hours(clock: str, is_told: bool) -> None:
    """Given at 08:10."""
    calm = [reading("hr", 80, f"{hour:02}:{m:02}") for hour in range(8, 13) for m in (11, 40)]
    events: list[Event] = [HERE, zosyn("given", "08:10"), *[r for r in calm if r.observed_at <= at(clock)]]
    assert bool(told(after(events, clock)[0])) is is_told


def test_what_was_entered_in_error_was_not_given() -> None:
    """Taken back at 08:40: the alert ends, and says why."""
    wrong = treatment("piperacillin_tazobactam", "given", "08:10", status="entered-in-error")
    events: list[Event] = [HERE, zosyn("given", "08:10"), replace(wrong, available_at=at("08:40"))]
    bed, said = after(events, "08:41")
    assert "SEP" not in bed.episodes
    assert "Withdrawn: piperacillin-tazobactam at 08:10 was entered in error" in said[-1].alert.card.detail


# -- what a note says


def test_a_note_tells_of_it_as_well() -> None:
    """Its words are quoted, with their time."""
    bed, said = after([*SHOCK, note("Zosyn 4.5 g given.", "08:30")], "08:31")
    said_so = "piperacillin-tazobactam was withheld, but given, as a note of 08:30 says: “Zosyn 4.5 g”."
    assert said_so in told(bed)[0].sentence.text
    assert aloud(said, "08:21") == ["08:30"]


def test_record_and_note_of_one_dose_are_one() -> None:
    """First the note, then the record of the same: one line, one alarm."""
    events = [*SHOCK, note("Zosyn 4.5 g given.", "08:30"), zosyn("given", "08:35")]
    bed, said = after(events, "08:36")
    assert [step.text for step in told(bed)[0].steps] == [
        "Withheld, but given: piperacillin-tazobactam 4.5 g at 08:35 (record of treatments)"
    ]
    assert aloud(said, "08:21") == ["08:30"]


@pytest.mark.parametrize("text", ["Zosyn not given.", "Plan: give Zosyn.", "Father was given Zosyn.", "Refused Zosyn."])
def test_a_note_of_what_was_not_given_says_nothing(text: str) -> None:
    """Denied, planned, another person, refused."""
    assert told(after([*SHOCK, note(text, "08:30")], "08:31")[0]) == []


def test_a_note_that_names_two_drugs_tells_of_the_one_that_was_withheld() -> None:
    """The newest word on antimicrobials is the other one."""
    bed, _ = after([*SHOCK, note("Zosyn 4.5 g given. Vancomycin 1 g given.", "08:30")], "08:31")
    assert "piperacillin-tazobactam" in told(bed)[0].sentence.text


# -- fluid and others, of a list that is shown


def test_a_bolus_into_wet_lungs_is_said_aloud_once_as_a_warning() -> None:
    """Withheld at 08:25 for pulmonary oedema, given at 08:30: the shock stays what leads, the card says it."""
    bed, said = after([*SHOCK, WET, fluid("08:30"), *low("08:40")], "08:41")
    finding = told(bed)[0]
    assert (finding.level, finding.rule) == (Level.WARNING, "SEP.B1.given")
    assert "lactated Ringer's 500 mL was withheld, but given at 08:30 (record of treatments)." in finding.sentence.text
    assert "Withheld because: Pulmonary oedema" in finding.sentence.text
    assert aloud(said, "08:21") == ["08:30"]
    card = bed.episodes["SEP"].alert().card.detail
    assert "**Withheld, but given: lactated Ringer's 500 mL at 08:30 (record of treatments)**" in card


def test_its_line_says_why_it_was_withheld() -> None:
    """With the words of the note that it rested on."""
    bed, _ = after([*SHOCK, WET, fluid("08:30")], "08:31")
    line = next(step for step in bed.episodes["SEP"].finding.steps if step.id.startswith("given:"))
    assert line.state is StepState.WITHHELD
    assert line.reasons[0].text.startswith("Pulmonary oedema: fluid would worsen oxygenation.")
    assert "“Flash pulmonary oedema”" in {evidence.shown for evidence in line.reasons[0].evidence}


@pytest.mark.parametrize(
    "events",
    [
        [fluid("08:24"), WET],
        [WET, fluid("08:25")],
        [WET, fluid("08:30", 100)],
        [WET, treatment("lactated_ringer", "start", "08:30", rate=75)],
    ],
    ids=["before it was known", "at the same time", "a flush", "maintenance"],
)
def test_fluid_that_no_list_withheld_is_no_contradiction(events: Sequence[Event]) -> None:
    """What was known later, or is no bolus."""
    assert told(after([*SHOCK, *events], "08:40")[0]) == []


def test_a_bolus_where_no_list_was_shown_is_no_contradiction() -> None:
    """Wet lungs, and nobody thinks of sepsis."""
    assert told(after([HERE, WEIGHED, WET, fluid("08:30")], "08:40")[0]) == []


def test_the_bolus_that_completes_a_volume_was_not_withheld_and_the_next_one_was() -> None:
    """2000 and 500 mL are 31 mL/kg of 80 kg; one more without a test of whether it helps."""
    first = [*SHOCK, fluid("08:25", 2000), fluid("08:50")]
    assert told(after(first, "08:51")[0]) == []
    bed, _ = after([*first, fluid("09:10")], "09:11")
    assert [finding.rule for finding in told(bed)] == ["SEP.B3.given"]
    assert "lactated Ringer's 500 mL was withheld, but given at 09:10" in told(bed)[0].sentence.text


@pytest.mark.parametrize(
    ("clock", "route", "is_told"),
    [("08:30", "iv", True), ("08:30", "po", False), ("08:10", "iv", False)],
    ids=["in shock", "by mouth", "before the shock"],
)
def test_a_beta_blocker_counts_by_vein_and_in_shock(clock: str, route: str, is_told: bool) -> None:
    """Shock is seen from 08:20 on."""
    events = [
        *SHOCK,
        reading("lactate", 3.4, "08:15", source="lab"),
        treatment("metoprolol", "given", clock, route=route),
    ]
    assert bool(told(after(events, "08:31")[0])) is is_told


def test_what_is_always_withheld_counts_as_well() -> None:
    """Starch in septic shock."""
    bed, _ = after([*SHOCK, treatment("hydroxyethyl_starch", "given", "08:30", amount=500, amount_unit="mL")], "08:31")
    assert [finding.rule for finding in told(bed)] == ["SEP.B4.given"]


def test_an_infusion_that_is_started_is_told_as_started() -> None:
    """Dopamine as the first vasopressor."""
    events = [*SHOCK, treatment("paracetamol", "given", "08:01"), treatment("dopamine", "start", "08:30", rate=5)]
    bed, _ = after(events, "08:31")
    assert "was withheld, but started at 08:30 (record of treatments)" in told(bed)[0].sentence.text


def test_what_was_only_changed_or_asked_about_was_not_withheld() -> None:
    """Gelatin is suggested against; a balanced fluid is changed where the brain is injured."""
    here: list[Event] = [*SHOCK, treatment("gelatin", "given", "08:30", amount=500, amount_unit="mL")]
    assert told(after(here, "08:31")[0]) == []
