"""The boards in a real browser, on a real server: what a nurse sees, and what she sees when the line breaks."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import uvicorn
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from boards.web.app import create_app
from boards.web.places import CLIENT_MAX
from forecasting.contract import Forecaster
from infra.access import Access, names
from infra.private import Tokens
from schemas.boards.views import BedView
from schemas.clinical.findings import Level
from schemas.local_time import time_zone
from tests.boards.fixtures import DAY, NOW, FakeSource, acknowledged, artefact, asking, calm, five, septic, silent

pytestmark = pytest.mark.browser

NOTICED_MS = 10_000  # a broken line must be told within this time
CRITICAL = "article.critical"


class Served:
    """A source with its server and address."""

    def __init__(
        self, source: FakeSource, tokens: Tokens | None = None, zone: str = "UTC", forecaster: Forecaster | None = None
    ) -> None:
        self.source = source
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        made = create_app(source, zone=time_zone(zone), forecaster=forecaster)
        app = Access(made, names("127.0.0.1", ""), tokens, port)
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> None:
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def freeze(self, seconds: float) -> None:
        """The server keeps every connection open, and says nothing on any of them."""
        assert self.source.loop is not None
        self.source.loop.call_soon_threadsafe(time.sleep, seconds)


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served(five())
    served.start()
    yield served
    served.stop()


@pytest.fixture
def heard(page: Page, served: Served) -> Iterator[list[str]]:
    """Whatever the page complains of, or asks of another origin; it must stay empty."""
    found: list[str] = []
    page.on("console", lambda line: found.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if urlsplit(request.url).netloc == urlsplit(served.address).netloc
            else found.append(f"asked of another origin: {request.url}")
        ),
    )
    yield found
    assert found == []


def open_board(page: Page, served: Served) -> None:
    page.goto(served.address)
    expect(page.locator("#line")).to_have_text("● live")


def test_a_warning_arrives_by_itself_and_is_announced(page: Page, served: Served, heard: list[str]) -> None:
    """Without a reload a calm bed becomes critical, moves to the top, is told aloud and counted in the title."""
    del served.source.views["mimic3|200001"]
    served.source.views["mimic3|200001"] = calm("mimic3|200001", "ICU 2-07")
    open_board(page, served)
    expect(page).to_have_title("(1) Foreshock: beds")
    page.evaluate("window.sameDocument = true")
    served.source.put(septic())
    card = page.locator(CRITICAL)
    expect(card).to_contain_text("Septic shock is likely: MAP fell from 74 mmHg at 08:00 to 61 mmHg at 10:30")
    expect(page.locator("article").first).to_have_attribute("data-label", "ICU 2-07")
    expect(page.locator("#assertive")).to_contain_text("ICU 2-07: Septic shock is likely")
    expect(page.locator("#polite")).to_be_empty()
    expect(page).to_have_title("(2) Foreshock: beds")
    assert page.evaluate("window.sameDocument") is True
    assert heard == []


def test_a_milder_warning_is_announced_politely_and_a_patient_who_left_is_gone(
    page: Page, served: Served, heard: list[str]
) -> None:
    """A warning speaks in the polite region; a bed whose patient left is taken off the board."""
    open_board(page, served)
    view = silent()
    served.source.put(replace(view, encounter="new", bed="ICU 2-20"))
    newer = replace(view.alerts[0], id=f"{77:032x}")
    served.source.put(replace(view, encounter="new", bed="ICU 2-20", alerts=(newer,)))
    expect(page.locator("#polite")).to_contain_text("ICU 2-20: Sepsis is possible")
    served.source.drop("clif:77")
    expect(page.locator("[data-encounter='clif:77']")).to_have_count(0)
    assert heard == []


def test_both_links_open_and_show_the_evidence(page: Page, served: Served, heard: list[str]) -> None:
    """From the card: the summary with drawn trends and the framed words of the note; the checklist with its reasons."""
    open_board(page, served)
    page.locator(CRITICAL).get_by_role("link", name="Data summary").click()
    expect(page.locator("#trends canvas")).to_have_count(9)
    expect(page.locator("#notes mark.rests")).to_have_text("Mottled to the knees")
    expect(page.locator("#notes")).to_contain_text("<script>alert('x')</script>")
    expect(page.locator("#rests")).to_contain_text("4.2 mmol/L")
    assert _painted(page)
    page.locator("#top").get_by_role("link", name=re.compile("Checklist")).click()
    expect(page.locator(".step.withheld")).to_contain_text("Penicillin anaphylaxis is on the allergy list")
    expect(page.locator(".step.withheld button")).to_have_count(0)
    assert heard == []


def _painted(page: Page) -> bool:
    """Whether the first chart shows the yellow of evidence and the blue of the forecast."""
    return bool(
        page.evaluate("""() => {
            const canvas = document.querySelector("#trends canvas");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let yellow = false, blue = false;
            for (let i = 0; i < data.length; i += 4) {
                yellow ||= data[i] > 200 && data[i + 1] > 180 && data[i + 2] < 60 && data[i + 3] > 200;
                blue ||= data[i + 2] > 200 && data[i] < 160 && data[i + 3] > 30;
            }
            return yellow && blue;
        }""")
    )


def test_a_warning_is_acknowledged_by_keyboard_and_another_screen_sees_it(
    page: Page, served: Served, heard: list[str]
) -> None:
    """The button is reached and pressed without a mouse; who acknowledged is shown here and on a second board."""
    open_board(page, served)
    other = page.context.new_page()
    open_board(other, served)
    page.get_by_label("Signed as").fill("RN Okafor")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Acknowledge":
            break
    page.keyboard.press("Enter")
    for screen in (page, other):
        expect(screen.locator(CRITICAL)).to_contain_text("✓ acknowledged 10:32 by RN Okafor")
    assert served.source.answers == [("mimic3|200001", f"{1:032x}", "acknowledge", None, "RN Okafor")]
    assert heard == []


def test_a_step_is_ticked_and_unticked_in_place(page: Page, served: Served, heard: list[str]) -> None:
    """A tick shows at once, without another page, and can be taken back; a change elsewhere arrives by itself."""
    page.goto(f"{served.address}/checklist/{1:032x}/mimic3%7C200001")
    page.evaluate("window.sameDocument = true")
    box = page.get_by_role("checkbox", name=re.compile("Start norepinephrine"))
    box.click()
    expect(box).to_be_checked()
    box.click()
    expect(box).not_to_be_checked()
    served.source.put(replace(septic(), last_heard_at=DAY))
    expect(page.locator("#top")).to_contain_text("no data since 00:00")
    assert page.evaluate("window.sameDocument") is True
    assert heard == []


def test_an_answer_that_was_not_kept_is_said(page: Page, served: Served) -> None:
    """When the log refuses, the board says so in words and still offers the button."""
    served.source.broken = "The log cannot be written."
    open_board(page, served)
    page.locator(CRITICAL).get_by_role("button").click()
    expect(page.locator("#said")).to_have_text("Not saved: The log cannot be written.")
    expect(page.locator(CRITICAL).get_by_role("button")).to_be_enabled()


def test_a_server_that_says_nothing_is_noticed_and_caught_up_with(page: Page, served: Served) -> None:
    """Connections stay open, no word comes: within 10 s the page says so and greys; then it catches up by itself."""
    open_board(page, served)
    served.freeze(9)
    expect(page.locator("#broken")).to_contain_text("Connection lost at", timeout=NOTICED_MS)
    expect(page.locator("#line")).to_contain_text("reconnecting since")
    assert "grayscale" in page.evaluate("getComputedStyle(document.querySelector('main')).filter")
    served.source.views["mimic3|200001"] = acknowledged(septic())  # nobody rings: it must be found by catching up
    expect(page.locator("#line")).to_have_text("● live", timeout=NOTICED_MS)
    expect(page.locator("#broken")).to_be_hidden()
    expect(page.locator(CRITICAL)).to_contain_text("✓ acknowledged")


def test_a_server_that_died_is_noticed(page: Page, served: Served) -> None:
    """Ten seconds after the process is gone nobody can take the board for a live one."""
    open_board(page, served)
    served.stop()
    expect(page.locator("#broken")).to_contain_text("What stands here is old", timeout=NOTICED_MS)
    expect(page.locator("body")).to_have_class("stale")


def test_a_clock_in_doubt_is_said_while_it_lasts(page: Page, served: Served, heard: list[str]) -> None:
    """The banner comes and goes by itself, in words, with a sign, and is told aloud once."""
    open_board(page, served)
    banner = page.locator("#doubt")
    expect(banner).to_be_hidden()
    calm_status = served.source.now_status
    served.source.now_status = replace(calm_status, clock_doubt="This machine’s clock leapt 1 h 00 min ahead.")
    expect(banner).to_have_text("⚠ Clock in doubt. This machine’s clock leapt 1 h 00 min ahead.")
    expect(banner).to_have_attribute("role", "alert")
    served.source.now_status = calm_status
    expect(banner).to_be_hidden()
    assert heard == []


def test_a_bed_that_breaks_says_so_by_itself_and_the_others_go_on(page: Page, served: Served, heard: list[str]) -> None:
    """It moves below the critical bed, with place and time; a warning elsewhere still arrives; mended, it is back."""
    open_board(page, served)
    served.source.cannot["mimic3|200002"] = ValueError("7")
    served.source.put(calm())
    broken = page.locator("article").nth(1)
    expect(broken).to_contain_text("NOT SHOWN")
    expect(broken).to_contain_text("ICU 2-01")
    expect(broken).to_contain_text("because of an internal error, since 10:32")
    served.source.put(acknowledged(septic()))
    expect(page.locator(CRITICAL)).to_contain_text("acknowledged 10:32")
    expect(page.locator("article").first).to_contain_text("NOT SHOWN")
    del served.source.cannot["mimic3|200002"]
    served.source.put(calm())
    expect(page.locator("article").first).to_contain_text("CRITICAL")
    assert heard == []


def test_a_board_that_lost_its_place_says_so_and_does_not_look_live(
    page: Page, served: Served, heard: list[str]
) -> None:
    """In too many windows the oldest is closed for good: it greys, says why, and a reload brings it back."""
    open_board(page, served)
    with ExitStack() as others:
        for _ in range(CLIENT_MAX):
            line = others.enter_context(socket.create_connection(("127.0.0.1", urlsplit(served.address).port)))
            line.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        expect(page.locator("#full")).to_contain_text("open in too many windows")
        expect(page.locator("#line")).to_have_text("✕ closed")
        expect(page.locator("body")).to_have_class("stale")
        page.wait_for_timeout(4_000)  # it does not come back to take the place of another
        expect(page.locator("#line")).to_have_text("✕ closed")
    page.reload()
    expect(page.locator("#line")).to_have_text("● live")
    assert heard == []


def test_a_refusal_is_found_without_scripts(browser: Browser, served: Served) -> None:
    """With scripts switched off the search still finds, and the way back is a link."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{served.address}/refused")
        expect(page.locator(".groups tbody tr")).to_have_count(2)
        page.get_by_label("Find").fill("zorkmid")
        page.get_by_role("button", name="Find").click()
        expect(page.locator(".groups tbody tr")).to_have_count(1)
        expect(page.locator(".groups")).to_contain_text("lactate in zorkmid")
        page.get_by_role("link", name="All").click()
        expect(page.locator(".groups tbody tr")).to_have_count(2)


