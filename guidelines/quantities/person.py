"""Who the patient is: numbers of the record, where the bed stands, and limits of treatment."""

from collections.abc import Callable
from datetime import timedelta

from guidelines.rules.answers import Answer, Interval, Missing, Personal, Source, no, open_range, unknown, yes
from guidelines.rules.case import Case
from guidelines.rules.registry import predicate, shared
from schemas.clinical.facts import NoteFact, Polarity

STAY = timedelta(days=365)
ECHO_WITHIN = timedelta(days=365)
LVEF_LOW = 40.0  # percent, reference §3.0

ATTRIBUTES = {
    "age": ("age_years", "age", "years"),
    "usual_sbp": ("usual_sbp_mmhg", "usual systolic pressure", "mmHg"),
    "baseline_creatinine": ("baseline_creatinine_mg_dl", "baseline creatinine", "mg/dL"),
    "baseline_sofa": ("baseline_sofa", "baseline SOFA", ""),
}
"""Names in conditions (`schemas.conditions.text.PERSON`), with field, label and unit."""


def _of_record(attribute: str, field: str, label: str, unit: str) -> Callable[[Case], Interval]:
    def made(case: Case) -> Interval:
        value = getattr(case.snapshot.patient, field)
        if value is None:
            return open_range(Missing(attribute, "not in the patient record"))
        return Interval(value, value, (Personal(attribute, label, f"{value:g} {unit}".rstrip(), value),))

    return made


for _attribute, (_field, _label, _unit) in ATTRIBUTES.items():
    shared(f"person {_attribute}", [f"p:{_field}"], ages_only=True)(_of_record(_attribute, _field, _label, _unit))


@shared("person lvef", ["lvef", "n:cardiac.lvef", "notes", "p:lvef_percent"])
def _lvef(case: Case) -> Interval:
    """The newest echo of the last 12 months; where none was sent the lower of what a note and the record say."""
    reading = case.latest("lvef")
    if reading is not None and reading.value is not None:
        return Interval(reading.value, reading.value, (reading,))
    known: list[tuple[float, Source]] = [
        (fact.value, fact)
        for fact in case.said("cardiac.lvef", ECHO_WITHIN)
        if fact.polarity is Polarity.AFFIRMED and fact.value is not None
    ]
    recorded = case.snapshot.patient.lvef_percent
    if recorded is not None:
        known.append((recorded, Personal("lvef", "LVEF", f"{recorded:g} %", recorded)))
    if not known:
        return open_range(Missing("lvef", "no echo known"))
    value, source = min(known, key=lambda pair: pair[0])
    return Interval(value, value, (source,))


@predicate("lvef_known_low", uses=["person lvef"], ages_only=True)
def _lvef_known_low(case: Case) -> Answer:
    """A known LVEF below 40 %; no echo is no sign of it, the problem list is asked beside it."""
    known = case.number("person lvef")
    return yes(*known.sources) if not known.missing and known.low < LVEF_LOW else no(*known.sources)


@predicate("in_icu", ["setting"], ages_only=True)
def _in_icu(case: Case) -> Answer:
    return yes() if case.snapshot.setting == "icu" else no()


@predicate("pregnant", ["p:pregnant", "p:sex", "n:ob.pregnant", "notes"])
def _pregnant(case: Case) -> Answer:
    """Known to be pregnant, from the record or from the newest note; where nobody said so she is not left out.

    A note is not believed of a patient who is male by the record: it speaks of somebody else, and silence would harm.
    """
    noted = _noted(case, "ob.pregnant")
    if noted and case.snapshot.patient.sex != "male":
        return yes(*noted)
    return yes(Personal("pregnant", "pregnancy", "yes")) if case.snapshot.patient.pregnant is True else no()


@predicate("escalation_limited", ["p:limits", "n:limit.no_escalation", "notes"])
def _escalation_limited(case: Case) -> Answer:
    """A limit of escalation in the record, or noted in this stay."""
    if "no_escalation" in (case.snapshot.patient.limits or ()):
        return yes(Personal("limits", "treatment limit", "no escalation"))
    words = _noted(case, "limit.no_escalation")
    return yes(*words) if words else no()


@predicate("comfort_care", ["p:limits", "n:limit.comfort_care", "n:limit.dnr", "notes"])
def _comfort_care(case: Case) -> Answer:
    """Comfort care only, in the record or noted in this stay; a later "full code" ends what a note said."""
    if "comfort_care" in (case.snapshot.patient.limits or ()):
        return yes(Personal("limits", "treatment limit", "comfort care only"))
    full_code = [w.effective_at for w in case.said("limit.dnr", STAY) if w.polarity is Polarity.NEGATED]
    words = [w for w in _noted(case, "limit.comfort_care") if all(w.effective_at >= at for at in full_code)]
    return yes(*words) if words else no()


def _noted(case: Case, fact: str) -> list[NoteFact]:
    """The newest word of this stay, if it affirms."""
    return [w for w in case.said(fact, STAY) if w.polarity is Polarity.AFFIRMED]


@predicate("allergies_known", ["p:allergies"], ages_only=True)
def _allergies_known(case: Case) -> Answer:
    """An allergy list was sent, be it an empty one."""
    if case.snapshot.patient.allergies is None:
        return unknown(Missing("allergies", "no allergy list was ever sent"))
    return yes()
