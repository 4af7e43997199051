"""`foreshock kafka up|down|status` and `foreshock topics`: what they print, and the status they end with."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from infra.kafka import KafkaProblem, broker
from infra.kafka.broker import VERSION, Broker
from infra.kafka.probe import answers

DIFFERS, PROBLEM = 1, 2
T = TypeVar("T")

State = Annotated[
    Path | None, typer.Option("--state", help="Folder of the broker's data, settings and log.", show_default=False)
]

kafka_app = typer.Typer(name="kafka", help=f"Run Apache Kafka {VERSION} on this machine.", no_args_is_help=True)


@kafka_app.command()
def up(
    state: State = None,
    port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Port for clients; by default the one it had last, at first 9092."),
    ] = None,
) -> None:
    """Start the broker, fetching its 44 MB of jars the first time, and wait until it answers."""
    folder = state or broker.default_state()
    before = broker.running(folder)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Kafka's jars", total=None)
        ready = _or_say_why(
            lambda: broker.up(folder, port, progress=lambda here, of: bar.update(task, completed=here, total=of))
        )
    _say(ready, "is already up" if before else "is up")


@kafka_app.command()
def down(state: State = None) -> None:
    """Stop the broker; its data stay."""
    folder = state or broker.default_state()
    stopped = _or_say_why(lambda: broker.down(folder))
    typer.echo(f"Kafka at {stopped.bootstrap} is stopped." if stopped else f"No Kafka runs in {folder}.")


@kafka_app.command()
def status(state: State = None) -> None:
    """Say whether the broker runs and answers; ends with 0 if it does, with 1 if not."""
    folder = state or broker.default_state()
    there = broker.running(folder)
    if there is None:
        typer.echo(f"No Kafka runs in {folder}.")
        raise typer.Exit(DIFFERS)
    if not answers(there.bootstrap):
        _say(there, "runs but does not answer")
        raise typer.Exit(DIFFERS)
    _say(there, "is up")


def topics_command(bootstrap: str, partitions: int) -> None:
    """Create the topics that are missing and print how each one stands; ends with 1 if one is not as declared."""
    from infra.kafka.topics import Outcome, create

    states = _or_say_why(lambda: create(bootstrap, partitions))
    for state in states:
        typer.echo(f"{state.topic:<12} " + "; ".join((state.outcome, *state.differences)))
    if any(state.outcome is Outcome.DRIFT for state in states):
        typer.echo("What differs was left as it is: change it with Kafka's own tools, or declare it so.", err=True)
        raise typer.Exit(DIFFERS)


def _say(there: Broker, how: str) -> None:
    typer.echo(f"Kafka {VERSION} {how} at {there.bootstrap} (process {there.pid}, log {there.state / 'broker.log'}).")


def _or_say_why(act: Callable[[], T]) -> T:
    try:
        return act()
    except KafkaProblem as problem:
        typer.echo(f"foreshock: {problem}", err=True)
        raise typer.Exit(PROBLEM) from None
