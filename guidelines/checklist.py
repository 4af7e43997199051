"""The steps of a guideline as they stand for one patient: planned at every look, put into words when somebody reads.

Precedence (reference §0.4): done, treatment limit, hard block, modification, check, offer. A block withholds when
TRUE and asks when UNKNOWN.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from guidelines.book.load import Block, Requirement, StepRule
from guidelines.case import Answer, Case, Cite, Computed, Foreseen, Personal, Want, item_name
from guidelines.derived import escalation_limited
from guidelines.engine import Ask, quantity
from guidelines.evidence import clock, evidences, needs
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Onset, Passage, Reason, Step, StepState, Truth
from schemas.events import Treatment

ORDER_VALID = timedelta(hours=24)
"""An order neither given nor cancelled for longer is forgotten."""

HALF = 0.5
"""An open question is worth asking when at least this part of it is known to hold (reference §0.4, rule 1)."""

FLUID_ML_KG = 30
ELDERLY_YEARS = 65


class BlockAsk(NamedTuple):
    """A block, compiled."""

    rule: Block
    ask: Ask
    items: frozenset[str]
    passage: Passage


class StepAsk(NamedTuple):
    """A step, compiled."""

    rule: StepRule
    when: Ask
    done: Ask
    blocks: tuple[BlockAsk, ...]
    triggers: frozenset[str]
    passage: Passage


Outline = tuple[str, StepState, tuple[str, ...]]
"""What must change before a line is worth saying again: its step, its state, and the blocks that speak of it."""


class Why(NamedTuple):
    """A reason of a step, not yet put into words."""

    block: str
    severity: Any
    text: str
    cites: tuple[Cite, ...] = ()
    wants: tuple[Want, ...] = ()

    def reason(self, case: Case) -> Reason:
        return Reason(
            block=self.block,
            severity=self.severity,
            text=self.text[:400],
            evidence=evidences(case, self.cites),
            needs=needs(case, self.wants),
        )


class Line(NamedTuple):
    """One line of a checklist; its reasons are not yet put into words."""

    id: str
    text: str
    state: StepState
    whys: tuple[Why, ...]
    passage: Passage
    due_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def outline(self) -> Outline:
        return self.id, self.state, tuple([why.block for why in self.whys])

    def step(self, case: Case) -> Step:
        return Step(
            id=self.id,
            text=self.text,
            state=self.state,
            reasons=tuple(why.reason(case) for why in self.whys),
            due_at=self.due_at,
            done_at=self.done_at,
            passage=self.passage,
        )


class Checklist:
    """The lines of one guideline for one case; each step is worked out once. `begun`: the onset of each trigger."""

    def __init__(self, case: Case, blocks: tuple[BlockAsk, ...], begun: Mapping[str, Onset]) -> None:
        self._case, self._blocks, self.begun = case, blocks, begun
        self._made: dict[str, Line | None] = {}

    def line(self, compiled: StepAsk) -> Line | None:
        """The step as it stands now, or None while it does not apply."""
        name = compiled.rule.id
        if name not in self._made:
            self._made[name] = self._worked_out(compiled)
        return self._made[name]

    def _worked_out(self, compiled: StepAsk) -> Line | None:
        rule, case = compiled.rule, self._case
        applies = compiled.when(case)
        if applies.truth is Truth.NO or (applies.truth is Truth.UNKNOWN and applies.met < HALF):
            return None
        whys: list[Why] = []
        text = rule.text
        if applies.truth is Truth.UNKNOWN:
            whys.append(Why("applies", "check", "whether this step applies is not known", wants=applies.wants))
        for block in compiled.blocks:
            why = _held_up(block, block.ask(case), asks=block.rule.severity != "soft")
            if why is not None:
                whys.append(why)
                if why.severity == "modify" and block.rule.change:
                    text = block.rule.change
        if rule.limited:
            whys += _limits(case)
        owed = [want for required in rule.requires if (want := _owed(case, required)) is not None]
        whys += [Why("data", "check", "needed before this step", wants=(want,)) for want in owed]
        done_at = self._done_at(compiled)
        state = StepState.DONE if done_at is not None else _state(whys)
        return Line(rule.id, _filled(text, case), state, tuple(whys), compiled.passage, self._due_at(rule), done_at)

    def _done_at(self, compiled: StepAsk) -> datetime | None:
        ticked = (self._case.snapshot.steps_done or {}).get(compiled.rule.id)
        if ticked is not None:
            return ticked
        answer = compiled.done(self._case)
        if answer.truth is not Truth.YES:
            return None
        return max((at for at, _ in _times(answer.cites)), default=self._case.now)

    def _due_at(self, rule: StepRule) -> datetime | None:
        begun = [self.begun[t].at for t in (rule.clock or rule.triggers) if t in self.begun]
        return min(begun) + rule.within if begun and rule.within is not None else None

    # -- orders

    def orders(self) -> tuple[Line, ...]:
        """Each open order that a block speaks about, as a line of the checklist."""
        made = (self.order(order, self._blocks) for order in self._open_orders())
        return tuple(line for line in made if line is not None)

    def alone(self) -> list[tuple[BlockAsk, Treatment]]:
        """The open orders that a block speaks against though no trigger fired."""
        return [
            (block, order)
            for order in self._open_orders()
            for block in self._blocks
            if block.rule.alone and _about(block, order) and block.ask(self._case).truth is Truth.YES
        ]

    def _open_orders(self) -> list[Treatment]:
        return [o for o in self._case.orders() if self._case.now - o.observed_at <= ORDER_VALID]

    def order(self, order: Treatment, blocks: Iterable[BlockAsk]) -> Line | None:
        """The order as the gravest of the blocks about it leaves it, or None where none of them speaks."""
        about = [b for b in blocks if _about(b, order)]
        pairs = [(b, w) for b in about if (w := _held_up(b, b.ask(self._case), asks=True)) is not None]
        if not pairs:
            return None
        rank = {"hard": 0, "modify": 1, "check": 2, "soft": 3}
        block, why = min(pairs, key=lambda pair: rank[pair[1].severity])
        states = {"hard": StepState.WITHHELD, "modify": StepState.MODIFIED}
        changed = block.rule.change if why.severity == "modify" else None
        change = f" → {_filled(changed, self._case)}" if changed else ""
        return Line(
            id=f"order:{order.item}@{order.observed_at:%Y-%m-%dT%H:%M:%S}",
            text=f"Ordered {clock(order.observed_at)}: {_dose(order)}{change}"[:400],
            state=states.get(why.severity, StepState.NEEDS_CHECK),
            whys=tuple(w for _, w in pairs),
            passage=block.passage,
        )


# -- reasons


def _held_up(block: BlockAsk, answer: Answer, asks: bool) -> Why | None:
    rule = block.rule
    if answer.truth is Truth.YES:
        text = f"{rule.text} {rule.instead}" if rule.instead else rule.text
        return Why(rule.id, rule.severity, text, cites=answer.cites)
    if answer.truth is Truth.UNKNOWN and asks:
        return Why(rule.id, "check", f"not known whether this holds: {rule.text}", wants=answer.wants)
    return None


def _limits(case: Case) -> list[Why]:
    limit = case.once("limit", escalation_limited)
    if limit.truth is not Truth.YES:
        return []
    text = "A limit of treatment is recorded: talk about this step first."
    return [Why("limit", "soft", text, cites=limit.cites)]


def _state(whys: Iterable[Why]) -> StepState:
    severities = {why.severity for why in whys}
    if "limit" in {why.block for why in whys}:
        return StepState.DISCUSS
    if "hard" in severities:
        return StepState.WITHHELD
    if "modify" in severities:
        return StepState.MODIFIED
    return StepState.NEEDS_CHECK if "check" in severities else StepState.OFFERED


def _about(block: BlockAsk, order: Treatment) -> bool:
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
