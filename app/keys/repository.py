"""Queries that list and revoke keys; `app.access.repository` has those of authentication."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.repository import StoredKey
from app.store.tables import keys

_KEY = select(keys.c.id, keys.c.kind, keys.c.prefix, keys.c.created_at, keys.c.revoked_at)


async def get_key(connection: AsyncConnection, key_id: str) -> StoredKey | None:
    """The key with this id."""
    row = (await connection.execute(_KEY.where(keys.c.id == key_id))).first()
    return StoredKey(*row) if row else None


async def page_of_keys(
    connection: AsyncConnection, after: str | None, limit: int
) -> list[StoredKey]:
    """Keys by id, from behind `after`."""
    query = _KEY.order_by(keys.c.id).limit(limit)
    if after is not None:
        query = query.where(keys.c.id > after)
    return [StoredKey(*row) for row in await connection.execute(query)]


async def lock_live_server_keys(connection: AsyncConnection) -> list[str]:
    """Ids of the server keys that are not revoked, locked until the transaction ends.

    Two requests that revoke the last two keys take turns, so the second sees that one is left.
    """
    live = (keys.c.kind == "server") & keys.c.revoked_at.is_(None)
    query = select(keys.c.id).where(live).order_by(keys.c.id).with_for_update()
    return [row.id for row in await connection.execute(query)]
