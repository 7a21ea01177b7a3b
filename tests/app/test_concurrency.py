"""Requests that meet: each answer is one that some order of them could have given."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.store.tables import catalogue, events, items, keys, users
from app.wiring import State

N = 12


async def statuses(sending: Sequence[Awaitable[httpx.Response]]) -> Counter[int]:
    """Send at once; how often each status came."""
    return Counter(answer.status_code for answer in await asyncio.gather(*sending))


async def scalar(state: State, query: Any) -> Any:
    """The one value that a query yields."""
    async with state["database"].read() as connection:
        return (await connection.execute(query)).scalar_one()


async def test_new_items_get_rows_of_their_own(client: httpx.AsyncClient, state: State) -> None:
    sending = [client.put(f"/v1/items/{n}", json={}) for n in range(N)]
    assert await statuses(sending) == {201: N}
    assert await scalar(state, select(func.count(items.c.row.distinct()))) == N
    assert await scalar(state, select(catalogue.c.next_sequence)) == N
    assert await scalar(state, select(catalogue.c.revision)) == N


async def test_one_new_item_is_created_once(client: httpx.AsyncClient, state: State) -> None:
    sending = [client.put("/v1/items/a", json={"title": "A"}) for _ in range(N)]
    assert await statuses(sending) == {201: 1, 200: N - 1}
    assert await scalar(state, select(catalogue.c.revision)) == 1


async def test_one_item_is_deleted_once(client: httpx.AsyncClient, state: State) -> None:
    await client.put("/v1/items/a", json={})
    assert await statuses([client.delete("/v1/items/a") for _ in range(N)]) == {204: 1, 404: N - 1}
    assert await scalar(state, select(catalogue.c.revision)) == 2


async def test_imports_that_overlap(client: httpx.AsyncClient, state: State) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    bodies = [
        b"".join(b'{"id":"%d"}\n' % n for n in order)
        for order in (range(600), range(599, -1, -1), range(300, 900))
    ]
    sending = [client.post("/v1/items:import", content=b, headers=headers) for b in bodies]
    reports = [answer.json() for answer in await asyncio.gather(*sending)]
    assert sum(report["created"] for report in reports) == 900
    assert sum(report["unchanged"] for report in reports) == 900
    assert await scalar(state, select(func.count(items.c.row.distinct()))) == 900


async def test_one_new_user_is_created_once(client: httpx.AsyncClient) -> None:
    sending = [client.put("/v1/users/ann", json={"mode": "hosted"}) for _ in range(N)]
    assert await statuses(sending) == {201: 1, 200: N - 1}


async def test_one_event_counts_once(client: httpx.AsyncClient, state: State) -> None:
    await client.put("/v1/items/a", json={})
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    event = {"event_id": "e", "user_id": "ann", "item_id": "a", "type": "view"}
    assert await statuses([client.post("/v1/events", json=event) for _ in range(N)]) == {
        201: 1,
        200: N - 1,
    }
    assert await scalar(state, select(func.count()).select_from(events)) == 1
    cached = (await state["user_states"].get("ann")).state
    assert cached is not None
    assert len(cached.history) == 1


async def test_bulks_that_name_users_in_opposite_orders(
    client: httpx.AsyncClient, state: State
) -> None:
    await client.put("/v1/items/a", json={})
    names = [f"u{n}" for n in range(8)]
    for name in names:
        await client.put(f"/v1/users/{name}", json={"mode": "hosted"})
    sending = []
    for n in range(N):
        order = names if n % 2 else names[::-1]
        sent = [
            {"event_id": f"e{n}", "user_id": name, "item_id": "a", "type": "view"} for name in order
        ]
        sending.append(client.post("/v1/events", json={"events": sent}))
    assert await statuses(sending) == {201: N}
    assert await scalar(state, select(func.count()).select_from(events)) == N * len(names)
    assert await scalar(state, select(func.min(users.c.state_revision))) == N + 1


async def test_no_event_slips_in_behind_the_handing_over(
    client: httpx.AsyncClient, state: State
) -> None:
    await client.put("/v1/items/a", json={})
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    held = (await client.get("/v1/users/ann/history")).json()["digest"]
    leaving = client.put("/v1/users/ann", json={"mode": "device", "history_received": held})
    events_of_ann = [
        client.post(
            "/v1/events",
            json={"event_id": f"e{n}", "user_id": "ann", "item_id": "a", "type": "view"},
        )
        for n in range(N)
    ]
    left, *posted = await asyncio.gather(leaving, *events_of_ann)
    stored = Counter(answer.status_code for answer in posted)
    mode = (await client.get("/v1/users/ann")).json()["mode"]
    n_events = await scalar(state, select(func.count()).select_from(events))
    assert set(stored) <= {201, 409}
    if left.status_code == 200:
        assert (mode, n_events, stored) == ("device", 0, {409: N})
    else:
        assert (left.json()["reason"], mode, n_events) == ("history_changed", "hosted", N)


async def test_erasure_meets_everything_else(client: httpx.AsyncClient, state: State) -> None:
    await client.put("/v1/items/a", json={})
    for n in range(4):
        await client.put("/v1/users/ann", json={"mode": "hosted"})
        event = {"event_id": f"e{n}", "user_id": "ann", "item_id": "a", "type": "view"}
        seen = await statuses(
            [
                client.post("/v1/events", json=event),
                client.post("/v1/users/ann/enrolment-codes"),
                client.delete("/v1/users/ann"),
                client.post("/v1/users/ann/tokens"),
                client.post("/v1/users/ann/enrolment-codes"),
                client.post("/v1/events", json={**event, "event_id": "again"}),
            ]
        )
        assert set(seen) <= {200, 201, 204, 404, 422}, seen
        assert await scalar(state, select(func.count()).select_from(events)) == 0


@pytest.mark.parametrize("n_more", [1, 3])
async def test_one_server_key_survives(
    client: httpx.AsyncClient,
    connect: Callable[[str | None], httpx.AsyncClient],
    state: State,
    n_more: int,
) -> None:
    for _ in range(n_more):
        await client.post("/v1/keys", json={"kind": "server"})
    listed = (await client.get("/v1/keys")).json()["data"]
    ids = [key["id"] for key in listed if key["kind"] == "server"]
    seen = await statuses([client.delete(f"/v1/keys/{key_id}") for key_id in ids])
    assert set(seen) <= {204, 409, 401}
    query = select(func.count()).where(keys.c.kind == "server", keys.c.revoked_at.is_(None))
    assert await scalar(state, query) >= 1


async def test_one_idempotency_key_makes_one_key(client: httpx.AsyncClient, state: State) -> None:
    headers = {"Idempotency-Key": "once"}
    sending = [
        client.post("/v1/keys", json={"kind": "publishable"}, headers=headers) for _ in range(N)
    ]
    answers = await asyncio.gather(*sending)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: N - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len([answer for answer in answers if answer.json()["key"]]) == 1
