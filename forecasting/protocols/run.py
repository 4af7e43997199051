"""How much of a protocol is run, and where its intermediate results are kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


class UnknownPart(ValueError):
    """A part was asked for that the protocol does not have."""


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

    def chosen(self, parts: Iterable[str]) -> list[str]:
        """Of all parts of a protocol those that are wanted; `UnknownPart` where one is wanted that it has not."""
        known = list(parts)
        unknown = [name for name in self.only if name not in known]
        if unknown:
            raise UnknownPart(f"no part {', '.join(unknown)}; there is {', '.join(known) or 'none to choose'}")
        return [name for name in known if not self.only or name in self.only]

    @property
    def sample(self) -> str:
        """How much of the data was taken, in words."""
        return "all" if self.at_most is None else f"at most {self.at_most} a collection"
