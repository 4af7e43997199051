"""The words of what speaks: made for what will be said, from evidence collected only then.

`Telling` holds one snapshot in full; `finding` gives a `Speaking` of the evaluation its sentence, its evidence and its
checklist. Both look through the same nodes, so what is said is what was decided.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from guidelines.book.compiled import BlockNode, GuidelineNode, TriggerNode
from guidelines.book.records import Words
from guidelines.checklist import Checklist, Line
from guidelines.evaluation import ASKED, Speaking, asked_lines, fired_lines, own_onsets
from guidelines.evidence import REF_CHARS_MAX, evidences, needs
from guidelines.given import Given
from guidelines.rules.answers import Answer, Computed, Forecasted, Missing, Personal, Source
from guidelines.rules.case import Case, item_name
from guidelines.wording import given, has_changed, past, question, warning
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Finding, Level, Onset, Sentence, Step, Truth
from schemas.events import Treatment, identity

TITLE_CHARS_MAX = 200


def steps_in(said: Finding | None) -> Mapping[str, Step]:
    """The steps that the last words showed, by id."""
    return {} if said is None else {step.id: step for step in said.steps}


class Telling:
    """One guideline about one bed at one instant, in full. `onsets`: by rule, of the present episode; `said`: what was
    last said of it."""

    def __init__(
        self,
        case: Case,
        rules: GuidelineNode,
        onsets: Mapping[str, Onset],
        worse: Mapping[str, float],
        said: Finding | None = None,
    ) -> None:
        self._case, self._rules, self._onsets, self._worse = case, rules, onsets, worse
        self._triggers = {t.rule.id: t for t in rules.triggers}
        self._begun: dict[str, Onset] = {}
        self._sentences: dict[tuple[str, str], Sentence] = {}
        before = steps_in(said)
        own = own_onsets(rules, onsets)
        self._checklist = Checklist(case, rules, self._begun, before)
        self._asked_checklist = Checklist(case, rules, own, before)

    def begins(self, speaking: Iterable[Speaking]) -> None:
        """Learn the onsets of what speaks: kept while the episode lasts, or now. Call it before any finding."""
        self._begun.update({rule: onset for rule, onset in self._onsets.items() if rule in self._triggers})
        for one in speaking:
            if one.kind == "fired":
                self._begun.setdefault(one.rule, self._onsets.get(one.rule) or self._begins(self._answer(one).sources))

    def onset(self, one: Speaking) -> Onset:
        """When it began in this episode, and what made it so."""
        if one.kind == "fired":
            return self._begun[one.rule]
        known = self._onsets.get(one.rule)
        if known is not None:
            return known
        if one.kind == "given":
            return self._begins(given.what for given in self._given(one)[1])
        return self._begins(self._answer(one).sources if one.kind == "asked" else (self._order(one)[1],))

    def sentence(self, one: Speaking) -> Sentence:
        """The sentence alone, to see whether there is anything new to say; each is made once."""
        key = one.rule, one.subject  # one block may speak against two orders
        if key not in self._sentences:
            self._sentences[key] = self._sentence(one)
        return self._sentences[key]

    def _sentence(self, one: Speaking) -> Sentence:
        case = self._case
        if one.kind == "asked":
            answer = self._answer(one)
            subjects = list(dict.fromkeys(missing.subject for missing in answer.missing))
            return question(case, self._triggers[one.subject].rule.words, answer, subjects)
        if one.kind == "alone":
            _, order = self._order(one)
            words = Words(f"an order of {item_name(order.item)} should not be given", "", "", "", ())
            return warning(case, words, Answer(Truth.YES, self._sources(one)), _opening(one.level, False), {})
        if one.kind == "given":
            block, doses = self._given(one)
            return given(case, doses, block.rule.text, self._sources(one))
        trigger = self._triggers[one.rule]
        answer = self._answer(one)
        return warning(case, trigger.rule.words, answer, _opening(one.level, trigger.foretold), self._worse)

    def changed(self, one: Speaking) -> bool:
        """Whether it rests on a change for the worse within the hour, to what was not seen for hours."""
        if one.kind != "fired":
            return False
        words = self._trigger(one).rule.words
        return has_changed(self._case, words, self._answer(one).sources, self._worse)

    def given_words(self, speaking: Iterable[Speaking]) -> tuple[str, ...]:
        """What was given although it was withheld, a line for each."""
        lines = (line for one in speaking if one.kind == "given" for line in self._lines(one))
        return tuple(dict.fromkeys(self._checklist.step(line).text for line in lines))

    def past(self, said: Finding, now: str) -> Finding:
        """What was said, told as what was, over its checklist as it stands; `now` says what has become of it."""
        case = self._case
        rule = said.rule.removesuffix(ASKED)
        trigger = self._triggers.get(rule)
        self._begun.update({rule: onset for rule, onset in self._onsets.items() if rule in self._triggers})
        if trigger is None:
            return replace(said, sentence=past(case, said, said.title[:1].lower() + said.title[1:], now), steps=())
        words = trigger.rule.words
        if said.rule != rule:
            lead = f"it could not be told whether {words.question}"
            return replace(said, sentence=past(case, said, lead, now), needs=(), steps=())
        lines = fired_lines(self._checklist, self._rules, trigger, self._onsets)
        answer: Answer = case.ask(trigger.node)
        return replace(
            said,
            sentence=past(case, said, words.lead, now, _denials(answer, self._onsets.get(rule))),
            needs=needs(case, answer.missing),
            steps=tuple(self._checklist.step(line) for line in lines),
        )

    def finding(self, one: Speaking) -> Finding:
        """What is said of one rule, in words."""
        case, guideline = self._case, self._rules.guideline
        checklist = self._asked_checklist if one.kind == "asked" else self._checklist
        return Finding(
            encounter=case.snapshot.encounter,
            rule=one.rule,
            rule_version=guideline.rule_version,
            guideline=guideline.id,
            title=self._title(one)[:TITLE_CHARS_MAX],
            level=one.level,
            at=case.now,
            onset=self.onset(one),
            sentence=self.sentence(one),
            evidence=evidences(case, self._sources(one)),
            needs=needs(case, self._missing(one)),
            steps=tuple(checklist.step(line) for line in self._lines(one)),
        )

    # -- what each kind rests on

    def _title(self, one: Speaking) -> str:
        if one.kind == "alone":
            return f"Order to check: {item_name(self._order(one)[1].item)}"
        if one.kind == "given":
            names = dict.fromkeys(item_name(dose.item) for dose in self._given(one)[1])
            return f"Withheld, but given: {', '.join(names)}"
        title = self._triggers[one.subject].rule.title
        return f"Cannot tell: {title}" if one.kind == "asked" else title

    def _answer(self, one: Speaking) -> Answer:
        found: Answer = self._case.ask(self._triggers[one.subject].node)
        return found

    def _order(self, one: Speaking) -> tuple[BlockNode, Treatment]:
        return next(
            (block, order)
            for block, order in self._checklist.alone()
            if block.rule.id == one.rule and identity(order) == one.subject
        )

    def _given(self, one: Speaking) -> tuple[BlockNode, tuple[Given, ...]]:
        return next((b, doses) for b, doses in self._checklist.given().items() if b.rule.id == one.subject)

    def _sources(self, one: Speaking) -> tuple[Source, ...]:
        if one.kind == "given":
            doses = self._given(one)[1]
            return (*(dose.what for dose in doses), *(source for dose in doses for source in dose.because))
        if one.kind != "alone":
            return self._answer(one).sources
        block, order = self._order(one)
        return (order, *(() if block.when is None else self._case.ask(block.when).sources))

    def _missing(self, one: Speaking) -> list[Missing]:
        """What a question is about; of the others what the scores under them could not count."""
        if one.kind == "asked":
            return list(self._answer(one).missing)
        if one.kind in ("alone", "given"):
            return []
        return [m for source in self._sources(one) if isinstance(source, Computed) for m in source.missing]

    def _lines(self, one: Speaking) -> tuple[Line, ...]:
        if one.kind == "asked":
            return asked_lines(self._asked_checklist, self._rules, self._answer(one))
        if one.kind == "alone":
            block, order = self._order(one)
            line = self._checklist.order(order, [block])
            return () if line is None else (line,)
        if one.kind == "given":
            return self._checklist.against(self._given(one)[0])
        return fired_lines(self._checklist, self._rules, self._trigger(one), self._onsets)

    def _trigger(self, one: Speaking) -> TriggerNode:
        return self._triggers[one.rule]

    def _begins(self, sources: Iterable[Source]) -> Onset:
        now = self._case.now
        events = [event for event in _events(sources) if event[0] <= now]
        newest = max(events, default=(now, f"time|{now.isoformat()}"))[1]
        return Onset(at=now, ref=newest[:REF_CHARS_MAX])


def _denials(answer: Answer, onset: Onset | None) -> list[NoteFact]:
    """The words of notes that ended what had begun before them."""
    if answer.truth is not Truth.NO or onset is None:
        return []
    words = (source for source in answer.sources if isinstance(source, NoteFact))
    return [word for word in words if word.polarity is Polarity.NEGATED and word.available_at > onset.at]


def _events(sources: Iterable[Source]) -> Iterator[tuple[datetime, str]]:
    """When each event that an answer rests on became known, and which it is."""
    for source in sources:
        if isinstance(source, Computed):
            yield from _events(source.sources)
        elif isinstance(source, NoteFact):
            yield source.available_at, source.note
        elif isinstance(source, Forecasted):
            yield source.origin_at, source.origin
        elif not isinstance(source, Personal):
            yield source.available_at, identity(source)


def _opening(level: Level, foretold: bool) -> str:
    return "Expected" if foretold else "Watch" if level is Level.WATCH else "Warning"
