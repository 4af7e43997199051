"""The boards as one web application over a `BoardSource`: pages, live line, answers, JSON, health.

app = create_app(source)          # any ASGI server; see docs/boards.md
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

from boards.icu import summary
from boards.source import BoardSource, Verb
from boards.station import cards
from boards.web import live
from boards.web.guard import Sealed, form
from boards.web.pages import HERE, Pages
from schemas.boards.views import BedView
from schemas.clinical.alerts import Alert
from schemas.clinical.findings import StepState
from schemas.events import LABEL_CHARS_MAX
from schemas.frozen import to_json

ANSWER_WAIT_S = 2.0  # how long an answer waits to be seen on the bed before the page says "saved" without it
ANSWER_LOOK_S = 0.05
LAG_READY_S = 30.0  # further behind than this, the service is not ready

LIBRARIES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
}
NODE_MODULES = HERE.parents[1] / "node_modules"


def create_app(
    source: BoardSource, *, silent_after: timedelta = cards.SILENT_AFTER, node_modules: Path = NODE_MODULES
) -> FastAPI:
    """The boards of one source. `silent_after`: nothing heard for so long, and a bed is shown as not seen.

    Raises FileNotFoundError when the browser libraries are not installed.
    """
    missing = [path for path in LIBRARIES.values() if not (node_modules / path).is_file()]
    if missing:
        raise FileNotFoundError(f"browser libraries are missing ({', '.join(missing)}): install them with ./run")
    app = FastAPI(title="Foreshock boards", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Sealed)
    pages = Pages(source, silent_after)
    _add_files(app, node_modules)
    _add_live(app, source, pages)
    _add_json(app, source, pages)
    _add_answers(app, source, pages)
    _add_pages(app, source, pages)
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
    clients = 0

    async def stream(bed: str | None) -> AsyncIterator[ServerSentEvent]:
        nonlocal clients
        changes = source.changes()
        if bed is None:
            line = live.board_events(changes, pages.all_cards, pages.one_card, pages.silences, pages.status)
        else:
            line = live.bed_events(changes, bed, pages.status)
        clients += 1
        try:
            async with aclosing(line) as events:
                async for event in events:
                    yield event
        finally:
            clients -= 1

    @app.get("/events")
    async def events(bed: str | None = None) -> EventSourceResponse:
        """The live line of the board, or of one bed's pages."""
        if clients >= live.CLIENTS_MAX:
            raise HTTPException(503, f"More than {live.CLIENTS_MAX} boards are open: close one.")
        return EventSourceResponse(stream(bed), ping=0, send_timeout=live.SEND_TIMEOUT_S)


