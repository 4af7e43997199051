"""How likely an infection is, and what says so (reference §1.14)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from guidelines.rules.answers import Answer, Missing, Source, no, unknown, yes
from guidelines.rules.case import Case, members
from guidelines.rules.registry import given_of, predicate, shared
from schemas.clinical.facts import NoteFact, Polarity
from schemas.events import Action, Treatment

DAY = timedelta(hours=24)
SIGNS_ONLY = frozenset(
    {"infection.rigors", "infection.wbc", "infection.colonized"}
)  # raise the question, answer nothing
CULTURE_FIRST = timedelta(hours=72)
ANTIMICROBIAL_FIRST = timedelta(hours=24)
FEVER, HIGH_WHITE_COUNT = 38.0, 12.0
READS = (
    "temp", "wbc", "notes", "n:infection.*", "n:culture.positive", "n:culture.sent", "n:abx.started",
    *given_of("antimicrobial"), *given_of("culture"),
)  # fmt: skip


class Infection(NamedTuple):
    """How likely an infection is, and what says so; `grade` is None where nothing speaks of it."""

    grade: str | None
    sources: tuple[Source, ...]


class WorkUp(NamedTuple):
    """The newest antimicrobial and culture of the last 24 h, and whether they are a pair in the sense of Sepsis-3."""

    drug: Source | None
    sample: Source | None
    paired: bool


def _words(case: Case) -> list[NoteFact]:
    """The newest word on each kind of infection; the one that carries a grade stands for its span."""
    words = [w for w in case.said("infection.*", DAY) if w.concept not in SIGNS_ONLY]
    return sorted(words, key=lambda w: (w.effective_at, w.detail is not None, w.concept))


@shared("infection", READS)
def _infection(case: Case) -> Infection:
    """The level of infection of the last 24 h."""
    if not case.snapshot.facts and not case.snapshot.treatments:
        return Infection(None, ())
    words = list({(w.note, w.start): w for w in _words(case)}.values())  # one span may bear several facts
    affirmed = [w for w in words if w.polarity is Polarity.AFFIRMED]
    hedged = [w for w in words if w.polarity is Polarity.UNCERTAIN]
    denied = [w for w in words if w.polarity is Polarity.NEGATED]
    positive = [w for w in case.said("culture.positive", DAY) if w.polarity is Polarity.AFFIRMED]
    confirmed = [w for w in affirmed if w.detail in ("definite", "confirmed")]
    if positive or confirmed:
        return Infection("definite", (*positive, *confirmed))
    certain = [w for w in affirmed if w.detail != "possible"]
    antimicrobial, culture, paired = _work_up(case)
    if certain:
        return Infection("probable", tuple(certain[:2]))
    if antimicrobial is not None and (paired or hedged or affirmed):
        with_it = () if culture is None else (culture,)
        return Infection("probable", (antimicrobial, *hedged[:1], *affirmed[:1], *with_it))
    said: tuple[Source, ...] = (*affirmed[:1], *hedged[:2])
    done: tuple[Source, ...] = tuple(c for c in (culture, antimicrobial) if c is not None)
    clues = said or done or _asked_for(case)
    if clues:
        return Infection("possible", clues)
    return Infection("unlikely", tuple(denied[:1])) if denied else Infection(None, ())


def _asked_for(case: Case) -> tuple[Source, ...]:
    """A culture that is only ordered, with fever or a high white count."""
    cultures = members("culture")
    order = next((o for o in case.orders() if o.item in cultures and case.now - o.observed_at <= DAY), None)
    if order is None:
        return ()
    case.leaves(order.observed_at, DAY)
    bounds = (("temp", FEVER), ("wbc", HIGH_WHITE_COUNT))
    signs = [r for c, bound in bounds if (r := case.latest(c)) and (r.value or 0.0) > bound]
    return (order, *signs) if signs else ()


def _work_up(case: Case) -> WorkUp:
    doses = [t for t in case.of("antimicrobial") if t.action in (Action.GIVEN, Action.START)]
    cultures = [t for t in case.of("culture") if t.action is Action.GIVEN]

    def within(at: datetime) -> bool:
        if at + DAY <= case.now:
            return False
        case.stays(at + DAY)
        return True

    pairs = [
        (d, c)
        for d in doses
        for c in cultures
        if -ANTIMICROBIAL_FIRST <= d.observed_at - c.observed_at <= CULTURE_FIRST
        and within(max(d.observed_at, c.observed_at))
    ]
    drug = _newest([d for d in doses if within(d.observed_at)]) or _affirmed(case, "abx.started")
    sample = _newest([c for c in cultures if within(c.observed_at)]) or _affirmed(case, "culture.sent")
    if pairs and drug is None:
        drug = pairs[-1][0]  # the pair stands for as long as the later of the two is recent
    either_noted = isinstance(drug, NoteFact) or isinstance(sample, NoteFact)
    return WorkUp(drug, sample, bool(pairs) or (either_noted and drug is not None and sample is not None))


def _newest(treatments: list[Treatment]) -> Source | None:
    return max(treatments, key=lambda t: t.observed_at, default=None)


def _affirmed(case: Case, fact: str) -> Source | None:
    return next((w for w in case.said(fact, DAY) if w.polarity is Polarity.AFFIRMED), None)


def _graded(*grades: str) -> Callable[[Case], Answer]:
    def ask(case: Case) -> Answer:
        found: Infection = case.ask(case.graph.named["infection"])
        if found.grade is None:
            return unknown(Missing("infection", "no note, culture or antimicrobial of the last 24 h speaks of it"))
        return yes(*found.sources) if found.grade in grades else no(*found.sources)

    return ask


predicate("infection_suspected", uses=["infection"])(_graded("possible", "probable", "definite"))
predicate("infection_likely", uses=["infection"])(_graded("probable", "definite"))
predicate("infection_only_possible", uses=["infection"])(_graded("possible"))


@predicate("infection_denied", READS)
def _infection_denied(case: Case) -> Answer:
    """The newest word on infection is no, and no antimicrobial runs: cultures alone keep it possible."""
    words = _words(case)
    denied = [w for w in words if w.polarity is Polarity.NEGATED]
    treated = _work_up(case).drug
    return yes(*denied[:1]) if denied and len(denied) == len(words) and treated is None else no()
