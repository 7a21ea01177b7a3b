"""Queries behind recommendations: a user's state, and items for when there is no model yet."""

from dataclasses import dataclass

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.user_codec import Mode, Stamp
from app.store.tables import events, items, user_towers, users

# asyncpg's own errors reach us bare when a connection cannot be opened.
DATABASE_AWAY = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
"""What a database that is away, closing or too slow makes a query raise."""


@dataclass(frozen=True)
class UserHead:
    """A user's mode, and the stamp that orders what is known of them."""

    mode: Mode
    stamp: Stamp


async def find_user(connection: AsyncConnection, user_id: str) -> UserHead | None:
    """The user with this id."""
    query = select(users.c.mode, users.c.created_at, users.c.state_revision)
    row = (await connection.execute(query.where(users.c.id == user_id))).first()
    return UserHead(row[0], Stamp(row[1], row[2])) if row else None


async def last_events(
    connection: AsyncConnection, user_id: str, n: int
) -> list[tuple[int, str, float]]:
    """Item row, type and unix second of the n newest events, oldest first.

    Events of one instant come as they were stored.
    """
    query = (
        select(events.c.item_row, events.c.type, events.c.at)
        .where(events.c.user_id == user_id)
        .order_by(events.c.at.desc(), events.c.id.desc())
        .limit(n)
    )
    newest_first = [(row, type_, at) for row, type_, at in await connection.execute(query)]
    return newest_first[::-1]


async def touched_rows(connection: AsyncConnection, user_id: str) -> list[int]:
    """Every item row of the user's events, however old: distinct, ascending."""
    query = select(events.c.item_row).where(events.c.user_id == user_id).distinct()
    return sorted((await connection.execute(query)).scalars())


async def find_tower(connection: AsyncConnection, user_id: str) -> bytes:
    """The user's adapted numbers, encoded; empty if there are none."""
    query = select(user_towers.c.tower).where(user_towers.c.user_id == user_id)
    return (await connection.execute(query)).scalar_one_or_none() or b""


async def newest_items(connection: AsyncConnection, n: int) -> list[tuple[str, int]]:
    """Id and row of the n items that were added last, newest first."""
    query = select(items.c.id, items.c.row).where(items.c.deleted_at.is_(None))
    query = query.order_by(items.c.created_at.desc(), items.c.id).limit(n)
    return [(item_id, row) for item_id, row in await connection.execute(query)]


async def item_exists(connection: AsyncConnection, item_id: str) -> bool:
    """Whether the item is in the catalogue."""
    query = select(items.c.row).where(items.c.id == item_id, items.c.deleted_at.is_(None))
    return (await connection.execute(query)).first() is not None
