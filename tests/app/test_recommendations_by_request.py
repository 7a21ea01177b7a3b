"""Lists for a session or a posted vector, and lists about items."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from app.settings import Settings
from app.wiring import State
from recsys.ranking import scores
from tests.app.device_by_hand import enrol_device
from tests.app.model_world import (
    EVENT_TYPES,
    ITEMS,
    VECTOR,
    Shop,
    assert_ranked,
    ids_of,
    open_shop,
    path_of,
    random_table,
)

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]

STRANGE_IDS = ["a/b", "a%2Fb", "🛍️", "é" * 64, " ", "?limit=1", "..", "null"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Fewer rankable versions, so that one retires soon."""
    return settings.model_copy(update={"rankable_versions": 2})


@pytest.fixture
async def shop(state: State, client: httpx.AsyncClient) -> Shop:
    """Forty items, one version, and a user of each kind."""
    return await open_shop(state, client)


class TestSession:
    async def test_like_a_hosted_user_with_that_history(
        self, shop: Shop, connect: Connect, publishable_key: str
    ) -> None:
        types = [EVENT_TYPES[n % 3] for n in range(4)]
        names = ["item-03", "item-07", "item-03", "item-11"]
        session = [{"item_id": i, "type": t} for i, t in zip(names, types, strict=True)]
        client = connect(publishable_key)
        body = {"session": session, "limit": 30}
        answer = (await client.post("/v1/recommendations", json=body)).json()
        hosted = await shop.recommend("reader", limit=30)
        assert (answer["mode"], answer["unknown_items"]) == ("session", [])
        assert {item["source"] for item in answer["items"]} == {"session"}
        for mine, theirs in zip(answer["items"], hosted["items"], strict=True):
            assert {**mine, "source": "personal"} == theirs

    async def test_the_first_type_is_meant(self, shop: Shop) -> None:
        bare = await shop.post(session=[{"item_id": "item-03"}])
        told = await shop.post(session=[{"item_id": "item-03", "type": "view"}])
        assert bare == told

    async def test_unknown_items(self, shop: Shop) -> None:
        await shop.client.delete("/v1/items/item-05")
        names = ["ghost", "item-03", "item-05", "ghost"]
        answer = await shop.post(session=[{"item_id": name} for name in names], limit=40)
        assert answer["unknown_items"] == ["ghost", "item-05"]
        known = await shop.post(session=[{"item_id": "item-03"}], limit=40)
        assert answer["items"] == known["items"]
        assert len(answer["items"]) == 38

    @pytest.mark.parametrize("session", [[], [{"item_id": "ghost"}]])
    async def test_nothing_known(self, shop: Shop, session: list[Any]) -> None:
        answer = await shop.post(session=session)
        assert (answer["mode"], answer["fallback"]) == ("session", "no_history")
        assert {item["source"] for item in answer["items"]} == {"popular"}

    async def test_two_hundred_events_and_excludes(self, shop: Shop) -> None:
        session = [{"item_id": ITEMS[n % 5]} for n in range(200)]
        answer = await shop.post(session=session, exclude=ITEMS[5:8], limit=100)
        assert sorted(ids_of(answer)) == ITEMS[8:]

    async def test_nothing_is_stored(self, shop: Shop, snapshot: Callable[[], Any]) -> None:
        before = await snapshot()
        keys = await shop.state["cache"].redis.keys("*")
        await shop.post(session=[{"item_id": "item-03"}])
        assert await snapshot() == before
        assert await shop.state["cache"].redis.keys("*") == keys


