"""The acceptance vignettes of the clinical reference (section 6: V1, V2, V7, V10), event by event through `step`.

The data are `data/vignettes/*.ndjson`, the rules and the forecaster are those of the service. Each test that bears a
`row` stands for that row of the reference, word for word; at its time, and at most two minutes later, the alerts that
a board would show say what the row demands. Only events up to the row's own time are told, so none that comes later
can help. What the reference demands of guidelines that do not exist yet is listed in `WAITING`, not left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from msgspec import structs

from forecasting.contract import ModelState, Seen
from guidelines.book.load import load
from guidelines.lint import unbound
from guidelines.rules.case import FAR
from guidelines.rules.truth import truth
from guidelines.scoring import news2, sofa
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Finding, Level, Step, StepState, Truth
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Odds, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Condition
from schemas.conditions.text import parse
from schemas.events import Quality, Reading, identity
from streams.adapters import Stay, ndjson
from streams.core.bed import Bed, snapshot
from streams.core.judge import Mind
from streams.core.step import Output, step
from streams.core.view import view
from tests.streams.bedside import mind

ROOT = Path(__file__).parents[2]
TOLERANCE = timedelta(minutes=2)
BOOK = load()
Test = TypeVar("Test", bound=Callable[..., None])


class Row(NamedTuple):
    """One row of a vignette's table of demands: `by` a time, `must`, and the details; as the reference writes them."""

    vignette: str
    by: str
    must: str
    details: str


ROWS: list[Row] = []


def row(vignette: str, by: str, must: str, details: str = "") -> Callable[[Test], Test]:
    """Says which row of the reference a test stands for."""
    ROWS.append(Row(vignette, by, must, details))
    return lambda test: test


ALLOWED = (Row("V1", "all", "may", "ARF.T1, SEP.S11"),)
"""Rows that allow and demand nothing: no test."""

NO_GUIDELINE = "no such guideline yet"
WAITING: Mapping[tuple[str, str], str] = {
    ("V1", "08:30"): "AKI.T1",
    ("V2", "14:20"): "CGS.T2 AKI.T1",
    ("V2", "14:36"): "CGS.T1 CGS.S1, S2, S4, S7, S8",
    ("V2", "14:40"): "CGS.B3 CGS.S4",
    ("V2", "14:41"): "CGS.B1",
    ("V2", "15:02"): "CGS.S6 (furosemide)",
    ("V7", "16:06"): "AFR.T3 AFR.T1 AFR.B2 AFR.B1 AFR.B4",
    ("V7", "16:25"): "AFR.S5 AFR.S2",
    ("V7", "all"): "AFR.S4",
    ("V10", "01:00"): "HYK.S1 (repeat and ECG asked for), HYK.S3, HYK.S4",
    ("V10", "all"): "HEM, CGS, ARF, AFR, HYK.T2/T3, AKI, COPD triggers; AKI.T2",
}
"""What rows demand of guidelines that are not in the book (the reason: `NO_GUIDELINE`)."""

ROWS += [  # nothing but what waits
    Row("V2", "15:02", "CGS.S6 furosemide now allowed", "SBP 98 ≥90; before 15:00 it must be withheld (SBP 84)"),
    Row("V7", "16:25", "amiodarone acceptable (AFR.S5)", "plus AFR.S2 K, Mg"),
]


# -- playing


class Story:
    """A vignette under way: the bed after each instant, and all that was said."""

    def __init__(self, name: str, of: Mind) -> None:
        self.stay: Stay = next(iter(ndjson.read(ROOT / "data" / "vignettes" / f"{name}.ndjson")))
        self.mind = of
        self.day = self.stay.start.replace(hour=0, minute=0, second=0, microsecond=0)
        self.beds = [(self.stay.start, Bed(self.stay.encounter))]
        self.said: list[Output] = []
        for event in self.stay.events:
            bed, new = step(self.beds[-1][1], [event], event.available_at, of)
            self.beds.append((event.available_at, bed))
            self.said += new
        end = self.beds[-1][0] + TOLERANCE
        self.end, new = step(self.beds[-1][1], [], end, of)
        self.said += new

    def at(self, clock: str) -> datetime:
        hours, minutes, *seconds = (int(part) for part in clock.split(":"))
        return self.day + timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))

    def by(self, clock: str) -> "Moment":
        """What stands two minutes after a time, told only what was known at that time."""
        at = self.at(clock)
        bed = [bed for known, bed in self.beds if known <= at][-1]
        return Moment(step(bed, [], at + TOLERANCE, self.mind)[0], at)

    def findings(self) -> Iterator[Finding]:
        """Every finding that was ever spoken."""
        for event in self.said:
            if isinstance(event, AlertEvent):
                yield from (event.alert.finding, *event.alert.others)

    def checklists(self) -> Iterator[Step]:
        return (step for finding in self.findings() for step in finding.steps)


