"""Minimum separation and caps: the ledger moves with publications and with nothing else."""

import pytest
from sqlalchemy import select

from app.settings import Settings
from app.store.tables import participations
from tests.app.device_by_hand import HandDevice
from tests.app.round_world import RoundWorld, small_rounds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    rules = {"cohort_target": 1, "cohort_min": 1, "min_separation": 1, "participations_max": 2}
    return small_rounds(settings, **rules)


async def ledger(world: RoundWorld) -> dict[str, tuple[int, int]]:
    async with world.state["database"].read() as connection:
        rows = await connection.execute(select(participations))
        return {row.user_id: (row.counted, row.last_round) for row in rows}


async def why_not(device: HandDevice) -> str | None:
    found = await device.check_in()
    return None if found["assignment"] else str(found["retry"]["reason"])


async def count(world: RoundWorld, device: HandDevice, seed: int) -> None:
    _, answer = await world.deliver(device, seed)
    assert answer.status_code == 201
    await world.tick()


async def test_an_account_rests_and_is_asked_again(world: RoundWorld) -> None:
    ada, bob, twin = await world.enrol("ada", "bob", "ada")
    await count(world, ada, 1)
    assert await ledger(world) == {"ada": (1, 1)}
    assert await why_not(ada) == "resting"
    assert await why_not(twin) == "resting"
    await count(world, bob, 2)
    assert await why_not(ada) is None


async def test_an_account_is_counted_no_more_than_the_cap(world: RoundWorld) -> None:
    ada, *others = await world.enrol("ada", "bob", "cyd", "dan")
    await count(world, ada, 1)
    await count(world, others[0], 2)
    await count(world, ada, 3)
    await count(world, others[1], 4)
    await count(world, others[2], 5)
    assert (await ledger(world))["ada"] == (2, 3)
    assert await why_not(ada) == "resting"


async def test_what_is_not_published_is_not_counted(world: RoundWorld) -> None:
    (ada,) = await world.enrol("ada")
    _, answer = await world.deliver(ada, 1)
    assert answer.status_code == 201
    assert await ledger(world) == {}
    await world.server.post("/v1/rounds/1/abandon", json={"reason": "operator"})
    await world.tick()
    assert await ledger(world) == {}
    assert await why_not(ada) is None


async def test_erasure_takes_the_account_out_of_the_ledger(world: RoundWorld) -> None:
    (ada,) = await world.enrol("ada")
    await count(world, ada, 1)
    answer = await world.server.delete("/v1/users/ada")
    assert answer.status_code < 300, answer.text
    assert "ada" not in await ledger(world)
    assert list((await ledger(world)).values()) == [(1, 1)]
