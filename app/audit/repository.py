"""Queries of the audit: records for everybody, and the rows that a record is checked against."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.coordinator.repository import Member, members
from app.store.tables import plans, rounds, versions


@dataclass(frozen=True)
class RecordRow:
    """A version's record. record: canonical bytes."""

    version: int
    record: bytes
    chain: str


@dataclass(frozen=True)
class StoredVersion:
    """A version as its row has it."""

    id: int
    parent: int | None
    kind: str
    round_id: int | None
    manifest: bytes
    manifest_digest: str
    model_digest: str
    record: bytes
    chain: str


@dataclass(frozen=True)
class PublishedRound:
    """The round of a version as its rows have it. plan: canonical bytes of the plan that it names.

    members: accepted updates, in the order of their assignments.
    """

    id: int
    published_version: int | None
    plan_digest: str
    plan: bytes
    members: list[Member]


async def records(connection: AsyncConnection, after: int, limit: int) -> list[RecordRow]:
    """Records of the versions after one, oldest first."""
    query = select(versions.c.id, versions.c.record, versions.c.chain)
    query = query.where(versions.c.id > after).order_by(versions.c.id).limit(limit)
    return [RecordRow(row[0], bytes(row[1]), row[2]) for row in await connection.execute(query)]


async def find_version(connection: AsyncConnection, version: int) -> StoredVersion | None:
    """A version's row."""
    columns = (
        versions.c.id,
        versions.c.parent,
        versions.c.kind,
        versions.c.round_id,
        versions.c.manifest,
        versions.c.manifest_digest,
        versions.c.model_digest,
        versions.c.record,
        versions.c.chain,
    )
    row = (await connection.execute(select(*columns).where(versions.c.id == version))).first()
    if row is None:
        return None
    return StoredVersion(*row[:4], bytes(row[4]), *row[5:7], bytes(row[7]), row[8])


async def find_round(connection: AsyncConnection, round_id: int) -> PublishedRound | None:
    """A round's rows."""
    columns = (rounds.c.published_version, rounds.c.plan_digest, plans.c.body)
    query = select(*columns).join(plans, plans.c.digest == rounds.c.plan_digest)
    row = (await connection.execute(query.where(rounds.c.id == round_id))).first()
    if row is None:
        return None
    accepted = await members(connection, round_id)
    return PublishedRound(round_id, row[0], row[1], bytes(row[2]), accepted)


async def newest_published(connection: AsyncConnection) -> int:
    """The newest version that there is, or that a round says it published; 0 if there is none."""
    newest = select(func.max(versions.c.id)).scalar_subquery()
    claimed = select(func.max(rounds.c.published_version)).scalar_subquery()
    row = (await connection.execute(select(newest, claimed))).one()
    return max(row[0] or 0, row[1] or 0)
