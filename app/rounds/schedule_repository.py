"""Queries about the schedule: whether rounds open by themselves, and the next order's number."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import round_schedule
from app.store.upsert import conflict_insert


@dataclass(frozen=True)
class Schedule:
    """automatic: None while the service's settings decide. updated_at: when an operator did."""

    automatic: bool | None = None
    next_order: int = 1
    updated_at: float | None = None

    def is_automatic(self, enabled: bool) -> bool:
        """Whether rounds open by themselves. enabled: what the settings say."""
        return enabled if self.automatic is None else self.automatic


_SCHEDULE = select(
    round_schedule.c.automatic, round_schedule.c.next_order, round_schedule.c.updated_at
)


async def read_schedule(connection: AsyncConnection) -> Schedule:
    """The schedule as it stands."""
    row = (await connection.execute(_SCHEDULE)).first()
    return Schedule(*row) if row else Schedule()


async def lock_schedule(connection: AsyncConnection) -> Schedule:
    """The schedule, held until the transaction ends.

    Whoever opens a round or places an order holds it. So no round opens by itself once an operator
    was told that none will, orders are numbered in the order of their commits, and their limit
    holds.
    """
    query = _SCHEDULE.with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        first = conflict_insert(connection, round_schedule).values(id=1, next_order=1)
        await connection.execute(first.on_conflict_do_nothing())
        row = (await connection.execute(query)).one()
    return Schedule(*row)


async def set_automatic(connection: AsyncConnection, automatic: bool, now: float) -> None:
    """Have an operator decide; the schedule must be held."""
    values = {"automatic": automatic, "updated_at": now}
    await connection.execute(update(round_schedule).values(values))


async def count_order(connection: AsyncConnection, number: int) -> None:
    """Note that an order took this number; the schedule must be held."""
    await connection.execute(update(round_schedule).values(next_order=number + 1))
