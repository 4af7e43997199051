"""The sample data of this repository: real ICU stays (`data/demo`) and fictional patients (`data/vignettes`).

All share one fictional clock: each stay's window opens at `LIVE_FROM`, and what came before it is there for trends and
baselines. A demo plays from `LIVE_FROM` on, and hands over what is older at once.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from msgspec.structs import replace

from schemas.events import Event
from streams.adapters import long, ndjson
from streams.adapters.stay import Stay, WrongFormat

DATA = Path(__file__).parents[2] / "data"
LIVE_FROM = datetime(2000, 1, 1, 7, 55, tzinfo=UTC)
# V1 begins at 08:00 as written. V2 is written for the afternoon and is brought forward, so that both are soon seen.
VIGNETTES: Mapping[str, timedelta] = {"V1": timedelta(0), "V2": timedelta(hours=-5)}


def read(path: Path = DATA) -> Iterator[Stay]:
    """The demo's beds: first the fictional ones, then the real ones; raises WrongFormat if the data are not there."""
    events = path / "demo" / "events.parquet"
    missing = [p for p in (events, *(_vignette(path, name) for name in VIGNETTES)) if not p.is_file()]
    if missing:
        raise WrongFormat(f"expected the sample data {missing[0].relative_to(path).as_posix()!r}, found no such file")
    return _stays(path)


def _vignette(path: Path, name: str) -> Path:
    return path / "vignettes" / f"{name}.ndjson"


def _stays(path: Path) -> Iterator[Stay]:
    for name, by in VIGNETTES.items():
        yield from (_moved(stay, by) for stay in ndjson.read(_vignette(path, name)))
    yield from long.stays(pl.read_parquet(path / "demo" / "events.parquet"))


def _moved(stay: Stay, by: timedelta) -> Stay:
    return Stay(stay.encounter, [moved(event, by) for event in stay.events], stay.start + by, stay.hours, stay.refused)


def moved(event: Event, by: timedelta) -> Event:
    """The same event at another time."""
    return replace(event, observed_at=event.observed_at + by, available_at=event.available_at + by)