def test_a_browser_is_let_in_once_by_link_or_by_typing_the_token(browser: Browser) -> None:
    """Without the token there is one sentence and a box; the link, or the token typed, opens the board."""
    served = Served(five(), Tokens("e" * 43, "b" * 43, True))
    served.start()
    try:
        for by_link in (True, False):
            with browser.new_context() as context:
                page = context.new_page()
                page.goto(f"{served.address}/refused")
                expect(page.locator("h1")).to_have_text(
                    "This board is opened once with the link that its service printed."
                )
                assert "ICU" not in page.content()
                if by_link:
                    page.goto(f"{served.address}/?token={'b' * 43}")
                else:
                    page.get_by_label("Token of the board").fill("b" * 43)
                    page.get_by_role("button", name="Open the board").click()
                expect(page.locator("#line")).to_have_text("● live")
                assert "token" not in page.url
                assert page.evaluate("document.cookie") == ""  # no script can read it
                page.locator(CRITICAL).get_by_role("button").click()
                expect(page.locator(CRITICAL)).to_contain_text("✓ acknowledged")
                served.source.put(septic())
    finally:
        served.stop()


def test_nothing_runs_over_the_side_of_a_phone(page: Page, served: Served, heard: list[str]) -> None:
    """At 390 px no page scrolls sideways, and the sentence is in letters of at least 20 px."""
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/bed/mimic3%7C200001", f"/checklist/{1:032x}/mimic3%7C200001", "/refused"):
        page.goto(served.address + path)
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    open_board(page, served)
    size = page.evaluate(f"getComputedStyle(document.querySelector('{CRITICAL} .sentence')).fontSize")
    assert float(size.removesuffix("px")) >= 20
    assert heard == []


