"""A cohort replayed through the same `step` as the live service (the command-line contract of the benchmarks).

Writes into a folder: `risks.parquet`, `forecasts.parquet`, `alerts.ndjson`, `quarantine.ndjson`, `manifest.json`.
Stays are independent, so they are shared out among processes; results are written in the order of the data, so the
number of processes changes no byte of the first four files.
"""

import json
import platform
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

import polars as pl

from forecasting.local.own import own
from guidelines.book.load import KNOWLEDGE
from guidelines.book.units import load_units
from schemas.clinical.alerts import AlertEvent
from schemas.clinical.findings import Level
from schemas.clinical.forecasts import LEVELS, Fan, Odds, Unavailable
from schemas.conditions import Named
from schemas.events.quarantine import Rejected
from schemas.frozen import to_json
from streams.adapters import READERS, Stay
from streams.cohorts.hashes import files_of, hash_of
from streams.cohorts.shares import in_order
from streams.cohorts.turns import hourly, turns
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.ordering import Late
from streams.core.policy import Policy
from streams.core.questions import ASKED, WITHIN
from streams.core.step import Output, Turn, outlook_at, run

FORECAST_EVERY = timedelta(hours=6)
FORECAST_ROWS_PER_PART = 500_000
SIDE_BY_SIDE = 32  # stays that one process plays together: their instants go through the model in waves
POLICY = Policy()
SEPSIS = Named("sepsis")

RISKS: dict[str, Any] = {
    "encounter": pl.String,
    "time": pl.Float64,
    "question": pl.String,
    "probability": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "status": pl.String,
    "alarm": pl.Boolean,
}
FORECASTS: dict[str, Any] = {
    "encounter": pl.String,
    "time": pl.Float64,
    "concept": pl.String,
    "horizon_h": pl.Float64,
    **{f"q{round(level * 100):02d}": pl.Float64 for level in LEVELS},
    "p_measured": pl.Float64,
}


@dataclass(slots=True)
class Played:
    """What one stay gave. Times are hours since `start`, the stay's first row or admission."""

    encounter: str
    start: datetime
    hourly: bool
    risks: list[tuple[Any, ...]] = field(default_factory=list)
    forecasts: list[tuple[Any, ...]] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    quarantine: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def play(stays: Sequence[Stay], mind: Mind) -> list[Played]:
    """Stays from their first event to their last, side by side, and one row per hour of each."""
    played = [Played(stay.encounter, stay.start, stay.hours is not None) for stay in stays]
    names = [str(number) for number in range(len(stays))]  # two stays of a set may bear one name
    beds = {name: Bed(stay.encounter) for name, stay in zip(names, stays, strict=True)}
    own = {name: _turns(stay, one, mind) for name, stay, one in zip(names, stays, played, strict=True)}
    for name, bed in run(beds, own, mind).items():
        played[int(name)].counts.update({f"bed_{what}": count for what, count in bed.counts.items()})
    return played


def _turns(stay: Stay, played: Played, mind: Mind) -> Iterator[Turn]:
    """The records of one stay's log: what became known, and at each hour that time has passed."""
    played.quarantine += [to_json(rejected).decode() for rejected in stay.refused]
    played.counts.update(f"refused_{rejected.fault.value}" for rejected in stay.refused)
    played.counts["events"] = len(stay.events)
    hours = hourly(stay)
    played.counts["patient_hours"] = len(hours)
    return turns(
        stay,
        hours,
        mind.policy,
        said=lambda outputs: _note(played, outputs),
        asked=lambda hour, bed: _ask(played, hours[hour], hour, mind, bed),
    )


def _note(played: Played, said: Iterable[Output]) -> None:
    for output in said:
        match output:
            case AlertEvent():
                played.alerts.append(to_json(output).decode())
                played.counts[f"alert_{output.change.value}"] += 1
            case Rejected():
                played.quarantine.append(to_json(output).decode())
                played.counts[f"refused_{output.fault.value}"] += 1
            case Late():
                pass  # counted by the bed


def _ask(played: Played, at: datetime, hour: int, mind: Mind, bed: Bed) -> None:
    """The risks of one hour: of the hourly set its own question, with the alarm that serves it best; of the others what
    the board asks, with the alarm of the rules."""
    forecasts_due = (hour * timedelta(hours=1)) % FORECAST_EVERY == timedelta(0)
    awake = bed.awake  # what was judged at this very time has been foreseen, with the other stays of its wave
    outlook = awake.outlook if awake is not None and bed.foreseen_at == at else outlook_at(bed, at, mind)
    if played.hourly:
        answer = outlook.chance(SEPSIS, WITHIN)
        alarm = isinstance(answer, Odds) and answer.alarm_at is not None and answer.probability >= answer.alarm_at
        played.risks.append((played.encounter, float(hour), SEPSIS.name, *_answer(answer), alarm))
    else:
        alarm = any(e.level in (Level.WARNING, Level.CRITICAL) for e in bed.episodes.values())
        for text, condition in ASKED:
            answer = outlook.chance(condition, WITHIN)
            question = f"{text} within {WITHIN // timedelta(hours=1)} h"
            played.risks.append((played.encounter, float(hour), question, *_answer(answer), alarm))
    if not forecasts_due:
        return
    answers = [outlook.fan(concept) for concept in sorted(mind.forecaster.concepts)]
    fans = [answer for answer in answers if isinstance(answer, Fan)]
    if not fans:
        played.counts["forecast_unavailable"] += 1
    for fan in fans:
        for horizon, quantiles in zip(fan.horizons_h, fan.quantiles, strict=True):
            played.forecasts.append((played.encounter, float(hour), fan.concept, horizon, *quantiles, None))


