"""Readers: a file or folder of one format, as stays. `READERS[name](path)` yields them one after another."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from streams.adapters import challenge2012, challenge2019, clif, demo, mimic3, ndjson
from streams.adapters.stay import Stay, WrongFormat

__all__ = ["READERS", "Stay", "WrongFormat"]

READERS: Mapping[str, Callable[[Path], Iterator[Stay]]] = {
    "challenge2012": challenge2012.read,
    "challenge2019": challenge2019.read,
    "mimic3": mimic3.read,
    "clif": clif.read,
    "ndjson": ndjson.read,
    "demo": demo.read,
}
