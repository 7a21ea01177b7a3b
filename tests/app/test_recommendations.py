"""A hosted user's list: its scores, its reasons, and what the next one sees."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from app.models.tower_bytes import encode_tower
from app.wiring import State
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.ranking import attribute, scores
from recsys.user_tower import UserTower, user_vector
from tests.app.model_world import (
    DIM,
    ITEMS,
    Shop,
    assert_ranked,
    expected,
    history_of,
    ids_of,
    open_shop,
    random_scalars,
    random_table,
)

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
Mint = Callable[..., str]


@pytest.fixture
async def shop(state: State, client: httpx.AsyncClient) -> Shop:
    """Forty items, one version, and a user of each kind."""
    return await open_shop(state, client)


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
        assert (await shop.client.delete("/v1/users/reader")).status_code == 200
        url = "/v1/users/reader/recommendations"
        await refused(shop.client.get(url), 404, "not_found")
        await shop.put_user("reader")
        answer = await shop.recommend("reader", limit=100)
        assert answer["fallback"] == "no_history"
        assert len(answer["items"]) == len(ITEMS)


class TestSwap:
    async def test_a_list_never_mixes_versions(self, shop: Shop) -> None:
        """Each version's biases lie in a range of their own, far above what a vector adds."""
        history, users = 40, "reader"
        n_rows = shop.model().table.n_rows
        stop = asyncio.Event()

        async def publish() -> None:
            for version in range(2, 6):
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
        assert sum(n for n in counted if n) > 4

    async def test_counted_by_source(self, shop: Shop) -> None:
        await shop.recommend("reader", limit=5)
        await shop.get("/items/item-00/similar", limit=4)
        await shop.get("/popular", limit=3)
        text = (await shop.client.get("/metrics")).text
        for source, n in [("personal", 5), ("similar", 4), ("popular", 3)]:
            assert f'twofold_recommendations_total{{source="{source}"}} {n}.0' in text
