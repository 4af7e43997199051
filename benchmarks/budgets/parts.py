"""What is measured of a judgement, a cohort, a bed and a service (`python -m benchmarks.budgets`)."""

import asyncio
import gc
import os
import platform
import resource
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, process_time
from typing import Any

import msgspec
import polars as pl

from forecasting.network import forecaster
from guidelines.book.load import load
from infra.garbage import collect_young, spare_the_old
from schemas.events import Event, Reading, Source
from schemas.events.wire import encode
from streams.adapters import READERS
from streams.adapters.demo import LIVE_FROM
from streams.adapters.stay import Stay
from streams.cohorts.replay import Job, replay
from streams.core.bed import Bed
from streams.core.judge import Mind
from streams.core.step import Turn, run, step, wakes_at
from streams.shells.embedded import Embedded
from streams.stores.codec import whole

WARM_UP = 10
SOON = timedelta(milliseconds=1)
BEDS = 1_000
VITALS = (("hr", 88.0), ("rr", 18.0), ("spo2", 96.0), ("sbp", 112.0), ("map", 78.0))
DATA = Path(__file__).parents[2] / "data"


def _ms(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3)


# -- one step


def steps(path: Path, mind: Mind, stays: int) -> dict[str, Any]:
    """CPU of the steps that judge: hourly stays, and the minute-level demo with its standing alerts."""
    hourly = islice(READERS["challenge2019"](path), WARM_UP + stays)
    return {"hourly": _stepped(hourly, mind, WARM_UP), "minutes": _stepped(READERS["demo"](DATA), mind, 1)}


def _stepped(stays: Iterable[Stay], mind: Mind, warm_up: int) -> dict[str, float]:
    judging: list[float] = []
    largest, hours = 0, 0.0
    for number, stay in enumerate(stays):
        bed = Bed(stay.encounter)
        end = stay.events[-1].available_at + timedelta(hours=1)
        for now, events in [*_moments(stay.events), (end, ())]:
            times = judging if number >= warm_up else []
            while (alarm := wakes_at(bed, mind.policy)) is not None and alarm + SOON < now:
                bed = _timed(bed, (), alarm + SOON, mind, times)
            bed = _timed(bed, events, now, mind, times)
        hours += (end - stay.events[0].available_at) / timedelta(hours=1)
        largest = max(largest, len(whole(bed)))
    return {
        "judging_steps": len(judging),
        "p50_ms": _ms(judging, 0.5),
        "p99_ms": _ms(judging, 0.99),
        "max_ms": _ms(judging, 1.0),
        "largest_bed_saved_bytes": largest,
    }


def _timed(bed: Bed, events: Sequence[Event], now: datetime, mind: Mind, times: list[float]) -> Bed:
    """The bed after a step; its time is kept if anything was judged. A service wakes a bed at its own alarms, too."""
    before, began = bed.judged_at, process_time()
    bed, _ = step(bed, events, now, mind)
    took = process_time() - began
    if bed.judged_at != before:
        times.append(took)
    return bed


def _moments(events: Iterable[Event]) -> list[tuple[datetime, tuple[Event, ...]]]:
    return [(now, tuple(own)) for now, own in groupby(events, attrgetter("available_at"))]


# -- a cohort


def cohort(path: Path, rules: Path, stays: int) -> dict[str, Any]:
    """The first stays of the file through `streams.cohorts.replay`, in two processes, with starting up and writing."""
    with TemporaryDirectory() as folder:
        part = Path(folder) / "part.parquet"
        rows = pl.read_parquet(path)
        first = rows["patient_id"].unique(maintain_order=True).head(stays)
        rows.filter(pl.col("patient_id").is_in(first.implode())).write_parquet(part)
        before, began = _cpu(), perf_counter()
        manifest = replay(Job(part, "challenge2019", rules=rules), Path(folder) / "out", processes=2)
        cpu, wall = _cpu() - before, perf_counter() - began
    hours = manifest["counts"]["patient_hours"]
    return {
        "patient_hours": hours,
        "patient_hours_per_wall_s": round(hours / wall),
        "patient_hours_per_cpu_s": round(hours / cpu),
    }


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


# -- a thousand beds in memory


def beds(mind: Mind) -> dict[str, Any]:
    """Resident memory of a bed, of a thousand with the hours before the demo begins, each made of its own events."""
    stays = list(READERS["demo"](DATA))
    histories = [[e for e in stay.events if e.available_at < LIVE_FROM] for stay in stays]
    gc.collect()
    before = _resident_bytes()
    living: dict[str, Bed] = {}
    for number in range(BEDS):
        name = f"bed-{number}"
        events = [_copied(event, name) for event in histories[number % len(histories)]]
        turns = [Turn(now, own) for now, own in _moments(events)]
        living |= run({name: Bed(name)}, {name: [*turns, Turn(LIVE_FROM)]}, mind)
    gc.collect()
    sizes = [len(whole(bed)) for bed in islice(living.values(), 60)]
    return {
        "beds": BEDS,
        "readings_of_a_bed": round(sum(len(row) for b in living.values() for row in b.chart.readings.values()) / BEDS),
        "resident_kib_per_bed": round((_resident_bytes() - before) / BEDS / 1024),
        "saved_kib_per_bed": round(sum(sizes) / len(sizes) / 1024, 1),
    }


