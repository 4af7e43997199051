"""The lines of a checklist on a made-up guideline: when each is there, in which state, by when, and why."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from guidelines.book.load import Book, read
from guidelines.evaluation import evaluated
from guidelines.evidence import NO_OUTLOOK
from guidelines.findings import Telling
from guidelines.judgement import judge
from guidelines.rules.case import Case
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Finding, Judgement, Level, Onset, Step
from schemas.clinical.snapshot import Snapshot
from tests.knowledge.charts import HOUR, MINUTE, NOW, TICK, Chart, Row, Told, chart, fact, fanned, reading, treatment

HEAD = """
id = "X"
title = "A made-up rule"
version = "1"
status = "draft"
reviewed = 2026-01-01
population = "adults"
outside = "pregnant_or_not"
sources.A = { title = "Nothing", year = 2026, cite = "Nobody 2026", checked = "no" }
sources.B = { title = "Less", year = 2026, cite = "Nobody 2025", checked = "no" }
"""
TRIGGER = """
[[triggers]]
id = "X.{name}"
title = "{name} holds"
level = "{level}"
when = "{when}"
{more}
source = ["A"]
lead = "{name} is so"
question = "{name} is so"
worse = "{name} got worse"
steady = "{name} stands"
values = ["hr"]
"""
STEP = """
[[steps]]
id = "X.{name}"
text = "{text}"
for = {of}
{more}
source = ["A", "B"]
passage = "Do it."
strength = "strong"
"""
BLOCK = """
[[blocks]]
id = "X.{name}"
severity = "{severity}"
{more}
text = "{name} stands in the way."
source = ["B"]
passage = "Not so."
strength = "weak"
"""
FAST, FASTER, SLOW = "T1", "T2", "T3"
TRIGGERS = (
    TRIGGER.format(name=FAST, level="warning", when="hr above 100", more="")
    + TRIGGER.format(name=FASTER, level="critical", when="all_of(hr above 120; lactate above 2)", more="")
    + TRIGGER.format(name=SLOW, level="watch", when="expected hr in 1 h below 50", more="")
)
EXAMPLES = "".join(
    f'[[examples]]\nname = "{n}"\nat = "08:05"\nthen = {{ "X.T1" = "open", "X.T2" = "open", "X.T3" = "silent" }}\n'
    for n in ("one", "two")
)


def book(*parts: str, triggers: str = TRIGGERS, head: str = "") -> Book:
    made = HEAD.replace('outside = "pregnant_or_not"\n', head)
    return read({"x.toml": made + triggers + "".join(parts) + EXAMPLES})


def step(name: str = "S", more: str = "", text: str = "Do it", of: str = '["X.T1"]') -> str:
    return STEP.format(name=name, text=text, of=of, more=more)


def block(name: str, severity: str, more: str) -> str:
    return BLOCK.format(name=name, severity=severity, more=more)


def seen(*rows: Row, **who: Any) -> Snapshot:
    return chart(reading("hr", 110), list(rows), **who)


def lines(made: Book, snapshot: Snapshot, rule: str = "X.T1", **more: Any) -> list[Step]:
    found = {f.rule: f for f in judge(snapshot, made, **more).findings}
    return list(found[rule].steps)


def line(made: Book, snapshot: Snapshot, **more: Any) -> Step:
    (only,) = lines(made, snapshot, **more)
    return only


def why(one: Step) -> list[tuple[str, str, str]]:
    return [(r.block, r.severity, r.text) for r in one.reasons]


def test_a_step_is_a_line_with_its_passage() -> None:
    """Its text, its sources and strength; offered, without a time, where nothing else is said."""
    one = line(book(step()), seen())
    assert (one.id, one.text, one.state, one.reasons, one.due_at, one.done_at) == (
        "X.S", "Do it", "offered", (), None, None,
    )  # fmt: skip
    assert (one.passage.text, one.passage.strength) == ("Do it.", "strong")
    assert "Nobody 2026" in one.passage.citation
    assert "Nobody 2025" in one.passage.citation


@pytest.mark.parametrize(
    ("when", "rows", "state"),
    [
        ("rr above 20", [reading("rr", 25)], "offered"),
        ("rr above 20", [reading("rr", 15)], None),
        ("rr above 20", [], None),  # not half of it is known to hold
        ("all_of(rr above 20; lactate above 2)", [reading("rr", 25)], "needs_check"),  # half of it is
        ("all_of(rr above 20; lactate above 2; k above 5)", [reading("rr", 25)], None),
    ],
)
def test_a_step_that_does_not_apply_is_no_line(when: str, rows: list[Row], state: str | None) -> None:
    """Where it is open whether it applies, it is a line to check once half of it holds."""
    found = lines(book(step(more=f'when = "{when}"')), seen(*rows))
    assert [one.state for one in found] == ([] if state is None else [state])
    if state == "needs_check":
        assert why(found[0]) == [("applies", "check", "whether this step applies is not known")]
        assert [need.subject for need in found[0].reasons[0].needs] == ["lactate"]


BLOCKS = {
    "hard": block("B1", "hard", 'when = "rr above 20"\nsteps = ["X.S"]\ninstead = "Wait."'),
    "modify": block("B2", "modify", 'when = "temp above 38"\nsteps = ["X.S"]\nchange = "Do half"'),
    "soft": block("B3", "soft", 'when = "k above 5"\nsteps = ["X.S"]'),
}
YES = {"hard": reading("rr", 25), "modify": reading("temp", 39), "soft": reading("k", 5.4)}
NO = {"hard": reading("rr", 15), "modify": reading("temp", 37), "soft": reading("k", 4)}
HARD = ("X.B1", "hard", "B1 stands in the way. Wait.")
MODIFY = ("X.B2", "modify", "B2 stands in the way.")
SOFT = ("X.B3", "soft", "B3 stands in the way.")
OPEN = {"hard": ("X.B1", "check", "not known whether this holds: B1 stands in the way."),
        "modify": ("X.B2", "check", "not known whether this holds: B2 stands in the way.")}  # fmt: skip


@pytest.mark.parametrize(
    ("yes", "no", "state", "text", "reasons"),
    [
        ("", "hard modify soft", "offered", "Do it", []),
        ("hard", "modify soft", "withheld", "Do it", [HARD]),
        ("modify", "hard soft", "modified", "Do half", [MODIFY]),
        ("soft", "hard modify", "offered", "Do it", [SOFT]),
        ("hard modify soft", "", "withheld", "Do half", [HARD, MODIFY, SOFT]),
        ("", "modify soft", "needs_check", "Do it", [OPEN["hard"]]),
        ("", "hard soft", "needs_check", "Do it", [OPEN["modify"]]),
        ("", "hard modify", "offered", "Do it", []),  # a soft one that is open says nothing
        ("modify", "soft", "modified", "Do half", [OPEN["hard"], MODIFY]),
    ],
)
def test_what_stands_in_the_way_of_a_step(
    yes: str, no: str, state: str, text: str, reasons: list[tuple[str, str, str]]
) -> None:
    """Hard withholds, modify changes the text, soft warns; what is open asks; all of them are said, in their order."""
    rows = [*(YES[k] for k in yes.split()), *(NO[k] for k in no.split())]
    one = line(book(step(), *BLOCKS.values()), seen(*rows))
    assert (one.state, one.text, why(one)) == (state, text, reasons)
    for reason in one.reasons:
        assert bool(reason.needs) is (reason.severity == "check")
        assert bool(reason.evidence) is (reason.severity != "check")


def test_a_block_without_a_condition_always_stands() -> None:
    """It needs no evidence."""
    one = line(book(step(), block("B", "hard", 'steps = ["X.S"]')), seen())
    assert (one.state, why(one)) == ("withheld", [("X.B", "hard", "B stands in the way.")])


def test_a_limit_of_treatment_makes_a_limited_step_one_to_discuss() -> None:
    """Only where a limit is known, and only of what is limited; a block is still said."""
    limited, free = step(more="limited = true"), step()
    text = "A limit of treatment stands: talk about this step first."
    one = line(book(limited, BLOCKS["hard"]), seen(YES["hard"], limits=["no_escalation"]))
    assert (one.state, why(one)) == ("discuss", [HARD, ("limit", "soft", text)])
    assert line(book(limited), seen()).state == "offered"
    assert line(book(free), seen(limits=["no_escalation"])).state == "offered"


@pytest.mark.parametrize(
    ("age", "ago", "state"),
    [(', max_age = "3 h"', 3 * HOUR, "offered"), (', max_age = "3 h"', 3 * HOUR + MINUTE, "needs_check"),
     ("", 3 * HOUR, "offered"), ("", None, "needs_check")],
)  # fmt: skip
def test_a_step_asks_for_the_data_that_it_needs(age: str, ago: timedelta | None, state: str) -> None:
    """As fresh as it says; else any that is known."""
    rows = [] if ago is None else [reading("k", 4, ago)]
    one = line(book(step(more=f'requires = [{{ what = "k"{age} }}]')), seen(*rows))
    assert one.state == state
    assert [(r.block, r.text) for r in one.reasons] == (
        [("data", "needed before this step")] if state != "offered" else []
    )


def test_what_is_done_is_done_before_all_else() -> None:
    """By the chart, at the time of the first thing that shows it; or ticked by a person, at that time."""
    made = book(
        step(more='done = "any_of(given meropenem within 24 h; noted abx.started within 24 h)"'), BLOCKS["hard"]
    )
    drug, word = treatment("meropenem", "given", 2 * HOUR), fact("abx.started", HOUR)
    assert (line(made, seen(drug, YES["hard"])).state, line(made, seen(drug)).done_at) == ("done", NOW - 2 * HOUR)
    assert line(made, seen(word)).done_at == NOW - HOUR
    assert line(made, seen(drug, word)).done_at == NOW - 2 * HOUR
    assert line(made, seen(treatment("meropenem", "given", HOUR), fact("abx.started", 2 * HOUR))).done_at == (
        NOW - 2 * HOUR
    )
    assert line(made, seen(treatment("furosemide", "given", HOUR))).done_at is None
    ticked = replace(seen(drug), steps_done={"X.S": NOW - MINUTE})
    assert (line(made, ticked).state, line(made, ticked).done_at) == ("done", NOW - MINUTE)
    other = replace(seen(), steps_done={"X.R": NOW - MINUTE})
    assert line(book(step()), other).state == "offered"


@pytest.mark.parametrize(
    ("more", "due"),
    [
        ("", None),
        ('within = "60 min"', NOW - 30 * MINUTE + HOUR),
        ('within = "3 h"\nclock = ["X.T2"]', None),  # that one has not begun
        ('within = "3 h"\nclock = ["X.T1", "X.T2"]', NOW - 30 * MINUTE + 3 * HOUR),
    ],
)
def test_a_step_is_due_from_the_onset_of_its_clock(more: str, due: datetime | None) -> None:
    """Of its own triggers, or those that it names; the first of those that have begun."""
    onsets = {"X.T1": Onset(at=NOW - 30 * MINUTE, ref="r")}
    assert line(book(step(more=more)), seen(), onsets=onsets).due_at == due


def followed(made: Book, rows: Sequence[Row], *looks: timedelta) -> list[Step]:
    """The one line of X.T1 at several looks, each so long before NOW, with what was said at the one before."""
    said: Finding | None = None
    onsets: dict[str, Onset] = {}
    found: list[Step] = []
    for ago in looks:
        now = NOW - ago
        known = [row for row in rows if (row.effective_at if isinstance(row, NoteFact) else row.observed_at) <= now]
        case = Case(Chart([reading("hr", 110, ago), *known]).seen(now), NO_OUTLOOK, made.rules.graph)
        (rules,) = made.rules.guidelines
        telling = Telling(case, rules, onsets, made.worse, said)
        speaking = evaluated(case, rules, onsets).speaking
        telling.begins(speaking)
        said = next(telling.finding(one) for one in speaking if one.rule == "X.T1")
        onsets.setdefault("X.T1", said.onset)
        found += said.steps
    return found


def infused(*changes: tuple[int, str, float | None]) -> list[Row]:
    """What became of an infusion: so many minutes before NOW, which action, at which rate."""
    return [treatment("norepinephrine", action, ago * MINUTE, rate=rate) for ago, action, rate in changes]


FIRST_DONE: list[tuple[str, list[Row], int]] = [  # done when, what was done, how many minutes before NOW it was first
    ("given meropenem within 24 h", [treatment("meropenem", "given", ago * HOUR) for ago in (3, 1)], 180),
    ("lactate at_least 0", [reading("lactate", 3.4, 3 * HOUR), reading("lactate", 2.2, HOUR)], 180),
    ("noted abx.started within 24 h", [fact("abx.started", 3 * HOUR), fact("abx.started", HOUR)], 180),
    ("on norepinephrine", infused((180, "start", 0.3), (60, "change", 0.1)), 180),  # reduced
    ("on norepinephrine", infused((180, "start", 0.1), (60, "change", 0.3)), 180),
    ("on norepinephrine", infused((180, "start", 0.3), (60, "start", 0.1)), 180),  # told as a start once more
]


@pytest.mark.parametrize(("done", "rows", "first"), FIRST_DONE)
def test_done_at_is_the_first_time_that_it_was_done(done: str, rows: list[Row], first: int) -> None:
    """A later dose, a second value, another rate of what runs: none of them moves it."""
    looks = followed(book(step(more=f'done = "{done}"')), rows, 170 * MINUTE, 90 * MINUTE, 50 * MINUTE, 0 * MINUTE)
    assert [one.state for one in looks] == ["done"] * 4
    assert [one.done_at for one in looks] == [NOW - first * MINUTE] * 4


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ([(180, "start", 0.3)], 180),
        ([(180, "start", 0.3), (120, "change", 0.2), (60, "change", 0.1)], 180),
        ([(180, "change", 0.3), (60, "change", 0.1)], 180),  # nobody told its start: the first that was heard
        ([(180, "start", 0.3), (120, "stop", None), (60, "start", 0.1)], 60),  # of this run
        ([(180, "start", 0.3), (120, "change", 0.0), (60, "change", 0.1)], 60),  # paused, and on again
        ([(180, "ordered", None), (120, "start", 0.3), (60, "change", 0.1)], 120),  # an order is no start
        ([(180, "given", None), (120, "start", 0.3)], 120),
    ],
)
def test_an_infusion_was_done_when_this_run_of_it_began(
    changes: list[tuple[int, str, float | None]], since: int
) -> None:
    """Though nobody looked before: at its start, or the first that was heard of it."""
    made = book(step(more='done = "on norepinephrine"'))
    assert line(made, seen(*infused(*changes))).done_at == NOW - since * MINUTE


def test_what_was_undone_and_is_done_again_was_done_then() -> None:
    """Stopped in between, and seen to be: the new run counts."""
    rows = infused((180, "start", 0.3), (120, "stop", None), (60, "start", 0.1))
    looks = followed(book(step(more='done = "on norepinephrine"')), rows, 150 * MINUTE, 90 * MINUTE, 30 * MINUTE)
    assert [(one.state, one.done_at) for one in looks] == [
        ("done", NOW - 180 * MINUTE), ("offered", NOW - 180 * MINUTE), ("done", NOW - 60 * MINUTE),
    ]  # fmt: skip


def test_a_due_time_ends_when_the_step_is_done() -> None:
    """By the chart or a tick; what is no longer done was done in time all the same: no clock runs for it again."""
    made = book(step(more='done = "given meropenem within 2 h"\nwithin = "60 min"'))
    rows = [treatment("meropenem", "given", 200 * MINUTE)]
    looks = followed(made, rows, 210 * MINUTE, 190 * MINUTE, 0 * MINUTE)
    due = NOW - 150 * MINUTE
    assert [(one.state, one.due_at) for one in looks] == [("offered", due), ("done", None), ("offered", None)]
    ticked = replace(seen(), steps_done={"X.S": NOW - MINUTE})
    assert line(made, ticked).due_at is None
    undone = replace(seen(), steps_done={})
    assert line(made, undone).due_at == NOW + HOUR


def test_an_order_is_told_by_the_clocks_of_the_ward() -> None:
    """With its day where that is not today."""
    made = book(block("O", "hard", 'orders = ["meropenem"]'))
    late = treatment("meropenem", "ordered", 13 * HOUR)
    here = replace(seen(late), zone=ZoneInfo("Europe/Berlin"))
    assert lines(made, seen(late))[0].text == "Ordered 1 Mar 23:00: meropenem"
    assert lines(made, here)[0].text == "Ordered 00:00: meropenem"


def test_a_clock_begins_now_where_nothing_began_before() -> None:
    """The first look at a trigger is its onset, with the newest event that made it so."""
    made = judge(seen(), book(step(more='within = "60 min"')))
    (found,) = made.findings
    assert found.onset.at == NOW
    assert "hr" in found.onset.ref
    assert found.steps[0].due_at == NOW + HOUR


# -- which rules speak, and with which lines

S1, S2, S3 = step("S1"), step("S2", of='["X.T2"]'), step("S3", of='["X.T3"]', more="prepare = true")
SETTLES = step("S4", of='["X.T2"]', more='measures = ["lactate"]')


def spoken(made: Judgement) -> list[tuple[str, str, list[str]]]:
    return [(f.rule, f.level.value, [s.id for s in f.steps]) for f in made.findings]


def test_what_speaks_is_loudest_first_with_its_own_lines() -> None:
    """Of two that are TRUE the graver; the steps of one that began before go on."""
    made = book(S1, S2, S3)
    sick = chart(reading("hr", 130), reading("lactate", 3))
    assert spoken(judge(sick, made)) == [("X.T2", "critical", ["X.S2"]), ("X.T1", "warning", ["X.S1"])]
    before = {"X.T1": Onset(at=NOW - HOUR, ref="r")}
    assert spoken(judge(sick, made, onsets=before))[0] == ("X.T2", "critical", ["X.S1", "X.S2"])


def test_of_equal_level_the_later_rule_goes_first() -> None:
    """It is the more specific one."""
    both = TRIGGERS.replace('level = "critical"', 'level = "warning"')
    sick = chart(reading("hr", 130), reading("lactate", 3))
    assert [rule for rule, _, _ in spoken(judge(sick, book(S1, triggers=both)))] == ["X.T2", "X.T1"]


def test_a_forecast_shows_only_what_prepares() -> None:
    """Watch, with the steps that may be prepared, and none of what else began."""
    made = book(step("S0", of='["X.T1", "X.T3"]', more="prepare = true"), S1, S3)
    low = fanned("hr", 1, 0.5, 40.0, 80.0)
    calm = chart(reading("hr", 80))
    (found,) = judge(calm, made, low, {"X.T1": Onset(at=NOW - HOUR, ref="r")}).findings
    assert (found.rule, found.level, [s.id for s in found.steps]) == ("X.T3", Level.WATCH, ["X.S0", "X.S3"])
    assert found.sentence.text.startswith("Expected: T3 is so.")


@pytest.mark.parametrize(
    ("rate", "asks"),
    [(130, ["X.T1", "X.T2.ask"]), (110, ["X.T1"]), (90, [])],
)
def test_the_one_question_is_that_of_the_gravest_open_rule_that_is_half_satisfied(rate: float, asks: list[str]) -> None:
    """Louder than what speaks already; with the steps that would settle it."""
    found = judge(chart(reading("hr", rate)), book(S1, SETTLES)).findings
    assert [f.rule for f in found] == asks
    if len(asks) == 2:
        question = found[1]
        assert (question.level, question.title) == (Level.ASK, "Cannot tell: T2 holds")
        assert [s.id for s in question.steps] == ["X.S4"]
        assert [need.subject for need in question.needs] == ["lactate"]
        assert question.evidence[0].subject == "hr"


def test_a_rule_that_never_asks_stays_silent() -> None:
    """Though half of it holds."""
    quiet = TRIGGERS.replace(
        '"all_of(hr above 120; lactate above 2)"\n', '"all_of(hr above 120; lactate above 2)"\nasks = false\n'
    )
    assert [f.rule for f in judge(chart(reading("hr", 130)), book(S1, triggers=quiet)).findings] == ["X.T1"]


def test_of_those_outside_nothing_is_said() -> None:
    """Every trigger is NO."""
    made = book(S1, head='outside = "age below 18"\n')
    child = judge(seen(age_years=12), made)
    assert child.findings == ()
    assert {t.value for t in child.truths.values()} == {"no"}
    for grown in (seen(age_years=18), seen()):
        assert [f.rule for f in judge(grown, made).findings] == ["X.T1"]


# -- orders

ORDERS = [
    block("O1", "hard", 'when = "rr above 20"\norders = ["meropenem"]\nalone = true'),
    block("O2", "modify", 'when = "temp above 38"\norders = ["carbapenem"]\nchange = "give less"'),
    block("O3", "soft", 'when = "k above 5"\norders = ["meropenem"]'),
]
ORDERED = treatment("meropenem", "ordered", 10 * MINUTE)


@pytest.mark.parametrize(
    ("yes", "no", "state", "text", "reasons"),
    [
        ("hard modify soft", "", "withheld", "", ["X.O1", "X.O2", "X.O3"]),
        ("modify soft", "hard", "modified", " → give less", ["X.O2", "X.O3"]),
        ("soft", "hard modify", "needs_check", "", ["X.O3"]),
        ("modify", "hard", "modified", " → give less", ["X.O2", "X.O3"]),  # of an order, even a soft one asks
        ("", "hard modify", "needs_check", "", ["X.O3"]),
        ("", "modify soft", "needs_check", "", ["X.O1"]),
    ],
)
def test_an_open_order_is_a_line_as_the_gravest_block_leaves_it(
    yes: str, no: str, state: str, text: str, reasons: list[str]
) -> None:
    """Hard before a change before a check before a warning; the line says when it was ordered."""
    rows = [*(YES[k] for k in yes.split()), *(NO[k] for k in no.split())]
    found = lines(book(S1, *ORDERS), seen(ORDERED, *rows))
    assert [s.id for s in found] == ["order:meropenem@2026-03-02T11:50:00", "X.S1"]
    assert (found[0].state, [r.block for r in found[0].reasons]) == (state, reasons)
    assert found[0].text == f"Ordered 11:50: meropenem{text}"
    assert found[0].passage.text == "Not so."


def test_an_order_that_nothing_speaks_of_is_no_line() -> None:
    """All its blocks are denied; or it is another drug, given, or not for a vein where only that is meant."""
    well = list(NO.values())
    assert [s.id for s in lines(book(S1, *ORDERS), seen(ORDERED, *well))] == ["X.S1"]
    other = treatment("vancomycin", "ordered", 10 * MINUTE)
    assert [s.id for s in lines(book(S1, *ORDERS), seen(other, YES["hard"]))] == ["X.S1"]
    given = treatment("meropenem", "given", MINUTE)
    assert [s.id for s in lines(book(S1, *ORDERS), seen(ORDERED, given, YES["hard"]))] == ["X.S1"]


@pytest.mark.parametrize(
    ("route", "meant"), [(None, True), ("IV", True), ("intravenous", True), ("po", False), ("oral", False)]
)
def test_a_block_of_veins_speaks_of_veins(route: str | None, meant: bool) -> None:
    """An order that names no route is taken for one."""
    made = book(S1, block("O", "hard", 'orders = ["meropenem"]\niv_only = true'))
    found = lines(made, seen(replace(ORDERED, route=route)))
    assert (len(found) == 2) is meant


@pytest.mark.parametrize(("ago", "stands"), [(24 * HOUR, True), (24 * HOUR + TICK, False)])
def test_an_order_stands_for_a_day(ago: timedelta, stands: bool) -> None:
    """Neither given nor cancelled; a microsecond later it is forgotten."""
    made = book(S1, *ORDERS)
    found = lines(made, seen(treatment("meropenem", "ordered", ago), YES["hard"]))
    assert (len(found) == 2) is stands


GRAVEST_FIRST = ("hard", "modify", "check", "soft")


@pytest.mark.parametrize("order", list(permutations(GRAVEST_FIRST)))
def test_an_order_is_as_the_gravest_of_its_blocks_leaves_it(order: Sequence[str]) -> None:
    """Withheld before changed, changed before what is not known, that before a mere word; wherever each stands."""
    known = {"hard": YES["hard"], "modify": YES["modify"], "soft": YES["soft"]}
    made = {severity: text.replace("Not so.", f"Of {severity}.") for severity, text in zip(known, ORDERS, strict=True)}
    made["check"] = block("O4", "hard", 'when = "lactate above 2"\norders = ["meropenem"]').replace(
        "Not so.", "Of check."
    )
    rules = book(S1, *(made[severity] for severity in order))
    for gravest in range(len(GRAVEST_FIRST)):
        left = GRAVEST_FIRST[gravest:]
        rows = [known[s] if s in left else NO[s] for s in known]
        rows += [] if "check" in left else [reading("lactate", 1.0)]
        assert lines(rules, seen(ORDERED, *rows))[0].passage.text == f"Of {left[0]}."


def test_an_order_says_its_dose() -> None:
    """With its unit, where it has one."""
    made = book(S1, block("O", "hard", 'orders = ["meropenem"]'))
    with_dose = treatment("meropenem", "ordered", 10 * MINUTE, amount=1000.0, unit="mg")
    assert lines(made, seen(with_dose))[0].text == "Ordered 11:50: meropenem 1000 mg"


def test_an_order_alone_speaks_where_nothing_else_does() -> None:
    """A warning of its own, only of a block that may, only while it is TRUE, and not beside a trigger."""
    made = book(S1, *ORDERS)
    (found,) = judge(chart(reading("hr", 80), ORDERED, YES["hard"]), made).findings
    assert (found.rule, found.level, found.title) == ("X.O1", Level.WARNING, "Order to check: meropenem")
    assert [s.state for s in found.steps] == ["withheld"]
    assert found.needs == ()
    assert [e.subject for e in found.evidence] == ["meropenem", "rr"]
    assert found.sentence.text.startswith("Warning: an order of meropenem should not be given.")
    for calm in (chart(reading("hr", 80), ORDERED), chart(reading("hr", 80), ORDERED, NO["hard"]),
                 chart(reading("hr", 80), ORDERED, YES["modify"], NO["hard"])):  # fmt: skip
        assert judge(calm, made).findings == ()
    assert [f.rule for f in judge(seen(ORDERED, YES["hard"]), made).findings] == ["X.T1"]


def test_two_orders_against_one_block_are_named_each() -> None:
    """Each is a warning of its own, with its own sentence."""
    made = book(S1, block("O", "hard", 'when = "rr above 20"\norders = ["meropenem", "cefepime"]\nalone = true'))
    both = chart(reading("hr", 80), ORDERED, treatment("cefepime", "ordered", 5 * MINUTE), YES["hard"])
    said = {found.title: found.sentence.text for found in judge(both, made).findings}
    for drug in ("meropenem", "cefepime"):
        assert said[f"Order to check: {drug}"].startswith(f"Warning: an order of {drug} should not be given.")


# -- what a text leaves open

SLOTS = """
[slots.dose]
per_kg = 30
unit = "mL"
[slots.what]
otherwise = "that"
choices = [{ when = "rr above 20", text = "this" }, { when = "temp above 38", text = "those" }]
"""


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "Give 30 mL/kg (weight not known) of that"),
        ([reading("weight", 80), YES["hard"], YES["modify"]], "Give 30 mL/kg = 2400 mL (80 kg actual weight) of this"),
        ([reading("weight", 90), reading("height", 160), YES["modify"]],
         "Give 30 mL/kg = 2023 mL (67 kg adjusted weight) of those"),
    ],
)  # fmt: skip
def test_a_text_is_filled_by_weight_and_by_the_first_choice_that_holds(rows: list[Row], text: str) -> None:
    """The dose in numbers and the weight it rests on; what nothing chooses is otherwise."""
    made = book(SLOTS, step(text="Give {dose} of {what}"))
    assert line(made, seen(*rows, sex="female")).text == text


def test_a_finding_bears_all_that_it_says() -> None:
    """Whose it is, which rule of which version, when, with what evidence."""
    (found,) = judge(seen(), book(S1)).findings
    assert isinstance(found, Finding)
    assert (found.encounter, found.rule, found.guideline, found.title, found.at) == ("e1", "X.T1", "X", "T1 holds", NOW)
    assert re.fullmatch(r"1 \(draft\)", found.rule_version)
    assert [e.subject for e in found.evidence] == ["hr"]
    assert found.needs == ()


def test_a_score_that_lacks_parts_says_which() -> None:
    """A finding that rests on a score asks for what the score could not count."""
    scored = TRIGGERS.replace('when = "hr above 100"', 'when = "news2 at_least 1"')
    found = judge(chart(reading("hr", 131)), book(S1, triggers=scored)).findings[0]
    assert [need.subject for need in found.needs] == ["rr", "spo2", "o2_device", "sbp", "acvpu", "temp"]


def test_an_episode_keeps_its_onset() -> None:
    """What began an hour ago did so, whatever made it so again."""
    began = Onset(at=NOW - HOUR, ref="then")
    found = {f.rule: f for f in judge(seen(), book(S1), onsets={"X.T1": began}).findings}
    assert found["X.T1"].onset == began
    asked = judge(chart(reading("hr", 130)), book(S1, SETTLES), Told(), {"X.T2.ask": began}).findings
    assert [f.onset == began for f in asked] == [False, True]
