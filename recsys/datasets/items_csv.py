"""A catalogue as CSV: what `items.csv` beside an event log says about its items.

| field | column names accepted | value |
|---|---|---|
| id | id, item, item_id, itemid, sku_id | required, 1 to 128 bytes, once |
| title | title, name | |
| categories | categories, category | split by `|`, from wide to narrow |
| brand | brand | |
| creators | creators, creator, author | split by `|` |
| price | price | a number of at least 0, or empty |
| tags | tags | split by `|` |
"""

import math
from collections.abc import Iterator
from pathlib import Path

from recsys.content import ItemContent
from recsys.datasets.csv_table import Row, read_table
from recsys.datasets.interactions import ItemRecord

COLUMNS = {
    "id": ("id", "item", "item_id", "itemid", "sku_id"),
    "title": ("title", "name"),
    "categories": ("categories", "category"),
    "brand": ("brand",),
    "creators": ("creators", "creator", "author"),
    "price": ("price",),
    "tags": ("tags",),
}


def load_items(file: Path) -> Iterator[ItemRecord]:
    """The file's items in its order. ValueError names file, line and column of what is wrong."""
    seen: set[str] = set()
    for row in read_table(file, COLUMNS, required=("id",)):
        item_id = row.id("id")
        if item_id in seen:
            row.refuse("id", f"{item_id!r} occurs a second time")
        seen.add(item_id)
        yield ItemRecord(item_id, _content(row))


def _content(row: Row) -> ItemContent:
    return ItemContent(
        title=row.text("title"),
        categories=_parts(row.text("categories")),
        brand=row.text("brand"),
        creators=_parts(row.text("creators")),
        price=_price(row),
        tags=_parts(row.text("tags")),
    )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())


def _price(row: Row) -> float | None:
    text = row.text("price")
    if not text:
        return None
    try:
        price = float(text)
    except ValueError:
        row.refuse("price", f"{text!r} is not a number")
    if not (math.isfinite(price) and price >= 0):
        row.refuse("price", f"{text!r} is not a finite number of at least 0")
    return price
