"""Charts made to the microsecond, as seen at NOW: everything is told by how long ago it was."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.clinical.facts import Experiencer, NoteFact, Polarity, Temporality
from schemas.clinical.forecasts import HORIZONS_H, LEVELS, Fan, Odds, Unavailable
from schemas.clinical.snapshot import Setting, Snapshot
from schemas.codes.concepts import CONCEPTS, Situation
from schemas.conditions import Condition
from schemas.events import Action, Allergy, Patient, Quality, Reading, Severity, Source, Treatment
from schemas.frozen import LATEST

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT_NOW = timedelta(0)
TICK = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

Row = Reading | Treatment | NoteFact


def reading(
    concept: str,
    said: float | str,
    ago: timedelta = AT_NOW,
    *,
    method: str | None = None,
    quality: Quality = Quality.OK,
    source: str = "manual",
    reason: str | None = None,
) -> Reading:
    """A measurement; `said` is a number or, of a coded concept, a code."""
    return Reading(
        encounter="e1",
        observed_at=NOW - ago,
        available_at=NOW - ago,
        concept=concept,
        value=None if isinstance(said, str) else float(said),
        code=said if isinstance(said, str) else None,
        method=method,
        quality=quality,
        source=Source(source),
        reason=reason,
    )


def row(ago: timedelta = AT_NOW, /, **said: float | str) -> list[Row]:
    """Several measurements of one moment."""
    return [reading(concept, value, ago) for concept, value in said.items()]


def treatment(
    item: str,
    action: str,
    ago: timedelta = AT_NOW,
    *,
    rate: float | None = None,
    amount: float | None = None,
    unit: str = "mL",
) -> Treatment:
    """A drug, fluid or procedure."""
    return Treatment(
        encounter="e1",
        observed_at=NOW - ago,
        available_at=NOW - ago,
        item=item,
        action=Action(action),
        rate=rate,
        amount=amount,
        amount_unit=None if amount is None else unit,
    )


def fact(
    concept: str,
    ago: timedelta = AT_NOW,
    polarity: str = "affirmed",
    *,
    detail: str | None = None,
    value: float | None = None,
    who: str = "patient",
    when: str = "current",
    copied: bool = False,
) -> NoteFact:
    """What a note says; each in a note of its own."""
    return NoteFact(
        concept=concept,
        polarity=Polarity(polarity),
        experiencer=Experiencer(who),
        temporality=Temporality(when),
        detail=detail,
        value=value,
        copied=copied,
        note=f"n|{concept}|{polarity}|{ago}",
        start=0,
        end=4,
        words="said",
        effective_at=NOW - ago,
        available_at=NOW - ago,
    )


def allergy(substance: str, severity: str = "unknown") -> Allergy:
    return Allergy(substance=substance, severity=Severity(severity))


@dataclass(frozen=True)
class Chart:
    """The rows of a chart and who the patient is; `snapshot` is what the engine sees of it at NOW."""

    rows: Sequence[Row] = ()
    patient: Patient = field(default_factory=Patient)
    setting: Setting | None = "icu"
    situations: frozenset[Situation] = frozenset()

    def with_rows(self, *rows: Row) -> "Chart":
        return replace(self, rows=(*self.rows, *rows))

    @property
    def snapshot(self) -> Snapshot:
        """As it is seen at NOW."""
        return self.seen(NOW)

    def seen(self, now: datetime) -> Snapshot:
        """As it is seen at a moment at which nothing more is known."""
        by_time = sorted(self.rows, key=lambda r: r.effective_at if isinstance(r, NoteFact) else r.observed_at)
        readings: dict[str, tuple[Reading, ...]] = {}
        for one in by_time:
            if isinstance(one, Reading):
                readings[one.concept] = (*readings.get(one.concept, ()), one)
        return Snapshot(
            encounter="e1",
            now=now,
            setting=self.setting,
            patient=self.patient,
            readings=readings,
            treatments=tuple(r for r in by_time if isinstance(r, Treatment)),
            facts=tuple(r for r in by_time if isinstance(r, NoteFact)),
            situations=self.situations,
        )


def chart(*rows: Row | Sequence[Row], setting: Setting | None = "icu", **patient: Any) -> Snapshot:
    """A snapshot of some rows, and of what is known of the patient."""
    flat = [r for one in rows for r in (one if isinstance(one, Sequence) else [one])]
    return Chart(flat, Patient(**patient), setting).snapshot


@dataclass(frozen=True)
class Told:
    """An outlook that says what it was told: quantiles by horizon of one concept, and a chance."""

    concept: str = ""
    rows: Sequence[Sequence[float]] = ()
    probability: float | None = None

    @property
    def until(self) -> datetime:
        """What was told holds until something else is."""
        return LATEST

    def fan(self, concept: str) -> Fan | Unavailable:
        if concept != self.concept:
            return Unavailable(reason="not told")
        rows = tuple(tuple(r) for r in self.rows)
        return Fan(concept=concept, horizons_h=HORIZONS_H, quantiles=rows, origin="told", origin_at=NOW)

    def chance(self, condition: Condition, within: timedelta) -> Odds | Unavailable:  # noqa: ARG002, the protocol's
        if self.probability is None:
            return Unavailable(reason="not told")
        p = self.probability
        return Odds(probability=p, low=p, high=p, within_h=within / HOUR, model="told")


def fanned(concept: str, at_h: float, level: float, value: float, elsewhere: float) -> Told:
    """A fan that holds `value` at one level and horizon, and is far from it at every other one.

    `elsewhere` is what the other horizons hold at that level; levels below and above lie 50 apart.
    """
    place = LEVELS.index(level)
    return Told(
        concept,
        [[(value if h == at_h else elsewhere) + 50.0 * (i - place) for i in range(len(LEVELS))] for h in HORIZONS_H],
    )


def smallest_step(concept: str) -> float:
    """The smallest difference that this concept is charted with."""
    return float(10.0 ** -CONCEPTS[concept].decimals)
