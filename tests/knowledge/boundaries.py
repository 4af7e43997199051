"""The smallest charts around each boundary of a condition, and the truth that the reference demands of each.

    for case in boundaries(parse("map below 65 for 10 min")): ...

One generator per kind of condition. Each yields what lies just below, at and just above a threshold or count, and at,
one microsecond inside and one outside each end of a window. What is true comes from `oracle`, never from the engine.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any, NamedTuple

from schemas import conditions as c
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import HORIZONS_H, Outlook
from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS, classes, drugs_of
from schemas.events import Patient, Quality
from tests.knowledge import oracle
from tests.knowledge.asking import NO_OUTLOOK
from tests.knowledge.charts import (
    AT_NOW,
    DAY,
    HOUR,
    MINUTE,
    TICK,
    Chart,
    Row,
    Told,
    allergy,
    fact,
    fanned,
    reading,
    smallest_step,
    treatment,
)
from tests.knowledge.oracle import NO, UNKNOWN, YES
from tests.knowledge.recipes import WEIGHT_KG, recipe


class Case(NamedTuple):
    """A chart near a boundary, and what must be true of it."""

    name: str
    chart: Chart
    truth: Truth
    outlook: Outlook = NO_OUTLOOK


Cases = Iterator[Case]
EMPTY = Chart()
UNRELATED = treatment("paracetamol", "given", HOUR)  # treatments are reported, this one is not


def around(bound: float, step: float) -> dict[str, float]:
    return {"just below": bound - step, "at": bound, "just above": bound + step}


def ends(window: timedelta) -> dict[str, timedelta]:
    """The moments around both ends of a window, as how long ago."""
    return {
        "1 µs before the window": window + TICK,
        "at the window's start": window,
        "1 µs inside the window": window - TICK,
        "now": AT_NOW,
        "1 µs after now": -TICK,
    }


# -- readings


def _compare(of: c.Compare) -> Cases:
    if of.hold is not None:
        yield from _sustained(of, of.hold)
        return
    made, step, low, high = recipe(of.quantity)
    for name, value in around(of.value, step).items():
        if low <= value <= high:
            yield Case(name, made(value), oracle.told(oracle.compared(value, of.op, of.value)))
    yield Case("never measured", EMPTY, UNKNOWN)


def _good_and_bad(op: c.Op, bound: float, step: float) -> tuple[float, float]:
    """A value for which the comparison holds, and one for which it does not, as near as can be."""
    values = (bound - step, bound, bound + step)
    good = [v for v in values if oracle.compared(v, op, bound)]
    bad = [v for v in values if not oracle.compared(v, op, bound)]
    return min(good, key=lambda v: abs(v - bound)), min(bad, key=lambda v: abs(v - bound))


def _sampled(quantity: str, series: oracle.Series) -> Chart:
    return Chart([reading(quantity, value, ago) for ago, value in series])


def _sustained(of: c.Compare, hold: timedelta) -> Cases:
    if of.quantity == "ned":
        yield from _rate_held("norepinephrine", of.op, of.value, hold)
        return
    step = smallest_step(of.quantity)
    good, bad = _good_and_bad(of.op, of.value, step)
    span = 0.8 * hold
    stories: dict[str, oracle.Series] = {
        "held from the window's start": [(hold, good), (hold / 2, good), (AT_NOW, good)],
        "spans just enough": [(span, good), (AT_NOW, good)],
        "spans 1 µs too little": [(span - TICK, good), (AT_NOW, good)],
        "spans enough, the newest not of now": [(hold, good), (hold - span, good)],
        "one sample": [(AT_NOW, good)],
        "broken at the window's start": [(hold, bad), (hold - TICK, good), (AT_NOW, good)],
        "broken 1 µs before the window": [(hold + TICK, bad), (hold, good), (AT_NOW, good)],
        "broken in between": [(hold, good), (hold / 2, bad), (AT_NOW, good)],
        "broken now": [(hold, good), (hold / 2, good), (AT_NOW, bad)],
    }
    for name, series in stories.items():
        yield Case(name, _sampled(of.quantity, series), oracle.sustained(series, of.op, of.value, hold))
    kept = _sampled(of.quantity, [(hold, good), (AT_NOW, good)])
    for quality in (Quality.SUSPECT, Quality.ARTEFACT):
        marked = kept.with_rows(reading(of.quantity, bad, hold / 2, quality=quality))
        yield Case(f"broken by a value that is {quality} only", marked, YES)
    yield Case("never measured", EMPTY, UNKNOWN)


def _coded(of: c.Coded) -> Cases:
    for code in CONCEPTS[of.quantity].codes:
        yield Case(code, Chart([reading(of.quantity, code)]), oracle.told(code in of.codes))
    yield Case("never seen", EMPTY, UNKNOWN)


def _windowed(of: c.Windowed) -> Cases:
    step = smallest_step(of.quantity)

    def case(name: str, series: oracle.Series) -> Case:
        truth = oracle.aggregated(series, of.aggregate.value, of.over, of.op, of.value)
        return Case(name, _sampled(of.quantity, series), truth)

    if of.aggregate is c.Aggregate.COUNT:
        usual = (CONCEPTS[of.quantity].normal_low or 1.0) + step
        for name, count in around(of.value, 1).items():
            yield case(name, [(MINUTE * k, usual) for k in range(int(count))])
        few = [(MINUTE * k, usual) for k in range(1, int(of.value))]
        for name, ago in ends(of.over).items():
            yield case(f"the last one that is needed, {name}", [*few, (ago, usual)])
        return
    for name, value in around(of.value, step).items():
        yield case(name, [(AT_NOW, value)])
    good, bad = _good_and_bad(of.op, of.value, step)
    for name, ago in ends(of.over).items():
        yield case(f"the only value, {name}", [(ago, good)])
        for first, second in ((good, bad), (bad, good)):
            yield case(f"{first:g} {name}, and {second:g}", [(ago, first), (of.over / 2, second)])
    marked = _sampled(of.quantity, [(of.over / 2, good)]).with_rows(
        reading(of.quantity, bad, of.over / 3, quality=Quality.SUSPECT)
    )
    yield Case("a suspect value does not count", marked, YES)


def _change(of: c.Change) -> Cases:
    step = smallest_step(of.quantity)
    known = CONCEPTS[of.quantity]
    before = known.normal_low if of.rises else known.normal_high
    assert before is not None, f"{of.quantity} has no normal range to change from"
    sign = 1 if of.rises else -1
    by = of.by * before / 100 if of.percent else of.by

    def case(name: str, series: oracle.Series) -> Case:
        truth = oracle.changed(series, of.rises, of.by, of.within, of.percent)
        return Case(name, _sampled(of.quantity, series), truth)

    for name, change in around(by, step).items():
        yield case(f"changed {name} what is asked", [(of.within / 2, before), (AT_NOW, before + sign * change)])
        yield case(f"the other way {name}", [(of.within / 2, before), (AT_NOW, before - sign * change)])
    for name, ago in ends(of.within).items():
        if ago > AT_NOW:
            since = [(of.within / 2, before + sign * by), (AT_NOW, before + sign * by)]
            yield case(f"from a value {name}", [(ago, before), *since])
    yield case("there and back", [(of.within / 2, before), (of.within / 3, before + sign * by), (AT_NOW, before)])
    yield case("one value", [(AT_NOW, before + sign * by)])
    yield Case("never measured", EMPTY, UNKNOWN)


def _trend(of: c.Trend) -> Cases:
    middle = CONCEPTS[of.quantity].normal_low or 10.0

    def line(slope: float, ages: Sequence[timedelta]) -> oracle.Series:
        return [(ago, middle - slope * (ago / HOUR)) for ago in ages]

    def case(name: str, series: oracle.Series) -> Case:
        return Case(name, _sampled(of.quantity, series), oracle.sloped(series, of.over, of.op, of.value))

    half, near = of.over / 2, of.over / 4
    for name, slope in around(of.value, 0.5).items():
        yield case(f"a slope {name}", line(slope, [half, near, AT_NOW]))
    good, _ = _good_and_bad(of.op, of.value, 0.5)
    yield case("two values", line(good, [half, AT_NOW]))
    for name, ago in ends(of.over).items():
        if ago > AT_NOW:
            yield case(f"the third value {name}", line(good, [ago, half, AT_NOW]))


# -- notes


def _noted(of: c.Noted) -> Cases:
    if of.fact.endswith("*"):
        yield from _noted_family(of)
        return
    other = fact("resp.wob", HOUR)  # somebody wrote, though not of this

    def case(name: str, words: Sequence[tuple[timedelta, str]], *more: Row) -> Case:
        heard = [ago for ago, _ in words] + [HOUR] * len(more)
        chart = Chart([*(fact(of.fact, ago, polarity) for ago, polarity in words), *more])
        return Case(name, chart, oracle.noted(words, heard, of.within, of.uncertain))

    for name, ago in ends(of.within).items():
        for polarity in ("affirmed", "uncertain", "negated"):
            yield case(f"{polarity} {name}", [(ago, polarity)], other)
        if ago >= AT_NOW:
            yield case(f"affirmed {name}, and nothing else was written", [(ago, "affirmed")])
    yield case("written 24 h ago, of something else", [(DAY, "affirmed")])
    yield case("written 1 µs less than 24 h ago, before the window", [(max(of.within, DAY - TICK), "affirmed")])
    newer, older = of.within / 3, of.within / 2
    for first in ("affirmed", "uncertain", "negated"):
        for second in ("affirmed", "uncertain", "negated"):
            yield case(f"{first}, later {second}", [(older, first), (newer, second)])
            yield case(f"{first} and {second} at once", [(newer, first), (newer, second)])
    for name, unusable in _unusable(of.fact, newer).items():
        yield Case(name, Chart([unusable, other]), NO)
    yield Case("no note was read", EMPTY, UNKNOWN)


def _unusable(concept: str, ago: timedelta) -> dict[str, Row]:
    """What stands in a note and is not said of this patient now."""
    return {
        "said of the family": fact(concept, ago, who="family"),
        "said of somebody else": fact(concept, ago, who="other"),
        "said of the past": fact(concept, ago, when="historical"),
        "said of a plan": fact(concept, ago, when="planned"),
        "said of what might be": fact(concept, ago, when="hypothetical"),
        "copied": fact(concept, ago, copied=True),
    }


def _noted_family(of: c.Noted) -> Cases:
    """Two facts of the family, each with its newest word."""
    stem, newer = of.fact[:-1], of.within / 3
    names = {"affirmed": YES, "uncertain": YES if of.uncertain else UNKNOWN, "negated": NO}
    for first, one in names.items():
        for second, two in names.items():
            words = [fact(f"{stem}one", newer, first), fact(f"{stem}two", newer, second)]
            yield Case(f"one {first}, another {second}", Chart(words), oracle.noted_family([one, two]))
    for name, ago in ends(of.within).items():
        truth = oracle.noted([(ago, "affirmed")], [HOUR], of.within, of.uncertain)
        yield Case(f"one {name}", Chart([fact(f"{stem}one", ago), fact("resp.wob", HOUR)]), truth)
    for name, unusable in _unusable(f"{stem}one", newer).items():
        yield Case(name, Chart([unusable, fact("resp.wob", HOUR)]), NO)


# -- treatments


def named(item: str) -> list[str]:
    """The drug ids that a drug id or class names."""
    return [d.id for d in drugs_of(item)] if item in classes() else [item]


def outsider(item: str) -> str:
    """A drug that is not meant."""
    return next(name for name in DRUGS if name not in named(item))


def _on(of: c.On) -> Cases:
    first = named(of.item)[0]
    for drug in named(of.item):
        yield Case(
            f"{drug} runs", Chart([treatment(drug, "start", HOUR, rate=0.1)]), oracle.running((HOUR, True), True)
        )
    for name, ago in {"just valid": DAY, "1 µs too old": DAY + TICK}.items():
        chart = Chart([treatment(first, "start", ago, rate=0.1)])
        yield Case(f"started {name}", chart, oracle.running((ago, True), True))
        chart = Chart([treatment(first, "start", 3 * DAY, rate=0.2), treatment(first, "change", ago, rate=0.1)])
        yield Case(f"changed {name}", chart, oracle.running((ago, True), True))
    begun = treatment(first, "start", 2 * HOUR, rate=0.1)
    yield Case("stopped", Chart([begun, treatment(first, "stop", HOUR)]), oracle.running((HOUR, False), True))
    yield Case("turned down to 0", Chart([begun, treatment(first, "change", HOUR, rate=0.0)]), NO)
    yield Case(
        "stopped, and begun again", Chart([begun, treatment(first, "stop", HOUR), treatment(first, "start")]), YES
    )
    yield Case("a dose is no infusion", Chart([treatment(first, "given", HOUR)]), NO)
    yield Case("an order is no infusion", Chart([treatment(first, "ordered", HOUR)]), NO)
    yield Case("another drug runs", Chart([treatment(outsider(of.item), "start", HOUR, rate=1.0)]), NO)
    yield Case("no treatment was ever reported", EMPTY, oracle.running(None, False))


def _given(of: c.Given) -> Cases:
    first = named(of.item)[0]
    inside = of.within / 2
    for drug in named(of.item):
        yield Case(f"{drug}", Chart([treatment(drug, "given", inside)]), oracle.given([inside], True, of.within))
    for name, ago in ends(of.within).items():
        yield Case(f"given {name}", Chart([treatment(first, "given", ago)]), oracle.given([ago], True, of.within))
    for action, counts in {"start": True, "ordered": False, "cancelled": False, "stop": False, "change": False}.items():
        doses = [inside] if counts else []
        yield Case(action, Chart([treatment(first, action, inside)]), oracle.given(doses, True, of.within))
    yield Case(
        "another drug", Chart([treatment(outsider(of.item), "given", inside)]), oracle.given([], True, of.within)
    )
    yield Case("no treatment was ever reported", EMPTY, oracle.given([], False, of.within))


def _ordered(of: c.Ordered) -> Cases:
    first, inside = named(of.item)[0], of.within / 2
    for name, ago in ends(of.within).items():
        if ago >= AT_NOW:
            yield Case(
                f"ordered {name}", Chart([treatment(first, "ordered", ago)]), oracle.given([ago], True, of.within)
            )
    order = treatment(first, "ordered", inside)
    for action in ("given", "start", "cancelled"):
        for name, ago in {"at once": inside, "later": inside - TICK}.items():
            yield Case(f"{action} {name}", Chart([order, treatment(first, action, ago)]), NO)
        yield Case(f"{action} before", Chart([order, treatment(first, action, inside + TICK)]), YES)
    yield Case("another drug was given", Chart([order, treatment(outsider(of.item), "given", AT_NOW)]), YES)
    yield Case("another drug was ordered", Chart([treatment(outsider(of.item), "ordered", inside)]), NO)
    yield Case("no treatment was ever reported", EMPTY, UNKNOWN)


def _rate(of: c.Rate) -> Cases:
    drug = named(of.item)[0]
    if of.hold is not None:
        yield from _rate_held(drug, of.op, of.value, of.hold)
        return
    for name, value in around(of.value, 0.01).items():
        chart = Chart([treatment(drug, "start", HOUR, rate=value)])
        yield Case(name, chart, oracle.told(oracle.compared(value, of.op, of.value)))
    nothing = oracle.told(oracle.compared(0.0, of.op, of.value))
    yield Case("does not run", Chart([UNRELATED]), nothing)
    stopped = [treatment(drug, "start", HOUR, rate=of.value), treatment(drug, "stop", MINUTE)]
    yield Case("stopped", Chart(stopped), nothing)
    yield Case("rate not told", Chart([treatment(drug, "start", HOUR)]), UNKNOWN)
    good, _ = _good_and_bad(of.op, of.value, 0.01)
    for name, ago in {"just valid": DAY, "1 µs too old": DAY + TICK}.items():
        chart = Chart([treatment(drug, "start", ago, rate=good)])
        yield Case(f"started {name}", chart, oracle.running((ago, True), True))
    yield Case("no treatment was ever reported", EMPTY, UNKNOWN)


def _rate_held(drug: str, op: c.Op, bound: float, hold: timedelta) -> Cases:
    """A rate holds from one change to the next: it is known at every moment of the window."""
    good, bad = _good_and_bad(op, bound, 0.01)
    for name, ago in {"at the window's start": hold, "1 µs too late": hold - TICK}.items():
        yield Case(f"begun {name}", Chart([treatment(drug, "start", ago, rate=good)]), oracle.told(ago >= hold))
        chart = Chart([treatment(drug, "start", 2 * hold, rate=bad), treatment(drug, "change", ago, rate=good)])
        yield Case(f"raised {name}", chart, oracle.told(ago >= hold))
    begun = treatment(drug, "start", 2 * hold, rate=good)
    dip = [treatment(drug, "change", hold / 2, rate=bad), treatment(drug, "change", hold / 3, rate=good)]
    yield Case("a dip in between", Chart([begun, *dip]), NO)
    yield Case("lowered now", Chart([begun, treatment(drug, "change", AT_NOW, rate=bad)]), NO)
    pause = [treatment(drug, "stop", hold / 2), treatment(drug, "start", hold / 3, rate=good)]
    yield Case("a pause in between", Chart([begun, *pause]), NO)
    yield Case("no treatment was ever reported", EMPTY, UNKNOWN)


def _total(of: c.Total) -> Cases:
    drug = named(of.item)[0]
    kg = WEIGHT_KG if of.per_kg else 1.0
    weight = [reading("weight", WEIGHT_KG, HOUR)]

    def case(name: str, ml: float, *rows: Row) -> Case:
        return Case(name, Chart([*weight, *rows]), oracle.told(oracle.compared(ml, of.op, of.value * kg)))

    enough, inside = of.value * kg, of.over / 2
    for name, ml in around(enough, 1.0).items():
        yield case(f"a dose {name}", ml, treatment(drug, "given", inside, amount=ml))
    for name, ago in ends(of.over).items():
        ml = enough if oracle.inside(ago, of.over) else 0.0
        yield case(f"given {name}", ml, treatment(drug, "given", ago, amount=enough))
    yield case("doses add up", enough, *(treatment(drug, "given", inside * k / 4, amount=enough / 4) for k in range(4)))
    hours = of.over / HOUR
    for name, rate in around(125.0, 1.0).items():
        running = treatment(drug, "start", of.over, rate=rate)
        ml = rate * hours if rate > 125.0 else 0.0  # maintenance, at most 125 mL/h, is no resuscitation
        rest = enough - 125.0 * hours
        yield case(f"a rate {name} 125 mL/h", ml, running)
        yield case(
            f"a rate {name} 125 mL/h, and the rest", ml + rest, running, treatment(drug, "given", inside, amount=rest)
        )
    fast = enough / hours
    yield case("a rate over the whole window", enough, treatment(drug, "start", of.over, rate=fast))
    before = min(2 * of.over, DAY)
    yield case("a rate that began before the window", enough, treatment(drug, "start", before, rate=fast))
    short = [treatment(drug, "start", of.over, rate=fast), treatment(drug, "stop", MINUTE)]
    yield case("a rate that stopped", enough - fast / 60, *short)
    yield case("an order is no volume", 0.0, treatment(drug, "ordered", inside, amount=enough))
    yield case("another drug", 0.0, treatment(outsider(of.item), "given", inside, amount=enough))
    if of.per_kg:
        dose = treatment(drug, "given", inside, amount=enough)
        yield Case("weight not known", Chart([dose]), UNKNOWN)
        yield Case(
            "nothing given, weight not known", Chart([UNRELATED]), oracle.told(oracle.compared(0, of.op, of.value))
        )
    yield Case("no treatment was ever reported", EMPTY, UNKNOWN)


# -- the record


def _diagnosed(of: c.Diagnosed) -> Cases:
    for name, listed in {
        "listed": (of.code,),
        "among others": ("gout", of.code),
        "not listed": ("gout",),
        "none": (),
    }.items():
        yield Case(name, Chart(patient=Patient(diagnoses=listed)), oracle.told(of.code in listed))
    yield Case("no list was ever sent", EMPTY, UNKNOWN)


def _allergic(of: c.Allergic) -> Cases:
    wanted = of.severity or "unknown"
    others = [s for s in ("anaphylaxis", "severe_nonIgE", "rash", "intolerance", "unknown") if s != wanted]

    def listed(*entries: tuple[str, str]) -> Chart:
        return Chart(patient=Patient(allergies=tuple(allergy(*e) for e in entries)))

    for substance in (of.substance, *named(of.substance)):
        yield Case(f"to {substance}", listed((substance, wanted)), YES)
    for severity in others:
        yield Case(f"as {severity}", listed((of.substance, severity)), oracle.told(of.severity is None))
    yield Case("to something else", listed((outsider(of.substance), wanted)), NO)
    yield Case("none", listed(), NO)
    yield Case("no list was ever sent", EMPTY, UNKNOWN)
    concept = "allergy" if of.severity is None else f"allergy.{of.severity}"
    drug = named(of.substance)[0]
    for name, word, truth in (
        ("noted", fact(concept, 300 * DAY, detail=drug), YES),
        ("noted as history", fact(concept, DAY, detail=drug, when="historical"), YES),
        ("noted, copied", fact(concept, DAY, detail=drug, copied=True), YES),
        ("noted as possible", fact(concept, DAY, "uncertain", detail=drug), NO),
        ("denied in a note", fact(concept, DAY, "negated", detail=drug), NO),
        ("noted of the family", fact(concept, DAY, detail=drug, who="family"), NO),
        ("noted of what might be", fact(concept, DAY, detail=drug, when="hypothetical"), NO),
        ("noted of another drug", fact(concept, DAY, detail=outsider(of.substance)), NO),
        ("noted without a drug", fact(concept, DAY), NO),
    ):
        yield Case(name, replace(listed(), rows=[word]), truth)
        yield Case(f"{name}, no list", Chart([word]), YES if truth is YES else UNKNOWN)


RECORD = {
    "age": "age_years",
    "lvef": "lvef_percent",
    "usual_sbp": "usual_sbp_mmhg",
    "baseline_creatinine": "baseline_creatinine_mg_dl",
    "baseline_sofa": "baseline_sofa",
}


def _person(of: c.Person) -> Cases:
    whole = of.attribute == "baseline_sofa"
    for name, value in around(of.value, 1 if whole else 0.1).items():
        said: Any = int(value) if whole else value
        chart = Chart(patient=Patient(**{RECORD[of.attribute]: said}))
        yield Case(name, chart, oracle.told(oracle.compared(said, of.op, of.value)))
    yield Case("not in the record", EMPTY, UNKNOWN)


# -- the forecast


def _expected(of: c.Expected) -> Cases:
    step, ahead = smallest_step(of.quantity), of.ahead / HOUR
    good, bad = (1e3, -1e3) if oracle.compared(1e3, of.op, of.value) else (-1e3, 1e3)
    if ahead in HORIZONS_H:
        for name, value in around(of.value, step).items():
            truth = oracle.told(oracle.compared(value, of.op, of.value))
            for elsewhere in (good, bad):
                told = fanned(of.quantity, ahead, of.quantile, value, elsewhere)
                yield Case(f"{name}, {elsewhere:g} at other times", EMPTY, truth, told)
    else:
        for name, value in around(of.value, step).items():
            tilt = 8.0 * step  # a straight line between the horizons, through `value` at the asked one
            rows = [[value + tilt * (h - ahead)] * 7 for h in HORIZONS_H]
            yield Case(name, EMPTY, oracle.told(oracle.compared(value, of.op, of.value)), Told(of.quantity, rows))
    yield Case("no forecast", EMPTY, UNKNOWN)


def _chance(of: c.Chance) -> Cases:
    for name, p in around(of.at_least, 0.001).items():
        yield Case(name, EMPTY, oracle.told(p >= of.at_least), Told(probability=p))
    yield Case("no forecast", EMPTY, UNKNOWN)


_KINDS: Mapping[type, Callable[[Any], Cases]] = {
    c.Compare: _compare, c.Coded: _coded, c.Windowed: _windowed, c.Change: _change, c.Trend: _trend, c.Noted: _noted,
    c.On: _on, c.Given: _given, c.Ordered: _ordered, c.Rate: _rate, c.Total: _total, c.Diagnosed: _diagnosed,
    c.Allergic: _allergic, c.Person: _person, c.Expected: _expected, c.Chance: _chance,
}  # fmt: skip


def boundaries(condition: c.Condition) -> list[Case]:
    """Every case of one leaf; none for a named definition, whose own leaves have theirs."""
    return [] if isinstance(condition, c.Named) else list(_KINDS[type(condition)](condition))


def merged(cases: Sequence[Case]) -> tuple[Chart, Outlook]:
    """One chart that holds what several charts hold; of the record and the forecast the last word counts."""

    def both(one: Chart, two: Chart) -> Chart:
        known = {name: value for name, value in _fields(two.patient).items() if value is not None}
        return Chart((*one.rows, *two.rows), Patient(**{**_fields(one.patient), **known}))

    outlook = next((case.outlook for case in reversed(cases) if case.outlook is not NO_OUTLOOK), NO_OUTLOOK)
    return reduce(both, (case.chart for case in cases), EMPTY), outlook


def _fields(patient: Patient) -> dict[str, Any]:
    names = ("age_years", "allergies", "diagnoses", "limits", "baseline_creatinine_mg_dl", *RECORD.values())
    return {name: getattr(patient, name) for name in names}
