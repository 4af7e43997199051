"""The life of an alert: the table row by row, then what is said in words, through the step and a small rule book."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guidelines.book.load import read
from guidelines.evaluation import Evaluation, Speaking
from schemas.clinical.alerts import AlertEvent, Change
from schemas.clinical.cards import SUMMARY_CHARS_MAX
from schemas.clinical.findings import Finding, Level, Onset, Sentence, StepState, Truth
from schemas.events import Event, Tick
from streams.core import alerting
from streams.core.absorb import Instant
from streams.core.alerting import TABLE, Circumstances, Look, Transition, levels_with, transition
from streams.core.bed import Bed, Episode
from streams.core.judge import Mind
from streams.core.policy import Policy
from tests.streams.bedside import admitted, at, fed, mind, play, reading, treatment

RULES = {"T1": Level.WARNING, "T3": Level.CRITICAL}
OFFERED, WITHHELD = StepState.OFFERED, StepState.WITHHELD
Steps = Mapping[str, StepState]
NO_STEPS: Steps = MappingProxyType({})


# -- the table, without a word


def speaking(says: str, steps: Steps) -> tuple[Speaking, ...]:
    """The rules that hold; `?` is a question about T1, `order` one that should not be given, `dose` one that was."""
    outline = tuple((name, state, ()) for name, state in steps.items())
    found = []
    for rule in says.split():
        if rule in RULES:
            found.append(Speaking("fired", f"G.{rule}", RULES[rule], outline, f"G.{rule}"))
        elif rule == "?":
            found.append(Speaking("asked", "G.T1.ask", Level.ASK, outline, "G.T1"))
        elif rule == "order":
            found.append(Speaking("alone", "G.B1", Level.WARNING, outline, "t|x"))
        elif rule == "dose":
            found.append(Speaking("given", "G.B1.given", Level.WARNING, outline, "G.B1"))
    return tuple(sorted(found, key=lambda one: -one.level.rank))


def evaluation(says: str, steps: Steps) -> Evaluation:
    """In lower case: a rule that is UNKNOWN; in brackets: UNKNOWN as well, but all that it rested on is known."""
    truths = dict.fromkeys((f"G.{rule}" for rule in RULES), Truth.NO)
    unknown = [word.strip("()").upper() for word in says.split() if word.islower()]
    truths |= {f"G.{word}": Truth.UNKNOWN for word in unknown if word in RULES}
    truths |= {f"G.{word}": Truth.YES for word in says.split() if word in RULES}
    if "?" in says:
        truths["G.T1"] = Truth.UNKNOWN
    spoken = speaking(says, steps)
    outline = frozenset(line for one in spoken for line in one.outline)
    whole, outside = any(one.kind == "fired" for one in spoken), "outside" in says.split()
    return Evaluation("G", spoken, truths, outline, is_whole=whole, is_outside=outside)


def besides(says: str) -> Circumstances:
    """What is unseen, and the words of `SIGNS` among what is said."""
    words = says.split()
    return Circumstances(
        unseen=frozenset(f"G.{word.upper()}" for word in words if word.islower() and word.upper() in RULES),
        taken_back="error" in words,
        has_moved="left" in words,
        held_back="came" in words,
        said_before="asked" in words,
        has_changed="fell" in words,
        other_alarm="other" in words,
        given="given" in words,
    )


HOUR = timedelta(hours=1)
SIGNS = "error: entered in error; came: to this unit; asked: before; fell: within the hour; hourly: nothing for an hour"


class Course:
    """An episode through its looks, as the table leads it; nothing is said in words."""

    def __init__(self) -> None:
        self.episode: Episode | None = None
        self.shown = 0.0

    def looked(self, clock: str, says: str, steps: Steps = NO_STEPS, heard: bool = True, value: float = 60) -> str:
        """What is said at a look, in short: "raised warning"; "" for nothing. `heard`: a usable reading came."""
        found = evaluation("" if says == "-" else says, steps)
        quiet_for = HOUR if "hourly" in says.split() else timedelta()
        instant = Instant(at(clock), matters=heard, is_fresh=heard, quiet_for=quiet_for)
        what = transition(self.episode, found, instant, Policy(), besides(says))
        say = what.say
        if say == "updated if other words":
            say = "updated" if value != self.shown else None
        level = self._led(clock, found, what, say)
        self.shown = value if say else self.shown
        return f"{say} {level}" if say else ""

    def _led(self, clock: str, found: Evaluation, what: Transition, say: str | None) -> Level | None:
        before = self.episode
        if before is None and say is None:
            return None
        if say == "resolved":
            self.episode = None
            assert before is not None
            return before.level
        assert what.level is not None
        said_at = at(clock) if say or before is None else before.said_at
        self.episode = Episode(
            "1", "G", what.level, "raised", said_at, said_at, _FINDING, (), said_at,
            levels_with({} if before is None else before.levels, found.speaking),
            found.outline if say or before is None else before.outline,
            low_since=what.low_since, blind_since=what.blind_since,
            eased_at=at(clock) if say == "eased" else None if before is None else before.eased_at,
        )  # fmt: skip
        return what.level


_FINDING = Finding(
    encounter="e1", rule="G.T1", rule_version="1", guideline="G", title="T", level=Level.WARNING, at=at(0),
    onset=Onset(at=at(0), ref="r"), sentence=Sentence(template="It speaks.", evidence=()),
)  # fmt: skip

FIRST, SECOND = "nothing supports it at the first look", "nothing supports it at the second look"
NEW, NOT_YET = "nothing supports it, that is new", "nothing supports it, not for long enough yet"
RAISED, LOUDER = "nothing stands, something speaks", "something louder speaks"
UNSEEN, SAID = "it may still hold, but cannot be seen", "it may still hold, and that was said, or it was last seen over"
LOWER = "nothing supports it, something lower speaks"

STORIES: dict[str, list[tuple[str, str, bool, str, str]]] = {  # clock, what holds, heard, said, by which row
    "said once": [
        ("08:00", "-", True, "", "nothing stands, nothing speaks"),
        ("08:01", "T1", True, "raised warning", RAISED),
        ("08:02", "T1", True, "", "it speaks as it did"),
        ("08:03", "T1", True, "", "it speaks as it did"),
    ],
    "worsens aloud, eases late and quietly; back at once it is no news": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:10", "T1 T3", True, "worsened critical", LOUDER),
        ("08:12", "T1", True, "updated critical", NEW),
        ("08:20", "T1", True, "", NOT_YET),
        ("08:27", "T1", True, "eased warning", LOWER),
        ("08:28", "T1 T3", True, "updated critical", "something louder speaks, as it did not long ago"),
    ],
    "back after 90 minutes it is news": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:01", "T1", True, "updated critical", NEW),
        ("08:16", "T1", True, "eased warning", LOWER),
        ("09:45", "T1", True, "", "its words are old"),
        ("09:46", "T1 T3", True, "worsened critical", LOUDER),
    ],
    "back within 90 minutes, but by a new fall": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:01", "T1", True, "updated critical", NEW),
        ("08:16", "T1", True, "eased warning", LOWER),
        ("08:40", "T1 T3 fell", True, "worsened critical", LOUDER),
    ],
    "louder than it was in this episode": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:01", "-", True, "updated warning", NEW),
        ("08:16", "-", True, "eased watch", FIRST),
        ("08:17", "T1 T3", True, "worsened critical", LOUDER),
    ],
    "between two levels every hour: said once": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("09:00", "T1 hourly", True, "eased warning", LOWER),
        ("10:00", "T1 T3 hourly", True, "updated critical", "something louder speaks, as it did not long ago"),
        ("11:00", "T1 hourly", True, "eased warning", LOWER),
        ("12:00", "T1 T3 hourly", True, "updated critical", "something louder speaks, as it did not long ago"),
    ],
    "a dip between does not clear it": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:05", "-", True, "updated warning", NEW),
        ("08:15", "T1", True, "updated warning", "it is seen again"),
        ("08:20", "-", True, "updated warning", NEW),
        ("08:34", "-", True, "", NOT_YET),
        ("08:35", "-", True, "eased watch", FIRST),
        ("08:49", "-", True, "", NOT_YET),
        ("08:50", "-", True, "resolved watch", SECOND),
        ("08:51", "T1", True, "raised warning", RAISED),
    ],
    "time alone clears nothing": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:05", "-", True, "updated warning", NEW),
        ("09:00", "-", False, "", NOT_YET),
        ("09:30", "-", True, "eased watch", FIRST),
        ("10:00", "-", False, "", NOT_YET),
        ("10:30", "-", True, "resolved watch", SECOND),
    ],
    "hourly observations: the first that find nothing ease it, the second end it": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:16", "t1 t3", False, "updated critical", UNSEEN),
        ("09:00", "- hourly", True, "eased watch", FIRST),
        ("10:00", "- hourly", True, "resolved watch", SECOND),
    ],
    "a watch that nothing supports waits for its second look as well": [
        ("08:00", "T3", True, "raised critical", RAISED),
        ("09:00", "- hourly", True, "eased watch", FIRST),
        ("09:10", "- hourly", True, "", "it waits for the second look"),
        ("10:00", "- hourly", True, "resolved watch", SECOND),
    ],
    "unseen it stands, is said once, and becomes a question after an hour": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:16", "? t3", False, "updated critical", UNSEEN),
        ("08:20", "? t3", True, "", SAID),
        ("09:15", "? t3", False, "", SAID),
        ("09:16", "? t3", False, "eased ask", "it may still hold, but was not seen for too long"),
        ("09:17", "?", True, "", "it speaks as it did"),
        ("10:00", "-", True, "resolved ask", "a question that is answered"),
    ],
    "unseen, and nobody would ask for it: it ends": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:16", "t1", False, "updated warning", UNSEEN),
        ("09:16", "t1", False, "resolved warning", "nobody would ask for it"),
    ],
    "seen again in time": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:16", "t1", False, "updated warning", UNSEEN),
        ("08:30", "T1", True, "updated warning", "it is seen again"),
    ],
    "what it rested on is known to be over, whatever else is open": [
        ("08:00", "T3", True, "raised critical", RAISED),
        ("08:05", "(t3)", True, "updated critical", NEW),
        ("08:20", "(t3)", True, "eased watch", FIRST),
        ("08:35", "(t3)", True, "resolved watch", SECOND),
    ],
    "what made it critical cannot be seen: critical it stays": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:16", "T1 t3", True, "updated critical", UNSEEN),
        ("08:50", "T1 t3", True, "", SAID),
        ("08:51", "T1", True, "updated critical", NEW),
        ("09:06", "T1", True, "eased warning", LOWER),
    ],
    "a level that is over eases to what may still hold": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:10", "t1", True, "updated critical", NEW),
        ("08:25", "t1", True, "eased warning", "nothing supports it, something lower may still hold"),
        ("08:26", "t1", True, "", SAID),
        ("08:27", "T1", True, "updated warning", "it is seen again"),
    ],
    "entered in error: it goes at once": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:01", "T1 error", True, "eased warning", "it was taken back, something lower speaks"),
        ("08:02", "- error", True, "resolved warning", "it was taken back"),
    ],
    "entered in error, but another value says the same": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:01", "T1 error", True, "", "its words are old"),
    ],
    "in another unit what was said of the old one goes, if it is known not to hold": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:01", "T1 left", True, "eased warning", "it was taken back, something lower speaks"),
        ("08:02", "- left", True, "resolved warning", "it was taken back"),
    ],
    "a move does not end what cannot be seen": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:01", "t1 t3 left", True, "updated critical", UNSEEN),
    ],
    "a patient who is none of those that the guideline is for": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:01", "- outside", True, "resolved warning", "the guideline is not for this patient"),
    ],
    "in a new place old values raise nothing": [
        ("08:00", "T1 came", False, "", "the patient has just come, nothing was heard"),
        ("08:01", "T1 came", True, "", "the patient has just come, nothing was heard"),
        ("08:02", "T1", True, "raised warning", RAISED),
        ("08:03", "T1 T3 came", True, "", "something louder speaks, the patient has just come"),
        ("08:04", "T1 T3", True, "worsened critical", LOUDER),
    ],
    "a second alarm of its own, as loud as the first": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:01", "T1 other", True, "worsened warning", "another alarm of its own speaks"),
        ("08:02", "T1", True, "", "it speaks as it did"),
    ],
    "a question is quiet, and becomes a warning": [
        ("08:00", "?", True, "raised ask", RAISED),
        ("08:30", "?", True, "", "its words are old"),
        ("08:31", "T1", True, "worsened warning", LOUDER),
    ],
    "a question that is answered goes, and is not asked again soon": [
        ("08:00", "?", True, "raised ask", RAISED),
        ("08:30", "-", True, "resolved ask", "a question that is answered"),
        ("08:31", "-", True, "", "nothing stands, nothing speaks"),
        ("09:00", "? asked", True, "", "what was asked or watched for not long ago arises again"),
        ("09:01", "T1 asked", True, "raised warning", RAISED),
    ],
    "a question does not end because what it rested on has grown too old": [
        ("08:00", "?", True, "raised ask", RAISED),
        ("08:16", "-", False, "", "a question, by time alone"),
        ("08:20", "?", True, "", "its words are old"),
    ],
    "a question is not raised because a value has grown too old": [
        ("08:00", "?", False, "", "a question arises, by time alone"),
        ("08:05", "?", True, "raised ask", RAISED),
    ],
    "a warning is raised also by time alone": [
        ("08:00", "T1", False, "raised warning", RAISED),
    ],
    "an order that should not be given is a warning of its own, and goes with it": [
        ("08:00", "order", True, "raised warning", RAISED),
        ("08:10", "order T3", True, "worsened critical", LOUDER),
        ("08:20", "order", True, "updated critical", NEW),
        ("08:35", "order", True, "eased warning", LOWER),
    ],
    "an order whose time is up, while a question stands": [
        ("08:00", "order", True, "raised warning", RAISED),
        ("20:00", "?", False, "eased ask", "the order is open no more, a question is"),
    ],
    "what time alone has ended goes after an hour, unheard": [
        ("08:00", "T1", True, "raised warning", RAISED),
        ("08:05", "-", False, "updated warning", NEW),
        ("09:04", "-", False, "", NOT_YET),
        ("09:05", "-", False, "eased watch", FIRST),
        ("10:05", "-", False, "resolved watch", SECOND),
    ],
    "what was withheld is given: said once, also in an alert that is louder": [
        ("08:00", "T1 T3", True, "raised critical", RAISED),
        ("08:10", "T1 T3 dose given", True, "worsened critical", "what was withheld was given"),
        ("08:11", "T1 T3 dose", True, "", "it speaks as it did"),
    ],
    "what was withheld is given while the alert is told in the past": [
        ("08:00", "T3", True, "raised critical", RAISED),
        ("08:05", "-", True, "updated critical", NEW),
        ("08:06", "dose given", True, "worsened critical", "what was withheld was given, something louder stands"),
        ("08:20", "dose", True, "eased warning", LOWER),
    ],
    "an order that is given is open no more": [
        ("08:00", "order", True, "raised warning", RAISED),
        ("08:01", "-", True, "resolved warning", "the order is open no more"),
    ],
}  # fmt: skip


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rows that are taken, in turn."""
    taken: list[str] = []

    def watched(name: str, when: Callable[[Look], bool]) -> Callable[[Look], bool]:
        def fits(look: Look) -> bool:
            if when(look):
                taken.append(name)
                return True
            return False

        return fits

    table = tuple(row._replace(when=watched(row.name, row.when)) for row in TABLE)
    monkeypatch.setattr(alerting, "TABLE", table)
    return taken


