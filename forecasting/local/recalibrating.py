"""Fit a recalibration: per question the scale that told patients best that it was not fitted on.

    five parts of patients ─► for each: the scale chosen and fitted on the four others ─► what would have been told ─┐
                              figures before and after, bounds, whether it is better                                 ◄┘
    all patients           ─► the scale that is served

Three scales are weighed: as said, shifted (slope 1), and shifted with a slope. They are weighed by the log loss on a
part that was left out within the four, so the part that is told last has chosen nothing. Logits are counted in steps
of a tenth, which moves no figure that is shown.

Shapes: M moments, P patients, B steps of the logit, K parts, R draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.evaluation.metrics import Interval, draws
from forecasting.evaluation.stays import Flags, Floats, Ints
from forecasting.local.moments import Cohort, Moments
from forecasting.network.crossing import AS_SAID, Scale
from forecasting.training import reliability
from forecasting.training.splits import folds

PATIENTS_MIN = 100  # of the cohort: fewer tell nothing
EVENTS_MIN = 50  # patients to whom it came, and as many to whom it did not at some time
PARTS = 5
DRAWS = 200
BETTER = 0.99  # in so many of the draws of patients; at 0.9 one of 24 questions was changed that was right
SLOPES = (0.2, 5.0)  # a scale beyond these is no recalibration but another model
STEP, FURTHEST = 0.1, 9.2  # of the logit
_AT = np.arange(-FURTHEST, FURTHEST + STEP / 2, STEP)  # (B,)
NEWTON_STEPS, STEP_MAX = 40, 1.0  # of one step no more, so that what is far off is not overshot


class Refused(Exception):
    """A recalibration is not made. The text says why, for people."""


@dataclass(frozen=True)
class Figures:
    """How well chances were told: of good ones the slope is 1 and the intercept 0."""

    slope: Interval
    intercept: Interval
    brier: Interval
    log_loss: Interval


@dataclass(frozen=True)
class Compared:
    """The same moments as the model says them and as they would have been told."""

    patients: int
    with_event: int
    moments: int
    said: float  # mean
    came: float
    before: Figures
    after: Figures


@dataclass(frozen=True)
class Recalibrated:
    """One question: what is served, and how that was checked. `left`: why the scale is as said."""

    scale: Scale
    bounds: dict[str, list[float]]
    compared: Compared
    left: str | None


@dataclass(frozen=True)
class Part:
    """Some of a question's moments, compared by themselves: a line at one time ahead, or a group of patients."""

    question: str
    what: str
    which: str
    compared: Compared


class Result(NamedTuple):
    """A whole recalibration."""

    questions: dict[str, Recalibrated]
    too_few: dict[str, str]  # why nothing was counted of these questions
    parts: list[Part]


Shown = Sequence[tuple[str, float, float]]  # question, line and hours that people see


def recalibrated(cohort: Cohort, shown: Shown, seed: int) -> Result:
    """Fitted on a hospital's own patients. Raises Refused where too few are there to tell anything."""
    if len(cohort.patients) < PATIENTS_MIN:
        raise Refused(f"{len(cohort.patients)} patients are too few: {PATIENTS_MIN} are needed")
    part = folds(np.zeros(len(cohort.patients), np.int64), PARTS, seed)
    drawn = draws(len(cohort.patients), DRAWS, seed)
    questions: dict[str, Recalibrated] = {}
    too_few: dict[str, str] = {}
    parts: list[Part] = []
    for name, moments in cohort.questions.items():
        if why := too_few_of(moments):
            too_few[name] = why
            continue
        told = _cross_fitted(moments, part)
        questions[name], told = _question(moments, told, part, drawn)
        parts += _parts(name, moments, told, cohort, shown, drawn)
    if not questions:
        raise Refused(f"of no question there are {EVENTS_MIN} patients to whom it came, and as many to whom it did not")
    return Result(questions, too_few, parts)


def too_few_of(moments: Moments) -> str | None:
    """Why nothing can be told of them; None where enough are there."""
    came, stayed_away = (len(np.unique(moments.patient[which])) for which in (moments.came, ~moments.came))
    if min(came, stayed_away) >= EVENTS_MIN:
        return None
    return f"it came to {came} patients and at some time not to {stayed_away}; {EVENTS_MIN} of each are needed"


