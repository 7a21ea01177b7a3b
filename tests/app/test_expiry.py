"""What was kept long enough goes by itself, and nothing else with it."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.store.tables import enrolment_codes, events
from app.users.expiry import CODES_KEPT_S, expire
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.round_world import RoundWorld

DAY_S = 86400.0


async def see(client: httpx.AsyncClient, user: str, item: str, number: int) -> None:
    event = {"event_id": f"e{number}", "user_id": user, "item_id": item, "type": "view"}
    assert (await client.post("/v1/events", json=event)).status_code in (200, 201, 202)


async def seen_by(client: httpx.AsyncClient, user: str) -> list[str]:
    found = (await client.get(f"/v1/users/{user}/events")).json()["data"]
    return [event["item_id"] for event in found]


@pytest.fixture
async def shop(client: httpx.AsyncClient) -> None:
    """Two hosted users and some items."""
    for item in "abc":
        await client.put(f"/v1/items/{item}", json={})
    for user in ("ann", "bob"):
        await client.put(f"/v1/users/{user}", json={"mode": "hosted"})


@pytest.mark.usefixtures("shop")
async def test_only_what_is_old_goes(
    client: httpx.AsyncClient, state: State, clock: FakeClock
) -> None:
    kept_s = state["settings"].events_kept_s
    await see(client, "ann", "a", 1)
    clock.now += 10 * DAY_S
    await see(client, "ann", "b", 2)
    await see(client, "bob", "c", 3)
    clock.now += kept_s - 10 * DAY_S
    assert (await expire(state)).events == 0, "kept to the last second"
    clock.now += 1
    found = await expire(state)
    assert (found.events, found.more) == (1, False)
    assert await seen_by(client, "ann") == ["b"]
    assert await seen_by(client, "bob") == ["c"]
    assert (await expire(state)).events == 0


@pytest.mark.usefixtures("shop")
async def test_lists_forget_with_it(
    client: httpx.AsyncClient, state: State, clock: FakeClock
) -> None:
    """What was touched long ago may be recommended again."""
    await see(client, "ann", "a", 1)
    assert await listed(client) == {"b", "c"}
    clock.now += state["settings"].events_kept_s + 1
    await expire(state)
    assert await listed(client) == {"a", "b", "c"}


async def listed(client: httpx.AsyncClient) -> set[str]:
    answer: dict[str, Any] = (await client.get("/v1/users/ann/recommendations")).json()
    return {item["item_id"] for item in answer["items"]}


@pytest.mark.usefixtures("shop")
async def test_nought_keeps_everything(
    client: httpx.AsyncClient, state: State, clock: FakeClock
) -> None:
    forever = state["settings"].model_copy(update={"events_kept_s": 0.0})
    await see(client, "ann", "a", 1)
    clock.now += 100 * 365 * DAY_S
    assert (await expire({**state, "settings": forever})).events == 0  # type: ignore[typeddict-item]
    assert await seen_by(client, "ann") == ["a"]


@pytest.mark.usefixtures("shop")
async def test_codes_that_nobody_may_use(
    client: httpx.AsyncClient, state: State, clock: FakeClock
) -> None:
    await client.post("/v1/users/ann/enrolment-codes")
    clock.now += state["settings"].enrolment_code_ttl_s + CODES_KEPT_S
    assert (await expire(state)).codes == 0
    clock.now += 1
    await client.post("/v1/users/ann/enrolment-codes")
    assert (await expire(state)).codes == 1
    async with state["database"].read() as connection:
        left = await connection.execute(select(func.count()).select_from(enrolment_codes))
        assert left.scalar_one() == 1


@pytest.mark.usefixtures("shop")
async def test_the_coordinator_sees_to_it(
    client: httpx.AsyncClient, world: RoundWorld, clock: FakeClock
) -> None:
    await see(client, "ann", "a", 1)
    await world.tick(after_s=world.state["settings"].events_kept_s + 1)
    async with world.state["database"].read() as connection:
        left = await connection.execute(select(func.count()).select_from(events))
        assert left.scalar_one() == 0
