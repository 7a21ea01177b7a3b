"""`/v1/audit/records`: what every version was made from, for whoever checks the chain."""

import json

from fastapi import APIRouter

from app.access.dependencies import Reader
from app.audit import repository
from app.audit.schemas import RecordList, RecordView
from app.pagination import LIMIT_DEFAULT, Cursor, Limit, encode_cursor, number_of
from app.wiring import StateOf

router = APIRouter(tags=["audit"])


@router.get("/audit/records", summary="Audit records, oldest first")
async def get_records(
    state: StateOf, who: Reader, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> RecordList:
    """Counts and digests, no update and no identity; each names the hash of all before it."""
    async with state["database"].read() as connection:
        rows = await repository.records(connection, number_of(cursor) or 0, limit + 1)
    page = [
        RecordView(version=row.version, record=json.loads(row.record), chain=row.chain)
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    return RecordList(data=page, next_cursor=encode_cursor(str(page[-1].version)) if more else None)
