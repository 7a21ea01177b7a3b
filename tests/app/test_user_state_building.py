"""User state as the database has it, and as parallel writers and readers leave it."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from app.cache.user_codec import (
    Stamp,
    UserState,
)
from app.recommendations.user_state import build_user_state, refresh_user_state
from app.store.tables import events
from app.wiring import State
from tests.app.model_world import Shop, ids_of, same


class TestBuilding:
    @pytest.fixture
    def shop(self, state: State, client: httpx.AsyncClient) -> Shop:
        """A shop without items."""
        return Shop(state, client)

    async def built(self, shop: Shop, user_id: str) -> UserState | None:
        """What the database says."""
        async with shop.state["database"].read() as connection:
            return await build_user_state(connection, shop.state["settings"], user_id)

    async def test_unknown_user(self, shop: Shop) -> None:
        assert await self.built(shop, "nobody") is None
        await refresh_user_state(shop.state, "nobody")
        assert (await shop.state["user_states"].get("nobody")).state is None

    async def test_last_events_in_order_and_everything_ever_seen(self, shop: Shop) -> None:
        names = [f"item-{n}" for n in range(25)]
        await shop.put_items(*names)
        rows = await shop.rows()
        await shop.put_user("someone")
        types = [("view", "cart")[n % 2] for n in range(25)]
        await shop.post_events("someone", zip(names, types, strict=True))
        state = await self.built(shop, "someone")
        assert state is not None
        assert state.history.rows.tolist() == [rows[name] for name in names[-20:]]
        assert state.history.types.tolist() == [n % 2 for n in range(5, 25)]
        assert state.seen.tolist() == sorted(rows.values())
        assert same((await shop.state["user_states"].get("someone")).state, state)

    async def test_order_is_by_time_then_by_arrival(self, shop: Shop) -> None:
        await shop.put_items("a", "b", "c", "d")
        rows = await shop.rows()
        await shop.put_user("someone")
        times = {"a": "2026-01-03T00:00:00Z", "b": "2026-01-01T00:00:00Z"}
        times |= {"c": "2026-01-03T00:00:00Z", "d": "2026-01-02T00:00:00Z"}
        for name, at in times.items():
            event = {"event_id": name, "user_id": "someone", "item_id": name, "type": "view"}
            answer = await shop.client.post("/v1/events", json={**event, "at": at})
            assert answer.status_code < 300
        state = await self.built(shop, "someone")
        assert state is not None
        assert state.history.rows.tolist() == [rows[name] for name in "bdac"]
        assert np.diff(state.history.times_s).tolist() == [86_400, 86_400, 0]

    async def test_a_type_that_was_removed(self, shop: Shop) -> None:
        await shop.put_items("a", "b")
        rows = await shop.rows()
        await shop.put_user("someone")
        await shop.post_event("someone", "a")
        await shop.post_event("someone", "b")

        async def rename(connection: Any) -> None:
            at_a = events.c.item_row == rows["a"]
            await connection.execute(events.update().where(at_a).values(type="poke"))

        await shop.state["database"].transaction("rename", rename)
        state = await self.built(shop, "someone")
        assert state is not None
        assert state.history.rows.tolist() == [rows["b"]]
        assert state.seen.tolist() == sorted(rows.values())

    async def test_parallel_events_and_reads_never_leave_an_older_state(self, shop: Shop) -> None:
        names = [f"item-{n}" for n in range(12)]
        await shop.put_items(*names)
        await shop.publish()
        await shop.put_user("someone")
        states = shop.state["user_states"]
        done: list[str] = []

        async def watch() -> None:
            newest = Stamp(0.0, 0)
            for _ in range(15):
                before = set(done)
                answer = await shop.recommend("someone", limit=100)
                assert not set(ids_of(answer)) & before
                found = (await states.get("someone")).state
                assert found is not None
                assert found.stamp >= newest
                newest = found.stamp

        async def write(name: str) -> None:
            await shop.post_event("someone", name)
            done.append(name)

        await asyncio.gather(*(write(name) for name in names), *(watch() for _ in range(4)))
        found = (await states.get("someone")).state
        assert same(found, await self.built(shop, "someone"))
        assert len((await shop.recommend("someone"))["items"]) == 0
