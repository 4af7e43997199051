"""Four days of a small ward in which beds fall silent, are left and come back: what the tests of resting play.

    python -m tests.streams.ward URL DIE_AT NOTED

feeds it to the embedded shell, and dies as `tests.streams.mortal` does. Not a test.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from schemas.events import Event, Movement, Response, Tick
from streams.shells import log_clock
from streams.shells.embedded import Embedded
from tests.streams.bedside import EIGHT, SHOCK, mind, reading, vitals
from tests.streams.mortal import Mortal

CALM: dict[str, Any] = {"hr": 72, "rr": 14, "spo2": 98, "bp": "124/76", "temp": 36.8}
POORLY: dict[str, Any] = {"hr": 128, "rr": 28, "spo2": 90, "bp": "86/48", "temp": 39.1}
HOURS = 76


def moved(events: Sequence[Event], encounter: str, hours: float) -> Iterator[Event]:
    by = timedelta(hours=hours)
    for event in events:
        times = {"observed_at": event.observed_at + by, "available_at": event.available_at + by}
        yield replace(event, encounter=encounter, **times)


def _left(encounter: str, hours: float) -> Event:
    at = EIGHT + timedelta(hours=hours)
    return Movement(encounter=encounter, action="discharge", observed_at=at, available_at=at)


def _answer(encounter: str, hours: float) -> Event:
    at = EIGHT + timedelta(hours=hours)
    return Response(
        encounter=encounter, alert="0" * 16, verb="acknowledge", by="n", observed_at=at, available_at=at, step=None
    )


def _events() -> Iterator[Event]:
    well, poorly = vitals(0, **CALM), vitals(0, **POORLY)
    yield from SHOCK  # e1 falls silent in the middle of an alert
    for hours in (0, 1, 2):
        yield from moved(well, "silent", hours)
    yield _answer("silent", 40)  # meets nothing that stands
    yield from moved(poorly, "silent", 50)
    yield from moved([*SHOCK], "left", 1)
    yield _left("left", 4)
    yield from moved([reading("lactate", 2.2, 0)], "left", 9)  # a result that comes when he has gone
    yield from moved([replace(SHOCK[0], action="admit"), *poorly], "left", 60)
    yield from moved(poorly, "told-late", 0)
    yield _left("told-late", 6)
    for event in moved([reading("hr", 60, 0)], "told-late", 3):
        yield replace(event, available_at=EIGHT + timedelta(hours=30))


def records() -> list[tuple[datetime, Event | Tick]]:
    """What is logged, when: the events, and every hour that time has passed."""
    hours = (EIGHT + timedelta(hours=hour, seconds=30) for hour in range(1, HOURS))
    told: list[tuple[datetime, Event | Tick]] = [(event.available_at, event) for event in _events()]
    told += [(at, Tick(available_at=at)) for at in hours]
    return sorted(told, key=lambda record: record[0])


async def feed(service: Embedded, tidies: bool = True, noted: Path | None = None) -> list[tuple[int, int]]:
    """The whole story; how many beds were in memory and how many rested after each hour.

    `noted`: where the sender notes how much was taken, so that it goes on from there after a kill.
    """
    counts = []
    taken = int(noted.read_text()) if noted is not None and noted.exists() else 0
    async with service:
        for number, (at, record) in enumerate(records()[taken:], taken + 1):
            if isinstance(record, Tick):
                await service.advance(at)
                if tidies:
                    await service.tidy(at)
                counts.append((len(service.beds), len(service.resting)))
            else:
                await service.submit_event(record, at)
            if noted is not None:
                noted.write_text(str(number))
    return counts


if __name__ == "__main__":
    log_clock.QUIET_S = 0.0  # nothing is on its way: the story is told by its own clock
    mortal = Mortal(sys.argv[1], mind())
    mortal.die_at = int(sys.argv[2])
    asyncio.run(feed(mortal, noted=Path(sys.argv[3])))
