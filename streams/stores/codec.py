"""A bed as bytes and back: whole, or what changed since; versioned, checksummed, never pickled.

    rows = [whole(bed)]                    # then, after every batch in which it changed:
    rows.append(change(before, after))     # a few hundred bytes
    bed = bed_of(rows)

One line of header (`foreshock-bed <version> <blake2b of the rest>`), then JSON; a whole bed is compressed. A new
version adds a branch to `bed_of`; a golden file per version is under test.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from msgspec import convert, to_builtins
from msgspec.json import decode, encode
from msgspec.structs import replace

from forecasting.contract import ModelState
from schemas.clinical.alerts import Alert
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Finding, Level, Onset
from schemas.events import Event, Note, Patient, Quality, Reading, Source, Status, Treatment
from streams.core.bed import Bed, Chart, Episode, Failure, KeptNote, Line, outline_of
from streams.core.source_clock import SourceClock

VERSION = 2
BYTES_MAX = 16 * 2**20  # of one row, unpacked: far beyond any bed, and no bomb
COMPRESSION = 1
_NAME = b"foreshock-bed"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SOURCES, _STATUSES, _QUALITIES = tuple(Source), tuple(Status), tuple(Quality)
_CHART = ("setting", "unit", "bed", "discharged", "reading_bytes")

_USUAL = (None, 0, 0, None, None, None)  # from the method on

Raw = dict[str, Any]


class Damaged(ValueError):
    """These bytes are no bed that was saved whole: rebuild it from the log."""


def whole(bed: Bed) -> bytes:
    """The bed as bytes. Equal beds give equal bytes."""
    return _sealed(zlib.compress(encode(_raw(bed), order="deterministic"), COMPRESSION))


def change(before: Bed, after: Bed) -> bytes:
    """What is different, to be put over what was saved of `before`."""
    return _sealed(encode(_difference(before, after), order="deterministic"))


def bed_of(rows: Sequence[bytes]) -> Bed:
    """The bed that its newest whole row and the changes after it make. Raises Damaged."""
    if not rows:
        raise Damaged("expected the whole row of a bed, found none")
    version, body = _opened(rows[0])
    changes = [_opened(row) for row in rows[1:]]
    if any(version != VERSION for version, _ in changes):
        raise Damaged(f"expected changes of version {VERSION}, found another")
    try:
        raw = _of_version_1(decode(body)) if version == 1 else decode(_unpacked(body))
        for _, changed in changes:
            _put_over(raw, decode(changed))
        return _bed(raw)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError, zlib.error) as problem:
        raise Damaged("expected a saved bed, found something else") from problem


def _sealed(body: bytes) -> bytes:
    return b"%s %d %s\n" % (_NAME, VERSION, _checksum(body)) + body


def _opened(saved: bytes) -> tuple[int, bytes]:
    header, _, body = saved.partition(b"\n")
    parts = header.split(b" ")
    if len(parts) != 3 or parts[0] != _NAME:
        raise Damaged("expected a saved bed, found something else")
    if parts[1] not in (b"1", b"2"):
        raise Damaged(f"expected version 1 or {VERSION} of a saved bed, found another")
    if parts[2] != _checksum(body):
        raise Damaged("expected the checksum of its header, found another: the bytes are damaged")
    return int(parts[1]), body


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(body, BYTES_MAX)
    if not unpacking.eof:
        raise Damaged("expected a bed, found more than one can hold")
    return found


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).hexdigest().encode()


# -- what changed


def _difference(before: Bed, after: Bed) -> Raw:
    """Top-level parts that differ; rows of readings as (how many stay, what follows); episodes by guideline."""
    found: Raw = {"line": _line(after.line)}
    for name, packed in _PARTS.items():
        if getattr(before, name) is not getattr(after, name):
            found[name] = packed(getattr(after, name))
    if before.model is not after.model and before.model is not None and after.model is not None:
        found["model"] = _model_changed(before.model, after.model)
    if before.chart is not after.chart:
        found["chart"] = _chart_without_readings(after.chart, before.chart)
        found["readings"] = _rows_changed(before.chart.readings, after.chart.readings)
    if before.episodes is not after.episodes:
        found["episodes"] = {
            key: None if (episode := after.episodes.get(key)) is None else _episode(episode)
            for key in before.episodes.keys() | after.episodes.keys()
            if before.episodes.get(key) is not after.episodes.get(key)
        }
    return found


def _model_changed(before: ModelState, after: ModelState) -> Raw:
    """Where only bytes of the body differ, what turns the one into the other, packed: nearly all of it is zeros."""
    size = len(after.body)
    if len(before.body) != size or replace(before, body=after.body) != after:
        whole_state: Raw = to_builtins(after)
        return whole_state
    differing = int.from_bytes(before.body) ^ int.from_bytes(after.body)
    return {"over": b64encode(zlib.compress(differing.to_bytes(size), COMPRESSION)).decode()}


def _rows_changed(
    before: Mapping[str, tuple[Reading, ...]], after: Mapping[str, tuple[Reading, ...]]
) -> dict[str, tuple[int, list[Any]]]:
    found = {}
    for concept, row in after.items():
        old = before.get(concept, ())
        if row is not old:
            stay = len(old) if row[: len(old)] == old else 0
            found[concept] = stay, [_reading(reading) for reading in row[stay:]]
    return found


def _put_over(raw: Raw, changed: Raw) -> None:
    for concept, (stay, rows) in changed.pop("readings", {}).items():
        raw["readings"][concept] = raw["readings"].get(concept, [])[:stay] + rows
    for key, episode in changed.pop("episodes", {}).items():
        if episode is None:
            raw["episodes"].pop(key, None)
        else:
            raw["episodes"][key] = episode
    model = changed.get("model")
    if model is not None and "over" in model:
        differing, body = _unpacked(b64decode(model["over"])), b64decode(raw["model"]["body"])
        after = int.from_bytes(differing) ^ int.from_bytes(body)
        changed["model"] = raw["model"] | {"body": b64encode(after.to_bytes(len(body))).decode()}
    raw["chart"].update(changed.pop("chart", {}))
    raw.update(changed)


# -- a bed as plain data, and back


def _raw(bed: Bed) -> Raw:
    return {
        "encounter": bed.encounter,
        "line": _line(bed.line),
        "chart": _chart_without_readings(bed.chart, None),
        "readings": {concept: [_reading(r) for r in row] for concept, row in bed.chart.readings.items()},
        "episodes": {key: _episode(episode) for key, episode in bed.episodes.items()},
        **{name: packed(getattr(bed, name)) for name, packed in _PARTS.items()},
    }


def _bed(raw: Raw) -> Bed:
    line, chart, model = raw["line"], raw["chart"], raw["model"]
    encounter = raw["encounter"]
    return Bed(
        encounter=encounter,
        line=Line(
            clock=_time(line["clock"]),
            closed=_time(line["closed"]),
            ahead=_time(line["ahead"]),
            waiting=tuple(convert(event, Event) for event in line["waiting"]),
            crowded=tuple(_at(second) for second in line["crowded"]),
        ),
        chart=Chart(
            **{name: chart[name] for name in _CHART},
            patient=convert(chart["patient"], Patient),
            admitted_at=_time(chart["admitted_at"]),
            readings={c: tuple(_reading_of(encounter, c, *row) for row in rows) for c, rows in raw["readings"].items()},
            notes=tuple(KeptNote(ref, convert(note, Note)) for ref, note in chart["notes"]),
            facts=tuple(convert(fact, NoteFact) for fact in chart["facts"]),
            treatments=tuple(convert(treatment, Treatment) for treatment in chart["treatments"]),
            withdrawn=tuple(chart["withdrawn"]),
            heard_at=_time(chart["heard_at"]),
            moved_at=_time(chart.get("moved_at")),  # older rows have none
            setting_since=_time(chart.get("setting_since")),
        ),
        episodes={key: _episode_of(episode) for key, episode in raw["episodes"].items()},
        onsets={rule: Onset(at=_at(at), ref=ref) for rule, (at, ref) in raw["onsets"].items()},
        resolved=raw["resolved"],
        steps_done={step: _at(at) for step, at in raw["steps_done"].items()},
        outside=raw.get("outside", {}),  # older rows have none
        asked={subject: _at(at) for subject, at in raw.get("asked", {}).items()},
        model=None if model is None else convert(model, ModelState),
        due=_time(raw["due"]),
        judged_at=_time(raw["judged_at"]),
        foreseen_at=_time(raw["foreseen_at"]),
        counts=raw["counts"],
        clocks={name: convert(clock, SourceClock) for name, clock in raw["clocks"].items()},
        failure=None if raw["failure"] is None else Failure(_at(raw["failure"][0]), raw["failure"][1]),
    )


def _line(line: Line) -> Raw:
    return {
        "clock": _us(line.clock),
        "closed": _us(line.closed),
        "ahead": _us(line.ahead),
        "waiting": [to_builtins(event) for event in line.waiting],
        "crowded": [_us(second) for second in line.crowded],
    }


def _chart_without_readings(chart: Chart, before: Chart | None) -> Raw:
    """The chart's fields; of lists only those that are not the same object as before."""
    found: Raw = {name: getattr(chart, name) for name in _CHART}
    times = ("admitted_at", "heard_at", "moved_at", "setting_since")
    found |= {name: _us(getattr(chart, name)) for name in times}
    if before is None or chart.patient is not before.patient:
        found["patient"] = to_builtins(chart.patient)
    if before is None or chart.notes is not before.notes:
        found["notes"] = [(kept.ref, to_builtins(kept.note)) for kept in chart.notes]
    for name in ("facts", "treatments"):
        if before is None or getattr(chart, name) is not getattr(before, name):
            found[name] = [to_builtins(record) for record in getattr(chart, name)]
    if before is None or chart.withdrawn is not before.withdrawn:
        found["withdrawn"] = list(chart.withdrawn)
    return found


