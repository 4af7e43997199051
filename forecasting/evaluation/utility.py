"""The utility of sepsis alarms, as in the PhysioNet/CinC Challenge 2019.

Reyna et al., Crit Care Med 48:210 (2020). Per hour t of a stay whose onset lies six hours after its first labelled row:

    hours from onset     alarm                              silence
    up to -6             1 + (t + 6) / 6, at least -0.05    0
    -6 to +3             falls from 1 to 0                  falls from 0 to -2
    after +3             0                                  0

Of a stay never labelled an alarm costs 0.05 and silence nothing. The score is normalised so that silence everywhere is
0 and an alarm wherever it pays is 1.

Hours are rows: the first row of a stay is hour 0, as in the challenge's own program. Shapes: N rows, S stays
(`forecasting.evaluation.stays`).
"""

from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Floats, Ints, any_of, checked, first_of, place_in, stay_of, sums

EARLY_H, OPTIMAL_H, LATE_H = -12, -6, 3  # hours from onset
FALSE_ALARM = -0.05
BEST, MISSED = 1.0, -2.0  # of an alarm at OPTIMAL_H, and of silence at LATE_H


class Worth(NamedTuple):
    """What an alarm and what silence is worth at each row: (N,) each."""

    alarm: Floats
    silence: Floats


def hours_from_onset(label: Flags, offsets: Ints) -> Floats:
    """(N,) hours since the onset, negative before it; NaN in stays that are never labelled."""
    onset: Floats = np.where(any_of(label, offsets), first_of(label, offsets) - float(OPTIMAL_H), np.nan)
    return np.asarray(place_in(offsets) - onset[stay_of(offsets)], np.float64)


def worth(label: Flags, offsets: Ints) -> Worth:
    """What alarm and silence are worth at each row of every stay."""
    offsets = checked(offsets, len(label))
    hours = hours_from_onset(label, offsets)
    rising = np.maximum(BEST * (hours - EARLY_H) / (OPTIMAL_H - EARLY_H), FALSE_ALARM)
    falling = BEST * (LATE_H - hours) / (LATE_H - OPTIMAL_H)
    missing = MISSED * (hours - OPTIMAL_H) / (LATE_H - OPTIMAL_H)
    never, early, late = np.isnan(hours), hours <= OPTIMAL_H, hours > LATE_H
    alarm = np.select([never, late, early], [FALSE_ALARM, 0.0, rising], falling)
    silence = np.select([never | late | early], [0.0], missing)
    return Worth(alarm, silence)


def gain(label: Flags, offsets: Ints) -> Floats:
    """(N,) what an alarm gains over silence: 0 twelve hours before the onset, 1 six before it, 2 three after it."""
    alarm, silence = worth(label, offsets)
    return alarm - silence


def by_stay(alarms: Flags, label: Flags, offsets: Ints) -> tuple[Floats, Floats]:
    """(S,) what the alarms of each stay gained over silence, and the most that they could have."""
    hourly = gain(label, offsets)
    return sums(np.where(alarms, hourly, 0.0), offsets), sums(np.maximum(hourly, 0.0), offsets)


def utility(alarms: Flags, label: Flags, offsets: Ints) -> float:
    """The normalised utility U; ValueError where no stay could have been warned of."""
    got, possible = by_stay(alarms, label, offsets)
    if not possible.any():
        raise ValueError("no stay is labelled, so there is nothing to gain")
    return float(got.sum() / possible.sum())


def best_threshold(score: Floats, label: Flags, offsets: Ints) -> float:
    """The threshold with the highest utility: alarms are the rows whose score is at or above it.

    Choose it on patients that are not scored with it.
    """
    order = np.argsort(-score, kind="stable")
    running = np.cumsum(gain(label, offsets)[order])
    last_of_ties = np.append(np.diff(score[order]) != 0, True)
    running = np.where(last_of_ties, running, -np.inf)
    return float(score[order][np.argmax(running)])
