"""Lists: refusals first, then exactness, what is never listed, and what the next list sees."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import numpy as np
import pytest

from app.models.served_model import ServedModel
from app.models.tower_bytes import encode_tower
from app.recommendations.taste import VECTOR_NORM_MAX
from app.settings import Settings
from app.wiring import State
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.ranking import attribute, scores
from recsys.user_tower import UserTower, user_vector
from tests.app.model_world import (
    DIM,
    EVENT_TYPES,
    Shop,
    ids_of,
    path_of,
    random_scalars,
    random_table,
)

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
Mint = Callable[..., str]

ITEMS = [f"item-{n:02}" for n in range(40)]
STRANGE_IDS = ["a/b", "a%2Fb", "🛍️", "é" * 64, " ", "?limit=1", "..", "null"]
VECTOR = [0.5, -0.25, 0.0, 1.0, 0.0, 0.0, -1.0, 0.125]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Fewer rankable versions, so that one retires soon."""
    return settings.model_copy(update={"rankable_versions": 2})


@pytest.fixture
async def shop(state: State, client: httpx.AsyncClient) -> Shop:
    """Forty items, one version, and a user of each kind."""
    shop = Shop(state, client)
    await shop.put_items(*ITEMS)
    await shop.publish(1)
    for user_id, mode in [("reader", "hosted"), ("fresh", "hosted"), ("vee", "vector")]:
        await shop.put_user(user_id, mode)
    await shop.put_user("dee", "device")
    names = ["item-03", "item-07", "item-03", "item-11"]
    await shop.post_events("reader", zip(names, [*EVENT_TYPES, "view"], strict=True))
    return shop


async def history_of(shop: Shop, user_id: str) -> History:
    """The stored history with the served version's own type indices."""
    events, types = await shop.history(user_id), shop.model().event_types
    return History.of([row for row, _ in events], [types.index(type_) for _, type_ in events])


def expected(
    model: ServedModel, history: History, tower: UserTower | None = None
) -> dict[str, float]:
    """Every item's score, by the mathematics' own functions."""
    tower = tower or UserTower.default(model.scalars, model.table.dim)
    values = scores(model.table, user_vector(model.table, model.scalars, tower, history))
    return {item_id: float(values[row]) for item_id, row in model.row_of.items()}


def assert_ranked(answer: dict[str, Any], values: dict[str, float], never: set[str]) -> None:
    """The answer holds the best items but `never`, best first, with their scores."""
    best = sorted((name for name in values if name not in never), key=lambda name: -values[name])
    assert ids_of(answer) == best[: len(answer["items"])]
    found = [item["score"] for item in answer["items"]]
    assert found == pytest.approx([values[name] for name in ids_of(answer)], rel=1e-5, abs=1e-6)


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

    @pytest.mark.parametrize(
        ("query", "field"),
        [
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
        ],
    )
    async def test_bad_query(
        self, client: httpx.AsyncClient, refused: Refused, query: str, field: str
    ) -> None:
        url = f"/v1/users/reader/recommendations?{query}"
        await refused(client.get(url), 422, "invalid_request", field)

    @pytest.mark.parametrize("segment", ["%00", "%ff", "x" * 129])
    async def test_bad_user_id(
        self, client: httpx.AsyncClient, refused: Refused, segment: str
    ) -> None:
        await refused(client.get(f"/v1/users/{segment}/recommendations"), 422, "invalid_request")


class TestPostRefusals:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
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
        ],
    )
    async def test_does_not_fit(
        self, shop: Shop, refused: Refused, body: dict[str, Any], field: str
    ) -> None:
        await refused(
            shop.client.post("/v1/recommendations", json=body), 422, "invalid_field", field
        )

    @pytest.mark.parametrize(
        ("text", "field"),
        [
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
        ],
    )
    async def test_malformed(
        self, client: httpx.AsyncClient, refused: Refused, text: str, field: str
    ) -> None:
        headers = {"Content-Type": "application/json"}
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
        client = connect(publishable_key if kind == "publishable" else mint(kind, "fresh"))
        body = {"user_vector": VECTOR, "model_version": 1, "user_id": "vee"}
        await refused(client.post("/v1/recommendations", json=body), 403, "foreign_user")
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


