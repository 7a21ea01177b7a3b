"""From an item as stored to the hashed features that the item tower's encoder reads."""

from typing import Any

from app.coordinator.repository import ItemRow
from recsys.arrays import Ints
from recsys.content import ItemContent, features


def features_by_row(items: list[ItemRow], n_buckets: int) -> dict[int, Ints]:
    """Feature ids (m,) of each item, by row."""
    return {item.row: features(_content(item.content), n_buckets) for item in items}


def _content(stored: dict[str, Any]) -> ItemContent:
    return ItemContent(
        title=stored.get("title") or "",
        categories=tuple(stored.get("categories") or ()),
        brand=stored.get("brand") or "",
        creators=tuple(stored.get("creators") or ()),
        price=stored.get("price"),
        tags=tuple(stored.get("tags") or ()),
    )
