"""What the service makes on the disk is for its own user alone: files 0600, folders 0700, and the tokens among them."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TOKEN_BYTES = 32
TOKEN_CHARS_MIN = 32  # a shorter one was not made here


class NotPrivate(Exception):
    """A token cannot be used; the text says which file, and what to do."""


class Tokens(NamedTuple):
    """One for programs that post events, one for people who read boards: who holds one can do nothing with the other.

    They are kept as they are, not hashed: who can read this user's files can read and change the beds themselves, so a
    hash would keep nobody out, and the person who runs the service can look a token up again.
    """

    events: str
    board: str
    new: bool  # made just now, so nobody has seen it yet


def keep_private() -> None:
    """From now on, whatever this process makes, with every part of it, is for its user alone."""
    os.umask(0o077)


def tokens(folder: Path) -> Tokens:
    """The tokens of this installation, made if there are none. Raises NotPrivate, OSError."""
    missing = [name for name in ("token-events", "token-board") if _made(folder / name)]
    return Tokens(_read(folder / "token-events"), _read(folder / "token-board"), bool(missing))


def _made(path: Path) -> bool:
    """Makes the token where there is none: whole or not at all, and by one of two processes that try it at once."""
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
            return True
        return False
    finally:
        draft.unlink()


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise NotPrivate(f"{path} can be read by other users, so it is no secret: delete it, and a new one is made.")
    token = path.read_text(encoding="utf-8", errors="replace").strip()
    if len(token) < TOKEN_CHARS_MIN or not token.isascii():
        raise NotPrivate(f"{path} holds no token: delete it, and a new one is made.")
    return token
