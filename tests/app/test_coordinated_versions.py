"""The coordinator's tick: versions that the catalogue asks for."""

import json

import httpx
import numpy as np
import pytest

from app.settings import Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.coordinated import check_chain, current, fill_round, stored_versions
from tests.app.device_by_hand import Connect, put_items
from tests.app.round_world import TARGET, RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
def world(
    state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
) -> RoundWorld:
    return RoundWorld(state, clock, client, connect)


class TestVersions:
    async def test_nothing_without_items(self, world: RoundWorld) -> None:
        await world.tick()
        await world.tick(after_s=10.0)
        assert await stored_versions(world) == []

    async def test_genesis_waits_for_a_quiet_catalogue(self, world: RoundWorld) -> None:
        await put_items(world.server, 3)
        await world.tick()
        await put_items(world.server, 3, first=3)
        await world.tick(after_s=0.4)
        assert await stored_versions(world) == []
        await world.tick(after_s=0.6)
        (genesis,) = await stored_versions(world)
        assert (genesis.id, genesis.kind, genesis.parent) == (1, "genesis", None)
        assert json.loads(genesis.manifest)["n_items"] == 6

    async def test_a_catalogue_that_never_rests_is_not_waited_for(self, world: RoundWorld) -> None:
        for i in range(9):
            await put_items(world.server, 1, first=i)
            await world.tick(after_s=0.4)
        assert len(await stored_versions(world)) == 1

    async def test_new_items_leave_every_other_row_bitwise(self, world: RoundWorld) -> None:
        await world.begin()
        await fill_round(world)
        await world.tick()
        before = await current(world)
        await put_items(world.server, 5, first=12)
        await world.server.delete("/v1/items/item-0")
        await world.tick()
        await world.tick(after_s=1.0)
        after = await current(world)
        # What serves got the change as well: the round's version waits for its cohort.
        assert after.version == before.version + 2
        assert len(after.catalogue.rows) == 12 + 5 - 1
        old = np.asarray([row for row, _ in before.catalogue.rows])
        for name in ("target", "context_long", "context_short", "bias"):
            assert np.array_equal(getattr(after.table, name)[old], getattr(before.table, name)[old])
        new = [row for row, item_id in after.catalogue.rows if row not in set(old.tolist())]
        assert len(new) == 5
        assert np.abs(after.table.target[new]).sum(axis=1).min() > 0
        await check_chain(world)

    async def test_appended_event_type(self, world: RoundWorld) -> None:
        await world.begin()
        await world.enrol("ada")
        more = world.state["settings"].model_copy(
            update={"event_types": ("view", "cart", "purchase", "wish")}
        )
        world.state = {**world.state, "settings": more}  # type: ignore[typeddict-item]
        world.restart()
        bodies = await fill_round(world)  # a round that was planned with three types
        assert len(bodies) == TARGET
        await world.tick()
        await world.tick(after_s=1.0)
        kinds = [version.kind for version in await stored_versions(world)]
        assert sorted(kinds) == ["catalogue", "catalogue", "genesis", "round"]
        model = await current(world)
        assert model.event_types[-1] == "wish"
        assert model.state.scalars.n_types == 4
