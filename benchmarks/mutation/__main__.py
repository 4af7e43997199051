"""The mutation job: what part of the faults put into rules and code the tests notice.

    ./run mutate [--path guidelines/scores.py …] [--sample 200] [--seed 1] [--least 0.9] [--write]

Draws a sample of all mutants of the paths (benchmarks/mutation/mutants.py), runs for each the tests that may notice it
(benchmarks/mutation/trials.py), and prints those that lived. `--write` keeps the result beside this file; what lived
and why that may stand is in explained.toml and docs/mutation.md.
"""

import argparse
import json
import platform
import random
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.mutation.mutants import Mutant, enumerations, mutants_of
from benchmarks.mutation.trials import Map, Trial, mapped, trials_of, warm

ROOT = Path(__file__).resolve().parents[2]
PATHS = ("schemas", "guidelines", "streams/core")
TESTS = ("tests/schemas", "tests/guidelines", "tests/knowledge", "tests/test_limits.py",
         "tests/streams/test_alerting.py", "tests/streams/test_bed.py", "tests/streams/test_cards.py",
         "tests/streams/test_chart.py", "tests/streams/test_failure.py", "tests/streams/test_life.py",
         "tests/streams/test_ordering.py", "tests/streams/test_quality.py", "tests/streams/test_resting.py",
         "tests/streams/test_situations.py", "tests/streams/test_source_clock.py", "tests/streams/test_step.py",
         "tests/streams/test_units.py", "tests/streams/test_view.py", "tests/streams/test_vignettes.py")  # fmt: skip
LIVED = ("survived", "untested")
EXPLAINED = Path(__file__).with_name("explained.toml")


def drawn(paths: Sequence[str], sample: int, seed: int) -> tuple[list[Mutant], int]:
    """A sample of all mutants of some files or folders, and how many there are in all."""
    files = [f for p in paths for f in ([ROOT / p] if (ROOT / p).is_file() else sorted((ROOT / p).rglob("*")))]
    texts = {f: f.read_text(encoding="utf-8") for f in files if f.suffix in (".py", ".toml")}
    python = {str(f): f.read_text(encoding="utf-8") for layer in PATHS for f in (ROOT / layer).rglob("*.py")}
    enumerations(python)
    every = [m for f, text in texts.items() for m in mutants_of(f, text, ROOT)]
    chosen = random.Random(seed).sample(every, min(sample or len(every), len(every)))
    return sorted(chosen), len(every)


def explained() -> Mapping[tuple[str, str, str], str]:
    """Mutants that change nothing anybody could see, by file, line before and line after; and why."""
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).get("mutant", []) if EXPLAINED.exists() else []
    return {(row["path"], row["before"], row["after"]): row["why"] for row in rows}


def tried(mutants: Sequence[Mutant], tests: Map) -> Iterator[Trial]:
    """Each mutant tried, file by file; what lived is said at once."""
    known = explained()
    for path, of in groupby(mutants, key=lambda mutant: mutant.path):
        text = (ROOT / path).read_text(encoding="utf-8")
        trials = trials_of(path, list(of), tests, ROOT)
        for trial in trials:
            before, after = trial.mutant.diff(text)
            if trial.outcome in LIVED and (path, before, after) not in known:
                print(f"{path}:{trial.mutant.line}  {trial.mutant.what}, {trial.outcome}\n  - {before}\n  + {after}")
        counts = Counter(trial.outcome for trial in trials)
        seconds = sum(trial.seconds for trial in trials) / len(trials)
        print(f"{path}: {dict(counts)}, {seconds:.1f} s a mutant", flush=True)
        yield from trials


def result(
    trials: Sequence[Trial], asked: argparse.Namespace, every: int, tests: Map, seconds: float
) -> dict[str, Any]:
    """What is kept: the score, and each mutant that lived with its place and its lines."""
    known = explained()
    lived, alike = [], []
    for trial in trials:
        if trial.outcome not in LIVED:
            continue
        before, after = trial.mutant.diff((ROOT / trial.mutant.path).read_text(encoding="utf-8"))
        row = {"place": f"{trial.mutant.path}:{trial.mutant.line}", "what": trial.mutant.what, "before": before,
               "after": after, "outcome": trial.outcome}  # fmt: skip
        why = known.get((trial.mutant.path, before, after))
        (lived.append(row) if why is None else alike.append(row | {"why": why}))
    noticed = sum(trial.outcome not in LIVED for trial in trials)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "paths": list(asked.path),
        "seed": asked.seed,
        "mutants": every,
        "sampled": len(trials),
        "killed": noticed,
        "of_these_timed_out": sum(trial.outcome == "timed out" for trial in trials),
        "alike": len(alike),
        "score": round(noticed / max(len(trials) - len(alike), 1), 4),
        "seconds": round(seconds),
        "tests": len(tests.seconds),
        "tests_left_out": sorted(tests.failing),
        "survived": lived,
        "changes_nothing": alike,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run mutate", description=__doc__.splitlines()[0])
    parser.add_argument("--path", action="append", help=f"file or folder; default: {', '.join(PATHS)}")
    parser.add_argument("--sample", type=int, default=200, help="how many mutants are tried; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--least", type=float, default=0.0, help="end with 1 below this score")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/mutation/result.json")
    asked = parser.parse_args()
    asked.path = asked.path or list(PATHS)
    start = time.monotonic()
    mutants, every = drawn(asked.path, asked.sample, asked.seed)
    warm()
    tests = mapped(TESTS, ROOT)
    print(f"{len(tests.seconds)} tests, {every} mutants, {len(mutants)} tried", file=sys.stderr, flush=True)
    made = result(list(tried(mutants, tests)), asked, every, tests, time.monotonic() - start)
    print(f"noticed {made['killed']} of {made['sampled'] - made['alike']}: {made['score']:.1%}")
    if asked.write:
        text = json.dumps(made, indent=1, ensure_ascii=False)
        Path(__file__).with_name("result.json").write_text(text + "\n", encoding="utf-8")
    raise SystemExit(made["score"] < asked.least)


if __name__ == "__main__":
    main()
