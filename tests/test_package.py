"""What a wheel of the project holds, and which version it says that it is."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

DEPLOYED = "infra/deploy/"  # how the service is put up: read by people and by Docker, never by the program


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))


def test_a_wheel_takes_every_data_file_along(root: Path, project: dict[str, Any]) -> None:
    """Whatever in the packages is no module is package data, file by file, and every pattern finds something."""
    patterns = project["tool"]["setuptools"]["package-data"]
    taken = {(package, pattern): set((root / package).glob(pattern)) for package, pattern in _pairs(patterns)}
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=root, capture_output=True, check=True, text=True)
    data = {name for name in listed.stdout.split("\0") if name and not name.endswith(".py")}
    assert {name for name in data if not name.startswith(DEPLOYED)} == {
        file.relative_to(root).as_posix() for files in taken.values() for file in files
    }
    assert [pair for pair, files in taken.items() if not files] == []


def _pairs(patterns: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(package, pattern) for package, each in patterns.items() for pattern in each]


def test_every_package_of_the_wheel_has_its_data_looked_at(project: dict[str, Any]) -> None:
    """A seventh package does not go without its data unseen."""
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages == set(project["tool"]["setuptools"]["package-data"])


def test_the_version_is_that_of_the_newest_entry_of_the_changelog(root: Path, project: dict[str, Any]) -> None:
    """pyproject.toml says it once, for the wheel and for `foreshock --version`; the changelog has it on top."""
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["project"]["version"]
