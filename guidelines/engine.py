"""Three-valued truth of any condition on a snapshot (reference §0.3, §0.4).

    truth(parse("map below 65 for 10 min"), snapshot, outlook, {})      # Verdict(YES | NO | UNKNOWN, evidence, needs)

A condition is compiled once into a function of `Case`; `judge` asks those functions, `truth` asks one.
UNKNOWN is never NO: it comes with the measurement that would settle it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import NamedTuple

from guidelines import derived
from guidelines.case import (
    NO,
    Answer,
    Case,
    Cite,
    Computed,
    Foreseen,
    Known,
    Personal,
    Sample,
    Want,
    item_name,
    members,
    missing,
    no,
    open_range,
    unknown,
    yes,
)
from guidelines.evidence import NO_OUTLOOK, evidences, label, needs
from guidelines.scores import TALLIES, known
from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.findings import Evidence, Need, Truth
from schemas.clinical.forecasts import LEVELS, Fan, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
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
    Named,
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

Ask = Callable[[Case], Answer]

SPANNED = 0.8
"""A sustained condition needs samples that span this part of its window (reference §0.3)."""

COMPARED = {Op.BELOW: lt, Op.ABOVE: gt, Op.AT_MOST: le, Op.AT_LEAST: ge, Op.EQUALS: eq}


OUT_OF_REACH = Answer(Truth.UNKNOWN, met=-1.0)
"""What `while_in_reach` answers when it gives up."""


WHOLE = 1.0 - 1e-6
"""An UNKNOWN met by this much is wholly met, as a sum of parts may be."""


class Verdict(NamedTuple):
    """The truth of one condition, what made it so, and what would settle it."""

    truth: Truth
    evidence: tuple[Evidence, ...]
    needs: tuple[Need, ...]


def truth(
    condition: Condition,
    snapshot: Snapshot,
    outlook: Outlook = NO_OUTLOOK,
    definitions: Mapping[str, Condition] | None = None,
) -> Verdict:
    """Whether the condition holds of what could be known at `snapshot.now`. Never raises on patient data."""
    compiled = {name: compiled_of(c) for name, c in (definitions or {}).items()}
    case = Case(snapshot, outlook, compiled)
    answer = compiled_of(condition)(case)
    return Verdict(answer.truth, evidences(case, answer.cites), needs(case, answer.wants))


# -- numbers


def quantity(case: Case, name: str) -> Known:
    """The newest valid value of a concept, a score or a derived number; an open range where it is not known."""
    if name == "map":
        return _map(case)
    reading = case.latest(name)
    if reading is not None and reading.value is not None:
        return Known(reading.value, reading.value, (reading,))
    if name in TALLIES:
        return known(case, name)
    if name in derived.NUMBERS:
        return case.once(("number", name), derived.NUMBERS[name])
    return missing(name)


def _map(case: Case) -> Known:
    newest = case.newest_map()
    return missing("map") if newest is None else Known(newest.value, newest.value, (newest.cite,))


def settled(op: Op, number: Known, value: float) -> Answer:
    """Kleene's answer to `number op value`: a range that straddles the bound leaves it open."""
    holds = COMPARED[op]
    low, high = holds(number.low, value), holds(number.high, value)
    if op is Op.EQUALS and number.low < value < number.high:
        return Answer(Truth.UNKNOWN, (), number.wants)
    if low and high:
        return Answer(Truth.YES, number.cites, (), 1.0)
    if low or high:
        rising = op in (Op.AT_LEAST, Op.ABOVE) and value > 0 and number.low > 0
        return Answer(Truth.UNKNOWN, (), number.wants, min(number.low / value, 1.0) if rising else 0.0)
    return Answer(Truth.NO, number.cites)


def series(case: Case, name: str, span: timedelta) -> Sequence[Sample]:
    """The samples of a quantity in [now - span, now], newest first."""
    special = derived.SERIES.get(name)
    return case.series(name, span) if special is None else special(case, span)


