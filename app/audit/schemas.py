"""Answers of the audit routes."""

from typing import Any

from pydantic import BaseModel


class RecordView(BaseModel):
    """A version's audit record, and the chain digest up to and including it."""

    version: int
    record: dict[str, Any]
    chain: str


class RecordList(BaseModel):
    """A page of records, oldest first."""

    data: list[RecordView]
    next_cursor: str | None
