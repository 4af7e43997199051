"""How long a step takes: real ICU stays through the pure step, on one core.

    python -m benchmarks.step.bench PATH [--stays 200] [--write]

PATH is a PhysioNet 2019 parquet file or folder. Printed: p50 and p99 of a step that judges and of one that does not,
judging steps per hour, alerts per day, patient-hours per second, and the size of a bed. `--write` puts it into
`result.json` beside this file. Times are CPU time of this process, after ten stays to warm up.
"""

import argparse
import json
import platform
from itertools import islice
from pathlib import Path
from time import process_time

from forecasting import trend
from guidelines import book
from schemas.alerts import AlertEvent, Change
from schemas.events import Tick
from streams.bed import Bed
from streams.ordering import JUMP_MAX
from streams.readers import challenge2019
from streams.readers.stay import Stay
from streams.saved import to_bytes
from streams.step import Mind, step

WARM_UP = 10


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

    def result(self) -> dict[str, float | str]:
        every = sorted(self.judging + self.other)
        return {
            "patient_hours": round(self.hours),
            "patient_hours_per_s": round(self.hours / sum(every)),
            "steps": len(every),
            "step_p50_ms": _ms(every, 0.5),
            "step_p99_ms": _ms(every, 0.99),
            "judging_p50_ms": _ms(self.judging, 0.5),
            "judging_p99_ms": _ms(self.judging, 0.99),
            "other_p50_ms": _ms(self.other, 0.5),
            "judging_steps_per_hour": round(len(self.judging) / self.hours, 2),
            "raised_or_worsened_per_day": round(24 * self.loud / self.hours, 2),
            "largest_bed_bytes": self.bytes,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }


def _ms(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 4)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("path", type=Path)
    asked.add_argument("--stays", type=int, default=200)
    asked.add_argument("--write", action="store_true", help="put the result beside this file")
    given = asked.parse_args()
    mind = Mind(book.load(), trend.load())
    warm, times = Times(), Times()
    for number, stay in enumerate(islice(challenge2019.read(given.path), WARM_UP + given.stays)):
        (warm if number < WARM_UP else times).live(stay, mind)
    text = json.dumps(times.result(), indent=2) + "\n"
    print(text, end="")
    if given.write:
        Path(__file__).with_name("result.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
