"""Queries about orders: rounds that an operator asked for."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import round_orders, rounds


@dataclass(frozen=True)
class RoundOrder:
    """A round that was asked for.

    settings: all that it is planned from (`app.rounds.order_settings`). start: whether it opens at
    once, or waits as scheduled. retry_of: the abandoned round that it repeats. request, body:
    hashes of the caller with its Idempotency-Key, and of what came with it. round_id: the round
    that fulfilled it; None while it waits.
    """

    id: int
    settings: dict[str, Any]
    start: bool
    retry_of: int | None
    request: str | None
    request_body: str | None
    created_at: float
    round_id: int | None = None
    fulfilled_at: float | None = None


_ORDER = select(
    round_orders.c.id,
    round_orders.c.settings,
    round_orders.c.start,
    round_orders.c.retry_of,
    round_orders.c.request,
    round_orders.c.request_body,
    round_orders.c.created_at,
    round_orders.c.round_id,
    round_orders.c.fulfilled_at,
)
_WAITING = round_orders.c.round_id.is_(None)


async def _one(connection: AsyncConnection, where: ColumnElement[bool]) -> RoundOrder | None:
    query = _ORDER.where(where).order_by(round_orders.c.id).limit(1)
    row = (await connection.execute(query)).first()
    return RoundOrder(*row) if row else None


async def find_order(connection: AsyncConnection, order_id: int) -> RoundOrder | None:
    """The order with this number."""
    return await _one(connection, round_orders.c.id == order_id)


async def find_request(connection: AsyncConnection, request: str) -> RoundOrder | None:
    """The order that this caller placed with this Idempotency-Key."""
    return await _one(connection, round_orders.c.request == request)


async def find_retry(connection: AsyncConnection, round_id: int) -> RoundOrder | None:
    """The order that repeats this round."""
    return await _one(connection, round_orders.c.retry_of == round_id)


async def oldest_waiting(connection: AsyncConnection) -> RoundOrder | None:
    """The order whose turn it is."""
    return await _one(connection, _WAITING)


async def list_orders(
    connection: AsyncConnection, before: int | None, limit: int
) -> list[RoundOrder]:
    """Orders numbered below `before` (all, if None), newest first."""
    query = _ORDER.order_by(round_orders.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(round_orders.c.id < before)
    return [RoundOrder(*row) for row in await connection.execute(query)]


async def count_waiting(connection: AsyncConnection) -> int:
    """How many orders are not fulfilled yet."""
    return int((await connection.execute(select(func.count()).where(_WAITING))).scalar_one())


async def settings_of_round(connection: AsyncConnection, round_id: int) -> dict[str, Any]:
    """What a round was planned from."""
    query = select(rounds.c.settings).where(rounds.c.id == round_id)
    return dict((await connection.execute(query)).scalar_one())


async def add_order(connection: AsyncConnection, order: RoundOrder) -> None:
    """Record an order that waits."""
    values = {
        "id": order.id,
        "settings": order.settings,
        "start": order.start,
        "retry_of": order.retry_of,
        "request": order.request,
        "request_body": order.request_body,
        "created_at": order.created_at,
    }
    await connection.execute(insert(round_orders).values(values))


async def fulfil_order(
    connection: AsyncConnection, order_id: int, round_id: int, now: float
) -> None:
    """Record the round that an order asked for; the schedule must be held."""
    values = {"round_id": round_id, "fulfilled_at": now}
    await connection.execute(
        update(round_orders).where(round_orders.c.id == order_id).values(values)
    )
