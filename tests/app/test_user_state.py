"""User state in the cache: what may follow what, and what an outage leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from app.cache import user_state as user_state_module
from app.cache.connection import REST_S, Cache, CacheDown
from app.cache.embedded import EmbeddedRedis
from app.cache.user_codec import (
    Stamp,
    UserVector,
)
from app.cache.user_state import UserStates
from tests.app.model_world import a_state, same, until

NAME = "someone@example.org"


@pytest.fixture
async def cache(redis_server: EmbeddedRedis) -> AsyncIterator[Cache]:
    """A connection to the session's server, flushed."""
    cache = Cache(redis_server.url, 1.0, lambda: 0.0)
    await cache.redis.flushall()
    yield cache
    await cache.close()


@pytest.fixture
def kept(cache: Cache) -> UserStates:
    """User states over it."""
    return UserStates(cache, 60.0)


async def keys_of(cache: Cache) -> list[bytes]:
    """Every key, sorted."""
    return sorted(await cache.redis.keys("*"))


class TestOrder:
    async def test_an_older_state_does_not_follow(self, kept: UserStates) -> None:
        assert await kept.put(NAME, a_state(revision=7))
        assert not await kept.put(NAME, a_state(revision=6, tower=b"old"))
        assert same((await kept.get(NAME)).state, a_state(revision=7))

    async def test_a_state_of_the_same_revision_follows(self, kept: UserStates) -> None:
        await kept.put(NAME, a_state(revision=7))
        assert await kept.put(NAME, a_state(revision=7, tower=b"adapted"))
        assert same((await kept.get(NAME)).state, a_state(revision=7, tower=b"adapted"))

    async def test_revisions_compare_as_numbers(self, kept: UserStates) -> None:
        await kept.put(NAME, a_state(revision=255))
        assert await kept.put(NAME, a_state(revision=256))
        assert not await kept.put(NAME, a_state(revision=2))

    async def test_a_user_created_anew_is_newer(self, kept: UserStates) -> None:
        await kept.put(NAME, a_state(revision=57, created_at=100.0))
        assert await kept.put(NAME, a_state(revision=1, created_at=100.5))
        assert not await kept.put(NAME, a_state(revision=58, created_at=100.0))

    async def test_an_erased_user_does_not_come_back(self, kept: UserStates) -> None:
        await kept.put(NAME, a_state(revision=57, created_at=100.0))
        await kept.forget(NAME, 200.0)
        assert (await kept.get(NAME)).state is None
        assert not await kept.put(NAME, a_state(revision=58, created_at=100.0))
        assert (await kept.get(NAME)).state is None
        assert await kept.put(NAME, a_state(revision=1, created_at=201.0))

    async def test_users_are_apart(self, kept: UserStates) -> None:
        await kept.put("a", a_state(revision=7))
        assert await kept.put("b", a_state(revision=1))
        assert (await kept.get("c")).state is None

    @pytest.mark.parametrize("value", [b"", b"garbage", b"2FUS\x63\x00" + b"\xff" * 40])
    async def test_garbage_is_overwritten(
        self, kept: UserStates, cache: Cache, value: bytes
    ) -> None:
        await kept.put(NAME, a_state(revision=7))
        await cache.redis.set((await keys_of(cache))[0], value)
        assert (await kept.get(NAME)).state is None
        assert await kept.put(NAME, a_state(revision=2))
        assert same((await kept.get(NAME)).state, a_state(revision=2))


class TestVectors:
    vector = UserVector(3, np.asarray([0.5, -1.0], np.float32))

    async def test_not_for_a_user_who_changed(self, kept: UserStates) -> None:
        await kept.put(NAME, a_state(revision=7, mode="vector"))
        assert not await kept.put_vector(NAME, self.vector, Stamp(100.0, 6), 60.0)
        assert (await kept.get(NAME)).vector is None

    async def test_not_for_an_erased_user(self, kept: UserStates) -> None:
        await kept.forget(NAME, 200.0)
        assert not await kept.put_vector(NAME, self.vector, Stamp(100.0, 1), 60.0)

    @pytest.mark.parametrize("mode", ["device", "hosted"])
    async def test_goes_with_the_mode(self, kept: UserStates, mode: str) -> None:
        await kept.put(NAME, a_state(mode="vector"))
        assert await kept.put_vector(NAME, self.vector, Stamp(100.0, 1), 60.0)
        await kept.put(NAME, a_state(revision=2, mode="vector"))
        found = (await kept.get(NAME)).vector
        assert found is not None
        np.testing.assert_array_equal(found.values, self.vector.values)
        await kept.put(NAME, a_state(revision=3, mode=mode))
        assert (await kept.get(NAME)).vector is None

    async def test_goes_with_the_user(self, kept: UserStates, cache: Cache) -> None:
        await kept.put(NAME, a_state(mode="vector"))
        await kept.put_vector(NAME, self.vector, Stamp(100.0, 1), 60.0)
        await kept.forget(NAME, 200.0)
        assert [len(await cache.redis.get(key)) for key in await keys_of(cache)] == [24]

    async def test_keys_and_times_to_live(self, kept: UserStates, cache: Cache) -> None:
        await kept.put(NAME, a_state(mode="vector"))
        await kept.put_vector(NAME, self.vector, Stamp(100.0, 1), 5.0)
        state_key, vector_key = await keys_of(cache)
        assert b"someone" not in state_key + vector_key
        assert state_key.startswith(b"tf:{")
        assert 59_000 < await cache.redis.pttl(state_key) <= 60_000
        assert 4_000 < await cache.redis.pttl(vector_key) <= 5_000