# -- one kind of condition each


def _compare(c: Compare) -> Ask:
    name, op, value, hold, holds = c.quantity, c.op, c.value, c.hold, COMPARED[c.op]

    def newest(case: Case) -> Answer:
        reading = None if name == "map" else case.latest(name)
        if reading is None or reading.value is None:
            return settled(op, quantity(case, name), value)
        return Answer(Truth.YES, (reading,), (), 1.0) if holds(reading.value, value) else Answer(Truth.NO, (reading,))

    if hold is None:
        return newest
    return lambda case: _held(case, name, holds, value, hold, newest(case))


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
            return no(sample.cite)
    if len(samples) >= 2 and samples[0].at - samples[-1].at >= SPANNED * hold:
        return yes(samples[0].cite, samples[-1].cite)
    if not samples and last.wants:
        return last
    return unknown(Want(name, f"needs two values {int(hold.total_seconds() // 60)} min apart"))


def _coded(c: Coded) -> Ask:
    name, codes = c.quantity, frozenset(c.codes)

    def ask(case: Case) -> Answer:
        if name == "acvpu":
            letter, cites = derived.acvpu(case)
            if letter is None:
                return unknown(Want(name))
            return yes(*cites) if letter in codes else no(*cites)
        reading = case.latest(name)
        if reading is None:
            return unknown(Want(name))
        return yes(reading) if reading.code in codes else no(reading)

    return ask


def _windowed(c: Windowed) -> Ask:
    def ask(case: Case) -> Answer:
        start = case.now - c.over
        samples = [s for s in series(case, c.quantity, c.over) if s.at > start]
        if not samples:
            return unknown(Want(c.quantity))
        match c.aggregate:
            case Aggregate.MIN:
                chosen = min(samples, key=lambda s: s.value)
            case Aggregate.MAX:
                chosen = max(samples, key=lambda s: s.value)
            case Aggregate.MEAN:
                mean = sum(s.value for s in samples) / len(samples)
                chosen = Sample(samples[0].at, mean, Computed(c.quantity, mean, samples[0].at, (samples[0].cite,)))
            case Aggregate.COUNT:
                chosen = Sample(samples[0].at, len(samples), samples[0].cite)
        return settled(c.op, Known(chosen.value, chosen.value, (chosen.cite,)), c.value)

    return ask


def _change(c: Change) -> Ask:
    def ask(case: Case) -> Answer:
        samples = series(case, c.quantity, c.within)
        if len(samples) < 2:
            return unknown(Want(c.quantity, f"needs two values within {int(c.within.total_seconds() // 60)} min"))
        newest, earlier = samples[0], samples[1:]
        extreme = (min if c.rises else max)(earlier, key=lambda s: s.value)
        change = newest.value - extreme.value if c.rises else extreme.value - newest.value
        least = c.by * abs(extreme.value) / 100 if c.percent else c.by
        return (yes if change >= least - 1e-9 else no)(newest.cite, extreme.cite)

    return ask


def _trend(c: Trend) -> Ask:
    def ask(case: Case) -> Answer:
        samples = series(case, c.quantity, c.over)
        if len(samples) < 3:
            return unknown(Want(c.quantity, "needs three values for a trend"))
        hours = [(s.at - case.now) / timedelta(hours=1) for s in samples]
        mean_t, mean_v = sum(hours) / len(hours), sum(s.value for s in samples) / len(samples)
        spread = sum((t - mean_t) ** 2 for t in hours)
        if spread == 0:
            return unknown(Want(c.quantity, "needs three values for a trend"))
        slope = sum((t - mean_t) * (s.value - mean_v) for t, s in zip(hours, samples, strict=True)) / spread
        return settled(c.op, Known(slope, slope, (samples[0].cite, samples[-1].cite)), c.value)

    return ask


