"""What the rule book says of one patient at one moment: triggers become findings, steps a checklist.

    judgement = judge(snapshot, book, outlook, onsets)

Semantics: reference §0.4. A trigger fires only when TRUE; a block withholds when TRUE, asks when UNKNOWN. Precedence:
done, treatment limit, hard block, modification, check, offer. A forecast alone leads to watching and preparing only.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from guidelines.book import Block, Book, Guideline, Requirement, StepRule, Trigger
from guidelines.case import NO, Answer, Case, Cite, Computed, Foreseen, Personal, Want, item_name, members, yes
from guidelines.derived import escalation_limited
from guidelines.engine import Ask, compiled_of, quantity
from guidelines.evidence import NO_OUTLOOK, clock, evidences, needs
from guidelines.sentence import question, warning
from schemas.events import Treatment, identity
from schemas.facts import NoteFact
from schemas.findings import Finding, Judgement, Level, Onset, Passage, Reason, Step, StepState, Truth
from schemas.forecasts import Outlook
from schemas.snapshot import Snapshot

ORDER_VALID = timedelta(hours=24)
"""An order neither given nor cancelled for longer is forgotten."""

HALF = 0.5
"""An open trigger asks when at least this part of it is known to hold (reference §0.4, rule 1)."""

ADULT_YEARS = 18
FLUID_ML_KG = 30
ELDERLY_YEARS = 65


class _Trigger(NamedTuple):
    rule: Trigger
    ask: Ask


class _Block(NamedTuple):
    rule: Block
    ask: Ask
    items: frozenset[str]
    passage: Passage


class _Step(NamedTuple):
    rule: StepRule
    when: Ask
    done: Ask
    blocks: tuple[_Block, ...]
    triggers: frozenset[str]
    passage: Passage


class _Rules(NamedTuple):
    """One guideline, compiled."""

    guideline: Guideline
    triggers: tuple[_Trigger, ...]
    steps: tuple[_Step, ...]
    orders: tuple[_Block, ...]


def _always(_: Case) -> Answer:
    return yes()


def _never(_: Case) -> Answer:
    return NO


@lru_cache(maxsize=8)
def _compiled(book: Book) -> tuple[tuple[_Rules, ...], Mapping[str, Ask]]:
    return tuple(_rules(g) for g in book.guidelines), {n: compiled_of(c) for n, c in book.definitions.items()}


def _rules(guideline: Guideline) -> _Rules:
    blocks = tuple(
        _Block(
            b,
            _always if b.when is None else compiled_of(b.when),
            frozenset(i for o in b.orders for i in members(o)),
            _passage(guideline, b),
        )
        for b in guideline.blocks
    )
    steps = tuple(
        _Step(
            s,
            _always if s.when is None else compiled_of(s.when),
            _never if s.done is None else compiled_of(s.done),
            tuple(b for b in blocks if s.id in b.rule.steps),
            frozenset(s.triggers),
            _passage(guideline, s),
        )
        for s in guideline.steps
    )
    triggers = tuple(_Trigger(t, compiled_of(t.when)) for t in guideline.triggers)
    return _Rules(guideline, triggers, steps, tuple(b for b in blocks if b.items))


def _passage(guideline: Guideline, rule: StepRule | Block) -> Passage:
    citation = "; ".join(guideline.sources[key].cite for key in rule.source)
    return Passage(citation=citation[:200], text=rule.passage, strength=rule.strength)


def judge(
    snapshot: Snapshot, book: Book, outlook: Outlook = NO_OUTLOOK, onsets: Mapping[str, Onset] | None = None
) -> Judgement:
    """Every finding of every guideline, loudest first within each, and the truth of every trigger.

    `onsets` holds, by the `rule` of a finding, when each first spoke in its present episode; also of those that are no
    longer true while the episode lasts. What is not in it begins now. Outside of the population (adults, not pregnant)
    nothing speaks.
    """
    rules, definitions = _compiled(book)
    case = Case(snapshot, outlook, definitions)
    findings: list[Finding] = []
    truths: dict[str, Truth] = {}
    outside = _outside(snapshot)
    for guideline in rules:
        if outside:
            truths.update({t.rule.id: Truth.NO for t in guideline.triggers})
        else:
            findings += _judged(case, guideline, onsets or {}, truths)
    return Judgement.model_construct(findings=tuple(findings), truths=truths)


def _outside(snapshot: Snapshot) -> bool:
    patient = snapshot.patient
    return patient.pregnant is True or (patient.age_years is not None and patient.age_years < ADULT_YEARS)


def _judged(case: Case, rules: _Rules, onsets: Mapping[str, Onset], truths: dict[str, Truth]) -> list[Finding]:
    answers = [(t.rule, t.ask(case)) for t in rules.triggers]
    truths.update({rule.id: answer.truth for rule, answer in answers})
    fired = [(rule, answer) for rule, answer in answers if answer.truth is Truth.YES]
    fired.reverse()  # of equal level the later, more specific one speaks first
    fired.sort(key=lambda pair: pair[0].level.rank, reverse=True)
    found = _Speaker(case, rules, onsets, fired).findings()
    loudest = fired[0][0].level.rank if fired else -1
    asked = _open_question(answers, loudest)
    if asked is not None:
        found.append(_asking(case, rules, onsets, *asked))
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


def _onset(case: Case, onsets: Mapping[str, Onset], rule: str, cites: Iterable[Cite]) -> Onset:
    return onsets.get(rule) or Onset(at=case.now, ref=_newest(case, cites)[:400])


def _missing_parts(cites: Iterable[Cite]) -> list[Want]:
    """What the scores under a finding could not count."""
    return [want for cite in cites if isinstance(cite, Computed) for want in cite.missing]


def _asking(case: Case, rules: _Rules, onsets: Mapping[str, Onset], trigger: Trigger, answer: Answer) -> Finding:
    rule = f"{trigger.id}.ask"  # its own episode: the clock of the trigger starts when it fires, not when it is asked
    subjects = list(dict.fromkeys(want.subject for want in answer.wants))
    settling = [s for s in rules.steps if set(s.rule.measures) & set(subjects)]
    passing = _Speaker(case, rules, onsets, [])
    return Finding.model_construct(
        encounter=case.snapshot.encounter,
        rule=rule,
        rule_version=rules.guideline.rule_version,
        guideline=rules.guideline.id,
        title=f"Cannot tell: {trigger.title}",
        level=Level.ASK,
        at=case.now,
        onset=_onset(case, onsets, rule, answer.cites),
        sentence=question(case, trigger.words, answer, subjects),
        evidence=evidences(case, answer.cites),
        needs=needs(case, answer.wants),
        steps=tuple(made for s in settling if (made := passing.step(s)) is not None),
    )


def _opening(level: Level, foretold: bool) -> str:
    return "Expected" if foretold else "Watch" if level is Level.WATCH else "Warning"


class _Speaker:
    """Turns what fired in one guideline into findings; each step is worked out once."""

    def __init__(
        self, case: Case, rules: _Rules, onsets: Mapping[str, Onset], fired: list[tuple[Trigger, Answer]]
    ) -> None:
        self.case, self.rules, self.fired = case, rules, fired
        self.begun = {t.rule.id: onsets[t.rule.id] for t in rules.triggers if t.rule.id in onsets}
        self.known_onsets = onsets
        for trigger, answer in fired:
            self.begun.setdefault(trigger.id, _onset(case, onsets, trigger.id, answer.cites))
        self._made: dict[str, Step | None] = {}

    def findings(self) -> list[Finding]:
        orders = self._orders() if self.fired else ()
        found = [self._finding(trigger, answer, orders) for trigger, answer in self.fired]
        if not found:
            found = [self._alone(block, order) for block, order in self._alone_blocks()]
        return found

    def _finding(self, trigger: Trigger, answer: Answer, orders: tuple[Step, ...]) -> Finding:
        foretold = trigger.level is Level.WATCH and any(isinstance(c, Foreseen) for c in answer.cites)
        return Finding.model_construct(
            encounter=self.case.snapshot.encounter,
            rule=trigger.id,
            rule_version=self.rules.guideline.rule_version,
            guideline=self.rules.guideline.id,
            title=trigger.title,
            level=trigger.level,
            at=self.case.now,
            onset=self.begun[trigger.id],
            sentence=warning(self.case, trigger.words, answer, _opening(trigger.level, foretold)),
            evidence=evidences(self.case, answer.cites),
            needs=needs(self.case, _missing_parts(answer.cites)),
            steps=(*orders, *self._checklist(trigger, foretold)),
        )

    # -- the checklist

    def _checklist(self, trigger: Trigger, foretold: bool) -> tuple[Step, ...]:
        """The steps of this trigger and of those that began before in the episode; on a forecast only what prepares."""
        of = {trigger.id} if foretold else {trigger.id, *(self.begun.keys() & self.known_onsets.keys())}
        made = (self.step(s) for s in self.rules.steps if of & s.triggers and (s.rule.prepare or not foretold))
        return tuple(step for step in made if step is not None)

    def step(self, rule: _Step) -> Step | None:
        """The step as it stands now, or None while it does not apply."""
        if rule.rule.id not in self._made:
            self._made[rule.rule.id] = self._worked_out(rule)
        return self._made[rule.rule.id]

    def _worked_out(self, compiled: _Step) -> Step | None:
        rule, case = compiled.rule, self.case
        applies = compiled.when(case)
        done_at = self._done_at(compiled)
        if applies.truth is Truth.NO or (applies.truth is Truth.UNKNOWN and applies.met < HALF):
            return None
        reasons: list[Reason] = []
        text = _filled(rule.text, case)
        if applies.truth is Truth.UNKNOWN:
            reasons.append(self._check("applies", "whether this step applies is not known", applies.wants))
        for block in compiled.blocks:
            reason = self._reason(block, block.ask(case), asks=block.rule.severity != "soft")
            if reason is not None:
                reasons.append(reason)
                if block.rule.severity == "modify" and reason.severity == "modify" and block.rule.change:
                    text = _filled(block.rule.change, case)
        if rule.limited:
            reasons += self._limits()
        reasons += [
            self._check("data", "needed before this step", (w,)) for r in rule.requires if (w := _owed(case, r))
        ]
        state = StepState.DONE if done_at is not None else self._state(reasons)
        return Step.model_construct(
            id=rule.id,
            text=text,
            state=state,
            reasons=tuple(reasons),
            due_at=self._due_at(rule),
            done_at=done_at,
            passage=compiled.passage,
        )

    def _state(self, reasons: list[Reason]) -> StepState:
        severities = {r.severity for r in reasons}
        if "limit" in {r.block for r in reasons}:
            return StepState.DISCUSS
        if "hard" in severities:
            return StepState.WITHHELD
        if "modify" in severities:
            return StepState.MODIFIED
        return StepState.NEEDS_CHECK if "check" in severities else StepState.OFFERED

    def _done_at(self, compiled: _Step) -> datetime | None:
        ticked = (self.case.snapshot.steps_done or {}).get(compiled.rule.id)
        if ticked is not None:
            return ticked
        answer = compiled.done(self.case)
        if answer.truth is not Truth.YES:
            return None
        return max((at for at, _ in _times(answer.cites)), default=self.case.now)

    def _due_at(self, rule: StepRule) -> datetime | None:
        begun = [self.begun[t].at for t in (rule.clock or rule.triggers) if t in self.begun]
        return min(begun) + rule.within if begun and rule.within is not None else None

    # -- reasons

    def _reason(self, block: _Block, answer: Answer, asks: bool) -> Reason | None:
        rule = block.rule
        if answer.truth is Truth.YES:
            text = f"{rule.text} {rule.instead}" if rule.instead else rule.text
            return Reason.model_construct(
                block=rule.id, severity=rule.severity, text=text[:400], evidence=evidences(self.case, answer.cites)
            )
        if answer.truth is Truth.UNKNOWN and asks:
            return self._check(rule.id, f"not known whether this holds: {rule.text}", answer.wants)
        return None

    def _limits(self) -> list[Reason]:
        limit = self.case.once("limit", escalation_limited)
        if limit.truth is not Truth.YES:
            return []
        text = "A limit of treatment is recorded: talk about this step first."
        return [
            Reason.model_construct(
                block="limit", severity="soft", text=text, evidence=evidences(self.case, limit.cites)
            )
        ]

    def _check(self, block: str, text: str, wants: Iterable[Want]) -> Reason:
        return Reason.model_construct(block=block, severity="check", text=text[:400], needs=needs(self.case, wants))

    # -- orders

    def _orders(self) -> tuple[Step, ...]:
        """Each open order that a block speaks about, as a line of the checklist."""
        made = (self._order(order, self.rules.orders) for order in self._open_orders())
        return tuple(step for step in made if step is not None)

    def _open_orders(self) -> list[Treatment]:
        return [o for o in self.case.orders() if self.case.now - o.observed_at <= ORDER_VALID]

    def _alone_blocks(self) -> list[tuple[_Block, Treatment]]:
        return [
            (block, order)
            for order in self._open_orders()
            for block in self.rules.orders
            if block.rule.alone and _about(block, order) and block.ask(self.case).truth is Truth.YES
        ]

    def _order(self, order: Treatment, blocks: Iterable[_Block]) -> Step | None:
        about = [b for b in blocks if _about(b, order)]
        pairs = [(b, r) for b in about if (r := self._reason(b, b.ask(self.case), asks=True)) is not None]
        if not pairs:
            return None
        rank = {"hard": 0, "modify": 1, "check": 2, "soft": 3}
        block, reason = min(pairs, key=lambda pair: rank[pair[1].severity])
        states = {"hard": StepState.WITHHELD, "modify": StepState.MODIFIED}
        change = (
            f" → {_filled(block.rule.change, self.case)}" if reason.severity == "modify" and block.rule.change else ""
        )
        return Step.model_construct(
            id=f"order:{order.item}@{order.observed_at:%Y-%m-%dT%H:%M:%S}",
            text=f"Ordered {clock(order.observed_at)}: {_dose(order)}{change}"[:400],
            state=states.get(reason.severity, StepState.NEEDS_CHECK),
            reasons=tuple(r for _, r in pairs),
            passage=block.passage,
        )

    def _alone(self, block: _Block, order: Treatment) -> Finding:
        step = self._order(order, [block])
        answer = block.ask(self.case)
        rule = Trigger(
            id=block.rule.id,
            title=f"Order to check: {item_name(order.item)}",
            level=Level.WARNING,
            when=block.rule.when,
            source=block.rule.source,
            lead=f"an order of {item_name(order.item)} should not be given",
            question="",
            worse="",
            steady="",
            values=(),
        )
        cites = (order, *answer.cites)
        return Finding.model_construct(
            encounter=self.case.snapshot.encounter,
            rule=rule.id,
            rule_version=self.rules.guideline.rule_version,
            guideline=self.rules.guideline.id,
            title=rule.title[:200],
            level=rule.level,
            at=self.case.now,
            onset=_onset(self.case, self.known_onsets, rule.id, (order,)),
            sentence=warning(self.case, rule.words, Answer(Truth.YES, cites), _opening(rule.level, False)),
            evidence=evidences(self.case, cites),
            steps=(step,) if step is not None else (),
        )


def _about(block: _Block, order: Treatment) -> bool:
    route = (order.route or "iv").lower()
    return order.item in block.items and (not block.rule.iv_only or "iv" in route or "intraven" in route)


def _dose(order: Treatment) -> str:
    if order.amount is None:
        return item_name(order.item)
    return f"{item_name(order.item)} {order.amount:g} {order.amount_unit or ''}".rstrip()


def _times(cites: Iterable[Cite]) -> Iterable[tuple[datetime, str]]:
    """When the things were true that an answer rests on."""
    for cite in cites:
        if isinstance(cite, Computed):
            yield cite.at, cite.subject
        elif isinstance(cite, NoteFact):
            yield cite.effective_at, cite.concept
        elif not isinstance(cite, (Personal, Foreseen)):
            yield cite.observed_at, cite.kind


def _owed(case: Case, required: Requirement) -> Want | None:
    """What a step still needs to be known: an allergy list, a weight, a pressure no older than …"""
    if required.what == "allergies":
        absent = case.snapshot.patient.allergies is None
        return Want("allergies", "no allergy list was ever sent") if absent else None
    known = quantity(case, required.what)
    if known.wants:
        return known.wants[0]
    newest = max((at for at, _ in _times(known.cites)), default=case.now)
    if required.max_age is not None and case.now - newest > required.max_age:
        return Want(
            required.what, f"last {clock(newest)}, needed within {int(required.max_age.total_seconds() // 60)} min"
        )
    return None


# -- what a step's text leaves open


def _fluid_target(case: Case) -> str:
    weight = case.dosing_weight()
    if weight is None:
        return f"{FLUID_ML_KG} mL/kg (weight not known)"
    kind = "adjusted weight" if isinstance(weight.cite, Computed) else "actual weight"
    return f"{FLUID_ML_KG} mL/kg = {FLUID_ML_KG * weight.value:.0f} mL ({weight.value:.0f} kg {kind})"


def _map_target(case: Case) -> str:
    age = case.snapshot.patient.age_years
    return "60–65 mmHg" if age is not None and age >= ELDERLY_YEARS else "65 mmHg"


FILLED: Mapping[str, Callable[[Case], str]] = {"fluid_target": _fluid_target, "map_target": _map_target}


def _filled(text: str, case: Case) -> str:
    return text.format(**{slot: fill(case) for slot, fill in FILLED.items()})[:400] if "{" in text else text
