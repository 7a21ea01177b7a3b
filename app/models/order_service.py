"""Orders to go back: an API worker checks and stores them, the coordinator fulfils them."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import rfc3339
from app.errors import Problem, not_found
from app.idempotency import derived_id, key_reused
from app.models import orders_repository as repository
from app.models.orders_repository import Order
from app.models.schemas import OrderView
from app.wiring import State


async def order_version(
    state: State, caller_id: str, version: int, idempotency_key: str | None
) -> OrderView:
    """Ask for the whole of a version again.

    Raises: Problem 404; 409 `version_never_live`, `version_retired`, `idempotency_key_reused`.
    """
    return await _order(state, caller_id, version, None, idempotency_key)


async def order_row(
    state: State, caller_id: str, version: int, item_id: str, idempotency_key: str | None
) -> OrderView:
    """Ask for one item's row as a version had it.

    Raises: as `order_version`, and Problem 404 for the item, 409 `item_not_in_version`.
    """
    return await _order(state, caller_id, version, item_id, idempotency_key)


async def show_order(state: State, order_id: str) -> OrderView:
    """What became of an order.

    Raises: Problem 404.
    """
    async with state["database"].read() as connection:
        found = await repository.find_order(connection, order_id)
    if found is None:
        raise not_found("order")
    return _view(found)


async def _order(
    state: State, caller_id: str, version: int, item_id: str | None, idempotency_key: str | None
) -> OrderView:
    now = state["clock"]()
    order_id = (
        derived_id("order", caller_id, idempotency_key) if idempotency_key else state["new_id"]()
    )

    async def run(connection: AsyncConnection) -> Order:
        known = await repository.find_order(connection, order_id)
        if known is not None:
            return _same(known, version, item_id)
        await _require_reachable(state, connection, version)
        item = None if item_id is None else await _item(state, connection, version, item_id)
        known = await repository.open_order_for(connection, version, item[1] if item else None)
        if known is not None:
            return known
        await repository.add_order(connection, order_id, version, item, now)
        added = await repository.find_order(connection, order_id)
        assert added is not None, "this transaction stored it"
        return added

    return _view(await state["database"].transaction("order_version", run))


def _same(known: Order, version: int, item_id: str | None) -> Order:
    """The order that this `Idempotency-Key` made, if it had the same target."""
    if (known.version, known.item_id) != (version, item_id):
        raise key_reused("order")
    return known


async def _require_reachable(state: State, connection: AsyncConnection, version: int) -> None:
    """Only what served, not long ago, can be gone back to: its training state is kept."""
    target = await repository.lock_version(connection, version)
    if target is None:
        raise not_found("model version")
    if target.live_at is None:
        raise Problem(409, "version_never_live", f"Version {version} never served.")
    if not await repository.is_reachable(connection, version, state["settings"].rankable_versions):
        raise Problem(409, "version_retired", f"Version {version} is not kept any more.")


async def _item(
    state: State, connection: AsyncConnection, version: int, item_id: str
) -> tuple[str, int]:
    """The item and its row, which it keeps for life."""
    row = await repository.live_item_row(connection, item_id)
    if row is None:
        raise not_found("item")
    # A worker that has not loaded the version yet leaves the question to the coordinator.
    model = state["serving"].get(version)
    if model is not None and item_id not in model.row_of:
        detail = f"Version {version} does not hold this item."
        raise Problem(409, "item_not_in_version", detail)
    return item_id, row


def _view(order: Order) -> OrderView:
    return OrderView(
        id=order.id,
        kind=order.kind,
        version=order.version,
        item_id=order.item_id,
        state=order.state,
        reason=order.reason,
        published_version=order.published_version,
        requested_at=rfc3339(order.requested_at),
        ended_at=None if order.ended_at is None else rfc3339(order.ended_at),
    )
