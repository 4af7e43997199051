"""How long a step takes, and how fast a cohort is replayed: real ICU stays through the full path.

    python -m benchmarks.step.bench PATH [--stays 200] [--write]

PATH is a PhysioNet 2019 parquet file. Printed for hourly stays and for the minute-level demo: p50 and p99 of a step
that judges and of one that does not, judging steps per hour, alerts per day, patient-hours per second, and the size of
a bed; then a replay of the same stays in two processes, with reading, writing and starting up. `--write` puts it into
`result.json` beside this file.

All times are CPU time, because a machine is rarely ours alone: steps on one core after ten stays to warm up; the
replay as the sum over its three processes, of which each takes about 2 s to start. Neighbours on the
same physical cores still slow a CPU second down: `machine.load` says how busy it was. Nothing here is random.
"""

import argparse
import json
import os
import platform
import resource
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import polars as pl
import pydantic

from forecasting.baselines import trend
from guidelines.book import load as book
from schemas.clinical.alerts import AlertEvent, Change
from schemas.events import Tick
from streams.adapters import READERS
from streams.adapters.stay import Stay
from streams.cohorts.replay import Job, replay
from streams.core.bed import Bed
from streams.core.ordering import JUMP_MAX
from streams.core.step import Mind, step
from streams.stores.codec import to_bytes

WARM_UP = 10
DEMO = Path(__file__).parents[2] / "data"


class Times:
    """Seconds per step, apart for those that judged; and what was said."""

    def __init__(self) -> None:
        self.judging: list[float] = []
        self.other: list[float] = []
        self.hours = 0.0
        self.loud = 0
        self.bytes = 0

    def live(self, stay: Stay, mind: Mind) -> None:
        """One stay from its first event to an hour after its last."""
        bed = Bed(stay.encounter)
        end = stay.events[-1].available_at + JUMP_MAX / 24
        for event in [*stay.events, Tick(available_at=end)]:
            before = bed.judged_at
            began = process_time()
            bed, said = step(bed, event, event.available_at, mind)
            took = process_time() - began
            (self.other if bed.judged_at == before else self.judging).append(took)
            self.loud += sum(isinstance(o, AlertEvent) and o.change in (Change.RAISED, Change.WORSENED) for o in said)
        self.hours += (end - stay.events[0].available_at).total_seconds() / 3600
        self.bytes = max(self.bytes, len(to_bytes(bed)))

    def result(self) -> dict[str, float]:
        every = sorted(self.judging + self.other)
        return {
            "patient_hours": round(self.hours),
            "patient_hours_per_cpu_s": round(self.hours / sum(every)),
            "steps": len(every),
            "step_p50_ms": _ms(every, 0.5),
            "step_p99_ms": _ms(every, 0.99),
            "judging_p50_ms": _ms(self.judging, 0.5),
            "judging_p99_ms": _ms(self.judging, 0.99),
            "other_p50_ms": _ms(self.other, 0.5),
            "judging_steps_per_hour": round(len(self.judging) / self.hours, 2),
            "raised_or_worsened_per_day": round(24 * self.loud / self.hours, 2),
            "largest_bed_bytes": self.bytes,
        }


def _ms(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 4)


def stepped(stays: Iterable[Stay], mind: Mind, warm_up: int) -> dict[str, float]:
    warm, times = Times(), Times()
    for number, stay in enumerate(stays):
        (warm if number < warm_up else times).live(stay, mind)
    return times.result()


def replayed(path: Path, stays: int) -> dict[str, float]:
    """The first stays of the file through `streams.cohorts.replay`, in two processes."""
    with TemporaryDirectory() as folder:
        part = Path(folder) / "part.parquet"
        rows = pl.read_parquet(path)
        first = rows["patient_id"].unique(maintain_order=True).head(stays)
        rows.filter(pl.col("patient_id").is_in(first.implode())).write_parquet(part)
        before, began = _cpu(), perf_counter()
        manifest = replay(Job(part, "challenge2019"), Path(folder) / "out", processes=2)
        cpu, wall = _cpu() - before, perf_counter() - began
    hours = manifest["counts"]["patient_hours"]
    return {
        "patient_hours": hours,
        "patient_hours_per_cpu_s": round(hours / cpu),
        "patient_hours_per_wall_s_here": round(hours / wall),
        "processes": 2,
    }


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "pydantic": pydantic.VERSION,
        "polars": pl.__version__,
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("path", type=Path)
    asked.add_argument("--stays", type=int, default=200)
    asked.add_argument("--write", action="store_true", help="put the result beside this file")
    given = asked.parse_args()
    mind = Mind(book.load(), trend.load())
    machine = _machine()
    result = {
        "hourly": stepped(islice(READERS["challenge2019"](given.path), WARM_UP + given.stays), mind, WARM_UP),
        "minutes": stepped(READERS["demo"](DEMO), mind, 1),
        "replay": replayed(given.path, 2 * given.stays),
        "machine": machine,
    }
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if given.write:
        Path(__file__).with_name("result.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