@pytest.mark.parametrize("name", STORIES)
def test_the_life_of_an_alert(name: str, rows: list[str]) -> None:
    """Each story, look by look, says exactly what is drawn, by the row that is named."""
    course, story = Course(), STORIES[name]
    assert [course.looked(clock, says, heard=heard) for clock, says, heard, *_ in story] == [
        said for *_, said, _ in story
    ]
    assert rows == [row for *_, row in story]


def test_a_step_that_changes_is_told_at_once(rows: list[str]) -> None:
    """A step that is withheld a minute later is an update; the same state again is none."""
    course = Course()
    said = [
        course.looked("08:00", "T1", {"S1": OFFERED}),
        *(course.looked(c, "T1", {"S1": WITHHELD}) for c in ("08:01", "08:02")),
    ]
    assert said == ["raised warning", "updated warning", ""]
    assert rows[1:] == ["its checklist is another", "it speaks as it did"]


def test_every_row_is_reached_by_a_story() -> None:
    """No row of the table is there for nothing: each is taken in one of the stories above."""
    told = {row for story in STORIES.values() for *_, row in story} | {"its checklist is another"}
    assert told == {row.name for row in TABLE}


def test_new_evidence_is_told_quietly_and_not_too_often() -> None:
    """Another value every minute: an update after five minutes, not before; the same value again: none."""
    course, minutes = Course(), count(0)
    said = [course.looked(f"08:{next(minutes):02}", "T1", value=value) for value in (60, 59, 58, 57, 56, 55, 54)]
    assert said == ["raised warning", "", "", "", "", "updated warning", ""]
    course = Course()
    assert [course.looked(f"08:{minute:02}", "T1") for minute in range(20)][1:] == [""] * 19


