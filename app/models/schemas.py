"""Answers of the model routes."""

from typing import Any

from pydantic import BaseModel, Field

from app.identifiers import NUMBER_MAX, ChosenId
from app.schemas import StrictBody


class Verdict(BaseModel):
    """Why a version has its standing; with two cohorts' figures if they were compared.

    n, n_live: devices that measured this version and the one that served. difference: by how many
    nats its mean loss was higher; above threshold it was shown to be worse.
    """

    reason: str
    n: int | None = None
    n_live: int | None = None
    difference: float | None = None
    threshold: float | None = None


class VersionView(BaseModel):
    """A published model version; `chain` fixes it and all versions before it.

    standing: `candidate` waits to be measured, `live` serves, `superseded` made way for a newer
    one, `rejected` was shown to be worse or was trained from one that was. live_at: when it began
    to serve, null if it never did.
    """

    version: int
    parent: int | None
    kind: str
    round: int | None
    catalogue_revision: int
    manifest_digest: str
    chain: str
    published_at: str
    standing: str
    verdict: Verdict | None
    decided_at: str | None
    live_at: str | None


class VersionList(BaseModel):
    """A page of versions, newest first."""

    data: list[VersionView]
    next_cursor: str | None


class RowRollbackBody(StrictBody):
    """Whose row, and the version to take it from."""

    item_id: ChosenId
    version: int = Field(ge=1, le=NUMBER_MAX)


class OrderView(BaseModel):
    """An order to go back. kind: `version`, or `row` with its item.

    state: `open`; `done` with the version that was published; `refused` with its reason.
    """

    id: str
    kind: str
    version: int
    item_id: str | None
    state: str
    reason: str | None
    published_version: int | None
    requested_at: str
    ended_at: str | None


class BlobReference(BaseModel):
    """A content-addressed body."""

    digest: str
    bytes: int


class ShardReference(BlobReference):
    """A shard: rows first_row to first_row + n_rows - 1."""

    first_row: int
    n_rows: int


class ManifestView(BaseModel):
    """Everything that a version consists of. `heads`: head -> encoding -> shards."""

    version: int
    parent: int | None
    kind: str
    round: int | None
    dim: int
    history_length: int
    event_types: list[str]
    n_rows: int
    n_items: int
    scalars: list[float]
    catalogue: BlobReference
    heads: dict[str, dict[str, list[ShardReference]]]
    shard_rows: int
    catalogue_revision: int


BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The body; it never changes.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The client holds it already."},
}
"""For the `responses` of a route that answers with an immutable body."""
