"""What the network reads at a moment: numbers made of hourly charts, of this moment and earlier ones alone.

    values    newest, lowest, highest, mean and trend of the last hours, change, ratios
    pattern   hours since each was measured, in how many of the last hours
    person    age, sex
    tally     in how many hours so far: a pattern, and a clock in disguise
    clock     hours since admission to the hospital, and since the first reading

The first three groups come first: they are what the network reads. The trees that tell sepsis read all.

Nothing is filled in: what was never measured is NaN. Shapes: B patients, V concepts, F inputs. Everything is computed
element by element, or summed over hours in their order, so that a patient's bits are their own.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from forecasting.moments import HOUR_US, NEVER
from forecasting.network.chart import (
    BEFORE,
    EMPTY,
    FIRST,
    HIGHEST,
    LOWEST,
    NEWEST,
    TALLY,
    Array,
    Whole,
    hourly,
    times,
)

VITALS = ("hr", "spo2", "temp", "sbp", "map", "dbp", "rr")
CHANGING = (
    "base_excess", "hco3", "fio2", "ph_art", "paco2", "sao2", "bun", "creatinine", "glucose", "lactate", "bilirubin",
    "hb", "wbc", "platelets", "k",
)  # fmt: skip
"""Measured often enough for a change to be seen."""
RARE = ("etco2", "ast", "alp", "ca_total", "cl", "bilirubin_direct", "mg", "phosphate", "hct", "aptt", "fibrinogen")
READ = (*VITALS, *CHANGING, *RARE)
"""The concepts that are read, in the order of their lanes."""
WINDOWS_H = (3, 6, 24)
BACK_H = (1, 2)

_VITALS, _CHANGING = slice(len(VITALS)), slice(len(VITALS), len(VITALS) + len(CHANGING))


class Person(NamedTuple):
    """What is known of B patients besides readings; NaN: not known."""

    age_years: Array  # (B,)
    male: Array  # (B,) 1, or 0 for female
    admitted_h: Array  # (B,) hours since admission to the hospital


class Block(NamedTuple):
    """Inputs of one kind."""

    names: Sequence[str]
    group: str
    values: Array  # (B, one per name)


def table(lanes: Array, now: Whole, person: Person) -> Array:
    """All inputs (B, F): lanes (WORDS, B · V), a patient's V lanes together; now (B,) in microseconds since EPOCH."""
    return np.concatenate([block.values for block in blocks(lanes, now, person)], axis=1)


@cache
def named() -> tuple[tuple[str, str], ...]:
    """Name and group of each input, in their order."""
    unknown = np.full(1, np.nan)
    nobody = blocks(np.tile(EMPTY[:, None], len(READ)), np.zeros(1, np.int64), Person(unknown, unknown, unknown))
    return tuple((name, block.group) for block in nobody for name in block.names)


@cache
def network_reads() -> int:
    """How many of the inputs, from the first on, the network reads: none that tells the time of the stay."""
    return sum(group not in ("tally", "clock") for _, group in named())