class TestHosted:
    async def test_ranked_exactly(self, shop: Shop) -> None:
        answer = await shop.recommend("reader", limit=36)
        values = expected(shop.model(), await history_of(shop, "reader"))
        assert_ranked(answer, values, {"item-03", "item-07", "item-11"})
        assert {key: answer[key] for key in answer if key != "items"} == {
            "mode": "hosted",
            "model_version": 1,
            "degraded": False,
            "degraded_reason": None,
            "adapted": False,
            "fallback": None,
        }
        assert {item["source"] for item in answer["items"]} == {"personal"}
        assert len((await shop.recommend("reader"))["items"]) == 20
        assert len((await shop.recommend("reader", limit=100))["items"]) == 37

    async def test_reasons_are_exact(self, shop: Shop) -> None:
        answer = await shop.recommend("reader", limit=100)
        model, history = shop.model(), await history_of(shop, "reader")
        tower = UserTower.default(model.scalars, DIM)
        named = 0
        for item in answer["items"]:
            row = model.row_of[item["item_id"]]
            parts = attribute(model.table, model.scalars, tower, history, row)
            by_item: dict[str | None, float] = {}
            for event_row, share in zip(history.rows, parts.events, strict=True):
                name = model.id_of[event_row]
                by_item[name] = by_item.get(name, 0.0) + float(share)
            total = sum(by_item.values()) + parts.residual + parts.bias
            assert total == pytest.approx(item["score"], rel=1e-5, abs=1e-6)
            best = sorted((n for n in by_item if by_item[n] > 0), key=lambda n: -by_item[n])
            assert [reason["item_id"] for reason in item["because"]] == best[:3]
            for reason in item["because"]:
                named += 1
                share = by_item[reason["item_id"]]
                assert reason["contribution"] == pytest.approx(share, rel=1e-5)
        assert named > 20

    async def test_without_reasons(self, shop: Shop) -> None:
        answer = await shop.recommend("reader", reasons=False)
        assert all(item["because"] == [] for item in answer["items"])
        assert ids_of(answer) == ids_of(await shop.recommend("reader"))

    async def test_adapted(self, shop: Shop) -> None:
        rng = np.random.default_rng(9)
        personal = (rng.normal(0, 1, n).astype(np.float32) for n in (DIM, 2, 3))
        tower = UserTower(*personal)
        await shop.store_tower("reader", encode_tower(tower))
        await shop.post_event("reader", "item-20")
        values = expected(shop.model(), await history_of(shop, "reader"), tower)
        answer = await shop.recommend("reader", limit=36)
        assert answer["adapted"] is True
        assert_ranked(answer, values, {"item-03", "item-07", "item-11", "item-20"})

    @pytest.mark.parametrize("n_types", [2, 5])
    async def test_adapted_when_there_were_other_types(self, shop: Shop, n_types: int) -> None:
        numbers = np.linspace(-1, 1, n_types).astype(np.float32)
        tower = UserTower(np.ones(DIM, np.float32), np.zeros(2, np.float32), numbers)
        await shop.store_tower("reader", encode_tower(tower))
        await shop.post_event("reader", "item-20")
        weights = shop.model().scalars.log_type_weights.copy()
        weights[: min(3, n_types)] = numbers[:3]
        fitted = UserTower(tower.residual, tower.log_gains, weights)
        values = expected(shop.model(), await history_of(shop, "reader"), fitted)
        answer = await shop.recommend("reader", limit=36)
        assert_ranked(answer, values, {"item-03", "item-07", "item-11", "item-20"})

    @pytest.mark.parametrize("body", ["garbage", "other width", "overflow"])
    async def test_a_tower_that_cannot_be_is_left_out(self, shop: Shop, body: str) -> None:
        width, gain = (5, 0.0) if body == "other width" else (DIM, 90.0)
        gains, weights = np.full(2, gain, np.float32), np.zeros(3, np.float32)
        stored = encode_tower(UserTower(np.zeros(width, np.float32), gains, weights))
        await shop.store_tower("reader", b"garbage" if body == "garbage" else stored)
        await shop.post_event("reader", "item-20")
        answer = await shop.recommend("reader")
        assert answer["adapted"] is False
        assert answer["items"][0]["source"] == "personal"

    async def test_the_next_list_sees_the_event(self, shop: Shop) -> None:
        for _ in range(5):
            answer = await shop.recommend("fresh", limit=40)
            best = ids_of(answer)[0]
            await shop.post_event("fresh", best)
            after = await shop.recommend("fresh", limit=40)
            assert best not in ids_of(after)
            values = expected(shop.model(), await history_of(shop, "fresh"))
            assert_ranked(after, values, set(values) - set(ids_of(after)))

    async def test_never_what_was_seen_however_long_ago(self, shop: Shop) -> None:
        """The history keeps 20 events; the items of all 30 stay away."""
        seen = ITEMS[:30]
        await shop.post_events("fresh", [(item_id, "view") for item_id in seen])
        assert sorted(ids_of(await shop.recommend("fresh", limit=100))) == ITEMS[30:]
        await shop.state["cache"].redis.flushall()
        assert sorted(ids_of(await shop.recommend("fresh", limit=100))) == ITEMS[30:]

    async def test_excluded(self, shop: Shop) -> None:
        first = ids_of(await shop.recommend("reader", limit=100))
        rest = ids_of(await shop.recommend("reader", limit=100, exclude=[*first[:5], "nothing"]))
        assert rest == first[5:]

    async def test_no_history(self, shop: Shop) -> None:
        answer = await shop.recommend("fresh", limit=3)
        assert (answer["mode"], answer["fallback"]) == ("hosted", "no_history")
        assert ids_of(answer) == ids_of(await shop.get("/popular", limit=3))
        assert [item["source"] for item in answer["items"]] == ["popular"] * 3

    async def test_own_token(self, shop: Shop, connect: Connect, mint: Mint) -> None:
        answer = await connect(mint("user", "reader")).get("/v1/users/reader/recommendations")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"

    async def test_a_type_that_the_version_does_not_know(self, shop: Shop) -> None:
        await shop.publish(2, event_types=("view",))
        history = History.of([row for row, _ in await shop.history("reader")], [0, 1, 2, 0])
        model = shop.model()
        scalars = model.scalars.with_types(3)
        tower = UserTower.default(scalars, DIM)
        values = scores(model.table, user_vector(model.table, scalars, tower, history))
        answer = await shop.recommend("reader", limit=1)
        row = model.row_of[ids_of(answer)[0]]
        assert answer["items"][0]["score"] == pytest.approx(float(values[row]), rel=1e-5)

    async def test_an_item_newer_than_the_version(self, shop: Shop) -> None:
        await shop.put_items(*(f"new-{n}" for n in range(5)))
        before = await shop.recommend("reader", limit=100)
        await shop.post_event("reader", "new-1")
        assert ids_of(await shop.recommend("reader", limit=100)) == ids_of(before)
        await shop.publish(2)
        listed = ids_of(await shop.recommend("reader", limit=100))
        assert {"new-0", "new-2"} < set(listed)
        assert "new-1" not in listed

    async def test_an_erased_user_is_gone_at_once(self, shop: Shop, refused: Refused) -> None:
        await shop.recommend("reader")
        assert (await shop.client.delete("/v1/users/reader")).status_code == 204
        url = "/v1/users/reader/recommendations"
        await refused(shop.client.get(url), 404, "not_found")
        await shop.put_user("reader")
        answer = await shop.recommend("reader", limit=100)
        assert answer["fallback"] == "no_history"
        assert len(answer["items"]) == len(ITEMS)


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
        self, shop: Shop, connect: Connect, mint: Mint
    ) -> None:
        missing = await shop.recommend("vee", limit=3)
        assert (missing["mode"], missing["fallback"]) == ("vector", "vector_missing")
        assert ids_of(missing) == ids_of(await shop.get("/popular", limit=3))
        body = {"user_vector": VECTOR, "model_version": 1, "user_id": "vee"}
        posted = await connect(mint("device", "vee")).post("/v1/recommendations", json=body)
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


