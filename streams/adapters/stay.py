"""What every reader yields: one stay after another, never the whole set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.events import Event, Tick
from schemas.events.quarantine import Rejected


class WrongFormat(ValueError):
    """The path does not hold this format. The text says in one sentence what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay: its events by rising `available_at`, and what of it was refused.

    `start` is the stay's first row or admission: "hours since the stay's first row" counts from it. `hours` is set by
    hourly sets only, where row i stands for the hour `start + i h` and has to be answered even if it is empty.
    """

    encounter: str
    events: Sequence[Event]
    start: datetime
    hours: int | None = None
    refused: Sequence[Rejected] = ()


def parted(entries: Iterable[Event | Tick | Rejected]) -> tuple[list[Event], list[Rejected]]:
    """Events and refusals. Ticks say nothing here: a replay makes its own."""
    events: list[Event] = []
    refused: list[Rejected] = []
    for entry in entries:
        if isinstance(entry, Rejected):
            refused.append(entry)
        elif not isinstance(entry, Tick):
            events.append(entry)
    return events, refused
