"""`/v1/users/{id}` and its tokens; leaving `hosted` and erasure are in files of their own."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.wiring import State

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
ROUTES = [
    ("PUT", "/v1/users/ann", {"mode": "hosted"}),
    ("GET", "/v1/users/ann", None),
    ("DELETE", "/v1/users/ann", None),
    ("GET", "/v1/users/ann/events", None),
    ("GET", "/v1/users/ann/history", None),
    ("POST", "/v1/users/ann/tokens", None),
]
OWN_ROUTES = ["/v1/users/ann", "/v1/users/ann/events", "/v1/users/ann/history"]
STRANGE_IDS = ["a/b", "a%2Fb", "%", "?", "#", "🛍️", "..", "x" * 128, "\x01" * 128, "erased-1"]


def encoded(user_id: str) -> str:
    """The path of a user, with every byte percent-encoded."""
    return "/v1/users/" + "".join(f"%{byte:02X}" for byte in user_id.encode())


async def test_anonymous(
    anonymous: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for method, path, body in ROUTES:
        with subtests.test(f"{method} {path}"):
            await refused(anonymous.request(method, path, json=body), 401, "unauthorised")


async def test_wrong_credential(
    connect: Connect,
    mint: Callable[..., str],
    publishable_key: str,
    refused: Refused,
    subtests: pytest.Subtests,
) -> None:
    for method, path, body in ROUTES:
        with subtests.test(f"{method} {path}"):
            credentials = [publishable_key, mint("device", "ann")]
            if method != "GET":
                credentials.append(mint("user", "ann"))
            for credential in credentials:
                sending = connect(credential).request(method, path, json=body)
                await refused(sending, 403, "wrong_credential")


@pytest.mark.parametrize("path", OWN_ROUTES)
async def test_foreign_user(
    connect: Connect,
    client: httpx.AsyncClient,
    mint: Callable[..., str],
    refused: Refused,
    path: str,
) -> None:
    bob = connect(mint("user", "bob"))
    await refused(bob.get(path), 403, "foreign_user")
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    await refused(bob.get(path), 403, "foreign_user")


@pytest.mark.parametrize("path", OWN_ROUTES)
async def test_expired_token(
    connect: Connect, client: httpx.AsyncClient, clock: Any, refused: Refused, path: str
) -> None:
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    minted = (await client.post("/v1/users/ann/tokens")).json()
    ann = connect(minted["token"])
    clock.now += 3599
    assert (await ann.get(path)).status_code == 200
    clock.now += 1
    await refused(ann.get(path), 401, "token_expired")


MALFORMED_BODIES = [
    ({}, "mode"),
    ({"mode": "shared"}, "mode"),
    ({"mode": "HOSTED"}, "mode"),
    ({"mode": None}, "mode"),
    ({"mode": 1}, "mode"),
    ({"mode": ["hosted"]}, "mode"),
    ({"mode": "hosted", "name": "Ann"}, "name"),
    ({"mode": "device", "history_received": "sha256:"}, "history_received"),
    ({"mode": "device", "history_received": "sha256:" + "A" * 64}, "history_received"),
    ({"mode": "device", "history_received": "sha256:" + "a" * 64 + "\n"}, "history_received"),
    ({"mode": "device", "history_received": 10**30}, "history_received"),
    ([], "body"),
    (None, "body"),
    ("hosted", "body"),
]


async def test_malformed_body(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for body, field in MALFORMED_BODIES:
        with subtests.test(repr(body)[:60]):
            sending = client.put("/v1/users/ann", json=body)
            await refused(sending, 422, "invalid_request", field)


MALFORMED_IDS = ["x" * 129, "%00", "%FF"]


async def test_malformed_id(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for user_id in MALFORMED_IDS:
        with subtests.test(repr(user_id)[:60]):
            for method, path, body in ROUTES:
                sending = client.request(method, path.replace("ann", user_id), json=body)
                await refused(sending, 422, "invalid_request", "user_id")


async def test_unknown_user(client: httpx.AsyncClient, refused: Refused) -> None:
    for method, path, _ in ROUTES[1:]:
        await refused(client.request(method, path), 404, "not_found")


async def test_no_user_yet_behind_a_valid_token(
    connect: Connect, mint: Callable[..., str], refused: Refused
) -> None:
    for path in OWN_ROUTES:
        await refused(connect(mint("user", "ann")).get(path), 404, "not_found")


async def test_put_creates_then_changes(client: httpx.AsyncClient, clock: Any) -> None:
    created = await client.put("/v1/users/ann", json={"mode": "device"})
    assert created.status_code == 201
    assert created.json() == {
        "id": "ann",
        "mode": "device",
        "created_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:00.000Z",
        "erased_events": 0,
    }
    clock.now += 60
    changed = await client.put("/v1/users/ann", json={"mode": "vector"})
    assert changed.status_code == 200
    user = (await client.get("/v1/users/ann")).json()
    assert (user["mode"], user["updated_at"]) == ("vector", "2027-01-15T08:01:00.000Z")


async def test_same_mode_again_changes_nothing(
    client: httpx.AsyncClient, clock: Any, snapshot: Callable[[], Any]
) -> None:
    await client.put("/v1/users/ann", json={"mode": "vector"})
    before = await snapshot()
    clock.now += 60
    assert (await client.put("/v1/users/ann", json={"mode": "vector"})).status_code == 200
    assert await snapshot() == before


async def test_a_mode_change_reaches_the_cached_state(
    client: httpx.AsyncClient, state: State
) -> None:
    await client.put("/v1/users/ann", json={"mode": "device"})
    first = (await state["user_states"].get("ann")).state
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    second = (await state["user_states"].get("ann")).state
    assert first is not None
    assert second is not None
    assert (first.mode, second.mode) == ("device", "hosted")
    assert first.stamp < second.stamp


async def test_strange_ids(
    client: httpx.AsyncClient, connect: Connect, subtests: pytest.Subtests
) -> None:
    for user_id in STRANGE_IDS:
        with subtests.test(repr(user_id)[:60]):
            path = encoded(user_id)
            assert (await client.put(path, json={"mode": "hosted"})).status_code == 201
            token = (await client.post(f"{path}/tokens")).json()["token"]
            own = connect(token)
            assert (await own.get(path)).json()["id"] == user_id
            assert (await own.get(f"{path}/events")).json() == {"data": [], "next_cursor": None}
            assert (await own.get(f"{path}/history")).json()["user_id"] == user_id
            assert (await client.delete(path)).status_code == 200
            assert (await own.get(path)).status_code == 401  # the token ended with the account


async def test_tokens_tell_their_end(client: httpx.AsyncClient) -> None:
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    minted = await client.post("/v1/users/ann/tokens")
    assert minted.status_code == 201
    assert minted.json()["expires_at"] == "2027-01-15T09:00:00.000Z"
