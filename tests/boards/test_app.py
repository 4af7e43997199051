"""The boards over HTTP on a fake source: pages, answers, JSON, health, and what they refuse."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from boards.web import guard, live
from boards.web.app import create_app
from boards.web.guard import BODY_BYTES_MAX
from boards.web.pages import Pages
from schemas.boards.views import BedView, Unjudged, WrongClock
from schemas.clinical.findings import StepState
from schemas.frozen import from_json
from schemas.local_time import UTC
from tests.boards.fixtures import NOW, FakeSource, acknowledged, artefact, at, calm, five, septic

SEPTIC = "/bed/mimic3%7C200001"
ALERT = f"{1:032x}"
CHECKLIST = f"/checklist/{ALERT}/mimic3%7C200001"
ACKNOWLEDGE = f"/acknowledge/{ALERT}/mimic3%7C200001"
STEP = f"/step/{ALERT}/mimic3%7C200001"
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
        "CRITICAL ICU 2-07 62 years, male waiting since 09:05 NEWS2 13 last heard 2 min ago",
        "allergies ⚠ penicillin: anaphylaxis unknown: reason for admission, limits of treatment, diagnoses",
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
    assert f'href="{CHECKLIST}"' in html


def test_a_bed_that_cannot_be_judged_or_shown_whole_says_so(source: FakeSource, client: Client) -> None:
    """What is wrong with one bed stands on its card and on its page, and on no other's."""
    view = source.views["mimic3|200001"]
    unjudged, problem = Unjudged(since=at("09:40"), what="KeyError"), "is silent for so long"
    source.views["mimic3|200001"] = replace(view, unjudged=unjudged, problem=problem)
    why = "This bed cannot be judged since 09:40, because of an internal error (KeyError). Watch the monitor"
    for path in ("/", SEPTIC):
        assert words(client.get(path).text).count(why) == 1
        assert words(client.get(path).text).count("This bed is silent for so long.") == 1


def test_a_bed_that_cannot_be_judged_is_no_calm_bed(source: FakeSource, client: Client) -> None:
    """That no rule speaks is not said of a bed that no rule can look at."""
    source.views = {"b": replace(calm("b", "Bed 9"), unjudged=Unjudged(since=at("09:40"), what="KeyError"))}
    assert "✕ NOT JUDGED Bed 9" in words(client.get("/").text)
    for path in ("/", "/bed/b"):
        text = words(client.get(path).text)
        assert "no warning" not in text
        assert "No rule speaks" not in text


def test_a_bed_says_which_clock_is_wrong(source: FakeSource, client: Client) -> None:
    """On its page, before what rests on those times; nothing where all clocks are right."""
    clock = WrongClock(source="GW-7 monitor", off_s=300, since=at("08:00"))
    told = "The clock of GW-7 monitor is 5 min behind, noticed at 08:00: its readings are moved"
    assert "The clock of" not in words(client.get(SEPTIC).text)
    source.views["mimic3|200001"] = replace(source.views["mimic3|200001"], clocks=(clock,))
    assert words(client.get(SEPTIC).text).count(told) == 1


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
    vitals = tuple(replace(v, reason=evil, shown=evil, source=evil) for v in view.vitals)
    treatments = tuple(replace(t, label=evil) for t in view.treatments)
    source.views[view.encounter] = replace(
        view, bed=evil, unit=evil, vitals=vitals, treatments=treatments, forecast_missing=evil
    )
    assert not isinstance(source.groups, Exception)
    source.groups = [replace(group, why=evil, what=evil, sender=evil) for group in source.groups]
    source.now_status = replace(source.now_status, plays=evil, clock_doubt=evil)
    for path in ("/", SEPTIC, CHECKLIST, "/refused"):
        html = client.get(path).text
        assert "<img" not in html, path
        assert "&lt;img" in html, path


