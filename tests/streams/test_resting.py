"""Beds at rest: which may leave memory, and that leaving and coming back changes nothing that is said."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Tick
from schemas.events.quarantine import Fault, Rejected
from schemas.frozen import to_json
from streams.core.bed import Bed, Failure
from streams.core.resting import DISCHARGED_HELD, SILENT_HELD, can_rest, may_rest, outline
from streams.core.step import Output
from streams.shells.engine import Engine, Record
from streams.stores.codec import bed_of, change, whole
from tests.streams import ward
from tests.streams.bedside import EIGHT, SHOCK, asleep, at, mind, play, vitals

SECOND = timedelta(seconds=1)


class Shelf:
    """A sink that saves as the shells do: a whole row, then what changed."""

    def __init__(self) -> None:
        self.rows: dict[str, list[bytes]] = {}
        self.said: list[bytes] = []

    async def publish(self, outputs: Sequence[Output]) -> None:
        self.said += map(to_json, outputs)

    async def save(self, applied: int, before: Mapping[str, Bed], changed: Mapping[str, Bed]) -> None:
        self.applied = applied
        for name, bed in changed.items():
            rows = self.rows.setdefault(name, [])
            rows.append(change(before[name], bed) if rows else whole(bed))

    async def acknowledge(self, offset: int) -> None: ...

    def beds(self) -> dict[str, Bed]:
        return {name: bed_of(rows) for name, rows in self.rows.items()}


def _log() -> list[Record]:
    """The four days, with refusals of beds that may rest, a leap of the clock, and one that was wrong for an hour."""
    refusal = Rejected(fault=Fault.UNKNOWN_UNIT, why="expected mmHg", received_at=at("08:00"), encounter="silent")
    entries = [(now, event) for now, event in ward.records()]
    told: list[tuple[timedelta, tuple[object, ...]]] = [(now - EIGHT, (event,)) for now, event in entries]
    told += [(timedelta(hours=hours, seconds=40), (refusal,)) for hours in (20, 45)]
    told.sort(key=lambda one: one[0])
    end = told[-1][0]
    wrong, right = end + timedelta(hours=1), end + timedelta(minutes=5)
    told.append((wrong, (Tick(available_at=EIGHT + wrong),)))
    told.append((right, (Tick(available_at=EIGHT + right, corrected=True),)))
    for days in (3, 3.1, 4):
        told.append((end + timedelta(days=days), (Tick(available_at=EIGHT + end + timedelta(days=days)),)))
    back = end + timedelta(days=4, minutes=1)
    told += [(back, (event,)) for event in ward.moved(vitals(0, **ward.CALM), "told-late", back / timedelta(hours=1))]
    told.append((back + timedelta(minutes=5), (Tick(available_at=EIGHT + back + timedelta(minutes=5)),)))
    return [Record(offset, EIGHT + by, what) for offset, (by, what) in enumerate(told)]  # type: ignore[arg-type]


LOG = _log()


async def lived(sizes: Sequence[int], rests: Sequence[bool]) -> tuple[list[bytes], dict[str, Bed], int]:
    """The log in batches of these sizes; after each, one bed after another may have to leave memory, rule or not."""
    shelf = Shelf()
    engine = Engine(shelf, mind())
    start = turn = returned = 0
    while start < len(LOG):
        batch = LOG[start : start + sizes[turn % len(sizes)]]
        start, turn = start + len(batch), turn + 1
        wanted = engine.wanted(batch)
        returned += len(wanted)
        engine.take_in({name: bed_of(shelf.rows[name]) for name in wanted})
        await engine.run(batch)
        quiet = [name for name, bed in engine.beds.items() if can_rest(bed)]
        engine.rest([name for number, name in enumerate(quiet) if rests[(turn + number) % len(rests)]])
    return sorted(shelf.said), shelf.beds(), returned


@pytest.fixture(scope="module")
def calm() -> tuple[list[bytes], dict[str, Bed], int]:
    """The log without anybody leaving memory."""
    return asyncio.run(lived([7], [False]))


@settings(max_examples=12)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.lists(st.booleans(), min_size=1, max_size=7))
def test_whoever_leaves_memory_whenever_nothing_else_is_said(
    calm: tuple[list[bytes], dict[str, Bed], int], sizes: list[int], rests: list[bool]
) -> None:
    """Any beds, after any batches: the same bytes are said, and the beds are saved as if they had stayed."""
    said, beds, _ = asyncio.run(lived(sizes, rests))
    assert said == calm[0]
    assert {name: settled(bed) for name, bed in beds.items()} == {name: settled(bed) for name, bed in calm[1].items()}


def test_all_beds_leave_after_every_record_and_come_back(calm: tuple[list[bytes], dict[str, Bed], int]) -> None:
    """The hardest case of the property: nobody is in memory between two records."""
    said, beds, returned = asyncio.run(lived([1], [True]))
    assert said == calm[0]
    assert {name: settled(bed) for name, bed in beds.items()} == {name: settled(bed) for name, bed in calm[1].items()}
    assert returned > 60  # by an event of theirs or an alarm of their own; a question wakes nobody by the hour


def settled(bed: Bed) -> Bed:
    """The bed without how far its clock has come: that alone depends on which ticks it was woken by."""
    return bed._replace(line=bed.line._replace(clock=None, closed=None))


QUIET, _ = play(vitals("08:00", **ward.CALM), at("08:10"))
SPEAKING, _ = play(SHOCK, at("09:25"))
GONE = QUIET._replace(chart=QUIET.chart._replace(discharged=True))
WAITING, _ = play(vitals("08:00", **ward.CALM))


@pytest.mark.parametrize(
    ("bed", "since_08", "rests"),
    [
        (QUIET, SILENT_HELD, False),
        (QUIET, SILENT_HELD + SECOND, True),
        (GONE, DISCHARGED_HELD, False),
        (GONE, DISCHARGED_HELD + SECOND, True),
        (SPEAKING, timedelta(days=30), False),
        (QUIET._replace(failure=Failure(at("08:01"), "KeyError")), timedelta(days=30), False),
        (WAITING, timedelta(days=30), False),
        (QUIET._replace(line=QUIET.line._replace(ahead=at("09:00"))), timedelta(days=30), False),
        (Bed("e1"), timedelta(0), True),
    ],
    ids=["silent, a day", "silent for longer", "left, an hour", "left before", "an alert stands", "cannot be judged",
         "events wait", "its clock is in doubt", "of which nothing was ever heard"],
)  # fmt: skip
def test_which_beds_may_leave_memory(bed: Bed, since_08: timedelta, rests: bool) -> None:
    """The rule at its two limits, and what keeps a bed in memory however long it is silent."""
    assert may_rest(bed, at("08:00") + since_08) is rests


def test_a_note_or_a_treatment_is_heard_as_well() -> None:
    """What was charted counts from when it became known, not readings alone."""
    chart = SPEAKING.chart._replace(heard_at=None, admitted_at=None)
    charted = SPEAKING._replace(episodes={}, chart=chart)
    assert not may_rest(charted, at("09:20") + SILENT_HELD)
    assert may_rest(charted, at("09:20") + SILENT_HELD + SECOND)
    noted = charted._replace(chart=chart._replace(treatments=()))
    assert not may_rest(noted, at("08:05") + SILENT_HELD)
    assert may_rest(noted, at("08:05") + SILENT_HELD + SECOND)


def test_an_outline_is_small_and_shows_where_the_bed_is() -> None:
    """Of a bed that rests memory keeps a small part; its place, its patient and its newest values are among it."""
    kept = outline(asleep(SPEAKING))
    assert len(whole(kept)) < len(whole(asleep(SPEAKING))) / 4
    chart = SPEAKING.chart
    assert (kept.chart.bed, kept.chart.patient, kept.chart.heard_at) == (chart.bed, chart.patient, chart.heard_at)
    assert {concept: row[-1] for concept, row in chart.readings.items()} == {
        concept: row[0] for concept, row in kept.chart.readings.items()
    }


def test_a_bed_that_rests_cannot_be_judged_unseen() -> None:
    """A batch that is stepped without the beds that it needs is a fault of the shell, and does nothing."""
    engine = Engine(Shelf(), mind())
    batch = [record for record in LOG if getattr(record.entries[0], "encounter", None) == "silent"][:1]
    engine.take_in({"silent": QUIET._replace(encounter="silent")})
    engine.rest(["silent"])
    assert engine.wanted([batch[0]._replace(offset=0)]) == {"silent"}
    with pytest.raises(LookupError, match="take them in"):
        engine.step([batch[0]._replace(offset=0)])


def test_what_an_outline_heard_and_could_not_be_saved_comes_back_with_the_bed() -> None:
    """The store cannot be written for a day: the clock and the counts of the outline are those of the bed."""
    shelf = Shelf()
    engine = Engine(shelf, mind())
    bed = QUIET
    engine.take_in({"e1": bed})
    engine.rest(["e1"])
    later = at("08:10") + timedelta(hours=20)
    assert list(engine.passing_time(later)) == []
    refusal = Rejected(fault=Fault.UNKNOWN_UNIT, why="expected mmHg", received_at=later, encounter="e1")
    engine.step([Record(0, later, (refusal,))])
    engine.take_in({"e1": bed})
    assert engine.beds["e1"].line.clock == later
    assert engine.beds["e1"].counts == {**bed.counts, "unknown_unit": 1}
    asyncio.run(engine.settle())
    assert shelf.beds()["e1"] == asleep(engine.beds["e1"])
