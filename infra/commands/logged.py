"""Lines that are said to the console and kept in a file, each with its time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console


@contextmanager
def logged(path: Path, console: Console) -> Iterator[Callable[[str], None]]:
    """What says a line; the file is added to, and its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:

        def say(line: str) -> None:
            stamped = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}"
            console.print(stamped, highlight=False)
            print(stamped, file=log, flush=True)

        yield say
