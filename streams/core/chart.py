"""Writing into a chart: what an event changes, and whether it is new, a duplicate, a correction or a withdrawal.

Each kind of content has a byte budget, so that a bed stays within its limit as saved, whatever arrives however long.
What must go is chosen by age (`streams.core.retention`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from json import dumps
from operator import attrgetter
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from guidelines.rules.noted import LASTING, is_of
from schemas.clinical.facts import NoteFact
from schemas.events import Event, Note, Quality, Reading, Status, Treatment, identity
from schemas.frozen import to_json
from streams.core.bed import Chart, KeptNote
from streams.core.retention import SPREAD, thinned

READING_BYTES_MAX = 88 * 1024
NOTE_BYTES_MAX = 32 * 1024
FACT_BYTES_MAX = 20 * 1024
TREATMENT_BYTES_MAX = 16 * 1024
READING_BYTES = 72  # times, numbers and marks of one reading
ROW_READINGS_MAX = 320  # one concept, before it is thinned
ROW_READINGS_THINNED = 256  # … and after
WITHDRAWN_MAX = 256

_STATUS_RANK = {Status.PRELIMINARY: 0, Status.FINAL: 1, Status.CORRECTED: 2, Status.ENTERED_IN_ERROR: 3}
_observed_at = attrgetter("observed_at")
_effective_at = attrgetter("effective_at")
Kept = TypeVar("Kept")


def is_known(chart: Chart, event: Event) -> bool:
    """Whether this event, or a newer version of it, is in the chart already."""
    match event:
        case Reading():
            return _inserted(chart.readings.get(event.concept, ()), event, chart.withdrawn)[1] == "duplicate"
        case Note():
            ref = identity(event)
            here = event.status is not Status.ENTERED_IN_ERROR and any(kept.ref == ref for kept in chart.notes)
            return here or ref in chart.withdrawn
        case Treatment():
            return with_treatment(chart, event)[1] == "duplicate"
    return False


# --- readings ------------------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """A chart after the readings of one instant.

    `changed`: the concepts of which anything is different now; `appended`: usable readings that are newer than all that
    was there of their concept; `rewritten`: the concepts whose past is another one now.
    """

    chart: Chart
    counts: list[str]
    changed: frozenset[str] = frozenset()
    appended: tuple[Reading, ...] = ()
    rewritten: frozenset[str] = frozenset()


def with_readings(chart: Chart, readings: Iterable[Reading], now: datetime) -> Written:
    """The chart with readings that became known at `now`, and what that changed."""
    rows, size = dict(chart.readings), chart.reading_bytes
    withdrawn = chart.withdrawn
    counts: list[str] = []
    appended: list[Reading] = []
    rewritten: set[str] = set()
    for reading in readings:
        row = rows.get(reading.concept, ())
        newest = row[-1].observed_at if row else None
        new, verdict = _inserted(row, reading, withdrawn)
        if verdict == "withdrawn":
            withdrawn = (*withdrawn, identity(reading))[-WITHDRAWN_MAX:]
        if verdict != "new":
            counts.append(verdict)
        if new is row:
            continue
        if verdict == "new" and (newest is None or reading.observed_at > newest):
            if reading.quality is Quality.OK and reading.value is not None:
                appended.append(reading)
        else:
            rewritten.add(reading.concept)
        size += _bytes_of(reading) if len(new) > len(row) else 0
        if len(new) > ROW_READINGS_MAX:
            size -= sum(map(_bytes_of, new))
            new = thinned(new, now, ROW_READINGS_THINNED)
            size += sum(map(_bytes_of, new))
        rows[reading.concept] = new
    if size > READING_BYTES_MAX:
        size = _lightened(rows, now)
    changed = frozenset(c for c, row in rows.items() if row is not chart.readings.get(c))
    if not changed and withdrawn is chart.withdrawn:
        return Written(chart, counts)
    heard = now if changed else chart.heard_at
    chart = chart._replace(readings=rows, reading_bytes=size, withdrawn=withdrawn, heard_at=heard)
    new_only = tuple(r for r in appended if r.concept not in rewritten)
    return Written(chart, counts, changed, new_only, frozenset(rewritten))


def with_marks(chart: Chart, readings: Iterable[Reading]) -> Chart:
    """The chart in which these stand in the place of the same readings, marked otherwise than before."""
    rows, size = dict(chart.readings), chart.reading_bytes
    for reading in readings:
        ref = identity(reading)
        row = rows[reading.concept]
        rows[reading.concept] = tuple(reading if identity(old) == ref else old for old in row)
        size += sum(_bytes_of(reading) - _bytes_of(old) for old in row if identity(old) == ref)
    return chart._replace(readings=rows, reading_bytes=size)


def _inserted(
    row: tuple[Reading, ...], reading: Reading, withdrawn: tuple[str, ...]
) -> tuple[tuple[Reading, ...], str]:
    """The row with the reading in its place, and what that was: new, duplicate, corrected or withdrawn."""
    if withdrawn and identity(reading) in withdrawn:
        return row, "duplicate"
    error = reading.status is Status.ENTERED_IN_ERROR
    if not error and (not row or reading.observed_at > row[-1].observed_at):
        return (*row, reading), "new"
    start = bisect_left(row, reading.observed_at, key=_observed_at)
    end = bisect_right(row, reading.observed_at, lo=start, key=_observed_at)
    for place in range(start, end):
        old = row[place]
        if old.method == reading.method and old.source is reading.source:
            if error:
                return row[:place] + row[place + 1 :], "withdrawn"
            if _says_nothing_new(old, reading):
                return row, "duplicate"
            return (*row[:place], *row[place + 1 : end], reading, *row[end:]), "corrected"
    if error:
        return row, "withdrawn"
    return (*row[:end], reading, *row[end:]), "new"


def _says_nothing_new(old: Reading, new: Reading) -> bool:
    """Whether `new` is a copy of what is kept, or an older version of it that comes after a newer one."""
    if _STATUS_RANK[new.status] < _STATUS_RANK[old.status]:
        return True
    same = (old.value, old.code, old.status) == (new.value, new.code, new.status)
    return same and new.quality in (Quality.OK, old.quality)


def _bytes_of(reading: Reading) -> int:
    """Bytes of one reading as `streams.stores.codec` writes it, at most."""
    texts = (reading.reason, reading.code, reading.method, reading.original_unit)
    return READING_BYTES + sum(map(_text_bytes, texts)) if any(texts) else READING_BYTES


def _text_bytes(text: str | None) -> int:
    """Bytes of a text as JSON, at most."""
    if text is None:
        return 0
    if text.isascii() and text.isprintable():
        return 2 * len(text)  # each may need a backslash
    return len(dumps(text, ensure_ascii=False).encode())


def _lightened(rows: dict[str, tuple[Reading, ...]], now: datetime) -> int:
    """Thins the heaviest rows, in place, until a fifth of the budget is free; the size that is left."""
    sizes = {concept: sum(map(_bytes_of, row)) for concept, row in rows.items()}
    while sum(sizes.values()) > READING_BYTES_MAX * 0.8:
        heaviest = max(sorted(sizes), key=sizes.__getitem__)
        half = len(rows[heaviest]) // 2
        rows[heaviest] = thinned(rows[heaviest], now, max(half, SPREAD) if len(rows[heaviest]) > SPREAD else half)
        sizes[heaviest] = sum(map(_bytes_of, rows[heaviest]))
    return sum(sizes.values())


# --- notes and treatments ------------------------------------------------------------------------------------------


def with_note(chart: Chart, ref: str, note: Note, facts: tuple[NoteFact, ...]) -> tuple[Chart, str]:
    """The chart with a note and what was read in it; and what it was: new, duplicate, corrected or withdrawn.

    Text beyond the budget goes, oldest first; its facts stay, with their own words, until their budget is used up.
    """
    if any(kept.ref == ref for kept in chart.notes) and note.status is not Status.ENTERED_IN_ERROR:
        return chart, "duplicate"
    if ref in chart.withdrawn:
        return chart, "duplicate"
    gone = {
        kept.ref
        for kept in chart.notes
        if kept.ref == ref
        or (
            note.status in (Status.CORRECTED, Status.ENTERED_IN_ERROR)
            and (kept.note.title, kept.note.observed_at) == (note.title, note.observed_at)
        )
    }
    notes = tuple(kept for kept in chart.notes if kept.ref not in gone)
    facts_left = tuple(fact for fact in chart.facts if fact.note not in gone and fact.note != ref)
    if note.status is Status.ENTERED_IN_ERROR:
        withdrawn = (*chart.withdrawn, ref)[-WITHDRAWN_MAX:]
        return chart._replace(notes=notes, facts=facts_left, withdrawn=withdrawn), "withdrawn"
    placed = sorted((*notes, KeptNote(ref, _cut(note))), key=lambda kept: kept.note.observed_at)
    known = sorted((*facts_left, *facts), key=_effective_at)
    chart = chart._replace(
        notes=_newest_within(placed, NOTE_BYTES_MAX, _kept_bytes),
        facts=_kept_facts(known),
    )
    return chart, "corrected" if gone else "new"


def _kept_facts(known: Sequence[NoteFact]) -> tuple[NoteFact, ...]:
    """The newest facts within their budget; first the newest word on what is true for a stay."""
    newest = {
        (f.concept, f.detail, f.polarity, f.temporality, f.experiencer): f for f in known if is_of(f.concept, LASTING)
    }
    lasting = _newest_within(sorted(newest.values(), key=_effective_at), FACT_BYTES_MAX // 2, _fact_bytes)
    first = {id(fact) for fact in lasting}
    others = [fact for fact in known if id(fact) not in first]
    left = FACT_BYTES_MAX - sum(map(_fact_bytes, lasting))
    return tuple(sorted((*lasting, *_newest_within(others, left, _fact_bytes)), key=_effective_at))


def _fact_bytes(fact: NoteFact) -> int:
    return len(to_json(fact))


def _kept_bytes(kept: KeptNote) -> int:
    return _note_bytes(kept.note) + 2 * len(kept.ref)


def _note_bytes(note: Note) -> int:
    return 160 + len(dumps((note.text, note.title), ensure_ascii=False).encode())


def _cut(note: Note) -> Note:
    """The note, or as much of its beginning as half the budget holds: the whole text stays in the log."""
    if _note_bytes(note) <= NOTE_BYTES_MAX // 2:
        return note
    low, high = 1, len(note.text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = _note_bytes(replace(note, text=note.text[:middle])) <= NOTE_BYTES_MAX // 2
        low, high = (middle, high) if fits else (low, middle - 1)
    return replace(note, text=note.text[:low])


def _newest_within(rows: Sequence[Kept], limit: int, size: Callable[[Kept], int]) -> tuple[Kept, ...]:
    """The newest of the rows that fit into `limit` bytes together."""
    start, left = len(rows), limit
    while start > 0 and (left := left - size(rows[start - 1])) >= 0:
        start -= 1
    return tuple(rows[start:])


def with_treatment(chart: Chart, treatment: Treatment) -> tuple[Chart, str]:
    """The chart with a treatment; and what it was: new, duplicate, corrected or withdrawn."""
    ref = identity(treatment)
    rows = chart.treatments
    if ref in chart.withdrawn:
        return chart, "duplicate"
    same = [old for old in rows if old.observed_at == treatment.observed_at and identity(old) == ref]
    left = tuple(old for old in rows if old not in same)
    if treatment.status is Status.ENTERED_IN_ERROR:
        return chart._replace(treatments=left, withdrawn=(*chart.withdrawn, ref)[-WITHDRAWN_MAX:]), "withdrawn"
    if same and _unchanged(same[-1], treatment):
        return chart, "duplicate"
    place = bisect_right(left, treatment.observed_at, key=_observed_at)
    kept = _bounded((*left[:place], treatment, *left[place:]))
    return chart._replace(treatments=kept), "corrected" if same else "new"


def _unchanged(old: Treatment, new: Treatment) -> bool:
    if _STATUS_RANK[new.status] < _STATUS_RANK[old.status]:
        return True
    fields = attrgetter("rate", "amount", "amount_unit", "status")
    return bool(fields(old) == fields(new))


def _bounded(rows: tuple[Treatment, ...]) -> tuple[Treatment, ...]:
    """Within the budget: the oldest go first, but the newest word on each item stays (it may still be running)."""
    sizes = [96 + len(row.item) + len(dumps(row.route or "", ensure_ascii=False).encode()) for row in rows]
    over = sum(sizes) - TREATMENT_BYTES_MAX
    if over <= 0:
        return rows
    newest = {row.item: place for place, row in enumerate(rows)}
    gone: set[int] = set()
    for place, row in enumerate(rows):
        if over <= 0:
            break
        if newest[row.item] != place:
            gone.add(place)
            over -= sizes[place]
    return tuple(row for place, row in enumerate(rows) if place not in gone)
