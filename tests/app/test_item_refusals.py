"""What `/v1/items/{id}` and `/v1/items` refuse: each time a problem, and nothing changed."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.app.made_up_records import ITEM

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
METHODS = ["PUT", "GET", "DELETE"]


async def test_anonymous(
    anonymous: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for method in METHODS:
        with subtests.test(repr(method)[:60]):
            body = ITEM if method == "PUT" else None
            await refused(anonymous.request(method, "/v1/items/a", json=body), 401, "unauthorised")


async def test_only_a_server_writes(
    connect: Connect, mint: Callable[..., str], publishable_key: str, refused: Refused
) -> None:
    for credential in (publishable_key, mint("user", "u"), mint("device", "d")):
        page = connect(credential)
        await refused(page.put("/v1/items/a", json=ITEM), 403, "wrong_credential")
        await refused(page.delete("/v1/items/a"), 403, "wrong_credential")


MALFORMED_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"title": 1}, "title"),
    ({"title": None}, "title"),
    ({"title": "x" * 501}, "title"),
    ({"title": "\0"}, "title"),
    ({"title": "\ud800"}, "title"),
    ({"brand": ["x"]}, "brand"),
    ({"brand": "x" * 201}, "brand"),
    ({"categories": "kitchen"}, "categories"),
    ({"categories": ["x"] * 101}, "categories"),
    ({"categories": [""]}, "categories.0"),
    ({"categories": ["a", 2]}, "categories.1"),
    ({"creators": [None]}, "creators.0"),
    ({"tags": ["a", "\udfff"]}, "tags.1"),
    ({"tags": ["x" * 201]}, "tags.0"),
    ({"price": -0.01}, "price"),
    ({"price": "12"}, "price"),
    ({"price": True}, "price"),
    ({"price": 10**30}, "price"),
    ({"price": float("nan")}, "price"),
    ({"price": float("inf")}, "price"),
    ({"colour": "red"}, "colour"),
    ({"id": "a"}, "id"),
    ({"\ud800": 1}, "body"),
]


async def test_malformed_field(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for change, field in MALFORMED_FIELDS:
        with subtests.test(repr(change)[:60]):
            body = json.dumps({**ITEM, **change}).encode()
            headers = {"Content-Type": "application/json"}
            await refused(
                client.put("/v1/items/a", content=body, headers=headers),
                422,
                "invalid_request",
                field,
            )


MALFORMED_BODIES = [
    (b"", 422),
    (b"null", 422),
    (b"[]", 422),
    (b'"text"', 422),
    (b'{"title": "Esp', 422),
    (b"{} {}", 422),
    (b'{"title": "\xff"}', 400),
    (b"[" * 100_000, 400),
    (b'{"price": ' + b"9" * 5000 + b"}", 400),
    (b'{"price": 1e999}', 422),
]


async def test_malformed_body(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for body, status in MALFORMED_BODIES:
        with subtests.test(repr(body)[:60]):
            reason = "bad_request" if status == 400 else "invalid_request"
            headers = {"Content-Type": "application/json"}
            await refused(client.put("/v1/items/a", content=body, headers=headers), status, reason)


OTHER_TYPES = ["text/plain", "application/octet-stream", "nonsense"]


async def test_wrong_content_type(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for content_type in OTHER_TYPES:
        with subtests.test(repr(content_type)[:60]):
            headers = {"Content-Type": content_type}
            sending = client.put("/v1/items/a", content=json.dumps(ITEM), headers=headers)
            await refused(sending, 422, "invalid_request", "body")


MALFORMED_IDS = ["x" * 129, "é" * 64 + "x", "%00", "%FF", "%ED%A0%80"]


async def test_malformed_id(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for path in MALFORMED_IDS:
        with subtests.test(repr(path)[:60]):
            for method, body in (("PUT", ITEM), ("GET", None), ("DELETE", None)):
                sending = client.request(method, f"/v1/items/{path}", json=body)
                await refused(sending, 422, "invalid_request", "item_id")


async def test_no_id_is_no_route(client: httpx.AsyncClient, refused: Refused) -> None:
    await refused(client.put("/v1/items/", json=ITEM), 404, "not_found")
    await refused(client.put("/v1/items", json=ITEM), 405, "method_not_allowed")


@pytest.mark.parametrize("declared", [True, False])
async def test_oversize_body(client: httpx.AsyncClient, refused: Refused, declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(17):
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    content = b" " * (17 * 65536) if declared else chunks()
    sending = client.put("/v1/items/a", content=content, headers=headers)
    await refused(sending, 413, "body_too_large")


async def test_a_refusal_repeats_little_of_the_request(
    client: httpx.AsyncClient, refused: Refused
) -> None:
    body = {f"{n}" + "x" * 5000: n for n in range(100)}
    problem = await refused(client.put("/v1/items/a", json=body), 422, "invalid_request")
    assert len(problem["errors"]) == 20
    assert all(len(error["field"]) == 200 for error in problem["errors"])
    assert len(problem["detail"]) < 1000


async def test_unknown_item(client: httpx.AsyncClient, refused: Refused) -> None:
    await refused(client.get("/v1/items/none"), 404, "not_found")
    await refused(client.delete("/v1/items/none"), 404, "not_found")


MALFORMED_PAGES = [
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=x", "limit"),
    (f"limit={10**30}", "limit"),
    ("cursor=%F0%9F", "cursor"),
    ("cursor=!", "cursor"),
    ("cursor=AA", "cursor"),
    ("cursor=_w", "cursor"),
    (f"cursor={'a' * 513}", "cursor"),
]


async def test_malformed_page(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for query, field in MALFORMED_PAGES:
        with subtests.test(repr(query)[:60]):
            await refused(client.get(f"/v1/items?{query}"), 422, "invalid_request", field)