class Moment(NamedTuple):
    """A bed, and the time at which it is looked at."""

    bed: Bed
    at: datetime

    @property
    def seen(self) -> Snapshot:
        return snapshot(self.bed, self.at)

    def findings(self) -> dict[str, Finding]:
        """What the standing alerts say, by rule."""
        episodes = self.bed.episodes.values()
        return {finding.rule: finding for episode in episodes for finding in (episode.finding, *episode.others)}

    def level(self, guideline: str) -> Level:
        return self.bed.episodes[guideline].level

    def steps(self) -> dict[str, Step]:
        """The checklists as a board shows them: each step as the loudest finding has it; an order by its item."""
        found: dict[str, Step] = {}
        for episode in self.bed.episodes.values():
            for finding in (episode.finding, *episode.others):
                for line in finding.steps:
                    found.setdefault(re.sub(r"^order:(\w+)@.*", r"\1", line.id), line)
        return found

    def holds(self, condition: str) -> Truth:
        return truth(parse(condition), self.seen, definitions=BOOK.definitions).truth


@cache
def story(name: str) -> Story:
    """A vignette with the real rules and the real forecaster."""
    return Story(name, mind())


def reasons(line: Step, severity: str) -> set[str]:
    return {reason.block for reason in line.reasons if reason.severity == severity}


def points(moment: Moment) -> list[int | None]:
    return [part.points for part in news2(moment.seen).parts]


# -- V1: septic shock, pneumonia, penicillin anaphylaxis


@row(
    "V1",
    "08:05",
    "SEP.T1; steps SEP.S1, SEP.S2, SEP.S3a/b clock",
    "NEWS2 8 (2/1/2/1/1/0/1). Cultures and antibiotic are *planned/negated* in the note: must not count as done",
)
def test_v1_a_note_of_pneumonia_makes_it_possible_sepsis() -> None:
    """By 08:05 possible sepsis is warned of, with its first steps and their clocks; what is planned is not done."""
    now = story("V1").by("08:05")
    assert now.findings()["SEP.T1"].level is Level.WARNING
    assert news2(now.seen).total == 8
    assert points(now) == [2, 1, 2, 1, 1, 0, 1]
    steps = now.steps()
    assert [steps[s].state for s in ("SEP.S1", "SEP.S2")] == [StepState.OFFERED, StepState.OFFERED]
    assert steps["SEP.S3b"].state is StepState.MODIFIED  # no penicillin
    assert steps["SEP.S3b"].due_at == story("V1").at("11:05")
    assert all(step.done_at is None for step in steps.values())


@row(
    "V1",
    "08:30",
    "SEP.T2; AKI.T1 (1.67× → stage 1)",
    "SOFA lower bound 3 (platelets 1, bilirubin 1, creatinine 1; respiration UNKNOWN → data_request FiO₂/PaO₂). "
    "Deadline S3a 09:30",
)
def test_v1_the_laboratory_shows_organ_dysfunction() -> None:
    """By 08:30 SOFA is at least 3, what it lacks is asked for, and an antimicrobial is due within the hour."""
    now = story("V1").by("08:30")
    assert now.findings()["SEP.T2"].level is Level.WARNING
    score = sofa(now.seen)
    assert (score.lower, score.complete) == (3, False)
    assert [part.points for part in score.parts] == [None, 1, 1, 0, None, 1]
    assert "pao2" in {need.subject for need in now.findings()["SEP.T2"].needs}
    assert now.steps()["SEP.S3a"].due_at == story("V1").at("09:30")
    assert now.holds("aki_stage at_least 1") is Truth.YES  # the number that AKI.T1 will rest on
    assert now.steps()["SEP.S1"].done_at == story("V1").at("08:30")


