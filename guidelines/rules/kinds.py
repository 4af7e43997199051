"""One function per kind of condition (`schemas.conditions`), and Kleene's combinations of them.

Each is compiled once into a function of a case, with what it reads. A function that rests on something that time will
change says until when (`Case.stays`, `Case.leaves`); windows and strictness are those of the reference, §0.3.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from guidelines.rules import noted
from guidelines.rules.answers import (
    NO,
    Answer,
    Computed,
    Forecasted,
    Interval,
    Missing,
    Personal,
    Sample,
    Source,
    no,
    not_measured,
    open_range,
    unknown,
    yes,
)
from guidelines.rules.case import FILLED, NOTHING_REPORTED, Case, Volume, full_minute, item_name, members
from guidelines.rules.registry import SERIES, given_of
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import LEVELS, Fan, Unavailable
from schemas.conditions import (
    Aggregate,
    Allergic,
    AllOf,
    AnyOf,
    AtLeastOf,
    Chance,
    Change,
    Coded,
    Compare,
    Condition,
    Diagnosed,
    Expected,
    Given,
    NoneOf,
    Noted,
    On,
    Op,
    Ordered,
    Person,
    Rate,
    Total,
    Trend,
    Windowed,
)

if TYPE_CHECKING:
    from guidelines.rules.graph import Graph, Node

Ask = Callable[[Case], Answer]

SPANNED = 0.8
"""A sustained condition needs samples that span this part of its window (reference §0.3)."""

COMPARED: Mapping[Op, Callable[[float, float], bool]] = {
    Op.BELOW: lt, Op.ABOVE: gt, Op.AT_MOST: le, Op.AT_LEAST: ge, Op.EQUALS: eq,
}  # fmt: skip


class Bound(NamedTuple):
    """A quantity's newest value against a number."""

    quantity: str
    op: Op
    value: float


class Compiled(NamedTuple):
    """A condition as a function, what it reads, and whether time alone can make it TRUE or FALSE."""

    work: Callable[[Case], Any]
    reads: frozenset[str]
    may_rise: bool = True
    may_fall: bool = True
    parts: "tuple[Node, ...]" = ()  # of a combination
    how: Literal["all", "any", "none"] | None = None
    combined: Callable[[Iterable[Answer]], Answer] | None = None  # the answers of its parts, as one
    settling: Truth | None = None  # the answer of any one part that settles it
    bound: "Bound | None" = None  # of a plain comparison with the newest value
    uses: "tuple[Node, ...]" = ()  # what it asks for that is no part of it
    ages_only: bool = False  # beside what it uses it rests on newest values alone


def compiled(condition: Condition, graph: "Graph") -> Compiled:
    """The condition for this graph, whose nodes it asks for its parts."""
    made: Compiled = _KINDS[type(condition)](condition, graph)
    return made


# -- numbers


def reads_of(name: str, graph: "Graph") -> frozenset[str]:
    """What a quantity rests on, measured or worked out."""
    node = graph.quantity(name)
    below = frozenset() if node is None else node.reads
    tube = {"o2_device"} if name == "gcs_total" else set()
    return below | {name, *FILLED.get(name, ())} | tube


def quantity(case: Case, name: str) -> Interval:
    """The newest valid value of a concept, a score or a derived number; an open range where it is not known."""
    if name in FILLED:
        newest = case.newest(name)
        return not_measured(name) if newest is None else Interval(newest.value, newest.value, (newest.source,))
    reading = case.latest(name)
    if reading is not None and reading.value is not None:
        return Interval(reading.value, reading.value, (reading,))
    if case.graph.quantity(name) is not None:
        return case.number(name)
    return not_measured(name)


def settled(op: Op, number: Interval, value: float) -> Answer:
    """Kleene's answer to `number op value`: a range that straddles the bound leaves it open."""
    holds = COMPARED[op]
    low, high = holds(number.low, value), holds(number.high, value)
    if op is Op.EQUALS and number.low < value < number.high:
        return Answer(Truth.UNKNOWN, (), number.missing)
    if low and high:
        return Answer(Truth.YES, number.sources, (), 1.0)
    if low or high:
        rising = op in (Op.AT_LEAST, Op.ABOVE) and value > 0 and number.low > 0
        return Answer(Truth.UNKNOWN, (), number.missing, min(number.low / value, 1.0) if rising else 0.0)
    return Answer(Truth.NO, number.sources)


