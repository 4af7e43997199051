"""What was fitted is kept in a file named by what it was made from, so that a run that was stopped goes on."""

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
_ABOUT = "about"


def name_of(about: Mapping[str, object]) -> str:
    """The hash of everything that something was made from."""
    return blake2b(json.dumps(about, sort_keys=True, default=str).encode(), digest_size=12).hexdigest()


def kept(path: Path, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
    """What `make` makes, or what it made before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez_compressed(unfinished, allow_pickle=False, **make())
        unfinished.replace(path)
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def packed(arrays: Mapping[str, NDArray[Any]], about: Any) -> Arrays:
    """Arrays with what is said of them."""
    return {**arrays, _ABOUT: np.array(json.dumps(about))}


def unpacked(found: Mapping[str, NDArray[Any]]) -> tuple[Arrays, Any]:
    """What was packed."""
    return {name: values for name, values in found.items() if name != _ABOUT}, json.loads(str(found[_ABOUT]))
