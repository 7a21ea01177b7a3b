"""What an operator does to rounds, request by request."""

from typing import Any

from sqlalchemy import func, select

from app.store.tables import rounds
from tests.app.round_world import RoundWorld


async def order(world: RoundWorld, **body: Any) -> dict[str, Any]:
    answer = await world.server.post("/v1/rounds", json=body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/round-orders/{found['id']}"
    return found


async def shown(world: RoundWorld, path: str) -> dict[str, Any]:
    answer = await world.server.get(f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def count(world: RoundWorld) -> int:
    async with world.state["database"].read() as connection:
        query = select(func.count()).select_from(rounds)
        return int((await connection.execute(query)).scalar_one())


async def abandon(world: RoundWorld) -> int:
    number = (await world.round()).id
    assert (await world.server.post(f"/v1/rounds/{number}/abandon")).status_code == 200
    return number