def _noted(c: Noted) -> Ask:
    fact, within, hedged_suffices = c.fact, c.within, c.uncertain
    unread = unknown(Want(fact, "no note was read in the last 24 h"))

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
            return unknown(Want(fact, f"noted as possible: “{hedged.words[:80]}”"))
        if denied is not None:
            return no(denied)
        return NO if case.notes_heard() else unread

    return ask


def _on(c: On) -> Ask:
    unheard = unknown(Want(c.item, "no treatment was ever reported"))

    def ask(case: Case) -> Answer:
        if not case.snapshot.treatments:
            return unheard
        running = case.running(c.item)
        fresh = [t for t in running if case.now - t.observed_at <= derived.INFUSION_VALID]
        if fresh:
            return yes(*fresh)
        if running:
            return unknown(Want(c.item, "started long ago, no word since"))
        return NO

    return ask


def _given(c: Given) -> Ask:
    unheard = unknown(Want(c.item, "no treatment was ever reported"))

    def ask(case: Case) -> Answer:
        if not case.snapshot.treatments:
            return unheard
        done = case.given(c.item, c.within)
        if done is not None:
            return yes(done)
        return NO

    return ask


def _ordered(c: Ordered) -> Ask:
    names = members(c.item)

    unheard = unknown(Want(c.item, "no treatment was ever reported"))

    def ask(case: Case) -> Answer:
        if not case.snapshot.treatments:
            return unheard
        start = case.now - c.within
        for order in case.orders():
            if order.item in names and order.observed_at > start:
                return yes(order)
        return NO

    return ask


def _rate(c: Rate) -> Ask:
    if c.hold is None:
        return lambda case: settled(c.op, case.rate(c.item), c.value)
    hold = c.hold

    def ask(case: Case) -> Answer:
        now = settled(c.op, case.rate(c.item), c.value)
        if now.truth is not Truth.YES:
            return now
        samples = derived.rate_series(case, c.item, hold)
        held = all(COMPARED[c.op](s.value, c.value) for s in samples)
        return Answer(Truth.YES, now.cites, (), 1.0) if held else Answer(Truth.NO, now.cites)

    return ask


def _total(c: Total) -> Ask:
    def ask(case: Case) -> Answer:
        volume = case.volume(c.item, c.over)
        if not c.per_kg or volume.wants:
            return settled(c.op, derived.summed(case, c.item, volume), c.value)
        weight = case.dosing_weight()
        if weight is None:
            # Nothing given is nothing per kg, whoever it is given to.
            return settled(c.op, volume if volume.high == 0 else open_range(Want("weight")), c.value)
        return settled(c.op, derived.per_kg(case, c.item, volume, weight), c.value)

    return ask


def _diagnosed(c: Diagnosed) -> Ask:
    def ask(case: Case) -> Answer:
        listed = case.snapshot.patient.diagnoses
        if listed is None:
            return unknown(Want("diagnoses", "no problem list was ever sent"))
        shown = c.code.replace("_", " ")
        return yes(Personal(f"diagnosis {c.code}", "problem list", shown)) if c.code in listed else no()

    return ask


def _allergic(c: Allergic) -> Ask:
    def ask(case: Case) -> Answer:
        noted = _noted_allergy(case, c)
        if noted is not None:
            return yes(noted)
        listed = case.snapshot.patient.allergies
        if listed is None:
            return unknown(Want("allergies", "no allergy list was ever sent"))
        for entry in listed:
            same = entry.substance == c.substance or bool(members(entry.substance) & members(c.substance))
            if same and c.severity in (None, entry.severity):
                shown = f"{item_name(entry.substance)}, {entry.severity.replace('_', ' ')}"
                return yes(Personal(f"allergy {entry.substance}", "allergy list", shown))
        return no()

    return ask


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


def _person(c: Person) -> Ask:
    def ask(case: Case) -> Answer:
        return settled(c.op, derived.personal(case, c.attribute), c.value)

    return ask


def _named(c: Named) -> Ask:
    name, key = c.name, f"is {c.name}"

    def work(case: Case) -> Answer:
        defined = case.definitions.get(name)
        return derived.PREDICATES[name](case) if defined is None else defined(case)

    return lambda case: case.once(key, work)


