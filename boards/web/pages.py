"""The pages, as text: what `boards.station.cards` and `boards.icu.summary` say, put into the templates.

A bed that cannot be made or drawn, for whatever reason, says so in its place, and takes no other bed with it: every
page asks for a bed through `Pages.of`, which gives a `Broken` instead.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from fastapi import HTTPException
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from prometheus_client import Counter

from boards import words
from boards.icu import ahead, asked, summary
from boards.icu.why import Reasons
from boards.printable import printable
from boards.source import BoardSource, BoardStatus, RefusalGroup
from boards.station import cards, person
from boards.station.cards import Card
from boards.station.urgency import NOT_SHOWN, Urgency
from boards.web.live import Place
from guidelines.asking.tokens import QUESTION_CHARS_MAX
from schemas.boards.asked import Asked
from schemas.boards.hindsight import Hindsight
from schemas.boards.views import BedView
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import StepState
from schemas.local_time import clock_and_day, offset, zone_name

LOOK_S = 1.0
REFUSALS_SHOWN_MAX = 200
FAULT_OVER_S = 60.0  # a bed that was shown for so long without a failure is mended
FAULTS_TOLD_MAX = 8
LISTED_MAX = 3  # diagnoses and mild allergies on a card; the summary has all
HERE = Path(__file__).parent

BROKEN = Counter("foreshock_beds_not_shown", "Beds that could not be shown when they should have been.")

log = structlog.get_logger()

Made = TypeVar("Made")


def _environment(zone: ZoneInfo) -> Environment:
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "clock": lambda moment, now: clock_and_day(moment, now, zone),
        "age": words.age,
        "until": words.until,
        "segment": lambda s: quote(s, safe=""),
    }
    env.globals |= {
        "LEVELS": words.LEVELS,
        "STEP_STATES": words.STEP_STATES,
        "FAULTS": words.FAULTS,
        "KINDS": summary.KINDS,
        "NEEDS_MAX": cards.NEEDS_MAX,
        "LISTED_MAX": LISTED_MAX,
        "ALL": sys.maxsize,
        "StepState": StepState,
        "score": words.score,
        "part": words.part,
        "amiss": words.amiss,
        "likely": ahead.likely,
        "unsaid": ahead.unsaid,
        "percent": ahead.percent,
        "percent_range": ahead.percent_range,
        "source_of": words.source,
        "person": person,
        "pieces": cards.pieces,
        "remarks": cards.remarks,
        "findings": cards.findings,
        "needs": cards.needs,
        "steps": cards.steps,
        "checklist_words": cards.checklist_words,
        "kind": summary.kind,
        "asked": None,
        "of_the_answer": asked.of_the_answer,
        "EXAMPLES": asked.EXAMPLES,
        "QUESTION_CHARS_MAX": QUESTION_CHARS_MAX,
    }
    return env


def _finalized(shown: object) -> object:
    """Every value that a template shows, before it is escaped. Markup is made of values that were."""
    return printable(shown) if isinstance(shown, str) and not isinstance(shown, Markup) else shown


class Broken(NamedTuple):
    """A bed that cannot be shown: since when, and where in the code it fails."""

    encounter: str
    label: str
    since: datetime
    where: str

    @property
    def order(self) -> str:
        """As of a card."""
        return Urgency(NOT_SHOWN).order(self.label, self.encounter)


@dataclass
class _Fault:
    """A bed that could not be shown, for as long as it goes on: it is written down once for each place in the code."""

    since: datetime
    seen: float = 0.0
    told: set[str] = field(default_factory=set)


class _Drawing(NamedTuple):
    """A card as it was drawn, and what it depends on."""

    view: BedView
    minute: int
    order: str
    silent: bool
    html: Markup


class _Look(NamedTuple):
    """What was seen over all beds at a moment of the machine's own clock."""

    at: float
    places: frozenset[Place]
    warnings: int