def test_the_sentence_can_be_read_across_a_room(page: Page, served: Served, heard: list[str]) -> None:
    """On a 1080p wall screen the critical sentence has letters of 36 px or more and lies above the fold, unclipped."""
    page.set_viewport_size({"width": 1920, "height": 1080})
    open_board(page, served)
    sentence = page.locator(f"{CRITICAL} .sentence")
    size = sentence.evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
    box = sentence.bounding_box()
    assert size >= 36
    assert box is not None
    assert box["y"] + box["height"] < 540
    assert heard == []


def test_each_level_differs_by_more_than_colour(page: Page, served: Served, heard: list[str]) -> None:
    """Every loud level on the board has its own word, its own mark and its own shape."""
    view = asking()
    alert = replace(view.alerts[0], level=Level.WATCH, id=f"{9:032x}")
    served.source.views["w"] = replace(view, encounter="w", bed="W", alerts=(alert,))
    served.source.views["u"] = replace(artefact(), encounter="u", bed="U", last_heard_at=None)
    open_board(page, served)
    looks = page.evaluate("""() => [...document.querySelectorAll(".head .level")].filter(e => e.querySelector(".shape"))
        .map(e => { const shape = e.querySelector(".shape"), style = getComputedStyle(shape);
            return [e.querySelector(".word").textContent, shape.textContent, style.clipPath + style.borderStyle]; })""")
    assert len(looks) == 5
    for part in range(3):
        assert len({look[part] for look in looks}) == 5
    assert heard == []


