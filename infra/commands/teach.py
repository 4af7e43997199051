"""`foreshock teach`: a few labelled stays of a hospital teach the model a named event, version by version."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from forecasting.evaluation.metrics import Interval
from forecasting.local import taught
from forecasting.local.own import TAUGHT, lessons
from forecasting.local.recalibration import Unfit
from forecasting.local.teaching import Example, Lesson, Refused
from forecasting.local.teaching import taught as learnt
from forecasting.local.versions import NotKept
from forecasting.network.fitted import Fitted
from forecasting.training import json_rows
from guidelines.book.units import load_units
from guidelines.rules.registry import registered
from infra.private import keep_private
from infra.progress import say
from infra.service import policy_of
from infra.settings import Settings
from schemas.codes.concepts import CONCEPTS
from streams.adapters import WrongFormat
from streams.cohorts.hashes import files_of, hash_of
from streams.cohorts.visits import Cohort, Moment, fitted_or_why, states_at

SEED = 11
FILE_BYTES_MAX = 1_000_000
COLUMNS = ("encounter", "time", "label")
WITHIN_MAX_H = 24.0 * 14
MISSED_SHOWN = 5


class CannotTeach(Exception):
    """Why nothing was taught; what was in force still is."""


class Labelled(NamedTuple):
    """One line of the file."""

    encounter: str
    time: Moment  # hours since the stay's start, or a time with its zone
    label: bool


@dataclass(frozen=True)
class Task:
    """What is to be learnt, and from what."""

    name: str
    within_h: float
    examples: Path
    cohort: Path
    source: str


def task(
    name: str | None, within_h: float | None, examples: Path | None, cohort: Path | None, source: str | None
) -> Task | None:
    """What was asked for; None where a part of it is missing."""
    if name is None or within_h is None or examples is None or cohort is None or source is None:
        return None
    return Task(name, within_h, examples, cohort, source)


def run_teach(task: Task, settings: Settings, now: datetime, console: Console) -> str:
    """Learn, keep and put in force; the version. Raises CannotTeach, OSError."""
    _refuse_name(task, settings)
    labelled = examples_in(task.examples)
    if not task.cohort.exists():
        raise CannotTeach(f"expected a file or folder at {task.cohort}, found nothing")
    try:
        fitted = fitted_or_why()
        examples = _seen(labelled, Cohort(task.cohort, task.source, policy_of(settings)))
        lesson = learnt(examples, fitted.usual, SEED)
    except (Refused, WrongFormat, ValueError) as problem:
        raise CannotTeach(problem) from None
    keep_private()
    version = lessons(settings.data_dir, task.name).add(json_rows.dumps(_kept(task, lesson, fitted, now)), now)
    say(
        console,
        f"{task.name} {version} is in force, learnt from {lesson.examples} examples of {lesson.patients} patients, "
        f"{lesson.with_event} with the event.",
    )
    say(
        console,
        f"Each patient told by the others: AUROC {_shown(lesson.auroc)}; log loss {lesson.log_loss:.3f}, of the base "
        f"rate alone {lesson.log_loss_of_base_rate:.3f}, better by {_shown(lesson.gained)}.",
    )
    say(console, f"Rules may ask: chance of (is {task.name}) within {task.within_h:g} h at_least 30 %")
    say(
        console, "It is the chance among patients like the examples. A service that runs reads it when it starts again."
    )
    return version


def _refuse_name(task: Task, settings: Settings) -> None:
    if not taught.NAME.fullmatch(task.name):
        raise CannotTeach("expected a name of 3 to 40 small letters, digits and _, that begins with a letter")
    fitted = fitted_or_why_not()
    known = {**load_units(settings.overlays).base.definitions, **registered(), **CONCEPTS, **fitted.events}
    if task.name in known:
        raise CannotTeach(f"{task.name} has a meaning already: take another name")
    if not (math.isfinite(task.within_h) and 0 < task.within_h <= WITHIN_MAX_H):
        raise CannotTeach(f"expected a time ahead of up to {WITHIN_MAX_H:g} h")


def fitted_or_why_not() -> Fitted:
    """The fitted network. Raises CannotTeach."""
    try:
        return fitted_or_why()
    except ValueError as problem:
        raise CannotTeach(problem) from None


# --- the file --------------------------------------------------------------------------------------------------------


def examples_in(path: Path) -> list[Labelled]:
    """Of a CSV file with the columns encounter, time and label, or one JSON object with these keys a line (`.ndjson`).
    Raises CannotTeach, which names the line."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CannotTeach(f"expected at most {FILE_BYTES_MAX:,} bytes in {path.name}")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CannotTeach(f"{path.name}: expected text in UTF-8") from None
    rows = _of_lines(text) if path.suffix in (".ndjson", ".jsonl") else _of_table(text, path.name)
    found = [_labelled(number, row) for number, row in rows]
    if len(set(found)) < len(found) or len({(one.encounter, one.time) for one in found}) < len(found):
        raise CannotTeach(f"{path.name}: one stay stands twice at one time")
    return found


