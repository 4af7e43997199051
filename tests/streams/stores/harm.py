"""Ways to harm a database under a store, and to take the harm back. Not tests."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NOBODY = 65_534


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder of somebody who is not root: root is refused nothing."""
    with tempfile.TemporaryDirectory(prefix="nobody-") as name:
        root = os.geteuid() == 0
        if root:
            os.chown(name, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            for path in (Path(name), *Path(name).rglob("*")):
                path.chmod(0o700)
            if root:
                os.seteuid(0)


class SmallDisk:
    """A file system of its own, in memory, of so many KiB."""

    def __init__(self, folder: Path, kib: int) -> None:
        self.folder = folder
        _mount("tmpfs", folder, f"size={kib}k")

    def grow(self, kib: int) -> None:
        _mount("tmpfs", self.folder, f"remount,size={kib}k")


def _mount(kind: str, folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, folder], check=True, capture_output=True)


@contextmanager
def small_disk(kib: int, owner: str | None = None) -> Iterator[SmallDisk]:
    """Needs the right to mount: root has it, in most containers."""
    with tempfile.TemporaryDirectory(prefix="disk-") as name:
        try:
            disk = SmallDisk(Path(name), kib)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no right to mount a small disk here")
        try:
            if owner is not None:
                shutil.chown(name, owner)
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


class Line:
    """The network between a store and a PostgreSQL server; it can be cut, also when an answer is on its way."""

    def __init__(self, server: Path) -> None:
        self._server = str(server / ".s.PGSQL.5432")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._answer_lost_of: bytes | None = None
        self._up = True
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._up = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def mend(self) -> None:
        self._up = True

    def lose_the_answer_of(self, statement: bytes) -> None:
        """The next time that this is sent, the server gets it and does it, and the line is cut before its answer."""
        self._answer_lost_of = statement

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._up:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._ends += [client, server]
                lost = threading.Event()
                threading.Thread(target=self._to_server, args=(client, server, lost), daemon=True).start()
                threading.Thread(target=self._to_client, args=(server, client, lost), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self._answer_lost_of is not None and self._answer_lost_of in data:
                    self._answer_lost_of = None
                    lost.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if lost.is_set():
                    break
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
