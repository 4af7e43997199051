"""Logs: what operators need is there, and no patient is."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from infra.logs import FIELDS, TRACE_MAX, configure_logs, only_what_is_listed
from infra.unblocked import Unblocked

NAME, RECORD = "Ottilie Wunderlich", "MRN-4711-88"


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Begins logging as a process does; undone at the end of the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def begin() -> None:
        monkeypatch.setattr(sys, "stderr", sys.stderr)
        configure_logs("info")

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    yield begin
    structlog.reset_defaults()
    root.handlers[:], level = before
    root.setLevel(level)


def written(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error so far; nothing may be on standard output."""
    assert isinstance(sys.stderr, Unblocked)
    sys.stderr.drain(10)
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


def fail() -> None:
    """Raise what careless code raises: the input in the text, and in the local values."""
    raise ValueError(f"cannot parse {NAME} {RECORD}")


def everything_that_leaks() -> None:
    """Each way in which a name or a record number could reach a log line."""
    log = structlog.get_logger()
    log.info(f"admitted {NAME}")
    log.info("admitted %s", RECORD)
    log.info("admitted", patient=NAME, record=RECORD)
    log.info("admitted", component=NAME, reason=RECORD, count=RECORD, topic=[NAME])
    log.bind(encounter=RECORD).warning("admitted", **{NAME: 1})
    try:
        fail()
    except ValueError as problem:
        log.exception("refused", error=str(problem))
        log.error("refused", exc_info=problem, note=repr(problem))
        logging.getLogger("kafka.conn").exception("cannot send %s", NAME)
        sys.excepthook(type(problem), problem, problem.__traceback__)
    logging.getLogger("some_server.access").warning('GET /beds/%s "200"', RECORD)
    logging.getLogger(NAME).error("%d beds", NAME)  # and one that cannot even be formatted
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def test_no_name_and_no_record_number_ever_appears(
    capsys: pytest.CaptureFixture[str], configure: Callable[[], None]
) -> None:
    """However a name or a record number reaches the log, by exceptions and libraries too, it is not written."""
    configure()
    everything_that_leaks()
    lines = written(capsys)
    assert len(lines) == 12  # every line was written, and each is an object
    assert all(json.loads(line)["timestamp"] for line in lines)
    for secret in (*NAME.split(), *NAME.lower().split(), RECORD, "4711"):
        assert secret not in "".join(lines)


def test_what_operators_need_is_written(capsys: pytest.CaptureFixture[str], configure: Callable[[], None]) -> None:
    """A listed key in its form is written as it is, with the level and the time; what is below the level is not."""
    configure()
    structlog.get_logger().debug("worker_ready", component="streams.worker")
    structlog.get_logger().warning("worker_ready", component="streams.worker", partition=3, seconds=0.25)
    (line,) = map(json.loads, written(capsys))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "worker_ready", "level": "warning", "component": "streams.worker", "partition": 3, "seconds": 0.25
    }  # fmt: skip


def test_what_is_dropped_is_counted(capsys: pytest.CaptureFixture[str], configure: Callable[[], None]) -> None:
    """A line says how many values it lost, and the metric adds them up."""
    configure()
    before = REGISTRY.get_sample_value("foreshock_log_values_dropped_total") or 0
    structlog.get_logger().info(f"hello {NAME}", patient=NAME, reason=RECORD, count=2)
    (line,) = map(json.loads, written(capsys))
    assert (line["event"], line["count"], line["dropped"]) == ("unnamed_event", 2, 3)
    assert REGISTRY.get_sample_value("foreshock_log_values_dropped_total") == before + 3


def test_an_exception_keeps_its_type_and_its_places(
    capsys: pytest.CaptureFixture[str], configure: Callable[[], None]
) -> None:
    """Of an exception the log keeps what finds it in the code: its type and the last places, innermost last."""
    configure()

    def deep(levels: int) -> None:
        fail() if levels == 0 else deep(levels - 1)

    try:
        deep(3 * TRACE_MAX)
    except ValueError:
        structlog.get_logger().exception("refused")
    (line,) = map(json.loads, written(capsys))
    assert line["error"] == "ValueError"
    assert len(line["trace"]) == TRACE_MAX
    assert line["trace"][-1].startswith("infra/test_logs.py:")


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())))
def test_only_listed_keys_pass(line: dict[str, object]) -> None:
    """Whatever the line holds, only listed keys come out of it."""
    out = only_what_is_listed(None, "info", {**line, "event": "fuzz"})
    assert set(out) <= {"event", "dropped", *FIELDS}