def series(case: Case, name: str, span: timedelta) -> Sequence[Sample]:
    """The samples of a quantity in [now - span, now], newest first."""
    special = SERIES.get(name)
    return case.series(name, span) if special is None else special(case, span)


def window(case: Case, name: str, span: timedelta) -> list[Sample]:
    """The samples of a quantity in (now - span, now], newest first (reference §0.3); of a derived series with that at
    its start, which holds until the next."""
    found = series(case, name, span)
    return [sample for sample in found if name in SERIES or sample.at + span > case.now]


def _rests_on(case: Case, name: str, sample: Sample, span: timedelta) -> None:
    """The answer rests on a sample of a closed window; a derived series says by itself when it changes."""
    if name not in SERIES:
        case.leaves(sample.at, span)


# -- one kind of condition each


def _compare(c: Compare, graph: "Graph") -> Compiled:
    name, op, value, hold, holds = c.quantity, c.op, c.value, c.hold, COMPARED[c.op]
    reads = reads_of(name, graph)

    def newest(case: Case) -> Answer:
        reading = None if name in FILLED else case.latest(name)
        if reading is None or reading.value is None:
            return settled(op, quantity(case, name), value)
        return Answer(Truth.YES, (reading,), (), 1.0) if holds(reading.value, value) else Answer(Truth.NO, (reading,))

    made = graph.quantity(name)
    ages = made is None and name not in FILLED  # of these another word may take the place of one too old
    if hold is None:
        return Compiled(
            newest,
            reads,
            may_rise=not ages and (made is None or made.may_rise),
            may_fall=not ages and (made is None or made.may_fall),
            bound=Bound(name, op, value),
            uses=() if made is None else (made,),
            ages_only=made is not None,
        )
    return Compiled(lambda case: _held(case, name, holds, value, hold, newest(case)), reads)


def _held(
    case: Case,
    name: str,
    holds: Callable[[float, float], bool],
    value: float,
    hold: timedelta,
    last: Answer,
) -> Answer:
    """`sustained`: true of every sample of the window, of at least two that span 0.8 of it."""
    if last.truth is Truth.NO:
        return last  # settled by the newest value, without a look at the window
    samples = series(case, name, hold)
    for sample in samples:
        if not holds(sample.value, value):
            _rests_on(case, name, sample, hold)
            return no(sample.source)
    wide = next((s for s in samples if samples[0].at - s.at >= SPANNED * hold), None)
    if wide is not None and len(samples) >= 2:
        _rests_on(case, name, wide, hold)
        return yes(samples[0].source, samples[-1].source)
    if not samples and last.missing:
        return last
    return unknown(Missing(name, f"needs two values {int(hold.total_seconds() // 60)} min apart"))


def _coded(c: Coded, graph: "Graph") -> Compiled:
    name, codes = c.quantity, frozenset(c.codes)

    def letter(case: Case) -> Answer:
        found, sources = case.ask(graph.named["consciousness"])
        if found is None:
            return unknown(Missing(name))
        return yes(*sources) if found in codes else no(*sources)

    def ask(case: Case) -> Answer:
        reading = case.latest(name)
        if reading is None:
            return unknown(Missing(name))
        return yes(reading) if reading.code in codes else no(reading)

    if name == "acvpu":
        return Compiled(letter, graph.named["consciousness"].reads)
    return Compiled(ask, frozenset((name,)), may_rise=False, may_fall=False)


_CONTINUOUS = "is no row of values: its lowest and highest of a window are known, and its changes"


def _windowed(c: Windowed, graph: "Graph") -> Compiled:
    def ask(case: Case) -> Answer:
        if c.quantity in SERIES and c.aggregate in (Aggregate.MEAN, Aggregate.COUNT):
            return unknown(Missing(c.quantity, _CONTINUOUS))
        samples = window(case, c.quantity, c.over)
        if not samples:
            return unknown(Missing(c.quantity))
        match c.aggregate:
            case Aggregate.MIN:
                chosen = last = min(samples, key=lambda s: s.value)
            case Aggregate.MAX:
                chosen = last = max(samples, key=lambda s: s.value)
            case Aggregate.MEAN:
                last, mean = samples[-1], sum(s.value for s in samples) / len(samples)
                made = Computed(c.quantity, mean, samples[0].at, (samples[0].source,))
                chosen = Sample(samples[0].at, mean, made)
            case Aggregate.COUNT:
                last, chosen = samples[-1], Sample(samples[0].at, len(samples), samples[0].source)
        if c.quantity not in SERIES:
            case.stays(last.at + c.over)
        return settled(c.op, Interval(chosen.value, chosen.value, (chosen.source,)), c.value)

    return Compiled(ask, reads_of(c.quantity, graph))


