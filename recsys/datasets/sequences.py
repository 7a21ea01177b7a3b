"""One line per user, items in time order: how sequential recommenders publish their data.

`Beauty.txt` of the Amazon reviews as S3-Rec prepared them (https://arxiv.org/abs/2008.07873) is
one: the user's id, then item ids, oldest first. Beside it may lie what is known of the items,
`Beauty_item2attributes.json` or `attributes.json`: item id -> list of attribute ids. The format
keeps no times: `at` is an event's place in its line, and says nothing across users.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from recsys.content import ItemContent
from recsys.datasets.id_lists import read_id_lists
from recsys.datasets.interactions import Dataset, Event, ItemRecord

EVENT_TYPES = ("event",)


def load(path: Path) -> Dataset:
    """The file `path`, or the only `.txt` file of folder `path`.

    Items are those with attributes in that file's order, each attribute id a tag, then others in
    the order of the first event. ValueError names what cannot be read; FileNotFoundError what is
    missing.
    """
    file = _only_text_file(path) if path.is_dir() else path
    histories: dict[str, tuple[Event, ...]] = {}
    for _, user, items in read_id_lists(file):
        histories[user] = tuple(Event(id, "event", float(at)) for at, id in enumerate(items))
    tags = dict(_attributes(file))
    for history in histories.values():
        for event in history:
            tags.setdefault(event.item_id, ())
    if not any(histories.values()):
        raise ValueError(f"{file}: no events")
    records = tuple(ItemRecord(id, ItemContent(tags=own)) for id, own in tags.items())
    return Dataset(file.stem, records, histories, EVENT_TYPES, timed=False)


def _only_text_file(folder: Path) -> Path:
    files = sorted(folder.glob("*.txt"))
    if len(files) != 1:
        raise ValueError(f"{folder}: {len(files)} .txt files; name the one with the sequences")
    return files[0]


def _attributes(file: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = (f"{file.stem}_item2attributes.json", "attributes.json")
    beside = next((p for p in map(file.with_name, names) if p.is_file()), None)
    if beside is None:
        return
    try:
        listed = json.loads(beside.read_bytes())
    except ValueError as error:
        raise ValueError(f"{beside}: not JSON ({error})") from error
    if not isinstance(listed, dict):
        raise ValueError(f"{beside}: not an object from item id to a list of attributes")
    for item_id, given in listed.items():
        if not isinstance(given, list) or not all(type(a) in (int, str) for a in given):
            raise ValueError(f"{beside}: item {item_id!r} has no list of numbers or strings")
        yield item_id, tuple(str(attribute) for attribute in given)