class _Expects62:
    """A forecaster made up for one test: it expects a mean pressure of 62 mmHg at every horizon, and nothing else."""

    name, version, digest, batch = "expects-62", "1", "0" * 16, 1
    horizons_h, concepts = HORIZONS_H, frozenset({"map"})
    state = ModelState(digest=digest, body=b"")

    def encode(
        self,
        states: Sequence[ModelState | None],  # noqa: ARG002, the protocol's
        seen: Sequence[Seen],
    ) -> list[ModelState]:
        return [self.state for _ in seen]

    def rebuilt(self, snapshot: Snapshot) -> ModelState:  # noqa: ARG002
        return self.state

    def outlooks(
        self,
        states: Sequence[ModelState],  # noqa: ARG002
        snapshots: Sequence[Snapshot],
    ) -> list[Outlook]:
        return [_Outlook62(snapshot.newest("map")) for snapshot in snapshots]


class _Outlook62:
    until = FAR

    def __init__(self, origin: Reading | None) -> None:
        self.origin = origin

    def fan(self, concept: str) -> Fan | Unavailable:
        if concept != "map" or self.origin is None:
            return Unavailable(reason="nothing is expected")
        rows, at = ((62.0,) * len(LEVELS),) * len(HORIZONS_H), self.origin.observed_at
        return Fan(concept="map", horizons_h=HORIZONS_H, quantiles=rows, origin=identity(self.origin), origin_at=at)

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:  # noqa: ARG002, the protocol's
        return Unavailable(reason="nothing is expected")


@row("V1", "08:45", "SEP.T5 predicted", "only watch; no fluid or drug step from the forecast")
def test_v1_an_expected_fall_of_pressure_is_watched() -> None:
    """By 08:45 a forecast of 62 mmHg is a watch, and leads to tests and monitoring only.

    The forecast is made up: the real forecaster does not see this fall coming (next test).
    """
    now = Story("V1", replace(mind(), forecaster=_Expects62())).by("08:45")
    foretold = now.findings()["SEP.T5"]
    assert foretold.level is Level.WATCH
    assert {line.id for line in foretold.steps} == {"SEP.S1", "SEP.S2", "SEP.M1"}
    assert now.level("SEP") is Level.WARNING  # the forecast made nothing louder
    assert not {"SEP.S4", "SEP.S5", "SEP.S6", "SEP.S8"} & now.steps().keys()


def test_v1_the_real_forecast_offers_no_drug_and_no_fluid() -> None:
    """On this ward the real forecaster does not speak; in intensive care it would expect no low pressure at 08:45."""
    now = story("V1").by("08:45")

    def expected_low(seen: Snapshot) -> Truth:
        asked, forecaster = parse("expected map in 1 h below 65"), mind().forecaster
        return truth(asked, seen, forecaster.outlooks([forecaster.rebuilt(seen)], [seen])[0]).truth

    assert expected_low(now.seen) is Truth.UNKNOWN
    assert expected_low(structs.replace(now.seen, setting="icu")) is Truth.NO
    assert "SEP.T5" not in now.findings()
    assert not {"SEP.S4", "SEP.S5", "SEP.S6", "SEP.S8"} & now.steps().keys()
    foretold = [f for f in story("V1").findings() if any(e.kind == "forecast" for e in f.evidence)]
    assert {line.id for f in foretold for line in f.steps} <= {"SEP.S1", "SEP.S2", "SEP.M1"}


@row(
    "V1",
    "09:05",
    "SEP.T3 critical; SEP.S4 2400 mL by 12:05, SEP.S5 ready",
    "NEWS2 14 at 09:00; SI 1.43 at 09:05 (123/86); hypotension via two NIBP 5 min apart",
)
def test_v1_the_second_low_cuff_pressure_is_critical() -> None:
    """By 09:05 two low cuff pressures are critical, with the volume, its deadline and a vasopressor ready."""
    now = story("V1").by("09:05")
    assert now.level("SEP") is Level.CRITICAL
    assert now.findings()["SEP.T3"].onset.at == story("V1").at("09:05")
    assert now.holds("is hypotension") is Truth.YES
    assert story("V1").by("09:04").holds("is hypotension") is Truth.UNKNOWN
    assert news2(story("V1").by("09:00").seen).total == 14
    assert (now.holds("shock_index above 1.425"), now.holds("shock_index above 1.435")) == (Truth.YES, Truth.NO)
    fluid = now.steps()["SEP.S4"]
    assert "= 2400 mL" in fluid.text
    assert fluid.due_at == story("V1").at("12:05")
    assert "ready" in now.steps()["SEP.S5"].text
    assert "SEP.S6" not in now.steps()  # no second vasopressor before the first


