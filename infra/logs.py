"""Logs for operators: one JSON object a line, on standard error, and never a word about a patient. Nobody waits for it.

What may be said is a closed list. An event is a fixed name, never a sentence with values in it; every further key is
listed in FIELDS with the form its value must have. All else is dropped and counted: in the line itself (`dropped`) and
in the metric `foreshock_log_values_dropped_total`. Of an exception only its type and the places in the code are kept,
because its text may quote the input; of other libraries' lines only their logger, level and place.
"""

import logging
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import structlog
from prometheus_client import Counter
from structlog.typing import EventDict, WrappedLogger

from infra import unblocked

DROPPED = Counter("foreshock_log_values_dropped", "Values that were not written because the log may not hold them.")
UNNAMED = "unnamed_event"
TRACE_MAX = 8  # places of an exception, the innermost last
WORD = re.compile(
    r"[a-z][a-z_]{0,40}"
)  # one fixed word of ours: no digits, no capitals, so no number and no name as written
PATH = re.compile(r"[a-z][a-z_.-]{0,60}")  # a module, a topic, a logger

Check = Callable[[object], bool]


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _word(value: object) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def _path(value: object) -> bool:
    return isinstance(value, str) and PATH.fullmatch(value) is not None


# The closed list. Numbers are counts, durations and positions: no key here may ever hold a measurement or an id.
FIELDS: dict[str, Check] = {
    "component": _path,
    "topic": _path,
    "reason": _word,
    "state": _word,
    "count": _number,
    "beds": _number,
    "events": _number,
    "alerts": _number,
    "late": _number,
    "quarantined": _number,
    "seconds": _number,
    "bytes": _number,
    "partition": _number,
    "offset": _number,
    "port": _number,
    "pid": _number,
    "worker": _number,
}


def configure_logs(level: Literal["debug", "info", "warning", "error"]) -> None:
    """Send every line of this process, other libraries' and uncaught exceptions included, through the closed list."""
    unblocked.install()
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            only_what_is_listed,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )
    logging.basicConfig(handlers=[_Foreign()], level=max(least, logging.WARNING), force=True)
    logging.raiseExceptions = False  # else a line that cannot be formatted is printed, values and all
    sys.excepthook = _uncaught
    threading.excepthook = lambda thread: _uncaught(thread.exc_type, thread.exc_value, thread.exc_traceback)


def only_what_is_listed(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """The line without whatever the closed list does not name."""
    event, problem, places = line.pop("event", None), line.pop("exc_info", None), line.pop("_places", {})
    kept = {key: value for key, value in line.items() if key in FIELDS and FIELDS[key](value)}
    dropped = len(line) - len(kept) + (not _word(event))
    if dropped:
        DROPPED.inc(dropped)
        kept["dropped"] = dropped
    return {"event": event if _word(event) else UNNAMED, **kept, **places, **_of_exception(problem)}


def _of_exception(problem: object) -> dict[str, Any]:
    if problem is True:
        problem = sys.exc_info()
    if isinstance(problem, tuple):
        problem = problem[1]
    if not isinstance(problem, BaseException):
        return {}
    return {"error": type(problem).__qualname__, "trace": _trace(problem.__traceback__)}


def _trace(tb: TracebackType | None) -> list[str]:
    places = []
    while tb is not None:
        places.append(_place(tb.tb_frame.f_code.co_filename, tb.tb_lineno))
        tb = tb.tb_next
    return places[-TRACE_MAX:]


def _place(filename: str, line: int) -> str:
    return f"{'/'.join(Path(filename).parts[-2:])}:{line}"


class _Foreign(logging.Handler):
    """Other libraries write sentences with values in them: of those, only who spoke, how loudly and where is kept."""

    def emit(self, record: logging.LogRecord) -> None:
        DROPPED.inc()
        structlog.get_logger().log(
            record.levelno,
            "library_log",
            component=record.name.lower(),
            exc_info=record.exc_info,
            _places={"place": _place(record.pathname, record.lineno)},
        )


def _uncaught(_kind: type[BaseException], problem: BaseException | None, _tb: TracebackType | None) -> None:
    structlog.get_logger().critical("crashed", component="process", exc_info=problem)
