"""`foreshock train`: fits the network, and keeps a log."""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from infra.commands.logged import logged

BUILD = Path("build/train")  # checkpoints and the log


class CannotTrain(Exception):
    """What is missing to begin, or why it was stopped."""


def run_train(data: Path, out: Path, at_most: int | None, console: Console, build: Path = BUILD) -> None:
    """Write `weights.safetensors` and `manifest.json` into `out`."""
    if find_spec("torch") is None:
        raise CannotTrain("torch is not installed: start it with ./run train, or see docs/benchmarks.md")
    if not data.is_dir():
        raise CannotTrain(f"no folder {data}")
    from forecasting.training.canary import Leak  # noqa: PLC0415, what needs torch is loaded only here
    from forecasting.training.serve import serve  # noqa: PLC0415

    with logged(build / "network.log", console) as say:
        try:
            serve(data, out, build, f"{datetime.now(UTC):%Y-%m-%d}", say, at_most)
        except Leak as problem:
            raise CannotTrain(f"what is read knows the future: {problem}") from None
