"""What the recommendation routes refuse; nothing changes then."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.recommendations.taste import VECTOR_NORM_MAX
from app.settings import Settings
from app.wiring import State
from tests.app.device_by_hand import enrol_device
from tests.app.model_world import (
    DIM,
    VECTOR,
    Shop,
    open_shop,
)

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
Mint = Callable[..., str]

BAD_QUERIES = [
    ("limit=0", "limit"),
    ("limit=101", "limit"),
    ("limit=-1", "limit"),
    ("limit=1e3", "limit"),
    ("limit=", "limit"),
    ("limit=99999999999999999999", "limit"),
    ("exclude=" + "x" * 129, "exclude.0"),
    ("exclude=", "exclude.0"),
    ("exclude=a&exclude=%00", "exclude.1"),
    ("reasons=maybe", "reasons"),
]
BODIES_THAT_DO_NOT_FIT: list[tuple[dict[str, Any], str]] = [
    ({}, "session"),
    ({"limit": 5}, "session"),
    ({"session": [], "user_vector": VECTOR, "model_version": 1}, "session"),
    ({"user_vector": VECTOR}, "model_version"),
    ({"session": [], "model_version": 1}, "model_version"),
    ({"session": [], "user_id": "vee"}, "user_id"),
    ({"session": [], "limit": 101}, "limit"),
    ({"user_vector": [], "model_version": 1}, "user_vector"),
    ({"user_vector": VECTOR[1:], "model_version": 1}, "user_vector"),
    ({"user_vector": [*VECTOR, 0.0], "model_version": 1}, "user_vector"),
    ({"user_vector": [VECTOR_NORM_MAX] * DIM, "model_version": 1}, "user_vector"),
    ({"user_vector": [1.7e308] * DIM, "model_version": 1}, "user_vector"),
]
MALFORMED_BODIES = [
    ('{"user_vector": [NaN], "model_version": 1}', "user_vector.0"),
    ('{"user_vector": [0, Infinity], "model_version": 1}', "user_vector.1"),
    ('{"user_vector": [-Infinity], "model_version": 1}', "user_vector.0"),
    ('{"user_vector": [1e999], "model_version": 1}', "user_vector.0"),
    ('{"user_vector": [1' + "0" * 400 + '], "model_version": 1}', "user_vector.0"),
    ('{"user_vector": [true], "model_version": 1}', "user_vector.0"),
    ('{"user_vector": ["1"], "model_version": 1}', "user_vector.0"),
    ('{"user_vector": "abc", "model_version": 1}', "user_vector"),
    ('{"user_vector": {}, "model_version": 1}', "user_vector"),
    ('{"user_vector": [' + "0," * 512 + '0], "model_version": 1}', "user_vector"),
    ('{"user_vector": [], "model_version": -1}', "model_version"),
    ('{"user_vector": [], "model_version": 1.5}', "model_version"),
    ('{"user_vector": [], "model_version": 99999999999999999999}', "model_version"),
    ('{"session": [{}]}', "session.0.item_id"),
    ('{"session": [{"item_id": ""}]}', "session.0.item_id"),
    ('{"session": [{"item_id": "a", "at": 1}]}', "session.0.at"),
    ('{"session": [{"item_id": "a", "type": 1}]}', "session.0.type"),
    ('{"session": [{"item_id": "\\u0000"}]}', "session.0.item_id"),
    ('{"session": [{"item_id": "\\ud800"}]}', "session.0.item_id"),
    ('{"session": [' + '{"item_id":"a"},' * 200 + '{"item_id":"a"}]}', "session"),
    ('{"session": [], "limit": 0}', "limit"),
    ('{"session": [], "limit": 501}', "limit"),
    ('{"session": [], "limit": 2.0}', "limit"),
    ('{"session": [], "exclude": ["a", ""]}', "exclude.1"),
    ('{"session": [], "reasons": 1}', "reasons"),
    ('{"session": [], "unknown": 1}', "unknown"),
    ("[]", "body"),
    ("{", "1"),
    ("", "body"),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Fewer rankable versions, so that one retires soon."""
    return settings.model_copy(update={"rankable_versions": 2})


@pytest.fixture
async def shop(state: State, client: httpx.AsyncClient) -> Shop:
    """Forty items, one version, and a user of each kind."""
    return await open_shop(state, client)


