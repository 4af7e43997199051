"""The card of an episode: what its finding says in the fields of CDS Hooks, to the letter."""

import re
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from forecasting.baselines import trend
from guidelines.book import load as book
from guidelines.lint import faults
from schemas.clinical.alerts import Alert, AlertEvent
from schemas.clinical.cards import SUMMARY_CHARS_MAX, Card
from schemas.clinical.findings import Finding, Level, Need, Onset, Passage, Reason, Sentence, Step, StepState
from streams.core.bed import Bed, snapshot
from streams.core.cards import DETAIL_CHARS_MAX, NEEDS_SHOWN_MAX, card, digest
from streams.core.judge import Mind
from streams.core.policy import Policy
from streams.core.step import step
from tests.streams.bedside import SHOCK, at

ALERT = digest("e1", "SEP", "r1")
PASSAGE = Passage(citation="Evans 2021", text="Give it.", strength="strong")


def line(state: StepState, *reasons: str, name: str = "S") -> Step:
    why = tuple(Reason(block="B", severity="check", text=text) for text in reasons)
    return Step(id=name, text=f"Do {name}", state=state, reasons=why, passage=PASSAGE)


def finding(said: str, *steps: Step, needs: tuple[Need, ...] = (), level: Level = Level.WARNING) -> Finding:
    return Finding(
        encounter="e1", rule="SEP.T1", rule_version="1.2", guideline="SEP", title="Sepsis", level=level, at=at(0),
        onset=Onset(at=at(0), ref="r1"), sentence=Sentence(template=said, evidence=()), needs=needs, steps=steps,
    )  # fmt: skip


def need(subject: str) -> Need:
    return Need(subject=subject, label=subject.upper(), why="never measured")


def made(one: Finding, *others: Finding, level: Level = Level.WARNING, remarks: tuple[str, ...] = ()) -> Card:
    return card(ALERT, level, one, others, remarks)


@pytest.mark.parametrize(
    ("level", "indicator"),
    [(Level.ASK, "info"), (Level.WATCH, "info"), (Level.WARNING, "warning"), (Level.CRITICAL, "critical")],
)
def test_the_indicator_is_that_of_the_level(level: Level, indicator: str) -> None:
    """The level at which the episode stands, not that of the finding."""
    assert made(finding("So it is."), level=level).indicator == indicator


@pytest.mark.parametrize(
    ("state", "text", "offered", "recommended"),
    [
        (StepState.OFFERED, "- [ ] Do S", True, True),
        (StepState.MODIFIED, "- [ ] changed: Do S", True, False),
        (StepState.DONE, "- [x] Do S", False, None),
        (StepState.WITHHELD, "- withheld: Do S", False, None),
        (StepState.NEEDS_CHECK, "- needs a check: Do S", False, None),
        (StepState.DISCUSS, "- discuss first: Do S", False, None),
    ],
)
def test_a_step_is_written_and_offered_by_its_state(
    state: StepState, text: str, offered: bool, recommended: bool | None
) -> None:
    """Only what may be done now is a suggestion, and only what is offered unchanged is recommended."""
    shown = made(finding("So it is.", line(state)))
    assert shown.detail.splitlines() == ["So it is.", text]
    assert [s.isRecommended for s in shown.suggestions] == ([recommended] if offered else [])
    assert shown.selectionBehavior == ("any" if offered else None)
    assert [s.label for s in shown.suggestions] == (["Do S"] if offered else [])


def test_a_suggestion_has_an_id_of_its_own_made_of_content() -> None:
    """Of two steps two ids; of the same step of the same alert the same; the card has the alert's."""
    one = made(finding("So it is.", line(StepState.OFFERED, name="A"), line(StepState.OFFERED, name="B")))
    again = made(finding("Else.", line(StepState.OFFERED, name="A")))
    first, second = (suggestion.uuid for suggestion in one.suggestions)
    assert first != second
    assert again.suggestions[0].uuid == first == str(UUID(digest(ALERT, "A")))
    assert one.uuid == str(UUID(ALERT))
    assert len(ALERT) == 32


