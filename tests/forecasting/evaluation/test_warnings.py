"""Alarms and events are counted as somebody at the bedside would count them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.evaluation.stays import laid
from forecasting.evaluation.warnings import Watched, ladder, raised, told


def drawn(story: str) -> tuple[np.ndarray, Watched]:
    """A stay an hour a letter: `^` passes the threshold, `E` an event begins, `x` both, `.` neither, `|` next stay."""
    stays = story.split("|")
    letters = "".join(stays)
    score = np.array([float(letter in "^x") for letter in letters])
    hour = np.concatenate([np.arange(float(len(stay))) for stay in stays])
    event = np.array([letter in "Ex" for letter in letters])
    return score, Watched(hour, event, laid([len(stay) for stay in stays]))


STORIES = [
    # story                      alarms  true  events  caught
    ("..^......................", 1, 0, 0, 0),
    ("^^^^^^^..................", 2, 0, 0, 0),  # silent for six hours, then again
    ("^.....^..................", 2, 0, 0, 0),
    ("^....^...................", 1, 0, 0, 0),
    ("^.......E................", 1, 1, 1, 1),  # eight hours before
    ("^........E...............", 1, 0, 1, 0),  # nine: too early
    ("........x................", 1, 0, 1, 0),  # in the very hour: too late
    (".......^E................", 1, 1, 1, 1),
    ("...E...^.................", 1, 0, 1, 0),  # after it
    ("^..E...E.................", 1, 1, 2, 2),  # one alarm may catch two events
    ("^.....^.E................", 2, 2, 1, 1),  # two alarms for one event are both true
    ("..^|E....................", 1, 0, 1, 0),  # the next stay's event is nobody else's
    (".....^|^.................", 2, 0, 0, 0),  # and its silence not either
]


@pytest.mark.parametrize(("story", "alarms", "true", "events", "caught"), STORIES)
def test_what_is_raised_and_what_it_catches(story: str, alarms: int, true: int, events: int, caught: int) -> None:
    """Each story has as many alarms, true ones, events and caught ones as can be counted in it."""
    found = told(*_at_half(story))
    assert (found.alarms.sum(), found.true.sum(), found.events.sum(), found.caught.sum()) == (
        alarms,
        true,
        events,
        caught,
    )


def _at_half(story: str) -> tuple[np.ndarray, float, Watched]:
    score, watched = drawn(story)
    return score, 0.5, watched


def test_the_lead_is_counted_from_the_first_alarm() -> None:
    """Alarms eight and two hours before the event: it was seen coming eight hours ahead."""
    found = told(*_at_half("^.....^.E"))
    assert found.leads_h.tolist() == [8]
    assert found.lead_median_h == 8
    assert found.long_lead_share == 1


def test_two_hours_ahead_is_not_more_than_two() -> None:
    """A lead of exactly two hours does not count as longer."""
    assert told(*_at_half("..^.E")).long_lead_share == 0
    assert told(*_at_half(".^..E")).long_lead_share == 1


def test_a_row_without_a_score_raises_nothing() -> None:
    """NaN is silence at every threshold."""
    score, watched = drawn("^^^^")
    assert not raised(score * np.nan, -np.inf, watched).any()


def test_silence_is_time_not_rows() -> None:
    """Rows half a day apart may each alarm; rows ten minutes apart may not."""
    sparse = Watched(np.array([0.0, 12, 24]), np.zeros(3, bool), laid([3]))
    dense = Watched(np.array([0.0, 1 / 6, 2 / 6]), np.zeros(3, bool), laid([3]))
    assert raised(np.ones(3), 0.5, sparse).sum() == 3
    assert raised(np.ones(3), 0.5, dense).sum() == 1


def test_alarms_are_per_patient_day() -> None:
    """Two alarms in two stays of one day each are one per patient-day."""
    score, watched = drawn("^.......................|^.......................")
    found = ladder(score, watched, 5)
    assert found.alarms_per_day(told(score, 0.5, watched)) == 1


def test_a_budget_is_kept_and_a_recall_is_reached() -> None:
    """The rung under a budget has no more alarms than it allows; the rung at a recall catches that share."""
    rng = np.random.default_rng(2)
    watched = Watched(np.tile(np.arange(48.0), 60), rng.random(60 * 48) < 0.03, laid([48] * 60))
    soon = np.convolve(watched.event, np.ones(6))[5 : 5 + len(watched.event)]
    found = ladder(soon + rng.normal(0, 0.5, len(soon)), watched)
    kept, reached = found.under(1.2), found.at_recall(0.8)
    assert kept is not None
    assert reached is not None
    assert found.alarms_per_day(kept) <= 1.2
    assert reached.recall >= 0.8
    assert found.at_recall(1.1) is None


def test_hours_that_do_not_rise_are_refused() -> None:
    """A stay told out of order is an error, not a count."""
    with pytest.raises(ValueError, match="rise"):
        Watched(np.array([1.0, 0.0]), np.zeros(2, bool), laid([2]))


def plainly(score: np.ndarray, threshold: float, watched: Watched) -> list[int]:
    """The alarms, by walking through every stay."""
    found = []
    for begin, end in zip(watched.offsets[:-1], watched.offsets[1:], strict=True):
        silent_until = -np.inf
        for row in range(begin, end):
            if score[row] >= threshold and watched.hour[row] >= silent_until:
                found.append(row)
                silent_until = watched.hour[row] + 6
    return found


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=8), seed=st.integers(0, 999))
def test_alarms_are_those_that_a_walk_through_each_stay_finds(lengths: list[int], seed: int) -> None:
    """Raised for all stays at once, the alarms are those raised stay by stay and hour by hour."""
    rng = np.random.default_rng(seed)
    score, hour = rng.random(sum(lengths)), np.concatenate([np.cumsum(rng.integers(1, 4, n)) for n in lengths])
    watched = Watched(hour.astype(float), np.zeros(len(score), bool), laid(lengths))
    assert np.flatnonzero(raised(score, 0.6, watched)).tolist() == plainly(score, 0.6, watched)