class Ticking:
    """A clock that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class TestOutage:
    @pytest.fixture
    async def pair(
        self, own_redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[tuple[UserStates, UserStates, Ticking]]:
        """Two workers over it."""
        monkeypatch.setattr(user_state_module, "SETTLE_PAUSE_S", 0.01)
        clock = Ticking()
        caches = [Cache(own_redis.url, 1.0, clock) for _ in range(2)]
        yield UserStates(caches[0], 60.0), UserStates(caches[1], 60.0), clock
        for cache in caches:
            await cache.close()

    async def test_down(self, pair: tuple[Any, Any, Any], own_redis: EmbeddedRedis) -> None:
        own_redis.stop()
        with pytest.raises(CacheDown):
            await pair[0].get(NAME)
        with pytest.raises(CacheDown):
            await pair[0].put(NAME, a_state())
        with pytest.raises(CacheDown):
            await pair[0].forget(NAME, 1.0)

    async def test_a_missed_write_is_made_good_for_everybody(
        self, pair: tuple[UserStates, UserStates, Ticking]
    ) -> None:
        """The cache stays up for the other worker, who must not read the old state for long."""
        mine, other, _ = pair
        await other.put(NAME, a_state(revision=5))
        mine.remember_dirty(NAME, Stamp(100.0, 6))
        for _ in range(1000):
            if (await other.get(NAME)).state is None:
                break
            await asyncio.sleep(0.01)
        assert not await other.put(NAME, a_state(revision=5))  # a slow reader's rebuild
        assert await other.put(NAME, a_state(revision=6))

    async def test_the_worker_itself_never_reads_the_old_state(
        self, pair: tuple[UserStates, UserStates, Ticking]
    ) -> None:
        mine, other, _ = pair
        await other.put(NAME, a_state(revision=5))
        mine.remember_dirty(NAME, Stamp(100.0, 6))
        assert (await mine.get(NAME)).state is None
        await other.put("b", a_state(revision=5))
        mine.remember_dirty("b", None)  # not even the revision is known
        assert (await mine.get("b")).state is None

    async def test_the_newest_stamp_is_remembered(
        self, pair: tuple[UserStates, UserStates, Ticking]
    ) -> None:
        mine, _, _ = pair
        for revision in (6, 9, 7):
            mine.remember_dirty(NAME, Stamp(100.0, revision))
        assert not await mine.put(NAME, a_state(revision=8))
        assert await mine.put(NAME, a_state(revision=9))

    async def test_erasing_during_an_outage(
        self, pair: tuple[UserStates, UserStates, Ticking], own_redis: EmbeddedRedis
    ) -> None:
        mine, other, clock = pair
        own_redis.stop()
        with pytest.raises(CacheDown):
            await mine.forget(NAME, 200.0)
        own_redis.start()
        await other.put(NAME, a_state(revision=57, created_at=100.0))
        clock.now += REST_S
        assert (await mine.get(NAME)).state is None
        assert not await other.put(NAME, a_state(revision=58, created_at=100.0))

    async def test_more_than_it_can_remember(
        self,
        pair: tuple[UserStates, UserStates, Ticking],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(user_state_module, "DIRTY_MAX", 3)
        mine, other, _ = pair
        names = [f"user-{n}" for n in range(8)]
        for name in (*names, "bystander"):
            await other.put(name, a_state(revision=5))
        for name in names:
            mine.remember_dirty(name, Stamp(100.0, 6))
        with pytest.raises(CacheDown):
            await mine.get("user-0")
        await until(lambda: mine.is_settled)
        assert [(await other.get(name)).state for name in names] == [None] * 8