def _change(c: Change, graph: "Graph") -> Compiled:
    def ask(case: Case) -> Answer:
        samples = window(case, c.quantity, c.within)
        if len(samples) < 2:
            return unknown(Missing(c.quantity, f"needs two values within {int(c.within.total_seconds() // 60)} min"))
        newest, earlier = samples[0], samples[1:]
        extreme = (min if c.rises else max)(earlier, key=lambda s: s.value)
        if c.quantity not in SERIES:
            case.stays(extreme.at + c.within)
        change = newest.value - extreme.value if c.rises else extreme.value - newest.value
        least = c.by * abs(extreme.value) / 100 if c.percent else c.by
        return (yes if change >= least - 1e-9 else no)(newest.source, extreme.source)

    return Compiled(ask, reads_of(c.quantity, graph))


def _trend(c: Trend, graph: "Graph") -> Compiled:
    def ask(case: Case) -> Answer:
        if c.quantity in SERIES:
            return unknown(Missing(c.quantity, _CONTINUOUS))
        samples = window(case, c.quantity, c.over)
        if len(samples) < 3:
            return unknown(Missing(c.quantity, "needs three values for a trend"))
        case.stays(samples[-1].at + c.over)
        hours = [
            (s.at - samples[0].at) / timedelta(hours=1) for s in samples
        ]  # from the newest: the same whenever asked
        mean_t, mean_v = sum(hours) / len(hours), sum(s.value for s in samples) / len(samples)
        spread = sum((t - mean_t) ** 2 for t in hours)
        if spread == 0:
            return unknown(Missing(c.quantity, "needs three values for a trend"))
        slope = sum((t - mean_t) * (s.value - mean_v) for t, s in zip(hours, samples, strict=True)) / spread
        return settled(c.op, Interval(slope, slope, (samples[0].source, samples[-1].source)), c.value)

    return Compiled(ask, reads_of(c.quantity, graph))


def _noted(c: Noted, _graph: "Graph") -> Compiled:
    fact, within, hedged_suffices = c.fact, c.within, c.uncertain
    unread = unknown(Missing(fact, "no note was read in the last 24 h"))

    def ask(case: Case) -> Answer:
        hedged: NoteFact | None = None
        denied: NoteFact | None = None
        for word in case.said(fact, within):
            if word.polarity is Polarity.AFFIRMED or (hedged_suffices and word.polarity is Polarity.UNCERTAIN):
                return yes(word)
            if word.polarity is Polarity.UNCERTAIN:
                hedged = word
            else:
                denied = word
        if hedged is not None:
            return unknown(Missing(fact, f"noted as possible: “{hedged.words[:80]}”"))
        if denied is not None:
            return no(denied)
        return NO if case.notes_heard() else unread

    return Compiled(ask, frozenset((f"n:{fact}", "notes")))  # what is written for later speaks when its time comes


def _on(c: On, _graph: "Graph") -> Compiled:
    unheard = unknown(Missing(c.item, NOTHING_REPORTED))

    def ask(case: Case) -> Answer:
        running = case.running(c.item)
        fresh = [t for t in running if case.is_fresh(t)]
        if fresh:
            return yes(*fresh)
        told = noted.running(case, c.item)
        if told is not None:
            return yes(told)
        if not case.treatments_heard:
            return unheard
        return unknown(Missing(c.item, "started long ago, no word since")) if running else NO

    return Compiled(ask, frozenset((*given_of(c.item), *noted.RUNNING_READS)))


def _given(c: Given, _graph: "Graph") -> Compiled:
    unheard = unknown(Missing(c.item, NOTHING_REPORTED))

    def ask(case: Case) -> Answer:
        done = case.given(c.item, c.within) or noted.given(case, c.item, c.within)
        if done is None:
            return NO if case.treatments_heard else unheard
        return yes(done)

    return Compiled(ask, frozenset((*given_of(c.item), *noted.GIVEN_READS)))


def _ordered(c: Ordered, _graph: "Graph") -> Compiled:
    names = members(c.item)
    unheard = unknown(Missing(c.item, NOTHING_REPORTED))

    def ask(case: Case) -> Answer:
        if not case.treatments_heard:
            return unheard
        for order in case.orders():
            if order.item in names and order.observed_at + c.within > case.now:
                case.stays(order.observed_at + c.within)
                return yes(order)
        return NO

    return Compiled(ask, frozenset(given_of(c.item)), may_rise=False)


