"""Charted runs of a drip as what a pump would have told: start, change, stop."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

SAME_MOMENT = timedelta(
    minutes=2
)  # a rate that starts this soon after another ended is a change, not a stop and a start


class Run(NamedTuple):
    """One drip at one rate; `end` None: nobody charted its end."""

    encounter: str
    item: str
    start: datetime
    end: datetime | None
    rate: float
    unit: str | None
    weight_kg: float | None = None


def turns(runs: Sequence[Run], charted_after: timedelta = timedelta(0)) -> Iterator[dict[str, Any]]:
    """Rows of the long table for all runs of one item in one stay. Two bags at once add up, if their units agree."""
    times = sorted({run.start for run in runs} | {run.end for run in runs if run.end is not None})
    before = 0.0
    for now, after in zip(times, [*times[1:], None], strict=True):
        going = [run for run in runs if run.start <= now and (run.end is None or now < run.end)]
        rate = sum(run.rate for run in going if run.unit == going[0].unit)
        if before and not rate and after is not None and after - now <= SAME_MOMENT:
            continue
        if rate != before:
            yield {
                "encounter": runs[0].encounter,
                "kind": "treatment",
                "item": runs[0].item,
                "action": "stop" if not rate else "change" if before else "start",
                "observed_at": now,
                "available_at": now + charted_after,
                "rate": rate or None,
                "rate_unit": going[0].unit if going else None,
                "weight_kg": going[0].weight_kg if going else None,
            }
        before = rate
