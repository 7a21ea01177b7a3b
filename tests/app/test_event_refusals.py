"""What `POST /v1/events` refuses: each time all of it, with the field named, and nothing stored."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.app.made_up_records import EVENT, bulk, event

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
PATH = "/v1/events"


@pytest.fixture(autouse=True)
async def shop(client: httpx.AsyncClient) -> None:
    """Two items, two hosted users and two whose history stays with them."""
    for item_id in ("cup", "mug"):
        await client.put(f"/v1/items/{item_id}", json={})
    for user_id, mode in (("ann", "hosted"), ("bob", "hosted"), ("dan", "device")):
        await client.put(f"/v1/users/{user_id}", json={"mode": mode})
    await client.put("/v1/users/vic", json={"mode": "vector"})


async def test_anonymous(anonymous: httpx.AsyncClient, refused: Refused) -> None:
    await refused(anonymous.post(PATH, json=EVENT), 401, "unauthorised")


async def test_wrong_credential(
    connect: Connect, mint: Callable[..., str], publishable_key: str, refused: Refused
) -> None:
    for credential in (publishable_key, mint("device", "ann")):
        await refused(connect(credential).post(PATH, json=EVENT), 403, "wrong_credential")


async def test_foreign_user(connect: Connect, mint: Callable[..., str], refused: Refused) -> None:
    bob = connect(mint("user", "bob"))
    await refused(bob.post(PATH, json=EVENT), 403, "foreign_user")
    mixed = bulk({"user_id": "bob"}, {"user_id": "ann"})
    await refused(bob.post(PATH, json=mixed), 403, "foreign_user")


async def test_expired_token(
    connect: Connect, mint: Callable[..., str], clock: Any, refused: Refused
) -> None:
    ann = connect(mint("user", "ann", 60.0))
    clock.now += 60
    await refused(ann.post(PATH, json=EVENT), 401, "token_expired")


MALFORMED_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"event_id": ""}, "event_id"),
    ({"event_id": 1}, "event_id"),
    ({"event_id": None}, "event_id"),
    ({"event_id": "x" * 129}, "event_id"),
    ({"event_id": "\ud800"}, "event_id"),
    ({"event_id": "a\0b"}, "event_id"),
    ({"user_id": "é" * 65}, "user_id"),
    ({"user_id": ["ann"]}, "user_id"),
    ({"item_id": 10**30}, "item_id"),
    ({"item_id": {}}, "item_id"),
    ({"type": ""}, "type"),
    ({"type": "x" * 65}, "type"),
    ({"type": 0}, "type"),
    ({"type": "\udc00"}, "type"),
    ({"at": 1_700_000_000}, "at"),
    ({"at": 10**30}, "at"),
    ({"at": float("nan")}, "at"),
    ({"at": ""}, "at"),
    ({"at": "yesterday"}, "at"),
    ({"at": "2026-01-01"}, "at"),
    ({"at": "2026-01-01T00:00:00"}, "at"),
    ({"at": "2026-02-30T00:00:00Z"}, "at"),
    ({"at": "2026-01-01T24:30:00Z"}, "at"),
    ({"at": "2026-01-01T00:00:00+99:99"}, "at"),
    ({"at": "0001-01-01T00:00:00+23:59"}, "at"),
    ({"at": "1969-12-31T23:59:59Z"}, "at"),
    ({"at": "\N{FULLWIDTH DIGIT TWO}026-01-01T00:00:00Z"}, "at"),
    ({"at": "9" * 1000}, "at"),
    ({"price": 1}, "price"),
]


async def test_malformed_field(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for change, field in MALFORMED_FIELDS:
        with subtests.test(repr(change)[:60]):
            headers = {"Content-Type": "application/json"}
            single, many = json.dumps(event(**change)), json.dumps(bulk({}, {}, {}, change))
            await refused(
                client.post(PATH, content=single, headers=headers), 422, "invalid_request", field
            )
            await refused(
                client.post(PATH, content=many, headers=headers),
                422,
                "invalid_request",
                f"events.3.{field}",
            )


MALFORMED_BODIES = [
    ("null", "body"),
    ("[]", "body"),
    ("7", "body"),
    ("{}", "event_id"),
    ('{"events": []}', "events"),
    ('{"events": {}}', "events"),
    ('{"events": null}', "events"),
    ('{"events": [null]}', "events.0"),
    ('{"events": [[]]}', "events.0"),
    (json.dumps({"events": [EVENT], "more": 1}), "more"),
    (json.dumps(bulk(*[{}] * 1001)), "events"),
]


async def test_malformed_body(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for body, field in MALFORMED_BODIES:
        with subtests.test(repr(body)[:60]):
            headers = {"Content-Type": "application/json"}
            await refused(
                client.post(PATH, content=body, headers=headers), 422, "invalid_request", field
            )


BROKEN_BODIES = [(b"", 422), (b'{"event_id', 422), (b"[" * 50_000, 400), (b'{"a": "\xff"}', 400)]


async def test_broken_json(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for body, status in BROKEN_BODIES:
        with subtests.test(repr(body)[:60]):
            reason = "bad_request" if status == 400 else "invalid_request"
            headers = {"Content-Type": "application/json"}
            await refused(client.post(PATH, content=body, headers=headers), status, reason)


async def test_wrong_content_type(client: httpx.AsyncClient, refused: Refused) -> None:
    sending = client.post(PATH, content=json.dumps(EVENT), headers={"Content-Type": "text/plain"})
    await refused(sending, 422, "invalid_request", "body")


async def test_oversize_body(client: httpx.AsyncClient, refused: Refused) -> None:
    big = bulk(*[{"event_id": "x" * 2000}] * 600)
    await refused(client.post(PATH, json=big), 413, "body_too_large")


REFUSALS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"type": "like"}, 422, "unknown_type", "type"),
    ({"at": "2027-01-15T08:05:01Z"}, 422, "in_the_future", "at"),
    ({"at": "9999-12-31T23:59:59Z"}, 422, "in_the_future", "at"),
    ({"user_id": "nobody"}, 422, "unknown_user", "user_id"),
    ({"item_id": "nothing"}, 422, "unknown_item", "item_id"),
    ({"user_id": "dan"}, 409, "history_stays_on_device", "user_id"),
    ({"user_id": "vic"}, 409, "history_stays_on_device", "user_id"),
]


async def test_all_or_nothing(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for change, status, reason, field in REFUSALS:
        with subtests.test(repr(change)[:60]):
            await refused(client.post(PATH, json=event(**change)), status, reason, field)
            many = bulk({}, {"user_id": "bob"}, {}, change, {})
            await refused(client.post(PATH, json=many), status, reason, f"events.3.{field}")


async def test_deleted_item_is_unknown(client: httpx.AsyncClient, refused: Refused) -> None:
    await client.delete("/v1/items/cup")
    await refused(client.post(PATH, json=EVENT), 422, "unknown_item", "item_id")


async def test_many_errors_are_named_in_part(client: httpx.AsyncClient, refused: Refused) -> None:
    many = bulk(*[{"item_id": "nothing"}] * 50)
    problem = await refused(client.post(PATH, json=many), 422, "unknown_item")
    assert len(problem["errors"]) == 20