class TestVector:
    async def test_ranked_exactly_and_unfiltered(self, shop: Shop) -> None:
        answer = await shop.post(user_vector=VECTOR, model_version=1, limit=500)
        model = shop.model()
        row_scores = scores(model.table, np.asarray(VECTOR, np.float32))
        values = {name: float(row_scores[row]) for name, row in model.row_of.items()}
        assert_ranked(answer, values, set())
        assert len(answer["items"]) == len(ITEMS)
        assert {item["source"] for item in answer["items"]} == {"vector"}
        assert all(item["because"] == [] for item in answer["items"])

    async def test_an_older_version_ranks_with_its_own_table(self, shop: Shop) -> None:
        before = await shop.post(user_vector=VECTOR, model_version=1, limit=500)
        await shop.publish(2)
        assert await shop.post(user_vector=VECTOR, model_version=1, limit=500) == before
        after = await shop.post(user_vector=VECTOR, model_version=2, limit=500)
        assert ids_of(after) != ids_of(before)

    async def test_kept_for_lists_by_name_until_it_retires(
        self, shop: Shop, connect: Connect
    ) -> None:
        missing = await shop.recommend("vee", limit=3)
        assert (missing["mode"], missing["fallback"]) == ("vector", "vector_missing")
        assert ids_of(missing) == ids_of(await shop.get("/popular", limit=3))
        body = {"user_vector": VECTOR, "model_version": 1, "user_id": "vee"}
        device = await enrol_device(shop.client, connect, "vee")
        posted = await device.client.post("/v1/recommendations", json=body)
        assert posted.status_code == 200
        await shop.publish(2)
        kept = await shop.recommend("vee")
        assert (kept["mode"], kept["model_version"], kept["fallback"]) == ("vector", 1, None)
        assert kept["items"] == posted.json()["items"]
        await shop.publish(3)
        retired = await shop.recommend("vee", limit=3)
        assert (retired["model_version"], retired["fallback"]) == (3, "vector_retired")

    async def test_excluded(self, shop: Shop) -> None:
        await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        first = ids_of(await shop.recommend("vee", limit=100))
        assert ids_of(await shop.recommend("vee", limit=100, exclude=first[:3])) == first[3:]

    async def test_forgotten_with_the_mode(self, shop: Shop) -> None:
        await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        await shop.put_user("vee", "device")
        await shop.put_user("vee", "vector")
        assert (await shop.recommend("vee"))["fallback"] == "vector_missing"

    async def test_never_in_the_database(self, shop: Shop, snapshot: Callable[[], Any]) -> None:
        before = await snapshot()
        await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        assert await snapshot() == before


class TestItems:
    async def test_similar_by_cosine(self, shop: Shop) -> None:
        answer = await shop.get("/items/item-10/similar", limit=39)
        model = shop.model()
        target = model.table.target / np.linalg.norm(model.table.target, axis=1, keepdims=True)
        cosines = target @ target[model.row_of["item-10"]]
        values = {name: float(cosines[row]) for name, row in model.row_of.items()}
        assert_ranked(answer, values, {"item-10"})
        assert (answer["mode"], answer["fallback"]) == ("anonymous", None)
        assert {item["source"] for item in answer["items"]} == {"similar"}

    async def test_similar_is_filled_up_with_popular(self, shop: Shop) -> None:
        """Items whose targets are zero are near nothing."""
        table = random_table(shop.model().table.n_rows, 4)
        rows = await shop.rows()
        blank = {name: row for name, row in rows.items() if name >= "item-30"}
        table.target[list(blank.values())] = 0.0
        await shop.publish(2, table=table)
        answer = await shop.get("/items/item-00/similar", limit=100)
        sources = [item["source"] for item in answer["items"]]
        assert sources == ["similar"] * 29 + ["popular"] * 10
        assert set(ids_of(answer)[29:]) == set(blank)
        assert "item-00" not in ids_of(answer)

    async def test_similar_before_the_version_knows_it(self, shop: Shop) -> None:
        await shop.put_items("newcomer")
        answer = await shop.get("/items/newcomer/similar", limit=2)
        assert answer["fallback"] == "item_not_in_model"
        assert ids_of(answer) == ids_of(await shop.get("/popular", limit=2))

    @pytest.mark.parametrize("path", ["/popular", "/items/item-10/similar"])
    async def test_not_modified(self, shop: Shop, path: str) -> None:
        first = await shop.client.get(f"/v1{path}")
        headers = {"If-None-Match": first.headers["etag"]}
        again = await shop.client.get(f"/v1{path}", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        await shop.publish(2)
        changed = await shop.client.get(f"/v1{path}", headers=headers)
        assert changed.status_code == 200

    async def test_strange_ids(self, shop: Shop) -> None:
        await shop.put_items(*STRANGE_IDS)
        await shop.publish(2)
        for item_id in STRANGE_IDS:
            answer = await shop.get(f"/items/{path_of(item_id)}/similar", limit=100)
            assert set(ids_of(answer)) == {*ITEMS, *STRANGE_IDS} - {item_id}
            session = await shop.post(session=[{"item_id": item_id}], exclude=STRANGE_IDS[:2])
            assert session["unknown_items"] == []
            assert not set(ids_of(session)) & {item_id, *STRANGE_IDS[:2]}
            await shop.put_user(item_id)
            await shop.post_event(item_id, item_id)
            listed = ids_of(await shop.recommend(item_id, limit=100, exclude=STRANGE_IDS[:2]))
            assert set(listed) == {*ITEMS, *STRANGE_IDS} - {item_id, *STRANGE_IDS[:2]}
