"""The one sentence of a warning, made by template: every number in it is a slot filled from evidence.

    Warning: this patient may be going into septic shock. Her circulation has destabilised in the last 15 minutes
    (MAP 78 → 61 mmHg, heart rate 96 → 124/min, lactate 3.4 mmol/L at 14:10).

A change is claimed only where the readings of the last hour show it: the newest value against the oldest one of the
shortest such window, worse by a margin that a person would call a change. `unbound` is the linter.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from guidelines.case import Answer, Case, Cite, Computed, Foreseen, Sample
from guidelines.engine import quantity
from guidelines.evidence import amount, clock, evidence, label, number
from guidelines.scores import TALLIES
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Evidence, Sentence
from schemas.codes.concepts import CONCEPTS
from schemas.events import Reading, Treatment

WINDOWS = tuple(timedelta(minutes=m) for m in (15, 30, 60))
"""The shortest window that shows a change is the one named; what lies further back is no news."""

TEMPLATE_CHARS_MAX = 600
VALUES_MAX = 5
NOTES_MAX = 2
NEEDS_MAX = 4

WORSE = {
    "map": -10.0, "sbp": -20.0, "hr": 15.0, "rr": 4.0, "spo2": -3.0, "temp": 1.0, "lactate": 0.5, "crt": 1.0,
    "gcs_total": -1.0, "creatinine": 0.3, "o2_flow": 2.0, "fio2": 0.1,
}  # fmt: skip
"""The change, in its bad direction, that a sentence may claim (our choice: beyond the noise of measuring twice)."""

PRONOUN = {"female": "Her", "male": "His"}
NAMES = sorted({w for c in CONCEPTS.values() for w in (c.name, c.short) if re.search(r"[0-9]", w)}, key=len)[::-1]
"""Names of quantities that hold a digit (NEWS2): no number of a patient."""

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_SLOT = re.compile(r"\{[0-9]+\}")


class Words(NamedTuple):
    """What a trigger says: its claim, how the body worsens or stands, and the quantities that show it."""

    lead: str
    question: str
    worse: str
    steady: str
    values: tuple[str, ...]


class _Draft:
    """A template under way: slots and what fills them."""

    def __init__(self) -> None:
        self.evidence: list[Evidence] = []

    def slot(self, item: Evidence) -> str:
        self.evidence.append(item)
        return f"{{{len(self.evidence) - 1}}}"

    def sentence(self, *parts: str) -> Sentence:
        template = ""
        for part in parts:  # a part that does not fit is left out whole: half a slot is no slot
            if part and len(template) + len(part) < TEMPLATE_CHARS_MAX:
                template = f"{template} {part}".lstrip()
        return Sentence(template=template, evidence=tuple(self.evidence))


def warning(case: Case, words: Words, answer: Answer, opening: str) -> Sentence:
    """The sentence of a finding that holds, or of one that a forecast expects."""
    draft = _Draft()
    body = _forecasts(draft, case, answer.cites) or _body(draft, case, words, answer.cites)
    return draft.sentence(f"{opening}: {words.lead}.", body, _notes(draft, case, answer.cites))


def question(case: Case, words: Words, answer: Answer, asked: Sequence[str]) -> Sentence:
    """The sentence of a finding that cannot be told: what is known of it, and what to measure."""
    draft = _Draft()
    shown = _shown_values(draft, case, _subjects(answer.cites))
    known = f"Known: {', '.join(shown)}." if shown else ""
    notes = _notes(draft, case, answer.cites)
    return draft.sentence(f"I cannot tell whether {words.question}: {_request(asked)}.", known, notes)


def _request(asked: Sequence[str]) -> str:
    """`infection` and facts of the record are said by people, the rest is measured."""
    told = {"infection": "is infection suspected? (write it in a note)"}
    measured = [label(a) for a in asked if a in CONCEPTS][:NEEDS_MAX]
    others = [told.get(a, f"check {label(a)}") for a in asked if a not in CONCEPTS][:NEEDS_MAX]
    return "; ".join(([f"measure {', '.join(measured)}"] if measured else []) + others)


# -- parts


def _body(draft: _Draft, case: Case, words: Words, cites: Sequence[Cite]) -> str:
    who = PRONOUN.get(case.snapshot.patient.sex or "", "The patient's")
    names = list(dict.fromkeys((*words.values, *_subjects(cites))))
    claimed = _borne(words.values, cites)
    for window in WINDOWS:
        changes = _changes(case, claimed, window)
        if changes:
            since = min(old.at for _, _, old in changes)
            span = _span(draft, case, since, next(o for _, _, o in changes if o.at == since))
            shown = [_shown_change(draft, case, name, new, old) for name, new, old in changes]
            rest = [v for v in names if v not in {name for name, _, _ in changes}]
            shown += _shown_values(draft, case, rest)
            return f"{who} {words.worse} in the last {span} ({', '.join(shown[:VALUES_MAX])})."
    shown = _shown_values(draft, case, names)
    return f"{who} {words.steady} ({', '.join(shown[:VALUES_MAX])})." if shown else ""


def _borne(values: Sequence[str], cites: Iterable[Cite]) -> list[str]:
    """The quantities whose change a trigger's words speak of: its own, and what its scores are made of."""
    parts = [p for c in cites if isinstance(c, Computed) and c.subject in values for p in _subjects(c.sources)]
    return list(dict.fromkeys((*values, *parts)))


