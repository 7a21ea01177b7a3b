"""Token buckets: how much they let through, and what is said of them over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.rate_limits import BUCKETS_MAX, RateLimits
from app.settings import LimitSettings, Settings
from tests.app.conftest import SECRET, FakeClock

Connect = Callable[[str | None], httpx.AsyncClient]
LIMITS = LimitSettings(
    _env_file=None,
    server_per_s=0,
    publishable_per_s=0.4,
    user_per_s=2,
    device_per_s=1,
    failures_per_s=1,
    burst_s=5,
)


class TestBucket:
    def limits(self, clock: FakeClock) -> RateLimits:
        return RateLimits(LIMITS, clock)

    def test_no_limit(self) -> None:
        limits = self.limits(FakeClock())
        assert all(limits.take("server", "key") is None for _ in range(1000))

    def test_a_burst_then_one_at_a_time(self) -> None:
        clock = FakeClock()
        limits = self.limits(clock)
        left = [limits.take("user", "ann") for _ in range(11)]
        assert [one.left for one in left if one] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
        assert [one.is_over for one in left if one] == [False] * 10 + [True]
        last = left[-1]
        assert last is not None
        assert last.retry_after_s == pytest.approx(0.5)
        clock.now += 0.5
        found = [limits.take("user", "ann") for _ in range(2)]
        assert [one.is_over for one in found if one] == [False, True]

    def test_each_key_has_its_own(self) -> None:
        limits = self.limits(FakeClock())
        for _ in range(20):
            limits.take("user", "ann")
        bob = limits.take("user", "bob")
        assert bob is not None
        assert not bob.is_over

    def test_a_refused_request_costs_nothing(self) -> None:
        clock = FakeClock()
        limits = self.limits(clock)
        for _ in range(1000):
            limits.take("user", "ann")
        clock.now += 5
        found = [limits.take("user", "ann") for _ in range(11)]
        assert [one.is_over for one in found if one] == [False] * 10 + [True]

    @given(st.lists(st.floats(0, 3, allow_nan=False), max_size=200))
    def test_never_more_than_the_burst_and_the_rate(self, pauses: list[float]) -> None:
        clock = FakeClock()
        began, limits, let_through = clock.now, self.limits(clock), 0
        for pause in pauses:
            clock.now += pause
            standing = limits.take("user", "ann")
            assert standing is not None
            let_through += not standing.is_over
            assert let_through <= 10 + 2 * (clock.now - began) + 1e-3

    def test_memory_is_bounded(self) -> None:
        limits = self.limits(FakeClock())
        for number in range(BUCKETS_MAX + 50):
            limits.take("user", str(number))
        assert len(limits._full_at) == BUCKETS_MAX

    def test_a_publishable_key_of_a_slow_rate_may_ask_at_least_once(self) -> None:
        limits = RateLimits(LIMITS.model_copy(update={"burst_s": 0.1}), FakeClock())
        first, second = (limits.take("publishable", "key") for _ in range(2))
        assert first is not None
        assert second is not None
        assert (first.is_over, second.is_over) == (False, True)


class TestOverHttp:
    @pytest.fixture
    def settings(self, database_url: str, tmp_path: Path) -> Settings:
        return Settings(
            _env_file=None,
            data_dir=tmp_path / "data",
            database_url=database_url,
            secret=SECRET,
            dim=8,
            limits=LIMITS,
        )

    async def token_of(self, client: httpx.AsyncClient, user: str) -> str:
        await client.put(f"/v1/users/{user}", json={"mode": "hosted"})
        answer = await client.post(f"/v1/users/{user}/tokens")
        return str(answer.json()["token"])

    async def test_one_user_too_often(
        self, client: httpx.AsyncClient, connect: Connect, clock: FakeClock
    ) -> None:
        ann = connect(await self.token_of(client, "ann"))
        bob = connect(await self.token_of(client, "bob"))
        for left in range(9, -1, -1):
            answer = await ann.get("/v1/users/ann")
            assert answer.status_code == 200
            assert answer.headers["RateLimit-Policy"] == '"user";q=10;w=5'
            assert answer.headers["RateLimit"].startswith(f'"user";r={left};t=')
        refused = await ann.get("/v1/users/ann")
        assert (refused.status_code, refused.json()["reason"]) == (429, "rate_limited")
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["RateLimit"] == '"user";r=0;t=5'
        # Another route, another user, and the app's backend are as free as before.
        assert (await ann.get("/v1/users/ann/events")).status_code == 200
        assert (await bob.get("/v1/users/bob")).status_code == 200
        answer = await client.get("/v1/users/ann")
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers
        clock.now += 0.5
        assert (await ann.get("/v1/users/ann")).status_code == 200

    async def test_the_route_counts_not_the_address_asked_for(
        self, client: httpx.AsyncClient, connect: Connect
    ) -> None:
        ann = connect(await self.token_of(client, "ann"))
        found = [(await ann.get(f"/v1/items/item-{i}")).status_code for i in range(11)]
        assert found == [404] * 10 + [429]

    async def test_wrong_credentials_are_slowed_down_and_good_ones_are_not(
        self, client: httpx.AsyncClient, connect: Connect, clock: FakeClock
    ) -> None:
        guess = connect("tf_server_" + "x" * 40)
        found = [await guess.get("/v1/items") for _ in range(7)]
        assert [one.status_code for one in found] == [401] * 5 + [429] * 2
        assert found[-1].json()["reason"] == "rate_limited"
        assert found[-1].headers["Retry-After"] == "1"
        assert (await client.get("/v1/items")).status_code == 200
        clock.now += 1
        assert (await guess.get("/v1/items")).status_code == 401

    async def test_a_refusal_changes_nothing(
        self, client: httpx.AsyncClient, connect: Connect, snapshot: Any
    ) -> None:
        ann = connect(await self.token_of(client, "ann"))
        for _ in range(10):
            await ann.post("/v1/events", json={"events": []})
        before = await snapshot()
        event = {"user_id": "ann", "item_id": "one", "type": "view"}
        refused = await ann.post("/v1/events", json={"events": [event]})
        assert refused.status_code == 429
        assert await snapshot() == before
