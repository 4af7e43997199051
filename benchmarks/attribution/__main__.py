"""Whether what is told of a chance besides the chance is true: of patients on whom its reliability was counted.

    python -m benchmarks.attribution --data DIR [--write]

DIR holds `challenge2019`; the extra `train` is needed for the split. Hours are drawn (seed 7), one a patient.

    deletion      how far the chance moves when the three that are named first are taken away: against three others at
                  random, and against the three that are named last
    agreement     of the three that are named first, how many the mean over twenty times as many orders names
    alone         how well patients are told apart by values alone, how often and how lately they were measured left out
    narrowing     of two measurements that came within the hour, how often the one that should move the chance more did;
                  how often the chance after the one that was named lies within the bounds that were told
    known         how well patients are told apart by how many vital signs are known, and how far out their values lie
    alike         concepts that rank patients alike
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

import infra  # noqa: F401, products of matrices by one thread, as in the service
from forecasting.evaluation.metrics import auroc
from forecasting.evaluation.stays import Flags, Floats, Values, stay_of
from forecasting.explaining.explained import unknown
from forecasting.explaining.imagined import PATTERN, PLAYERS, Crossing, Imagined
from forecasting.explaining.moved import NAMED, PAIRS, logit, moved
from forecasting.explaining.narrowing import narrowed, weights
from forecasting.explaining.typical import FRESH_H, typical
from forecasting.moments import HOUR_US
from forecasting.network import chart, inputs
from forecasting.network.fitted import Fitted, fitted
from forecasting.network.forecaster import Known, line_of, question_of
from forecasting.network.inputs import READ, VITALS
from forecasting.training import charted
from forecasting.training.cohorts import ABOUT, HOSPITALS, VARIABLES, Hourly, hourly
from forecasting.training.collections import hashes
from forecasting.training.fit_network import Plan
from forecasting.training.said import Said
from forecasting.training.serve import CHOSEN_ON, KEPT_BACK, PARTS
from forecasting.training.splits import folds, strata
from streams.core.questions import ASKED, WITHIN

RESULT = Path(__file__).with_name("result.json")
SEED, BEDS, REFERENCE_BEDS, REFERENCE_PAIRS, PATIENTS = 7, 150, 20, 60, 800
WITHIN_H = int(WITHIN.total_seconds() // 3600)
NAMES = [name for name, _ in inputs.named()]
COLUMNS = [VARIABLES.index(charted.COLUMNS[concept]) for concept in READ]


@dataclass(frozen=True)
class Patients:
    """Stays that nothing was fitted on, and the network that is asked about them."""

    cohort: Hourly
    ahead: Fitted
    asked: tuple[Crossing, ...]

    @classmethod
    def of(cls, data: Path) -> "Patients":
        whole, ahead = Hourly.joined([hourly(data, hospital) for hospital in HOSPITALS]), fitted()
        part = folds(strata(whole.hospital, whole.septic), PARTS, Plan().seed)
        counted = np.flatnonzero((part >= CHOSEN_ON) & (part < KEPT_BACK))
        numbers = [(question_of(one, WITHIN_H, ahead), line_of(one)) for _, one in ASKED]
        asked = tuple(Crossing(number, line, WITHIN_H) for number, line in numbers if isinstance(number, int))
        return cls(whole.taken(counted), ahead, asked)

    def bed(self, stay: int, hour: int) -> Imagined:
        """A stay as it was known at an hour, from its readings up to then."""
        start = self.cohort.offsets[stay]
        values = self.cohort.values[start : start + hour + 1][:, COLUMNS].astype(np.float64).round(charted.DECIMALS)
        lanes = [
            chart.told_anew((at * HOUR_US, float(x)) for at, x in enumerate(column) if np.isfinite(x))
            for column in values.T
        ]
        about = dict(zip(ABOUT, self.cohort.about[stay].tolist(), strict=True))
        known = Known(hour * HOUR_US, about["Age"], about["Gender"], hour - about["HospAdmTime"])
        return Imagined(self.ahead, np.array(lanes).tobytes(), known)

    def drawn(self, count: int, seed: int, *, ends: int = 0) -> Iterator[tuple[int, int, Imagined]]:
        """As many stays, and of each an hour after the third that so many more follow."""
        draw, lengths = np.random.default_rng(seed), np.diff(self.cohort.offsets)
        for stay in draw.permutation(np.flatnonzero(lengths > 4 + ends))[:count].tolist():
            hour = int(draw.integers(4, lengths[stay] - ends))
            yield stay, hour, self.bed(stay, hour)


def deletion(patients: Patients) -> dict[str, Any]:
    """Mean change of the logit, by question, when three are taken away."""
    draw, changes = np.random.default_rng(SEED), []
    for _, _, bed in patients.drawn(BEDS, SEED):
        for q, one in enumerate(moved(bed, patients.asked)):
            order = [PLAYERS.index(share.player) for share in one.shares]
            some = [order[:NAMED], draw.choice(order, NAMED, replace=False), order[-NAMED:]]
            gone = np.array([np.isin(np.arange(len(PLAYERS)), np.array(each)) for each in some])
            told = bed.chances(np.concatenate([bed.as_it_is, bed.only(bed.players & ~gone)]), [patients.asked[q]])
            changes.append([q, *np.abs(np.diff(logit(told[[0, 1, 0, 2, 0, 3], 0]))[::2])])
    found = np.array(changes)
    return {
        asked.text: dict(
            zip(
                ("named first", "at random", "named last", "first beat random, %"),
                _rounded([*own[:, 1:].mean(axis=0), 100 * (own[:, 1] > own[:, 2]).mean()]),
                strict=True,
            )
        )
        for q, asked in enumerate(ASKED)
        for own in [found[found[:, 0] == q]]
    }


def agreement(patients: Patients) -> dict[str, Any]:
    """Against the mean over many more orders."""
    errors, sizes, named = list[float](), list[float](), list[float]()
    for _, _, bed in patients.drawn(REFERENCE_BEDS, SEED + 1):
        few, many = moved(bed, patients.asked), moved(bed, patients.asked, REFERENCE_PAIRS)
        for one, reference in zip(few, many, strict=True):
            true = {share.player: share.logit for share in reference.shares}
            errors += [abs(share.logit - true[share.player]) for share in one.shares]
            sizes += np.abs([*true.values()]).tolist()
            first = {share.player for share in one.shares[:NAMED]}
            named.append(len(first & {share.player for share in reference.shares[:NAMED]}) / NAMED)
    return {
        "pairs of orders": PAIRS,
        "pairs of the reference": REFERENCE_PAIRS,
        "error, of the mean share": round(float(np.mean(errors) / np.mean(sizes)), 3),
        "of the three named first, named by the reference as well": round(float(np.mean(named)), 3),
    }


def _came(cohort: Hourly, rows: Values) -> tuple[Floats, Flags]:
    """(N, Q) whether each came within the time, NaN where nothing was measured; and whether it was so already."""
    ends = cohort.offsets[1:][stay_of(cohort.offsets)]
    here = np.arange(len(ends))
    came, already = np.full((len(ends), len(ASKED)), np.nan), np.zeros((len(ends), len(ASKED)), bool)
    for q, (text, one) in enumerate(ASKED):
        sign = -1.0 if "above" in text else 1.0
        values = sign * cohort.column(charted.COLUMNS[one.quantity]).astype(np.float64)
        furthest = np.full(len(ends), np.nan)
        for hours in range(1, WITHIN_H + 1):
            there = here + hours < ends
            furthest[there] = np.fmin(furthest[there], values[here[there] + hours])
        came[:, q] = np.where(np.isfinite(furthest), furthest < sign * one.value, np.nan)
        already[:, q] = sign * rows[:, NAMES.index(one.quantity)] < sign * one.value
    return came, already


def _told(patients: Patients, rows: Values) -> Floats:
    """(N, Q) chances of rows."""
    said, hour = Said.served(patients.ahead, rows), patients.ahead.edges_h.index(WITHIN_H)
    return np.stack([said.chances_of(one.question, one.line)[:, hour] for one in patients.asked], axis=1)


def of_rows(patients: Patients) -> dict[str, Any]:
    """`alone` and `known`, on all hours of some patients."""
    stays = np.sort(np.random.default_rng(SEED).permutation(len(patients.cohort.stays))[:PATIENTS])
    cohort = patients.cohort.taken(stays)
    rows = charted.table(cohort)
    came, already = _came(cohort, rows)
    bare = rows.copy()
    bare[:, [group == PATTERN for _, group in inputs.named()]] = np.nan
    told, alone = _told(patients, rows), _told(patients, bare)
    judged = np.isfinite(came) & ~already
    fresh = (rows[:, [NAMES.index(f"{concept}: gap") for concept in VITALS]] <= FRESH_H).sum(axis=1)
    usual = [typical().usual[concept] for concept in READ]
    newest = rows[:, : len(READ)]
    out = ((newest < [u.lowest for u in usual]) | (newest > [u.highest for u in usual])).sum(axis=1)
    by_known = {"0": fresh == 0, "1 to 3": (fresh > 0) & (fresh < 4), "4": fresh == 4, "5 or more": fresh > 4}
    by_out = {"none outside": out == 0, "one": out == 1, "two or more": out > 1}
    return {
        "alone": {
            asked.text: {
                "hours": int(judged[:, q].sum()),
                "AUROC": _rounded([_auroc(came, told, judged, q), _auroc(came, alone, judged, q)]),
                "said, by values alone, came": _rounded([x[judged[:, q], q].mean() for x in (told, alone, came)]),
            }
            for q, asked in enumerate(ASKED)
        },
        "known": {
            what: {
                name: {"hours": int(where.sum()), **_pooled(came, told, judged & where[:, None])}
                for name, where in groups.items()
            }
            for what, groups in (("vital signs of the last 4 h", by_known), ("newest values", by_out))
        },
        "alike": _alike(newest[:: max(1, len(newest) // 4000)]),
    }


def _auroc(came: Floats, told: Floats, judged: Flags, q: int) -> float:
    where = judged[:, q]
    event = came[where, q] > 0
    return auroc(event, told[where, q]) if event.any() and not event.all() else float("nan")


def _pooled(came: Floats, told: Floats, judged: Flags) -> dict[str, Any]:
    """By question AUROC, and what was said and came, where a hundred hours or more are judged."""
    found = {}
    for q, asked in enumerate(ASKED):
        where = judged[:, q]
        if where.sum() >= 100:
            said = [told[where, q].mean(), came[where, q].mean()]
            found[asked.text] = _rounded([_auroc(came, told, judged, q), *said])
    return {"AUROC, said, came": found}


def _alike(newest: Values) -> list[tuple[str, str, float]]:
    """Pairs of concepts of which a hundred patients or more have both, by Spearman's correlation of 0.6 or more."""
    found = []
    for one, other in combinations(range(len(READ)), 2):
        both = np.isfinite(newest[:, one]) & np.isfinite(newest[:, other])
        if both.sum() >= 100:
            ranks = newest[both][:, [one, other]].argsort(axis=0).argsort(axis=0).astype(np.float64)
            found.append((READ[one], READ[other], round(float(np.asarray(np.corrcoef(ranks.T))[0, 1]), 2)))
    return sorted((pair for pair in found if abs(pair[2]) >= 0.6), key=lambda pair: -abs(pair[2]))


