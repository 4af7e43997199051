"""What the boards refuse: requests of other sites, bodies too large or too slow, whatever is not served from here."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 4096
BODY_S = 10.0  # for a form to come
FIELDS_MAX = 8

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Sealed:
    """Every answer carries the headers above; those with patients in them are kept by no cache."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                open_to_all = scope["path"].startswith(("/lib/", "/static/"))
                headers["cache-control"] = "no-cache" if open_to_all else "no-store"
            await send(message)

        await self.app(scope, receive, sealed)


def same_origin(headers: Headers) -> bool:
    """Whether a page of ours made the request. Browsers say so in one of two headers; who says nothing is refused."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return site is not None
    return urlsplit(origin).netloc == headers.get("host")


async def form(request: Request) -> dict[str, str]:
    """The fields of a small form that a page of ours sent. Raises HTTPException: 403, 408, 413 or 422."""
    if not same_origin(request.headers):
        raise HTTPException(403, "This request did not come from the board itself.")
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise HTTPException(413, f"The request is larger than {BODY_BYTES_MAX} bytes.")
    except TimeoutError:
        raise HTTPException(408, f"The request did not come within {BODY_S:g} s.") from None
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise HTTPException(422, "The form could not be read.") from None
