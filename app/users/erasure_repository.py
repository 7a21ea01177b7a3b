"""Queries that cut what rounds must keep loose from the person it was about.

A round's ledger (leases, receipts) is evidence that no update counted twice, so its rows stay; the
account in them becomes a pseudonym that is drawn at random and stored nowhere else.
"""

from sqlalchemy import ColumnElement, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import (
    assignments,
    devices,
    enrolment_codes,
    participations,
    rounds,
    updates,
)


async def forget_devices(connection: AsyncConnection, user_id: str) -> tuple[int, int]:
    """Delete the user's codes, and the devices that never held a lease; how many of each."""
    mine = enrolment_codes.c.user_id == user_id
    codes = await connection.execute(delete(enrolment_codes).where(mine))
    held = exists().where(assignments.c.device_id == devices.c.id)
    unused = await connection.execute(delete(devices).where(_of(user_id), ~held))
    return codes.rowcount, unused.rowcount


async def count_pending_updates(connection: AsyncConnection, user_id: str) -> int:
    """Updates that open rounds have accepted of the user: their bytes go when the rounds end."""
    pending = (
        select(func.count())
        .select_from(updates)
        .join(assignments, assignments.c.id == updates.c.assignment_id)
        .join(rounds, rounds.c.id == updates.c.round_id)
        .where(assignments.c.user_id == user_id, rounds.c.ended_at.is_(None))
    )
    return int((await connection.execute(pending)).scalar_one())


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
) -> tuple[int, int]:
    """Give the user's devices and leases to `pseudonym`; the devices are revoked for good.

    How many of each.
    """
    stripped = {
        "user_id": pseudonym,
        "public_key": {},
        "thumbprint": literal(f"{pseudonym}-").concat(devices.c.id),
        "revoked_at": func.coalesce(devices.c.revoked_at, now),
    }
    renamed = await connection.execute(update(devices).where(_of(user_id)).values(stripped))
    ledger = participations.c.user_id == user_id
    await connection.execute(update(participations).where(ledger).values(user_id=pseudonym))
    held = assignments.c.user_id == user_id
    leases = await connection.execute(update(assignments).where(held).values(user_id=pseudonym))
    return renamed.rowcount, leases.rowcount


def _of(user_id: str) -> ColumnElement[bool]:
    return devices.c.user_id == user_id