def _copied(event: Event, encounter: str) -> Event:
    again: Event = msgspec.json.decode(msgspec.json.encode(event), type=Event)
    return msgspec.structs.replace(again, encounter=encounter)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# -- the embedded shell


def shell(mind: Mind) -> dict[str, Any]:
    """Messages of 5 vitals a CPU second takes: 25 beds, each with 20 minutes of history at a minute's pace."""
    return asyncio.run(_shell(mind, beds=25, history=20, messages=1_500))


async def _shell(mind: Mind, beds: int, history: int, messages: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        async with Embedded(f"sqlite:///{folder}/bench.sqlite", mind) as service:
            now = datetime.fromisoformat("2026-01-02T08:00:00+00:00")
            for _ in range(history):
                now += timedelta(minutes=1)
                await asyncio.gather(*(service.submit(_message(f"e{b}", now), now) for b in range(beds)))
            await service.advance(now + timedelta(seconds=5))
            spare_the_old()
            young = asyncio.create_task(collect_young())
            cpu, began, sent = process_time(), perf_counter(), 0
            while sent < messages:
                now += timedelta(minutes=1)
                await asyncio.gather(*(service.submit(_message(f"e{b}", now), now) for b in range(beds)))
                sent += beds
            await service.advance(now + timedelta(seconds=5))
            cpu, wall = process_time() - cpu, perf_counter() - began
            await _ended(young)
    return {"messages": sent, "messages_per_cpu_s": round(sent / cpu), "messages_per_wall_s": round(sent / wall)}


def _message(encounter: str, at: datetime) -> bytes:
    wobble = (at.minute * 7 + len(encounter)) % 5
    times: dict[str, Any] = {"encounter": encounter, "observed_at": at, "available_at": at, "source": Source.MONITOR}
    records = b",".join(encode(Reading(**times, concept=c, value=v + wobble)) for c, v in VITALS)
    return b'{"v":1,"kind":"batch","records":[' + records + b"]}"


def load_of(mind: Mind) -> dict[str, Any]:
    """A thousand beds, a message of 5 vitals of each every 10 s: cores that it takes, and the longest pause."""
    return asyncio.run(_load(mind, rounds=6))


async def _load(mind: Mind, rounds: int) -> dict[str, Any]:
    pauses: list[float] = []
    with TemporaryDirectory() as folder:
        async with Embedded(f"sqlite:///{folder}/bench.sqlite", mind) as service:
            now = datetime.fromisoformat("2026-01-02T08:00:00+00:00")

            async def once(at: datetime) -> None:
                for start in range(0, BEDS, 50):
                    moment = at + timedelta(seconds=start / 100)
                    names = [f"e{b}" for b in range(start, min(start + 50, BEDS))]
                    await asyncio.gather(*(service.submit(_message(name, moment), moment) for name in names))

            for minute in range(3):
                await once(now + timedelta(minutes=minute))
            now += timedelta(minutes=3)
            spare_the_old()
            watch, young = asyncio.create_task(_watch(pauses)), asyncio.create_task(collect_young())
            cpu = process_time()
            for turn in range(rounds):
                await once(now + timedelta(seconds=10 * turn))
            await service.advance(now + timedelta(seconds=10 * rounds))
            cpu = process_time() - cpu
            await _ended(watch, young)
    return {
        "beds": BEDS,
        "cores": round(cpu / (10 * rounds), 2),
        "longest_pause_wall_ms": round(1000 * max(pauses)),
        "pause_p99_wall_ms": _ms(pauses, 0.99),
    }


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(pauses: list[float]) -> None:
    while True:
        began = perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(perf_counter() - began - 0.001)


# -- the start


def start() -> dict[str, Any]:
    """Seconds from the command to the first answer of an installed service."""
    with TemporaryDirectory() as folder:
        port = 18_473
        env = {**os.environ, "FORESHOCK_DATA_DIR": folder, "FORESHOCK_PORT": str(port)}
        began = monotonic()
        service = subprocess.Popen(
            [sys.executable, "-m", "infra.commands.cli", "serve"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while monotonic() - began < 30:
                with suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                    break
            took = monotonic() - began
        finally:
            service.terminate()
            service.wait()
    return {"first_answer_wall_s": round(took, 2)}


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "loop_s": round(min(_loop() for _ in range(5)), 3),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "msgspec": msgspec.__version__,
        "polars": pl.__version__,
    }


def _loop() -> float:
    """CPU seconds of three million turns of plain Python: how fast this machine is, to compare results of several."""
    began = process_time()
    counts: dict[int, int] = {}
    for turn in range(3_000_000):
        counts[turn % 1000] = counts.get(turn % 1000, 0) + turn
    return process_time() - began


def measured(name: str, path: Path, rules: Path, stays: int) -> dict[str, Any]:
    """One part, in a process of its own: what the parts before it left in memory is no part of it."""
    mind = Mind(load(rules), forecaster.load())
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "steps": lambda: steps(path, mind, stays),
        "replay": lambda: cohort(path, rules, 4 * stays),
        "beds": lambda: beds(mind),
        "shell": lambda: shell(mind),
        "load": lambda: load_of(mind),
        "start": start,
    }
    return {**parts[name](), "machine": _machine()}
