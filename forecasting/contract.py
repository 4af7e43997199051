"""What every forecaster promises, whatever it is made of.

    state of a bed, what is new  ->  state            (encode: once per instant)
    state, snapshot              ->  outlook          (fans, chances, or why there is neither)

A forecaster remembers a patient in a `ModelState`: a few kilobytes that are saved with the bed, never the readings
themselves. It takes the beds of one wave together, and a bed's bits never depend on its neighbours in the wave, nor on
how many they are. It sees no clock, no store, no randomness. `forecasting.checks` is the list of checks that each one
must pass.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.events import Reading
from schemas.frozen import Record

STATE_BYTES_MAX = 16 * 1024
"""Largest body of a state: it is part of the bed, and written whenever the bed is."""

DEADLINE_MS = 5.0
"""Longest that encoding one instant, all fans and one chance of one bed may take on one core. It is half of what `step`
may take at its 99th percentile. A forecaster keeps it by doing bounded work, not by looking at a clock."""

FAR = datetime.max.replace(tzinfo=UTC)
"""`until` of an outlook in which nothing ceases to be so by itself."""


class ModelState(Record, frozen=True, kw_only=True):
    """What a forecaster remembers of one patient. Another digest's state cannot be read: rebuild it."""

    digest: str  # of the forecaster that made it: code and parameters
    body: bytes  # at most STATE_BYTES_MAX
    from_chart: bool = False  # made anew from the bounded chart, not from every event: said where forecasts are shown


class Seen(NamedTuple):
    """What became known of one patient at one instant.

    `new`: readings that became known at `at`, none older than the newest that the state holds of its concept. Of those
    of one moment the one known last counts, then the arterial line; their order within `new` does not matter.

    `rows`: where anything else changed (a correction, a withdrawal, a late arrival), all kept readings of that concept,
    oldest first: what the state holds of it is made anew from them. A row may be empty. Of a concept that is in `rows`,
    `new` is not read.

    Readings that are marked, without a number, or of a time after `at` are passed over, so either may hold some. A
    reading of a time after `at` is to be given when its time has come.
    """

    at: datetime
    new: tuple[Reading, ...] = ()
    rows: Mapping[str, tuple[Reading, ...]] = {}


class Forecaster(Protocol):
    """A model of the patient's future that never guesses. It raises ValueError for a state that is not its own, and
    nothing for data."""

    @property
    def name(self) -> str:
        """What it is, in plain words: `damped-trend`."""
        ...

    @property
    def version(self) -> str: ...

    @property
    def digest(self) -> str:
        """Hash of code and parameters: equal digests give equal states and equal forecasts."""
        ...

    @property
    def horizons_h(self) -> tuple[float, ...]: ...

    @property
    def concepts(self) -> frozenset[str]:
        """What it can forecast; anything else is answered `Unavailable`."""
        ...

    @property
    def batch(self) -> int:
        """Beds computed at once. A longer wave is cut; a shorter one is padded where a neighbour could change a bit."""
        ...

    def encode(self, states: Sequence[ModelState | None], seen: Sequence[Seen]) -> list[ModelState]:
        """The states after one instant of each bed; None is a bed of which nothing is known yet.

        A bed of which nothing new was seen gets back the very state it had.
        """
        ...

    def outlooks(self, states: Sequence[ModelState], snapshots: Sequence[Snapshot]) -> list[Outlook]:
        """The future of each bed as of its snapshot's `now`, which is not before the last instant encoded."""
        ...

    def rebuilt(self, snapshot: Snapshot) -> ModelState:
        """The state as far as the chart can tell, marked `from_chart`."""
        ...