def _rate(c: Rate, _graph: "Graph") -> Compiled:
    reads = frozenset((*given_of(c.item), *noted.RUNNING_READS))
    if c.hold is None:
        return Compiled(lambda case: settled(c.op, noted.rate(case, c.item), c.value), reads)
    hold = c.hold

    def ask(case: Case) -> Answer:
        now = settled(c.op, noted.rate(case, c.item), c.value)
        if now.truth is not Truth.YES:
            return now
        samples = infused(case, dict.fromkeys(members(c.item), 1.0), hold)
        held = all(COMPARED[c.op](s.value, c.value) for s in samples)
        return Answer(Truth.YES, now.sources, (), 1.0) if held else Answer(Truth.NO, now.sources)

    return Compiled(ask, reads)


def infused(case: Case, factors: Mapping[str, float], span: timedelta) -> list[Sample]:
    """The weighted sum of infusion rates at the start of [now - span, now] and after every change in it, newest first.

    It stays until the next of those changes leaves the window, or a silent infusion is no longer believed.
    """
    now, start = case.now, case.now - span
    runs = [(s, f) for drug, f in factors.items() for s in case.stretches(drug) if s.end >= start or s.runs]
    for run, _ in runs:
        for edge in (run.start, *(() if run.runs else (run.end,))):
            if edge > now:
                case.stays(edge)  # written ahead
            elif edge > start:
                case.stays(edge + span)
    edges = {edge for run, _ in runs for edge in (max(run.start, start), run.end) if edge <= now}
    samples = []
    for at in sorted({start, now, *edges}, reverse=True):
        active = [(s, f) for s, f in runs if s.start <= at and (at < s.end or (s.runs and at == now))]
        total = sum(s.rate * f for s, f in active)
        samples.append(Sample(at, total, Computed("ned", total, at, tuple(s.treatment for s, _ in active))))
    return samples


def _total(c: Total, graph: "Graph") -> Compiled:
    reads = frozenset((*given_of(c.item), *noted.GIVEN_READS))
    given = graph.add(("volume", c.item, c.over), Compiled(lambda case: noted.volume(case, c.item, c.over), reads))

    unheard = open_range(Missing(c.item, NOTHING_REPORTED))

    def side(number: float) -> int:
        """Of the bound: where it holds, or not; to be equal to it is a place of its own between two that are not."""
        if c.op is Op.EQUALS:
            return (number > c.value) - (number < c.value)
        return COMPARED[c.op](number, c.value)

    def plain(case: Case) -> Answer:
        volume: Volume | None = case.ask(given)
        if volume is None:
            return settled(c.op, unheard, c.value)
        minute = full_minute(case.now)
        case.stays_with(volume, side)
        ml, counted = volume.at(minute), volume.counted(minute)
        made = (Computed(f"total {c.item}", ml, case.now, counted[-4:], unit="mL"),) if counted else ()
        return settled(c.op, Interval(ml, ml, made), c.value)

    def per_kg(case: Case) -> Answer:
        volume: Volume | None = case.ask(given)
        if volume is None:
            return settled(c.op, unheard, c.value)
        minute = full_minute(case.now)
        ml, counted = volume.at(minute), volume.counted(minute)
        weight: Sample | None = case.ask(graph.named["dosing_weight"])
        if weight is None:
            # Nothing given is nothing per kg, whoever it is given to.
            case.stays_with(volume, lambda ml: ml > 0)
            return settled(c.op, open_range(Missing("weight")) if ml > 0 else Interval(0.0, 0.0), c.value)
        kg = weight.value
        case.stays_with(volume, lambda ml: side(ml / kg))
        made = Computed(f"total {c.item} per kg", ml / kg, case.now, (*counted[-4:], weight.source), unit="mL/kg")
        return settled(c.op, Interval(ml / kg, ml / kg, (made,)), c.value)

    return Compiled(per_kg, reads | graph.named["dosing_weight"].reads) if c.per_kg else Compiled(plain, reads)


def _diagnosed(c: Diagnosed, _graph: "Graph") -> Compiled:
    shown = c.code.replace("_", " ")
    listed_one = yes(Personal(f"diagnosis {c.code}", "problem list", shown))
    facts = noted.facts_of_diagnosis(c.code)

    def ask(case: Case) -> Answer:
        listed = case.snapshot.patient.diagnoses
        if listed is not None and c.code in listed:
            return listed_one
        word = noted.diagnosis(case, c.code) if facts else None
        if word is not None and noted.states(word, c.code):
            return yes(word)
        if word is not None:
            return unknown(Missing("diagnoses", f"a note says “{word.words[:80]}”: {shown}?"))
        return no() if listed is not None else unknown(Missing("diagnoses", "no problem list was ever sent"))

    return Compiled(ask, frozenset(("p:diagnoses", *(f"n:{fact}" for fact in facts))), may_rise=False, may_fall=False)


