"""Groups: by what was trained on, never by what is held out; and the dataset's own."""

import dataclasses
from pathlib import Path

import numpy as np

from recsys.splits import Settings, build_task
from recsys.task import Grouping
from tests.recsys.splits.real import real_tasks
from tests.recsys.splits.written import dataset


def members(grouping: Grouping) -> dict[str, list[int]]:
    return {
        name: np.flatnonzero(grouping.of == number).tolist()
        for number, name in enumerate(grouping.names)
    }


def test_terciles_by_length_and_by_taste() -> None:
    data = dataset(
        u="va vb vc", w="va vb vc vd ve", x="va vl vc vk vj vi", silent="", y="va vb vc vd ve"
    )
    groups = build_task(data, "last", 0, Settings(n_nulls=0)).groups
    # One, three, four and three training events.
    assert members(groups["history"]) == {"short": [0, 1, 4], "medium": [], "long": [2]}
    # Training: a / a b c / a l c k / a b c. Means of users an item: 4, 3, 2.25, 3. Equal values
    # stay together, so that the middle is empty.
    assert groups["history"].of[3] == groups["taste"].of[3] == -1
    assert members(groups["taste"]) == {"niche": [1, 2, 4], "mixed": [], "popular": [0]}


def test_the_datasets_own_groups() -> None:
    data = dataclasses.replace(
        dataset(u="va vb vc vd ve", w="va vb vc vd ve", x="va"),
        groups={"plan": {"w": "gold", "u": "free", "nobody": "free"}},
    )
    plan = build_task(data, "last", 0).groups["plan"]
    assert plan.names == ("gold", "free")
    assert plan.of.tolist() == [1, 0, -1]


def test_movielens(data_root: Path) -> None:
    (task,) = real_tasks(data_root, "ml-100k", "last")
    groups = task.groups
    sizes = {name: [len(own) for own in members(g).values()] for name, g in groups.items()}
    assert sizes["age"] == [234, 310, 194, 205]
    assert sizes["gender"] == [273, 670]
    assert min(sizes["history"]) > 300
    assert min(sizes["taste"]) > 300
    assert groups["age"].names == ("under 25", "25-34", "35-44", "45 and over")