def _changes(case: Case, names: Iterable[str], window: timedelta) -> list[tuple[str, Sample, Sample]]:
    """Newest and oldest sample of each quantity that became worse in the window."""
    start, found = case.now - window, []
    for name in names:
        samples = _past(case, name) if name in WORSE else []
        inside = [s for s in samples if s.at >= start]
        if len(inside) >= 2 and (inside[0].value - inside[-1].value) / WORSE[name] >= 1.0:
            found.append((name, inside[0], inside[-1]))
    return found


def _past(case: Case, name: str) -> list[Sample]:
    return case.once(("past", name), lambda case: case.series(name, WINDOWS[-1]))


def _subjects(cites: Iterable[Cite]) -> list[str]:
    """The quantities that an answer rests on, each score before what it counts."""
    found: list[str] = []
    for cite in cites:
        found.append(cite.concept if isinstance(cite, Reading) else cite.subject if isinstance(cite, Computed) else "")
        if isinstance(cite, Computed) and cite.subject in TALLIES:
            found += _subjects(cite.sources)
    return [s for s in dict.fromkeys(found) if s in CONCEPTS]


def _span(draft: _Draft, case: Case, since: datetime, sample: Sample) -> str:
    minutes = -int((since - case.now) // timedelta(minutes=1))
    shown = f"{minutes} minutes" if minutes != 1 else "1 minute"
    origin = evidence(case, sample.cite)
    return draft.slot(replace(origin, label="since", shown=shown, value=float(minutes)))


def _shown_change(draft: _Draft, case: Case, name: str, new: Sample, old: Sample) -> str:
    before = replace(evidence(case, old.cite), shown=number(old.value, CONCEPTS[name].decimals))
    return f"{label(name)} {draft.slot(before)} → {_shown_value(draft, case, evidence(case, new.cite))}"


def _shown_values(draft: _Draft, case: Case, names: Iterable[str]) -> list[str]:
    """Newest valid values."""
    found: list[str] = []
    for name in names:
        item = _newest(case, name)
        if item is None or len(found) >= VALUES_MAX:
            continue
        found.append(f"{label(name)} {_shown_value(draft, case, item)}")
    return found


def _shown_value(draft: _Draft, case: Case, item: Evidence) -> str:
    """A value; the time is said of what is older than a quarter of an hour."""
    if item.at is None or case.now - item.at <= WINDOWS[0]:
        return draft.slot(item)
    return f"{draft.slot(item)} at {draft.slot(_time_of(item, item.at))}"


def _newest(case: Case, name: str) -> Evidence | None:
    if CONCEPTS[name].kind == "coded":
        reading = case.latest(name)
        return None if reading is None else evidence(case, reading)
    known = quantity(case, name)
    bounded = known.low == known.high or CONCEPTS[name].group == "score"  # a score may be shown by its lower bound
    return evidence(case, known.cites[0]) if known.cites and bounded else None


def _time_of(item: Evidence, at: datetime) -> Evidence:
    """The time of an evidence, as something to show."""
    return replace(item, label="time", shown=clock(at), at=at, value=None)


def _notes(draft: _Draft, case: Case, cites: Iterable[Cite]) -> str:
    """The words of notes, each once, and the treatments that a claim rests on."""
    shown = []
    for fact in _once(c for c in cites if isinstance(c, NoteFact))[:NOTES_MAX]:
        item = evidence(case, fact)
        said = "noted as possible" if fact.polarity is Polarity.UNCERTAIN else "noted"
        shown.append(f"{draft.slot(item)} {said} at {draft.slot(_time_of(item, fact.effective_at))}")
    done = [c for c in cites if isinstance(c, Treatment)][: NOTES_MAX - len(shown)]
    for treatment in done:
        item = evidence(case, treatment)
        shown.append(f"{item.label} at {draft.slot(_time_of(item, treatment.observed_at))}")
    return f"It rests on: {', '.join(shown)}." if shown else ""


def _once(facts: Iterable[NoteFact]) -> list[NoteFact]:
    """The first fact of the same words; words that stand inside longer ones are said with those."""
    first: dict[str, NoteFact] = {}
    for fact in facts:
        first.setdefault(fact.words.casefold(), fact)
    return [fact for words, fact in first.items() if not any(words in longer for longer in first.keys() - {words})]


def _forecasts(draft: _Draft, case: Case, cites: Iterable[Cite]) -> str:
    shown = []
    for cite in cites:
        if isinstance(cite, Foreseen):
            item = evidence(case, cite)
            hours = cite.ahead / timedelta(hours=1)
            ahead = replace(item, label="ahead", shown=f"{hours:g} h", value=hours)
            now = _newest(case, cite.subject)
            from_ = f" (now {draft.slot(now)})" if now is not None else ""
            shown.append(f"{label(cite.subject)} {draft.slot(item)} in {draft.slot(ahead)}{from_}")
    return f"Forecast median: {', '.join(shown)}." if shown else ""


# -- the linter


def unbound(sentence: Sentence) -> list[str]:
    """The numbers of a sentence that do not come from its evidence; an empty list is what every sentence must give."""
    template = sentence.template
    for name in NAMES:
        template = template.replace(name, "")
    loose = _NUMBER.findall(_SLOT.sub("", template))
    used = {int(slot[1:-1]) for slot in _SLOT.findall(sentence.template)}
    missing = [f"{{{i}}}" for i in sorted(used) if i >= len(sentence.evidence)]
    wrong = [n for i in sorted(used) if i < len(sentence.evidence) for n in _false_numbers(sentence.evidence[i])]
    return loose + missing + wrong


def _false_numbers(item: Evidence) -> list[str]:
    """The numbers that an evidence shows and does not hold: not its value, nor its time, nor the words of its note."""
    shown = item.shown if item.at is None else item.shown.replace(clock(item.at), "")
    quoted = item.kind == "note" and item.note_start is not None and shown.startswith("“")
    if quoted and item.ref:
        return []
    if not item.ref:
        return _NUMBER.findall(shown)
    unit = amount(item.subject, 0.0).lstrip("-0. ") if item.subject in CONCEPTS else ""
    shown = shown.replace(unit, "") if unit else shown
    return [n for n in _NUMBER.findall(shown) if not _agrees(n, item.value)]


def _agrees(text: str, value: float | None) -> bool:
    if value is None:
        return False
    decimals = len(text.partition(".")[2])
    return bool(abs(abs(value) - float(text.replace(",", "."))) <= 0.5 * 10.0**-decimals + 1e-9)
