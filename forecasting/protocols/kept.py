"""Predictions that were made once are kept, so that a run that was stopped goes on where it was.

A file's name is the hash of everything that it depends on: data, patients, features, recipe, seed, and the source of
the modules that make features and labels. What has another name is made anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forecasting.training.keeping import Arrays, kept, name_of
from forecasting.training.sources import hash_of

HOURLY = (
    "evaluation/stays.py", "evaluation/utility.py", "training/boosting.py", "training/cohorts.py",
    "training/features.py", "training/labels.py", "training/scores.py", "training/splits.py", "training/windows.py",
)  # fmt: skip

CHARTED = (
    "evaluation/stays.py", "protocols/forecast2012.py", "training/boosting.py", "training/cohorts.py",
    "training/splits.py", "training/summaries.py",
)  # fmt: skip
"""The modules that features, labels and splits come from, of hourly data and of data as charted."""


def source_hash(names: Sequence[str] = HOURLY) -> str:
    """Of the bytes of these modules."""
    return hash_of(names)


@dataclass(frozen=True)
class Kept:
    """A folder of arrays under the hash of what they were made from."""

    folder: Path
    common: Mapping[str, object]  # what all of them depend on
    say: Callable[[str], None]  # a line of the log

    def made(self, name: str, needs: Mapping[str, object], make: Callable[[], Arrays]) -> Arrays:
        """What `make` makes, or what it made before from the same."""
        path = self.folder / f"{name_of({**self.common, **needs, 'name': name})}.npz"
        if path.exists():
            self.say(f"{name}: kept from before")
            return kept(path, make)
        self.say(f"{name}: begins")
        found = kept(path, make)
        self.say(f"{name}: done")
        return found
