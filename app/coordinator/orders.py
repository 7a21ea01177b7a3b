"""What the next round is made from: the operator's oldest order, or the service's own settings."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator.opening import store_round
from app.coordinator.planning import Planned
from app.rounds.order_settings import round_settings
from app.rounds.orders_repository import RoundOrder, find_order, fulfil_order, oldest_waiting
from app.rounds.schedule_repository import lock_schedule, read_schedule
from app.settings import RoundSettings


@dataclass(frozen=True)
class Wanted:
    """What to plan the next round from. order: of the operator who asked for it, if one did."""

    settings: RoundSettings
    order: RoundOrder | None = None


async def wanted_round(
    connection: AsyncConnection, service: RoundSettings, rested: bool
) -> Wanted | None:
    """The next round; None while nobody asked for one and none opens by itself.

    rested: whether the pause between two rounds is over. An order does not wait for that.
    """
    order = await oldest_waiting(connection)
    if order is not None:
        return Wanted(service.model_copy(update=order.settings), order)
    schedule = await read_schedule(connection)
    return Wanted(service) if rested and schedule.is_automatic(service.enabled) else None


async def begin_round(connection: AsyncConnection, planned: Planned, now: float) -> bool:
    """Store the round with its order fulfilled, or, if it is not wanted any more, nothing: False.

    Asked again here, behind the lock: since the round was planned, an operator may have held the
    automatic ones, or another coordinator fulfilled the order.
    """
    schedule, order = await lock_schedule(connection), planned.order
    if order is None and not schedule.is_automatic(planned.settings.enabled):
        return False
    if order is not None:
        found = await find_order(connection, order.id)
        if found is None or found.round_id is not None:
            return False
    origin = {"settings": round_settings(planned.settings), "retry_of": order and order.retry_of}
    await store_round(connection, planned, now, **origin)
    if order is not None:
        await fulfil_order(connection, order.id, planned.round_id, now)
    return True
