"""What the rows of a stay up to now say: sums, extremes and trends of the last hours, without a loop over rows.

Each function takes one variable (N,) with NaN where it was not measured, and the offsets of the stays, and answers
for each row from that row and the ones before it in its stay. A row's bits depend on its own stay alone: windows are
put together from halves (4 rows are 2 and the 2 before them), never cut out of a sum over everything. What is asked of
a window in which nothing was measured is NaN. All of it can be kept up with hour by hour in constant time.
"""

from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Ints, Values, place_in


def shifted(values: Values, offsets: Ints, rows: int, empty: float = np.nan) -> Values:
    """(N,) the value so many rows before in the same stay; `empty` where the stay had not begun."""
    if rows == 0:
        return values
    found = np.full_like(values, empty)
    found[rows:] = values[:-rows]
    if rows * (len(offsets) - 1) < len(values):  # few rows are first ones
        first = offsets[:-1, None] + np.arange(rows)
        found[first[first < offsets[1:, None]]] = empty
    else:
        found[place_in(offsets) < rows] = empty
    return found


def _reached(values: Values, offsets: Ints, rows: int, better: "np.ufunc") -> Values:
    """(N,) the window's extreme; `better` passes over NaN."""
    found, width = values, 1
    while width < rows:
        step = min(width, rows - width)  # windows may overlap: an extreme is not counted twice
        found = better(found, shifted(found, offsets, step))
        width += step
    return found


def greatest(values: Values, offsets: Ints, rows: int) -> Values:
    """(N,) the highest of the last rows."""
    return _reached(values, offsets, rows, np.fmax)


def least(values: Values, offsets: Ints, rows: int) -> Values:
    """(N,) the lowest of the last rows."""
    return _reached(values, offsets, rows, np.fmin)


class Sums(NamedTuple):
    """Of the measured values x of a window, each k rows ago: (N,) each."""

    n: Values
    k: Values
    kk: Values
    x: Values
    kx: Values

    def later(self, rows: int) -> "Sums":
        """The same sums when each value is so many rows older."""
        k = self.k + rows * self.n
        kk = self.kk + 2 * rows * self.k + rows * rows * self.n
        return Sums(self.n, k, kk, self.x, self.kx + rows * self.x)

    def before(self, offsets: Ints, rows: int) -> "Sums":
        """The window that ended so many rows before."""
        return Sums(*(shifted(one, offsets, rows, 0.0) for one in self)).later(rows)

    def and_(self, other: "Sums") -> "Sums":
        return Sums(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def mean(self) -> Values:
        """(N,) mean of what was measured."""
        return _over(self.x, self.n)

    @property
    def slope(self) -> Values:
        """(N,) rise per row of the straight line through what was measured; NaN for fewer than two values."""
        lever = self.n * self.kk - self.k * self.k
        rise = self.k * self.x - self.n * self.kx  # k counts backwards
        return _over(rise, np.where(self.n > 1, lever, np.float32(0)))


def window(values: Values, offsets: Ints, rows: int) -> Sums:
    """The sums of the last rows."""
    there = np.isfinite(values)
    none = np.zeros_like(values)
    power = Sums(there.astype(values.dtype), none, none, np.where(there, values, np.float32(0)), none)
    found = Sums(none, none, none, none, none)
    covered, width = 0, 1
    while covered < rows:  # 24 = 8 and the 16 before them, by the binary digits of the width
        if rows & width:
            found = found.and_(power.before(offsets, covered))
            covered += width
        power = power.and_(power.before(offsets, width))
        width *= 2
    return found


def _over(above: Values, below: Values) -> Values:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def latest(values: Values, offsets: Ints) -> Values:
    """(N,) the newest measured value, this row's among them."""
    return _at(values, _rows_since(np.isfinite(values), offsets))


def latest_before(values: Values, offsets: Ints) -> Values:
    """(N,) the newest value measured before this row."""
    return shifted(latest(values, offsets), offsets, 1)


def gap(values: Values, offsets: Ints) -> Values:
    """(N,) rows since the newest measured value; NaN before the first."""
    since = _rows_since(np.isfinite(values), offsets)
    return np.asarray(np.where(since < 0, np.nan, since), np.float32)


def count(values: Values, offsets: Ints) -> Values:
    """(N,) how often it was measured so far."""
    running = np.cumsum(np.isfinite(values))
    start = np.repeat(np.concatenate([[0], running[offsets[1:-1] - 1]]), np.diff(offsets))
    return np.asarray(running - start, np.float32)


def _rows_since(flags: Flags, offsets: Ints) -> Ints:
    """(N,) rows since the last marked one of the stay; -1 before the first."""
    here = np.arange(len(flags))
    last = np.maximum.accumulate(np.where(flags, here, -1))
    start = np.repeat(offsets[:-1], np.diff(offsets))
    return np.where(last >= start, here - last, -1)


def _at(values: Values, since: Ints) -> Values:
    found = values[np.arange(len(values)) - np.maximum(since, 0)]
    return np.where(since < 0, np.float32(np.nan), found)


def _so_far(values: Values, offsets: Ints, better: "np.ufunc") -> Values:
    """(N,) the extreme of the stay up to this row."""
    longest = int(np.diff(offsets).max())
    return _reached(values, offsets, longest, better)


def lowest(values: Values, offsets: Ints) -> Values:
    """(N,) the lowest value of the stay so far."""
    return _so_far(values, offsets, np.fmin)


def highest(values: Values, offsets: Ints) -> Values:
    """(N,) the highest value of the stay so far."""
    return _so_far(values, offsets, np.fmax)


def lowest_before(values: Values, offsets: Ints) -> Values:
    """(N,) the lowest value of the stay before this row."""
    return shifted(lowest(values, offsets), offsets, 1)
