"""How often the system speaks, of what, and whether it sees its reasons: `python -m benchmarks.alerts`.

Replays the demo's real stays and a drawn sample of the 2019 challenge, and writes `result.json` beside itself: alerts
raised or worsened per patient-day by rule, hours at each level with reasons seen and not seen, the noisiest stays.

    python -m benchmarks.alerts --challenge2019 FOLDER [--stays 200] [--seed 8] [--keep FOLDER]
"""

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from streams.adapters.demo import VIGNETTES
from streams.cohorts.replay import Job, replay
from streams.core.policy import Policy

HERE = Path(__file__).parent
NOISIEST = 10
LOUD = ("raised", "worsened")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--challenge2019", type=Path)
    options.add_argument("--stays", type=int, default=200)
    options.add_argument("--seed", type=int, default=8)
    options.add_argument("--keep", type=Path)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        kept = given.keep or Path(temporary)
        replay(Job(Path("data"), "demo", Policy()), kept / "demo", 2)
        found["demo, real stays"] = measured(
            kept / "demo", skip=[f"vignette-{name.removeprefix('V')}" for name in VIGNETTES]
        )
        if given.challenge2019 is not None:
            sample = kept / "sample.parquet"
            _drawn(given.challenge2019, sample, given.stays, given.seed)
            replay(Job(sample, "challenge2019", Policy()), kept / "challenge2019", 2)
            found["challenge 2019"] = measured(kept / "challenge2019") | {"stays": given.stays, "seed": given.seed}
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if given.write:
        results = HERE / "result.json"
        before = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
        text = json.dumps({**before, **found}, indent=1, ensure_ascii=False)  # what was not measured again stays
        results.write_text(text + "\n", encoding="utf-8")


def _drawn(folder: Path, to: Path, stays: int, seed: int) -> None:
    """A sample of stays, half of each hospital."""
    drawn = []
    for name in ("setA", "setB"):
        rows = pl.read_parquet(folder / f"{name}.parquet")
        key = rows.columns[0]
        ids = rows[key].unique().sort().sample(stays // 2, seed=seed)
        drawn.append(rows.filter(pl.col(key).is_in(ids.implode())))
    pl.concat(drawn, how="diagonal").write_parquet(to)


def measured(out: Path, skip: Iterable[str] = ()) -> dict[str, Any]:
    """What was said over a replay, per patient-day."""
    left_out = set(skip)
    hours = _hours(out)
    days = sum(h for stay, h in hours.items() if stay not in left_out) / 24
    said: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    by_stay: Counter[str] = Counter()
    for event in _events(out):
        alert = event["alert"]
        if alert["encounter"] in left_out:
            continue
        changes[event["change"]] += 1
        if event["change"] in LOUD:
            said[f"{event['change']} {alert['finding']['rule']}"] += 1
            by_stay[alert["encounter"]] += 1
    return {
        "patient_days": round(days, 1),
        "raised or worsened per patient-day": round(sum(said.values()) / days, 2),
        "by rule, per patient-day": {rule: round(n / days, 3) for rule, n in said.most_common()},
        "changes": dict(changes.most_common()),
        "hours at a level": _levels(out, left_out),
        "noisiest stays": {stay: round(n / (hours[stay] / 24), 1) for stay, n in by_stay.most_common(NOISIEST)},
    }


def _hours(out: Path) -> dict[str, float]:
    """Hours of each stay, as its risk rows tell."""
    per = pl.read_parquet(out / "risks.parquet").group_by("encounter").agg(pl.col("time").max())
    return dict(zip(per["encounter"], per["time"], strict=True))


def _events(out: Path) -> Iterator[dict[str, Any]]:
    with (out / "alerts.ndjson").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _levels(out: Path, left_out: set[str]) -> dict[str, dict[str, float]]:
    """Hours that alerts stood at each level, with their reasons seen and not seen."""
    since: dict[str, tuple[datetime, str, str]] = {}
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for event in _events(out):
        alert, at = event["alert"], datetime.fromisoformat(event["at"])
        if alert["encounter"] in left_out:
            continue
        if alert["id"] in since:
            begin, level, seen = since.pop(alert["id"])
            spent[level][seen] += (at - begin) / timedelta(hours=1)
        if event["change"] != "resolved":
            past = alert["finding"]["sentence"]["template"].startswith("As of ")
            unseen = "unseen_since" in alert and alert["unseen_since"] is not None
            since[alert["id"]] = at, alert["level"], "not seen" if unseen else "no longer" if past else "seen"
    return {level: {seen: round(h, 1) for seen, h in by.items()} for level, by in spent.items()}


if __name__ == "__main__":
    main()