def _expected(c: Expected) -> Ask:
    def ask(case: Case) -> Answer:
        fan = case.outlook.fan(c.quantity)
        if isinstance(fan, Unavailable):
            return (
                unknown(*(Want(s) for s in fan.settles)) if fan.settles else unknown(Want(c.quantity, fan.reason[:200]))
            )
        value = _quantile(fan, c.ahead / timedelta(hours=1), c.quantile)
        if value is None:
            return unknown(Want(c.quantity, "the forecast does not reach so far"))
        cite = Foreseen(c.quantity, value, c.ahead, fan.origin, fan.origin_at)
        return settled(c.op, Known(value, value, (cite,)), c.value)

    return ask


def _quantile(fan: Fan, hours: float, level: float) -> float | None:
    """The fan at a horizon and level, linear in between; None outside of both."""
    rows = [_between(LEVELS, row, level) for row in fan.quantiles]
    if any(row is None for row in rows):
        return None
    return _between(fan.horizons_h, [row for row in rows if row is not None], hours)


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float | None:
    for (x0, y0), (x1, y1) in zip(zip(xs, ys, strict=True), list(zip(xs, ys, strict=True))[1:], strict=False):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return ys[0] if xs and xs[0] == x else None


def _chance(c: Chance) -> Ask:
    def ask(case: Case) -> Answer:
        odds = case.outlook.chance(c.of, c.within)
        if isinstance(odds, Unavailable):
            return (
                unknown(*(Want(s) for s in odds.settles))
                if odds.settles
                else unknown(Want("forecast", odds.reason[:200]))
            )
        odds_of = Known(odds.probability, odds.probability, (Computed("chance", odds.probability, case.now, ()),))
        return settled(Op.AT_LEAST, odds_of, c.at_least)

    return ask


# -- combinations (Kleene)


def _all_of(parts: Sequence[Condition], least: float = -1.0) -> Ask:
    """A none_of is a guard and no claim: it does not make the whole half satisfied.

    Given up (`OUT_OF_REACH`) once it can be neither YES nor an UNKNOWN that is met by `least`.
    """
    weight = 1.0 / (sum(not isinstance(part, NoneOf) for part in parts) or 1)
    shares = [0.0 if isinstance(part, NoneOf) else weight for part in parts]
    weighed = tuple((compiled_of(p), _while_whole(p), share) for p, share in zip(parts, shares, strict=True))

    def ask(case: Case) -> Answer:
        cites: tuple[Cite, ...] = ()
        wants: tuple[Want, ...] | None = None
        met, reach = 0.0, 1.0
        for part, whole, share in weighed:
            answer = (whole if reach - share * (1.0 - WHOLE) < least else part)(case)
            if answer.truth is Truth.NO or answer is OUT_OF_REACH:
                return answer
            met += share * answer.met
            cites += answer.cites
            if answer.truth is Truth.UNKNOWN:
                reach -= share * (1.0 - answer.met)
                if reach < least:
                    return OUT_OF_REACH
                if wants is None:
                    wants = answer.wants  # of the first open part only: settling it may settle all
        return Answer(Truth.YES, cites, (), 1.0) if wants is None else Answer(Truth.UNKNOWN, cites, wants, met)

    return ask


def _at_least(count: int, parts: tuple[Ask, ...]) -> Ask:
    """YES when `count` parts hold, NO when so few can still hold that it cannot be reached; `count` 1 is any_of."""

    def ask(case: Case) -> Answer:
        return _counted(count, [part(case) for part in parts])

    return ask


