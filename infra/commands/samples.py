"""Makes the sample stays of `data/demo` from the MIMIC-III demo: `python -m infra.commands.samples --from FOLDER`.

`data/demo/stays.toml` names the stays, the hour at which each window opens, and why it was chosen. A window is moved
so that it opens at `streams.adapters.demo.LIVE_FROM`; distances between times are kept. Run twice, it writes the same
bytes.
"""

import argparse
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from msgspec import to_builtins
from msgspec.structs import replace

from schemas.codes.concepts import CONCEPTS
from schemas.codes.drugs import DRUGS
from schemas.events import Action, Event, Movement, Note, Reading, Treatment
from schemas.frozen import to_json
from streams.adapters import long, mimic3
from streams.adapters.demo import DATA, LIVE_FROM, moved
from streams.adapters.stay import Stay

HISTORY = timedelta(hours=6)  # all that became known so long before the window opens comes along
BASELINE = timedelta(hours=48)  # of older results and measurements the last one of each concept, if not older than this
TREATED = timedelta(hours=24)  # treatments that rules may still ask for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="folder of the MIMIC-III demo 1.4")
    parser.add_argument("--out", type=Path, default=DATA / "demo")
    given = parser.parse_args()
    chosen = tomllib.loads((given.out / "stays.toml").read_text(encoding="utf-8"))["stay"]
    stays = {stay.encounter: stay for stay in mimic3.read(given.source)}
    rows = [row for choice in chosen for row in _rows(stays[str(choice["icustay"])], choice)]
    frame = pl.DataFrame(rows, schema=dict(long.COLUMNS), orient="row")
    out = given.out / "events.parquet"
    frame.write_parquet(out, compression="zstd", compression_level=19, statistics=False)
    print(f"{out}: {len(chosen)} stays, {frame.height} events, {out.stat().st_size / 2**20:.2f} MiB")


def _rows(stay: Stay, choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    opens = stay.start + timedelta(hours=choice["opens_h"])
    closes = opens + timedelta(hours=choice["hours"])
    name = choice["bed"].lower().replace(" ", "-")
    for known in cut(stay.events, opens, closes):
        event = replace(moved(known, LIVE_FROM - opens), encounter=name)
        is_admission = isinstance(event, Movement) and event.action == "admit"
        yield _row(replace(event, bed=choice["bed"]) if is_admission else event)


def cut(events: Sequence[Event], opens: datetime, closes: datetime) -> list[Event]:
    """The events of a window, and of what was known before it as much as trends, baselines and rules need."""
    kept = [e for e in events if opens - HISTORY < e.available_at <= closes]
    before = [e for e in events if e.available_at <= opens - HISTORY]
    last: dict[tuple[str, str], Event] = {}
    for event in before:
        match event:
            case Reading() if event.concept in ("weight", "height") or opens - event.observed_at <= BASELINE:
                last["reading", event.concept] = event
            case Movement(action="admit" | "update"):
                last["movement", event.action] = event
            case Treatment() if event.action in (Action.START, Action.CHANGE, Action.STOP):
                last["running", event.item] = event
            case Note() if event.title == "Reason for admission":
                last["note", ""] = event
            case _:
                pass
    ended = [key for key, e in last.items() if isinstance(e, Treatment) and e.action is Action.STOP]
    recent = [e for e in before if isinstance(e, Treatment) and opens - e.observed_at <= TREATED]
    older = [e for key, e in last.items() if key not in ended and e not in recent]
    return sorted((*older, *recent, *kept), key=lambda e: e.available_at)


def _row(event: Event) -> dict[str, Any]:
    """The event in wire terms: with its unit, without what has its default."""
    row = to_builtins(event, builtin_types=(datetime,))
    row = {name: str(cell) if isinstance(cell, str) else cell for name, cell in row.items() if name in long.COLUMNS}
    match event:
        case Reading() if event.value is not None:
            row["unit"] = CONCEPTS[event.concept].unit
        case Treatment() if event.rate is not None:
            row["rate_unit"] = DRUGS[event.item].rate_unit
        case Movement() if event.patient is not None:
            row["patient"] = to_json(event.patient).decode()
        case _:
            pass
    return row


if __name__ == "__main__":
    main()