def narrowing(patients: Patients) -> dict[str, Any]:
    """On hours after which two or more came that were unknown."""
    right, within, widths, beds = list[bool](), list[bool](), list[float](), 0
    for stay, hour, bed in patients.drawn(6 * BEDS, SEED + 2, ends=1):
        row = patients.cohort.values[patients.cohort.offsets[stay] + hour + 1, COLUMNS].astype(np.float64)
        came = dict(zip(READ, row.round(charted.DECIMALS).tolist(), strict=True))
        wanted = {concept: usual for concept, usual in unknown(bed, typical()).items() if np.isfinite(came[concept])}
        if len(wanted) < 2 or beds == BEDS:
            continue
        beds += 1
        told = bed.chances(bed.as_it_is, patients.asked)[0]
        after = bed.chances(bed.measured([(concept, came[concept]) for concept in wanted]), patients.asked)
        truly = np.abs(after - told)  # (concepts, Q)
        expected = np.array(
            [_expected(bed, patients, concept, usual.values, told) for concept, usual in wanted.items()]
        )
        for one, other in combinations(range(len(wanted)), 2):
            right += ((expected[one] > expected[other]) == (truly[one] > truly[other])).tolist()
        for q, most in enumerate(narrowed(bed, patients.asked, patients.ahead.questions, wanted)):
            if most is not None:
                within.append(most.low <= after[[*wanted].index(most.concept), q] <= most.high)
                widths.append(most.high - most.low)
    return {
        "beds": beds,
        "pairs": len(right),
        "the right one of two, %": round(100 * float(np.mean(right)), 1),
        "within the bounds, %": round(100 * float(np.mean(within)), 1),
        "width of the bounds, median and 0.9 quantile": _rounded(np.quantile(np.array(widths), [0.5, 0.9]).tolist()),
        "five of 100 wide or more, %": round(100 * float(np.mean(np.array(widths) >= 0.05)), 1),
    }


