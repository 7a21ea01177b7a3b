"""Which version serves: the newest that no cohort has shown to be worse."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from app.coordinator.publishing import SupersededError, open_round
from app.coordinator.tick import Coordinator
from app.settings import Settings
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect, put_items, update_body
from tests.app.live_world import (
    COHORT,
    N_ITEMS,
    LiveWorld,
    live_settings,
    take_part,
)

GENESIS = ("genesis", "live")
HEADS = ("target", "context_long", "context_short", "bias")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return live_settings(settings)


@pytest.fixture
async def world(
    state: State,
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> LiveWorld:
    world = LiveWorld(state, clock, client, connect)
    await world.open(monkeypatch)
    return world


def same_rows(one: Any, other: Any, rows: Any = slice(None)) -> bool:
    """Whether two tables are bitwise the same in these rows."""
    return all(
        np.array_equal(getattr(one, head)[rows], getattr(other, head)[rows]) for head in HEADS
    )


class TestWaiting:
    async def test_genesis_serves_at_once(self, world: LiveWorld) -> None:
        assert await world.standings() == [GENESIS]
        assert await world.served() == 1

    async def test_a_version_waits_for_its_cohort(self, world: LiveWorld) -> None:
        await world.hold_round()
        assert await world.standings() == [GENESIS, ("round", "candidate")]
        assert await world.served() == 1
        # Training goes on from it, and a check-in tells what to rank with.
        found = await world.devices[0].check_in()
        assert found["assignment"]["plan"]["model_version"] == 2
        assert found["model_version"] == 1
        answer = await world.server.post(
            "/v1/recommendations", json={"user_vector": [0.0] * 8, "model_version": 2}
        )
        assert (answer.status_code, answer.json()["reason"]) == (409, "version_unknown")

    async def test_below_quorum_decides_nothing(self, world: LiveWorld) -> None:
        await world.hold_round()
        await world.hold_round(n_devices=2)
        await world.tick(after_s=61.0)
        assert await world.standings() == [GENESIS, ("round", "candidate")]

    async def test_nothing_waits_for_ever(self, world: LiveWorld) -> None:
        await world.hold_round()
        await world.tick(after_s=world.state["settings"].live_after_s - 1.0)
        assert await world.served() == 1
        await world.tick(after_s=2.0)
        assert await world.standings() == [("genesis", "superseded"), ("round", "live")]
        assert (await world.versions())[-1]["verdict"]["reason"] == "not_measured_in_time"
        assert await world.served() == 2


class TestWorseByConstruction:
    async def test_never_serves_and_the_chain_recovers(
        self, world: LiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.shuffle_next_version(monkeypatch)
        await world.hold_round()
        assert await world.standings() == [GENESIS, ("round", "candidate")]
        assert await world.served() == 1
        await world.hold_round()  # its devices receive version 2 and measure it
        assert await world.standings() == [
            ("genesis", "superseded"),
            ("round", "rejected"),
            ("round", "rejected"),
            ("rollback", "live"),
        ]
        assert await world.served() == 4
        shown = await world.versions()
        assert [one["live_at"] is None for one in shown] == [False, True, True, False]
        assert [one["verdict"]["reason"] for one in shown] == [
            "genesis",
            "worse",
            "base_rejected",
            "rollback",
        ]
        verdict = shown[1]["verdict"]
        assert verdict["difference"] > verdict["threshold"] > 0
        assert (verdict["n"], verdict["n_live"]) == (COHORT, COHORT)
        abandoned = (await world.server.get("/v1/rounds/3")).json()
        assert (abandoned["phase"], abandoned["reason"]) == ("abandoned", "base_rejected")
        first, back = await world.model(1), await world.model(4)
        assert same_rows(first.table, back.table)
        assert back.state.n_steps == first.state.n_steps
        assert (await world.round()).model_version == 4

        await world.hold_round()  # sound again
        await world.hold_round()
        assert (await world.standings())[4:] == [("round", "live"), ("round", "candidate")]
        assert await world.served() == 5
        await world.check_chain()

    async def test_updates_of_the_abandoned_round_are_discarded(
        self, world: LiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.shuffle_next_version(monkeypatch)
        await world.hold_round()
        await world.fill_round()
        while (await world.round()).id < 3:
            assert await world.coordinator._advance()
        # Round 3 trains from version 3, which nobody knows yet to come from a bad one.
        ada, bob = world.devices[:2]
        url = (await ada.check_in())["assignment"]["upload_url"]
        assert (await take_part(ada, 0)).status_code == 201
        late = (await bob.check_in())["assignment"]
        await world.tick()
        assert (await world.round()).id == 4
        receipt = await ada.client.get(f"/v1/updates/{url.rsplit('/', 1)[1]}")
        assert receipt.json()["outcome"] == "discarded"
        answer = await bob.put(late["upload_url"], update_body(late, 1))
        assert (answer.status_code, answer.json()["reason"]) == (410, "round_closed")
        assert world.update_blobs() == []

    async def test_two_coordinators_reject_it_once(
        self, world: LiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.shuffle_next_version(monkeypatch)
        await world.hold_round()
        await world.fill_round()
        pair = [Coordinator(world.state, np.random.default_rng(i)) for i in range(2)]
        for _ in range(2):
            await asyncio.gather(*(one.tick() for one in pair))
        kinds = [kind for kind, _ in await world.standings()]
        assert kinds == ["genesis", "round", "round", "rollback"]
        await world.check_chain()

    async def test_a_round_planned_before_is_not_opened_behind(
        self, world: LiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.shuffle_next_version(monkeypatch)
        await world.hold_round()
        bad = await world.coordinator._newest.get(2)
        assert bad is not None
        planned = await world.coordinator._rounds._plan(bad, 4, rested=True)
        assert planned is not None
        await world.hold_round()
        with pytest.raises(SupersededError, match="not the newest"):
            await open_round(world.state["database"], planned, world.clock.now)
        assert (await world.round()).model_version == 4

    async def test_whoever_starts_next_decides(
        self, world: LiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.shuffle_next_version(monkeypatch)
        await world.hold_round()
        await world.fill_round()
        while await world.coordinator._advance():
            world.restart()  # each step by a coordinator that has done none before
        assert (await world.standings())[3] == ("rollback", "live")
        assert await world.served() == 4


class TestSound:
    async def test_goes_live_with_the_cohort_that_had_it(self, world: LiveWorld) -> None:
        await world.hold_round()
        await world.hold_round()
        assert await world.standings() == [
            ("genesis", "superseded"),
            ("round", "live"),
            ("round", "candidate"),
        ]
        verdict = (await world.versions())[1]["verdict"]
        assert verdict["reason"] == "not_worse"
        assert verdict["difference"] <= verdict["threshold"]
        assert await world.served() == 2

    async def test_posted_vectors_of_the_version_before(self, world: LiveWorld) -> None:
        await world.hold_round()
        await world.hold_round()
        await world.state["serving"].refresh()
        for version in (1, 2):
            answer = await world.server.post(
                "/v1/recommendations", json={"user_vector": [0.1] * 8, "model_version": version}
            )
            assert answer.json()["model_version"] == version


class TestCatalogue:
    async def test_new_items_do_not_wait(self, world: LiveWorld) -> None:
        await world.hold_round()
        await put_items(world.server, 1, first=N_ITEMS)
        await world.tick()
        await world.tick(after_s=1.0)
        assert await world.standings() == [
            ("genesis", "superseded"),
            ("round", "candidate"),
            ("catalogue", "live"),
            ("catalogue", "candidate"),
        ]
        assert await world.served() == 3
        one, two, three, four = [await world.model(version) for version in (1, 2, 3, 4)]
        old = [row for row, _ in one.catalogue.rows]
        assert same_rows(one.table, three.table, old)
        assert same_rows(two.table, four.table, old)
        assert not same_rows(one.table, two.table, old)
        assert three.catalogue == four.catalogue
        assert [item_id for _, item_id in three.catalogue.rows].count(f"item-{N_ITEMS}") == 1

        await world.hold_round()  # planned on version 2, published on version 4
        assert (await world.standings())[1:] == [
            ("round", "superseded"),
            ("catalogue", "superseded"),
            ("catalogue", "live"),
            ("round", "candidate"),
        ]
        assert await world.served() == 4
        await world.check_chain()

    async def test_while_a_bad_version_waits(
        self, world: LiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.shuffle_next_version(monkeypatch)
        await world.hold_round()
        await put_items(world.server, 1, first=N_ITEMS)
        await world.tick()
        await world.tick(after_s=1.0)
        await world.hold_round()
        assert await world.standings() == [
            ("genesis", "superseded"),
            ("round", "rejected"),
            ("catalogue", "superseded"),
            ("catalogue", "rejected"),
            ("round", "rejected"),
            ("rollback", "live"),
        ]
        back, three = await world.model(6), await world.model(3)
        assert same_rows(back.table, three.table)
        assert back.catalogue == three.catalogue
        await world.check_chain()
