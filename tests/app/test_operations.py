"""Health, readiness, metrics."""

import httpx

from app.wiring import State


async def test_alive_and_ready(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "alive"}
    ready = (await anonymous.get("/readyz")).json()
    assert ready["status"] == "ready"
    assert ready["stores"] == {"database": "up", "cache": "up", "model_version": None}


async def test_metrics_count_by_route_template(anonymous: httpx.AsyncClient) -> None:
    await anonymous.get("/healthz")
    await anonymous.get("/no/such/route")
    text = (await anonymous.get("/metrics")).text
    assert 'twofold_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text
    assert 'route="unmatched",status="404"' in text


async def test_unknown_route_is_a_problem(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "not_found"


async def test_not_ready_without_database(anonymous: httpx.AsyncClient, state: State) -> None:
    await state["database"].close()
    state["database"].engine.pool._creator = None  # type: ignore[attr-defined]
    answer = await anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "not_ready"
