"""The pages, as text: what `boards.station.cards` and `boards.icu.summary` say, put into the templates."""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from boards import words
from boards.icu import summary
from boards.source import BoardSource, BoardStatus
from boards.station import cards
from boards.station.cards import Card
from schemas.boards.views import BedView
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import StepState

LOOK_S = 1.0
HERE = Path(__file__).parent

log = structlog.get_logger()


def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "clock": words.clock,
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
        "StepState": StepState,
        "score": words.score,
        "part": words.part,
        "source_of": words.source,
        "pieces": cards.pieces,
        "remarks": cards.remarks,
        "findings": cards.findings,
        "needs": cards.needs,
        "steps": cards.steps,
        "checklist_words": cards.checklist_words,
        "kind": summary.kind,
    }
    return env


class _Look(NamedTuple):
    """What was seen over all beds at a moment of the machine's own clock."""

    at: float
    silent: frozenset[str]
    warnings: int


class Pages:
    """Every page and fragment of one source. Texts only: no request, no answer."""

    def __init__(self, source: BoardSource, silent_after: timedelta) -> None:
        self._source = source
        self._silent_after = silent_after
        self._env = _environment()
        self._last: _Look | None = None

    def _render(self, template: str, **given: Any) -> str:
        return self._env.get_template(template).render(given)

    def _card(self, view: BedView, status: BoardStatus, saved: str | None = None) -> Markup:
        """One card. A bed that cannot be drawn says so in its place, and takes no other bed with it."""
        try:
            shown = cards.card(view, status.now, self._silent_after)
            return Markup(self._render("_card.html", card=shown, saved=saved))
        except Exception as problem:
            log.error("card_failed", component="boards", exc_info=problem)
            return Markup(self._render("_broken.html", view=view))

    def cards(self) -> Sequence[Card]:
        """Every bed, the most urgent first."""
        now = self._source.status().now
        made = (cards.card(view, now, self._silent_after) for view in self._source.beds())
        return sorted(made, key=lambda card: card.order)

    def all_cards(self) -> str:
        """The inside of the list of beds."""
        status = self._source.status()
        made = [(self._order(view, status), self._card(view, status)) for view in self._source.beds()]
        return Markup("\n").join(html for _, html in sorted(made, key=lambda pair: pair[0]))

    def _order(self, view: BedView, status: BoardStatus) -> str:
        try:
            return cards.card(view, status.now, self._silent_after).order
        except Exception:
            return "0"  # as _broken.html has it: what cannot be drawn stands on top

    def one_card(self, encounter: str, saved: str | None = None) -> str | None:
        """The card of one bed; None when no such patient is here. `saved`: the alert whose answer is on its way."""
        view = self._source.bed(encounter)
        return None if view is None else self._card(view, self._source.status(), saved)

    def status(self) -> str:
        """The part of the header that changes: clock, counts, whether data still come."""
        return self._render("_status.html", **self._standing())

    def silences(self) -> frozenset[str]:
        """The encounters that are not heard now."""
        return self._look().silent

    def _standing(self) -> dict[str, Any]:
        status = self._source.status()
        return {"status": status, "refused": sum(status.refused.values()), "warnings": self._look().warnings}

    def _look(self) -> "_Look":
        """Over all beds; many boards look at every heartbeat, and share one look a second."""
        at = time.monotonic()
        if self._last is None or at - self._last.at > LOOK_S:
            made = self.cards()
            silent = frozenset(card.view.encounter for card in made if card.silent)
            self._last = _Look(at, silent, cards.warnings(card.view for card in made))
        return self._last

    def board(self) -> str:
        return self._render("board.html", all_cards=Markup(self.all_cards()), **self._standing())

    def refused(self) -> str:
        return self._render("refused.html", **self._standing())

    def problem(self, sentence: str) -> str:
        return self._render("problem.html", sentence=sentence, **self._standing())

    def bed(self, view: BedView) -> str:
        """The data summary."""
        rests_on = summary.evidence_of(cards.standing(view))
        return self._render(
            "bed.html",
            card=cards.card(view, self._source.status().now, self._silent_after),
            view=view,
            rows=summary.rows(view),
            charts=summary.charts(view),
            notes=[(note, summary.note_pieces(note, rests_on)) for note in reversed(view.notes)],
            **self._standing(),
        )

    def checklist(self, view: BedView, alert: Alert, saved: str | None = None) -> str:
        """The steps of one warning. `saved`: the step whose tick is on its way."""
        card = cards.card(view, self._source.status().now, self._silent_after)
        return self._render("checklist.html", card=card, view=view, alert=alert, saved=saved, **self._standing())
