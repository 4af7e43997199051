"""What every forecaster promises, whatever it is made of.

    snapshot in  ->  quantiles per concept and horizon, the chance of a condition, or why there is neither

A forecaster sees only the snapshot: no clock, no store, no randomness. The same snapshot gives the same bits on
every machine. `forecasting.checks` is the list of checks that each one must pass.
"""

from collections.abc import Collection
from typing import Protocol

from schemas.clinical.forecasts import Forecast, Outlook, Unavailable
from schemas.clinical.snapshot import Snapshot

DEADLINE_MS = 5.0
"""Longest that all fans and one chance of one snapshot may take on one core. It is half of what `step` may take at its
99th percentile. A forecaster keeps it by doing bounded work, not by looking at a clock."""


class Forecaster(Protocol):
    """A model of the patient's future that never raises and never guesses."""

    @property
    def name(self) -> str:
        """What it is, in plain words: `damped-trend`."""
        ...

    @property
    def version(self) -> str: ...

    @property
    def digest(self) -> str:
        """Hash of code and parameters: equal digests give equal forecasts."""
        ...

    @property
    def horizons_h(self) -> tuple[float, ...]: ...

    @property
    def concepts(self) -> frozenset[str]:
        """What it can forecast; anything else is answered `Unavailable`."""
        ...

    def outlook(self, snapshot: Snapshot) -> Outlook:
        """The future of one patient, computed only as far as it is asked for."""
        ...

    def forecast(self, snapshot: Snapshot, concepts: Collection[str] | None = None) -> Forecast | Unavailable:
        """All fans at once (or those of `concepts`); `Unavailable` when not one can be given."""
        ...
