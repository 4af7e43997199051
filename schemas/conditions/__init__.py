"""Conditions: one question language over past, present and future, as typed data.

A condition is a named quantity, a comparison and a window, or a combination of conditions. The same object is
asked of the present (three-valued, `guidelines.engine`), of the past (windows) and of the future
(`forecasting`, as a probability). The readable text form is in `schemas.conditions.text`.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MEDIAN = 0.5  # the quantile of a forecast that is meant where none is named


class Op(StrEnum):
    """A comparison. `below` and `above` are strict, `at_most` and `at_least` are not."""

    BELOW = "below"
    ABOVE = "above"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"
    EQUALS = "equals"

    def holds(self, left: float, right: float) -> bool:
        match self:
            case Op.BELOW:
                return left < right
            case Op.ABOVE:
                return left > right
            case Op.AT_MOST:
                return left <= right
            case Op.AT_LEAST:
                return left >= right
            case Op.EQUALS:
                return left == right


class Aggregate(StrEnum):
    """How the `ok` values of a window become one number."""

    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Compare:
    """`map below 65`, and with `hold`: `map below 65 for 10 min`.

    `quantity` is a concept id (measured or derived). With `hold` it must be true of every `ok` sample in the last
    `hold`, with at least two samples that span 0.8 of it (reference §0.3 `sustained`).
    """

    quantity: str
    op: Op
    value: float
    hold: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Coded:
    """`acvpu is C or V or P or U`: the newest valid code is one of `codes`."""

    quantity: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Windowed:
    """`max of lactate over 6 h above 4`: an aggregate of the window (now - over, now]."""

    aggregate: Aggregate
    quantity: str
    over: timedelta
    op: Op
    value: float


@dataclass(frozen=True, slots=True)
class Change:
    """`hr rises_by 20 within 15 min`: newest value against the window's minimum (rises) or maximum (falls).

    With `percent`, `by` is a percentage of that reference value.
    """

    quantity: str
    rises: bool
    by: float
    within: timedelta
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Trend:
    """`trend of map over 2 h below -5`: least-squares slope per hour, needs three samples."""

    quantity: str
    over: timedelta
    op: Op
    value: float


@dataclass(frozen=True, slots=True)
class Noted:
    """`noted resp.pulm_oedema within 12 h`; with `uncertain`, a hedged mention suffices (`maybe noted …`).

    `fact` may end in `*` for a family of facts (`bleed.*`).
    """

    fact: str
    within: timedelta
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class On:
    """`on norepinephrine`, `on any vasopressor`: an infusion is running now, as reported or noted in this shift.

    `item` is a drug id or class.
    """

    item: str


@dataclass(frozen=True, slots=True)
class Given:
    """`given fluid_bolus within 1 h`: at least one administration of a drug id or class, reported or noted."""

    item: str
    within: timedelta


@dataclass(frozen=True, slots=True)
class Ordered:
    """`ordered any penicillin within 2 h`: an order that has been neither given nor cancelled."""

    item: str
    within: timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate of norepinephrine at_least 0.25 for 4 h`, in the item's canonical rate unit."""

    item: str
    op: Op
    value: float
    hold: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """`total of any crystalloid over 3 h at_least 30 mL/kg` (`per_kg`), or in the item's own unit (mL).

    As reported or as one note has it, whichever is more.
    """

    item: str
    over: timedelta
    op: Op
    value: float
    per_kg: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """`diagnosed heart_failure`: on the problem list or in a note; else UNKNOWN when no list was ever sent."""

    code: str


@dataclass(frozen=True, slots=True)
class Allergic:
    """`allergic penicillin`, `allergic penicillin with anaphylaxis`: on the allergy list or in a note."""

    substance: str
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """`age at_least 65`, `lvef below 40`: a number of the patient record (`schemas.events.Patient`)."""

    attribute: str
    op: Op
    value: float


@dataclass(frozen=True, slots=True)
class Named:
    """`is hypotension`: a definition of the knowledge base, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Expected:
    """`expected map in 1 h below 65`: a forecast quantile (the median unless `quantile` says otherwise)."""

    quantity: str
    ahead: timedelta
    op: Op
    value: float
    quantile: float = MEDIAN


@dataclass(frozen=True, slots=True)
class Chance:
    """`chance of (map below 65 for 15 min) within 4 h at_least 50 %`: a forecast probability (a fraction)."""

    of: "Condition"
    within: timedelta
    at_least: float


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AtLeastOf:
    """`at_least 2 of (a; b; c)`."""

    count: int
    parts: tuple["Condition", ...]


Condition = (
    Compare | Coded | Windowed | Change | Trend | Noted | On | Given | Ordered | Rate | Total | Diagnosed
    | Allergic | Person | Named | Expected | Chance | AllOf | AnyOf | NoneOf | AtLeastOf
)  # fmt: skip


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """The conditions inside a condition."""
    match condition:
        case AllOf(parts) | AnyOf(parts) | NoneOf(parts) | AtLeastOf(_, parts):
            return parts
        case Chance(of):
            return (of,)
        case _:
            return ()