def test_v1_the_volume_needs_a_check_until_treatments_are_heard_of() -> None:
    """At 09:05 no treatment was ever reported, so what was given is not known: a check; the order of 09:06 ends it."""
    fluid = story("V1").by("09:05").steps()["SEP.S4"]
    assert fluid.state is StepState.NEEDS_CHECK
    assert {need.why for reason in fluid.reasons for need in reason.needs} == {"no treatment was ever reported"}
    assert story("V1").by("09:06").steps()["SEP.S4"].state is StepState.OFFERED


@row(
    "V1",
    "09:06",
    "SEP.B5 / DRG.BLPEN hard block on pip-tazo; offer DRG.CARB allow (meropenem) or soft DRG.CEF-DISS",
    "reason names the allergy entry",
)
def test_v1_the_penicillin_is_withheld() -> None:
    """By 09:06 the ordered penicillin is withheld; the reason names the allergy entry and what may be given instead."""
    order = story("V1").by("09:06").steps()["piperacillin_tazobactam"]
    assert order.state is StepState.WITHHELD
    (reason,) = [r for r in order.reasons if r.block == "SEP.B5"]
    assert reason.severity == "hard"
    assert [e.shown for e in reason.evidence] == ["piperacillin-tazobactam, anaphylaxis"]
    assert "meropenem" in reason.text
    assert "DRG.CEF-DISS" in reason.text


@row("V1", "09:20", "SEP.S2, S3a done", "cultures 09:15 before drug, 15 min < 45")
def test_v1_cultures_and_antimicrobial_are_done() -> None:
    """By 09:20 cultures and antimicrobial count as done, each at its own time, and nothing blames a delay."""
    steps = story("V1").by("09:20").steps()
    assert (steps["SEP.S2"].state, steps["SEP.S3a"].state) == (StepState.DONE, StepState.DONE)
    assert steps["SEP.S2"].done_at == story("V1").at("09:15")
    assert steps["SEP.S3a"].done_at == story("V1").at("09:20")
    assert "SEP.B13" not in {r.block for line in steps.values() for r in line.reasons}


@row("V1", "10:32", "SEP.S5 recommended", "MAP 60.7 during fluid, urine 0.125 mL/kg/h, CRT 4")
def test_v1_pressure_stays_low_during_fluid() -> None:
    """By 10:32 norepinephrine is offered: pressure is low during fluid, with little urine and slow refill."""
    now = story("V1").by("10:32")
    assert now.steps()["SEP.S5"].state is StepState.OFFERED
    assert now.steps()["SEP.S5"].text.startswith("Start norepinephrine")
    assert now.holds("is hp_crt") is Truth.YES
    assert (now.holds("uo_rate_2h at_least 0.124"), now.holds("uo_rate_2h at_most 0.126")) == (Truth.YES, Truth.YES)


@row(
    "V1",
    "12:02",
    "SEP.T4; SEP.S6",
    "2500/80 = 31.3 mL/kg, lactate 3.8; SOFA 8 (1/1/4/1/1, respiration missing); MAP target 65 (age <65)",
)
def test_v1_septic_shock_on_norepinephrine() -> None:
    """By 12:02 it is septic shock after 31 mL/kg, vasopressin is offered, and SOFA is at least 8."""
    now = story("V1").by("12:02")
    assert now.findings()["SEP.T4"].level is Level.CRITICAL
    assert now.holds("total of any crystalloid over 6 h at_least 31.2 mL/kg") is Truth.YES
    assert now.holds("total of any crystalloid over 6 h above 31.3 mL/kg") is Truth.NO
    assert now.steps()["SEP.S6"].state is StepState.OFFERED
    assert [part.points for part in sofa(now.seen).parts] == [None, 1, 1, 4, 1, 1]
    assert "MAP 65 mmHg" in now.steps()["SEP.S5"].text


