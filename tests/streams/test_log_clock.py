"""The clock of the log: after a restart or a pause it waits for what is on its way, and a wrong clock is put right."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.shells.log_clock import CATCH_UP_MAX_S, HELD_MAX_S, QUIET_S, Coming, LogClock
from tests.streams.bedside import at

LATENESS = timedelta(seconds=0.5)
BACK = at("08:10")  # when the service is up again, by its clock, in the stories that begin with a log
Told = tuple[float, str, datetime | None]  # elapsed s; the sender, or "tick"; when it was known
Logged = tuple[float, str, datetime]  # elapsed s, to the tenth; whose; the log's time


def after(seconds: float, clock: str = "08:10") -> datetime:
    return at(clock) + timedelta(seconds=seconds)


def lived(last: datetime | None, told: Sequence[Told], until: float) -> list[Logged]:
    """The log, where every tenth of a second the clock is looked at and every message that waits asks for its turn."""
    clock = LogClock(last, LATENESS, 0.0)
    waiting: list[tuple[Coming, datetime]] = []  # with when it came
    logged: list[Logged] = []
    coming = sorted(told, key=lambda one: one[0])
    for tenth in range(round(until * 10) + 1):
        elapsed = tenth / 10
        clock.look(elapsed)
        while coming and coming[0][0] <= elapsed:
            _, who, known = coming.pop(0)
            if who != "tick":
                waiting.append((clock.came(known, after(elapsed), elapsed, who), after(elapsed)))
            elif (tick := clock.of_tick(after(elapsed), elapsed)) is not None:
                logged.append((elapsed, "tick", tick[0]))
        moved = True
        while moved:
            moved = False
            for one, came_at in list(waiting):
                if (said := clock.turn(one, came_at, elapsed)) is not None:
                    waiting.remove((one, came_at))
                    logged.append((elapsed, str(one.sender), said))
                    moved = True
    assert waiting == []
    return logged


STORIES: dict[str, tuple[datetime | None, list[Told], list[Logged]]] = {  # the log's last record; what comes; the log
    "a new log begins at the clock's time": (
        None,
        [(1, "a", at("07:00")), (2, "tick", None), (3, "a", None)],
        [(1, "a", after(1)), (2, "tick", after(2)), (3, "a", after(3))],
    ),
    "what was on its way is logged when it was known, and time stands until all has caught up": (
        at("08:00"),
        [(0.1, "a", at("08:00:01")), (0.2, "tick", None), (0.3, "a", at("08:05")), (0.4, "a", at("08:04:59")),
         (0.5, "a", after(0.4)), (2.0, "tick", None), (2.6, "tick", None), (2.7, "a", at("08:05"))],
        [(2.1, "a", at("08:00:01")), (2.1, "a", at("08:05")), (2.1, "a", at("08:05")), (2.1, "a", after(0.5)),
         (2.6, "tick", after(2.6)), (2.7, "a", after(2.7))],
    ),
    "two senders that were both waiting are logged in the order in which things became known": (
        at("08:00"),
        [(0.1, "a", at("08:01")), (0.2, "a", at("08:05")), (0.3, "b", at("08:02")), (1.5, "b", at("08:04")),
         (3.0, "b", at("08:06")), (3.1, "a", after(3.1)), (3.2, "b", after(3.2))],
        [(2.1, "a", at("08:01")), (2.1, "b", at("08:02")), (2.1, "b", at("08:04")), (3.0, "a", at("08:05")),
         (3.1, "b", at("08:06")), (3.2, "a", after(3.1)), (3.2, "b", after(3.2))],
    ),
    "one that has caught up waits for another that has not": (
        at("08:00"),
        [(0.1, "a", after(0.1)), (0.3, "b", at("08:01")), (1.9, "b", at("08:02")), (2.2, "b", after(2.2))],
        [(2.1, "b", at("08:01")), (2.1, "b", at("08:02")), (2.2, "a", after(0.1)), (2.2, "b", after(2.2))],
    ),
    "one that fell silent in the middle is not waited for": (
        at("08:00"),
        [(1.5, "a", at("08:01")), (1.6, "b", at("08:05")), (4.1, "tick", None), (6.0, "tick", None)],
        [(2.1, "a", at("08:01")), (4.2, "b", at("08:05"))],
    ),
    "what does not say when it was known is of now": (at("08:00"), [(0.1, "a", None)], [(2.1, "a", after(0.1))]),
    "when nothing more comes time goes on": (
        at("08:00"),
        [(0.1, "a", at("08:00:01")), (0.9, "tick", None), (4.0, "tick", None), (4.2, "tick", None)],
        [(2.1, "a", at("08:00:01")), (4.2, "tick", after(4.2))],
    ),
    "nothing at all was on its way": (
        at("08:00"),
        [(1, "tick", None), (2, "tick", None), (2.1, "tick", None)],
        [(2.1, "tick", after(2.1))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_the_time_of_the_log(name: str) -> None:
    """Each story is logged in the order and at the times that are drawn, as soon as that can be."""
    last, told, logged = STORIES[name]
    assert lived(last, told, 6) == logged


def test_a_process_that_stood_still_goes_on_where_it_stopped() -> None:
    """Half a minute without a look: what was known meanwhile is logged when it was known, what is of now after it."""
    clock = LogClock(None, LATENESS, 0.0)
    first = clock.came(after(1), after(1), 1.0, "a")
    assert clock.turn(first, after(1), 1.0) == after(1)
    old = clock.came(after(2), after(31), 31.0, "a")
    assert clock.turn(old, after(31), 31.0) is None
    assert clock.of_tick(after(31.2), 31.2) is None
    new = clock.came(after(31.3), after(31.4), 31.4, "a")
    seen = []
    for tenth in range(320, 332):
        for one, came_at in ((old, after(31)), (new, after(31.4))):
            if (said := clock.turn(one, came_at, tenth / 10)) is not None:
                seen.append((tenth / 10, said))
    assert seen[:2] == [(33.1, after(2)), (33.1, after(31.4))]


def test_a_sender_that_never_catches_up_is_waited_for_a_minute() -> None:
    """Messages that stay ten minutes behind: after a minute time goes on, and they are late as they would have been."""
    told: list[Told] = [(tenth / 2, "a", after(tenth / 2, "08:00")) for tenth in range(160)]
    told += [(second, "tick", None) for second in range(1, 80)]
    logged = lived(at("08:00"), told, 80)
    ticks = [elapsed for elapsed, who, _ in logged if who == "tick"]
    assert ticks == [float(second) for second in range(60, 80)]
    assert all(said < at("08:02") for elapsed, _, said in logged if elapsed < CATCH_UP_MAX_S)
    assert all(said > at("08:10") for elapsed, _, said in logged if elapsed > CATCH_UP_MAX_S)


def test_a_message_of_now_is_held_for_less_than_its_sender_waits() -> None:
    """Another sender goes on and on: after 25 s the message of now is logged all the same."""
    told: list[Told] = [(tenth / 2, "b", after(tenth / 2, "08:00")) for tenth in range(80)]
    logged = lived(at("08:00"), [(1.0, "a", after(1)), *told], 42)
    assert [(elapsed, said) for elapsed, who, said in logged if who == "a"] == [(HELD_MAX_S, after(1))]


def test_one_who_no_longer_waits_is_not_waited_for() -> None:
    """A request that was given up leaves its place: the next of that sender goes, and so do the others."""
    clock = LogClock(at("08:00"), LATENESS, 0.0)
    given_up, of_now = clock.came(at("08:01"), after(0.1), 0.1, "a"), clock.came(None, after(0.2), 0.2, "b")
    second = clock.came(at("08:02"), after(0.9), 0.9, "a")
    for tenth in range(10, 22):
        clock.look(tenth / 10)
    assert clock.turn(second, after(2.1), 2.1) is None
    clock.left(given_up)
    assert clock.turn(second, after(2.1), 2.1) == at("08:02")
    for tenth in range(22, 42):
        assert clock.turn(of_now, after(0.2), tenth / 10) is None  # who was given up may still go on
    assert clock.turn(of_now, after(0.2), 4.2) == after(0.2)


def logged_at(clock: LogClock, known: datetime | None, now: datetime, elapsed: float) -> datetime | None:
    return clock.turn(clock.came(known, now, elapsed), now, elapsed)


@pytest.mark.parametrize("quiet_s", [0.1, 7.0], ids=["messages come", "a quiet ward"])
def test_a_clock_that_is_put_back_takes_the_log_with_it(quiet_s: float) -> None:
    """An hour ahead for two seconds: the first tick by the right clock is a correction, whenever the last look was."""
    clock = LogClock(None, LATENESS, 0.0)
    assert clock.of_tick(after(0), 0.0) == (after(0), False)
    assert logged_at(clock, after(1), after(3601), 1.0) == after(3601)
    assert clock.of_tick(after(3602), 1.0 + quiet_s) in (None, (after(3602), False))
    elapsed = 1.0 + 2 * quiet_s
    assert clock.of_tick(after(elapsed), elapsed, put_back=True) == (after(elapsed), True)
    assert logged_at(clock, after(elapsed), after(elapsed), elapsed) == after(elapsed)


def test_a_clock_that_runs_behind_the_log_moves_nothing() -> None:
    """What is played is logged before its clock comes to it: that is no clock put back."""
    clock = LogClock(None, LATENESS, 0.0)
    logged_at(clock, at("08:40"), at("08:40"), 0.1)
    assert clock.of_tick(at("08:10"), 0.2) == (at("08:40"), False)


def test_time_that_the_beds_have_heard_of_is_not_behind_the_log() -> None:
    """While nothing could be logged the beds went on to 08:20: what is logged next did not come before that."""
    clock = LogClock(None, LATENESS, 0.0)
    logged_at(clock, at("08:05"), at("08:05"), 0.1)
    clock.passed(at("08:20"), 5.0)
    coming = clock.came(at("08:10"), at("08:21"), 9.0)
    for tenth in range(91, 111):
        assert clock.turn(coming, at("08:21"), tenth / 10) is None
    assert clock.turn(coming, at("08:21"), 11.1) == at("08:20")


_gaps = st.lists(st.floats(0.05, QUIET_S - 0.15), min_size=1, max_size=8)


@given(st.lists(st.tuples(st.floats(0.1, QUIET_S - 0.1), _gaps, st.lists(st.floats(0, 600), max_size=8)), max_size=4))
def test_nothing_that_was_known_before_becomes_late(senders: list[tuple[float, list[float], list[float]]]) -> None:
    """A log that stopped at 08:00, a service back at 08:10: what was known meanwhile is in time, by whom it comes.

    Up to four senders, each with its own pace; their messages come in the order in which they were known, and the last
    is one of now. Between them time passes in ticks.
    """
    told: list[Told] = [(tenth / 2, "tick", None) for tenth in range(80)]
    for number, (first, gaps, known) in enumerate(senders):
        elapsed = first
        for seconds, gap in zip(sorted(known), [*gaps, *[0.3] * 8], strict=False):
            told.append((elapsed, str(number), after(seconds, "08:00")))
            elapsed += gap
        told.append((elapsed, str(number), after(elapsed)))
    logged = lived(at("08:00"), told, 40)
    known_at: dict[str, list[datetime]] = {}
    for _, who, when in sorted(told, key=lambda one: one[0]):
        if when is not None:
            known_at.setdefault(who, []).append(when)
    closed = at("08:00") - LATENESS
    for _, who, said in logged:
        if who != "tick":
            assert known_at[who].pop(0) >= closed - timedelta(seconds=0.1)  # a tenth: how often it is looked
        closed = max(closed, said - LATENESS)
    assert not any(known_at.values())


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
            said = logged_at(clock, None if known is None else after(elapsed + known), now, elapsed)
            if said is None:  # it waits, and is given up here
                continue
            at_ = said
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
