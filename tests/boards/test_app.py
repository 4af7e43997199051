"""The boards over HTTP on a fake source: pages, answers, JSON, health, and what they refuse."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from boards.web import live
from boards.web.app import create_app
from boards.web.guard import BODY_BYTES_MAX
from schemas.boards.views import BedView
from schemas.clinical.findings import StepState
from tests.boards.fixtures import NOW, FakeSource, artefact, at, calm, five, septic

SEPTIC = "/bed/mimic3%7C200001"
ALERT = f"{1:032x}"
OURS = {"origin": "http://testserver"}


class Client:
    """Plain requests to the application, without a server and without following redirects."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._send("GET", path))

    def post(self, path: str, **given: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **given))

    async def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.request(method, path, **given)


@pytest.fixture
def source() -> FakeSource:
    return five()


@pytest.fixture
def client(source: FakeSource) -> Client:
    return Client(create_app(source))


def words(html: str) -> str:
    """What a person reads of a page: its text, with single spaces."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Reader().feed(html)
    return " ".join(" ".join(found).split())


# --- pages


def test_the_board_shows_beds_by_urgency_with_sentence_age_score_and_links(client: Client) -> None:
    """One page tells who needs somebody first, why, since when, and how old the data are."""
    html = client.get("/").text
    beds = re.findall(r'data-label="([^"]+)"', html)
    assert beds == ["ICU 2-07", "ICU 2-11", "ICU 2-03", "ICU 2-01", "ICU 2-05"]
    text = words(html)
    for said in (
        "CRITICAL ICU 2-07 NEWS2 13 last heard 2 min ago",
        "no data since 09:20",
        "Cannot be seen since 09:50 UTC",
        "I cannot tell : measure lactate (never measured)".replace(" :", ":"),
        "raised 09:05, 1 h 27 ago",
        "Checklist 7 steps, 2 done, 1 withheld",
        "NEWS2 ≥0 of 20, Temp unknown",
        "4 refused, 2 late",
        "Not a cleared medical device",
    ):
        assert said in text
    assert "<title>(2) Foreshock: beds</title>" in html
    assert f'href="{SEPTIC}"' in html
    assert f'href="{SEPTIC}/checklist/{ALERT}"' in html


def test_the_summary_shows_evidence_notes_score_and_where_values_come_from(client: Client) -> None:
    """The page of a bed names every reading and note span that its sentence rests on, and what is unknown."""
    text = words(client.get(SEPTIC).text)
    for said in (
        "lactate 4.2 mmol/L 10:30 lab ok",
        "noted: mottled",
        "Unknown: PaO₂ (never measured)",
        "too old to use",
    ):
        assert said in text
    assert "SBP 3 of 3" in text
    assert '<mark class="affirmed rests"' in client.get(SEPTIC).text


def test_a_note_with_a_script_in_it_is_text(client: Client) -> None:
    """What somebody typed is shown as typed, and never run."""
    html = client.get(SEPTIC).text
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in html


def test_hostile_text_is_escaped_wherever_it_is_shown(source: FakeSource, client: Client) -> None:
    """A bed label, a reason, a drug and a refusal with markup in them appear as text on every page and event."""
    evil = '"><img src=x onerror=alert(1)>'
    view = septic()
    vitals = tuple(v.model_copy(update={"reason": evil, "shown": evil, "source": evil}) for v in view.vitals)
    treatments = tuple(t.model_copy(update={"label": evil}) for t in view.treatments)
    source.views[view.encounter] = view.model_copy(
        update={"bed": evil, "unit": evil, "vitals": vitals, "treatments": treatments, "forecast_missing": evil}
    )
    refusal = source.now_status.recent[0].model_copy(update={"why": evil})
    source.now_status = source.now_status.model_copy(update={"recent": (refusal,), "plays": evil})
    for path in ("/", SEPTIC, f"{SEPTIC}/checklist/{ALERT}", "/refused"):
        html = client.get(path).text
        assert "<img" not in html, path
        assert "&lt;img" in html, path


def test_the_checklist_gives_each_step_its_state_reason_and_passage(client: Client) -> None:
    """Every state is told in words; a withheld step has its block and reason, and nothing to tick."""
    html = client.get(f"{SEPTIC}/checklist/{ALERT}").text
    text = words(html)
    for said in (
        "offered · due 11:05, in 33 min",
        "changed · due 12:05",
        "withheld Penicillin anaphylaxis is on the allergy list; meropenem is allowed. [DRG.BLPEN]",
        "Because of allergy list penicillin: anaphylaxis",
        "A clinician may override: record the reason in the chart.",
        "needs a check first",
        "Measure passive leg raise or capillary refill (never measured).",
        "discuss first",
        "done at 09:15",
        "SSC 2021 rec 9, 37, 44 · strength: strong",
    ):
        assert said in text
    assert html.count('role="checkbox"') == 6
    assert 'value="SEP.S3a"' not in html


def test_refused_messages_are_counted_and_explained_without_values(client: Client) -> None:
    """Each fault has its count and a sentence; the newest refusals say why."""
    text = words(client.get("/refused").text)
    assert "unknown unit 3 The unit is unknown or does not fit the measurement" in text
    assert "10:20 unknown unit Expected a unit of lactate, found another quantity." in text


def test_a_source_that_is_away_is_said_on_every_page(source: FakeSource, client: Client) -> None:
    """When the broker cannot be reached the page says since when, and that what it shows is old."""
    source.now_status = source.now_status.model_copy(update={"away_since": at("10:20"), "away_why": "Kafka is down."})
    for path in ("/", SEPTIC):
        assert "No data since 10:20. Kafka is down. What stands here is old." in words(client.get(path).text)


def test_a_bed_that_cannot_be_drawn_says_so_and_harms_no_other(source: FakeSource, client: Client) -> None:
    """One broken bed stands on top and says so; the others are all there."""
    broken = septic()
    sentence = broken.alerts[0].finding.sentence.model_copy(update={"template": "{7}"})
    finding = broken.alerts[0].finding.model_copy(update={"sentence": sentence})
    alerts = (broken.alerts[0].model_copy(update={"finding": finding}),)
    source.views[broken.encounter] = broken.model_copy(update={"alerts": alerts})
    with capture_logs() as logs:
        html = client.get("/").text
    assert "This bed cannot be shown" in html
    assert html.count("<article") == 5
    assert {log["event"] for log in logs} == {"card_failed"}


def test_an_unknown_bed_or_warning_is_a_plain_404(client: Client) -> None:
    """A patient who has left, or a warning that was resolved, is told in one sentence."""
    for path, said in (
        ("/bed/nobody", "No such patient is here"),
        (f"{SEPTIC}/checklist/{2:032x}", "This warning no longer stands"),
        ("/api/bed/nobody", "No such patient is here"),
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert said in answer.text


def test_an_encounter_with_a_slash_has_its_pages() -> None:
    """Keys may hold / | and :, and their links still work."""
    client = Client(create_app(FakeSource(calm("ward/7|x:1"))))
    path = re.findall(r'href="(/bed/[^"]+)"', client.get("/").text)[0]
    assert path == "/bed/ward%2F7%7Cx%3A1"
    assert client.get(path).status_code == 200


# --- answers


def test_acknowledging_reaches_the_log_and_shows_who(source: FakeSource, client: Client) -> None:
    """The answer holds encounter, alert and label; the card then says by whom."""
    answer = client.post(
        f"{SEPTIC}/alert/{ALERT}/acknowledge", data={"by": " RN  7\n"}, headers=OURS | {"hx-request": "true"}
    )
    assert answer.status_code == 200
    assert source.answers == [("mimic3|200001", ALERT, "acknowledge", None, "RN  7")]
    assert "✓ acknowledged 10:32 by RN 7" in words(answer.text)


def test_forms_work_without_scripts(source: FakeSource, client: Client) -> None:
    """A plain form post answers with a redirect back; an empty label is the station's."""
    answer = client.post(f"{SEPTIC}/alert/{ALERT}/acknowledge", headers={"sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert source.answers[0][-1] == "station"


def test_a_step_is_ticked_and_unticked(source: FakeSource, client: Client) -> None:
    """Ticking says step_done, unticking step_undone, and the list shows it each time."""
    path, ours = f"{SEPTIC}/alert/{ALERT}/step", OURS | {"hx-request": "true"}
    done = client.post(path, data={"step": "SEP.S5", "done": "1"}, headers=ours)
    assert "done at 10:32" in words(done.text)
    undone = client.post(path, data={"step": "SEP.S5", "done": "0"}, headers=ours)
    assert "done at 10:32" not in words(undone.text)
    assert [(a[2], a[3]) for a in source.answers] == [("step_done", "SEP.S5"), ("step_undone", "SEP.S5")]


@pytest.mark.parametrize("step", ["SEP.S3a", "SEP.none", ""])
def test_a_withheld_or_unknown_step_cannot_be_ticked(source: FakeSource, client: Client, step: str) -> None:
    """What is withheld has no box, and a request for it is refused with a sentence."""
    answer = client.post(f"{SEPTIC}/alert/{ALERT}/step", data={"step": step, "done": "1"}, headers=OURS)
    assert answer.status_code == 409
    assert source.answers == []


def test_an_answer_that_could_not_be_kept_is_not_shown_as_kept(source: FakeSource, client: Client) -> None:
    """When the log refuses, the person is told so, and nothing looks acknowledged."""
    source.broken = "The log cannot be written."
    answer = client.post(f"{SEPTIC}/alert/{ALERT}/acknowledge", headers=OURS | {"hx-request": "true"})
    assert (answer.status_code, answer.text) == (503, "Not saved: The log cannot be written.")
    assert "acknowledged" not in words(client.get("/").text)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_answer_for_a_nurse(source: FakeSource, client: Client, headers: dict[str, str]) -> None:
    """Only a page of the board itself may post; who does not say where it comes from may not."""
    for path in (f"{SEPTIC}/alert/{ALERT}/acknowledge", f"{SEPTIC}/alert/{ALERT}/step"):
        assert client.post(path, data={"step": "SEP.S5", "done": "1"}, headers=headers).status_code == 403
    assert source.answers == []


def test_a_large_body_is_refused_at_its_limit(client: Client) -> None:
    """A form of the allowed size is read; one byte more is not."""
    path = f"{SEPTIC}/alert/{ALERT}/acknowledge"
    fits = b"by=" + b"x" * (BODY_BYTES_MAX - 3)
    assert client.post(path, content=fits, headers=OURS).status_code == 303
    assert client.post(path, content=fits + b"x", headers=OURS).status_code == 413
    assert client.post(path, content=b"\xff=1", headers=OURS).status_code == 422


# --- JSON, health, headers, files


def test_the_json_of_the_beds_is_sorted_and_of_one_bed_complete(source: FakeSource, client: Client) -> None:
    """Programs get the order of the board, and a BedView that reads back as it was."""
    beds = client.get("/api/beds").json()
    assert [bed["level"] for bed in beds] == ["critical", "warning", "ask", "calm", "calm"]
    assert beds[0]["alerts"][0]["sentence"].startswith("Septic shock is likely")
    assert BedView.model_validate_json(client.get("/api/bed/mimic3%7C200001").text) == source.bed("mimic3|200001")


def test_health_means_it(source: FakeSource, client: Client) -> None:
    """Ready only while data come in and are judged in time; alive in any case."""
    assert client.get("/readyz").json() == {"ready": True, "why": None, "beds": 5}
    for change in ({"away_since": NOW}, {"lag_s": 31.0}):
        source.now_status = five().now_status.model_copy(update=change)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json() == {"status": "ok", "shell": "embedded"}


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(client: Client) -> None:
    """The policy names only this origin, and no page holds a script, a style or a handler of its own."""
    for path in ("/", SEPTIC, f"{SEPTIC}/checklist/{ALERT}", "/refused", "/bed/nobody"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)
        assert not re.findall(r'(?:src|href|action|hx-post)="(?!/|#)', answer.text)


def test_exactly_the_needed_libraries_are_served(client: Client) -> None:
    """The three files are there; nothing else of their folder is."""
    for name in ("htmx.min.js", "uPlot.iife.min.js", "uPlot.min.css"):
        assert client.get(f"/lib/{name}").status_code == 200
    for name in ("package.json", "..%2Fpackage.json", "htmx.js"):
        assert client.get(f"/lib/{name}").status_code == 404
    assert client.get("/docs").status_code == 404


def test_missing_libraries_are_said_at_the_start(tmp_path: Path) -> None:
    """Without the browser libraries there is no half-working board, but a sentence that says what to run."""
    with pytest.raises(FileNotFoundError, match=r"install them with \./run"):
        create_app(five(), node_modules=tmp_path)


# --- the live line


async def _events(source: FakeSource, count: int) -> list[tuple[str, str]]:
    """The first events of the board's line, as (event, data)."""
    shown = live.board_events(
        source.changes(),
        lambda: "all",
        lambda e: None if source.bed(e) is None else f"card {e}",
        lambda: frozenset(e for e in source.views if e == "mute"),
        lambda: "status",
    )
    found = []
    async for event in shown:
        found.append((str(event.event), str(event.data)))
        if len(found) == count:
            break
    await shown.aclose()
    return found


@pytest.mark.anyio
async def test_the_line_sends_all_beds_first_then_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects, also after a break, gets everything; then each changed bed once, and who left."""
    monkeypatch.setattr(live, "GATHER_S", 0.05)
    source = five()
    task = asyncio.create_task(_events(source, 4))
    await asyncio.sleep(0.05)
    for _ in range(20):
        source.put(calm())
    source.drop("clif:77")
    events = await asyncio.wait_for(task, 5)
    assert events[:2] == [("beds", "all"), ("status", "status")]
    assert sorted(events[2:]) == [("bed", "card mimic3|200002"), ("gone", "clif:77")]
    assert source.readers == 0


@pytest.mark.anyio
async def test_a_heartbeat_comes_when_nothing_happens_and_notices_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line speaks at every beat; a bed that fell silent in between is sent again."""
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    source = five()
    task = asyncio.create_task(_events(source, 5))
    await asyncio.sleep(0.02)
    source.views["mute"] = calm("mute")
    events = await asyncio.wait_for(task, 5)
    assert events[2:] == [("bed", "card mute"), ("status", "status"), ("status", "status")]


@pytest.mark.anyio
async def test_a_shell_that_stops_ends_the_line() -> None:
    """When no more changes can come the line ends, so that the browser says it."""

    async def nothing() -> AsyncIterator[str]:
        return
        yield

    assert [changed async for changed in live.gathered(nothing())] == [(set(), True)]


@pytest.mark.anyio
async def test_however_slow_its_reader_the_line_keeps_each_bed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand changes while nobody reads become one set of the beds that changed."""
    monkeypatch.setattr(live, "GATHER_S", 0.05)
    source = FakeSource(calm("a"), calm("b"))
    feed = live.gathered(source.changes())
    await anext(feed)
    both = (calm("a"), calm("b"))
    for _ in range(1000):
        for view in both:
            source.put(view)
    changed, _ = await asyncio.wait_for(anext(feed), 5)
    assert changed == {"a", "b"}
    await feed.aclose()
    assert source.readers == 0


def test_too_many_boards_are_refused(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    """Beyond the limit a new line is refused with a sentence."""
    monkeypatch.setattr(live, "CLIENTS_MAX", 0)
    answer = client.get("/events")
    assert answer.status_code == 503
    assert "close one" in answer.text


def test_silence_after_another_time_may_be_asked_for() -> None:
    """A unit that charts by the hour says so, and its beds are not grey half of the time."""
    view = artefact()
    assert view.last_heard_at is not None
    late = view.last_heard_at + timedelta(minutes=45)
    for minutes, level in ((30, "silent"), (75, "calm")):
        source = FakeSource(view)
        source.now_status = source.now_status.model_copy(update={"now": late})
        client = Client(create_app(source, silent_after=timedelta(minutes=minutes)))
        assert client.get("/api/beds").json()[0]["level"] == level


def test_the_fixture_holds_a_step_of_every_state() -> None:
    """The tests above see each state that a step may have."""
    assert {step.state for step in septic().alerts[0].finding.steps} == {*StepState}