class TestHidden:
    @pytest.mark.parametrize("name", LISTS)
    async def test_a_deleted_item_vanishes_from_every_list(self, shop: Shop, name: str) -> None:
        await shop.put_items("newcomer")
        await shop.post(user_vector=VECTOR, model_version=1, user_id="vee")
        for place in (0, 4, -1):
            before = ids_of(await LISTS[name](shop))
            gone = before[place]
            assert (await shop.client.delete(f"/v1/items/{gone}")).status_code == 204
            assert ids_of(await LISTS[name](shop)) == [i for i in before if i != gone]
        await shop.put_items(gone)
        assert gone in ids_of(await LISTS[name](shop))

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


class TestSwap:
    async def test_a_list_never_mixes_versions(self, shop: Shop) -> None:
        """Each version's biases lie in a range of their own, far above what a vector adds."""
        history, users = 40, "reader"
        n_rows = shop.model().table.n_rows
        stop = asyncio.Event()

        async def publish() -> None:
            for version in range(2, 10):
                plain = random_table(n_rows, version)
                offset = np.float32(1000 * version)
                heads = (plain.target, plain.context_long, plain.context_short)
                table = ItemTable(*heads, plain.bias + offset)
                await shop.publish(version, table=table, scalars=random_scalars(1))
            stop.set()

        async def read() -> int:
            n = 0
            while not stop.is_set():
                answer = await shop.recommend(users, limit=history)
                versions = {round(item["score"] / 1000) for item in answer["items"]}
                wanted = answer["model_version"]
                assert versions == ({wanted} if wanted > 1 else {0})
                n += 1
            return n

        counted = await asyncio.gather(read(), read(), read(), publish())
        assert sum(n for n in counted if n) > 10

    async def test_counted_by_source(self, shop: Shop) -> None:
        await shop.recommend("reader", limit=5)
        await shop.get("/items/item-00/similar", limit=4)
        await shop.get("/popular", limit=3)
        text = (await shop.client.get("/metrics")).text
        for source, n in [("personal", 5), ("similar", 4), ("popular", 3)]:
            assert f'twofold_recommendations_total{{source="{source}"}} {n}.0' in text
