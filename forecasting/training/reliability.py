"""How far what a network of crossings says can be trusted: bounds on what happened where so much was said.

For each question the chances of all its lines and horizons are put side by side, on patients that nothing was fitted or
chosen on, at moments at which the line was not crossed for three hours and something was measured within the horizon.
They are sorted by what was said; of each group of them the frequency of what happened is counted, over all, for each
hospital and for each line, with 90 % bounds in which a patient counts once however many hours he brings. The outermost
of them count.

Shapes: N rows, Q questions, J intervals, T lines, M moments (a row, a line and a horizon).
"""

from typing import NamedTuple

import numpy as np

from forecasting.evaluation.stays import Flags, Floats, Ints, Values, stay_of
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import CONCEPTS_ASKED, EDGES_H, KINDS, LINES, QUESTIONS
from forecasting.training.labels import Rule, label
from forecasting.training.said import Said
from forecasting.training.windows import latest_before

SAID = (0.0, 0.003, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
"""Bounds of the groups."""
WIDE = 1.645  # standard errors to either side
NOTHING = [(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 1.0, 0.0)]  # where too few patients were counted, anything may be
PATIENTS_MIN = 100  # with a moment in the group; fewer tell nothing by themselves


class Moments(NamedTuple):
    """What was said at M moments, and what came: (M,) each."""

    said: Floats
    came: Flags
    lasted: Flags  # it came, and was still there at the next value
    stay: Ints
    hospital: Ints
    line: Ints


def moments(of: Said, cohort: Hourly, question: int) -> Moments:
    """Of a cohort, whose rows were asked about, and one question all lines and horizons."""
    concept, kind = CONCEPTS_ASKED[question], KINDS[question]
    lines, column = list(LINES.values())[question], COLUMNS[concept]
    values = np.ascontiguousarray(cohort.column(column))
    stays = stay_of(cohort.offsets)
    said = of.chances(question)
    found: list[Moments] = []
    for place, line in enumerate(lines):
        rule = Rule(QUESTIONS[question], column, kind, line)
        true = rule.true(values, cohort.offsets)
        fleeting = true & ~_true_next(values, true, cohort.offsets)
        lasting = np.where(fleeting, np.float32(np.nan), values)
        for interval, end_h in enumerate(EDGES_H):
            came, asked = label(rule, values, cohort.offsets, int(end_h))
            lasted = label(rule, lasting, cohort.offsets, int(end_h)).comes
            hospital, own = cohort.hospital[stays[asked]], np.full(asked.sum(), place)
            found.append(Moments(said[asked, interval, place], came[asked], lasted[asked], stays[asked], hospital, own))
    return Moments(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def bounds(of: Moments) -> dict[str, list[float]]:
    """The fields of `forecasting.network.crossing.Reliability`."""
    found: list[tuple[float, float, float, float]] = []
    group = np.digitize(of.said, SAID[1:-1])
    for number in range(len(SAID) - 1):
        here = Moments(*(column[group == number] for column in of))
        parts = [here, *_parts(here, here.hospital), *_parts(here, here.line)]
        counts = [_bounds(own, here.said) for own in parts if len(np.unique(own.stay)) >= PATIENTS_MIN]
        if counts:
            low, high, lasting = np.array(counts).T
            found.append((float(here.said.mean()), float(low.min()), float(high.max()), float(lasting.min())))
    columns = np.clip(np.array(found or NOTHING), 0.0, 1.0)
    columns[:, 1:] = np.maximum.accumulate(columns[:, 1:], axis=0)
    return dict(zip(("said", "low", "high", "lasting"), columns.round(5).T.tolist(), strict=True))


def _parts(of: Moments, by: Ints) -> list[Moments]:
    return [Moments(*(column[by == part] for column in of)) for part in np.unique(by)]


def _bounds(own: Moments, said: Floats) -> tuple[float, float, float]:
    """Lower and upper bound of what came, and lower bound of what lasted, moved to where the whole group lies."""
    offset = float(said.mean() - own.said.mean())
    (share, error), (lasting, lasting_error) = counted(own.came, own.stay), counted(own.lasted, own.stay)
    return share + offset - WIDE * error, share + offset + WIDE * error, lasting + offset - WIDE * lasting_error


def counted(came: Flags, stays: Ints) -> tuple[float, float]:
    """Frequency, and its standard error where moments of one stay are alike."""
    _, own = np.unique(stays, return_inverse=True)
    rows, events = np.bincount(own), np.bincount(own, weights=came)
    share = float(events.sum() / rows.sum())
    return share, float(np.sqrt(((events - share * rows) ** 2).sum()) / rows.sum())


def of_all(of: Said, cohort: Hourly) -> list[dict[str, list[float]]]:
    """The bounds of every question, from what was said of each row of a cohort."""
    return [bounds(moments(of, cohort, question)) for question in range(len(QUESTIONS))]


def _true_next(values: Values, true: Flags, offsets: Ints) -> Flags:
    """(N,) whether it is still true at the next measured value of the stay."""
    backwards = np.where(np.isfinite(values), true, np.nan).astype(np.float32)[::-1]
    turned = (offsets[-1] - offsets)[::-1]
    found: Flags = latest_before(np.ascontiguousarray(backwards), turned)[::-1] == 1
    return found
