"""`DELETE /v1/users/{id}`: nothing of the person stays, and rounds still add up."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import (
    assignments,
    devices,
    enrolment_codes,
    events,
    metadata,
    plans,
    rounds,
    updates,
    user_towers,
    users,
)
from app.wiring import State
from clients.python.receipt_checks import key_name

NAME = "ann@example.com"
PATH = "/v1/users/ann@example.com"


async def store(state: State, *rows: tuple[Any, dict[str, Any]]) -> None:
    """Insert rows as the round protocol would have left them."""

    async def run(connection: AsyncConnection) -> None:
        for table, values in rows:
            await connection.execute(insert(table).values(values))

    await state["database"].transaction("arrange", run)


async def count(state: State, table: Any) -> int:
    """How many rows a table holds."""
    async with state["database"].read() as connection:
        query = select(func.count()).select_from(table)
        return int((await connection.execute(query)).scalar_one())


def device(device_id: str) -> tuple[Any, dict[str, Any]]:
    """An enrolled device of the user."""
    values = {
        "id": device_id,
        "user_id": NAME,
        "public_key": {"kty": "EC", "x": "of the person"},
        "thumbprint": f"thumbprint-{device_id}",
        "created_at": 1.0,
        "seen_at": 1.0,
    }
    return devices, values


@pytest.fixture
async def ann(client: httpx.AsyncClient, state: State) -> None:
    """A hosted user with an event, a tower, a code, and two devices of which one took part."""
    await client.put("/v1/items/a", json={})
    await client.put(PATH, json={"mode": "hosted"})
    event = {"event_id": "e", "user_id": NAME, "item_id": "a", "type": "view"}
    await client.post("/v1/events", json=event)
    tower = {"model_version": 1, "state_revision": 1, "tower": b"x", "adapted_at": 0.0}
    round_row = {
        "id": 1,
        "phase": "training",
        "plan_digest": "sha256:p",
        "model_version": 1,
        "state": {},
        "revision": 1,
        "opened_at": 0.0,
        "settings": {},
    }
    lease = {
        "id": "lease",
        "round_id": 1,
        "counts_in": 1,
        "device_id": "busy",
        "user_id": NAME,
        "granted_at": 0.0,
        "expires_at": 9e9,
        "expired": False,
    }
    update = {
        "assignment_id": "lease",
        "round_id": 1,
        "position": 0,
        "staleness": 0,
        "body_digest": "sha256:b",
        "receipt": "header.claims.signature",
        "size_bytes": 9,
        "accepted_at": 0.0,
    }
    await store(
        state,
        (user_towers, {"user_id": NAME, **tower}),
        (enrolment_codes, {"hash": b"h", "user_id": NAME, "expires_at": 9e9, "replaces": False}),
        device("idle"),
        device("busy"),
        (plans, {"digest": "sha256:p", "body": b"{}", "created_at": 0.0}),
        (rounds, round_row),
        (assignments, lease),
        (updates, update),
    )


async def test_nothing_of_the_person_stays(
    client: httpx.AsyncClient, state: State, ann: None
) -> None:
    assert (await client.delete(PATH)).status_code == 200
    assert [await count(state, t) for t in (events, user_towers, enrolment_codes)] == [0, 0, 0]
    async with state["database"].read() as connection:
        for table in metadata.sorted_tables:
            rows = (await connection.execute(select(table))).all()
            text = repr([tuple(row) for row in rows])
            assert NAME not in text
            assert "of the person" not in text
            assert "thumbprint-" not in text
    assert (await state["user_states"].get(NAME)).state is None


async def test_the_answer_is_a_signed_proof(client: httpx.AsyncClient, ann: None) -> None:
    """Of what went, by a key that anybody may have; and it passes for no receipt."""
    proof = (await client.delete(PATH)).json()
    signed = proof.pop("signed")
    (public,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
    key = ECKey.import_key({name: public[name] for name in ("kty", "crv", "x", "y")})
    found = jws.deserialize_compact(signed, key, algorithms=["ES256"])
    assert json.loads(found.payload or b"") == proof
    assert found.headers()["typ"] == "twofold-erasure"
    assert key_name(signed) is None
    counts = {name: proof[name] for name in ("events", "codes", "devices", "leases")}
    assert counts == {"events": 1, "codes": 1, "devices": 2, "leases": 1}
    assert proof["pending_updates"] == 1
    assert proof["user"] == f"sha256:{hashlib.sha256(NAME.encode()).hexdigest()}"
    assert NAME not in json.dumps(proof) + str(found.payload)


async def test_the_round_still_adds_up_under_a_pseudonym(
    client: httpx.AsyncClient, state: State, ann: None, clock: Any
) -> None:
    await client.delete(PATH)
    assert await count(state, updates) == 1
    async with state["database"].read() as connection:
        lease = (await connection.execute(select(assignments))).one()
        left = (await connection.execute(select(devices))).one()
        stand_in = (await connection.execute(select(users))).one()
    assert lease.user_id == left.user_id == stand_in.id
    assert stand_in.id.startswith("erased-")
    assert (left.id, left.revoked_at, left.public_key) == ("busy", clock.now, {})


async def test_its_devices_and_tokens_are_worthless(
    client: httpx.AsyncClient,
    connect: Callable[[Any], httpx.AsyncClient],
    state: State,
    mint: Callable[..., Any],
    ann: None,
) -> None:
    user_token = state["tokens"].mint("user", NAME, NAME, 60.0)
    devices = [mint("device", name) for name in ("idle", "busy")]
    await client.delete(PATH)
    assert (await connect(user_token).get(PATH)).status_code == 404
    for device in devices:
        answer = await connect(device).post("/v1/rounds/check-in", json={})
        assert (answer.status_code, answer.json()["reason"]) == (403, "device_revoked")


async def test_twice(client: httpx.AsyncClient, refused: Callable[..., Any], ann: None) -> None:
    await client.delete(PATH)
    await refused(client.delete(PATH), 404, "not_found")


async def test_who_never_took_part_leaves_no_row(client: httpx.AsyncClient, state: State) -> None:
    await client.put(PATH, json={"mode": "device"})
    await store(state, device("idle"))
    await client.delete(PATH)
    assert await count(state, users) == 0
    assert await count(state, devices) == 0


async def test_the_same_id_begins_anew(
    client: httpx.AsyncClient, state: State, ann: None, clock: Any
) -> None:
    await client.delete(PATH)
    clock.now += 1
    again = await client.put(PATH, json={"mode": "hosted"})
    assert again.status_code == 201
    assert (await client.get(f"{PATH}/history")).json()["events"] == []
    event = {"event_id": "e", "user_id": NAME, "item_id": "a", "type": "view"}
    assert (await client.post("/v1/events", json=event)).json()["accepted"] == 1
    cached = (await state["user_states"].get(NAME)).state
    assert cached is not None
    assert len(cached.history) == 1


async def test_two_erasures_do_not_meet(client: httpx.AsyncClient, state: State, ann: None) -> None:
    await client.delete(PATH)
    await client.put(PATH, json={"mode": "device"})
    await store(state, device("second"))
    second = {
        "id": "lease-2",
        "round_id": 1,
        "counts_in": 1,
        "device_id": "second",
        "user_id": NAME,
    }
    times = {"granted_at": 0.0, "expires_at": 9e9, "expired": False}
    await store(state, (assignments, {**second, **times}))
    assert (await client.delete(PATH)).status_code == 200
    assert await count(state, users) == 2


async def test_an_old_token_does_not_open_the_next_account_of_the_id(
    client: httpx.AsyncClient,
    connect: Callable[[str | None], httpx.AsyncClient],
    ann: None,
    clock: Any,
) -> None:
    minted = await client.post(f"{PATH}/tokens")
    old = connect(minted.json()["token"])
    assert (await old.get(f"{PATH}/history")).status_code == 200
    await client.delete(PATH)
    refused_now = await old.get(f"{PATH}/history")
    clock.now += 1
    await client.put(PATH, json={"mode": "hosted"})
    for answer in (refused_now, await old.get(f"{PATH}/history")):
        assert (answer.status_code, answer.json()["reason"]) == (401, "token_invalid")
    new = connect((await client.post(f"{PATH}/tokens")).json()["token"])
    assert (await new.get(f"{PATH}/history")).status_code == 200
