"""One bed on the board: its level, its place in the list, and what its card says."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from string import Formatter

from boards.station.urgency import Urgency, changed_at, look, place, urgency
from schemas.boards.views import BedView, Vital
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import Evidence, Finding, Level, Need, Sentence, Step, StepState

SILENT_AFTER = timedelta(minutes=30)  # nothing heard for so long: the bed cannot be seen
CARD_VITALS = ("hr", "sbp", "map", "rr", "spo2", "temp", "acvpu", "lactate")
NEEDS_MAX = 3  # measurements asked for on a card; the summary names all
LOUD = (Level.CRITICAL, Level.WARNING)

_REMARK = re.compile(r"\*\*(.+)\*\*")


@dataclass(frozen=True, slots=True)
class Card:
    """A bed as the board shows it. `level`, a key of `words.LEVELS`, is the loudest that stands."""

    view: BedView
    now: datetime
    level: str
    silent: bool
    alerts: tuple[Alert, ...]
    urgency: Urgency

    @property
    def order(self) -> str:
        """Sorts cards as text, the most urgent first."""
        return self.urgency.order(self.label, self.view.encounter)

    @property
    def vitals(self) -> tuple[Vital, ...]:
        """The few that everybody looks for, in a fixed order."""
        by_concept = {vital.concept: vital for vital in self.view.vitals}
        return tuple(by_concept[name] for name in CARD_VITALS if name in by_concept)

    @property
    def acknowledged(self) -> bool:
        return bool(self.alerts) and all(alert.state == "acknowledged" for alert in self.alerts)

    @property
    def label(self) -> str:
        return self.view.bed or self.view.encounter


def card(view: BedView, now: datetime, silent_after: timedelta = SILENT_AFTER) -> Card:
    """The card of a bed at the board's time `now`."""
    heard = view.last_heard_at
    silent = heard is None or now - heard > silent_after

    def loudness(alert: Alert) -> tuple[int, int, int, float]:
        """Of equally loud alerts the more urgent one leads the card, then the one with more to do, then the newest."""
        there = place(look(alert, view, now, not silent))
        return -alert.level.rank, there, -len(steps(alert)), -changed_at(alert).timestamp()

    alerts = tuple(sorted(standing(view), key=loudness))
    level = alerts[0].level.value if alerts else _level_without(view, silent)
    return Card(view, now, level, silent, alerts, urgency(view, alerts, now, not silent))


def _level_without(view: BedView, silent: bool) -> str:
    if view.unjudged is not None:
        return "unjudged"
    return "silent" if silent else "calm"


def standing(view: BedView) -> tuple[Alert, ...]:
    """The alerts that have not been resolved."""
    return tuple(alert for alert in view.alerts if alert.state != "resolved")


def warnings(views: Iterable[BedView]) -> int:
    """How many critical alerts and warnings stand: the number in the window's title."""
    return sum(alert.level in LOUD for view in views for alert in standing(view))


def pieces(sentence: Sentence) -> list[tuple[str, Evidence | None]]:
    """The sentence in pieces: plain words, and values with the evidence that each is bound to."""
    found: list[tuple[str, Evidence | None]] = []
    for words, number, _, _ in Formatter().parse(sentence.template):
        if words:
            found.append((words, None))
        if number is not None:
            evidence = sentence.evidence[int(number)]
            found.append((evidence.shown, evidence))
    return found


def remarks(alert: Alert) -> list[str]:
    """What the reader must know besides: the lines of the card's detail that streams.core.cards puts between `**`."""
    lines = (_REMARK.fullmatch(line.strip()) for line in alert.card.detail.splitlines())
    return [found[1] for found in lines if found is not None]


def findings(alert: Alert) -> tuple[Finding, ...]:
    """Everything its rules say, the loudest first."""
    return (alert.finding, *alert.others)


def needs(found: Sequence[Finding]) -> tuple[Need, ...]:
    """What would settle the open questions, each measurement once."""
    return tuple({need.subject: need for finding in reversed(found) for need in reversed(finding.needs)}.values())[::-1]


def steps(alert: Alert) -> tuple[Step, ...]:
    """The checklist: every step once, as the loudest finding has it."""
    found: dict[str, Step] = {}
    for finding in findings(alert):
        for step in finding.steps:
            found.setdefault(step.id, step)
    return tuple(found.values())


def checklist_words(alert: Alert) -> str:
    """What lies behind the link: 7 steps, 2 done, 1 withheld."""
    all_steps = steps(alert)
    if not all_steps:
        return ""
    counted = {"done": StepState.DONE, "withheld": StepState.WITHHELD}
    numbers = {word: sum(step.state is state for step in all_steps) for word, state in counted.items()}
    said = [f"{len(all_steps)} step{'s' if len(all_steps) > 1 else ''}"]
    return ", ".join(said + [f"{number} {word}" for word, number in numbers.items() if number])
