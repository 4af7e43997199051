"""What several test modules share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Page

# Of torch and LightGBM likewise: on a busy machine threads that wait for each other take many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import infra  # noqa: F401, before numpy: products of matrices by one thread, as in the service
from tests.browser import NoBrowser, started
from tests.kafka_fixture import kafka_broker  # noqa: F401
from tests.postgres_fixture import postgres  # noqa: F401

ROOT = Path(__file__).parent.parent

# The same examples on every run: a red test is red for everyone. Machines differ in speed, so there is no deadline.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=100)
# HYPOTHESIS_PROFILE=search looks further, with new examples each time.
settings.register_profile("search", deadline=None, max_examples=2_000)
# HYPOTHESIS_PROFILE=few asks whether another Python runs the same code at all (.ci/run); the cases are the first one's.
settings.register_profile("few", derandomize=True, deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of the broker come first: they wait most, and the other worker's tests fill that time."""
    items.sort(key=lambda item: item.get_closest_marker("kafka") is None)


@pytest.fixture
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests (`@pytest.mark.anyio`) run on asyncio only: the service does too."""
    return "asyncio"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser; without one the test is skipped, or fails where REQUIRE_BROWSER is set."""
    try:
        with started() as found:
            yield found
    except NoBrowser as reason:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, with no cookies and no cache."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        yield context.new_page()
