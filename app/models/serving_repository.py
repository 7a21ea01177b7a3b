"""Queries of a worker that keeps its models current."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models.served_model import Counts
from app.store.tables import catalogue, events, items, versions

# SQLite takes 32,766 variables in a statement, builds before 3.32 only 999.
ROWS_PER_QUERY = 900


@dataclass(frozen=True)
class Heads:
    """What is polled: the version that serves (None before the first), the catalogue's revision."""

    version: int | None
    catalogue_revision: int


@dataclass(frozen=True)
class RowState:
    """Whether the item of a row may be listed."""

    row: int
    is_live: bool


_HEADS = select(
    select(versions.c.id).where(versions.c.standing == "live").scalar_subquery(),
    select(func.max(catalogue.c.revision)).scalar_subquery(),
)


async def find_heads(connection: AsyncConnection) -> Heads:
    """One statement, two index look-ups: workers ask this several times a second."""
    row = (await connection.execute(_HEADS)).one()
    return Heads(row[0], row[1] or 0)


async def newest_versions(connection: AsyncConnection, n: int) -> list[int]:
    """Ids of the n versions that served last, newest first."""
    query = select(versions.c.id).where(versions.c.live_at.is_not(None))
    return list((await connection.execute(query.order_by(versions.c.id.desc()).limit(n))).scalars())


async def find_manifest(connection: AsyncConnection, version: int) -> bytes | None:
    """The manifest of a version."""
    query = select(versions.c.manifest).where(versions.c.id == version)
    found: bytes | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def rows_changed_since(connection: AsyncConnection, revision: int) -> list[RowState]:
    """Rows whose items changed after a catalogue revision."""
    query = select(items.c.row, items.c.deleted_at.is_(None)).where(items.c.revision > revision)
    return [RowState(*row) for row in await connection.execute(query)]


async def find_rows(connection: AsyncConnection, rows: Collection[int]) -> list[RowState]:
    """How these rows stand now."""
    found: list[RowState] = []
    wanted = sorted(rows)
    for start in range(0, len(wanted), ROWS_PER_QUERY):
        some = wanted[start : start + ROWS_PER_QUERY]
        query = select(items.c.row, items.c.deleted_at.is_(None)).where(items.c.row.in_(some))
        found += [RowState(*row) for row in await connection.execute(query)]
    return found


async def count_events(connection: AsyncConnection) -> Counts:
    """Events of hosted users by item row: nobody else's are stored."""
    query = select(events.c.item_row, func.count()).group_by(events.c.item_row)
    pairs = [(row, n) for row, n in await connection.execute(query)]
    table = np.asarray(pairs, np.int64).reshape(-1, 2)
    return Counts(table[:, 0], table[:, 1])
