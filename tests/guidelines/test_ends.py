"""The moment at which a kept answer's time is up: it is asked again at that very moment, and not before."""

from datetime import timedelta

import pytest

from guidelines.evidence import NO_OUTLOOK
from guidelines.rules.graph import Graph
from guidelines.rules.kept import KeptCase, nothing_kept
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