@pytest.mark.parametrize(
    ("then", "steps", "said"),
    [
        pytest.param("T1 t3", {"S1": OFFERED}, "", id="unseen, and the list as it was"),
        pytest.param("T1 t3", {"S1": WITHHELD}, "updated critical", id="unseen: a step is withheld now"),
        pytest.param("T1 t3", {"S1": OFFERED, "S8": OFFERED}, "updated critical", id="unseen: a step is due now"),
        pytest.param("T1 t3", {}, "updated critical", id="unseen: a step applies no longer"),
        pytest.param("? t3", {"S1": OFFERED}, "", id="a question has its own steps only: no reason to speak"),
        pytest.param("? t3", {"S1": WITHHELD}, "updated critical", id="a question's own step is another now"),
        pytest.param("order t3", {}, "", id="an order alone has its own line only"),
        pytest.param("t1 t3", {}, "", id="nothing can be seen: no reason to speak"),
    ],
)
def test_the_checklist_goes_on_while_the_level_cannot_be_seen(then: str, steps: Steps, said: str) -> None:
    """What made it critical is too old to see; a step that changes is said all the same, once."""
    course = Course()
    course.looked("08:00", "T1 T3", {"S1": OFFERED})
    course.looked("08:20", "T1 t3", {"S1": OFFERED})
    assert course.looked("08:30", then, steps) == said
    assert course.looked("08:31", then, steps) == ""


