"""Carts and purchases without any order, one purchase a user held out: the Beibei shop's format.

A folder as GHCF publishes it (https://ojs.aaai.org/index.php/AAAI/article/view/16569):
`buy_train.txt`, `buy_test.txt` and `cart.txt`, one line per user, the user's id, then item ids
sorted by number. `buy_test.txt` has one item a line, the purchase held out.

**The published carts leak.** Most held-out purchases are among their user's carts. Each user's
held-out item is therefore removed from all of that user's rows before anything else.

**The published order leaks.** Lines are sorted, so the order says how the shop numbers its items,
and a held-out purchase has more often than not the greatest number of its user's purchases. Events
are therefore shuffled and items listed in the order that this gives.
"""

from itertools import chain
from pathlib import Path

import numpy as np

from recsys.content import ItemContent
from recsys.datasets.id_lists import read_id_lists
from recsys.datasets.interactions import Dataset, Event, ItemRecord

EVENT_TYPES = ("cart", "purchase")
SHUFFLE_SEED = 0

# No time is known. The held-out purchase is the last event, everything else comes before it.
_BEFORE, _LAST = 0.0, 1.0


def load(path: Path, seed: int = SHUFFLE_SEED) -> Dataset:
    """The dataset in folder `path`; every user's last event is the held-out purchase.

    seed: of the shuffling. ValueError names file and line of what cannot be read, and a user
    without a held-out purchase; FileNotFoundError a missing file.
    """
    bought, carts = _rows(path / "buy_train.txt"), _rows(path / "cart.txt")
    held_out = _held_out(path / "buy_test.txt")
    for user in chain(bought, carts):
        if user not in held_out:
            raise ValueError(f"{path / 'buy_test.txt'}: user {user!r} has no held-out purchase")
    rng = np.random.default_rng(seed)
    histories = {
        user: _history(item_id, bought.get(user, []), carts.get(user, []), rng)
        for user, item_id in held_out.items()
    }
    if not histories:
        raise ValueError(f"{path / 'buy_test.txt'}: no users")
    events = chain.from_iterable(histories.values())
    ids = dict.fromkeys(event.item_id for event in events)
    items = tuple(ItemRecord(id, ItemContent()) for id in ids)
    return Dataset("beibei", items, histories, EVENT_TYPES, ordered=False, timed=False)


def _history(
    held_out: str, bought: list[str], carts: list[str], rng: np.random.Generator
) -> tuple[Event, ...]:
    events = [Event(id, "purchase", _BEFORE) for id in bought if id != held_out]
    events += [Event(id, "cart", _BEFORE) for id in carts if id != held_out]
    shuffled = [events[place] for place in rng.permutation(len(events)).tolist()]
    return (*shuffled, Event(held_out, "purchase", _LAST))


def _rows(file: Path) -> dict[str, list[str]]:
    return {user: items for _, user, items in read_id_lists(file)}


def _held_out(file: Path) -> dict[str, str]:
    found = {}
    for number, user, items in read_id_lists(file):
        if len(items) != 1:
            raise ValueError(f"{file} line {number}: {len(items)} held-out purchases, not 1")
        found[user] = items[0]
    return found
