"""`foreshock …` as a real process of its own, for the tests that start, kill and stop it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 90  # on a busy machine; a quiet one needs about three


class Running:
    """A process with a board: its address, and what it has written."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, words: Path) -> None:
        self.process, self._folder, self._words = process, folder, words

    def said(self) -> str:
        return self._words.read_text(encoding="utf-8")

    def token(self, name: str) -> dict[str, Any]:
        """The header with the token of this installation for `events` or `board`."""
        return {"authorization": f"Bearer {(self._folder / f'token-{name}').read_text().strip()}"}

    def address(self) -> str:
        """Waits until the board is open; without the last slash."""
        end = time.monotonic() + START_S
        while (found := re.search(r"The board: (http://\S+)/", self.said())) is None:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)
        return found[1]

    def stop(self, number: int) -> int:
        """Sends the signal; the status it ends with."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def running(folder: Path, *words: str, module: str = "infra.commands.cli") -> Iterator[Running]:
    """`foreshock WORDS` that keeps its data in `folder`; killed at the end if it still runs."""
    folder.mkdir(exist_ok=True)
    said = folder / f"words-{time.monotonic_ns()}.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORESHOCK_")}
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env=environment | {"FORESHOCK_DATA_DIR": str(folder)},
            cwd=Path(__file__).parents[2],
            stdout=out,
            stderr=out,
        )
    try:
        yield Running(process, folder, said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
