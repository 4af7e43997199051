"""The merge: one order of log time out of several inputs, whatever arrives first."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.frozen import EARLIEST
from streams.shells.kafka.merge import Merge
from tests.streams.bedside import EIGHT, at

_sources = st.lists(st.lists(st.integers(0, 60), max_size=12).map(sorted), min_size=1, max_size=4)


@given(_sources, st.data())
def test_arrival_changes_no_order(sources: list[list[int]], data: st.DataObject) -> None:
    """However the inputs are interleaved and looked at: all is released once, by log time."""
    merge: Merge[int, tuple[int, int]] = Merge(range(len(sources)))
    places = [0] * len(sources)
    out = []
    while left := [n for n, rows in enumerate(sources) if places[n] < len(rows)]:
        source = data.draw(st.sampled_from(left))
        place = places[source]
        merge.take(source, place, at(sources[source][place]), (source, place))
        places[source] += 1
        if data.draw(st.booleans()):
            out += merge.released()
    for source in range(len(sources)):
        merge.passed(source, at(100))
    out += merge.released()
    assert [record.now for record in out] == sorted(at(minute) for rows in sources for minute in rows)
    for source, rows in enumerate(sources):
        assert [record.load for record in out if record.source == source] == [(source, n) for n in range(len(rows))]
    assert merge.clock == at(100)


def test_nothing_is_released_while_another_input_may_bring_older() -> None:
    """A record waits for every other input, until that has come as far or says that it has nothing older."""
    merge: Merge[str, str] = Merge(("vitals", "labs"))
    merge.take("vitals", 0, at("08:05"), "pressure")
    assert merge.released() == []
    assert merge.clock == EARLIEST
    merge.take("labs", 0, at("08:01"), "lactate")
    assert [record.load for record in merge.released()] == ["lactate"]
    merge.passed("labs", at("08:05"), offset=1)
    assert [record.load for record in merge.released()] == ["pressure"]


def test_a_step_back_stands_at_the_clock() -> None:
    """A record that is older than one before it on the same input is judged at that one's time."""
    merge: Merge[str, str] = Merge(("vitals",))
    merge.take("vitals", 0, at("08:05"), "first")
    merge.take("vitals", 1, at("08:01"), "second")
    assert [record.now for record in merge.released()] == [at("08:05"), at("08:05")]


def test_a_successor_takes_up_what_waits_or_the_newest_record_again() -> None:
    """What waits is read again; where nothing waits, the newest record is, because it carries its input's time."""
    merge: Merge[str, str] = Merge(("vitals", "labs"))
    assert merge.taken_up_at("labs") is None
    for offset in range(3):
        merge.take("vitals", offset, EIGHT + timedelta(seconds=offset), "")
    merge.passed("labs", EIGHT + timedelta(seconds=1), offset=7)
    assert len(merge.released()) == 2
    assert (merge.taken_up_at("vitals"), merge.taken_up_at("labs")) == (2, 7)
