"""What `POST /v1/events` stores; the refusals are in a file of their own."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.cache.embedded import EmbeddedRedis
from app.settings import Settings
from app.store.tables import events, users
from app.wiring import State
from tests.app.made_up_records import EVENT, bulk, event

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
PATH = "/v1/events"


async def stored(state: State) -> list[Any]:
    """Every stored event in the order of storing."""
    async with state["database"].read() as connection:
        return list(await connection.execute(select(events).order_by(events.c.id)))


async def revision(state: State, user_id: str) -> int:
    """The user's state revision."""
    async with state["database"].read() as connection:
        query = select(users.c.state_revision).where(users.c.id == user_id)
        return int((await connection.execute(query)).scalar_one())


@pytest.fixture(autouse=True)
async def shop(client: httpx.AsyncClient) -> None:
    """Two items and two hosted users."""
    for item_id in ("cup", "mug"):
        await client.put(f"/v1/items/{item_id}", json={})
    for user_id in ("ann", "bob"):
        await client.put(f"/v1/users/{user_id}", json={"mode": "hosted"})


async def test_one_event(client: httpx.AsyncClient, state: State, clock: Any) -> None:
    before = await revision(state, "ann")
    answer = await client.post(PATH, json=EVENT)
    assert (answer.status_code, answer.json()) == (201, {"accepted": 1, "duplicates": 0})
    (row,) = await stored(state)
    assert (row.user_id, row.event_id, row.type) == ("ann", "e1", "view")
    assert row.at == row.received_at == clock.now
    assert await revision(state, "ann") == before + 1


async def test_a_user_token_stores_its_own(
    connect: Connect, mint: Callable[..., str], state: State
) -> None:
    assert (await connect(mint("user", "ann")).post(PATH, json=EVENT)).status_code == 201
    assert len(await stored(state)) == 1


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("2027-01-15T08:05:00Z", 1_800_000_300.0),
        ("2027-01-15T09:00:00+01:00", 1_800_000_000.0),
        ("2027-01-15t07:59:59.1239z", 1_799_999_999.124),
        ("1970-01-01T00:00:00Z", 0.0),
    ],
)
async def test_times(client: httpx.AsyncClient, state: State, at: str, seconds: float) -> None:
    assert (await client.post(PATH, json=event(at=at))).status_code == 201
    assert (await stored(state))[0].at == seconds


async def test_duplicates_count_once(
    client: httpx.AsyncClient, state: State, snapshot: Callable[[], Any]
) -> None:
    await client.post(PATH, json=EVENT)
    before = await snapshot()
    again = await client.post(PATH, json=EVENT)
    assert (again.status_code, again.json()) == (200, {"accepted": 0, "duplicates": 1})
    assert await snapshot() == before
    many = bulk({"event_id": "e1"}, {"event_id": "e2"}, {"event_id": "e2", "item_id": "mug"})
    mixed = await client.post(PATH, json=many)
    assert (mixed.status_code, mixed.json()) == (201, {"accepted": 1, "duplicates": 2})
    rows = await stored(state)
    assert [row.event_id for row in rows] == ["e1", "e2"]
    assert rows[1].item_row == rows[0].item_row  # the first of the two counts


async def test_the_same_event_id_of_two_users_is_two_events(
    client: httpx.AsyncClient, state: State
) -> None:
    many = {"events": [event(), event(user_id="bob")]}
    assert (await client.post(PATH, json=many)).json() == {"accepted": 2, "duplicates": 0}


async def test_a_retry_survives_the_end_of_its_item(
    client: httpx.AsyncClient, snapshot: Callable[[], Any]
) -> None:
    await client.post(PATH, json=EVENT)
    await client.delete("/v1/items/cup")
    before = await snapshot()
    assert (await client.post(PATH, json=EVENT)).json() == {"accepted": 0, "duplicates": 1}
    assert await snapshot() == before


async def test_bulk_moves_each_user_once(client: httpx.AsyncClient, state: State) -> None:
    before = [await revision(state, user_id) for user_id in ("ann", "bob")]
    many = bulk(*({"user_id": ("ann", "bob")[n % 3 == 0]} for n in range(1000)))
    answer = await client.post(PATH, json=many)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 1000)
    after = [await revision(state, user_id) for user_id in ("ann", "bob")]
    assert after == [n + 1 for n in before]
    assert [row.event_id for row in await stored(state)] == [f"e{n}" for n in range(1000)]


async def test_the_cached_state_sees_the_event(client: httpx.AsyncClient, state: State) -> None:
    await client.post(PATH, json=event(type="purchase"))
    cached = (await state["user_states"].get("ann")).state
    assert cached is not None
    (row,) = await stored(state)
    assert (cached.history.rows.tolist(), cached.history.types.tolist()) == ([row.item_row], [2])


class TestWithoutCache:
    """The cache's server ends while the worker lives."""

    @pytest.fixture
    def redis_server(self, own_redis: EmbeddedRedis) -> EmbeddedRedis:
        return own_redis

    async def test_events_are_stored(
        self, client: httpx.AsyncClient, state: State, redis_server: EmbeddedRedis
    ) -> None:
        redis_server.stop()
        assert (await client.post(PATH, json=EVENT)).status_code == 201
        assert len(await stored(state)) == 1
        assert (await client.put("/v1/users/new", json={"mode": "device"})).status_code == 201
        assert (await client.delete("/v1/users/bob")).status_code == 200


class TestConfiguredTypes:
    """An operator may append types."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """One type more."""
        return settings.model_copy(update={"event_types": ("view", "cart", "purchase", "like")})

    async def test_appended_type(self, client: httpx.AsyncClient) -> None:
        assert (await client.post(PATH, json=event(type="like"))).status_code == 201
