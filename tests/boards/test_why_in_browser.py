"""The reasons of a chance in a real browser: under their chance, in words, and marked where there is too little."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from schemas.boards.hindsight import Came, Hindsight
from schemas.boards.views import BedView
from schemas.clinical.forecasts import Odds
from tests.boards.fixtures import FakeSource
from tests.boards.test_browser import Served
from tests.boards.test_why import MIND, shown
from tests.streams.bedside import at

pytestmark = pytest.mark.browser


def _came(came: bool | None) -> Came:
    odds = Odds(probability=0.346, low=0.3, high=0.4, within_h=6.0, model="network@1")
    told = {} if came is None else {"at": at("07:30"), "shown": "64 mmHg" if came else "66 mmHg"}
    return Came(asked="MAP below 65 mmHg", odds=odds, came=came, **told)  # type: ignore[arg-type]


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    view: BedView = request.param
    source = FakeSource(view)
    source.now_status = replace(source.now_status, now=view.now)
    source.hindsight = Hindsight(at=at("04:00"), of=(_came(True), _came(False), _came(None)))
    served = Served(source, forecaster=MIND.forecaster)
    served.start()
    yield served
    served.stop()


@pytest.mark.parametrize("served", [shown()], indirect=True)
def test_the_reasons_stand_under_their_chance(page: Page, served: Served) -> None:
    """The row after a chance says what raised it, with value and time; all that moved it unfolds at a click."""
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.goto(f"{served.address}/bed/e1")
    chance = page.locator("#ahead tr.explained").filter(has_text="MAP below 65 mmHg")
    why = chance.locator("+ tr.moved")
    expect(why).to_contain_text("▲ raised by MAP 68 mmHg at 10:00")
    expect(page.locator("#ahead")).not_to_contain_text("indeterminate")
    details = page.locator("#all-that-moved")
    expect(details.locator("p").first).to_be_hidden()
    details.locator("summary").click()
    expect(details.locator("p").first).to_contain_text("of somebody of whom nothing is known")
    assert complaints == []


@pytest.mark.parametrize("served", [shown(few=True)], indirect=True)
def test_of_too_little_every_chance_is_marked(page: Page, served: Served) -> None:
    """Each chance says in a word that it is no answer, and above them stands what to measure."""
    page.goto(f"{served.address}/bed/e1")
    chances = page.locator("#ahead tr.explained")
    expect(chances).to_have_count(2)
    for row in chances.all():
        expect(row).to_contain_text("? indeterminate")
    expect(page.locator("#ahead p.doubt")).to_contain_text("Measure SpO₂, Temp, SBP, DBP, RR.")


@pytest.mark.parametrize("served", [shown()], indirect=True)
def test_on_a_narrow_screen_nothing_is_cut_off(page: Page, served: Served) -> None:
    """On a telephone the chances and their reasons are as wide as the screen, and no wider."""
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{served.address}/bed/e1")
    expect(page.locator("#ahead tr.moved").first).to_be_visible()
    assert page.evaluate("document.querySelector('#ahead .wide').scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("served", [shown()], indirect=True)
def test_what_came_of_an_earlier_look_is_told_in_a_word(page: Page, served: Served) -> None:
    """Each earlier chance says that it came, that it did not, or that nobody can know."""
    page.goto(f"{served.address}/bed/e1")
    rows = page.locator("#ahead table.back tbody tr")
    expect(rows.nth(0)).to_contain_text("● came: 64 mmHg at 07:30")
    expect(rows.nth(1)).to_contain_text("○ did not come: 66 mmHg at the furthest, 07:30")
    expect(rows.nth(2)).to_contain_text("? nothing was measured")
