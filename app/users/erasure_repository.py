"""Queries that cut what rounds must keep loose from the person it was about.

A round's ledger (leases, receipts) is evidence that no update counted twice, so its rows stay; the
account in them becomes a pseudonym that is drawn at random and stored nowhere else.
"""

from sqlalchemy import ColumnElement, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import assignments, devices, enrolment_codes, participations


async def forget_devices(connection: AsyncConnection, user_id: str) -> None:
    """Delete the user's codes, and the devices that never held a lease."""
    await connection.execute(delete(enrolment_codes).where(enrolment_codes.c.user_id == user_id))
    held = exists().where(assignments.c.device_id == devices.c.id)
    await connection.execute(delete(devices).where(_of(user_id), ~held))


async def took_part(connection: AsyncConnection, user_id: str) -> bool:
    """Whether rounds still refer to the user."""
    for query in (
        select(devices.c.id).where(_of(user_id)),
        select(assignments.c.id).where(assignments.c.user_id == user_id),
    ):
        if (await connection.execute(query.limit(1))).first() is not None:
            return True
    return False


async def rename_participation(
    connection: AsyncConnection, user_id: str, pseudonym: str, now: float
) -> None:
    """Give the user's devices and leases to `pseudonym`; the devices are revoked for good."""
    stripped = {
        "user_id": pseudonym,
        "public_key": {},
        "thumbprint": literal(f"{pseudonym}-").concat(devices.c.id),
        "revoked_at": func.coalesce(devices.c.revoked_at, now),
    }
    await connection.execute(update(devices).where(_of(user_id)).values(stripped))
    for table in (assignments, participations):
        mine = table.c.user_id == user_id
        await connection.execute(update(table).where(mine).values(user_id=pseudonym))


def _of(user_id: str) -> ColumnElement[bool]:
    return devices.c.user_id == user_id
