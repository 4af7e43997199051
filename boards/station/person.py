"""Who lies in a bed, in words. None is told as unknown and never as "no"; a list that was read and is empty as none."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from guidelines.rules import noted
from guidelines.rules.case import item_name
from schemas.boards.views import BedView
from schemas.clinical.facts import NoteFact
from schemas.events import Allergy, Limit, Patient, Severity

INFANT_YEARS = 2  # younger ones are told in months
_MONTHS = 12
_CAPITALS = {"ards", "ckd", "copd", "dvt", "gi", "hiv", "mi"}

LIMITS: dict[Limit, str] = {
    "dnr": "do not resuscitate (DNR)",
    "no_escalation": "no escalation of treatment",
    "comfort_care": "comfort care only",
}
SEVERITIES = {
    Severity.ANAPHYLAXIS: "anaphylaxis",
    Severity.SEVERE_NON_IGE: "severe, not IgE-mediated",
    Severity.RASH: "rash",
    Severity.INTOLERANCE: "intolerance",
    Severity.UNKNOWN: "severity unknown",
}
MILD = (Severity.RASH, Severity.INTOLERANCE)


class Told(NamedTuple):
    """One entry of a list; a serious one must not be overlooked. `noted_at`: a note says so, and no list does."""

    words: str
    is_serious: bool = False
    noted_at: datetime | None = None


def age_and_sex(patient: Patient) -> str:
    """62 years, male."""
    years = patient.age_years
    if years is None and patient.sex is None:
        return "age and sex unknown"
    if years is None:
        age = "age unknown"
    elif years < INFANT_YEARS:
        age = f"{int(years * _MONTHS)} months"
    else:
        age = f"{int(years)} years"
    return f"{age}, {patient.sex or 'sex unknown'}" + (", pregnant" if patient.pregnant else "")


def diagnoses(view: BedView) -> tuple[Told, ...] | None:
    """The problem list, and what notes add."""
    listed = view.patient.diagnoses
    told = [Told(" ".join(map(_word, code.split("_")))) for code in listed or ()]
    in_list = {fact for code in listed or () for fact in noted.facts_of_diagnosis(code)}
    facts = [fact for fact in view.noted if noted.is_of(fact.concept, noted.PROBLEMS) and fact.concept not in in_list]
    return _all(listed, [*told, *(Told(f"“{fact.words}”", False, fact.effective_at) for fact in facts)])


def allergies(view: BedView) -> tuple[Told, ...] | None:
    """The allergy list, and what notes add; the serious ones first. One of unknown severity counts among them."""
    listed = view.patient.allergies
    serious = {entry.substance for entry in listed or () if entry.severity not in MILD}
    told = [Told(_allergy(entry), entry.severity not in MILD) for entry in listed or ()]
    told += _noted(view, "allergy", lambda fact: fact.detail in serious)
    return _all(listed, sorted(told, key=lambda entry: not entry.is_serious))


def limits(view: BedView) -> tuple[Told, ...] | None:
    """The limits of treatment, and what notes add."""
    listed = view.patient.limits
    told = [Told(LIMITS[limit], True) for limit in listed or ()]
    told += _noted(view, "limit", lambda fact: fact.concept.partition(".")[2] in (listed or ()))
    return _all(listed, told)


def _noted(view: BedView, family: str, is_listed: Callable[[NoteFact], bool]) -> list[Told]:
    facts = [fact for fact in view.noted if fact.concept.partition(".")[0] == family and not is_listed(fact)]
    return [Told(f"“{fact.words}”", True, fact.effective_at) for fact in facts]


def _all(listed: Sequence[object] | None, told: Sequence[Told]) -> tuple[Told, ...] | None:
    """Each once; None where no list was read and no note says anything."""
    return None if listed is None and not told else tuple(dict.fromkeys(told))


class Known(NamedTuple):
    """A list of which something is known, as it is shown: some of its entries, and how many more there are."""

    name: str
    shown: Sequence[Told]
    more: int


def known(view: BedView, most: int) -> tuple[Known, ...]:
    """Each list of which something is known: its first `most` entries, and every serious one."""
    return tuple(_shown(name, entries, most) for name, entries in _lists(view) if entries is not None)


def unknown(view: BedView) -> tuple[str, ...]:
    """What nobody has said of the patient."""
    never_read = [name for name, entries in _lists(view) if entries is None]
    return tuple(never_read if reason(view.patient) else ["reason for admission", *never_read])


def reason(patient: Patient) -> str:
    """What the patient was admitted for; empty where that is unknown."""
    return (patient.reason or "").strip()


def _lists(view: BedView) -> tuple[tuple[str, tuple[Told, ...] | None], ...]:
    return (
        ("limits of treatment", limits(view)),
        ("allergies", allergies(view)),
        ("diagnoses", diagnoses(view)),
    )


def _shown(name: str, entries: tuple[Told, ...], most: int) -> Known:
    shown = [entry for place, entry in enumerate(entries) if place < most or entry.is_serious]
    return Known(name, shown, len(entries) - len(shown))


def _allergy(entry: Allergy) -> str:
    return f"{item_name(entry.substance)}: {SEVERITIES[entry.severity]}"


def _word(word: str) -> str:
    return word.upper() if word in _CAPITALS else word