def _counted(count: int, answers: Sequence[Answer]) -> Answer:
    held = [answer for answer in answers if answer.truth is Truth.YES]
    if len(held) >= count:
        return Answer(Truth.YES, _cites(held), (), 1.0)
    open_ = [answer for answer in answers if answer.truth is Truth.UNKNOWN]
    if len(held) + len(open_) < count:
        return Answer(Truth.NO, _cites(answer for answer in answers if answer.truth is Truth.NO))
    mets = sorted([answer.met for answer in (*held, *open_)], reverse=True)
    wants = tuple([want for answer in open_ for want in answer.wants])
    return Answer(Truth.UNKNOWN, _cites(held) + _cites(open_), wants, sum(mets[:count]) / count)


def _cites(answers: Iterable[Answer]) -> tuple[Cite, ...]:
    return tuple([cite for answer in answers for cite in answer.cites])


def _none_of(parts: tuple[Ask, ...]) -> Ask:
    some = _at_least(1, parts)

    def ask(case: Case) -> Answer:
        answer = some(case)
        match answer.truth:
            case Truth.YES:
                return Answer(Truth.NO, answer.cites)
            case Truth.NO:
                return Answer(Truth.YES, answer.cites, (), 1.0)
            case Truth.UNKNOWN:
                return Answer(Truth.UNKNOWN, (), answer.wants, 0.5)  # as far as is known, none of them

    return ask


_LEAVES: Mapping[type, Callable[..., Ask]] = {
    Compare: _compare, Coded: _coded, Windowed: _windowed, Change: _change, Trend: _trend, Noted: _noted, On: _on,
    Given: _given, Ordered: _ordered, Rate: _rate, Total: _total, Diagnosed: _diagnosed, Allergic: _allergic,
    Person: _person, Named: _named, Expected: _expected, Chance: _chance,
}  # fmt: skip


@lru_cache(maxsize=4096)
def compiled_of(condition: Condition) -> Ask:
    """The condition as a function of a case."""
    match condition:
        case AllOf(parts):
            return _all_of(parts)
        case AnyOf(parts):
            return _at_least(1, tuple(compiled_of(part) for part in parts))
        case NoneOf(parts):
            return _none_of(tuple(compiled_of(part) for part in parts))
        case AtLeastOf(count, parts):
            return _at_least(count, tuple(compiled_of(part) for part in parts))
        case _:
            return _LEAVES[type(condition)](condition)


def while_in_reach(condition: Condition, half: float | None) -> Ask:
    """The condition for those who act on YES, or on an UNKNOWN that is met by `half` (None: on YES only).

    Its answer is `OUT_OF_REACH` where neither can be: then the truth is UNKNOWN or NO, and the rest was not asked.
    """
    least = 2.0 if half is None else half - 1e-9
    return _all_of(condition.parts, least) if isinstance(condition, AllOf) else compiled_of(condition)


@lru_cache(maxsize=4096)
def _while_whole(condition: Condition) -> Ask:
    """The condition for those who act on YES, or on an UNKNOWN that is wholly met; else `OUT_OF_REACH`, or NO."""
    match condition:
        case AllOf(parts):
            return _all_of(parts, WHOLE)
        case AnyOf(parts) if any(isinstance(part, AllOf) for part in parts):
            return _any_while_whole(tuple(_while_whole(part) for part in parts), compiled_of(condition))
        case _:
            return compiled_of(condition)


def _any_while_whole(parts: tuple[Ask, ...], exact: Ask) -> Ask:
    def ask(case: Case) -> Answer:
        answers = [part(case) for part in parts]
        if any(answer is OUT_OF_REACH for answer in answers) and not any(a.truth is Truth.YES for a in answers):
            return exact(case) if any(answer.met >= WHOLE for answer in answers) else OUT_OF_REACH
        return _counted(1, answers)

    return ask


def children(condition: Condition) -> tuple[Condition, ...]:
    """The conditions inside a condition."""
    if isinstance(condition, (AllOf, AnyOf, NoneOf, AtLeastOf)):
        return condition.parts
    return (condition.of,) if isinstance(condition, Chance) else ()


def says(name: str) -> str:
    """What a person calls a quantity."""
    return label(name) if name in CONCEPTS else name.replace("_", " ")
