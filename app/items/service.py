"""Putting, deleting and listing items."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import rfc3339
from app.errors import not_found
from app.items import repository
from app.items.changes import Changes, Draft, StoredItem, put_drafts, tombstone
from app.items.schemas import ItemPage, ItemView
from app.pagination import encode_cursor
from app.wiring import State

ROW_KEY_BYTES = 32


def view(item: StoredItem) -> ItemView:
    """The item as clients see it."""
    return ItemView(
        id=item.id,
        **item.content,
        created_at=rfc3339(item.created_at),
        updated_at=rfc3339(item.updated_at),
    )


async def _put(state: State, drafts: Sequence[Draft]) -> tuple[Changes, Mapping[str, StoredItem]]:
    """Store drafts in one transaction; returns the changes and every item as it is afterwards."""
    now, row_key = state["clock"](), secrets.token_bytes(ROW_KEY_BYTES)

    async def run(connection: AsyncConnection) -> tuple[Changes, Mapping[str, StoredItem]]:
        head = await repository.lock_catalogue(connection, row_key)
        stored = await repository.find_items(connection, [draft.id for draft in drafts])
        changes = put_drafts(head, stored, drafts, now)
        if changes.written:
            await repository.write_items(connection, changes.written.values())
            await repository.move_catalogue(connection, changes.head)
        return changes, {**stored, **changes.written}

    changes, after = await state["database"].transaction("put_items", run)
    for row in changes.revived_rows:
        state["serving"].reveal(row)
    return changes, after


async def put_item(state: State, draft: Draft) -> tuple[ItemView, bool]:
    """Create or replace one item; True when it was created. The same content changes nothing."""
    changes, after = await _put(state, [draft])
    return view(after[draft.id]), changes.outcomes[0] == "created"


async def put_items(state: State, drafts: Sequence[Draft]) -> Counter[str]:
    """Create or replace many items in one transaction; how often each outcome occurred."""
    changes, _ = await _put(state, drafts)
    return Counter[str](changes.outcomes)


async def get_item(state: State, item_id: str) -> ItemView:
    """One live item.

    Raises: Problem 404.
    """
    async with state["database"].read() as connection:
        item = await repository.find_live_item(connection, item_id)
    if item is None:
        raise not_found("item")
    return view(item)


async def list_items(state: State, after: str | None, limit: int) -> ItemPage:
    """One page of live items."""
    async with state["database"].read() as connection:
        found = await repository.list_live_items(connection, after, limit + 1)
    page = found[:limit]
    cursor = encode_cursor(page[-1].id) if len(found) > limit else None
    return ItemPage(data=[view(item) for item in page], next_cursor=cursor)


async def delete_item(state: State, item_id: str) -> None:
    """Tombstone an item: it vanishes from every answer at once, its row stays taken.

    Raises: Problem 404, when deleted before as well.
    """
    now, row_key = state["clock"](), secrets.token_bytes(ROW_KEY_BYTES)

    async def run(connection: AsyncConnection) -> int:
        if await repository.find_live_item(connection, item_id) is None:
            raise not_found("item")
        head = await repository.lock_catalogue(connection, row_key)
        item = await repository.find_live_item(connection, item_id)
        if item is None:  # another request was faster
            raise not_found("item")
        head, buried = tombstone(head, item, now)
        await repository.write_items(connection, [buried])
        await repository.move_catalogue(connection, head)
        return buried.row

    row = await state["database"].transaction("delete_item", run)
    state["serving"].hide(row)
