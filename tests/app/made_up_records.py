"""An item and events as a shop sends them, for tests to send whole or changed."""

from typing import Any

ITEM = {
    "title": "Espresso cup",
    "categories": ["kitchen", "cups"],
    "brand": "Loveramics",
    "creators": ["A. Potter"],
    "price": 12.5,
    "tags": ["ceramic"],
}
EVENT = {"event_id": "e1", "user_id": "ann", "item_id": "cup", "type": "view"}


def event(**changes: Any) -> dict[str, Any]:
    """A good event, changed."""
    return {**EVENT, **changes}


def bulk(*changes: dict[str, Any]) -> dict[str, Any]:
    """Good events with ids of their own, changed one by one."""
    return {"events": [{**event(event_id=f"e{n}"), **c} for n, c in enumerate(changes)]}