def test_the_detail_says_all_in_its_order() -> None:
    """The sentence, the remarks, what to measure (each once), the other sentences, the steps with their reasons."""
    one = finding("First.", line(StepState.NEEDS_CHECK, "why", "and why"), needs=(need("hr"), need("map")))
    other = finding("Second.", needs=(need("map"), need("rr")))
    assert made(one, other, remarks=("Stale.",)).detail.splitlines() == [
        "First.",
        "**Stale.**",
        "- measure HR: never measured",
        "- measure MAP: never measured",
        "- measure RR: never measured",
        "- Second.",
        "- needs a check: Do S (why; and why)",
    ]


def test_so_many_needs_are_shown_and_no_more() -> None:
    """The first eight."""
    many = finding("So it is.", needs=tuple(need(f"n{n}") for n in range(NEEDS_SHOWN_MAX + 1)))
    shown = [one for one in made(many).detail.splitlines() if one.startswith("- measure")]
    assert len(shown) == NEEDS_SHOWN_MAX == 8
    assert shown[-1] == "- measure N7: never measured"


@pytest.mark.parametrize("over", [0, 1])
def test_what_is_too_long_ends_in_dots_at_its_limit(over: int) -> None:
    """A text at its limit is whole; a longer one is cut so that the dots fit."""
    for limit, field in ((SUMMARY_CHARS_MAX, "summary"), (DETAIL_CHARS_MAX, "detail")):
        text = "x" * (limit + over)
        shown = getattr(made(finding(text)), field)
        assert shown == (text if not over else "x" * (limit - 1) + "…")
        assert len(shown) == limit
    spaced = "x" * (SUMMARY_CHARS_MAX - 3) + "   y y"
    assert made(finding(spaced)).summary == "x" * (SUMMARY_CHARS_MAX - 3) + "…"


def test_the_source_names_the_rule_its_version_and_its_first_step() -> None:
    """Without a step the rule alone."""
    assert made(finding("So it is.")).source.label == "SEP.T1 (1.2)"
    assert made(finding("So it is.", line(StepState.DONE))).source.label == "SEP.T1 (1.2): Evans 2021"


def test_four_reasons_to_override() -> None:
    """The codes that the record system sends back, with their words."""
    assert [(one.code, one.display) for one in made(finding("So it is.")).overrideReasons] == [
        ("lab-ordered", "Lab ordered"),
        ("will-review", "Will review"),
        ("already-treated", "Already treated"),
        ("not-valid", "Not clinically valid"),
    ]


def told(zone: str) -> list[Alert]:
    """All that is said of two hours of shock and of four in which nothing more is heard, on a ward there. Each sentence
    passes the linter at the instant at which it is said."""
    mind = Mind(book.load(), trend.load(), Policy(zone=ZoneInfo(zone)))
    events = [(event.available_at, event) for event in SHOCK]
    looks = [(at(minute), None) for minute in range(1, 8 * 60, 5)]
    bed, alerts = Bed("e1"), list[Alert]()
    for now, event in sorted([*events, *looks], key=lambda pair: pair[0]):
        bed, new = step(bed, () if event is None else (event,), now, mind)
        for said in new:
            if isinstance(said, AlertEvent):
                seen = snapshot(bed, said.at, mind.policy.zone)
                for one in (said.alert.finding, *said.alert.others):
                    assert faults(one.sentence, seen) == [], f"{said.at}: {one.sentence.text}"
                alerts.append(said.alert)
    return alerts


def times(alert: Alert) -> list[str]:
    return re.findall(r"[0-9]{2}:[0-9]{2}", alert.card.detail)


def test_the_cards_of_a_ward_tell_its_own_times() -> None:
    """In Berlin, an hour ahead of UTC in winter, every time on every card is an hour later; nothing else differs."""
    here, there = told("UTC"), told("Europe/Berlin")
    assert any("Cannot be seen since" in alert.card.detail for alert in here)
    assert any(alert.card.detail.startswith("As of ") for alert in here)
    assert sum(len(times(alert)) for alert in here) > 100
    for utc, berlin in zip(here, there, strict=True):
        later = [f"{int(time[:2]) + 1:02d}{time[2:]}" for time in times(utc)]
        assert times(berlin) == later
        assert re.sub(r"[0-9]{2}:[0-9]{2}", "", berlin.card.detail) == re.sub(r"[0-9]{2}:[0-9]{2}", "", utc.card.detail)
