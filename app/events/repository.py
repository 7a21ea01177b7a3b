"""Queries that store events."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import events, items, users

EventKey = tuple[str, str]
"""User id and event id."""


@dataclass(frozen=True)
class NewEvent:
    """An event to store. Times in Unix seconds."""

    user_id: str
    event_id: str
    item_row: int
    type: str
    at: float
    received_at: float


async def lock_modes(connection: AsyncConnection, user_ids: Collection[str]) -> dict[str, str]:
    """The mode of each user that exists, locked until the transaction ends.

    In the order of ids, so that two requests about the same users cannot wait for each other.
    """
    query = select(users.c.id, users.c.mode).where(users.c.id.in_(user_ids)).order_by(users.c.id)
    rows = await connection.execute(query.with_for_update(key_share=True))
    return {row.id: row.mode for row in rows}


async def live_rows(connection: AsyncConnection, item_ids: Collection[str]) -> dict[str, int]:
    """The row of each item that is in the catalogue."""
    live = items.c.id.in_(item_ids) & items.c.deleted_at.is_(None)
    found = await connection.execute(select(items.c.id, items.c.row).where(live))
    return {row.id: row.row for row in found}


async def known_keys(connection: AsyncConnection, keys: Sequence[EventKey]) -> set[EventKey]:
    """Which of these events are stored."""
    columns = (events.c.user_id, events.c.event_id)
    found = await connection.execute(select(*columns).where(tuple_(*columns).in_(keys)))
    return {(row.user_id, row.event_id) for row in found}


async def add_events(connection: AsyncConnection, new: Iterable[NewEvent]) -> None:
    """Store events in this order."""
    await connection.execute(insert(events), [asdict(event) for event in new])


async def move_revisions(connection: AsyncConnection, user_ids: Collection[str]) -> None:
    """User states made before are stale."""
    revision = users.c.state_revision + 1
    change = update(users).where(users.c.id.in_(user_ids))
    await connection.execute(change.values(state_revision=revision))
