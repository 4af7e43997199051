"""An answer stands, without news, up to the moment that it names: a bed that is not asked again misses nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import conditions as c
from schemas.clinical.facts import NoteFact
from schemas.clinical.snapshot import Snapshot
from schemas.events import Reading
from tests.knowledge.asking import standing, truth
from tests.knowledge.boundaries import Case, boundaries, merged
from tests.knowledge.charts import DAY, HOUR, MINUTE, NOW, TICK
from tests.knowledge.test_conditions import RULES, _cases, asked_of

REACHES = (MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 45 * MINUTE,
           *(HOUR * h for h in (1, 2, 3, 4, 6, 12, 24, 48, 72)), 7 * DAY)  # fmt: skip
"""How far back rules look: whatever time changes, it changes one of these after something was true."""


def moments(seen: Snapshot, condition: c.Condition, until: datetime) -> Iterator[datetime]:
    """Moments after NOW and before `until` at which time alone could have changed an answer."""
    spans = {*REACHES, *(getattr(condition, name, None) or MINUTE for name in ("over", "within", "hold"))}
    readings = [r for rows in seen.readings.values() for r in rows]
    ends = {until - TICK}
    for one in (*readings, *seen.treatments, *seen.facts):
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
