"""Stores that are away: lists still come, say so, and are themselves again afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.cache import user_state as user_state_module
from app.cache.connection import REST_S
from app.cache.embedded import EmbeddedRedis
from app.models.serving import ServingModels
from app.recommendations.user_state import refresh_user_state
from app.settings import Settings
from app.store.database import Database
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.model_world import ITEMS, VECTOR, Shop, ids_of, open_shop, until

SEEN = {"item-03", "item-07", "item-11"}


@pytest.fixture
def redis_server(own_redis: EmbeddedRedis) -> EmbeddedRedis:
    return own_redis


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A short deadline for reads that a request can do without."""
    return settings.model_copy(update={"database_timeout_s": 0.3})


@pytest.fixture
async def shop(state: State, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Forty items, one version, and a user of each kind; the server key is known."""
    monkeypatch.setattr(user_state_module, "SETTLE_PAUSE_S", 0.01)
    return await open_shop(state, client)


@pytest.fixture
async def cut_off(state: State, tmp_path: Path) -> AsyncIterator[Callable[[], Callable[[], None]]]:
    """`restore = cut_off()`: the database is away until `restore()`."""
    away = Database(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db")
    engine = state["database"].engine

    def restore() -> None:
        state["database"].engine = engine

    def cut() -> Callable[[], None]:
        state["database"].engine = away.engine
        return restore

    yield cut
    restore()
    await away.close()


async def revive(redis: EmbeddedRedis, clock: FakeClock) -> None:
    """Start the cache again, and let the worker's rest from it end."""
    redis.start()
    clock.now += REST_S


class TestCacheDown:
    async def test_the_same_list_comes_from_the_database(
        self, shop: Shop, redis_server: EmbeddedRedis, clock: FakeClock
    ) -> None:
        healthy = await shop.recommend("reader", limit=100)
        redis_server.stop()
        down = await shop.recommend("reader", limit=100)
        assert (down["degraded"], down["degraded_reason"]) == (True, "cache_down")
        same_but = {"degraded": False, "degraded_reason": None}
        assert {**down, **same_but} == healthy
        await revive(redis_server, clock)
        assert await shop.recommend("reader", limit=100) == healthy

    async def test_events_are_seen_during_the_outage_and_after(
        self, shop: Shop, redis_server: EmbeddedRedis, clock: FakeClock
    ) -> None:
        await shop.recommend("reader")
        redis_server.stop()
        await shop.post_event("reader", "item-20")
        assert set(ids_of(await shop.recommend("reader", limit=100))) == set(ITEMS) - SEEN - {
            "item-20"
        }
        await revive(redis_server, clock)
        after = await shop.recommend("reader", limit=100)
        assert after["degraded"] is False
        assert "item-20" not in ids_of(after)

    async def test_a_cache_that_kept_the_old_state_is_not_believed(
        self, shop: Shop, redis_server: EmbeddedRedis, clock: FakeClock
    ) -> None:
        """The worker lost its connection; the server went on, with the state before the event."""
        await shop.recommend("reader")
        cache = shop.state["cache"]
        old = {k: await cache.redis.get(k) for k in await cache.redis.keys("*state")}
        redis_server.stop()
        await shop.post_event("reader", "item-20")
        await revive(redis_server, clock)
        for name, value in old.items():
            await cache.redis.set(name, value)
        assert "item-20" not in ids_of(await shop.recommend("reader", limit=100))
        await until(lambda: shop.state["user_states"].is_settled)
        assert "item-20" not in ids_of(await shop.recommend("reader", limit=100))

    async def test_a_vector_is_ranked_but_not_kept(
        self, shop: Shop, redis_server: EmbeddedRedis, clock: FakeClock
    ) -> None:
        plain = await shop.post(user_vector=VECTOR, model_version=1)
        redis_server.stop()
        assert await shop.post(user_vector=VECTOR, model_version=1) == plain
        named = await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        assert (named["degraded_reason"], named["items"]) == ("cache_down", plain["items"])
        missing = await shop.recommend("vee", limit=3)
        assert missing["degraded_reason"] == "cache_down"
        assert missing["fallback"] == "vector_missing"
        await revive(redis_server, clock)
        assert (await shop.recommend("vee"))["fallback"] == "vector_missing"

    async def test_modes_still_hold(
        self, shop: Shop, redis_server: EmbeddedRedis, refused: Callable[..., Any]
    ) -> None:
        redis_server.stop()
        url = "/v1/users/{}/recommendations"
        await refused(shop.client.get(url.format("dee")), 409, "ranked_on_device")
        await refused(shop.client.get(url.format("nobody")), 404, "not_found")

    async def test_a_change_of_mode_during_the_outage(
        self, shop: Shop, redis_server: EmbeddedRedis, clock: FakeClock
    ) -> None:
        await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        redis_server.stop()
        await shop.put_user("vee", "hosted")
        assert (await shop.recommend("vee"))["mode"] == "hosted"
        await revive(redis_server, clock)
        assert (await shop.recommend("vee"))["mode"] == "hosted"

    async def test_lists_without_a_user_do_not_notice(
        self, shop: Shop, redis_server: EmbeddedRedis
    ) -> None:
        redis_server.stop()
        for answer in (
            await shop.get("/popular"),
            await shop.get("/items/item-00/similar"),
            await shop.post(session=[{"item_id": "item-00"}]),
        ):
            assert answer["degraded"] is False
            assert len(answer["items"]) == 20


class TestDatabaseDown:
    async def test_a_cached_user_does_not_notice(
        self, shop: Shop, cut_off: Callable[[], Callable[[], None]]
    ) -> None:
        healthy = await shop.recommend("reader")
        cut_off()
        assert await shop.recommend("reader") == healthy

    async def test_a_user_who_is_not_cached_gets_a_cold_start(
        self, shop: Shop, cut_off: Callable[[], Callable[[], None]]
    ) -> None:
        healthy, popular = await shop.recommend("reader"), await shop.get("/popular", limit=5)
        await shop.state["cache"].redis.flushall()
        restore = cut_off()
        down = await shop.recommend("reader", limit=5)
        assert (down["mode"], down["degraded_reason"]) == ("anonymous", "database_down")
        assert down["fallback"] == "user_unknown"
        assert down["items"] == popular["items"]
        restore()
        assert await shop.recommend("reader") == healthy

    async def test_a_newcomer_among_items(
        self, shop: Shop, cut_off: Callable[[], Callable[[], None]]
    ) -> None:
        cut_off()
        answer = await shop.get("/items/newcomer/similar", limit=5)
        assert answer["degraded_reason"] == "database_down"
        assert len(answer["items"]) == 5

    async def test_without_a_model_the_list_is_empty(
        self, shop: Shop, cut_off: Callable[[], Callable[[], None]]
    ) -> None:
        state = shop.state
        state["serving"] = ServingModels(state["database"], state["blobs"], 1)
        cut_off()
        answer = await shop.get("/popular")
        assert (answer["items"], answer["fallback"]) == ([], "no_model")
        assert answer["degraded_reason"] == "database_down"

    async def test_a_refresh_that_fails_is_made_good(
        self, shop: Shop, cut_off: Callable[[], Callable[[], None]]
    ) -> None:
        """The database ends between an event's commit and the refresh of the cached state."""
        await shop.recommend("reader")
        restore = cut_off()
        await refresh_user_state(shop.state, "reader")
        assert not shop.state["user_states"].is_settled
        restore()
        await shop.recommend("reader")
        assert shop.state["user_states"].is_settled

    async def test_a_database_that_is_silent(self, shop: Shop) -> None:
        """A lock keeps every read waiting: the request goes on after its deadline."""
        if shop.state["database"].is_sqlite:
            pytest.skip("SQLite's readers never wait")
        await shop.state["cache"].redis.flushall()
        async with shop.state["database"].engine.connect() as connection:
            await connection.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
            async with asyncio.timeout(5):
                answers = await asyncio.gather(*(shop.recommend("reader") for _ in range(4)))
            await connection.rollback()
        assert {answer["degraded_reason"] for answer in answers} == {"database_down"}
        assert (await shop.recommend("reader"))["degraded"] is False


class TestBothDown:
    async def test_a_list_comes_all_the_same(
        self,
        shop: Shop,
        redis_server: EmbeddedRedis,
        clock: FakeClock,
        cut_off: Callable[[], Callable[[], None]],
    ) -> None:
        healthy = await shop.recommend("reader")
        redis_server.stop()
        restore = cut_off()
        down = await shop.recommend("reader")
        assert down["degraded"] is True
        assert down["degraded_reason"] == "database_down"
        assert len(down["items"]) == 20
        vector = await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        assert (vector["mode"], vector["degraded"]) == ("vector", True)
        restore()
        await revive(redis_server, clock)
        assert await shop.recommend("reader") == healthy


@pytest.mark.parametrize("value", [b"", b"garbage", b"2FUS\x02\x00" + b"\x00" * 60, b"\xff" * 300])
async def test_foreign_bytes_in_the_cache_are_a_miss(shop: Shop, value: bytes) -> None:
    healthy = await shop.recommend("reader")
    cache = shop.state["cache"].redis
    for key in await cache.keys("*"):
        await cache.set(key, value)
    assert await shop.recommend("reader") == healthy
    assert (await shop.recommend("vee"))["fallback"] == "vector_missing"
