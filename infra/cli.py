"""The command `foreshock`: each subcommand is a few lines that wire the layers together."""

import os
import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

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


def main() -> None:
    """Run the command; wrong settings end it with one sentence and status 2."""
    try:
        app()
    except SettingsError as problem:
        print(f"foreshock: {problem}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
