"""The 21-file rule book that room is measured with: our own three, and 18 altered copies of sepsis.

    python -m benchmarks.budgets.book FOLDER

Copy k has its own ids, and every bound of its conditions is moved by k per cent, so that hardly any is shared.
"""

import re
import sys
from pathlib import Path

from guidelines.book.load import KNOWLEDGE, book_files

COPIES = 18
_BOUND = re.compile(r"\b(above|below|at_least|at_most) (\d+(?:\.\d+)?)(?! of\b)")


def files(copies: int = COPIES) -> dict[str, str]:
    """The files of the book (name -> text)."""
    base = {path.name: path.read_text(encoding="utf-8") for path in book_files(KNOWLEDGE)}
    sepsis = base["sepsis.toml"]
    return base | {f"sepsis_{k:02d}.toml": altered(sepsis, k) for k in range(1, copies + 1)}


def altered(text: str, k: int) -> str:
    """One copy: other ids, other bounds. Only the lines of conditions are moved."""
    lines = text.replace('id = "SEP"', f'id = "S{k:02d}"').replace("SEP.", f"S{k:02d}.").splitlines()
    moved = [_moved(line, k) if re.match(r"(when|done) = ", line) else line for line in lines]
    return "\n".join(moved) + "\n"


def _moved(line: str, k: int) -> str:
    return _BOUND.sub(lambda m: f"{m[1]} {round(float(m[2]) * (1 + k / 100), 4):g}", line)


def write(folder: Path) -> None:
    """The book as a folder that `guidelines.book.load.load` reads."""
    for name, text in files().items():
        kind = (
            "" if name in ("definitions.toml", "wording.toml") else "scores" if name == "news2.toml" else "situations"
        )
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
