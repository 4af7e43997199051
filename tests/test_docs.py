"""The documents are true of the tree: pages made from it are fresh, links lead somewhere, named code is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from infra.commands.reference import PAGES, application
from tests.conftest import ROOT

LAYERS = ("schemas", "guidelines", "forecasting", "streams", "boards", "infra")
TOP = (*LAYERS, "tests", "benchmarks", "data", "docs")
PAGES_OF_PEOPLE = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*/*.md")])
EACH = pytest.mark.parametrize("page", PAGES_OF_PEOPLE, ids=[p.relative_to(ROOT).as_posix() for p in PAGES_OF_PEOPLE])

LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"^\.?/?((?:{'|'.join(TOP)})/[\w./*{{}},-]*[\w*}}/])$")
DOTTED = re.compile(rf"^(?:python -m )?((?:{'|'.join(LAYERS)})(?:\.\w+)+)(?:\(.*\))?$")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_the_program_is_fresh(name: str) -> None:
    """docs/reference/NAME.md is what the program says today: `python -m infra.commands.reference NAME` makes it."""
    kept = ROOT / "docs" / "reference" / f"{name}.md"
    assert kept.read_text(encoding="utf-8") == PAGES[name](), f"python -m infra.commands.reference {name} > {kept}"


def test_every_address_for_programs_says_what_it_answers() -> None:
    """Each route under /api, and each for whoever watches the service, has a sentence of its own."""
    routes = [r for r in application().routes if getattr(r, "path", "").startswith(("/api/", "/healthz", "/readyz"))]
    assert [r.path for r in routes if not r.endpoint.__doc__] == []  # type: ignore[attr-defined]
    assert len(routes) >= 5


def _headings(page: Path) -> set[str]:
    """The anchors of a page, as they are made of its headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[`*]|\[|\]\([^)]*\)", "", title).strip().lower() for title in titles)
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in plain}


@EACH
def test_every_link_leads_to_a_file_of_the_repository(page: Path) -> None:
    """A relative link points to a file or folder that exists, and its anchor to a heading in it."""
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (page.parent / file).resolve() if file else page
        if not to.exists() or (anchor and anchor not in _headings(to)):
            broken.append(target)
    assert broken == []


def _named(page: Path) -> Iterator[str]:
    """What stands in code marks on a page, and in the indented lines that a reader would copy."""
    yield from CODE.findall(page.read_text(encoding="utf-8"))


@EACH
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A path in code marks that begins with a folder of the project is there; `*` and braces stand for some."""
    missing = []
    for name in _named(page):
        found = PATH.match(name)
        if found and not any(_there(one) for one in _braces(found[1])):
            missing.append(name)
    assert missing == []


def _braces(name: str) -> list[str]:
    inside = re.search(r"\{([^}]*)\}", name)
    if inside is None:
        return [name]
    return [name.replace(inside[0], one) for one in inside[1].split(",")]


def _there(name: str) -> bool:
    return any(True for _ in ROOT.glob(name.rstrip("/")))


@cache
def _defined(module: Path) -> frozenset[str]:
    """The names at the top of a module, and those inside its classes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {t.id for t in targets if isinstance(t, ast.Name)}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return frozenset(found)


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        base, rest = ROOT.joinpath(*parts[:length]), parts[length:]
        module = next((f for f in (base.with_suffix(".py"), base / "__init__.py") if f.is_file()), None)
        if module is not None:
            return set(rest) <= _defined(module)
    return False


@EACH
def test_every_module_that_is_named_exists(page: Path) -> None:
    """A dotted name in code marks that begins with a layer is a module, or something in one."""
    dotted = [found[1] for name in _named(page) if (found := DOTTED.match(name))]
    assert [name for name in dotted if not exists(name)] == []


def test_the_checks_find_what_they_are_for() -> None:
    """A name that does not exist is found; one that does is not."""
    assert exists("schemas.events.Reading")
    assert exists("guidelines.pages")
    assert not exists("schemas.events.Reeding")
    assert not exists("guidelines.nothing")
    assert PATH.match("streams/core/step.py")
    assert PATH.match("guidelines/knowledge/*.toml")
    assert not PATH.match("streams")
    assert DOTTED.match("python -m guidelines.pages")