_PARTS: Mapping[str, Any] = {
    "onsets": lambda onsets: {rule: (_us(onset.at), onset.ref) for rule, onset in onsets.items()},
    "resolved": dict,
    "steps_done": lambda done: {step: _us(at) for step, at in done.items()},
    "outside": dict,
    "asked": lambda asked: {subject: _us(at) for subject, at in asked.items()},
    "model": lambda model: None if model is None else to_builtins(model),
    "due": lambda at: _us(at),
    "judged_at": lambda at: _us(at),
    "foreseen_at": lambda at: _us(at),
    "counts": dict,
    "clocks": lambda clocks: {name: to_builtins(clock) for name, clock in clocks.items()},
    "failure": lambda failure: None if failure is None else (_us(failure.since), failure.what),
}


def _reading(reading: Reading) -> list[Any]:
    """The arguments of `_reading_of`; those at the end that are as usual are left out."""
    row: list[Any] = [
        _us(reading.observed_at),
        (reading.available_at - reading.observed_at) // _MICROSECOND,
        reading.code if reading.value is None else reading.value,
        _SOURCES.index(reading.source),
        reading.method,
        _STATUSES.index(reading.status),
        _QUALITIES.index(reading.quality),
        reading.reason,
        reading.original_value,
        reading.original_unit,
    ]
    end = len(row)
    while end > 4 and row[end - 1] == _USUAL[end - 5]:
        end -= 1
    return row[:end]


