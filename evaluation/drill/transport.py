"""How a virtual device reaches the service: in process over ASGI, or over a real socket."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

import httpx
from starlette.types import ASGIApp, Message

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Request:
    """One request. path: percent-encoded, without a query unless it is part of it."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What came back, whole. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request after the other."""

    async def send(self, request: Request) -> Reply:
        """The reply, of whatever status."""


class AsgiTransport:
    """Calls the application itself. state: what its lifespan yielded."""

    def __init__(self, app: ASGIApp, state: Mapping[str, Any]) -> None:
        self._app, self._state = app, state

    async def send(self, request: Request) -> Reply:
        """Run the application on the request until its reply is complete."""
        pending = [{"type": "http.request", "body": request.body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return pending.pop() if pending else {"type": "http.disconnect"}

        async def take(message: Message) -> None:
            sent.append(message)

        await self._app(self._scope(request), receive, take)
        headers = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Reply(sent[0]["status"], headers, body)

    def _scope(self, request: Request) -> MutableMapping[str, Any]:
        path, _, query = request.path.partition("?")
        headers = {"host": "drill", "content-length": str(len(request.body)), **request.headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("drill", 80),
            "state": dict(self._state),
        }


def tcp_client(url: str) -> httpx.AsyncClient:
    """A client of the server at `url`, past every proxy; close it."""
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)


class TcpTransport:
    """Speaks HTTP to a server. client: closed by whoever made it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, request: Request) -> Reply:
        """Send the request over a connection that is kept."""
        answer = await self._client.request(
            request.method, request.path, headers=dict(request.headers), content=request.body
        )
        headers = {name.lower(): text for name, text in answer.headers.items()}
        return Reply(answer.status_code, headers, answer.content)
