"""What the rule book says of one patient at one moment: triggers become claims, claims findings with their checklists.

    weighed = weigh(snapshot, book, outlook, onsets)     # at every look: what speaks, not yet put into words
    judgement = judge(snapshot, book, outlook, onsets)   # all of it, in words

Semantics: reference §0.4. A trigger fires only when TRUE. A forecast alone leads to watching and preparing only.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import NamedTuple, Protocol

from guidelines.book.load import Block, Book, Guideline, StepRule, Trigger
from guidelines.case import NO, Answer, Case, Cite, Computed, Foreseen, Personal, Want, item_name, members, yes
from guidelines.checklist import HALF, BlockAsk, Checklist, Line, Outline, StepAsk
from guidelines.engine import OUT_OF_REACH, Ask, compiled_of, while_in_reach
from guidelines.evidence import NO_OUTLOOK, evidences, needs
from guidelines.wording import Words, question, warning
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Finding, Judgement, Level, Onset, Passage, Sentence, Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.events import Reading, Treatment, identity

ADULT_YEARS = 18


class _Trigger(NamedTuple):
    rule: Trigger
    ask: Ask  # given up once it can neither fire nor ask


class _Rules(NamedTuple):
    """One guideline, compiled."""

    guideline: Guideline
    triggers: tuple[_Trigger, ...]
    steps: tuple[StepAsk, ...]
    orders: tuple[BlockAsk, ...]


class _Compiled(NamedTuple):
    """A book, compiled: `asks` holds every trigger's condition, `definitions` every shared predicate."""

    rules: tuple[_Rules, ...]
    asks: Mapping[str, Ask]
    definitions: Mapping[str, Ask]


class Claim(Protocol):
    """A rule that speaks. What it says is worked out when it is asked for: most looks bring nothing worth saying."""

    @property
    def rule(self) -> str: ...

    @property
    def guideline(self) -> str: ...

    @property
    def level(self) -> Level: ...

    @property
    def onset(self) -> Onset:
        """When it began in this episode, and what made it so."""
        ...

    @property
    def concepts(self) -> frozenset[str]:
        """The concepts of the readings that it rests on."""
        ...

    @property
    def outline(self) -> tuple[Outline, ...]:
        """Its checklist as far as a change of it is worth saying."""
        ...

    @property
    def finding(self) -> Finding:
        """The claim in words."""
        ...


class Truths(Mapping[str, Truth]):
    """The truth of every trigger, each worked out when it is asked for."""

    def __init__(self, case: Case, asks: Mapping[str, Ask], known: Mapping[str, Truth]) -> None:
        self._case, self._asks, self._known = case, asks, known

    def __getitem__(self, rule: str) -> Truth:
        known = self._known.get(rule)
        return self._asks[rule](self._case).truth if known is None else known

    def __iter__(self) -> Iterator[str]:
        return iter(self._asks)

    def __len__(self) -> int:
        return len(self._asks)


class Weighed(NamedTuple):
    """What the book has to say at one look: a `Judgement` that is not yet put into words."""

    claims: tuple[Claim, ...]
    truths: Mapping[str, Truth]


def _always(_: Case) -> Answer:
    return yes()


def _never(_: Case) -> Answer:
    return NO


@lru_cache(maxsize=8)
def _compiled(book: Book) -> _Compiled:
    return _Compiled(
        rules=tuple(_rules(guideline) for guideline in book.guidelines),
        asks={t.id: compiled_of(t.when) for guideline in book.guidelines for t in guideline.triggers},
        definitions={name: compiled_of(condition) for name, condition in book.definitions.items()},
    )


def _rules(guideline: Guideline) -> _Rules:
    blocks = tuple(
        BlockAsk(
            b,
            _always if b.when is None else compiled_of(b.when),
            frozenset(i for o in b.orders for i in members(o)),
            _passage(guideline, b),
        )
        for b in guideline.blocks
    )
    steps = tuple(
        StepAsk(
            s,
            _always if s.when is None else compiled_of(s.when),
            _never if s.done is None else compiled_of(s.done),
            tuple(b for b in blocks if s.id in b.rule.steps),
            frozenset(s.triggers),
            _passage(guideline, s),
        )
        for s in guideline.steps
    )
    triggers = tuple(
        _Trigger(trigger, while_in_reach(trigger.when, HALF if trigger.asks else None))
        for trigger in guideline.triggers
    )
    return _Rules(guideline, triggers, steps, tuple(b for b in blocks if b.items))


def _passage(guideline: Guideline, rule: StepRule | Block) -> Passage:
    citation = "; ".join(guideline.sources[key].cite for key in rule.source)
    return Passage(citation=citation[:200], text=rule.passage, strength=rule.strength)


