"""What to confirm where a claim rests on a note in the place of a record, or where a note says otherwise than a record.

The safer of the two holds already (`guidelines.rules.noted`); here it is said that somebody has to look.
"""

from collections.abc import Iterable, Iterator

from guidelines.evidence import clock
from guidelines.rules import noted
from guidelines.rules.answers import Computed, Missing, Personal, Source
from guidelines.rules.case import Case
from schemas.clinical.facts import NoteFact, Polarity
from schemas.events import Action, Treatment

SUBJECTS = {
    **dict.fromkeys((f for facts in (*noted.DIAGNOSES.values(), *noted.POSSIBLE.values()) for f in facts), "diagnoses"),
    **dict.fromkeys((*noted.RUNNING, *noted.GIVEN), "treatments"),
    "person.weight": "weight",
    "cardiac.lvef": "lvef",
    "o2.target": "oxygen target",
}
FAMILIES = {"allergy": "allergies", "limit": "limits of treatment"}
"""Of which record a fact, or a family of facts, takes the place."""


def is_unconfirmed(source: Source) -> bool:
    """Whether a note says it in the place of a record."""
    return isinstance(source, NoteFact) and _subject(source) is not None


def confirmations(case: Case, sources: Iterable[Source]) -> tuple[Missing, ...]:
    """What to ask for beside a claim that rests on these."""
    return tuple(_confirmations(case, sources))


def _confirmations(case: Case, sources: Iterable[Source]) -> Iterator[Missing]:
    for source in sources:
        match source:
            case NoteFact():
                subject = _subject(source)
                if subject is not None:
                    yield Missing(subject, f"only {_quoted(case, source)} says so, unconfirmed")
            case Computed():
                yield from _confirmations(case, source.sources)
            case Personal():
                denial = _denied(case, source)
                if denial is not None:
                    yield Missing(source.label, f"it says {source.shown}; {_quoted(case, denial)} says otherwise")
            case Treatment():
                stopped = _stopped(case, source)
                if stopped is not None:
                    yield Missing(source.item, f"reported as running; {_quoted(case, stopped)} says otherwise")


def _subject(fact: NoteFact) -> str | None:
    return FAMILIES.get(fact.concept.partition(".")[0]) or SUBJECTS.get(fact.concept)


def _quoted(case: Case, fact: NoteFact) -> str:
    return f"a note of {clock(case, fact.effective_at)} (“{fact.words[:80]}”)"


def _denied(case: Case, record: Personal) -> NoteFact | None:
    """The newest word of a note on what a list names, if it denies it."""
    kind, _, code = record.subject.partition(" ")
    facts = ("allergy",) if kind == "allergy" else noted.DIAGNOSES.get(code, ()) if kind == "diagnosis" else ()
    words = [word for fact in facts for word in noted.lasting(case).get(fact, ())]
    newest = max(words, key=lambda word: word.effective_at, default=None)
    return newest if newest is not None and newest.polarity is Polarity.NEGATED else None


def _stopped(case: Case, infusion: Treatment) -> NoteFact | None:
    """A later word of a note that denies an infusion which is reported as running."""
    if infusion.action not in (Action.START, Action.CHANGE) or not infusion.rate:
        return None
    for fact, stands in noted.RUNNING.items():
        for word in case.said(fact, noted.SHIFT):
            ends = word.polarity is Polarity.NEGATED and word.effective_at > infusion.observed_at
            if ends and infusion.item in noted.named(word, stands):
                return word
    return None
