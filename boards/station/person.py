"""Who lies in a bed, in words. None is told as unknown and never as "no"; a list that was read and is empty as none."""

from collections.abc import Sequence
from typing import NamedTuple

from guidelines.rules.case import item_name
from schemas.events import Allergy, Limit, Patient, Severity

INFANT_YEARS = 2  # younger ones are told in months
_MONTHS = 12
_CAPITALS = {"ards", "ckd", "copd", "dvt", "gi", "hiv", "mi"}

LIMITS: dict[Limit, str] = {"dnr": "do not resuscitate (DNR)", "no_escalation": "no escalation of treatment"}
SEVERITIES = {
    Severity.ANAPHYLAXIS: "anaphylaxis",
    Severity.SEVERE_NON_IGE: "severe, not IgE-mediated",
    Severity.RASH: "rash",
    Severity.INTOLERANCE: "intolerance",
    Severity.UNKNOWN: "severity unknown",
}
MILD = (Severity.RASH, Severity.INTOLERANCE)


class Told(NamedTuple):
    """One entry of a list; a serious one must not be overlooked."""

    words: str
    is_serious: bool = False


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


def diagnoses(patient: Patient) -> tuple[Told, ...] | None:
    """The problem list."""
    if patient.diagnoses is None:
        return None
    return tuple(Told(" ".join(map(_word, code.split("_")))) for code in patient.diagnoses)


def allergies(patient: Patient) -> tuple[Told, ...] | None:
    """The allergy list, the serious ones first; one whose severity is unknown counts among them."""
    if patient.allergies is None:
        return None
    told = {Told(_allergy(entry), entry.severity not in MILD): None for entry in patient.allergies}
    return tuple(sorted(told, key=lambda entry: not entry.is_serious))


def limits(patient: Patient) -> tuple[Told, ...] | None:
    """The limits of treatment."""
    return None if patient.limits is None else tuple(Told(LIMITS[limit], True) for limit in patient.limits)


class Known(NamedTuple):
    """A list that was read, as it is shown: some of its entries, and how many more there are."""

    name: str
    shown: Sequence[Told]
    more: int


def known(patient: Patient, most: int) -> tuple[Known, ...]:
    """Each list that was read: its first `most` entries, and every serious one."""
    return tuple(_shown(name, entries, most) for name, entries in _lists(patient) if entries is not None)


def unknown(patient: Patient) -> tuple[str, ...]:
    """What nobody has said of the patient."""
    never_read = [name for name, entries in _lists(patient) if entries is None]
    return tuple(never_read if reason(patient) else ["reason for admission", *never_read])


def reason(patient: Patient) -> str:
    """What the patient was admitted for; empty where that is unknown."""
    return (patient.reason or "").strip()


def _lists(patient: Patient) -> tuple[tuple[str, tuple[Told, ...] | None], ...]:
    return (
        ("limits of treatment", limits(patient)),
        ("allergies", allergies(patient)),
        ("diagnoses", diagnoses(patient)),
    )


def _shown(name: str, entries: tuple[Told, ...], most: int) -> Known:
    shown = [entry for place, entry in enumerate(entries) if place < most or entry.is_serious]
    return Known(name, shown, len(entries) - len(shown))


def _allergy(entry: Allergy) -> str:
    return f"{item_name(entry.substance)}: {SEVERITIES[entry.severity]}"


def _word(word: str) -> str:
    return word.upper() if word in _CAPITALS else word
