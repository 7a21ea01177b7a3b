"""What a coordinator has made of a world: its versions, their chain, and rows to count."""

from typing import Any

from sqlalchemy import func, select

from app.coordinator.model import load_model
from app.coordinator.repository import newest_version
from app.store.tables import versions
from federation.audit_chain import StoredRecord, verify_stored
from tests.app.round_world import TARGET, RoundWorld


async def stored_versions(world: RoundWorld) -> list[Any]:
    async with world.state["database"].read() as connection:
        return list(await connection.execute(select(versions).order_by(versions.c.id)))


async def check_chain(world: RoundWorld) -> None:
    stored = [StoredRecord(v.id, v.record, v.chain) for v in await stored_versions(world)]
    assert verify_stored(stored) is None


async def fill_round(world: RoundWorld, first_seed: int = 0) -> list[bytes]:
    """Upload the target number of updates; the words of each."""
    number = (await world.round()).id
    bodies = []
    for i, device in enumerate(
        await world.enrol(*(f"round-{number}-user-{i}" for i in range(TARGET)))
    ):
        body, answer = await world.deliver(device, first_seed + i)
        assert answer.status_code == 201
        bodies.append(body)
    return bodies


async def count(world: RoundWorld, table: Any) -> int:
    async with world.state["database"].read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def current(world: RoundWorld) -> Any:
    async with world.state["database"].read() as connection:
        row = await newest_version(connection)
    assert row is not None
    return load_model(world.state["blobs"], row)