@row("V1", "12:05", "SEP.B3 hard block on the ordered bolus", "31.3 mL/kg within 3 h, responsiveness not documented")
def test_v1_the_reflex_bolus_is_withheld() -> None:
    """By 12:05 the next bolus is withheld: 30 mL/kg are in, and no test has shown that more helps."""
    order = story("V1").by("12:05").steps()["lactated_ringer"]
    assert order.state is StepState.WITHHELD
    assert reasons(order, "hard") == {"SEP.B3"}


@row("V1", "16:05", "SEP.S8 hydrocortisone 50 mg q6h", "norepinephrine ≥0.25 sustained 4 h; ned 0.375")
def test_v1_hydrocortisone_after_four_hours() -> None:
    """By 16:05 hydrocortisone is offered: norepinephrine equivalents of 0.25 and more for four hours."""
    now = story("V1").by("16:05")
    assert now.holds("ned at_least 0.25 for 4 h") is Truth.YES
    assert "50 mg" in now.steps()["SEP.S8"].text
    assert now.steps()["SEP.S8"].state is StepState.OFFERED
    assert "SEP.S8" not in story("V1").by("15:50").steps()
    said = [
        event.alert.card for event in story("V1").said if isinstance(event, AlertEvent) and event.alert.key == "SEP"
    ]
    assert "Hydrocortisone" in said[-1].detail  # also on the card, though the lactate is by then too old
    assert "I cannot tell whether this patient is going into septic shock: measure lactate" in said[-1].detail


@row("V1", "all", "must_not", "beta-lactam of penicillin class; SEP.B1 (no oedema); any bicarbonate step")
def test_v1_what_must_never_be_said() -> None:
    """In all of V1 no penicillin is offered, no oedema is claimed and no bicarbonate is named."""
    lines = list(story("V1").checklists())
    assert not any("SEP.B1" in reasons(line, "hard") for line in lines)
    assert not any("icarbonate" in line.text for line in lines)
    named = [line for line in lines if re.search(r"penicillin|piperacillin", line.text)]
    assert {line.state for line in named if "no penicillin" not in line.text} == {StepState.WITHHELD}


# -- V2: cardiogenic shock mistaken for pneumonia


@row(
    "V2",
    "14:10",
    "`pulm_oedema` TRUE via crackles + o2_up",
    'the "flash pulm edema" mention is uncertain and does not suffice alone',
)
def test_v2_wet_lungs_are_seen_when_oxygen_goes_up() -> None:
    """By 14:10 crackles and more oxygen are pulmonary oedema; before, the hedged word alone was not."""
    assert story("V2").by("14:09").holds("is pulm_oedema") is Truth.UNKNOWN
    assert story("V2").by("14:10").holds("is pulm_oedema") is Truth.YES


@row("V2", "14:20", "CGS.T2; SEP.T1 (infection possible only); AKI.T1", "NEWS2 11 at 14:00")
def test_v2_a_hedged_pneumonia_is_possible_sepsis() -> None:
    """By 14:20 possible sepsis is warned of, with an infection that is only possible, and the words say so."""
    now = story("V2").by("14:20")
    assert now.findings()["SEP.T1"].level is Level.WARNING
    assert (now.holds("is infection_only_possible"), now.holds("is infection_likely")) == (Truth.YES, Truth.NO)
    assert "noted as possible" in now.findings()["SEP.T1"].sentence.text
    assert news2(story("V2").by("14:00").seen).total == 11
    assert now.holds("aki_stage at_least 1") is Truth.YES  # the number that AKI.T1 will rest on


@row("V2", "14:36", "CGS.T1 critical; SEP.T3 also TRUE", "CGS.S1, S2, S4, S7, S8 shown")
def test_v2_poor_perfusion_is_critical() -> None:
    """By 14:36 the perfusion is called poor, aloud: the pressure fell and the lactate is high."""
    now = story("V2").by("14:36")
    assert now.level("SEP") is Level.CRITICAL
    assert now.holds("all_of(is infection_suspected; is poor_perfusion)") is Truth.YES  # SEP.T3, whose place T6 takes
    assert now.findings()["SEP.T6"].level is Level.CRITICAL
    assert now.holds("is hypotension") is Truth.YES