def test_the_checklist_gives_each_step_its_state_reason_and_passage(client: Client) -> None:
    """Every state is told in words; a withheld step has its block and reason, and nothing to tick."""
    html = client.get(CHECKLIST).text
    text = words(html)
    for said in (
        "offered · due 11:05, in 33 min",
        "changed · due 12:05",
        "withheld Penicillin anaphylaxis is on the allergy list; meropenem is allowed. [DRG.BLPEN]",
        "Because of allergy list penicillin: anaphylaxis",
        "A clinician may override: record the reason in the chart.",
        "needs a check first",
        "Needed: passive leg raise or capillary refill (never measured).",
        "discuss first",
        "done at 09:15",
        "SSC 2021 rec 9, 37, 44 · strength: strong",
    ):
        assert said in text
    assert html.count('role="checkbox"') == 6
    assert 'value="SEP.S3a"' not in html


def test_refused_messages_are_counted_explained_and_grouped_without_values(client: Client) -> None:
    """Each fault has its count and a sentence; alike refusals are one row, with what, from whom, of whom and when."""
    text = words(client.get("/refused").text)
    assert "unknown unit 3 The unit is unknown or does not fit the measurement" in text
    assert "3 unknown unit lactate in zorkmid lab ICU 2-07 09:50 10:20 Expected a unit of lactate" in text
    assert "1 naive time – not known not known 08:00 08:00 observed_at: expected a time with its zone" in text


def test_refused_messages_are_found_without_scripts(source: FakeSource, client: Client) -> None:
    """The search is a plain form; what it finds is what holds the words, and the words stay in the box."""
    html = client.get("/refused?search=ZORK%22%3E").text
    assert 'value="ZORK&#34;&gt;"' in html
    assert "Nothing that was refused lately holds this." in html
    text = words(client.get("/refused?search=ZORKmid").text)
    assert "lactate in zorkmid" in text
    assert "observed_at" not in text
    source.groups = OSError("the disk")
    answer = client.get("/refused")
    assert (answer.status_code, "It cannot be read now." in words(answer.text)) == (200, True)
    assert "unknown unit 3" in words(answer.text)


def test_any_refusal_can_be_shown(source: FakeSource, client: Client) -> None:
    """However long, empty or odd a refusal is, the page shows it, cut, and every page still opens."""
    assert not isinstance(source.groups, Exception)
    odd = ["x" * 5_000, "", "\ud800\u202e\0", "{{ 7 * 7 }} %s {0}", "<b>", "\n" * 300]
    source.groups = [replace(source.groups[0], why=t, what=t, sender=t, encounter=t or None) for t in odd]
    for path in ("/", SEPTIC, "/refused"):
        assert client.get(path).status_code == 200
    html = client.get("/refused").text
    assert "x" * 300 not in html
    assert "{{ 7 * 7 }}" in html
    assert "‹U+D800›‹U+202E›‹U+0000›" in html


def test_a_clock_in_doubt_is_said_on_every_page(source: FakeSource, client: Client) -> None:
    """A banner says in words and by a sign that the times may be wrong; without doubt it is hidden."""
    assert "Clock in doubt" not in client.get("/").text
    source.now_status = replace(source.now_status, clock_doubt="This machine’s clock leapt 1 h 00 min ahead.")
    for path in ("/", SEPTIC, CHECKLIST, "/refused"):
        html = client.get(path).text
        assert '<div id="doubt" class="banner" role="alert" >' in html
        assert "⚠ Clock in doubt. This machine’s clock leapt 1 h 00 min ahead." in words(html)


def test_every_page_says_whether_chances_were_checked_at_this_hospital(source: FakeSource, client: Client) -> None:
    """Once a page, beside what the board is not; where nothing is known of it, nothing is said."""
    unsaid = client.get("/").text
    said = "Chances are not checked at this hospital."
    source.now_status = replace(source.now_status, chances=said)
    assert [client.get(page).text.count(said) for page in ("/", SEPTIC, CHECKLIST, "/refused")] == [1, 1, 1, 1]
    assert "at this hospital" not in unsaid


