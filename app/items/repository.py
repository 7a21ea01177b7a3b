"""Queries about items and the catalogue's head."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.items.changes import CatalogueHead, StoredItem
from app.store.tables import catalogue, items
from app.store.upsert import conflict_insert

_HEAD = select(catalogue.c.row_key, catalogue.c.next_sequence, catalogue.c.revision)
_ITEM = select(
    items.c.id,
    items.c.row,
    items.c.content,
    items.c.revision,
    items.c.created_at,
    items.c.updated_at,
    items.c.deleted_at,
)


async def lock_catalogue(connection: AsyncConnection, row_key: bytes) -> CatalogueHead:
    """The head, locked until the transaction ends: changes of the catalogue take turns.

    row_key: 32 random bytes for a catalogue that does not exist yet.
    """
    query = _HEAD.with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        values = {"id": 1, "row_key": row_key, "next_sequence": 0, "revision": 0}
        first = conflict_insert(connection, catalogue).values(values)
        await connection.execute(first.on_conflict_do_nothing())
        row = (await connection.execute(query)).one()
    return CatalogueHead(*row)


async def move_catalogue(connection: AsyncConnection, head: CatalogueHead) -> None:
    """Store the head that a change yielded."""
    values = {"next_sequence": head.next_sequence, "revision": head.revision}
    await connection.execute(update(catalogue).values(values))


async def find_items(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, StoredItem]:
    """What is stored under these ids, tombstones included."""
    rows = await connection.execute(_ITEM.where(items.c.id.in_(ids)))
    return {row.id: StoredItem(*row) for row in rows}


async def find_live_item(connection: AsyncConnection, item_id: str) -> StoredItem | None:
    """The item, unless there is none or it is a tombstone."""
    found = (await find_items(connection, [item_id])).get(item_id)
    return found if found is not None and found.is_live else None


async def list_live_items(
    connection: AsyncConnection, after: str | None, limit: int
) -> list[StoredItem]:
    """Live items by id, from behind `after`."""
    query = _ITEM.where(items.c.deleted_at.is_(None)).order_by(items.c.id).limit(limit)
    if after is not None:
        query = query.where(items.c.id > after)
    return [StoredItem(*row) for row in await connection.execute(query)]


async def write_items(connection: AsyncConnection, written: Iterable[StoredItem]) -> None:
    """Insert items, or replace all of them but id and row."""
    insertion = conflict_insert(connection, items)
    kept = {"id", "row"}
    statement = insertion.on_conflict_do_update(
        index_elements=[items.c.id],
        set_={c.name: insertion.excluded[c.name] for c in items.columns if c.name not in kept},
    )
    if values := [asdict(item) for item in written]:
        await connection.execute(statement, values)
