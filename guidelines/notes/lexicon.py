"""What the phrases of a note say, and which words change it: the rows of `lexicon.toml` and `cues.toml`, checked.

After the clinical reference, section 5, and ConText (Harkema et al. 2009).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from schemas.clinical.facts import Polarity, Temporality

Kind = Literal["finding", "diagnosis", "state", "act"]
KINDS: tuple[Kind, ...] = ("finding", "diagnosis", "state", "act")
_STRICT = ConfigDict(extra="forbid")


@checked(frozen=True, slots=True, config=_STRICT)
class Entry:
    """One row of the lexicon: phrases and the fact they state. The fields are explained in lexicon.toml."""

    row: int
    concept: str
    phrases: tuple[str, ...]
    kind: Kind = "finding"
    polarity: Polarity = Polarity.AFFIRMED
    temporality: Temporality = Temporality.CURRENT
    value: Annotated[int, Field(ge=1)] | Literal["sum", "minus", "rate"] | None = None
    unit: str | None = None
    below: float | None = None
    above: float | None = None
    falls: float | None = None
    rises: float | None = None
    times: bool = False
    percent: bool = False
    detail: str | None = None
    change: Literal["up", "down", "same"] | None = None
    needs: str | None = None
    denied_only: bool = False
    lasting: bool = False
    near: str | None = None
    apart: str | None = None
    group: str | None = None
    names: str | None = None  # the table of names that the phrases use; filled in on loading where they say @name

    @property
    def may_change(self) -> bool:
        """Whether its number may be told as a change ("14 -> 12").

        A target has a range; a finding keeps the number that made it one ("hypotensive 82/40 -> 110/60").
        """
        measured = isinstance(self.value, int) and self.kind != "finding"
        return measured and self.temporality is not Temporality.PLANNED


@checked(frozen=True, slots=True, config=_STRICT)
class Cue:
    """Words that qualify what stands after or before them."""

    cls: str
    way: Literal["forward", "backward", "both"]
    words: tuple[str, ...]
    kinds: tuple[Kind, ...] = KINDS
    across: tuple[Kind, ...] = ()
    reach: int = 1_000_000
    edge: bool = False
    unless_time: bool = False


@checked(frozen=True, slots=True, config=_STRICT)
class Stop:
    """Words that end the scope of cues before them, and after them of cues that look back."""

    ends: tuple[str, ...]
    words: tuple[str, ...]


@checked(frozen=True, slots=True, config=_STRICT)
class Section:
    """A header ("PMH:") that qualifies what stands under it."""

    cls: str
    words: tuple[str, ...]


@checked(frozen=True, slots=True, config=_STRICT)
class Place:
    """Words that state one of the concepts `of`, and what they state instead where one of the words `near` is near."""

    of: frozenset[str]
    words: frozenset[str]
    near: dict[str, frozenset[str]]


Item = Entry | Cue | Stop | Section
WHOLE_SENTENCE = frozenset({"hypothetical", "family", "other", "copied"})  # a comma does not end these
SECTION_KINDS: Mapping[str, tuple[Kind, ...]] = MappingProxyType({"planned": ("act",), "course": ("finding",)})


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[1] / "knowledge" / "notes" / name).read_text(encoding="utf-8"))


def _cues(table: Mapping[str, Any]) -> tuple[Cue | Stop | Section, ...]:
    def renamed(row: Mapping[str, Any]) -> dict[str, Any]:
        return {("cls" if key == "class" else key): value for key, value in row.items()}

    across = table["across"]
    cues = [{"across": across.get(row["class"], []), **renamed(row)} for row in table["cue"]]
    sections = [renamed(row) for row in table["section"]]
    return (
        *TypeAdapter(list[Cue]).validate_python(cues),
        *TypeAdapter(list[Stop]).validate_python(table["stop"]),
        *TypeAdapter(list[Section]).validate_python(sections),
    )


_LEXICON = _table("lexicon.toml")
WORD_LISTS: Mapping[str, Mapping[str, str]] = _LEXICON["names"]
_CUE_TABLE = _table("cues.toml")
LIMITED: Mapping[str, str] = _CUE_TABLE["limits"]  # a treatment of last resort -> what it is to be limited in it
BARE: Mapping[str, str] = _CUE_TABLE["bare"]  # what a phrase says where it is a clause of its own
GONE: Mapping[str, Sequence[str]] = _CUE_TABLE["gone"]  # a sign that something is over -> what is over
ENDED: Mapping[str, Sequence[str]] = _CUE_TABLE["ended"]  # a treatment that ended -> what ended with it
IMPLIED: Mapping[str, str] = _CUE_TABLE["implied"]  # what is so where something else is
PLACES: tuple[Place, ...] = tuple(TypeAdapter(list[Place]).validate_python(_CUE_TABLE["place"]))
LISTS: Mapping[str, frozenset[str]] = {name: frozenset(words) for name, words in _CUE_TABLE["lists"].items()}


def _entries(rows: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    used = [re.search(r"@(\w+)", " ".join(row["phrases"])) for row in rows]
    named = [{"names": name[1] if name else None, **row} for row, name in zip(rows, used, strict=True)]
    return tuple(TypeAdapter(list[Entry]).validate_python(named))


LEXICON: tuple[Entry, ...] = _entries(_LEXICON["entry"])
CUES: tuple[Cue | Stop | Section, ...] = _cues(_CUE_TABLE)
VERBS: Mapping[str, frozenset[str]] = {  # the cues that may prove an act, by class
    cls: frozenset(word for cue in CUES if isinstance(cue, Cue) and cue.cls == cls for word in cue.words)
    for cls in ("done", "held", "home", "allergic")
}
_SPELLING = _table("spelling.toml")
SPELLED: frozenset[str] = frozenset(_SPELLING["targets"].split())  # what a misspelled word may be read as
OTHER_WORDS: frozenset[str] = frozenset(_SPELLING["others"].split())  # right words that are near one of these
PSEUDO: tuple[str, ...] = tuple(phrase for table in _LEXICON["pseudo"] for phrase in table["phrases"])
