"""What a hospital keeps of its own, version by version: nothing is ever overwritten, and each step can be taken back.

    versions = Versions(folder)
    versions.add(text, at)        # kept as 0001-9f3a1c20, and in force from now on
    versions.use("0001-9f3a1c20", at)
    versions.undo(at)             # back to what was in force before the last of these

A version is one file, named by its number and the hash of its text: a file that was changed is refused. `journal` has
one line for each step, with its time, and is only ever added to; what is in force follows from reading it.
"""

import os
import re
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

JOURNAL = "journal"
VERSIONS_MAX = 9999
_VERSION = re.compile(r"(\d{4})-[0-9a-f]{8}")


class NotKept(Exception):
    """A version is not there, or is not what was kept. The text says which, for people."""


class Versions:
    """The versions in one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def kept(self) -> list[str]:
        """The names of all versions, the oldest first."""
        found = self.folder.glob("*.json") if self.folder.is_dir() else ()
        return sorted(path.stem for path in found if _VERSION.fullmatch(path.stem))

    def in_force(self) -> str | None:
        """The version in force. Raises NotKept where the journal cannot be read."""
        stack = self._stack()
        return stack[-1] if stack else None

    def text(self, version: str) -> str:
        """What was kept under this name. Raises NotKept."""
        path = self.folder / f"{version}.json"
        if not _VERSION.fullmatch(version) or not path.is_file():
            raise NotKept(f"there is no version {version[:40]}: {', '.join(self.kept()) or 'none is kept'}")
        raw = path.read_bytes()
        if not version.endswith(_hash(raw)):
            raise NotKept(f"{path.name} was changed since it was kept")
        return raw.decode("utf-8")

    def add(self, text: str, at: datetime) -> str:
        """Keep a text and put it in force. The same text again is another version."""
        self.folder.mkdir(parents=True, exist_ok=True)
        raw, kept = text.encode("utf-8"), self.kept()
        number = 1 + max((int(name[:4]) for name in kept), default=0)
        if number > VERSIONS_MAX:
            raise NotKept(f"{VERSIONS_MAX} versions are kept already")
        version = f"{number:04}-{_hash(raw)}"
        draft = self.folder / f".{version}.draft"
        with draft.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / f"{version}.json")
        self._write(f"use {version}", at)
        return version

    def use(self, version: str, at: datetime) -> None:
        """Put a kept version in force. Raises NotKept."""
        self.text(version)
        self._write(f"use {version}", at)

    def undo(self, at: datetime) -> str | None:
        """Take the last step back that was not taken back yet; the version that is in force now. Raises NotKept."""
        if not self._stack():
            raise NotKept("nothing is in force that could be taken back")
        self._write("undo", at)
        return self.in_force()

    def _stack(self) -> list[str]:
        try:
            lines = (self.folder / JOURNAL).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        stack: list[str] = []
        for number, line in enumerate(lines, 1):
            match line.split()[1:]:
                case ["use", version] if _VERSION.fullmatch(version):
                    stack.append(version)
                case ["undo"] if stack:
                    stack.pop()
                case _:
                    raise NotKept(f"line {number} of {self.folder / JOURNAL} cannot be read")
        return stack

    def _write(self, what: str, at: datetime) -> None:
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(f"{at.isoformat(timespec='seconds')} {what}\n")
            file.flush()
            os.fsync(file.fileno())


def _hash(raw: bytes) -> str:
    return blake2b(raw, digest_size=4).hexdigest()
