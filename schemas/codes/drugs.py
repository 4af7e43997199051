"""The closed list of drugs, fluids, samples and procedures that a treatment event can name.

The data lie in ``drugs.toml`` (source: clinical reference, sections 2.7, 3.1 and 4); this module only reads them.

    drug("Levophed").id                   # "norepinephrine"
    drugs_of("vasopressor")               # norepinephrine, epinephrine, vasopressin, …
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from schemas.codes.concepts import as_name


class UnknownDrug(ValueError):
    """A name or class that is not in the closed list."""


# eq=False: there is one object per drug, so identity is equality and hashing is cheap.
@dataclass(frozen=True, slots=True, eq=False, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Drug:
    """One drug, fluid, sample or procedure. Rates are in ``rate_unit``, amounts in ``amount_unit`` (UCUM)."""

    id: str
    name: str
    classes: frozenset[str]
    aliases: tuple[str, ...] = ()
    rxnorm: tuple[str, ...] = ()
    rate_unit: str | None = None
    rate_hard_high: float | None = None
    rate_usual_low: float | None = None
    rate_usual_high: float | None = None
    amount_unit: str | None = None
    valence: int | None = None
    note: str = ""

    def __reduce__(self) -> tuple[object, ...]:
        return drug, (self.id,)  # one object per drug, also after unpickling

    def plausible_rate(self, rate: float) -> bool:
        """Whether a rate in the canonical unit is no pump or unit error (reference 2.7, hard limit)."""
        return rate >= 0 and (self.rate_hard_high is None or rate <= self.rate_hard_high)


def _load(path: Path) -> Mapping[str, Drug]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = TypeAdapter(list[Drug]).validate_python([{"id": key, **table} for key, table in tables.items()])
    return MappingProxyType({row.id: row for row in rows})


DRUGS: Mapping[str, Drug] = _load(Path(__file__).with_suffix(".toml"))

_BY_NAME: Mapping[str, Drug] = {name: d for d in DRUGS.values() for name in (d.id, *d.aliases)}


def drug(name: str) -> Drug:
    """The item of that id or alias, in any case; spaces and punctuation count as underscores."""
    found = _BY_NAME.get(name) or _BY_NAME.get(as_name(name))
    if found is None:
        raise UnknownDrug(f"unknown drug or treatment {name[:64]!r}: not in the list of {len(DRUGS)} items")
    return found


@cache
def classes() -> frozenset[str]:
    """Every class name in use."""
    return frozenset(name for d in DRUGS.values() for name in d.classes)


@cache
def drugs_of(name: str) -> tuple[Drug, ...]:
    """Every item of a class, in file order."""
    if name not in classes():
        raise UnknownDrug(f"unknown class {name[:64]!r}: not among the {len(classes())} classes")
    return tuple(d for d in DRUGS.values() if name in d.classes)
