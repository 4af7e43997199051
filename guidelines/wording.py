"""The one sentence of a warning, made by template: every number in it is a slot filled from evidence, and has its time.

    Warning: this patient may be going into septic shock. Her circulation has destabilised between 13:55 and 14:10
    (MAP 78 → 61 mmHg, heart rate 96 → 124/min; lactate 3.4 mmol/L at 14:02).

In the present tense stands only what is known now: newest values within their validity, and of these as reasons only
those that made the rule true and are not normal. What it rested on before is told in the past (`past`). A change is
claimed only where readings of the last hour, of one method, show it: the newest against the oldest of the shortest such
window, worse by a margin that a person would call a change. `guidelines.lint` refuses a sentence that breaks this.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from guidelines.book.records import Words
from guidelines.evidence import clock, digits, evidence, label, unfolded
from guidelines.given import Given
from guidelines.quantities.pressure import contradiction
from guidelines.quantities.scores import SCORES
from guidelines.rules.answers import Answer, Computed, Forecasted, Personal, Sample, Source
from guidelines.rules.case import Case
from guidelines.rules.kinds import quantity
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Evidence, Finding, Level, Sentence
from schemas.codes.concepts import CONCEPTS
from schemas.events import Action, Reading, Treatment

WINDOWS = tuple(timedelta(minutes=m) for m in (15, 30, 60))
"""The shortest window that shows a change is the one named; what lies further back is no news."""

TEMPLATE_CHARS_MAX = 600
RECENTLY = timedelta(hours=4)
"""What was as bad within this time and has been said is no news."""

VALUES_MAX = 5
NOTES_MAX = 4  # a shock of two possible causes quotes both
NEEDS_MAX = 4

PRONOUN = {"female": "Her", "male": "His"}
USUAL = {"usual_sbp": "sbp", "baseline_creatinine": "creatinine"}
"""What the record says is usual of this patient, and the quantity that is held against it."""
TIME = "time"
"""The label of an evidence that is shown by its time."""


class _Draft:
    """A template under way: slots and what fills them."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.evidence: list[Evidence] = []

    def slot(self, item: Evidence) -> str:
        self.evidence.append(item)
        return f"{{{len(self.evidence) - 1}}}"

    def time(self, item: Evidence, at: datetime) -> str:
        """The time of an evidence, as a slot."""
        return self.slot(replace(item, label=TIME, shown=clock(self.case, at), at=at, value=None))

    def sentence(self, *parts: str) -> Sentence:
        template = ""
        for part in parts:  # a part that does not fit is left out whole: half a slot is no slot
            if part and len(template) + len(part) < TEMPLATE_CHARS_MAX:
                template = f"{template} {part}".lstrip()
        return Sentence(template=template, evidence=tuple(self.evidence))


def warning(case: Case, words: Words, answer: Answer, opening: str, worse: Mapping[str, float]) -> Sentence:
    """The sentence of a finding that holds, or of one that a forecast expects."""
    draft = _Draft(case)
    body = _forecasts(draft, answer.sources) or _body(draft, words, answer.sources, worse)
    doubt = _contradiction(draft, _subjects(answer.sources))
    return draft.sentence(f"{opening}: {words.lead}.", body, doubt, _rests_on(draft, answer.sources))


def given(case: Case, doses: Sequence[Given], why: str, sources: Sequence[Source]) -> Sentence:
    """What was given although it was withheld: both facts, with time and source. Why, in the rule's own words, unless
    they hold a number of the rule: then the checklist has them."""
    draft = _Draft(case)
    told = [_dose(draft, dose) for dose in doses[-NOTES_MAX:]]
    reason = "" if re.search(r"[0-9]", why) else f"Withheld because: {why}"
    notes = [s for s in sources if isinstance(s, NoteFact) and all(s is not dose.what for dose in doses)]
    return draft.sentence(f"Warning: {', '.join(told)}.", reason, _rests_on(draft, notes))