def _answer(answer: Odds | Unavailable) -> tuple[float | None, float | None, float | None, str]:
    if isinstance(answer, Unavailable):
        return None, None, None, f"unavailable: {answer.reason}"
    return answer.probability, answer.low, answer.high, "ok"


# --- many stays ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """What to replay: `source` is a name of READERS."""

    path: Path
    source: str
    policy: Policy = POLICY
    rules: Path = KNOWLEDGE
    overlays: Path | None = None
    own: Path | None = None  # data folder of the hospital: its recalibration, and what it taught

    def mind(self) -> Mind:
        books = load_units(self.overlays, self.rules)
        return Mind(books.base, own(self.own).forecaster, self.policy, books.units)

    def stays(self) -> Iterator[Stay]:
        return READERS[self.source](self.path)


def replay(job: Job, out: Path, processes: int = 1, tell: Callable[[Played], None] = lambda _: None) -> dict[str, Any]:
    """Replay every stay and write the files; returns the manifest.

    Raises WrongFormat, BadBook before anything is written.
    """
    job.stays()  # a path that does not fit is refused here, not in a worker
    mind = job.mind()
    out.mkdir(parents=True, exist_ok=True)
    started = perf_counter()  # for the manifest's timings only: no result depends on it
    with Files(out) as files:
        for played in in_order(partial(_played, job), processes):
            files.write(played)
            tell(played)
    seconds = perf_counter() - started
    manifest = _manifest(job, mind, files.counts, out, seconds, processes)
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return manifest


def _played(job: Job, share: int, shares: int) -> Iterator[Played]:
    """Every `shares`-th stay, `SIDE_BY_SIDE` at a time."""
    mind = job.mind()
    own = islice(job.stays(), share, None, shares)
    while some := list(islice(own, SIDE_BY_SIDE)):
        yield from play(some, mind)


# --- files ---------------------------------------------------------------------------------------------------------


class Files:
    """The files of one replay, written stay by stay; forecasts in parts that are joined at the end."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._parts = out / ".parts"
        self._rows: dict[str, list[tuple[Any, ...]]] = {"risks": [], "forecasts": []}
        self._part = 0
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> "Files":
        shutil.rmtree(self._parts, ignore_errors=True)
        self._parts.mkdir(parents=True)
        self._alerts: TextIO = (self._out / "alerts.ndjson").open("w", encoding="utf-8")
        self._quarantine: TextIO = (self._out / "quarantine.ndjson").open("w", encoding="utf-8")
        return self

    def write(self, played: Played) -> None:
        self._rows["risks"] += played.risks
        self._rows["forecasts"] += played.forecasts
        self._alerts.writelines(line + "\n" for line in played.alerts)
        self._quarantine.writelines(line + "\n" for line in played.quarantine)
        self.counts.update(played.counts)
        self.counts["stays"] += 1
        self.counts["risk_rows"] += len(played.risks)
        self.counts["forecast_rows"] += len(played.forecasts)
        if sum(map(len, self._rows.values())) >= FORECAST_ROWS_PER_PART:
            self._flush()

    def _flush(self) -> None:
        for name, schema in (("risks", RISKS), ("forecasts", FORECASTS)):
            frame = pl.DataFrame(self._rows[name], schema=schema, orient="row")
            frame.write_parquet(self._parts / f"{name}-{self._part:06d}.parquet", compression="zstd")
            self._rows[name] = []
        self._part += 1

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self._alerts.close()
        self._quarantine.close()
        if kind is None:
            self._flush()
            for name in ("risks", "forecasts"):
                parts = sorted(self._parts.glob(f"{name}-*.parquet"))
                whole = pl.scan_parquet(parts)
                whole.sink_parquet(self._out / f"{name}.parquet", compression="zstd", maintain_order=True)
        shutil.rmtree(self._parts, ignore_errors=True)


def _manifest(job: Job, mind: Mind, counts: Counter[str], out: Path, seconds: float, processes: int) -> dict[str, Any]:
    results = ("risks.parquet", "forecasts.parquet", "alerts.ndjson", "quarantine.ndjson")
    return {
        "v": 1,
        "source": job.source,
        "data": {"name": job.path.name, "sha256": hash_of(files_of(job.path))},
        "model": {"name": mind.forecaster.name, "version": mind.forecaster.version, "sha": mind.forecaster.digest},
        "rules": {"sha": mind.book.version, "units": {unit: own.version for unit, own in sorted(mind.units.items())}},
        "code": {"sha256": hash_of(_code_files())},
        "policy": {
            "allowed_lateness_s": job.policy.allowed_lateness.total_seconds(),
            "clear_after_s": job.policy.clear_after.total_seconds(),
        },
        "counts": dict(sorted(counts.items())),
        "results": {name: sha256((out / name).read_bytes()).hexdigest() for name in results},
        "timings": {
            "seconds": round(seconds, 3),
            "processes": processes,
            "patient_hours_per_second": round(counts["patient_hours"] / seconds, 1) if seconds else None,
        },
        "python": platform.python_version(),
        "polars": pl.__version__,
    }


def _code_files() -> Sequence[Path]:
    """The modules and data that results depend on: the four pure layers."""
    top = Path(__file__).parents[2]
    suffixes = {".py", ".toml", ".json"}
    return sorted(
        file
        for layer in ("schemas", "guidelines", "forecasting", "streams")
        for file in (top / layer).rglob("*")
        if file.suffix in suffixes
    )
