"""Predictions that were made once are kept, so that a run that was stopped goes on where it was.

A file's name is the hash of everything that it depends on: data, patients, features, recipe, seed, and the source of
the modules that make features and labels. What has another name is made anew.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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

Arrays = dict[str, NDArray[np.generic]]


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
        told = json.dumps({**self.common, **needs, "name": name}, sort_keys=True, default=str)
        path = self.folder / f"{blake2b(told.encode(), digest_size=12).hexdigest()}.npz"
        if path.exists():
            self.say(f"{name}: kept from before")
        else:
            self.say(f"{name}: begins")
            arrays = make()
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part.npz")
            np.savez_compressed(unfinished, allow_pickle=False, **arrays)
            unfinished.replace(path)
            self.say(f"{name}: done")
        with np.load(path, allow_pickle=False) as found:
            return dict(found)
