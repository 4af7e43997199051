"""A bed as bytes and back: versioned, checksummed, never pickled.

One line of header (`foreshock-bed <version> <blake2b of the body>`), then the body as JSON. Readings are short arrays,
because they are most of it. A new version adds a branch to `from_bytes`; a golden file per version is under test.
"""

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from msgspec import convert, to_builtins

from schemas.clinical.alerts import Alert
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Level, Onset
from schemas.events import Event, Note, Patient, Quality, Reading, Source, Status, Treatment
from schemas.frozen import Record
from streams.core.bed import Bed, Chart, Episode, KeptNote, Line

VERSION = 1
_NAME = b"foreshock-bed"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SOURCES, _STATUSES, _QUALITIES = tuple(Source), tuple(Status), tuple(Quality)


class Damaged(ValueError):
    """These bytes are no bed that was saved whole: rebuild it from the log."""


def to_bytes(bed: Bed) -> bytes:
    """The bed as bytes. Equal beds give equal bytes."""
    body = json.dumps(_bed(bed), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%s %d %s\n" % (_NAME, VERSION, _checksum(body)) + body


def from_bytes(saved: bytes) -> Bed:
    """The bed that was saved. Raises Damaged where a byte is not as it was, or the version is not known."""
    header, _, body = saved.partition(b"\n")
    parts = header.split(b" ")
    if len(parts) != 3 or parts[0] != _NAME:
        raise Damaged("expected a saved bed, found something else")
    if parts[1] != b"%d" % VERSION:
        raise Damaged(f"expected version {VERSION} of a saved bed, found another")
    if parts[2] != _checksum(body):
        raise Damaged("expected the checksum of its header, found another: the bytes are damaged")
    return _bed_of(json.loads(body))


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).hexdigest().encode()


def _bed(bed: Bed) -> dict[str, Any]:
    return {
        "encounter": bed.encounter,
        "line": {
            "clock": _us(bed.line.clock),
            "closed": _us(bed.line.closed),
            "ahead": _us(bed.line.ahead),
            "waiting": [_plain(event) for event in bed.line.waiting],
            "crowded": [_us(second) for second in bed.line.crowded],
        },
        "chart": _chart(bed.chart),
        "episodes": {key: _episode(episode) for key, episode in bed.episodes.items()},
        "onsets": {rule: [_us(onset.at), onset.ref] for rule, onset in bed.onsets.items()},
        "resolved": dict(bed.resolved),
        "steps_done": {step: _us(at) for step, at in bed.steps_done.items()},
        "due": _us(bed.due),
        "judged_at": _us(bed.judged_at),
        "counts": dict(bed.counts),
    }


def _bed_of(body: dict[str, Any]) -> Bed:
    line = body["line"]
    return Bed(
        encounter=body["encounter"],
        line=Line(
            clock=_time(line["clock"]),
            closed=_time(line["closed"]),
            ahead=_time(line["ahead"]),
            waiting=tuple(convert(event, Event) for event in line["waiting"]),
            crowded=tuple(_at(second) for second in line["crowded"]),
        ),
        chart=_chart_of(body["encounter"], body["chart"]),
        episodes={key: _episode_of(episode) for key, episode in body["episodes"].items()},
        onsets={rule: Onset(at=_at(at), ref=ref) for rule, (at, ref) in body["onsets"].items()},
        resolved=body["resolved"],
        steps_done={step: _at(at) for step, at in body["steps_done"].items()},
        due=_time(body["due"]),
        judged_at=_time(body["judged_at"]),
        counts=body["counts"],
    )


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "patient": _plain(chart.patient),
        "setting": chart.setting,
        "unit": chart.unit,
        "bed": chart.bed,
        "admitted_at": _us(chart.admitted_at),
        "discharged": chart.discharged,
        "readings": {concept: [_reading(reading) for reading in row] for concept, row in chart.readings.items()},
        "weight": chart.weight,
        "notes": [[kept.ref, _plain(kept.note)] for kept in chart.notes],
        "facts": [_plain(fact) for fact in chart.facts],
        "treatments": [_plain(treatment) for treatment in chart.treatments],
        "withdrawn": list(chart.withdrawn),
        "heard_at": _us(chart.heard_at),
    }


def _chart_of(encounter: str, body: dict[str, Any]) -> Chart:
    return Chart(
        patient=convert(body["patient"], Patient),
        setting=body["setting"],
        unit=body["unit"],
        bed=body["bed"],
        admitted_at=_time(body["admitted_at"]),
        discharged=body["discharged"],
        readings={
            concept: tuple(_reading_of(encounter, concept, *row) for row in rows)
            for concept, rows in body["readings"].items()
        },
        weight=body["weight"],
        notes=tuple(KeptNote(ref, convert(note, Note)) for ref, note in body["notes"]),
        facts=tuple(convert(fact, NoteFact) for fact in body["facts"]),
        treatments=tuple(convert(treatment, Treatment) for treatment in body["treatments"]),
        withdrawn=tuple(body["withdrawn"]),
        heard_at=_time(body["heard_at"]),
    )


def _reading(reading: Reading) -> list[Any]:
    """The arguments of `_reading_of`; those at the end that are as usual are left out."""
    row = [
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
    while len(row) > 4 and row[-1] in (None, 0) and row[-1] is not reading.original_value:
        row.pop()
    return row


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
    return Reading(
        encounter=encounter,
        concept=concept,
        observed_at=_at(observed),
        available_at=_at(observed + delay),
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


def _episode(episode: Episode) -> dict[str, Any]:
    return {
        "alert": _plain(episode.alert),
        "said_at": _us(episode.said_at),
        "levels": {rule: level.value for rule, level in episode.levels.items()},
        "low_since": _us(episode.low_since),
        "blind_since": _us(episode.blind_since),
    }


def _episode_of(body: dict[str, Any]) -> Episode:
    return Episode(
        alert=convert(body["alert"], Alert),
        said_at=_at(body["said_at"]),
        levels={rule: Level(level) for rule, level in body["levels"].items()},
        low_since=_time(body["low_since"]),
        blind_since=_time(body["blind_since"]),
    )


def _plain(record: Record) -> dict[str, Any]:
    return to_builtins(record)  # type: ignore[no-any-return]


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _at(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _at(microseconds)
