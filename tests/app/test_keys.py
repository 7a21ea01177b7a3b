"""`/v1/keys`."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.access.secrets import key_hash
from app.store.tables import keys
from app.wiring import State

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
PATH = "/v1/keys"
ROUTES = [
    ("POST", PATH, {"kind": "server"}),
    ("GET", PATH, None),
    ("DELETE", f"{PATH}/some", None),
]


async def key_of_kind(client: httpx.AsyncClient, kind: str) -> dict[str, Any]:
    """The one key of a kind that is listed."""
    (found,) = [key for key in (await client.get(PATH)).json()["data"] if key["kind"] == kind]
    return dict(found)


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
            for credential in (publishable_key, mint("user", "u"), mint("device", "d")):
                sending = connect(credential).request(method, path, json=body)
                await refused(sending, 403, "wrong_credential")


MALFORMED_BODIES = [
    ({}, "kind"),
    ({"kind": "admin"}, "kind"),
    ({"kind": None}, "kind"),
    ({"kind": 10**30}, "kind"),
    ({"kind": "\ud800"}, "kind"),
    ({"kind": "server", "id": "mine"}, "id"),
    (["server"], "body"),
    (None, "body"),
]


async def test_malformed_body(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for body, field in MALFORMED_BODIES:
        with subtests.test(repr(body)[:60]):
            headers = {"Content-Type": "application/json"}
            sending = client.post(PATH, content=json.dumps(body), headers=headers)
            await refused(sending, 422, "invalid_request", field)


MALFORMED_IDEMPOTENCY_KEYS = ["", "x" * 256]


async def test_malformed_idempotency_key(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for value in MALFORMED_IDEMPOTENCY_KEYS:
        with subtests.test(repr(value)[:60]):
            sending = client.post(PATH, json={"kind": "server"}, headers={"Idempotency-Key": value})
            await refused(sending, 422, "invalid_request", "Idempotency-Key")


async def test_unknown_key(client: httpx.AsyncClient, refused: Refused) -> None:
    await refused(client.delete(f"{PATH}/unknown"), 404, "not_found")
    await refused(client.delete(f"{PATH}/%2F"), 404, "not_found")
    await refused(client.delete(f"{PATH}/%00"), 422, "invalid_request", "key_id")
    await refused(client.get(PATH, params={"cursor": "!"}), 422, "invalid_request", "cursor")


async def test_unknown_key_as_credential(connect: Connect, refused: Refused) -> None:
    for credential in ("tf_server_", "tf_server_x", "tf_pub_x", "tf_server_" + "é"):
        headers = {b"Authorization": f"Bearer {credential}".encode()}
        await refused(connect(None).get(PATH, headers=headers), 401, "key_invalid")


async def test_the_last_server_key_stays(client: httpx.AsyncClient, refused: Refused) -> None:
    last = await key_of_kind(client, "server")
    await refused(client.delete(f"{PATH}/{last['id']}"), 409, "last_server_key")
    page = await key_of_kind(client, "publishable")
    assert (await client.delete(f"{PATH}/{page['id']}")).status_code == 204
    await refused(client.delete(f"{PATH}/{last['id']}"), 409, "last_server_key")


@pytest.mark.parametrize("kind", ["server", "publishable"])
async def test_a_new_key_works_and_is_hashed_at_rest(
    client: httpx.AsyncClient, connect: Connect, state: State, kind: str
) -> None:
    made = await client.post(PATH, json={"kind": kind})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    secret = made.json()["key"]
    assert (await connect(secret).get("/v1/items")).status_code == 200
    assert (await connect(secret).get(PATH)).status_code == (200 if kind == "server" else 403)
    async with state["database"].read() as connection:
        query = select(keys).where(keys.c.id == made.json()["id"])
        row = (await connection.execute(query)).one()
    assert row.hash == key_hash(secret)
    assert secret not in repr(tuple(row))


async def test_list_shows_no_secret(client: httpx.AsyncClient, server_key: str) -> None:
    made = (await client.post(PATH, json={"kind": "publishable"})).json()
    listed = await client.get(PATH)
    assert made["id"] in [key["id"] for key in listed.json()["data"]]
    for secret in (made["key"], server_key):
        assert secret not in listed.text


async def test_pages(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.post(PATH, json={"kind": "publishable"})
    first = (await client.get(PATH, params={"limit": 3})).json()
    rest = (await client.get(PATH, params={"cursor": first["next_cursor"]})).json()
    ids = [key["id"] for key in first["data"] + rest["data"]]
    assert len(ids) == 5
    assert ids == sorted(set(ids))
    assert rest["next_cursor"] is None


async def test_revoking_takes_effect_at_once(
    client: httpx.AsyncClient, connect: Connect, refused: Refused
) -> None:
    made = (await client.post(PATH, json={"kind": "server"})).json()
    other = connect(made["key"])
    assert (await other.get(PATH)).status_code == 200
    assert (await client.delete(f"{PATH}/{made['id']}")).status_code == 204
    await refused(other.get(PATH), 401, "key_invalid")
    await refused(client.delete(f"{PATH}/{made['id']}"), 404, "not_found")
    shown = [k for k in (await client.get(PATH)).json()["data"] if k["id"] == made["id"]]
    assert shown[0]["revoked_at"] is not None


async def test_a_key_can_revoke_itself_when_another_lives(
    client: httpx.AsyncClient, connect: Connect
) -> None:
    made = (await client.post(PATH, json={"kind": "server"})).json()
    first = next(
        key
        for key in (await client.get(PATH)).json()["data"]
        if key["kind"] == "server" and key["id"] != made["id"]
    )
    assert (await client.delete(f"{PATH}/{first['id']}")).status_code == 204
    assert (await client.get(PATH)).status_code == 401
    assert (await connect(made["key"]).get(PATH)).status_code == 200


async def test_idempotency_key_makes_one_key(
    client: httpx.AsyncClient, snapshot: Callable[[], Any], refused: Refused
) -> None:
    headers = {"Idempotency-Key": "deploy-7"}
    first = await client.post(PATH, json={"kind": "server"}, headers=headers)
    assert first.status_code == 201
    before = await snapshot()
    again = await client.post(PATH, json={"kind": "server"}, headers=headers)
    assert again.status_code == 200
    assert again.json() == {**first.json(), "key": None}
    assert await snapshot() == before
    other = client.post(PATH, json={"kind": "publishable"}, headers=headers)
    await refused(other, 409, "idempotency_key_reused")


async def test_idempotency_keys_of_two_callers_are_two(
    client: httpx.AsyncClient, connect: Connect
) -> None:
    headers = {b"Idempotency-Key": "é 1".encode()}
    first = (await client.post(PATH, json={"kind": "server"}, headers=headers)).json()
    second = await connect(first["key"]).post(PATH, json={"kind": "server"}, headers=headers)
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