def _dose(draft: _Draft, dose: Given) -> str:
    item = evidence(draft.case, dose.what)
    at = draft.time(item, dose.at)
    if isinstance(dose.what, NoteFact):
        return f"{label(dose.item)} was withheld, but given, as a note of {at} says: {draft.slot(item)}"
    amount = "" if item.value is None else f" {draft.slot(item)}"
    done = "started" if dose.what.action is Action.START else "given"
    return f"{item.label}{amount} was withheld, but {done} at {at} (record of treatments)"


def question(case: Case, words: Words, answer: Answer, asked: Sequence[str]) -> Sentence:
    """The sentence of a finding that cannot be told: what is known of it, and what to measure."""
    draft = _Draft(case)
    shown = _timed(draft, _newest_of(case, _subjects(answer.sources)))
    known = f"Known: {shown}." if shown else ""
    doubt = _contradiction(draft, _subjects(answer.sources))
    usual, notes = _usual(draft, answer.sources), _rests_on(draft, answer.sources)
    return draft.sentence(f"I cannot tell whether {words.question}: {_request(asked)}.", known, doubt, usual, notes)


def past(case: Case, said: Finding, lead: str, now: str, denials: Sequence[NoteFact] = ()) -> Sentence:
    """What was said, told as what was; `now` says what has become of it. Then the newest values that it rested on: of a
    question only those that are known, for what was not known was what it asked for."""
    draft = _Draft(case)
    as_of = draft.time(said.sentence.evidence[0] if said.sentence.evidence else _moment(said), said.at)
    names = [e.subject for e in said.evidence if e.kind == "reading" and e.subject in CONCEPTS]
    newest = [r for n in dict.fromkeys(names) if (r := case.snapshot.newest(n)) is not None]
    known = [_Item(label(r.concept), evidence(case, r)) for r in newest if case.latest(r.concept) is r][:VALUES_MAX]
    gone = [r for r in newest if case.latest(r.concept) is not r and said.level is not Level.ASK]
    old = [_Item(f"{label(r.concept)} was", evidence(case, r)) for r in gone]
    was = _timed(draft, old[:VALUES_MAX])
    shown = _timed(draft, known)
    return draft.sentence(
        f"As of {as_of}: {lead}; {now}.",
        _said_since(draft, denials),
        f"Not known now: {was}." if was else "",
        f"Known now: {shown}." if shown else "",
        _contradiction(draft, [item.evidence.subject for item in known]),
    )


def _said_since(draft: _Draft, denials: Sequence[NoteFact]) -> str:
    """The words that ended a claim: they and not the values say that it is over."""
    quoted = [(evidence(draft.case, fact), fact) for fact in _once(denials)[:NOTES_MAX]]
    shown = [f"{draft.slot(item)} denied in a note at {draft.time(item, fact.effective_at)}" for item, fact in quoted]
    return f"Said since: {', '.join(shown)}." if shown else ""


def has_changed(case: Case, words: Words, sources: Sequence[Source], worse: Mapping[str, float]) -> bool:
    """Whether a change for the worse would be claimed, to a value that was not seen in the last hours."""
    claimed = _borne(words.values, sources)
    changes = [item for window in WINDOWS for item in _changes(case, claimed, window, worse, _usual_of(sources))]
    return any(_is_new(case, item.evidence.subject, worse[item.evidence.subject]) for item in changes)


def _is_new(case: Case, name: str, worse: float) -> bool:
    """Whether the newest value is worse, by what a person would call a change, than all of the hours before it."""
    newest, *before = case.series(name, RECENTLY)
    return all((newest.value - old.value) / worse >= 1.0 for old in before)


def _moment(said: Finding) -> Evidence:
    return Evidence(kind="patient", subject=said.rule, label=TIME, shown="", ref=said.onset.ref, at=said.at)


