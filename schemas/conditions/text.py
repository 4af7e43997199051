"""The readable text form of conditions, in both directions: `parse(write(c)) == c`.

    map below 65 for 10 min
    hr rises_by 20 within 15 min
    any_of(news2 at_least 7; all_of(is hypotension; lactate above 2))
    at_least 2 of (crt above 3; noted perf.mottled within 2 h; uo_rate_6h below 0.5)
    chance of (map below 65 for 15 min) within 4 h at_least 50 %

Concepts and drugs may be written by any alias (`heart_rate`, `levophed`); the canonical id is what is kept. A number
may carry a unit (`lactate above 36 mg/dL`); it is converted on reading.
"""

from datetime import timedelta
from functools import cache

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from schemas import conditions as c
from schemas.codes.concepts import CONCEPTS, UnknownConcept, concept
from schemas.codes.drugs import DRUGS, classes, drug
from schemas.codes.units import to_canonical
from schemas.events import Severity

TEXT_CHARS_MAX = 4000
DEPTH_MAX = 20
WHOLE_MAX = 1e15  # beyond, floats no longer hold each whole number and its decimals

PERSON = ("age", "lvef", "usual_sbp", "baseline_creatinine", "baseline_sofa")
"""Numbers of the patient record that a condition may compare."""


class BadCondition(ValueError):
    """The text is not a condition; the message says where and what was expected."""


_GRAMMAR = r"""
?condition: compare | coded | windowed | change | trend | noted | on | given | ordered | rate | total
    | diagnosed | allergic | named | expected | chance | all_of | any_of | none_of | at_least_of

compare: NAME op NUMBER [unit] ["for" duration]
coded: NAME "is" NAME ("or" NAME)*
windowed: AGGREGATE "of" NAME "over" duration op NUMBER [unit]
change: NAME DIRECTION NUMBER [unit] "within" duration
trend: "trend" "of" NAME "over" duration op NUMBER
noted: [MAYBE] "noted" FACT "within" duration
on: "on" item
given: "given" item "within" duration
ordered: "ordered" item "within" duration
rate: "rate" "of" item op NUMBER ["for" duration]
total: "total" "of" item "over" duration op NUMBER [unit]
diagnosed: "diagnosed" NAME
allergic: "allergic" NAME ["with" NAME]
named: "is" NAME
expected: ["q" NUMBER "of"] "expected" NAME "in" duration op NUMBER [unit]
chance: "chance" "of" "(" condition ")" "within" duration "at_least" NUMBER "%"
all_of: "all_of" "(" condition (";" condition)* ")"
any_of: "any_of" "(" condition (";" condition)* ")"
none_of: "none_of" "(" condition (";" condition)* ")"
at_least_of: "at_least" NUMBER "of" "(" condition (";" condition)* ")"

item: [ANY] NAME
op: OP | "at_least" -> least
duration: NUMBER TIME
unit: UNIT | PERCENT

OP.2: /(below|above|at_most|equals)\b/
DIRECTION.2: /(rises_by|falls_by)\b/
AGGREGATE.2: /(min|max|mean|count)\b/
MAYBE.2: /maybe\b/
ANY.2: /any\b/
PERCENT: "%"
TIME.2: /(s|min|h|d)\b/
NUMBER: /-?\d+(\.\d+)?/
NAME: /[A-Za-z][A-Za-z0-9_]*/
FACT: /[a-z0-9_]+\.([a-z0-9_]+|\*)/
UNIT: /[A-Za-z\[][^\s;()]*/
%import common.WS
%ignore WS
"""

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _quantity(name: str) -> str:
    return concept(name).id


def _item(name: str) -> str:
    return name if name in classes() else drug(name).id


