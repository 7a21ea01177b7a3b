"""Folds over users: who is asked is in no training, and is asked what all were asked."""

from pathlib import Path

import numpy as np
import pytest

from recsys.datasets.interactions import Dataset
from recsys.splits import Settings, build_task, build_tasks
from recsys.splits.unseen_users import unseen_users
from recsys.task import UNSEEN
from tests.recsys.splits.real import real_tasks
from tests.recsys.splits.shape import assert_nothing_leaks, assert_same
from tests.recsys.splits.written import dataset


def users(n: int, n_silent: int = 0) -> Dataset:
    asked = {f"u{i}": "va vb vc vd ve" for i in range(n)}
    return dataset(**asked, **{f"s{i}": "va vb" for i in range(n_silent)})


def test_refuses_more_folds_than_users_who_are_asked() -> None:
    with pytest.raises(ValueError, match="4 users who are asked do not make 5 folds"):
        build_tasks(users(4, n_silent=9), "unseen-users", 0)


def test_refuses_a_task_that_already_asks_unseen_users() -> None:
    (task, *_) = build_tasks(users(9), "unseen-users", 0)
    with pytest.raises(ValueError, match="already asks"):
        unseen_users(task, 2, np.random.default_rng(0))


def test_each_user_is_asked_once_by_a_model_that_never_met_them() -> None:
    whole = build_task(users(11), "last", 0)
    tasks = build_tasks(users(11), "unseen-users", 0, Settings(n_folds=3))
    assert sorted(len(task.test) for task in tasks) == [3, 4, 4]
    people = [person for task in tasks for person in task.test.people.tolist()]
    assert sorted(people) == list(range(11))
    for task in tasks:
        assert set(task.test.users.tolist()) == {UNSEEN}
        assert not set(task.test.people.tolist()) & set(task.people.tolist())
        assert task.validation.people.tolist() == task.people.tolist()
        assert_same(task.test, whole.test.take(task.test.people))
        assert_nothing_leaks(task)


def test_the_seed_chooses_the_folds() -> None:
    first, again, other = (
        [task.test.people.tolist() for task in build_tasks(users(20), "unseen-users", seed)]
        for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("name", ["ml-100k", "beibei"])
def test_real_data(data_root: Path, name: str) -> None:
    (whole,), tasks = (real_tasks(data_root, name, split) for split in ("last", "unseen-users"))
    assert sum(len(task.test) for task in tasks) == len(whole.test)
    for task in tasks:
        assert len(task.train) + len(task.test) == len(whole.train)
        assert_same(task.test, whole.test.take(task.test.people))
        assert np.array_equal(task.test.nulls, whole.test.nulls[task.test.people])
