"""Who may ask for what: the names that the service answers to, a token for programs, and a token for boards.

Everything needs a token, on this machine too: whoever is logged in here is not therefore on the ward. Open are only
health, which says nothing of patients, and the files of the pages. A browser gets its cookie by the link
`/?token=…`, once; each browser's cookie is its own, so that one of them can be told from another.
"""

import hmac
import secrets
from collections.abc import Iterable
from html import escape
from http.client import UNAUTHORIZED
from ipaddress import ip_address
from urllib.parse import urlsplit

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from boards.web.guard import HEADERS
from infra.private import Tokens

HEALTH = ("/healthz", "/readyz")  # asked by address, by whatever watches the service
FILES = ("/static/", "/lib/")
DOOR, METRICS = "/api/events", "/metrics"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
COOKIE_S = 400 * 86_400  # as long as browsers keep one: a screen on a wall is not signed in every morning

REFUSED = Counter("foreshock_access_refused", "Requests refused for what they lacked.", ["lacked"])

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Foreshock</title><link rel="stylesheet" href="/static/board.css"></head>
<body><main id="main"><h1>{sentence}</h1>
<form class="token" method="get" action="/"><label>Token of the board
<input name="token" type="password" autocomplete="off" required></label> <button>Open the board</button></form>
</main></body></html>
"""


def names(host: str, allowed: str) -> frozenset[str]:
    """The host names to answer to: this machine's own, the one listened on, and those allowed besides (by commas)."""
    given = {name.strip().lower() for name in (host, *allowed.split(","))}
    return frozenset({*LOOPBACK, *given} - {"", "0.0.0.0", "::"})  # noqa: S104, listened on, they name nobody


class Access:
    """An ASGI application in front of another. Without tokens (the demo: public data) only the name is checked."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], tokens: Tokens | None, port: int) -> None:
        self._app, self._hosts, self._tokens = app, frozenset(hosts), tokens
        self._cookie = f"foreshock-{port}"  # cookies know no ports: two services on a machine need two names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer(Request(scope)) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        answer.headers.update(HEADERS | {"cache-control": "no-store"})
        await answer(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """What is said instead of passing the request on; None: it may pass."""
        path = request.scope["path"]
        if path in HEALTH:
            return None
        if _host(request) not in self._hosts:
            return _refused(
                request, 421, "host", "This service does not go by that name; see the setting allowed_hosts."
            )
        if self._tokens is None or path.startswith(FILES):
            return None
        if path == DOOR:
            passes = _same(_bearer(request), self._tokens.events)
            return (
                None if passes else _refused(request, UNAUTHORIZED, "token", "Expected the token for posting events.")
            )
        if path == "/" and "token" in request.query_params:
            return self._signed_in(request, self._tokens.board)
        if self._known(request, self._tokens.board) or (path == METRICS and _from_here(request)):
            return None
        return _refused(
            request, UNAUTHORIZED, "token", "This board is opened once with the link that its service printed."
        )

    def _signed_in(self, request: Request, board: str) -> Response:
        if not _same(request.query_params["token"], board):
            return _refused(request, UNAUTHORIZED, "token", "This is not the token of this board.")
        name = secrets.token_urlsafe(12)
        answer = RedirectResponse("/", 303)
        secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        answer.set_cookie(
            self._cookie, f"{name}.{_seal(name, board)}", COOKIE_S, httponly=True, samesite="strict", secure=secure
        )
        return answer

    def _known(self, request: Request, board: str) -> bool:
        """Whether the request has the board's token, or a cookie that was given for it; then whose it is, is noted."""
        if _same(_bearer(request), board):
            return True
        name, _, seal = request.cookies.get(self._cookie, "").partition(".")
        known = _same(seal, _seal(name, board))
        if known:
            request.state.client = name
        return known


def _host(request: Request) -> str | None:
    given = request.headers.get("host", "")
    try:
        return None if "@" in given else urlsplit(f"//{given}").hostname
    except ValueError:
        return None


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, expected: str) -> bool:
    """Whether two secrets are equal; it takes as long when they are not."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _seal(name: str, key: str) -> str:
    return hmac.new(key.encode(), name.encode(), "sha256").hexdigest()


def _from_here(request: Request) -> bool:
    """Whether a program on this machine asks, itself and not for somebody else."""
    forwarded = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    return request.client is not None and not forwarded and ip_address(request.client.host).is_loopback


def _refused(request: Request, status: int, lacked: str, sentence: str) -> Response:
    """One sentence: JSON for programs, text for scripts, a page for people."""
    REFUSED.labels(lacked).inc()
    headers = {"www-authenticate": "Bearer"} if status == UNAUTHORIZED else {}
    path = request.scope["path"]
    if path.startswith("/api/"):
        return JSONResponse({"detail": sentence}, status, headers)
    if status != UNAUTHORIZED or "hx-request" in request.headers or path in ("/events", METRICS):
        return PlainTextResponse(sentence, status, headers)
    return HTMLResponse(_PAGE.format(sentence=escape(sentence)), status, headers)
