"""What a judgement, a cohort, a bed and a service cost, against the budgets: with our own files, and with 21.

    python -m benchmarks.budgets PATH [--part steps replay beds shell load start] [--files 3 21] [--write]

PATH is a PhysioNet 2019 parquet file. Times are CPU time of this process unless a name says `wall`; a machine whose
other cores are busy still slows a CPU second down, so `machine.load` says how busy it was. `--write` puts the result
into `result.json` beside this file, part by part. Nothing here is random.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.budgets.book import write as write_book
from benchmarks.budgets.parts import measured
from guidelines.book.load import KNOWLEDGE

OWN_FILES = 3  # of the project; the others are the book of 21 that is made from them
PARTS = ("steps", "replay", "beds", "shell", "load", "start")


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("path", type=Path)
    asked.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    asked.add_argument("--files", nargs="+", type=int, default=[3, 21])
    asked.add_argument("--stays", type=int, default=100)
    asked.add_argument("--write", action="store_true", help="put the result beside this file, part by part")
    given = asked.parse_args()
    target = Path(__file__).with_name("result.json")
    with TemporaryDirectory() as folder:
        write_book(Path(folder))
        for count in given.files:
            rules = KNOWLEDGE if count == OWN_FILES else Path(folder)
            for name in given.part:
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    found = pool.submit(measured, name, given.path, rules, given.stays).result()
                print(count, "files:", name, json.dumps(found), flush=True)
                if given.write:
                    _keep(target, f"{count} files", name, found)


def _keep(target: Path, files: str, name: str, found: dict[str, Any]) -> None:
    result = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    result.setdefault(files, {})[name] = found
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
