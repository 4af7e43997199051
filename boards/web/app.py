"""The boards as one web application over a `BoardSource`: pages, live line, answers, JSON, health.

app = create_app(source)          # any ASGI server; see docs/boards.md
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from msgspec.structs import replace
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

from boards.icu.why import reasons
from boards.printable import printable
from boards.source import BoardSource, Verb
from boards.station import cards
from boards.station.urgency import TABLE
from boards.web import live
from boards.web.guard import HEADERS, Sealed, form
from boards.web.pages import HERE, Broken, Pages
from boards.web.places import ALL_MAX, NoPlace, Places
from forecasting.contract import Forecaster
from guidelines.asking.tokens import QUESTION_CHARS_MAX
from schemas.boards.asked import Asked
from schemas.boards.hindsight import Hindsight
from schemas.boards.views import BedView
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import StepState
from schemas.events import LABEL_CHARS_MAX
from schemas.frozen import to_json
from schemas.local_time import UTC

LAG_READY_S = 30.0  # further behind than this, the service is not ready
SEARCH_CHARS_MAX = 80
# where a refusal is bare text: asked by scripts, or by anybody, who must not see the header with its counts
BARE = ("/events", "/healthz", "/readyz", "/metrics", "/lib/", "/static/")

Made = TypeVar("Made")

log = structlog.get_logger()

LIBRARIES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
}
NODE_MODULES = HERE.parents[1] / "node_modules"


def create_app(
    source: BoardSource,
    *,
    silent_after: timedelta = cards.SILENT_AFTER,
    zone: ZoneInfo = UTC,
    trouble: Callable[[], str | None] = lambda: None,
    forecaster: Forecaster | None = None,
    node_modules: Path = NODE_MODULES,
) -> FastAPI:
    """The boards of one source. `silent_after`: nothing heard for so long, and a bed is shown as not seen.

    `zone` is what the clocks of the ward go by. `trouble` says why what stands before the source does not work as it
    should; `/readyz` passes it on. `forecaster`: the one that made the chances, where they are to be explained.
    Raises FileNotFoundError when the browser libraries are not installed.
    """
    missing = [path for path in LIBRARIES.values() if not (node_modules / path).is_file()]
    if missing:
        raise FileNotFoundError(f"browser libraries are missing ({', '.join(missing)}): install them with ./run")
    app = FastAPI(title="Foreshock boards", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Sealed)
    pages = Pages(source, silent_after, zone)
    _add_files(app, node_modules)
    _add_live(app, source, pages)
    _add_health(app, source, trouble)
    _add_json(app, source, pages)
    _add_answers(app, source, pages)
    _add_questions(app, source, pages)
    _add_pages(app, source, pages, forecaster)
    _add_problems(app, pages)
    return app


def _add_files(app: FastAPI, node_modules: Path) -> None:
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    @app.get("/lib/{name}")
    def library(name: str) -> FileResponse:
        if name not in LIBRARIES:
            raise HTTPException(404, "No such file.")
        return FileResponse(node_modules / LIBRARIES[name])


def _add_live(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    places = Places()

    async def stream(bed: str | None, client: str, address: str) -> AsyncGenerator[ServerSentEvent, None]:
        with places.one(client, address) as left:
            changes = source.changes()
            if bed is None:
                line = live.board_events(changes, left, pages.all_cards, pages.one_card, pages.places, pages.status)
            else:
                line = live.bed_events(changes, left, bed, pages.status)
            async with aclosing(line) as events:
                async for event in events:
                    yield event

    @app.get("/events")
    async def events(request: Request, bed: str | None = None) -> EventSourceResponse:
        """The live line of the board, or of one bed's pages."""
        address = request.client.host if request.client else ""
        client = getattr(request.state, "client", address)  # a browser of its own, where something told it apart
        line = stream(bed, client, address)
        try:
            first = await anext(line)  # takes its place, or is told that there is none
        except NoPlace:
            raise HTTPException(503, f"{ALL_MAX} boards are open, which is all that may be: close one.") from None
        return EventSourceResponse(_with(first, line), ping=0, send_timeout=live.SEND_TIMEOUT_S)


async def _with(first: ServerSentEvent, rest: AsyncGenerator[ServerSentEvent, None]) -> AsyncIterator[ServerSentEvent]:
    async with aclosing(rest) as events:
        yield first
        async for event in events:
            yield event


def _add_health(app: FastAPI, source: BoardSource, trouble: Callable[[], str | None]) -> None:
    """Open to whoever watches the machines: nothing of it speaks of a patient, and no patient's data can break it."""

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers, and so does its shell."""
        return {"status": "ok", "shell": source.status().shell}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Data come in and are judged in time; else 503 and why."""
        status = source.status()
        why = trouble()
        if status.away_since is not None:
            why = status.away_why or "the source of data cannot be reached"
        elif status.lag_s is not None and status.lag_s > LAG_READY_S:
            why = f"judging is more than {LAG_READY_S:g} s behind the data"
        return JSONResponse({"ready": why is None, "why": why}, 503 if why else 200)


