"""The bounded memory of one encounter: what was heard, what is waiting, what is being said.

A `Bed` is frozen, of named tuples, which are cheap to make anew: an update shares everything that did not change.
Each part has a byte budget, so that the whole stays within `BED_BYTES_MAX` as JSON, whatever arrives for however
long. What must go is chosen by age: the recent past is whole, the older past keeps the lowest and the highest of each
stretch, because those are what rules ask for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from json import dumps
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from schemas.clinical.alerts import Alert
from schemas.clinical.facts import NoteFact
from schemas.clinical.findings import Level, Onset
from schemas.clinical.snapshot import Setting, Snapshot
from schemas.codes.concepts import CONCEPTS, Situation
from schemas.codes.drugs import DRUGS
from schemas.events import Action, Event, Note, Patient, Quality, Reading, Status, Treatment, identity
from schemas.frozen import to_json

BED_BYTES_MAX = 256 * 1024  # at rest; a note that waits for its turn adds its own size
READING_BYTES_MAX = 88 * 1024
NOTE_BYTES_MAX = 32 * 1024
FACT_BYTES_MAX = 20 * 1024
TREATMENT_BYTES_MAX = 16 * 1024
READING_BYTES = 72  # times, numbers and marks of one reading
ROW_READINGS_MAX = 320  # one concept, before it is thinned
ROW_READINGS_THINNED = 256  # … and after
HISTORY_MAX = timedelta(days=7)  # the longest window a rule asks for (creatinine, KDIGO)
NEWEST_KEPT = 8  # the last of a concept, however old: a weight is valid for days, a height for the stay
WITHDRAWN_MAX = 256
NOTES_MAX = 200


INFUSION_VALID = timedelta(hours=24)  # an infusion of which nothing was heard for longer is not known to run
BLEEDING_NOTED = timedelta(hours=6)  # reference §3.0, bleeding

_WHILE_RUNNING: Mapping[str, Situation] = {  # class of drug -> situation
    "insulin": "insulin_infusion",
    "potassium_source": "potassium_infusion",
    "heparin_class": "heparin_infusion",
}
NOTHING: Mapping[str, Any] = MappingProxyType({})
_STATUS_RANK = {Status.PRELIMINARY: 0, Status.FINAL: 1, Status.CORRECTED: 2, Status.ENTERED_IN_ERROR: 3}
_observed_at = attrgetter("observed_at")
Kept = TypeVar("Kept")


class KeptNote(NamedTuple):
    """A note as kept: `ref` is the identity of the whole note, of which `note` may hold only the beginning."""

    ref: str
    note: Note


class Line(NamedTuple):
    """Events that wait for their turn. `closed`: every instant before it has been judged; see streams.core.ordering."""

    clock: datetime | None = None
    closed: datetime | None = None
    ahead: datetime | None = None  # a clock far ahead of ours that nothing has confirmed yet
    waiting: tuple[Event, ...] = ()
    crowded: tuple[datetime, ...] = ()  # seconds not yet closed in which readings came too fast


class Chart(NamedTuple):
    """What is known of the patient. Rows of readings rise by `observed_at`; `weight` is their size in bytes."""

    patient: Patient = Patient()
    setting: Setting | None = None
    unit: str | None = None
    bed: str | None = None
    admitted_at: datetime | None = None
    discharged: bool = False
    readings: Mapping[str, tuple[Reading, ...]] = NOTHING
    weight: int = 0
    notes: tuple[KeptNote, ...] = ()
    facts: tuple[NoteFact, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    withdrawn: tuple[str, ...] = ()  # identities entered in error: a second copy of them stays out
    heard_at: datetime | None = None


class Episode(NamedTuple):
    """One guideline speaking about this patient, from its first finding until it has been quiet long enough."""

    alert: Alert
    said_at: datetime  # when anything was last said of it
    levels: Mapping[str, Level]  # by rule: the loudest it has been
    low_since: datetime | None = None  # since when nothing supports its level
    blind_since: datetime | None = None  # since when what supports it cannot be known


class Bed(NamedTuple):
    """Everything remembered of one encounter. `Bed("e1")` is an empty one."""

    encounter: str
    line: Line = Line()
    chart: Chart = Chart()
    episodes: Mapping[str, Episode] = NOTHING  # by guideline
    onsets: Mapping[str, Onset] = NOTHING  # by rule, while its guideline's episode lasts
    resolved: Mapping[str, str] = NOTHING  # guideline -> id of its last episode
    steps_done: Mapping[str, datetime] = NOTHING
    due: datetime | None = None  # when it must be judged even if nothing comes
    judged_at: datetime | None = None
    counts: Mapping[str, int] = NOTHING


def snapshot(bed: Bed, now: datetime | None = None) -> Snapshot:
    """What could be known of this patient at `now` (by default: at the bed's own clock)."""
    chart = bed.chart
    at = now or bed.line.clock or chart.heard_at or datetime(1900, 1, 1, tzinfo=UTC)
    return Snapshot(
        encounter=bed.encounter,
        now=at,
        setting=chart.setting,
        patient=chart.patient,
        readings=chart.readings,
        treatments=chart.treatments,
        facts=chart.facts,
        admitted_at=chart.admitted_at,
        steps_done=bed.steps_done,
        situations=_situations(chart, at),
    )


def _situations(chart: Chart, now: datetime) -> frozenset[Situation]:
    """What makes some readings age faster (reference §2): what runs now, and a bleeding that somebody noted."""
    found: set[Situation] = set()
    running: dict[str, bool] = {}
    for treatment in chart.treatments:
        if treatment.action in (Action.START, Action.CHANGE, Action.STOP):
            known = now - treatment.observed_at <= INFUSION_VALID
            running[treatment.item] = known and treatment.action is not Action.STOP and treatment.rate != 0
    for item, runs in running.items():
        if runs:
            found.update(situation for cls, situation in _WHILE_RUNNING.items() if cls in DRUGS[item].classes)
    if any(f.usable and f.concept.startswith("bleed.") and now - f.effective_at <= BLEEDING_NOTED for f in chart.facts):
        found.add("bleeding")
    return frozenset(found)


def counted(counts: Mapping[str, int], *names: str) -> Mapping[str, int]:
    """The counts with one more of each name."""
    more = dict(counts)
    for name in names:
        more[name] = more.get(name, 0) + 1
    return more


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


def with_readings(chart: Chart, readings: Iterable[Reading], now: datetime) -> tuple[Chart, list[str], bool]:
    """The chart with readings that became known at `now`; what to count; whether anything changed."""
    rows, weight, heard = dict(chart.readings), chart.weight, chart.heard_at
    withdrawn, counts, changed = chart.withdrawn, [], False
    for reading in readings:
        row = rows.get(reading.concept, ())
        new, verdict = _inserted(row, reading, withdrawn)
        if verdict == "withdrawn":
            withdrawn = (*withdrawn, identity(reading))[-WITHDRAWN_MAX:]
        if verdict != "new":
            counts.append(verdict)
        if new is row:
            continue
        changed, heard = True, now
        weight += _weight(reading) if len(new) > len(row) else 0
        if len(new) > ROW_READINGS_MAX:
            weight -= sum(map(_weight, new))
            new = thinned(new, now, ROW_READINGS_THINNED)
            weight += sum(map(_weight, new))
        rows[reading.concept] = new
    if weight > READING_BYTES_MAX:
        weight = _lightened(rows, now)
    if not changed and withdrawn is chart.withdrawn:
        return chart, counts, False
    return chart._replace(readings=rows, weight=weight, withdrawn=withdrawn, heard_at=heard), counts, changed


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


def _weight(reading: Reading) -> int:
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
    """Thins the heaviest rows, in place, until a fifth of the budget is free; the weight that is left."""
    weights = {concept: sum(map(_weight, row)) for concept, row in rows.items()}
    while sum(weights.values()) > READING_BYTES_MAX * 0.8:
        heaviest = max(sorted(weights), key=weights.__getitem__)
        half = len(rows[heaviest]) // 2
        rows[heaviest] = thinned(rows[heaviest], now, max(half, SPREAD) if len(rows[heaviest]) > SPREAD else half)
        weights[heaviest] = sum(map(_weight, rows[heaviest]))
    return sum(weights.values())


_STRETCHES = (  # up to this age, the extremes of each stretch of so many seconds are kept
    (timedelta(seconds=30), 1),
    (timedelta(minutes=10), 20),
    (timedelta(hours=1), 120),
    (timedelta(hours=6), 900),
    (timedelta(hours=24), 3_600),
    (HISTORY_MAX, 21_600),
)


SPREAD = NEWEST_KEPT + 2 * len(_STRETCHES)  # fewer cannot stand for a whole week


def thinned(row: tuple[Reading, ...], now: datetime, keep: int) -> tuple[Reading, ...]:
    """At most `keep` readings: of each stretch the lowest, the highest and the newest unusable one.

    The newest `NEWEST_KEPT` stay; older than `HISTORY_MAX` go. Amounts are never thinned (a sum would change): the
    oldest go instead.
    """
    if len(row) <= keep:
        return row
    if CONCEPTS[row[0].concept].aggregate == "sum":
        return row[-keep:]
    old, newest = row[:-NEWEST_KEPT], row[-NEWEST_KEPT:]
    coarse = 1
    while len(old) + len(newest) > keep and coarse < 2**16:
        old = _extremes(old, now, coarse)
        coarse *= 2
    return (*old, *newest)[-max(keep, NEWEST_KEPT) :]


def _extremes(row: tuple[Reading, ...], now: datetime, coarse: int) -> tuple[Reading, ...]:
    kept: list[Reading] = []
    end = len(row)
    for age, width in _STRETCHES:  # from the newest to the oldest
        start = bisect_left(row, now - age, hi=end, key=_observed_at)
        kept.extend(reversed(_of_stretches(row[start:end], width * coarse)))
        end = start
    return tuple(reversed(kept))


def _of_stretches(row: Sequence[Reading], width: int) -> list[Reading]:
    """The lowest, the highest and the newest unusable one of each stretch of `width` seconds, in their order."""
    low: dict[float, tuple[float, int]] = {}
    high: dict[float, tuple[float, int]] = {}
    other: dict[float, int] = {}
    for place, reading in enumerate(row):
        stretch = reading.observed_at.timestamp() // width
        if reading.value is None or reading.quality is not Quality.OK:
            other[stretch] = place
            continue
        here = (reading.value, place)
        if stretch not in low or here < low[stretch]:
            low[stretch] = here
        if stretch not in high or here > high[stretch]:
            high[stretch] = here
    places = {place for found in (low, high) for _, place in found.values()} | set(other.values())
    return [row[place] for place in sorted(places)]


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
    facts_left = tuple(fact for fact in chart.facts if fact.note not in gone)
    if note.status is Status.ENTERED_IN_ERROR:
        withdrawn = (*chart.withdrawn, ref)[-WITHDRAWN_MAX:]
        return chart._replace(notes=notes, facts=facts_left, withdrawn=withdrawn), "withdrawn"
    placed = sorted((*notes, KeptNote(ref, _cut(note))), key=lambda kept: kept.note.observed_at)
    known = sorted((*facts_left, *facts), key=attrgetter("effective_at"))
    chart = chart._replace(
        notes=_newest_within(placed, NOTE_BYTES_MAX, _kept_bytes)[-NOTES_MAX:],
        facts=_newest_within(known, FACT_BYTES_MAX, lambda fact: len(to_json(fact))),
    )
    return chart, "corrected" if gone else "new"


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
