"""The browser of the browser tests: which one, and does it start? `python -m tests.browser` answers on one line."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


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
    try:
        with started() as found:
            print(f"chromium {found.version}")
    except NoBrowser as reason:
        print(reason)
        sys.exit(1)
