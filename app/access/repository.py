"""Queries about keys and devices for authentication."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import devices, keys, users


@dataclass(frozen=True)
class StoredKey:
    """A key as stored: never the key itself."""

    id: str
    kind: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: float
    revoked_at: float | None


STORED_KEY = select(
    keys.c.id, keys.c.kind, keys.c.prefix, keys.c.scopes, keys.c.created_at, keys.c.revoked_at
)


def stored_key(row: Sequence[Any]) -> StoredKey:
    """A row of STORED_KEY."""
    return StoredKey(row[0], row[1], row[2], tuple(row[3]), row[4], row[5])


async def find_key(connection: AsyncConnection, hashed: bytes) -> StoredKey | None:
    """The key with this hash."""
    row = (await connection.execute(STORED_KEY.where(keys.c.hash == hashed))).first()
    return stored_key(row) if row else None


async def add_key(connection: AsyncConnection, key: StoredKey, hashed: bytes) -> bool:
    """Store a key; False when this very key, or another of its id, is stored already."""
    values = asdict(key) | {"hash": hashed, "scopes": list(key.scopes)}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(keys).values(values))
    except IntegrityError:
        return False
    return True


async def revoke_key(connection: AsyncConnection, key_id: str, now: float) -> bool:
    """Mark a key revoked; False when there is no such live key."""
    live = (keys.c.id == key_id) & keys.c.revoked_at.is_(None)
    result = await connection.execute(update(keys).where(live).values(revoked_at=now))
    return result.rowcount == 1


async def account_created_at(connection: AsyncConnection, user_id: str) -> float | None:
    """When the user with this id was created; None when there is none."""
    found = await connection.execute(select(users.c.created_at).where(users.c.id == user_id))
    return found.scalar()


_IS_LIVE = devices.c.revoked_at.is_(None)
_LIVE_DEVICE = select(devices.c.id).where(devices.c.id == bindparam("device_id"), _IS_LIVE)


async def is_device_live(connection: AsyncConnection, device_id: str) -> bool:
    """Whether the device is enrolled and not revoked."""
    found = await connection.execute(_LIVE_DEVICE, {"device_id": device_id})
    return found.first() is not None


async def live_devices(connection: AsyncConnection, device_ids: Collection[str]) -> set[str]:
    """Those of these devices that are enrolled and not revoked."""
    query = select(devices.c.id).where(devices.c.id.in_(device_ids), _IS_LIVE)
    return set((await connection.execute(query)).scalars())
