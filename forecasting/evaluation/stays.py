"""Rows of many stays, laid one after the other.

Shapes: N rows, S stays. `offsets` (S + 1,) says where each stay begins, and last where all of them end: the rows of
stay s are offsets[s] to offsets[s + 1] - 1. No stay is empty. Nothing here lets a row of one stay reach another.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Values = NDArray[np.float32]


def checked(offsets: NDArray[Any], rows: int) -> Ints:
    """The offsets, or ValueError where they do not lay out that many rows in stays of one row or more."""
    found = np.asarray(offsets, np.int64)
    if len(found) < 2 or found[0] != 0 or found[-1] != rows or (np.diff(found) < 1).any():  # noqa: PLR2004
        raise ValueError(f"offsets must rise from 0 to the {rows} rows; they are {found[:3]} … {found[-3:]}")
    return found


def stay_of(offsets: Ints) -> Ints:
    """(N,) which stay each row belongs to."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def place_in(offsets: Ints) -> Ints:
    """(N,) how many rows of its stay come before each row."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def sums(values: NDArray[Any], offsets: Ints) -> Floats:
    """(S,) the sum of each stay's rows."""
    return np.add.reduceat(values.astype(np.float64), offsets[:-1])


def any_of(flags: Flags, offsets: Ints) -> Flags:
    """(S,) whether any row of the stay is marked."""
    return np.logical_or.reduceat(flags, offsets[:-1])


def first_of(flags: Flags, offsets: Ints) -> Ints:
    """(S,) place in its stay of the first marked row; -1 where none is."""
    rows = np.where(flags, place_in(offsets), np.iinfo(np.int64).max)
    found = np.minimum.reduceat(rows, offsets[:-1])
    return np.where(any_of(flags, offsets), found, -1)


def rows_of(stays: NDArray[Any], offsets: Ints) -> Ints:
    """The rows of these stays, in the order in which the stays are given."""
    lengths = np.diff(offsets)[stays]
    return np.repeat(offsets[:-1][stays], lengths) + place_in(laid(lengths))


def laid(lengths: Sequence[int] | NDArray[Any]) -> Ints:
    """The offsets of stays of these lengths."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
