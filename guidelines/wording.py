"""The one sentence of a warning, made by template: every number in it is a slot filled from evidence.

    Warning: this patient may be going into septic shock. Her circulation has destabilised in the last 15 minutes
    (MAP 78 → 61 mmHg, heart rate 96 → 124/min, lactate 3.4 mmol/L at 14:10).

A change is claimed only where the readings of the last hour show it: the newest value against the oldest one of the
shortest such window, worse by a margin that a person would call a change. `unbound` is the linter.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from guidelines.book.records import Words
from guidelines.evidence import amount, clock, evidence, label, number
from guidelines.quantities.scores import SCORES
from guidelines.rules.answers import Answer, Computed, Forecasted, Sample, Source
from guidelines.rules.case import Case
from guidelines.rules.kinds import quantity
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

PRONOUN = {"female": "Her", "male": "His"}
NAMES = sorted({w for c in CONCEPTS.values() for w in (c.name, c.short) if re.search(r"[0-9]", w)}, key=len)[::-1]
"""Names of quantities that hold a digit (NEWS2): no number of a patient."""

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_SLOT = re.compile(r"\{[0-9]+\}")


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


def warning(case: Case, words: Words, answer: Answer, opening: str, worse: Mapping[str, float]) -> Sentence:
    """The sentence of a finding that holds, or of one that a forecast expects."""
    draft = _Draft()
    body = _forecasts(draft, case, answer.sources) or _body(draft, case, words, answer.sources, worse)
    return draft.sentence(f"{opening}: {words.lead}.", body, _notes(draft, case, answer.sources))


def question(case: Case, words: Words, answer: Answer, asked: Sequence[str]) -> Sentence:
    """The sentence of a finding that cannot be told: what is known of it, and what to measure."""
    draft = _Draft()
    shown = _shown_values(draft, case, _subjects(answer.sources))
    known = f"Known: {', '.join(shown)}." if shown else ""
    notes = _notes(draft, case, answer.sources)
    return draft.sentence(f"I cannot tell whether {words.question}: {_request(asked)}.", known, notes)


def _request(asked: Sequence[str]) -> str:
    """`infection` and facts of the record are said by people, the rest is measured."""
    told = {"infection": "is infection suspected? (write it in a note)"}
    measured = [label(a) for a in asked if a in CONCEPTS][:NEEDS_MAX]
    others = [told.get(a, f"check {label(a)}") for a in asked if a not in CONCEPTS][:NEEDS_MAX]
    return "; ".join(([f"measure {', '.join(measured)}"] if measured else []) + others)


# -- parts


def _body(draft: _Draft, case: Case, words: Words, sources: Sequence[Source], worse: Mapping[str, float]) -> str:
    who = PRONOUN.get(case.snapshot.patient.sex or "", "The patient's")
    names = list(dict.fromkeys((*words.values, *_subjects(sources))))
    claimed = _borne(words.values, sources)
    for window in WINDOWS:
        changes = _changes(case, claimed, window, worse)
        if changes:
            since = min(old.at for _, _, old in changes)
            span = _span(draft, case, since, next(o for _, _, o in changes if o.at == since))
            shown = [_shown_change(draft, case, name, new, old) for name, new, old in changes]
            rest = [v for v in names if v not in {name for name, _, _ in changes}]
            shown += _shown_values(draft, case, rest)
            return f"{who} {words.worse} in the last {span} ({', '.join(shown[:VALUES_MAX])})."
    shown = _shown_values(draft, case, names)
    return f"{who} {words.steady} ({', '.join(shown[:VALUES_MAX])})." if shown else ""


def _borne(values: Sequence[str], sources: Iterable[Source]) -> list[str]:
    """The quantities whose change a trigger's words speak of: its own, and what its scores are made of."""
    parts = [p for c in sources if isinstance(c, Computed) and c.subject in values for p in _subjects(c.sources)]
    return list(dict.fromkeys((*values, *parts)))


def _changes(
    case: Case, names: Iterable[str], window: timedelta, worse: Mapping[str, float]
) -> list[tuple[str, Sample, Sample]]:
    """Newest and oldest sample of each quantity that became worse in the window."""
    start, found = case.now - window, []
    for name in names:
        samples = _past(case, name) if name in worse else []
        inside = [s for s in samples if s.at >= start]
        if len(inside) > 1 and (inside[0].value - inside[-1].value) / worse[name] >= 1.0:
            found.append((name, inside[0], inside[-1]))
    return found


def _past(case: Case, name: str) -> list[Sample]:
    return case.once(("past", name), lambda case: case.series(name, WINDOWS[-1]))


def _subjects(sources: Iterable[Source]) -> list[str]:
    """The quantities that an answer rests on, each score before what it counts."""
    found: list[str] = []
    for source in sources:
        found.append(
            source.concept if isinstance(source, Reading) else source.subject if isinstance(source, Computed) else ""
        )
        if isinstance(source, Computed):
            found.append(source.subject)
            found += _subjects(source.sources) if source.subject in SCORES else []
    return [s for s in dict.fromkeys(found) if s in CONCEPTS]


def _span(draft: _Draft, case: Case, since: datetime, sample: Sample) -> str:
    minutes = -int((since - case.now) // timedelta(minutes=1))
    shown = f"{minutes} minutes" if minutes != 1 else "1 minute"
    origin = evidence(case, sample.source)
    return draft.slot(replace(origin, label="since", shown=shown, value=float(minutes)))


def _shown_change(draft: _Draft, case: Case, name: str, new: Sample, old: Sample) -> str:
    before = replace(evidence(case, old.source), shown=number(old.value, CONCEPTS[name].decimals))
    return f"{label(name)} {draft.slot(before)} → {_shown_value(draft, case, evidence(case, new.source))}"


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
    return evidence(case, known.sources[0]) if known.sources and bounded else None


def _time_of(item: Evidence, at: datetime) -> Evidence:
    """The time of an evidence, as something to show."""
    return replace(item, label="time", shown=clock(at), at=at, value=None)


def _notes(draft: _Draft, case: Case, sources: Iterable[Source]) -> str:
    """The words of notes, each once, and the treatments that a claim rests on."""
    shown = []
    for fact in _once(c for c in sources if isinstance(c, NoteFact))[:NOTES_MAX]:
        item = evidence(case, fact)
        said = "noted as possible" if fact.polarity is Polarity.UNCERTAIN else "noted"
        shown.append(f"{draft.slot(item)} {said} at {draft.slot(_time_of(item, fact.effective_at))}")
    done = [c for c in sources if isinstance(c, Treatment)][: NOTES_MAX - len(shown)]
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


def _forecasts(draft: _Draft, case: Case, sources: Iterable[Source]) -> str:
    shown = []
    for source in sources:
        if isinstance(source, Forecasted):
            item = evidence(case, source)
            hours = source.ahead / timedelta(hours=1)
            ahead = replace(item, label="ahead", shown=f"{hours:g} h", value=hours)
            now = _newest(case, source.subject)
            from_ = f" (now {draft.slot(now)})" if now is not None else ""
            shown.append(f"{label(source.subject)} {draft.slot(item)} in {draft.slot(ahead)}{from_}")
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
