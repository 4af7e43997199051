"""How likely an infection is, and what says so (reference §1.14, decision 0014).

Words of a clinician grade it; the newest word wins, and a denial of infection as a whole takes back what was said,
taken and given before it. An antimicrobial and a culture together are a suspicion that nobody wrote down; one of the
two alone is none: it leaves open whether an infection is suspected, and that is asked. What is given to prevent one
speaks for none.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from guidelines.rules.answers import Answer, Missing, Source, no, yes
from guidelines.rules.case import Case, members
from guidelines.rules.registry import given_of, predicate, shared
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Truth
from schemas.events import Action, Treatment

DAY = timedelta(hours=24)
SIGNS_ONLY = frozenset(
    {"infection.rigors", "infection.wbc", "infection.colonized"}
)  # raise the question, answer nothing
AS_A_WHOLE = ("infection.sepsis", "infection.level")  # denied, they deny every source
CULTURE_FIRST = timedelta(hours=72)
ANTIMICROBIAL_FIRST = timedelta(hours=24)
FEVER, HIGH_WHITE_COUNT = 38.0, 12.0
PREVENTIVE: frozenset[str | None] = frozenset(
    {"cefazolin"}
)  # given around operations: it speaks for no infection (our choice, decision 0014)
READS = (
    "temp", "wbc", "notes", "n:infection.*", "n:culture.positive", "n:culture.sent", "n:abx.started",
    "n:abx.prophylaxis", *given_of("antimicrobial"), *given_of("culture"),
)  # fmt: skip

Grade = Literal["definite", "probable", "possible", "worked up", "half", "unlikely"]
"""Of the reference, but for two that it calls possible and nobody has said: "worked up" is fever or a high white count
with a culture, "half" an antimicrobial or a culture alone."""

SUSPECTED: tuple[Grade, ...] = ("definite", "probable", "possible")
UNSAID: tuple[Grade, ...] = ("worked up", "half")
WHY_OPEN = {
    None: "no note, culture or antimicrobial of the last 24 h says so or denies it",
    "worked up": "a culture with fever or a high white count, and no note says what is suspected",
    "half": "an antimicrobial or a culture alone, and no note says why",
}


class Infection(NamedTuple):
    """How likely an infection is, and what says so; `grade` is None where nothing speaks of it."""

    grade: Grade | None
    sources: tuple[Source, ...]


class WorkUp(NamedTuple):
    """The newest antimicrobial and culture of the last 24 h, and whether they are a pair in the sense of Sepsis-3."""

    drug: Source | None
    sample: Source | None
    paired: bool

    @property
    def done(self) -> tuple[Source, ...]:
        return tuple(source for source in (self.sample, self.drug) if source is not None)


@shared("infection", READS)
def _infection(case: Case) -> Infection:
    """The level of infection of the last 24 h."""
    if not case.snapshot.facts and not case.snapshot.treatments:
        return Infection(None, ())
    words, denied_at = _standing(_words(case))
    grows = [w for w in case.said("culture.positive", DAY) if w.polarity is Polarity.AFFIRMED]
    confirmed = [w for w in words if w.polarity is Polarity.AFFIRMED and w.detail in ("definite", "confirmed")]
    if grows or confirmed:
        return Infection("definite", (*grows, *confirmed))
    certain = [w for w in words if w.polarity is Polarity.AFFIRMED and w.detail != "possible"]
    if certain:
        return Infection("probable", tuple(certain[:2]))
    hedged = [w for w in words if w.polarity is not Polarity.NEGATED]
    work = _work_up(case, denied_at)
    if hedged:
        return Infection("probable" if work.paired else "possible", (*hedged[:2], *(work.done if work.paired else ())))
    if work.paired:
        return Infection("possible", work.done)
    whole = _as_a_whole(words)
    return _unsaid(case, work, denied_at) or Infection("unlikely" if whole else None, tuple(whole[:1]))


def _as_a_whole(words: list[NoteFact]) -> list[NoteFact]:
    """The denials of infection as such: that of one source denies that source, and judges nothing else."""
    return [w for w in words if w.concept in AS_A_WHOLE and w.polarity is Polarity.NEGATED]


def _words(case: Case) -> list[NoteFact]:
    """The newest word on each kind of infection, oldest first; the one that carries a grade stands for its span."""
    words = [w for w in case.said("infection.*", DAY) if w.concept not in SIGNS_ONLY]
    words.sort(key=lambda w: (w.effective_at, w.detail is not None, w.concept))
    return list({(w.note, w.start): w for w in words}.values())


def _standing(words: list[NoteFact]) -> tuple[list[NoteFact], datetime | None]:
    """The words that no later denial of infection as a whole has taken back, and when that was said."""
    denials = [w.effective_at for w in _as_a_whole(words)]
    if not denials:
        return words, None
    return [w for w in words if w.effective_at >= denials[-1]], denials[-1]


def _unsaid(case: Case, work: WorkUp, denied_at: datetime | None) -> Infection | None:
    """What raises the question of an infection and does not answer it."""
    cultures = (*((work.sample,) if work.sample is not None else ()), *_ordered_culture(case, denied_at))
    bounds = (("temp", FEVER), ("wbc", HIGH_WHITE_COUNT))
    signs = [r for c, bound in bounds if (r := case.latest(c)) and (r.value or 0.0) > bound] if cultures else []
    if signs:
        return Infection("worked up", (cultures[0], *signs))
    return Infection("half", work.done) if work.done else None


def _ordered_culture(case: Case, since: datetime | None) -> tuple[Source, ...]:
    """A culture that is only ordered."""
    for order in case.orders():
        fresh = case.now - order.observed_at <= DAY and (since is None or order.observed_at >= since)
        if fresh and order.item in members("culture"):
            case.leaves(order.observed_at, DAY)
            return (order,)
    return ()


def _work_up(case: Case, since: datetime | None) -> WorkUp:
    """What was given and taken, not before `since`."""
    preventive = _preventive(case)

    def counts(t: Treatment, *actions: Action) -> bool:
        return t.action in actions and t.item not in preventive and (since is None or t.observed_at >= since)

    def within(at: datetime) -> bool:
        if at + DAY <= case.now:
            return False
        case.stays(at + DAY)
        return True

    doses = [t for t in case.of("antimicrobial") if counts(t, Action.GIVEN, Action.START)]
    cultures = [t for t in case.of("culture") if counts(t, Action.GIVEN)]
    pairs = [
        (d, c)
        for d in doses
        for c in cultures
        if -ANTIMICROBIAL_FIRST <= d.observed_at - c.observed_at <= CULTURE_FIRST
        and within(max(d.observed_at, c.observed_at))
    ]
    drug = _newest([d for d in doses if within(d.observed_at)]) or _noted(case, "abx.started", since, preventive)
    sample = _newest([c for c in cultures if within(c.observed_at)]) or _noted(case, "culture.sent", since)
    if pairs and drug is None:
        drug = pairs[-1][0]  # the pair stands for as long as the later of the two is recent
    either_noted = isinstance(drug, NoteFact) or isinstance(sample, NoteFact)
    return WorkUp(drug, sample, bool(pairs) or (either_noted and drug is not None and sample is not None))


def _preventive(case: Case) -> frozenset[str | None]:
    """The antimicrobials that are given to prevent an infection; a note that names none of them (None) means all."""
    said = {w.detail for w in case.said("abx.prophylaxis", DAY) if w.polarity is Polarity.AFFIRMED}
    return PREVENTIVE | said | (members("antimicrobial") if None in said else frozenset())


def _newest(treatments: list[Treatment]) -> Source | None:
    return max(treatments, key=lambda t: t.observed_at, default=None)


def _noted(case: Case, fact: str, since: datetime | None, but_of: frozenset[str | None] = frozenset()) -> Source | None:
    said = (w for w in case.said(fact, DAY) if w.polarity is Polarity.AFFIRMED and w.detail not in but_of)
    return next((w for w in said if since is None or w.effective_at >= since), None)


# -- what rules ask


def _of(case: Case) -> Infection:
    found: Infection = case.ask(case.graph.named["infection"])
    return found


def _open(found: Infection) -> Answer:
    return Answer(Truth.UNKNOWN, found.sources, (Missing("infection", WHY_OPEN[found.grade]),))


@predicate("infection_suspected", uses=["infection"])
def _suspected(case: Case) -> Answer:
    """Somebody said so, be it with a hedge, or cultured and treated; what nobody said is open."""
    found = _of(case)
    if found.grade in SUSPECTED:
        return yes(*found.sources)
    return no(*found.sources) if found.grade == "unlikely" else _open(found)


@predicate("infection_not_suspected", uses=["infection"])
def _not_suspected(case: Case) -> Answer:
    """Denied, or not said: never UNKNOWN. What half speaks for it is what this rests on."""
    found = _of(case)
    if found.grade in SUSPECTED:
        return no(*found.sources)
    return yes(*found.sources) if found.grade in UNSAID else yes()


@predicate("infection_worked_up", uses=["infection"])
def _worked_up(case: Case) -> Answer:
    """Fever or a high white count with a culture taken or ordered: possible by the reference, said by nobody."""
    found = _of(case)
    return yes(*found.sources) if found.grade == "worked up" else no()


@predicate("infection_likely", uses=["infection"])
def _likely(case: Case) -> Answer:
    found = _of(case)
    if found.grade is None:
        return _open(found)
    return yes(*found.sources) if found.grade in ("definite", "probable") else no(*found.sources)


@predicate("infection_only_possible", uses=["infection"])
def _only_possible(case: Case) -> Answer:
    found = _of(case)
    if found.grade is None:
        return _open(found)
    return yes(*found.sources) if found.grade in ("possible", *UNSAID) else no(*found.sources)


@predicate("infection_denied", READS)
def _denied(case: Case) -> Answer:
    """The newest word on infection as such is no, and nobody has given an antimicrobial since: a culture may be out."""
    words, denied_at = _standing(_words(case))
    whole = _as_a_whole(words)
    only_denied = whole and all(w.polarity is Polarity.NEGATED for w in words)
    return yes(*whole[:1]) if only_denied and _work_up(case, denied_at).drug is None else no()