@row("V2", "14:40", "CGS.B3 / SEP.B1 hard block on bolus", "reason: pulmonary oedema; offer SEP.S5 and CGS.S4")
def test_v2_the_bolus_into_wet_lungs_is_withheld() -> None:
    """By 14:40 the bolus is withheld for pulmonary oedema, with the note's words, and norepinephrine is offered."""
    now = story("V2").by("14:40")
    order = now.steps()["lactated_ringer"]
    assert order.state is StepState.WITHHELD
    (reason,) = [r for r in order.reasons if r.block == "SEP.B1"]
    assert "Pulmonary oedema" in reason.text
    assert "bibasilar crackles" in " ".join(e.shown for e in reason.evidence)
    assert now.steps()["SEP.S5"].state is StepState.OFFERED
    assert "60–65" in now.steps()["SEP.S5"].text  # from 65 years on


@row("V2", "14:41", "CGS.B1 / SEP.B9 hard block on metoprolol", "SI 124/84 = 1.48")
def test_v2_the_beta_blocker_is_withheld() -> None:
    """By 14:41 the intravenous beta-blocker is withheld: she is in shock."""
    now = story("V2").by("14:41")
    assert now.steps()["metoprolol"].state is StepState.WITHHELD
    assert reasons(now.steps()["metoprolol"], "hard") == {"SEP.B9"}
    assert (now.holds("shock_index at_least 1.47"), now.holds("shock_index above 1.48")) == (Truth.YES, Truth.NO)


@row(
    "V2",
    "14:50",
    "antimicrobial shown only as SEP.S3a with infection level *possible*, marked uncertain",
    'not blocked, not "definite sepsis"',
)
def test_v2_the_antimicrobial_is_marked_uncertain() -> None:
    """By 14:50 the antimicrobial is on the list, not withheld, and says that the infection is only possible."""
    now = story("V2").by("14:50")
    line = now.steps()["SEP.S3a"]
    assert line.state is StepState.OFFERED
    assert reasons(line, "soft") == {"SEP.U1"}
    assert "SEP.S3b" not in now.steps()
    assert "noted as possible" in now.findings()["SEP.T6"].sentence.text


@row("V2", "all", "must_not", "SEP.S4 as recommendation; fever; cardiac.chest_pain affirmed")
def test_v2_what_must_never_be_said() -> None:
    """In all of V2 no volume is recommended, and neither fever nor chest pain is read out of their denials."""
    volume = [line.state for line in story("V2").checklists() if line.id == "SEP.S4"]
    assert set(volume) == {StepState.WITHHELD}
    facts = story("V2").end.chart.facts
    assert {f.polarity.value for f in facts if f.concept in ("temp.high", "cardiac.chest_pain")} == {"negated"}


# -- V7: atrial fibrillation, septic, a weak heart


@row("V7", "16:06", "SEP.T1, SEP.T3 critical; AFR.T3 (at 16:10 AFR.T1)", "NEWS2 13 (2/2/2/3/3/0/1); driver = infection")
def test_v7_a_septic_patient_with_a_fast_heart() -> None:
    """By 16:06 sepsis with poor perfusion is critical, from a note's infection and two low cuff pressures."""
    now = story("V7").by("16:06")
    assert now.level("SEP") is Level.CRITICAL
    assert {"SEP.T1", "SEP.T3"} <= now.findings().keys()
    assert news2(now.seen).total == 13
    assert points(now) == [2, 2, 2, 3, 3, 0, 1]
    assert "“CAUTI”" in now.findings()["SEP.T3"].sentence.text


@row(
    "V7",
    "16:06",
    "AFR.B2 diltiazem hard; AFR.B1 metoprolol hard; AFR.B4 cardioversion hard; "
    "SEP.B2 modify 30 mL/kg → 250 mL aliquots",
    "LVEF 30",
)
def test_v7_a_weak_heart_gets_small_aliquots() -> None:
    """By 16:06 the ordered 30 mL/kg become 250 mL aliquots, with the LVEF as the reason."""
    now = story("V7").by("16:06")
    for line in (now.steps()["lactated_ringer"], now.steps()["SEP.S4"]):
        assert line.state is StepState.MODIFIED
        assert "250 mL" in line.text
        (reason,) = [r for r in line.reasons if r.block == "SEP.B2"]
        assert "30 %" in {e.shown for e in reason.evidence}


