"""Clocks that are wrong: what is told now is placed now, what is rightly old stays old, and nothing hides the truth."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Note, Reading, Source
from schemas.events.quarantine import WHY_CHARS_MAX
from schemas.frozen import from_json, to_json
from streams.core.source_clock import BELIEVED, SOURCES_MAX, Clocks, Placed, SourceClock, offsets, placed

EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return EIGHT + timedelta(seconds=seconds)


def reading(value: float, claims: float, came: float, source: Source = Source.MONITOR, **more: object) -> Reading:
    """A MAP that claims to be of one second after eight, and came at another."""
    return Reading(encounter="e1", concept="map", value=value, observed_at=at(claims), available_at=at(came),
                   source=source, **more)  # type: ignore[arg-type]  # fmt: skip


def told(events: Iterable[Reading], clocks: Clocks | None = None) -> list[Placed]:
    """Each event when it came."""
    said: list[Placed] = []
    for event in events:
        said.append(placed(event, said[-1].clocks if said else clocks or {}, event.available_at))
    return said


def seconds(one: Placed) -> float:
    return (one.event.observed_at - EIGHT).total_seconds()


def shown(all_of: Sequence[Placed]) -> float | None:
    """The value that a board shows: of the newest time, of the last arrival."""
    newest = max(all_of, key=lambda one: (one.event.observed_at, one.event.available_at)).event
    assert isinstance(newest, Reading)
    return newest.value


def test_a_reading_of_the_future_does_not_hide_the_truth() -> None:
    """
    comes at   08:00:00            08:00:10
    says       85 at 08:04:00      44 at 08:00:09
    the board  85                  44
    """
    false, true = told([reading(85, 240, 0), reading(44, 9, 10)])
    assert shown([false]) == 85
    assert shown([false, true]) == 44
    assert (seconds(false), false.moved) == (0, "clock_ahead")
    assert isinstance(false.event, Reading)
    assert false.event.reason == "its clock is ahead: moved by 240 s from 01 Mar 08:04:00 UTC"
    assert (seconds(true), true.moved) == (9, None)


def test_the_moved_claim_stands_beside_what_was_said_before() -> None:
    """The reason of a reading keeps its first words and its length."""
    for reason in ("venous sample", "x" * WHY_CHARS_MAX):
        (one,) = told([reading(85, 240, 0, reason=reason)])
        assert isinstance(one.event, Reading)
        assert one.event.reason is not None
        assert one.event.reason.startswith(reason[:13])
        assert one.event.reason.endswith("from 01 Mar 08:04:00 UTC")
        assert len(one.event.reason) <= WHY_CHARS_MAX


skews = st.floats(-290, -90) | st.floats(90, 12 * 3600)
delays = st.lists(st.floats(0, 2), min_size=60, max_size=60)


@given(skews, delays)
def test_a_live_source_with_a_wrong_clock_is_soon_told_in_true_time(behind_s: float, late: list[float]) -> None:
    """Ahead or behind, by minutes or hours: after 70 s each reading lies within two seconds of its truth.

    From then on the newest that came is the newest that is shown, none is later than its arrival, and the offset is
    told with the time since when.
    """
    said = told(reading(60 + n, 5 * n - behind_s, 5 * n + late[n]) for n in range(60))
    for n, one in enumerate(said):
        assert one.event.observed_at <= one.event.available_at
        if n >= 14:
            assert abs(seconds(one) - 5 * n) <= 2
            assert shown(said[: n + 1]) == 60 + n
            assert one.moved == ("clock_behind" if behind_s > 0 else "clock_ahead")
    (offset,) = offsets(said[-1].clocks, at(300))
    assert offset.source == "monitor"
    assert abs(offset.off_s - behind_s) <= 2
    assert at(40) <= offset.since <= at(72)


@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 60)), max_size=80))
def test_a_right_clock_is_left_alone(heard: list[tuple[float, float]]) -> None:
    """Whatever comes within a minute of its time stays where it is, and nothing is kept of its source."""
    events = sorted((reading(60, came - late, came) for came, late in heard), key=lambda e: e.available_at)
    for one, event in zip(told(events), events, strict=True):
        assert (one.event, one.clocks, one.moved) == (event, {}, None)


def test_a_backlog_is_no_clock_that_is_behind() -> None:
    """The network was away for ten minutes; what then comes in a burst, or in a hurry, is as old as it says."""
    for pace in (0.0, 0.2, 0.6, 0.85):  # of real time
        said = told(reading(60 + n, 5 * n, 600 + 5 * n * pace) for n in range(120))
        assert [one.moved for one in said] == [None] * 120
        assert offsets(said[-1].clocks, at(1200)) == ()


def test_a_value_that_is_sent_again_grows_old() -> None:
    """A cuff pressure repeated every ten seconds with its own time, for half an hour, is not made new."""
    said = told(reading(61, 0, 10 * n) for n in range(180))
    assert {seconds(one) for one in said} == {0.0}


def test_what_is_charted_by_the_hour_is_no_stream() -> None:
    """Ventilator settings stored eight minutes after they were true, every hour: their delay is theirs."""
    said = told(reading(8, 3600 * n, 3600 * n + 480, Source.DEVICE) for n in range(24))
    assert not any(one.moved for one in said)


def test_a_result_is_as_old_as_its_sample() -> None:
    """A laboratory that always needs an hour is not behind; one that is ahead is seen by its times of the future."""
    late = [reading(3, 60 * n, 60 * n + 3600, Source.LAB) for n in range(20)]
    assert not any(one.moved for one in told(late))
    ahead = [reading(3, 60 * n + 240, 60 * n, Source.LAB) for n in range(20)]
    said = told([*ahead, reading(3, 600 + 240, 1200, Source.LAB)])
    assert [seconds(one) for one in said[:20]] == [60 * n for n in range(20)]
    assert seconds(said[20]) == 600  # a sample of ten minutes ago, by a clock that is known


def test_a_clock_that_is_set_right_is_believed_at_once() -> None:
    """
    a monitor four minutes ahead says 85, its clock is set, and it says 44: the board shows 44 from that moment
    """
    false = [reading(85, 5 * n + 240, 5 * n) for n in range(30)]
    true = [reading(44, 5 * n - 1, 5 * n) for n in range(30, 60)]
    said = told([*false, *true])
    assert [shown(said[: n + 1]) for n in range(30, 60)] == [44] * 30
    assert [seconds(one) for one in said[30:]] == [5 * n - 1 for n in range(30, 60)]
    assert said[-1].clocks == {}


def test_one_odd_time_proves_nothing() -> None:
    """A single stamp that is four minutes wrong, either way, moves no other reading."""
    for odd in (-240, 240):
        said = told(reading(60, 5 * n + (odd if n == 20 else 0), 5 * n) for n in range(60))
        assert [n for n, one in enumerate(said) if one.moved] == ([20] if odd > 0 else [])


def test_the_same_message_twice_is_the_same_reading() -> None:
    """Once its clock is known, a message that is sent again is placed where it was: a duplicate is known for one."""
    events = [reading(60, 5 * n - 300, 5 * n + 1) for n in range(30)]
    again = reading(60, 5 * 29 - 300, 5 * 29 + 7)
    first, second = (one.event for one in told([*events, again])[-2:])
    assert first.observed_at == second.observed_at


def test_clocks_of_two_senders_are_two() -> None:
    """A gateway that is behind moves no reading of another."""
    clocks: Clocks = {}
    for n in range(40):
        moved = placed(reading(60, 5 * n - 300, 5 * n, sender="gateway 1"), clocks, at(5 * n))
        clocks = placed(reading(60, 5 * n - 200, 5 * n, sender="gateway 2"), moved.clocks, at(5 * n)).clocks
    found = {offset.source: offset.off_s for offset in offsets(clocks, at(200))}
    assert found == {"gateway 1 monitor": 300.0, "gateway 2 monitor": 200.0}


def test_nothing_is_known_of_a_clock_that_was_long_silent() -> None:
    """After an hour without a word an offset is neither told nor taken off."""
    before = told(reading(60, 5 * n - 300, 5 * n) for n in range(30))[-1]
    assert offsets(before.clocks, at(150 + 3600)) == ()
    after = placed(reading(60, 5000 - 300, 5000), before.clocks, at(5000))
    assert after.moved is None


@given(st.integers(0, 59), skews, delays)
def test_a_saved_clock_goes_on_where_it_stood(cut: int, behind_s: float, late: list[float]) -> None:
    """A bed that is saved and loaded between any two readings places the rest as if it had not been."""
    events = [reading(60 + n, 5 * n - behind_s, 5 * n + late[n]) for n in range(60)]
    before = told(events[:cut])
    kept = before[-1].clocks if before else {}
    loaded = {name: from_json(to_json(clock), SourceClock) for name, clock in kept.items()}
    assert [*before, *told(events[cut:], loaded)] == told(events)


def test_the_clocks_of_a_bed_are_bounded() -> None:
    """Of more sources than a bed keeps, the one that was heard longest ago is forgotten."""
    clocks: Clocks = {}
    for n in range(3 * SOURCES_MAX):
        clocks = placed(reading(60, n + 240, n, sender=f"gateway {n}"), clocks, at(n)).clocks
    assert list(clocks) == [f"gateway {n} monitor" for n in range(2 * SOURCES_MAX, 3 * SOURCES_MAX)]


def test_a_note_of_the_future_is_a_note_of_now() -> None:
    """What is no reading has no clock to learn from: it is placed at its arrival, if it claims to be later."""
    note = Note(encounter="e1", text="Cool and clammy.", observed_at=at(240), available_at=at(0))
    assert placed(note, {}, at(0)).event.observed_at == at(0)
    assert placed(note, {}, at(7200)).event == note


def test_a_minute_is_believed_and_no_more() -> None:
    """At a minute's delay a reading of a clock that is known to be behind is taken at its word; beyond, it is moved."""
    clocks = told(reading(60, 5 * n - 300, 5 * n) for n in range(30))[-1].clocks
    word = BELIEVED.total_seconds()
    assert placed(reading(60, 200 - word, 200), clocks, at(200)).moved is None
    assert placed(reading(60, 200 - word - 0.001, 200), clocks, at(200)).moved == "clock_behind"