NIGHT = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)  # in Berlin 02:20, the second time: at 01:00 UTC clocks were put back


def by_night(view: BedView) -> BedView:
    """The same bed in the night in which clocks are put back."""
    by = NIGHT - NOW
    trends = {c: tuple(replace(p, at=p.at + by) for p in points) for c, points in view.trends.items()}
    vitals = tuple(replace(vital, at=vital.at + by) for vital in view.vitals)
    return replace(view, now=NIGHT, last_heard_at=NIGHT - timedelta(minutes=42), trends=trends, vitals=vitals)


def test_the_clocks_of_the_ward_are_shown_also_in_the_hour_that_comes_twice(page: Page) -> None:
    """Header, ages and axes go by the ward's zone, which is named; 02:20 is told apart from the 02:20 before it."""
    source = FakeSource(by_night(calm()))
    source.now_status = replace(source.now_status, now=NIGHT)
    page.add_init_script("""
        window.drawn = new Set();
        const fill = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
            window.drawn.add(text); return fill.call(this, text, ...rest);
        };""")
    served = Served(source, zone="Europe/Berlin")
    served.start()
    try:
        open_board(page, served)
        expect(page.locator("#clock")).to_have_text(re.compile("^02:20:"))
        expect(page.locator(".clock")).to_contain_text("Sun 25 Oct")
        expect(page.locator(".zone")).to_have_text("Europe/Berlin, UTC+1")
        expect(page.locator("article")).to_contain_text("no data since 02:38 UTC+2")
        page.get_by_role("link", name="ICU 2-01").click()
        expect(page.locator("#trends canvas")).to_have_count(4)
        expect(page.locator("#readings")).to_contain_text("02:18 UTC+1")
        ticks = page.evaluate("[...window.drawn].filter(text => text.includes(':'))")
    finally:
        served.stop()
    assert {"02:30 UTC+2", "02:00 UTC+1", "02:30 UTC+1"} <= set(ticks)
    assert not {"02:00", "02:30"} & set(ticks)
