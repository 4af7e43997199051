"""From what a claim rests on to the words that are shown: `Evidence` and `Need` of `schemas.clinical.findings`.

What is made here comes from records that were checked before, so it is not checked again (`trusted`): this
runs for every finding at every instant.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from guidelines.case import Case, Cite, Computed, Foreseen, Personal, Want, item_name
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Evidence, Need
from schemas.clinical.forecasts import Fan, Odds, Unavailable
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.conditions import Condition
from schemas.events import Action, Quality, Reading, Treatment, identity

REF_CHARS_MAX = 400
SHOWN_CHARS_MAX = 200

CODES = {
    "A": "A (alert)", "C": "C (new confusion)", "V": "V (voice)", "P": "P (pain)", "U": "U (unresponsive)",
    "nc": "nasal cannula", "simple": "simple mask", "venturi": "Venturi mask", "nrb": "reservoir mask",
    "hfnc": "high flow", "niv": "non-invasive ventilation", "imv": "ventilator", "trach": "tracheostomy",
}  # fmt: skip
"""Codes as a person reads them; the others read as they are."""


class NoOutlook:
    """The future as seen without a forecaster."""

    def fan(self, concept: str) -> Fan | Unavailable:
        return Unavailable(reason=f"no forecaster for {concept}")

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:  # noqa: ARG002, the protocol's
        return Unavailable(reason="no forecaster")


NO_OUTLOOK = NoOutlook()


def clock(moment: datetime) -> str:
    """The time of day as shown (UTC)."""
    return f"{moment:%H:%M}"


def label(subject: str) -> str:
    """What a person calls a concept, a drug or a class: a short word where there is one."""
    known = CONCEPTS.get(subject)
    if known is None:
        return item_name(subject)
    return known.name if len(known.name) <= 12 else known.short


def number(value: float, decimals: int) -> str:
    """A number as printed: half up, no minus zero."""
    return f"{value + 0.0:.{decimals}f}"


def amount(subject: str, value: float) -> str:
    """A value with its unit as printed: 61 mmHg, 124/min, 3.4 mmol/L."""
    known = CONCEPTS.get(subject)
    if known is None:
        return f"{value:g}"
    unit = known.printed_unit
    text = number(value, known.decimals)
    return text + unit if unit.startswith("/") else f"{text} {unit}".rstrip()


def evidence(case: Case, cite: Cite) -> Evidence:
    """One claim's support, with the identity of the event it came from; made once per judgement."""
    return case.once(id(cite), lambda case: _made(case, cite))  # the case keeps every cite alive: ids are its own


def _made(case: Case, cite: Cite) -> Evidence:
    case.keep(cite)
    match cite:
        case Reading():
            return _of_reading(cite)
        case NoteFact():
            return _of_note(cite)
        case Treatment():
            return _of_treatment(cite)
        case Computed():
            return _of_computed(case, cite)
        case Foreseen():
            return Evidence(
                kind="forecast",
                subject=cite.subject,
                label=f"expected {label(cite.subject)}",
                shown=amount(cite.subject, cite.value),
                at=cite.origin_at,
                ref=cite.origin[:REF_CHARS_MAX],
                value=cite.value,
            )
        case Personal():
            return Evidence(
                kind="patient",
                subject=cite.subject,
                label=cite.label,
                shown=cite.shown[:SHOWN_CHARS_MAX],
                at=None,
                ref=f"p|{cite.subject}",
                value=cite.value,
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


def _of_note(fact: NoteFact) -> Evidence:
    return Evidence(
        kind="note",
        subject=fact.concept,
        label=f"noted: {fact.concept.partition('.')[2].replace('_', ' ')}",
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
        shown = f"{value:g} {(unit or '').replace('ug', 'µg')}".rstrip()
    return Evidence(
        kind="treatment",
        subject=treatment.item,
        label=item_name(treatment.item),
        shown=shown,
        at=treatment.observed_at,
        ref=identity(treatment),
        value=value,
    )


def _of_computed(case: Case, cite: Computed) -> Evidence:
    sources = [evidence(case, source).ref for source in cite.sources]
    reading = cite.subject in CONCEPTS and CONCEPTS[cite.subject].group != "score"
    least = "at least " if cite.missing else ""
    return Evidence(
        kind="score",
        subject=cite.subject,
        label=label(cite.subject),
        shown=least + (amount(cite.subject, cite.value) if reading else f"{cite.value:g}"),
        at=cite.at,
        ref=" + ".join((cite.subject, *sources))[:REF_CHARS_MAX],
        value=float(cite.value),
    )


def unfolded(cites: Iterable[Cite]) -> list[Cite]:
    """Each cite followed by what it was worked out from, once each."""
    found: dict[int, Cite] = {}
    for cite in cites:
        found.setdefault(id(cite), cite)
        if isinstance(cite, Computed):
            for source in unfolded(cite.sources):
                found.setdefault(id(source), source)
    return list(found.values())


def evidences(case: Case, cites: Iterable[Cite]) -> tuple[Evidence, ...]:
    """The evidence of several cites, each event once, in the order given."""
    shown = (evidence(case, cite) for cite in unfolded(cites))
    return tuple({(e.subject, e.ref, e.note_start): e for e in shown}.values())


def _why(case: Case, subject: str) -> str:
    """Why a measurement is not known now."""
    readings = case.snapshot.readings.get(subject, ())
    if not readings:
        return "never measured"
    newest = readings[-1]
    if newest.quality is not Quality.OK:
        return f"{newest.quality.value} at {clock(newest.observed_at)}: {newest.reason or 'not usable'}"[
            :SHOWN_CHARS_MAX
        ]
    valid = int(case.snapshot.validity(newest).total_seconds() // 60)
    limit = f"{valid // 60} h" if valid % 60 == 0 else f"{valid} min"
    return f"last {clock(newest.observed_at)}, older than {limit}"


def need(case: Case, want: Want) -> Need:
    """What would settle an open question, and why it is not known now."""
    return Need(subject=want.subject, label=label(want.subject), why=(want.why or _why(case, want.subject))[:200])


def needs(case: Case, wants: Iterable[Want]) -> tuple[Need, ...]:
    """The needs of several wants, each subject once."""
    first: dict[str, Want] = {}
    for want in wants:
        first.setdefault(want.subject, want)
    return tuple(need(case, want) for want in first.values())
