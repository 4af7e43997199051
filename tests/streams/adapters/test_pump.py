"""Charted runs of a drip, told as by its pump."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.adapters.pump import SAME_MOMENT, Run, turns

START = datetime(2150, 1, 1, tzinfo=UTC)
STEP = 2 * SAME_MOMENT

spans = st.tuples(st.integers(0, 20), st.integers(1, 10), st.integers(1, 5)).map(
    lambda s: Run("e1", "norepinephrine", START + s[0] * STEP, START + (s[0] + s[1]) * STEP, s[2] / 100, "ug/kg/min")
)


@given(st.lists(spans, min_size=1, max_size=8))
def test_following_the_pump_gives_the_charted_rate_at_any_time(runs: list[Run]) -> None:
    """At every moment the last thing told equals the sum of the runs that go on then."""
    told = list(turns(runs))
    for tick in range(35):
        now = START + tick * STEP + STEP / 2
        charted = sum(run.rate for run in runs if run.end is not None and run.start <= now < run.end)
        last = [turn for turn in told if turn["observed_at"] <= now][-1:]
        assert abs((last[0]["rate"] or 0.0 if last else 0.0) - charted) < 1e-9


@given(st.lists(spans, min_size=1, max_size=8))
def test_a_pump_starts_before_it_changes_and_stops_before_it_starts_again(runs: list[Run]) -> None:
    """What is told makes sense in its order, and ends with the last stop."""
    actions = [turn["action"] for turn in turns(runs)]
    running = False
    for action in actions:
        assert running == (action != "start")
        running = action != "stop"
    assert actions[-1] == "stop"


def test_a_short_gap_is_a_change_and_a_bag_without_an_end_goes_on() -> None:
    """A minute between two bags is no stop; a run whose end nobody charted does not stop by itself."""
    first = Run("e1", "dopamine", START, START + timedelta(minutes=30), 5.0, "ug/kg/min")
    second = Run("e1", "dopamine", START + timedelta(minutes=31), None, 8.0, "ug/kg/min")
    assert [(t["action"], t["rate"]) for t in turns([first, second])] == [("start", 5.0), ("change", 8.0)]