def judge(
    snapshot: Snapshot, book: Book, outlook: Outlook = NO_OUTLOOK, onsets: Mapping[str, Onset] | None = None
) -> Judgement:
    """Every finding of every guideline, loudest first within each, and the truth of every trigger; see `weigh`."""
    claims, truths = weigh(snapshot, book, outlook, onsets)
    return Judgement(findings=tuple(claim.finding for claim in claims), truths=dict(truths))


def weigh(
    snapshot: Snapshot, book: Book, outlook: Outlook = NO_OUTLOOK, onsets: Mapping[str, Onset] | None = None
) -> Weighed:
    """What speaks, loudest first within each guideline.

    `onsets` holds, by the `rule` of a claim, when each first spoke in its present episode; also of those that are no
    longer true while the episode lasts. What is not in it begins now. Outside of the population (adults, not pregnant)
    nothing speaks.
    """
    rules, asks, definitions = _compiled(book)
    case = Case(snapshot, outlook, definitions)
    if _outside(snapshot):
        return Weighed((), dict.fromkeys(asks, Truth.NO))
    claims: list[Claim] = []
    known: dict[str, Truth] = {}
    for guideline in rules:
        claims += _weighed(case, guideline, onsets or {}, known)
    return Weighed(tuple(claims), Truths(case, asks, known))


def _outside(snapshot: Snapshot) -> bool:
    patient = snapshot.patient
    return patient.pregnant is True or (patient.age_years is not None and patient.age_years < ADULT_YEARS)


def _weighed(case: Case, rules: _Rules, onsets: Mapping[str, Onset], known: dict[str, Truth]) -> list[Claim]:
    answers = [(t.rule, answer) for t in rules.triggers if (answer := t.ask(case)) is not OUT_OF_REACH]
    known.update({rule.id: answer.truth for rule, answer in answers})
    fired = [(rule, answer) for rule, answer in answers if answer.truth is Truth.YES]
    fired.reverse()  # of equal level the later, more specific one speaks first
    fired.sort(key=lambda pair: pair[0].level.rank, reverse=True)
    begun = {t.rule.id: onsets[t.rule.id] for t in rules.triggers if t.rule.id in onsets}
    with_new = {**begun, **{rule.id: _begins(case, a.cites) for rule, a in fired if rule.id not in begun}}
    episode = Checklist(case, rules.orders, with_new)
    found: list[Claim] = [_Fired(case, rules, onsets, episode, trigger, answer) for trigger, answer in fired]
    if not fired:
        found += [_Alone(case, rules, onsets, episode, block, order) for block, order in episode.alone()]
    asked = _open_question(answers, fired[0][0].level.rank if fired else -1)
    if asked is not None:
        found.append(_Asked(case, rules, onsets, Checklist(case, rules.orders, begun), *asked))
    return found


def _open_question(answers: list[tuple[Trigger, Answer]], loudest: int) -> tuple[Trigger, Answer] | None:
    """The one question worth asking: of the gravest open trigger that is half satisfied and louder than what fired."""
    candidates = [
        (rule, answer)
        for rule, answer in answers
        if answer.truth is Truth.UNKNOWN and answer.met >= HALF and rule.asks and rule.level.rank > loudest
    ]
    return max(candidates, key=lambda pair: (pair[0].level.rank, pair[1].met), default=None)


def _newest(case: Case, cites: Iterable[Cite]) -> str:
    """The identity of the newest event that an answer rests on: what made it true."""
    events = [e for e in _events(cites) if e[0] <= case.now]
    return max(events, default=(case.now, f"time|{case.now.isoformat()}"))[1]


def _events(cites: Iterable[Cite]) -> Iterable[tuple[datetime, str]]:
    for cite in cites:
        if isinstance(cite, Computed):
            yield from _events(cite.sources)
        elif isinstance(cite, NoteFact):
            yield cite.available_at, cite.note
        elif isinstance(cite, Foreseen):
            yield cite.origin_at, cite.origin
        elif not isinstance(cite, Personal):
            yield cite.available_at, identity(cite)


def _begins(case: Case, cites: Iterable[Cite]) -> Onset:
    return Onset(at=case.now, ref=_newest(case, cites)[:400])


def _concepts(cites: Iterable[Cite]) -> Iterator[str]:
    for cite in cites:
        if isinstance(cite, Computed):
            yield from _concepts(cite.sources)
        elif isinstance(cite, Reading) and cite.concept in CONCEPTS:
            yield cite.concept


def _missing_parts(cites: Iterable[Cite]) -> list[Want]:
    """What the scores under a finding could not count."""
    return [want for cite in cites if isinstance(cite, Computed) for want in cite.missing]


def _opening(level: Level, foretold: bool) -> str:
    return "Expected" if foretold else "Watch" if level is Level.WATCH else "Warning"


# -- what speaks


