"""The demo's page server: whom it refuses, and the documents it hands out."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from evaluation.demo.page_server import BODY_BYTES_MAX, PAGE_FOLDER, create_page
from tests.evaluation.made_up_shop import HOSTILE_ID, MadeUpShop

SHOPPER = "shopper-0003"
EVENTS = f"/api/shoppers/{SHOPPER}/events"


@pytest.fixture
def shop() -> MadeUpShop:
    return MadeUpShop(n_shoppers=5, n_rounds=20)


@pytest.fixture
async def page(shop: MadeUpShop) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_page(shop))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8001") as client:
        yield client


def assert_problem(response: httpx.Response, status: int, reason: str, field: str = "") -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["reason"]) == (status, reason)
    assert body["type"] == f"/problems/{reason}"
    if field:
        assert field in [error["field"] for error in body["errors"]]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "", "localhost:", "::1"]
)
async def test_refuses_a_host_that_is_not_this_machine(page: httpx.AsyncClient, host: str) -> None:
    for path in ("/api/shoppers", "/"):
        response = await page.get(path, headers={"Host": host})
        assert_problem(response, 421, "host_not_local", "Host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:80", "[::1]:8001"])
async def test_answers_to_every_name_of_this_machine(page: httpx.AsyncClient, host: str) -> None:
    response = await page.get("/api/summary", headers={"Host": host})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/api/shoppers/nobody", "/api/shoppers/nobody/events"])
async def test_refuses_an_unknown_shopper(page: httpx.AsyncClient, path: str) -> None:
    body = {"item_id": "cameras-0001", "type": "view"}
    ask = page.post(path, json=body) if path.endswith("events") else page.get(path)
    assert_problem(await ask, 404, "not_found", "shopper_id")


@pytest.mark.parametrize("segment", ["%FF%FE", "a" * 129, "%00"])
async def test_refuses_an_id_that_is_none(page: httpx.AsyncClient, segment: str) -> None:
    assert_problem(await page.get(f"/api/shoppers/{segment}"), 422, "invalid_request", "shopper_id")


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"type": "view"}, "invalid_request", "item_id"),
        ({"item_id": "cameras-0001"}, "invalid_request", "type"),
        ({"item_id": 7, "type": "view"}, "invalid_request", "item_id"),
        ({"item_id": "", "type": "view"}, "invalid_request", "item_id"),
        ({"item_id": "cameras-0001", "type": ""}, "invalid_request", "type"),
        ({"item_id": "cameras-0001", "type": "view", "at": 1}, "invalid_request", "at"),
        ({"item_id": "unheard-of", "type": "view"}, "invalid_field", "item_id"),
        ({"item_id": "cameras-0001", "type": "steal"}, "invalid_field", "type"),
    ],
)
async def test_refuses_a_bad_event_and_records_nothing(
    page: httpx.AsyncClient, shop: MadeUpShop, body: dict[str, object], reason: str, field: str
) -> None:
    before = list(shop.histories[SHOPPER])
    assert_problem(await page.post(EVENTS, json=body), 422, reason, field)
    assert shop.histories[SHOPPER] == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"item_id": NaN, "type": "view"}'])
async def test_refuses_a_body_that_is_no_event(page: httpx.AsyncClient, body: bytes) -> None:
    response = await page.post(EVENTS, content=body, headers={"Content-Type": "application/json"})
    assert_problem(response, 422, "invalid_request")


async def test_refuses_a_form_of_another_site(page: httpx.AsyncClient, shop: MadeUpShop) -> None:
    """Without a preflight a browser sends only types like this one across origins."""
    before = list(shop.histories[SHOPPER])
    body = b'{"item_id": "cameras-0001", "type": "view"}'
    response = await page.post(EVENTS, content=body, headers={"Content-Type": "text/plain"})
    assert_problem(response, 422, "invalid_request")
    assert shop.histories[SHOPPER] == before


async def test_refuses_an_oversize_body(page: httpx.AsyncClient) -> None:
    body = {"item_id": "x" * BODY_BYTES_MAX, "type": "view"}
    assert_problem(await page.post(EVENTS, json=body), 413, "body_too_large")


async def test_refuses_a_body_of_unknown_length(page: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"item_id": "cameras-0001", "type": "view"}'

    headers = {"Content-Type": "application/json"}
    response = await page.post(EVENTS, content=chunks(), headers=headers)
    assert_problem(response, 411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/../view.py", 404),
        ("GET", "/..%2Fview.py", 404),
        ("GET", "/%2e%2e/view.py", 404),
        ("GET", "/docs", 404),
        ("DELETE", "/api/summary", 405),
        ("POST", "/api/rounds", 405),
        ("POST", "/index.html", 405),
    ],
)
async def test_refuses_what_it_does_not_serve(
    page: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    reason = {404: "not_found", 405: "method_not_allowed"}[status]
    assert_problem(await page.request(method, path), status, reason)


async def test_every_answer_is_guarded(page: httpx.AsyncClient) -> None:
    for path, caching in (("/", "no-cache"), ("/api/summary", "no-store"), ("/gone", "no-cache")):
        headers = (await page.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == caching
        assert "access-control-allow-origin" not in headers


async def test_summary(page: httpx.AsyncClient, shop: MadeUpShop) -> None:
    summary = (await page.get("/api/summary")).json()
    assert summary == shop.summary()
    assert {quality["name"] for quality in summary["results"]} == {
        "popular",
        "before",
        "after",
        "adapted",
    }


async def test_shoppers(page: httpx.AsyncClient) -> None:
    listed = (await page.get("/api/shoppers")).json()["data"]
    assert len(listed) == 5
    assert set(listed[0]) == {"id", "label", "n_events"}


async def test_one_shopper(page: httpx.AsyncClient, shop: MadeUpShop) -> None:
    document = (await page.get(f"/api/shoppers/{SHOPPER}")).json()
    assert document == shop.shopper(SHOPPER)
    assert document["service_view"] == {"mode": "device", "events": 0}
    reason = document["recommendations"][0]["because"][0]
    assert set(reason) == {"item", "contribution"}


async def test_a_shopper_while_the_service_is_away(
    page: httpx.AsyncClient, shop: MadeUpShop
) -> None:
    shop.service_view = None
    document = (await page.get(f"/api/shoppers/{SHOPPER}")).json()
    assert document["service_view"] is None
    assert document["recommendations"]


async def test_an_id_may_hold_any_character(page: httpx.AsyncClient) -> None:
    path = "/api/shoppers/" + quote(HOSTILE_ID, safe="")
    assert (await page.get(path)).json()["id"] == HOSTILE_ID
    event = {"item_id": "mug/100%2F☕", "type": "view"}
    document = (await page.post(path + "/events", json=event)).json()
    assert document["history"][0]["item"]["id"] == "mug/100%2F☕"


async def test_an_event_moves_the_recommendations(
    page: httpx.AsyncClient, shop: MadeUpShop
) -> None:
    before = (await page.get(f"/api/shoppers/{SHOPPER}")).json()
    chosen = before["recommendations"][3]["item"]["id"]
    response = await page.post(EVENTS, json={"item_id": chosen, "type": "purchase"})
    after = response.json()
    assert after["n_events"] == before["n_events"] + 1
    assert after["history"][0]["item"]["id"] == chosen
    assert chosen not in [r["item"]["id"] for r in after["recommendations"]]
    assert after == (await page.get(f"/api/shoppers/{SHOPPER}")).json()


async def test_rounds(page: httpx.AsyncClient, shop: MadeUpShop) -> None:
    rounds = (await page.get("/api/rounds")).json()["data"]
    assert rounds == shop.rounds()
    assert [r["id"] for r in rounds] == list(range(20, 0, -1))
    assert {r["phase"] for r in rounds if r["metrics"] is None} == {"abandoned"}


async def test_serves_the_page_and_nothing_from_elsewhere(page: httpx.AsyncClient) -> None:
    response = await page.get("/")
    assert response.headers["content-type"].startswith("text/html")
    for file in PAGE_FOLDER.iterdir():
        served = await page.get(f"/{file.name}")
        assert served.status_code == 200
        assert served.content == file.read_bytes()
        if file.suffix == ".js":
            assert "javascript" in served.headers["content-type"]
