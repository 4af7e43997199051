"""Made-up patients for the tests: rows of a chart become a snapshot."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from guidelines.book.records import Example
from guidelines.examples import moment, snapshot_of
from schemas.clinical.snapshot import Snapshot
from schemas.events import Quality, Reading


def chart(at: str, *rows: Mapping[str, Any], **more: Any) -> Snapshot:
    """What is known at a time of day: `chart("09:05", {"at": "09:00", "map": 62}, setting="icu", patient={...})`."""
    return snapshot_of(Example.model_validate({"name": "chart", "at": at, "readings": rows, "then": {}, **more}))


def measured(concept: str, value: float, at: str, quality: Quality = Quality.OK, method: str | None = None) -> Reading:
    """One reading of the test patient."""
    when = moment(at)
    return Reading(
        encounter="example",
        observed_at=when,
        available_at=when,
        concept=concept,
        value=value,
        quality=quality,
        method=method,
        reason=None if quality is Quality.OK else "damped line",
    )


def every(minutes: int, values: list[float], concept: str, until: str) -> list[dict[str, Any]]:
    """Chart rows of one concept at equal steps, the last at `until`."""
    end = moment(until)
    times = [end - timedelta(minutes=minutes * i) for i in range(len(values))][::-1]
    return [{"at": f"{t:%H:%M}", concept: v} for t, v in zip(times, values, strict=True)]
