"""The data summary of one bed: trends with what a warning rests on marked, notes with what was read in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from boards.printable import printable
from boards.station.cards import findings, standing
from boards.words import source
from schemas.boards.views import BedView, Point, ShownNote
from schemas.clinical.alerts import Alert
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.findings import Evidence
from schemas.clinical.forecasts import LEVELS, Fan
from schemas.codes.concepts import CONCEPTS
from schemas.events import Quality
from schemas.local_time import changes

TREND_SPAN = timedelta(hours=24)
FORECAST_SHOWN_H = 6.0  # further ahead than this the bands say little, and the past would get too narrow
_SHOWN_FIRST = ("map", "sbp", "hr", "rr", "spo2", "temp")
_BAND = tuple(LEVELS.index(level) for level in (0.05, 0.25, 0.5, 0.75, 0.95))


def evidence_of(alerts: Iterable[Alert]) -> tuple[Evidence, ...]:
    """Everything that the sentences and their findings rest on, each once, in the order in which it is said."""
    said = (e for a in alerts for f in findings(a) for e in (*f.sentence.evidence, *f.evidence))
    return tuple({(e.subject, e.ref, e.note_start): e for e in said}.values())


@dataclass(frozen=True, slots=True)
class Chart:
    """One concept over time. `marked` are the identities of the readings that a warning rests on."""

    concept: str
    label: str
    unit: str
    points: tuple[Point, ...]
    marked: frozenset[str]
    fan: Fan | None
    lab: bool

    def quality(self, ref: str) -> Quality | None:
        return next((p.quality for p in self.points if p.ref == ref), None)


def charts(view: BedView) -> tuple[Chart, ...]:
    """Every trend that has a point or a forecast: those that a warning rests on first, then vitals, then the rest."""
    rests_on = evidence_of(standing(view))
    # a score's evidence carries the identities of what it was worked out from, joined by " + "
    marked = frozenset(ref for e in rests_on for ref in e.ref.split(" + "))
    subjects = {e.subject for e in rests_on}
    since = view.now - TREND_SPAN
    made = []
    for name in {**view.trends, **view.fans}:
        known = CONCEPTS.get(name)
        points = tuple(p for p in view.trends.get(name, ()) if p.at >= since)
        if not points and name not in view.fans:
            continue
        made.append(
            Chart(
                concept=name,
                label=known.name if known is not None else name,
                unit=known.printed_unit if known is not None else "",
                points=points,
                marked=frozenset(p.ref for p in points if p.ref in marked),
                fan=view.fans.get(name),
                lab=known is not None and known.group in ("gas", "chemistry", "haematology"),
            )
        )
    first = {name: place for place, name in enumerate(_SHOWN_FIRST)}
    return tuple(sorted(made, key=lambda c: (c.concept not in subjects, c.lab, first.get(c.concept, 99), c.concept)))


def drawn(view: BedView, zone: ZoneInfo) -> dict[str, Any]:
    """What trends.js draws. Times are seconds since 1970; a band is [time, 5 %, 25 %, 50 %, 75 %, 95 %].

    `clocks` are [from when on, how many seconds the clocks of the ward are ahead of UTC].
    """
    shown = charts(view)
    starts = [p.at for c in shown for p in c.points]
    ahead = max((h for c in shown if c.fan for h in c.fan.horizons_h if h <= FORECAST_SHOWN_H), default=0.5)
    since = max(min(starts, default=view.now) - timedelta(minutes=15), view.now - TREND_SPAN)
    until = view.now + timedelta(hours=ahead)
    return {
        "now": view.now.timestamp(),
        "since": since.timestamp(),
        "until": until.timestamp(),
        "clocks": [[at.timestamp(), off.total_seconds()] for at, off in changes(since, until, zone)],
        "treatments": [
            [t.at.timestamp(), printable(f"{t.label} {t.action} {t.shown}")]
            for t in view.treatments
            if since <= t.at <= view.now
        ],
        "charts": [
            {
                "concept": c.concept,
                "label": printable(f"{c.label} ({c.unit})" if c.unit else c.label),
                "lab": c.lab,
                "small": not c.marked and c.concept not in _SHOWN_FIRST,
                "points": [[p.at.timestamp(), p.value, p.quality.value, p.ref in c.marked] for p in c.points],
                "band": [] if c.fan is None else list(_band(c.fan, view.now)),
            }
            for c in shown
        ],
    }


def _band(fan: Fan, now: datetime) -> Iterable[list[float]]:
    for hours, row in zip(fan.horizons_h, fan.quantiles, strict=True):
        if hours <= FORECAST_SHOWN_H:
            yield [(now + timedelta(hours=hours)).timestamp(), *(row[place] for place in _BAND)]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of what a warning rests on."""

    evidence: Evidence
    source: str
    quality: str


def rows(view: BedView) -> tuple[Row, ...]:
    """What the standing warnings rest on, with source and quality where those are known."""
    qualities = {p.ref: p.quality.value for points in view.trends.values() for p in points}
    return tuple(
        Row(evidence=e, source=source(e.ref) or e.kind, quality=qualities.get(e.ref, ""))
        for e in evidence_of(standing(view))
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a note's text, with the facts read in it and whether a warning rests on it."""

    text: str
    facts: tuple[NoteFact, ...]
    rests_on: bool

    @property
    def kind(self) -> str:
        return kind(self.facts[0]) if self.facts else ""


def note_pieces(note: ShownNote, rests_on: Iterable[Evidence]) -> tuple[Piece, ...]:
    """The note's whole text, cut wherever a span begins or ends. Spans beyond a shortened text are left out."""
    text = note.text
    spans = [
        (e.note_start, min(e.note_end, len(text)))
        for e in rests_on
        if e.ref == note.ref and e.note_start is not None and e.note_end is not None
    ]
    edges = {0, len(text), *(edge for span in spans for edge in span)}
    edges |= {edge for f in note.facts for edge in (f.start, f.end)}
    cuts = sorted(edge for edge in edges if edge <= len(text))
    return tuple(
        Piece(
            text=text[start:end],
            facts=tuple(f for f in note.facts if f.start < end and start < f.end),
            rests_on=any(low < end and start < high for low, high in spans),
        )
        for start, end in pairwise(cuts)
    )


def kind(fact: NoteFact) -> str:
    """In one word, how a fact counts: affirmed, or the first thing that keeps a rule from resting on it."""
    if fact.polarity is not Polarity.AFFIRMED:
        return fact.polarity.value
    if fact.experiencer is not Experiencer.PATIENT:
        return "other"
    if fact.temporality is not Temporality.CURRENT:
        return fact.temporality.value
    return "copied" if fact.copied else "affirmed"


KINDS = {
    "affirmed": "said of this patient, now",
    "negated": "said not to be so",
    "uncertain": "in doubt",
    "historical": "in the past",
    "planned": "planned, not done",
    "hypothetical": "only if something happens",
    "other": "said of somebody else",
    "copied": "copied from an older note",
}
