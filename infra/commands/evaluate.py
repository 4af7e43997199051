"""`foreshock evaluate`: runs a protocol, keeps a log, and writes the report whenever more of it is known."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from forecasting.protocols.report import Report
from forecasting.protocols.run import Run, UnknownPart
from infra.commands.logged import logged

NEEDED = ("lightgbm", "torch")  # of the extra `train`
BUILD = Path("build/evaluate")  # predictions that were made, and the logs


class CannotEvaluate(Exception):
    """What is missing to begin."""


class Part(NamedTuple):
    """How much of the protocol is run; the report says so."""

    only: tuple[str, ...] = ()
    repeats: int | None = None
    at_most: int | None = None

    @property
    def said(self) -> dict[str, object]:
        asked = {"only": list(self.only), "repeats": self.repeats, "at most": self.at_most}
        return {"part": {name: value for name, value in asked.items() if value}} if any(self) else {}


def run_evaluate(protocol: str, data: Path, out: Path, part: Part, console: Console, build: Path = BUILD) -> None:
    """Write `out/PROTOCOL.json` and `.md`, anew after each step."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise CannotEvaluate(f"not installed: {', '.join(missing)}; start it with ./run evaluate (docs/benchmarks.md)")
    if not data.is_dir():
        raise CannotEvaluate(f"no folder {data}")
    with logged(build / f"{protocol}.log", console) as say:
        module = import_module(f"forecasting.protocols.{protocol}")
        run = Run(data, build, say, only=part.only, repeats=part.repeats, at_most=part.at_most)
        try:
            for report in module.evaluate(run):
                write(report, out, protocol, part)
                say(f"written: {out / protocol}.md")
        except UnknownPart as problem:
            raise CannotEvaluate(problem) from None


def write(report: Report, out: Path, protocol: str, part: Part) -> None:
    """The report with the day on which it was made and how much of the protocol it holds."""
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    replace(report, about={"date": date, **part.said, **report.about}).write(out, protocol)
