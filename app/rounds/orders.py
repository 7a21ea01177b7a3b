"""Orders: an operator asks for a round, and the coordinator opens it when its turn comes.

API workers make no plans, which takes the model; so an order is a row that waits in line.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.crash_points import crash_point
from app.errors import Problem, not_found
from app.idempotency import key_reused, request_digest
from app.rounds import orders_repository as repository
from app.rounds.order_settings import resolve
from app.rounds.orders_repository import RoundOrder
from app.rounds.repository import find_round
from app.rounds.schedule_repository import count_order, lock_schedule
from app.wiring import State
from federation.canonical import canonical_json, digest

WAITING_MAX = 100


@dataclass(frozen=True)
class Wish:
    """What an operator asks for. settings: those that shall not be the service's."""

    settings: dict[str, Any]
    start: bool

    @property
    def digest(self) -> str:
        """Names the wish: another body under the same Idempotency-Key is refused."""
        return digest(canonical_json({"settings": self.settings, "start": self.start}))


async def place_order(
    state: State, caller_id: str, wish: Wish, idempotency_key: str | None
) -> RoundOrder:
    """The order of this wish; the one placed before, when the Idempotency-Key repeats.

    Raises: Problem 422 for settings that contradict each other, 409 `idempotency_key_reused` or
    `too_many_orders`.
    """
    request = request_digest(caller_id, idempotency_key) if idempotency_key else None

    async def run(connection: AsyncConnection) -> RoundOrder:
        schedule = await lock_schedule(connection)
        known = await repository.find_request(connection, request) if request else None
        if known is not None and known.request_body != wish.digest:
            raise key_reused("order")
        return known or await _add(
            connection,
            RoundOrder(
                id=schedule.next_order,
                settings=resolve(state["settings"].rounds, wish.settings),
                start=wish.start,
                retry_of=None,
                request=request,
                request_body=wish.digest if request else None,
                created_at=state["clock"](),
            ),
        )

    order = await state["database"].transaction("place_order", run)
    crash_point("order_after_commit")
    return order


async def retry(state: State, round_id: int) -> RoundOrder:
    """The order that repeats an abandoned round with its settings; a round has one such order.

    Raises: Problem 404, 409 `round_not_abandoned` or `too_many_orders`.
    """

    async def run(connection: AsyncConnection) -> RoundOrder:
        schedule = await lock_schedule(connection)
        stored = await find_round(connection, round_id)
        if stored is None:
            raise not_found("round")
        if stored.state.phase != "abandoned":
            detail = f"Round {round_id} is {stored.state.phase}; only an abandoned one is retried."
            raise Problem(409, "round_not_abandoned", detail)
        known = await repository.find_retry(connection, round_id)
        asked = await repository.settings_of_round(connection, round_id)
        return known or await _add(
            connection,
            RoundOrder(
                id=schedule.next_order,
                settings=resolve(state["settings"].rounds, asked),
                start=True,
                retry_of=round_id,
                request=None,
                request_body=None,
                created_at=state["clock"](),
            ),
        )

    order = await state["database"].transaction("retry_round", run)
    crash_point("order_after_commit")
    return order


async def _add(connection: AsyncConnection, order: RoundOrder) -> RoundOrder:
    if await repository.count_waiting(connection) >= WAITING_MAX:
        detail = f"{WAITING_MAX} orders wait already; place this one when one is fulfilled."
        raise Problem(409, "too_many_orders", detail)
    await count_order(connection, order.id)
    await repository.add_order(connection, order)
    crash_point("order_before_commit")
    return order


async def show_order(state: State, order_id: int) -> RoundOrder:
    """One order.

    Raises: Problem 404.
    """
    async with state["database"].read() as connection:
        order = await repository.find_order(connection, order_id)
    if order is None:
        raise not_found("order")
    return order