def _request(asked: Sequence[str]) -> str:
    """`infection` and facts of the record are said by people, the rest is measured."""
    told = {"infection": "is infection suspected? (write it in a note)"}
    measured = [label(a) for a in asked if a in CONCEPTS][:NEEDS_MAX]
    others = [told.get(a, f"check {label(a)}") for a in asked if a not in CONCEPTS][:NEEDS_MAX]
    return "; ".join(([f"measure {', '.join(measured)}"] if measured else []) + others)


# -- values, each with its time


class _Item(NamedTuple):
    """Something to show. `before`: of a change, what it was, when."""

    words: str
    evidence: Evidence
    before: Evidence | None = None


def _timed(draft: _Draft, items: Sequence[_Item], span: tuple[datetime, datetime] | None = None) -> str:
    """The items, those of one time together before it; a change over the `span` that was named needs no time."""
    groups: dict[tuple[str, ...], list[_Item]] = {}
    for item in items:
        groups.setdefault(_times(draft.case, item, span), []).append(item)
    return "; ".join(_group(draft, times, group) for times, group in groups.items())


def _times(case: Case, item: _Item, span: tuple[datetime, datetime] | None) -> tuple[str, ...]:
    old, new = None if item.before is None else item.before.at, item.evidence.at
    if old is not None and new is not None:
        named = () if span is None else tuple(clock(case, at) for at in span)
        own = clock(case, old), clock(case, new)
        return () if own == named else own
    return () if new is None else (clock(case, new),)


def _group(draft: _Draft, times: tuple[str, ...], group: Sequence[_Item]) -> str:
    shown = ", ".join(_value(draft, item) for item in group)
    last = group[-1]
    if not times or last.evidence.at is None:
        return shown
    if last.before is None or last.before.at is None:
        return f"{shown} at {draft.time(last.evidence, last.evidence.at)}"
    return f"{shown} {_between(draft, (last.before, last.before.at), (last.evidence, last.evidence.at))}"


def _between(draft: _Draft, begin: tuple[Evidence, datetime], end: tuple[Evidence, datetime]) -> str:
    """From when until when; one time where the clock shows the same for both."""
    if clock(draft.case, begin[1]) == clock(draft.case, end[1]):
        return f"at {draft.time(*end)}"
    return f"between {draft.time(*begin)} and {draft.time(*end)}"


def _value(draft: _Draft, item: _Item) -> str:
    before = "" if item.before is None else f"{draft.slot(item.before)} → "
    return f"{item.words} {before}{draft.slot(item.evidence)}"


# -- parts


def _body(draft: _Draft, words: Words, sources: Sequence[Source], worse: Mapping[str, float]) -> str:
    case = draft.case
    who = PRONOUN.get(case.snapshot.patient.sex or "", "The patient's")
    usual = _usual_of(sources)
    reasons = [item for item in _reasons(case, sources) if not is_normal(item.evidence, usual)]
    claimed = _borne(words.values, sources)
    for window in WINDOWS:
        changes = _changes(case, claimed, window, worse, usual)
        if changes:
            span = _span(changes)
            begin = next(i.before for i in changes if i.before is not None and i.before.at == span[0])
            end = next(i.evidence for i in changes if i.evidence.at == span[1])
            named = _between(draft, (begin, span[0]), (end, span[1]))
            told = {item.evidence.subject for item in changes}
            rest = [item for item in reasons if item.evidence.subject not in told]
            shown = _timed(draft, [*changes, *rest][:VALUES_MAX], span)
            return f"{who} {words.worse} {named} ({shown}). {_usual(draft, sources)}".rstrip()
    shown = _timed(draft, reasons[:VALUES_MAX])
    steady = f"{who} {words.steady} ({shown})." if shown else ""
    return f"{steady} {_usual(draft, sources)}".strip()