def _add_json(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    @app.get("/api/beds")
    async def api_beds() -> Response:
        """Every bed in short, the most urgent first."""
        beds = pages.each(lambda card: to_json(_in_short(card)))
        made = [to_json(_broken_in_short(bed)) if isinstance(bed, Broken) else bed for bed in beds]
        return Response(b"[" + b",".join(made) + b"]", media_type="application/json")

    @app.get("/api/bed/{encounter:path}")
    async def api_bed(encounter: str) -> Response:
        """All of one bed: a `BedView`."""
        await source.bring(encounter)
        return Response(_made(pages, encounter, _whole), media_type="application/json")


def _whole(view: BedView) -> bytes:
    """All but what only the model can read."""
    return to_json(replace(view, remembered=None))


def _broken_in_short(bed: Broken) -> dict[str, Any]:
    name, label = printable(bed.encounter), printable(bed.label)
    return {"encounter": name, "bed": label, "level": "broken", "since": bed.since, "where": bed.where}


def _in_short(card: cards.Card) -> dict[str, Any]:
    view = card.view
    news2 = view.news2 and {"total": view.news2.total, "lower": view.news2.lower, "upper": view.news2.upper}
    return {
        "encounter": view.encounter,
        "bed": view.bed,
        "unit": view.unit,
        "level": card.level,
        "silent": card.silent,
        "urgency": TABLE[card.urgency.place].name,
        "now": view.now,
        "last_heard_at": view.last_heard_at,
        "news2": news2,
        "alerts": [
            {
                "id": alert.id,
                "level": alert.level,
                "state": alert.state,
                "raised_at": alert.raised_at,
                "sentence": alert.finding.sentence.text,
            }
            for alert in card.alerts
        ],
    }


def _add_questions(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    async def answer(encounter: str, question: str) -> Asked:
        await source.bring(encounter)
        view = _made(pages, encounter, lambda view: view)
        question = question[: QUESTION_CHARS_MAX + 1]  # what is longer is refused for it
        try:
            asked = await source.ask(encounter, question)
        except Exception as problem:  # a person who asks hears why there is no answer
            log.error("question_not_answered", component="boards", exc_info=problem)
            why = f"an internal error ({type(problem).__name__}) keeps it from being answered"
            return Asked(encounter=encounter, question=question, now=view.now, refused=why)
        if asked is None:
            raise HTTPException(404, "No such patient is here: the bed may have been left.")
        return asked

    @app.get("/api/ask/{encounter:path}")
    async def api_ask(encounter: str, question: str = "") -> Response:
        """A question in plain English about one bed, and how it was read: an `Asked`. What is not read is refused in
        it, with what can be asked."""
        return Response(to_json(await answer(encounter, question)), media_type="application/json")

    @app.get("/ask/{encounter:path}", response_class=HTMLResponse)
    async def ask(request: Request, encounter: str, question: str = "") -> str:
        asked = await answer(encounter, question)
        return _made(pages, encounter, lambda view: pages.asked(view, asked, whole="hx-request" not in request.headers))


def _add_answers(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    async def answer(encounter: str, alert_id: str, verb: Verb, step: str | None, by: str) -> None:
        refusal = await source.respond(encounter, alert_id, verb, step, by)
        if refusal is not None:
            raise HTTPException(503, f"Not saved: {refusal}")

    @app.post("/acknowledge/{alert_id}/{encounter:path}")
    async def acknowledge(request: Request, alert_id: str, encounter: str) -> Response:
        fields = await form(request)
        _made(pages, encounter, lambda view: _alert(view, alert_id))
        await answer(encounter, alert_id, "acknowledge", None, _by(fields))
        if "hx-request" not in request.headers:
            return RedirectResponse("/", 303)
        return HTMLResponse(pages.one_card(encounter, saved=alert_id) or "")

    @app.post("/step/{alert_id}/{encounter:path}")
    async def tick(request: Request, alert_id: str, encounter: str) -> Response:
        fields = await form(request)
        step, done = fields.get("step", ""), fields.get("done") == "1"
        state = _made(pages, encounter, lambda view: _state(_alert(view, alert_id), step))
        if state in ("", StepState.WITHHELD):
            raise HTTPException(409, "This step cannot be ticked now: it is withheld, or no longer on the checklist.")
        await answer(encounter, alert_id, "step_done" if done else "step_undone", step, _by(fields))
        if "hx-request" not in request.headers:
            return RedirectResponse(f"/checklist/{alert_id}/{quote(encounter, safe='')}", 303)

        def page(view: BedView) -> str:
            alert = _alert(view, alert_id)
            shows = (_state(alert, step) is StepState.DONE) == done
            return pages.checklist(view, alert, saved=None if shows else step)

        return HTMLResponse(_made(pages, encounter, page))


def _by(fields: dict[str, str]) -> str:
    label = "".join(c for c in fields.get("by", "") if c.isprintable()).strip()
    return label[:LABEL_CHARS_MAX] or "station"


class _NotShown(Exception):
    """A bed that cannot be shown, on its way to the page that says so."""

    def __init__(self, bed: Broken) -> None:
        self.bed = bed


def _made(pages: Pages, encounter: str, make: Callable[[BedView], Made]) -> Made:
    """What `make` makes of the bed of a patient who is here. Raises HTTPException 404, _NotShown."""
    made = pages.of(encounter, make)
    if made is None:
        raise HTTPException(404, "No such patient is here: the bed may have been left.")
    if isinstance(made, Broken):
        raise _NotShown(made)
    return made


def _alert(view: BedView, alert_id: str) -> Alert:
    found = next((alert for alert in cards.standing(view) if alert.id == alert_id), None)
    if found is None:
        raise HTTPException(404, "This warning no longer stands.")
    return found


def _state(alert: Alert, step: str) -> StepState | str:
    """How a step stands; empty when it is not on the checklist."""
    return next((s.state for s in cards.steps(alert) if s.id == step), "")


def _add_pages(app: FastAPI, source: BoardSource, pages: Pages, forecaster: Forecaster | None) -> None:
    """The encounter is always the last part of an address: it may hold any of `. : | / -`, so nothing may follow it."""

    @app.get("/", response_class=HTMLResponse)
    async def board() -> str:
        return pages.board()

    @app.get("/refused", response_class=HTMLResponse)
    async def refused(search: str = "") -> str:
        search = search[:SEARCH_CHARS_MAX]
        try:
            groups = await source.refusals(search)
        except Exception as problem:  # of whatever store: the page says so
            log.error("refusals_not_read", component="boards", exc_info=problem)
            return pages.refused(None, search)
        return pages.refused(groups, search)

    @app.get("/bed/{encounter:path}", response_class=HTMLResponse)
    async def bed(encounter: str) -> str:
        await source.bring(encounter)
        view = _made(pages, encounter, lambda view: view)
        because = await run_in_threadpool(reasons, view, forecaster)  # a fifth of a second, while others are served
        back = await _looked_back(source, encounter)
        return _made(pages, encounter, lambda _: pages.bed(view, because, back))

    @app.get("/trends/{encounter:path}")
    async def trends(encounter: str) -> Response:
        """What trends.js draws: see `boards.icu.summary.drawn`."""
        await source.bring(encounter)
        return _made(pages, encounter, lambda view: JSONResponse(pages.trends(view)))

    @app.get("/checklist/{alert_id}/{encounter:path}", response_class=HTMLResponse)
    async def checklist(alert_id: str, encounter: str) -> str:
        return _made(pages, encounter, lambda view: pages.checklist(view, _alert(view, alert_id)))


async def _looked_back(source: BoardSource, encounter: str) -> Hindsight | None:
    try:
        return await source.looked_back(encounter)
    except Exception as problem:  # of the past: the page of now is shown without it
        log.error("not_looked_back", component="boards", exc_info=problem)
        return None


def _add_problems(app: FastAPI, pages: Pages) -> None:
    @app.exception_handler(StarletteHTTPException)
    async def problem(request: Request, fault: StarletteHTTPException) -> Response:
        """A refusal in one sentence: a page for people, text for scripts of ours, JSON for programs."""
        sentence = str(fault.detail)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": sentence}, fault.status_code, fault.headers)
        if "hx-request" in request.headers or request.url.path.startswith(BARE):
            return PlainTextResponse(sentence, fault.status_code, fault.headers)
        return HTMLResponse(pages.problem(sentence), fault.status_code, fault.headers)

    @app.exception_handler(_NotShown)
    async def not_shown(request: Request, fault: _NotShown) -> Response:
        """One bed, and no other, says that it cannot be shown."""
        bed, path = fault.bed, request.url.path
        sentence = f"{bed.label} cannot be shown because of an internal error ({bed.where}). Watch the monitor."
        if path.startswith(("/api/", "/trends/")):
            return JSONResponse({"detail": sentence}, 500)
        if "hx-request" in request.headers:
            return PlainTextResponse(sentence, 500)
        return HTMLResponse(pages.broken(bed), 500)

    @app.exception_handler(Exception)
    async def failed(_request: Request, _problem: Exception) -> Response:
        """Whatever fails besides: said without drawing anything, for that may be what failed."""
        headers = HEADERS | {"cache-control": "no-store"}
        return PlainTextResponse(
            "This could not be done because of an internal error. Watch the monitors.", 500, headers
        )
