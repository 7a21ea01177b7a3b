"""The schedule: whether rounds open by themselves, as an operator decided last."""

from typing import Any

import pytest

from app.coordinator import round_driver
from app.settings import Settings
from tests.app.operator_by_hand import count, order, shown
from tests.app.round_world import RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """No round opens by itself."""
    return small_rounds(settings, enabled=False)


async def test_settings_decide_until_an_operator_does(world: RoundWorld) -> None:
    assert await shown(world, "rounds/schedule") == {"automatic": False, "updated_at": None}
    answer = await world.server.put("/v1/rounds/schedule", json={"automatic": True})
    assert answer.status_code == 200
    assert answer.json()["automatic"] is True
    assert answer.json()["updated_at"] is not None
    world.clock.now += 1.0
    again = await world.server.put("/v1/rounds/schedule", json={"automatic": True})
    assert again.json() == answer.json() == await shown(world, "rounds/schedule")


async def test_off_and_on(world: RoundWorld) -> None:
    await world.server.put("/v1/rounds/schedule", json={"automatic": True})
    await world.tick()
    assert await count(world) == 1
    await world.server.put("/v1/rounds/schedule", json={"automatic": False})
    for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
        await world.deliver(device, seed)
    world.restart()
    await world.tick()
    assert (await shown(world, "rounds/1"))["phase"] == "published"
    await world.tick(after_s=100.0)
    assert await count(world) == 1
    await world.server.put("/v1/rounds/schedule", json={"automatic": True})
    await world.tick()
    assert await count(world) == 2


async def test_off_still_fulfils_orders(world: RoundWorld) -> None:
    await world.server.put("/v1/rounds/schedule", json={"automatic": False})
    await order(world)
    await world.tick()
    assert await count(world) == 1


@pytest.mark.parametrize("place", ["open_round", "publish_round"])
async def test_off_binds_a_round_that_is_planned_already(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    await world.server.put("/v1/rounds/schedule", json={"automatic": True})
    n_before = 0
    if place == "publish_round":
        await world.tick()
        n_before = 1
        for seed, device in enumerate(await world.enrol("ada", "bob", "cyd")):
            await world.deliver(device, seed)
    real = getattr(round_driver, place)

    async def late(*given: Any) -> None:
        await world.server.put("/v1/rounds/schedule", json={"automatic": False})
        await real(*given)

    monkeypatch.setattr(round_driver, place, late)
    await world.tick()
    assert await count(world) == n_before
    if place == "publish_round":
        assert (await shown(world, "rounds/1"))["phase"] == "published"
