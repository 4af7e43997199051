"""The closed list of concepts: what a reading can be about.

The data lie in ``concepts.toml`` (source: clinical reference, sections 1 and 2); this module only reads them.

    concept("heart_rate").short           # "HR"
    by_loinc("76534-7")                   # (the concept sbp, "nibp")
    concept("lactate").validity("icu", value=3.4)
"""

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

Setting = Literal["icu", "ward"]
Sex = Literal["male", "female"]
Kind = Literal["numeric", "coded", "derived"]
Group = Literal["vital", "neuro", "gas", "chemistry", "haematology", "output", "ventilator", "score"]
Evidence = Literal["verified", "public_code", "memory", "none"]
Situation = Literal[
    "bleeding",
    "massive_transfusion",
    "insulin_infusion",
    "potassium_infusion",
    "heparin_infusion",
    "sodium_correction",
    "anticoagulant_reversal",
]

# Canonical units as people write them on a chart.
PRINTED_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "mm[Hg]": "mmHg",
        "cm[H2O]": "cmH₂O",
        "mL/cm[H2O]": "mL/cmH₂O",
        "Cel": "°C",
        "1": "",
        "[pH]": "",
        "10*3/uL": "×10³/µL",
        "umol/L": "µmol/L",
        "ug/L": "µg/L",
        "ug/kg/min": "µg/kg/min",
        "mosm/kg": "mOsm/kg",
        "L/min/m2": "L/min/m²",
        "mL/min/{1.73_m2}": "mL/min/1.73 m²",
        "ng/mL{FEU}": "ng/mL FEU",
        "{score}": "",
        "{code}": "",
        "{bool}": "",
        "{INR}": "",
    }
)

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@cache
def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)  # asked for with every event, and slower to make than to look up


class UnknownConcept(ValueError):
    """A name or code that is not in the closed list."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Code:
    """One LOINC code; ``method`` tells how or on what the value was got (nibp, invasive, arterial, set …)."""

    code: str
    method: str | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Range:
    """Inclusive bounds; a missing bound is open."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class ShorterWhen:
    """A shorter validity while the last value lies beyond a bound, or while a situation lasts."""

    minutes: int
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    during: Situation | None = None

    def holds(self, value: float | None, during: Collection[Situation]) -> bool:
        if self.during is not None:
            return self.during in during
        if value is None:
            return False
        return (
            (self.above is not None and value > self.above)
            or (self.below is not None and value < self.below)
            or (self.at_least is not None and value >= self.at_least)
        )


@dataclass(frozen=True, slots=True, config=_STRICT)
class UnitTrap:
    """Values in [low, high], labelled with the canonical unit, are probably in ``unit`` (pattern Q13)."""

    low: float
    high: float
    unit: str


# eq=False: there is one object per concept, so identity is equality and hashing is cheap.
@dataclass(frozen=True, slots=True, eq=False, config=_STRICT)
class Concept:
    """One canonical quantity. Values are in ``unit`` (UCUM); times in minutes; bounds inclusive."""

    id: str
    name: str
    short: str
    group: Group
    unit: str
    valid_icu_min: int
    valid_ward_min: int
    kind: Kind = "numeric"
    aliases: tuple[str, ...] = ()
    loinc: tuple[Code, ...] = ()
    loinc_evidence: Evidence = "verified"
    snomed: str | None = None
    decimals: int = 0
    whole: bool = False
    hard_low: float | None = None
    hard_high: float | None = None
    normal_low: float | None = None
    normal_high: float | None = None
    normal_by_sex: Mapping[Sex, Range] | None = None
    interval_icu_min: int | None = None
    interval_ward_min: int | None = None
    valid_icu_by_method: Mapping[str, int] | None = None
    valid_when: tuple[ShorterWhen, ...] = ()
    molar_mass: float | None = None
    valence: int | None = None
    codes: tuple[str, ...] = ()
    normal_codes: tuple[str, ...] = ()
    unit_traps: tuple[UnitTrap, ...] = ()
    aggregate: Literal["last", "sum"] = "last"
    note: str = ""

    def __reduce__(self) -> tuple[object, ...]:
        return concept, (self.id,)  # one object per concept, also after unpickling

    @property
    def printed_unit(self) -> str:
        """The unit as written on a chart ("mmHg"); empty for scores, ratios and codes."""
        return PRINTED_UNITS.get(self.unit, self.unit)

    def validity(
        self,
        setting: Setting,
        method: str | None = None,
        value: float | None = None,
        during: Collection[Situation] = (),
    ) -> timedelta:
        """How long a value may be carried forward before the concept is UNKNOWN (reference, column "valid")."""
        if setting == "ward":
            minutes = self.valid_ward_min
        elif method is not None and self.valid_icu_by_method is not None:
            minutes = self.valid_icu_by_method.get(method, self.valid_icu_min)
        else:
            minutes = self.valid_icu_min
        for rule in self.valid_when:
            if rule.minutes < minutes and rule.holds(value, during):
                minutes = rule.minutes
        return _minutes(minutes)

    def interval(self, setting: Setting) -> timedelta | None:
        """The expected time between two values, or None where the reference names none ("as needed")."""
        minutes = self.interval_icu_min if setting == "icu" else self.interval_ward_min
        return None if minutes is None else _minutes(minutes)

    def plausible(self, value: float) -> bool:
        """Whether a value in the canonical unit lies inside the hard limits (and is whole where it must be)."""
        if not math.isfinite(value) or (self.whole and not float(value).is_integer()):
            return False
        low = self.hard_low is None or value >= self.hard_low
        return low and (self.hard_high is None or value <= self.hard_high)

    def normal(self, sex: Sex | None = None) -> Range:
        """The adult normal range; for sex unknown the widest of both, so only what is abnormal for all is marked."""
        if sex is not None and self.normal_by_sex is not None:
            return self.normal_by_sex[sex]
        return Range(low=self.normal_low, high=self.normal_high)

    def probable_unit(self, value: float) -> str | None:
        """The unit that a value labelled with the canonical unit was probably meant in: to ask, never to correct."""
        return next((t.unit for t in self.unit_traps if t.low <= value <= t.high), None)