def _allergic(c: Allergic, _graph: "Graph") -> Compiled:
    def ask(case: Case) -> Answer:
        noted = _noted_allergy(case, c)
        if noted is not None:
            return yes(noted)
        listed = case.snapshot.patient.allergies
        if listed is None:
            return unknown(Missing("allergies", "no allergy list was ever sent"))
        for entry in listed:
            same = entry.substance == c.substance or bool(members(entry.substance) & members(c.substance))
            if same and c.severity in (None, entry.severity):
                shown = f"{item_name(entry.substance)}, {entry.severity.replace('_', ' ')}"
                return yes(Personal(f"allergy {entry.substance}", "allergy list", shown))
        return no()

    return Compiled(ask, frozenset(("p:allergies", "n:allergy.*")), may_rise=False, may_fall=False)


def _noted_allergy(case: Case, c: Allergic) -> NoteFact | None:
    """An allergy that a note names, also as history or copied: it lasts. "No known allergies" does not make a list."""
    for fact in case.snapshot.facts:
        if fact.polarity is not Polarity.AFFIRMED or fact.detail is None or not fact.concept.startswith("allergy"):
            continue
        mine = fact.experiencer is Experiencer.PATIENT and fact.temporality is not Temporality.HYPOTHETICAL
        severity = fact.concept.partition(".")[2] or "unknown"
        if mine and c.severity in (None, severity) and members(fact.detail) & members(c.substance):
            return fact
    return None


def _person(c: Person, graph: "Graph") -> Compiled:
    node = graph.named[f"person {c.attribute}"]
    return Compiled(lambda case: settled(c.op, case.ask(node), c.value), node.reads)


def _expected(c: Expected, _graph: "Graph") -> Compiled:
    key = ("expected", c.quantity, c.ahead, c.quantile)

    def expected(case: Case) -> Interval:
        fan = case.outlook.fan(c.quantity)
        if isinstance(fan, Unavailable):
            return open_range(*_unavailable(fan, c.quantity).missing)
        value = _quantile(fan, c.ahead / timedelta(hours=1), c.quantile)
        if value is None:
            return open_range(Missing(c.quantity, "the forecast does not reach so far"))
        return Interval(value, value, (Forecasted(c.quantity, value, c.ahead, fan.origin, fan.origin_at),))

    def ask(case: Case) -> Answer:
        case.stays(case.outlook.until)
        return settled(c.op, case.once(key, expected), c.value)

    return Compiled(ask, frozenset(("forecast",)))


def _chance(c: Chance, _graph: "Graph") -> Compiled:
    def ask(case: Case) -> Answer:
        case.stays(case.outlook.until)
        odds = case.outlook.chance(c.of, c.within)
        if isinstance(odds, Unavailable):
            return _unavailable(odds, "forecast")
        made = Computed("chance", odds.probability, case.now, ())
        return settled(Op.AT_LEAST, Interval(odds.probability, odds.probability, (made,)), c.at_least)

    return Compiled(ask, frozenset(("forecast",)))


def _unavailable(why: Unavailable, subject: str) -> Answer:
    if why.settles:
        return unknown(*(Missing(s) for s in why.settles))
    return unknown(Missing(subject, why.reason[:200]))


def _quantile(fan: Fan, hours: float, level: float) -> float | None:
    """The fan at a horizon and level, linear in between; None outside of both."""
    if level in LEVELS:
        place = LEVELS.index(level)
        return _between(fan.horizons_h, [row[place] for row in fan.quantiles], hours)
    rows = [row for made in fan.quantiles if (row := _between(LEVELS, made, level)) is not None]
    return _between(fan.horizons_h, rows, hours) if len(rows) == len(fan.horizons_h) else None


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float | None:
    after = bisect_left(xs, x)
    if after == len(xs):
        return None
    if xs[after] == x:
        return ys[after]
    if after == 0:
        return None
    x0, y0, x1, y1 = xs[after - 1], ys[after - 1], xs[after], ys[after]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


# -- combinations (Kleene)


