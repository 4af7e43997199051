"""The clock of the log: after a restart or a pause it waits for what is on its way, and a wrong clock is put right."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.shells.log_clock import CATCH_UP_MAX_S, QUIET_S, LogClock
from tests.streams.bedside import at

LATENESS = timedelta(seconds=0.5)
BACK = at("08:10")  # when the service is up again, by its clock, in the stories that begin with a log
Told = tuple[float, str, datetime | None, datetime | None]  # elapsed s; what; known at; the log's time, None: it stands


def after(seconds: float, clock: str = "08:10") -> datetime:
    return at(clock) + timedelta(seconds=seconds)


STORIES: dict[str, tuple[datetime | None, list[Told]]] = {  # the log's last record; what comes then
    "a new log begins at the clock's time": (
        None,
        [(1, "message", at("07:00"), after(1)), (2, "tick", None, after(2)), (3, "message", None, after(3))],
    ),
    "what was on its way is logged when it was known, and time stands until all has caught up": (
        at("08:00"),
        [
            (0.1, "message", at("08:00:01"), at("08:00:01")),
            (0.2, "tick", None, None),
            (0.3, "message", at("08:05"), at("08:05")),
            (0.4, "message", at("08:04:59"), at("08:05")),
            (0.5, "message", after(0.1), after(0.5)),
            (0.6, "tick", None, after(0.6)),
            (0.7, "message", at("08:05"), after(0.7)),
        ],
    ),
    "what does not say when it was known is of now": (at("08:00"), [(0.1, "message", None, after(0.1))]),
    "when nothing more comes time goes on": (
        at("08:00"),
        [(0.1, "message", at("08:00:01"), at("08:00:01")), (0.9, "tick", None, None), (1.8, "tick", None, None),
         (2.2, "tick", None, after(2.2))],
    ),
    "nothing at all was on its way": (at("08:00"), [(1, "tick", None, None), (2, "tick", None, None),
                                                    (2.1, "tick", None, after(2.1))]),
    "a process that stood still goes on where it stopped": (
        None,
        [
            (1, "message", after(1), after(1)),
            (31, "message", after(2), after(2)),
            (31.2, "tick", None, None),
            (31.4, "message", after(31.3), after(31.4)),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_the_time_of_the_log(name: str) -> None:
    """Each story, message by message and tick by tick, is logged at the times that are drawn."""
    last, story = STORIES[name]
    clock = LogClock(last, LATENESS, 0.0)
    for elapsed, what, known, expected in story:
        if what == "message":
            assert clock.of_message(known, after(elapsed), elapsed) == expected, elapsed
        else:
            told = clock.of_tick(after(elapsed), elapsed)
            assert told == (None if expected is None else (expected, False)), elapsed


def test_a_sender_that_never_catches_up_is_waited_for_a_minute() -> None:
    """Messages that stay ten minutes behind: after a minute time goes on, and they are late as they would have been."""
    clock, elapsed = LogClock(at("08:00"), LATENESS, 0.0), 0.0
    while elapsed < CATCH_UP_MAX_S:
        assert clock.of_message(after(elapsed, "08:00"), after(elapsed), elapsed) == after(elapsed, "08:00")
        assert clock.of_tick(after(elapsed), elapsed) is None
        elapsed += 0.5
    assert clock.of_tick(after(elapsed), elapsed) == (after(elapsed), False)


@pytest.mark.parametrize("quiet_s", [0.1, 7.0], ids=["messages come", "a quiet ward"])
def test_a_clock_that_is_put_back_takes_the_log_with_it(quiet_s: float) -> None:
    """An hour ahead for two seconds: the first tick by the right clock is a correction, whenever the last look was."""
    clock = LogClock(None, LATENESS, 0.0)
    assert clock.of_tick(after(0), 0.0) == (after(0), False)
    assert clock.of_message(after(1), after(3601), 1.0) == after(3601)
    assert clock.of_tick(after(3602), 1.0 + quiet_s) in (None, (after(3602), False))
    elapsed = 1.0 + 2 * quiet_s
    assert clock.of_tick(after(elapsed), elapsed, put_back=True) == (after(elapsed), True)
    assert clock.of_message(after(elapsed), after(elapsed), elapsed) == after(elapsed)


def test_a_clock_that_runs_behind_the_log_moves_nothing() -> None:
    """What is played is logged before its clock comes to it: that is no clock put back."""
    clock = LogClock(None, LATENESS, 0.0)
    clock.of_message(at("08:40"), at("08:40"), 0.1)
    assert clock.of_tick(at("08:10"), 0.2) == (at("08:40"), False)


def test_time_that_the_beds_have_heard_of_is_not_behind_the_log() -> None:
    """While nothing could be logged the beds went on to 08:20: what is logged next did not come before that."""
    clock = LogClock(None, LATENESS, 0.0)
    clock.of_message(at("08:05"), at("08:05"), 0.1)
    clock.passed(at("08:20"), 5.0)
    assert clock.of_message(at("08:10"), at("08:21"), 9.0) == at("08:20")


_gap = st.floats(0.01, QUIET_S - 0.01)


@given(
    st.lists(st.tuples(_gap, st.floats(-0.5, 600)), max_size=20),
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 0.5)), max_size=10),
    st.data(),
)
def test_nothing_that_was_known_before_becomes_late(
    on_its_way: list[tuple[float, float]], live: list[tuple[float, float]], data: st.DataObject
) -> None:
    """A log that stopped at 08:00, a service back at 08:10: what was known meanwhile, or just before, is in time.

    The messages come in the order in which they were known; between any two there may be ticks; later ones are live.
    """
    clock, closed = LogClock(at("08:00"), LATENESS, 0.0), at("08:00") - LATENESS
    elapsed = 0.0
    known = iter(sorted(after(seconds, "08:00") for _, seconds in on_its_way))
    arrivals = [(gap, None) for gap, _ in on_its_way] + [(gap, delay) for gap, delay in live]
    for gap, delay in arrivals:
        for part in data.draw(st.lists(st.floats(0, 1), max_size=3).map(sorted)):
            told = clock.of_tick(after(elapsed + part * gap), elapsed + part * gap)
            closed = closed if told is None else max(closed, told[0] - LATENESS)
        elapsed += gap
        said = next(known) if delay is None else after(elapsed - delay)
        assert said >= closed
        closed = max(closed, clock.of_message(said, after(elapsed), elapsed) - LATENESS)


@given(
    st.none() | st.just(at("08:00")),
    st.lists(
        st.tuples(
            st.floats(0, 70),  # seconds that really pass
            st.floats(-4000, 4000),  # the error of the clock
            st.none() | st.floats(-4000, 4000),  # when a message says that it was known
            st.sampled_from(["message", "tick", "put back"]),
        ),
        max_size=30,
    ),
)
def test_the_log_goes_back_by_a_correction_only(
    last: datetime | None, told: list[tuple[float, float, float | None, str]]
) -> None:
    """Whatever comes, and however wrong the clock is: each record is no earlier than the one before, or a correction.

    None is later than the clock and all that was logged before.
    """
    clock, elapsed, newest = LogClock(last, LATENESS, 0.0), 0.0, last
    for passed, error, known, what in told:
        elapsed += passed
        now = after(elapsed + error)
        corrected = False
        if what == "message":
            at_ = clock.of_message(None if known is None else after(elapsed + known), now, elapsed)
        else:
            tick = clock.of_tick(now, elapsed, what == "put back")
            if tick is None:
                continue
            at_, corrected = tick
        if newest is not None:
            assert (at_ < newest) == corrected
            assert at_ <= max(now, newest)
            assert not corrected or what == "put back"
        newest = at_
        assert clock.last == newest