def test_v7_a_beta_blocker_is_not_let_pass_while_shock_is_unclear() -> None:
    """At 16:06 nobody has measured perfusion: the beta-blocker needs a check; the lactate of 16:20 withholds it."""
    assert story("V7").by("16:06").steps()["metoprolol"].state is StepState.NEEDS_CHECK
    assert reasons(story("V7").by("16:20").steps()["metoprolol"], "hard") == {"SEP.B9"}


@row("V7", "later", "MAP target 60–65 allowed (age ≥65)", "SEP.S5")
def test_v7_the_pressure_target_follows_age() -> None:
    """From 65 years on the target is 60–65 mmHg."""
    assert "60–65 mmHg" in story("V7").by("16:25").steps()["SEP.S5"].text


@row("V7", "all", "must_not", "SEP.B1 (lungs clear, no oedema); AFR.S4")
def test_v7_what_must_never_be_said() -> None:
    """In all of V7 clear lungs block no fluid: not as oedema, and not as a question about it."""
    assert not any(r.block == "SEP.B1" for line in story("V7").checklists() for r in line.reasons)


# -- V10: artefacts, history and copied text


def marks(clock: str, until: str) -> dict[str, set[tuple[Quality, str]]]:
    """The quality and the rule of each concept's pressures or saturations observed in [clock, until]."""
    start, end = story("V10").at(clock), story("V10").at(until)
    found: dict[str, set[tuple[Quality, str]]] = {}
    for concept in ("sbp", "dbp", "map", "spo2"):
        for reading in story("V10").end.chart.readings[concept]:
            if start <= reading.observed_at <= end and reading.method != "nibp" and reading.quality is not Quality.OK:
                rule = re.search(r"Q\d+", reading.reason or "")
                found.setdefault(concept, set()).add((reading.quality, rule[0] if rule else "hard limit"))
    return found


@row("V10", "", "Q1 at 00:10, Q2 at 00:20, Q4 at 00:25", "SEP, HEM, CGS, ARF, AFR, HYK.T2/T3, AKI, COPD triggers")
def test_v10_artefacts_are_marked_and_nothing_fires() -> None:
    """A damped line, a flush and a poor signal are marked by their rules; in the whole night no alert is raised."""
    damped = {(Quality.SUSPECT, "Q1")}
    assert marks("00:10", "00:11") == {"sbp": damped, "dbp": damped, "map": damped}
    flush = {(Quality.ARTEFACT, "Q2")}
    limit = {(Quality.ARTEFACT, "hard limit")}  # 214 is beyond what a diastolic pressure can be: refused at the door
    assert marks("00:20", "00:21") == {"sbp": flush, "map": flush, "dbp": limit}
    assert marks("00:25", "00:26") == {"spo2": {(Quality.SUSPECT, "Q4")}}
    assert [event for event in story("V10").said if isinstance(event, AlertEvent)] == []


@row("V10", "", "repeat sample + ECG request (HYK.S1) at 01:00, Q8", "HYK.S3, HYK.S4")
def test_v10_a_haemolysed_potassium_is_suspect() -> None:
    """The potassium of 6.1 from a haemolysed sample is kept, marked and not used; the repeat of 4.3 is."""
    (bad, good) = story("V10").end.chart.readings["k"]
    assert (bad.value, bad.quality, "Q8" in (bad.reason or "")) == (6.1, Quality.SUSPECT, True)
    assert story("V10").by("01:00").seen.latest("k") is None
    assert story("V10").by("01:30").seen.latest("k") == good


@row("V10", "", "Q15 at 01:10", "lactate alarm or SEP.S1 completion as current")
def test_v10_a_lactate_that_comes_nine_hours_late_is_history() -> None:
    """The late lactate is stored at its own time and shown as too old; it answers nothing that is asked now."""
    now = story("V10").by("01:10")
    (late,) = now.bed.chart.readings["lactate"]
    assert (late.value, late.observed_at) == (3.4, story("V10").at("01:10") - timedelta(hours=9))
    assert now.seen.latest("lactate") is None
    assert now.holds("lactate at_least 0") is Truth.UNKNOWN  # what would tick SEP.S1 off
    (shown,) = [vital for vital in view(now.bed, mind()).vitals if vital.concept == "lactate"]
    assert not shown.valid


