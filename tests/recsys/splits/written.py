"""Datasets written as words: type letter and item, one second apart ("va ca pa")."""

from string import ascii_lowercase, digits

from recsys.content import ItemContent
from recsys.datasets.interactions import DEFAULT_EVENT_TYPES, Dataset, Event, ItemRecord
from recsys.history import History
from recsys.task import Queries, Task

TYPES = {"v": "view", "c": "cart", "p": "purchase"}
LETTERS = "vcp"


def dataset(items: str = "abcdefghijkl", **histories: str) -> Dataset:
    """One user per keyword. Items are single letters, in the order of the alphabet."""
    records = tuple(ItemRecord(id, ItemContent(tags=(id,))) for id in items)
    events = {
        user: tuple(
            Event(word[1], TYPES[word[0]], float(at)) for at, word in enumerate(text.split())
        )
        for user, text in histories.items()
    }
    return Dataset("written", records, events, DEFAULT_EVENT_TYPES)


def around(n: int) -> Dataset:
    """n users who each view twelve of 36 items in a row, beginning one item later each."""
    items = ascii_lowercase + digits
    texts = [" ".join("v" + items[(i + place) % 36] for place in range(12)) for i in range(n)]
    return dataset(items, **{f"u{i}": text for i, text in enumerate(texts)})


def words(task: Task, history: History) -> str:
    """A history as it was written."""
    pairs = zip(history.types, history.rows, strict=True)
    return " ".join(LETTERS[kind] + task.item_ids[row] for kind, row in pairs)


def asked(task: Task, queries: Queries) -> list[tuple[int, str, str, str]]:
    """Per question: whose, history, target, excluded items."""
    return [
        (
            int(queries.people[i]),
            words(task, queries.histories[i]),
            task.item_ids[queries.targets[i]],
            "".join(task.item_ids[row] for row in queries.excluded[i]),
        )
        for i in range(len(queries))
    ]
