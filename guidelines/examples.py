"""Worked examples of knowledge files, played: the file's own claims as a snapshot and a judgement."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import convert

from guidelines.book.load import Book
from guidelines.book.records import Example
from guidelines.judgement import judge
from guidelines.rules.case import FAR
from schemas.clinical.facts import NoteFact, Polarity
from schemas.clinical.findings import Judgement, Onset
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Odds, Unavailable
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import CONCEPTS
from schemas.conditions import Condition
from schemas.events import Patient, Reading, Treatment

DAY = datetime(2026, 1, 2, tzinfo=UTC)
WHO = "example"


class Told:
    """A future that an example tells: the same value at every horizon and level."""

    until = FAR

    def __init__(self, medians: Mapping[str, float]) -> None:
        self.medians = medians

    def fan(self, concept: str) -> Fan | Unavailable:
        if concept not in self.medians:
            return Unavailable(reason="the example does not tell")
        row = (self.medians[concept],) * len(LEVELS)
        rows = (row,) * len(HORIZONS_H)
        return Fan(concept=concept, horizons_h=HORIZONS_H, quantiles=rows, origin="told", origin_at=DAY)

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:  # noqa: ARG002, the protocol's
        return Unavailable(reason="the example does not tell")


def moment(clock: str) -> datetime:
    """`08:05` as a moment of the examples' day; `-1 22:00` is the evening before."""
    day, _, time = clock.rpartition(" ")
    hours, minutes = time.split(":")
    return DAY + timedelta(days=int(day or 0), hours=int(hours), minutes=int(minutes))


def snapshot_of(example: Example) -> Snapshot:
    """What the example says is known at its time."""
    readings: dict[str, list[Reading]] = {}
    for row in example.readings:
        at, method = moment(row["at"]), row.get("method")
        for name, value in row.items():
            if name not in ("at", "method"):
                readings.setdefault(name, []).append(_reading(name, value, at, method))
    return Snapshot(
        encounter=WHO,
        now=moment(example.at),
        setting=example.setting,
        patient=convert(dict(example.patient), Patient),
        readings={name: tuple(sorted(rows, key=lambda r: r.observed_at)) for name, rows in readings.items()},
        treatments=tuple(sorted((_treatment(row) for row in example.treatments), key=lambda t: t.observed_at)),
        facts=tuple(sorted((_fact(row) for row in example.notes), key=lambda f: f.effective_at)),
    )


def _reading(name: str, value: Any, at: datetime, method: str | None) -> Reading:
    pressure = name in ("sbp", "dbp", "map")
    given = {"code": value} if CONCEPTS[name].kind == "coded" else {"value": float(value)}
    return Reading(
        encounter=WHO, observed_at=at, available_at=at, concept=name, method=method if pressure else None, **given
    )


def _treatment(row: Mapping[str, Any]) -> Treatment:
    at = moment(row["at"])
    unit = {"amount_unit": row.get("amount_unit", "mL")} if "amount" in row else {}
    rest = {key: value for key, value in row.items() if key != "at"}
    return convert(
        {"kind": "treatment", "encounter": WHO, "observed_at": at, "available_at": at, **rest, **unit}, Treatment
    )


def _fact(row: Mapping[str, Any]) -> NoteFact:
    at, words = moment(row["at"]), row["words"]
    return NoteFact(
        concept=row["fact"],
        polarity=Polarity(row.get("polarity", "affirmed")),
        value=row.get("value"),
        detail=row.get("detail"),
        note=f"n|{row['at']}",
        start=0,
        end=len(words),
        words=words,
        effective_at=at,
        available_at=at,
    )


def play(example: Example, book: Book) -> Judgement:
    """What the book says of the example's patient."""
    onsets = {rule: Onset(at=moment(clock), ref="example") for rule, clock in example.onsets.items()}
    return judge(snapshot_of(example), book, Told(example.expected), onsets)