@row("V10", "", "Q13 at 01:20 (88 proposes µmol/L)", "AKI.T2 from 88 mg/dL")
def test_v10_a_creatinine_in_the_wrong_unit_is_asked_about() -> None:
    """88 mg/dL is refused with the question whether µmol/L was meant, kept as an artefact, and stages no kidney."""
    asked = [r.why for r in story("V10").stay.refused if "creatinine" in r.why]
    assert len(asked) == 1
    assert "umol/L" in asked[0]
    now = story("V10").by("01:20")
    assert {r.value: r.quality for r in now.bed.chart.readings["creatinine"]}[88] is Quality.ARTEFACT
    assert now.holds("aki_stage at_least 1") is Truth.NO


@row("V10", "", "note: no infection.*, no bleed.*, no perf.*, no o2 6 L", "o2_up")
def test_v10_other_peoples_and_copied_words_are_not_his() -> None:
    """A father's shock, what to watch for and yesterday's line are read, and none of them may be used."""
    facts = story("V10").end.chart.facts
    usable = {f.concept for f in facts if f.usable}
    assert not any(concept.startswith(("infection.", "bleed.", "perf.")) for concept in usable)
    assert [f.value for f in facts if f.concept == "o2.device" and f.usable and f.note.endswith("01:05:00+00:00")] == []
    assert story("V10").by("01:05").holds("noted resp.crackles_bilat within 4 h") is Truth.NO
    assert story("V10").by("01:05").holds("is o2_up") is Truth.NO


# -- what holds of all of them


@pytest.mark.parametrize("name", ["V1", "V2", "V7", "V10"])
def test_every_number_that_was_said_is_bound(name: str) -> None:
    """No sentence spoken in a vignette holds a number that does not come from its evidence."""
    assert {f.rule: unbound(f.sentence) for f in story(name).findings() if unbound(f.sentence)} == {}


def test_no_row_waits_for_a_guideline_that_exists() -> None:
    """What is listed as waiting names guidelines that the book does not have; once one is there, its rows are tests."""
    waiting = {name for text in WAITING.values() for name in re.findall(r"\b([A-Z]{3,4})\b", text)} - {"ECG"}
    assert waiting.isdisjoint({guideline.id for guideline in BOOK.guidelines}), NO_GUIDELINE


def test_every_guideline_that_a_row_names_is_tested_or_waits() -> None:
    """A row that names a guideline outside the book has it in the list of what waits."""
    ours = {guideline.id for guideline in BOOK.guidelines} | {"DRG"}  # drug safety blocks stand in SEP
    named = {(r.vignette, n) for r in ROWS for n in re.findall(r"\b([A-Z]{3,4})(?=\.[TSB]\d)", f"{r.must} {r.details}")}
    waiting = {(vignette, name) for (vignette, _), text in WAITING.items() for name in re.findall(r"[A-Z]{3,4}", text)}
    assert {(vignette, name) for vignette, name in named if name not in ours} <= waiting


REFERENCE = ROOT.parent / "shared" / "clinical" / "REFERENCE.md"


def _demands(text: str, vignette: str) -> Iterator[Row]:
    """The rows of the vignette's second table, as written."""
    section = text.partition(f"\n## {vignette} ")[2].partition("\n## ")[0]
    table = re.split(r"\n\|[ -|]*must[^\n]*\n\|[-|]+\n", section)[1]
    for line in table.strip().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        yield Row(vignette, *cells) if len(cells) == 3 else Row(vignette, "", *cells)


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the clinical reference is not beside the repository")
@pytest.mark.parametrize("name", ["V1", "V2", "V7", "V10"])
def test_no_row_of_the_reference_is_left_out(name: str) -> None:
    """Each row of the reference's table of demands is a test here, word for word, or is listed with its reason."""
    demanded = list(_demands(REFERENCE.read_text(encoding="utf-8"), name))
    assert sorted(demanded) == sorted(r for r in (*ROWS, *ALLOWED) if r.vignette == name)