def blocks(lanes: Array, now: Whole, person: Person) -> Iterator[Block]:
    """All inputs by kind, as `table` puts them together."""
    moment, at = now.repeat(len(READ)), times(lanes)
    newest, before, lowest, highest = (_of_beds(lanes[word]) for word in (NEWEST, BEFORE, LOWEST, HIGHEST))
    yield Block(READ, "values", newest)
    yield Block(
        [f"{name}: gap" for name in READ], "pattern", _of_beds(np.where(at == NEVER, np.nan, (moment - at) / HOUR_US))
    )
    hours = hourly(lanes, moment).reshape(-1, len(now), len(READ))[:, :, _VITALS]  # (24, B, vital signs)
    yield from _trends(hours, newest[:, _VITALS])
    least = np.fmin(lowest, newest)
    for name, values in (
        ("change", newest - before),
        ("above its lowest", newest - least),
        ("below its highest", np.fmax(highest, newest) - newest),
    ):
        yield Block([f"{concept}: {name}" for concept in CHANGING], "values", values[:, _CHANGING])
    now_of, least_of = (dict(zip(READ, values.T, strict=True)) for values in (newest, least))
    ratios = dict(_ratios(now_of, least_of, person.age_years))
    yield Block([*ratios], "values", np.stack([*ratios.values()], axis=1))
    yield Block(("age", "male"), "person", np.stack([person.age_years, person.male], axis=1))
    tally = _of_beds(lanes[TALLY] + (at != NEVER))
    yield Block([f"{name}: tally" for name in READ], "tally", tally)
    first = np.where(at == NEVER, np.iinfo(np.int64).max, times(lanes, FIRST)).reshape(-1, len(READ)).min(axis=1)
    heard_h = np.where(first == np.iinfo(np.int64).max, np.nan, (now - first) / HOUR_US)
    yield Block(
        ("hours since admission", "hours since the first reading"),
        "clock",
        np.stack([person.admitted_h, heard_h], axis=1),
    )


def _of_beds(word: Array) -> Array:
    return word.reshape(-1, len(READ))


def _trends(hours: Array, newest: Array) -> Iterator[Block]:
    """Vital signs over the last hours, and where they stand against them; hours (24, B, n), newest (B, n)."""
    there = np.isfinite(hours)
    known = np.where(there, hours, 0.0)
    ago = np.arange(len(hours), dtype=np.float64)[:, None, None]

    def block(name: str, values: Array, group: str = "values") -> Block:
        return Block([f"{concept}: {name}" for concept in VITALS], group, values)

    with np.errstate(invalid="ignore", divide="ignore"):  # of nothing: NaN
        for width in WINDOWS_H:
            own, seen, k = known[:width], there[:width], ago[:width]
            n, total = seen.sum(axis=0, dtype=np.float64), own.sum(axis=0)
            mean = total / n
            yield block(f"mean {width} h", mean)
            yield block(f"lowest {width} h", np.fmin.reduce(hours[:width]))
            yield block(f"highest {width} h", np.fmax.reduce(hours[:width]))
            yield block(f"hours seen of {width}", n, "pattern")
            if width != min(WINDOWS_H):
                back, square = (seen * k).sum(axis=0), (seen * k * k).sum(axis=0)
                lever = n * square - back * back
                slope = (back * total - n * (own * k).sum(axis=0)) / lever  # k counts backwards
                yield block(f"slope {width} h", np.where(lever > 0, slope, np.nan))
            if width == max(WINDOWS_H):
                yield block(f"above its {width} h", newest - mean)
    for back_h in BACK_H:
        yield block(f"since {back_h} h ago", newest - hours[back_h])


def _ratios(newest: dict[str, Array], least: dict[str, Array], age_years: Array) -> Iterator[tuple[str, Array]]:
    with np.errstate(invalid="ignore", divide="ignore"):  # a rate of 0 is a reading
        shock = newest["hr"] / newest["sbp"]
        pulse = newest["sbp"] - newest["dbp"]
        yield "shock index", shock
        yield "shock index × age", shock * age_years
        yield "heart rate over MAP", newest["hr"] / newest["map"]
        yield "pulse pressure", pulse
        yield "pulse pressure over SBP", pulse / newest["sbp"]
        yield "SpO₂ over FiO₂", newest["spo2"] / newest["fio2"]
        yield "SpO₂ over FiO₂ over breaths", newest["spo2"] / newest["fio2"] / newest["rr"]
        yield "BUN over creatinine", newest["bun"] / np.maximum(newest["creatinine"], 0.1)
        yield "creatinine over its lowest", newest["creatinine"] / np.maximum(least["creatinine"], 0.1)
        yield "heart rate above fever", newest["hr"] - 10 * (newest["temp"] - 37)
        yield "breaths over SpO₂", newest["rr"] / newest["spo2"]
