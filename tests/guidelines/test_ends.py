"""When a kept answer is asked again: at the very moment at which its time is up, and at news of what it looks at."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from guidelines.evidence import NO_OUTLOOK
from guidelines.rules.graph import Graph
from guidelines.rules.kept import KeptCase, nothing_kept
from guidelines.rules.noted import GIVEN_READS, RUNNING_READS
from schemas.clinical.findings import Truth
from schemas.conditions.text import parse
from streams.core.bed import Bed, Chart, snapshot
from tests.streams.bedside import at, reading, treatment

TICK = timedelta(microseconds=1)
BED = Bed(
    "e1",
    chart=Chart(
        treatments=(treatment("cefepime", "given", "08:00", amount=2.0, amount_unit="g"),),
        readings={"lactate": (reading("lactate", 4.0, "08:00"),)},
    ),
)


@pytest.mark.parametrize(
    ("text", "last", "after"),
    [
        ("given cefepime within 1 h", at("09:00") - TICK, Truth.NO),
        ("max of lactate over 1 h above 2", at("09:00") - TICK, Truth.UNKNOWN),
        ("lactate above 2", at("10:00"), Truth.UNKNOWN),  # valid for two hours, both ends in
    ],
)
def test_an_answer_is_asked_again_at_the_end_of_its_time(text: str, last: object, after: Truth) -> None:
    """With no news at all: the last moment of what was known, and the one after it."""
    graph = Graph()
    node = graph.node(parse(text))
    graph.watch([node])
    kept = KeptCase(snapshot(BED, at("08:30")), NO_OUTLOOK, nothing_kept(graph), ()).kept()
    until = kept.untils[node.index]
    assert until - TICK == last
    assert KeptCase(snapshot(BED, until - TICK), NO_OUTLOOK, kept, ()).ask(node).truth is Truth.YES
    assert KeptCase(snapshot(BED, until), NO_OUTLOOK, kept, ()).ask(node).truth is after


def test_an_answer_is_asked_again_where_values_age_faster_all_at_once() -> None:
    """A glucose that stands for hours stands for one while insulin runs: known at once, without news of the glucose."""
    graph = Graph()
    node = graph.node(parse("glucose above 10"))
    graph.watch([node])
    charted = snapshot(Bed("e1", chart=Chart(readings={"glucose": (reading("glucose", 14.0, "08:00"),)})), at("09:30"))
    kept = KeptCase(charted, NO_OUTLOOK, nothing_kept(graph), ()).kept()
    running = replace(charted, situations=frozenset({"insulin_infusion"}))
    assert KeptCase(charted, NO_OUTLOOK, kept, ()).ask(node).truth is Truth.YES
    assert KeptCase(running, NO_OUTLOOK, kept, ("t:insulin_regular",)).ask(node).truth is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("lactate above 2", ""),  # too old, it is not known: neither true nor false
        ("map below 65", "true false"),  # another way to work it out takes its place
        ("news2 at_least 5", "true false"),
        ("map below 65 for 15 min", "true false"),
        ("o2_device is nc", ""),
        ("acvpu is U", "true false"),
        ("max of lactate over 1 h above 2", "true false"),
        ("given cefepime within 1 h", "true false"),
        ("ordered cefepime within 1 h", "false"),
        ("diagnosed copd", ""),
        ("allergic cefepime", ""),
        ("any_of(ordered cefepime within 1 h; diagnosed copd)", "false"),
        ("none_of(ordered cefepime within 1 h; diagnosed copd)", "true"),
        ("none_of(diagnosed copd; allergic cefepime)", ""),
    ],
)
def test_what_time_alone_can_make_of_an_answer(text: str, turns: str) -> None:
    """Without any news: whether it can come true, and whether it can come to be false."""
    node = Graph().node(parse(text))
    assert (node.may_rise, node.may_fall) == ("true" in turns, "false" in turns)


GCS = {"gcs_e", "gcs_m", "gcs_total", "gcs_v", "o2_device"}
CRYSTALLOID = {
    "t:crystalloid_other",
    "t:lactated_ringer",
    "t:plasma_lyte",
    "t:ringer_acetate",
    "t:saline_0_9",
    *GIVEN_READS,
}


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("lactate above 2", {"lactate"}),
        ("map below 65", {"map", "sbp", "dbp"}),
        ("map below 65 for 15 min", {"map", "sbp", "dbp"}),
        ("o2_device is nc", {"o2_device"}),
        ("acvpu is U", {"acvpu", *GCS}),
        ("max of lactate over 1 h above 2", {"lactate"}),
        ("lactate rises_by 1 within 2 h", {"lactate"}),
        ("given cefepime within 1 h", {"t:cefepime", "treatments", *GIVEN_READS}),
        ("on cefepime", {"t:cefepime", "treatments", *RUNNING_READS}),
        ("ordered cefepime within 1 h", {"t:cefepime", "treatments"}),
        ("total of any crystalloid over 3 h at_least 500 mL", {"treatments", *CRYSTALLOID}),
        ("total of any crystalloid over 3 h at_least 30 mL/kg",
         {"treatments", "weight", "height", "p:sex", "n:person.weight", *CRYSTALLOID}),
        ("diagnosed copd", {"p:diagnoses", "n:dx.copd"}),
        ("on norepinephrine", {"t:norepinephrine", "treatments", *RUNNING_READS}),
        ("allergic cefepime", {"p:allergies", "n:allergy.*"}),
        ("noted infection.sepsis within 6 h", {"n:infection.sepsis", "notes"}),
        ("age below 18", {"p:age_years"}),
        ("is pregnant", {"p:pregnant", "p:sex", "n:ob.pregnant", "notes"}),
        ("lvef below 40", {"lvef", "p:lvef_percent", "n:cardiac.lvef", "notes"}),
        ("expected map in 1 h below 65", {"forecast"}),
        ("all_of(lactate above 2; none_of(age below 18; diagnosed copd))",
         {"lactate", "p:age_years", "p:diagnoses", "n:dx.copd"}),
    ],
)  # fmt: skip
def test_what_an_answer_looks_at(text: str, reads: set[str]) -> None:
    """Whatever news of it must have the question asked again: one left out is an alarm that does not come."""
    assert Graph().node(parse(text)).reads == reads
