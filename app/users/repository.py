"""Queries about users and their hosted history."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.user_codec import Mode
from app.store.tables import events, items, user_towers, users
from app.store.upsert import conflict_insert


@dataclass(frozen=True)
class StoredUser:
    """A user as stored. Times in Unix seconds."""

    id: str
    mode: Mode
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class StoredEvent:
    """An event with the id of its item; `number` orders events of the same time."""

    number: int
    event_id: str
    item_id: str
    type: str
    at: float


_USER = select(users.c.id, users.c.mode, users.c.created_at, users.c.updated_at)
_EVENT = select(events.c.id, events.c.event_id, items.c.id, events.c.type, events.c.at).join(
    items, items.c.row == events.c.item_row
)


async def add_user(connection: AsyncConnection, user: StoredUser) -> bool:
    """Store a user; False when there is one with this id."""
    values = {
        "id": user.id,
        "mode": user.mode,
        "state_revision": 1,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }
    insertion = conflict_insert(connection, users).values(values).on_conflict_do_nothing()
    return (await connection.execute(insertion)).rowcount == 1


async def find_user(connection: AsyncConnection, user_id: str) -> StoredUser | None:
    """The user with this id."""
    return _user((await connection.execute(_USER.where(users.c.id == user_id))).first())


async def lock_user(connection: AsyncConnection, user_id: str) -> StoredUser | None:
    """The user, locked until the transaction ends: no event, device or lease can be added."""
    query = _USER.where(users.c.id == user_id).with_for_update()
    return _user((await connection.execute(query)).first())


def _user(row: Row[Any, Any, Any, Any] | None) -> StoredUser | None:
    return StoredUser(*row) if row else None


async def set_mode(connection: AsyncConnection, user_id: str, mode: Mode, now: float) -> None:
    """Change the mode; user states made before are stale."""
    revision = users.c.state_revision + 1
    change = update(users).where(users.c.id == user_id)
    await connection.execute(change.values(mode=mode, state_revision=revision, updated_at=now))


async def list_events(
    connection: AsyncConnection, user_id: str, before: tuple[float, int] | None, limit: int
) -> list[StoredEvent]:
    """Events from the newest to older ones; from behind `before` (time, number)."""
    query = _EVENT.where(events.c.user_id == user_id)
    if before is not None:
        query = query.where(tuple_(events.c.at, events.c.id) < before)
    query = query.order_by(events.c.at.desc(), events.c.id.desc()).limit(limit)
    return await _events(connection, query)


async def all_events(connection: AsyncConnection, user_id: str) -> list[StoredEvent]:
    """Every event, oldest first."""
    query = _EVENT.where(events.c.user_id == user_id).order_by(events.c.at, events.c.id)
    return await _events(connection, query)


async def _events(
    connection: AsyncConnection, query: Select[Any, Any, Any, Any, Any]
) -> list[StoredEvent]:
    return [StoredEvent(*row) for row in await connection.execute(query)]


async def erase_history(connection: AsyncConnection, user_id: str) -> int:
    """Delete the events and what was adapted from them; the number of events."""
    await connection.execute(delete(user_towers).where(user_towers.c.user_id == user_id))
    erased = await connection.execute(delete(events).where(events.c.user_id == user_id))
    return erased.rowcount


async def delete_user(connection: AsyncConnection, user_id: str) -> None:
    """Delete the user's own row; whatever refers to it must be gone."""
    await connection.execute(delete(users).where(users.c.id == user_id))


async def add_pseudonym(connection: AsyncConnection, pseudonym: str, now: float) -> None:
    """A user row that stands for nobody, for rounds that an erased user took part in."""
    values = {"mode": "device", "state_revision": 0, "created_at": now, "updated_at": now}
    await connection.execute(insert(users).values(id=pseudonym, **values))
