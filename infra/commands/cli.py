"""The command `foreshock`: each subcommand is a few lines that wire the layers together."""

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.kafka.commands import kafka_app, topics_command
from infra.logs import configure_logs
from infra.settings import Settings, SettingsError, read_settings

app = typer.Typer(
    name="foreshock",
    help="Bedside early warning: live readings, notes and treatments become warnings with evidence and a checklist.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local values, which may be a patient's
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"foreshock {installed_version('foreshock')}")
        raise typer.Exit


@app.callback()
def foreshock(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """A decision aid, no medical device, and an adjunct to the monitors' own alarms."""


@app.command()
def settings() -> None:
    """Print the settings in force; docs/settings.md explains them."""
    current = read_settings(os.environ)
    for name in Settings.model_fields:
        typer.echo(f"{name} = {'(not shown)' if name == 'database_url' else getattr(current, name)}")


SPEED_MAX = 3600.0


class Format(StrEnum):
    """The formats that a cohort may come in: the names of `streams.adapters.READERS`."""

    CHALLENGE2012 = "challenge2012"
    CHALLENGE2019 = "challenge2019"
    MIMIC3 = "mimic3"
    CLIF = "clif"
    NDJSON = "ndjson"
    DEMO = "demo"


From = Annotated[Format, typer.Option("--from", help="The format of the data.")]


def _fail(sentence: object, status: int = 2) -> typer.Exit:
    print(f"foreshock: {sentence}", file=sys.stderr)
    return typer.Exit(status)


def _of_the_system(problem: OSError) -> str:
    """What the system said, and of which file."""
    return f"{problem.strerror}: {problem.filename}" if problem.strerror and problem.filename else str(problem)


def _prepared(**given: object) -> Settings:
    """The settings in force, with what was given on the command line; logging begins."""
    current = read_settings(os.environ)
    current = Settings.model_validate(current.model_dump() | {k: v for k, v in given.items() if v is not None})
    configure_logs(current.log_level)
    return current


Port = Annotated[int | None, typer.Option(help="Port of the board.", min=0, max=65_535, show_default="8000")]
Host = Annotated[str | None, typer.Option(help="Address the board listens on.", show_default="127.0.0.1")]


@app.command()
def demo(
    speed: Annotated[float, typer.Option(help="Times as fast as real time.", min=0.1, max=SPEED_MAX)] = 60.0,
    port: Port = None,
    host: Host = None,
    kafka: Annotated[bool, typer.Option("--kafka", help="Carry it over a local Apache Kafka.")] = False,
) -> None:
    """Play real ICU stays and two fictional patients behind the board. Ctrl-C stops."""
    from guidelines.book.check import BadBook
    from infra.kafka import KafkaProblem

    current = _prepared(port=port, host=host)
    console = Console(stderr=True)
    console.print("Foreshock begins …")  # the libraries take some seconds to load
    from infra.web import PortTaken

    try:
        if kafka:
            from infra.kafka.demo import run_demo
        else:
            from infra.commands.demo import run_demo
        run_demo(current, speed, console)
    except (PortTaken, KafkaProblem, BadBook) as problem:
        raise _fail(problem) from None
    except OSError as problem:
        raise _fail(_of_the_system(problem)) from None


@app.command()
def serve(port: Port = None, host: Host = None) -> None:
    """Run the embedded service: wire messages come in at POST /api/events, the board is at /. Ctrl-C stops."""
    from guidelines.book.check import BadBook
    from infra.commands.serve import CannotServe, run_service
    from infra.web import PortTaken

    try:
        run_service(_prepared(port=port, host=host), Console(stderr=True))
    except (PortTaken, BadBook) as problem:
        raise _fail(problem) from None
    except CannotServe as problem:
        raise _fail(problem, 1) from None


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(help="The data: a file or folder of the format.")],
    source: From,
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    processes: Annotated[
        int, typer.Option(help="Processes that share the stays.", min=1, max=64, show_default="one per processor")
    ] = os.cpu_count() or 1,
) -> None:
    """Replay a cohort through the live service's own `step`; writes risks, forecasts, alerts and a manifest."""
    from guidelines.book.check import BadBook
    from infra.commands.replay import run_replay
    from streams.adapters import WrongFormat

    try:
        run_replay(path, source.value, out, processes, _prepared(), Console(stderr=True))
    except (WrongFormat, BadBook) as problem:
        raise _fail(problem) from None
    except OSError as problem:
        raise _fail(_of_the_system(problem)) from None


