"""An answer stands, without news, up to the moment that it names: a bed that is not asked again misses nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import conditions as c
from schemas.clinical.facts import NoteFact
from schemas.clinical.snapshot import Snapshot
from schemas.conditions.text import parse
from schemas.events import Reading, Treatment
from tests.knowledge.asking import standing, truth
from tests.knowledge.boundaries import Case, boundaries, merged
from tests.knowledge.charts import DAY, HOUR, MINUTE, NOW, TICK, Row, chart, fact, reading, treatment
from tests.knowledge.test_conditions import RULES, _cases, asked_of

REACHES = (MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 45 * MINUTE,
           *(HOUR * h for h in (1, 2, 3, 4, 6, 12, 24, 48, 72)), 7 * DAY)  # fmt: skip
"""How far back rules look: whatever time changes, it changes one of these after something was true."""


def moments(seen: Snapshot, condition: c.Condition, until: datetime) -> Iterator[datetime]:
    """Moments after NOW and before `until` at which time alone could have changed an answer."""
    spans = {*REACHES, *(getattr(condition, name, None) or MINUTE for name in ("over", "within", "hold"))}
    readings = [r for rows in seen.readings.values() for r in rows]
    ends = {until - TICK}
    known: list[Reading | Treatment | NoteFact] = [*readings, *seen.treatments, *seen.facts]
    for one in known:
        at = one.effective_at if isinstance(one, NoteFact) else one.observed_at
        own = {seen.validity(one)} if isinstance(one, Reading) else set[timedelta]()
        ends |= {at + span + late for span in spans | own for late in (timedelta(0), TICK)}
    return (end for end in sorted(ends) if NOW < end < until and end < NOW + 8 * DAY)


def broken(condition: c.Condition, case: Case) -> list[str]:
    """The moments at which an answer no longer holds although it was said to stand."""
    seen = case.chart.snapshot
    said, until = standing(condition, seen, case.outlook)
    asked_at = moments(seen, condition, until)
    later = ((at, standing(condition, case.chart.seen(at), case.outlook)[0]) for at in asked_at)
    return [f"{case.name}: {said}, and {at - NOW} later {now}" for at, now in later if now is not said]


@pytest.mark.parametrize("text", asked_of())
def test_a_condition_stands_as_long_as_it_says(text: str) -> None:
    """At every boundary of every condition: up to its moment the answer is the same."""
    leaf = asked_of()[text]
    assert [fault for case in boundaries(leaf) for fault in broken(leaf, case)] == []


@settings(max_examples=200)
@given(st.data())
def test_a_rule_stands_as_long_as_it_says(data: st.DataObject) -> None:
    """The same of any rule, on any patient near several boundaries at once."""
    rule = data.draw(st.sampled_from([name for name in sorted(RULES) if _cases(name)]))
    chart, outlook = merged(data.draw(st.lists(st.sampled_from(_cases(rule)), min_size=1, max_size=5)))
    assert broken(RULES[rule], Case(rule, chart, truth(RULES[rule], chart.snapshot, outlook), outlook)) == []


def pressor(ago: timedelta, action: str = "start", rate: float | None = 0.1) -> Row:
    return treatment("norepinephrine", action, ago, rate=rate)


HALF_AN_HOUR = 30 * MINUTE
LAST = 15 * MINUTE + TICK  # of a heart rate or pressure of now: valid for 15 min, the last moment included
PAST_1_H = HOUR + MINUTE  # the first full minute at which it is more
ENDS: list[tuple[str, list[Row], timedelta]] = [
    ("news2 at_least 3", [reading("rr", 25)], HALF_AN_HOUR + TICK),
    ("sirs at_least 1", [reading("wbc", 13)], DAY + TICK),
    ("sofa at_least 2", [reading("platelets", 90, HOUR)], 23 * HOUR + TICK),
    ("sofa at_least 2", [reading("platelets", 90, 2 * HOUR), reading("platelets", 120, HOUR)], 22 * HOUR + TICK),
    ("sofa at_least 2", [reading("fio2", 0.5, 3 * HOUR), reading("pao2", 90, 2 * HOUR)], 22 * HOUR + TICK),
    ("sofa at_least 1", [reading("map", 69, HOUR), reading("map", 80)], LAST),
    ("sofa at_least 3", [pressor(20 * MINUTE)], 40 * MINUTE),  # then it will have run for an hour
    ("sofa at_least 3", [pressor(2 * HOUR)], 22 * HOUR),
    ("sofa at_least 3", [pressor(9 * HOUR), pressor(2 * HOUR, "stop", None)], 22 * HOUR),
    ("is infection_suspected", [fact("infection.source_lung", 3 * HOUR)], 21 * HOUR),
    ("is infection_suspected", [treatment("blood_culture", "given", HOUR)], 23 * HOUR),
    ("is infection_worked_up", [treatment("blood_culture", "ordered", 23 * HOUR), reading("temp", 39)], HOUR + TICK),
    ("is infection_worked_up", [treatment("blood_culture", "given", HOUR), reading("temp", 39)], 4 * HOUR + TICK),
    ("is infection_not_suspected",
     [fact("abx.prophylaxis", 5 * HOUR), treatment("cefepime", "given", HOUR)], 19 * HOUR),
    ("is infection_denied", [fact("infection.source_lung", 3 * HOUR, "negated")], 21 * HOUR),
    ("is fluid_made_it_worse", [treatment("saline_0_9", "given", HALF_AN_HOUR, amount=250)], HALF_AN_HOUR),
    ("is fluid_made_it_worse",
     [treatment("saline_0_9", "given", 10 * MINUTE, amount=250), reading("spo2", 97, 40 * MINUTE), reading("spo2", 96)],
     20 * MINUTE),
    ("is fluid_or_pressor_reported", [treatment("saline_0_9", "given", HOUR, amount=250)], 5 * HOUR),
    ("is fluid_responsive", [fact("fluid.responsive", 20 * MINUTE)], 40 * MINUTE),
    ("total of any crystalloid over 3 h above 1 mL", [treatment("saline_0_9", "given", HOUR, amount=250)], 2 * HOUR),
    ("total of any crystalloid over 3 h above 1 mL", [treatment("saline_0_9", "start", HOUR, rate=500)], 23 * HOUR),
    ("total of any crystalloid over 3 h above 900 mL", [treatment("saline_0_9", "start", HOUR, rate=450)], PAST_1_H),
    ("total of any crystalloid over 3 h above 1 mL", [treatment("saline_0_9", "start", HOUR, rate=125)], 23 * HOUR),
    ("is repeated_low_map", [reading("map", 64)], LAST),
    ("is sbp_below_usual", [reading("sbp", 89)], HOUR),  # the usual pressure is looked up anew each full hour
    ("is cvp_known_high", [reading("cvp", 16)], 2 * HOUR + TICK),
    ("shock_index above 1", [reading("hr", 120, 4 * MINUTE), reading("sbp", 90)], 11 * MINUTE + TICK),
    ("is confounded", [treatment("propofol", "given", 80 * MINUTE)], 40 * MINUTE + TICK),
    ("aki_stage at_least 1", [reading("creatinine", 1.0, 3 * DAY), reading("creatinine", 2.0)], DAY + TICK),
    ("uo_rate_2h below 0.5", [reading("urine", 30, n * HOUR) for n in (3, 2, 1, 0)], HOUR),
    ("pf below 300", [reading("fio2", 0.5, 2 * HOUR), reading("pao2", 90, HOUR)], 3 * HOUR + TICK),
    ("is o2_up", [reading("o2_flow", 4, 20 * MINUTE)], 40 * MINUTE),  # then it will be what held an hour ago
    ("is o2_up", [fact("o2.up", 20 * MINUTE)], 40 * MINUTE),
    ("lvef below 40", [fact("cardiac.lvef", 5 * DAY, value=30)], 360 * DAY),
    ("hr above 100 for 10 min", [reading("hr", 120 + n, n * MINUTE) for n in (9, 5, 0)], MINUTE + TICK),
    ("hr above 100 for 10 min", [reading("hr", 90, 5 * MINUTE), reading("hr", 120)], 5 * MINUTE + TICK),
    ("max of hr over 1 h above 100", [reading("hr", 130, 20 * MINUTE), reading("hr", 90)], 40 * MINUTE),
    ("min of hr over 1 h above 100", [reading("hr", 130, 20 * MINUTE), reading("hr", 90, 10 * MINUTE)], 50 * MINUTE),
    ("mean of hr over 1 h above 100", [reading("hr", 130, 20 * MINUTE), reading("hr", 90)], 40 * MINUTE),
    ("count of hr over 1 h equals 2", [reading("hr", 130, 20 * MINUTE), reading("hr", 90)], 40 * MINUTE),
    ("hr rises_by 20 within 1 h", [reading("hr", 90, 20 * MINUTE), reading("hr", 130)], 40 * MINUTE),
    ("trend of hr over 2 h above 9", [reading("hr", 100 - n, n * MINUTE) for n in (60, 30, 0)], HOUR),
    ("noted perf.mottled within 2 h", [fact("resp.wob", HOUR)], 23 * HOUR),
    ("noted perf.mottled within 2 h", [fact("perf.mottled", HOUR)], HOUR),
    ("noted perf.mottled within 2 h", [fact("perf.mottled", -HOUR)], HOUR),  # written ahead
    ("given meropenem within 2 h", [treatment("meropenem", "given", HOUR)], HOUR),
    ("given meropenem within 2 h", [treatment("meropenem", "given", -HOUR)], HOUR),
    ("ordered meropenem within 2 h", [treatment("meropenem", "ordered", HOUR)], HOUR),
    ("on norepinephrine", [pressor(HOUR)], 23 * HOUR + TICK),
    ("rate of norepinephrine above 0.05 for 30 min", [pressor(20 * MINUTE)], 10 * MINUTE),
    ("ned above 0.05", [pressor(HOUR)], 23 * HOUR + TICK),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows", "lasts"), ENDS)
def test_an_answer_ends_no_sooner_than_it_must(text: str, rows: list[Row], lasts: timedelta) -> None:
    """At the very moment at which what it rests on grows too old or leaves its window: sooner is work for nothing."""
    assert standing(parse(text), chart(rows))[1] - NOW == lasts


@pytest.mark.parametrize("text", ["hr above 100", "noted perf.mottled within 2 h", "on norepinephrine", "is in_icu",
                                  "sofa at_least 2", "age above 60", "allergic penicillin"])  # fmt: skip
def test_an_answer_that_rests_on_nothing_never_ends(text: str) -> None:
    """Of an empty chart time alone changes nothing."""
    assert standing(parse(text), chart())[1] - NOW > 1000 * DAY