def _reasons(case: Case, sources: Sequence[Source]) -> list[_Item]:
    """What made a rule true: newest values; of what counts by the worst of a day, that one, told in the past."""
    borne: dict[str, Reading] = {}
    for source in unfolded(sources):
        if isinstance(source, Reading):
            borne[source.concept] = max(borne.get(source.concept, source), source, key=lambda r: r.observed_at)
    found = []
    for name in _subjects(sources):
        newest, own, latest = _newest(case, name), borne.get(name), case.latest(name)
        is_older = own is not None and (latest is None or own.observed_at < latest.observed_at)
        if own is not None and is_older and (newest is None or newest.kind == "reading"):
            found.append(_Item(f"{label(name)} was", evidence(case, own)))
        elif newest is not None:
            found.append(_Item(label(name), newest))
    return found


def _borne(values: Sequence[str], sources: Iterable[Source]) -> list[str]:
    """The quantities whose change a trigger's words speak of: its own, and what its scores are made of."""
    parts = [p for c in sources if isinstance(c, Computed) and c.subject in values for p in _subjects(c.sources)]
    return list(dict.fromkeys((*values, *parts)))


def _contradiction(draft: _Draft, names: Iterable[str]) -> str:
    """Of the first pressure among these that another method contradicts: both values, and that somebody has to look."""
    for name in names:
        found = contradiction(draft.case, name)
        if found is None:
            continue
        first, second = sorted(found, key=lambda pressure: pressure.at)
        one, two = (evidence(draft.case, pressure.source) for pressure in (first, second))
        is_one_time = clock(draft.case, first.at) == clock(draft.case, second.at)
        at = "" if is_one_time else f" at {draft.time(one, first.at)}"
        told = f"{label(name)} was {draft.slot(one)} {first.by}{at} and was {draft.slot(two)} {second.by}"
        return f"{told} at {draft.time(two, second.at)}: they contradict each other. {_CHECK_LINE}."
    return ""


_CHECK_LINE = "Zero the line again, check the cuff, and measure both again"


def _span(changes: Sequence[_Item]) -> tuple[datetime, datetime]:
    ends = [i.evidence.at for i in changes if i.evidence.at is not None]
    return min(i.before.at for i in changes if i.before is not None and i.before.at is not None), max(ends)


def is_normal(item: Evidence, usual: Collection[str] = ()) -> bool:
    """Whether it is a measurement within the adult normal range: no reason to give for a warning. What was held against
    the patient's own (`usual`: subjects of the record) is not."""
    known = CONCEPTS.get(item.subject)
    if any(USUAL.get(own) == item.subject for own in usual):
        return False
    if known is None or item.value is None or known.group == "score":
        return item.subject == "acvpu" and item.shown.startswith("A ")
    low, high = known.normal_low, known.normal_high
    return (
        (low is not None or high is not None)
        and (low is None or item.value >= low)
        and (high is None or item.value <= high)
    )


def _changes(
    case: Case, names: Iterable[str], window: timedelta, worse: Mapping[str, float], usual: Collection[str]
) -> list[_Item]:
    """Newest and oldest value, by one method, of each quantity that became worse in the window and is not normal; what
    is too old to be told as present has not become worse."""
    start, found = case.now - window, []
    for name in names:
        samples = _past(case, name) if name in worse else []
        inside = [s for s in samples if s.at >= start and _method(s.source) == _method(samples[0].source)]
        if not inside or inside[0].at == inside[-1].at:
            continue
        new, old = inside[0], inside[-1]
        if (new.value - old.value) / worse[name] >= 1.0:
            before = replace(evidence(case, old.source), shown=digits(name, old.value))
            item, known = _Item(label(name), evidence(case, new.source), before), _newest(case, name)
            is_known = known is not None and known.ref == item.evidence.ref
            found += [item] if is_known and not is_normal(item.evidence, usual) else []
    return found


def _usual_of(sources: Iterable[Source]) -> set[str]:
    """What of the patient's own a value was held against, of the record or worked out of older readings."""
    return {s.subject for s in sources if isinstance(s, Personal) or (isinstance(s, Computed) and s.subject in USUAL)}


def _method(source: Source) -> str | None:
    """How a pressure was measured; of a mean that was worked out, how its parts were."""
    if isinstance(source, Computed):
        return _method(source.sources[0]) if source.sources else None
    return source.method if isinstance(source, Reading) else None


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