def test_an_order_is_withheld_while_an_alert_waits_to_ease() -> None:
    """Seen over, not yet for long enough: a step that is withheld in that time is said at once, and it still eases."""
    course = Course()
    said = [
        course.looked("08:00", "T1 T3", {"S1": OFFERED}),
        course.looked("08:05", "T1", {"S1": OFFERED}),
        course.looked("08:06", "T1", {"S1": WITHHELD}),
        course.looked("08:21", "T1", {"S1": WITHHELD}),
    ]
    assert said == ["raised critical", "updated critical", "updated critical", "eased warning"]


_says = st.sampled_from(["-", "T1", "t1", "T3", "t3", "T1 T3", "T1 t3", "t1 t3", "?", "? t3", "order", "order t3"])
_look = st.tuples(st.integers(1, 20), _says, st.booleans(), st.sampled_from([OFFERED, WITHHELD]))


@given(st.lists(_look, max_size=12))
def test_what_must_hold_of_every_life(looks: Sequence[tuple[int, str, bool, StepState]]) -> None:
    """Louder at once; never quieter while it may hold, or by time alone; a second look at a moment says nothing.

    Except: an alert that rests on an order alone goes with it; one that was unseen for an hour steps down. Only an
    alert that has just eased to what may still hold says at its next look that this cannot be seen. What nothing has
    supported for an hour goes unheard as well.
    """
    course, minute = Course(), 0
    for minutes, says, heard, state in looks:
        minute += minutes
        clock = f"{8 + minute // 60:02}:{minute % 60:02}"
        before = course.episode
        said = course.looked(clock, says, {"S1": state}, heard)
        loudest = max((RULES[word].rank for word in says.split() if word in RULES), default=-1)
        now = -1 if course.episode is None else course.episode.level.rank
        assert now >= loudest
        if before is not None and now < before.level.rank and before.levels.keys() & {"G.T1", "G.T3"}:
            assert said.startswith(("eased", "resolved"))
            blind_for = at(clock) - (before.blind_since or at(clock))
            unknown = {f"G.{word.upper()}" for word in says.split() if word.islower()}
            may_hold = before.level in {level for rule, level in before.levels.items() if rule in unknown}
            low_for = at(clock) - (before.low_since or at(clock))
            too_long = max(blind_for, low_for) >= Policy().unseen_max
            assert too_long or (heard and not may_hold)
        stands = course.episode
        if said.startswith("eased") and now > loudest:
            continue
        assert course.looked(clock, says, {"S1": state}, heard=False) == ""
        assert course.episode == stands


