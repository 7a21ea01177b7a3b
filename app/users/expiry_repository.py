"""Queries that delete what was kept long enough."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import enrolment_codes, events, users


async def users_with_old_events(
    connection: AsyncConnection, before: float, limit: int
) -> list[str]:
    """Some users with events that were received before then."""
    query = select(events.c.user_id).where(events.c.received_at < before).distinct()
    return list((await connection.execute(query.limit(limit))).scalars())


async def delete_old_events(connection: AsyncConnection, user_id: str, before: float) -> int:
    """Delete a user's events that were received before then; user states made before are stale."""
    locked = select(users.c.id).where(users.c.id == user_id).with_for_update()
    await connection.execute(locked)
    old = (events.c.user_id == user_id) & (events.c.received_at < before)
    deleted = (await connection.execute(delete(events).where(old))).rowcount
    if deleted:
        moved = users.c.state_revision + 1
        await connection.execute(
            update(users).where(users.c.id == user_id).values(state_revision=moved)
        )
    return deleted


async def delete_old_codes(connection: AsyncConnection, before: float) -> int:
    """Delete enrolment codes that expired before then; how many went."""
    old = enrolment_codes.c.expires_at < before
    return (await connection.execute(delete(enrolment_codes).where(old))).rowcount