@v_args(inline=True)
class _Builder(Transformer[Token, c.Condition]):
    def op(self, token: Token) -> c.Op:
        return c.Op(str(token))

    def least(self) -> c.Op:
        return c.Op.AT_LEAST

    def duration(self, number: Token, unit: Token) -> timedelta:
        span = timedelta(seconds=float(number) * _SECONDS[str(unit)])
        if span <= timedelta(0):
            raise BadCondition("expected a duration longer than zero")
        return span

    def unit(self, token: Token) -> str:
        return str(token)

    def item(self, _any: Token | None, name: Token) -> str:
        return _item(str(name))

    def compare(self, name: Token, op: c.Op, number: Token, unit: str | None, hold: timedelta | None) -> c.Condition:
        if str(name) in PERSON:
            if unit or hold:
                raise BadCondition(f"expected no unit and no window after {name}")
            return c.Person(str(name), op, float(number))
        quantity = _quantity(str(name))
        return c.Compare(quantity, op, _in_canonical(number, unit, quantity), hold)

    def coded(self, name: Token, *codes: Token) -> c.Condition:
        quantity = concept(str(name))
        for code in codes:
            if str(code) not in quantity.codes:
                raise BadCondition(f"expected one of {', '.join(quantity.codes)} for {quantity.id}, found {code}")
        return c.Coded(quantity.id, tuple(str(code) for code in codes))

    def windowed(
        self, how: Token, name: Token, over: timedelta, op: c.Op, number: Token, unit: str | None
    ) -> c.Condition:
        quantity = _quantity(str(name))
        return c.Windowed(c.Aggregate(str(how)), quantity, over, op, _in_canonical(number, unit, quantity))

    def change(self, name: Token, way: Token, number: Token, unit: str | None, within: timedelta) -> c.Condition:
        if unit not in (None, "%"):
            raise BadCondition(f"expected a plain number or a percentage of change, found unit {unit}")
        return c.Change(_quantity(str(name)), way == "rises_by", float(number), within, percent=unit == "%")

    def trend(self, name: Token, over: timedelta, op: c.Op, number: Token) -> c.Condition:
        return c.Trend(_quantity(str(name)), over, op, float(number))

    def noted(self, maybe: Token | None, fact: Token, within: timedelta) -> c.Condition:
        return c.Noted(str(fact), within, uncertain=maybe is not None)

    def on(self, item: str) -> c.Condition:
        return c.On(item)

    def given(self, item: str, within: timedelta) -> c.Condition:
        return c.Given(item, within)

    def ordered(self, item: str, within: timedelta) -> c.Condition:
        return c.Ordered(item, within)

    def rate(self, item: str, op: c.Op, number: Token, hold: timedelta | None) -> c.Condition:
        return c.Rate(item, op, float(number), hold)

    def total(self, item: str, over: timedelta, op: c.Op, number: Token, unit: str | None) -> c.Condition:
        if unit not in (None, "mL", "mL/kg"):
            raise BadCondition(f"expected mL or mL/kg for a total, found {unit}")
        return c.Total(item, over, op, float(number), per_kg=unit == "mL/kg")

    def diagnosed(self, code: Token) -> c.Condition:
        return c.Diagnosed(str(code))

    def allergic(self, substance: Token, severity: Token | None) -> c.Condition:
        return c.Allergic(_item(str(substance)), Severity(str(severity)).value if severity else None)

    def named(self, name: Token) -> c.Condition:
        return c.Named(str(name))

    def expected(
        self, level: Token | None, name: Token, ahead: timedelta, op: c.Op, number: Token, unit: str | None
    ) -> c.Condition:
        quantity = _quantity(str(name))
        quantile = float(level) / 100 if level else c.MEDIAN
        return c.Expected(quantity, ahead, op, _in_canonical(number, unit, quantity), quantile)

    def chance(self, of: c.Condition, within: timedelta, percent: Token) -> c.Condition:
        at_least = float(percent) / 100
        if not 0 < at_least < 1:
            raise BadCondition("expected a chance between 0 and 100 %")
        return c.Chance(of, within, at_least)

    def all_of(self, *parts: c.Condition) -> c.Condition:
        return c.AllOf(parts)

    def any_of(self, *parts: c.Condition) -> c.Condition:
        return c.AnyOf(parts)

    def none_of(self, *parts: c.Condition) -> c.Condition:
        return c.NoneOf(parts)

    def at_least_of(self, count: Token, *parts: c.Condition) -> c.Condition:
        if "." in count or not 1 <= int(count) <= len(parts):
            raise BadCondition(f"expected a count between 1 and {len(parts)}, found {count}")
        return c.AtLeastOf(int(count), parts)


def _in_canonical(number: Token, unit: str | None, quantity: str) -> float:
    value = float(number)
    return value if unit is None else to_canonical(value, unit, CONCEPTS[quantity])


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, start="condition", parser="lalr", maybe_placeholders=True)


