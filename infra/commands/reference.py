"""Pages of the manual that are made from the program: its commands and its addresses.

python -m infra.commands.reference cli > docs/reference/cli.md
python -m infra.commands.reference api > docs/reference/api.md
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import typer
from fastapi import FastAPI
from fastapi.routing import APIRoute

from boards.web.app import create_app
from infra.commands.cli import app
from infra.door import Door, add_door
from infra.metrics import add_metrics

WIDTH = 100  # of the help texts, whatever terminal this runs in


def _made_by(name: str, source: str) -> list[str]:
    return [
        f"Made from `{source}` by `python -m infra.commands.reference {name} > docs/reference/{name}.md`:",
        "change the code first.",
        "",
    ]


# -- the command line


def command_line() -> str:
    """Every command with its `--help`, as plain text of a fixed width."""
    lines = ["# Command line", "", *_made_by("cli", "infra/commands/cli.py")]
    for words, command in _commands(typer.main.get_command(app), ("foreshock",)):
        lines += [f"## {' '.join(words)}", "", "```text", _help(words, command), "```", ""]
    return "\n".join(lines[:-1]) + "\n"


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _commands(inner, (*words, name))


def _help(words: tuple[str, ...], command: Any) -> str:
    """The help without colours and boxes, which depend on the terminal."""
    command.rich_markup_mode = None
    made: Callable[..., Any] = command.context_class
    context = made(command, info_name=" ".join(words), terminal_width=WIDTH, max_content_width=WIDTH)
    return "\n".join(line.rstrip() for line in command.get_help(context).strip().splitlines())


# -- the addresses


def application() -> FastAPI:
    """The boards, the door and the metrics as `foreshock serve` joins them, over no source: only addresses are read."""
    nobody = cast(Any, None)
    made = create_app(nobody)
    add_door(made, Door(nobody, nobody))
    add_metrics(made)
    return made


def addresses() -> str:
    """Every address of the service, what it answers, and what may be asked of it."""
    lines = ["# Addresses of the service", "", *_made_by("api", "boards/web/app.py` and `infra/door.py")]
    lines += [
        "Who may ask for what is in [boards.md](../boards.md); what wire messages look like, in [wire.md](../wire.md).",
        "",
    ]
    routes = sorted(_routes(application()), key=lambda route: (_group(route.path), route.path))
    group = ""
    for route in routes:
        if _group(route.path) != group:
            group = _group(route.path)
            lines += [f"## {group}", ""]
        methods = ", ".join(sorted(route.methods or ()))
        lines += [f"### {methods} {_plain(route.path)}", "", *_said(route.endpoint), *_asked(route)]
    return "\n".join(lines).rstrip() + "\n"


def _routes(made: FastAPI) -> list[APIRoute]:
    return [route for route in made.routes if isinstance(route, APIRoute)]


def _plain(path: str) -> str:
    return path.replace(":path}", "}")


def _group(path: str) -> str:
    kinds: Mapping[str, Callable[[], bool]] = {
        "For programs": lambda: path.startswith("/api/"),
        "For whoever watches the service": lambda: path in ("/healthz", "/readyz", "/metrics"),
    }
    return next((name for name, is_so in kinds.items() if is_so()), "Pages, and what they use")


def _said(endpoint: Callable[..., Any]) -> list[str]:
    words = inspect.getdoc(endpoint)
    return [] if words is None else [*words.splitlines(), ""]


def _asked(route: APIRoute) -> list[str]:
    rows = [f"- `{p.name}` in the path" for p in route.dependant.path_params]
    rows += [
        f"- `{p.name}` in the query" + ("" if p.field_info.is_required() else ", optional")
        for p in route.dependant.query_params
    ]
    return [*rows, ""] if rows else []


PAGES: Mapping[str, Callable[[], str]] = {"cli": command_line, "api": addresses}

if __name__ == "__main__":
    print(PAGES[sys.argv[1]](), end="")