def _reading_of(
    encounter: str,
    concept: str,
    observed: int,
    delay: int,
    said: float | str,
    source: int,
    method: str | None = None,
    status: int = 0,
    quality: int = 0,
    reason: str | None = None,
    original_value: float | None = None,
    original_unit: str | None = None,
) -> Reading:
    at = _at(observed)
    return Reading(
        encounter=encounter,
        concept=concept,
        observed_at=at,
        available_at=at + timedelta(microseconds=delay) if delay else at,
        value=None if isinstance(said, str) else said,
        code=said if isinstance(said, str) else None,
        source=_SOURCES[source],
        method=method,
        status=_STATUSES[status],
        quality=_QUALITIES[quality],
        reason=reason,
        original_value=original_value,
        original_unit=original_unit,
    )


_TIMES = (
    "raised_at", "changed_at", "said_at", "worsened_at", "eased_at", "acknowledged_at", "low_since", "blind_since",
    "remarked_at",
)  # fmt: skip


def _episode(episode: Episode) -> Raw:
    return {
        **{name: _us(getattr(episode, name)) for name in _TIMES},
        "id": episode.id,
        "key": episode.key,
        "level": episode.level.value,
        "state": episode.state,
        "finding": to_builtins(episode.finding),
        "others": [to_builtins(finding) for finding in episode.others],
        "levels": {rule: level.value for rule, level in episode.levels.items()},
        "remarks": list(episode.remarks),
        "left": {rule: _us(since) for rule, since in episode.left.items()},
        "acknowledged_by": episode.acknowledged_by,
    }


