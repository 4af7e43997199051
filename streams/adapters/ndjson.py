"""Wire records, one per line (`schemas.events.wire`): a file `*.ndjson` (or `*.jsonl`), or a folder of such files.

Stays come in the order in which their first lines stand; their lines need not stand together. A bad line is refused
with its reason and never stops the file. A record without `available_at` is known when it was observed; ticks say
nothing here, since a replay makes its own.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected
from schemas.frozen import EARLIEST, LATEST
from streams.adapters.decode import decode
from streams.adapters.stay import Stay, WrongFormat, parted

ENDINGS = (".ndjson", ".jsonl")
FIRST_LINES = 100  # if not one of so many is a wire record, the file is something else
NOBODY = "nobody"  # the stay of lines that name no encounter, where no other stay takes them
_ENCOUNTER = re.compile(r"[A-Za-z0-9][\w.:|/-]{0,63}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(path: Path) -> Iterator[Stay]:
    """The stays of the file or folder; raises WrongFormat at once if its first lines hold no wire record."""
    files = sorted(p for p in path.rglob("*") if p.suffix in ENDINGS) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise WrongFormat(f"expected a file of wire records (.ndjson) or a folder of them, found none at {path.name!r}")
    for file in files:
        _check(file)
    return _stays(files)


def _check(file: Path) -> None:
    with file.open("rb") as lines:
        some = [line for line, _ in zip(lines, range(FIRST_LINES), strict=False) if line.strip()]
    if some and not any(_known(line) for line in some):
        try:
            first = json.loads(some[0])
            found = f"an object with {', '.join(list(first)[:6])}" if isinstance(first, dict) else "JSON, but no object"
        except (ValueError, RecursionError):
            found = "a line that is not JSON"
        raise WrongFormat(
            f"expected 'v', 'kind' and 'encounter' in each line of {file.name!r} (ndjson), found {found[:200]}"
        )


def _known(line: bytes) -> dict[str, Any] | None:
    """The line's object, if it looks like a wire record at all."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and "kind" in record and "v" in record else None


class _Line(NamedTuple):
    """One line where it stands, and the stays that it speaks of."""

    raw: bytes
    place: str
    owners: tuple[str, ...]


def _stays(files: list[Path]) -> Iterator[Stay]:
    """Lines are held as bytes by encounter and decoded stay by stay; lines of nobody go with the first stay."""
    lines: dict[str, list[_Line]] = defaultdict(list)
    nobody: list[_Line] = []
    for file in files:
        for number, raw in enumerate(file.read_bytes().splitlines(), 1):
            if raw.strip():
                line = _Line(raw, f"{file.name}:{number}", _owners(_known(raw)))
                for owner in line.owners:
                    lines[owner].append(line)
                if not line.owners:
                    nobody.append(line)
    for encounter, own in lines.items():
        yield _stay(encounter, [*nobody, *own])
        nobody = []
    if nobody:
        yield _stay(NOBODY, nobody)


def _owners(record: dict[str, Any] | None) -> tuple[str, ...]:
    if record is None:
        return ()
    parts = record.get("records") if record["kind"] == "batch" else [record]
    named = (part.get("encounter") for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and _ENCOUNTER.fullmatch(name)))


def _stay(encounter: str, lines: Iterable[_Line]) -> Stay:
    entries = [
        entry
        for line in lines
        for entry in decode(line.raw, _received(_known(line.raw)), place=line.place)
        if isinstance(entry, Tick) or _belongs(entry, encounter, line.owners)
    ]
    events, refused = parted(entries)
    events.sort(key=attrgetter("available_at"))
    start = events[0].available_at if events else min((r.received_at for r in refused), default=_EPOCH)
    return Stay(encounter, events, start=start, refused=refused)


def _belongs(entry: Event | Rejected, encounter: str, owners: tuple[str, ...]) -> bool:
    """Whether this stay tells it: its own, and refusals of nobody's where the line speaks of this stay first."""
    if isinstance(entry, Rejected) and entry.encounter not in owners:
        return not owners or encounter == owners[0]
    return entry.encounter == encounter


def _received(record: dict[str, Any] | None) -> datetime:
    """When a live system would have got the line: the latest time that it names."""
    if record is None:
        return _EPOCH
    parts = record.get("records") if record.get("kind") == "batch" else [record]
    times = [_moment(part) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return max(times, default=_EPOCH)


def _moment(record: dict[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(record.get("available_at") or record["observed_at"])
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(moment, EARLIEST), LATEST).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return _EPOCH
