"""The question box in a real browser: typed, read, answered, and what is offered asked with one press."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.boards.fixtures import five
from tests.boards.test_asked import CHANCE, REFUSED
from tests.boards.test_browser import Served

pytestmark = pytest.mark.browser
BED = "/bed/mimic3%7C200001"


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served(five())
    served.start()
    yield served
    served.stop()


def test_a_question_is_read_and_answered_on_the_page_of_the_bed(page: Page, served: Served) -> None:
    """Enter asks; the reading stands above the answer, and the rest of the page stays where it was."""
    served.source.asked = CHANCE
    page.goto(served.address + BED)
    page.get_by_label("A question about this patient").fill("chance of sats < 90 in the next 6 h")
    page.keyboard.press("Enter")
    expect(page.locator("#asked .reading")).to_contain_text("Read as: SpO₂ below 90 %")
    expect(page.locator("#asked .verdict")).to_contain_text("34 %")
    assert page.url.endswith(BED)
    above, below = page.locator("#asked .reading").bounding_box(), page.locator("#asked .verdict").bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] < below["y"]


def test_what_is_offered_is_asked_with_one_press(page: Page, served: Served) -> None:
    """The refusal says why; the button holds the whole question, and is large enough for a thumb."""
    served.source.asked = REFUSED
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(served.address + BED)
    page.get_by_label("A question about this patient").fill("glucose > 8 next 6h")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#asked")).to_contain_text("Not asked")
    expect(page.locator("#asked")).to_contain_text("glucose 8 needs its unit")
    offered = page.get_by_role("link", name="chance that glucose rises above 8 mmol/L within 6 h")
    box = offered.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    served.source.asked = CHANCE
    offered.click()
    expect(page.locator("#asked .verdict")).to_contain_text("34 %")
    expect(page.locator("#asked")).to_contain_text("Asked: chance that glucose rises above 8 mmol/L")
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide
