"""What a network of crossings says of many rows at once, put together as the served code does for one.

Shapes: N rows, D width, J intervals, T lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.evaluation.stays import Floats, Values
from forecasting.model import Network
from forecasting.network.crossing import CERTAIN, Partner
from forecasting.network.fitted import Fitted
from forecasting.training.crossings import EDGES_H, LINES, SIGNS

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Said:
    """A network and its partners, asked about many rows: what is made of each row once."""

    network: Network
    hidden: Floats  # (N, D)
    ratios: Mapping[int, Floats]  # (N,) what a question's partner multiplies odds by

    @classmethod
    def of(cls, network: Network, partners: Mapping[int, Partner], read: Values) -> "Said":
        """From what is read of each row (N, F)."""
        alone = cls(network, hidden_of(network, read), {})
        return cls(network, alone.hidden, {q: _ratio(alone, q, partner, read) for q, partner in partners.items()})

    @classmethod
    def served(cls, ahead: Fitted, read: Values) -> "Said":
        """As what is served says it, before a hospital's own scales."""
        partners = {number: asked.partner for number, asked in enumerate(ahead.questions) if asked.partner is not None}
        return cls.of(ahead.network, partners, read)

    def chances(self, question: int) -> Floats:
        """(N, J, T) the chance of crossing each line up to the end of each interval."""
        raw, measured = self.network.raw(self.hidden, question)
        return self._tilted(question, _within(_rising(raw), measured[..., None]))

    def chances_of(self, question: int, line: float) -> Floats:
        """(N, J) the same of one line: between two lines the logit is linear."""
        raw, measured = self.network.raw(self.hidden, question)
        own = np.array(list(LINES.values())[question], np.float64)
        place = float(np.interp(line * SIGNS[question], own * SIGNS[question], np.arange(len(own))))
        lower = min(int(place), len(own) - 2)
        part, logits = place - lower, _rising(raw)
        between = logits[..., lower] * (1 - part) + logits[..., lower + 1] * part
        return self._tilted(question, _within(between, measured))

    def _tilted(self, question: int, p: Floats) -> Floats:
        if question not in self.ratios:
            return p
        ratio = self.ratios[question].reshape(-1, *[1] * (p.ndim - 1))
        return p * ratio / (1 - p + p * ratio)


def hidden_of(network: Network, read: Values) -> Floats:
    """(N, D) from what is read of each row (N, F)."""
    starts = range(0, len(read), ROWS_AT_ONCE)
    return np.concatenate([network.hidden(read[a : a + ROWS_AT_ONCE].astype(np.float64)) for a in starts])


def _ratio(alone: Said, question: int, partner: Partner, read: Values) -> Floats:
    said = alone.chances_of(question, partner.line)[:, EDGES_H.index(partner.within_h)]
    kept = said.clip(CERTAIN, 1 - CERTAIN)
    starts = range(0, len(read), ROWS_AT_ONCE)
    trees = np.concatenate([partner.forest.of(read[a : a + ROWS_AT_ONCE].astype(np.float64)) for a in starts])
    return np.asarray(np.exp(0.5 * (trees - np.log(kept / (1 - kept)))))


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