def _nodes(parts: Iterable[Condition], graph: "Graph") -> tuple["Node", ...]:
    return tuple(graph.node(part) for part in parts)


def _combination(
    nodes: tuple["Node", ...],
    how: Literal["all", "any"],
    combined: Callable[[Iterable[Answer]], Answer],
    settling: Truth | None,
) -> Compiled:
    reads = frozenset().union(*(node.reads for node in nodes))
    return Compiled(lambda case: combined(map(case.ask, nodes)), reads, *_may(nodes), nodes, how, combined, settling)


def _all_of(c: AllOf, graph: "Graph") -> Compiled:
    """The first NO settles it. A none_of is a guard and no claim: it does not make the whole half satisfied."""
    weight = 1.0 / (sum(not isinstance(part, NoneOf) for part in c.parts) or 1)
    shares = tuple(0.0 if isinstance(part, NoneOf) else weight for part in c.parts)

    def combined(answers: Iterable[Answer]) -> Answer:
        sources: tuple[Source, ...] = ()
        missing: tuple[Missing, ...] | None = None
        met = 0.0
        for answer, share in zip(answers, shares, strict=False):
            truth = answer.truth
            if truth is Truth.NO:
                return answer
            met += share * answer.met
            if answer.sources:
                sources += answer.sources
            if truth is Truth.UNKNOWN and missing is None:
                missing = answer.missing  # of the first open part only: settling it may settle all
        if missing is None:
            return Answer(Truth.YES, sources, (), 1.0)
        return Answer(Truth.UNKNOWN, sources, missing, met)

    return _combination(_nodes(c.parts, graph), "all", combined, Truth.NO)


def _may(nodes: Iterable["Node"]) -> tuple[bool, bool]:
    return any(n.may_rise for n in nodes), any(n.may_fall for n in nodes)


def _at_least(count: int, parts: Iterable[Condition], graph: "Graph") -> Compiled:
    """YES when `count` parts hold, NO when so few can still hold that it cannot be reached; `count` 1 is any_of."""
    return _combination(_nodes(parts, graph), "any", partial(_counted, count), Truth.YES if count == 1 else None)


def _counted(count: int, answers: Iterable[Answer]) -> Answer:
    held: list[Answer] = []
    open_: list[Answer] = []
    denied: list[Answer] = []
    for answer in answers:
        truth = answer.truth
        (held if truth is Truth.YES else denied if truth is Truth.NO else open_).append(answer)
    if len(held) >= count:
        return Answer(Truth.YES, _sources(held), (), 1.0)
    if len(held) + len(open_) < count:
        return Answer(Truth.NO, _sources(denied))
    mets = sorted([answer.met for answer in (*held, *open_)], reverse=True)
    missing = tuple([m for answer in open_ for m in answer.missing])
    return Answer(Truth.UNKNOWN, _sources(held) + _sources(open_), missing, sum(mets[:count]) / count)


def _sources(answers: Iterable[Answer]) -> tuple[Source, ...]:
    return tuple([source for answer in answers if answer.sources for source in answer.sources])


def _any_of(c: AnyOf, graph: "Graph") -> Compiled:
    return _at_least(1, c.parts, graph)


def _at_least_of(c: AtLeastOf, graph: "Graph") -> Compiled:
    return _at_least(c.count, c.parts, graph)


def _none_of(c: NoneOf, graph: "Graph") -> Compiled:
    some = _at_least(1, c.parts, graph)

    def combined(answers: Iterable[Answer]) -> Answer:
        answer = _counted(1, answers)
        match answer.truth:
            case Truth.YES:
                return Answer(Truth.NO, answer.sources)
            case Truth.NO:
                return Answer(Truth.YES, answer.sources, (), 1.0)
            case _:
                return Answer(Truth.UNKNOWN, (), answer.missing, 0.5)  # as far as is known, none of them

    made = _combination(some.parts, "any", combined, Truth.YES)
    return made._replace(may_rise=some.may_fall, may_fall=some.may_rise, how="none")


_KINDS: Mapping[type, Callable[[Any, "Graph"], Compiled]] = {
    Compare: _compare, Coded: _coded, Windowed: _windowed, Change: _change, Trend: _trend, Noted: _noted, On: _on,
    Given: _given, Ordered: _ordered, Rate: _rate, Total: _total, Diagnosed: _diagnosed, Allergic: _allergic,
    Person: _person, Expected: _expected, Chance: _chance, AllOf: _all_of, AnyOf: _any_of, AtLeastOf: _at_least_of,
    NoneOf: _none_of,
}  # fmt: skip
