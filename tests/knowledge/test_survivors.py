"""Fifteen mutations that no test noticed in a review of version 0.1, each named with the test that notices it now.

The boundary tests beside this file notice most of them again; here each stands alone, with the number of the reference.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from boards.web.app import create_app
from forecasting.baselines.crossing import Scale, Start, Table, crosses
from forecasting.chances import chance
from guidelines.book.load import read as read_book
from guidelines.examples import play as play_example
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Odds
from schemas.clinical.snapshot import Snapshot
from schemas.conditions.text import parse
from streams.core.bed import snapshot
from streams.core.ordering import Late
from streams.stores.database import Database
from tests.boards.fixtures import FakeSource
from tests.knowledge.asking import BOOK, asked, truth
from tests.knowledge.charts import HOUR, MINUTE, NOW, TICK, chart, fact, reading, treatment
from tests.knowledge.oracle import NO, UNKNOWN, YES
from tests.knowledge.test_artefacts import OK, SUSPECT, mark, spo2
from tests.knowledge.test_time import LATENESS, heard, play, tick, time_of
from tests.streams.bedside import admitted, at, note
from tests.streams.bedside import reading as measured

LUNG = fact("infection.source_lung", HOUR)


def of_rule(rule: str, seen: Snapshot) -> Truth:
    """The truth of a trigger of the book."""
    when = next(t.when for g in BOOK.guidelines for t in g.triggers if t.id == rule)
    return truth(when, seen)


def test_01_a_lactate_of_four_alone_is_sepsis_with_poor_perfusion() -> None:
    """Lived: SEP.T3's lactate 4 became 4.5. With an infection, 4.0 mmol/L fires it; 3.9 does not by itself."""
    assert of_rule("SEP.T3", chart(LUNG, reading("lactate", 4.0), reading("map", 80), reading("sbp", 120))) is YES
    assert of_rule("SEP.T3", chart(LUNG, reading("lactate", 3.9), reading("map", 80), reading("sbp", 120))) is not YES


def test_02_a_window_does_not_hold_its_start() -> None:
    """Lived: the start of a window, open or closed. A value of exactly 6 h ago is outside the last 6 h."""
    assert asked("max of lactate over 6 h above 4", chart(reading("lactate", 5, 6 * HOUR - TICK))) is YES
    assert asked("max of lactate over 6 h above 4", chart(reading("lactate", 5, 6 * HOUR))) is UNKNOWN


def test_03_a_rise_by_exactly_what_is_asked_is_one() -> None:
    """Lived: the bound of rises_by. 80 to 100 is a rise by 20, 80 to 99 is not."""
    for now, risen in ((100, YES), (99, NO)):
        seen = chart(reading("hr", 80, 10 * MINUTE), reading("hr", now))
        assert asked("hr rises_by 20 within 15 min", seen) is risen


def test_04_a_hedge_in_a_family_of_facts_is_not_a_denial() -> None:
    """Lived: hedged taken for denied. One bleeding denied and another possible leaves the family open."""
    words = [fact("bleed.lower", HOUR, "negated"), fact("bleed.upper", HOUR, "uncertain")]
    assert asked("noted bleed.* within 6 h", chart(*words)) is UNKNOWN
    assert asked("noted bleed.* within 6 h", chart(words[0])) is NO


@pytest.mark.parametrize(("apart", "suspected"), [(49 * HOUR, YES), (72 * HOUR, YES), (72 * HOUR + TICK, UNKNOWN)])
def test_05_a_culture_and_a_drug_within_72_hours_make_an_infection_suspected(
    apart: timedelta, suspected: Truth
) -> None:
    """Lived: 72 h became 48 h. Culture first, the drug 49 h or 72 h later: suspected."""
    rows = [treatment("blood_culture", "given", HOUR + apart), treatment("meropenem", "given", HOUR)]
    assert asked("is infection_suspected", chart(*rows)) is suspected


@pytest.mark.parametrize(("rate", "ml"), [(125.0, 0.0), (126.0, 126.0)])
def test_06_a_rate_of_125_is_maintenance(rate: float, ml: float) -> None:
    """Lived: `more than` became `at least`. 125 mL/h are no resuscitation, 126 mL/h are."""
    seen = chart(treatment("saline_0_9", "start", HOUR, rate=rate))
    assert asked(f"total of any crystalloid over 1 h equals {ml:g} mL", seen) is YES


RULES = """
id = "X"
title = "A made-up rule"
version = "1"
status = "draft"
reviewed = 2026-01-01
population = "adults"
[sources.A]
title = "Nothing"
year = 2026
cite = "Nothing 2026"
checked = "no"
[[triggers]]
id = "X.T"
title = "Always with a pulse"
level = "warning"
when = "hr above 0"
source = ["A"]
lead = "something is so"
question = "something is so"
worse = "it is worse"
steady = "it stands"
values = ["hr"]
[[steps]]
id = "X.S"
text = "Do it"
for = ["X.T"]
limited = true
source = ["A"]
passage = "Do it."
strength = "none"
{blocks}
[[examples]]
name = "one"
at = "08:05"
patient = {{ diagnoses = ["gout"]{limits} }}
readings = [{{ at = "08:00", hr = 80 }}]
then = {{ "X.T" = "fires" }}
[[examples]]
name = "two"
at = "08:05"
then = {{ "X.T" = "open" }}
"""
BLOCK = """
[[blocks]]
id = "X.{name}"
severity = "{severity}"
when = "{when}"
steps = ["X.S"]
text = "Not so."
change = "Do less"
source = ["A"]
passage = "Not so."
strength = "none"
"""
HARD = BLOCK.format(name="B1", severity="hard", when="diagnosed gout")
CHANGE = BLOCK.format(name="B2", severity="modify", when="diagnosed gout")
OPEN = BLOCK.format(name="B3", severity="hard", when="allergic penicillin")