def _question(moments: Moments, told: Floats, part: Ints, drawn: Floats) -> tuple[Recalibrated, Floats]:
    """The question, and what of it is told."""
    gained = _per_patient(_loss(moments.said, moments.came) - _loss(told, moments.came), moments, drawn.shape[1])
    scale, left = _best(_by_part(moments, part)), None
    if scale == AS_SAID:
        left = "as it is said it tells patients best that nothing was fitted on"
    elif (drawn @ gained > 0).mean() < BETTER:
        scale, left = AS_SAID, "no scale tells patients surely better that it was not fitted on"
    if left is not None:
        told = moments.said
    counted = reliability.Moments(
        said=told,
        came=moments.came,
        lasted=moments.lasted,
        stay=moments.patient,
        hospital=np.zeros(len(told), np.int64),
        line=np.unique(moments.line, return_inverse=True)[1].astype(np.int64),
    )
    bounds = _to_both_ends(reliability.bounds(counted))
    return Recalibrated(scale, bounds, compared_by(moments, told, drawn), left), told


def _to_both_ends(bounds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Beyond the outermost group that was counted less and less is known."""
    ends = {"said": (0.0, 1.0), "low": (0.0, bounds["low"][-1]), "high": (bounds["high"][0], 1.0),
            "lasting": (0.0, bounds["lasting"][-1])}  # fmt: skip
    return {name: [ends[name][0], *column, ends[name][1]] for name, column in bounds.items()}


def _parts(name: str, moments: Moments, told: Floats, cohort: Cohort, shown: Shown, drawn: Floats) -> list[Part]:
    """Of a question that people see: its line, and the groups of patients, where enough are there."""
    return [
        Part(name, what, which, compared_by(moments.of(of), told[of], drawn))
        for what, which, of in parts_of(name, moments, cohort, shown)
    ]


def parts_of(name: str, moments: Moments, cohort: Cohort, shown: Shown) -> list[tuple[str, str, Flags]]:
    """Of what, which, and at which moments (M,)."""
    wanted = [
        ("shown", f"{line:g} within {hours:g} h", (moments.line == line) & (moments.hours == hours))
        for question, line, hours in shown
        if question == name
    ]
    if wanted:
        wanted += [(what, which, of[moments.patient]) for what, which, of in cohort.groups()]
    return [each for each in wanted if each[2].any() and too_few_of(moments.of(each[2])) is None]


# --- scales ----------------------------------------------------------------------------------------------------------


class Counted(NamedTuple):
    """Moments by their logit: (…, B) how many, and to how many it came."""

    n: Floats
    events: Floats


def _cross_fitted(moments: Moments, part: Ints) -> Floats:
    """(M,) what each patient would have been told by the others."""
    by_part, own = _by_part(moments, part), part[moments.patient]
    told = moments.said.copy()
    for number in range(PARTS):
        others = np.arange(PARTS) != number
        scale, here = _best(Counted(by_part.n[others], by_part.events[others])), own == number
        told[here] = of_many(scale, moments.said[here])
    return told


def of_many(scale: Scale, said: Floats) -> Floats:
    """`Scale.of` of many at once."""
    if scale == AS_SAID:
        return said
    return _chance(scale.intercept + scale.slope * _logit(said))


def _best(by_part: Counted) -> Scale:
    """Of the three scales the one that told parts best that it was not fitted on; counts are (K, B)."""
    parts = range(len(by_part.n))
    losses = []
    for fit in (_as_said, _shifted, _scaled):
        total = 0.0
        for number in parts:
            others = [other for other in parts if other != number]
            scale = fit(by_part.n[others].sum(0), by_part.events[others].sum(0))
            total += _binned_loss(scale, by_part.n[number], by_part.events[number])
        losses.append((total, fit))
    fit = min(losses, key=lambda pair: pair[0])[1]
    return fit(by_part.n.sum(0), by_part.events.sum(0))


def _as_said(_n: Floats, _events: Floats) -> Scale:
    return AS_SAID


def _shifted(n: Floats, events: Floats) -> Scale:
    intercept = 0.0
    for _ in range(NEWTON_STEPS):
        p = _chance(intercept + _AT)
        step = float((events - n * p).sum() / max((n * p * (1 - p)).sum(), 1e-12))
        intercept += float(np.clip(step, -STEP_MAX, STEP_MAX))
    return Scale(1.0, intercept)


def _scaled(n: Floats, events: Floats) -> Scale:
    slope, intercept = slopes(n[None], events[None])[0]
    return Scale(float(slope), float(intercept)) if SLOPES[0] <= slope <= SLOPES[1] else _shifted(n, events)


def slopes(n: Floats, events: Floats) -> Floats:
    """(R, 2) slope and intercept of the logistic regression of what came on the logit; counts are (R, B). NaN where
    they have no bound."""
    slope, intercept = np.ones(len(n)), np.zeros(len(n))
    with np.errstate(all="ignore"):
        for _ in range(NEWTON_STEPS):
            p = _chance(intercept[:, None] + slope[:, None] * _AT)
            off, w = events - n * p, n * p * (1 - p)
            g0, g1 = off.sum(1), (off * _AT).sum(1)
            h00, h01, h11 = w.sum(1), (w * _AT).sum(1), (w * _AT * _AT).sum(1)
            size = h00 * h11 - h01 * h01
            intercept = intercept + np.clip((h11 * g0 - h01 * g1) / size, -STEP_MAX, STEP_MAX)
            slope = slope + np.clip((h00 * g1 - h01 * g0) / size, -STEP_MAX, STEP_MAX)
    found = np.column_stack([slope, intercept])
    some = (events.sum(1) > 0) & (events.sum(1) < n.sum(1))
    return np.where(some[:, None] & np.isfinite(found).all(1, keepdims=True), found, np.nan)


def _binned_loss(scale: Scale, n: Floats, events: Floats) -> float:
    z = scale.intercept + scale.slope * _AT
    return float((events * np.logaddexp(0, -z) + (n - events) * np.logaddexp(0, z)).sum())


def _chance(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -500, 500))))


def _logit(said: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(said) - np.log1p(-said), -FURTHEST, FURTHEST))


def _binned(said: Floats, came: Flags, own: Ints, count: int) -> Counted:
    """(count, B) by what they belong to."""
    place = own * len(_AT) + np.rint((_logit(said) + FURTHEST) / STEP).astype(np.int64)
    size = count * len(_AT)
    n = np.bincount(place, np.ones(len(said)), size).reshape(count, -1)
    events = np.bincount(place, came, size).reshape(count, -1)
    return Counted(np.asarray(n, np.float64), np.asarray(events, np.float64))


def _by_part(moments: Moments, part: Ints) -> Counted:
    return _binned(moments.said, moments.came, part[moments.patient], PARTS)


# --- figures ---------------------------------------------------------------------------------------------------------


def compared_by(moments: Moments, told: Floats, drawn: Floats) -> Compared:
    """What was said and what would be told, against what came; drawn (R, P)."""
    return Compared(
        patients=len(np.unique(moments.patient)),
        with_event=moments.with_event,
        moments=len(told),
        said=float(moments.said.mean()),
        came=float(moments.came.mean()),
        before=_figures(moments.said, moments, drawn),
        after=_figures(told, moments, drawn),
    )


def _figures(told: Floats, moments: Moments, drawn: Floats) -> Figures:
    """With 95 % intervals of patients drawn again."""
    there, own = np.unique(moments.patient, return_inverse=True)
    drawn, patients = drawn[:, there], len(there)
    moments = moments._replace(patient=own.astype(np.int64))
    counted = _binned(told, moments.came, moments.patient, patients)
    whole = slopes(counted.n.sum(0)[None], counted.events.sum(0)[None])[0]
    again = slopes(drawn @ counted.n, drawn @ counted.events)
    rows = np.bincount(moments.patient, minlength=patients).astype(np.float64)
    of_rows = [
        _per_patient(each, moments, patients) for each in ((told - moments.came) ** 2, _loss(told, moments.came))
    ]
    means = [
        _interval(float(each.sum() / rows.sum()), (drawn @ each) / np.maximum(drawn @ rows, 1.0)) for each in of_rows
    ]
    return Figures(_interval(whole[0], again[:, 0]), _interval(whole[1], again[:, 1]), *means)


def _interval(value: float, again: Floats) -> Interval:
    kept = again[np.isfinite(again)]
    low, high = np.quantile(kept, [0.025, 0.975]) if len(kept) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))


def _loss(told: Floats, came: Flags) -> Floats:
    z = _logit(told)
    return np.asarray(np.where(came, np.logaddexp(0, -z), np.logaddexp(0, z)))


def _per_patient(each: Floats, moments: Moments, patients: int) -> Floats:
    """(P,) sums."""
    return np.asarray(np.bincount(moments.patient, weights=each, minlength=patients))
