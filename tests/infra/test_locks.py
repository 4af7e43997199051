"""The locks: complete, checked by hash, and free of addresses."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

LOCKS = ("requirements.lock", "requirements-install.lock", "requirements-test.lock", "requirements-train.lock")
PINNED = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.fixture
def declared(root: Path) -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_its_hashes_and_no_address(root: Path, lock: str) -> None:
    """Every line of a lock is a pin or one of its hashes, so any mirror serves and none can cheat."""
    body = [line for line in (root / lock).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    pins = [number for number, line in enumerate(body) if PINNED.match(line)]
    assert pins
    assert all(body[number + 1].startswith("    --hash=sha256:") for number in pins)
    assert [line for line in body if not PINNED.match(line) and not line.startswith("    --hash=sha256:")] == []


def test_what_is_declared_is_locked(root: Path, declared: dict[str, Any]) -> None:
    """Every declared requirement is pinned in the lock made from it, and two locks agree where they overlap."""
    pins = {lock: dict(PINNED.findall((root / lock).read_text(encoding="utf-8"))) for lock in LOCKS}
    groups, extras = declared["dependency-groups"], declared["project"]["optional-dependencies"]
    for lock, wanted in {
        "requirements.lock": declared["project"]["dependencies"] + groups["build"],
        "requirements-install.lock": groups["install"],
        "requirements-test.lock": groups["test"],
        "requirements-train.lock": declared["project"]["dependencies"] + extras["train"],
    }.items():
        assert {_name(requirement) for requirement in wanted} - set(pins[lock]) == set()
    app = pins["requirements.lock"]
    for lock in ("requirements-test.lock", "requirements-train.lock"):
        both = app.keys() & pins[lock].keys()
        assert {name: pins[lock][name] for name in both} == {name: app[name] for name in both}


def test_every_bound_has_its_reason(root: Path) -> None:
    """Every requirement in pyproject.toml has, on its line, a comment that says why this bound."""
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    bounds = [line for line in lines if re.match(r'\s*(requires\S* = )?\[?"[^"]*[<>=]=', line)]
    assert len(bounds) > 20
    assert [line for line in bounds if "# " not in line] == []


def test_the_browser_libraries_are_locked_without_address(root: Path) -> None:
    """Every declared browser library is in package-lock.json with a hash, and none with an address."""
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = json.loads((root / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert lock.pop("")["dependencies"] == wanted
    assert {f"node_modules/{name}" for name in wanted} <= set(lock)
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in lock.values())
