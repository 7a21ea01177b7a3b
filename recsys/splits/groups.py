"""Who is compared with whom in the fairness tables: by history, by taste, by the dataset's own."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.calibration import place_among, taste
from recsys.datasets.interactions import Dataset
from recsys.history import History
from recsys.task import Grouping

LENGTHS = ("short", "medium", "long")
TASTES = ("niche", "mixed", "popular")
NO_GROUP = -1


def groups_of(dataset: Dataset, train: Sequence[History], people: Ints) -> dict[str, Grouping]:
    """Groupings over all users of the dataset: "history", "taste", then the dataset's own.

    train, people: training histories and whose each is. Only they are measured: groups by what is
    held out would sort people by how hard their question is. Who trains nothing is in no tercile.
    """
    n_people = len(dataset.histories)
    lengths = np.array([len(history) for history in train], np.float64)
    grouped = {
        "history": _terciles(LENGTHS, lengths, people, n_people),
        "taste": _terciles(TASTES, _tastes(train, len(dataset.items)), people, n_people),
    }
    return grouped | {
        name: _own(given, list(dataset.histories)) for name, given in dataset.groups.items()
    }


def _tastes(train: Sequence[History], n_items: int) -> Floats:
    """(n,) mean over a history's distinct items of how many histories hold each."""
    distinct = [np.unique(history.rows) for history in train]
    if not distinct:
        return np.zeros(0)
    popularity = np.bincount(np.concatenate(distinct), minlength=n_items)
    return np.array([taste(history, popularity) for history in train])


def _terciles(names: tuple[str, ...], values: Floats, people: Ints, n_people: int) -> Grouping:
    """Thirds by value. Equal values are in the same group, so the thirds may be unequal."""
    of = np.full(n_people, NO_GROUP, np.int64)
    if values.size:
        edges = np.quantile(values, [1 / 3, 2 / 3], method="lower")
        of[people] = place_among(values, edges)
    return Grouping(names, of)


def _own(given: Mapping[str, str], users: Sequence[str]) -> Grouping:
    names = tuple(dict.fromkeys(given.values()))
    number = {name: place for place, name in enumerate(names)}
    of = [number[given[user]] if user in given else NO_GROUP for user in users]
    return Grouping(names, np.array(of, np.int64))
