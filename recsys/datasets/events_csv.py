"""A shop's own event log as CSV, with a catalogue beside it or without one.

| field | column names accepted, most wanted first | value |
|---|---|---|
| user | user, user_id, userid, visitor_id, visitorid, customer_id | 1 to 128 bytes |
| item | item, item_id, itemid, sku_id, sku, product_id | 1 to 128 bytes |
| type | type, event, event_type | a name; see below |
| time | time, timestamp, action_time, event_time, datetime | unix s or ms, or ISO 8601 |

Types are lower-cased; `addtocart` and `add_to_cart` mean `cart`; `transaction`, `order` and `buy`
mean `purchase`. Other names become types of their own. The layouts of RetailRocket's and JData's
published logs load as they are; JData's type numbers (1 view, 2 order, 3 follow, 4 comment) are
understood only where its item column `sku_id` is, since other logs number differently.
A time without a zone is UTC.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from recsys.content import ItemContent
from recsys.datasets.csv_table import Row, read_table
from recsys.datasets.interactions import (
    DEFAULT_EVENT_TYPES,
    Dataset,
    Event,
    ItemRecord,
    histories_of,
)
from recsys.datasets.items_csv import load_items

EVENTS_FILE = "events.csv"
ITEMS_FILE = "items.csv"

COLUMNS = {
    "user": ("user", "user_id", "userid", "visitor_id", "visitorid", "customer_id"),
    "item": ("item", "item_id", "itemid", "sku_id", "sku", "product_id"),
    "type": ("type", "event", "event_type"),
    "time": ("time", "timestamp", "action_time", "event_time", "datetime"),
}

TYPE_ALIASES = {
    "addtocart": "cart",
    "add_to_cart": "cart",
    "transaction": "purchase",
    "order": "purchase",
    "buy": "purchase",
}
JDATA_TYPES = {"1": "view", "2": "purchase", "3": "follow", "4": "comment"}

# Every type has a learnt weight. More types than this are a column of something else.
EVENT_TYPES_MAX = 32

# A number from here on counts milliseconds: as seconds it would be after the year 5138, and as
# milliseconds this one is March 1973.
_MILLISECONDS_FROM = 1e11
_MILLISECONDS_TO = 1e14


def load(path: Path) -> Dataset:
    """The log in file `path`, or in `events.csv` of folder `path`, with `items.csv` beside it.

    Items are those of `items.csv` in its order, then others in the order of their first event,
    with empty content. Event types are view, cart and purchase, then others by name.
    ValueError names file, line and column of what cannot be read; FileNotFoundError a missing log.
    """
    file = path / EVENTS_FILE if path.is_dir() else path
    name = path.resolve().name if path.is_dir() else path.stem
    pairs = [_user_and_event(row) for row in read_table(file, COLUMNS, tuple(COLUMNS))]
    if not pairs:
        raise ValueError(f"{file}: no events")
    events = [event for _, event in pairs]
    items = _items(file.parent / ITEMS_FILE, events)
    return Dataset(name, items, histories_of(pairs), _event_types(file, events))


def _user_and_event(row: Row) -> tuple[str, Event]:
    return row.id("user"), Event(row.id("item"), _type(row), _unix_s(row))


def _items(file: Path, events: list[Event]) -> tuple[ItemRecord, ...]:
    listed = {item.id: item for item in load_items(file)} if file.is_file() else {}
    for event in events:
        if event.item_id not in listed:
            listed[event.item_id] = ItemRecord(event.item_id, ItemContent())
    return tuple(listed.values())


def _event_types(file: Path, events: list[Event]) -> tuple[str, ...]:
    others = {event.type for event in events} - set(DEFAULT_EVENT_TYPES)
    types = (*DEFAULT_EVENT_TYPES, *sorted(others))
    if len(types) > EVENT_TYPES_MAX:
        raise ValueError(f"{file}: {len(types)} event types, at most {EVENT_TYPES_MAX} are read")
    return types


def _type(row: Row) -> str:
    text = row.text("type").casefold()
    if not text:
        row.refuse("type", "is empty")
    numbered: Mapping[str, str] = JDATA_TYPES if row.header["item"] == "sku_id" else {}
    if text in numbered:
        return numbered[text]
    if text.isdigit():
        row.refuse("type", f"{text!r} is a number; name the type (view, cart, purchase)")
    return TYPE_ALIASES.get(text, text)


def _unix_s(row: Row) -> float:
    text = row.text("time")
    try:
        number = float(text)
    except ValueError:
        return _from_iso(row, text)
    if not (math.isfinite(number) and 0 <= number < _MILLISECONDS_TO):
        row.refuse("time", f"{text!r} is neither unix seconds nor milliseconds")
    return number / 1000 if number >= _MILLISECONDS_FROM else number


def _from_iso(row: Row, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        row.refuse("time", f"{text!r} is neither a unix time nor ISO 8601")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