class _Claim(ABC):
    """What the three kinds have in common."""

    def __init__(
        self, case: Case, rules: _Rules, onsets: Mapping[str, Onset], checklist: Checklist, cites: tuple[Cite, ...]
    ) -> None:
        self.case, self.rules, self.onsets, self.checklist, self.cites = case, rules, onsets, checklist, cites
        self.guideline = rules.guideline.id

    @property
    def concepts(self) -> frozenset[str]:
        return frozenset(_concepts(self.cites))

    @property
    @abstractmethod
    def lines(self) -> tuple[Line, ...]:
        """Its checklist."""

    @cached_property
    def outline(self) -> tuple[Outline, ...]:
        return tuple([line.outline for line in self.lines])

    def _worded(
        self, rule: str, title: str, level: Level, onset: Onset, sentence: Sentence, wants: Iterable[Want]
    ) -> Finding:
        return Finding(
            encounter=self.case.snapshot.encounter,
            rule=rule,
            rule_version=self.rules.guideline.rule_version,
            guideline=self.guideline,
            title=title,
            level=level,
            at=self.case.now,
            onset=onset,
            sentence=sentence,
            evidence=evidences(self.case, self.cites),
            needs=needs(self.case, wants),
            steps=tuple(line.step(self.case) for line in self.lines),
        )


class _Fired(_Claim):
    """A trigger that is TRUE."""

    def __init__(
        self,
        case: Case,
        rules: _Rules,
        onsets: Mapping[str, Onset],
        checklist: Checklist,
        trigger: Trigger,
        answer: Answer,
    ) -> None:
        super().__init__(case, rules, onsets, checklist, answer.cites)
        self.rule, self.level, self.onset = trigger.id, trigger.level, checklist.begun[trigger.id]
        self._trigger, self._answer = trigger, answer

    @property
    def _foretold(self) -> bool:
        return self.level is Level.WATCH and any(isinstance(c, Foreseen) for c in self.cites)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The steps of this trigger and of those that began before in the episode; on a forecast only what prepares."""
        foretold, list_ = self._foretold, self.checklist
        of = {self.rule} if foretold else {self.rule, *(list_.begun.keys() & self.onsets.keys())}
        made = (list_.line(s) for s in self.rules.steps if of & s.triggers and (s.rule.prepare or not foretold))
        return (*list_.orders(), *(line for line in made if line is not None))

    @cached_property
    def finding(self) -> Finding:
        opening = _opening(self.level, self._foretold)
        sentence = warning(self.case, self._trigger.words, self._answer, opening)
        missing = _missing_parts(self.cites)
        return self._worded(self.rule, self._trigger.title, self.level, self.onset, sentence, missing)


class _Asked(_Claim):
    """A trigger that cannot be told, and what to measure."""

    level = Level.ASK

    def __init__(
        self,
        case: Case,
        rules: _Rules,
        onsets: Mapping[str, Onset],
        checklist: Checklist,
        trigger: Trigger,
        answer: Answer,
    ) -> None:
        super().__init__(case, rules, onsets, checklist, answer.cites)
        self.rule = f"{trigger.id}.ask"  # an episode of its own: the trigger's clock starts when it fires
        self._trigger, self._answer = trigger, answer
        self._subjects = list(dict.fromkeys(want.subject for want in answer.wants))

    @cached_property
    def onset(self) -> Onset:
        return self.onsets.get(self.rule) or _begins(self.case, self.cites)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The steps that would settle it."""
        settling = (s for s in self.rules.steps if set(s.rule.measures) & set(self._subjects))
        return tuple(line for s in settling if (line := self.checklist.line(s)) is not None)

    @cached_property
    def finding(self) -> Finding:
        title, wants = f"Cannot tell: {self._trigger.title}", self._answer.wants
        sentence = question(self.case, self._trigger.words, self._answer, self._subjects)
        return self._worded(self.rule, title, self.level, self.onset, sentence, wants)


class _Alone(_Claim):
    """An order that a block speaks against though nothing fired."""

    level = Level.WARNING

    def __init__(
        self,
        case: Case,
        rules: _Rules,
        onsets: Mapping[str, Onset],
        checklist: Checklist,
        block: BlockAsk,
        order: Treatment,
    ) -> None:
        super().__init__(case, rules, onsets, checklist, (order, *block.ask(case).cites))
        self.rule, self._block, self._order = block.rule.id, block, order

    @cached_property
    def onset(self) -> Onset:
        return self.onsets.get(self.rule) or _begins(self.case, (self._order,))

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        line = self.checklist.order(self._order, [self._block])
        return () if line is None else (line,)

    @cached_property
    def finding(self) -> Finding:
        name = item_name(self._order.item)
        words = Words(f"an order of {name} should not be given", "", "", "", ())
        sentence = warning(self.case, words, Answer(Truth.YES, self.cites), _opening(self.level, False))
        return self._worded(self.rule, f"Order to check: {name}"[:200], self.level, self.onset, sentence, ())
