"""Pure ASGI middleware. Starlette's `BaseHTTPMiddleware` would cost milliseconds a request."""

import time
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Problem, problem_response
from app.route_template import route_template


class RawPath:
    """Route on the percent-encoded path, so that ids may hold any character, `/` included.

    Servers decode `%2F` before routing, which would split an id in two. The encoded path reaches
    the router instead; path parameters are decoded by `app.identifiers.PathId`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace `path` by the encoded one and go on."""
        if scope["type"] == "http" and (raw := scope.get("raw_path")):
            scope["path"] = _keep_encoded(raw.split(b"?", 1)[0])
        await self.app(scope, receive, send)


def _keep_encoded(raw: bytes) -> str:
    # Bytes above 127 are legal nowhere in a path, yet some clients send them: encode them here.
    return "".join(chr(b) if b < 128 else f"%{b:02X}" for b in raw)


def decode_segment(segment: str) -> str:
    """The text of one percent-encoded path segment.

    Raises: ValueError when it is not UTF-8.
    """
    return unquote_to_bytes(segment).decode("utf-8")


class Observe:
    """Count and time requests by method and route template."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure one request; a failed one counts as 500."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            _observe(scope, status, time.perf_counter() - started)


def _observe(scope: Scope, status: int, elapsed_s: float) -> None:
    state: dict[str, Any] | None = scope.get("state")
    if state is not None and "metrics" in state:
        state["metrics"].observe_request(scope["method"], route_template(scope), status, elapsed_s)


class SecurityHeaders:
    """What every answer says to browsers, and to caches about what a credential bought.

    An answer of the API is data: no page may frame it, guess another type for it, or run it.
    """

    ALWAYS: ClassVar[dict[str, str]] = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"
    PAGES = ("/docs", "/redoc")
    A_YEAR = "max-age=31536000"

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers; a route's own `Cache-Control` stands."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope)
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, scope: Scope) -> None:
        headers.update(self.ALWAYS)
        if not scope["path"].startswith(self.PAGES):
            headers["Content-Security-Policy"] = self.DATA_ONLY
        if scope["scheme"] == "https":
            headers["Strict-Transport-Security"] = self.A_YEAR
        headers.setdefault("Cache-Control", "no-store")


class BodyLimitProblem:
    """Say "body too large" as a problem document.

    Starlette's limiter answers by itself, in plain text and outside every exception handler, so
    this lies outside the limiter.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the limiter's answer; pass every other message on."""
        replaced = False

        async def send_or_replace(message: Message) -> None:
            nonlocal replaced
            if _is_plain_413(message):
                replaced = True
                detail = "The body is larger than this route takes."
                answer = problem_response(Problem(413, "body_too_large", detail))
                await answer(scope, receive, send)
            elif not replaced:
                await send(message)

        await self.app(scope, receive, send_or_replace)


def _is_plain_413(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] != 413:
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")
