"""A deleted item vanishes from every list, whatever the list is made of."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.wiring import State
from tests.app.model_world import (
    ITEMS,
    VECTOR,
    Shop,
    ids_of,
    open_shop,
)

List = Callable[[Shop], Awaitable[dict[str, Any]]]
LISTS: dict[str, List] = {
    "hosted": lambda shop: shop.recommend("reader", limit=100),
    "hosted without history": lambda shop: shop.recommend("fresh", limit=100),
    "vector by name": lambda shop: shop.recommend("vee", limit=100),
    "posted vector": lambda shop: shop.post(user_vector=VECTOR, model_version=1, limit=500),
    "session": lambda shop: shop.post(session=[{"item_id": "item-00"}], limit=100),
    "unknown session": lambda shop: shop.post(session=[{"item_id": "ghost"}], limit=100),
    "similar": lambda shop: shop.get("/items/item-01/similar", limit=100),
    "similar to a newcomer": lambda shop: shop.get("/items/newcomer/similar", limit=100),
    "popular": lambda shop: shop.get("/popular", limit=100),
}


@pytest.fixture
async def shop(state: State, client: httpx.AsyncClient) -> Shop:
    """Forty items, one version, and a user of each kind."""
    return await open_shop(state, client)


class TestHidden:
    async def test_a_deleted_item_vanishes_from_every_list(self, shop: Shop) -> None:
        await shop.put_items("newcomer")
        await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        before = {name: ids_of(await ask(shop)) for name, ask in LISTS.items()}
        gone = {ids[place] for ids in before.values() for place in (0, 1, 2, -2, -1)}
        gone -= {"item-00", "item-01", "item-03"}  # asked about, or in a history
        assert len(gone) > 8
        for item_id in sorted(gone):
            assert (await shop.client.delete(f"/v1/items/{item_id}")).status_code == 204
            for name, ask in LISTS.items():
                assert item_id not in str(await ask(shop)), name
        for name, ask in LISTS.items():
            assert ids_of(await ask(shop)) == [i for i in before[name] if i not in gone]
        await shop.put_items(*gone)
        for name, ask in LISTS.items():
            assert ids_of(await ask(shop)) == before[name]

    @pytest.mark.parametrize("name", ["hosted", "session", "popular"])
    async def test_without_a_model(
        self, state: State, client: httpx.AsyncClient, name: str
    ) -> None:
        shop = Shop(state, client)
        await shop.put_items(*ITEMS[:6])
        await shop.put_user("reader")
        await shop.post_event("reader", "item-00")
        before = await LISTS[name](shop)
        assert (before["fallback"], before["model_version"]) == ("no_model", None)
        expected_ids = set(ITEMS[:6]) - (set() if name == "popular" else {"item-00"})
        assert set(ids_of(before)) == expected_ids
        await client.delete("/v1/items/item-03")
        assert set(ids_of(await LISTS[name](shop))) == expected_ids - {"item-03"}

    async def test_no_reason_names_it(self, shop: Shop) -> None:
        answer = await shop.recommend("reader", limit=100)
        assert "item-03" in str(answer)
        await shop.client.delete("/v1/items/item-03")
        after = await shop.recommend("reader", limit=100)
        assert "item-03" not in str(after)
        assert any(item["because"] for item in after["items"])

    async def test_newest_first_without_a_model(
        self, state: State, client: httpx.AsyncClient, clock: Any
    ) -> None:
        shop = Shop(state, client)
        for item_id in ITEMS[:4]:
            clock.now += 1
            await shop.put_items(item_id)
        assert ids_of(await shop.get("/popular", limit=3)) == ITEMS[3:0:-1]
        vector = await shop.post(user_vector=VECTOR, model_version=1)
        assert (vector["mode"], vector["fallback"]) == ("vector", "no_model")
