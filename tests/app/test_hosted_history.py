"""A hosted user's events: paging, export, and handing over before erasure."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select

from app.store.tables import events, user_towers
from app.wiring import State
from federation.canonical import canonical_json, digest

Refused = Callable[..., Any]


@pytest.fixture
async def ann(client: httpx.AsyncClient) -> str:
    """A hosted user with five events, two of them at the same time; her path."""
    for item_id in ("a", "b"):
        await client.put(f"/v1/items/{item_id}", json={})
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    seconds = [3, 1, 2, 2, 5]
    sent = [
        {
            "event_id": f"e{n}",
            "user_id": "ann",
            "item_id": "ab"[n % 2],
            "type": "view",
            "at": f"2026-01-01T00:00:0{second}Z",
        }
        for n, second in enumerate(seconds)
    ]
    assert (await client.post("/v1/events", json={"events": sent})).status_code == 201
    return "/v1/users/ann"


async def n_events(state: State) -> int:
    """How many events the database holds."""
    async with state["database"].read() as connection:
        query = select(func.count()).select_from(events)
        return int((await connection.execute(query)).scalar_one())


MALFORMED_CURSORS = [
    "!",
    "bm9uc2Vuc2U",
    "bmFuLzE",
    "aW5mLzE",
    "MS8tMQ",
    "MS85OTk5OTk5OTk5OTk5OTk5OTk5",
]


async def test_malformed_cursor(
    client: httpx.AsyncClient, ann: str, refused: Refused, subtests: pytest.Subtests
) -> None:
    for cursor in MALFORMED_CURSORS:
        with subtests.test(repr(cursor)[:60]):
            sending = client.get(f"{ann}/events", params={"cursor": cursor})
            problem = await refused(
                sending, 422, "invalid_field" if cursor != "!" else "invalid_request"
            )
            assert problem["errors"][0]["field"] == "cursor"


async def test_pages_newest_first(client: httpx.AsyncClient, ann: str) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{ann}/events", params=query)).json()
        seen += [event["event_id"] for event in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ["e4", "e0", "e3", "e2", "e1"]


async def test_export_is_complete_and_names_itself(client: httpx.AsyncClient, ann: str) -> None:
    export = (await client.get(f"{ann}/history")).json()
    assert [event["event_id"] for event in export["events"]] == ["e1", "e2", "e3", "e0", "e4"]
    assert export["events"][0] == {
        "event_id": "e1",
        "item_id": "b",
        "type": "view",
        "at": "2026-01-01T00:00:01.000Z",
    }
    content = {"user_id": "ann", "events": export["events"]}
    assert export["digest"] == digest(canonical_json(content))


async def test_events_of_a_deleted_item_stay_in_the_export(
    client: httpx.AsyncClient, ann: str
) -> None:
    await client.delete("/v1/items/a")
    assert len((await client.get(f"{ann}/history")).json()["events"]) == 5


@pytest.mark.parametrize("mode", ["device", "vector"])
async def test_leaving_needs_the_handing_over(
    client: httpx.AsyncClient, ann: str, refused: Refused, mode: str
) -> None:
    await refused(client.put(ann, json={"mode": mode}), 409, "history_not_handed_over")
    body = {"mode": mode, "history_received": "sha256:" + "0" * 64}
    await refused(client.put(ann, json=body), 409, "history_changed")
    assert (await client.get(ann)).json()["mode"] == "hosted"


async def test_leaving_is_refused_when_the_history_moved(
    client: httpx.AsyncClient, ann: str, refused: Refused
) -> None:
    held = (await client.get(f"{ann}/history")).json()["digest"]
    late = {"event_id": "late", "user_id": "ann", "item_id": "a", "type": "cart"}
    await client.post("/v1/events", json=late)
    body = {"mode": "device", "history_received": held}
    await refused(client.put(ann, json=body), 409, "history_changed")


async def test_leaving_erases_what_was_handed_over(
    client: httpx.AsyncClient, ann: str, state: State, refused: Refused
) -> None:
    await _adapt(state, "ann")
    held = (await client.get(f"{ann}/history")).json()["digest"]
    body = {"mode": "device", "history_received": held}
    left = await client.put(ann, json=body)
    assert (left.status_code, left.json()["mode"], left.json()["erased_events"]) == (
        200,
        "device",
        5,
    )
    assert await n_events(state) == 0
    async with state["database"].read() as connection:
        assert (await connection.execute(select(user_towers))).first() is None
    cached = (await state["user_states"].get("ann")).state
    assert cached is None or (cached.mode, len(cached.history)) == ("device", 0)
    again = await client.put(ann, json=body)  # the first answer was lost
    assert (again.status_code, again.json()["erased_events"]) == (200, 0)
    event = {"event_id": "x", "user_id": "ann", "item_id": "a", "type": "view"}
    await refused(client.post("/v1/events", json=event), 409, "history_stays_on_device")


async def test_leaving_without_history_needs_no_proof(client: httpx.AsyncClient) -> None:
    await client.put("/v1/users/bob", json={"mode": "hosted"})
    left = await client.put("/v1/users/bob", json={"mode": "vector"})
    assert (left.status_code, left.json()["erased_events"]) == (200, 0)


async def _adapt(state: State, user_id: str) -> None:
    async def run(connection: Any) -> None:
        values = {
            "user_id": user_id,
            "model_version": 1,
            "state_revision": 1,
            "tower": b"x",
            "adapted_at": 0.0,
        }
        await connection.execute(insert(user_towers).values(values))

    await state["database"].transaction("adapt", run)
