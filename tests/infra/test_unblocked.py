"""Standard error: whoever does not read it loses lines, and stops nobody."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from prometheus_client import REGISTRY

from infra.unblocked import Unblocked
from tests.infra.processes import START_S


class Held(io.StringIO):
    """A pipe that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        assert self.free.wait(10)
        return super().write(text)


def _lost() -> float:
    return REGISTRY.get_sample_value("foreshock_log_lines_lost_total") or 0


def test_what_does_not_fit_is_counted_and_said_by_the_next_line_that_gets_through() -> None:
    """A reader that stalls costs lines, never time; the first line after that begins with how many were lost."""
    taker, before = Held(), _lost()
    stream = Unblocked(taker, waiting_chars_max=100)
    began = time.monotonic()
    for number in range(1_000):
        stream.write(f"{number:09d}\n")
    assert time.monotonic() - began < 5  # whoever waits for the taker waits ten
    assert _lost() - before == 990
    taker.free.set()
    stream.drain(10)
    stream.write("again\n")
    stream.drain(10)
    *first, note, last = taker.getvalue().splitlines()
    assert first == [f"{number:09d}" for number in range(10)]
    assert (json.loads(note)["event"], json.loads(note)["count"], last) == ("lines_lost", 990, "again")


def test_a_closed_pipe_is_no_error_of_whoever_speaks() -> None:
    """After the reader has gone, lines are lost and counted, and writing still returns."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(len(text))

    before = _lost()
    stream = Unblocked(Gone())
    for _ in range(3):
        stream.write("nobody hears this\n")
    stream.drain(10)
    assert _lost() - before == 3


@contextmanager
def _serving(folder: Path, stderr: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORESHOCK_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.commands.cli", "serve", "--port", str(port)],
        env=environment | {"FORESHOCK_DATA_DIR": str(folder)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def _full_pipe() -> Iterator[int]:
    """The writing end of a pipe that holds all it can, and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    try:
        yield writer
    finally:
        os.close(writer)
        os.close(reader)


LATE = """
import atexit, os, sys
from infra.unblocked import install

def after_all_others():
    os.write(2, b"from below: ")
    sys.__stderr__.write("from Python itself\\n")
    sys.__stderr__.flush()

atexit.register(after_all_others)
install()
print("a line", file=sys.stderr)
"""


def test_what_speaks_at_the_very_end_of_a_process_waits_for_nobody_either() -> None:
    """The interpreter, a library: after the last words nothing goes to a pipe that is full."""
    with _full_pipe() as writer:
        done = subprocess.run(
            [sys.executable, "-c", LATE], stderr=writer, cwd=Path(__file__).parents[2], timeout=60, check=False
        )
    assert done.returncode == 0


def test_a_service_whose_standard_error_nobody_reads_serves_and_ends(tmp_path: Path) -> None:
    """With a full pipe from its first word on, the service answers, and SIGTERM ends it in order."""
    with _full_pipe() as writer, _serving(tmp_path / "data", writer) as (process, address):
        end = time.monotonic() + START_S
        while True:
            try:
                with urlopen(f"{address}/healthz", timeout=10) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < end, "it does not answer"
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
