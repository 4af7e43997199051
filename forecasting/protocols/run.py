"""How much of a protocol is run, and where its intermediate results are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of one protocol."""

    data: Path  # folder that holds challenge2019 and challenge2012
    build: Path  # predictions are kept in it, so that a run that was stopped goes on
    say: Callable[[str], None]  # a line of the log
    threads: int = 0  # of LightGBM; 0: as OMP_NUM_THREADS says, else one per processor
    at_most: int | None = None  # stays of each collection, to try it out
    only: tuple[str, ...] = ()  # selections of features, or variables: only these
    repeats: int | None = None  # folds or seeds: only the first so many

    @property
    def sample(self) -> str:
        """How much of the data was taken, in words."""
        return "all" if self.at_most is None else f"at most {self.at_most} a collection"