def _expected(bed: Imagined, patients: Patients, concept: str, values: Sequence[float], told: Floats) -> Floats:
    """(Q,) how far a chance should move, in the mean, when a concept is measured."""
    likely = weights(bed, patients.ahead.questions, concept, values)
    after = bed.chances(bed.measured([(concept, value) for value in values]), patients.asked)
    return np.asarray(likely @ np.abs(after - told))


def _rounded(values: Sequence[float] | Floats) -> list[float | None]:
    """Three digits; of what is no number none."""
    return [round(float(value), 3) if np.isfinite(value) else None for value in values]


def measured(data: Path) -> dict[str, Any]:
    """All figures, with what they were measured on."""
    patients = Patients.of(data)
    return {
        "about": {
            "weights": patients.ahead.digest,
            "data_blake2b": hashes(data, HOSPITALS),
            "stays": len(patients.cohort.stays),
            "seed": SEED,
            "beds": BEDS,
            "patients of all whose hours are read": PATIENTS,
        },
        "deletion, change of the logit": deletion(patients),
        "agreement": agreement(patients),
        "narrowing": narrowing(patients),
        **of_rows(patients),
    }


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure whether what explains a chance is true.")
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--write", action="store_true", help=f"keep the result in {RESULT.name}")
    said = ask.parse_args()
    text = json.dumps(measured(said.data), indent=1, ensure_ascii=False) + "\n"
    print(text, end="")
    if said.write:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
