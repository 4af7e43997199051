"""From what a claim rests on to the words that are shown: `Evidence` and `Need` of `schemas.clinical.findings`.

What is made here comes from records that were checked before, so it is not checked again (`trusted`): this
runs for every finding at every instant.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from guidelines.quantities.scores.tally import rounded
from guidelines.rules.answers import Computed, Forecasted, Missing, Personal, Source
from guidelines.rules.case import FAR, Case, item_name
from schemas import local_time
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Evidence, Need
from schemas.clinical.forecasts import Fan, Odds, Unavailable
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.conditions import Condition
from schemas.events import Action, Quality, Reading, Treatment, identity

REF_CHARS_MAX = 400
SHOWN_CHARS_MAX = 200
SCORED_ROUNDED = frozenset(("rr", "spo2", "sbp", "hr", "temp"))  # reference §1.1
EXACT = 1e-9
LABEL_LONG = 12  # longer names give way to the short form

CODES = {
    "A": "A (alert)", "C": "C (new confusion)", "V": "V (voice)", "P": "P (pain)", "U": "U (unresponsive)",
    "nc": "nasal cannula", "simple": "simple mask", "venturi": "Venturi mask", "nrb": "reservoir mask",
    "hfnc": "high flow", "niv": "non-invasive ventilation", "imv": "ventilator", "trach": "tracheostomy",
}  # fmt: skip
"""Codes as a person reads them; the others read as they are."""


class NoOutlook:
    """The future as seen without a forecaster."""

    until = FAR

    def fan(self, concept: str) -> Fan | Unavailable:
        return Unavailable(reason=f"no forecaster for {concept}")

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:  # noqa: ARG002, the protocol's
        return Unavailable(reason="no forecaster")


NO_OUTLOOK = NoOutlook()


def clock(case: Case, moment: datetime) -> str:
    """A time as the clocks of the ward show it, with its day if that is not today."""
    return local_time.clock_and_day(moment, case.now, case.snapshot.zone)


def label(subject: str) -> str:
    """What a person calls a concept, a drug or a class: a short word where there is one."""
    known = CONCEPTS.get(subject)
    if known is None:
        return item_name(subject)
    return known.name if len(known.name) <= LABEL_LONG else known.short


def number(value: float, decimals: int) -> str:
    """A number as printed: rounded as scores round it, half up; no minus zero."""
    return f"{rounded(value, decimals) + 0.0:.{decimals}f}"


def digits(subject: str, value: float) -> str:
    """A value as printed, without its unit: what is shown is on the same side of a bound as what was compared.

    What scores round before they count it is rounded; of everything else one decimal more is shown than usual, if it
    has one: a mean pressure of 64.7 is below 65.
    """
    decimals = CONCEPTS[subject].decimals
    is_exact = subject in SCORED_ROUNDED or abs(rounded(value, decimals) - value) < EXACT
    return number(value, decimals if is_exact else decimals + 1)


def amount(subject: str, value: float) -> str:
    """A value with its unit as printed: 61 mmHg, 124/min, 3.4 mmol/L."""
    known = CONCEPTS.get(subject)
    if known is None:
        return f"{value:g}"
    unit, text = known.printed_unit, digits(subject, value)
    return text + unit if unit.startswith("/") else f"{text} {unit}".rstrip()


def evidence(case: Case, source: Source) -> Evidence:
    """One claim's support, with the identity of the event it came from; made once per judgement."""
    made: tuple[Source, Evidence] = case.once(id(source), lambda case: (source, _made(case, source)))
    return made[1]  # the source is kept alive beside it, so that its id stays its own


def _made(case: Case, source: Source) -> Evidence:
    match source:
        case Reading():
            return _of_reading(source)
        case NoteFact():
            return _of_note(source)
        case Treatment():
            return _of_treatment(source)
        case Computed():
            return _of_computed(case, source)
        case Forecasted():
            return Evidence(
                kind="forecast",
                subject=source.subject,
                label=f"expected {label(source.subject)}",
                shown=amount(source.subject, source.value),
                at=source.origin_at,
                ref=source.origin[:REF_CHARS_MAX],
                value=source.value,
            )
        case Personal():
            return Evidence(
                kind="patient",
                subject=source.subject,
                label=source.label,
                shown=source.shown[:SHOWN_CHARS_MAX],
                at=None,
                ref=f"p|{source.subject}",
                value=source.value,
            )


def _of_reading(reading: Reading) -> Evidence:
    code = reading.code or ""
    shown = CODES.get(code, code.replace("_", " ")) if reading.value is None else ""
    return Evidence(
        kind="reading",
        subject=reading.concept,
        label=label(reading.concept),
        shown=shown or amount(reading.concept, reading.value or 0.0),
        at=reading.observed_at,
        ref=identity(reading),
        value=reading.value,
    )


SAID = {Polarity.AFFIRMED: "", Polarity.NEGATED: "no ", Polarity.UNCERTAIN: "maybe "}


