"""Teach a named event by a few labelled patients: logistic ridge on what the network makes of them.

The network stays as it is; what is learnt is one weight for each number that it makes of a patient, and they are held
small. Each patient is told by all the others, and what he is told is compared with the base rate of those others: what
is not surely better than that is refused.

A chance that was taught is that of patients like the examples: where half of them had the event, it speaks of a world
in which half have it.

Shapes: E examples, P patients, D width of the network, C coordinates of the examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.evaluation.metrics import Interval, Ranked, draws, interval
from forecasting.evaluation.stays import Flags, Floats, Ints
from forecasting.network.taught import Usual

EXAMPLES_MIN = 10
EXAMPLES_MAX = 300
EACH_MIN = 3  # patients with the event, and as many without
PENALTY = 100.0
BETTER = 0.9  # in so many of the draws of patients
DRAWS, ROWS = 400, 20
NEWTON_STEPS, NEWTON_ENOUGH = 50, 1e-9


class Refused(Exception):
    """Nothing was taught. The text says why, for people."""


class Example(NamedTuple):
    """One labelled patient as the network has him: hidden (D,)."""

    patient: str
    label: bool
    hidden: Floats


@dataclass(frozen=True)
class Lesson:
    """What was learnt, and what it is worth to patients who had no part in it."""

    weights: Floats  # (1 + ROWS, D): from all examples, then from patients drawn anew
    more: Floats  # (1 + ROWS,)
    examples: int
    patients: int
    with_event: int  # examples
    auroc: Interval
    log_loss: float
    log_loss_of_base_rate: float
    gained: Interval  # the second less the first


def taught(examples: Sequence[Example], usual: Usual, seed: int) -> Lesson:
    """Raises Refused where the examples are too few or too many, contradict each other, or teach nothing."""
    names = sorted({example.patient for example in examples})
    patient = np.array([names.index(example.patient) for example in examples], np.int64)
    label = np.array([example.label for example in examples])
    _refuse(len(examples), patient, label)
    found = (np.array([example.hidden for example in examples]) - usual.mean) / usual.spread
    told, base = _left_out(found, label, patient)
    loss, base_loss = _loss(told, label), _loss(base, label)
    drawn = draws(len(names), DRAWS, seed)
    gained = interval(lambda weights: _mean(base_loss - loss, weights), drawn, patient)
    ranked = Ranked.of(label, told)
    lesson = Lesson(
        *_served(found, label, patient, usual, seed),
        examples=len(examples),
        patients=len(names),
        with_event=int(label.sum()),
        auroc=interval(ranked.auroc, drawn, patient),
        log_loss=float(loss.mean()),
        log_loss_of_base_rate=float(base_loss.mean()),
        gained=gained,
    )
    surely = np.mean([_mean(base_loss - loss, row[patient]) > 0 for row in drawn])
    if surely < BETTER:
        raise Refused(
            f"it is not surely better than the base rate: of patients who had no part in it the log loss is "
            f"{lesson.log_loss:.3f}, of the base rate alone {lesson.log_loss_of_base_rate:.3f}; AUROC "
            f"{lesson.auroc.value:.2f} ({lesson.auroc.low:.2f} to {lesson.auroc.high:.2f})"
        )
    return lesson


def _refuse(examples: int, patient: Ints, label: Flags) -> None:
    if not EXAMPLES_MIN <= examples <= EXAMPLES_MAX:
        raise Refused(f"expected {EXAMPLES_MIN} to {EXAMPLES_MAX} examples, found {examples}")
    both = np.intersect1d(patient[label], patient[~label])
    if len(both):
        raise Refused(f"{len(both)} patients are examples with and without the event: each has one label")
    counts = [len(np.unique(patient[which])) for which in (label, ~label)]
    if min(counts) < EACH_MIN:
        raise Refused(
            f"expected {EACH_MIN} patients with the event and as many without, found {counts[0]}, {counts[1]}"
        )


# --- logistic ridge --------------------------------------------------------------------------------------------------


def ridge(x: Floats, label: Flags, weight: Floats, penalty: float) -> tuple[Floats, float]:
    """Weights (C,) and what is added: those that tell the weighted labels (E,) best, less `penalty` / 2 times their
    squares. What is added is not held small. x (E, C)."""
    n, count = x.shape
    wide = np.column_stack([x, np.ones(n)])
    beta = np.zeros(count + 1)
    held = np.diag([*np.full(count, penalty), 1e-6])
    for _ in range(NEWTON_STEPS):
        p = _chance(wide @ beta)
        slope = wide.T @ (weight * (label - p)) - held @ beta
        curvature = (wide * (weight * p * (1 - p))[:, None]).T @ wide + held
        step = np.linalg.solve(curvature, slope)
        beta = beta + step * min(1.0, 3.0 / max(float(np.abs(wide @ step).max()), 1e-12))
        if np.abs(step).max() < NEWTON_ENOUGH:
            break
    return beta[:-1], float(beta[-1])


def turned(x: Floats) -> tuple[Floats, Floats]:
    """The examples in as few coordinates as they span (E, C), and these as directions (C, D)."""
    u, s, directions = np.linalg.svd(x, full_matrices=False)
    kept = s > 1e-9 * max(float(s[0]), 1e-300)
    return u[:, kept] * s[kept], directions[kept]


def _left_out(x: Floats, label: Flags, patient: Ints) -> tuple[Floats, Floats]:
    """(E,) what each patient is told by all others, and the base rate of those others."""
    few, _ = turned(x)
    told, base = np.empty(len(x)), np.empty(len(x))
    for one in np.unique(patient):
        own = patient == one
        weights, more = ridge(few[~own], label[~own], np.ones(int((~own).sum())), PENALTY)
        told[own] = _chance(few[own] @ weights + more)
        base[own] = (label[~own].sum() + 0.5) / ((~own).sum() + 1)
    return told, base


def _served(x: Floats, label: Flags, patient: Ints, usual: Usual, seed: int) -> tuple[Floats, Floats]:
    """Weights and what is added, of what the network makes of a patient as it is: from all examples, and from patients
    drawn anew."""
    few, directions = turned(x)
    generator, count = np.random.default_rng(seed), int(patient.max()) + 1
    weights: list[Floats] = []
    more: list[float] = []
    times = np.ones(count)
    while len(more) <= ROWS:
        each = times[patient]
        if each[label].any() and each[~label].any():
            found, added = ridge(few, label, each, PENALTY)
            own = (found @ directions) / usual.spread
            weights.append(own)
            more.append(added - float(own @ usual.mean))
        times = generator.multinomial(count, np.full(count, 1 / count)).astype(np.float64)
    return np.array(weights), np.array(more)


def _chance(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -500, 500))))


def _loss(told: Floats, label: Flags) -> Floats:
    kept = np.clip(told, 1e-9, 1 - 1e-9)
    return np.asarray(-np.where(label, np.log(kept), np.log1p(-kept)))


def _mean(values: Floats, weights: Floats | None) -> float:
    if weights is None:
        return float(values.mean())
    return float((weights * values).sum() / weights.sum())
