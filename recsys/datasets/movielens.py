"""MovieLens 100K as GroupLens publishes it (https://grouplens.org/datasets/movielens/100k/).

`u.data`: user, item, rating 1-5 and unix second, split by tabs. `u.item`: `|`-separated, latin-1:
id, title with year, release date, video date, link, then 19 genre flags. Every rating is an event
of type "rating", whatever its stars: a low rating too says that the film was watched.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from recsys.content import ItemContent
from recsys.datasets.interactions import Dataset, Event, ItemRecord, histories_of

EVENT_TYPES = ("rating",)

# The order of the flags in u.item (file u.genre of the dataset). The first, "unknown", says
# nothing of a film and becomes no category.
GENRES = (
    "unknown",
    *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary"),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)

_FIELDS_BEFORE_GENRES = 5
_YEAR_IN_TITLE = re.compile(r"\((\d{4})\)\s*$")


def load(path: Path) -> Dataset:
    """The dataset in folder `path`, which holds `u.data` and `u.item`.

    ValueError names file and line of what cannot be read; FileNotFoundError a missing file.
    """
    items = tuple(_items(path / "u.item"))
    ids = {item.id for item in items}
    events = _events(path / "u.data", ids)
    return Dataset("movielens", items, histories_of(events), EVENT_TYPES)


def _events(file: Path, item_ids: set[str]) -> Iterator[tuple[str, Event]]:
    for number, line in _lines(file):
        fields = line.split("\t")
        if len(fields) != 4:
            raise ValueError(f"{file} line {number}: {len(fields)} tab-separated fields, not 4")
        user, item, rating, second = fields
        if not user or item not in item_ids:
            raise ValueError(f"{file} line {number}: user {user!r} or item {item!r} is unknown")
        if rating not in {"1", "2", "3", "4", "5"} or not _is_second(second):
            raise ValueError(f"{file} line {number}: no rating {rating!r} at second {second!r}")
        yield user, Event(item, "rating", float(second))


def _items(file: Path) -> Iterator[ItemRecord]:
    seen: set[str] = set()
    for number, line in _lines(file):
        fields = line.split("|")
        flags = fields[_FIELDS_BEFORE_GENRES:]
        if len(flags) != len(GENRES) or not set(flags) <= {"0", "1"}:
            raise ValueError(f"{file} line {number}: the line does not end with 19 genre flags")
        if not fields[0] or fields[0] in seen:
            raise ValueError(f"{file} line {number}: item id {fields[0]!r} is empty or repeated")
        seen.add(fields[0])
        yield ItemRecord(fields[0], _content(fields[1], flags))


def _content(title: str, flags: list[str]) -> ItemContent:
    """Genres as categories; the year, which the title ends with, as a tag too."""
    categories = tuple(g for g, flag in zip(GENRES, flags, strict=True) if flag == "1")
    year = _YEAR_IN_TITLE.search(title)
    return ItemContent(
        title=title.strip(),
        categories=tuple(name for name in categories if name != "unknown"),
        tags=(year.group(1),) if year else (),
    )


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a file, blank ones left out. Every byte is a latin-1 character."""
    with file.open(encoding="latin-1", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


def _is_second(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