def _load(path: Path) -> Mapping[str, Concept]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = TypeAdapter(list[Concept]).validate_python([{"id": key, **table} for key, table in tables.items()])
    return MappingProxyType({row.id: row for row in rows})


CONCEPTS: Mapping[str, Concept] = _load(Path(__file__).with_suffix(".toml"))

_BY_NAME: Mapping[str, Concept] = {name: c for c in CONCEPTS.values() for name in (c.id, *c.aliases)}
_BY_LOINC: Mapping[str, tuple[Concept, str | None]] = {
    code.code: (c, code.method) for c in CONCEPTS.values() for code in c.loinc
}


def as_name(text: str) -> str:
    """Free text in the form of an id: lower case, each run of anything but letters and digits one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def concept(name: str) -> Concept:
    """The concept of that id or alias, in any case; spaces and punctuation count as underscores."""
    found = _BY_NAME.get(name) or _BY_NAME.get(as_name(name))
    if found is None:
        raise UnknownConcept(f"unknown concept {name[:64]!r}: not in the list of {len(CONCEPTS)} concepts")
    return found


def by_loinc(code: str) -> tuple[Concept, str | None]:
    """The concept of a LOINC code, and the method or specimen that the code itself names."""
    try:
        return _BY_LOINC[code]
    except KeyError:
        raise UnknownConcept(f"unknown LOINC code {code[:16]!r}") from None


def as_markdown() -> str:
    """The list as a page of the manual (docs/concepts.md); ``python -m schemas.codes.concepts`` prints it."""
    lines = [
        "# Concepts",
        "",
        "Made from `schemas/codes/concepts.toml` by `python -m schemas.codes.concepts > docs/concepts.md`:",
        "change the file first.",
        "Hard limits are inclusive: a value outside is an artefact or a unit error and is never scored. *Valid* is how",
        "long a value may be carried forward (ICU / ward); where it is shorter, the last column says when.",
        "",
        "| id | name | unit | LOINC | hard limits | adult normal | valid | shorter or special |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for c in CONCEPTS.values():
        codes = ", ".join(code.code + (f" ({code.method})" if code.method else "") for code in c.loinc)
        normal = ", ".join(c.normal_codes) or _span(c.normal_low, c.normal_high)
        limits = ", ".join(c.codes) or _span(c.hard_low, c.hard_high)
        valid = f"{_hours(c.valid_icu_min)} / {_hours(c.valid_ward_min)}"
        cells = (c.id, c.name, c.unit, codes, limits, normal, valid, "; ".join(_special(c)))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _span(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"≤ {high:g}" if low is None else f"≥ {low:g}"
    return f"{low:g} to {high:g}"


DAY = 24 * 60  # minutes


def _hours(minutes: int) -> str:
    if minutes % 60:
        return f"{minutes} min"
    return f"{minutes // DAY} d" if minutes % DAY == 0 and minutes > DAY else f"{minutes // 60} h"


def _special(c: Concept) -> list[str]:
    words = [f"{method} {_hours(m)} in the ICU" for method, m in (c.valid_icu_by_method or {}).items()]
    for rule in c.valid_when:
        bounds = {"above": rule.above, "below": rule.below, "at least": rule.at_least}
        reasons = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        reasons += [rule.during.replace("_", " ")] if rule.during is not None else []
        words.append(f"{_hours(rule.minutes)} if {' or '.join(reasons)}")
    words += [f"{t.low:g} to {t.high:g} is probably {t.unit}" for t in c.unit_traps]
    return [*words, c.note] if c.note else words


if __name__ == "__main__":
    print(as_markdown(), end="")
