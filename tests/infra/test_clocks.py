"""The service's clock: no leap of the machine's clock is believed at once, and none is doubted for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clocks import CORRECTED_SAID_S, HEARD_MIN, HOLDS_S, LEAP, PlayedClock, ServiceClock, steady, wall

START = datetime(2026, 3, 3, 14, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = 3600.0
YEARS = 56 * 365 * 86400.0


class Machine:
    """A machine whose clock somebody sets: `passed` is what really passed, `error` how wrong its wall clock is."""

    def __init__(self, error: float = 0.0) -> None:
        self.passed, self.error = 0.0, error
        self.clock = ServiceClock(wall=self.wall, steady=lambda: self.passed)

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.passed + self.error)

    def off(self) -> float:
        """How many seconds the service's clock is ahead of the truth."""
        return (self.clock.now() - START).total_seconds() - self.passed


# What happens: (real seconds that pass, then what the wall clock is wrong by) -> how wrong the service's clock is, and
# what is said. "…" in a sentence stands for the rest.
STORIES: dict[str, list[tuple[float, float, float, str | None]]] = {
    "an hour ahead for two seconds, then right": [
        (10, HOUR, 0, "This machine’s clock leapt 1 h 00 min ahead at 14:05:10 UTC. Time goes on here as before"),
        (2, 0.0, 0, None),
        (600, 0.0, 0, None),
    ],
    "an hour ahead, and it stays": [
        (10, HOUR, 0, "leapt 1 h 00 min ahead at 14:05:10 UTC"),
        (19, HOUR, 0, "leapt 1 h 00 min ahead at 14:05:10 UTC"),
        (2, HOUR, HOUR, "This machine’s clock was put forward by 1 h 00 min at 15:05:30 UTC"),
        (CORRECTED_SAID_S, HOUR, HOUR, None),
    ],
    "an hour back, and it stays": [
        (10, -HOUR, 0, "leapt 1 h 00 min back at 14:05:10 UTC"),
        (21, -HOUR, -HOUR, "was put back by 1 h 00 min at 13:05:30 UTC: times from before that may be wrong."),
    ],
    "it leaps again and again: each time it has to hold anew": [
        (10, HOUR, 0, "1 h 00 min ahead at 14:05:10"),
        (15, 2 * HOUR, 0, "2 h 00 min ahead at 14:05:10"),
        (15, HOUR, 0, "1 h 00 min ahead at 14:05:10"),
        (15, -YEARS, 0, "20440 days back at 14:05:10"),
        (21, -YEARS, -YEARS, "put back by 20440 days"),
    ],
    "a step of up to two seconds is no leap: it is followed in silence once it has held": [
        (10, 2.0, 0, None),
        (21, 2.0, 2, None),
        (10, 0.5, 2, None),
        (21, 0.5, 0.5, None),
    ],
    "a long sleep of the machine, which both clocks count, is no leap": [(8 * HOUR, 0.0, 0, None)],
}


@pytest.mark.parametrize("story", STORIES)
def test_what_the_service_takes_for_the_time(story: str) -> None:
    """A leap is said and not followed; one that goes away was nothing; one that stays is taken over, and said."""
    machine = Machine()
    for passes, error, off, said in STORIES[story]:
        machine.passed += passes - 0.5
        machine.clock.now()
        machine.passed += 0.5
        machine.error = error
        assert machine.off() == pytest.approx(off, abs=0.001), (story, machine.passed)
        assert (machine.clock.doubt is None) == (said is None), machine.clock.doubt
        assert said is None or said in (machine.clock.doubt or "")


def test_a_clock_that_was_wrong_from_the_start_is_put_right() -> None:
    """Started an hour ahead: once the machine is right for 20 s the service is too, and says by how much."""
    machine = Machine(error=HOUR)
    assert machine.off() == HOUR
    machine.error = 0.0
    assert machine.off() == HOUR
    machine.passed += HOLDS_S
    assert machine.off() == 0
    assert "was put back by 1 h 00 min" in (machine.clock.doubt or "")
    machine.passed += CORRECTED_SAID_S
    assert (machine.off(), machine.clock.doubt) == (0, None)


@pytest.mark.parametrize(
    ("error", "senders", "off"),
    [
        (HOUR, [HOUR] * HEARD_MIN, HOUR),  # the senders say so too
        (-HOUR, [-HOUR] * HEARD_MIN, -HOUR),
        (HOUR, [0.0] * HEARD_MIN, 0),  # they do not
        (HOUR, [HOUR] * (HEARD_MIN - 1), 0),  # too few
        (HOUR, [HOUR, 0.0, 0.0, HOUR, 0.0, 0.0, HOUR], 0),  # most do not
        (HOUR, [HOUR / 2] * HEARD_MIN, 0),  # they agree with neither
    ],
)
def test_the_senders_clocks_confirm_a_leap(error: float, senders: list[float], off: float) -> None:
    """A leap to where the senders' clocks are is taken over at once; any other has to hold for 20 s."""
    machine = Machine()
    for ahead in senders:
        machine.passed += 1
        stamped = START + timedelta(seconds=machine.passed - 0.3 + ahead)  # 0.3 s on the way
        machine.clock.heard((machine.clock.now() - stamped).total_seconds())
    machine.error = error
    assert machine.off() == pytest.approx(off)


