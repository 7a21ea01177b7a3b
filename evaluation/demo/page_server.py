"""The demo's page and the JSON behind it, served by the device process on localhost.

The page shows private histories, so the server answers requests addressed to this machine only:
a foreign `Host` (a rebound DNS name) is refused, there is no CORS, and a POST must be JSON, which
a browser sends across origins only after a preflight that fails here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI
from pydantic import Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict

from app.errors import Problem, install_error_handlers, invalid_field, problem_response
from app.identifiers import ChosenId, PathId
from app.middleware import RawPath
from app.schemas import StrictBody
from evaluation.demo.view import DemoView, Refused, Round, Shopper, ShopperEntry, Summary

PAGE_FOLDER = Path(__file__).parent / "page"
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
BODY_BYTES_MAX = 4096
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class NewEvent(StrictBody):
    """What a shopper did with an item, on the page."""

    item_id: ChosenId
    type: Annotated[str, Field(min_length=1, max_length=64)]


class ShopperList(TypedDict):
    """All shoppers."""

    data: Sequence[ShopperEntry]


class RoundList(TypedDict):
    """Rounds, newest first."""

    data: Sequence[Round]


class Gate:
    """Refuse foreign hosts and large bodies; put the protecting headers on every answer."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = LOCAL_HOSTS) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, then go on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _guard(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refusal = _foreign_host(Headers(scope=scope), self.hosts) or _bad_length(scope)
        answer = self.app if refusal is None else problem_response(refusal)
        await answer(scope, receive, send_guarded)


def _foreign_host(headers: Headers, hosts: frozenset[str]) -> Problem | None:
    if _host_name(headers.get("host", "")) in hosts:
        return None
    errors = [{"field": "Host", "message": "is not a name of this machine"}]
    return Problem(421, "host_not_local", "This page answers on localhost only.", errors=errors)


def _bad_length(scope: Scope) -> Problem | None:
    """The framework's own limit would answer in plain text."""
    if scope["method"] != "POST":
        return None
    length = Headers(scope=scope).get("content-length", "")
    if not length.isdecimal():
        return Problem(411, "length_required", "A body needs a Content-Length.")
    if int(length) > BODY_BYTES_MAX:
        return Problem(413, "body_too_large", f"A body has at most {BODY_BYTES_MAX} bytes.")
    return None


def _host_name(host: str) -> str:
    """The `Host` header without its port; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdigit() else host.lower()


def _guard(headers: MutableHeaders, path: str) -> None:
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    # Private data is kept nowhere; files of the page are asked for anew after an upgrade.
    headers["Cache-Control"] = "no-store" if path.startswith("/api/") else "no-cache"


def create_page(demo: DemoView, hosts: frozenset[str] = LOCAL_HOSTS) -> FastAPI:
    """The page over a device process.

    hosts: names, without port, that a request may be addressed to.
    """
    app = FastAPI(
        title="Twofold demo",
        openapi_url=None,
        middleware=[Middleware(Gate, hosts=hosts), Middleware(RawPath)],
        telemetry={"tracing": False},
    )
    install_error_handlers(app)
    app.include_router(_api(demo), prefix="/api")
    app.mount("/", StaticFiles(directory=PAGE_FOLDER, html=True))
    return app


def _api(demo: DemoView) -> APIRouter:
    """The JSON routes. They are not `async`: a device ranks, which keeps a thread busy."""
    router = APIRouter()

    @router.get("/summary", summary="The demo in figures")
    def summary() -> Summary:
        """What was simulated, and how well each model ranks."""
        return demo.summary()

    @router.get("/rounds", summary="Rounds")
    def rounds() -> RoundList:
        """Rounds as the service reports them, newest first."""
        return {"data": demo.rounds()}

    @router.get("/shoppers", summary="Shoppers")
    def shoppers() -> ShopperList:
        """Who has a device folder here."""
        return {"data": demo.shoppers()}

    @router.get("/shoppers/{shopper_id}", summary="One shopper")
    def shopper(shopper_id: PathId) -> Shopper:
        """History, recommendations and reasons, from the shopper's device folder."""
        found = demo.shopper(shopper_id)
        if found is None:
            raise _refusal(Refused("shopper_id", "no shopper has this id"))
        return found

    @router.post("/shoppers/{shopper_id}/events", summary="Do something with an item")
    def record(shopper_id: PathId, event: NewEvent) -> Shopper:
        """Record an event on the device; the answer is ranked with it."""
        outcome = demo.record(shopper_id, event.item_id, event.type)
        if isinstance(outcome, Refused):
            raise _refusal(outcome)
        return outcome

    return router


def _refusal(refused: Refused) -> Problem:
    if refused.field != "shopper_id":
        return invalid_field(refused.field, refused.message)
    error = {"field": refused.field, "message": refused.message}
    return Problem(404, "not_found", "No such shopper.", errors=[error])
