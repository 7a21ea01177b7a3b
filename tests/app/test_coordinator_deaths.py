"""Coordinators that die between two steps, or work beside each other; updates that were lost."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from app.coordinator import round_driver
from app.coordinator.candidate import Candidate
from app.coordinator.tick import Coordinator
from app.settings import Settings
from app.store.tables import rounds
from app.wiring import State
from tests.app.conftest import FakeClock
from tests.app.coordinated import check_chain, count, fill_round, stored_versions
from tests.app.device_by_hand import Connect, put_items
from tests.app.round_world import RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
def world(
    state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
) -> RoundWorld:
    return RoundWorld(state, clock, client, connect)


class DiedError(Exception):
    """The process ended here."""


def die_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Die once, just before `name` of the round driver would have run."""

    def die(*_: Any, **__: Any) -> Any:
        monkeypatch.undo()
        raise DiedError

    monkeypatch.setattr(round_driver, name, die)


class TestDeaths:
    @pytest.mark.parametrize("place", ["step_round", "make_round_version", "publish_round"])
    async def test_another_coordinator_goes_on(
        self, world: RoundWorld, place: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.begin()
        await fill_round(world)
        die_at(monkeypatch, place)
        with pytest.raises(DiedError):
            await world.tick()
        world.restart()
        await world.tick()
        kinds = [version.kind for version in await stored_versions(world)]
        assert kinds == ["genesis", "round"]
        assert (await world.round()).id == 2
        assert world.update_blobs() == []
        await check_chain(world)

    async def test_between_every_phase(self, world: RoundWorld) -> None:
        await world.begin()
        for n in range(1, 4):
            await fill_round(world, first_seed=10 * n)
            for _ in range(4):  # reduce, gate and publish, each by a coordinator of its own
                world.restart()
                await world.coordinator._advance()
            assert len(await stored_versions(world)) == n + 1
        world.restart()
        await world.tick()
        assert world.update_blobs() == []
        await check_chain(world)

    async def test_two_coordinators_publish_once(self, world: RoundWorld) -> None:
        await put_items(world.server, 12)
        others = [Coordinator(world.state, np.random.default_rng(i)) for i in range(2)]
        for after_s in (0.0, 1.0, 0.0):
            world.clock.now += after_s
            await asyncio.gather(*(one.tick() for one in others))
        for n in range(2):
            await fill_round(world, first_seed=10 * n)
            for _ in range(3):
                await asyncio.gather(*(one.tick() for one in others))
        kinds = [version.kind for version in await stored_versions(world)]
        assert kinds == ["genesis", "round", "round"]
        assert await count(world, rounds) == 3
        await check_chain(world)

    async def test_the_same_round_gives_the_same_version(
        self, world: RoundWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.begin()
        await fill_round(world)
        seen: list[Candidate] = []

        async def note(_: Any, candidate: Candidate, *__: Any) -> None:
            seen.append(candidate)
            raise DiedError

        monkeypatch.setattr(round_driver, "publish_round", note)
        for _ in range(2):
            world.restart()
            with pytest.raises(DiedError):
                await world.tick()
        first, second = seen
        assert first.manifest == second.manifest
        assert first.record.chain == second.record.chain

    @pytest.mark.parametrize("damage", ["missing", "changed"])
    async def test_a_lost_update_abandons_the_round(self, world: RoundWorld, damage: str) -> None:
        await world.begin()
        await fill_round(world)
        name, blobs = world.update_blobs()[0], world.state["blobs"]
        body = blobs.get("updates", name)
        assert body is not None
        blobs.delete("updates", name)
        if damage == "changed":
            blobs.put("updates", name, body[:-1] + bytes([body[-1] ^ 1]))
        await world.tick()
        shown = (await world.server.get("/v1/rounds/1")).json()
        reasons = {"missing": "update_missing", "changed": "update_damaged"}
        assert (shown["phase"], shown["reason"]) == ("abandoned", reasons[damage])
        assert len(await stored_versions(world)) == 1