class Pages:
    """Every page and fragment of one source. Texts only: no request, no answer."""

    def __init__(self, source: BoardSource, silent_after: timedelta, zone: ZoneInfo) -> None:
        self._source = source
        self._silent_after = silent_after
        self._zone = zone
        self._env = _environment(zone)
        self._last: _Look | None = None
        self._labels: dict[str, str] = {}
        self._faults: dict[str, _Fault] = {}
        self._drawings: dict[str, _Drawing] = {}

    # -- one bed, whatever state it is in

    def of(self, encounter: str, make: Callable[[BedView], Made]) -> Made | Broken | None:
        """What `make` makes of a bed; None when no such patient is here; Broken when the bed, or that, fails."""
        try:
            view = self._source.bed(encounter)
            if view is None:
                return None
            self._labels[encounter] = view.bed or encounter
            return make(view)
        except HTTPException:
            raise
        except Exception as problem:
            return self._noted(encounter, problem)

    def _noted(self, encounter: str, problem: Exception) -> Broken:
        BROKEN.inc()
        at, where = time.monotonic(), _where(problem)
        fault = self._faults.get(encounter)
        if fault is None or at - fault.seen > FAULT_OVER_S:
            fault = _Fault(self._source.status().now)
            if encounter in self._source.encounters():
                self._faults[encounter] = fault
        fault.seen = at
        if where not in fault.told and len(fault.told) < FAULTS_TOLD_MAX:
            fault.told.add(where)
            log.error("bed_not_shown", component="boards", exc_info=problem)
        return Broken(encounter, self._labels.get(encounter, encounter), fault.since, where)

    def each(self, make: Callable[[Card], Made]) -> list[Made | Broken]:
        """What `make` makes of every bed, the most urgent first."""
        here, now = self._source.encounters(), self._source.status().now
        remembered: tuple[dict[str, Any], ...] = (self._labels, self._faults, self._drawings)
        for known in remembered:
            for left in known.keys() - set(here):
                del known[left]

        def placed(view: BedView) -> tuple[str, Made]:
            card = self._card(view, now)
            return card.order, make(card)

        found = (self.of(encounter, placed) for encounter in here)
        made = [(bed.order, bed) if isinstance(bed, Broken) else bed for bed in found if bed is not None]
        return [bed for _, bed in sorted(made, key=itemgetter(0))]

    def _card(self, view: BedView, now: datetime | None = None) -> Card:
        return cards.card(view, now or self._source.status().now, self._silent_after)

    # -- fragments

    def _render(self, template: str, **given: Any) -> str:
        return self._env.get_template(template).render(given)

    def _drawn(self, bed: Card | Broken, saved: str | None = None) -> Markup:
        if isinstance(bed, Broken):
            return Markup(self._render("_broken.html", broken=bed, now=self._source.status().now))
        if saved is not None:
            return Markup(self._render("_card.html", card=bed, saved=saved))
        # many boards show the same card: it is drawn once while nothing of it changes, ages (in minutes) included
        encounter, minute = bed.view.encounter, int(bed.now.timestamp() // 60)
        kept = self._drawings.get(encounter)
        by_time = minute, bed.order, bed.silent
        if kept is None or kept.view is not bed.view or kept[1:4] != by_time:
            html = Markup(self._render("_card.html", card=bed, saved=None))
            kept = self._drawings[encounter] = _Drawing(bed.view, *by_time, html)
        return kept.html

    def all_cards(self) -> str:
        """The inside of the list of beds."""
        made = self.each(self._drawn)
        return Markup("\n").join(self._drawn(bed) if isinstance(bed, Broken) else bed for bed in made)

    def one_card(self, encounter: str, saved: str | None = None) -> str | None:
        """The card of one bed; None when no such patient is here. `saved`: the alert whose answer is on its way."""
        made = self.of(encounter, lambda view: self._drawn(self._card(view), saved))
        return self._drawn(made) if isinstance(made, Broken) else made

    def status(self) -> str:
        """The part of the header that changes: clock, counts, whether data still come."""
        return self._render("_status.html", **self._standing())

    def places(self) -> frozenset[Place]:
        """Where each bed stands now, and whether it is heard: what time alone may change."""
        return self._look().places

    def _standing(self) -> dict[str, Any]:
        status: BoardStatus = self._source.status()
        return {
            "status": status,
            "local": status.now.astimezone(self._zone),
            "ahead_s": offset(status.now, self._zone).total_seconds(),
            "zone": zone_name(status.now, self._zone),
            "refused": sum(status.refused.values()),
            "warnings": self._look().warnings,
        }

    def _look(self) -> "_Look":
        """Over all beds; many boards look at every heartbeat, and share one look a second."""
        at = time.monotonic()
        if self._last is None or at - self._last.at > LOOK_S:
            made = [card for card in self.each(lambda card: card) if isinstance(card, Card)]
            places = frozenset((card.view.encounter, card.order, card.silent) for card in made)
            self._last = _Look(at, places, cards.warnings(card.view for card in made))
        return self._last

    # -- pages

    def board(self) -> str:
        return self._render("board.html", all_cards=Markup(self.all_cards()), **self._standing())

    def refused(self, groups: Sequence[RefusalGroup] | None, search: str) -> str:
        """What was refused. `groups` is None when they cannot be read now."""
        shown = [(group, self._place(group.encounter)) for group in (groups or ())[:REFUSALS_SHOWN_MAX]]
        return self._render("refused.html", groups=None if groups is None else shown, search=search, **self._standing())

    def _place(self, encounter: str | None) -> str | None:
        """The bed of a patient who is here."""
        label = None if encounter is None else self.of(encounter, lambda view: view.bed or view.encounter)
        return label.label if isinstance(label, Broken) else label

    def problem(self, sentence: str) -> str:
        return self._render("problem.html", sentence=sentence, **self._standing())

    def broken(self, bed: Broken) -> str:
        """The page of a bed that cannot be shown."""
        return self._render("broken.html", broken=bed, now=self._source.status().now, **self._standing())

    def bed(self, view: BedView, because: Reasons, back: Hindsight | None) -> str:
        """The data summary, with the reasons of its chances, and with what came of earlier ones."""
        rests_on = summary.evidence_of(cards.standing(view))
        return self._render(
            "bed.html",
            card=self._card(view),
            view=view,
            because=because,
            back=back,
            rows=summary.rows(view),
            charts=summary.charts(view),
            notes=[(note, summary.note_pieces(note, rests_on)) for note in reversed(view.notes)],
            **self._standing(),
        )

    def asked(self, view: BedView, asked: Asked, *, whole: bool) -> str:
        """A question and its answer: on a page of its own, or what takes its place under the box."""
        if not whole:
            return self._render("_asked.html", asked=asked, now=asked.now)
        encounter, label = quote(view.encounter, safe=""), view.bed or view.encounter
        return self._render(
            "asked.html", asked=asked, encounter=encounter, label=label, now=asked.now, **self._standing()
        )

    def trends(self, view: BedView) -> dict[str, Any]:
        """What trends.js draws."""
        return summary.drawn(view, self._zone)

    def checklist(self, view: BedView, alert: Alert, saved: str | None = None) -> str:
        """The steps of one warning. `saved`: the step whose tick is on its way."""
        card = self._card(view)
        return self._render("checklist.html", card=card, view=view, alert=alert, saved=saved, **self._standing())


def _where(problem: BaseException) -> str:
    """The kind of a failure, and the place in the code: never its text, which may hold a value."""
    tb = problem.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    place = "" if tb is None else f" at {Path(tb.tb_frame.f_code.co_filename).name}:{tb.tb_lineno}"
    return f"{type(problem).__name__}{place}"
