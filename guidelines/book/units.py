"""The rule book of each unit: the base, with the unit's own entries over it (`guidelines.book.overlay`).

    overlays/ICU 2/sepsis.toml            # the unit as messages name it; %2F stands for / in a folder's name
    books = load_units(Path("overlays"))
    books.units["ICU 2"]                  # a unit without a folder has books.base

Compiled once per distinct pair: two units with the same entries share one book.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from guidelines.book.check import BadBook
from guidelines.book.load import KNOWLEDGE, Book, book_files, read


class Books(NamedTuple):
    """The base, and the books of the units that have entries of their own, by the unit's name."""

    base: Book
    units: Mapping[str, Book]


def load_units(overlays: Path | None = None, folder: Path = KNOWLEDGE) -> Books:
    """Every book that is needed. Raises BadBook, which names the unit and the file."""
    base = _texts(book_files(folder))
    compiled = {frozenset[tuple[str, str]](): read(base)}
    units: dict[str, Book] = {}
    for place in _folders(overlays):
        unit = unquote(place.name)
        try:
            over = _texts(sorted(place.glob("*.toml")))
            pair = frozenset(over.items())
            if pair not in compiled:
                compiled[pair] = read(base, over)
        except BadBook as problem:
            raise BadBook(f"overlay of unit {unit}: {problem}") from None
        units[unit] = compiled[pair]
    return Books(compiled[frozenset()], units)


def _folders(overlays: Path | None) -> list[Path]:
    if overlays is None:
        return []
    try:
        found = sorted(path for path in overlays.iterdir() if not path.name.startswith("."))
    except OSError as problem:
        raise BadBook(f"{overlays}: expected a folder with one folder per unit: {problem.strerror}") from None
    for path in found:
        if path.suffix == ".toml":
            raise BadBook(f"{path}: expected it in a folder named for its unit")
    return [path for path in found if path.is_dir()]


def _texts(files: list[Path]) -> dict[str, str]:
    texts = {}
    for file in files:
        try:
            texts[file.name] = file.read_text(encoding="utf-8")
        except OSError as problem:
            raise BadBook(f"{file.name}: cannot be read: {problem.strerror}") from None
        except UnicodeDecodeError:
            raise BadBook(f"{file.name}: expected text in UTF-8") from None
    return texts
