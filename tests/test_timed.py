"""The stopwatch of the tests: what is slow is seen, and what only seems slow once is not."""

import gc
import sys
from collections.abc import Iterator

import pytest

from tests.timed import cpu_seconds


def clock(*took: float) -> Iterator[float]:
    """Readings of a clock by which the tries take so long, one after the other."""
    now = 0.0
    for seconds in took:
        yield now
        now += seconds
        yield now


@pytest.mark.parametrize(
    ("took", "said"), [((0.5,), 0.5), ((3.0, 0.5), 0.5), ((3.0, 2.5, 0.5), 0.5), ((3.0, 2.0, 2.5), 2.0)]
)
def test_work_that_is_slow_is_slow_three_times(took: tuple[float, ...], said: float) -> None:
    """One slow try is followed by others, and the best counts; work that is slow each time is called slow."""
    assert cpu_seconds(lambda: None, 1.0, clock=clock(*took).__next__) == said


def test_no_try_lives_on_what_another_left_behind() -> None:
    """Before each further try what was kept is forgotten."""
    done: list[str] = []
    cpu_seconds(lambda: done.append("work"), 1.0, forget=lambda: done.append("forget"), clock=clock(2, 2, 2).__next__)
    assert done == ["work", "forget", "work", "forget", "work"]


def test_nothing_else_is_done_meanwhile() -> None:
    """No garbage is collected and no line traced during the work; after it both go on, also when the work fails."""
    seen: list[object] = []

    def fails() -> None:
        seen.extend((gc.isenabled(), sys.gettrace()))
        raise ValueError

    def traces(*_: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(traces)
    try:
        with pytest.raises(ValueError):  # noqa: PT011, raised just above
            cpu_seconds(fails, 1.0)
        assert (gc.isenabled(), sys.gettrace()) == (True, traces)
    finally:
        sys.settrace(before)
    assert seen == [False, None]