class TestUserRefusals:
    async def test_anonymous(self, anonymous: httpx.AsyncClient, refused: Refused) -> None:
        await refused(anonymous.get("/v1/users/reader/recommendations"), 401, "unauthorised")

    async def test_publishable_key(
        self, connect: Connect, publishable_key: str, refused: Refused
    ) -> None:
        client = connect(publishable_key)
        await refused(client.get("/v1/users/a/recommendations"), 403, "wrong_credential")

    @pytest.mark.parametrize("user_id", ["reader", "nobody", "dee"])
    async def test_foreign_user(
        self, shop: Shop, connect: Connect, mint: Mint, refused: Refused, user_id: str
    ) -> None:
        client = connect(mint("user", "fresh"))
        await refused(client.get(f"/v1/users/{user_id}/recommendations"), 403, "foreign_user")

    async def test_expired_token(
        self, connect: Connect, mint: Mint, clock: Any, refused: Refused
    ) -> None:
        client = connect(mint("user", "reader", 60.0))
        clock.now += 60
        await refused(client.get("/v1/users/reader/recommendations"), 401, "token_expired")

    async def test_unknown_user(self, client: httpx.AsyncClient, refused: Refused) -> None:
        await refused(client.get("/v1/users/nobody/recommendations"), 404, "not_found")

    async def test_device_user(self, shop: Shop, refused: Refused) -> None:
        for _ in range(2):  # from the database, then from the cache
            url = "/v1/users/dee/recommendations"
            await refused(shop.client.get(url), 409, "ranked_on_device")

    async def test_bad_query(self, client: httpx.AsyncClient, refused: Refused) -> None:
        for query, field in BAD_QUERIES:
            url = f"/v1/users/reader/recommendations?{query}"
            await refused(client.get(url), 422, "invalid_request", field)

    async def test_bad_user_id(self, client: httpx.AsyncClient, refused: Refused) -> None:
        for segment in ("%00", "%ff", "x" * 129):
            url = f"/v1/users/{segment}/recommendations"
            await refused(client.get(url), 422, "invalid_request")


class TestPostRefusals:
    async def test_does_not_fit(self, shop: Shop, refused: Refused) -> None:
        for body, field in BODIES_THAT_DO_NOT_FIT:
            sending = shop.client.post("/v1/recommendations", json=body)
            await refused(sending, 422, "invalid_field", field)

    async def test_malformed(self, client: httpx.AsyncClient, refused: Refused) -> None:
        headers = {"Content-Type": "application/json"}
        for text, field in MALFORMED_BODIES:
            sending = client.post("/v1/recommendations", content=text.encode(), headers=headers)
            await refused(sending, 422, "invalid_request", field)

    async def test_unknown_event_type(self, shop: Shop, refused: Refused) -> None:
        session = [{"item_id": "item-01"}, {"item_id": "item-02", "type": "poke"}]
        sending = shop.client.post("/v1/recommendations", json={"session": session})
        await refused(sending, 422, "unknown_type", "session.1.type")

    async def test_anonymous(self, anonymous: httpx.AsyncClient, refused: Refused) -> None:
        sending = anonymous.post("/v1/recommendations", json={"session": []})
        await refused(sending, 401, "unauthorised")

    async def test_retired_version(self, shop: Shop, refused: Refused) -> None:
        await shop.publish(2)
        await shop.publish(3)
        body = {"user_vector": VECTOR, "model_version": 1}
        sending = shop.client.post("/v1/recommendations", json=body)
        problem = await refused(sending, 409, "version_retired")
        assert problem["current_version"] == 3
        assert (await shop.post(**{**body, "model_version": 2}))["model_version"] == 2

    async def test_version_to_come(self, shop: Shop, refused: Refused) -> None:
        body = {"user_vector": VECTOR, "model_version": 2}
        problem = await refused(
            shop.client.post("/v1/recommendations", json=body), 409, "version_unknown"
        )
        assert problem["current_version"] == 1

    @pytest.mark.parametrize("kind", ["user", "device", "publishable"])
    async def test_vector_of_a_foreign_user(
        self,
        shop: Shop,
        connect: Connect,
        mint: Mint,
        publishable_key: str,
        refused: Refused,
        kind: str,
    ) -> None:
        clients = {
            "user": connect(mint("user", "fresh")),
            "device": (await enrol_device(shop.client, connect, "fresh")).client,
            "publishable": connect(publishable_key),
        }
        body = {"user_vector": VECTOR, "model_version": 1, "user_id": "vee"}
        sending = clients[kind].post("/v1/recommendations", json=body)
        await refused(sending, 403, "foreign_user")
        assert (await shop.recommend("vee"))["fallback"] == "vector_missing"

    @pytest.mark.parametrize(
        ("user_id", "status", "reason"),
        [
            ("nobody", 404, "not_found"),
            ("dee", 409, "ranked_on_device"),
            ("reader", 409, "history_is_hosted"),
        ],
    )
    async def test_vector_of_a_user_in_another_mode(
        self, shop: Shop, refused: Refused, user_id: str, status: int, reason: str
    ) -> None:
        body = {"user_vector": VECTOR, "model_version": 1, "user_id": user_id}
        await refused(shop.client.post("/v1/recommendations", json=body), status, reason)


class TestItemRefusals:
    @pytest.mark.parametrize("path", ["/v1/popular", "/v1/items/item-01/similar"])
    async def test_anonymous(
        self, anonymous: httpx.AsyncClient, refused: Refused, path: str
    ) -> None:
        await refused(anonymous.get(path), 401, "unauthorised")

    @pytest.mark.parametrize("path", ["/v1/popular", "/v1/items/item-01/similar"])
    async def test_bad_limit(self, client: httpx.AsyncClient, refused: Refused, path: str) -> None:
        await refused(client.get(f"{path}?limit=101"), 422, "invalid_request", "limit")

    async def test_similar_to_nothing(self, shop: Shop, refused: Refused) -> None:
        await refused(shop.client.get("/v1/items/nothing/similar"), 404, "not_found")
        await shop.client.delete("/v1/items/item-01")
        await refused(shop.client.get("/v1/items/item-01/similar"), 404, "not_found")
        await shop.publish(2)
        await refused(shop.client.get("/v1/items/item-01/similar"), 404, "not_found")