def test_what_the_senders_said_long_ago_confirms_nothing() -> None:
    """Senders' times count for a minute: after that a leap has to hold."""
    machine = Machine()
    for _ in range(HEARD_MIN):
        machine.clock.heard(-HOUR)
    machine.passed, machine.error = 61, HOUR
    assert machine.off() == 0


_HAPPENS = st.lists(
    st.tuples(
        st.floats(0, 60),
        st.one_of(st.floats(-3, 3), st.floats(-1e8, 1e8), st.just(0.0)),
        st.one_of(st.none(), st.floats(-1e5, 1e5)),
    ),
    max_size=60,
)


@given(_HAPPENS)
def test_time_never_moves_but_by_what_passed_unless_it_says_so(
    happens: list[tuple[float, float, float | None]],
) -> None:
    """Whatever the wall clock and the senders do: each look moves on by what really passed, at most 2 s more or less,
    unless a correction says by how much; and it never goes back without one."""
    machine = Machine()
    before = machine.clock.now()
    for passes, error, offset in happens:
        machine.passed, machine.error = machine.passed + passes, error
        if offset is not None:
            machine.clock.heard(offset)
        now = machine.clock.now()
        moved = now - before - timedelta(seconds=passes)
        if abs(moved) > LEAP + SECOND / 1000 or now < before:
            way = "forward" if moved > timedelta(0) else "back"
            assert f"clock was put {way} by " in (machine.clock.doubt or "")
            assert f" at {now:%H:%M:%S} UTC: " in (machine.clock.doubt or "")
        if abs(machine.wall() - now) > LEAP + SECOND / 1000:
            assert machine.clock.doubt is not None
        before = now


@given(_HAPPENS, st.floats(-1e8, 1e8))
def test_a_wall_clock_that_holds_is_believed_in_the_end(
    happens: list[tuple[float, float, float | None]], error: float
) -> None:
    """Whatever came before, 20 s of an even wall clock are enough: the service then has its time, and no doubt."""
    machine = Machine()
    for passes, wrong, _ in happens:
        machine.passed, machine.error = machine.passed + passes, wrong
        machine.clock.now()
    machine.error = error
    for _ in range(2):
        machine.clock.now()
        machine.passed += HOLDS_S
    assert abs(machine.off() - error) <= LEAP.total_seconds()
    assert "leapt" not in (machine.clock.doubt or "")


def test_this_machine_has_both_clocks() -> None:
    """The clock of the service, on this machine, agrees with its wall clock and moves on."""
    clock = ServiceClock()
    first = clock.now()
    assert abs(first - wall()) < LEAP
    began = steady()
    while steady() == began:
        pass
    assert clock.now() > first
    assert clock.doubt is None


@pytest.fixture
def machine_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the machine's steady clock reads: seconds, in a list of one."""
    reads = [100.0]
    monkeypatch.setattr("infra.clocks.time.monotonic", lambda: reads[0])
    return reads


BEGAN = datetime(2000, 1, 1, 8, tzinfo=UTC)


def test_recorded_time_runs_at_its_speed_and_never_past_what_was_handed_over(machine_clock: list[float]) -> None:
    """At 60 times real time a second is a minute, up to `until`; how long a moment still takes follows from that."""
    clock = PlayedClock(BEGAN, 60.0)
    machine_clock[0] += 2.0
    assert clock.aim() == BEGAN + timedelta(minutes=2)
    assert clock.now() == BEGAN
    clock.until = BEGAN + timedelta(minutes=5)
    assert clock.now() == BEGAN + timedelta(minutes=2)
    machine_clock[0] += 10.0
    assert clock.now() == BEGAN + timedelta(minutes=5)
    assert clock.seconds_until(BEGAN + timedelta(minutes=13)) == 1.0
    assert clock.seconds_until(BEGAN) == 0.0


def test_recorded_time_begins_again_from_where_it_stands(machine_clock: list[float]) -> None:
    """What went by before everything was ready is not made up for."""
    clock = PlayedClock(BEGAN, 60.0)
    machine_clock[0] += 30.0
    clock.restart()
    clock.until = BEGAN + timedelta(hours=1)
    assert clock.now() == BEGAN
    machine_clock[0] += 1.0
    assert clock.now() == BEGAN + timedelta(minutes=1)


def test_when_nothing_plays_any_more_time_goes_on_at_its_real_pace(machine_clock: list[float]) -> None:
    """After the last recorded event the clock is a real one from there, and whatever senders say is nothing to it."""
    clock = PlayedClock(BEGAN, 60.0)
    clock.until = BEGAN + timedelta(minutes=1)
    machine_clock[0] += 30.0
    clock.stop()
    clock.heard(3_600.0)
    machine_clock[0] += 7.0
    assert clock.now() == BEGAN + timedelta(minutes=1, seconds=7)
    assert (clock.speed, clock.doubt) == (1.0, None)
