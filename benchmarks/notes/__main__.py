"""Precision and recall of the reader of notes, per status, with 95 % intervals, and what reading costs.

    python -m benchmarks.notes FILE… [--misses] [--folds] [--row NAME]

FILE holds labelled notes (`tests/knowledge/notes/open.toml`); `scoring.py` says what counts as right. `--misses` lists
every fault with its note, `--folds` scores five parts of the notes apart, `--row` keeps the figures in `result.json`
beside this file.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.notes.scoring import AT, Score, labelled, scored
from guidelines.notes.reading import read
from schemas.events import NOTE_CHARS_MAX, Note

FOLDS = 5
WORST = 25
USUAL_CHARS = 4_096
ROUNDS = 7
TURNS = 100_000


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("files", type=Path, nargs="+", metavar="FILE")
    asked.add_argument("--misses", action="store_true", help="list every fault with its note")
    asked.add_argument("--folds", action="store_true", help="score five parts of the notes apart")
    asked.add_argument("--row", metavar="NAME", help="keep the figures in result.json under this name")
    given = asked.parse_args()
    notes = [note for path in given.files for note in labelled(path)]
    score = scored(notes)
    print(f"{score.notes} notes")
    print(table(score))
    if given.folds:
        for fold in range(FOLDS):
            part = scored(note for note in notes if fold_of(note["text"]) == fold)
            print(f"\npart {fold}: {part.notes} notes")
            print(table(part))
    print("\n" + "\n".join(f"{count:4d}  {name}" for name, count in score.worst(WORST)))
    if given.misses:
        print(faults(score))
    cost = speed([note["text"] for note in notes])
    print(json.dumps(cost))
    if given.row:
        keep(given.row, {"files": [p.name for p in given.files], "notes": score.notes, **score.shown(), "speed": cost})


def fold_of(text: str) -> int:
    """Which of the five parts a note belongs to: by its words alone, so that it stays there."""
    return int(sha256(text.encode()).hexdigest(), 16) % FOLDS


def table(score: Score) -> str:
    rows = ["             precision                       recall                          unlisted"]
    for name, kept in score.shown().items():
        cells = [
            f"{'–' if rate['share'] is None else format(rate['share'], '.3f'):>5} "
            f"({rate['interval'][0]:.3f}–{rate['interval'][1]:.3f}) of {rate['of']:<6}"
            for rate in (kept["precision"], kept["recall"])
        ]
        rows.append(f"{name:<12} {cells[0]}  {cells[1]}  {kept['unlisted']:>5}")
    return "\n".join(rows)


def faults(score: Score) -> str:
    shown: list[str] = []
    last = ""
    for fault in score.faults:
        if fault.text != last:
            shown.append("\n" + fault.text.strip())
            last = fault.text
        shown.append(f"   {'-' if fault.missed else '+'} {fault.said.status} {fault.said.concept}")
    return "\n".join(shown)


def speed(texts: list[str]) -> dict[str, Any]:
    """CPU time of a note of 4 KB and of one of the largest size, beside a loop of plain Python on the same machine."""
    flow = "\n".join(texts)
    many = (flow + "\n") * (NOTE_CHARS_MAX // len(flow) + 1)
    usual = [flow[k : k + USUAL_CHARS] for k in range(0, max(len(flow) - USUAL_CHARS, 1), USUAL_CHARS)]
    loop = min(_seconds(_loop) for _ in range(ROUNDS))
    each = min(sum(_seconds(partial(_read, text)) for text in usual) for _ in range(ROUNDS)) / len(usual)
    longest = min(_seconds(partial(_read, many[:NOTE_CHARS_MAX])) for _ in range(3))
    return {
        "note_4_kb_ms": round(each * 1000, 2),
        f"note_{NOTE_CHARS_MAX // 1000}_kb_ms": round(longest * 1000, 1),
        "loop_ms": round(loop * 1000, 2),  # a hundred thousand turns
        "note_4_kb_in_loops": round(each / loop, 2),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }


def _read(text: str) -> None:
    read(Note(encounter="e1", text=text, observed_at=AT, available_at=AT))


def _loop() -> None:
    counts: dict[int, int] = {}
    for turn in range(TURNS):
        counts[turn & 255] = counts.get(turn & 255, 0) + turn


def _seconds(work: Callable[[], object]) -> float:
    begun = process_time()
    work()
    return process_time() - begun


def keep(name: str, row: dict[str, Any]) -> None:
    target = Path(__file__).with_name("result.json")
    rows = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    target.write_text(json.dumps({**rows, name: row}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
