"""Queries about hosted users, for whom the coordinator takes part."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.recommendations.repository import last_events
from app.store.tables import assignments, devices, events, user_towers, users
from app.store.upsert import conflict_insert
from recsys.arrays import Ints


@dataclass(frozen=True)
class StaleTower:
    """A hosted user whose tower is older than the user's state or than the model."""

    user_id: str
    state_revision: int
    created_at: float


@dataclass(frozen=True)
class StoredHistory:
    """The newest events, oldest first. rows, times_s: (n,) int64; types: names."""

    rows: Ints
    types: tuple[str, ...]
    times_s: Ints


def _with_history(events_min: int) -> Select[str]:
    """Ids of users with at least so many events."""
    counted = select(events.c.user_id).group_by(events.c.user_id)
    return counted.having(func.count() >= events_min)


async def users_to_train(connection: AsyncConnection, round_id: int, events_min: int) -> list[str]:
    """Hosted users with a history who had no turn in the round, by id."""
    had = select(assignments.c.user_id).where(assignments.c.counts_in == round_id)
    query = select(users.c.id).where(
        users.c.mode == "hosted",
        users.c.id.in_(_with_history(events_min)),
        users.c.id.not_in(had),
    )
    return list((await connection.execute(query.order_by(users.c.id))).scalars())


async def virtual_device(connection: AsyncConnection, user_id: str) -> str | None:
    """The device that the coordinator holds for the user."""
    query = select(devices.c.id, devices.c.public_key).where(
        devices.c.user_id == user_id, devices.c.revoked_at.is_(None)
    )
    rows = await connection.execute(query.order_by(devices.c.created_at, devices.c.id))
    return next((device_id for device_id, key in rows if not key), None)


async def add_virtual_device(
    connection: AsyncConnection, device_id: str, user_id: str, now: float
) -> str:
    """Store a device without a key: nobody can prove to be it, so no token is ever made for it."""
    # The user is locked first, so that two coordinators do not make two of them.
    await connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())
    known = await virtual_device(connection, user_id)
    if known is not None:
        return known
    values = {
        "id": device_id,
        "user_id": user_id,
        "public_key": {},
        "thumbprint": f"virtual-{device_id}",
        "created_at": now,
        "seen_at": now,
    }
    await connection.execute(insert(devices).values(values))
    return device_id


async def history(connection: AsyncConnection, user_id: str, n: int) -> StoredHistory:
    """The user's n newest events, oldest first."""
    found = await last_events(connection, user_id, n)
    rows = np.asarray([row for row, _, _ in found], np.int64)
    times_s = np.asarray([int(at) for _, _, at in found], np.int64)
    return StoredHistory(rows, tuple(kind for _, kind, _ in found), times_s)


async def stale_towers(
    connection: AsyncConnection, version: int, events_min: int, limit: int
) -> list[StaleTower]:
    """Hosted users to adapt, first those who have no tower or new events, then the oldest."""
    tower = user_towers
    moved = or_(tower.c.user_id.is_(None), tower.c.state_revision != users.c.state_revision)
    query = (
        select(users.c.id, users.c.state_revision, users.c.created_at)
        .outerjoin(tower, tower.c.user_id == users.c.id)
        .where(users.c.mode == "hosted", users.c.id.in_(_with_history(events_min)))
        .where(or_(moved, tower.c.model_version != version))
        .order_by(moved.desc(), tower.c.adapted_at.nulls_first(), users.c.id)
        .limit(limit)
    )
    return [StaleTower(*row) for row in await connection.execute(query)]


async def store_tower(
    connection: AsyncConnection, user: StaleTower, version: int, body: bytes, now: float
) -> bool:
    """Store an adapted tower as the user's next state; False if the state moved meanwhile."""
    revision = user.state_revision + 1
    same = (
        (users.c.id == user.user_id)
        & (users.c.mode == "hosted")
        & (users.c.state_revision == user.state_revision)
    )
    moved = await connection.execute(update(users).where(same).values(state_revision=revision))
    if moved.rowcount != 1:
        return False
    values = {
        "model_version": version,
        "state_revision": revision,
        "tower": body,
        "adapted_at": now,
    }
    insertion = conflict_insert(connection, user_towers).values(user_id=user.user_id, **values)
    await connection.execute(
        insertion.on_conflict_do_update(index_elements=[user_towers.c.user_id], set_=values)
    )
    return True
