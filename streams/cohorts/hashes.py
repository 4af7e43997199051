"""Which bytes a result was made from."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path


def hash_of(files: Sequence[Path]) -> str:
    """Of the names and bytes of these files, in their order."""
    total = sha256()
    for file in files:
        total.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
    return total.hexdigest()


def files_of(path: Path) -> Sequence[Path]:
    """The file itself, or all files of the folder."""
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