@pytest.mark.parametrize(
    ("limits", "blocks", "state"),
    [
        (', limits = ["no_escalation"]', HARD + CHANGE + OPEN, "discuss"),
        (', limits = ["dnr"]', HARD + CHANGE + OPEN, "withheld"),
        ("", HARD + CHANGE + OPEN, "withheld"),
        ("", CHANGE + OPEN, "modified"),
        ("", OPEN, "needs_check"),
        ("", "", "offered"),
    ],
)
def test_07_a_treatment_limit_goes_before_a_hard_block(limits: str, blocks: str, state: str) -> None:
    """Lived: the order of the two. Limit, hard block, change, check, offer: reference §0.4, rule 3."""
    book = read_book({"x.toml": RULES.format(limits=limits, blocks=blocks)})
    (finding,) = play_example(book.guidelines[0].examples[0], book).findings
    assert [step.state.value for step in finding.steps] == [state]


def test_08_an_instant_exactly_at_the_watermark_is_open() -> None:
    """Lived: `at the watermark` became closed. An event of 0.5 s ago is in time, one of 1 µs more is late."""
    for after, late in ((LATENESS, 0), (LATENESS + TICK, 1)):
        _, said = heard([(at(0), measured("hr", 80, 0)), (at(0) + after, measured("map", 61, 0)), tick(at(1))])
        assert sum(isinstance(one, Late) for one in said) == late


def test_09_of_a_result_and_its_correction_at_once_the_correction_counts() -> None:
    """Lived: the rank of a status in a tie. Corrected 3.0 and final 2.0 in one instant, in either order: 3.0."""
    final = measured("lactate", 2.0, "08:00", "08:30", source="lab", status="final")
    corrected = measured("lactate", 3.0, "08:00", "08:30", source="lab", status="corrected")
    for events in ([final, corrected], [corrected, final]):
        bed, _ = play(events, at("08:31"))
        assert [r.value for r in bed.chart.readings["lactate"]] == [3.0]


def test_10_a_fall_of_eleven_points_within_ten_seconds_is_doubted() -> None:
    """Lived: pattern Q4's 10 points became 12. 97 to 86 in 8 s is suspect, 97 to 87 is not."""
    assert mark(spo2(86), spo2(97, timedelta(seconds=8))) is SUSPECT
    assert mark(spo2(87), spo2(97, timedelta(seconds=8))) is OK


def test_11_a_bleeding_makes_a_haemoglobin_age_faster() -> None:
    """Lived: the situation was dropped. While somebody noted melena a haemoglobin is valid for 2 h, not 12."""
    bed, _ = play([admitted(), note("Large melena x2.", 0), measured("hb", 9, 0)], at(1))
    assert asked("hb above 0", snapshot(bed, at(120))) is YES
    assert asked("hb above 0", snapshot(bed, at(121))) is UNKNOWN


def test_12_either_of_two_is_at_most_as_likely_as_both_chances_together() -> None:
    """Lived: the upper bound of any_of, a sum, became the larger part. 0.3 and 0.3 may be 0.6, however they depend."""
    scale = Scale(0, 500, (0.0, 9.0), (0.2, 0.2), (0.1, 0.1), (0.3, 0.3), (0.1, 0.1))
    tables = {name: Table((1.0, 4.0), (scale, scale), (None, None)) for name in ("map below", "hr above")}

    def start(concept: str) -> Start:
        level = {"map": 80.0, "hr": 90.0}[concept]
        rows = tuple(tuple(level + step for step in range(len(LEVELS))) for _ in HORIZONS_H)
        fan = Fan(concept=concept, horizons_h=HORIZONS_H, quantiles=rows, origin="x", origin_at=NOW)
        return Start(fan, value=level, low=level, high=level)

    odds = chance(parse("any_of(map below 65; hr above 130)"), timedelta(hours=4), crosses(start, tables), "made up")
    assert isinstance(odds, Odds)
    assert (odds.low, odds.probability, odds.high) == (0.1, 0.36, 0.6)


def test_13_no_other_page_may_frame_the_board() -> None:
    """Lived: frame-ancestors became *. Every answer forbids framing, so no click can be stolen."""

    async def policy() -> str:
        transport = httpx.ASGITransport(create_app(FakeSource()))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return str((await client.get("/healthz")).headers["content-security-policy"])

    directives: dict[str, Any] = {}
    for directive in asyncio.run(policy()).split(";"):
        name, *values = directive.split()
        directives[name] = values
    assert directives["frame-ancestors"] == ["'none'"]
    assert directives["default-src"] == ["'none'"]


def test_14_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    """Lived: SQLite's `synchronous`. A commit is synced (FULL, 2) into a write-ahead log."""
    database = Database(f"sqlite:///{tmp_path}/s.sqlite")
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()


def test_15_a_clock_time_in_a_note_reaches_twelve_hours_back() -> None:
    """Lived: 12 h. In a note of 15:00, 03:00 is today's; 02:59 is out of reach, and the note's own time is used."""
    afternoon = at(0).replace(hour=15)
    assert time_of("0300: mottled", afternoon) == afternoon - 12 * HOUR
    assert time_of("0259: mottled", afternoon) == afternoon
