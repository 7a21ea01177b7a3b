"""Queries about model versions for their endpoints."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import versions


@dataclass(frozen=True)
class VersionRow:
    """A version for display."""

    id: int
    parent: int | None
    kind: str
    round_id: int | None
    catalogue_revision: int
    manifest_digest: str
    chain: str
    published_at: float
    standing: str
    verdict: dict[str, Any] | None
    decided_at: float | None
    live_at: float | None


@dataclass(frozen=True)
class Manifest:
    """A version's canonical manifest."""

    version: int
    body: bytes
    digest: str


_VERSION = (
    versions.c.id,
    versions.c.parent,
    versions.c.kind,
    versions.c.round_id,
    versions.c.catalogue_revision,
    versions.c.manifest_digest,
    versions.c.chain,
    versions.c.published_at,
    versions.c.standing,
    versions.c.verdict,
    versions.c.decided_at,
    versions.c.live_at,
)


async def list_versions(
    connection: AsyncConnection, before: int | None, limit: int
) -> list[VersionRow]:
    """Versions numbered below `before` (all, if None), newest first."""
    query = select(*_VERSION).order_by(versions.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(versions.c.id < before)
    return [VersionRow(**row._mapping) for row in await connection.execute(query)]


async def find_manifest(connection: AsyncConnection, version: int | None) -> Manifest | None:
    """The manifest of a version; None asks for the one that serves."""
    wanted = versions.c.standing == "live" if version is None else versions.c.id == version
    query = select(versions.c.id, versions.c.manifest, versions.c.manifest_digest)
    row = (await connection.execute(query.where(wanted))).first()
    return Manifest(row[0], bytes(row[1]), row[2]) if row else None


async def version_exists(connection: AsyncConnection, version: int) -> bool:
    """Whether the version was published."""
    query = select(versions.c.id).where(versions.c.id == version)
    return (await connection.execute(query)).first() is not None