class Protocol(StrEnum):
    """What forecasts and warnings are measured on: the modules of `forecasting.protocols` that report."""

    SEPSIS2019 = "sepsis2019"
    DETERIORATION = "deterioration"
    MORTALITY2012 = "mortality2012"
    FORECAST2012 = "forecast2012"


@app.command()
def evaluate(
    protocol: Annotated[Protocol, typer.Argument(help="What to measure.")],
    data: Annotated[Path, typer.Option(help="Folder with challenge2019 and challenge2012.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("benchmarks/forecasting"),
    only: Annotated[
        list[str] | None, typer.Option(help="Only this selection of features or this variable; may be repeated.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(help="Only the first so many folds or seeds.", min=1)] = None,
    at_most: Annotated[int | None, typer.Option(help="Only so many stays, to try it out.", min=100)] = None,
) -> None:
    """Measure the baselines on open data, into a report. Ctrl-C stops; the same command goes on."""
    from infra.commands.evaluate import CannotEvaluate, Part, run_evaluate

    _prepared()
    try:
        run_evaluate(protocol.value, data, out, Part(tuple(only or ()), repeats, at_most), Console(stderr=True))
    except CannotEvaluate as problem:
        raise _fail(problem) from None
    except OSError as problem:
        raise _fail(_of_the_system(problem)) from None


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder with challenge2019.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights and what describes them.")],
    at_most: Annotated[
        int | None, typer.Option(help="Only so many stays of each hospital, to try it out.", min=100)
    ] = None,
) -> None:
    """Fit the network of crossings on open data. Ctrl-C stops; the same command goes on after the last epoch."""
    from infra.commands.train import CannotTrain, run_train

    _prepared()
    try:
        run_train(data, out, at_most, Console(stderr=True))
    except CannotTrain as problem:
        raise _fail(problem) from None
    except OSError as problem:
        raise _fail(_of_the_system(problem)) from None


@app.command()
def recalibrate(
    cohort: Annotated[Path | None, typer.Argument(help="The hospital's own past stays.", show_default=False)] = None,
    source: Annotated[Format | None, typer.Option("--from", help="The format of the data.")] = None,
    processes: Annotated[
        int, typer.Option(help="Processes that share the stays.", min=1, max=64, show_default="one per processor")
    ] = os.cpu_count() or 1,
    listed: Annotated[bool, typer.Option("--list", help="Say which versions are kept, and which is in force.")] = False,
    use: Annotated[str | None, typer.Option(help="Put a version in force that was kept.", metavar="VERSION")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Go back to what was in force before.")] = False,
) -> None:
    """Set chances right on a hospital's own past patients: before and after are shown, and each step can be undone."""
    from infra.commands import recalibrate as command

    current, now, console = _prepared(), datetime.now(UTC), Console(stderr=True)
    if [cohort is not None, listed, use is not None, undo].count(True) != 1 or (cohort is None) != (source is None):
        raise _fail("expected a COHORT with its --from, or one of --list, --use and --undo")
    try:
        if cohort is not None and source is not None:
            command.run_recalibrate(cohort, source.value, processes, current, now, console)
        elif listed:
            command.listed(current, console)
        elif use is not None:
            command.use(use, current, now, console)
        else:
            command.undo(current, now, console)
    except command.CannotRecalibrate as problem:
        raise _fail(problem) from None
    except OSError as problem:
        raise _fail(_of_the_system(problem)) from None


@app.command()
def ask(
    encounter: Annotated[str, typer.Argument(help="The stay.")],
    question: Annotated[str, typer.Argument(help='In plain English: "chance of MAP below 65 in the next 6 hours?"')],
    at: Annotated[str | None, typer.Option(help="As of when: 14:05, or 2026-03-01T14:05.", show_default="now")] = None,
) -> None:
    """Ask about one stay in plain English: how it was read, then the answer, or what can be asked. Changes nothing."""
    from guidelines.book.check import BadBook
    from infra.commands.ask import CannotAsk, run_ask
    from streams.stores.failures import StoreFailed

    try:
        asked, lines = run_ask(_prepared(), encounter, question, at)
    except (BadBook, CannotAsk) as problem:
        raise _fail(problem) from None
    except StoreFailed as problem:
        raise _fail(f"the store cannot be read: {problem}", 1) from None
    for line in lines:
        typer.echo(line)
    raise typer.Exit(0 if asked.odds is not None or asked.truth is not None else 1)


@app.command()
def teach(  # noqa: PLR0913, PLR0917, the words of a command
    name: Annotated[str | None, typer.Argument(help="What it is called in rules.", show_default=False)] = None,
    examples: Annotated[Path | None, typer.Option(help="CSV or NDJSON: encounter, time, label 0 or 1.")] = None,
    cohort: Annotated[Path | None, typer.Option(help="The stays that they are of.")] = None,
    source: Annotated[Format | None, typer.Option("--from", help="The format of the stays.")] = None,
    within: Annotated[float | None, typer.Option(help="How far ahead the labels look, in hours.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say what was taught, and what is in force.")] = False,
    use: Annotated[str | None, typer.Option(help="Put a version in force that was kept.", metavar="VERSION")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Go back to what was in force before.")] = False,
) -> None:
    """Teach the model a named event by 10 to 300 labelled stays; refused where it is not better than the base rate."""
    from guidelines.book.check import BadBook
    from infra.commands import teach as command

    current, now, console = _prepared(), datetime.now(UTC), Console(stderr=True)
    task = command.task(name, within, examples, cohort, source and source.value)
    given = [one is not None for one in (examples, cohort, source, within)]
    if [any(given), listed, use is not None, undo].count(True) != 1 or (any(given) and task is None):
        raise _fail(
            "expected a NAME with --examples, --cohort, --from and --within, or one of --list, --use and --undo"
        )
    try:
        if task is not None:
            command.run_teach(task, current, now, console)
        elif listed:
            command.listed(current, console)
        else:
            command.stepped(name, use, current, now, console)
    except (command.CannotTeach, BadBook) as problem:
        raise _fail(problem) from None
    except OSError as problem:
        raise _fail(_of_the_system(problem)) from None


@app.command()
def check() -> None:
    """Look whether this installation can serve: settings, rules, model, browser libraries, store."""
    from infra.commands.check import findings

    bad = False
    for finding in findings(_prepared()):
        typer.echo(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}: {finding.says}")
        bad = bad or not finding.ok
    raise typer.Exit(1 if bad else 0)


# --- Kafka ---------------------------------------------------------------------------------------------------------


Bootstrap = Annotated[str | None, typer.Option(help="Brokers as host:port.", show_default="127.0.0.1:9092")]

app.add_typer(kafka_app)


@app.command()
def topics(bootstrap: Bootstrap = None) -> None:
    """Create the Kafka topics that are missing, and say how each one stands."""
    current = _prepared(kafka_bootstrap=bootstrap)
    topics_command(current.kafka_bootstrap, current.kafka_partitions)


@app.command()
def feed(
    path: Annotated[Path, typer.Argument(help="The data: a file or folder of the format.")],
    source: From,
    speed: Annotated[float, typer.Option(help="Times as fast as real time; 0: as fast as it goes.", min=0)] = 60.0,
    together: Annotated[bool, typer.Option("--together", help="All stays begin at the same moment.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Play recorded stays onto the input topics, for a router with `--timing feed`."""
    from infra.kafka.run import feed_command

    feed_command(path, source.value, speed, _prepared(kafka_bootstrap=bootstrap).kafka_bootstrap, together=together)


class Timing(StrEnum):
    """Where log time comes from: the moment of receipt, or what a feed says."""

    RECEIPT = "receipt"
    FEED = "feed"


@app.command()
def router(
    timing: Annotated[Timing, typer.Option(help="Log time: the moment of receipt, or a feed's.")] = Timing.RECEIPT,
    bootstrap: Bootstrap = None,
) -> None:
    """Write the input topics into the one ordered `events` topic; start at least one worker beside it."""
    from infra.kafka.run import router_command

    current = _prepared(kafka_bootstrap=bootstrap)
    router_command(current, current.kafka_bootstrap, timing.value)


@app.command()
def worker(bootstrap: Bootstrap = None) -> None:
    """Judge the `events` topic (Faust); start a router beside it, and as many workers as the hospital needs."""
    from infra.kafka.run import worker_command

    current = _prepared(kafka_bootstrap=bootstrap)
    worker_command(current, current.kafka_bootstrap)


def main() -> None:
    """Run the command; wrong settings end it with one sentence and status 2."""
    try:
        app()
    except SettingsError as problem:
        print(f"foreshock: {problem}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
