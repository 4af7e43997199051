"""The steps of a guideline as they stand for one patient: planned at every look, put into words when somebody reads.

Precedence (reference §0.4): done, treatment limit, hard block, modification, check, offer. A block withholds when
TRUE and asks when UNKNOWN. The same lines are worked out of kept answers (states alone) and in full (with reasons).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from guidelines.book.compiled import BlockNode, GuidelineNode, StepNode, observed_at
from guidelines.book.records import StepRule
from guidelines.confirm import confirmations, is_unconfirmed
from guidelines.evidence import clock, evidences, needs
from guidelines.given import Given, is_intravenous
from guidelines.rules.answers import NO, YES, Answer, Computed, Missing, Sample, Source
from guidelines.rules.case import Case, item_name
from guidelines.rules.graph import Node
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Onset, Passage, Reason, Step, StepState, Truth
from schemas.events import Action, Reading, Treatment

NOTHING: Mapping[str, Step] = MappingProxyType({})
HALF = 0.5
"""An open question is worth asking when at least this part of it is known to hold (reference §0.4, rule 1)."""

TEXT_CHARS_MAX = 400

Outline = tuple[str, StepState, tuple[str, ...]]
"""What must change before a line is worth saying again: its step, its state, and the blocks that speak of it."""


def outline(step: str, state: StepState, blocks: Iterable[str]) -> Outline:
    """Of a step that is done only that: what speaks of it besides is no news."""
    return step, state, () if state is StepState.DONE else tuple(blocks)


class Why(NamedTuple):
    """A reason of a step, not yet put into words."""

    block: str
    severity: Any
    text: str
    sources: tuple[Source, ...] = ()
    missing: tuple[Missing, ...] = ()

    def reason(self, case: Case) -> Reason:
        return Reason(
            block=self.block,
            severity=self.severity,
            text=self.text[:TEXT_CHARS_MAX],
            evidence=evidences(case, self.sources),
            needs=needs(case, (*self.missing, *confirmations(case, self.sources))),
        )


class Line(NamedTuple):
    """One line of a checklist; its reasons are not yet put into words."""

    id: str
    text: str  # its slots still open
    state: StepState
    whys: tuple[Why, ...]
    passage: Passage
    done: Answer = NO
    rule: StepRule | None = None

    @property
    def outline(self) -> Outline:
        return outline(self.id, self.state, [why.block for why in self.whys])


class Checklist:
    """The lines of one guideline for one case; each step is worked out once.

    `begun`: the onset of each trigger; `said`: by id, the steps as they were last shown.
    """

    def __init__(
        self,
        case: Case,
        guideline: GuidelineNode,
        begun: Mapping[str, Onset],
        said: Mapping[str, Step] = NOTHING,
    ) -> None:
        self._case, self._guideline, self.begun, self._said = case, guideline, begun, said
        self._lines: dict[str, Line | None] = {}
        self._steps: dict[str, Step] = {}
        self._orders: tuple[Line, ...] | None = None
        self._given: Mapping[BlockNode, tuple[Given, ...]] | None = None

    def line(self, step: StepNode) -> Line | None:
        """The step as it stands now, or None while it does not apply."""
        name = step.rule.id
        if name not in self._lines:
            self._lines[name] = self._made(step)
        return self._lines[name]

    def step(self, line: Line) -> Step:
        """The line in words; the same words for every finding of the guideline."""
        made = self._steps.get(line.id)
        if made is None:
            case = self._case
            made = self._steps[line.id] = Step(
                id=line.id,
                text=self._filled(line.text),
                state=line.state,
                reasons=tuple(why.reason(case) for why in (*line.whys, *self._doubts(line))),
                due_at=self._due_at(line),
                done_at=self._done_at(line),
                passage=line.passage,
            )
        return made

    def _made(self, step: StepNode) -> Line | None:
        rule, applies = step.rule, self._asked(step.when, YES)
        if applies.truth is Truth.NO:
            return None
        if applies.truth is Truth.UNKNOWN and applies.met < HALF and rule.id not in self._said:
            return None  # a step that was shown does not vanish because a value has grown too old
        whys: list[Why] = []
        text = rule.text
        if applies.truth is Truth.UNKNOWN:
            whys.append(Why("applies", "check", "whether this step applies is not known", (), applies.missing))
        for block in step.blocks:
            why = _held_up(block, self._asked(block.when, YES), asks=block.rule.severity != "soft")
            if why is not None:
                whys.append(why)
                if why.severity == "modify" and block.rule.change:
                    text = block.rule.change
        if rule.limited:
            whys += self._limits()
        owed = [answer for node in step.requires if (answer := self._asked(node, YES)).truth is not Truth.YES]
        whys += [Why("data", "check", "needed before this step", (), answer.missing) for answer in owed]
        done = YES if rule.id in (self._case.snapshot.steps_done or {}) else self._asked(step.done, NO)
        if done.truth is Truth.YES:
            text = rule.text  # what was done need not be what would be offered now
        state = StepState.DONE if done.truth is Truth.YES else _state(whys)
        return Line(rule.id, text, state, tuple(whys), step.passage, done, rule)

    def _asked(self, node: Node | None, absent: Answer) -> Answer:
        return absent if node is None else self._case.ask(node)

    def _limits(self) -> list[Why]:
        limit = self._case.holds("escalation_limited")
        if limit.truth is not Truth.YES:
            return []
        return [Why("limit", "soft", "A limit of treatment stands: talk about this step first.", limit.sources)]

    def _last_done(self, step: str) -> datetime | None:
        """When a step was done that was shown before."""
        before = self._said.get(step)
        return None if before is None else before.done_at

    def _doubts(self, line: Line) -> list[Why]:
        """Why a step that counts as done is to be looked at: only a note says so, or a note says otherwise.

        It hangs on what made the answer so, which kept answers do not hold: so it is part of the words alone.
        """
        done = line.done.sources if line.state is StepState.DONE else ()
        reported = tuple(source for source in done if not _is_noted(source))
        if done and not reported:
            return [Why("note", "check", "Done, as a note says.", done)]
        if confirmations(self._case, reported):
            return [Why("note", "check", "Done by the record; a note says otherwise.", reported)]
        return []

    def _done_at(self, line: Line) -> datetime | None:
        """When it was first done: the first of what says so, or the time that was said before; also of one that is to
        be done again."""
        ticked = (self._case.snapshot.steps_done or {}).get(line.id)
        if ticked is not None or line.done.truth is not Truth.YES:
            return ticked or self._last_done(line.id)
        before = self._said.get(line.id)
        was_done = before is not None and before.state is StepState.DONE
        times = [before.done_at if before is not None and was_done else None, *map(self._began, line.done.sources)]
        return min((at for at in times if at is not None), default=self._case.now)

    def _began(self, source: Source) -> datetime | None:
        """When a source first held: an infusion since its start, a measurement since the first of this episode."""
        if isinstance(source, Treatment):
            return self._case.began(source)
        if isinstance(source, Computed) and _is_noted(source):
            return max((s.effective_at for s in source.sources if isinstance(s, NoteFact)), default=source.at)
        begun = min((onset.at for onset in self.begun.values()), default=None)
        if isinstance(source, Reading) and begun is not None:
            row = self._case.snapshot.readings.get(source.concept, ())
            return min(
                [r.observed_at for r in row if begun <= r.observed_at <= source.observed_at], default=source.observed_at
            )
        return observed_at(source)

    def _due_at(self, line: Line) -> datetime | None:
        """By when it is to be done for the first time: what was done once has no such time any more."""
        rule = line.rule
        if rule is None or rule.within is None or line.state is StepState.DONE or self._last_done(line.id) is not None:
            return None
        before = self._said.get(line.id)
        if before is not None and before.due_at is not None:
            return before.due_at
        begun = [self.begun[t].at for t in (rule.clock or rule.triggers) if t in self.begun]
        if not begun:
            return None
        # A step that begins to apply later than the warning has its time from then on.
        starts_now = bool(self._said) and before is None
        return (self._case.now if starts_now else min(begun)) + rule.within

    # -- orders

    def orders(self) -> tuple[Line, ...]:
        """Each open order that a block speaks about, as a line of the checklist."""
        if self._orders is None:
            made = (self.order(order, self._guideline.orders) for order in self._open_orders())
            self._orders = tuple(line for line in made if line is not None)
        return self._orders

    def alone(self) -> list[tuple[BlockNode, Treatment]]:
        """The open orders that a block speaks against though no trigger fired."""
        return [
            (block, order)
            for order in self._open_orders()
            for block in self._guideline.orders
            if block.rule.alone and _about(block, order) and self._asked(block.when, YES).truth is Truth.YES
        ]

    def _open_orders(self) -> tuple[Treatment, ...]:
        found: tuple[Treatment, ...] = self._case.ask(self._case.graph.named["open orders"])
        return found

    def order(self, order: Treatment, blocks: Iterable[BlockNode]) -> Line | None:
        """The order as the gravest of the blocks about it leaves it, or None where none of them speaks."""
        about = [b for b in blocks if _about(b, order)]
        pairs = [(b, w) for b in about if (w := _held_up(b, self._asked(b.when, YES), asks=True)) is not None]
        if not pairs:
            return None
        rank = {"hard": 0, "modify": 1, "check": 2, "soft": 3}
        block, why = min(pairs, key=lambda pair: rank[pair[1].severity])
        states = {"hard": StepState.WITHHELD, "modify": StepState.MODIFIED}
        changed = block.rule.change if why.severity == "modify" else None
        change = f" → {changed}" if changed else ""
        return Line(
            id=f"order:{order.item}@{order.observed_at:%Y-%m-%dT%H:%M:%S}",
            text=f"Ordered {clock(self._case, order.observed_at)}: {_dose(order)}{change}",
            state=states.get(why.severity, StepState.NEEDS_CHECK),
            whys=tuple(w for _, w in pairs),
            passage=block.passage,
        )

    # -- what was withheld, and given

    def given(self) -> Mapping[BlockNode, tuple[Given, ...]]:
        """By block, what was given within hours although the list withheld it then: where it speaks alone, or a trigger
        had begun before."""
        if self._given is None:
            said = ((b, self._case.ask(b.given)) for b in self._guideline.orders if b.given is not None)
            shown = ((b, tuple(g for g in found if b.rule.alone or self._was_shown(g.at))) for b, found in said)
            self._given = {block: found for block, found in shown if found}
        return self._given

    def _was_shown(self, at: datetime) -> bool:
        return any(onset.at < at for onset in self.begun.values())

    def against(self, of: BlockNode | None = None) -> tuple[Line, ...]:
        """What was given although it was withheld, as lines of the checklist: all, or what one block withheld."""
        found: dict[str, Line] = {}
        for block, doses in self.given().items():
            for given in doses if of in (None, block) else ():
                name = f"given:{given.item}@{given.at:%Y-%m-%dT%H:%M:%S}"
                known = found.get(name)
                found[name] = Line(
                    id=name,
                    text=_given_words(self._case, given),
                    state=StepState.WITHHELD,
                    whys=(*(known.whys if known else ()), _holds(block, given.because)),
                    passage=block.passage,
                )
        return tuple(found[name] for name in sorted(found))

    # -- what a step's text leaves open

    def _filled(self, text: str) -> str:
        if "{" not in text:
            return text[:TEXT_CHARS_MAX]
        return text.format(**{name: self._slot(name) for name in self._guideline.guideline.slots})[:TEXT_CHARS_MAX]

    def _slot(self, name: str) -> str:
        slot = self._guideline.guideline.slots[name]
        if slot.per_kg is None:
            texts = (text for node, text in self._guideline.choices[name] if self._case.ask(node).truth is Truth.YES)
            return next(texts, slot.otherwise or "")
        each = f"{slot.per_kg:g} {slot.unit}/kg"
        weight: Sample | None = self._case.ask(self._case.graph.named["dosing_weight"])
        if weight is None:
            return f"{each} (weight not known)"
        kind = "adjusted weight" if isinstance(weight.source, Computed) else "actual weight"
        if confirmations(self._case, (weight.source,)):
            kind += " as noted, unconfirmed"
        return f"{each} = {slot.per_kg * weight.value:.0f} {slot.unit} ({weight.value:.0f} kg {kind})"


def _is_noted(source: Source) -> bool:
    """Whether only a note says it, be it a sum of what notes tell."""
    if not isinstance(source, Computed):
        return is_unconfirmed(source)
    given = [s for s in source.sources if isinstance(s, NoteFact | Treatment)]
    return bool(given) and all(isinstance(s, NoteFact) for s in given)


# -- reasons


def _held_up(block: BlockNode, answer: Answer, asks: bool) -> Why | None:
    rule = block.rule
    if answer.truth is Truth.YES:
        return _holds(block, answer.sources)
    if answer.truth is Truth.UNKNOWN and asks:
        return Why(rule.id, "check", f"not known whether this holds: {rule.text}", (), answer.missing)
    return None


def _holds(block: BlockNode, sources: tuple[Source, ...]) -> Why:
    rule = block.rule
    return Why(rule.id, rule.severity, f"{rule.text} {rule.instead}" if rule.instead else rule.text, sources)


def _state(whys: Iterable[Why]) -> StepState:
    severities = {why.severity for why in whys}
    if "limit" in {why.block for why in whys}:
        return StepState.DISCUSS
    if "hard" in severities:
        return StepState.WITHHELD
    if "modify" in severities:
        return StepState.MODIFIED
    return StepState.NEEDS_CHECK if "check" in severities else StepState.OFFERED


def _about(block: BlockNode, order: Treatment) -> bool:
    return order.item in block.items and (not block.rule.iv_only or is_intravenous(order))


def _given_words(case: Case, given: Given) -> str:
    """What was given, when, and who says so."""
    what, at = given.what, clock(case, given.at)
    if isinstance(what, Treatment):
        done = "started" if what.action is Action.START else "given"
        return f"{BUT}{done}: {_dose(what)} at {at} (record of treatments)"
    quoted = what.words[:80].translate(_NO_SLOTS)
    return f"{BUT}given: {item_name(given.item)}, as a note of {at} says (“{quoted}”)"


BUT = "Withheld, but "
"""How a line begins of what was given although it was withheld."""
_NO_SLOTS = str.maketrans("{}", "()")


def _dose(order: Treatment) -> str:
    if order.amount is None:
        return item_name(order.item)
    return f"{item_name(order.item)} {order.amount:g} {order.amount_unit or ''}".rstrip()
