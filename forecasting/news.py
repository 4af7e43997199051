"""What is new of the beds of a wave, laid out so that one array operation takes in one reading of many lanes.

A *lane* is what a forecaster keeps of one concept of one bed. Lanes of a bed lie together, by the numbers of their
concepts.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from forecasting.contract import Seen
from forecasting.moments import EPOCH, microseconds
from forecasting.readings import in_order, usable
from schemas.events import Reading

Numbered = tuple[int, Reading]
"""A reading with the number of its concept."""


def new_readings(seen: Seen, numbers: Mapping[str, int]) -> list[Numbered]:
    """The new readings, by rising time within a concept."""
    at, rows = seen.at, seen.rows
    found = [(n, r) for r in seen.new if (n := numbers.get(r.concept)) is not None and usable(r, at)]
    if rows:
        found = [(n, r) for n, r in found if r.concept not in rows]
    if len({n for n, _ in found}) < len(found):
        found = [(numbers[r.concept], r) for r in in_order((r for _, r in found), at)]
    return found


def rows_anew(seen: Sequence[Seen], numbers: Mapping[str, int]) -> list[tuple[int, tuple[Reading, ...], datetime]]:
    """The lanes that are to be made anew: lane, all kept readings of its concept, and as of when."""
    return [
        (bed * len(numbers) + number, row, instant.at)
        for bed, instant in enumerate(seen)
        for concept, row in instant.rows.items()
        if (number := numbers.get(concept)) is not None
    ]


def passes(
    news: Sequence[Sequence[Numbered]], width: int
) -> Iterator[tuple[NDArray[np.intp], list[tuple[Reading, int]]]]:
    """The new readings of all beds, each with its time in microseconds, so that no pass holds two of one lane."""
    made: list[tuple[list[int], list[tuple[Reading, int]]]] = []
    observed_at, at = EPOCH, 0
    for bed, found in enumerate(news):
        counts: dict[int, int] = {}
        for number, reading in found:
            count = counts[number] = counts.get(number, -1) + 1
            if count == len(made):
                made.append(([], []))
            if reading.observed_at != observed_at:  # most share the time of the one before
                observed_at = reading.observed_at
                at = microseconds(observed_at)
            lanes, told = made[count]
            lanes.append(bed * width + number)
            told.append((reading, at))
    for lanes, told in made:
        yield np.array(lanes, np.intp), told