def _newest_of(case: Case, names: Iterable[str]) -> list[_Item]:
    """Newest valid values."""
    return [_Item(label(name), item) for name in names if (item := _newest(case, name)) is not None][: VALUES_MAX * 2]


def _newest(case: Case, name: str) -> Evidence | None:
    if CONCEPTS[name].kind == "coded":
        reading = case.latest(name)
        return None if reading is None else evidence(case, reading)
    known = quantity(case, name)
    bounded = known.low == known.high or CONCEPTS[name].group == "score"  # a score may be shown by its lower bound
    return evidence(case, known.sources[0]) if known.sources and bounded else None


def _usual(draft: _Draft, sources: Iterable[Source]) -> str:
    """What of the patient's own a value was held against, as shown: of the record, or worked out of older readings."""
    once = dict.fromkeys(s for s in sources if isinstance(s, Personal) and s.value is not None)
    recorded = [f"{e.label} {draft.slot(e)}" for e in (evidence(draft.case, s) for s in once)]
    told = f"Patient record: {', '.join(recorded)}." if recorded else ""
    made = dict.fromkeys(s for s in sources if isinstance(s, Computed) and s.subject in USUAL)
    items = [_Item(f"usual {label(USUAL[s.subject])}", evidence(draft.case, s)) for s in made]
    return f"{told} Older readings: {_timed(draft, items)}.".strip() if items else told


def _rests_on(draft: _Draft, sources: Iterable[Source]) -> str:
    """The words of notes, each once, and the treatments that a claim rests on."""
    shown = []
    for fact in _once(c for c in sources if isinstance(c, NoteFact))[:NOTES_MAX]:
        item = evidence(draft.case, fact)
        said = "noted as possible" if fact.polarity is Polarity.UNCERTAIN else "noted"
        shown.append(f"{draft.slot(item)} {said} at {draft.time(item, fact.effective_at)}")
    scored = (part for c in sources if isinstance(c, Computed) and c.subject in SCORES for part in c.sources)
    done = [c for c in dict.fromkeys((*sources, *scored)) if isinstance(c, Treatment)][: NOTES_MAX - len(shown)]
    for treatment in done:
        item = evidence(draft.case, treatment)
        was = " was" if _is_over(draft.case, treatment) else ""
        shown.append(f"{item.label}{was} {draft.slot(item)} at {draft.time(item, treatment.observed_at)}")
    return f"It rests on: {', '.join(shown)}." if shown else ""


def _is_over(case: Case, treatment: Treatment) -> bool:
    """Whether it is the rate of an infusion that runs no more."""
    is_rate = treatment.action in (Action.START, Action.CHANGE) and bool(treatment.rate)
    return is_rate and bool(case.of(treatment.item)) and not case.running(treatment.item)


def _once(facts: Iterable[NoteFact]) -> list[NoteFact]:
    """The first fact of the same words; words that stand inside longer ones are said with those."""
    first: dict[str, NoteFact] = {}
    for fact in facts:
        first.setdefault(fact.words.casefold(), fact)
    return [fact for words, fact in first.items() if not any(words in longer for longer in first.keys() - {words})]


def _forecasts(draft: _Draft, sources: Iterable[Source]) -> str:
    shown = []
    for source in sources:
        if isinstance(source, Forecasted):
            item = evidence(draft.case, source)
            hours = source.ahead / timedelta(hours=1)
            ahead = replace(item, label="ahead", shown=f"{hours:g} h", value=hours)
            from_ = draft.time(item, source.origin_at)
            shown.append(f"{label(source.subject)} {draft.slot(item)} in {draft.slot(ahead)}, from {from_} on")
            now = _newest(draft.case, source.subject)
            shown += [] if now is None else [_timed(draft, [_Item("now", now)])]
    return f"Forecast median: {', '.join(shown)}." if shown else ""