def _of_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError:
                raise CannotTeach(f"line {number}: expected a JSON object") from None


def _of_table(text: str, name: str) -> Iterator[tuple[int, Any]]:
    rows = csv.DictReader(text.splitlines())
    if not set(COLUMNS) <= {*(rows.fieldnames or ())}:
        raise CannotTeach(f"{name}: expected the columns {', '.join(COLUMNS)}")
    yield from enumerate(rows, 2)


def _labelled(number: int, row: Any) -> Labelled:
    known = row if isinstance(row, Mapping) else {}
    encounter, label = known.get("encounter"), str(known.get("label")).strip()
    if not isinstance(encounter, str) or not encounter.strip():
        raise CannotTeach(f"line {number}: expected an encounter")
    if label not in ("0", "1"):
        raise CannotTeach(f"line {number}: expected the label 0 or 1")
    return Labelled(encounter.strip(), _moment(number, known.get("time")), label == "1")


def _moment(number: int, told: Any) -> Moment:
    try:
        hours = float(told)
        if math.isfinite(hours) and hours >= 0:
            return hours
    except (TypeError, ValueError):
        try:
            at = datetime.fromisoformat(str(told).strip())
            if at.tzinfo is not None:
                return at
        except ValueError:
            pass
    raise CannotTeach(f"line {number}: expected a time: hours since the stay began, or one with date and zone")


def _seen(labelled: Iterable[Labelled], cohort: Cohort) -> list[Example]:
    """Every example as the network has it. Raises CannotTeach where it has not: which would be a choice of examples."""
    wanted: dict[str, list[Moment]] = {}
    for one in labelled:
        wanted.setdefault(one.encounter, []).append(one.time)
    states = states_at(cohort, wanted)
    examples, missed = [], []
    for one in labelled:
        found = states.get((one.encounter, one.time))
        if found is None or found.hidden is None:
            missed.append(f"{one.encounter} at {one.time}: {'no such stay' if found is None else found.why}")
        else:
            examples.append(Example(one.encounter, one.label, found.hidden))
    if missed:
        more = f"; and {len(missed) - MISSED_SHOWN} more" if len(missed) > MISSED_SHOWN else ""
        raise CannotTeach(f"nothing can be made of {'; '.join(missed[:MISSED_SHOWN])}{more}. Leave them out yourself")
    return examples


def _kept(task: Task, lesson: Lesson, fitted: Fitted, now: datetime) -> dict[str, Any]:
    return {
        "what": "taught",
        "name": task.name,
        "within_h": task.within_h,
        "made_at": now.isoformat(timespec="seconds"),
        "belongs_to": fitted.digest,
        "examples": {
            "sha256": hash_of([task.examples]),
            "of": {"name": task.cohort.name, "from": task.source, "sha256": hash_of(files_of(task.cohort))},
            "examples": lesson.examples,
            "patients": lesson.patients,
            "with the event": lesson.with_event,
        },
        "each patient told by the others": {
            "AUROC": [*map(_digits, lesson.auroc)],
            "log loss": _digits(lesson.log_loss),
            "log loss of the base rate": _digits(lesson.log_loss_of_base_rate),
            "better by": [*map(_digits, lesson.gained)],
        },
        "seed": SEED,
        "rows": taught.rows(lesson.weights, lesson.more),
    }


def _digits(value: float) -> float:
    return float(f"{value:.5g}")


def _shown(figure: Interval) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


# --- what was taught -------------------------------------------------------------------------------------------------


def stepped(name: str | None, version: str | None, settings: Settings, now: datetime, console: Console) -> None:
    """Put a version in force that was kept, or go back to what was in force before. Raises CannotTeach."""
    if name is None or not taught.NAME.fullmatch(name):
        raise CannotTeach("expected the name of something that was taught")
    versions = lessons(settings.data_dir, name)
    try:
        if version is not None:
            taught.read(version, versions.text(version), fitted_or_why_not())
            versions.use(version, now)
        else:
            version = versions.undo(now)
    except (NotKept, Unfit) as problem:
        raise CannotTeach(problem) from None
    say(console, f"{name} is no longer told." if version is None else f"{name} {version} is in force.")


def listed(settings: Settings, console: Console) -> None:
    """Everything that was taught. Raises CannotTeach."""
    place, fitted = settings.data_dir / TAUGHT, fitted_or_why_not()
    names = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    for name in names:
        versions = lessons(settings.data_dir, name)
        try:
            in_force = versions.in_force()
        except NotKept as problem:
            raise CannotTeach(problem) from None
        for version in versions.kept():
            try:
                about = f"within {taught.read(version, versions.text(version), fitted).within_h:g} h"
            except (NotKept, Unfit) as problem:
                about = str(problem)
            say(console, f"{'in force  ' if version == in_force else '          '}{name} {version}: {about}")
    if not names:
        say(console, f"Nothing was taught in {place}.")
