"""What notes say where a record is silent: diagnoses, treatments, fluids with amounts, a weight, a target of oxygen.

A list or a feed and a note are asked together. Where they disagree the safer one holds: a diagnosis counts that either
knows, an infusion runs that either says runs last, of two amounts of fluid the larger was given, of two ejection
fractions the lower one is true. What rests on a note is told as unconfirmed, and the record is asked for
(`guidelines.confirm`). Which fact stands for which record is data: `knowledge/notes/records.toml`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from guidelines.rules.answers import Interval, Missing, open_range
from guidelines.rules.case import Case, Volume, members
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS, classes

SHIFT = timedelta(hours=12)
"""A note's word on an infusion holds for a shift (our choice; the reference is silent)."""

TARGET = "88-92"  # percent SpO2, as the lexicon calls it; reference §1.1: NEWS2 scale 2

_TABLE: Mapping[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "knowledge" / "notes" / "records.toml").read_text(encoding="utf-8")
)
DIAGNOSES: Mapping[str, Sequence[str]] = _TABLE["diagnoses"]
POSSIBLE: Mapping[str, Sequence[str]] = _TABLE["possible"]
RUNNING: Mapping[str, str] = _TABLE["running"]
GIVEN: Mapping[str, str] = _TABLE["given"]
PROBLEMS: Sequence[str] = _TABLE["lasting"]["problems"]
LASTING: Sequence[str] = (*PROBLEMS, *_TABLE["lasting"]["others"])


def is_of(fact: str, names: Sequence[str]) -> bool:
    """Whether a fact has one of the names, or is of the family of one: `allergy.rash` of `allergy`."""
    return any(fact == name or fact.startswith(f"{name}.") for name in names)


def facts_of_diagnosis(code: str) -> tuple[str, ...]:
    """The facts that speak of a code of problem lists."""
    return (*DIAGNOSES.get(code, ()), *POSSIBLE.get(code, ()))


RUNNING_READS = ("notes", *(f"n:{fact}" for fact in RUNNING))
GIVEN_READS = ("notes", *(f"n:{fact}" for fact in GIVEN))
"""What is looked at for any drug: a word may name another than its fact stands for, and one denial may end several."""


def diagnosis(case: Case, code: str) -> NoteFact | None:
    """The newest word of the stay on a diagnosis, as history or as now; None where it denies it or nothing is said."""
    found = None
    for fact in facts_of_diagnosis(code):
        words = lasting(case).get(fact, ())
        if words and words[-1].polarity is not Polarity.NEGATED:
            is_newer = found is None or words[-1].effective_at >= found.effective_at
            found = words[-1] if is_newer else found
    return found


def states(word: NoteFact, code: str) -> bool:
    """Whether the word says the diagnosis, and not only that it may be so."""
    return word.polarity is Polarity.AFFIRMED and word.concept in DIAGNOSES.get(code, ())


def weight(case: Case) -> NoteFact | None:
    """The newest weight in kg of the stay's notes, where nobody weighed."""
    known = CONCEPTS["weight"]
    for word in reversed(lasting(case).get("person.weight", ())):
        is_weight = word.polarity is Polarity.AFFIRMED and word.temporality is Temporality.CURRENT
        if is_weight and word.value is not None and known.plausible(word.value):
            return word
    return None


def oxygen_target(case: Case) -> NoteFact | None:
    """The newest target of SpO2, if it is 88–92 %."""
    words = [word for word in case.once("targets", _targets) if word.effective_at <= case.now]
    is_lower = words and words[-1].polarity is Polarity.AFFIRMED and words[-1].detail == TARGET
    return words[-1] if is_lower else None


def running(case: Case, item: str) -> NoteFact | None:
    """The newest word that an infusion runs; no report of that drug and no denial came after it."""
    told = [(word, named(word, stands)) for fact, stands in RUNNING.items() for word in case.said(fact, SHIFT)]
    ended = [(word.effective_at, drugs) for word, drugs in told if word.polarity is Polarity.NEGATED]
    runs = [
        word
        for word, drugs in told
        if word.polarity is Polarity.AFFIRMED
        and drugs <= members(item)
        and not any(at > word.effective_at and drugs <= others for at, others in ended)
        and not any(t.observed_at >= word.effective_at for drug in drugs for t in case.by_item().get(drug, ()))
    ]
    return max(runs, key=lambda word: word.effective_at, default=None)


def given(case: Case, item: str, within: timedelta) -> NoteFact | None:
    """The newest word that something was given or taken in the window."""
    asked = members(item)
    words = [
        word
        for fact, stands in GIVEN.items()
        for word in case.said(fact, within)
        if word.polarity is Polarity.AFFIRMED and named(word, stands) <= asked
    ]
    return max(words, key=lambda word: word.effective_at, default=None)


def rate(case: Case, item: str) -> Interval:
    """The summed rate of what runs; open where only a note says that something does."""
    if not case.running(item) and running(case, item) is not None:
        return open_range(Missing(item, "a note says that it runs, and no rate was reported"))
    return case.rate(item)


def volume(case: Case, item: str, over: timedelta) -> Volume | None:
    """What was given: as reported, or as one note has it, whichever is more. They tell of the same fluid."""
    reported, told = case.volume(item, over), _amounts(case, item, over)
    return (reported or Volume(over, (), ()))._replace(noted=told) if told else reported


def _amounts(case: Case, item: str, over: timedelta) -> tuple[NoteFact, ...]:
    """The amounts in mL that one note tells, of the note that tells most."""
    asked = members(item)
    notes: dict[str, list[NoteFact]] = {}
    for fact, stands in GIVEN.items():
        for word in case.mentions().get(fact, ()):
            is_amount = word.polarity is Polarity.AFFIRMED and word.unit == "mL" and word.value is not None
            if not is_amount or not named(word, stands) <= asked:
                continue
            if word.effective_at > case.now:
                case.stays(word.effective_at)
            elif word.effective_at + over > case.now:
                case.stays(word.effective_at + over)
                notes.setdefault(word.note, []).append(word)
    return max(map(tuple, notes.values()), key=lambda words: sum(w.value or 0.0 for w in words), default=())


def named(word: NoteFact, stands: str) -> frozenset[str]:
    """The drug ids that a word may mean: those it names, or all for which its fact stands."""
    name = word.detail
    return members(name if name in DRUGS or name in classes() else stands)


def lasting(case: Case) -> Mapping[str, Sequence[NoteFact]]:
    """What is said of the patient as now or as history, copied or not, by concept, oldest first: it lasts a stay."""
    return case.once("lasting", _of_the_stay)


def _of_the_stay(case: Case) -> dict[str, list[NoteFact]]:
    found: dict[str, list[NoteFact]] = {}
    for fact in case.snapshot.facts:
        lasts = fact.temporality in (Temporality.CURRENT, Temporality.HISTORICAL)
        if lasts and fact.experiencer is Experiencer.PATIENT:
            found.setdefault(fact.concept, []).append(fact)
    for facts in found.values():
        facts.sort(key=lambda fact: fact.effective_at)
    return found


def _targets(case: Case) -> list[NoteFact]:
    """What saturation is aimed at, oldest first: an aim is a plan that holds."""
    aims = [f for f in case.snapshot.facts if f.concept == "o2.target" and f.experiencer is Experiencer.PATIENT]
    held = [f for f in aims if f.temporality in (Temporality.CURRENT, Temporality.PLANNED)]
    return sorted(held, key=lambda fact: fact.effective_at)
