"""Queries about enrolment codes and devices."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import devices, enrolment_codes, users


@dataclass(frozen=True)
class StoredCode:
    """An enrolment code as stored: its hash stands for it.

    replaces: it needs no approval by a device that is there.
    """

    user_id: str
    expires_at: float
    device_id: str | None
    replaces: bool


@dataclass(frozen=True)
class StoredDevice:
    """A device. public_key: bare JWK; empty for the coordinator's virtual devices."""

    id: str
    user_id: str
    public_key: dict[str, Any]
    thumbprint: str
    created_at: float
    seen_at: float
    revoked_at: float | None


_DEVICE = select(
    devices.c.id,
    devices.c.user_id,
    devices.c.public_key,
    devices.c.thumbprint,
    devices.c.created_at,
    devices.c.seen_at,
    devices.c.revoked_at,
)


async def user_exists(connection: AsyncConnection, user_id: str) -> bool:
    """Whether the user was put."""
    query = select(users.c.id).where(users.c.id == user_id)
    return (await connection.execute(query)).first() is not None


async def add_code(
    connection: AsyncConnection, hashed: bytes, user_id: str, expires_at: float, replaces: bool
) -> None:
    """Store a code that nobody has used."""
    values = {"hash": hashed, "user_id": user_id, "expires_at": expires_at, "replaces": replaces}
    await connection.execute(insert(enrolment_codes).values(values))


async def lock_code(connection: AsyncConnection, hashed: bytes) -> StoredCode | None:
    """The code, locked until the transaction ends, so that two devices cannot both use it."""
    columns = (
        enrolment_codes.c.user_id,
        enrolment_codes.c.expires_at,
        enrolment_codes.c.device_id,
        enrolment_codes.c.replaces,
    )
    query = select(*columns).where(enrolment_codes.c.hash == hashed).with_for_update()
    row = (await connection.execute(query)).first()
    return StoredCode(*row) if row else None


async def use_code(connection: AsyncConnection, hashed: bytes, device_id: str) -> None:
    """Bind the code to the device that used it."""
    query = update(enrolment_codes).where(enrolment_codes.c.hash == hashed)
    await connection.execute(query.values(device_id=device_id))


async def find_device(connection: AsyncConnection, device_id: str) -> StoredDevice | None:
    """The device with this id."""
    row = (await connection.execute(_DEVICE.where(devices.c.id == device_id))).first()
    return StoredDevice(*row) if row else None


async def find_by_thumbprint(connection: AsyncConnection, thumbprint: str) -> StoredDevice | None:
    """The device that enrolled this key."""
    row = (await connection.execute(_DEVICE.where(devices.c.thumbprint == thumbprint))).first()
    return StoredDevice(*row) if row else None


async def lock_live_keys(connection: AsyncConnection, user_id: str) -> list[dict[str, str]]:
    """Public keys of the user's enrolled devices, virtual ones left out.

    The user is locked until the transaction ends: two first devices must not overlook each other.
    """
    await connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())
    live = (devices.c.user_id == user_id) & devices.c.revoked_at.is_(None)
    found = (await connection.execute(select(devices.c.public_key).where(live))).scalars()
    return [key for key in found if key]


async def add_device(connection: AsyncConnection, device: StoredDevice) -> None:
    """Store a device."""
    values = {
        "id": device.id,
        "user_id": device.user_id,
        "public_key": device.public_key,
        "thumbprint": device.thumbprint,
        "created_at": device.created_at,
        "seen_at": device.seen_at,
    }
    await connection.execute(insert(devices).values(values))


async def revoke_device(connection: AsyncConnection, device_id: str, now: float) -> None:
    """Revoke a device; one that is revoked keeps its time."""
    live = (devices.c.id == device_id) & devices.c.revoked_at.is_(None)
    await connection.execute(update(devices).where(live).values(revoked_at=now))
