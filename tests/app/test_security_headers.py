"""What every answer says to browsers and caches, be it a route's, a refusal or the limiter's."""

import httpx
import pytest

DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/v1/items", 200),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/items", 405),
        ("POST", "/v1/events", 413),
    ],
)
async def test_an_answer_is_data(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    content = b" " * (1 << 21) if status == 413 else None
    answer = await client.request(method, path, content=content)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == DATA_ONLY
    assert "strict-transport-security" not in answer.headers


async def test_nobody_keeps_what_a_credential_bought(client: httpx.AsyncClient) -> None:
    await client.put("/v1/users/ann", json={"mode": "hosted"})
    answer = await client.get("/v1/users/ann")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_routes_own_word_to_caches_stands(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/items")).headers["cache-control"] == "no-cache"


async def test_the_page_of_the_documentation_may_run(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.status_code == 200
    assert "content-security-policy" not in answer.headers
