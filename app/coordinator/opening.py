"""Opening a round: a buffered one takes over the leases that are still out."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator.planning import Planned
from app.coordinator.repository import add_round
from app.rounds import leases_repository as leases
from app.rounds.known_content import plan_of
from app.rounds.repository import find_round, steps_between


async def store_round(
    connection: AsyncConnection, planned: Planned, now: float, **origin: Any
) -> None:
    """Store the round, with the open leases of the one before that may count in it.

    origin: further columns of its row.
    """
    before = planned.round_id - 1
    granted_in = await _rounds_to_take_over(connection, planned, before)
    carried = await leases.count_open_leases(connection, granted_in, before)
    await add_round(connection, planned.begun(now, carried), planned.plan, now, **origin)
    moved = await leases.take_over_leases(connection, granted_in, before, planned.round_id)
    assert moved == carried, "the leases of a closed round stand still"


async def _rounds_to_take_over(
    connection: AsyncConnection, planned: Planned, before: int
) -> list[int]:
    """Rounds whose open leases, now counted in `before`, may deliver to this one."""
    plan, found = planned.plan, []
    if plan.max_staleness == 0 or planned.waits:
        return []
    for round_id in await leases.open_leases_by_round(connection, before):
        granting = await find_round(connection, round_id)
        assert granting is not None, "a lease names its round"
        steps = await steps_between(connection, granting.model_version, plan.model_version)
        own = await plan_of(connection, granting.plan_digest)
        if steps <= plan.max_staleness and plan.shares_buffer(own):
            found.append(round_id)
    return found