def _episode_of(raw: Raw) -> Episode:
    finding = convert(raw["finding"], Finding)
    others = tuple(convert(other, Finding) for other in raw["others"])
    return Episode(
        id=raw["id"],
        key=raw["key"],
        level=Level(raw["level"]),
        state=raw["state"],
        raised_at=_at(raw["raised_at"]),
        changed_at=_at(raw["changed_at"]),
        finding=finding,
        others=others,
        outline=outline_of((finding, *others)),
        said_at=_at(raw["said_at"]),
        levels={rule: Level(level) for rule, level in raw["levels"].items()},
        remarks=tuple(raw["remarks"]),
        worsened_at=_time(raw.get("worsened_at")),  # older rows have none
        eased_at=_time(raw.get("eased_at")),
        acknowledged_at=_time(raw["acknowledged_at"]),
        acknowledged_by=raw["acknowledged_by"],
        low_since=_time(raw["low_since"]),
        blind_since=_time(raw["blind_since"]),
        remarked_at=_time(raw.get("remarked_at")),
        left={rule: _at(since) for rule, since in raw.get("left", {}).items()},
    )


_NEW_IN_2: Raw = {"model": None, "foreseen_at": None, "clocks": {}, "failure": None}


def _of_version_1(body: Raw) -> Raw:
    """A bed of version 0.1: its chart held the readings, its episodes whole alerts, and no model had a state."""
    chart = body.pop("chart")
    chart["reading_bytes"] = chart.pop("weight")
    readings = chart.pop("readings")
    episodes = {key: _episode_of_version_1(old) for key, old in body.pop("episodes").items()}
    return {**body, "chart": chart, "readings": readings, "episodes": episodes, **_NEW_IN_2}


def _episode_of_version_1(old: Raw) -> Raw:
    alert = convert(old["alert"], Alert)
    state = "acknowledged" if alert.state == "acknowledged" else "raised"
    return {
        **_episode(
            Episode(
                id=alert.id,
                key=alert.key,
                level=alert.level,
                state=state,  # type: ignore[arg-type]
                raised_at=alert.raised_at,
                changed_at=alert.changed_at,
                finding=alert.finding,
                others=alert.others,
                said_at=_at(old["said_at"]),
                levels={},
                acknowledged_at=alert.acknowledged_at,
                acknowledged_by=alert.acknowledged_by,
            )
        ),
        "levels": old["levels"],
        "low_since": old["low_since"],
        "blind_since": old["blind_since"],
    }


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _at(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _at(microseconds)
