"""The rule book: reviewed TOML files read into frozen records, and refused with a plain sentence where they do not fit.

    book = load()
    book.version                          # a hash of all files: part of every audit
    book.concepts                         # what it reads: nothing else need be kept
    load(overlay=folder)                  # the same with a site's own entries over it

A trigger without source, review date and two worked examples does not load; nor does a name that nothing defines.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from guidelines.book.check import BadBook, check
from guidelines.book.compiled import Rules, compiled
from guidelines.book.overlay import overlaid
from guidelines.book.records import Definition, Guideline
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Condition
from schemas.conditions.text import BadCondition

KNOWLEDGE = Path(__file__).parents[1] / "knowledge"
KINDS = ("scores", "situations")  # folders of guidelines, in the order in which they are judged
SHARED = ("definitions.toml", "wording.toml")


@dataclass(frozen=True, eq=False)
class Book:
    """All guidelines and what they share, compiled. One object per load: identity is equality."""

    guidelines: tuple[Guideline, ...]
    definitions: Mapping[str, Condition]
    worse: Mapping[str, float]  # the change of a concept, in its bad direction, that a sentence may claim
    version: str
    rules: Rules
    concepts: frozenset[str]


def load(folder: Path = KNOWLEDGE, overlay: Path | None = None) -> Book:
    """Every guideline of the folder, with a site's overlay over it. Raises BadBook."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in book_files(folder)}
    over = {} if overlay is None else {p.name: p.read_text(encoding="utf-8") for p in sorted(overlay.glob("*.toml"))}
    return read(texts, over)


def book_files(folder: Path) -> list[Path]:
    """The files of a rule book: what they share, then the guidelines in the order in which they are judged."""
    return [*(folder / name for name in SHARED), *(f for kind in KINDS for f in sorted((folder / kind).glob("*.toml")))]


def read(files: Mapping[str, str], overlay: Mapping[str, str] | None = None) -> Book:
    """The book that these files (name -> text) make. Raises BadBook."""
    over = overlay or {}
    tables = overlaid({n: _table(n, t) for n, t in files.items()}, {n: _table(n, t) for n, t in over.items()})
    worse = _worse(tables.pop("wording.toml", {}))
    shared = [
        _model(Definition, name, {"name": name, **row}) for name, row in tables.pop("definitions.toml", {}).items()
    ]
    definitions = MappingProxyType({d.name: d.when for d in shared})
    guidelines = tuple(_model(Guideline, name, table) for name, table in tables.items())
    check(guidelines, definitions)
    rules = compiled(guidelines, definitions)
    digest = blake2b(digest_size=8)
    for part in (files, over):
        for name in sorted(part):
            digest.update(f"{name}\0{part[name]}\0".encode())
    return Book(guidelines, definitions, worse, digest.hexdigest(), rules, rules.reads & CONCEPTS.keys())


def _table(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BadBook(f"{name}: not TOML: {problem}") from None


def _worse(table: Mapping[str, Any]) -> Mapping[str, float]:
    steps = table.get("worse", {})
    for concept, step in steps.items():
        if concept not in CONCEPTS or not isinstance(step, int | float) or step == 0:
            raise BadBook(f"wording.toml: worse.{concept}: expected a concept and a change that is not zero")
    return MappingProxyType({concept: float(step) for concept, step in steps.items()})


def _model(kind: Any, where: str, table: Mapping[str, Any]) -> Any:
    try:
        return kind.model_validate(table)
    except (ValidationError, BadCondition) as problem:
        if isinstance(problem, BadCondition):
            raise BadBook(f"{where}: {problem}") from None
        first = problem.errors()[0]
        place = ".".join(_place(table, first["loc"]))
        raise BadBook(f"{where}: {place}: {first['msg']}") from None


def _place(table: Any, loc: tuple[int | str, ...]) -> Iterator[str]:
    """The path of an error, with an entry's own id instead of its number."""
    for key in loc:
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            table = None
        named = table.get("id") or table.get("name") if isinstance(table, dict) else None
        yield str(named or key)
