"""Standard error that nobody waits for: a thread writes it, and what does not fit is lost and counted.

A pipe that nobody reads, a terminal that was stopped with Ctrl-S or a full disk must not stop the ward. Once installed,
everything that this process says on standard error goes through here: log lines, console sentences, tracebacks.
"""

import atexit
import io
import json
import os
import sys
import threading
from collections import deque
from typing import TextIO

from prometheus_client import Counter

LOST = Counter("foreshock_log_lines_lost", "Lines on standard error that were lost because nobody took them in time.")
WAITING_CHARS_MAX = 512 * 1024  # about two thousand log lines
LAST_WORDS_S = 1.0  # how long the end of the process waits for its last words to be taken


class Unblocked(io.TextIOBase):
    """A text stream over another one, whose `write` never waits."""

    def __init__(self, taker: TextIO, waiting_chars_max: int = WAITING_CHARS_MAX) -> None:
        self._taker, self._max = taker, waiting_chars_max
        self._waiting: deque[str] = deque()
        self._chars = 0  # of all that waits or is being written
        self._lost = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="stderr", daemon=True).start()

    def write(self, text: str) -> int:
        """Hand over for writing; what does not fit is lost. The next text that fits says how much was lost."""
        if not isinstance(text, str):
            raise TypeError(f"expected str, found {type(text).__name__}")
        if not text:
            return 0
        with self._changed:
            said = _lost_line(self._lost) + text if self._lost else text
            if self._chars + len(said) > self._max:
                self._lost += 1
                LOST.inc()
            else:
                self._lost = 0
                self._chars += len(said)
                self._waiting.append(said)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Nothing to do: the thread writes as soon as it can."""

    def drain(self, seconds: float) -> bool:
        """Wait until all is written, at most so long; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._chars == 0, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                text = self._waiting.popleft()
            try:
                self._taker.write(text)
                self._taker.flush()
            except (OSError, ValueError):  # a broken pipe, a full disk, a closed file: the ward goes on
                LOST.inc()
            with self._changed:
                self._chars -= len(text)
                self._changed.notify_all()

    # what a terminal is asked

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._taker.isatty()

    def fileno(self) -> int:
        return self._taker.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._taker.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._taker.errors


def _lost_line(count: int) -> str:
    return json.dumps({"event": "lines_lost", "level": "warning", "component": "stderr", "count": count}) + "\n"


def install() -> None:
    """Standard error of this process, from now on. A second call changes nothing."""
    if not isinstance(sys.stderr, Unblocked):
        sys.stderr = Unblocked(_of_its_own(sys.stderr))
        atexit.register(_end, sys.stderr)


def _of_its_own(stream: TextIO) -> TextIO:
    """The same file with a lock of its own: Python takes that of its standard error once more at its very end."""
    try:
        descriptor = os.dup(stream.fileno())
    except OSError:  # nothing that the system knows: a test's
        return stream
    return open(descriptor, "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False)


def _end(stderr: Unblocked) -> None:
    """Last words, as far as somebody takes them; where nobody does, nothing that speaks after them waits either."""
    if not stderr.drain(LAST_WORDS_S):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
