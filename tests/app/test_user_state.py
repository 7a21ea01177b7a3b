"""User state in the cache: what is a miss, what may follow what, what an outage leaves behind."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache import user_state as user_state_module
from app.cache.connection import REST_S, Cache, CacheDown
from app.cache.embedded import EmbeddedRedis
from app.cache.user_codec import (
    MODES,
    Stamp,
    UserState,
    UserVector,
    decode_state,
    decode_vector,
    encode_floor,
    encode_state,
    encode_vector,
)
from app.cache.user_state import UserStates
from app.recommendations.user_state import build_user_state, refresh_user_state
from app.store.tables import events
from app.wiring import State
from tests.app.model_world import Shop, ids_of, until

NAME = "someone@example.org"


def a_state(revision: int = 1, created_at: float = 100.0, **changes: Any) -> UserState:
    """A state with three events."""
    values: dict[str, Any] = {
        "mode": "hosted",
        "stamp": Stamp(created_at, revision),
        "rows": np.asarray([5, 1, 5], np.int64),
        "types": np.asarray([0, 2, 1], np.int64),
        "seen": np.asarray([1, 5, 900], np.int64),
        "tower": b"",
    }
    return UserState(**{**values, **changes})


def same(one: UserState | None, other: UserState | None) -> bool:
    """Whether two states say the same."""
    return one is not None and other is not None and encode_state(one) == encode_state(other)


rows_strategy = st.lists(st.integers(0, 2**31 - 1), max_size=20)
states = st.builds(
    lambda mode, born, revision, rows, seen, tower: UserState(
        mode,
        Stamp(born, revision),
        np.asarray(rows, np.int64),
        np.asarray([row % 5 for row in rows], np.int64),
        np.asarray(seen, np.int64),
        tower,
    ),
    st.sampled_from(MODES),
    st.floats(0, 1e10),
    st.integers(0, 2**40),
    rows_strategy,
    rows_strategy,
    st.binary(max_size=40),
)


class TestBytes:
    @given(st.binary(max_size=200))
    def test_foreign_bytes_are_a_miss(self, value: bytes) -> None:
        assert decode_state(value) is None
        assert decode_vector(value) is None

    @given(st.data(), states)
    def test_damaged_bytes_are_a_miss(self, data: st.DataObject, state: UserState) -> None:
        value = bytearray(encode_state(state))
        value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
        assert decode_state(bytes(value)) is None

    @given(st.data(), states)
    def test_cut_or_longer_bytes_are_a_miss(self, data: st.DataObject, state: UserState) -> None:
        value = encode_state(state)
        assert decode_state(value[: data.draw(st.integers(0, len(value) - 1))]) is None
        assert decode_state(value + data.draw(st.binary(min_size=1, max_size=9))) is None

    @pytest.mark.parametrize("at", [0, 4, 6, 7, 24, 28, 32])
    def test_well_checked_but_wrong_headers_are_a_miss(self, at: int) -> None:
        body = bytearray(encode_state(a_state())[:-4])
        body[at] += 9  # magic, layout, kind, mode and the three counts in turn
        checked = bytes(body) + zlib.crc32(body).to_bytes(4, "little")
        assert decode_state(checked) is None

    def test_a_floor_is_a_miss(self) -> None:
        assert decode_state(encode_floor(Stamp(1.0, 2))) is None

    def test_nothing_is_a_miss(self) -> None:
        assert decode_state(None) is None
        assert decode_vector(None) is None

    @given(states)
    def test_round_trip(self, state: UserState) -> None:
        assert same(decode_state(encode_state(state)), state)

    @given(st.integers(0, 2**31), st.lists(st.floats(-100, 100, width=32), max_size=64))
    def test_vector_round_trip(self, version: int, values: list[float]) -> None:
        vector = UserVector(version, np.asarray(values, np.float32))
        found = decode_vector(encode_vector(vector))
        assert found is not None
        assert found.model_version == version
        np.testing.assert_array_equal(found.values, vector.values)

    def test_it_is_compact(self) -> None:
        full = a_state(
            rows=np.arange(200), types=np.zeros(200, np.int64), seen=np.arange(1000), tower=b""
        )
        assert len(encode_state(full)) == 24 + 12 + 200 * 6 + 1000 * 4 + 4


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
    def own_redis(self, tmp_path: Path) -> Iterator[EmbeddedRedis]:
        """A server that the test may stop."""
        server = EmbeddedRedis(tmp_path / "redis")
        server.start()
        yield server
        server.stop()

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
        assert state.rows.tolist() == [rows[name] for name in names[-20:]]
        assert state.types.tolist() == [n % 2 for n in range(5, 25)]
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
        assert state.rows.tolist() == [rows[name] for name in "bdac"]

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
        assert state.rows.tolist() == [rows["b"]]
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
