"""One entry to every split: what it refuses, that a seed decides everything, hashed content."""

import dataclasses

import numpy as np
import pytest

from recsys.content import features
from recsys.splits import SPLITS, Settings, build_task, build_tasks
from recsys.task import Task
from tests.recsys.splits.written import around, dataset

DATA = around(36)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_test": 0},
        {"n_validation": -1},
        {"min_history": 0},
        {"n_nulls": -1},
        {"validation_from": 0.0},
        {"validation_from": 0.9},
        {"test_from": 1.0},
        {"n_folds": 1},
        {"test_cold": 0.0},
        {"test_cold": 0.95},
    ],
)
def test_refuses_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(Settings(), **wrong)  # type: ignore[arg-type]


def test_refuses_an_unknown_split_and_lists_the_known() -> None:
    with pytest.raises(ValueError, match="last, time, unseen-users, cold-items, not 'random'"):
        build_task(DATA, "random", 0)


def test_refuses_time_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="written keeps no times"):
        build_task(dataclasses.replace(DATA, timed=False), "time", 0)


def test_refuses_one_task_where_there_are_several() -> None:
    with pytest.raises(ValueError, match="several tasks"):
        build_task(DATA, "unseen-users", 0)


@pytest.mark.parametrize("split", SPLITS)
def test_refuses_data_that_leaves_nobody_to_ask(split: str) -> None:
    with pytest.raises(ValueError):
        build_tasks(dataset(u="va vb", w="vc"), split, 0)


def facts(task: Task) -> list[object]:
    parts = [task.people, task.cold, *task.touched, *(history.rows for history in task.train)]
    for queries in (task.validation, task.test):
        parts += [queries.targets, queries.nulls, queries.people, queries.users, *queries.excluded]
    return [part.tolist() for part in parts]


@pytest.mark.parametrize("split", SPLITS)
def test_equal_seeds_give_equal_tasks(split: str) -> None:
    first, again, other = (
        [facts(task) for task in build_tasks(DATA, split, seed, Settings(n_folds=2, test_cold=0.3))]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_content_is_hashed_to_the_buckets_asked_for() -> None:
    task = build_task(DATA, "last", 0, Settings(n_buckets=16))
    assert (task.name, task.split, task.ordered) == ("written", "last", True)
    expected = [features(item.content, 16) for item in DATA.items]
    assert all(map(np.array_equal, task.content, expected))
