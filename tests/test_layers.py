"""Dependencies point one way: schemas <- {guidelines, forecasting} <- streams <- boards <- infra."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

MAY_IMPORT = {
    "schemas": set(),
    "guidelines": {"schemas"},
    "forecasting": {"schemas"},
    "streams": {"schemas", "guidelines", "forecasting"},
    "boards": {"schemas", "guidelines", "forecasting", "streams"},
    "infra": {"schemas", "guidelines", "forecasting", "streams", "boards"},
}
OURS = {*MAY_IMPORT, "tests", "benchmarks"}


def imported(source: str) -> Iterator[str]:
    """The top-level package of every import in this source, also of those inside functions and of imports by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(a.value).partition(".")[0] for a in node.args[:1] if isinstance(a, ast.Constant))


def broken(package: str, source: str) -> set[str]:
    """The packages of ours that this source of `package` imports and may not."""
    return (set(imported(source)) & OURS) - MAY_IMPORT[package] - {package}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(root: Path, package: str) -> None:
    """No module of the package imports, anywhere in it, a package that does not lie below."""
    modules = sorted((root / package).rglob("*.py"))
    found = {str(module.relative_to(root)): broken(package, module.read_text(encoding="utf-8")) for module in modules}
    assert modules
    assert {module: packages for module, packages in found.items() if packages} == {}


def test_no_relative_import_leaves_its_package(root: Path) -> None:
    """Imports of ours are absolute, so the rule above sees them all."""
    relative = [
        f"{module.relative_to(root)}:{node.lineno}"
        for package in MAY_IMPORT
        for module in (root / package).rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize(
    "source",
    [
        "import boards",
        "import boards.web.app as b",
        "from boards.web.app import serve",
        "def late():\n    from boards import app",
        "import importlib\nimportlib.import_module('boards.web.app')",
    ],
)
def test_the_rule_sees_every_kind_of_import(source: str) -> None:
    """Each way to write a forbidden import is seen."""
    assert broken("streams", source) == {"boards"}


def test_neighbours_do_not_know_each_other() -> None:
    """Guidelines and forecasting never import each other."""
    assert broken("guidelines", "import forecasting") == {"forecasting"}
    assert broken("forecasting", "import guidelines") == {"guidelines"}
