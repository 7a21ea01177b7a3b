"""The audit records as they lie in the database: what the books are checked against."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import versions
from federation.audit_chain import StoredRecord


async def stored_records(connection: AsyncConnection) -> list[StoredRecord]:
    """The record of every version, oldest first."""
    query = select(versions.c.id, versions.c.record, versions.c.chain).order_by(versions.c.id)
    return [StoredRecord(row[0], bytes(row[1]), row[2]) for row in await connection.execute(query)]
