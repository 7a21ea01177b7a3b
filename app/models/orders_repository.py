"""Queries about orders to go back, which the coordinator fulfils."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, Select, func, insert, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import items, version_orders, versions


@dataclass(frozen=True)
class Order:
    """What an operator asked for. row, item_id: of a single item's row, else None."""

    id: str
    kind: str
    version: int
    item_id: str | None
    row: int | None
    state: str
    reason: str | None
    published_version: int | None
    requested_at: float
    ended_at: float | None


@dataclass(frozen=True)
class Target:
    """A version to go back to. live_at: when it began to serve, None if it never did."""

    live_at: float | None


def _query() -> Select[Any]:
    return select(version_orders)


async def _one(connection: AsyncConnection, query: Select[Any]) -> Order | None:
    row = (await connection.execute(query)).first()
    return Order(**row._mapping) if row else None


async def find_order(connection: AsyncConnection, order_id: str) -> Order | None:
    """The order with this id."""
    return await _one(connection, _query().where(version_orders.c.id == order_id))


async def open_order_for(
    connection: AsyncConnection, version: int, row: int | None
) -> Order | None:
    """The open order with this target."""
    same_row = version_orders.c.row.is_(None) if row is None else version_orders.c.row == row
    query = _query().where(
        version_orders.c.state == "open", version_orders.c.version == version, same_row
    )
    return await _one(connection, query.limit(1))


_OLDEST_OPEN = (
    _query()
    .where(version_orders.c.state == "open")
    .order_by(version_orders.c.requested_at, version_orders.c.id)
    .limit(1)
)


async def oldest_open_order(connection: AsyncConnection) -> Order | None:
    """The order to fulfil next."""
    return await _one(connection, _OLDEST_OPEN)


async def add_order(
    connection: AsyncConnection,
    order_id: str,
    version: int,
    item: tuple[str, int] | None,
    now: float,
) -> None:
    """Store an order. item: id and row, None for the whole version."""
    item_id, row = item or (None, None)
    values = {
        "id": order_id,
        "kind": "version" if item is None else "row",
        "version": version,
        "item_id": item_id,
        "row": row,
        "state": "open",
        "requested_at": now,
    }
    await connection.execute(insert(version_orders).values(values))


async def fulfil(connection: AsyncConnection, order_id: str, version: int, now: float) -> None:
    """Note that `version` was published for the order."""
    await _end(connection, order_id, now, state="done", published_version=version)


async def refuse(connection: AsyncConnection, order_id: str, reason: str, now: float) -> None:
    """Note that the order cannot be fulfilled. reason: a stable code."""
    await _end(connection, order_id, now, state="refused", reason=reason)


async def _end(connection: AsyncConnection, order_id: str, now: float, **values: Any) -> None:
    mine = (version_orders.c.id == order_id) & (version_orders.c.state == "open")
    await connection.execute(update(version_orders).where(mine).values(ended_at=now, **values))


async def lock_version(connection: AsyncConnection, version: int) -> Target | None:
    """The version as it stands; None if there is no such version.

    Holds its row until the end of the transaction, so that a target gets one open order.
    """
    query = select(versions.c.live_at).where(versions.c.id == version).with_for_update()
    row = (await connection.execute(query)).first()
    return None if row is None else Target(row[0])


def reachable(n: int) -> CompoundSelect[Any]:
    """Numbers of the versions that can be gone back to.

    Those are the n that served last, and the last one that served of each of the n last trainings:
    a catalogue that changes every minute must not push out what was trained an hour ago.
    """
    served = select(versions.c.id).where(versions.c.live_at.is_not(None))
    newest = served.order_by(versions.c.id.desc()).limit(n).subquery()
    last = func.max(versions.c.id).label("id")
    trained = select(last).where(versions.c.live_at.is_not(None)).group_by(versions.c.origin)
    each = trained.order_by(last.desc()).limit(n).subquery()
    return union(select(newest.c.id), select(each.c.id))


async def is_reachable(connection: AsyncConnection, version: int, n: int) -> bool:
    """Whether the version can be gone back to."""
    query = select(versions.c.id).where(versions.c.id == version, versions.c.id.in_(reachable(n)))
    return (await connection.execute(query)).first() is not None


async def live_item_row(connection: AsyncConnection, item_id: str) -> int | None:
    """The row of an item in the catalogue."""
    query = select(items.c.row).where(items.c.id == item_id, items.c.deleted_at.is_(None))
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    return found