def test_a_source_that_is_away_is_said_on_every_page(source: FakeSource, client: Client) -> None:
    """When the broker cannot be reached the page says since when, and that what it shows is old."""
    source.now_status = replace(source.now_status, away_since=at("10:20"), away_why="Kafka is down.")
    for path in ("/", SEPTIC):
        assert "No data since 10:20. Kafka is down. What stands here is old." in words(client.get(path).text)


def undrawable(view: BedView) -> BedView:
    """A bed whose sentence asks for evidence that it does not have."""
    alert = view.alerts[0]
    finding = replace(alert.finding, sentence=replace(alert.finding.sentence, template="{7}"))
    return replace(view, alerts=(replace(alert, finding=finding),))


@pytest.mark.parametrize("breaks", ["the bed cannot be made", "the bed cannot be drawn"])
def test_a_bed_that_cannot_be_shown_says_so_and_harms_no_other(source: FakeSource, client: Client, breaks: str) -> None:
    """It stands near the top and says where it is, since when and what fails; all other pages, and health, are well."""
    other = "/bed/mimic3%7C200002"
    before = {path: client.get(path).text for path in (other, "/refused", "/trends/mimic3%7C200002")}
    client.get("/")
    if breaks == "the bed cannot be made":
        source.cannot["mimic3|200001"] = ValueError("Kowalczyk 148")
    else:
        source.views["mimic3|200001"] = undrawable(septic())
    with capture_logs() as logs:
        html = client.get("/").text
        source.now_status = replace(source.now_status, now=at("10:40"))
        html = client.get("/").text
    assert re.findall(r'data-label="([^"]+)"', html)[0] == "ICU 2-07"
    assert "This bed cannot be shown because of an internal error, since 10:32." in words(html)
    assert re.search(r"(ValueError at fixtures|IndexError at cards)\.py:\d+", html)
    assert "Kowalczyk" not in html
    assert html.count("<article") == 5
    assert [log["event"] for log in logs] == ["bed_not_shown"]  # once, however often it is drawn
    source.now_status = replace(source.now_status, now=NOW)
    assert {path: client.get(path).text for path in before if path != "/refused"} == {
        path: text for path, text in before.items() if path != "/refused"
    }
    assert client.get("/readyz").json() == {"ready": True, "why": None}
    assert client.get("/refused").status_code == 200
    beds = client.get("/api/beds").json()
    assert [bed["level"] for bed in beds] == ["broken", "warning", "ask", "calm", "calm"]
    assert (beds[0]["encounter"], beds[0]["bed"]) == ("mimic3|200001", "ICU 2-07")


