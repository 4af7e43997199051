"""How long the served forecaster takes: one instant of one bed, and a wave of a thousand beds.

    python -m benchmarks.served [--write]

Patients are drawn (seed 11). An instant brings eight readings; afterwards the six questions of the board and the chance
of sepsis are asked. Milliseconds of wall time on one thread, so only a quiet machine tells; the garbage collector
rests. `loop_s` is how long a loop of plain Python took just then.
"""

import argparse
import gc
import json
import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from forecasting.contract import ModelState, Seen
from forecasting.network.forecaster import load
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Named
from schemas.events import Patient, Reading
from streams.core.questions import ASKED, WITHIN

RESULT = Path(__file__).with_name("result.json")
START = datetime(2031, 5, 4, 8, 0, tzinfo=UTC)
HEARD = ("hr", "map", "sbp", "dbp", "rr", "spo2", "temp", "lactate")
BEFORE, INSTANTS, BEDS, WAVES = 24, 300, 1000, 5
SEPSIS = Named("sepsis")


class Patients:
    """Beds that hear eight readings an hour."""

    def __init__(self, beds: int) -> None:
        self.draw = np.random.default_rng(11)
        self.forecaster = load()
        self.states: list[ModelState | None] = [None] * beds
        self.rows: list[dict[str, tuple[Reading, ...]]] = [{} for _ in range(beds)]
        self.hour = 0

    def hear(self) -> list[Seen]:
        """The next instant of every bed."""
        at = START + timedelta(hours=self.hour)
        self.hour += 1
        found = []
        for rows in self.rows:
            new = tuple(self._reading(concept, at) for concept in HEARD)
            rows.update({r.concept: (*rows.get(r.concept, ())[-BEFORE:], r) for r in new})
            found.append(Seen(at, new))
        return found

    def foresee(self, seen: Sequence[Seen]) -> None:
        """What one wave of the core does, and every answer that a board or a replay asks for."""
        self.states = list(self.forecaster.encode(self.states, seen))
        known = [state for state in self.states if state is not None]
        snapshots = [Snapshot("e", seen[0].at, "icu", Patient(age_years=70.0, sex="male"), rows) for rows in self.rows]
        for outlook in self.forecaster.outlooks(known, snapshots):
            outlook.chance(SEPSIS, WITHIN)
            for _, condition in ASKED if len(self.rows) == 1 else ASKED[:1]:
                outlook.chance(condition, WITHIN)

    def _reading(self, concept: str, at: datetime) -> Reading:
        about = CONCEPTS[concept]
        low, high = about.normal_low or 1.0, about.normal_high or 2.0
        value = round(float(self.draw.uniform(0.8 * low, 1.2 * high)), about.decimals)
        value = min(max(value, about.hard_low or value), about.hard_high or value)
        return Reading(encounter="e", concept=concept, value=value, observed_at=at, available_at=at)


def timed(work: Callable[[], None]) -> float:
    """Milliseconds."""
    began = perf_counter()
    work()
    return 1000 * (perf_counter() - began)


def loop() -> float:
    """Seconds that three million turns of plain Python take: how quick the machine is just now."""
    began, counts = perf_counter(), dict[int, int]()
    for turn in range(3_000_000):
        counts[turn % 1000] = counts.get(turn % 1000, 0) + turn
    return perf_counter() - began


def measured() -> dict[str, Any]:
    """Both figures, with what they were measured on."""
    one = Patients(1)
    times = []
    for number in range(BEFORE + INSTANTS):
        seen = one.hear()
        took = timed(lambda seen=seen: one.foresee(seen))  # type: ignore[misc]
        if number >= BEFORE:
            times.append(took)
    many = Patients(BEDS)
    waves = []
    for number in range(3 + WAVES):
        seen = many.hear()
        took = timed(lambda seen=seen: many.foresee(seen))  # type: ignore[misc]
        if number >= 3:
            waves.append(took)
    return {
        "one bed, an instant of 8 readings, 7 answers, ms": {
            "p50": round(float(np.quantile(times, 0.5)), 2),
            "p99": round(float(np.quantile(times, 0.99)), 2),
        },
        "1,000 beds in a wave, 2 answers each, ms": round(float(np.median(waves)), 1),
        "forecaster": f"{one.forecaster.name}@{one.forecaster.version}, {one.forecaster.digest}",
        "loop_s": round(loop(), 2),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }


def main() -> None:
    ask = argparse.ArgumentParser(description="Measure how long the served forecaster takes.")
    ask.add_argument("--write", action="store_true", help=f"keep the result in {RESULT.name}")
    said = ask.parse_args()
    gc.disable()
    text = json.dumps(measured(), indent=1, ensure_ascii=False) + "\n"
    print(text, end="")
    if said.write:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