def test_the_page_is_the_table_in_words(root: Path) -> None:
    """docs/alerting.md has the rows in their order, and what is said in each."""
    page = (root / "docs" / "alerting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    assert rows == [(str(number), row.name, row.say or "—") for number, row in enumerate(TABLE, 1)]


# -- in words, through the step


SMALL = """
id = "G"
title = "A small guideline"
version = "1"
status = "draft"
reviewed = 2026-01-01
population = "all"

[sources.X]
title = "X"
year = 2026
cite = "X 2026"
checked = "made up"

[[triggers]]
id = "G.T1"
title = "Low pressure"
level = "warning"
when = "all_of(hr above 100; map below 65)"
source = ["X"]
lead = "the pressure is low"
question = "the pressure is low"
worse = "it is worse"
steady = "it stands"
values = ["map"]

[[triggers]]
id = "G.T3"
title = "High lactate"
level = "critical"
when = "lactate above 4"
asks = false
source = ["X"]
lead = "the lactate is high"
question = "the lactate is high"
worse = "it is worse"
steady = "it stands"
values = ["lactate"]

[[steps]]
id = "G.S1"
text = "Do it."
for = ["G.T1", "G.T3"]
when = "none_of(na above 150)"
done = "given meropenem within 1 h"
source = ["X"]
passage = "It is done."
strength = "none"

[[steps]]
id = "G.S8"
text = "Do the other."
for = ["G.T1", "G.T3"]
when = "k below 3"
source = ["X"]
passage = "It is done."
strength = "none"

[[blocks]]
id = "G.B1"
severity = "hard"
when = "k above 6"
steps = ["G.S1"]
text = "Not now."
source = ["X"]
passage = "It is not done."
strength = "none"

[[examples]]
name = "low"
at = "08:00"
readings = [{ at = "08:00", map = 60, hr = 110, lactate = 5 }]
then = { "G.T1" = "fires", "G.T3" = "fires" }

[[examples]]
name = "well"
at = "08:00"
readings = [{ at = "08:00", map = 80, hr = 80, lactate = 1 }]
then = { "G.T1" = "silent", "G.T3" = "silent" }
"""


@cache
def small() -> Mind:
    """A guideline of two rules, two steps and a block, with the real forecaster."""
    return replace(mind(), book=read({"definitions.toml": "", "wording.toml": "", "g.toml": SMALL}))


def told(events: Sequence[Event], until: str, bed: Bed | None = None) -> tuple[Bed, list[AlertEvent]]:
    bed, said = play(events, at(until), small(), bed)
    return bed, [output for output in said if isinstance(output, AlertEvent)]


def sick(clock: str) -> list[Event]:
    return [reading("map", 60, clock), reading("hr", 110, clock)]


def well(clock: str) -> list[Event]:
    return [reading("map", 80, clock), reading("hr", 80, clock), reading("lactate", 1, clock, source="lab")]


SALTS = [reading("k", 4, "08:00", source="lab"), reading("na", 140, "08:00", source="lab")]
CRITICAL = [admitted(), *SALTS, reading("lactate", 5, "08:00", source="lab"), *sick("08:00")]


@pytest.mark.parametrize(
    ("then", "said", "steps"),
    [
        pytest.param([], "", {"G.S1": OFFERED}, id="the list as it was"),
        pytest.param([reading("k", 6.2, "10:10", source="lab")], "updated critical", {"G.S1": WITHHELD}, id="withheld"),
        pytest.param([reading("k", 2.5, "10:10", source="lab")], "updated critical",
                     {"G.S1": OFFERED, "G.S8": OFFERED}, id="one more is due"),
        pytest.param([reading("na", 155, "10:10", source="lab")], "updated critical", {}, id="applies no longer"),
        pytest.param([treatment("meropenem", "given", "10:10")], "updated critical",
                     {"G.S1": StepState.DONE}, id="done"),
    ],
)  # fmt: skip
def test_the_card_lists_each_step_once_while_its_level_cannot_be_seen(
    then: list[Event], said: str, steps: Steps
) -> None:
    """The lactate has grown too old: its words stay in front, over the checklist as it stands now."""
    bed, _ = told([*CRITICAL, *sick("10:00")], "10:05")
    assert bed.episodes["G"].blind_since is not None
    bed, new = told([*then, *sick("10:10")], "10:11", bed)
    assert " ".join(f"{event.change.value} {event.alert.level.value}" for event in new) == said
    alert = bed.episodes["G"].alert()
    assert alert.finding.rule == "G.T3"
    assert {step.id: step.state for step in alert.finding.steps} == steps
    assert "Cannot be seen since 10:00: it stands until measured" in alert.card.detail
    _, again = told([], "10:12", bed)
    assert again == []


def test_each_episode_has_its_own_id_made_of_content() -> None:
    """One episode keeps its id; the next has another, even one that the same event starts; a replay has the same."""
    over = [*well("08:20"), *well("08:40")]
    _, first = told([*CRITICAL, *over], "08:41")
    assert [event.change for event in first] == [Change.RAISED, Change.EASED, Change.RESOLVED]
    assert len({event.alert.id for event in first}) == 1
    bed, _ = told([*CRITICAL, *over], "08:41")
    _, again = told(sick("08:50"), "08:51", bed)
    assert again[0].alert.id != first[0].alert.id
    withdrawn = reading("lactate", 1, "08:20", "08:45", source="lab", status="entered-in-error")
    later = reading("lactate", 1, "08:40", "08:46", source="lab", status="entered-in-error")
    _, same = told([withdrawn, later], "08:47", bed)  # the lactate of 08:00 is the newest again
    assert [event.change for event in same] == [Change.RAISED]
    assert same[0].alert.finding.onset.ref == first[0].alert.finding.onset.ref
    assert same[0].alert.id != first[0].alert.id
    assert told(CRITICAL, "08:01")[1][0].alert.id == first[0].alert.id


def test_an_onset_lasts_as_long_as_its_episode() -> None:
    """The time zero of a rule is kept while the episode stands, also when the rule pauses; it ends with it."""
    lactate = [
        reading("lactate", value, clock, source="lab") for value, clock in ((5, "08:10"), (1, "08:20"), (5, "08:30"))
    ]
    bed, _ = told([admitted(), *sick("08:00"), *lactate], "08:31")
    assert {rule: onset.at for rule, onset in bed.onsets.items()} == {"G.T1": at("08:00"), "G.T3": at("08:10")}
    bed, said = told([*well("08:40"), *well("08:56"), *well("09:12")], "09:13", bed)
    assert [event.change for event in said] == [Change.UPDATED, Change.EASED, Change.RESOLVED]
    assert bed.onsets == {}


def test_the_card_keeps_to_cds_hooks() -> None:
    """Summary below 140 characters, the indicator of the level, steps as suggestions, the four reasons to override."""
    _, (event,) = told([*CRITICAL, reading("k", 6.2, "08:00", source="poc")], "08:01")
    card = event.alert.card
    assert len(card.summary) <= SUMMARY_CHARS_MAX
    assert card.indicator == "critical"
    assert UUID(card.uuid).hex == event.alert.id
    assert card.suggestions == ()
    assert "withheld: Do it." in card.detail
    _, (event,) = told([*CRITICAL, reading("k", 2.5, "08:00", source="poc")], "08:01")
    assert [suggestion.isRecommended for suggestion in event.alert.card.suggestions] == [True, True]
    assert event.alert.card.selectionBehavior == "any"
    assert [reason.display for reason in card.overrideReasons] == [
        "Lab ordered",
        "Will review",
        "Already treated",
        "Not clinically valid",
    ]
    _, (event,) = told([admitted(), reading("hr", 110, "08:00")], "08:01")
    assert (event.alert.level, event.alert.card.indicator) == (Level.ASK, "info")


def test_looking_more_often_says_nothing_else() -> None:
    """A tick at every half minute of two hours, or none: the same alerts at the same times."""
    events = [*CRITICAL, *sick("08:30"), *well("09:00"), *well("09:20")]
    ticks = [(at(half / 2), Tick(available_at=at(half / 2))) for half in range(240)]
    _, once = told(events, "10:00")
    told_as_well = sorted([*((event.available_at, event) for event in events), *ticks], key=lambda record: record[0])
    _, often = fed(told_as_well, small())
    assert often == once != []
