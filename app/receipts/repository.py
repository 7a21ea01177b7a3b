"""Queries that an inclusion proof is made from."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import updates, versions


@dataclass(frozen=True)
class PublishedRecord:
    """The audit record of a round's version. record: canonical bytes."""

    version: int
    record: bytes
    chain: str


async def updates_of(connection: AsyncConnection, round_id: int) -> list[tuple[str, str]]:
    """(assignment, body digest) of a round's updates."""
    query = select(updates.c.assignment_id, updates.c.body_digest)
    rows = await connection.execute(query.where(updates.c.round_id == round_id))
    return [(row[0], row[1]) for row in rows]


async def record_of_round(connection: AsyncConnection, round_id: int) -> PublishedRecord | None:
    """The record of the version that a round published."""
    query = select(versions.c.id, versions.c.record, versions.c.chain)
    row = (await connection.execute(query.where(versions.c.round_id == round_id))).first()
    return PublishedRecord(row[0], bytes(row[1]), row[2]) if row else None
