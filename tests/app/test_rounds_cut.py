"""A connection that closes within an upload: nothing is kept, and the same bytes may come again."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.settings import Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import (
    Connect,
    DeviceAuth,
    HandDevice,
    content_digest,
    digest_of,
    update_body,
)
from tests.app.round_world import RoundWorld, Snapshot, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


async def cut_upload(app: FastAPI, state: State, url: str, ada: HandDevice, body: bytes) -> int:
    """Send half of a body and hang up; the status that nobody hears."""
    auth = ada.client.auth
    assert isinstance(auth, DeviceAuth)
    headers = auth.headers("PUT", f"http://test{url}") | {
        "upload-signature": ada.signature(url, digest_of(body)),
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "content-digest": content_digest(body),
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": url,
        "raw_path": url.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "state": dict(state),
    }
    half = {"type": "http.request", "body": body[: len(body) // 2], "more_body": True}
    messages: list[dict[str, Any]] = [half, {"type": "http.disconnect"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])


async def test_nothing_is_kept_and_the_same_bytes_may_come_again(
    application: tuple[FastAPI, State],
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Connect,
    snapshot: Snapshot,
) -> None:
    app, state = application
    world = RoundWorld(state, clock, client, connect)
    await world.begin()
    (ada,) = await world.enrol("ada")
    assignment = (await ada.check_in())["assignment"]
    body, url = update_body(assignment, 1), assignment["upload_url"]
    before = await snapshot()
    status = await cut_upload(app, state, url, ada, body)
    assert status == 400
    assert await snapshot() == before
    assert world.update_blobs() == []
    assert (await ada.put(url, body)).status_code == 201
