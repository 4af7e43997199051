"""Each knowledge file is tested by the worked examples it holds."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from guidelines.book.load import load
from guidelines.book.records import Example
from guidelines.evidence import NO_OUTLOOK
from guidelines.examples import moment, play, snapshot_of
from guidelines.findings import Telling
from guidelines.lint import faults
from guidelines.rules.case import Case
from schemas.clinical.findings import Finding, Judgement, Level, Step, Truth
from schemas.frozen import from_json, to_json

BOOK = load()
EXAMPLES = [pytest.param(e, id=f"{g.id}: {e.name}") for g in BOOK.guidelines for e in g.examples]

IN_PLACE = {
    name: [t.id for g in BOOK.guidelines for t in g.triggers if name in t.instead_of]
    for g in BOOK.guidelines
    for t in g.triggers
    for name in t.instead_of
}


def heard(judgement: Judgement, rule: str) -> str:
    """What a trigger does, in the words of the examples."""
    if any(f.rule == rule for f in judgement.findings):
        return "fires"
    if any(f.rule == f"{rule}.ask" for f in judgement.findings):
        return "asks"
    if judgement.truths[rule] is Truth.YES and any(f.rule in IN_PLACE.get(rule, ()) for f in judgement.findings):
        return "yields"
    return {Truth.NO: "silent", Truth.UNKNOWN: "open", Truth.YES: "true without a finding"}[judgement.truths[rule]]


def lines(findings: tuple[Finding, ...], name: str) -> list[Step]:
    """The lines of all checklists with that step id, or about an order of that item."""
    return [s for f in findings for s in f.steps if s.id == name or s.id.startswith(f"order:{name}@")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_guideline_does_what_its_own_file_says(example: Example) -> None:
    """The triggers, the checklist, the reasons and the questions are those that the example states."""
    judgement = play(example, BOOK)
    assert {rule: heard(judgement, rule) for rule in example.then} == example.then
    shown = {name: lines(judgement.findings, name) for name in example.steps}
    assert {n: s[0].state.value if s else "absent" for n, s in shown.items()} == example.steps
    for name, block in example.reasons.items():
        assert block in {r.block for s in lines(judgement.findings, name) for r in s.reasons}
    assert set(example.asks) <= {n.subject for f in judgement.findings for n in f.needs}


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_sentence_passes_the_linter(example: Example) -> None:
    """No finding of any example says a number that is not bound or has no time, nor what is not so now."""
    judgement, seen = play(example, BOOK), snapshot_of(example)
    assert {f.rule: faults(f.sentence, seen) for f in judgement.findings} == {f.rule: [] for f in judgement.findings}
    assert all(f.evidence for f in judgement.findings if f.level is not Level.ASK)


@pytest.mark.parametrize("after", [timedelta(0), timedelta(minutes=20), timedelta(hours=3), timedelta(days=2)])
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_sentence_passes_the_linter_when_it_is_told_in_the_past(example: Example, after: timedelta) -> None:
    """At once, and as the values that it rested on grow old: none is told as if it were still known."""
    said = play(example, BOOK).findings
    seen = replace(snapshot_of(example), now=moment(example.at) + after, zone=ZoneInfo("Europe/Berlin"))
    case = Case(seen, NO_OUTLOOK, BOOK.rules.graph)
    onsets = {f.rule: f.onset for f in said}
    for finding in said:
        guideline = next(g for g in BOOK.rules.guidelines if g.guideline.id == finding.guideline)
        told = Telling(case, guideline, onsets, BOOK.worse, finding).past(finding, "it is over").sentence
        assert faults(told, seen) == []
        assert told.text.startswith("As of ")
        assert "it is over." in told.text


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_finding_survives_the_wire(example: Example) -> None:
    """What is made without a second check still fits its own record, to the last field."""
    for finding in play(example, BOOK).findings:
        assert from_json(to_json(finding), Finding) == finding
