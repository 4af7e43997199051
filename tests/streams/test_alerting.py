"""The life of an alert, drawn: what the rules say at each look, and what is said to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import pytest

from guidelines.checklist import Outline
from guidelines.judge import Weighed
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.cards import SUMMARY_CHARS_MAX
from schemas.clinical.findings import (
    Evidence,
    Finding,
    Level,
    Onset,
    Passage,
    Sentence,
    Step,
    StepState,
    Truth,
)
from streams.core.alerting import Look, Policy, spoken
from streams.core.bed import Bed
from tests.streams.bedside import at

RULES = {"T1": Level.WARNING, "T3": Level.CRITICAL}
ASKS = "T1?"  # T1 cannot be told, and asks for a measurement


def finding(rule: str, clock: str, value: float = 60, steps: Mapping[str, StepState] | None = None) -> Finding:
    """What a rule says; its evidence is one reading of that value."""
    level = Level.ASK if rule == ASKS else RULES[rule]
    shown = Evidence(
        kind="reading",
        subject="map",
        label="MAP",
        shown=f"{value:g} mmHg",
        at=at(clock),
        ref=f"r|map|{value:g}",
        value=value,
    )
    passage = Passage(citation="Somebody 2026", text="Do it.", strength="strong")
    return Finding(
        encounter="e1",
        rule=f"G.{rule}",
        rule_version="1",
        guideline="G",
        title="Low pressure",
        level=level,
        at=at(clock),
        onset=Onset(at=at(clock), ref=f"r|map|{clock}"),
        sentence=Sentence(template="MAP is {0}.", evidence=(shown,)),
        steps=tuple(Step(id=name, text="Act.", state=state, passage=passage) for name, state in (steps or {}).items()),
    )


@dataclass
class Said:
    """A claim of which all is known."""

    finding: Finding

    def __post_init__(self) -> None:
        self.rule, self.guideline = self.finding.rule, self.finding.guideline
        self.level, self.onset = self.finding.level, self.finding.onset
        self.concepts = frozenset({"map"})
        self.outline: tuple[Outline, ...] = tuple((step.id, step.state, ()) for step in self.finding.steps)


def look(clock: str, says: str, fresh: bool = True, value: float = 60, **steps: StepState) -> Look:
    """`says`: the rules that hold, `?` for one that asks; in lower case one that is UNKNOWN; "-" none."""
    rules = [] if says == "-" else says.split()
    truths = dict.fromkeys((f"G.{rule}" for rule in RULES), Truth.NO)
    truths |= {f"G.{rule.upper()}": Truth.UNKNOWN for rule in rules if rule.islower()}
    truths |= {f"G.{rule}": Truth.YES for rule in rules if rule in RULES}
    if ASKS in rules:
        truths["G.T1"] = Truth.UNKNOWN
    claims = tuple(Said(finding(rule, clock, value, steps)) for rule in rules if not rule.islower())
    return Look(at(clock), Weighed(claims, truths), fresh)


def told(*looks: Look) -> list[str]:
    """What was said at each look, in short: "raised warning"; "" for nothing."""
    bed, said = Bed("e1"), []
    for one in looks:
        bed, events = spoken(bed, one, Policy())
        said.append(" ".join(f"{event.change.value} {event.alert.level.value}" for event in events))
    return said


STORIES = {
    "said once": [
        ("08:00", "T1", True, "raised warning"),
        ("08:01", "T1", True, ""),
        ("08:02", "T1", True, ""),
    ],
    "worsens aloud, eases late and quietly": [
        ("08:00", "T1", True, "raised warning"),
        ("08:10", "T1 T3", True, "worsened critical"),
        ("08:12", "T1", True, ""),
        ("08:20", "T1", True, ""),
        ("08:27", "T1", True, "eased warning"),
        ("08:28", "T1 T3", True, "worsened critical"),
    ],
    "a dip between does not clear it": [
        ("08:00", "T1", True, "raised warning"),
        ("08:05", "-", True, ""),
        ("08:15", "T1", True, ""),
        ("08:20", "-", True, ""),
        ("08:34", "-", True, ""),
        ("08:35", "-", True, "resolved warning"),
        ("08:36", "T1", True, "raised warning"),
    ],
    "time alone clears nothing": [
        ("08:00", "T1", True, "raised warning"),
        ("08:05", "-", True, ""),
        ("09:00", "-", False, ""),
        ("09:30", "-", True, "resolved warning"),
    ],
    "hourly data: two looks that find nothing clear it, though it was too old between": [
        ("08:00", "T1", True, "raised warning"),
        ("09:00", "-", True, ""),
        ("09:16", "t1", False, ""),
        ("10:00", "-", True, "resolved warning"),
    ],
    "unknown keeps it standing, and is said once": [
        ("08:00", "T1", True, "raised warning"),
        ("08:16", "t1", False, "updated warning"),
        ("08:20", "t1", True, ""),
        ("09:30", "t1", True, ""),
        ("09:31", "T1", True, "updated warning"),
    ],
    "what made it critical cannot be seen: critical it stays": [
        ("08:00", "T1 T3", True, "raised critical"),
        ("08:16", "T1 t3", True, "updated critical"),
        ("08:50", "T1 t3", True, ""),
        ("08:51", "T1", True, ""),
        ("09:06", "T1", True, "eased warning"),
    ],
    "a question is quiet, and becomes a warning": [
        ("08:00", "T1?", True, "raised ask"),
        ("08:30", "T1?", True, ""),
        ("08:31", "T1", True, "worsened warning"),
    ],
    "a question that is answered goes": [
        ("08:00", "T1?", True, "raised ask"),
        ("08:30", "-", True, ""),
        ("08:45", "-", True, "resolved ask"),
    ],
}


@pytest.mark.parametrize("name", STORIES)
def test_the_life_of_an_alert(name: str) -> None:
    """Each story, look by look, says exactly what is drawn."""
    story = STORIES[name]
    looks = [look(clock, says, fresh) for clock, says, fresh, _ in story]
    assert told(*looks) == [expected for *_, expected in story]


def test_new_evidence_is_told_quietly_and_not_too_often() -> None:
    """Another value every minute: an update after five minutes, not before; the same value again: none."""
    minutes = count(0)
    looks = [look(f"08:{next(minutes):02}", "T1", value=value) for value in (60, 59, 58, 57, 56, 55, 54)]
    assert told(*looks) == ["raised warning", "", "", "", "", "updated warning", ""]
    assert told(*(look(f"08:{minute:02}", "T1") for minute in range(20)))[1:] == [""] * 19


def test_a_step_that_changes_is_told_at_once() -> None:
    """A step that is withheld a minute later is an update; the same state again is none."""
    offered, withheld = StepState.OFFERED, StepState.WITHHELD
    looks = [look("08:00", "T1", S1=offered), look("08:01", "T1", S1=withheld), look("08:02", "T1", S1=withheld)]
    assert told(*looks) == ["raised warning", "updated warning", ""]


OFFERED, WITHHELD, NEW = StepState.OFFERED, StepState.WITHHELD, "updated critical"


@pytest.mark.parametrize(
    ("then", "says", "said"),
    [
        pytest.param("T1 t3", {"S1": OFFERED}, "", id="unseen, and the list as it was"),
        pytest.param("T1 t3", {"S1": WITHHELD}, NEW, id="unseen: a step is withheld now"),
        pytest.param("T1 t3", {"S1": OFFERED, "S8": OFFERED}, NEW, id="unseen: a step is due now"),
        pytest.param("T1 t3", {}, NEW, id="unseen: a step applies no longer"),
        pytest.param("T1? t3", {"S1": OFFERED}, "", id="a question has its own steps only: no reason to speak"),
        pytest.param("t1 t3", {}, "", id="nothing can be seen: no reason to speak"),
    ],
)
def test_the_checklist_goes_on_while_the_level_cannot_be_seen(
    then: str, says: Mapping[str, StepState], said: str
) -> None:
    """What made it critical is too old to see; a step that changes is said all the same, and the card lists it once."""
    bed = Bed("e1")
    for clock in ("08:00", "08:20"):
        bed, _ = spoken(bed, look(clock, "T1 T3" if clock == "08:00" else "T1 t3", S1=OFFERED), Policy())
    bed, events = spoken(bed, look("08:30", then, **says), Policy())
    assert " ".join(f"{event.change.value} {event.alert.level.value}" for event in events) == said
    alert = bed.episodes["G"].alert
    assert alert.finding.rule == "G.T3"  # the words of what was seen last stay in front
    assert {step.id: step.state for step in alert.finding.steps} == (says if said else {"S1": OFFERED})
    bed, again = spoken(bed, look("08:31", then, **says), Policy())
    assert again == ()


def test_an_order_is_withheld_while_an_alert_waits_to_ease() -> None:
    """Seen over, not yet for long enough: a step that is withheld in that time is said at once, and it still eases."""
    looks = [
        look("08:00", "T1 T3", S1=OFFERED),
        look("08:05", "T1", S1=OFFERED),
        look("08:06", "T1", S1=WITHHELD),
        look("08:21", "T1", S1=WITHHELD),
    ]
    assert told(*looks) == ["raised critical", "", "updated critical", "eased warning"]


def events_of(*looks: Look) -> list[AlertEvent]:
    bed, said = Bed("e1"), []
    for one in looks:
        bed, events = spoken(bed, one, Policy())
        said.extend(events)
    return said


def test_each_episode_has_its_own_id_made_of_content() -> None:
    """One episode keeps its id; the next has another; even one that the same event starts again."""
    quiet = [look("08:20", "-"), look("08:40", "-")]
    first, resolved, again = events_of(look("08:00", "T1"), *quiet, look("08:41", "T1"))
    assert first.alert.id == resolved.alert.id != again.alert.id
    same = look("08:00", "T1").weighed
    first, resolved, again = events_of(look("08:00", "T1"), *quiet, Look(at("08:41"), same, True))
    assert first.alert.id != again.alert.id
    assert first.alert.id == events_of(look("08:00", "T1"))[0].alert.id


def test_an_onset_lasts_as_long_as_its_episode() -> None:
    """The time zero of a rule is kept while the episode stands, also when the rule pauses; it ends with it."""
    bed = Bed("e1")
    for one in (look("08:00", "T1"), look("08:10", "T1 T3"), look("08:20", "T1"), look("08:30", "T1 T3")):
        bed, _ = spoken(bed, one, Policy())
    assert {rule: onset.at for rule, onset in bed.onsets.items()} == {"G.T1": at("08:00"), "G.T3": at("08:10")}
    for one in (look("08:40", "-"), look("08:56", "-")):
        bed, _ = spoken(bed, one, Policy())
    assert bed.onsets == {}


def test_the_card_keeps_to_cds_hooks() -> None:
    """Summary below 140 characters, the indicator of the level, steps as suggestions, the four reasons to override."""
    states = {"S1": StepState.OFFERED, "S2": StepState.MODIFIED, "S3": StepState.WITHHELD, "S4": StepState.DONE}
    (event,) = events_of(look("08:00", "T3", **states))
    card = event.alert.card
    assert len(card.summary) <= SUMMARY_CHARS_MAX
    assert card.indicator == "critical"
    assert UUID(card.uuid).hex == event.alert.id
    assert [suggestion.isRecommended for suggestion in card.suggestions] == [True, False]
    assert card.selectionBehavior == "any"
    assert [reason.display for reason in card.overrideReasons] == [
        "Lab ordered",
        "Will review",
        "Already treated",
        "Not clinically valid",
    ]
    assert "withheld: Act." in card.detail
    assert events_of(look("08:00", "T1?"))[0].alert.card.indicator == "info"
