"""./run on a machine that lacks something: one sentence, and a status that is not zero."""

import os
import subprocess
from pathlib import Path

import pytest


def _run(root: Path, tmp_path: Path, python: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHON": python, "VENV": str(tmp_path / "venv")}
    return subprocess.run([root / "run", "demo"], env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (
            "case $2 in *version_info*) exit 1;; esac",
            "run: Python 3.11 or newer was not found: install it",
        ),
        (
            "case $2 in *ensurepip*) exit 1;; esac",
            "has no venv module: install it (on Debian: apt-get install python3-venv)",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(root: Path, tmp_path: Path, says: str, sentence: str) -> None:
    """A Python that is too old, or has no venv module, ends in one sentence that says what to install."""
    python = tmp_path / "python with spaces"
    python.write_text(f"#!/bin/sh\n{says}\n")
    python.chmod(0o755)
    ended = _run(root, tmp_path, str(python))
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "venv").exists()
