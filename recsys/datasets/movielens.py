"""MovieLens 100K as GroupLens publishes it (https://grouplens.org/datasets/movielens/100k/).

`u.data`: user, item, rating 1-5 and unix second, split by tabs. `u.item`: `|`-separated, latin-1:
id, title with year, release date, video date, link, then 19 genre flags. `u.user`, where it is
there: user, age, gender, occupation, zip, split by `|`. Every rating is an event of type "rating",
whatever its stars: a low rating too says that the film was watched.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from recsys.content import ItemContent
from recsys.datasets.interactions import Dataset, Event, ItemRecord, histories_of

EVENT_TYPES = ("rating",)
STAR_TYPES = ("rating 1", "rating 2", "rating 3", "rating 4", "rating 5")

# Bounds that leave about 200 people or more in each group, enough for an interval.
AGE_FROM = (25, 35, 45)
AGE_NAMES = ("under 25", "25-34", "35-44", "45 and over")
GENDERS = {"F": "women", "M": "men"}

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


def load(path: Path, ratings_as_types: bool = False) -> Dataset:
    """The dataset in folder `path`, which holds `u.data`, `u.item` and perhaps `u.user`.

    ratings_as_types: stars make five event types, "rating 1" to "rating 5"
    With `u.user` there are the groups "age" and "gender". ValueError names file and line of what
    cannot be read; FileNotFoundError a missing file.
    """
    items = tuple(_items(path / "u.item"))
    ids = {item.id for item in items}
    histories = histories_of(_events(path / "u.data", ids, ratings_as_types))
    types = STAR_TYPES if ratings_as_types else EVENT_TYPES
    people = path / "u.user"
    groups = _groups(people) if people.is_file() else {}
    return Dataset("movielens", items, histories, types, groups=groups)


def _groups(file: Path) -> dict[str, dict[str, str]]:
    """User id -> group, by "age" and "gender"."""
    ages: dict[str, str] = {}
    genders: dict[str, str] = {}
    for number, line in _lines(file):
        fields = line.split("|")
        if len(fields) != 5 or not fields[0] or not _is_number(fields[1], 3):
            raise ValueError(f"{file} line {number}: not user|age|gender|occupation|zip")
        if fields[2] not in GENDERS or fields[0] in ages:
            raise ValueError(f"{file} line {number}: gender is neither F nor M, or user repeated")
        ages[fields[0]] = AGE_NAMES[bisect_right(AGE_FROM, int(fields[1]))]
        genders[fields[0]] = GENDERS[fields[2]]
    return {"age": _by_name(ages, AGE_NAMES), "gender": _by_name(genders, (*GENDERS.values(),))}


def _by_name(groups: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Users sorted by group, so that whoever lists the groups finds young before old."""
    return dict(sorted(groups.items(), key=lambda pair: names.index(pair[1])))


def _events(file: Path, item_ids: set[str], by_stars: bool) -> Iterator[tuple[str, Event]]:
    for number, line in _lines(file):
        fields = line.split("\t")
        if len(fields) != 4:
            raise ValueError(f"{file} line {number}: {len(fields)} tab-separated fields, not 4")
        user, item, rating, second = fields
        if not user or item not in item_ids:
            raise ValueError(f"{file} line {number}: user {user!r} or item {item!r} is unknown")
        if rating not in {"1", "2", "3", "4", "5"} or not _is_number(second, 12):
            raise ValueError(f"{file} line {number}: no rating {rating!r} at second {second!r}")
        yield user, Event(item, f"rating {rating}" if by_stars else "rating", float(second))


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


def _is_number(text: str, digits_max: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits_max