def parse(text: str) -> c.Condition:
    """The condition that the text states. Raises BadCondition, which says what was expected and what was found."""
    if len(text) > TEXT_CHARS_MAX:
        raise BadCondition(f"expected at most {TEXT_CHARS_MAX} characters, found {len(text)}")
    if _depth(text) > DEPTH_MAX:
        raise BadCondition(f"expected at most {DEPTH_MAX} nested parentheses")
    try:
        return _Builder().transform(_parser().parse(text))
    except UnexpectedInput as problem:
        rest = text[problem.pos_in_stream or 0 :][:20] or "the end"
        raise BadCondition(f"cannot read the condition at column {problem.column}, near {rest!r}") from None
    except VisitError as problem:
        if isinstance(problem.orig_exc, (ValueError, UnknownConcept)):
            raise BadCondition(str(problem.orig_exc)) from None
        raise


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _number(value: float) -> str:
    if value == int(value) and abs(value) < WHOLE_MAX:
        return str(int(value))
    return format(value, ".12f").rstrip("0").rstrip(".")


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    unit = next(u for u in ("d", "h", "min", "s") if seconds % _SECONDS[u] == 0 or u == "s")
    return f"{_number(seconds / _SECONDS[unit])} {unit}"


def _who(item: str) -> str:
    return item if item in DRUGS else f"any {item}"


def _for(hold: timedelta | None) -> str:
    return f" for {_span(hold)}" if hold else ""


def _list(parts: tuple[c.Condition, ...]) -> str:
    return "(" + "; ".join(write(part) for part in parts) + ")"


def write(condition: c.Condition) -> str:
    """The canonical text of a condition. One case per kind, so that the page reads as the grammar."""
    match condition:
        case c.AllOf() | c.AnyOf() | c.NoneOf() | c.AtLeastOf():
            return _combined(condition)
        case c.Noted() | c.On() | c.Given() | c.Ordered() | c.Rate() | c.Total():
            return _done(condition)
        case c.Diagnosed() | c.Allergic() | c.Person() | c.Named():
            return _known(condition)
        case c.Expected() | c.Chance():
            return _foretold(condition)
    return _measured(condition)


def _measured(condition: c.Compare | c.Coded | c.Windowed | c.Change | c.Trend) -> str:
    match condition:
        case c.Compare(quantity, op, value, hold):
            return f"{quantity} {op} {_number(value)}{_for(hold)}"
        case c.Coded(quantity, codes):
            return f"{quantity} is {' or '.join(codes)}"
        case c.Windowed(aggregate, quantity, over, op, value):
            return f"{aggregate} of {quantity} over {_span(over)} {op} {_number(value)}"
        case c.Change(quantity, rises, by, within, percent):
            way = "rises_by" if rises else "falls_by"
            return f"{quantity} {way} {_number(by)}{' %' if percent else ''} within {_span(within)}"
        case c.Trend(quantity, over, op, value):
            return f"trend of {quantity} over {_span(over)} {op} {_number(value)}"


def _done(condition: c.Noted | c.On | c.Given | c.Ordered | c.Rate | c.Total) -> str:
    match condition:
        case c.Noted(fact, within, uncertain):
            return f"{'maybe ' if uncertain else ''}noted {fact} within {_span(within)}"
        case c.On(item):
            return f"on {_who(item)}"
        case c.Given(item, within):
            return f"given {_who(item)} within {_span(within)}"
        case c.Ordered(item, within):
            return f"ordered {_who(item)} within {_span(within)}"
        case c.Rate(item, op, value, hold):
            return f"rate of {_who(item)} {op} {_number(value)}{_for(hold)}"
        case c.Total(item, over, op, value, per_kg):
            return f"total of {_who(item)} over {_span(over)} {op} {_number(value)} {'mL/kg' if per_kg else 'mL'}"


def _known(condition: c.Diagnosed | c.Allergic | c.Person | c.Named) -> str:
    match condition:
        case c.Diagnosed(code):
            return f"diagnosed {code}"
        case c.Allergic(substance, severity):
            return f"allergic {substance}{f' with {severity}' if severity else ''}"
        case c.Person(attribute, op, value):
            return f"{attribute} {op} {_number(value)}"
        case c.Named(name):
            return f"is {name}"


def _foretold(condition: c.Expected | c.Chance) -> str:
    match condition:
        case c.Expected(quantity, ahead, op, value, quantile):
            level = "" if quantile == c.MEDIAN else f"q {_number(quantile * 100)} of "
            return f"{level}expected {quantity} in {_span(ahead)} {op} {_number(value)}"
        case c.Chance(of, within, at_least):
            return f"chance of ({write(of)}) within {_span(within)} at_least {_number(at_least * 100)} %"


def _combined(condition: c.AllOf | c.AnyOf | c.NoneOf | c.AtLeastOf) -> str:
    match condition:
        case c.AllOf(parts):
            return f"all_of{_list(parts)}"
        case c.AnyOf(parts):
            return f"any_of{_list(parts)}"
        case c.NoneOf(parts):
            return f"none_of{_list(parts)}"
        case c.AtLeastOf(count, parts):
            return f"at_least {count} of {_list(parts)}"