def _of_note(fact: NoteFact) -> Evidence:
    return Evidence(
        kind="note",
        subject=fact.concept,
        label=f"noted: {SAID[fact.polarity]}{fact.concept.partition('.')[2].replace('_', ' ')}",
        shown=f"“{fact.words[: SHOWN_CHARS_MAX - 2]}”",
        at=fact.effective_at,
        ref=fact.note,
        value=fact.value,
        note_start=fact.start,
        note_end=fact.end,
    )


DONE = {Action.ORDERED: "ordered", Action.GIVEN: "given", Action.STOP: "stopped", Action.CANCELLED: "cancelled"}


def _of_treatment(treatment: Treatment) -> Evidence:
    drug = DRUGS.get(treatment.item)
    value = treatment.rate if treatment.rate is not None else treatment.amount
    unit = (drug.rate_unit if drug else None) if treatment.rate is not None else treatment.amount_unit
    shown = DONE.get(treatment.action, "running")
    if value is not None:
        shown = f"{round(value, 3):g} {(unit or '').replace('ug', 'µg')}".rstrip()
    return Evidence(
        kind="treatment",
        subject=treatment.item,
        label=item_name(treatment.item),
        shown=shown,
        at=treatment.observed_at,
        ref=identity(treatment),
        value=value,
    )


def _of_computed(case: Case, computed: Computed) -> Evidence:
    refs = [evidence(case, source).ref for source in computed.sources]
    reading = computed.subject in CONCEPTS and CONCEPTS[computed.subject].group != "score"
    least = "at least " if computed.missing else ""
    return Evidence(
        kind="score",
        subject=computed.subject,
        label=label(computed.subject),
        shown=least + (amount(computed.subject, computed.value) if reading else _bare(computed)),
        at=computed.at,
        ref=" + ".join((computed.subject, *refs))[:REF_CHARS_MAX],
        value=float(computed.value),
    )


def _bare(computed: Computed) -> str:
    return f"{round(computed.value, 2):g} {computed.unit}".rstrip()


def unfolded(sources: Iterable[Source]) -> list[Source]:
    """Each source followed by what it was worked out from, once each."""
    found: dict[int, Source] = {}
    for source in sources:
        found.setdefault(id(source), source)
        if isinstance(source, Computed):
            for below in unfolded(source.sources):
                found.setdefault(id(below), below)
    return list(found.values())


def evidences(case: Case, sources: Iterable[Source]) -> tuple[Evidence, ...]:
    """The evidence of several sources, each event once, in the order given."""
    shown = (evidence(case, source) for source in unfolded(sources))
    return tuple({(e.subject, e.ref, e.note_start): e for e in shown}.values())


PARTS: Mapping[str, tuple[str, ...]] = {
    "gcs_total": ("gcs_e", "gcs_v", "gcs_m"),
    "acvpu": ("gcs_total", "gcs_e", "gcs_v", "gcs_m"),
    "map": ("sbp", "dbp"),
    "o2_device": ("fio2", "o2_flow"),
    "uo_rate_2h": ("urine",),
}
"""What a quantity is worked out from where it is not charted itself."""


def _why(case: Case, subject: str) -> str:
    """Why a measurement is not known now."""
    readings = case.snapshot.readings.get(subject, ())
    if not readings:
        return _why_of_parts(case, subject)
    newest = readings[-1]
    if newest.quality is not Quality.OK:
        return f"{newest.quality.value} at {clock(case, newest.observed_at)}: {newest.reason or 'not usable'}"[
            :SHOWN_CHARS_MAX
        ]
    if newest.observed_at > case.now:
        return f"charted ahead, for {clock(case, newest.observed_at)}"
    return f"last {clock(case, newest.observed_at)}, older than {in_hours(case.snapshot.validity(newest))}"


def in_hours(span: timedelta) -> str:
    """As it is said: 15 min, 6 h, 6 h 15 min."""
    hours, minutes = divmod(int(span.total_seconds() // 60), 60)
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count)


def _why_of_parts(case: Case, subject: str) -> str:
    """Never measured; where a part of it was, which part is not known."""
    parts = PARTS.get(subject, ())
    if not any(part in case.snapshot.readings for part in parts):
        return "never measured"
    known = {part: case.latest(part) for part in parts}
    lacking = [f"{label(part)} {_why(case, part)}" for part, reading in known.items() if reading is None]
    if lacking:
        return "; ".join(lacking)
    at_once = len({reading.observed_at for reading in known.values() if reading is not None}) == 1
    return "measured in parts only" if at_once else "its parts were not measured at one time"


def need(case: Case, missing: Missing) -> Need:
    """What would settle an open question, and why it is not known now."""
    why = missing.why or _why(case, missing.subject)
    return Need(subject=missing.subject, label=label(missing.subject), why=why[:SHOWN_CHARS_MAX])


def needs(case: Case, missing: Iterable[Missing]) -> tuple[Need, ...]:
    """The needs of all that is missing, each subject once."""
    first: dict[str, Missing] = {}
    for one in missing:
        first.setdefault(one.subject, one)
    return tuple(need(case, one) for one in first.values())
