"""Queries that list and revoke keys; `app.access.repository` has those of authentication."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import STORED_KEY, StoredKey, stored_key
from app.store.tables import keys


async def get_key(connection: AsyncConnection, key_id: str) -> StoredKey | None:
    """The key with this id."""
    row = (await connection.execute(STORED_KEY.where(keys.c.id == key_id))).first()
    return stored_key(row) if row else None


async def page_of_keys(
    connection: AsyncConnection, after: str | None, limit: int
) -> list[StoredKey]:
    """Keys by id, from behind `after`."""
    query = STORED_KEY.order_by(keys.c.id).limit(limit)
    if after is not None:
        query = query.where(keys.c.id > after)
    return [stored_key(row) for row in await connection.execute(query)]


async def lock_makers(connection: AsyncConnection) -> list[str]:
    """Ids of the live keys that may make keys, locked until the transaction ends.

    Two requests that revoke the last two keys take turns, so the second sees that one is left.
    """
    live = (keys.c.kind == "server") & keys.c.revoked_at.is_(None)
    query = select(keys.c.id, keys.c.scopes).where(live).order_by(keys.c.id).with_for_update()
    return [row.id for row in await connection.execute(query) if "keys" in row.scopes]
