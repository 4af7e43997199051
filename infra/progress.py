"""How far a long command is: a bar in a terminal, and a plain line now and then where there is none (a pipe, a log)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINE_EVERY_S = 10.0

Tell = Callable[[int, int | None, str], None]
"""tell(done, total, what): how much is done, of how much if that is known, and what is being done."""


def say(console: Console, sentence: str) -> None:
    """One line, as it is: not folded, and no part of a path taken for markup."""
    console.print(sentence, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def progress(console: Console) -> Iterator[Tell]:
    """Where `tell` writes; a bar goes away at the end."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(line, completed=done, total=total, description=what)


def _lines(console: Console) -> Tell:
    spoken: float | None = None

    def tell(done: int, total: int | None, what: str) -> None:
        nonlocal spoken
        if spoken is None or time.monotonic() - spoken >= LINE_EVERY_S:
            spoken = time.monotonic()
            say(console, f"{what}: {done}" if total is None else f"{what}: {done} of {total}")

    return tell
