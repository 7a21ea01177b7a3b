"""Health, readiness, metrics, and what every route does when something is wrong."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.cache.embedded import EmbeddedRedis
from app.store.database import Database
from app.wiring import State

UNREACHABLE = {
    "sqlite": "sqlite+aiosqlite:////nonexistent/twofold.db",
    "postgres": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
}


@pytest.fixture(params=sorted(UNREACHABLE))
async def outage(
    request: pytest.FixtureRequest, state: State, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The worker's database is a real one that cannot be reached."""
    away = Database(UNREACHABLE[request.param])
    monkeypatch.setitem(state, "database", away)
    yield
    await away.close()


async def test_alive_and_ready(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "alive"}
    ready = (await anonymous.get("/readyz")).json()
    assert ready["status"] == "ready"
    assert ready["stores"] == {"database": "up", "cache": "up", "model_version": None}


async def test_metrics_count_by_route_template(
    anonymous: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await anonymous.get("/healthz")
    await anonymous.get("/no/such/route")
    await client.get("/v1/items/secret-id")
    text = (await anonymous.get("/metrics")).text
    assert 'twofold_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text
    assert 'route="unmatched",status="404"' in text
    assert 'route="/v1/items/{item_id}",status="404"' in text
    assert "secret-id" not in text


async def test_unknown_route_is_a_problem(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "not_found"


async def test_unknown_method_is_a_problem(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.request("PATCH", "/v1/items/a")
    assert (answer.status_code, answer.json()["reason"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, PUT"


async def test_not_ready_without_database(anonymous: httpx.AsyncClient, outage: None) -> None:
    assert (await anonymous.get("/healthz")).status_code == 200
    answer = await anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "not_ready"
    assert answer.json()["stores"]["database"] == "down"
    assert answer.headers["retry-after"] == "1"


class TestWithoutCache:
    """The cache's server ends while the worker lives."""

    @pytest.fixture
    def redis_server(self, own_redis: EmbeddedRedis) -> EmbeddedRedis:
        return own_redis

    async def test_degraded(
        self, anonymous: httpx.AsyncClient, redis_server: EmbeddedRedis
    ) -> None:
        assert (await anonymous.get("/readyz")).json()["status"] == "ready"
        redis_server.stop()
        answer = await anonymous.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/items/a", None),
        ("PUT", "/v1/items/a", {}),
        ("POST", "/v1/events", {"event_id": "e", "user_id": "u", "item_id": "i", "type": "view"}),
        ("GET", "/v1/keys", None),
    ],
)
async def test_an_outage_of_the_database_says_when_to_come_back(
    client: httpx.AsyncClient,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: Any,
) -> None:
    await client.get("/v1/items")  # the key is known from here on
    away = Database(UNREACHABLE["postgres"])
    monkeypatch.setitem(state, "database", away)
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["reason"]) == (503, "store_away")
    assert answer.headers["retry-after"] == "1"
    await away.close()


async def test_an_unknown_key_during_an_outage_is_not_refused(
    connect: Callable[[str | None], httpx.AsyncClient], outage: None
) -> None:
    answer = await connect("tf_server_unknown").get("/v1/items")
    assert (answer.status_code, answer.json()["reason"]) == (503, "store_away")


async def test_a_mistake_of_ours_is_a_problem_too(
    application: Any, state: State, server_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {**state, "database": None}
        await application[0](scope, receive, send)

    transport = httpx.ASGITransport(app=with_state, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"Authorization": f"Bearer {server_key}"}
        answer = await client.get("/v1/items", headers=headers)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "internal_error"
    assert "NoneType" not in answer.text