def test_the_pages_of_a_bed_that_cannot_be_shown_say_so(source: FakeSource, client: Client) -> None:
    """Its own pages, data and answers end in a sentence with the place in the code; once it is mended all is well."""
    client.get("/")
    source.cannot["mimic3|200001"] = ValueError("Kowalczyk 148")
    for path in (SEPTIC, CHECKLIST, "/trends/mimic3%7C200001", "/api/bed/mimic3%7C200001"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "cannot be shown because of an internal error" in words(answer.text)
        assert re.search(r"ValueError at fixtures\.py:\d+", answer.text)
        assert "Kowalczyk" not in answer.text
    assert client.post(ACKNOWLEDGE, headers=OURS | {"hx-request": "true"}).status_code == 500
    assert source.answers == []
    source.cannot.clear()
    assert client.get(SEPTIC).status_code == 200
    assert "NOT SHOWN" not in client.get("/").text


def test_a_number_that_no_chart_can_draw_harms_its_own_bed_only(source: FakeSource, client: Client) -> None:
    """A value that JSON has no word for ends in that bed's sentence."""
    view = septic()
    trends = {"map": (replace(view.trends["map"][0], value=float("nan"), at=NOW),)}
    source.views[view.encounter] = replace(view, trends=trends)
    assert client.get("/trends/mimic3%7C200001").status_code == 500
    assert client.get("/trends/mimic3%7C200002").status_code == 200


def test_an_unknown_bed_or_warning_is_a_plain_404(client: Client) -> None:
    """A patient who has left, or a warning that was resolved, is told in one sentence."""
    for path, said in (
        ("/bed/nobody", "No such patient is here"),
        (f"/checklist/{2:032x}/mimic3%7C200001", "This warning no longer stands"),
        ("/api/bed/nobody", "No such patient is here"),
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert said in answer.text


LOOKALIKES = (
    "e1", "e1/trends", "e1/checklist/x", f"e1/checklist/{ALERT}", f"e1/alert/{ALERT}/acknowledge", "trends/e1", "a|b",
    "a..b", "a/..", "a/../b", "b", "a/./b", "a/b", "a//b", "a/", "a.b:c-d", "refused", "e1:x", f"{ALERT}/e1",
)  # fmt: skip


def test_no_encounter_can_be_taken_for_the_page_of_another() -> None:
    """Whatever an id holds, each address shows the bed whose id it has, and no other."""
    source = FakeSource(*(replace(septic(), encounter=name, bed=f"Bed {n}") for n, name in enumerate(LOOKALIKES)))
    client = Client(create_app(source))
    links = dict(re.findall(r'data-label="(Bed \d+)".*?href="(/bed/[^"]+)"', client.get("/").text, re.DOTALL))
    for number, name in enumerate(LOOKALIKES):
        last = quote(name, safe="")
        assert links[f"Bed {number}"] == f"/bed/{last}"
        for path in (f"/bed/{last}", f"/checklist/{ALERT}/{last}"):
            assert f"<h1>Bed {number}</h1>" in client.get(path).text, path
        assert client.get(f"/api/bed/{last}").json()["encounter"] == name
        client.post(f"/acknowledge/{ALERT}/{last}", headers=OURS)
        client.post(f"/step/{ALERT}/{last}", data={"step": "SEP.S5", "done": "1"}, headers=OURS)
        assert {answer[0] for answer in source.answers[-2:]} == {name}


NAMED = FakeSource()
ONE_OF_THEM = Client(create_app(NAMED))


@given(st.from_regex(re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:|/-]{0,63}"), fullmatch=True))
def test_every_encounter_has_its_page(name: str) -> None:
    """Any id that the wire takes leads to its own bed."""
    NAMED.views = {name: calm(name), "another": calm("another")}
    assert ONE_OF_THEM.get(f"/api/bed/{quote(name, safe='')}").json()["encounter"] == name


def test_an_id_is_decoded_once(client: Client) -> None:
    """`a%2Fb` is an id that nobody has, and not `a/b`."""
    client = Client(create_app(FakeSource(calm("a/b"))))
    assert client.get("/bed/a%2Fb").status_code == 200
    assert client.get("/bed/a%252Fb").status_code == 404


# --- answers


def test_acknowledging_reaches_the_log_and_shows_who(source: FakeSource, client: Client) -> None:
    """The answer holds encounter, alert and label; the card then says by whom."""
    answer = client.post(ACKNOWLEDGE, data={"by": " RN  7\n"}, headers=OURS | {"hx-request": "true"})
    assert answer.status_code == 200
    assert source.answers == [("mimic3|200001", ALERT, "acknowledge", None, "RN  7")]
    assert "✓ acknowledged 10:32 by RN 7" in words(answer.text)


def test_forms_work_without_scripts(source: FakeSource, client: Client) -> None:
    """A plain form post answers with a redirect back; an empty label is the station's."""
    answer = client.post(ACKNOWLEDGE, headers={"sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert source.answers[0][-1] == "station"


def test_an_answer_that_shows_later_is_said_to_be_saved(source: FakeSource, client: Client) -> None:
    """Where the shell cannot show the answer yet (Kafka), the page says that it is saved, and does not wait."""
    views = dict(source.views)
    ours = OURS | {"hx-request": "true"}
    for path, data in ((ACKNOWLEDGE, {}), (STEP, {"step": "SEP.S5", "done": "1"})):
        source.apply = False
        began = time.monotonic()
        answer = client.post(path, data=data, headers=ours)
        assert time.monotonic() - began < 3  # what the embedded shell waits for it to show (infra/service.py)
        assert "saved; it shows here in a moment" in words(answer.text)
    assert source.views == views
    assert len(source.answers) == 2


def test_a_step_is_ticked_and_unticked(source: FakeSource, client: Client) -> None:
    """Ticking says step_done, unticking step_undone, and the list shows it each time."""
    path, ours = STEP, OURS | {"hx-request": "true"}
    done = client.post(path, data={"step": "SEP.S5", "done": "1"}, headers=ours)
    assert "done at 10:32" in words(done.text)
    undone = client.post(path, data={"step": "SEP.S5", "done": "0"}, headers=ours)
    assert "done at 10:32" not in words(undone.text)
    assert [(a[2], a[3]) for a in source.answers] == [("step_done", "SEP.S5"), ("step_undone", "SEP.S5")]


@pytest.mark.parametrize("step", ["SEP.S3a", "SEP.none", ""])
def test_a_withheld_or_unknown_step_cannot_be_ticked(source: FakeSource, client: Client, step: str) -> None:
    """What is withheld has no box, and a request for it is refused with a sentence."""
    answer = client.post(STEP, data={"step": step, "done": "1"}, headers=OURS)
    assert answer.status_code == 409
    assert source.answers == []


def test_an_answer_that_could_not_be_kept_is_not_shown_as_kept(source: FakeSource, client: Client) -> None:
    """When the log refuses, the person is told so, and nothing looks acknowledged."""
    source.broken = "The log cannot be written."
    answer = client.post(ACKNOWLEDGE, headers=OURS | {"hx-request": "true"})
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
    for path in (ACKNOWLEDGE, STEP):
        assert client.post(path, data={"step": "SEP.S5", "done": "1"}, headers=headers).status_code == 403
    assert source.answers == []


def test_a_large_body_is_refused_at_its_limit(client: Client) -> None:
    """A form of the allowed size is read; one byte more is not."""
    path = ACKNOWLEDGE
    fits = b"by=" + b"x" * (BODY_BYTES_MAX - 3)
    assert client.post(path, content=fits, headers=OURS).status_code == 303
    assert client.post(path, content=fits + b"x", headers=OURS).status_code == 413
    assert client.post(path, content=b"\xff=1", headers=OURS).status_code == 422


@pytest.mark.anyio
async def test_a_form_that_does_not_come_is_ended(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer whose body stops on the way is refused in time, and nothing of it is kept."""
    monkeypatch.setattr(guard, "BODY_S", 0.2)

    async def body() -> AsyncIterator[bytes]:
        yield b"by="
        await asyncio.sleep(30)

    transport = httpx.ASGITransport(create_app(source))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.post(ACKNOWLEDGE, content=body(), headers=OURS | {"hx-request": "true"})
    assert (answer.status_code, answer.text) == (408, "The request did not come within 0.2 s.")
    assert source.answers == []


# --- JSON, health, headers, files


def test_the_json_of_the_beds_is_sorted_and_of_one_bed_complete(source: FakeSource, client: Client) -> None:
    """Programs get the order of the board, and a BedView that reads back as it was."""
    beds = client.get("/api/beds").json()
    assert [bed["level"] for bed in beds] == ["critical", "warning", "ask", "calm", "calm"]
    assert beds[0]["alerts"][0]["sentence"].startswith("Septic shock is likely")
    assert from_json(client.get("/api/bed/mimic3%7C200001").content, BedView) == source.bed("mimic3|200001")


def test_health_means_it(source: FakeSource, client: Client) -> None:
    """Ready only while data come in and are judged in time; alive in any case."""
    assert client.get("/readyz").json() == {"ready": True, "why": None}
    for change in ({"away_since": NOW}, {"lag_s": 31.0}):
        source.now_status = replace(five().now_status, **change)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json() == {"status": "ok", "shell": "embedded"}


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(client: Client) -> None:
    """The policy names only this origin, and no page holds a script, a style or a handler of its own."""
    for path in ("/", SEPTIC, CHECKLIST, "/refused", "/bed/nobody"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert {part.strip() for part in policy.split(";")} == {
            "default-src 'none'",
            *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
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


def never() -> "asyncio.Future[None]":
    """Nobody needs the place of this line."""
    return asyncio.get_running_loop().create_future()


async def _events(source: FakeSource, count: int) -> list[tuple[str, str]]:
    """The first events of the board's line, as (event, data)."""
    shown = live.board_events(
        source.changes(),
        never(),
        lambda: "all",
        lambda e: None if source.bed(e) is None else f"card {e}",
        lambda: frozenset((e, "5", True) for e in source.views if e == "mute"),
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

    assert [changed async for changed in live.gathered(nothing(), never())] == [(set(), True)]


@pytest.mark.anyio
async def test_however_slow_its_reader_the_line_keeps_each_bed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand changes while nobody reads become one set of the beds that changed."""
    monkeypatch.setattr(live, "GATHER_S", 0.05)
    source = FakeSource(calm("a"), calm("b"))
    feed = live.gathered(source.changes(), never())
    await anext(feed)
    both = (calm("a"), calm("b"))
    for _ in range(1000):
        for view in both:
            source.put(view)
    changed, _ = await asyncio.wait_for(anext(feed), 5)
    assert changed == {"a", "b"}
    await feed.aclose()
    assert source.readers == 0


def test_silence_after_another_time_may_be_asked_for() -> None:
    """A unit that charts by the hour says so, and its beds are not grey half of the time."""
    view = artefact()
    assert view.last_heard_at is not None
    late = view.last_heard_at + timedelta(minutes=45)
    for minutes, level in ((30, "silent"), (75, "calm")):
        source = FakeSource(view)
        source.now_status = replace(source.now_status, now=late)
        client = Client(create_app(source, silent_after=timedelta(minutes=minutes)))
        assert client.get("/api/beds").json()[0]["level"] == level


def test_a_card_is_drawn_once_for_all_boards_and_anew_when_it_changes(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand looks draw each bed once; a new state, another minute or silence draw it again, and it is right."""
    pages = Pages(source, timedelta(minutes=30), UTC)
    drawn: list[str] = []
    render = pages._render

    def noted(name: str, **given: Any) -> str:
        drawn.append(name)
        return render(name, **given)

    monkeypatch.setattr(pages, "_render", noted)
    first = pages.all_cards()
    for _ in range(1_000):
        assert pages.all_cards() == first
    assert len(drawn) == 5
    source.put(acknowledged(septic()))
    assert "✓ acknowledged 10:32 by station" in words(pages.all_cards())
    assert len(drawn) == 6
    source.now_status = replace(source.now_status, now=NOW + timedelta(minutes=1))
    assert "last heard 3 min ago" in words(pages.all_cards())
    assert len(drawn) == 11
    source.now_status = replace(source.now_status, now=NOW + timedelta(hours=2))
    assert words(pages.one_card("mimic3|200002") or "").startswith("∅ NO DATA ICU 2-01")


def test_the_fixture_holds_a_step_of_every_state() -> None:
    """The tests above see each state that a step may have."""
    assert {step.state for step in septic().alerts[0].finding.steps} == {*StepState}
