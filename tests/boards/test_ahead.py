"""What may come is told likeliest first, never as certain, and with the reason where it cannot be told."""

import pytest

from boards.icu.ahead import likely, percent, percent_range, unsaid
from schemas.boards.views import Ahead, BedView
from schemas.clinical.forecasts import Odds, Unavailable
from tests.boards.fixtures import bed


def view(*answers: tuple[str, Odds | Unavailable]) -> BedView:
    """A bed of which these questions were answered so."""
    return bed("e1", "Bed 1", [], ahead=tuple(_ahead(asked, answer) for asked, answer in answers))


def _ahead(asked: str, answer: Odds | Unavailable) -> Ahead:
    if isinstance(answer, Odds):
        return Ahead(asked=asked, within_h=6.0, odds=answer)
    return Ahead(asked=asked, within_h=6.0, missing=answer)


def odds(p: float, low: float, high: float) -> Odds:
    return Odds(probability=p, low=low, high=high, within_h=6.0, model="network@1")


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.0, "under 1 %"), (0.0099, "under 1 %"), (0.01, "1 %"), (0.346, "35 %"), (0.99, "99 %"), (0.991, "over 99 %")],
)
def test_nothing_is_certain(p: float, said: str) -> None:
    """Whole percent from 1 to 99; beyond that only on which side."""
    assert percent(p) == said


def test_bounds_that_are_one_are_told_once() -> None:
    """A range of a single number is that number."""
    assert percent_range(odds(0.3, 0.284, 0.41)) == "28 to 41"
    assert percent_range(odds(0.011, 0.009, 0.012)) == "1"
    assert percent_range(odds(0.001, 0.0, 0.004)) == "under 1"
    assert percent_range(odds(0.001, 0.0, 0.006)) == "0 to 1"


def test_the_likeliest_comes_first() -> None:
    """In the order of their chance, whatever the order of asking."""
    shown = view(("A", odds(0.1, 0, 0.2)), ("B", odds(0.4, 0.3, 0.5)), ("C", odds(0.2, 0.1, 0.3)))
    assert [one.asked for one, _ in likely(shown)] == ["B", "C", "A"]


def test_one_reason_is_told_once_for_all_that_it_holds_for() -> None:
    """Four questions, two reasons."""
    old, so = Unavailable(reason="too old"), Unavailable(reason="true already")
    shown = view(("A", old), ("B", so), ("C", old), ("D", old))
    assert unsaid(shown) == [("too old", "A, C or D"), ("true already", "B")]
    assert likely(shown) == []
