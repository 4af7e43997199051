"""Why the chances of a bed are what they are, in the words of the data summary.

    view, forecaster  ->  of each chance what raised and lowered it, its figure by values alone, what would narrow it

It is worked out when somebody opens the page, from what the model remembered as the chances were made: only by the
very forecaster that made them, and told only where it comes to the chance that is shown.
"""

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from boards.icu.ahead import percent
from forecasting.contract import Forecaster, ModelState
from forecasting.explaining.explained import Explained, Explanation, explained
from forecasting.explaining.imagined import AGE, CONCEPTS_OF, Crossing, Imagined
from forecasting.explaining.moved import NAMED, Share
from forecasting.explaining.narrowing import Narrowed
from forecasting.explaining.typical import FRESH_H
from forecasting.moments import EPOCH, MICROSECOND
from forecasting.network.fitted import Fitted
from forecasting.network.forecaster import CrossingNetwork, known_of, line_of, question_of
from forecasting.network.inputs import VITALS
from guidelines.evidence import amount, label
from schemas.boards.views import Ahead, BedView
from schemas.clinical.snapshot import Snapshot
from schemas.conditions import Compare
from schemas.conditions.text import parse

WORTH = 0.05
"""A measurement is named where the bounds of what it may bring lie so far apart: five of 100."""
ROUNDED = 0.001  # chances are told in thousandths

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Part:
    """Something that moved a chance. `by_pattern`: less by its value than by that, and when, it was measured."""

    name: str
    words: str
    at: datetime | None
    by_pattern: bool
    without: str  # the chance if nothing were known of it


@dataclass(frozen=True, slots=True)
class Why:
    """One chance. `factors`: all that moved it, with what each multiplies the odds by; `narrow`: a sentence."""

    raised: tuple[Part, ...]
    lowered: tuple[Part, ...]
    by_values: str
    of_nothing: str
    factors: tuple[tuple[str, str], ...]
    narrow: str | None


@dataclass(frozen=True, slots=True)
class Reasons:
    """Of all chances of a bed, by their conditions; `indeterminate`: why none of them is an answer about this patient;
    `remarks`: sentences about all of them."""

    of: Mapping[str, Why] = field(default_factory=dict)
    indeterminate: str | None = None
    remarks: tuple[str, ...] = ()


def reasons(view: BedView, forecaster: Forecaster | None) -> Reasons:
    """Nothing where there is nothing to explain; one that fails says so, and takes nothing else with it."""
    asked = [one for one in view.ahead if one.odds is not None and one.condition]
    if not asked or forecaster is None:
        return Reasons()
    try:
        return _reasons(view, asked, forecaster)
    except Exception as problem:  # the chances stand on the page whatever is wrong with their reasons
        log.error("chances_not_explained", component="boards", exc_info=problem)
        return Reasons(remarks=("What moved these chances cannot be told now, because of an internal error.",))


def _reasons(view: BedView, asked: list[Ahead], forecaster: Forecaster) -> Reasons:
    remembered, at = view.remembered, view.ahead_at
    if not isinstance(forecaster, CrossingNetwork) or isinstance(forecaster.ahead, str):
        return Reasons()
    ahead = forecaster.ahead
    if remembered is None or at is None or remembered.digest != forecaster.digest:
        return Reasons(remarks=("What moved these chances cannot be told here: another model made them.",))
    state = ModelState(digest=remembered.digest, body=zlib.decompress(remembered.body))
    snapshot = Snapshot(view.encounter, at, None, view.patient, {}, admitted_at=view.admitted_at)
    bed = Imagined(ahead, forecaster.chart_of(state), known_of(snapshot))
    crossings = {one.condition: crossing for one in asked if (crossing := _crossing(one, ahead))}
    found = explained(bed, ahead, list(crossings.values()))
    same = {one.condition: one for one in asked if one.odds is not None}
    of = {
        condition: _why(one, bed, ahead.questions[crossing.question].concept)
        for (condition, crossing), one in zip(crossings.items(), found.chances, strict=True)
        if (odds := same[condition].odds) is not None and abs(odds.probability - one.moved.told) <= ROUNDED
    }
    return Reasons(of, _indeterminate(found), tuple(_remarks(found, bed, len(of) < len(asked))))


def _crossing(one: Ahead, ahead: Fitted) -> Crossing | None:
    condition = parse(one.condition)
    if not isinstance(condition, Compare):
        return None
    number = question_of(condition, one.within_h, ahead)
    return Crossing(number, line_of(condition), one.within_h) if isinstance(number, int) else None


def _why(one: Explained, bed: Imagined, concept: str) -> Why:
    """`concept`: of what the chance is."""
    strongest = [(share.logit > 0, _part(share, bed, concept)) for share in one.moved.shares[:NAMED]]
    return Why(
        raised=tuple(part for up, part in strongest if up),
        lowered=tuple(part for up, part in strongest if not up),
        by_values=percent(one.by_values) if concept in VITALS else "",  # of lactate it told patients apart much worse
        of_nothing=percent(one.moved.of_nothing),
        factors=tuple((_name(s.player, bed), f"{math.exp(s.logit):.2g}") for s in one.moved.shares if s.logit),
        narrow=None if one.narrowed is None else _narrow(one.narrowed, bed),
    )


def _part(share: Share, bed: Imagined, asked: str) -> Part:
    name, (words, at) = _name(share.player, bed), _told(share.player, bed, asked)
    return Part(name, words, at, share.by_pattern, "" if share.without is None else percent(share.without))


def _told(player: str, bed: Imagined, asked: str) -> tuple[str, datetime | None]:
    """What is known of a player, in words: of its concepts the one that is asked about, or the first."""
    if player == AGE:
        return f"age {bed.known.age_years:.0f}", None
    for concept in sorted(CONCEPTS_OF.get(player, ()), key=lambda concept: concept != asked):
        if (found := bed.newest(concept)) is not None:
            return f"{label(concept)} {amount(concept, found[0])}", EPOCH + found[1] * MICROSECOND
    return player, None


def _name(player: str, bed: Imagined) -> str:
    """What a player is called: by those of its concepts that were measured."""
    return ", ".join(label(one) for one in CONCEPTS_OF.get(player, ()) if bed.newest(one) is not None) or player


def _narrow(one: Narrowed, bed: Imagined) -> str | None:
    """Told only where it would tell enough."""
    if one.high - one.low < WORTH:
        return None
    known = "too old" if bed.newest(one.concept) is not None else "never measured"
    low, high = (f"{100 * p:.0f}" for p in (one.low, one.high))
    return f"{label(one.concept)} now ({known}) would most likely put it between {low} and {high} %"


def _indeterminate(found: Explanation) -> str | None:
    missing = found.unlike.missing
    if not missing:
        return None
    known = len(VITALS) - len(missing)
    return (
        f"only {known} of {len(VITALS)} vital signs are known of the last {FRESH_H:g} h, and of so few the network "
        f"cannot tell who is in danger. Measure {', '.join(map(label, missing))}"
    )


def _remarks(found: Explanation, bed: Imagined, some_not: bool) -> Iterator[str]:
    newest = ((concept, bed.newest(concept)) for concept in found.unlike.outside)
    outside = [f"{label(concept)} {amount(concept, known[0])}" for concept, known in newest if known is not None]
    if outside:
        yield f"Unlike 998 of 1,000 patients that it was fitted on: {', '.join(outside)}."
    if some_not:
        yield "What moved the other chances can be told after the next reading."
