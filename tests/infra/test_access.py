"""Names and tokens: what is compared with what (the process itself is tried in test_edges)."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from infra.access import Access, names
from infra.private import Tokens

BOARD, EVENTS = "b" * 43, "e" * 43


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Says who asks."""
    await JSONResponse({"client": getattr(Request(scope).state, "client", None)})(scope, receive, send)


TOKENS = Tokens(EVENTS, BOARD, new=False)


def client(address: str = "127.0.0.1", tokens: Tokens | None = TOKENS) -> httpx.AsyncClient:
    """A program at an address, or a browser: it keeps its cookies."""
    app = Access(application, names("ward.example", " Board.Example ,,"), tokens, 8000)
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://ward.example")


@pytest.mark.parametrize(
    ("host", "allowed", "names_of_it"),
    [
        ("127.0.0.1", "", {"localhost", "127.0.0.1", "::1"}),
        ("0.0.0.0", "", {"localhost", "127.0.0.1", "::1"}),
        ("::", "Ward.example", {"localhost", "127.0.0.1", "::1", "ward.example"}),
        ("10.0.0.5", "a.example, b.example,", {"localhost", "127.0.0.1", "::1", "10.0.0.5", "a.example", "b.example"}),
    ],
)
def test_it_goes_by_loopback_its_own_address_and_what_is_allowed(
    host: str, allowed: str, names_of_it: set[str]
) -> None:
    """Where it listens on every address, none of them becomes a name: they have to be allowed."""
    assert names(host, allowed) == names_of_it


@pytest.mark.anyio
async def test_each_browser_is_told_apart_by_a_cookie_of_its_own() -> None:
    """Two that open the same link are two clients; the cookie holds no token, and is of this port alone."""
    seen = set()
    for _ in range(2):
        async with client() as browser:
            assert (await browser.get("/", params={"token": BOARD})).status_code == 303
            assert list(browser.cookies) == ["foreshock-8000"]
            assert BOARD not in browser.cookies["foreshock-8000"]
            seen.add((await browser.get("/")).json()["client"])
    assert len(seen) == 2
    assert None not in seen


@pytest.mark.anyio
@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
async def test_behind_tls_the_cookie_is_never_sent_without_it(scheme: str, secure: bool) -> None:
    """A gateway that says that it speaks TLS gets a cookie that is kept to TLS."""
    async with client() as browser:
        answer = await browser.get("/", params={"token": BOARD}, headers={"x-forwarded-proto": scheme})
        assert ("Secure" in answer.headers["set-cookie"]) is secure


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.9", {"forwarded": "for=10.0.0.1"}, 401),
        ("10.0.0.1", {}, 401),
        ("10.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 401),
        ("10.0.0.1", {"authorization": f"bearer {BOARD}"}, 200),
        ("10.0.0.1", {"authorization": f"Basic {BOARD}"}, 401),
        ("10.0.0.1", {"authorization": f"Bearer {EVENTS}"}, 401),
    ],
)
async def test_metrics_are_for_this_machine_or_the_token(address: str, headers: dict[str, str], status: int) -> None:
    """What a client says of its own address counts only against it."""
    async with client(address) as program:
        assert (await program.get("/metrics", headers=headers)).status_code == status


@pytest.mark.anyio
async def test_without_tokens_the_name_is_still_checked() -> None:
    """The demo asks nobody for a token, and answers to no name but its own."""
    async with client(tokens=None) as program:
        assert (await program.get("/")).status_code == 200
        assert (await program.get("/", headers={"host": "BOARD.example:81"})).status_code == 200
        assert (await program.get("/", headers={"host": "evil.example"})).status_code == 421


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "headers", "answered"),
    [
        ("/healthz", {"host": "somebody.else"}, 200),
        ("/static/board.css", {}, 200),
        ("/static/board.css", {"host": "somebody.else"}, 421),
        ("/api/beds", {"host": "me@ward.example"}, 421),
        ("/api/beds", {"host": "[::1"}, 421),
        ("/api/beds", {"host": "BOARD.example:81", **bearer(BOARD)}, 200),
        ("/api/beds", {}, 401),
        ("/api/beds", bearer(BOARD), 200),
        ("/api/beds", {"authorization": f"bearer  {BOARD} "}, 200),
        ("/api/beds", {"authorization": f"Basic {BOARD}"}, 401),
        ("/api/beds", bearer(EVENTS), 401),
        ("/api/beds", {"cookie": f"foreshock-8000=somebody.{'0' * 64}"}, 401),
        ("/api/events", bearer(EVENTS), 200),
        ("/api/events", bearer(BOARD), 401),
        ("/api/events", {}, 401),
        ("/?token=" + "x" * 43, {}, 401),
    ],
)
async def test_what_each_asks_for_needs_its_own_token(path: str, headers: dict[str, str], answered: int) -> None:
    """Health is open; files need the right name; boards need the board's token or its cookie, the door its own."""
    async with client() as asker:
        answer = await asker.get(path, headers=headers)
    assert answer.status_code == answered
    assert ("www-authenticate" in answer.headers) == (answered == 401)
    if answered != 200:
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/api/beds", {}, "application/json"),
        ("/", {}, "text/html"),
        ("/", {"hx-request": "true"}, "text/plain"),
        ("/events", {}, "text/plain"),
        ("/", {"host": "somebody.else"}, "text/plain"),
    ],
)
async def test_a_refusal_is_in_the_form_that_the_asker_reads(path: str, headers: dict[str, str], kind: str) -> None:
    """Programs get JSON, a page's script one sentence, a person a page with a place for the token."""
    async with client() as asker:
        answer = await asker.get(path, headers=headers)
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert ('name="token"' in answer.text) == (kind == "text/html")
