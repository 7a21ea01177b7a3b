"""Going back on an operator's word: to a version, or with one item's row alone."""

import os
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from app.coordinator.repository import find_version, heads
from app.settings import Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect, put_items
from tests.app.live_world import N_ITEMS, LiveWorld, live_settings

HEADS = ("target", "context_long", "context_short", "bias")
ROW = "/v1/models/rows/rollback"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return live_settings(settings).model_copy(update={"rankable_versions": 2})


@pytest.fixture
async def world(
    state: State,
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> LiveWorld:
    """Version 1 made way for version 2, which serves; version 3 waits."""
    world = LiveWorld(state, clock, client, connect)
    await world.open(monkeypatch)
    await world.hold_round()
    await world.hold_round()
    assert await world.served() == 2
    return world


def table_rows(table: Any) -> Any:
    """(n_rows, 3 d + 1) of an item table."""
    heads = [getattr(table, head) for head in HEADS]
    return np.concatenate([head.reshape(len(head), -1) for head in heads], axis=1)


async def ordered(world: LiveWorld, path: str, **body: Any) -> dict[str, Any]:
    """The order as it is answered, and fulfilled by the next tick."""
    answer = await world.server.post(path, json=body or None)
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "open"
    await world.tick()
    found: dict[str, Any] = (await world.server.get(answer.headers["location"])).json()
    return found


class TestRefusals:
    async def test_credentials(
        self, world: LiveWorld, anonymous: httpx.AsyncClient, refused: Callable[..., Any]
    ) -> None:
        row = {"item_id": "item-1", "version": 1}
        device = world.devices[0].client
        for path, body in (("/v1/models/1/rollback", None), (ROW, row)):
            await refused(anonymous.post(path, json=body), 401, "unauthorised")
            await refused(device.post(path, json=body), 403, "wrong_credential")
        await refused(anonymous.get("/v1/models/orders/x"), 401, "unauthorised")

    async def test_unknown_and_malformed(
        self, world: LiveWorld, refused: Callable[..., Any]
    ) -> None:
        post, get = world.server.post, world.server.get
        await refused(post("/v1/models/9/rollback"), 404, "not_found")
        await refused(post("/v1/models/0/rollback"), 422, "invalid_request", "version")
        await refused(post(ROW, json={"item_id": "item-1", "version": 9}), 404, "not_found")
        await refused(post(ROW, json={"item_id": "nothing", "version": 1}), 404, "not_found")
        await refused(post(ROW, json={"item_id": "item-1"}), 422, "invalid_request", "version")
        odd = {"item_id": "item-1", "version": 1, "row": 3}
        await refused(post(ROW, json=odd), 422, "invalid_request", "row")
        await refused(get("/v1/models/orders/nothing"), 404, "not_found")

    async def test_what_never_served(self, world: LiveWorld, refused: Callable[..., Any]) -> None:
        await refused(world.server.post("/v1/models/3/rollback"), 409, "version_never_live")
        row = {"item_id": "item-1", "version": 3}
        await refused(world.server.post(ROW, json=row), 409, "version_never_live")

    async def test_what_is_not_kept(self, world: LiveWorld, refused: Callable[..., Any]) -> None:
        await world.hold_round()
        assert await world.served() == 3
        await refused(world.server.post("/v1/models/1/rollback"), 409, "version_retired")

    async def test_an_item_that_is_younger(
        self, world: LiveWorld, refused: Callable[..., Any]
    ) -> None:
        await put_items(world.server, 1, first=N_ITEMS)
        row = {"item_id": f"item-{N_ITEMS}", "version": 1}
        await refused(world.server.post(ROW, json=row), 409, "item_not_in_version")

    async def test_key_of_another_order(
        self, world: LiveWorld, refused: Callable[..., Any]
    ) -> None:
        key = {"Idempotency-Key": "mine"}
        assert (await world.server.post("/v1/models/1/rollback", headers=key)).status_code == 202
        sending = world.server.post("/v1/models/2/rollback", headers=key)
        await refused(sending, 409, "idempotency_key_reused")

    async def test_what_went_while_the_order_was_open(self, world: LiveWorld) -> None:
        answer = await world.server.post("/v1/models/1/rollback")
        world.state["blobs"].delete("models", await training_state(world, 1))
        await world.tick()
        found = (await world.server.get(answer.headers["location"])).json()
        assert (found["state"], found["reason"]) == ("refused", "version_retired")
        assert found["published_version"] is None
        assert len(await world.versions()) == 3

    async def test_an_item_that_went_while_the_order_was_open(self, world: LiveWorld) -> None:
        answer = await world.server.post(ROW, json={"item_id": "item-1", "version": 2})
        await world.server.delete("/v1/items/item-1")
        order = await follow_catalogue_first(world, answer)
        assert (order["state"], order["reason"]) == ("refused", "item_gone")


async def training_state(world: LiveWorld, version: int) -> str:
    """Digest of what training goes on from after a version."""
    async with world.state["database"].read() as connection:
        row = await find_version(connection, version)
    assert row is not None
    return row.model_digest


async def follow_catalogue_first(world: LiveWorld, answer: httpx.Response) -> dict[str, Any]:
    """The order after a version without the item was published while it was open."""
    model = await world.coordinator._newest.get(3)
    for after_s in (0.0, 1.0):
        world.clock.now += after_s
        async with world.state["database"].read() as connection:
            head = (await heads(connection)).catalogue
        await world.coordinator._catalogue.follow(model, head)
    await world.tick()
    found: dict[str, Any] = (await world.server.get(answer.headers["location"])).json()
    return found


class TestTwice:
    async def test_an_open_order_is_found_again(self, world: LiveWorld) -> None:
        row = {"item_id": "item-1", "version": 2}
        for path, body in (("/v1/models/2/rollback", None), (ROW, row)):
            first, second = [(await world.server.post(path, json=body)).json() for _ in range(2)]
            assert first == second
            await world.tick()
            found = (await world.server.get(f"/v1/models/orders/{first['id']}")).json()
            assert found["state"] == "done"
        kinds = [kind for kind, _ in await world.standings()]
        assert kinds[3:] == ["rollback", "rollback"]

    async def test_a_key_is_remembered_beyond_the_order(self, world: LiveWorld) -> None:
        key = {"Idempotency-Key": "mine"}
        first = (await world.server.post("/v1/models/2/rollback", headers=key)).json()
        await world.tick()
        second = (await world.server.post("/v1/models/2/rollback", headers=key)).json()
        assert (second["id"], second["state"]) == (first["id"], "done")
        await world.tick()
        assert len(await world.versions()) == 4
        third = (await world.server.post("/v1/models/2/rollback")).json()
        assert third["id"] != first["id"]


class TestVersion:
    async def test_goes_back_with_what_came_since(self, world: LiveWorld) -> None:
        await put_items(world.server, 1, first=N_ITEMS)
        order = await ordered(world, "/v1/models/1/rollback")
        assert (order["state"], order["published_version"]) == ("done", 4)
        assert await world.standings() == [
            ("genesis", "superseded"),
            ("round", "superseded"),
            ("round", "superseded"),
            ("rollback", "live"),
        ]
        assert await world.served() == 4
        first, back = await world.model(1), await world.model(4)
        old = [row for row, _ in first.catalogue.rows]
        assert np.array_equal(table_rows(first.table)[old], table_rows(back.table)[old])
        assert len(back.catalogue.rows) == N_ITEMS + 1
        assert (back.origin, back.state.n_steps) == (1, 0)
        abandoned = (await world.server.get("/v1/rounds/3")).json()
        assert (abandoned["phase"], abandoned["reason"]) == ("abandoned", "rolled_back")
        assert (await world.round()).model_version == 4
        await world.hold_round()
        await world.hold_round()
        assert await world.served() == 5
        await world.check_chain()

    async def test_a_busy_catalogue_leaves_the_training_before_within_reach(
        self, world: LiveWorld
    ) -> None:
        blobs = world.state["blobs"]
        states = {version: await training_state(world, version) for version in (1, 2)}
        for digest in states.values():
            os.utime(blobs.path("models", digest), (0, 0))  # old enough to be swept
        for i in range(3):
            await put_items(world.server, 1, first=N_ITEMS + i)
            await world.tick()
            await world.tick(after_s=1.0)
        await world.tick(after_s=61.0)  # the round ends, and what nothing needs goes
        assert [blobs.path("models", states[v]).exists() for v in (1, 2)] == [True, False]
        assert (await world.standings())[-2:] == [("catalogue", "live"), ("catalogue", "candidate")]
        first = await world.model(1)
        order = await ordered(world, "/v1/models/1/rollback")
        assert order["state"] == "done"
        back = await world.model(await world.served())
        old = [row for row, _ in first.catalogue.rows]
        assert np.array_equal(table_rows(first.table)[old], table_rows(back.table)[old])

    async def test_to_the_version_that_serves_drops_what_waits(self, world: LiveWorld) -> None:
        await ordered(world, "/v1/models/2/rollback")
        assert (await world.standings())[2:] == [("round", "superseded"), ("rollback", "live")]
        assert (await world.model(4)).origin == 2


class TestRow:
    async def test_only_this_row_where_served_and_where_trained(self, world: LiveWorld) -> None:
        order = await ordered(world, ROW, item_id="item-1", version=1)
        assert (order["kind"], order["item_id"], order["state"]) == ("row", "item-1", "done")
        assert order["published_version"] == 4
        assert (await world.standings())[1:] == [
            ("round", "superseded"),
            ("round", "candidate"),
            ("rollback", "live"),
            ("rollback", "candidate"),
        ]
        assert await world.served() == 4
        one, two, three, four, five = [await world.model(version) for version in range(1, 6)]
        (row,) = [row for row, item_id in one.catalogue.rows if item_id == "item-1"]
        for base, back in ((two, four), (three, five)):
            before, after, wanted = (table_rows(m.table) for m in (base, back, one))
            assert not np.array_equal(before[row], wanted[row])
            assert np.array_equal(after[row], wanted[row])
            others = np.arange(len(before)) != row
            assert np.array_equal(after[others], before[others])
            # Training goes on from that row, with the moments that it had: none, at the genesis.
            computed = table_rows(back.state.tower.table())
            np.testing.assert_allclose(computed[row], wanted[row], rtol=0, atol=1e-6)
            assert back.state.moments["residual"][:, row].abs().max() == 0
            assert base.state.moments["residual"][:, row].abs().max() > 0
            assert back.origin == base.origin
        await world.check_chain()

    async def test_the_open_round_goes_on_and_decides(self, world: LiveWorld) -> None:
        await ordered(world, ROW, item_id="item-1", version=1)
        assert (await world.round()).id == 3
        await world.hold_round()
        assert (await world.standings())[3:] == [
            ("rollback", "superseded"),
            ("rollback", "live"),
            ("round", "candidate"),
        ]
        assert await world.served() == 5

    async def test_a_corrected_title_does_not_undo_it(self, world: LiveWorld) -> None:
        await ordered(world, ROW, item_id="item-1", version=1)
        await world.server.put("/v1/items/item-1", json={"title": "another", "categories": ["x"]})
        await world.tick()
        await world.tick(after_s=1.0)
        one, now = await world.model(1), await world.model(await world.served())
        (row,) = [row for row, item_id in one.catalogue.rows if item_id == "item-1"]
        assert now.version == 6
        assert np.array_equal(table_rows(now.table)[row], table_rows(one.table)[row])