def _add_json(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers, and so does its shell."""
        return {"status": "ok", "shell": source.status().shell}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Data come in, are judged in time, and every bed can be shown; else 503 and why."""
        status = source.status()
        why = None
        if status.away_since is not None:
            why = "the source of data cannot be reached"
        elif status.lag_s is not None and status.lag_s > LAG_READY_S:
            why = f"judging is more than {LAG_READY_S:g} s behind the data"
        beds = len(pages.cards())
        return JSONResponse({"ready": why is None, "why": why, "beds": beds}, 503 if why else 200)

    @app.get("/api/beds")
    async def api_beds() -> list[dict[str, Any]]:
        """Every bed in short, the most urgent first."""
        return [_in_short(card) for card in pages.cards()]

    @app.get("/api/bed/{encounter:path}")
    async def api_bed(encounter: str) -> Response:
        """All of one bed: a `BedView`."""
        return Response(to_json(_bed(source, encounter)), media_type="application/json")


def _in_short(card: cards.Card) -> dict[str, Any]:
    view = card.view
    news2 = view.news2 and {"total": view.news2.total, "lower": view.news2.lower, "upper": view.news2.upper}
    return {
        "encounter": view.encounter,
        "bed": view.bed,
        "unit": view.unit,
        "level": card.level,
        "silent": card.silent,
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


def _add_answers(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    async def answer(view: BedView, alert: Alert, verb: Verb, step: str | None, by: str) -> None:
        refusal = await source.respond(view.encounter, alert.id, verb, step, by)
        if refusal is not None:
            raise HTTPException(503, f"Not saved: {refusal}")

    async def seen(encounter: str, test: Callable[[BedView | None], bool]) -> bool:
        for _ in range(int(ANSWER_WAIT_S / ANSWER_LOOK_S)):
            if test(source.bed(encounter)):
                return True
            await asyncio.sleep(ANSWER_LOOK_S)
        return False

    @app.post("/bed/{encounter:path}/alert/{alert_id}/acknowledge")
    async def acknowledge(request: Request, encounter: str, alert_id: str) -> Response:
        fields = await form(request)
        view = _bed(source, encounter)
        await answer(view, _alert(view, alert_id), "acknowledge", None, _by(fields))

        def shown(now: BedView | None) -> bool:
            found = now and _find(now, alert_id)
            return not found or found.state == "acknowledged"

        saved = None if await seen(encounter, shown) else alert_id
        if "hx-request" not in request.headers:
            return RedirectResponse("/", 303)
        return HTMLResponse(pages.one_card(encounter, saved) or "")

    @app.post("/bed/{encounter:path}/alert/{alert_id}/step")
    async def tick(request: Request, encounter: str, alert_id: str) -> Response:
        fields = await form(request)
        view = _bed(source, encounter)
        alert = _alert(view, alert_id)
        step, done = fields.get("step", ""), fields.get("done") == "1"
        states = {s.id: s.state for s in cards.steps(alert)}
        if states.get(step) in (None, StepState.WITHHELD):
            raise HTTPException(409, "This step cannot be ticked now: it is withheld, or no longer on the checklist.")
        await answer(view, alert, "step_done" if done else "step_undone", step, _by(fields))

        def shown(now: BedView | None) -> bool:
            found = now and _find(now, alert_id)
            return not found or any(s.id == step and (s.state is StepState.DONE) == done for s in cards.steps(found))

        saved = None if await seen(encounter, shown) else step
        path = f"/bed/{quote(encounter, safe='')}/checklist/{alert_id}"
        if "hx-request" not in request.headers:
            return RedirectResponse(path, 303)
        view = _bed(source, encounter)
        return HTMLResponse(pages.checklist(view, _alert(view, alert_id), saved))


def _by(fields: dict[str, str]) -> str:
    label = "".join(c for c in fields.get("by", "") if c.isprintable()).strip()
    return label[:LABEL_CHARS_MAX] or "station"


def _bed(source: BoardSource, encounter: str) -> BedView:
    view = source.bed(encounter)
    if view is None:
        raise HTTPException(404, "No such patient is here: the bed may have been left.")
    return view


def _find(view: BedView, alert_id: str) -> Alert | None:
    return next((alert for alert in cards.standing(view) if alert.id == alert_id), None)


def _alert(view: BedView, alert_id: str) -> Alert:
    found = _find(view, alert_id)
    if found is None:
        raise HTTPException(404, "This warning no longer stands.")
    return found


def _add_pages(app: FastAPI, source: BoardSource, pages: Pages) -> None:
    @app.get("/", response_class=HTMLResponse)
    async def board() -> str:
        return pages.board()

    @app.get("/refused", response_class=HTMLResponse)
    async def refused() -> str:
        return pages.refused()

    @app.get("/bed/{encounter:path}/checklist/{alert_id}", response_class=HTMLResponse)
    async def checklist(encounter: str, alert_id: str) -> str:
        view = _bed(source, encounter)
        return pages.checklist(view, _alert(view, alert_id))

    @app.get("/bed/{encounter:path}/trends")
    async def trends(encounter: str) -> dict[str, Any]:
        """What trends.js draws; see `summary.drawn`."""
        return summary.drawn(_bed(source, encounter))

    @app.get("/bed/{encounter:path}", response_class=HTMLResponse)
    async def bed(encounter: str) -> str:
        return pages.bed(_bed(source, encounter))


def _add_problems(app: FastAPI, pages: Pages) -> None:
    @app.exception_handler(StarletteHTTPException)
    async def problem(request: Request, fault: StarletteHTTPException) -> Response:
        """A refusal in one sentence: a page for people, text for scripts of ours, JSON for programs."""
        sentence = str(fault.detail)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": sentence}, fault.status_code)
        if "hx-request" in request.headers or request.url.path == "/events":
            return PlainTextResponse(sentence, fault.status_code)
        return HTMLResponse(pages.problem(sentence), fault.status_code)
