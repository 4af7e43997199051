"""The hash of the code that something was made by: what other code made is made anew."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import forecasting


def hash_of(names: Sequence[str]) -> str:
    """Of the bytes of these modules, named from the package on: `training/labels.py`."""
    digest = blake2b(digest_size=16)
    for name in names:
        digest.update((Path(forecasting.__path__[0]) / name).read_bytes())
    return digest.hexdigest()
