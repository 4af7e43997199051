"""What was given although a rule withheld it at that time (our choice, decision 0017).

A rule withholds by what was known before: a bolus that itself completes a volume was not withheld, nor was one that was
given before the lungs were noted as wet. What is true for the stay (an allergy) counts whenever it became known.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from guidelines.evidence import NO_OUTLOOK
from guidelines.quantities.fluid import BOLUS_ML
from guidelines.rules import noted
from guidelines.rules.answers import YES, Answer, Source
from guidelines.rules.case import MAINTENANCE_ML_H, Case, members
from guidelines.rules.graph import Node
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Truth
from schemas.clinical.snapshot import Snapshot
from schemas.events import Action, Treatment

SPOKEN_FOR = timedelta(hours=4)
"""So long after it was given it is spoken of: most reactions to a drug come much sooner (our choice)."""


class Given(NamedTuple):
    """A dose, an infusion's start, or the word of a note on one; `because`: what the rule rested on then."""

    what: Treatment | NoteFact
    because: tuple[Source, ...] = ()

    @property
    def item(self) -> str:
        """The drug, or what a note names of it."""
        return self.what.item if isinstance(self.what, Treatment) else self.what.detail or self.what.concept

    @property
    def at(self) -> datetime:
        return self.what.observed_at if isinstance(self.what, Treatment) else self.what.effective_at


def given_against(case: Case, when: Node | None, items: Collection[str], iv_only: bool) -> tuple[Given, ...]:
    """What of these was given within hours and was withheld then, oldest first."""
    found = []
    doses = _doses(case, items, iv_only)
    for given in (*doses, *_words(case, items, {dose.item for dose in doses})):
        held: Answer = YES if when is None else _known_before(case, given.at, when.reads).ask(when)
        if held.truth is Truth.YES:
            found.append(given._replace(because=held.sources))
    return tuple(sorted(found, key=lambda given: given.at))


def _known_before(case: Case, moment: datetime, reads: Collection[str]) -> Case:
    """The patient as known just before a moment, as far as it is read; what lasts a stay as it is known now."""
    seen: Snapshot = case.snapshot
    rows = {name: row for name, row in seen.readings.items() if name in reads}
    return Case(
        replace(
            seen,
            now=moment,
            readings={name: tuple(r for r in row if r.available_at < moment) for name, row in rows.items()},
            treatments=tuple(t for t in seen.treatments if max(t.available_at, t.observed_at) < moment),
            facts=tuple(f for f in seen.facts if f.available_at < moment or noted.is_of(f.concept, noted.LASTING)),
            situations=frozenset(),
        ),
        NO_OUTLOOK,
        case.graph,
    )


def _doses(case: Case, items: Collection[str], iv_only: bool) -> list[Given]:
    """Administrations as reported."""
    found = []
    for item in sorted(items & case.by_item().keys()) if case.treatments_heard else ():
        for treatment in case.by_item()[item]:
            if treatment.action not in (Action.GIVEN, Action.START) or _is_carrier(treatment):
                continue
            if iv_only and not is_intravenous(treatment):
                continue
            if treatment.observed_at > case.now:
                case.stays(treatment.observed_at)
            elif treatment.observed_at + SPOKEN_FOR > case.now:
                case.stays(treatment.observed_at + SPOKEN_FOR)
                found.append(Given(treatment))
    return found


def _words(case: Case, items: Collection[str], reported: Collection[str]) -> list[Given]:
    """What notes say was given or runs, and no report tells of: of each drug the first word that none takes back."""
    told: list[tuple[NoteFact, frozenset[str]]] = []
    for fact, stands in (*noted.GIVEN.items(), *noted.RUNNING.items()):
        for word in case.mentions().get(fact, ()):
            drugs = noted.named(word, stands)
            if not drugs <= set(items) or drugs & set(reported):
                continue
            if word.effective_at > case.now:
                case.stays(word.effective_at)
            elif word.effective_at + SPOKEN_FOR > case.now:
                case.stays(word.effective_at + SPOKEN_FOR)
                told.append((word, drugs))
    told.sort(key=lambda one: one[0].effective_at)
    denied = [(word.effective_at, drugs) for word, drugs in told if word.polarity is Polarity.NEGATED]
    first: dict[frozenset[str], NoteFact] = {}
    for word, drugs in told:
        is_denied = any(at >= word.effective_at and drugs <= others for at, others in denied)
        if word.polarity is Polarity.AFFIRMED and not is_denied:
            first.setdefault(drugs, word)
    return [Given(word) for word in first.values()]


def is_intravenous(treatment: Treatment) -> bool:
    """Whether it goes into a vein, as what nobody says is taken to."""
    route = (treatment.route or "iv").lower()
    return "iv" in route or "intraven" in route


def _is_carrier(treatment: Treatment) -> bool:
    """Whether it is a flush, or maintenance: no fluid that a list speaks of."""
    if treatment.item not in members("crystalloid"):
        return False
    is_slow = treatment.rate is not None and treatment.rate <= MAINTENANCE_ML_H
    return is_slow or (treatment.amount is not None and treatment.amount < BOLUS_ML)
