"""What a network of crossings says of many rows at once, put together as the served code does for one.

Shapes: N rows, D width, J intervals, T lines.
"""

import numpy as np

from forecasting.evaluation.stays import Floats, Values
from forecasting.model import Network
from forecasting.training.crossings import LINES, QUESTIONS

ROWS_AT_ONCE = 4096


def hidden_of(network: Network, read: Values) -> Floats:
    """(N, D) from what is read of each row (N, F)."""
    starts = range(0, len(read), ROWS_AT_ONCE)
    return np.concatenate([network.hidden(read[a : a + ROWS_AT_ONCE].astype(np.float64)) for a in starts])


def chances(network: Network, hidden: Floats, question: int) -> Floats:
    """(N, J, T) the chance of crossing each line up to the end of each interval."""
    raw, measured = network.raw(hidden, question)
    return _within(_rising(raw), measured[..., None])


def chances_of(network: Network, hidden: Floats, question: int, line: Floats) -> Floats:
    """(N, J) the same of one line per row (N,): between two lines the logit is linear, beyond
    the outermost it is theirs."""
    raw, measured = network.raw(hidden, question)
    own = np.array(list(LINES.values())[question], np.float64)
    towards = -own if QUESTIONS[question].endswith("above") else own
    place = np.interp(-line if QUESTIONS[question].endswith("above") else line, towards, np.arange(len(own)))
    lower = np.minimum(np.nan_to_num(place).astype(np.int64), len(own) - 2)
    part = (place - lower)[:, None]
    logits, here = _rising(raw), np.arange(len(raw))
    between = logits[here, :, lower] * (1 - part) + logits[here, :, lower + 1] * part
    return _within(between, measured)


def _rising(raw: Floats) -> Floats:
    logits = raw.copy()
    logits[..., 1:] = raw[..., :1] + np.logaddexp(0.0, raw[..., 1:]).cumsum(axis=-1)
    return logits


def _within(logits: Floats, measured: Floats) -> Floats:
    """The chance up to the end of each interval, the intervals on axis 1, if anything is measured up to it."""
    seen = 1 / (1 + np.exp(-measured))
    clear = (1 - seen / (1 + np.exp(-logits))).cumprod(axis=1)
    unseen = (1 - seen).cumprod(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.maximum.accumulate((1 - clear) / (1 - unseen), axis=1)
